"""BFGS and self-scaled BFGS, for a `LeastSquares` and for any function of Python."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable

import numpy as np
from scipy.optimize import OptimizeResult, OptimizeWarning
from scipy.optimize._numdiff import approx_derivative

from .. import _core
from .._checks import finite_array, positive_int
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

# status and message for each reason for which the solver stops; 0 to 3 are SciPy's
STATUS = {
    "gradient": (0, "the norm of the gradient is within gtol"),
    "step": (0, "the step is within xrtol"),
    "tolerance": (0, "relative RMSE reached tol"),
    "rounding_floor": (0, "at the rounding floor"),
    "max_iterations": (1, "maxiter reached"),
    "rounding": (
        2,
        "rounding hides any further decrease: values of the function carry noise of about "
        "{noise:.1e}, and steps judged by the gradient alone (approximate Wolfe conditions) gain "
        "nothing",
    ),
    "not_finite": (3, "the function or its gradient is not finite, last at x = {x}"),
    "time_limit": TIME_LIMIT,
    "interrupted": CALLBACK,
    "keyboard_interrupt": CTRL_C,
}

_FORWARD_STEP = float(np.sqrt(np.finfo(np.float64).eps))


def _shown(x: np.ndarray) -> str:
    return np.array2string(x, precision=17, threshold=10)


class _Function:
    """A function of Python and its gradient, checked and counted."""

    def __init__(self, fun, jac, args, eps, finite_diff_rel_step):
        if not callable(fun):
            raise ValueError(
                f"objective must be a LeastSquares or a function, got {type(fun).__name__}"
            )
        self._fun = fun
        self._args = args if isinstance(args, tuple) else (args,)
        self._jac = jac
        self._differences = None
        if jac is None or jac is False:
            self._differences = dict(method="2-point", abs_step=eps)
        elif isinstance(jac, str) and jac in ("2-point", "3-point"):
            self._differences = dict(method=jac, rel_step=finite_diff_rel_step)
        elif jac is not True and not callable(jac):
            raise ValueError(
                f"jac must be a function, True, None, '2-point' or '3-point', got {jac!r}"
            )
        self.nfev = self.njev = 0
        self.not_finite_at: np.ndarray | None = None

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = self._evaluate(x)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            self.not_finite_at = x
        return value, gradient

    def _evaluate(self, x):
        self.njev += 1
        if self._jac is True:
            self.nfev += 1
            value, gradient = self._call(self._fun, x)
            return _number(value, x), _vector(gradient, x)
        value = self._value(x)
        if self._differences is None:
            return value, _vector(self._call(self._jac, x), x)
        if not np.isfinite(value):
            return value, np.full(x.size, np.nan)
        return value, approx_derivative(self._value, x, f0=value, **self._differences)

    def _value(self, x) -> float:
        self.nfev += 1
        return _number(self._call(self._fun, x), x)

    def _call(self, function, x):
        try:
            return function(x.copy(), *self._args)
        except Exception as error:
            error.add_note(f"at x = {_shown(x)}")
            raise


def _number(value, x) -> float:
    try:
        return float(np.asarray(value).item())
    except (TypeError, ValueError):
        message = f"fun must return a real number, got {value!r} at x = {_shown(x)}"
        raise ValueError(message) from None


def _vector(gradient, x) -> np.ndarray:
    if not np.iscomplexobj(gradient):
        try:
            array = np.atleast_1d(np.asarray(gradient, dtype=np.float64))
        except (TypeError, ValueError):
            array = None
        if array is not None and array.shape == x.shape:
            return array
    shape = np.shape(gradient)
    raise ValueError(f"jac must return {x.size} real numbers, got shape {shape} at x = {_shown(x)}")


def _checked_inverse_hessian(hess_inv0, n: int) -> np.ndarray:
    H = finite_array(hess_inv0, "hess_inv0", 2)
    if H.shape != (n, n):
        raise ValueError(f"hess_inv0 must have shape {(n, n)}, got {H.shape}")
    try:
        np.linalg.cholesky(H)
    except np.linalg.LinAlgError:
        raise ValueError("hess_inv0 must be positive definite") from None
    if not np.allclose(H, H.T):
        raise ValueError("hess_inv0 must be symmetric")
    return H


def minimize_bfgs(
    fun: LeastSquares | Callable,
    x0,
    *,
    self_scaling: bool = False,
    jac=None,
    args: tuple = (),
    gtol: float | None = None,
    norm: float = np.inf,
    maxiter: int | None = None,
    tol: float = 0.0,
    xrtol: float = 0.0,
    c1: float = 1e-4,
    c2: float = 0.9,
    hess_inv0=None,
    eps=_FORWARD_STEP,
    finite_diff_rel_step=None,
    time_limit: float | None = None,
    callback: Callable | None = None,
    verbose: int = 0,
) -> OptimizeResult:
    """`precisekit.minimize` with method "bfgs" or "ssbfgs"."""
    options = _core.BfgsOptions()
    options.time_limit = checked_limits(tol, time_limit)
    if isinstance(fun, LeastSquares):
        if jac is not None or args != ():
            raise ValueError("jac and args are for functions: a LeastSquares has its own gradient")
        x0 = checked_least_squares(fun, x0)
        squares_of_one = fun.target_norm**2 / fun.n_residuals  # the loss of relative RMSE 1
        options.target = tol**2 * squares_of_one
        default_gtol, function = 0.0, None
    else:
        function = _Function(fun, jac, args, eps, finite_diff_rel_step)
        x0 = np.atleast_1d(finite_array(x0, "x0", (0, 1)))
        default_gtol = tol if tol > 0 else 1e-5
    options.gradient_tolerance = default_gtol if gtol is None else float(gtol)
    options.norm = float(norm)
    if maxiter is None:
        maxiter = 200 * x0.size
    options.max_iterations = positive_int(maxiter, "maxiter", at_least=0)
    options.step_tolerance = float(xrtol)
    options.c1, options.c2 = float(c1), float(c2)
    options.self_scaling = self_scaling
    if hess_inv0 is not None:
        options.inverse_hessian = _checked_inverse_hessian(hess_inv0, x0.size)

    observer = Observer(callback, verbose)

    def relative_rmse(value):
        return float(np.sqrt(value / squares_of_one)) if function is None else np.nan

    def observe(iteration, seconds, value, x):
        return observer(x, iteration, seconds, value, relative_rmse(value))

    if function is None:
        run = _core.bfgs_least_squares(fun._core, x0, options, observe)
        nfev = njev = run["evaluations"]
        not_finite_at = x0
    else:
        run = _core.bfgs_function(function, x0, options, observe)
        nfev, njev = function.nfev, function.njev
        not_finite_at = function.not_finite_at

    x, value, reason = run["x"], run["fun"], run["reason"]
    result = OptimizeResult(
        x=x,
        fun=value,
        jac=run["jac"],
        hess_inv=run["hess_inv"],
        nit=run["iterations"],
        nfev=nfev,
        njev=njev,
        noise=max(run["noise"], 0.5 * np.finfo(np.float64).eps * abs(value)),
        history=History.of(observer.records),
    )
    if function is None:
        result.relative_rmse = relative_rmse(value)
        reason, result.rounding_floor = stop_at_floor(fun, x, reason, result.relative_rmse)
    result.status, message = STATUS[reason]
    if reason == "rounding":
        message = message.format(noise=result.noise)
    elif reason == "not_finite":
        message = message.format(x=_shown(not_finite_at))
    result.message = message
    result.success = result.status == 0
    return result


def _scipy_callback(callback):
    """SciPy's two kinds of callback, neither of which sees the start, as one of ours."""
    try:
        by_name = set(inspect.signature(callback).parameters) == {"intermediate_result"}
    except ValueError:  # a builtin without a signature
        by_name = False

    def call(state):
        if state.nit == 0:
            return
        if by_name:
            callback(intermediate_result=state)
        else:
            callback(np.copy(state.x))

    return call


