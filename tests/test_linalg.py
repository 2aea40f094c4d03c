"""The routines that the core takes from SciPy."""

import numpy as np
import pytest

from precisekit import _core


@pytest.mark.parametrize("n", [1, 7, 200])
def test_symmetric_eigensystem(n):
    A = np.random.default_rng(n).normal(size=(n, n))
    A = A + A.T
    values, vectors = _core.symmetric_eigen(A)
    scale = np.abs(values).max()
    assert np.all(np.diff(values) >= 0)
    assert np.abs(A @ vectors - vectors * values).max() <= 1e-14 * n * scale
    assert np.abs(vectors.T @ vectors - np.eye(n)).max() <= 1e-14 * n


def test_only_square_matrices_have_eigenvalues():
    with pytest.raises(ValueError, match="A must be square"):
        _core.symmetric_eigen(np.ones((2, 3)))
