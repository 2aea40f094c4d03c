"""The Feynman campaign: every equation of the table, with one default setting.

Each equation is sampled at boundary-dense points, more of them in more dimensions, and fitted by
the networks of `precisekit.fit` within a time limit: symmetries, input map, network and number of
samples in use are chosen by the program. Errors are relative root mean squares on 10,000 fresh
uniform points. With --peers, SciPy's BFGS (on a network of the same kind, with our gradient) and
scikit-learn's MLPRegressor get the same points and the same time.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
import warnings
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .._core import get_num_threads, set_num_threads
from .._signals import terminable
from ..datasets import feynman, list_feynman, sample_box
from ._results import Table, completed
from ._training import fitted

# Training points by the number of variables; so many for more.
_SAMPLES = {1: 2000, 2: 4000, 3: 6000, 4: 8000}
_MOST_SAMPLES = 12_000
_TEST_SAMPLES, _TEST_SEED = 10_000, 1000
_PEER_NETWORK = (20, 20)
_LEAST_ERROR = 1e-17  # shown for an error of zero


@dataclass
class Row:
    """What one equation reached; errors relative but for `max_error`, NaN for what was not run."""

    id: str
    variables: int
    variables_left: int
    samples: int
    test: float
    train: float
    max_error: float
    floor: float
    seconds: float
    network: str
    input_map: str
    stop_reason: str
    structure: str
    bfgs: float = math.nan
    sklearn: float = math.nan


@dataclass(frozen=True)
class Settings:
    time_limit: float
    target: float
    seed: int
    peers: bool
    threads: int  # for each equation


def add_parser(experiments) -> None:
    parser = experiments.add_parser(
        "feynman",
        help="fit every equation of the Feynman table",
        description=__doc__.split("\n\n")[1],
    )
    parser.add_argument(
        "--time-limit", type=float, default=60.0, metavar="S", help="seconds an equation (60)"
    )
    parser.add_argument(
        "--target",
        type=float,
        default=1e-13,
        help="relative RMSE on held-out points at which a fit may stop (1e-13)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of points and networks (0)")
    parser.add_argument(
        "--peers", action="store_true", help="SciPy's BFGS and scikit-learn, in the same time"
    )
    parser.add_argument(
        "--equations", nargs="+", metavar="ID", help="these only, such as I.9.18; all by default"
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="equations at the same time, each on its share of the processors (1)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("feynman"),
        metavar="DIR",
        help="where feynman.csv, .md and .png go; equations that it holds are not fitted again",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """The command; returns its exit status."""
    if arguments.workers < 1:
        print("feynman: --workers must be positive", file=sys.stderr)
        return 2
    settings = Settings(
        arguments.time_limit,
        arguments.target,
        arguments.seed,
        arguments.peers,
        max(1, get_num_threads() // arguments.workers),
    )
    try:
        ids = _checked(arguments.equations, settings)
        table = Table(arguments.output / "feynman.csv", Row, settings)
    except (ValueError, OSError) as error:
        print(f"feynman: {error}", file=sys.stderr)
        return 2
    print(_HEADINGS)
    for row in table.rows:
        print(_line(row))
    left = [equation for equation in ids if equation not in table.done]
    status = 0
    try:
        rows = completed(fit_equation, left, settings, workers=arguments.workers)
        with terminable(), closing(rows):
            for row in rows:
                table.add(row)
                print(_line(row), flush=True)
    except KeyboardInterrupt:
        print("feynman: stopped; the same command goes on from here", file=sys.stderr)
        status = 130
    if not table.rows:
        return status
    page = arguments.output / "feynman.md"
    page.write_text(markdown(table.rows, settings))
    print(f"\n{summary(table.rows)}\n{table.path}\n{page}")
    try:
        print(plot(table.rows, arguments.output / "feynman.png"))
    except ImportError as error:
        print(error, file=sys.stderr)
    return status


def _checked(asked: list[str] | None, settings: Settings) -> list[str]:
    for name in ("time_limit", "target"):
        if not getattr(settings, name) > 0:
            raise ValueError(f"--{name.replace('_', '-')} must be positive")
    known = list_feynman()
    unknown = [equation for equation in asked or [] if equation not in known]
    if unknown:
        raise ValueError(f"no equation {unknown[0]!r} in the table")
    return asked or known


def fit_equation(equation: str, settings: Settings) -> Row:
    """Sample, fit and test one equation."""
    from threadpoolctl import threadpool_limits

    from ..selection import fit

    set_num_threads(settings.threads)
    q = feynman(equation)
    d = len(q.variables)
    n = _SAMPLES.get(d, _MOST_SAMPLES)
    X = sample_box(q.lo, q.hi, n, law="arcsine", seed=settings.seed)
    X_test = sample_box(q.lo, q.hi, _TEST_SAMPLES, seed=_TEST_SEED + settings.seed)
    y, y_test = q(X), q(X_test)
    began = time.perf_counter()
    model = fitted(
        fit(
            X,
            y,
            target=settings.target,
            time_limit=settings.time_limit,
            kinds=("network",),
            random_state=settings.seed,
        )
    )
    seconds = time.perf_counter() - began
    residual = model.predict(X_test) - y_test
    report = model.report_
    row = Row(
        id=equation,
        variables=d,
        variables_left=len(model.input_map_.lo),
        samples=n,
        test=_relative(residual, y_test),
        train=report.relative_rmse,
        max_error=float(np.max(np.abs(residual))),
        floor=report.rounding_floor,
        seconds=seconds,
        network=report.network,
        input_map=report.input_map,
        stop_reason=report.stop_reason,
        structure=model.symmetries_.structure(q.variables),
    )
    if settings.peers:
        box = _Box(X)
        with threadpool_limits(settings.threads):
            for name, peer in (("bfgs", _scipy_bfgs), ("sklearn", _sklearn)):
                prediction = peer(box(X), y, box(X_test), seconds, settings)
                setattr(row, name, _relative(prediction - y_test, y_test))
    return row


def _relative(residual: np.ndarray, y: np.ndarray) -> float:
    return float(np.linalg.norm(residual) / np.linalg.norm(y))


class _Box:
    """The bounding box of points onto [-1, 1]."""

    def __init__(self, X):
        self.lo, self.hi = X.min(axis=0), X.max(axis=0)

    def __call__(self, X):
        return (2 * X - self.lo - self.hi) / (self.hi - self.lo)


def _scipy_bfgs(U, y, U_test, seconds, settings) -> np.ndarray:
    from scipy.optimize import minimize

    from ..network import MLP
    from ..objective import LeastSquares

    scale = np.sqrt(np.mean(y**2))
    net = MLP([U.shape[1], *_PEER_NETWORK, 1])
    objective = LeastSquares(net, U, y / scale)
    deadline = time.perf_counter() + seconds
    best = theta = net.init(settings.seed)

    def watch(x):
        nonlocal best
        best = np.copy(x)
        if time.perf_counter() > deadline:
            raise StopIteration

    minimize(
        objective.fun_and_jac,
        theta,
        jac=True,
        method="BFGS",
        callback=watch,
        options={"gtol": 0.0, "maxiter": 10**9},
    )
    return net.forward(best, U_test) * scale


def _sklearn(U, y, U_test, seconds, settings) -> np.ndarray:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    scale = np.sqrt(np.mean(y**2))
    model = MLPRegressor(
        hidden_layer_sizes=_PEER_NETWORK,
        activation="tanh",
        solver="lbfgs",
        alpha=0.0,
        tol=0.0,
        max_iter=50,
        max_fun=10**9,
        warm_start=True,
        random_state=settings.seed,
    )
    deadline = time.perf_counter() + seconds
    loss = math.inf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        while True:
            model.fit(U, y / scale)
            if time.perf_counter() > deadline or not model.loss_ < loss:
                break
            loss = model.loss_
    return model.predict(U_test) * scale


_HEADINGS = (
    f"{'equation':9} {'d':>2} {'left':>4} {'n':>6} {'test':>8} {'train':>8} {'floor':>8} "
    f"{'seconds':>7} {'BFGS':>8} {'sklearn':>8}  stop reason"
)


def _line(row: Row) -> str:
    peers = " ".join(f"{e:8.1e}" if e == e else f"{'-':>8}" for e in (row.bfgs, row.sklearn))
    return (
        f"{row.id:9} {row.variables:2d} {row.variables_left:4d} {row.samples:6d} {row.test:8.1e} "
        f"{row.train:8.1e} {row.floor:8.1e} {row.seconds:7.1f} {peers}  {row.stop_reason}"
    )


def summary(rows: list[Row]) -> str:
    """How many equations reached what, in words."""
    tests = np.array([row.test for row in rows])
    counts = ", ".join(f"{np.sum(tests <= e)} at <= {e:.0e}" for e in (1e-10, 1e-12, 1e-14))
    text = (
        f"{len(rows)} equations: {counts}; median {np.median(tests):.1e}, worst {tests.max():.1e}; "
        f"{sum(row.seconds for row in rows):.0f} s"
    )
    compared = [row for row in rows if row.bfgs == row.bfgs]
    if compared:
        better = sum(row.test <= row.bfgs for row in compared)
        text += f"; at least as good as SciPy's BFGS in {better} of {len(compared)}"
    return text


def markdown(rows: list[Row], settings: Settings) -> str:
    """The table as a page, best first, with what the program found of each equation."""
    threads = "one thread" if settings.threads == 1 else f"{settings.threads} threads"
    command = f"precisekit paper feynman --time-limit {settings.time_limit:g}"
    command += f" --target {settings.target:g} --seed {settings.seed}"
    command += " --peers" if settings.peers else ""
    lines = [
        "# The Feynman equations",
        "",
        f"{summary(rows)}.",
        "",
        f"`{command}`, {threads}",
        "for each equation. Errors are relative root mean squares, under test on 10,000 fresh",
        "uniform points; max. error is absolute. The others had the same points, and as many",
        "seconds as the fit took. Structure is what the fit found, F the model.",
        "",
        "![digits](feynman.png)",
        "",
        "| equation | d | test | train | max. error | floor | s | SciPy BFGS | scikit-learn "
        "| structure | stop reason |",
        "| --- | --: | --: | --: | --: | --: | --: | --: | --: | --- | --- |",
    ]
    for row in sorted(rows, key=lambda row: row.test):
        errors = (row.test, row.train, row.max_error, row.floor)
        peers = ("" if e != e else f"{e:.1e}" for e in (row.bfgs, row.sklearn))
        structure = f"`{row.structure}`" if row.structure else ""
        cells = [row.id, str(row.variables), *(f"{e:.1e}" for e in errors), f"{row.seconds:.1f}"]
        lines.append(f"| {' | '.join([*cells, *peers, structure, row.stop_reason])} |")
    return "\n".join(lines) + "\n"


def plot(rows: list[Row], path: Path) -> Path:
    """The picture: digits reached by each equation, sorted. Needs matplotlib."""
    from ..plot import require_matplotlib

    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = sorted(rows, key=lambda row: row.test)
    figure = Figure(figsize=(max(6.0, 0.16 * len(rows) + 2), 5.5), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    at = np.arange(len(rows))
    for name, label, style in (
        ("sklearn", "scikit-learn MLPRegressor, L-BFGS", {"marker": "x", "color": "#b0b4b8"}),
        ("bfgs", "SciPy BFGS", {"marker": "s", "color": "#c98b4b"}),
        ("test", "precisekit.fit", {"marker": "o", "color": "#2b5c8a"}),
        ("floor", "rounding floor of the fit", {"marker": "_", "color": "#55595e"}),
    ):
        errors = np.maximum([getattr(row, name) for row in rows], _LEAST_ERROR)
        if np.isfinite(errors).any():
            axes.plot(at, -np.log10(errors), ls="", ms=4, label=label, **style)
    axes.set_xticks(at, [row.id for row in rows], rotation=90, fontsize=6.5)
    axes.set_xlim(-1, len(rows))
    axes.set_ylim(bottom=0)
    axes.set_ylabel("digits: -log10 of the relative RMSE on fresh points")
    seconds = max(row.seconds for row in rows)
    axes.set_title(f"Feynman equations, at most {seconds:.0f} s each", loc="left")
    axes.grid(axis="y", color="#d9dcdf", lw=0.6)
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper right", ncols=4, frameon=False, fontsize=8)
    figure.savefig(path)
    return path
