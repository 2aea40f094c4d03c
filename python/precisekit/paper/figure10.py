"""Figure 10: the guide to precision, from measurements, as the rule behind `precisekit.fit`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..datasets import sample_box
from ..plot import new_figure
from ._training import fitted, rmse
from ._values import Value

NOTES = """\
The paper's guide is a diagram without measurements: splines in one and two dimensions, networks
from three on. This one is measured. Each kind of model that `precisekit.fit` knows is fitted
alone, on a grid and on as many scattered samples, to a smooth function, 1 / (1 + 4 |x|^2), to one
with a curved crease, and to the smooth one with noise of a hundredth, in one to six dimensions.
Numbers are digits, -log10 of the relative RMSE on fresh points, of the function without noise; the
colour is that of the best.

The rule: in the order of the boxes, until one reaches the target, and then the smallest error on
held-out samples. A ring marks its choice where that is not the best on fresh points.
"""


@dataclass(frozen=True)
class Settings:
    """Seconds for each network, and the most dimensions."""

    seconds: float
    dimensions: int


SCALES = {
    "quick": Settings(seconds=3.0, dimensions=6),
    "full": Settings(seconds=60.0, dimensions=6),
}

_LINES = (200, 30, 12, 7, 5, 5)  # of the grids, by dimension
_NOISE = 1e-2
_TEST_POINTS = 2000
_WITHIN = 10.0  # times the best: a good choice


def smooth(X):
    return 1 / (1 + 4 * np.sum(X**2, axis=1))


def crease(X):
    return np.abs(X[:, 0] - 0.3 * np.sum(X[:, 1:] ** 2, axis=1) - 0.1)


_DATA: dict[str, tuple[Callable, float]] = {
    "smooth": (smooth, 0.0),
    "crease": (crease, 0.0),
    "noisy": (smooth, _NOISE),
}
_LAYOUTS = ("grid", "scattered")
_KINDS = {"grid": ("spline", "network"), "scattered": ("spline", "simplex", "network")}


@dataclass(frozen=True)
class Run:
    layout: str
    data: str
    d: int
    kind: str

    @property
    def case(self) -> str:
        return f"{self.layout} {self.data} {self.d}-D"

    @property
    def name(self) -> str:
        return f"{self.case} {self.kind}"


@dataclass
class Row:
    run: str
    case: str
    kind: str
    model: str
    held_out: float
    test: float
    seconds: float


def runs(settings: Settings) -> list[Run]:
    return [
        Run(layout, data, d, kind)
        for layout in _LAYOUTS
        for data in _DATA
        for d in range(1, settings.dimensions + 1)
        for kind in _KINDS[layout]
        if kind != "spline" or layout == "grid" or d <= 2
    ]


def carry_out(run: Run, settings: Settings) -> list[Row]:
    from ..selection import fit

    f, noise = _DATA[run.data]
    X = _samples(run)
    y = f(X)
    y += noise * rmse(y) * np.random.default_rng(1).standard_normal(len(y))
    # a target that is out of reach: all are to do what they can
    model = fitted(fit(X, y, target=1e-16, time_limit=settings.seconds, kinds=run.kind))
    X_test = sample_box([-1] * run.d, [1] * run.d, _TEST_POINTS, seed=1000)
    test = rmse(model.predict(X_test) - f(X_test)) / rmse(f(X_test))
    report = model.report_
    words = report.choice.candidates[report.choice.chosen].model
    return [Row(run.name, run.case, run.kind, words, report.held_out_rmse, test, report.seconds)]


def _samples(run: Run) -> np.ndarray:
    lines = _LINES[run.d - 1]
    if run.layout == "scattered":
        return sample_box([-1] * run.d, [1] * run.d, lines**run.d, seed=0)
    axes = [np.linspace(-1, 1, lines)] * run.d
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, run.d)


# -- the picture -----------------------------------------------------------------------------------

_COLOURS = {"spline": "#9ecae1", "simplex": "#fdd0a2", "network": "#a1d99b"}
_TITLES = {"grid": "samples on a full grid", "scattered": "as many scattered samples"}
_BOXES = (
    ("full grid?", "splines through it,\ndegree 9, 7, 5, 3, 1", "spline"),
    ("one or two inputs?", "nearest splines,\nas many knots as serve", "spline"),
    ("scattered?", "linear interpolation\nin simplices", "simplex"),
    ("time left?", "networks: input maps,\nsymmetries, Taylor-LM", "network"),
)


def draw(rows: list[Row], settings: Settings):
    from matplotlib.gridspec import GridSpec

    figure, unused = new_figure((15.0, 7.6))
    unused.remove()
    parts = GridSpec(2, 2, figure=figure, height_ratios=(1, 3.2))
    _draw_rule(figure.add_subplot(parts[0, :]))
    for column, layout in enumerate(_LAYOUTS):
        _draw_map(figure.add_subplot(parts[1, column]), layout, rows, settings)
    return figure


def _draw_rule(axes) -> None:
    axes.set(xlim=(0, len(_BOXES)), ylim=(0, 1))
    axes.axis("off")
    for i, (question, what, kind) in enumerate(_BOXES):
        axes.text(i + 0.42, 0.9, question, ha="center", fontsize=11, style="italic")
        axes.text(
            i + 0.42,
            0.52,
            what,
            ha="center",
            va="center",
            fontsize=11,
            bbox=dict(boxstyle="round,pad=0.6", facecolor=_COLOURS[kind], edgecolor="none"),
        )
        if i:
            axes.annotate(
                "",
                (i + 0.06, 0.52),
                (i - 0.2, 0.52),
                arrowprops=dict(arrowstyle="->", color="#55595e"),
            )
    axes.text(
        len(_BOXES) / 2,
        0.08,
        "each until the target is reached; then: the smallest error on held-out samples, and where "
        "that is noise, the smallest model",
        ha="center",
        fontsize=10.5,
    )


def _draw_map(axes, layout: str, rows: list[Row], settings: Settings) -> None:
    from matplotlib.patches import Rectangle

    for line, data in enumerate(_DATA):
        for d in range(1, settings.dimensions + 1):
            found = [row for row in rows if row.case == Run(layout, data, d, "").case]
            if not found:
                continue
            best = min(found, key=lambda row: row.test)
            chosen = min(found, key=lambda row: row.held_out)
            axes.add_patch(
                Rectangle((d - 0.5, line - 0.5), 1, 1, facecolor=_COLOURS[best.kind], ec="white")
            )
            for i, row in enumerate(found):
                mark = " ○" if row is chosen and row is not best else ""
                axes.text(
                    d,
                    line + 0.27 * (i - (len(found) - 1) / 2),
                    f"{row.kind} {-np.log10(row.test):.1f}{mark}",
                    ha="center",
                    va="center",
                    fontsize=8,
                    weight="bold" if row is best else "normal",
                )
    axes.set(xlim=(0.5, settings.dimensions + 0.5), ylim=(len(_DATA) - 0.5, -0.5))
    axes.set_xticks(range(1, settings.dimensions + 1))
    axes.set_yticks(range(len(_DATA)), ["smooth", "with a crease", f"noise {_NOISE:g}"])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="inputs", title=f"{_TITLES[layout]}: digits on fresh points")


def published(rows: list[Row], settings: Settings) -> list[Value]:
    missed = np.nan  # before all kinds have been tried
    if {run.name for run in runs(settings)} <= {row.run for row in rows}:
        cases = {row.case: [other for other in rows if other.case == row.case] for row in rows}
        ratios = [
            min(found, key=lambda row: row.held_out).test / min(row.test for row in found)
            for found in cases.values()
        ]
        missed = float(np.mean(np.array(ratios) > _WITHIN))
    return [Value(f"share of choices over {_WITHIN:g} times the best", 0.1, "goal", missed)]
