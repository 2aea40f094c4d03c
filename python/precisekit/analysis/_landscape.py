"""The loss along lines and planes through parameter space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._checks import finite_array
from ..objective import LeastSquares
from ..plot import new_figure


@dataclass(frozen=True)
class LossLine:
    """The loss at ``theta + t * direction``: `t` (k,), `fun` (k,) and `relative_rmse` (k,)."""

    t: np.ndarray
    fun: np.ndarray
    relative_rmse: np.ndarray

    def plot(self):
        """Relative RMSE over t; a matplotlib Figure apart from pyplot."""
        figure, axes = new_figure((6.0, 4.0))
        axes.plot(self.t, self.relative_rmse, color="#2b5c8a", linewidth=1.2)
        axes.set_yscale("log")
        axes.set(xlabel="t", ylabel="relative RMSE at θ + t d")
        return figure


@dataclass(frozen=True)
class LossPlane:
    """The loss at ``theta + s[i] * u + t[j] * v``: `fun` and `relative_rmse` (len(s), len(t))."""

    s: np.ndarray
    t: np.ndarray
    fun: np.ndarray
    relative_rmse: np.ndarray

    def plot(self):
        """The logarithm of the relative RMSE as a map; a matplotlib Figure apart from pyplot.

        Raises
        ------
        ValueError
            If `s` or `t` has one element only.
        """
        if min(self.relative_rmse.shape) < 2:
            raise ValueError(f"a map needs 2 x 2 points, but s and t give {self.fun.shape}")
        figure, axes = new_figure((6.0, 4.8))
        shown = np.log10(np.maximum(self.relative_rmse, np.finfo(float).tiny)).T
        filled = axes.contourf(self.s, self.t, shown, levels=30, cmap="viridis")
        figure.colorbar(filled, ax=axes, label="log₁₀ relative RMSE")
        axes.set(xlabel="s (along u)", ylabel="t (along v)")
        return figure


def loss_line(objective: LeastSquares, theta, direction, t=None, *, extended=False) -> LossLine:
    """The loss along a line through ``theta``.

    Parameters
    ----------
    objective : LeastSquares
    theta, direction : array_like (P,)
        ``direction = theta_b - theta`` leads to another minimum at t = 1; an eigenvector of
        `hessian_spectrum` shows the loss along it.
    t : array_like (k,), optional
        101 values from -1 to 1.
    extended : bool
        Compute the network in ``numpy.longdouble``, so that differences below the rounding of the
        loss become visible. Slow.

    Returns
    -------
    line : LossLine

    Raises
    ------
    ValueError
        For shapes that do not match, NaN, infinity or empty data, naming the argument.
    """
    theta, direction = _vectors(objective, theta=theta, direction=direction)
    t = np.linspace(-1.0, 1.0, 101) if t is None else finite_array(t, "t", 1)
    loss = _loss(objective, extended)
    fun = np.array([loss(theta + step * direction) for step in t])
    return LossLine(t, fun, _relative(objective, fun))


def loss_plane(objective: LeastSquares, theta, u, v, s=None, t=None, *, extended=False):
    """The loss on a plane through ``theta``, at ``theta + s[i] * u + t[j] * v``.

    Parameters
    ----------
    objective : LeastSquares
    theta, u, v : array_like (P,)
    s, t : array_like (k,), (l,), optional
        41 values from -1 to 1 each.
    extended : bool
        As in `loss_line`.

    Returns
    -------
    plane : LossPlane

    Raises
    ------
    ValueError
        For shapes that do not match, NaN, infinity or empty data, naming the argument.
    """
    theta, u, v = _vectors(objective, theta=theta, u=u, v=v)
    s = np.linspace(-1.0, 1.0, 41) if s is None else finite_array(s, "s", 1)
    t = np.linspace(-1.0, 1.0, 41) if t is None else finite_array(t, "t", 1)
    loss = _loss(objective, extended)
    fun = np.array([[loss(theta + along * u + across * v) for across in t] for along in s])
    return LossPlane(s, t, fun, _relative(objective, fun))


def _vectors(objective, **named) -> list[np.ndarray]:
    """The vectors, checked, by the names of their arguments."""
    if not isinstance(objective, LeastSquares):
        raise ValueError(f"objective must be a LeastSquares, got {type(objective).__name__}")
    vectors = []
    for name, value in named.items():
        vector = finite_array(value, name, 1)
        if vector.size != objective.net.n_params:
            raise ValueError(
                f"{name} must have {objective.net.n_params} elements, got {vector.size}"
            )
        vectors.append(vector)
    return vectors


def _loss(objective: LeastSquares, extended: bool):
    if not extended:
        return objective.fun
    net, X, y, weight = objective._arguments
    scale = np.ones(len(X)) if weight is None else np.asarray(weight) / np.mean(weight)
    scale = scale.astype(np.longdouble).reshape((-1,) + (1,) * (y.ndim - 1))

    def loss(theta):
        f = net.forward_extended(theta, X).reshape(y.shape)
        return float(np.mean(scale * (f - y) ** 2))

    return loss


def _relative(objective: LeastSquares, fun: np.ndarray) -> np.ndarray:
    """Root of the sum of squared residuals over the norm of the targets; infinite for y = 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt(fun * objective.n_residuals) / objective.target_norm
