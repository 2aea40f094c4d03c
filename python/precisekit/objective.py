"""The mean squared error of a network on data, with its derivatives."""

from __future__ import annotations

import numpy as np

from . import _core
from ._checks import finite_array, own, without_scale
from .network import MLP


class LeastSquares:
    """Mean squared error ``fun(theta) = mean(residual(theta)**2)`` of a network.

    The residuals are ``sqrt(w / mean(w)) * (net(X) - y)``.

    Parameters
    ----------
    net : MLP
    X : array_like (n, d)
        Inputs; the optimisers like them on about [-1, 1].
    y : array_like (n,) or (n, n_outputs)
    sample_weight : array_like (n,), optional
        Not negative, not all zero.

    Raises
    ------
    ValueError
        For shapes that do not match, NaN, infinity or empty data, naming the argument.
    """

    def __init__(self, net: MLP, X, y, sample_weight=None):
        if not isinstance(net, MLP):
            raise ValueError(f"net must be an MLP, got {type(net).__name__}")
        X = own(net._checked_inputs(X), X)
        y = own(finite_array(y, "y", (1, 2)), y)
        if len(y) != len(X):
            raise ValueError(f"y must have {len(X)} rows as X has, got {len(y)}")
        targets = y.reshape(len(y), -1)
        if targets.shape[1] != net.sizes[-1]:
            raise ValueError(f"y must have {net.sizes[-1]} columns, got {targets.shape[1]}")
        if sample_weight is not None:
            sample_weight = without_scale(finite_array(sample_weight, "sample_weight", 1))
        weights = np.empty(0) if sample_weight is None else sample_weight
        self.net = net
        self._arguments = (net, X, y, sample_weight)
        self._core = _core.LeastSquares(net._core, X, targets, weights)

    def __reduce__(self):
        return LeastSquares, self._arguments

    @property
    def n_residuals(self) -> int:
        """Number of residuals: samples times outputs."""
        return self._core.n_residuals

    @property
    def target_norm(self) -> float:
        """Euclidean norm of the weighted targets."""
        return self._core.target_norm

    def fun(self, theta) -> float:
        """Mean squared error at ``theta`` (P,)."""
        return self._core.value(self.net._checked_theta(theta))

    def jac(self, theta) -> np.ndarray:
        """Gradient of `fun`, (P,)."""
        return self.fun_and_jac(theta)[1]

    def fun_and_jac(self, theta) -> tuple[float, np.ndarray]:
        """`fun` and its gradient in one pass."""
        return self._core.value_and_gradient(self.net._checked_theta(theta))

    def residual(self, theta) -> np.ndarray:
        """Weighted residuals, (n * n_outputs,), sample by sample."""
        return self._core.residual(self.net._checked_theta(theta))

    def residual_jac(self, theta) -> np.ndarray:
        """Jacobian of `residual`, (n * n_outputs, P)."""
        return self._core.residual_jacobian(self.net._checked_theta(theta))

    def gauss_newton(self, theta) -> np.ndarray:
        """Gauss-Newton part ``2 / n J'J`` of the Hessian of `fun`, (P, P)."""
        return self._core.gauss_newton(self.net._checked_theta(theta))

    def hess(self, theta) -> np.ndarray:
        """Exact Hessian of `fun`, at about the price of `gauss_newton`; of a graph of modules, at
        that of P products `hessp`.

        The second derivative of "relu" is taken as 0, at its kink too.

        Parameters
        ----------
        theta : array_like (P,)

        Returns
        -------
        hessian : ndarray (P, P)
            Symmetric to the last bit.

        Raises
        ------
        ValueError
            If ``theta`` has a wrong shape, NaN or infinity.
        """
        return self._core.hessian(self.net._checked_theta(theta))

    def hessp(self, theta, v) -> np.ndarray:
        """Product of the exact Hessian of `fun` with ``v``, at a few times the price of `jac`.

        Parameters
        ----------
        theta : array_like (P,)
        v : array_like (P,)

        Returns
        -------
        product : ndarray (P,)

        Raises
        ------
        ValueError
            If ``theta`` or ``v`` has a wrong shape, NaN or infinity; the message names it.
        """
        v = finite_array(v, "v", 1)
        if v.size != self.net.n_params:
            raise ValueError(f"v must have {self.net.n_params} elements, got {v.size}")
        return self._core.hessian_vector_product(self.net._checked_theta(theta), v)

    def relative_rmse(self, theta) -> float:
        """Root of the sum of squared residuals over `target_norm`."""
        return float(np.sqrt(self.fun(theta) * self.n_residuals) / self.target_norm)
