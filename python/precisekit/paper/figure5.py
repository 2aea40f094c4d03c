"""Figure 5: how tanh networks scale in three dimensions and more."""

from __future__ import annotations

from dataclasses import replace

from ..plot import new_figure
from . import _curves
from ._curves import Curve
from ._scaling import FULL, QUICK, WIDTHS, Row, Run, SettingsWithSizes, carry_out, sweep
from ._values import Value

__all__ = ["NOTES", "SCALES", "Row", "carry_out", "draw", "published", "runs"]

NOTES = """\
As Figure 2, with tanh networks, whose slices have 30,000 samples; the relu networks of Figure 2 are
dotted. Green dashes: N^(-2/2).

Beyond the paper: networks of depth 3 trained by Taylor-LM, on six samples a parameter (at
least 2,000).
"""

SCALES = {"quick": replace(QUICK, steps=2000, taylor_iterations=100), "full": FULL}
EQUATIONS = ("I.30.5", "I.8.14", "I.44.4", "II.6.15a")
_BATCHES = {"tanh": 30_000, "relu": 10_000}


def runs(settings: SettingsWithSizes) -> list[Run]:
    return sweep(EQUATIONS, _BATCHES, settings)


def draw(rows: list[Row], settings: SettingsWithSizes):
    figure, panels = new_figure((9.5, 8.0), columns=2, rows=2)
    for axes, equation in zip(panels.flat, EQUATIONS):
        _curves.begin(axes, rows, equation)
        for method, colours, style in (
            ("relu", _curves.RELU_COLOURS, {"ls": ":", "lw": 1.0}),
            ("tanh", _curves.TANH_COLOURS, {}),
        ):
            for depth, colour in colours.items():
                curve = Curve.of(rows, equation, method, depth)
                curve.draw(axes, f"{method} network, depth {depth}", color=colour, **style)
        taylor = Curve.of(rows, equation, "Taylor-LM", 3)
        taylor.draw(axes, "tanh, depth 3, Taylor-LM", color=_curves.TAYLOR_COLOUR)
        _curves.finish(axes, rows, equation, Curve.of(rows, equation, "tanh", 3))
    _curves.legend(figure, panels)
    return figure


# Medians read off the published graphs: of depth 2 the best, of the others at the widest network.
_GRAPHS = {
    "I.30.5": {2: 2.8e-3, 3: 2.0e-4, 4: 3.3e-4},
    "I.8.14": {2: 1.5e-2, 3: 3.6e-3, 4: 3.0e-3},
    "I.44.4": {2: 6e-2, 3: 2e-2, 4: 2e-2},
    "II.6.15a": {2: 1.8e-2, 3: 5e-4, 4: 4.5e-4},
}
# In six dimensions, at N = 6.5e4, the second widest.
_SECOND_WIDEST = ("II.6.15a",)


def published(rows: list[Row], settings: SettingsWithSizes) -> list[Value]:
    values = []
    for equation, errors in _GRAPHS.items():
        second = tuple(WIDTHS) if equation in _SECOND_WIDEST else ()
        values += _curves.compared(rows, equation, "tanh", errors, second_widest=second)
    return values
