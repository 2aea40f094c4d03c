"""The spectrum of the Hessian, and where the gradient and the residual lie in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .. import _core
from ..objective import LeastSquares
from ..plot import new_figure

_CHUNK_DOUBLES = 2e7  # of the Jacobian at a time: 160 MB


@dataclass(frozen=True)
class HessianSpectrum:
    """Eigenvalues of the Hessian of the mean squared error, from most positive to most negative.

    Attributes
    ----------
    eigenvalues : ndarray (P,)
    eigenvectors : ndarray (P, P)
        One a column, in the order of the eigenvalues.
    gradient_projection : ndarray (P,)
        ``|g . e_i|``, g the gradient and e_i the eigenvectors.
    published_projection : ndarray (P,)
        The same with g cut down to the weights of the first layer: what Figure 7 of the paper
        shows, as its program returned from the loop over the parameters after the first of them.
    residual_projection : ndarray (P,)
        ``|r . J e_i| / (|r| |J e_i|)``: the share of the residual r along the change that a step
        along e_i makes, J the Jacobian of the residual. What it leaves no small step along e_i
        alone removes. Zero where r or J e_i is zero.
    """

    eigenvalues: np.ndarray
    eigenvectors: np.ndarray = field(repr=False)
    gradient_projection: np.ndarray
    published_projection: np.ndarray
    residual_projection: np.ndarray

    def plot(self, axes=None, *, published: bool = False):
        """Absolute eigenvalues and the gradient's projections, as in Figure 7 of the paper.

        Parameters
        ----------
        axes : matplotlib Axes, optional
            Where; by default axes of a new figure.
        published : bool
            Show `published_projection` instead of `gradient_projection`.

        Returns
        -------
        figure : matplotlib.figure.Figure
            Of the axes; ``figure.savefig(path)`` writes it.
        """
        if axes is None:
            _, axes = new_figure((7.0, 4.5))
        index = np.arange(len(self.eigenvalues))
        positive = self.eigenvalues > 0
        size = np.abs(self.eigenvalues)
        projection = self.published_projection if published else self.gradient_projection
        name = "|g · eᵢ|, first layer's weights only" if published else "|g · eᵢ|"
        dots = dict(s=6, linewidths=0, rasterized=True, zorder=3)
        axes.plot(index, projection, color="#d6302b", lw=0.5, label=name)
        axes.scatter(index[positive], size[positive], color="#1b5e34", label="λᵢ > 0", **dots)
        axes.scatter(index[~positive], size[~positive], color="#74b58a", label="λᵢ ≤ 0", **dots)
        axes.set_yscale("log")
        axes.set(xlabel="i, from most positive to most negative", ylabel="|λᵢ|, projection")
        axes.legend(frameon=False)
        return axes.figure


def hessian_spectrum(objective: LeastSquares, theta) -> HessianSpectrum:
    """Eigenvalues of the exact Hessian of ``objective.fun``, and projections on its eigenvectors.

    The eigensolver is LAPACK's dsyevd, whose vectors are orthogonal to rounding even where the
    eigenvalues are 1e-20 of the largest.

    Parameters
    ----------
    objective : LeastSquares
    theta : array_like (P,)

    Returns
    -------
    spectrum : HessianSpectrum

    Raises
    ------
    ValueError
        If ``objective`` is not a LeastSquares, or theta has a wrong shape, NaN or infinity.
    """
    if not isinstance(objective, LeastSquares):
        raise ValueError(f"objective must be a LeastSquares, got {type(objective).__name__}")
    theta = objective.net._checked_theta(theta)
    values, vectors = _core.symmetric_eigen(objective.hess(theta))
    values, vectors = values[::-1].copy(), vectors[:, ::-1].copy()
    gradient = objective.jac(theta)
    first = objective.net.layers(theta)[0][0].size
    return HessianSpectrum(
        eigenvalues=values,
        eigenvectors=vectors,
        gradient_projection=np.abs(gradient @ vectors),
        published_projection=np.abs(gradient[:first] @ vectors[:first]),
        residual_projection=_residual_projection(objective, theta, vectors),
    )


def _residual_projection(objective: LeastSquares, theta, vectors) -> np.ndarray:
    """|r . J e_i| / (|r| |J e_i|), some rows of J at a time."""
    residual = objective.residual(theta)
    net, X, _, weight = objective._arguments
    m = net.sizes[-1]
    scale = np.ones(len(X)) if weight is None else np.sqrt(weight / np.mean(weight))
    along, squares = np.zeros(len(theta)), np.zeros(len(theta))
    rows = max(1, int(_CHUNK_DOUBLES / (len(theta) * m)))
    for first in range(0, len(X), rows):
        chunk = slice(first, first + rows)
        J = net.jacobian(theta, X[chunk]).reshape(-1, len(theta))
        change = (J * np.repeat(scale[chunk], m)[:, None]) @ vectors
        along += residual[first * m : (first + rows) * m] @ change
        squares += np.einsum("sp,sp->p", change, change)
    size = np.linalg.norm(residual) * np.sqrt(squares)
    return np.divide(np.abs(along), size, out=np.zeros(len(theta)), where=size > 0)
