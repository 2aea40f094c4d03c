"""How a function is put to a network: f(x) = factor(x) N(features(x))."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .input_map import InputMap
from .symmetry import Symmetries


@dataclass(frozen=True)
class Posing:
    """Exact symmetries, then a map of the variables that they leave onto [-1, 1].

    Attributes
    ----------
    symmetries : Symmetries
    input_map : InputMap
        Of the variables that are left.
    scale : float
        Of the factor, so that its root mean square over the samples is one.
    """

    symmetries: Symmetries
    input_map: InputMap
    scale: float = 1.0

    @classmethod
    def fit(cls, X: np.ndarray, kind: str, symmetries: Symmetries) -> Posing:
        """With the input map of this kind that fits the samples X (n, d)."""
        variables, factor = symmetries(X)
        scale = 1.0 / float(np.sqrt(np.mean(factor**2)))
        return cls(symmetries, InputMap.fit(variables, kind), scale)

    @property
    def n_variables(self) -> int:
        """Number of variables that the symmetries leave."""
        return len(self.input_map.lo)

    @property
    def n_features(self) -> int:
        """Number of inputs that the network gets."""
        return self.input_map.n_features

    def __call__(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features (n, n_features) and factor (n,) at the points X (n, d).

        Raises
        ------
        ValueError
            For a value that is not positive where a power or a logarithm of it is taken.
        """
        variables, factor = self.symmetries(X)
        return self.input_map(variables), self.scale * factor

    def pull_back(self, X: np.ndarray, value: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Gradient of ``factor * N(features)`` with respect to X (n, ..., d).

        Parameters
        ----------
        X : ndarray (n, d)
        value, gradient : ndarray (n, ...) and (n, ..., n_features)
            N and its derivatives.
        """
        variables, _ = self.symmetries(X)
        gradient = self.input_map.pull_back(variables, gradient)
        return self.scale * self.symmetries.pull_back(X, value, gradient)
