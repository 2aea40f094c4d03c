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
        If it is not numeric, has masked entries or another number of dimensions, is empty, or holds
        NaN or infinity; the message names the argument and the first bad index.
    """
    try:
        given = np.asarray(value)
        array = given if np.iscomplexobj(given) else np.ascontiguousarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from None
    check_kind(value, given, name)
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


def own(array: np.ndarray, given) -> np.ndarray:
    """``array``, copied where it shares the memory of what was given: what the caller does to his
    leaves ours alone."""
    return array.copy() if np.may_share_memory(array, np.asarray(given)) else array


def without_scale(weights: np.ndarray) -> np.ndarray:
    """Weights that are not negative, times a power of two by which their sums do not overflow."""
    return np.ldexp(weights, -int(np.frexp(weights.max())[1]))


def check_kind(value, array: np.ndarray, name: str) -> None:
    """Raise ValueError for what NumPy turns into numbers that nobody meant: the entries of
    ``value`` under its mask, and dates."""
    if np.ma.is_masked(value):
        where = ", ".join(map(str, np.argwhere(np.ma.getmaskarray(value))[0]))
        raise ValueError(f"{name} must not have masked entries, but {name}[{where}] is masked")
    if array.dtype.kind in "mM":
        raise ValueError(f"{name} must be an array of numbers, got {array.dtype}")


def check_finite(array: np.ndarray, name: str) -> None:
    """Raise ValueError for NaN or infinity, naming the argument and the first bad index."""
    if not np.isfinite(array).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        where = ", ".join(map(str, index))
        raise ValueError(f"{name} must not hold NaN or inf, but {name}[{where}] is {array[index]}")


def real_number(value, name: str) -> float:
    """``value`` as a float, NaN and infinity among them, or ValueError naming the argument."""
    try:
        number = None if isinstance(value, (str, bool, np.bool_)) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None:
        raise ValueError(f"{name} must be a number, got {value!r}")
    return number


def positive_number(value, name: str) -> float:
    """``value`` as a float above zero, infinity among them, or ValueError naming the argument."""
    number = real_number(value, name)
    if not number > 0:
        raise ValueError(f"{name} must be positive, got {value!r}")
    return number


def check_callback(callback) -> None:
    """Raise ValueError for a callback that is neither None nor a function."""
    if callback is not None and not callable(callback):
        raise ValueError(f"callback must be a function, got {callback!r}")


def positive_int(value, name: str, *, at_least: int = 1) -> int:
    """``value`` as an int, or ValueError naming the argument."""
    try:
        number = None if isinstance(value, (str, bool, np.bool_)) else int(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or number != value or number < at_least:
        raise ValueError(f"{name} must be an integer of at least {at_least}, got {value!r}")
    return number
