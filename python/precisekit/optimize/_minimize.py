"""One door to all minimisers."""

from __future__ import annotations

from collections.abc import Callable

from scipy.optimize import OptimizeResult

from ..objective import LeastSquares
from ._bfgs import minimize_bfgs
from ._taylor_lm import taylor_lm

METHODS = ("taylor-lm", "bfgs", "ssbfgs")


def minimize(
    objective: LeastSquares | Callable,
    theta0,
    method: str = "taylor-lm",
    *,
    maxiter: int | None = None,
    tol: float = 0.0,
    time_limit: float | None = None,
    callback: Callable | None = None,
    verbose: int = 0,
    **options,
) -> OptimizeResult:
    """Minimise a least-squares objective, or, with "bfgs" and "ssbfgs", any function.

    Parameters
    ----------
    objective : LeastSquares or callable
        ``fun(x, *args) -> float``.
    theta0 : array_like (P,)
        Start.
    method : {"taylor-lm", "bfgs", "ssbfgs"}
        "taylor-lm": Levenberg-Marquardt along a Taylor curve of high order (docs/architecture.md;
        kin to the geodesic acceleration of Transtrum, Machta and Sethna, 2011). "bfgs": with a line
        search for the strong Wolfe conditions (Nocedal and Wright, 2006, algorithm 6.1).
        "ssbfgs": self-scaled BFGS, which gains 3 to 5 digits on a network.
    maxiter : int, optional
        10,000 by default; ``200 * P`` for BFGS.
    tol : float
        Stop at this relative RMSE. The default 0 goes on to the last digit. For a function: what
        `gtol` is by default.
    time_limit : float, optional
        Seconds; the iteration under way is cut short, not waited for.
    callback : callable, optional
        ``callback(intermediate_result)`` after each iteration, with fields x, fun, nit and seconds,
        and, of a `LeastSquares`, relative_rmse (and damping). It stops the run by returning True or
        raising StopIteration.
    verbose : int
        Print a line on stderr every `verbose` iterations.
    **options
        Of Taylor-LM:

        - order : int, of the curve; 16. Order 1 is plain Levenberg-Marquardt, and what a network
          with relu gets.
        - damping : float, the first, relative to the largest squared singular value of the
          Jacobian; 1e-3.

        Of BFGS, as in SciPy:

        - gtol : stop when the norm of the gradient is not above it; 1e-5, and 0 for a
          `LeastSquares`.
        - norm : order of that norm; inf.
        - xrtol : stop when a step is not longer than this, relative to x; 0.
        - c1, c2 : of the Wolfe conditions; 1e-4 and 0.9.
        - hess_inv0 : array_like (P, P), the first inverse Hessian; the identity, scaled after the
          first step.
        - jac, args, eps, finite_diff_rel_step : for a function, see `precisekit.optimize.bfgs`.

    Returns
    -------
    result : scipy.optimize.OptimizeResult
        x (the best parameters seen), fun, jac, nit, nfev, njev, success, status, message and
        history; of a `LeastSquares` relative_rmse and rounding_floor; of Taylor-LM damping; of BFGS
        hess_inv and noise. Status 4 is the time limit, 5 the callback's wish, and 6 a Ctrl-C, which
        ends the run and returns the best so far.

    Raises
    ------
    ValueError
        For an unknown method or an argument that does not fit, naming it.
    TypeError
        For an option that the method does not have.
    """
    if method not in METHODS:
        names = ", ".join(map(repr, METHODS))
        raise ValueError(f"method must be one of {names}, got {method!r}")
    common = dict(maxiter=maxiter, tol=tol, time_limit=time_limit, callback=callback)
    common.update(verbose=verbose, **options)
    if method == "taylor-lm":
        return taylor_lm(objective, theta0, **common)
    return minimize_bfgs(objective, theta0, self_scaling=method == "ssbfgs", **common)
