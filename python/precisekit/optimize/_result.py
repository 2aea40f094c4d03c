"""What all minimisers return, and the hooks through which they report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace

import numpy as np
from scipy.optimize import OptimizeResult

from .._checks import check_callback, positive_number, real_number
from ..objective import LeastSquares

# Within this factor of what rounding the forward pass costs, there is nothing left to gain.
_AT_THE_FLOOR = 4.0
_FLOOR_SAMPLES = 2000

# Root mean squares of targets whose loss float64 holds, at the start and with all digits gained.
_SMALLEST, _LARGEST = 1e-137, 1e153

# Status of these is the same for all methods.
TIME_LIMIT = (4, "time limit")
CALLBACK = (5, "stopped by the callback")
CTRL_C = (6, "interrupted (Ctrl-C): the best parameters so far are returned")


@dataclass
class History:
    """What a run passed through, one entry an iteration (of Adam, one every `record_every` steps).

    A column that has no meaning is NaN: `damping` but for Taylor-LM, `relative_rmse` of a function
    that is not a `LeastSquares`. `stage` is 1 but for the later stages of a boosted fit.
    """

    iteration: np.ndarray
    seconds: np.ndarray
    fun: np.ndarray
    relative_rmse: np.ndarray
    damping: np.ndarray
    stage: np.ndarray

    @classmethod
    def of(cls, records: list[tuple]) -> History:
        """From one tuple an iteration."""
        # there is no record at all of a start that is not finite
        columns = zip(*records, strict=True) if records else [()] * (len(fields(cls)) - 1)
        columns = [np.array(column, dtype=np.float64) for column in columns]
        history = cls(*columns, stage=np.ones(len(records), dtype=np.int64))
        history.iteration = history.iteration.astype(np.int64)
        return history

    @classmethod
    def joined(cls, parts: Iterable[History]) -> History:
        """One history of several, each of which goes on from the one before."""
        columns = zip(*(vars(part).values() for part in parts))
        return cls(*map(np.concatenate, columns))

    def after(self, iterations: int, seconds: float) -> History:
        """As the history of a part that begins so late in a run."""
        return replace(self, iteration=self.iteration + iterations, seconds=self.seconds + seconds)


class Trace:
    """The iterates of a run as its callback sees them.

    Attributes
    ----------
    x : ndarray (P,) or None
        Of the smallest fun so far; None before there is any.
    damping : float
        The last; NaN but for Taylor-LM.
    """

    def __init__(self):
        self.x: np.ndarray | None = None
        self.damping = np.nan
        self._fun = np.inf
        self._records: list[tuple] = []

    def add(self, state: OptimizeResult) -> None:
        """Take the state that a callback gets."""
        relative_rmse = state.get("relative_rmse", np.nan)
        self.damping = state.get("damping", np.nan)
        self._records.append((state.nit, state.seconds, state.fun, relative_rmse, self.damping))
        if self.x is None or state.fun <= self._fun:
            self.x, self._fun = np.copy(state.x), state.fun

    @property
    def history(self) -> History:
        return History.of(self._records)

    @property
    def result(self) -> OptimizeResult:
        """As of a run that is not at its end."""
        nit = self._records[-1][0] if self._records else 0
        return OptimizeResult(nit=nit, history=self.history, status=None, message="under way")


class Observer:
    """Keeps the history of a run, prints it, and asks the user's callback whether to stop."""

    def __init__(self, callback: Callable | None, verbose: int):
        check_callback(callback)
        if verbose not in (None, True, False):
            real_number(verbose, "verbose")
        self.records: list[tuple] = []
        self._callback = callback
        self._verbose = verbose

    def __call__(self, x, nit, seconds, fun, relative_rmse=np.nan, damping=np.nan) -> bool:
        self.records.append((nit, seconds, fun, relative_rmse, damping))
        if self._verbose and nit % self._verbose == 0:
            error = f"fun {fun:.6e}"
            if not np.isnan(relative_rmse):
                error = f"relative RMSE {relative_rmse:.3e}"
            if not np.isnan(damping):
                error += f"  damping {damping:.1e}"
            print(f"{nit:6d}  {seconds:8.2f} s  {error}", file=sys.stderr)
        if self._callback is None:
            return False
        state = OptimizeResult(x=x, fun=fun, nit=nit, seconds=seconds)
        if not np.isnan(relative_rmse):
            state.relative_rmse = relative_rmse
        if not np.isnan(damping):
            state.damping = damping
        try:
            return bool(self._callback(state))
        except StopIteration:
            return True


