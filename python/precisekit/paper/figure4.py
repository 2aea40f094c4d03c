"""Figure 4: interpolation by piecewise polynomials in one, two and three dimensions."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..datasets import feynman
from ..interpolate import (
    ChebyshevInterpolator,
    SimplexInterpolator,
    SplineInterpolator,
    TricubicInterpolator,
)
from ..interpolate._chebyshev import _chebyshev_points, _coefficients
from ..plot import new_figure
from ._results import PanelRun as Run
from ._training import N_TEST, rmse
from ._values import Value

NOTES = """\
Left: e^x on [-1, 1]. Middle: e^(xy) on [-1, 1]^2. Right: equation I.30.5, arcsin(lambda / (n d)).
All on regular grids of D points, tested inside, where the ends do not count. Relative RMSE, at the
right absolute, as the paper plots under the name of relative. Dotted: D^-((p+1)/d), the rate of
splines of degree p in d dimensions; the paper's labels in one dimension, D^-2/2 and D^-3/2, halve
the exponent by mistake.

Beyond the paper, in dashes: splines of degree 9, Chebyshev interpolation (in its own points, as
many) and radial basis functions (SciPy's RBFInterpolator, quintic).

In three dimensions the paper's linear curve is plotted over the number of points that was asked
for, and so is ours: 64 stands for 27. A regular grid has no unique Delaunay mesh; errors depend on
which one is made. The paper's four seeds differ in their test points only; one is enough.
"""


@dataclass(frozen=True)
class Settings:
    """Largest grids: the exponents of 1.5 in one and in two dimensions, and points in three; most
    points of radial basis functions, whose time grows with the third power."""

    line: int
    plane: int
    cube: int
    radial: int


SCALES = {
    "quick": Settings(line=26, plane=27, cube=16_384, radial=1000),
    "full": Settings(line=36, plane=35, cube=262_144, radial=5000),
}

_LINE_ORDERS, _PLANE_ORDERS = (1, 2, 3, 5, 7, 9), (1, 3, 5, 9)
_CUBE = feynman("I.30.5")
_CUBE_SIZES = (64, 256, 1024, 4096, 16_384, 65_536, 262_144)


@dataclass(frozen=True)
class _Panel:
    """``f(X)`` on the box from lo to hi, and its test points; errors relative or not."""

    f: Callable
    lo: tuple
    hi: tuple
    X_test: Callable[[], np.ndarray]
    relative: bool

    def axes(self, size: int) -> list[np.ndarray]:
        return [np.linspace(lo, hi, size) for lo, hi in zip(self.lo, self.hi)]

    def on(self, axes) -> np.ndarray:
        """Values on a grid."""
        X = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        return self.f(X.reshape(-1, len(axes))).reshape(X.shape[:-1])

    def error(self, interpolant) -> float:
        X = self.X_test()
        truth = self.f(X)
        error = rmse(interpolant(X).reshape(-1) - truth)
        return error / rmse(truth) if self.relative else error


def _line_test():
    return np.linspace(-0.9, 0.9, 2000)[:, None]


def _plane_test():
    axis = np.linspace(-0.8, 0.8, 121)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def _cube_test():
    lo, hi = np.array(_CUBE.lo), np.array(_CUBE.hi)
    margin = 0.1 * (hi - lo)
    return np.random.RandomState(0).uniform(lo + margin, hi - margin, (N_TEST, 3))


_PANELS = {
    "1-D": _Panel(lambda X: np.exp(X[:, 0]), (-1.0,), (1.0,), _line_test, relative=True),
    "2-D": _Panel(
        lambda X: np.exp(X[:, 0] * X[:, 1]), (-1.0, -1.0), (1.0, 1.0), _plane_test, relative=True
    ),
    "3-D": _Panel(_CUBE, tuple(_CUBE.lo), tuple(_CUBE.hi), _cube_test, relative=False),
}


@dataclass
class Row:
    """`points` are those that the paper's axis shows, `grid` those that there are."""

    run: str
    points: int
    grid: int
    test: float
    seconds: float


def runs(settings: Settings) -> list[Run]:
    line = [f"degree {k}" for k in _LINE_ORDERS]
    plane = [f"degree {k}" for k in _PLANE_ORDERS]
    beyond = ["Chebyshev", "radial"]
    methods = {
        "1-D": line + beyond,
        "2-D": plane + beyond,
        "3-D": ["simplex", "tricubic", "degree 9", *beyond],
    }
    return [Run(panel, method) for panel in _PANELS for method in methods[panel]]


def carry_out(run: Run, settings: Settings) -> list[Row]:
    panel, rows = _PANELS[run.panel], []
    for points, size in _sizes(run, settings):
        began = time.perf_counter()
        interpolant = _interpolant(run.method, panel, size)
        if interpolant is None:
            continue
        error = panel.error(interpolant)
        grid = size ** len(panel.lo)
        shown = points if run.method == "simplex" else grid
        rows.append(Row(run.name, shown, grid, error, time.perf_counter() - began))
    return rows


def _sizes(run: Run, settings: Settings):
    """Points as the paper counts them, and along each axis."""
    most = settings.radial if run.method == "radial" else np.inf
    if run.panel == "1-D":
        sizes = [(n, n) for n in (int(1.5**i) for i in range(6, settings.line + 1))]
    elif run.panel == "2-D":
        sizes = [(n, int(n**0.5)) for n in (int(1.5**i) for i in range(9, settings.plane + 1))]
    else:
        sizes = [(n, int(n ** (1 / 3))) for n in _CUBE_SIZES if n <= settings.cube]
    return [(n, size) for n, size in sizes if n <= most]


def _interpolant(method: str, panel: _Panel, size: int):
    """Through size points along each axis; None where they are too few for the method."""
    d = len(panel.lo)
    if method == "Chebyshev":
        nodes = _chebyshev_points(size - 1)
        axes = [lo + (hi - lo) * (nodes + 1) / 2 for lo, hi in zip(panel.lo, panel.hi)]
        return ChebyshevInterpolator(_coefficients(panel.on(axes)), panel.lo, panel.hi)
    axes = panel.axes(size)
    values = panel.on(axes)
    if method.startswith("degree"):
        degree = int(method.split()[1])
        return SplineInterpolator(axes, values, degree) if size > degree else None
    if method == "tricubic":
        return TricubicInterpolator(axes, values) if size >= 4 else None
    X = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, d)
    if method == "simplex":
        return SimplexInterpolator(X, values.reshape(-1))
    from scipy.interpolate import RBFInterpolator

    return RBFInterpolator(X, values.reshape(-1), kernel="quintic")


