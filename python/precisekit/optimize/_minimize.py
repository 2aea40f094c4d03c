"""One door to all minimisers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from scipy.optimize import OptimizeResult

from ..objective import LeastSquares
from ._adam import minimize_adam
from ._bfgs import minimize_bfgs, minimize_lbfgs
from ._checkpoint import minimize_with_checkpoints
from ._newton import minimize_low_curvature, minimize_newton
from ._taylor_lm import taylor_lm

_MINIMIZERS: dict[str, Callable] = {
    "taylor-lm": taylor_lm,
    "bfgs": minimize_bfgs,
    "ssbfgs": partial(minimize_bfgs, solver="ssbfgs"),
    "ssbroyden": partial(minimize_bfgs, solver="ssbroyden"),
    "l-bfgs": minimize_lbfgs,
    "newton": minimize_newton,
    "low-curvature": minimize_low_curvature,
    "adam": minimize_adam,
}
METHODS = tuple(_MINIMIZERS)


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
    checkpoint=None,
    resume=None,
    **options,
) -> OptimizeResult:
    """Minimise a least-squares objective, or, with all methods but "taylor-lm", any function.

    Parameters
    ----------
    objective : LeastSquares or callable
        ``fun(x, *args) -> float``.
    theta0 : array_like (P,)
        Start; with `resume` it is not used, and may be None.
    method : str
        - "taylor-lm": Levenberg-Marquardt along a Taylor curve of high order (docs/architecture.md;
          kin to the geodesic acceleration of Transtrum, Machta and Sethna, 2011).
        - "bfgs": with a line search for the strong Wolfe conditions (Nocedal and Wright, 2006,
          algorithm 6.1).
        - "ssbfgs": self-scaled BFGS (Al-Baali, 1998) on a factored inverse Hessian, which gains 4
          to 6 digits on a network.
        - "ssbroyden": self-scaled Broyden (Al-Baali and Khalfan, 2005): another one or two digits,
          in fewer iterations that cost more.
        - "l-bfgs": with limited memory (Nocedal and Wright, 2006, algorithm 7.4), for networks so
          large that P x P matrices do not pay.
        - "newton": the exact Hessian in a trust region (More and Sorensen, 1983), which leaves
          saddles along directions of negative curvature.
        - "low-curvature": steps in the subspace where the absolute curvature is below `tau`, with a
          search on a logarithmic grid (Michaud, Liu and Tegmark, 2022, section 4.2). It never steps
          uphill: it ends where no step length of the grid lowers the loss.
        - "adam": Kingma and Ba, 2015, on all samples or on consecutive slices of them.
    maxiter : int, optional
        10,000 by default; ``200 * P`` for BFGS, 15,000 for L-BFGS, 200 for steps of low curvature.
    tol : float
        Stop at this relative RMSE. The default 0 goes on to the last digit. For a function: what
        `gtol` is by default, in methods that have it.
    time_limit : float, optional
        Seconds; the iteration under way is cut short, not waited for.
    callback : callable, optional
        ``callback(intermediate_result)`` after each iteration (each one recorded, of Adam), with
        fields x, fun, nit and seconds, and, of a `LeastSquares`, relative_rmse (and damping). It
        stops the run by returning True or raising StopIteration.
    verbose : int
        Print a line on stderr every `verbose` iterations.
    checkpoint : path, optional
        Every few seconds, and at the end, the best parameters, the damping and the history are
        written to this file, which is whole at any time.
    resume : path, optional
        A checkpoint to go on from, of the same method, network and data; it may be the same file as
        `checkpoint`. `nit` and `history` go on from there, for the callback as well; limits are
        those of this call. "adam" and "low-curvature" go on as if they had not been stopped, to the
        last bit; what the BFGS methods learnt of the curvature is learnt anew.
    **options
        Of Taylor-LM:

        - order : int, of the curve; 16. Order 1 is plain Levenberg-Marquardt, and what a network
          with relu gets.
        - damping : float, the first, relative to the largest squared singular value of the
          Jacobian; 1e-3.
        - pade : bool, whether the Pade form of the curve is tried as well; True.

        Of the BFGS methods, as in SciPy:

        - gtol : stop when the norm of the gradient is not above it; 1e-5, and 0 for a
          `LeastSquares`. "newton" has it too, with the norm inf.
        - norm : order of that norm; inf.
        - xrtol : stop when a step is not longer than this, relative to x; 0.
        - c1, c2 : of the Wolfe conditions; 1e-4 and 0.9.
        - hess_inv0 : array_like (P, P), the first inverse Hessian; the identity, scaled after the
          first step: by "bfgs" on a `LeastSquares` with 1e8 over the mean square target, as flat
          directions want, which gains 2 to 3 digits on inputs in [-1, 1] or so. Not of "l-bfgs",
          which has m : the number of steps it remembers; 10.

        Of "newton":

        - initial_radius : of the trust region, Euclidean; 1.

        Of "low-curvature", by default as in the paper:

        - tau : absolute, as is the Hessian of the mean squared error; 1e-15.
        - low, high, n_points, n_rounds : the grid of step lengths, 1e-12 to 1e12, 15 points
          equidistant in the logarithm, and 4 rounds, each later one around the last one's best.

        Of "adam":

        - lr, beta1, beta2, eps : 1e-3, 0.9, 0.999 and 1e-8.
        - batch_size : samples a step, taken in the order of the rows, each slice where the last one
          ended, around their end; all by default.
        - record_every : steps from one entry of the history, and call of the callback, to the next;
          ``maxiter // 1000`` by default. With a batch_size, the loss on all samples is known at
          these only, and the best parameters are the best of these.

        Of a function, for all methods but "taylor-lm":

        - jac, args, eps, finite_diff_rel_step, check_grad : see `precisekit.optimize.bfgs` ("adam"
          differences with the default eps).
        - hess : ``hess(x, *args) -> (P, P)``, for "newton" and "low-curvature", which need it.

    Returns
    -------
    result : scipy.optimize.OptimizeResult
        x (the best parameters seen), fun, jac, nit, nfev, njev, success, status, message and
        history; of a `LeastSquares` relative_rmse and rounding_floor; of Taylor-LM damping; of the
        BFGS methods hess_inv and noise; of those with a Hessian nhev. Status 4 is the time limit,
        5 the callback's wish, and 6 a Ctrl-C, which ends the run and returns the best so far.

    Raises
    ------
    ValueError
        For an unknown method or an argument that does not fit, naming it; for a function or a
        derivative that returns a wrong kind or size, naming x; with ``check_grad=True``, for a
        gradient that disagrees with the function, naming the direction; for a checkpoint of
        another method, network or data, naming the difference, or one that is damaged. Nothing has
        been run or written then.
    OSError
        When a checkpoint cannot be read or written.
    TypeError
        For an option that the method does not have.

    Whatever else a function or the callback raises ends the run and goes through; except with
    "taylor-lm", the exception has the result so far, with the best point, as its attribute
    ``result``.
    """
    if method not in METHODS:
        names = ", ".join(map(repr, METHODS))
        raise ValueError(f"method must be one of {names}, got {method!r}")
    common = dict(maxiter=maxiter, tol=tol, time_limit=time_limit, callback=callback)
    common.update(verbose=verbose, **options)
    if checkpoint is None and resume is None:
        return _MINIMIZERS[method](objective, theta0, **common)
    return minimize_with_checkpoints(
        _MINIMIZERS[method], objective, theta0, method, checkpoint, resume, common
    )
