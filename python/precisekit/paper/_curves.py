"""Curves of test errors over the number of parameters, and the panels they are drawn in."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..datasets import feynman
from ._scaling import WIDTHS, Row
from ._values import Value

_SIMPLEX_COLOUR, TAYLOR_COLOUR, _SPARSE_COLOUR = "#222222", "#7a4fa3", "#8d949b"
RELU_COLOURS = {2: "#f2a65e", 3: "#d9542b", 4: "#8c1c13"}
TANH_COLOURS = {2: "#8cc0e0", 3: "#3b82bd", 4: "#12406b"}

_FORMULAS = {
    "Z.001": "x²",
    "II.8.31": "εE²/2",
    "I.30.5": "arcsin(λ/(nd))",
    "I.8.14": "√((x₂-x₁)² + (y₂-y₁)²)",
    "I.44.4": "nkT ln(V₂/V₁)",
    "II.6.15a": "3p z√(x²+y²)/(4πεr⁵)",
    "I.11.19": "x₁y₁ + x₂y₂ + x₃y₃",
}
# Of simplex interpolation: what time and memory let the paper have, where less than its 262,144.
_MOST_SAMPLES = {"II.6.15a": 16_384, "I.11.19": 16_384}


@dataclass(frozen=True)
class Curve:
    """Errors by number of parameters: for each N, those of all seeds."""

    N: np.ndarray
    tests: list[np.ndarray]

    @classmethod
    def of(cls, rows: list[Row], equation: str, method: str, depth: int = 0) -> Curve:
        by_size: dict[int, list[float]] = {}
        for row in rows:
            if (row.equation, row.method, row.depth) == (equation, method, depth):
                by_size.setdefault(row.parameters, []).append(row.test)
        N = np.array(sorted(by_size))
        return cls(N, [np.array(by_size[n]) for n in N])

    @property
    def median(self) -> np.ndarray:
        return np.array([np.median(tests) for tests in self.tests])

    @property
    def mean(self) -> np.ndarray:
        return np.array([np.mean(tests) for tests in self.tests])

    @property
    def std(self) -> np.ndarray:
        return np.array([np.std(tests) for tests in self.tests])

    def up_to(self, N: int) -> Curve:
        k = int(np.searchsorted(self.N, N, side="right"))
        return Curve(self.N[:k], self.tests[:k])

    def draw(self, axes, label: str, **style) -> None:
        """The median as a line, each seed as a dot."""
        if not self.N.size:
            return
        (line,) = axes.plot(self.N, self.median, label=label, **{"lw": 1.4, **style})
        for N, tests in zip(self.N, self.tests):
            axes.plot([N] * len(tests), tests, ".", ms=4, color=line.get_color(), alpha=0.5)

    def draw_band(self, axes, label: str, color: str) -> None:
        """The mean as a line with dots, and a standard deviation around it."""
        if not self.N.size:
            return
        axes.plot(self.N, self.mean, ".-", label=label, color=color, lw=1.4, ms=5)
        low = np.maximum(self.mean - self.std, 0.1 * self.mean)
        axes.fill_between(self.N, low, self.mean + self.std, color=color, alpha=0.15, lw=0)


def median(rows: list[Row], **which) -> float:
    """The median test error of the rows with these attributes; NaN where there are none."""
    tests = [row.test for row in rows if all(getattr(row, k) == v for k, v in which.items())]
    return float(np.median(tests)) if tests else math.nan


def best(rows: list[Row], equation: str, method: str, depth: int, widest: int) -> float:
    """The lowest median of a curve; NaN where the widest network is missing."""
    which = dict(equation=equation, method=method, depth=depth)
    if math.isnan(median(rows, **which, width=widest)):
        return math.nan
    return float(Curve.of(rows, **which).median.min())


def compared(
    rows: list[Row],
    equation: str,
    method: str,
    errors: dict[int, float],
    *,
    best_of=(2,),
    second_widest=(),
    title: str | None = None,
) -> list[Value]:
    """Errors read off a graph, by depth, beside our medians: those of the widest networks, or of
    the second widest, or, of the depths in `best_of`, the lowest up to there."""
    title = title or f"{equation}, {method}"
    values = []
    for depth, error in errors.items():
        width = WIDTHS[depth][-2 if depth in second_widest else -1]
        if depth in best_of:
            ours, size = best(rows, equation, method, depth, width), "best"
        else:
            ours = median(rows, equation=equation, method=method, depth=depth, width=width)
            size = f"width {width:,}"
        values.append(Value(f"{title}, depth {depth}, {size}", error, "graph", ours))
    return values


def begin(axes, rows: list[Row], equation: str) -> None:
    """Title and axes of a panel, and simplex interpolation."""
    axes.set_title(f"{_inputs(equation)}-D, {equation}: {_FORMULAS[equation]}", fontsize=9.5)
    axes.set(xscale="log", yscale="log", xlabel="parameters N", ylabel="RMSE")
    every, of_paper = _interpolation(rows, equation)
    if len(of_paper.N) < len(every.N):
        every.draw_band(axes, "simplex, without a mesh", _SPARSE_COLOUR)
    of_paper.draw_band(axes, "simplex interpolation", _SIMPLEX_COLOUR)


def finish(axes, rows: list[Row], equation: str, first: Curve | None = None) -> None:
    """The guides, which span what has been drawn: N^(-2/d) through the end of simplex
    interpolation, N^(-2/2) from the beginning of a network's curve."""
    _, simplex = _interpolation(rows, equation)
    d = _inputs(equation)
    if simplex.N.size:
        _guide(axes, simplex.N[-1], simplex.mean[-1], 2 / d, r"$N^{-2/d}$", _SIMPLEX_COLOUR)
    if first is not None and first.N.size and d > 2:
        height = first.median[0] * (2 if equation == "II.6.15a" else 1)  # as in the paper
        _guide(axes, first.N[0], height, 1.0, r"$N^{-2/2}$", "#3a8f4d")


def _interpolation(rows: list[Row], equation: str) -> tuple[Curve, Curve]:
    """Simplex interpolation, and as much of it as the paper has."""
    every = Curve.of(rows, equation, "simplex")
    most = _MOST_SAMPLES.get(equation, 262_144)
    return every, every.up_to(most * (_inputs(equation) + 1))


def _inputs(equation: str) -> int:
    return feynman(equation).n_variables


def _guide(axes, N: float, test: float, exponent: float, label: str, color: str) -> None:
    ends = np.array(axes.get_xlim())
    axes.plot(ends, test * (ends / N) ** -exponent, "--", color=color, lw=1, label=label, zorder=1)
    axes.set_xlim(ends)


def legend(figure, panels) -> None:
    """One legend below all panels."""
    handles = {}
    for axes in np.ravel(panels):
        for handle, label in zip(*axes.get_legend_handles_labels()):
            handles.setdefault(label, handle)
    figure.legend(
        handles.values(), handles, loc="outside lower center", ncols=4, frameon=False, fontsize=8.5
    )
