"""Results on disk, written as they come, and the runs that make them."""

from __future__ import annotations

import csv
import io
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import get_type_hints


class Table:
    """Rows in a CSV file, of which the first line tells the settings.

    The file is whole at any time: a run that was stopped goes on with the rows that are there.
    Several commands may fill it at the same time, each with runs of its own.

    Parameters
    ----------
    path : Path
        Its folder is made where it is missing.
    row_type : type
        A dataclass of str, int and float, whose first field names the run that the row is of.
    settings : dataclass

    Attributes
    ----------
    rows : list of row_type

    Raises
    ------
    ValueError
        For a file made with other settings, or that holds no such rows.
    OSError
        Where it cannot be written.
    """

    def __init__(self, path: Path, row_type: type, settings):
        self.path, self._row_type = Path(path), row_type
        self._head = "# " + described(settings)
        folder = self.path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"output: the folder {folder} cannot be made: {error.strerror}"
            raise type(error)(message) from None
        self.rows = self._stored()
        if not self.path.exists():
            self._write()
        elif not os.access(self.path, os.W_OK):
            raise PermissionError(f"{self.path} is not writable")

    @property
    def done(self) -> set:
        """The runs that have rows."""
        return {astuple(row)[0] for row in self.rows}

    def add(self, *rows) -> None:
        """Append the rows of a run, all of them, and what another command has added."""
        self.rows += rows
        try:
            self._merge()
        except KeyboardInterrupt:  # must not cost what is done
            self._merge()
            raise

    def _merge(self) -> None:
        done = self.done
        self.rows += [row for row in self._stored() if astuple(row)[0] not in done]
        self._write()

    def _stored(self) -> list:
        """The rows of the file; none where there is no file."""
        if not self.path.exists():
            return []
        found, _, text = self.path.read_text().partition("\n")
        if found != self._head:
            raise ValueError(
                f"{self.path} holds results of other settings ({found.lstrip('# ')}; asked: "
                f"{self._head.lstrip('# ')}): choose another --output"
            )
        types = get_type_hints(self._row_type)
        whole = text[: text.rfind("\n") + 1]  # a full disk may have cut a row
        records = csv.DictReader(whole.splitlines())
        if records.fieldnames != list(types):
            raise ValueError(f"{self.path} has other columns than {', '.join(types)}")
        rows = []
        for record in records:
            try:
                rows.append(self._row_type(**{name: types[name](record[name]) for name in types}))
            except (TypeError, ValueError):
                raise ValueError(f"{self.path}:{records.line_num + 1} cannot be read") from None
        return rows

    def _write(self) -> None:
        from ..io import atomic_write

        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(field.name for field in fields(self._row_type))
        writer.writerows(map(astuple, self.rows))
        with atomic_write(self.path) as file:
            file.write(f"{self._head}\n{text.getvalue()}".encode())


@dataclass(frozen=True)
class PanelRun:
    """One method in one panel of a figure."""

    panel: str
    method: str

    @property
    def name(self) -> str:
        return f"{self.panel} {self.method}"


def described(settings) -> str:
    """The settings, a dataclass, on one line."""
    return " ".join(
        f"{name}={str(value).replace(', ', ',')}" for name, value in asdict(settings).items()
    )


def completed(
    function: Callable, tasks: Iterable, *arguments, executor=None, workers: int = 1
) -> Iterator:
    """``function(task, *arguments)`` for each task, in the order in which they are done.

    They run in the executor, else in as many processes as there are workers, else, of one worker,
    here. Those that have not begun when the caller stops, or one of them fails, never do; those
    in processes of our own end at once.
    """
    if executor is None and workers == 1:
        yield from (function(task, *arguments) for task in tasks)
        return
    from concurrent.futures import as_completed

    with _processes(workers) if executor is None else nullcontext(executor) as pool:
        futures = [pool.submit(function, task, *arguments) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            if executor is not None:
                for future in futures:
                    future.cancel()


@contextmanager
def _processes(n: int):
    """A pool of processes, which end at once where the block does not run to its end."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import active_children

    others = active_children()
    with ProcessPoolExecutor(n, initializer=_leave_signals_to_the_caller) as pool:
        try:
            yield pool
        except BaseException:
            for child in set(active_children()).difference(others):
                child.terminate()
            raise


def _leave_signals_to_the_caller() -> None:
    """Ctrl-C reaches every process of a terminal: the caller ends the others, without a word."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
