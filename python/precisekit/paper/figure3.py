"""Figure 3: dense networks against networks wired as the equation is."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from ..modular import PAPER_GRAPHS, Graph
from ..plot import new_figure
from . import _curves, _scaling
from ._curves import Curve
from ._scaling import Row
from ._training import LowestTest
from ._values import Value

NOTES = """\
As Figure 2, with slices of 30,000 samples. A module is a network of its own, whose output goes
straight into the next (right). Dense and modular networks of one depth have shades of one colour.
First weights of modules are drawn in the order A, B, C and R, M1, E, M2, DIV, which may or may not
have been the paper's.

The same-width check has a dense and a modular network of width 100 and depth 6, 25,000 steps, and
counts the lowest test RMSE of the training (here of every 50th step).

Beyond the paper: the same graphs with tanh modules, all of one width and of two hidden layers,
trained by Taylor-LM, on six samples a parameter (at least 2,000).
"""


@dataclass(frozen=True)
class Settings(_scaling.Settings):
    dense_widths: tuple[int, ...]
    modular_widths: tuple[int, ...]
    same_width_steps: int  # 0: not at all


SCALES = {
    "quick": Settings(
        samples=(64, 256, 1024, 4096),
        steps=2000,
        seeds=1,
        test_points=2000,
        taylor_widths=(3, 5, 7),
        taylor_iterations=300,
        dense_widths=(6, 10, 16, 25),
        modular_widths=(10, 16, 25, 45),
        same_width_steps=0,
    ),
    "full": Settings(
        samples=(64, 256, 1024, 4096, 16384, 65536, 262144),
        steps=20_000,
        seeds=4,
        test_points=30_000,
        taylor_widths=(3, 4, 5, 7, 10),
        taylor_iterations=2000,
        dense_widths=(6, 8, 10, 12, 14, 16, 18, 20, 25, 30, 45, 60, 90, 120, 180, 360, 720),
        modular_widths=(10, 12, 14, 16, 18, 20, 25, 30, 45, 60, 90, 120, 180, 360, 720, 1500),
        same_width_steps=25_000,
    ),
}
_DEPTHS = {"I.8.14": (4, 6), "II.6.15a": (6, 9)}
_TAYLOR_DEPTHS = {"I.8.14": 6, "II.6.15a": 9}  # modules of two hidden layers
_BATCH = 30_000
_TEST_EVERY = 50
_SAME_WIDTH = {"relu": "same width, relu", "modular relu": "same width, modular relu"}


def runs(settings: Settings) -> list[_scaling.Run]:
    made = []
    for equation, depth in _TAYLOR_DEPTHS.items():
        made += _scaling.simplices(equation, settings)
        made += _scaling.taylor(equation, "modular Taylor-LM", depth, settings)
    if settings.same_width_steps:
        made += [
            _scaling.Run("I.8.14", method, seed=0, depth=6, width=100, batch=_BATCH)
            for method in _SAME_WIDTH.values()
        ]
    sweeps = {"relu": settings.dense_widths, "modular relu": settings.modular_widths}
    for equation, depths in _DEPTHS.items():
        for method, widths in sweeps.items():
            for depth in depths:
                made += _scaling.networks(equation, method, depth, widths, settings, _BATCH)
    return sorted(made, key=lambda run: run.width)  # one that is stopped has the small ones


def carry_out(run: _scaling.Run, settings: Settings) -> list[Row]:
    if run.method in _SAME_WIDTH.values():
        return [_same_width(run, settings)]
    return _scaling.carry_out(run, settings)


def _same_width(run: _scaling.Run, settings: Settings) -> Row:
    began = time.perf_counter()
    method = next(method for method, name in _SAME_WIDTH.items() if name == run.method)
    training = _scaling.Training.of(replace(run, method=method), settings)
    lowest = LowestTest(training.test)
    steps = settings.same_width_steps
    result = training.run(steps, run.batch, record_every=_TEST_EVERY, callback=lowest)
    return Row(
        run=run.name,
        equation=run.equation,
        method=run.method,
        depth=run.depth,
        width=run.width,
        parameters=training.net.n_params,
        samples=len(training.data.y),
        seed=run.seed,
        test=lowest.error,
        train=float(np.sqrt(result.fun)),
        dropped=0,
        seconds=time.perf_counter() - began,
    )


_COLOURS = {  # of the shallower and the deeper networks
    "relu": ("#8cb8de", "#ee9a90"),
    "modular relu": ("#174a7c", "#9c1c1c"),
}


def draw(rows: list[Row], settings: Settings):
    figure, panels = new_figure((11.0, 8.4), columns=2, rows=2)
    for (axes, diagram), (equation, depths) in zip(panels, _DEPTHS.items()):
        _curves.begin(axes, rows, equation)
        for method, colours in _COLOURS.items():
            name, style = ("dense", "-") if method == "relu" else ("modular", "--")
            for k, colour in enumerate(colours):
                curve = Curve.of(rows, equation, method, depths[k])
                both = " and ".join(str(depths[k]) for depths in _DEPTHS.values())
                curve.draw(axes, f"{name} relu, depth {both}", color=colour, ls=style)
            check = Curve.of(rows, equation, _SAME_WIDTH[method], depth=6)
            check.draw(axes, f"{name}, width 100, same-width check", color=colours[1], marker="s")
        taylor = Curve.of(rows, equation, "modular Taylor-LM", _TAYLOR_DEPTHS[equation])
        taylor.draw(axes, "modular tanh, Taylor-LM", color=_curves.TAYLOR_COLOUR)
        _curves.finish(axes, rows, equation, Curve.of(rows, equation, "relu", depths[0]))
        _draw_graph(diagram, PAPER_GRAPHS[equation])
    _curves.legend(figure, panels[:, 0])
    return figure


_SHOWN = {"x1": "x₁", "x2": "x₂", "y1": "y₁", "y2": "y₂", "epsilon": "ε", "p_d": "p"}


def _draw_graph(axes, graph: Graph) -> None:
    """Variables on the left, in the order in which the output meets them, and each module to the
    right of what it uses."""
    inputs = {node.name: node.inputs for node in graph.nodes}

    def leaves(name: str) -> list[str]:
        if name not in inputs:
            return [name]
        return [leaf for source in sorted(inputs[name]) for leaf in leaves(source)]

    order = leaves(graph.nodes[-1].name)
    places = {name: (0.0, -float(k)) for k, name in enumerate(order)}
    for node in graph.nodes:
        sources = [places[name] for name in node.inputs]
        x = 1.0 + max(x for x, _ in sources)
        places[node.name] = (x, sum(y for _, y in sources) / len(sources))
        for source in sources:
            axes.annotate(
                "",
                places[node.name],
                source,
                arrowprops=dict(arrowstyle="-", color="#8d949b", lw=1.4),
                zorder=1,
            )
    for node in graph.nodes:
        box = dict(boxstyle="round,pad=0.5", facecolor="#dfe8f1", edgecolor="#2b5c8a")
        text = f"{node.name}({', '.join(_SHOWN.get(name, name) for name in sorted(node.inputs))})"
        axes.text(*places[node.name], text, ha="center", va="center", fontsize=9, bbox=box)
    for name in order:
        text = f"{_SHOWN.get(name, name)} "
        axes.text(*places[name], text, ha="right", va="center", fontsize=11)
    depth = places[graph.nodes[-1].name][0]
    axes.set(xlim=(-0.4, depth + 0.5), ylim=(0.6 - len(order), 0.4))
    axes.set_axis_off()
    axes.set_title("modules, each a network", fontsize=9.5)


# Read off the published graphs: equation, method, depth, width, error.
_GRAPHS = [
    ("I.8.14", "relu", 4, 720, 1.6e-3),
    ("I.8.14", "relu", 6, 720, 2.1e-3),
    ("I.8.14", "modular relu", 4, 1500, 4e-3),
    ("I.8.14", "modular relu", 6, 1500, 1.25e-3),
    ("II.6.15a", "relu", 9, 720, 1.4e-3),
    ("II.6.15a", "modular relu", 6, 1500, 2e-3),
    ("II.6.15a", "modular relu", 9, 720, 5e-4),
]
_SAME_WIDTH_READ = {"modular relu": 0.004272291154020468, "relu": 0.004773926341924796}
_GOAL = 5e-6  # a hundredth of the paper's best


def published(rows: list[Row], settings: Settings) -> list[Value]:
    values = []
    for method, error in _SAME_WIDTH_READ.items():
        ours = _curves.median(rows, method=_SAME_WIDTH[method])
        values.append(Value(f"same width, {method}, lowest test RMSE", error, "read", ours))
    for equation, method, depth, width, error in _GRAPHS:
        ours = _curves.median(rows, equation=equation, method=method, depth=depth, width=width)
        values.append(
            Value(f"{equation}, {method}, depth {depth}, width {width}", error, "graph", ours)
        )
    taylor = Curve.of(rows, "II.6.15a", "modular Taylor-LM", _TAYLOR_DEPTHS["II.6.15a"])
    small = taylor.up_to(2000)
    ours = float(small.median.min()) if small.N.size else np.nan
    values.append(Value("II.6.15a, Taylor-LM, at most 2,000 parameters", _GOAL, "goal", ours))
    return values
