"""Small multilayer perceptrons in float64."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise

import numpy as np

from . import _core
from ._checks import finite_array, positive_int, real_number

ACTIVATIONS = ("tanh", "relu", "sin", "sigmoid", "gelu", "identity")


class MLP:
    """A multilayer perceptron with a linear last layer.

    The object holds the architecture only. Parameters are one float64 vector ``theta``, packed
    layer by layer as the weights ``W_l`` (fan_out, fan_in), row-major, then the bias ``b_l``: the
    order of ``torch.nn.Linear``, so that weights can be exchanged.

    Parameters
    ----------
    sizes : sequence of int
        Number of inputs, units of each hidden layer, number of outputs.
    activation : str or sequence
        "tanh", "relu", "sin", "sigmoid", "gelu" or "identity". A sequence has one item for each
        hidden layer: a name, or a sequence of names, one for each unit.

    Raises
    ------
    ValueError
        For fewer than two sizes, a size below 1, an unknown activation or a wrong number of them.
    """

    def __init__(self, sizes: Sequence[int], activation: str | Sequence = "tanh"):
        if not np.iterable(sizes):
            raise ValueError(f"sizes must be a sequence of integers, got {sizes!r}")
        sizes = [positive_int(size, f"sizes[{i}]") for i, size in enumerate(sizes)]
        n_hidden = max(len(sizes) - 2, 0)
        if isinstance(activation, str):
            _check_activation(activation, "activation")
            activation = [activation] * n_hidden
        if not np.iterable(activation):
            raise ValueError(f"activation must be a name or a sequence of them, got {activation!r}")
        layers = []
        for i, names in enumerate(activation):
            layers.append([names] if isinstance(names, str) or not np.iterable(names) else names)
            for name in layers[-1]:
                _check_activation(name, f"activation[{i}]")
        self._core = _core.Mlp(sizes, layers)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of inputs, units of each hidden layer, number of outputs."""
        return tuple(self._core.sizes)

    @property
    def activation(self) -> tuple[str | tuple[str, ...], ...]:
        """Activation of each hidden layer, or of each of its units where they differ."""
        return tuple(
            names[0] if len(names) == 1 else tuple(names) for names in self._core.activations
        )

    @property
    def n_params(self) -> int:
        """Number of parameters P."""
        return self._core.n_params

    def __repr__(self) -> str:
        layers = ", ".join(map(_shown, self.activation))
        return f"MLP({list(self.sizes)}, activation=[{layers}])"

    def __reduce__(self):
        return MLP, (self.sizes, self.activation)

    def layers(self, theta) -> list[tuple[np.ndarray, np.ndarray]]:
        """The weights (fan_out, fan_in) and the bias (fan_out,) of each layer."""
        theta = self._checked_theta(theta)
        layers, start = [], 0
        for fan_in, fan_out in pairwise(self.sizes):
            middle = start + fan_out * fan_in
            end = middle + fan_out
            layers.append((theta[start:middle].reshape(fan_out, fan_in), theta[middle:end]))
            start = end
        return layers

    def init(self, seed=None, scheme: str = "xavier", frequency: float | None = None) -> np.ndarray:
        """Random parameters.

        Parameters
        ----------
        seed : int, numpy.random.Generator or None
        scheme : {"xavier", "torch"}
            "xavier": weights uniform with the variance of Glorot and Bengio (2010), first layer
            scaled for inputs on [-1, 1], hidden biases spread likewise, output bias zero and
            output weights a tenth, so that the first residual is about the target itself.
            "torch": the law of ``torch.nn.Linear``, weights and biases uniform on
            +-1 / sqrt(fan_in).
        frequency : float, optional
            Angular frequency of the target (`dominant_frequency`), for a first layer of "sin":
            its weights are uniform on +-frequency / sqrt(n_inputs) and its biases on +-pi. (Wang
            and Lai, 2024, have a factor kappa = 3 * zero crossings on normal weights, which gives
            weights of the same size.) Keep BFGS near it with ``hess_inv0=np.eye(n_params)``.

        Returns
        -------
        theta : ndarray (P,)
        """
        rng = np.random.default_rng(seed)
        if scheme not in ("xavier", "torch"):
            raise ValueError(f"scheme must be 'xavier' or 'torch', got {scheme!r}")
        if frequency is not None and not 0 < real_number(frequency, "frequency") < np.inf:
            raise ValueError(f"frequency must be positive and finite, got {frequency!r}")
        parts = []
        last = len(self.sizes) - 2
        for layer, (fan_in, fan_out) in enumerate(pairwise(self.sizes)):
            if scheme == "torch":
                bound = bias_bound = 1.0 / np.sqrt(fan_in)
            elif layer == 0 and last > 0:
                bound = bias_bound = np.sqrt(3.0 / fan_in)
            else:
                bound = np.sqrt(6.0 / (fan_in + fan_out)) * (0.1 if layer == last else 1.0)
                bias_bound = 0.0 if layer == last else bound
            if layer == 0 and frequency is not None:
                bound, bias_bound = frequency / np.sqrt(fan_in), np.pi
            parts.append(rng.uniform(-bound, bound, fan_out * fan_in))
            parts.append(rng.uniform(-bias_bound, bias_bound, fan_out))
        return np.concatenate(parts)

    def forward(self, theta, X) -> np.ndarray:
        """Outputs at ``X`` (n, d): shape (n,) with one output, else (n, n_outputs)."""
        f = self._core.forward(*self._checked(theta, X))
        return f[:, 0] if self.sizes[-1] == 1 else f

    def forward_extended(self, theta, X) -> np.ndarray:
        """Outputs computed in ``numpy.longdouble``: what the parameters give before rounding.

        Slow; it measures the rounding error of `forward`.
        """
        f = self._core.forward_extended(*self._checked(theta, X))
        return f[:, 0] if self.sizes[-1] == 1 else f

    def jacobian(self, theta, X) -> np.ndarray:
        """Derivatives of the outputs with respect to ``theta``: (n, P), or (n, n_outputs, P)."""
        J = self._core.jacobian(*self._checked(theta, X))
        return J[:, 0] if self.sizes[-1] == 1 else J

    def input_gradient(self, theta, X) -> np.ndarray:
        """Derivatives of the outputs with respect to the inputs.

        Parameters
        ----------
        theta : array_like (P,)
        X : array_like (n, d)

        Returns
        -------
        gradient : ndarray (n, d), or (n, n_outputs, d) with several outputs

        Raises
        ------
        ValueError
            For shapes that do not match, NaN, infinity or empty data, naming the argument.
        """
        gradient = self._core.input_gradient(*self._checked(theta, X))
        return gradient[:, 0] if self.sizes[-1] == 1 else gradient

    def input_hessian(self, theta, X) -> np.ndarray:
        """Second derivatives of the outputs with respect to the inputs, exact and symmetric.

        The second derivative of "relu" is taken as 0, at its kink too.

        Parameters
        ----------
        theta : array_like (P,)
        X : array_like (n, d)

        Returns
        -------
        hessian : ndarray (n, d, d), or (n, n_outputs, d, d) with several outputs

        Raises
        ------
        ValueError
            For shapes that do not match, NaN, infinity or empty data, naming the argument.
        """
        hessian = self._core.input_hessian(*self._checked(theta, X))
        return hessian[:, 0] if self.sizes[-1] == 1 else hessian

    def _checked(self, theta, X) -> tuple[np.ndarray, np.ndarray]:
        return self._checked_theta(theta), self._checked_inputs(X)

    def _checked_theta(self, theta, name: str = "theta") -> np.ndarray:
        theta = finite_array(theta, name, 1)
        if theta.size != self.n_params:
            raise ValueError(f"{name} must have {self.n_params} elements, got {theta.size}")
        return theta

    def _checked_inputs(self, X) -> np.ndarray:
        X = finite_array(X, "X", 2)
        if X.shape[1] != self.sizes[0]:
            raise ValueError(f"X must have {self.sizes[0]} columns, got {X.shape[1]}")
        return X


def activation_names(net: MLP) -> str:
    """The activations of a network for people: each once, in order."""
    names = []
    for layer in net.activation:
        names += [layer] if isinstance(layer, str) else layer
    return ", ".join(dict.fromkeys(names)) or "linear"


def _check_activation(name, argument: str) -> None:
    if name not in ACTIVATIONS:
        raise ValueError(f"{argument} must be one of {ACTIVATIONS}, got {name!r}")


def _shown(activation: str | tuple[str, ...]) -> str:
    """The activation of a layer as Python writes it, units that share one together."""
    if isinstance(activation, str):
        return repr(activation)
    return " + ".join(f"{len(list(same))} * [{name!r}]" for name, same in groupby(activation))
