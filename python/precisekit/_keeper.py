"""What the checkpoints of `minimize` and of the estimators share.

Each says what run it is of, is written every few seconds, and replaces the one before only when it
is whole on disk (`io.atomic_write`).
"""

from __future__ import annotations

import hashlib
import os
import time
import warnings
from collections.abc import Callable

import numpy as np

_EVERY = 3.0  # seconds between two writings
_SHARE = 0.02  # of the run's time, that writing may take


class Keeper:
    """Calls ``write`` when the next checkpoint is due, and at other times when asked to.

    What cannot be written at first raises OSError, as nothing is lost yet. Later on it is a
    warning: the run goes on.
    """

    def __init__(self, write: Callable[..., None]):
        self._write = write
        self._next = -np.inf

    @property
    def due(self) -> bool:
        return time.perf_counter() >= self._next

    def __call__(self, *state) -> None:
        began = time.perf_counter()
        try:
            self._write(*state)
        except OSError as error:
            if self._next == -np.inf:
                raise
            warnings.warn(f"checkpoint not written: {error}", RuntimeWarning, stacklevel=2)
        ended = time.perf_counter()
        self._next = ended + max(_EVERY, (ended - began) / _SHARE)


def _digest(array) -> str | None:
    if array is None:
        return None
    array = np.ascontiguousarray(array, dtype=np.float64)
    return hashlib.sha256(repr(array.shape).encode() + array.tobytes()).hexdigest()


def identity_of(X, y, sample_weight=None) -> dict:
    """What tells data apart, by the names that messages give it."""
    return {
        "shape of X": list(np.shape(X)),
        "X": _digest(X),
        "y": _digest(y),
        "sample_weight": _digest(sample_weight),
    }


def check_same_run(path, there: dict, here: dict) -> None:
    """Raises ValueError when the checkpoint is of another run, naming each difference.

    ``there`` and ``here`` say what must be the same, by the names that the message gives it; as
    JSON has no tuples, they are lists in both.
    """
    apart = [
        f"{name} (there {_shown(there.get(name))}, here {_shown(value)})"
        for name, value in here.items()
        if there.get(name) != value
    ]
    if apart:
        message = f"{os.fspath(path)} cannot be resumed, it differs in: {', '.join(apart)}"
        raise ValueError(message)


def _shown(value) -> str:
    if isinstance(value, str) and len(value) == 64:
        return "other numbers"
    return repr(tuple(value) if isinstance(value, list) else value)
