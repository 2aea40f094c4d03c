"""Graphs of small networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import _core
from .._checks import positive_int
from ..network import ACTIVATIONS, MLP


class ModularMLP(MLP):
    """A graph of networks, each of which makes one number of a few.

    It is used as an `MLP`: forward, Jacobian, input derivatives, `LeastSquares` and every
    minimiser. Parameters are packed module by module, each as
    those of an `MLP`.

    Parameters
    ----------
    n_inputs : int
    inputs : sequence of sequences of int
        What enters each module: below ``n_inputs`` a column of X, ``n_inputs + i`` the output of
        module i, an earlier one. The last module makes the output.
    hidden_layer_sizes : sequence of int, or a sequence of them
        Of every module, or of each.
    activation : str
        Of the hidden layers; a module's output is linear.

    Raises
    ------
    ValueError
        For an input that is neither a column nor an earlier module, a size below 1 or an unknown
        activation.
    """

    def __init__(
        self,
        n_inputs: int,
        inputs: Sequence[Sequence[int]],
        hidden_layer_sizes=(10, 10),
        activation: str = "tanh",
    ):
        n_inputs = positive_int(n_inputs, "n_inputs")
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {ACTIVATIONS}, got {activation!r}")
        if not np.iterable(inputs) or not all(map(np.iterable, inputs)):
            raise ValueError(
                f"inputs must be a sequence of integers for each module, got {inputs!r}"
            )
        self.inputs = tuple(
            tuple(positive_int(k, f"inputs[{i}]", at_least=0) for k in module)
            for i, module in enumerate(inputs)
        )
        self.hidden_layer_sizes = _for_each(hidden_layer_sizes, len(self.inputs))
        self._core = _core.Mlp.graph(n_inputs, self.inputs, self.hidden_layer_sizes, activation)
        self._activation = activation

    @property
    def n_modules(self) -> int:
        """Number of modules."""
        return len(self.inputs)

    def __repr__(self) -> str:
        return (
            f"ModularMLP({self.sizes[0]}, inputs={list(self.inputs)}, "
            f"hidden_layer_sizes={list(self.hidden_layer_sizes)}, activation={self._activation!r})"
        )

    def __reduce__(self):
        return ModularMLP, (self.sizes[0], self.inputs, self.hidden_layer_sizes, self._activation)

    def init(self, seed=None, scheme: str = "xavier") -> np.ndarray:
        """Random parameters (P,), for each module those of `MLP.init`.

        The outputs of modules that others use are of order one.
        """
        rng = np.random.default_rng(seed)
        parts = []
        for i, (inputs, hidden) in enumerate(zip(self.inputs, self.hidden_layer_sizes)):
            module = MLP([len(inputs), *hidden, 1], self._activation)
            theta = module.init(rng, scheme)
            if scheme == "xavier" and hidden and i + 1 < self.n_modules:
                theta[-hidden[-1] - 1 :] *= 10.0  # MLP.init makes outputs a tenth of that
            parts.append(theta)
        return np.concatenate(parts)

    def layers(self, theta) -> list[tuple[np.ndarray, np.ndarray]]:
        """The weights (fan_out, fan_in) and the bias (fan_out,) of each layer, module by module."""
        theta, layers, start = self._checked_theta(theta), [], 0
        for inputs, hidden in zip(self.inputs, self.hidden_layer_sizes):
            module = MLP([len(inputs), *hidden, 1], self._activation)
            layers += module.layers(theta[start : start + module.n_params])
            start += module.n_params
        return layers

    def module_outputs(self, theta, X) -> np.ndarray:
        """Outputs of all modules at ``X`` (n, d): (n, n_modules)."""
        theta, X = self._checked(theta, X)
        outputs = np.empty((len(X), self.n_modules))
        for i in range(self.n_modules):  # the leading modules are a graph of their own
            leading = _core.Mlp.graph(
                self.sizes[0],
                self.inputs[: i + 1],
                self.hidden_layer_sizes[: i + 1],
                self._activation,
            )
            outputs[:, i] = leading.forward(theta[: leading.n_params], X)[:, 0]
        return outputs


def _for_each(hidden, n_modules: int) -> tuple[tuple[int, ...], ...]:
    """Widths for each module."""
    name = "hidden_layer_sizes"
    if not np.iterable(hidden):
        raise ValueError(f"{name} must be a sequence, got {hidden!r}")
    hidden = list(hidden)
    if not any(np.iterable(width) for width in hidden):
        widths = tuple(positive_int(width, f"{name}[{i}]") for i, width in enumerate(hidden))
        return (widths,) * n_modules
    if len(hidden) != n_modules:
        raise ValueError(f"{name} must have {n_modules} entries, one a module, got {len(hidden)}")
    return tuple(
        tuple(positive_int(width, f"{name}[{i}][{k}]") for k, width in enumerate(widths))
        for i, widths in enumerate(hidden)
    )
