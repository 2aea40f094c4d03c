"""What the minimisers that go downhill share on the side of Python."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import OptimizeResult

from .._checks import finite_array, positive_int, real_number
from ..objective import LeastSquares
from ._function import FORWARD_STEP, Function, check_gradient, shown
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

# status and message for each reason for which a solver stops; 0 to 3 are SciPy's
STATUS = {
    "gradient": (0, "the norm of the gradient is within gtol"),
    "step": (0, "the step is within xrtol"),
    "tolerance": (0, "relative RMSE reached tol"),
    "rounding_floor": (0, "at the rounding floor"),
    "max_iterations": (1, "maxiter reached"),
    "rounding": (2, "rounding hides any further decrease"),
    "no_step": (2, "no step length on the grid lowers the loss"),
    "no_curvature_below": (2, "the gradient has no part where the curvature is below tau"),
    "not_finite": (3, "the function or its gradient is not finite"),
    "time_limit": TIME_LIMIT,
    "interrupted": CALLBACK,
    "keyboard_interrupt": CTRL_C,
    "exception": (8, "an exception was raised"),
}


class Descent:
    """One run: an objective and a start, checked, and the way from the core's answer to SciPy's.

    `function` is None for a LeastSquares.
    """

    def __init__(
        self,
        fun: LeastSquares | Callable,
        x0,
        *,
        hessian=None,
        jac=None,
        args: tuple = (),
        eps=FORWARD_STEP,
        finite_diff_rel_step=None,
        check_grad: bool = False,
        maxiter: int | None = None,
        tol: float = 0.0,
        time_limit: float | None = None,
        callback: Callable | None = None,
        verbose: int = 0,
    ):
        self.time_limit = checked_limits(tol, time_limit)
        self.tol = tol
        self._maxiter = maxiter
        self._objective = fun
        if isinstance(fun, LeastSquares):
            if jac is not None or hessian is not None or args != () or check_grad:
                raise ValueError(
                    "jac, hess, args and check_grad are for functions: a LeastSquares has its own "
                    "derivatives"
                )
            self.x0 = checked_least_squares(fun, x0)
            self.function = None
        else:
            self.function = Function(fun, jac, hessian, args, eps, finite_diff_rel_step)
            self.x0 = np.atleast_1d(finite_array(x0, "x0", (0, 1)))
            self.function.check_start(self.x0)
            if check_grad:
                check_gradient(self.function, self.x0)
        self._observer = Observer(callback, verbose)

    def gtol(self, given: float | None) -> float:
        """The tolerance of the gradient, or what it is by default."""
        if given is not None:
            return real_number(given, "gtol")
        if self.function is None:
            return 0.0
        return self.tol if self.tol > 0 else 1e-5

    def limit(self, options, maxiter: int) -> None:
        """Set what all options of the core have in common; `maxiter` is the default."""
        given = maxiter if self._maxiter is None else self._maxiter
        options.max_iterations = positive_int(given, "maxiter", at_least=0)
        options.time_limit = self.time_limit
        if self.function is None:
            options.target = self.tol**2 * self._loss_of_one

    def run(self, solve: Callable, *arguments) -> tuple[OptimizeResult, dict]:
        """Call ``solve(objective, x0, *arguments, observe)`` of the core.

        Returns the result and what is particular to the solver. When Python raised, so does this:
        the exception has the result, with the best point so far, as its attribute ``result``.
        """
        objective = self._objective._core if self.function is None else self.function

        def observe(iteration, seconds, value, x):
            return self._observer(x, iteration, seconds, value, self._relative_rmse(value))

        run = solve(objective, self.x0, *arguments, observe)
        error = run.pop("exception")
        reason = run.pop("reason") if error is None else "exception"
        fields = ("x", "fun", "jac", "nit", "nfev", "njev", "nhev")
        result = OptimizeResult({name: run.pop(name) for name in fields})
        if self.function is not None:
            result.nfev, result.njev = self.function.nfev, self.function.njev
            result.nhev = self.function.nhev
        result.history = History.of(self._observer.records)
        if self.function is None:
            result.relative_rmse = self._relative_rmse(result.fun)
            if error is None:
                reason, result.rounding_floor = stop_at_floor(
                    self._objective, result.x, reason, result.relative_rmse
                )
        result.status, result.message = STATUS[reason]
        if reason == "not_finite":
            result.message += self._where(result.nit)
        result.success = result.status == 0
        if error is not None:
            _hand_over(result, error)
        return result, run

    @property
    def _loss_of_one(self) -> float:
        """The loss whose relative RMSE is 1."""
        return self._objective.target_norm**2 / self._objective.n_residuals

    def _relative_rmse(self, value: float) -> float:
        if self.function is not None:
            return np.nan
        return float(np.sqrt(value / self._loss_of_one))

    def _where(self, nit: int) -> str:
        if self.function is not None:
            x = self.function.not_finite_at  # None where a slope overflows
            return "" if x is None else f", last at x = {shown(x)}"
        return " at theta0" if nit == 0 else f" where iteration {nit} leads"


def _hand_over(result: OptimizeResult, error: BaseException):
    result.message = f"an exception was raised: {error!r}"
    if np.isfinite(result.fun):
        error.add_note(
            f"the best point so far, where fun is {result.fun:.6g}, is kept in the attribute "
            "result.x of this exception"
        )
    error.result = result
    raise error
