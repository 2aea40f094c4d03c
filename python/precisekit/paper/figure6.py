"""Figure 6: a function that small networks can express exactly, and that Adam does not find."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..datasets import feynman
from ..network import MLP
from ..plot import new_figure
from . import _curves, _scaling
from ._curves import Curve
from ._scaling import FULL, QUICK, Row, SettingsWithSizes
from ._training import Data, rmse
from ._values import Value

NOTES = """\
(a) As Figure 5, for the dot product of two vectors. (b) Four units multiply two numbers, the better
the smaller λ is (Lin, Tegmark and Rolnick, 2017), so that depth 2 and width 12 are enough for the
dot product: but for rounding, of which 1/λ² makes more and more.

Beyond the paper: that network of width 12 with its best λ (diamond), and networks of depth 3 and
width 12 to 40 trained by Taylor-LM, on six samples a parameter (at least 2,000). What limited the
fit was the optimisation: the same networks on the same kind of samples come within a few times of
what rounding leaves. Goals are relative to the root mean square of the target, about 28.
"""

SCALES = {
    "quick": replace(QUICK, taylor_widths=(12, 16, 20), taylor_iterations=300),
    "full": replace(FULL, samples=FULL.samples[:-2], taylor_widths=(12, 16, 20, 28, 40)),
}
EQUATION = "I.11.19"
_BATCHES = {"tanh": 30_000}
_BUILT = "by construction"


def runs(settings: SettingsWithSizes) -> list[_scaling.Run]:
    built = _scaling.Run(EQUATION, _BUILT, seed=0, depth=2, width=12)
    return [built, *_scaling.sweep([EQUATION], _BATCHES, settings)]


def carry_out(run: _scaling.Run, settings: SettingsWithSizes) -> list[Row]:
    if run.method == _BUILT:
        return [_built(run, settings)]
    return _scaling.carry_out(run, settings)


def _built(run: _scaling.Run, settings: SettingsWithSizes) -> Row:
    """The network that multiplies by four units a product, at the best of many λ."""
    data = _target(settings.test_points)
    net = MLP([6, run.width, 1])
    tests = [
        rmse(net.forward(_multiplying(scale), data.X_test) - data.y_test)
        for scale in np.geomspace(1e-6, 1.0, 121)
    ]
    return Row(
        run=run.name,
        equation=EQUATION,
        method=_BUILT,
        depth=run.depth,
        width=run.width,
        parameters=net.n_params,
        samples=0,
        seed=run.seed,
        test=min(tests),
        train=0.0,
        dropped=0,
        seconds=0.0,
    )


def _multiplying(scale: float) -> np.ndarray:
    """Parameters of 6-12-1 tanh: x y = (s(x + y) + s(-x - y) - s(x - y) - s(y - x)) / (4 s''(b))
    but for O(scale²), with s(u) = tanh(b + scale u) / scale²."""
    bias = np.arctanh(np.sqrt(1 / 3))  # where |tanh''| is largest
    curvature = -2 * np.tanh(bias) * (1 - np.tanh(bias) ** 2)
    W, v = np.zeros((12, 6)), np.zeros(12)
    for k in range(3):
        signs = [(1, 1), (-1, -1), (1, -1), (-1, 1)]
        for unit, (of_x, of_y) in enumerate(signs, 4 * k):
            W[unit, k], W[unit, 3 + k] = scale * of_x, scale * of_y
            v[unit] = of_x * of_y / (4 * curvature * scale**2)
    return np.concatenate([W.ravel(), np.full(12, bias), v, [0.0]])


def _target(test_points: int) -> Data:
    q = feynman(EQUATION)
    return Data.drawn(q, q.lo, q.hi, 1, 0, test_points)


def draw(rows: list[Row], settings: SettingsWithSizes):
    figure, (axes, diagram) = new_figure((10.5, 5.2), columns=2)
    _curves.begin(axes, rows, EQUATION)
    for depth, colour in _curves.TANH_COLOURS.items():
        curve = Curve.of(rows, EQUATION, "tanh", depth)
        curve.draw(axes, f"tanh network, depth {depth}", color=colour)
    taylor = Curve.of(rows, EQUATION, "Taylor-LM", 3)
    taylor.draw(axes, "tanh, depth 3, Taylor-LM", color=_curves.TAYLOR_COLOUR)
    built = Curve.of(rows, EQUATION, _BUILT, 2)
    axes.plot(built.N, built.median, "D", ms=6, color="#3a8f4d", label="depth 2 by construction")
    _curves.finish(axes, rows, EQUATION)
    _draw_multiplier(diagram)
    _curves.legend(figure, [axes])
    return figure


def _draw_multiplier(axes) -> None:
    """Two inputs, four hidden units, and the weights between them."""
    axes.set(xlim=(-0.4, 2.5), ylim=(-0.75, 3.6))
    axes.set_axis_off()
    axes.set_title("four units multiply two numbers, as λ → 0", fontsize=9.5)
    inputs = {"x": (0.0, 2.25), "y": (0.0, 0.75)}
    hidden = [(1.0, 3.0 - k) for k in range(4)]
    output = (2.0, 1.5)
    signs = [(1, 1), (-1, -1), (1, -1), (-1, 1)]
    colours = {1: "#2b5c8a", -1: "#c0392b"}
    for place, pair in zip(hidden, signs):
        for start, sign in zip(inputs.values(), pair):
            axes.plot(*zip(start, place), color=colours[sign], lw=1.6, zorder=1)
        axes.plot(*zip(place, output), color=colours[pair[0] * pair[1]], lw=1.6, zorder=1)
    circle = dict(ha="center", va="center", fontsize=12)
    for place, text in [
        *((place, name) for name, place in inputs.items()),
        *((place, "σ") for place in hidden),
        (output, "xy"),
    ]:
        axes.scatter(*place, s=900, color="white", edgecolors="#333333", lw=1.3, zorder=2)
        axes.text(*place, text, zorder=3, **circle)
    for x, text in ((0.5, "± λ"), (1.55, "± μ")):
        axes.text(x, -0.35, text, ha="center", fontsize=12)
    axes.text(
        1.05,
        -0.7,
        "μ = 1 / (4 λ² σ''(b)); blue: +, red: −; b: bias of all units",
        ha="center",
        fontsize=9,
    )


_GRAPHS = {2: 1.8e-2, 3: 9e-3, 4: 1.1e-2}
_SIMPLEX_GRAPH = (16_384, 7e-2)
_GOAL = 1e-11


def published(rows: list[Row], settings: SettingsWithSizes) -> list[Value]:
    samples, error = _SIMPLEX_GRAPH
    ours = _curves.median(rows, method="simplex", samples=samples)
    values = [Value(f"simplex, {samples:,} samples", error, "graph", ours)]
    values += _curves.compared(rows, EQUATION, "tanh", _GRAPHS, title="tanh")
    size = rmse(_target(settings.test_points).y_test)
    for width in SCALES["full"].taylor_widths:
        ours = _curves.median(rows, method="Taylor-LM", width=width) / size
        values.append(Value(f"Taylor-LM, depth 3, width {width}, relative", _GOAL, "goal", ours))
    return values