# -- the picture -----------------------------------------------------------------------------------

_COLOURS = {1: "#440154", 2: "#414487", 3: "#2a788e", 5: "#22a884", 7: "#7ad151", 9: "#bd9a00"}
_ORDER_NAMES = {1: "linear", 2: "quadratic", 3: "cubic", 5: "quintic"}
_OTHERS = {
    "simplex": ("linear (simplices)", _COLOURS[1], "-"),
    "tricubic": ("tricubic", _COLOURS[3], "-"),
    "Chebyshev": ("Chebyshev", "#c23b33", "--"),
    "radial": ("radial basis functions", "#8a8f94", "--"),
}
_EXPONENTS = {"simplex": 1, "tricubic": 3}  # the degree that sets the rate
_GUIDED = 3e-13  # guide lines go through the last point above this


def draw(rows: list[Row], settings: Settings):
    figure, panels = new_figure((13.5, 4.6), columns=3)
    for axes, (name, panel) in zip(panels, _PANELS.items()):
        d = len(panel.lo)
        for run in runs(settings):
            if run.panel == name:
                curve = [row for row in rows if row.run == run.name]
                _plot_curve(axes, run.method, curve, d)
        axes.set(
            xscale="log",
            yscale="log",
            xlabel="D, number of points",
            ylabel="relative RMSE" if panel.relative else "RMSE",
        )
        axes.set_title(
            {
                "1-D": "1-D: $y = e^x$",
                "2-D": "2-D: $z = e^{xy}$",
                "3-D": r"3-D: $y = \arcsin(\lambda/(n d))$",
            }[name]
        )
        lowest = min((row.test for row in rows if row.run.startswith(name)), default=1e-16)
        axes.set_ylim(lowest / 4, 3)
        axes.legend(frameon=False, fontsize=8, loc="upper right")
    return figure


