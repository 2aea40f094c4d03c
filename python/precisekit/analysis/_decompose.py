"""What the error of a fitted network is made of."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from .._checks import finite_array, positive_number
from ..objective import LeastSquares
from ..optimize import minimize
from ..optimize._result import at_the_floor, floor_of

# More samples a parameter than this say nothing new, and might not fit in memory.
_SAMPLES_PER_PARAMETER = 50

_OUTER = (
    0.9  # what lies beyond this share of the half-width of the box, in some coordinate, is edge
)


@dataclass(frozen=True)
class LossDecomposition:
    """The error of a fit by its sources; all figures are relative root mean squares.

    ``str()`` gives a table.

    Attributes
    ----------
    rounding : float
        What float64 costs in the forward pass: the same parameters in extended precision differ by
        that much. Where no training error below four times that is found, all of what stays.
    optimisation : float
        Training error less the smallest that further training and new starts reached.
    generalisation : float
        Test error of those best parameters, less `architecture` and `rounding`.
    architecture : float
        What stays when the network is trained on the test samples as well, less `rounding`.
    train, test : float
        Error of the model as it is.
    best_train, best_test : float
        With the best parameters found on the training samples.
    largest : str
        Name of the largest of the four.
    advice : str
        What to do about it.
    best_theta : ndarray (P,)
        The parameters of `best_train`, for ``model.network_``.
    seconds : float
    """

    rounding: float
    optimisation: float
    generalisation: float
    architecture: float
    train: float
    test: float
    best_train: float
    best_test: float
    largest: str
    advice: str
    best_theta: np.ndarray = field(repr=False)
    seconds: float

    def __str__(self) -> str:
        rows = [("", "training", "test")]
        rows += [("relative RMSE", f"{self.train:.2e}", f"{self.test:.2e}")]
        rows += [("best found", f"{self.best_train:.2e}", f"{self.best_test:.2e}")]
        lines = [f"{name:<16}{train:>12}{test:>12}" for name, train, test in rows] + [""]
        for name in ("rounding", "optimisation", "generalisation", "architecture"):
            mark = "   <- the largest" if name == self.largest else ""
            lines.append(f"{name:<16}{getattr(self, name):12.2e}{mark}")
        return "\n".join([*lines, "", self.advice])


def decompose_loss(
    model, X, y, X_test, y_test, *, time_limit: float = 60.0, random_state: int = 0
) -> LossDecomposition:
    """Split the error of a fitted network by its sources (Michaud, Liu and Tegmark 2022, eq. 6).

    The network is trained further, from where it is and from a new start, on its training samples
    for half of the time, and on training and test samples together for the other half. The model
    is not changed. The parts are estimates: a better optimum than was found in the time would move
    what is called architecture to optimisation. Of very many samples, 50 a parameter are used.

    Parameters
    ----------
    model : MLPRegressor or ModularMLPRegressor
        Fitted.
    X, y : array_like (n, d) and (n,) or (n, n_outputs)
        The training samples.
    X_test, y_test : likewise
        Samples that the fit has not seen.
    time_limit : float
        Seconds.
    random_state : int
        Of the new start, and of the choice among very many samples.

    Returns
    -------
    parts : LossDecomposition

    Raises
    ------
    ValueError
        For shapes that do not match, NaN, infinity or empty data, naming the argument.
    TypeError
        For a model that has no network.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    """
    from sklearn.utils.validation import check_is_fitted

    from ..estimators import MLPRegressor
    from ..modular import ModularMLPRegressor

    began = time.perf_counter()
    if not isinstance(model, (MLPRegressor, ModularMLPRegressor)):
        raise TypeError(
            f"model must be an MLPRegressor or a ModularMLPRegressor, got {type(model).__name__}"
        )
    check_is_fitted(model)
    positive_number(time_limit, "time_limit")
    rng = np.random.default_rng(random_state)
    train = _objective(model, X, y, ("X", "y"), rng)
    test = _objective(model, X_test, y_test, ("X_test", "y_test"), rng)
    both = _together(train, test)

    used, new = model.theta_, model.network_.init(rng)
    theta = _best(train, used, new, began + 0.5 * time_limit)
    on_both = both.relative_rmse(_best(both, theta, new, began + time_limit))
    used_train, best_train = train.relative_rmse(used), train.relative_rmse(theta)
    best_test = test.relative_rmse(theta)
    # Near the floor nothing tells what rounding spoils in training from what the network lacks.
    rounding = floor_of(test, theta)
    architecture = max(on_both - rounding, 0.0)
    smallest = min(on_both, best_train)
    if at_the_floor(smallest, rounding):
        rounding, architecture = max(rounding, smallest), 0.0
    parts = {
        "rounding": rounding,
        "optimisation": max(used_train - best_train, 0.0),
        "generalisation": max(best_test - architecture - rounding, 0.0),
        "architecture": architecture,
    }
    largest = max(parts, key=parts.get)
    return LossDecomposition(
        **parts,
        train=used_train,
        test=test.relative_rmse(used),
        best_train=best_train,
        best_test=best_test,
        largest=largest,
        advice=_advice(largest, train, test, used, theta),
        best_theta=theta,
        seconds=time.perf_counter() - began,
    )


def _best(objective: LeastSquares, used, new, deadline: float) -> np.ndarray:
    """The best parameters on the way from those used and, if that ends above the floor, from new
    ones: half of the time for each."""
    found = [used]
    for start, share in ((used, 0.5), (new, 1.0)):
        limit = max(share * (deadline - time.perf_counter()), 1e-3)
        found.append(minimize(objective, start, time_limit=limit).x)
        best = min(found, key=objective.relative_rmse)
        if at_the_floor(objective.relative_rmse(best), floor_of(objective, best)):
            break
    return best


def _objective(model, X, y, names: tuple[str, str], rng) -> LeastSquares:
    """The samples as the network sees them: features and scaled targets."""
    X, y = finite_array(X, names[0], 2), finite_array(y, names[1], (1, 2))
    if X.shape[1] != model.n_features_in_:
        raise ValueError(f"{names[0]} must have {model.n_features_in_} columns, got {X.shape[1]}")
    targets = y.reshape(len(y), -1)
    n_outputs = len(model.target_scale_)
    if targets.shape != (len(X), n_outputs):
        raise ValueError(
            f"{names[1]} must have {len(X)} rows and {n_outputs} columns, got shape {y.shape}"
        )
    if not targets.any():
        raise ValueError(f"{names[1]} is zero everywhere: the relative error has no meaning")
    most = _SAMPLES_PER_PARAMETER * model.network_.n_params
    if len(X) > most:
        rows = rng.choice(len(X), most, replace=False)
        X, targets = X[rows], targets[rows]
    features, factor = model._posing(X)
    scale = factor[:, None] * model.target_scale_
    weight = factor**2 if model.symmetries_ else None
    return LeastSquares(model.network_, features, targets / scale, weight)


def _together(a: LeastSquares, b: LeastSquares) -> LeastSquares:
    (net, X, y, weight), (_, X_b, y_b, weight_b) = a._arguments, b._arguments
    weight = None if weight is None else np.concatenate([weight, weight_b])
    return LeastSquares(net, np.vstack([X, X_b]), np.vstack([y, y_b]), weight)


def _advice(largest: str, train: LeastSquares, test: LeastSquares, used, best) -> str:
    if largest == "rounding":
        return "At the rounding floor of float64: nothing to do."
    if largest == "optimisation":
        return (
            "Train longer, or start anew: in the time given the training error went from "
            f"{train.relative_rmse(used):.1e} to {train.relative_rmse(best):.1e} (best_theta)."
        )
    if largest == "architecture":
        return (
            "Take a wider or a deeper network, or another input map: neither more samples nor "
            "more training changes much."
        )
    advice = (
        f"Train on more samples: now {train.n_residuals:,} numbers determine "
        f"{train.net.n_params:,} parameters."
    )
    share = _edge_share(train, test, best)
    if share > 0.5:
        advice += (
            f" {100 * share:.0f} % of the squared test error lies at the edge of the box: points "
            'dense at the boundary (precisekit.sample_box, law="arcsine") are worth most.'
        )
    return advice


def _edge_share(train: LeastSquares, test: LeastSquares, theta) -> float:
    """Share of the squared test error in the outer tenth of the training samples' box."""
    X, X_test = train._arguments[1], test._arguments[1]
    lo, hi = X.min(axis=0), X.max(axis=0)
    half = np.where(hi > lo, 0.5 * (hi - lo), 1.0)
    outer = np.max(np.abs(X_test - 0.5 * (lo + hi)) / half, axis=1) > _OUTER
    squares = np.sum(test.residual(theta).reshape(len(X_test), -1) ** 2, axis=1)
    return float(squares[outer].sum() / squares.sum()) if squares.any() else 0.0
