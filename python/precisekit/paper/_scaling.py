"""Test error against the number of parameters: what Figures 2, 3, 5 and 6 have in common."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..datasets import feynman
from ..estimators import MLPRegressor
from ..modular import PAPER_GRAPHS, ModularMLP, ModularMLPRegressor
from ..network import MLP
from ._training import Data, Standardised, adam, fitted, rmse, simplex_rmse, torch_init

# The paper's: as many parameters as simplex interpolation has with 64, 256 ... 65,536 samples in
# three dimensions.
WIDTHS = {
    2: (51, 204, 819, 3276, 13107, 52428),
    3: (13, 29, 61, 125, 253, 509),
    4: (9, 20, 43, 88, 179, 360),
}
# The paper's depth-t modules in a network of a given depth, as depth // t, and by what each divides
# the width.
_MODULES = {
    "I.8.14": (2, {"A": 2, "B": 2, "C": 1}),
    "II.6.15a": (3, {"R": 3, "M1": 3, "E": 3, "M2": 1, "DIV": 1}),
}

# Networks that Taylor-LM trains have samples in proportion to their parameters.
_TAYLOR_SAMPLES, _LEAST_TAYLOR_SAMPLES = 6, 2000


@dataclass(frozen=True)
class Run:
    """One point of a figure.

    `method` is "simplex", an activation, or that with "modular" before it, for networks trained by
    Adam as in the paper, or "Taylor-LM" or "modular Taylor-LM", for tanh networks. `depth` counts
    affine maps. `samples` are given for interpolation; a network has of the paper's training as
    many as leave interpolation with its number of parameters.
    """

    equation: str
    method: str
    seed: int
    samples: int = 0
    depth: int = 0
    width: int = 0
    batch: int = 0

    @property
    def name(self) -> str:
        size = (
            f"{self.samples} samples"
            if self.method == "simplex"
            else f"depth {self.depth} width {self.width}"
        )
        return f"{self.equation} {self.method} {size} seed {self.seed}"


@dataclass
class Row:
    """Errors are absolute root mean squares, under test in the box shrunk by 0.8."""

    run: str
    equation: str
    method: str
    depth: int
    width: int
    parameters: int
    samples: int
    seed: int
    test: float
    train: float
    dropped: int  # test points outside of the hull of the samples, which do not count
    seconds: float


@dataclass(frozen=True)
class Settings:
    samples: tuple[int, ...]  # of simplex interpolation
    steps: int
    seeds: int
    test_points: int
    taylor_widths: tuple[int, ...]
    taylor_iterations: int


@dataclass(frozen=True)
class SettingsWithSizes(Settings):
    sizes: int  # how many of `WIDTHS`

    def widths(self, depth: int) -> tuple[int, ...]:
        return WIDTHS[depth][: self.sizes]


# What each figure takes, but for what it says itself.
QUICK = SettingsWithSizes(
    samples=(64, 256, 1024, 4096),
    sizes=3,
    steps=4000,
    seeds=1,
    test_points=2000,
    taylor_widths=(4, 8, 14),
    taylor_iterations=60,
)
FULL = SettingsWithSizes(
    samples=(64, 256, 1024, 4096, 16384, 65536, 262144),
    sizes=6,
    steps=20_000,
    seeds=4,
    test_points=30_000,
    taylor_widths=(4, 8, 14, 20, 28, 40),
    taylor_iterations=2000,
)


def sweep(
    equations: Iterable[str], batches: dict[str, int], settings: SettingsWithSizes
) -> list[Run]:
    """Interpolation, Taylor-LM, and networks of each activation in `batches`: all of one size
    before the next, so that a figure that is stopped has the small ones."""
    made = []
    for equation in equations:
        made += simplices(equation, settings)
        made += taylor(equation, "Taylor-LM", 3, settings)
    for k in range(settings.sizes):
        for equation in equations:
            for depth in WIDTHS:
                width = settings.widths(depth)[k : k + 1]
                for activation, batch in batches.items():
                    made += networks(equation, activation, depth, width, settings, batch)
    return made


def simplices(equation: str, settings: Settings) -> list[Run]:
    return [
        Run(equation, "simplex", seed, samples=samples)
        for samples in settings.samples
        for seed in range(settings.seeds)
    ]


def networks(
    equation: str, method: str, depth: int, widths: Iterable[int], settings: Settings, batch: int
) -> list[Run]:
    return [
        Run(equation, method, seed, depth=depth, width=width, batch=batch)
        for width in widths
        for seed in range(settings.seeds)
    ]


def taylor(equation: str, method: str, depth: int, settings: Settings) -> list[Run]:
    return networks(equation, method, depth, settings.taylor_widths, settings, batch=0)


def carry_out(run: Run, settings: Settings) -> list[Row]:
    began = time.perf_counter()
    if run.method == "simplex":
        outcome = _interpolated(run, settings)
    elif run.method.endswith("Taylor-LM"):
        outcome = _taylor(run, settings)
    else:
        outcome = _adam(run, settings)
    return [
        Row(
            run=run.name,
            equation=run.equation,
            method=run.method,
            depth=run.depth,
            width=run.width,
            seed=run.seed,
            seconds=time.perf_counter() - began,
            **outcome,
        )
    ]


def _data(run: Run, samples: int, settings: Settings) -> Data:
    q = feynman(run.equation)
    return Data.drawn(q, q.lo, q.hi, samples, run.seed, settings.test_points)


def _interpolated(run: Run, settings: Settings) -> dict:
    data = _data(run, run.samples, settings)
    test, dropped = simplex_rmse(data)
    return dict(
        parameters=data.X.size + data.y.size,
        samples=run.samples,
        test=test,
        train=0.0,
        dropped=dropped,
    )


@dataclass(frozen=True)
class Training:
    """What the paper's training starts from."""

    net: MLP
    start: np.ndarray
    data: Data
    inputs: Standardised

    @classmethod
    def of(cls, run: Run, settings: Settings) -> Training:
        rng = np.random.RandomState(run.seed)
        if run.method.startswith("modular "):
            net = _modular(run)
            modules = zip(net.inputs, net.hidden_layer_sizes)
            start = np.concatenate([torch_init([len(i), *h, 1], rng) for i, h in modules])
        else:
            net = _dense(run)
            start = torch_init(net.sizes, rng)
        data = _data(run, net.n_params // (net.sizes[0] + 1), settings)
        return cls(net, start, data, Standardised(data.X))

    def run(self, steps: int, batch: int, **options):
        X = self.inputs(self.data.X)
        return adam(self.net, X, self.data.y, self.start, steps, batch, **options)

    def test(self, theta) -> float:
        prediction = self.net.forward(theta, self.inputs(self.data.X_test))
        return rmse(prediction - self.data.y_test)


def _adam(run: Run, settings: Settings) -> dict:
    training = Training.of(run, settings)
    result = training.run(settings.steps, run.batch)
    return dict(
        parameters=training.net.n_params,
        samples=len(training.data.y),
        test=training.test(result.x),
        train=float(np.sqrt(result.fun)),
        dropped=0,
    )


def _dense(run: Run) -> MLP:
    inputs = feynman(run.equation).n_variables
    return MLP([inputs, *[run.width] * (run.depth - 1), 1], run.method)


def _modular(run: Run) -> ModularMLP:
    """One network for each node of the equation's graph, joined without an activation."""
    graph = PAPER_GRAPHS[run.equation]
    levels, divisors = _MODULES[run.equation]
    places = {name: k for k, name in enumerate(graph.variables)}
    places |= {node.name: len(graph.variables) + k for k, node in enumerate(graph.nodes)}
    layers = run.depth // levels - 1
    return ModularMLP(
        len(graph.variables),
        [[places[name] for name in node.inputs] for node in graph.nodes],
        [[run.width // divisors[node.name]] * layers for node in graph.nodes],
        run.method.removeprefix("modular "),
    )


def _taylor(run: Run, settings: Settings) -> dict:
    """Tanh networks, modules all of one width and depth, as the estimators train them."""
    options = dict(max_iter=settings.taylor_iterations, random_state=run.seed)
    if run.method.startswith("modular "):
        layers = run.depth // _MODULES[run.equation][0] - 1
        hidden = [run.width] * layers
        inputs = [len(node.inputs) for node in PAPER_GRAPHS[run.equation].nodes]
        model = ModularMLPRegressor(graph=run.equation, hidden_layer_sizes=hidden, **options)
    else:
        hidden = [run.width] * (run.depth - 1)
        inputs = [feynman(run.equation).n_variables]
        # the network as the paper has it: nothing taken out of the problem, nothing added to it
        options |= dict(find_symmetries=False, input_map="linear")
        model = MLPRegressor(hidden_layer_sizes=hidden, **options)
    parameters = sum(MLP([n, *hidden, 1]).n_params for n in inputs)
    samples = max(_TAYLOR_SAMPLES * parameters, _LEAST_TAYLOR_SAMPLES)
    data = _data(run, samples, settings)
    fitted(model.fit(data.X, data.y))
    return dict(
        parameters=model.report_.n_params,
        samples=samples,
        test=rmse(model.predict(data.X_test) - data.y_test),
        train=model.report_.relative_rmse * rmse(data.y),
        dropped=0,
    )
