"""Estimators with scikit-learn's interface."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils import check_random_state, check_X_y
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from . import training
from ._checks import check_finite, check_kind, positive_int, positive_number, without_scale
from .export import Exportable
from .fit_checkpoint import Checkpoints, identity
from .input_map import KINDS
from .network import MLP
from .optimize import METHODS, History, rounding_floor
from .optimize._result import CTRL_C
from .posing import Posing
from .symmetry import Symmetries

if TYPE_CHECKING:
    from .selection import Choice

# What the estimator itself tells the solver, and the parameters that say it.
_PARAMETER_OF_OPTION = {
    "maxiter": "max_iter",
    "tol": "tol",
    "time_limit": "time_limit",
    "verbose": "verbose",
    "order": "order",
    "callback": "none: the estimator has its own",
    "checkpoint": "checkpoint of fit",
    "resume": "resume of fit",
}


@dataclass
class FitReport:
    """What a fit reached, and why it stopped there.

    Attributes
    ----------
    relative_rmse : float
        Root mean square of the training residuals over that of the targets.
    max_error : float
        Largest absolute training residual, in the units of y.
    rounding_floor : float
        The part of `relative_rmse` that rounding in the forward pass alone would cause.
    stop_reason : str
    seconds : float
    n_iter, n_params, n_samples : int
    network, input_map : str
    structure : str
        The symmetries that were found, such as "m F(x2 - x1, t/T)"; empty without any.
    race : dict
        Relative RMSE of each input map in the race between them; empty without a race.
    held_out_rmse : float or None
        Relative RMSE on the samples that `precisekit.fit` held out.
    interrupted : bool
        Whether Ctrl-C ended the fit.
    stages : list of StageReport
        For each network of a boosted fit, in order: relative_rmse (after it), scale, frequency,
        n_iter, seconds, stop_reason.
    history : History
        One entry an iteration: iteration, seconds, fun, relative_rmse, damping, stage. The errors
        are those of the whole model so far.
    choice : precisekit.selection.Choice or None
        What `precisekit.fit` tried, and why it chose this.
    """

    relative_rmse: float
    max_error: float
    rounding_floor: float
    stop_reason: str
    seconds: float
    n_iter: int
    n_params: int
    n_samples: int
    network: str
    input_map: str
    structure: str = ""
    race: dict[str, float] = field(default_factory=dict)
    held_out_rmse: float | None = None
    interrupted: bool = False
    stages: list[training.StageReport] = field(default_factory=list)
    history: History | None = field(default=None, repr=False)
    choice: Choice | None = None

    def __str__(self) -> str:
        from .report import in_words

        return in_words(self)


class MLPRegressor(Exportable, MultiOutputMixin, RegressorMixin, BaseEstimator):
    """A small network fitted to the last digits of float64.

    Inputs are mapped onto [-1, 1] and targets to root mean square one inside; predictions and
    derivatives are in the units of the data.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int
    activation : str or sequence of str
        "tanh", "sin", "sigmoid", "gelu", "relu" (first-order steps only) or "identity".
    solver : str
        A method of `precisekit.minimize`. Taylor-LM trains on growing sets of samples, the others
        on all of them at once. The race between input maps is always Taylor-LM's.
    solver_options : dict, optional
        Options of that method.
    n_stages : int
        Number of networks trained one after the other, each on what those before have left over,
        and merged into one (`precisekit.merge`): boosting. Pays for solvers that stall, as BFGS
        does, in few dimensions. Later stages are not begun at the rounding floor, and dropped when
        they gain nothing.
    stage_activation : {"sin", "same"}
        First layer of the later stages. "sin": sines that start from the dominant frequency of
        what is left over (multi-stage networks; Wang and Lai, 2024). "same": that of the first
        stage (boosting as in Michaud, Liu and Tegmark, 2022), which gains less by far in as many
        iterations.
    order : int
        Order of the curve that Taylor-LM follows.
    max_iter : int
        Of each stage, and of each start.
    n_restarts : int
        Further starts of the first stage, each from other random parameters, where it ends above
        `tol` and the rounding floor and there is time left. The best is kept.
    tol : float
        Stop at this training relative RMSE; 0 goes on to the last digit.
    input_map : {"auto", "linear", "log", "both"}
        "linear": the bounding box onto [-1, 1]; "log": the logarithms of positive inputs;
        "both": one after the other. "auto" races them on held-out points.
    find_symmetries : bool
        Take variables out of the problem where the function is found to have exact symmetries:
        differences of variables in place of both, powers of variables that units call for
        (`precisekit.symmetry`). Kept only where it does better on samples not seen.
    time_limit : float, optional
        Seconds for the whole fit; stages share equally what is left, and the starts of the first
        stage what it has.
    random_state : int, RandomState or None
    verbose : int
        Print a line every `verbose` iterations.

    Attributes
    ----------
    report_ : FitReport
    network_ : MLP
    theta_ : ndarray (P,)
    symmetries_ : Symmetries
        ``str(model.symmetries_)`` tells them in words; none is the common case.
    input_map_ : InputMap
        Of the variables that the symmetries leave.
    target_scale_ : ndarray (n_outputs,)
    n_features_in_ : int
    feature_names_in_ : ndarray of str, where X had them
    """

    def __init__(
        self,
        *,
        hidden_layer_sizes=(20, 20),
        activation="tanh",
        solver="taylor-lm",
        solver_options=None,
        n_stages=1,
        stage_activation="sin",
        order=16,
        max_iter=10_000,
        n_restarts=0,
        tol=0.0,
        input_map="auto",
        find_symmetries=True,
        time_limit=None,
        random_state=None,
        verbose=0,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.solver_options = solver_options
        self.n_stages = n_stages
        self.stage_activation = stage_activation
        self.order = order
        self.max_iter = max_iter
        self.n_restarts = n_restarts
        self.tol = tol
        self.input_map = input_map
        self.find_symmetries = find_symmetries
        self.time_limit = time_limit
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y, sample_weight=None, *, checkpoint=None, resume=None):
        """Fit the network.

        Parameters
        ----------
        X : array_like or DataFrame (n, d)
        y : array_like (n,) or (n, n_outputs)
        sample_weight : array_like (n,), optional
        checkpoint : path, optional
            Every few seconds, and at the end, the best model so far and the state of the fit are
            written to this file, which is whole at any time. `precisekit.load` reads the model.
        resume : path, optional
            A checkpoint to go on from, of the same data and parameters; it may be the same file as
            `checkpoint`. Input map, symmetries, finished stages and the samples at work are those
            found there, as are the runs that the race between input maps had finished; what other
            solvers than Taylor-LM learnt of the curvature is learnt anew. The limits max_iter, tol
            and time_limit are those of this call; `report_` counts all parts of the fit.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For NaN, infinity, empty, single or constant data, or a parameter out of range; for a
            checkpoint of another fit, naming the difference, or one that is damaged.
        OSError
            When a checkpoint cannot be read, or the first one not be written.

        Warns
        -----
        UserWarning
            With fewer samples than parameters, equal inputs with different targets, or when
            Ctrl-C ended the fit; the best parameters so far are kept.
        RuntimeWarning
            When a later checkpoint cannot be written.
        """
        return self._fit(X, y, sample_weight, checkpoints=Checkpoints(checkpoint, resume))

    def _fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        callback=None,
        held_out=None,
        target=0.0,
        choose_hidden=None,
        symmetries=Symmetries(),  # noqa: B008
        checkpoints=None,
    ):
        """`fit` with more to say.

        ``callback(state)`` is called after each iteration (training.Settings). With held-out
        samples (X, y) the iterate that does best on them is kept, and the fit ends when their
        relative RMSE reaches the target. ``choose_hidden(posing)`` gives the hidden layers, once
        it is known how many variables are left. Symmetries given are known beforehand.
        """
        began = time.perf_counter()
        self._check_parameters()
        X, y, weight = checked_samples(self, X, y, sample_weight, multi_output=True)
        targets = y.reshape(len(y), -1)
        _check_data(X, targets)

        checkpoints = Checkpoints() if checkpoints is None else checkpoints
        random_state = checkpoints.seed(self.random_state)
        earlier = checkpoints.earlier(lambda: identity(self, random_state, X, y, weight))
        rng = check_random_state(random_state)
        seed = rng.randint(2**31)
        order = rng.permutation(len(X))
        scale = root_mean_square(targets, weight)
        data = training.Data(
            X[order], (targets / scale)[order], None if weight is None else weight[order]
        )
        judge = None
        if held_out is not None:
            X_held, y_held = check_X_y(*held_out, dtype=np.float64, multi_output=True)
            y_held = y_held.reshape(len(y_held), -1) / scale
            judge = training.HeldOut(training.Data(X_held, y_held), target)
        settings = training.Settings(
            order=self.order,
            maxiter=self.max_iter,
            tol=self.tol,
            method=self.solver,
            options=dict(self.solver_options or {}),
            began=began,
            deadline=began + (np.inf if self.time_limit is None else self.time_limit),
            verbose=self.verbose,
            n_restarts=self.n_restarts,
            callback=callback,
        )

        def keep(so_far):
            checkpoints.keep(lambda: snapshot(*so_far()))

        def snapshot(model, state):
            return copy(self)._take(model, run, X, y, scale), state

        run = training.Run(settings, self.n_stages, judge, keep if checkpoints.writes else None)

        def make_net(posing):
            hidden = choose_hidden(posing) if choose_hidden else self.hidden_layer_sizes
            return MLP([posing.n_features, *map(int, hidden), targets.shape[1]], self.activation)

        model = run.train(
            data,
            make_net,
            seed,
            input_map=self.input_map,
            symmetries=symmetries,
            find_symmetries=bool(self.find_symmetries),
            resumed=earlier,
        )
        n_params = model.net.n_params
        if self.n_stages > 1:
            matched = self.stage_activation == "sin"
            sines = ("sin", *model.net.activation[1:]) if matched else model.net.activation
            model = run.boost(model, MLP(model.net.sizes, sines), matched)
        self._take(model, run, X, y, scale)
        checkpoints.keep(lambda: (self, run.state()), now=True)
        if targets.size < n_params:
            warnings.warn(
                f"fewer samples ({len(X)}) than parameters ({n_params}): the data do "
                "not determine the fit; use a smaller hidden_layer_sizes",
                UserWarning,
                stacklevel=3,
            )
        if self.report_.interrupted:
            warnings.warn(f"fit {self.report_.stop_reason}", UserWarning, stacklevel=3)
        return self

    def _take(self, model: training.Model, run: training.Run, X, y, scale) -> MLPRegressor:
        """What a run, at its end or amid it, has come to on the samples X, y."""
        result, posing = model.result, model.posing
        self.network_, self.theta_ = model.net, model.theta
        self.symmetries_, self.input_map_ = posing.symmetries, posing.input_map
        self.target_scale_ = scale * posing.scale
        self._single_output = y.ndim == 1
        self.n_iter_ = result.nit
        features, factor = posing(X)
        residual = self._predict(X) - y.reshape(len(y), -1)
        self.report_ = FitReport(
            relative_rmse=result.relative_rmse,
            max_error=float(np.max(np.abs(residual))),
            rounding_floor=rounding_floor(model.net, model.theta, features, 1.0, factor),
            stop_reason=result.message,
            seconds=run.seconds(),
            n_iter=result.nit,
            n_params=model.net.n_params,
            n_samples=len(X),
            network="-".join(map(str, model.net.sizes)),
            input_map=posing.input_map.kind,
            structure=self.symmetries_.structure(getattr(self, "feature_names_in_", None)),
            race=model.race,
            held_out_rmse=None if run.held_out is None else run.held_out.error,
            interrupted=result.status == CTRL_C[0],
            stages=list(run.stages),
            history=result.history,
        )
        return self

    def predict(self, X) -> np.ndarray:
        """Predictions at ``X`` (n, d): (n,), or (n, n_outputs) if fitted so."""
        y = self._predict(self._checked(X))
        return y[:, 0] if self._single_output else y

    def predict_gradient(self, X) -> np.ndarray:
        """Derivatives of the predictions with respect to ``X``: (n, d), or (n, n_outputs, d)."""
        X = self._checked(X)
        features, _ = self._posing(X)
        outputs = (len(X), len(self.target_scale_))
        value = self.network_.forward(self.theta_, features).reshape(outputs)
        gradient = self.network_.input_gradient(self.theta_, features).reshape(*outputs, -1)
        gradient = self._posing.pull_back(X, value, gradient) * self.target_scale_[:, None]
        return gradient[:, 0] if self._single_output else gradient

    @property
    def _posing(self) -> Posing:
        return Posing(self.symmetries_, self.input_map_)

    def _checked(self, X) -> np.ndarray:
        check_is_fitted(self)
        check_numbers(X, "X")
        return validate_data(self, X, dtype=np.float64, reset=False)

    def _predict(self, X: np.ndarray) -> np.ndarray:
        features, factor = self._posing(X)
        f = self.network_.forward(self.theta_, features).reshape(len(X), -1)
        return (
            f * factor[:, None] * self.target_scale_ if self.symmetries_ else f * self.target_scale_
        )

    def _check_parameters(self) -> None:
        if self.solver not in METHODS:
            names = ", ".join(map(repr, METHODS))
            raise ValueError(f"solver must be one of {names}, got {self.solver!r}")
        self._check_solver_options()
        positive_int(self.n_stages, "n_stages")
        if self.stage_activation not in ("same", "sin"):
            raise ValueError(
                f"stage_activation must be 'sin' or 'same', got {self.stage_activation!r}"
            )
        if self.input_map not in ("auto", *KINDS):
            raise ValueError(f"input_map must be 'auto' or one of {KINDS}, got {self.input_map!r}")
        if self.time_limit is not None:
            positive_number(self.time_limit, "time_limit")
        positive_int(self.max_iter, "max_iter")
        positive_int(self.n_restarts, "n_restarts", at_least=0)
        if not np.iterable(self.hidden_layer_sizes):
            raise ValueError(
                "hidden_layer_sizes must be a sequence, one width for each hidden layer, "
                f"got {self.hidden_layer_sizes!r}"
            )
        for i, width in enumerate(self.hidden_layer_sizes):
            positive_int(width, f"hidden_layer_sizes[{i}]")
        no_first_layer = self.n_stages > 1 and len(self.hidden_layer_sizes) == 0
        if no_first_layer and self.stage_activation == "sin":
            raise ValueError("stage_activation 'sin' needs a hidden layer in hidden_layer_sizes")

    def _check_solver_options(self) -> None:
        options = {} if self.solver_options is None else self.solver_options
        if not isinstance(options, Mapping):
            raise ValueError(f"solver_options must be a dict, got {options!r}")
        for name, parameter in _PARAMETER_OF_OPTION.items():
            if name in options:
                raise ValueError(f"solver_options must not have {name!r}: set {parameter}")


def checked_samples(estimator, X, y, sample_weight, *, multi_output: bool = False):
    """``X, y, sample_weight`` as float64, weights None where there are none, without samples that
    weigh nothing. Sets n_features_in_; raises ValueError naming the argument."""
    check_numbers(X, "X")
    check_numbers(y, "y")
    X, y = validate_data(
        estimator, X, y, dtype=np.float64, multi_output=multi_output, y_numeric=True
    )
    y = np.asarray(y, dtype=np.float64)
    if sample_weight is None:
        return X, y, None
    check_numbers(sample_weight, "sample_weight")
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    return _without_zero_weights(X, y, without_scale(weight))


def check_numbers(value, name: str) -> None:
    """Raise ValueError for NaN or infinity, saying where, for what is masked, and for texts, naming
    the argument, which scikit-learn does not; of other things that are no array of real numbers it
    tells itself."""
    if issparse(value):
        return
    try:
        given = np.asarray(value)
        array = None if value is None or given.dtype.kind == "c" else given.astype(np.float64)
    except TypeError:
        return
    except ValueError as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from None
    check_kind(value, given, name)
    if array is not None:
        check_finite(array, name)


def root_mean_square(columns: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Root mean square of each column, of numbers whose squares overflow as well."""
    largest = np.max(np.abs(columns), axis=0)
    largest = np.where(largest > 0, largest, 1.0)
    return largest * np.sqrt(np.average((columns / largest) ** 2, axis=0, weights=weight))