def _plot_curve(axes, method: str, curve: list[Row], d: int) -> None:
    if method in _OTHERS:
        label, colour, style = _OTHERS[method]
        degree = _EXPONENTS.get(method)
    else:
        degree = int(method.split()[1])
        label, colour = _ORDER_NAMES.get(degree, method), _COLOURS[degree]
        style = "--" if degree == 9 else "-"
    points, errors = (
        np.array([getattr(row, name) for row in curve]) for name in ("points", "test")
    )
    axes.plot(points, errors, style, color=colour, label=label, lw=1.4, marker="o", ms=2.5)
    above = np.flatnonzero(errors > _GUIDED)
    if degree is None or not len(above):
        return
    at = above[-1]
    exponent = (degree + 1) / d
    x = np.array([points[0], points[at] * 2])
    y = errors[at] * (x / points[at]) ** -exponent
    axes.plot(x, y, ":", color=colour, lw=1)
    axes.annotate(
        f"$D^{{-{degree + 1}{f'/{d}' if d > 1 else ''}}}$",
        (x[-1], y[-1]),
        color=colour,
        fontsize=8,
        ha="left",
        va="center",
    )


# -- values ----------------------------------------------------------------------------------------

# What SciPy gives with the paper's settings, as the paper prints no numbers: errors at some number
# of points; the first number of points with an error below 2e-15, and the smallest error of all.
_AT_POINTS = {
    ("1-D degree 1", 2_184_164): 7.7e-14,
    ("2-D degree 1", 1_454_436): 1.36e-7,
    ("2-D degree 3", 1_454_436): 3.3e-15,
    ("3-D simplex", 64): 6.01e-2,
    ("3-D simplex", 256): 1.12e-2,
    ("3-D simplex", 1024): 2.36e-3,
    ("3-D simplex", 4096): 1.08e-3,
}
_PRECISE = 2e-15
_FIRST_PRECISE = {
    "1-D degree 2": (37_876, 1.3e-16),
    "1-D degree 3": (2216, 1.5e-16),
    "1-D degree 5": (129, 1.9e-16),
    "1-D degree 7": (57, 2.0e-16),
}
_PLANE_FLOOR = ("2-D degree 5", 16_641, 3.3e-16)


def published(rows: list[Row], settings: Settings) -> list[Value]:
    at = {(row.run, row.points): row.test for row in rows}
    values = [
        Value(f"{name}, {points:,} points", error, "SciPy", at.get((name, points), np.nan))
        for (name, points), error in _AT_POINTS.items()
    ]
    for name, (points, floor) in _FIRST_PRECISE.items():
        precise = [row for row in rows if row.run == name and row.test < _PRECISE]
        ours = precise[0].points if precise else np.nan
        values.append(
            Value(f"{name}, points for {_PRECISE:g}", points, "SciPy", ours, is_error=False)
        )
        # the floor shows beyond the first precise points only
        lowest = min(row.test for row in precise) if len(precise) > 2 else np.nan
        values.append(Value(f"{name}, smallest error", floor, "goal", lowest))
    name, points, floor = _PLANE_FLOOR
    values.append(
        Value(f"{name}, {points:,} points", floor, "goal", at.get((name, points), np.nan))
    )
    return values
