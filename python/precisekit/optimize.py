"""Minimisers. Each takes an objective and a start and returns SciPy's ``OptimizeResult``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from scipy.optimize import OptimizeResult

from . import _core
from ._checks import positive_int
from .objective import LeastSquares

# Within this factor of what rounding the forward pass costs, there is nothing left to gain.
_AT_THE_FLOOR = 4.0
_FLOOR_SAMPLES = 2000

# status and message for each reason for which the solver stops
_STATUS = {
    "tolerance": (0, "relative RMSE reached tol"),
    "rounding_floor": (0, "at the rounding floor"),
    "no_damping": (1, "no damping lowers the loss"),
    "stalled": (2, "stalled: less than 2 % gained in 12 iterations"),
    "max_iterations": (3, "maxiter reached"),
    "time_limit": (4, "time limit"),
    "interrupted": (5, "stopped by the callback"),
    "keyboard_interrupt": (6, "interrupted (Ctrl-C): the best parameters so far are returned"),
    "not_finite": (7, "the loss at theta0 is not finite"),
}


@dataclass
class History:
    """What a run passed through, one entry an iteration."""

    iteration: np.ndarray
    seconds: np.ndarray
    fun: np.ndarray
    relative_rmse: np.ndarray
    damping: np.ndarray


def rounding_floor(net, theta, X, y_norm: float | None = None) -> float:
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
    """
    rows = X[:: max(1, len(X) // _FLOOR_SAMPLES)][:_FLOOR_SAMPLES]
    exact = net.forward_extended(theta, rows)
    noise = float(np.sqrt(np.mean((net.forward(theta, rows) - exact) ** 2)))
    scale = float(np.sqrt(np.mean(exact**2))) if y_norm is None else y_norm
    return noise / scale if scale > 0 else float("inf")


def _history(records: list[tuple]) -> History:
    # there is no record at all of a start that is not finite
    columns = zip(*records, strict=True) if records else [()] * len(fields(History))
    history = History(*(np.array(column, dtype=np.float64) for column in columns))
    history.iteration = history.iteration.astype(np.int64)
    return history


def minimize(
    objective: LeastSquares,
    theta0,
    method: str = "taylor-lm",
    *,
    order: int = 16,
    maxiter: int = 10_000,
    tol: float = 0.0,
    time_limit: float | None = None,
    damping: float = 1e-3,
    callback: Callable | None = None,
    verbose: int = 0,
) -> OptimizeResult:
    """Minimise a least-squares objective.

    Parameters
    ----------
    objective : LeastSquares
    theta0 : array_like (P,)
        Start.
    method : {"taylor-lm"}
        Levenberg-Marquardt along a Taylor curve of high order (docs/architecture.md; kin to the
        geodesic acceleration of Transtrum, Machta and Sethna, 2011).
    order : int
        Order of the curve; 1 is plain Levenberg-Marquardt. A network with relu gets 1.
    maxiter : int
    tol : float
        Stop at this relative RMSE. The default 0 goes on to the last digit.
    time_limit : float, optional
        Seconds; the iteration under way is cut short, not waited for.
    damping : float
        First damping, relative to the largest squared singular value of the Jacobian.
    callback : callable, optional
        ``callback(intermediate_result)`` after each iteration, with fields x, fun, nit, seconds,
        relative_rmse and damping. It stops the run by returning True or raising StopIteration.
    verbose : int
        Print a line on stderr every `verbose` iterations.

    Returns
    -------
    result : scipy.optimize.OptimizeResult
        x (the best parameters seen), fun, jac, nit, nfev, njev, success, status, message,
        relative_rmse, rounding_floor, damping and history. Ctrl-C ends the run and returns the
        best so far with status 6.

    Raises
    ------
    ValueError
        For an unknown method or an argument that does not fit, naming it.
    """
    if method != "taylor-lm":
        raise ValueError(f"method must be 'taylor-lm', got {method!r}")
    if not isinstance(objective, LeastSquares):
        raise ValueError(f"objective must be a LeastSquares, got {type(objective).__name__}")
    if objective.target_norm == 0:
        raise ValueError("y is zero everywhere: the relative error has no meaning")
    theta0 = objective.net._checked_theta(theta0)
    order = positive_int(order, "order")
    maxiter = positive_int(maxiter, "maxiter", at_least=0)
    time_limit = float("inf") if time_limit is None else float(time_limit)
    if not time_limit > 0:
        raise ValueError(f"time_limit must be positive, got {time_limit}")
    if not tol >= 0:
        raise ValueError(f"tol must not be negative, got {tol}")
    if not 0 < damping < np.inf:
        raise ValueError(f"damping must be positive and finite, got {damping}")

    records = []
    fun_of = objective.target_norm**2 / objective.n_residuals

    def observe(iteration, seconds, relative_rmse, lam, theta):
        fun = relative_rmse**2 * fun_of
        records.append((iteration, seconds, fun, relative_rmse, lam))
        if verbose and iteration % verbose == 0:
            print(
                f"{iteration:6d}  {seconds:8.2f} s  relative RMSE {relative_rmse:.3e}"
                f"  damping {lam:.1e}",
                file=sys.stderr,
            )
        if callback is None:
            return False
        state = OptimizeResult(
            x=theta,
            fun=fun,
            nit=iteration,
            seconds=seconds,
            relative_rmse=relative_rmse,
            damping=lam,
        )
        try:
            return bool(callback(state))
        except StopIteration:
            return True

    run = _core.taylor_lm(
        objective._core, theta0, order, maxiter, tol, time_limit, damping, observe
    )
    theta, reason = run["theta"], run["reason"]
    floor = float("inf")
    if reason != "not_finite":
        X = objective._arguments[1]
        try:
            floor = rounding_floor(
                objective.net, theta, X, objective.target_norm / np.sqrt(objective.n_residuals)
            )
        except KeyboardInterrupt:  # must not cost the result
            reason = "keyboard_interrupt"
    if reason in ("no_damping", "stalled") and run["relative_rmse"] <= _AT_THE_FLOOR * floor:
        reason = "rounding_floor"
    status, message = _STATUS[reason]
    fun, jac = objective.fun_and_jac(theta)
    return OptimizeResult(
        x=theta,
        fun=fun,
        jac=jac,
        nit=run["iterations"],
        nfev=run["residual_evaluations"],
        njev=run["jacobian_evaluations"],
        success=status == 0,
        status=status,
        message=message,
        relative_rmse=run["relative_rmse"],
        rounding_floor=floor,
        damping=run["damping"],
        history=_history(records),
    )