def _without_zero_weights(X, y, weight):
    """What has no weight is as good as removed, from the bounding box of the inputs as well."""
    kept = weight > 0
    if not kept.any():
        raise ValueError("sample_weight is zero everywhere")
    return (X, y, weight) if kept.all() else (X[kept], y[kept], weight[kept])


def check_varies(targets: np.ndarray) -> None:
    """Raise ValueError for targets (n, m) with a constant column, naming y."""
    constant = np.flatnonzero(np.ptp(targets, axis=0) == 0)
    if len(constant):
        which = "y" if targets.shape[1] == 1 else f"y[:, {constant[0]}]"
        raise ValueError(f"{which} is constant ({targets[0, constant[0]]}): nothing to fit")


def _check_data(X: np.ndarray, targets: np.ndarray) -> None:
    if len(X) == 1:
        raise ValueError("X has 1 sample: a fit needs at least 2")
    check_varies(targets)
    _, first, inverse = np.unique(X, axis=0, return_index=True, return_inverse=True)
    twin = first[inverse.ravel()]
    differs = np.flatnonzero((targets != targets[twin]).any(axis=1))
    if len(differs):
        row = differs[0]
        warnings.warn(
            f"X[{twin[row]}] and X[{row}] are equal but their y differ: no function fits both",
            UserWarning,
            stacklevel=4,
        )
