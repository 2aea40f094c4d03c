"""The training of a modular network: a race between input maps and starts, then Taylor-LM."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import OptimizeResult

from ..input_map import InputMap
from ..objective import LeastSquares
from ..optimize import History, minimize
from ..optimize._result import CTRL_C, Trace
from ..training import State
from ._graph import Graph
from ._network import ModularMLP

if TYPE_CHECKING:
    from ._estimator import ModularMLPRegressor

# The race between input maps and starts: iterations and samples a parameter of each run, and the
# share of time and iterations that all of them may take.
_RACE_ITERATIONS = 40
_RACE_SAMPLES_PER_PARAMETER = 2.0
_RACE_SHARE = 0.5

# The first damping of Taylor-LM: long first steps more often lead to a module that learns nothing.
_DAMPING = 0.1

_LANE_FACTS = ("damping", "error", "nit")  # that a state holds


def network_on(graph: Graph, input_map: InputMap, hidden_layer_sizes, activation) -> ModularMLP:
    """The network on the features of an input map: for a variable, it or it and its logarithm."""
    features = {name: [k] for k, name in enumerate(graph.variables)}
    if input_map.kind == "both":
        for i, column in enumerate(input_map.log_columns):
            features[graph.variables[column]].append(len(graph.variables) + i)
    for i, node in enumerate(graph.nodes):
        features[node.name] = [input_map.n_features + i]
    inputs = [[k for name in node.inputs for k in features[name]] for node in graph.nodes]
    return ModularMLP(input_map.n_features, inputs, hidden_layer_sizes, activation)


@dataclass
class Lane:
    """One start with one input map."""

    net: ModularMLP
    input_map: InputMap
    theta: np.ndarray
    damping: float = _DAMPING
    error: float = np.inf  # relative RMSE on held-out samples
    nit: int = 0


class Run:
    """The training: a race between input maps and starts, and Taylor-LM from the best of them."""

    def __init__(self, model: ModularMLPRegressor, X, y, weight, seed: int, began: float, keep):
        self.model = model
        self.X, self.y, self.weight = X, y, weight
        self.seed, self.began = seed, began
        self._time_limit = np.inf if model.time_limit is None else model.time_limit
        self._deadline = began + self._time_limit
        self._keep = keep
        self._results: list[OptimizeResult] = []  # one after the other
        self._finished: list[Lane] = []  # of the race
        self._begun: Lane | None = None  # the lane of the race that has been cut
        self._at_work: Lane | None = None  # after it

    def best(self, earlier: State | None) -> tuple[Lane, OptimizeResult]:
        """Network, input map and parameters, and the result of the whole training."""
        if earlier is not None:
            self._restore(earlier)
        before = self._iterations()
        lane = self._at_work or self._winner()
        if not self._interrupted:
            self._at_work = lane
            done = self._iterations() - before
            self._minimize(lane, self._objective(lane), self.model.max_iter - done)
        return lane, self._summed_up(lane, self._results)

    @property
    def race(self) -> dict[str, float]:
        """The smallest error of each map on held-out samples."""
        errors: dict[str, float] = {}
        for lane in self._finished:
            kind = lane.input_map.kind
            errors[kind] = min(lane.error, errors.get(kind, np.inf))
        return errors

    def _winner(self) -> Lane:
        """The lane that wins the race."""
        kinds = (self.model.input_map,)
        if kinds == ("auto",):
            kinds = InputMap.candidates(self.X)
        lanes = [(kind, start) for start in range(self.model.n_starts) for kind in kinds]
        if len(lanes) == 1:
            return self._lane(*lanes[0])
        for kind, start in lanes[len(self._finished) :]:
            lane = self._begun or self._lane(kind, start)
            self._begun = None
            self._run_lane(lane, len(lanes))
            if self._interrupted:
                self._begun = lane
                return _leader([*self._finished, lane])
            self._finished.append(lane)
        return _leader(self._finished)

    def _lane(self, kind: str, start: int) -> Lane:
        input_map, model = InputMap.fit(self.X, kind), self.model
        net = network_on(model.graph_, input_map, model.hidden_layer_sizes, model.activation)
        return Lane(net, input_map, net.init(self.seed + start))

    def _run_lane(self, lane: Lane, n_lanes: int) -> None:
        """A short run on a part of the samples, judged on others."""
        order = np.random.default_rng(self.seed).permutation(len(self.y))
        n_train = min(int(_RACE_SAMPLES_PER_PARAMETER * lane.net.n_params), int(0.8 * len(order)))
        train, held = order[: max(n_train, 1)], order[max(n_train, 1) :]
        share = _RACE_SHARE / n_lanes
        self._minimize(
            lane,
            self._objective(lane, train),
            min(_RACE_ITERATIONS, int(np.ceil(share * self.model.max_iter))) - lane.nit,
            time_limit=share * self._time_limit,
        )
        lane.damping = float(np.clip(lane.damping, 1e-12, _DAMPING))
        error = self._objective(lane, held).relative_rmse(lane.theta)
        lane.error = error if np.isfinite(error) else np.inf

    def _objective(self, lane: Lane, rows=slice(None)) -> LeastSquares:  # noqa: B008
        weight = None if self.weight is None else self.weight[rows]
        return LeastSquares(lane.net, lane.input_map(self.X)[rows], self.y[rows], weight)

    def _minimize(self, lane: Lane, objective, maxiter: int, time_limit=None) -> None:
        """Go on in a lane."""
        iterations, seconds, trace = self._iterations(), self.seconds(), Trace()

        def callback(state):
            trace.add(state)
            self._keep(lambda: self._so_far(lane, trace, placed(trace.result)))
            return False

        def placed(result):
            """With its history as that of a part of the run."""
            result.history = result.history.after(iterations, seconds)
            return result

        remaining = max(self._deadline - time.perf_counter(), 1e-3)
        result = minimize(
            objective,
            lane.theta,
            order=self.model.order,
            maxiter=max(maxiter, 0),
            tol=self.model.tol,
            time_limit=remaining if time_limit is None else time_limit,
            damping=lane.damping,
            callback=None if self._keep is None else callback,
            verbose=self.model.verbose,
        )
        self._results.append(placed(result))
        lane.theta, lane.damping, lane.nit = result.x, result.damping, lane.nit + result.nit

    def _iterations(self) -> int:
        return sum(result.nit for result in self._results)

    def seconds(self) -> float:
        return time.perf_counter() - self.began

    @property
    def _interrupted(self) -> bool:
        return bool(self._results) and self._results[-1].status == CTRL_C[0]

    def _summed_up(self, lane: Lane, results: list[OptimizeResult]) -> OptimizeResult:
        """With the error on all samples and the history of the whole run."""
        return OptimizeResult(
            x=lane.theta,
            relative_rmse=self._objective(lane).relative_rmse(lane.theta),
            nit=sum(result.nit for result in results),
            status=results[-1].status,
            message=results[-1].message,
            history=History.joined(result.history for result in results),
        )

    # -- what outlives the process -----------------------------------------------------------------

    def state(self) -> State:
        """From which `best` goes on."""
        return self._state(self._at_work or self._begun, self._results)

    def _so_far(self, lane: Lane, trace: Trace, result: OptimizeResult):
        """The best lane, the result and the state amid a call of `_minimize`."""
        results = [*self._results, result]
        advanced = replace(lane, theta=trace.x, damping=trace.damping, nit=lane.nit + result.nit)
        racing = self._at_work is None and self._finished
        best = _leader(self._finished) if racing else advanced
        return best, self._summed_up(best, results), self._state(advanced, results)

    def _state(self, last: Lane, results: list[OptimizeResult]) -> State:
        """``last`` is the lane at work, of the race or after it."""
        state, lanes = State.after(results, self.seconds()), [*self._finished, last]
        state.facts |= {
            "raced": self._at_work is not None,
            "lanes": [
                {"kind": lane.input_map.kind} | {name: getattr(lane, name) for name in _LANE_FACTS}
                for lane in lanes
            ],
        }
        state.arrays |= {f"lane_{k}": lane.theta for k, lane in enumerate(lanes)}
        return state

    def _restore(self, state: State) -> None:
        facts, arrays = state.facts, state.arrays
        self._results = [state.result()]
        self.began -= facts["seconds"]
        lanes = [self._lane(known["kind"], 0) for known in facts["lanes"]]
        for k, (lane, known) in enumerate(zip(lanes, facts["lanes"])):
            lane.theta = arrays[f"lane_{k}"]
            for name in _LANE_FACTS:
                setattr(lane, name, known[name])
        *self._finished, last = lanes
        if facts["raced"]:
            self._at_work = last
        else:
            self._begun = last


def _leader(lanes: list[Lane]) -> Lane:
    return min(lanes, key=lambda lane: lane.error)