def rounding_floor(net, theta, X, y_norm: float | None = None, factor=None) -> float:
    """Relative RMSE that rounding in the forward pass alone causes at ``theta``.

    The float64 outputs are compared with those of the same parameters in extended precision, on
    at most 2,000 rows spread evenly over ``X``.

    Parameters
    ----------
    net : MLP
    theta : ndarray (P,)
    X : ndarray (n, d)
    y_norm : float, optional
        Root mean square of the targets; that of the outputs by default.
    factor : ndarray (n,), optional
        What the outputs are multiplied with, sample by sample.
    """
    every = max(1, len(X) // _FLOOR_SAMPLES)
    rows = X[::every][:_FLOOR_SAMPLES]
    exact = net.forward_extended(theta, rows)
    error = net.forward(theta, rows) - exact
    if factor is not None:
        at_rows = np.asarray(factor)[::every][:_FLOOR_SAMPLES].reshape(-1, *[1] * (exact.ndim - 1))
        exact, error = exact * at_rows, error * at_rows
    noise = float(np.sqrt(np.mean(error**2)))
    scale = float(np.sqrt(np.mean(exact**2))) if y_norm is None else y_norm
    return noise / scale if scale > 0 else float("inf")


def floor_of(objective: LeastSquares, theta) -> float:
    """`rounding_floor` of an objective, with its weights, relative to its targets."""
    net, X, _, weight = objective._arguments
    y_norm = objective.target_norm / np.sqrt(objective.n_residuals)
    factor = None if weight is None else np.sqrt(weight / np.mean(weight))
    return rounding_floor(net, theta, X, y_norm, factor)


def at_the_floor(relative_rmse: float, floor: float) -> bool:
    """Whether there is nothing left to gain; targets have half a unit of rounding of their own."""
    return relative_rmse <= _AT_THE_FLOOR * max(floor, 0.5 * np.finfo(np.float64).eps)


def stop_at_floor(
    objective: LeastSquares, theta, reason: str, relative_rmse: float
) -> tuple[str, float]:
    """The reason of a stop, now that the rounding floor at ``theta`` is known, and that floor."""
    if reason == "not_finite":
        return reason, float("inf")
    try:
        floor = floor_of(objective, theta)
    except KeyboardInterrupt:  # must not cost the result
        return "keyboard_interrupt", float("inf")
    nothing_gained = reason in ("no_damping", "stalled", "rounding", "no_step")
    if nothing_gained and at_the_floor(relative_rmse, floor):
        reason = "rounding_floor"
    return reason, floor


def checked_least_squares(objective, theta0) -> np.ndarray:
    """The start, checked; ValueError when the objective has no relative error."""
    if not isinstance(objective, LeastSquares):
        raise ValueError(f"objective must be a LeastSquares, got {type(objective).__name__}")
    if not objective._arguments[2].any():
        raise ValueError("y is zero everywhere: the relative error has no meaning")
    size = objective.target_norm / np.sqrt(objective.n_residuals)
    if not _SMALLEST <= size <= _LARGEST:
        raise ValueError(
            f"y must have a root mean square from {_SMALLEST:.0e} to {_LARGEST:.0e} (with its "
            f"weights), got {size:.3g}: float64 does not hold the squares of residuals; scale y"
        )
    return objective.net._checked_theta(theta0, "theta0")


def checked_limits(tol: float, time_limit: float | None) -> float:
    """The time limit in seconds, infinite for None."""
    if not real_number(tol, "tol") >= 0:
        raise ValueError(f"tol must not be negative, got {tol}")
    return float("inf") if time_limit is None else positive_number(time_limit, "time_limit")
