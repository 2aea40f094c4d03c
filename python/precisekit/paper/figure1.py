"""Figure 1: where relu networks and simplex interpolation are linear."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..analysis import relu_regions, simplex_regions
from ..network import MLP
from ..plot import new_figure
from ._results import PanelRun as Run
from ._training import Data, LowestTest, Standardised, adam, rmse, simplex_rmse, torch_init
from ._values import Value

NOTES = """\
Top: y = cos 2x, 23 samples, networks 1-5-5-1. Bottom: z = xy, 167 samples, networks 2-20-20-1.
Relu, Adam on all samples at once, 25,000 steps as in the paper's code (its text says 20,000).
Samples and first weights are the paper's own, drawn from its seeds. As in the paper, a network's
error is the lowest test RMSE of its training.
"""


@dataclass(frozen=True)
class Settings:
    steps: int
    test_every: int  # steps


SCALES = {
    "quick": Settings(steps=25_000, test_every=20),
    "full": Settings(steps=25_000, test_every=1),
}


@dataclass(frozen=True)
class _Problem:
    label: str
    function: Callable
    lo: list[float]
    hi: list[float]
    sizes: list[int]
    samples: int
    seed: int
    seeds_again: bool  # before the second network

    @property
    def data(self) -> Data:
        return Data.drawn(self.function, self.lo, self.hi, self.samples, self.seed)

    def start(self, normalised: bool) -> np.ndarray:
        """The paper's first weights: normalised inputs had the second network of a session."""
        rng = np.random.RandomState(self.seed)
        first = torch_init(self.sizes, rng)
        return torch_init(self.sizes, rng) if normalised and not self.seeds_again else first

    def regions(self, theta: np.ndarray):
        """Of the network, or, without parameters, of the interpolant."""
        if theta.size:
            return relu_regions(MLP(self.sizes, "relu"), theta, self.lo, self.hi)
        data = self.data
        return simplex_regions(data.X, data.y)


_PROBLEMS = {
    "1a": _Problem(
        label="y = cos 2x",
        function=lambda X: np.cos(2 * X[:, 0]),
        lo=[3.0],
        hi=[6.0],
        sizes=[1, 5, 5, 1],
        samples=23,
        seed=1,
        seeds_again=False,
    ),
    "1b": _Problem(
        label="z = xy",
        function=lambda X: X[:, 0] * X[:, 1],
        lo=[1.0, 1.0],
        hi=[5.0, 5.0],
        sizes=[2, 20, 20, 1],
        samples=167,
        seed=0,
        seeds_again=True,
    ),
}
_METHODS = ("unnormalised", "normalised", "simplex")


@dataclass
class Row:
    """`theta`: parameters of the network at its lowest test RMSE, for inputs as they are."""

    run: str
    parameters: int
    samples: int
    test: float
    dropped: int  # test points outside of the hull of the samples
    regions: int
    seconds: float
    theta: str


def runs(settings: Settings) -> list[Run]:
    return [Run(panel, method) for panel in _PROBLEMS for method in _METHODS]


def carry_out(run: Run, settings: Settings) -> list[Row]:
    problem, began = _PROBLEMS[run.panel], time.perf_counter()
    data, dropped = problem.data, 0
    if run.method == "simplex":
        theta, parameters = np.empty(0), data.X.size + data.y.size
        test, dropped = simplex_rmse(data)
    else:
        test, theta = _trained(problem, data, run.method == "normalised", settings)
        parameters = theta.size
    return [
        Row(
            run=run.name,
            parameters=parameters,
            samples=problem.samples,
            test=test,
            dropped=dropped,
            regions=problem.regions(theta).n_regions,
            seconds=time.perf_counter() - began,
            theta=" ".join(map(repr, theta.tolist())),
        )
    ]


def _trained(problem: _Problem, data: Data, normalised: bool, settings: Settings):
    """The lowest test RMSE of a training, and the network's parameters there."""
    net = MLP(problem.sizes, "relu")
    inputs = Standardised(data.X) if normalised else Standardised.not_at_all(data.X)
    X_test = inputs(data.X_test)
    lowest = LowestTest(lambda theta: rmse(net.forward(theta, X_test) - data.y_test))
    start = problem.start(normalised)
    options = dict(record_every=settings.test_every, callback=lowest)
    adam(net, inputs(data.X), data.y, start, settings.steps, **options)
    return lowest.error, inputs.into(net, lowest.theta)


def draw(rows: list[Row], settings: Settings):
    by_name = {row.run: row for row in rows}
    figure, axes = new_figure((10.5, 7.2), columns=3, rows=2)
    for line, (panel, problem) in zip(axes, _PROBLEMS.items()):
        for each, method in zip(line, _METHODS):
            row = by_name.get(Run(panel, method).name)
            outcome = "not run yet"
            if row is not None:
                regions = problem.regions(np.array(row.theta.split(), dtype=np.float64))
                regions.plot(each)
                plural = "s"[: row.regions > 1]
                outcome = f"RMSE {row.test:.3g}, {row.regions} linear region{plural}"
            (_finish_line if panel == "1a" else _finish_plane)(each, problem)
            network = f"relu {'-'.join(map(str, problem.sizes))}, {method}"
            kind = "simplex interpolation" if method == "simplex" else network
            each.set_title(f"{kind}\n{outcome}", fontsize=10)
    return figure


def _finish_line(axes, problem: _Problem) -> None:
    x, data = np.linspace(problem.lo[0], problem.hi[0], 400), problem.data
    axes.plot(x, problem.function(x[:, None]), color="#c4c8cc", lw=5, zorder=1, label=problem.label)
    axes.scatter(data.X[:, 0], data.y, s=14, color="#222222", zorder=3, label="samples")
    axes.set(xlabel="x", ylabel="y", ylim=(-1.3, 1.3))
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def _finish_plane(axes, problem: _Problem) -> None:
    (left, bottom), (right, top) = problem.lo, problem.hi
    axes.set(xlabel="x", ylabel="y", xlim=(left, right), ylim=(bottom, top), aspect="equal")


# Titles of the published panels.
_PUBLISHED = {
    "1a unnormalised": 7.82e-2,
    "1a normalised": 2.36e-2,
    "1a simplex": 2.18e-2,
    "1b unnormalised": 0.5355542012134172,
    "1b normalised": 0.05656662349755255,
    "1b simplex": 1.88e-2,
}


def published(rows: list[Row], settings: Settings) -> list[Value]:
    ours = {row.run: row.test for row in rows}
    return [
        Value(f"{name}, test RMSE", value, "read", ours.get(name, np.nan))
        for name, value in _PUBLISHED.items()
    ]
