"""Methods that use the exact Hessian: Newton in a trust region, and steps of low curvature."""

from __future__ import annotations

from scipy.optimize import OptimizeResult

from .. import _core
from .._checks import positive_int, real_number
from ..objective import LeastSquares
from ._descent import Descent


def _descent(fun, x0, hess, common) -> Descent:
    if hess is None and not isinstance(fun, LeastSquares):
        raise ValueError("hess must be given for a function: this method uses the Hessian")
    return Descent(fun, x0, hessian=hess, **common)


def minimize_newton(
    fun, x0, *, hess=None, gtol: float | None = None, initial_radius: float = 1.0, **common
) -> OptimizeResult:
    """`precisekit.minimize` with method "newton"."""
    descent = _descent(fun, x0, hess, common)
    options = _core.NewtonOptions()
    descent.limit(options, 10_000)
    options.gradient_tolerance = descent.gtol(gtol)
    options.initial_radius = real_number(initial_radius, "initial_radius")
    return descent.run(_core.newton, options)[0]


def minimize_low_curvature(
    fun,
    x0,
    *,
    hess=None,
    tau: float = 1e-15,
    low: float = 1e-12,
    high: float = 1e12,
    n_points: int = 15,
    n_rounds: int = 4,
    **common,
) -> OptimizeResult:
    """`precisekit.minimize` with method "low-curvature"."""
    descent = _descent(fun, x0, hess, common)
    options = _core.LowCurvatureOptions()
    descent.limit(options, 200)
    options.tau = real_number(tau, "tau")
    options.grid.low, options.grid.high = real_number(low, "low"), real_number(high, "high")
    options.grid.n_points = positive_int(n_points, "n_points", at_least=3)
    options.grid.n_rounds = positive_int(n_rounds, "n_rounds")
    return descent.run(_core.low_curvature, options)[0]
