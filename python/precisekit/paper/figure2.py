"""Figure 2: how simplex interpolation and relu networks scale with the number of parameters."""

from __future__ import annotations

from dataclasses import replace

from ..plot import new_figure
from . import _curves
from ._curves import Curve
from ._scaling import FULL, QUICK, WIDTHS, Row, Run, SettingsWithSizes, carry_out, sweep
from ._values import Value

__all__ = ["NOTES", "SCALES", "Row", "carry_out", "draw", "published", "runs"]

NOTES = """\
Absolute RMSE on uniform points of the box shrunk by 0.8, the paper's own samples and first weights.
Interpolation with |D| samples counts as N = |D|(d + 1) parameters, and a network of N parameters is
trained on N/(d + 1) samples, by Adam on slices of 10,000; its error is that at its lowest training
loss, the line is the median over seeds. Test points outside of the hull of the samples do not count
(column `dropped`). Black dashes: N^(-2/d); green dashes: N^(-2/2), what a network could do that has
found modules of two inputs.

Beyond the paper: tanh networks of depth 3 trained by Taylor-LM, on six samples a parameter (at
least 2,000); and simplex interpolation in six dimensions on more samples than a mesh can hold.
"""

SCALES = {"quick": replace(QUICK, samples=FULL.samples), "full": FULL}

EQUATIONS = ("Z.001", "II.8.31", "I.30.5", "I.8.14", "I.44.4", "II.6.15a")
_BATCHES = {"relu": 10_000}


def runs(settings: SettingsWithSizes) -> list[Run]:
    return sweep(EQUATIONS, _BATCHES, settings)


def draw(rows: list[Row], settings: SettingsWithSizes):
    figure, panels = new_figure((10.5, 7.0), columns=3, rows=2)
    for axes, equation in zip(panels.flat, EQUATIONS):
        _curves.begin(axes, rows, equation)
        relu = {depth: Curve.of(rows, equation, "relu", depth) for depth in WIDTHS}
        for depth, curve in relu.items():
            curve.draw(axes, f"relu network, depth {depth}", color=_curves.RELU_COLOURS[depth])
        taylor = Curve.of(rows, equation, "Taylor-LM", 3)
        taylor.draw(axes, "tanh, depth 3, Taylor-LM", color=_curves.TAYLOR_COLOUR)
        _curves.finish(axes, rows, equation, relu[3])
    _curves.legend(figure, panels)
    return figure


# Read off the published graphs: medians of the widest networks of each depth, or, of depth 2, the
# best; in five dimensions the widest of depth 2 was not run.
_GRAPHS = {
    "Z.001": {2: 4e-4, 3: 8e-5, 4: 8e-5},
    "II.8.31": {2: 1.4e-3, 3: 6e-3, 4: 8e-3},
    "I.30.5": {2: 1.0e-3, 3: 3.2e-4, 4: 2.0e-4},
    "I.8.14": {2: 5e-3, 3: 2.0e-3, 4: 2.3e-3},
    "I.44.4": {2: 3.5e-2, 3: 5.3e-2, 4: 6e-2},
    "II.6.15a": {2: 2.4e-3, 3: 2.6e-3, 4: 3.1e-3},
}
_BEST = ("II.8.31", "I.8.14")
_SIMPLEX_GRAPHS = {
    "I.8.14": (262_144, 1.0e-2),
    "I.44.4": (262_144, 1.0e-1),
    "II.6.15a": (16_384, 4.5e-2),
}
# SciPy's interpolation, of the samples of seed 0.
_SCIPY = {
    "Z.001": {64: 1.226e-3, 4096: 4.774e-7, 262_144: 1.102e-10},
    "II.8.31": {64: 2.139e-1, 4096: 3.583e-3, 262_144: 5.620e-5},
    "I.30.5": {64: 8.737e-3, 4096: 4.444e-4, 262_144: 2.881e-5},
    "I.8.14": {64: 4.427e-1, 4096: 7.261e-2, 65_536: 1.990e-2},
    "I.44.4": {64: 2.524, 4096: 5.484e-1},
}


def published(rows: list[Row], settings: SettingsWithSizes) -> list[Value]:
    values = []
    for equation in EQUATIONS:
        for samples, error in _SCIPY.get(equation, {}).items():
            ours = _curves.median(
                rows, equation=equation, method="simplex", samples=samples, seed=0
            )
            name = f"{equation}, simplex, {samples:,} samples, seed 0"
            values.append(Value(name, error, "SciPy", ours))
        if equation in _SIMPLEX_GRAPHS:
            samples, error = _SIMPLEX_GRAPHS[equation]
            ours = _curves.median(rows, equation=equation, method="simplex", samples=samples)
            values.append(Value(f"{equation}, simplex, {samples:,} samples", error, "graph", ours))
        values += _curves.compared(
            rows,
            equation,
            "relu",
            _GRAPHS[equation],
            best_of=(2,) if equation in _BEST else (),
            second_widest=(2,) if equation == "I.44.4" else (),
        )
    return values