_SCIPY_OPTIONS = (
    "gtol", "norm", "maxiter", "xrtol", "c1", "c2", "hess_inv0", "eps", "finite_diff_rel_step",
    "time_limit",
)  # fmt: skip


def _scipy_method(self_scaling, fun, x0, args, jac, callback, given) -> OptimizeResult:
    name = "ssbfgs" if self_scaling else "bfgs"
    options = {key: given.pop(key) for key in _SCIPY_OPTIONS if key in given}
    hessians = [given.pop(key, None) for key in ("hess", "hessp")]
    bounds, constraints = given.pop("bounds", None), given.pop("constraints", ())
    disp, return_all = given.pop("disp", False), given.pop("return_all", False)
    tol = given.pop("tol", None)

    def warn(message, category):
        # shown at the caller of scipy.optimize.minimize
        warnings.warn(message, category, stacklevel=5)

    if any(hessian is not None for hessian in hessians):
        warn(f"Method {name} does not use Hessian information.", RuntimeWarning)
    if bounds is not None or np.any(constraints):
        warn(f"Method {name} cannot handle bounds and constraints.", RuntimeWarning)
    if given:
        warn(f"Unknown solver options: {', '.join(given)}", OptimizeWarning)

    path = []
    told = None if callback is None else _scipy_callback(callback)

    def watch(state):
        path.append(state.x)
        if told is not None:
            told(state)

    result = minimize_bfgs(
        fun,
        x0,
        self_scaling=self_scaling,
        args=args,
        jac=jac,
        tol=0.0 if tol is None else tol,
        callback=watch if return_all else told,
        **options,
    )
    if return_all:
        result.allvecs = path
    if disp:
        print(result.message)
        print(f"         Current function value: {result.fun:g}")
        print(f"         Iterations: {result.nit}")
        print(f"         Function evaluations: {result.nfev}")
        print(f"         Gradient evaluations: {result.njev}")
    return result


