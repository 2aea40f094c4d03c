"""What a training run is given and what it comes to: samples, settings, models, states."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace

import numpy as np
from scipy.optimize import OptimizeResult

from ..network import MLP
from ..objective import LeastSquares
from ..optimize import History
from ..posing import Posing

# Iterations without a gain on the held-out samples after which a fit only learns their noise.
_PATIENCE = 40


@dataclass
class Data:
    """Samples in random order: inputs (n, d), scaled targets (n, m), weights (n,) or None."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, rows: slice) -> Data:
        weight = None if self.weight is None else self.weight[rows]
        return Data(self.X[rows], self.y[rows], weight)

    def posed(self, posing: Posing) -> Data:
        """What the network is to learn; weights keep the errors those of the function itself."""
        features, factor = posing(self.X)
        if not posing.symmetries:
            return Data(features, self.y, self.weight)
        weight = factor**2 if self.weight is None else self.weight * factor**2
        return Data(features, self.y / factor[:, None], weight)

    def objective(self, net: MLP) -> LeastSquares:
        return LeastSquares(net, self.X, self.y, self.weight)


@dataclass
class Settings:
    """What all runs of a fit share. ``callback(state)`` ends the fit by returning True; the state
    is that of `minimize` with the fields net and input_map added."""

    order: int
    maxiter: int
    tol: float
    method: str = "taylor-lm"
    options: dict = field(default_factory=dict)  # of the method
    began: float = field(default_factory=time.perf_counter)
    deadline: float = np.inf  # on time.perf_counter()
    verbose: int = 0
    n_restarts: int = 0
    callback: Callable[[OptimizeResult], bool] | None = None

    def remaining(self) -> float:
        return max(self.deadline - time.perf_counter(), 1e-3)


@dataclass
class Model:
    """A network with its parameters, and how the function is put to it."""

    net: MLP
    posing: Posing
    theta: np.ndarray
    damping: float = 1e-3
    error: float = np.inf  # relative RMSE on samples that the network has not seen
    looked_at: float = 1.0  # relative RMSE on its own samples when symmetries were last sought
    result: OptimizeResult | None = None
    race: dict[str, float] = field(default_factory=dict)  # error of each map on unseen samples


@dataclass
class State:
    """Of a fit under way, as a file may hold it: plain facts, and arrays; models that are
    finished, where there are some."""

    facts: dict
    arrays: dict[str, np.ndarray]
    finished: list = field(default_factory=list)

    @classmethod
    def after(cls, results: list[OptimizeResult], seconds: float) -> State:
        """What all runs have: that they took so long and passed through this."""
        history = History.joined(result.history for result in results)
        facts = {"n_iter": sum(result.nit for result in results), "seconds": seconds}
        return cls(facts, {f"history_{name}": column for name, column in vars(history).items()})

    def result(self) -> OptimizeResult:
        """All that came before, as one result of the run that goes on."""
        history = History(**{f.name: self.arrays[f"history_{f.name}"] for f in fields(History)})
        nit = self.facts["n_iter"]
        return OptimizeResult(nit=nit, history=history, status=None, message="resumed")


@dataclass
class StageReport:
    """One network of a boosted fit.

    Attributes
    ----------
    relative_rmse : float
        Of the sum of all networks up to this one, on all training samples.
    scale : float
        Size of what the network was fitted to, in targets of root mean square 1.
    frequency : float or None
        What the weights of its first layer started from, by unit of the mapped inputs.
    n_iter : int
    seconds : float
    stop_reason : str
    """

    relative_rmse: float
    scale: float
    frequency: float | None
    n_iter: int
    seconds: float
    stop_reason: str


class HeldOut:
    """Samples that judge every iterate; the best one is kept."""

    def __init__(self, data: Data, target: float):
        self.data = data
        self.target = target
        self.error = np.inf  # relative RMSE of the best iterate
        self.best: Model | None = None
        self.message = ""
        self.milestone, self.iterations_since = np.inf, 0
        self._posing: Posing | None = None
        self._objective: LeastSquares | None = None

    def judge(self, model: Model, theta: np.ndarray) -> bool:
        """Takes an iterate into account; True when there is no use in going on."""
        if self._posing is not model.posing:
            self._posing = model.posing
            self._objective = self.data.posed(model.posing).objective(model.net)
        error = self._objective.relative_rmse(theta)
        self.iterations_since += 1
        if error < 0.9 * self.milestone:
            self.milestone, self.iterations_since = error, 0
        if error < self.error:
            self.error = error
            self.best = replace(model, theta=theta.copy())
        # Half the target: new samples are seldom as kind as those that chose the iterate.
        if self.error <= 0.5 * self.target:
            self.message = "target reached on the held-out samples"
        elif self.iterations_since > _PATIENCE:
            self.message = "no more gain on the held-out samples"
        return bool(self.message)
