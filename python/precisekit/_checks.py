"""Checks of arguments: every message names the argument and the first bad index."""

from __future__ import annotations

import os
import warnings

import numpy as np

_INSTRUCTION_SETS = ("sse2", "avx2", "avx512")


def check_environment() -> None:
    """Warn when PRECISEKIT_ISA has a value that the core does not know and ignores."""
    cap = os.environ.get("PRECISEKIT_ISA")
    if cap and cap not in _INSTRUCTION_SETS:
        known = ", ".join(_INSTRUCTION_SETS)
        warnings.warn(
            f"PRECISEKIT_ISA={cap!r} is ignored: it must be one of {known}",
            RuntimeWarning,
            stacklevel=3,
        )


def finite_array(value, name: str, ndim: int | tuple[int, ...]) -> np.ndarray:
    """``value`` as a C-contiguous float64 array of finite numbers.

    Raises
    ------
    ValueError
        If it is not numeric, has another number of dimensions, is empty, or holds NaN or
        infinity; the message names the argument and the first bad index.
    """
    try:
        given = np.asarray(value)
        array = given if np.iscomplexobj(given) else np.ascontiguousarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from None
    if np.iscomplexobj(array):
        raise ValueError(f"{name} must be real, got complex numbers")
    allowed = (ndim,) if isinstance(ndim, int) else ndim
    if given.ndim not in allowed:
        dims = " or ".join(str(n) for n in allowed)
        raise ValueError(f"{name} must have {dims} dimensions, got shape {given.shape}")
    if array.size == 0:
        raise ValueError(f"{name} is empty: shape {array.shape}")
    check_finite(array, name)
    return array


def check_finite(array: np.ndarray, name: str) -> None:
    """Raise ValueError for NaN or infinity, naming the argument and the first bad index."""
    if not np.isfinite(array).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        where = ", ".join(map(str, index))
        raise ValueError(f"{name} must not hold NaN or inf, but {name}[{where}] is {array[index]}")


def positive_int(value, name: str, *, at_least: int = 1) -> int:
    """``value`` as an int, or ValueError naming the argument."""
    try:
        number = None if isinstance(value, (str, bool, np.bool_)) else int(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or number != value or number < at_least:
        raise ValueError(f"{name} must be an integer of at least {at_least}, got {value!r}")
    return number
