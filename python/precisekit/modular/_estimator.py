"""A modular network as an estimator with scikit-learn's interface."""

from __future__ import annotations

import re
import time
import warnings
from dataclasses import dataclass, field

import numpy as np
from numpy.polynomial import Chebyshev
from scipy.optimize import OptimizeResult
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.isotonic import IsotonicRegression
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from .._checks import positive_int
from ..estimators import (
    FitReport,
    check_numbers,
    check_varies,
    checked_samples,
    root_mean_square,
)
from ..input_map import KINDS, InputMap
from ..objective import LeastSquares
from ..optimize import History, minimize, rounding_floor
from ..posing import Posing
from ..symmetry import Symmetries
from ._formula import Formula
from ._graph import PAPER_GRAPHS, Graph, check_names, checked_variables
from ._network import ModularMLP

# The race between input maps and starts: iterations and samples a parameter of each run, and the
# share of time and iterations that all of them may take.
_RACE_ITERATIONS = 40
_RACE_SAMPLES_PER_PARAMETER = 2.0
_RACE_SHARE = 0.5

# The first damping of Taylor-LM: long first steps more often lead to a module that learns nothing.
_DAMPING = 0.1

_DEGREE = 15  # of the polynomial that tells a node from its module's output

_CTRL_C = 6  # status of minimize()


@dataclass
class NodeMatch:
    """How well a module computes what its node does, on the training samples.

    A module's output is determined only up to an invertible map, which the modules that use it
    undo, and it may hold more than the node does (x - y where the node is its square).

    Attributes
    ----------
    name, formula : str
    affine : float
        What an affine map of the node's values leaves of the module's output, relative to its
        standard deviation: zero for a module that is the node but for scale and origin.
    monotone : float
        What the best monotone map of the node's values leaves of the output: zero for a module
        that is an invertible function of the node.
    told : float
        What a polynomial of the module's output (of degree 15) leaves of the node's values: small
        for a module that tells the node, whatever else it holds. A module for which it is near one
        has not learnt its node.
    """

    name: str
    formula: str
    affine: float
    monotone: float
    told: float


@dataclass
class ModularReport(FitReport):
    """A `FitReport` with the graph and, where formulas are known, a `NodeMatch` for each node.

    ``str()`` gives a table of the nodes.
    """

    graph: str = ""
    nodes: list[NodeMatch] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [
            f"{self.network}, {self.n_params:,} parameters, input map {self.input_map}",
            f"relative RMSE {self.relative_rmse:.2e}, rounding floor {self.rounding_floor:.2e}; "
            f"{self.stop_reason}",
            "",
        ]
        if not self.nodes:
            return "\n".join([*lines, self.graph])
        width = max(len(f"{node.name} = {node.formula}") for node in self.nodes)
        lines.append(f"{'':{width}}  left by maps of the node:    of the module:")
        lines.append(f"{'module':{width}}  {'affine':>9} {'monotone':>9} {'polynomial':>15}")
        for node in self.nodes:
            name = f"{node.name} = {node.formula}"
            remainders = f"{node.affine:9.1e} {node.monotone:9.1e} {node.told:15.1e}"
            lines.append(f"{name:{width}}  {remainders}")
        return "\n".join(lines)


