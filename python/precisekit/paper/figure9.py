"""Figure 9: Adam, BFGS, steps of low curvature and boosting in two and in six dimensions."""

from __future__ import annotations

from functools import partial

from ..datasets import feynman
from ..plot import new_figure
from . import _learning
from ._learning import RATES, STAGES, TRICKS, Grid, Row, Run, Settings, Task, reached
from ._values import Value

NOTES = """\
As Figure 8, of which see the notes. Top: z = xy. Bottom: equation I.11.19, x1 y1 + x2 y2 + x3 y3.
The grids of step lengths for the steps of low curvature have 70 points from 1e-25 (top) and from
1e-30 and 1e-50 (bottom) to 1e12. Adam trains networks of width 40.

The more inputs, the less the paper's tricks gain. Beyond the paper, in dashes: BFGS and
boosting from large inverse Hessians, self-scaled Broyden and Taylor-LM. On inputs as they are,
and few samples of six dimensions, large steps learn what is not there between the samples.
"""

SCALES = {
    "quick": Settings(
        samples=3000,
        narrow=3000,
        wide=0,
        low_curvature=15,
        adam=3000,
        rates=RATES[:8:2],
    ),
    "full": Settings(
        samples=100_000,
        narrow=25_000,
        wide=0,
        low_curvature=500,
        adam=50_000,
        rates=RATES,
    ),
}


def _task(equation: str, label: str, iterations: tuple, grids: tuple[Grid, Grid]) -> Task:
    q = feynman(equation)
    return Task(equation, label, tuple(q.lo), tuple(q.hi), (*iterations, 0), q, grids)


_TASKS = {
    task.name: task
    for task in (
        _task("Z.008", "2-D: $z = xy$", (23_000, 11_500), (Grid(1e-25, 70), Grid(1e-25, 70))),
        _task(
            "I.11.19",
            "6-D: $x_1y_1 + x_2y_2 + x_3y_3$",
            (19_000, 8500),
            (Grid(1e-30, 70), Grid(1e-50, 70)),
        ),
    )
}


def runs(settings: Settings) -> list[Run]:
    methods = _learning.methods(settings)
    return [Run(name, method) for name in _TASKS for method in methods]


def carry_out(run: Run, settings: Settings) -> list[Row]:
    return _learning.carry_out(_TASKS[run.task], run, settings)


def draw(rows: list[Row], settings: Settings):
    figure, panels = new_figure((9.0, 8.0), rows=2)
    for axes, task in zip(panels, _TASKS.values()):
        _learning.draw_panel(axes, task, rows, settings)
    return figure


# Of BFGS, after the boosted networks, and the best of Adam; read off the graph.
_PUBLISHED = {"Z.008": (8e-6, 2.9e-7, 2.3e-3), "I.11.19": (4.9e-4, 1.5e-4, 2.7e-2)}


def published(rows: list[Row], settings: Settings) -> list[Value]:
    values = []
    for name, (bfgs, boosted, adam) in _PUBLISHED.items():
        end = partial(reached, rows, Run(name, TRICKS), settings=settings, task=_TASKS[name])
        best = _learning.lowest_of_adam(rows, _TASKS[name], settings, SCALES["full"].adam)
        values += [
            Value(f"{name}, BFGS", bfgs, "graph", end(STAGES[0])),
            Value(f"{name}, boosted", boosted, "graph", end(STAGES[2])),
            Value(f"{name}, best rate of Adam", adam, "graph", best),
        ]
    return values
