"""Boosting: every network fits what those before it left over, and all are merged into one.

Michaud, Liu and Tegmark, "Precision machine learning" (2022), section 4.2; with first layers whose
frequency is matched to the residual's, the multi-stage networks of Wang and Lai, "Multi-stage
neural networks: function approximator of machine precision" (2024).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import block_diag

from ._checks import finite_array
from .network import MLP
from .objective import LeastSquares

# The frequencies of a residual are sought on at most so many of its samples, and in several
# dimensions along so many random directions.
_FREQUENCY_SAMPLES = 2048
_DIRECTIONS = 64

# BFGS on what another network left over starts from this times the identity. From the larger one
# of a first network (optimize/_bfgs.py) one fit in three to a thousand samples, and one in eight to
# five thousand, learns what is not there between them.
LEFT_OVER_INVERSE_HESSIAN = 1e2


def merge(nets: Sequence[MLP], thetas: Sequence, scales=None) -> tuple[MLP, np.ndarray]:
    """One network that computes the weighted sum of several.

    Layer by layer the units stand side by side, and the weights are block-diagonal. One layer of
    units without activation holds the outputs of all networks, the last network's first; the last
    layer is their weighted sum. So the sum is formed as ``scales[0] * f_0 + scales[1] * f_1 + ...``
    would be, from the last term on, and equals it to the last bit or two: were the terms of a
    small f_1 added one by one to a large f_0, each would be rounded to the digits of f_0.

    Networks of different widths, activations and depths go together: the outputs of a shallower
    one are handed on, unchanged, through layers without activation.

    Parameters
    ----------
    nets : sequence of MLP
        With equal numbers of inputs and of outputs.
    thetas : sequence of array_like (P_k,)
        Parameters of each network.
    scales : array_like (len(nets),), optional
        Weights of the sum; 1 by default. Products with powers of two are exact.

    Returns
    -------
    net : MLP
    theta : ndarray (P,)

    Raises
    ------
    ValueError
        For no networks, numbers of inputs, outputs, parameters or scales that do not match, NaN or
        infinity; the message names the argument and its index.
    """
    nets = list(nets)
    if not nets:
        raise ValueError("nets is empty")
    for i, net in enumerate(nets):
        if not isinstance(net, MLP):
            raise ValueError(f"nets[{i}] must be an MLP, got {type(net).__name__}")
        for end, what in ((0, "inputs"), (-1, "outputs")):
            if net.sizes[end] != nets[0].sizes[end]:
                raise ValueError(
                    f"nets[{i}] has {net.sizes[end]} {what}, nets[0] has {nets[0].sizes[end]}"
                )
        if not net._core.is_chain:
            raise ValueError(f"nets[{i}] must have its layers in a row, not be a graph of modules")
    if len(thetas) != len(nets):
        raise ValueError(f"thetas must have {len(nets)} items as nets has, got {len(thetas)}")
    scales = finite_array(np.ones(len(nets)) if scales is None else scales, "scales", 1)
    if scales.size != len(nets):
        raise ValueError(f"scales must have {len(nets)} elements as nets has, got {scales.size}")

    depth = max(len(net.sizes) for net in nets) - 1
    stacks = []
    for i, (net, theta) in enumerate(zip(nets, thetas, strict=True)):
        theta = finite_array(theta, f"thetas[{i}]", 1)
        if theta.size != net.n_params:
            raise ValueError(f"thetas[{i}] must have {net.n_params} elements, got {theta.size}")
        stacks.append(_deepened(net, theta, depth))

    parts, activation = [], []
    for layer in zip(*stacks, strict=True):
        weights, biases, names = zip(*layer, strict=True)
        parts.append([block_diag(*weights) if parts else np.vstack(weights), np.hstack(biases)])
        activation.append([name for stage in names for name in stage])
    # The sum starts from its first input, which is to be the smallest.
    parts[-1] = [np.concatenate(np.split(part, len(nets))[::-1]) for part in parts[-1]]
    outputs = np.eye(nets[0].sizes[-1])
    parts.append([np.hstack([scale * outputs for scale in scales[::-1]]), np.zeros(len(outputs))])
    sizes = [nets[0].sizes[0], *(len(bias) for _, bias in parts)]
    return MLP(sizes, activation), np.concatenate([p.ravel() for part in parts for p in part])


def _deepened(net: MLP, theta: np.ndarray, depth: int) -> list[tuple]:
    """The layers of a network as (W, b, activations of the units), the last one too without
    activation, and then layers that change nothing until there are ``depth``."""
    layers = []
    for (W, b), names in zip(net.layers(theta), (*net.activation, "identity"), strict=True):
        layers.append((W, b, len(b) * [names] if isinstance(names, str) else names))
    n = net.sizes[-1]
    nothing = (np.eye(n), np.zeros(n), n * ["identity"])
    return layers + [nothing] * (depth - len(layers))


class Boosting:
    """Stages of a fit, each of which is trained on what those before it left over.

    >>> boosting = Boosting(X, y)
    >>> for seed in range(2):
    ...     theta = net.init(seed)
    ...     result = minimize(boosting.objective(net), theta, "bfgs")
    ...     boosting.add(net, result.x)
    >>> net, theta = boosting.merged()

    Parameters
    ----------
    X : array_like (n, d)
    y : array_like (n,) or (n, n_outputs)
    sample_weight : array_like (n,), optional

    Attributes
    ----------
    nets : list of MLP
    thetas : list of ndarray
    scales : list of float
        The model is the sum of ``scale * net.forward(theta, X)`` over the stages.
    residual : ndarray, of the shape of y
        What is left to fit.
    scale : float
        Of the next stage: the power of two (which costs no rounding) nearest to the mean absolute
        residual; 1 for the first stage.

    Raises
    ------
    ValueError
        As `LeastSquares` does.
    """

    def __init__(self, X, y, sample_weight=None):
        X, y = finite_array(X, "X", 2), finite_array(y, "y", (1, 2))
        self._ends = (X.shape[1], y[0].size)
        checked = LeastSquares(MLP(self._ends), X, y, sample_weight)
        _, self._X, self._y, self._weight = checked._arguments
        self.nets, self.thetas, self.scales = [], [], []
        self.residual, self.scale = self._y, 1.0

    def objective(self, net: MLP) -> LeastSquares:
        """The objective of the next stage: ``net`` is to fit ``residual / scale``."""
        return LeastSquares(net, self._X, self.residual / self.scale, self._weight)

    def add(self, net: MLP, theta) -> None:
        """Take a trained stage in.

        Raises
        ------
        ValueError
            If the network does not fit the data, or the parameters the network.
        """
        if not isinstance(net, MLP) or (net.sizes[0], net.sizes[-1]) != self._ends:
            n_inputs, n_outputs = self._ends
            raise ValueError(
                f"net must be an MLP of {n_inputs} inputs and {n_outputs} outputs, got {net!r}"
            )
        theta = net._checked_theta(theta)
        self.nets.append(net)
        self.thetas.append(theta.copy())
        self.scales.append(self.scale)
        self._update()

    def drop(self) -> None:
        """Take the last stage out again; ValueError when there is none."""
        if not self.nets:
            raise ValueError("no stage to drop")
        for of_stages in (self.nets, self.thetas, self.scales):
            of_stages.pop()
        self._update()

    def _update(self) -> None:
        self.residual, self.scale = self._y, 1.0
        if not self.nets:
            return
        net, theta = self.merged()
        self.residual = self._y - net.forward(theta, self._X).reshape(self._y.shape)
        size = np.mean(np.abs(self.residual))
        if size > 0:
            self.scale = float(2.0 ** np.round(np.log2(size)))

    @property
    def relative_rmse(self) -> float:
        """Root mean square of the residual over that of y, both weighted."""

        def mean_square(values):
            return np.average(
                np.square(values).reshape(len(values), -1).mean(1), weights=self._weight
            )

        return float(np.sqrt(mean_square(self.residual) / mean_square(self._y)))

    def frequency(self) -> float:
        """`dominant_frequency` of the residual: what `MLP.init` may start the next stage from."""
        return dominant_frequency(self._X, self.residual)

    def merged(self) -> tuple[MLP, np.ndarray]:
        """The stages so far as one network and its parameters, by `merge`; ValueError when there
        is none."""
        if not self.nets:
            raise ValueError("no stage to merge")
        if len(self.nets) == 1:
            return self.nets[0], self.thetas[0]
        return merge(self.nets, self.thetas, self.scales)


def dominant_frequency(X, residual) -> float:
    """Angular frequency at which scattered values oscillate most.

    The peak of the Fourier transform of the samples over frequencies between half a period in the
    box of ``X`` and half a period in the mean distance of neighbours. In several dimensions, the
    peak over plane waves along the axes and 64 random directions.

    Parameters
    ----------
    X : array_like (n, d)
    residual : array_like (n,) or (n, n_outputs)

    Returns
    -------
    frequency : float
        In radians by unit of X.

    Raises
    ------
    ValueError
        For NaN, infinity, empty data or shapes that do not match, naming the argument.
    """
    X = finite_array(X, "X", 2)
    values = finite_array(residual, "residual", (1, 2))
    if len(values) != len(X):
        raise ValueError(f"residual must have {len(X)} rows as X has, got {len(values)}")
    values = values.reshape(len(X), -1)
    rng = np.random.default_rng(0)
    if X.shape[1] == 1:
        rows = np.argsort(X[:, 0], kind="stable")[:: -(-len(X) // _FREQUENCY_SAMPLES)]
        X, values = X[rows], values[rows]
        # shares of the integral, by the trapezoidal rule: the points may be unevenly spread
        share = np.gradient(X[:, 0]) if len(X) > 1 else np.ones(1)
        directions = np.ones((1, 1))
    else:
        rows = rng.permutation(len(X))[:_FREQUENCY_SAMPLES]
        X, values = X[rows], values[rows]
        share = np.ones(len(X))
        random = rng.normal(size=(_DIRECTIONS, X.shape[1]))
        random /= np.linalg.norm(random, axis=1, keepdims=True)
        directions = np.vstack([np.eye(X.shape[1]), random])
    values = values - np.average(values, axis=0, weights=share if share.sum() > 0 else None)
    values *= share[:, None]

    along = X @ directions.T
    extent = np.ptp(along, axis=0)
    along, extent = along[:, extent > 0], extent[extent > 0]
    # Frequencies that put four steps into each further period in the box: k times the first.
    first = np.pi / (2 * extent)
    rotation = np.exp(1j * first * along)
    wave = rotation.copy()
    highest, found = 0.0, 0.0
    for k in range(2, max(3, 2 * int(len(X) ** (1 / X.shape[1])))):
        wave *= rotation
        transform = (values[:, :, None] * wave[:, None, :]).sum(axis=0)
        power = np.sum(np.abs(transform) ** 2, axis=0)
        if power.size and power.max() > highest:
            highest, found = power.max(), float(k * first[power.argmax()])
    return found