class ModularMLPRegressor(RegressorMixin, BaseEstimator):
    """A graph of small networks, fitted by Taylor-LM as one function.

    One network for each node of an expression's graph: it has few parameters where the expression
    has many variables, and what it learns of each node depends on few numbers (Michaud, Liu and
    Tegmark 2022, Figure 3).

    Parameters
    ----------
    expression : str or sympy.Expr, optional
        Such as "sqrt((x1 - x2)**2 + (y1 - y2)**2)"; needs SymPy. `Graph.from_expression` says how
        it is cut into modules. Its constants and operations are not used, only which node depends
        on which.
    graph : Graph, mapping or str, optional
        In place of an expression: a `precisekit.modular.Graph`, the nodes of one, or "I.8.14" or
        "II.6.15a", the two that the paper wired by hand.
    variables : sequence of str, optional
        Names of the columns of X. By default those of a DataFrame; of an array x1 ... xd if that is
        what the expression's names are among, else the expression's names if their alphabetical
        order is that of first use as well. The variables of a `Graph` are in the order given there.
    hidden_layer_sizes : sequence of int, or a sequence of them
        Of every module, or of each.
    activation : str
    order : int
        Order of the curve that Taylor-LM follows.
    max_iter : int
    tol : float
        Stop at this training relative RMSE; 0 goes on to the last digit.
    input_map : {"auto", "linear", "log", "both"}
        As in `MLPRegressor`; with "both", a module that takes a variable takes its logarithm too.
    n_starts : int
        Random starts for each input map, of which the best on held-out points goes on: modules
        that learn the wrong thing at first often stay with it.
    time_limit : float, optional
        Seconds for the whole fit.
    random_state : int, RandomState or None
    verbose : int
        Print a line every `verbose` iterations.

    Attributes
    ----------
    report_ : ModularReport
        As that of `MLPRegressor`, and how well each module matches its node.
    graph_ : Graph
    network_ : ModularMLP
    theta_ : ndarray (P,)
    symmetries_ : Symmetries
        None, always.
    input_map_ : InputMap
    target_scale_ : ndarray (1,)
    n_features_in_ : int
    feature_names_in_ : ndarray of str, where X had them
    """

    def __init__(
        self,
        *,
        expression=None,
        graph=None,
        variables=None,
        hidden_layer_sizes=(10, 10),
        activation="tanh",
        order=16,
        max_iter=10_000,
        tol=0.0,
        input_map="auto",
        n_starts=5,
        time_limit=None,
        random_state=None,
        verbose=0,
    ):
        self.expression = expression
        self.graph = graph
        self.variables = variables
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.order = order
        self.max_iter = max_iter
        self.tol = tol
        self.input_map = input_map
        self.n_starts = n_starts
        self.time_limit = time_limit
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y, sample_weight=None):
        """Fit the graph of networks.

        Parameters
        ----------
        X : array_like or DataFrame (n, d)
        y : array_like (n,)
        sample_weight : array_like (n,), optional

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For an expression with unknown names or functions, unused variables, a graph with a
            loop; for NaN, infinity, empty or constant data, or a parameter out of range.
        ImportError
            For an expression, without SymPy.

        Warns
        -----
        UserWarning
            With fewer samples than parameters, or when Ctrl-C ended the fit; the best parameters
            so far are kept.
        """
        began = time.perf_counter()
        self._check_parameters()
        X, y, weight = checked_samples(self, X, y, sample_weight)
        check_varies(y[:, None])
        self.graph_ = self._resolved(X.shape[1])
        self.target_scale_ = root_mean_square(y[:, None], weight)
        seed = check_random_state(self.random_state).randint(2**31)
        deadline = began + (np.inf if self.time_limit is None else self.time_limit)
        run = _Run(self, X, y / self.target_scale_, weight, seed, deadline)
        self.network_, self.input_map_, result = run.best()
        self.symmetries_ = Symmetries()  # the graph says how the variables belong together
        self.theta_, self.n_iter_ = result.x, result.nit

        P = self.network_.n_params
        if len(y) < P:
            warnings.warn(
                f"fewer samples ({len(y)}) than parameters ({P}): the data do not determine the "
                "fit; use smaller hidden_layer_sizes",
                UserWarning,
                stacklevel=2,
            )
        if result.status == _CTRL_C:
            warnings.warn(f"fit {result.message}", UserWarning, stacklevel=2)
        features = self.input_map_(X)
        self.report_ = ModularReport(
            relative_rmse=result.relative_rmse,
            max_error=float(np.max(np.abs(self._predict(X) - y))),
            rounding_floor=rounding_floor(self.network_, self.theta_, features, 1.0),
            stop_reason=result.message,
            seconds=time.perf_counter() - began,
            n_iter=result.nit,
            n_params=P,
            n_samples=len(X),
            network=f"{self.network_.n_modules} modules",
            input_map=self.input_map_.kind,
            race=run.race,
            interrupted=result.status == _CTRL_C,
            history=result.history,
            graph=str(self.graph_),
            nodes=_matches(self.graph_, X, self.network_.module_outputs(self.theta_, features)),
        )
        return self

    def predict(self, X) -> np.ndarray:
        """Predictions (n,) at ``X`` (n, d)."""
        return self._predict(self._checked(X))

    def predict_gradient(self, X) -> np.ndarray:
        """Derivatives of the predictions with respect to ``X``: (n, d)."""
        X = self._checked(X)
        gradient = self.network_.input_gradient(self.theta_, self.input_map_(X))
        return self.input_map_.pull_back(X, gradient * self.target_scale_[0])

    def node_outputs(self, X) -> dict[str, np.ndarray]:
        """The output of every module at ``X`` (n, d): by the names of the nodes, (n,)."""
        X = self._checked(X)
        outputs = self.network_.module_outputs(self.theta_, self.input_map_(X))
        return {node.name: column for node, column in zip(self.graph_.nodes, outputs.T)}

    @property
    def _posing(self) -> Posing:
        return Posing(self.symmetries_, self.input_map_)

    def _checked(self, X) -> np.ndarray:
        check_is_fitted(self)
        check_numbers(X, "X")
        return validate_data(self, X, dtype=np.float64, reset=False)

    def _predict(self, X: np.ndarray) -> np.ndarray:
        return self.network_.forward(self.theta_, self.input_map_(X)) * self.target_scale_

    def _check_parameters(self) -> None:
        if (self.expression is None) == (self.graph is None):
            raise ValueError("one of expression and graph must be given")
        if self.input_map not in ("auto", *KINDS):
            raise ValueError(f"input_map must be 'auto' or one of {KINDS}, got {self.input_map!r}")
        if self.time_limit is not None and not self.time_limit > 0:
            raise ValueError(f"time_limit must be positive, got {self.time_limit!r}")
        positive_int(self.max_iter, "max_iter")
        positive_int(self.order, "order")
        positive_int(self.n_starts, "n_starts")

    def _resolved(self, d: int) -> Graph:
        """The graph, its variables being the columns of X in their order."""
        variables = self.variables
        if variables is None and hasattr(self, "feature_names_in_"):
            variables = self.feature_names_in_
        if variables is not None:
            variables = checked_variables(variables)
            if len(variables) != d:
                raise ValueError(f"variables must have {d} names, one for each column of X")
        if isinstance(self.graph, str):
            if self.graph not in PAPER_GRAPHS:
                known = ", ".join(map(repr, PAPER_GRAPHS))
                raise ValueError(f"graph must be one of {known}, or nodes, got {self.graph!r}")
            given = PAPER_GRAPHS[self.graph]
        else:
            given = self.graph
        if isinstance(given, Graph):
            if variables is None:
                variables = given.variables
            check_names(given.variables, variables, "graph")
            if len(variables) != d:
                raise ValueError(
                    f"X must have {len(variables)} columns, {', '.join(variables)}, got {d}"
                )
            return Graph({n.name: n.formula or n.inputs for n in given.nodes}, variables)
        if given is not None:
            return Graph(given, variables or _column_names(Graph(given).variables, d, "graph"))
        if variables is None:
            formula = Formula(str(self.expression))
            names = formula.names if isinstance(self.expression, str) else sorted(formula.names)
            variables = _column_names(tuple(names), d, "expression")
        return Graph.from_expression(self.expression, variables)


