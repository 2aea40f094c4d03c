"""Points at which an interpolant is asked, and the shape of the answer."""

from __future__ import annotations

import numpy as np

from .._checks import check_kind


def stacked(arrays, name: str):
    """A tuple of arrays of coordinates, which broadcast, as one array (..., d); all else as it is.

    Raises
    ------
    ValueError
        If they do not broadcast, naming the argument.
    """
    if not isinstance(arrays, tuple):
        return arrays
    try:
        return np.stack(np.broadcast_arrays(*arrays), axis=-1)
    except ValueError as error:
        raise ValueError(f"{name} is a tuple of arrays that do not broadcast: {error}") from None


def points_array(xi, d: int) -> tuple[np.ndarray, tuple[int, ...]]:
    """`xi` as (n, d) C-contiguous float64, and the shape of an answer with one value a point.

    NaN and infinity are let through: the answer to them is NaN.

    Raises
    ------
    ValueError
        If `xi` is not of real numbers or its last axis is not d long; in one dimension any shape
        is as many points.
    """
    try:
        points = np.asarray(xi)
        if points.dtype.kind == "c":
            raise ValueError("complex numbers")
        points = np.ascontiguousarray(points, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"xi must be an array of real numbers: {error}") from None
    check_kind(xi, np.asarray(xi), "xi")
    shape = np.shape(xi)
    if shape == (0,):  # no points, in any dimension
        return np.empty((0, d)), shape
    if d == 1 and not (len(shape) >= 2 and shape[-1] == 1):
        shape = (*shape, 1)
    if not shape or shape[-1] != d:
        raise ValueError(f"xi must have shape (..., {d}), got {np.shape(xi)}")
    return points.reshape(-1, d), shape[:-1]


def answer(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Values in the shape of the points; of one point, a NumPy scalar."""
    return values.reshape(shape)[()]
