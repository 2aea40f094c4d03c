"""Nonlinear least squares for any residual function of Python."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import OptimizeResult
from scipy.sparse import issparse

from .. import _core
from .._checks import finite_array, positive_int, real_number
from ._result import History, Observer, checked_limits

# status and message for each reason for which the solver stops; 0 to 3 and -2 are SciPy's
STATUS = {
    "gradient": (1, "the cosines between residual and Jacobian are within gtol"),
    "cost": (2, "the reduction of the cost is within ftol"),
    "step": (3, "the step is within xtol, or within the rounding of x"),
    "rounding": (5, "at the last digit: neither the cost nor the steps get any smaller"),
    "max_evaluations": (0, "max_nfev reached"),
    "interrupted": (-2, "stopped by the callback"),
    "time_limit": (-3, "time limit"),
    "keyboard_interrupt": (-4, "interrupted (Ctrl-C): the best parameters so far are returned"),
    "not_finite": (-5, "fun is not finite at x0 = {x}"),
    "jacobian_not_finite": (-6, "the Jacobian is not finite at x = {x}"),
}

_DIFFERENCES = ("2-point", "3-point")
_COMPLEX_STEP = 1e-100
_AGREES = 1e-4  # relative difference of two columns that check_grad lets pass


def _shown(x: np.ndarray) -> str:
    return np.array2string(x, precision=17, threshold=10)


class _Residual:
    """A residual function of Python, checked; keeps the best point for the case that it raises."""

    def __init__(self, fun: Callable, args: tuple, kwargs: dict):
        self._call = lambda x: fun(x, *args, **kwargs)
        self._size: int | None = None
        self.best_x: np.ndarray | None = None
        self.best_cost = np.inf

    def __call__(self, x: np.ndarray) -> np.ndarray:
        r = self._evaluate(x)
        with np.errstate(over="ignore", invalid="ignore"):
            cost = 0.5 * float(r @ r)
        if cost < self.best_cost:
            self.best_x, self.best_cost = x, cost
        return r

    def _evaluate(self, x):
        try:
            value = self._call(x.copy())
        except Exception as error:
            raise self.with_best(error, x) from None
        if np.iscomplexobj(value):
            raise self.with_best(ValueError("fun must return real numbers, got complex ones"), x)
        try:
            if value is None:
                raise TypeError  # NumPy makes it NaN
            r = np.atleast_1d(np.asarray(value, dtype=np.float64))
        except (TypeError, ValueError):
            message = f"fun must return an array of numbers, got {value!r}"
            raise self.with_best(ValueError(message), x) from None
        if r.ndim != 1 or r.size == 0 or self._size not in (None, r.size):
            wanted = "one dimension" if self._size is None else f"shape ({self._size},)"
            message = f"fun must return {wanted}, got shape {np.shape(value)}"
            raise self.with_best(ValueError(message), x)
        self._size = r.size
        return r

    def complex_jacobian(self, x: np.ndarray) -> np.ndarray:
        """By complex steps."""
        steps = x + 1j * _COMPLEX_STEP * np.eye(x.size)
        values = [self._call(step) for step in steps]
        if not any(map(np.iscomplexobj, values)):
            raise ValueError(
                "jac 'cs' needs a fun that is complex where x is, but it returns real numbers"
            )
        return np.array([np.imag(value) / _COMPLEX_STEP for value in values]).T

    def with_best(self, error: Exception, x: np.ndarray) -> Exception:
        """The error, told where it happened and what was best until then."""
        error.add_note(f"at x = {_shown(x)}")
        if self.best_x is not None:
            where = f"cost {self.best_cost:.6g} at x = {_shown(self.best_x)}"
            error.add_note(f"best until then: {where}")
            error.result = OptimizeResult(x=self.best_x, cost=self.best_cost)
        return error


class _Jacobian:
    """A Jacobian of Python, checked."""

    def __init__(self, jac: Callable, residual: _Residual, size: int):
        self._jac = jac
        self._residual = residual
        self._size = size

    def __call__(self, x: np.ndarray) -> np.ndarray:
        try:
            value = self._jac(x.copy())
        except Exception as error:
            raise self._residual.with_best(error, x) from None
        if issparse(value):
            value = value.toarray()
        shape = (self._size, x.size)
        try:
            J = np.asarray(value)
            J = J if np.iscomplexobj(J) else np.atleast_2d(J.astype(np.float64))
        except (TypeError, ValueError):
            J = None
        if J is None or np.iscomplexobj(J) or J.shape != shape:
            message = f"jac must return {shape} real numbers, got shape {np.shape(value)}"
            raise self._residual.with_best(ValueError(message), x)
        return J


def _check_jacobian(jacobian: _Jacobian, residual: _Residual, x: np.ndarray, r: np.ndarray):
    """Raise ValueError where the Jacobian disagrees with differences of the residual."""
    given = jacobian(x)
    differences, errors = _core.extrapolated_jacobian(residual, x, r)
    apart = np.linalg.norm(given - differences, axis=0)
    size = np.linalg.norm(differences, axis=0)
    floor = np.finfo(np.float64).eps ** 0.5 * np.linalg.norm(r)
    bad = ~(apart <= _AGREES * size + 10 * errors + floor / np.maximum(np.abs(x), 1))
    if bad.any():
        j = int(np.argmax(bad))
        i = int(np.argmax(np.abs(given - differences)[:, j]))
        raise ValueError(
            f"jac disagrees with fun along x[{j}]: d fun[{i}] / d x[{j}] is "
            f"{differences[i, j]:.8g} by differences, but jac[{i}, {j}] is {given[i, j]:.8g}, at "
            f"x = {_shown(x)}"
        )


def _checked_scale(x_scale, n: int) -> np.ndarray:
    """The scale of each variable; empty for "jac"."""
    if isinstance(x_scale, str):
        if x_scale != "jac":
            raise ValueError(f"x_scale must be 'jac' or positive numbers, got {x_scale!r}")
        return np.empty(0)
    scale = finite_array(x_scale, "x_scale", (0, 1))
    if np.ndim(x_scale) == 1 and scale.shape != (n,):
        raise ValueError(f"x_scale must have {n} elements, got shape {scale.shape}")
    if not (scale > 0).all():
        raise ValueError(f"x_scale must be positive, got {scale}")
    return np.broadcast_to(scale, (n,)).copy()


def _checked_tolerance(value, name: str) -> float:
    number = 0.0 if value is None else real_number(value, name)
    if not 0 <= number < np.inf:
        raise ValueError(f"{name} must be finite and not negative, got {value!r}")
    return number


def least_squares(
    fun: Callable,
    x0,
    jac: Callable | str | None = None,
    *,
    ftol: float | None = None,
    xtol: float | None = None,
    gtol: float | None = None,
    x_scale="jac",
    diff_step: float | None = None,
    max_nfev: int | None = None,
    second_order: bool = True,
    check_grad: bool = False,
    time_limit: float | None = None,
    callback: Callable | None = None,
    verbose: int = 0,
    args: tuple = (),
    kwargs: dict | None = None,
) -> OptimizeResult:
    """Minimise half the sum of the squares of `fun` by Levenberg-Marquardt.

    Names and result are those of ``scipy.optimize.least_squares``. The differences: without
    tolerances it goes on to the last digit, with differences in place of `jac` that get sharper on
    the way; trial steps that disappoint are corrected to second order; fewer residuals than
    variables are welcome.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args, **kwargs) -> (m,)`` residuals, x of shape (n,). Where it returns NaN or
        infinity the step is shortened.
    x0 : array_like (n,)
        Start.
    jac : callable or {"2-point", "3-point", "cs"}, optional
        ``jac(x, *args, **kwargs) -> (m, n)``, dense or sparse. By default forward differences, and,
        near the minimum, ones extrapolated to step zero, whose steps find the noise of `fun` by
        themselves (Ridders, 1982). "2-point" and "3-point" stay with forward and central
        differences; "cs" takes complex steps, for a `fun` that accepts complex x.
    ftol, xtol, gtol : float, optional
        Stop when the cost falls relatively by less than `ftol`, when the trust region is smaller
        than `xtol` relative to x (both scaled), or when the largest cosine between the residual and
        a column of the Jacobian is below `gtol`, as in MINPACK. The default goes on until neither
        cost nor steps get smaller.
    x_scale : "jac", float or array_like (n,)
        Typical sizes of the variables; "jac" takes them from the columns of the Jacobian.
    diff_step : float, optional
        Relative step of the forward or central differences.
    max_nfev : int, optional
        Evaluations of `fun`, those for differences included: 1000 n, and n + 1 times that without
        `jac`.
    second_order : bool
        Whether trial steps are corrected.
    check_grad : bool
        Compare `jac` at `x0` with differences of `fun` first, at some ten evaluations a variable.
    time_limit : float, optional
        Seconds.
    callback : callable, optional
        ``callback(intermediate_result)`` at each iterate, with fields x, fun (the cost), nit,
        seconds and damping. It stops the run by returning True or raising StopIteration.
    verbose : int
        Print a line on stderr every `verbose` iterations.
    args, kwargs : tuple, dict
        Passed on to `fun` and `jac`.

    Returns
    -------
    result : scipy.optimize.OptimizeResult
        x, cost (half the sum of squares), fun (m,), jac (m, n), grad (n,), optimality (largest
        element of grad), active_mask (zeros), nfev, njev, nit, status, message, success and
        history. Status is SciPy's 0 to 3 and -2; 5 is the last digit, -3 the time limit, -4 Ctrl-C,
        -5 and -6 residuals or a Jacobian that are not finite. All return the best so far; a run
        that was cut short may return the Jacobian of an earlier iterate.

    Raises
    ------
    ValueError
        For an argument that does not fit, for what `fun` or `jac` return when it is not real or has
        a wrong size, and when `check_grad` finds a disagreement. What `fun` and `jac` raise goes
        through. Such errors have notes that name x and the best point until then, which they also
        carry as the attribute `result` (an OptimizeResult with x and cost).

    References
    ----------
    More, Numerical Analysis, Springer LNM 630, 105 (1978); Transtrum, Machta and Sethna, Phys. Rev.
    E 83, 036701 (2011); Walker and Ni, SIAM J. Numer. Anal. 49, 1715 (2011).

    Examples
    --------
    >>> import numpy as np, precisekit as pk
    >>> t = np.linspace(0, 3, 20)
    >>> pk.least_squares(lambda b: b[0] * np.exp(-b[1] * t) - 2 * np.exp(-0.5 * t), [1, 1]).x
    array([2. , 0.5])
    """
    if not callable(fun):
        raise ValueError(f"fun must be callable, got {type(fun).__name__}")
    names = (*_DIFFERENCES, "cs")
    if jac is not None and not callable(jac) and not (isinstance(jac, str) and jac in names):
        known = ", ".join(map(repr, names))
        raise ValueError(f"jac must be callable, None or one of {known}, got {jac!r}")
    args = args if isinstance(args, tuple) else (args,)
    kwargs = {} if kwargs is None else kwargs
    x0 = np.atleast_1d(finite_array(x0, "x0", (0, 1)))
    n = x0.size

    options = _core.LevenbergMarquardtOptions()
    options.cost_tolerance = _checked_tolerance(ftol, "ftol")
    options.step_tolerance = _checked_tolerance(xtol, "xtol")
    options.gradient_tolerance = _checked_tolerance(gtol, "gtol")
    options.scale = _checked_scale(x_scale, n)
    options.time_limit = checked_limits(0.0, time_limit)
    options.second_order = bool(second_order)
    by_differences = jac is None or (isinstance(jac, str) and jac in _DIFFERENCES)
    if max_nfev is None:
        max_nfev = 1000 * n * (n + 1 if by_differences else 1)
    options.max_evaluations = positive_int(max_nfev, "max_nfev")
    relative_step = 0.0 if diff_step is None else real_number(diff_step, "diff_step")
    if diff_step is not None and not 0 < relative_step < 1:
        raise ValueError(f"diff_step must be between 0 and 1, got {diff_step!r}")

    residual = _Residual(fun, args, kwargs)
    jacobian = "auto" if jac is None else jac
    if not by_differences:
        r = residual(x0)
        of_x = residual.complex_jacobian if jac == "cs" else lambda x: jac(x, *args, **kwargs)
        jacobian = _Jacobian(of_x, residual, r.size)
        if check_grad and np.isfinite(r).all():
            _check_jacobian(jacobian, residual, x0, r)

    observer = Observer(callback, verbose)

    def observe(iteration, seconds, cost, damping, x):
        return observer(x, iteration, seconds, cost, damping=damping)

    run = _core.levenberg_marquardt(residual, x0, jacobian, relative_step, options, observe)
    x, r, J = run["x"], run["residual"], run["jacobian"]
    status, message = STATUS[run["reason"]]
    if J.shape != (r.size, n):  # none was taken
        J = np.full((r.size, n), np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        cost, grad = 0.5 * float(r @ r), J.T @ r
    return OptimizeResult(
        x=x,
        cost=cost if r.size else np.nan,
        fun=r,
        jac=J,
        grad=grad,
        optimality=float(np.max(np.abs(grad))),
        active_mask=np.zeros(n, dtype=int),
        nfev=run["evaluations"],
        njev=run["jacobians"],
        nit=run["iterations"],
        status=status,
        message=message.format(x=_shown(x)),
        success=status > 0,
        history=History.of(observer.records),
    )
