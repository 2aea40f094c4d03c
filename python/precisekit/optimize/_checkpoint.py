"""Runs that outlive the process: the state of a minimiser on disk, and starts from there.

A checkpoint is a ZIP archive that NumPy can open, without pickle: ``header`` (JSON text: format,
method, what the objective is, figures of the run), ``x``, one array for each column of the
history, and, of Adam, what its next steps depend on. It replaces the one before only when it is
whole on disk.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field, fields

import numpy as np
from scipy.optimize import OptimizeResult

from .. import _core
from .._keeper import Keeper, check_same_run, identity_of
from ..io import DAMAGED_ARCHIVE, atomic_write
from ..objective import LeastSquares
from ._adam import arrays_of, state_from
from ._result import History, Trace

FORMAT = "precisekit checkpoint"
FORMAT_VERSION = 1

_HISTORY = "history_"
_ADAM = "adam_"


def _identity(objective, n: int) -> dict:
    """What must be the same for a run to go on, by the names that messages give it."""
    if not isinstance(objective, LeastSquares):
        return {"kind of objective": "function", "number of parameters": n}
    net, X, y, sample_weight = objective._arguments
    return {
        "kind of objective": "LeastSquares",
        "network": repr(net),
        **identity_of(X, y, sample_weight),
    }


@dataclass
class Checkpoint:
    """The state of a run. Figures are those of the whole run, over all its parts."""

    method: str
    identity: dict
    x: np.ndarray  # the best
    damping: float  # nan but for Taylor-LM
    nit: int
    history: History
    adam: dict[str, np.ndarray] = field(default_factory=dict)

    def write(self, path) -> None:
        """Replaces the file only when all of the new one is written."""
        header = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "method": self.method,
            "objective": self.identity,
            "damping": None if np.isnan(self.damping) else self.damping,
            "nit": self.nit,
        }
        columns = {_HISTORY + f.name: getattr(self.history, f.name) for f in fields(History)}
        columns |= {_ADAM + name: array for name, array in self.adam.items()}
        with atomic_write(path) as file:
            np.savez(file, header=np.array(json.dumps(header)), x=self.x, **columns)

    @classmethod
    def read(cls, path) -> Checkpoint:
        """Raises ValueError for a file that is no checkpoint or not whole, naming it."""
        with open(path, "rb") as file:
            data = file.read()
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            header = json.loads(str(arrays.pop("header")))
            if header["format"] != FORMAT:
                raise ValueError(f"its format is {header['format']!r}")
            if header["format_version"] > FORMAT_VERSION:
                version = header["format_version"]
                raise ValueError(f"format version {version} is newer than this precisekit")
            damping = header["damping"]
            checkpoint = cls(
                header["method"],
                header["objective"],
                arrays["x"],
                np.nan if damping is None else float(damping),
                int(header["nit"]),
                History(**{f.name: arrays[_HISTORY + f.name] for f in fields(History)}),
                {n.removeprefix(_ADAM): a for n, a in arrays.items() if n.startswith(_ADAM)},
            )
            checkpoint.adam_state()  # is sound
            return checkpoint
        except (*DAMAGED_ARCHIVE, KeyError, TypeError, AttributeError) as error:
            message = f"{os.fspath(path)} is not a whole checkpoint: {error}"
            raise ValueError(message) from None
        except ValueError as error:
            message = f"{os.fspath(path)} is not a checkpoint, or damaged: {error}"
            raise ValueError(message) from None

    @property
    def seconds(self) -> float:
        seconds = self.history.seconds
        return float(seconds[-1]) if seconds.size else 0.0

    def adam_state(self) -> _core.AdamState:
        """Where Adam goes on; not begun where there is no state, as of the other methods."""
        return state_from(self.adam, self.nit, self.x)

    def check(self, path, method: str, identity: dict) -> None:
        """Raises ValueError when it is of another run, naming each difference."""
        there, here = {"method": self.method, **self.identity}, {"method": method, **identity}
        check_same_run(path, there, here)


class _Writer:
    """A callback that writes a checkpoint every few seconds."""

    def __init__(self, path, method, identity, earlier: Checkpoint | None, adam, callback):
        self._adam = adam
        self._path = path
        self._method = method
        self._identity = identity
        self._earlier = earlier
        self._callback = callback
        self._trace = Trace()
        self._keeper = Keeper(self._write)

    def __call__(self, state) -> bool:
        trace = self._trace
        trace.add(state)
        if self._keeper.due:
            self._keeper(trace.x, trace.damping, trace.history)
        return False if self._callback is None else bool(self._callback(state))

    def end(self, result: OptimizeResult) -> None:
        """Write what the run has come to."""
        self._keeper(result.x, result.get("damping", np.nan), result.history)

    def _write(self, x, damping: float, history: History) -> None:
        whole = joined(self._earlier, history)
        nit = int(whole.iteration[-1]) if whole.iteration.size else 0
        adam = {}
        if self._adam is not None:  # which may stand between two records
            x, nit, adam = np.copy(self._adam.best_x), self._adam.steps, arrays_of(self._adam)
        Checkpoint(self._method, self._identity, x, damping, nit, whole, adam).write(self._path)


def joined(earlier: Checkpoint | None, history: History) -> History:
    """The history of a run and of the one it goes on from; their common point stays once."""
    if earlier is None or earlier.history.iteration.size == 0:
        return history
    later = history.after(earlier.nit, earlier.seconds)
    later = History(**{name: column[1:] for name, column in vars(later).items()})
    return History.joined([earlier.history, later])


def _of_the_whole(callback: Callable | None, earlier: Checkpoint) -> Callable | None:
    """A callback of a run as one of its last part: nit and seconds go on."""
    if not callable(callback):  # None, or refused by the minimiser
        return callback
    nit, seconds = earlier.nit, earlier.seconds

    def call(state):
        return callback(OptimizeResult(state, nit=nit + state.nit, seconds=seconds + state.seconds))

    return call


def minimize_with_checkpoints(
    run: Callable, objective, theta0, method: str, checkpoint, resume, options: dict
) -> OptimizeResult:
    """``run(objective, theta0, **options)``, from a checkpoint and with new ones."""
    earlier, adam = None, _core.AdamState() if method == "adam" else None
    if resume is not None:
        earlier = Checkpoint.read(resume)
        options = {**options, "callback": _of_the_whole(options.get("callback"), earlier)}
        identity = _identity(objective, earlier.x.size if theta0 is None else np.size(theta0))
        earlier.check(resume, method, identity)
        theta0 = earlier.x
        if method == "taylor-lm" and not np.isnan(earlier.damping):
            options = {"damping": earlier.damping, **options}
        if method == "adam":
            adam = earlier.adam_state()
    if adam is not None:
        options = {**options, "state": adam}
    if checkpoint is not None:
        identity = _identity(objective, np.size(theta0))
        writer = _Writer(checkpoint, method, identity, earlier, adam, options.get("callback"))
        options = {**options, "callback": writer}
    result = run(objective, theta0, **options)
    if checkpoint is not None:
        writer.end(result)
    if earlier is not None:
        result.history = joined(earlier, result.history)
        result.nit += earlier.nit
    return result