def _column_names(names: tuple[str, ...], d: int, what: str) -> tuple[str, ...]:
    """The columns of an array without names, for names in the order of first use."""
    numbered = tuple(f"x{k + 1}" for k in range(d))
    if set(names) <= set(numbered):
        return numbered
    if len(names) == d and list(names) == sorted(names, key=_natural):
        return names
    unknown = next(name for name in names if name not in numbered)
    raise ValueError(
        f"{what} has the unknown name {unknown!r}: X is an array of {d} columns without names; "
        "say by variables= which they are, or give a DataFrame"
    )


def _natural(name: str) -> list:
    """A key by which x2 comes before x10."""
    return [(part.isdigit(), int(part) if part.isdigit() else part) for part in _parts(name)]


def _parts(name: str) -> list[str]:
    return re.findall(r"\d+|\D+", name)


@dataclass
class _Raced:
    """One run of the race."""

    net: ModularMLP
    input_map: InputMap
    result: OptimizeResult | None = None
    error: float = np.inf  # relative RMSE on held-out samples


class _Run:
    """The training: a race between input maps and starts, and Taylor-LM from the best of them."""

    def __init__(self, model: ModularMLPRegressor, X, y, weight, seed: int, deadline: float):
        self.model = model
        self.X, self.y, self.weight = X, y, weight
        self.seed, self.began, self.deadline = seed, time.perf_counter(), deadline
        self.race: dict[str, float] = {}  # the smallest error of each map on held-out samples

    def best(self):
        """The network, its input map, and the result of the whole training."""
        kinds = (self.model.input_map,)
        if kinds == ("auto",):
            kinds = InputMap.candidates(self.X)
        lanes = [(kind, start) for start in range(self.model.n_starts) for kind in kinds]
        runs = []
        for kind, start in lanes if len(lanes) > 1 else ():
            runs.append(self._raced(kind, start, len(lanes)))
            if runs[-1].result.status == _CTRL_C:
                break
        if runs:
            first = min(runs, key=lambda run: run.error)
            theta, damping = first.result.x, float(np.clip(first.result.damping, 1e-12, _DAMPING))
        else:
            first = _Raced(*self._posed(kinds[0]))
            theta, damping = first.net.init(self.seed), _DAMPING
        objective = LeastSquares(first.net, first.input_map(self.X), self.y, self.weight)
        if runs and runs[-1].result.status == _CTRL_C:
            result = runs[-1].result
            result.x, result.relative_rmse = theta, objective.relative_rmse(theta)
        else:
            done = sum(run.result.nit for run in runs)
            result = self._minimize(objective, theta, self.model.max_iter - done, damping=damping)
            runs.append(_Raced(first.net, first.input_map, result))
        result.history = _concatenated([run.result.history for run in runs])
        result.nit = int(result.history.iteration[-1])
        return first.net, first.input_map, result

    def _posed(self, kind: str) -> tuple[ModularMLP, InputMap]:
        """The network on the features of an input map: a variable, or it and its logarithm."""
        input_map, graph = InputMap.fit(self.X, kind), self.model.graph_
        features = {name: [k] for k, name in enumerate(graph.variables)}
        if kind == "both":
            for i, column in enumerate(input_map.log_columns):
                features[graph.variables[column]].append(len(graph.variables) + i)
        for i, node in enumerate(graph.nodes):
            features[node.name] = [input_map.n_features + i]
        inputs = [[k for name in node.inputs for k in features[name]] for node in graph.nodes]
        net = ModularMLP(
            input_map.n_features, inputs, self.model.hidden_layer_sizes, self.model.activation
        )
        return net, input_map

    def _raced(self, kind: str, start: int, n_lanes: int) -> _Raced:
        """A short run on a part of the samples, judged on others."""
        net, input_map = self._posed(kind)
        order = np.random.default_rng(self.seed).permutation(len(self.y))
        n_train = min(int(_RACE_SAMPLES_PER_PARAMETER * net.n_params), int(0.8 * len(order)))
        train, held = order[: max(n_train, 1)], order[max(n_train, 1) :]
        features = input_map(self.X)

        def part(rows):
            weight = None if self.weight is None else self.weight[rows]
            return LeastSquares(net, features[rows], self.y[rows], weight)

        share = _RACE_SHARE / n_lanes
        result = self._minimize(
            part(train),
            net.init(self.seed + start),
            min(_RACE_ITERATIONS, int(np.ceil(share * self.model.max_iter))),
            time_limit=share * max(self.deadline - self.began, 1e-3),
        )
        error = part(held).relative_rmse(result.x)
        error = error if np.isfinite(error) else np.inf
        self.race[kind] = min(error, self.race.get(kind, np.inf))
        return _Raced(net, input_map, result, error)

    def _minimize(self, objective, theta, maxiter: int, *, damping=_DAMPING, time_limit=None):
        remaining = max(self.deadline - time.perf_counter(), 1e-3)
        return minimize(
            objective,
            theta,
            order=self.model.order,
            maxiter=max(maxiter, 0),
            tol=self.model.tol,
            time_limit=remaining if time_limit is None else time_limit,
            damping=damping,
            verbose=self.model.verbose,
        )