def bfgs(fun, x0, args=(), jac=None, callback=None, **options) -> OptimizeResult:
    """BFGS as a method of SciPy: ``scipy.optimize.minimize(fun, x0, jac=jac, method=bfgs)``.

    Arguments, options and result are those of ``scipy.optimize.minimize(method="BFGS")``, with
    these differences.

    - An iteration costs one pass over the inverse Hessian instead of two products of matrices.
    - Where the line search meets rounding, the noise of the values is measured, and steps are
      judged by the gradient alone. The run ends with status 2 only when that gains nothing either;
      the message and the field ``noise`` give the estimated standard deviation of the noise.
    - The first inverse Hessian, unless ``hess_inv0`` gives it, is the identity, scaled after the
      first step.
    - The option ``time_limit`` (seconds) ends the run with status 4, a callback that raises
      StopIteration with status 5, Ctrl-C with status 6; all return the best so far.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args) -> float``; with ``jac=True``, ``(float, gradient)``.
    x0 : array_like (n,)
    args : tuple
    jac : callable, True, None, "2-point" or "3-point"
        Gradient; None differences forward with the absolute step `eps`, a string with a relative
        one (`finite_diff_rel_step`).
    callback : callable
        ``callback(intermediate_result)`` or ``callback(x)``, by the name of its parameter.
    **options
        gtol, norm, maxiter, xrtol, c1, c2, hess_inv0, eps, finite_diff_rel_step, disp, return_all
        and time_limit.

    Raises
    ------
    ValueError
        If `fun` or `jac` returns what is not a number or has a wrong shape (the message names x),
        or for an option out of range. What `fun` and `jac` raise goes through, with a note that
        names x. NaN and infinity raise nothing: the line search steps back.
    """
    return _scipy_method(False, fun, x0, args, jac, callback, options)


def ssbfgs(fun, x0, args=(), jac=None, callback=None, **options) -> OptimizeResult:
    """Self-scaled BFGS as a method of SciPy; arguments and result are those of `bfgs`.

    Before each update the inverse Hessian is divided by min(1, y's / s'Bs).
    """
    return _scipy_method(True, fun, x0, args, jac, callback, options)
