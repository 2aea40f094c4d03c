"""Fits that outlive the process: the best model so far on disk, and what it takes to go on.

A checkpoint is a model file with the state of the fit in it: `precisekit.load` gives the best model
so far, and so do the commands. `io` has the format.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import TYPE_CHECKING

from sklearn.utils import check_random_state

from ._keeper import Keeper, check_same_run, identity_of
from .io import plain, read_checkpoint, write_checkpoint

if TYPE_CHECKING:
    from .training import State


# Parameters in which a fit may differ from the one that it goes on from.
_LIMITS = ("max_iter", "n_restarts", "tol", "time_limit", "verbose")


def identity(estimator, random_state: int, X, y, sample_weight) -> dict:
    """What must be the same for the fit of an estimator to go on, by the names that messages give
    it: its parameters, with the seed that ``random_state`` came to, and the data."""
    parameters = estimator.get_params() | {"random_state": random_state}
    return {
        "made by": type(estimator).__name__,
        **{name: value for name, value in parameters.items() if name not in _LIMITS},
        **identity_of(X, y, sample_weight),
    }


class Checkpoints:
    """Where a fit keeps its state, and the file that it goes on from.

    Parameters
    ----------
    checkpoint, resume : path, optional
        May be the same. Without them nothing is written, or read.
    input_names, target_name : optional
        Of the columns, for the models in the files.

    Raises
    ------
    ValueError
        If `resume` is no checkpoint of a fit, or is damaged.
    OSError
        If it cannot be read.
    """

    def __init__(self, checkpoint=None, resume=None, *, input_names=None, target_name=None):
        self.writes = checkpoint is not None
        self._checkpoint, self._resume = checkpoint, resume
        self._names = {"input_names_": input_names, "target_name_": target_name}
        self._there, self._state = (None, None) if resume is None else read_checkpoint(resume)
        self._here: dict = {}
        self._keeper = Keeper(self._write)

    def seed(self, random_state) -> int:
        """A number for the random numbers of the fit: the one of the fit that is resumed, where
        ``random_state`` does not give one."""
        if isinstance(random_state, numbers.Integral):
            return int(random_state)
        if self._there is not None:
            return self._there["random_state"]
        return check_random_state(random_state).randint(2**31)

    def earlier(self, identity: Callable[[], dict]) -> State | None:
        """The state to go on from; ``identity()`` tells the fits apart.

        Raises
        ------
        ValueError
            If the checkpoint is that of another fit, naming each difference.
        """
        if self.writes or self._resume is not None:
            self._here = plain(identity())
        if self._resume is not None:
            check_same_run(self._resume, self._there, self._here)
        return self._state

    def keep(self, so_far: Callable[[], tuple], now: bool = False) -> None:
        """Write the model and the state that ``so_far()`` gives, when that is due or at once.

        Raises
        ------
        OSError
            If the first one cannot be written.
        """
        if self.writes and (now or self._keeper.due):
            self._keeper(so_far)

    def _write(self, so_far: Callable[[], tuple]) -> None:
        model, state = so_far()
        for name, value in self._names.items():
            if value is not None:
                setattr(model, name, value)
        write_checkpoint(self._checkpoint, model, self._here, state)