def _concatenated(histories: list[History]) -> History:
    """One history, in which iterations and seconds go on from one run to the next."""
    iterations, seconds = 0, 0.0
    for history in histories:
        history.iteration = history.iteration + iterations
        history.seconds = history.seconds + seconds
        if len(history.iteration):
            iterations, seconds = history.iteration[-1], history.seconds[-1]
    columns = {name: [vars(h)[name] for h in histories] for name in vars(histories[0])}
    return History(**{name: np.concatenate(parts) for name, parts in columns.items()})


def _matches(graph: Graph, X, outputs) -> list[NodeMatch]:
    """The match of each node whose values are known and finite."""
    with np.errstate(all="ignore"):
        values = graph.values(X)
    matches = []
    for node, output in zip(graph.nodes, outputs.T):
        truth = values.get(node.name)
        if truth is None or not np.isfinite(truth).all() or np.ptp(truth) == 0:
            continue
        truth = (truth - truth.mean()) / truth.std()
        output = output - output.mean()
        spread = output.std()
        if spread == 0:
            continue
        output = output / spread
        affine = output - truth * np.mean(truth * output)
        monotone = [
            output - IsotonicRegression(increasing=rising).fit_transform(truth, output)
            for rising in (True, False)
        ]
        degree = min(_DEGREE, len(output) // 10)
        told = truth - Chebyshev.fit(output, truth, degree)(output)
        matches.append(
            NodeMatch(
                node.name,
                node.formula,
                affine=_root_mean_square(affine),
                monotone=min(map(_root_mean_square, monotone)),
                told=_root_mean_square(told),
            )
        )
    return matches


def _root_mean_square(values) -> float:
    return float(np.sqrt(np.mean(values**2)))
