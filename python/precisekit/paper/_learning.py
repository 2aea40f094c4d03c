"""Learning curves of the paper's optimisers, and of ours, on one task: Figures 8 and 9."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import asdict, dataclass

import numpy as np

from ..boosting import LEFT_OVER_INVERSE_HESSIAN
from ..network import MLP
from ..objective import LeastSquares
from ._stages import Stages
from ._training import rmse, torch_init

N_TEST = 10_000
TEACHER = (1, 3, 3, 1)
TAU, LOW_CURVATURE = 1e-15, 500  # curvatures below count as low; steps after each BFGS
_RECORDED = 1.02  # ratio of one recorded step to the last

TRICKS = "BFGS, low curvature, boosting"
BOOSTING, WIDE = "BFGS, boosting", "BFGS, width 40"
RATES = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)  # of Adam, the paper's
LARGE_H = "BFGS, boosting, large first H"
AS_WE_POSE_IT = ("ss-Broyden", "Taylor-LM")
BEYOND = (LARGE_H, *AS_WE_POSE_IT)  # of networks of width 20
STAGES = ("BFGS", "low curvature", "boosted", "boosted, low curvature")


@dataclass(frozen=True)
class Grid:
    """Step lengths that a step of low curvature chooses from."""

    low: float = 1e-12
    n_points: int = 15


@dataclass(frozen=True)
class Task:
    """What is fitted on the box, on all of it; without a function, a teacher's output.

    `iterations` are the paper's, of BFGS on the first, the second and the wide network, which
    SciPy's precision loss ended, and `grids` those for the steps of low curvature on the first two.
    """

    name: str
    label: str
    lo: tuple
    hi: tuple
    iterations: tuple[int, int, int]
    function: Callable | None = None
    grids: tuple[Grid, Grid] = (Grid(), Grid())


@dataclass(frozen=True)
class Settings:
    """Most iterations: `narrow` and `wide` are those of each run of BFGS and its like, by width, or
    the paper's where these are fewer; `low_curvature` those of such steps after each, `adam` those
    for each of Adam's `rates`."""

    samples: int
    narrow: int
    wide: int
    low_curvature: int
    adam: int
    rates: tuple


@dataclass(frozen=True)
class Run:
    task: str
    method: str

    @property
    def name(self) -> str:
        return f"{self.task}: {self.method}"


@dataclass
class Row:
    """RMSE after so many steps, those of the stages before among them."""

    run: str
    stage: str
    step: int
    train: float
    test: float
    seconds: float


def rate(lr: float) -> str:
    return f"Adam, rate {lr:g}"


def methods(settings: Settings) -> list[str]:
    wide = [WIDE] if settings.wide else []
    return [TRICKS, *wide, *map(rate, settings.rates), *BEYOND]


class _Bench:
    """Data of a task and where its networks start: seeds are 0, of NumPy and of PyTorch."""

    def __init__(self, task: Task, samples: int):
        d = len(task.lo)
        self.task, self._narrow, self._wide = task, [d, 20, 20, 1], [d, 40, 40, 1]
        points = np.random.RandomState(0)
        self.X = points.uniform(task.lo, task.hi, (samples, d))
        self.X_test = points.uniform(task.lo, task.hi, (N_TEST, d))
        self._weights = np.random.RandomState(0)
        function = task.function
        if function is None:  # the student's weights follow those of the teacher
            teacher, theta = MLP(TEACHER), torch_init(TEACHER, self._weights)
            function = lambda X: teacher.forward(theta, X)  # noqa: E731
        self.y, self.y_test = function(self.X), function(self.X_test)

    def next_student(self) -> tuple[MLP, np.ndarray]:
        """Of width 20, with the next weights of the stream."""
        return MLP(self._narrow), torch_init(self._narrow, self._weights)

    def as_we_pose_it(self) -> tuple[_Part, np.ndarray]:
        """Inputs on [-1, 1], targets of root mean square 1, and weights from our own law."""
        lo, hi = np.array(self.task.lo), np.array(self.task.hi)
        posed = copy(self)
        posed.X, posed.X_test = ((2 * X - lo - hi) / (hi - lo) for X in (self.X, self.X_test))
        net = MLP(self._narrow)
        return _Part(posed, net, self.y, scale=rmse(self.y)), net.init(0)

    def wide_student(self) -> tuple[MLP, np.ndarray]:
        """Of width 40, with the first weights of a stream."""
        return MLP(self._wide), torch_init(self._wide, np.random.RandomState(0))


