"""How an estimator trains its network: a race between input maps, then growing sets of samples."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import OptimizeResult

from .input_map import InputMap
from .network import MLP
from .objective import LeastSquares
from .optimize import History, minimize
from .optimize._result import CALLBACK, CTRL_C, TIME_LIMIT

# A stage starts on this many samples per parameter. When the error on as many further samples
# exceeds _GAP times the error on its own, it has learnt what they tell: the set is doubled.
_SAMPLES_PER_PARAMETER = 1.3
_GAP = 2.0
# A warm start on more samples wants more damping than the last stage ended with.
_DAMPING_AFTER_GROWTH = 10.0

# The Jacobian and the Taylor series of all samples at once must fit in memory: 3.2 GB.
_MOST_DOUBLES = 4e8

# Fewer iterations than this misrank the input maps; more samples do not rank them better.
_RACE_ITERATIONS = 40
_RACE_SAMPLES_PER_PARAMETER = 2.0
_RACE_HELD_OUT = 2000
_RACE_SHARE = 0.12  # of the time limit and of the iterations, for each map
_RACE_FEWEST = 3  # iterations; where time allows no more the first map is kept
_RACE_WON = 1e-14  # nothing to gain by trying another map

# Iterations without a gain on the held-out samples after which a fit only learns their noise.
_PATIENCE = 40

_TIME_LIMIT, _CALLBACK, _CTRL_C = TIME_LIMIT[0], CALLBACK[0], CTRL_C[0]  # status of minimize()


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

    def through(self, input_map: InputMap) -> Data:
        return Data(input_map(self.X), self.y, self.weight)

    def objective(self, net: MLP) -> LeastSquares:
        return LeastSquares(net, self.X, self.y, self.weight)


@dataclass
class Settings:
    """What all runs of a fit share. ``callback(state)`` ends the fit by returning True; the state
    is that of `minimize` with the fields net and input_map added."""

    order: int
    maxiter: int
    tol: float
    deadline: float = np.inf  # on time.perf_counter()
    verbose: int = 0
    callback: Callable[[OptimizeResult], bool] | None = None

    def remaining(self) -> float:
        return max(self.deadline - time.perf_counter(), 1e-3)


@dataclass
class Model:
    """A network with its parameters, behind its input map."""

    net: MLP
    input_map: InputMap
    theta: np.ndarray
    damping: float = 1e-3
    result: OptimizeResult | None = None
    race: dict[str, float] = field(default_factory=dict)  # error of each map on unseen samples


class HeldOut:
    """Samples that judge every iterate; the best one is kept."""

    def __init__(self, data: Data, target: float):
        self.data = data
        self.target = target
        self.error = np.inf  # relative RMSE of the best iterate
        self.best: Model | None = None
        self.message = ""
        self._milestone, self._iterations_since = np.inf, 0
        self._objectives: dict[str, LeastSquares] = {}

    def judge(self, model: Model, theta: np.ndarray) -> bool:
        """Takes an iterate into account; True when there is no use in going on."""
        kind = model.input_map.kind
        if kind not in self._objectives:
            self._objectives[kind] = self.data.through(model.input_map).objective(model.net)
        error = self._objectives[kind].relative_rmse(theta)
        self._iterations_since += 1
        if error < 0.9 * self._milestone:
            self._milestone, self._iterations_since = error, 0
        if error < self.error:
            self.error = error
            self.best = replace(model, theta=theta.copy())
        # Half the target: new samples are seldom as kind as those that chose the iterate.
        if self.error <= 0.5 * self.target:
            self.message = "target reached on the held-out samples"
        elif self._iterations_since > _PATIENCE:
            self.message = "no more gain on the held-out samples"
        return bool(self.message)


class Run:
    """One fit: a clock, the iterations so far, and the history of all stages."""

    def __init__(self, settings: Settings, held_out: HeldOut | None = None):
        self.settings = settings
        self.held_out = held_out
        self.began = time.perf_counter()
        self.results: list[OptimizeResult] = []
        self.model: Model | None = None  # what an interruption between two stages leaves
        self.interrupted = False

    def train(self, data: Data, make_net: Callable[[int], MLP], input_map: str, seed: int) -> Model:
        """Fit a network to ``data``, with the input map given or, for "auto", the winner of a
        race; ``make_net(n_features)`` gives the architecture."""
        kinds = InputMap.candidates(data.X) if input_map == "auto" else (input_map,)
        try:
            if len(kinds) > 1:
                self.model = self._race(kinds, data, make_net, seed)
            else:
                self.model = _start(kinds[0], data, make_net, seed)
            if not self.results or self.results[-1].status not in (_CALLBACK, _CTRL_C):
                self._grow(self.model, data.through(self.model.input_map))
        except KeyboardInterrupt:  # between two stages; within one, minimize() sees it
            if not self.results:
                raise
            self.interrupted = True
        return self._summed_up(self.model, data)

    def _race(self, kinds, data: Data, make_net, seed: int) -> Model:
        """Short fits with each input map, judged on samples that they have not seen."""
        best, errors = None, {}
        settings = self.settings
        for kind in kinds:
            model = _start(kind, data, make_net, seed)
            n_train = int(_RACE_SAMPLES_PER_PARAMETER * model.net.n_params)
            n_train = min(n_train, max(1, int(0.8 * len(data))))
            posed = data[: n_train + _RACE_HELD_OUT].through(model.input_map)
            self.settings = replace(
                settings,
                maxiter=self._iterations()
                + min(_RACE_ITERATIONS, int(np.ceil(_RACE_SHARE * settings.maxiter))),
                deadline=time.perf_counter() + _RACE_SHARE * settings.remaining(),
            )
            status = self._stage(model, posed[:n_train])
            self.settings = settings
            judges = posed[n_train:] if n_train < len(data) else posed
            errors[kind] = judges.objective(model.net).relative_rmse(model.theta)
            if best is None or errors[kind] < errors[best.input_map.kind]:
                best = self.model = model
            too_slow = status == _TIME_LIMIT and self.results[-1].nit < _RACE_FEWEST
            if status in (_CALLBACK, _CTRL_C) or errors[kind] < _RACE_WON or too_slow:
                break
        best.race = errors
        return best

    def _grow(self, model: Model, data: Data) -> None:
        """Fit on ever larger leading parts of the data, at last on all of it.

        (or on as many as fit in memory: hundreds of samples a parameter say all there is to say.)
        Early iterations on few samples cost little, and the test on the next block of samples
        keeps them from learning what does not generalise.
        """
        data = data[: _most_samples(model.net, self.settings.order)]
        size = int(_SAMPLES_PER_PARAMETER * model.net.n_params / model.net.sizes[-1])
        while size < len(data) / _SAMPLES_PER_PARAMETER:
            unseen = data[size : 2 * size].objective(model.net)
            status = self._stage(model, data[:size], unseen, self.held_out)
            if status in (_TIME_LIMIT, _CALLBACK, _CTRL_C):
                return
            model.damping = np.clip(model.damping * _DAMPING_AFTER_GROWTH, 1e-26, 1e-3)
            size *= 2
        self._stage(model, data, judge=self.held_out)

    def _stage(
        self,
        model: Model,
        data: Data,
        unseen: LeastSquares | None = None,
        judge: HeldOut | None = None,
    ) -> int | None:
        """Continue ``model`` on ``data`` until it stops, opens a gap on ``unseen`` samples, or the
        judge ends it.

        Returns the status, None for a gap.
        """
        settings, gap = self.settings, False
        iterations, seconds = self._iterations(), time.perf_counter() - self.began

        def callback(state):
            nonlocal gap
            if settings.callback is not None:
                shown = OptimizeResult(state, net=model.net, input_map=model.input_map)
                shown.update(nit=state.nit + iterations, seconds=state.seconds + seconds)
                if settings.callback(shown):
                    return True
            if judge is not None and judge.judge(model, state.x):
                return True
            error = state.relative_rmse
            if unseen is not None and state.nit >= (3 if error < 0.1 else 10):
                gap = unseen.relative_rmse(state.x) > _GAP * error
            return gap

        result = minimize(
            data.objective(model.net),
            model.theta,
            order=settings.order,
            maxiter=max(settings.maxiter - iterations, 0),
            tol=settings.tol if unseen is None else 0.0,
            time_limit=settings.remaining(),
            damping=model.damping,
            callback=callback,
            verbose=settings.verbose,
        )
        result.history.iteration += iterations
        result.history.seconds += seconds
        self.results.append(result)
        model.theta, model.damping, model.result = result.x, result.damping, result
        self.model = self.model or model
        return None if gap else result.status

    def _iterations(self) -> int:
        return sum(result.nit for result in self.results)

    def _summed_up(self, model: Model, data: Data) -> Model:
        """The best model, with the figures on all samples and the history of the whole run."""
        last, stages = self.results[-1], [vars(result.history) for result in self.results]
        held_out = self.held_out
        if held_out is not None:
            if held_out.best is None:  # ended before the judge was asked
                held_out.judge(model, model.theta)
            model = replace(held_out.best, race=model.race)
        objective = data.through(model.input_map).objective(model.net)
        status, reason = last.status, last.message
        if self.interrupted:
            status, reason = CTRL_C
        elif held_out is not None and held_out.message and status != _CTRL_C:
            reason = held_out.message
        model.result = OptimizeResult(
            x=model.theta,
            relative_rmse=objective.relative_rmse(model.theta),
            nit=self._iterations(),
            status=status,
            message=reason,
            history=History(
                **{name: np.concatenate([stage[name] for stage in stages]) for name in stages[0]}
            ),
        )
        return model


def _most_samples(net: MLP, order: int) -> int:
    """How many samples a run of Taylor-LM can hold in memory."""
    for_each = net.sizes[-1] * net.n_params + 3 * (order + 1) * sum(net.sizes[1:-1])
    return int(_MOST_DOUBLES / for_each)


def _start(kind: str, data: Data, make_net, seed: int) -> Model:
    input_map = InputMap.fit(data.X, kind)
    net = make_net(input_map.n_features)
    return Model(net, input_map, net.init(seed))
