"""Runs of several minimisations, one after the other, that go on where they were stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import astuple

import numpy as np

from .._keeper import Keeper
from ..io import atomic_write
from ._results import described
from ._training import minimized, unfinished

# To the same bits. The others know the curvature as well, and the stage begins anew.
_GO_ON = ("adam", "low-curvature")


class Stages:
    """The rows of a run, and where its stages ended, kept in the file `unfinished` as they come.

    Parameters
    ----------
    row_type : type
        A dataclass with a field stage.
    settings : dataclass
        Of the figure.

    Attributes
    ----------
    rows : list of row_type

    Raises
    ------
    ValueError
        For a file that is damaged, or that other settings have left.
    """

    def __init__(self, row_type: type, settings):
        self.rows: list = []
        self._ends: dict[str, np.ndarray] = {}
        self._seen = -1  # the last iteration of the stage at work that was watched
        self._settings = described(settings)
        self._file = unfinished()
        if self._file is not None and self._file.exists():
            self._read(row_type)

    def follow(
        self, stage: str, objective, theta, method: str, watch: Callable, maxiter: int, **options
    ) -> np.ndarray:
        """Minimise from theta, unless that is done; the parameters that this ends with.

        ``watch(nit, seconds, fun, x, at_end)`` is called once after each iteration, stopped or not,
        and once more at the end; it may append rows.
        """
        if stage in self._ends:
            return self._ends[stage]
        path = None
        if method not in _GO_ON:
            self.rows[:] = [row for row in self.rows if row.stage != stage]
            self._seen = -1
        elif self._file is not None:
            path = self._file.with_name(f"{self._file.name} {stage}")
        keeper = Keeper(self._write)

        def follow(state):
            if state.nit > self._seen:
                watch(state.nit, state.seconds, state.fun, state.x, False)
                self._seen = state.nit
            if keeper.due:
                keeper()

        try:
            result = minimized(objective, theta, method, maxiter, path, callback=follow, **options)
            watch(result.nit, float(result.history.seconds[-1]), result.fun, result.x, True)
            self._ends[stage], self._seen = result.x, -1
        finally:
            keeper()
        return result.x

    def finished(self) -> list:
        """The rows; nothing is left on disk."""
        if self._file is not None:
            self._file.unlink(missing_ok=True)
        return self.rows

    def _read(self, row_type: type) -> None:
        try:
            kept = json.loads(self._file.read_text())
            settings, self._seen = kept["settings"], kept["seen"]
            self.rows += [row_type(*row) for row in kept["rows"]]
            self._ends = {stage: np.array(x) for stage, x in kept["ends"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{self._file} is damaged: {error}") from None
        if settings != self._settings:
            raise ValueError(f"{self._file} is of other settings: {settings}")

    def _write(self) -> None:
        if self._file is None:
            return
        kept = {
            "settings": self._settings,
            "seen": self._seen,
            "rows": [astuple(row) for row in self.rows],
            "ends": {stage: x.tolist() for stage, x in self._ends.items()},
        }
        with atomic_write(self._file) as file:
            file.write(json.dumps(kept).encode())
