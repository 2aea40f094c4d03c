"""Taylor-LM: Levenberg-Marquardt along a Taylor curve of high order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import OptimizeResult

from .. import _core
from .._checks import positive_int, real_number
from ..objective import LeastSquares
from ._result import (
    CALLBACK,
    CTRL_C,
    TIME_LIMIT,
    History,
    Observer,
    checked_least_squares,
    checked_limits,
    stop_at_floor,
)

# status and message for each reason for which the solver stops
STATUS = {
    "tolerance": (0, "relative RMSE reached tol"),
    "rounding_floor": (0, "at the rounding floor"),
    "no_damping": (1, "no damping lowers the loss"),
    "stalled": (2, "stalled: less than 2 % gained in 20 trials"),
    "max_iterations": (3, "maxiter reached"),
    "time_limit": TIME_LIMIT,
    "interrupted": CALLBACK,
    "keyboard_interrupt": CTRL_C,
    "not_finite": (7, "the loss at theta0 is not finite"),
}


def taylor_lm(
    objective: LeastSquares,
    theta0,
    *,
    order: int = 16,
    maxiter: int | None = None,
    tol: float = 0.0,
    time_limit: float | None = None,
    damping: float = 1e-3,
    pade: bool = True,
    callback: Callable | None = None,
    verbose: int = 0,
) -> OptimizeResult:
    """`precisekit.minimize` with method "taylor-lm"."""
    theta0 = checked_least_squares(objective, theta0)
    order = positive_int(order, "order")
    maxiter = 10_000 if maxiter is None else positive_int(maxiter, "maxiter", at_least=0)
    time_limit = checked_limits(tol, time_limit)
    if not 0 < real_number(damping, "damping") < np.inf:
        raise ValueError(f"damping must be positive and finite, got {damping}")

    observer = Observer(callback, verbose)
    fun_of = objective.target_norm**2 / objective.n_residuals

    def observe(iteration, seconds, relative_rmse, lam, theta):
        return observer(theta, iteration, seconds, relative_rmse**2 * fun_of, relative_rmse, lam)

    run = _core.taylor_lm(
        objective._core, theta0, order, maxiter, tol, time_limit, damping, bool(pade), observe
    )
    theta = run["theta"]
    reason, floor = stop_at_floor(objective, theta, run["reason"], run["relative_rmse"])
    status, message = STATUS[reason]
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
        history=History.of(observer.records),
    )
