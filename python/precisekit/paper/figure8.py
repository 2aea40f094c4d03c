"""Figure 8: Adam, BFGS, steps of low curvature and boosting in one dimension."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..datasets import feynman
from ..network import MLP
from ..objective import LeastSquares
from ..plot import new_figure
from . import _learning
from ._learning import BOOSTING, LARGE_H, RATES, STAGES, TRICKS, WIDE, Run, Task, reached
from ._stages import Stages
from ._training import rmse, torch_init
from ._values import Value

NOTES = """\
Top: a random teacher 1-3-3-1 on [-1, 1]. Middle: y = x^2. Tanh networks 1-20-20-1 (Adam and the
red curve: 1-40-40-1), data as they are, the first weights those of PyTorch with seed 0. BFGS,
steps of low curvature (|eigenvalue| < 1e-15), then both again for a second network, fitted to what
the first left over. The test RMSE is over steps of any kind.

Bottom: the experiment of the text of section 4.2. After BFGS on a random polynomial of degree 5,
steps of low curvature for several thresholds; the RMSE of the training over that where BFGS ended.
The paper's polynomial is not known: the median over several is compared.

Our BFGS starts from the identity, as SciPy's does, the paper's. It goes on by the gradient where
SciPy's ends with precision loss, and is ended after as many iterations. Our steps of low curvature
never go uphill. Beyond the paper, in dashes: BFGS and boosting from large inverse Hessians, as are
our defaults, and nothing else changed; self-scaled Broyden and Taylor-LM as MLPRegressor poses a
problem, inputs on [-1, 1], targets of root mean square 1, first weights of its own law. The goal of
Taylor-LM is relative to the root mean square of the target.
"""


@dataclass(frozen=True)
class Settings(_learning.Settings):
    """`polynomials` are fitted in the lower panel, at `points` each, and followed by `steps`."""

    polynomials: int
    points: int
    steps: int


SCALES = {
    "quick": Settings(
        samples=1000,
        narrow=12_500,
        wide=600,
        low_curvature=25,
        adam=4000,
        rates=RATES[:8:2],
        polynomials=5,
        points=1000,
        steps=10,
    ),
    "full": Settings(
        samples=100_000,
        narrow=25_000,
        wide=25_000,
        low_curvature=500,
        adam=30_000,
        rates=RATES,
        polynomials=5,
        points=50_000,
        steps=200,
    ),
}

_SQUARE = feynman("Z.001")
_TASKS = {
    task.name: task
    for task in (
        Task("teacher", "teacher 1-3-3-1", (-1.0,), (1.0,), (2454, 24_900, 3700)),
        Task(
            "x^2",
            "$y = x^2$",
            tuple(_SQUARE.lo),
            tuple(_SQUARE.hi),
            (7500, 10_500, 2000),
            _SQUARE,
        ),
    )
}
_BOOSTING_ITERATIONS = (2454, 12_177, 0)
_POLYNOMIAL = "polynomial"
_TAUS = (1e-6, 1e-8, 1e-10, 1e-12, 1e-14, 1e-16, 1e-18)
# After which precision loss ends SciPy's BFGS on each polynomial, at the full scale (the paper's
# on its own: 4,891).
_ITERATIONS = (7694, 9285, 8647, 7745, 8608)

Row = _learning.Row


def runs(settings: Settings) -> list[Run]:
    methods = _learning.methods(settings)
    found = [Run(name, method) for name in _TASKS for method in methods]
    polynomials = [Run(_POLYNOMIAL, str(k)) for k in range(settings.polynomials)]
    return [*found, Run("teacher", BOOSTING), *polynomials]


def carry_out(run: Run, settings: Settings) -> list[Row]:
    if run.task == _POLYNOMIAL:
        return _low_curvature(run, settings)
    return _learning.carry_out(_task(run), run, settings)


def _task(run: Run) -> Task:
    """Where low curvature is left out, the second network had other iterations."""
    task = _TASKS[run.task]
    if run.task == "teacher" and run.method in (BOOSTING, LARGE_H):
        return replace(task, iterations=_BOOSTING_ITERATIONS)
    return task


def _low_curvature(run: Run, settings: Settings) -> list[Row]:
    """BFGS on a random polynomial, and from there steps below each threshold."""
    seed = int(run.method)
    rng, sizes = np.random.RandomState(seed), [1, 20, 20, 1]
    X = rng.uniform(-1, 1, (settings.points, 1))
    y = np.polynomial.Polynomial(rng.uniform(-1.5, 1.5, 6))(X[:, 0])
    objective = LeastSquares(MLP(sizes), X, y)
    theta = torch_init(sizes, np.random.RandomState(seed))
    stages = Stages(Row, settings)

    def follow(stage, theta, method, of_each_step, **options):
        def watch(nit, seconds, fun, x, at_end):
            if at_end != of_each_step:  # there are no test samples
                train = float(np.sqrt(fun))
                stages.rows.append(Row(run.name, stage, nit, train, np.nan, seconds))

        return stages.follow(stage, objective, theta, method, watch, **options)

    maxiter, H = min(settings.narrow, _ITERATIONS[seed]), np.eye(theta.size)
    start = follow("BFGS", theta, "bfgs", False, maxiter=maxiter, hess_inv0=H)
    for tau in _TAUS:
        follow(f"{tau:g}", start, "low-curvature", True, maxiter=settings.steps, tau=tau)
    return stages.finished()


def draw(rows: list[Row], settings: Settings):
    figure, panels = new_figure((9.0, 11.0), rows=3)
    for axes, task in zip(panels, _TASKS.values()):
        _learning.draw_panel(axes, task, rows, settings)
    _draw_thresholds(panels[2], [row for row in rows if row.run == Run(_POLYNOMIAL, "0").name])
    return figure


def _draw_thresholds(axes, rows: list[Row]) -> None:
    import matplotlib

    axes.set(xlabel="step of low curvature", ylabel="RMSE over that of BFGS", title=_POLYNOMIAL)
    if not rows:
        return
    shades = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.9, len(_TAUS)))
    start = rows[0].train
    for tau, colour in zip(_TAUS, shades):
        curve = [row for row in rows if row.stage == f"{tau:g}"]
        axes.plot(
            [row.step for row in curve],
            [row.train / start for row in curve],
            color=colour,
            label=rf"$\tau = 10^{{{round(np.log10(tau))}}}$",
        )
    axes.set_title(f"section 4.2: polynomial of degree 5, BFGS to RMSE {start:.1e}")
    axes.set_xlim(left=0)
    axes.legend(frameon=False, fontsize=7.5, loc="center left", bbox_to_anchor=(1.0, 0.5))


# After BFGS, low curvature, and both again; of width 40; and the best of Adam. Off the graph.
_PUBLISHED = {
    "teacher": (5e-8, 2e-8, 7e-14, 4e-14, 8e-8, 3e-5),
    "x^2": (8e-7, 5e-7, 6e-12, 3e-12, 4e-7, 3e-4),
}
# Without low curvature, as a notebook prints them; and BFGS on the polynomial.
_BOOSTING, _POLYNOMIAL_RMSE = (4.0960145066512555e-08, 3.166749748647018e-13), 5.2726865131794e-07
# MSE that the polynomial ended with, off the graph, from about 1.38e-13.
_MSE = {1e-6: 1.25e-13, 1e-8: 1.17e-13, 1e-10: 8.6e-14, 1e-12: 4.8e-14, 1e-14: 3.0e-14}
_MSE |= {1e-16: 2.6e-14, 1e-18: 3.3e-14}
_MSE_OF_BFGS = 1.38e-13


def published(rows: list[Row], settings: Settings) -> list[Value]:
    def end(run, stage):
        return reached(rows, run, stage, settings, _task(run))

    values = []
    for name, (*by_stage, wide, adam) in _PUBLISHED.items():
        for stage, value in zip(STAGES, by_stage):
            values.append(Value(f"{name}, {stage}", value, "graph", end(Run(name, TRICKS), stage)))
        values.append(Value(f"{name}, {WIDE}", wide, "graph", end(Run(name, WIDE), WIDE)))
        best = _learning.lowest_of_adam(rows, _TASKS[name], settings, SCALES["full"].adam)
        values.append(Value(f"{name}, best rate of Adam", adam, "graph", best))
    for stage, value in zip((STAGES[0], STAGES[2]), _BOOSTING):
        ours = end(Run("teacher", BOOSTING), stage)
        values.append(Value(f"teacher, {stage}, without low curvature", value, "read", ours))
    for stage, goal in ((STAGES[0], 5e-8), (STAGES[2], 5e-13)):
        ours = end(Run("teacher", LARGE_H), stage)
        values.append(Value(f"teacher, {stage}, large first H", goal, "goal", ours))
    tests = [row.test for row in rows if row.run == Run("teacher", "Taylor-LM").name]
    ours = tests[-1] / rmse(_learning.target(_TASKS["teacher"], settings)) if tests else np.nan
    values.append(Value("teacher, Taylor-LM, relative", 4e-16, "goal", ours))
    starts = [row.train for row in rows if row.stage == "BFGS" and _POLYNOMIAL in row.run]
    ours = float(np.median(starts)) if starts and settings.narrow >= max(_ITERATIONS) else np.nan
    values.append(Value("polynomial, BFGS", _POLYNOMIAL_RMSE, "read", ours))
    for tau, mse in _MSE.items():
        gain = float(np.sqrt(_MSE_OF_BFGS / mse))
        ours = _gain(rows, tau) if starts and settings.steps >= SCALES["full"].steps else np.nan
        name = f"polynomial, gain of tau {tau:g}"
        values.append(Value(name, gain, "graph", ours, is_error=False))
    return values


def _gain(rows: list[Row], tau: float) -> float:
    """Median over the polynomials of the RMSE of BFGS over that after the steps."""
    start, end = {}, {}
    for row in rows:
        if _POLYNOMIAL in row.run:
            (start if row.stage == "BFGS" else end if row.stage == f"{tau:g}" else {})[row.run] = (
                row.train
            )
    return float(np.median([start[run] / end[run] for run in start]))