@dataclass
class _Part:
    """A network for what those before it left over, in units of `scale`."""

    bench: _Bench
    net: MLP
    left_over: np.ndarray
    known_test: np.ndarray | float = 0.0  # prediction of the networks before
    scale: float = 1.0

    @property
    def objective(self) -> LeastSquares:
        return LeastSquares(self.net, self.bench.X, self.left_over / self.scale)

    def test(self, theta) -> float:
        prediction = self.known_test + self.scale * self.net.forward(theta, self.bench.X_test)
        return rmse(prediction - self.bench.y_test)

    def next_part(self, theta, net: MLP) -> _Part:
        """For what this one leaves over; its unit is the mean absolute value of that."""
        left_over = self.left_over - self.scale * self.net.forward(theta, self.bench.X)
        known = self.known_test + self.scale * self.net.forward(theta, self.bench.X_test)
        return _Part(self.bench, net, left_over, known, float(np.mean(np.abs(left_over))))


class _Curve:
    """Rows of a run of several stages, each of which goes on counting."""

    def __init__(self, name: str, settings: Settings):
        self._name, self._stages = name, Stages(Row, settings)

    def follow(self, stage: str, part: _Part, theta, method: str, **options) -> np.ndarray:
        """Minimise from theta; the parameters that this ends with."""
        rows = self._stages.rows
        before = [row for row in rows if row.stage != stage]
        steps, seconds_before = (before[-1].step, before[-1].seconds) if before else (0, 0.0)

        def watch(nit, seconds, fun, x, at_end):
            recorded = rows[-1].step - steps if rows and rows[-1].stage == stage else -1
            if at_end or nit >= max(recorded + 1, _RECORDED * recorded):
                train, test = part.scale * float(np.sqrt(fun)), part.test(x)
                seconds += seconds_before
                rows.append(Row(self._name, stage, steps + nit, train, test, seconds))

        return self._stages.follow(stage, part.objective, theta, method, watch, **options)

    def finished(self) -> list[Row]:
        return self._stages.finished()


def target(task: Task, settings: Settings) -> np.ndarray:
    """At the test points."""
    return _Bench(task, settings.samples).y_test


def carry_out(task: Task, run: Run, settings: Settings) -> list[Row]:
    """One curve of a figure."""
    bench, curve = _Bench(task, settings.samples), _Curve(run.name, settings)
    if run.method in (TRICKS, BOOSTING, LARGE_H):
        _tricks(bench, curve, settings, run.method)
        return curve.finished()
    if run.method in AS_WE_POSE_IT:
        part, theta = bench.as_we_pose_it()
    else:
        net, theta = bench.wide_student()
        part = _Part(bench, net, bench.y)
    method, options = {
        WIDE: ("bfgs", _as_scipys(theta) | {"maxiter": min(settings.wide, task.iterations[2])}),
        "ss-Broyden": ("ssbroyden", {"maxiter": settings.narrow}),
        "Taylor-LM": ("taylor-lm", {"maxiter": settings.narrow}),
        **{rate(lr): ("adam", {"lr": lr, "maxiter": settings.adam}) for lr in settings.rates},
    }[run.method]
    curve.follow(run.method, part, theta, method, **options)
    return curve.finished()


def _as_scipys(theta) -> dict:
    """The start of SciPy's BFGS, which is the paper's; ours is larger."""
    return {"hess_inv0": np.eye(theta.size)}


def _tricks(bench: _Bench, curve: _Curve, settings: Settings, method: str) -> None:
    """BFGS, steps of low curvature, and both again for what is left over."""
    net, theta = bench.next_student()
    part = _Part(bench, net, bench.y)
    task = bench.task
    for second, (grid, iterations) in enumerate(zip(task.grids, task.iterations)):
        if second:
            net, start = bench.next_student()
            part, theta = part.next_part(theta, net), start
        options = {"maxiter": min(settings.narrow, iterations)}
        if method != LARGE_H:
            options |= _as_scipys(theta)
        elif second:
            options["hess_inv0"] = LEFT_OVER_INVERSE_HESSIAN * np.eye(theta.size)
        theta = curve.follow(STAGES[2 * second], part, theta, "bfgs", **options)
        if method == TRICKS:
            options = {"tau": TAU, "maxiter": settings.low_curvature, **asdict(grid)}
            stage = STAGES[2 * second + 1]
            theta = curve.follow(stage, part, theta, "low-curvature", **options)


