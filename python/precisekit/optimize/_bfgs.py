"""BFGS, self-scaled BFGS and Broyden, L-BFGS, for a `LeastSquares` and for any function."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
from scipy.optimize import LbfgsInvHessProduct, OptimizeResult, OptimizeWarning

from .. import _core
from .._checks import check_callback, finite_array, positive_int, real_number
from ..objective import LeastSquares
from ._descent import Descent

_ROUNDING = (
    "rounding hides any further decrease: values of the function carry noise of about {noise:.1e}, "
    "and steps judged by the gradient alone (approximate Wolfe conditions) gain nothing"
)


# What "bfgs" scales the first inverse Hessian of a network's loss with, in units of the mean square
# target: the curvature of its flat directions, which would else never be learnt. After 4,000
# iterations the loss is 1e3 to 1e6 times lower for it (`python -m bench.bfgs loss`).
_FLAT = 1e8


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


def _options(descent: Descent, maxiter: int, gtol, norm, xrtol, c1, c2):
    options = _core.QuasiNewtonOptions()
    descent.limit(options, maxiter)
    options.gradient_tolerance = descent.gtol(gtol)
    options.norm = real_number(norm, "norm")
    options.step_tolerance = real_number(xrtol, "xrtol")
    options.c1, options.c2 = real_number(c1, "c1"), real_number(c2, "c2")
    return options


def _run(descent: Descent, solve, *arguments) -> tuple[OptimizeResult, dict]:
    result, extra = descent.run(solve, *arguments)
    del result.nhev
    result.noise = max(extra["noise"], 0.5 * np.finfo(np.float64).eps * abs(result.fun))
    if result.status == 2:
        result.message = _ROUNDING.format(noise=result.noise)
    return result, extra


def minimize_bfgs(
    fun,
    x0,
    *,
    solver: str = "bfgs",
    gtol: float | None = None,
    norm: float = np.inf,
    xrtol: float = 0.0,
    c1: float = 1e-4,
    c2: float = 0.9,
    hess_inv0=None,
    **common,
) -> OptimizeResult:
    """`precisekit.minimize` with the `solver` of the core: "bfgs", "ssbfgs" or "ssbroyden"."""
    descent = Descent(fun, x0, **common)
    n = descent.x0.size
    options = _options(descent, 200 * n, gtol, norm, xrtol, c1, c2)
    H = np.empty((0, 0)) if hess_inv0 is None else _checked_inverse_hessian(hess_inv0, n)
    arguments = [options, H]
    if solver == "bfgs":
        is_network = isinstance(fun, LeastSquares)
        arguments.append(_FLAT * fun.n_residuals / fun.target_norm**2 if is_network else 1.0)
    result, extra = _run(descent, getattr(_core, solver), *arguments)
    result.hess_inv = extra["hess_inv"]
    return result


def minimize_lbfgs(
    fun,
    x0,
    *,
    m: int = 10,
    gtol: float | None = None,
    norm: float = np.inf,
    xrtol: float = 0.0,
    c1: float = 1e-4,
    c2: float = 0.9,
    **common,
) -> OptimizeResult:
    """`precisekit.minimize` with method "l-bfgs"."""
    descent = Descent(fun, x0, **common)
    options = _options(descent, 15_000, gtol, norm, xrtol, c1, c2)
    result, extra = _run(descent, _core.lbfgs, options, positive_int(m, "m"))
    result.hess_inv = LbfgsInvHessProduct(extra["steps"].T, extra["changes"].T)
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
    "gtol", "norm", "maxiter", "xrtol", "c1", "c2", "hess_inv0", "m", "eps", "finite_diff_rel_step",
    "check_grad", "time_limit",
)  # fmt: skip


def _scipy_method(name, minimizer, fun, x0, args, jac, callback, given, **fixed) -> OptimizeResult:
    known = inspect.signature(minimizer).parameters
    options = {
        key: given.pop(key)
        for key in _SCIPY_OPTIONS
        if key in given and (key in known or key not in ("hess_inv0", "m"))
    }
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

    check_callback(callback)
    path = []
    told = None if callback is None else _scipy_callback(callback)

    def watch(state):
        path.append(state.x)
        if told is not None:
            told(state)

    result = minimizer(
        fun,
        x0,
        args=args,
        jac=jac,
        tol=0.0 if tol is None else tol,
        callback=watch if return_all else told,
        **fixed,
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
        one (`finite_diff_rel_step`). (``scipy.optimize.minimize`` hands a string on as None to
        methods that are not its own; `precisekit.minimize` takes it.)
    callback : callable
        ``callback(intermediate_result)`` or ``callback(x)``, by the name of its parameter.
    **options
        gtol, norm, maxiter, xrtol, c1, c2, hess_inv0, eps, finite_diff_rel_step, disp, return_all,
        time_limit and check_grad: compare `jac` with differences of `fun` first, along each
        coordinate.

    Raises
    ------
    ValueError
        If `fun` or `jac` returns what is not a number or has a wrong shape (the message names x),
        if `check_grad` finds that they disagree, or for an option out of range. What `fun` and
        `jac` raise goes through, with a note that names x. Whatever is raised after the start has
        the result so far, with the best point, as its attribute ``result``. NaN and infinity raise
        nothing: the line search steps back.
    """
    return _scipy_method("bfgs", minimize_bfgs, fun, x0, args, jac, callback, options)


def ssbfgs(fun, x0, args=(), jac=None, callback=None, **options) -> OptimizeResult:
    """Self-scaled BFGS as a method of SciPy; arguments and result are those of `bfgs`.

    Before each update the inverse Hessian is divided by min(1, y's / s'Bs). It is kept as a product
    of two factors, so that rounding leaves it positive definite.
    """
    return _scipy_method(
        "ssbfgs", minimize_bfgs, fun, x0, args, jac, callback, options, solver="ssbfgs"
    )


def ssbroyden(fun, x0, args=(), jac=None, callback=None, **options) -> OptimizeResult:
    """Self-scaled Broyden as a method of SciPy; arguments and result are those of `bfgs`.

    As `ssbfgs`, with scale and member of Broyden's family chosen at each step (Al-Baali and
    Khalfan, 2005).
    """
    return _scipy_method(
        "ssbroyden", minimize_bfgs, fun, x0, args, jac, callback, options, solver="ssbroyden"
    )


def lbfgs(fun, x0, args=(), jac=None, callback=None, **options) -> OptimizeResult:
    """L-BFGS as a method of SciPy; arguments and result are those of `bfgs`.

    In place of ``hess_inv0`` there is the option ``m``, the number of steps remembered (10);
    ``hess_inv`` of the result is a `scipy.optimize.LbfgsInvHessProduct`.
    """
    return _scipy_method("lbfgs", minimize_lbfgs, fun, x0, args, jac, callback, options)
