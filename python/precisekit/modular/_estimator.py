"""A modular network as an estimator with scikit-learn's interface."""

from __future__ import annotations

import re
import time
import warnings
from copy import copy
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import OptimizeResult
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from .._checks import positive_int, positive_number
from ..estimators import (
    FitReport,
    check_numbers,
    check_varies,
    checked_samples,
    root_mean_square,
)
from ..export import Exportable
from ..fit_checkpoint import Checkpoints, identity
from ..input_map import KINDS
from ..optimize import rounding_floor
from ..optimize._result import CTRL_C
from ..posing import Posing
from ..symmetry import Symmetries
from ._formula import Formula
from ._graph import PAPER_GRAPHS, Graph, check_names, checked_variables
from ._matches import NodeMatch, matches
from ._run import Lane, Run


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


class ModularMLPRegressor(Exportable, RegressorMixin, BaseEstimator):
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

    def fit(self, X, y, sample_weight=None, *, checkpoint=None, resume=None):
        """Fit the graph of networks.

        Parameters
        ----------
        X : array_like or DataFrame (n, d)
        y : array_like (n,)
        sample_weight : array_like (n,), optional
        checkpoint, resume : path, optional
            As of `MLPRegressor.fit`: what is found there is the input map and the start that won
            the race, with its parameters so far.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For an expression with unknown names or functions, unused variables, a graph with a
            loop; for NaN, infinity, empty or constant data, or a parameter out of range; for a
            checkpoint of another fit, naming the difference, or one that is damaged.
        OSError
            When a checkpoint cannot be read, or the first one not be written.
        ImportError
            For an expression, without SymPy.

        Warns
        -----
        UserWarning
            With fewer samples than parameters, or when Ctrl-C ended the fit; the best parameters
            so far are kept.
        RuntimeWarning
            When a later checkpoint cannot be written.
        """
        began = time.perf_counter()
        self._check_parameters()
        X, y, weight = checked_samples(self, X, y, sample_weight)
        check_varies(y[:, None])
        self.graph_ = self._resolved(X.shape[1])
        self.target_scale_ = root_mean_square(y[:, None], weight)
        checkpoints = Checkpoints(checkpoint, resume)
        random_state = checkpoints.seed(self.random_state)
        earlier = checkpoints.earlier(lambda: self._identity(random_state, X, y, weight))
        seed = check_random_state(random_state).randint(2**31)

        def keep(so_far):
            checkpoints.keep(lambda: snapshot(*so_far()))

        def snapshot(lane, result, state):
            return copy(self)._take(lane, result, run, X, y), state

        targets = y / self.target_scale_
        run = Run(self, X, targets, weight, seed, began, keep if checkpoints.writes else None)
        lane, result = run.best(earlier)
        self._take(lane, result, run, X, y)
        checkpoints.keep(lambda: (self, run.state()), now=True)

        P = self.network_.n_params
        if len(y) < P:
            warnings.warn(
                f"fewer samples ({len(y)}) than parameters ({P}): the data do not determine the "
                "fit; use smaller hidden_layer_sizes",
                UserWarning,
                stacklevel=2,
            )
        if self.report_.interrupted:
            warnings.warn(f"fit {self.report_.stop_reason}", UserWarning, stacklevel=2)
        return self

    def _identity(self, random_state: int, X, y, weight) -> dict:
        """With the graph in place of the ways in which it may be given."""
        known = identity(self, random_state, X, y, weight)
        for name in ("expression", "graph", "variables"):
            del known[name]
        return known | {"graph": self.graph_.mapping, "variables": self.graph_.variables}

    def _take(self, lane: Lane, result: OptimizeResult, run: Run, X, y) -> ModularMLPRegressor:
        """What a run, at its end or amid it, has come to on the samples X, y."""
        self.network_, self.input_map_ = lane.net, lane.input_map
        self.symmetries_ = Symmetries()  # the graph says how the variables belong together
        self.theta_, self.n_iter_ = result.x, result.nit
        features = self.input_map_(X)
        self.report_ = ModularReport(
            relative_rmse=result.relative_rmse,
            max_error=float(np.max(np.abs(self._predict(X) - y))),
            rounding_floor=rounding_floor(self.network_, self.theta_, features, 1.0),
            stop_reason=result.message,
            seconds=run.seconds(),
            n_iter=result.nit,
            n_params=self.network_.n_params,
            n_samples=len(X),
            network=f"{self.network_.n_modules} modules",
            input_map=self.input_map_.kind,
            race=run.race,
            interrupted=result.status == CTRL_C[0],
            history=result.history,
            graph=str(self.graph_),
            nodes=matches(self.graph_, X, self.network_.module_outputs(self.theta_, features)),
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
        if self.time_limit is not None:
            positive_number(self.time_limit, "time_limit")
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
            return Graph(given.mapping, variables)
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