def reached(rows: list[Row], run: Run, stage: str, settings: Settings, task: Task) -> float:
    """Test RMSE at the end of a stage; NaN where it is not there, and where fewer steps than the
    paper's cut it short."""
    found = [row for row in rows if row.run == run.name and row.stage == stage]
    if not found:
        return np.nan
    first, second, wide = task.iterations
    limit, wanted = {
        STAGES[0]: (settings.narrow, first),
        STAGES[2]: (settings.narrow, second),
        WIDE: (settings.wide, wide),
    }.get(stage, (settings.low_curvature, LOW_CURVATURE))
    cut = found[-1].step - found[0].step >= limit < wanted
    return np.nan if cut else found[-1].test


def lowest_of_adam(rows: list[Row], task: Task, settings: Settings, wanted: int) -> float:
    """The lowest test RMSE of all rates and steps; NaN where a rate is missing, and of fewer steps
    than the paper's."""
    names = {Run(task.name, rate(lr)).name for lr in settings.rates}
    if settings.adam < wanted or not names <= {row.run for row in rows}:
        return np.nan
    return min(row.test for row in rows if row.run in names)


# -- pictures --------------------------------------------------------------------------------------

_STAGE_COLOURS = ("#1b7837", "#d98c21", "#5aae61", "#a6611a")
_STAGE_NAMES = (
    "BFGS, width 20",
    "low-curvature subspace",
    "boosting: BFGS, second network",
    "low-curvature subspace, second",
)
_BEYOND_STYLES = {
    LARGE_H: dict(color="#00868b", ls="--"),
    "ss-Broyden": dict(color="#7b3294", ls="--"),
    "Taylor-LM": dict(color="#000000", ls="--"),
}


def draw_panel(axes, task: Task, rows: list[Row], settings: Settings) -> None:
    """Test RMSE over steps."""
    import matplotlib

    blues = matplotlib.colormaps["Blues"]
    shades = np.linspace(0.35, 0.95, len(settings.rates))
    for lr, shade in zip(sorted(settings.rates), shades):
        curve = _of(rows, Run(task.name, rate(lr)))
        _plot(axes, curve, color=blues(shade), lw=0.9, label=f"Adam {lr:g}")
    if settings.wide:
        _plot(axes, _of(rows, Run(task.name, WIDE)), color="#c23b33", lw=1.6, label=WIDE)
    curve = _of(rows, Run(task.name, TRICKS))
    for stage, name, colour in zip(STAGES, _STAGE_NAMES, _STAGE_COLOURS):
        part = [row for row in curve if row.stage == stage]
        _plot(axes, part, color=colour, lw=2.0, label=name)
    for method, style in _BEYOND_STYLES.items():
        curve = _of(rows, Run(task.name, method))
        _plot(axes, curve, lw=1.4, label=f"{method}, width 20", **style)
        if not curve:
            continue
        end = curve[-1].step, curve[-1].test
        axes.plot(*end, "o", ms=4, color=style["color"])
        axes.annotate(
            f"{curve[-1].step:,} steps",
            end,
            xytext=(6, -2),
            textcoords="offset points",
            fontsize=8,
            color=style["color"],
        )
    axes.set(yscale="log", xlabel="step", ylabel="test RMSE", title=task.label)
    axes.margins(x=0.15)  # room for the numbers of steps
    axes.set_xlim(left=0)
    axes.grid(axis="y", color="#eceeef", lw=0.6)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=7.5, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _of(rows: list[Row], run: Run) -> list[Row]:
    return [row for row in rows if row.run == run.name]


def _plot(axes, curve: list[Row], **style) -> None:
    if curve:  # else the legend would name what has not been run
        axes.plot([row.step for row in curve], [row.test for row in curve], **style)
