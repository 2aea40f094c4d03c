"""Tables of numbers on disk: text, NumPy's files, Parquet."""

from __future__ import annotations

import csv
import difflib
import os
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Table:
    """Columns of numbers with their names.

    Attributes
    ----------
    names : list of str
    columns : ndarray (n, n_columns)
        Float64, all finite.
    named : bool
        Whether the names are the file's own; otherwise they are x1, x2, ...
    """

    names: list[str]
    columns: np.ndarray
    named: bool


def read_table(path, columns: Sequence[str] | None = None) -> Table:
    """Read a table of numbers.

    CSV text has a header or none, columns separated by commas, semicolons, tabs or blanks, and
    comments from # to the end of the line. In a NumPy ``.npz`` each 1-D array is a column, and a
    2-D array ``X`` holds the columns x1 ... xd; a ``.npy`` is 2-D. ``.parquet`` needs pyarrow.
    The end of the file's name tells these from text.

    Parameters
    ----------
    path : str or path-like
    columns : sequence of str, optional
        The columns to read, in this order; all by default. Others may hold anything.

    Returns
    -------
    table : Table

    Raises
    ------
    ValueError
        If a cell is empty or no finite number, a row has too few or too many cells, or a column
        does not exist; the message names the file, the line and the column.
    ImportError
        For Parquet without pyarrow.
    OSError
        If the file cannot be read.
    """
    source = _source(path)
    names = list(source.names if columns is None else columns)
    check_columns(path, source.names, names)
    try:
        values = source.read(names)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None
    return Table(names, values, source.named)


def column_names(path) -> tuple[list[str], bool]:
    """Names of the columns of a table file, and whether they are the file's own."""
    source = _source(path)
    return source.names, source.named


def check_columns(path, available: Sequence[str], wanted: Sequence[str]) -> None:
    """ValueError for the first name that is not available, with the closest one that is."""
    for name in wanted:
        if name not in available:
            close = difflib.get_close_matches(name, available, n=1, cutoff=0.5)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(
                f"{os.fspath(path)}: there is no column {name!r}{hint} "
                f"(columns: {', '.join(available)})"
            )


def _source(path):
    readers = {".npz": _NpzSource, ".npy": _NpySource, ".parquet": _ParquetSource}
    reader = readers.get(Path(path).suffix.lower(), _TextSource)
    try:
        return reader(path)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None


def _numbered(prefix: str, n: int) -> list[str]:
    return [f"{prefix}{i + 1}" for i in range(n)]


class _TextSource:
    """A text table: the first line is looked at here, the rest when the columns are known."""

    def __init__(self, path):
        self.path = path
        try:
            first, number = self._first_line()
        except UnicodeDecodeError:
            raise ValueError("not a text table (not UTF-8)") from None
        self.separator = next((c for c in ";\t," if c in first), None)
        cells = self._split(first)
        self.named = all(_number(cell) is None for cell in cells)
        self.header_line = number if self.named else 0
        self.names = cells if self.named else _numbered("x", len(cells))
        if self.named:
            self._check_header(number)

    def read(self, names: list[str]) -> np.ndarray:
        """The columns; NumPy's reader for speed, and a second look to say where it failed."""
        positions = [self.names.index(name) for name in names]
        try:
            values = self._load(positions)
        except ValueError as error:
            self._find_fault(positions)
            raise ValueError(str(error)) from None
        if len(values) == 0:
            raise ValueError("no rows of numbers")
        if not np.isfinite(values).all():
            self._find_fault(positions)
        return values

    def _load(self, positions: list[int]) -> np.ndarray:
        arguments = {
            "delimiter": self.separator,
            "skiprows": self.header_line,
            "ndmin": 2,
            "quotechar": '"',
            "encoding": "utf-8-sig",
        }
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "loadtxt: input contained no data")
            try:
                values = np.loadtxt(self.path, **arguments)
            except ValueError:  # in a column that is not asked for, perhaps
                self._check_widths()  # with usecols NumPy does not mind rows that are too long
                return np.loadtxt(self.path, usecols=positions, **arguments)
        if len(values) and values.shape[1] != len(self.names):
            self._check_widths()
        return np.ascontiguousarray(values[:, positions]) if len(values) else values

    def _open(self):
        return open(self.path, encoding="utf-8-sig")

    def _first_line(self) -> tuple[str, int]:
        with self._open() as lines:
            for number, line in enumerate(lines, 1):
                if line.strip() and not line.lstrip().startswith("#"):
                    return line, number
        raise ValueError("no rows of numbers: the file is empty")

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line number and cells of each row of numbers."""
        with self._open() as lines:
            for number, line in enumerate(lines, 1):
                text = line.partition("#")[0]
                if number > self.header_line and text.strip():
                    yield number, self._split(text)

    def _split(self, line: str) -> list[str]:
        if self.separator is None and '"' not in line:
            return line.split()
        if '"' in line:
            reader = csv.reader(
                [line.strip()], delimiter=self.separator or " ", skipinitialspace=True
            )
            return [cell.strip() for cell in next(reader)]
        return [cell.strip() for cell in line.rstrip("\r\n").split(self.separator)]

    def _check_header(self, number: int) -> None:
        for i, name in enumerate(self.names):
            if not name:
                raise ValueError(
                    f"line {number}: column {i + 1} has no name (pandas writes its index so: "
                    "use to_csv(..., index=False))"
                )
            if name in self.names[:i]:
                raise ValueError(f"line {number}: two columns are named {name!r}")

    def _check_widths(self) -> None:
        for number, cells in self._rows():
            self._check_width(number, cells)

    def _check_width(self, number: int, cells: list[str]) -> None:
        n = len(self.names)
        if len(cells) < n:
            raise ValueError(
                f"line {number}: column {self.names[len(cells)]!r} is missing: "
                f"{len(cells)} cells, not {n}"
            )
        if len(cells) > n:
            raise ValueError(
                f"line {number}: {len(cells)} cells, but the last column, {self.names[-1]!r}, "
                f"is number {n}"
            )

    def _find_fault(self, positions: list[int]) -> None:
        for number, cells in self._rows():
            self._check_width(number, cells)
            for position in positions:
                cell, where = cells[position], f"line {number}, column {self.names[position]!r}"
                value = _number(cell)
                if not cell:
                    raise ValueError(f"{where}: the cell is empty")
                if value is None:
                    comma = _number(cell.replace(",", ".")) is not None
                    hint = " (a decimal comma? write 1.5, not 1,5)" if comma else ""
                    raise ValueError(f"{where}: {cell!r} is not a number{hint}")
                if not np.isfinite(value):
                    raise ValueError(f"{where}: {cell} is not finite")


def _number(cell: str) -> float | None:
    try:
        return float(cell) if "_" not in cell else None  # Python takes 1_000, NumPy does not
    except ValueError:
        return None


class _NpzSource:
    named = True

    def __init__(self, path):
        try:
            with np.load(path, allow_pickle=False) as arrays:
                self.data = dict(self._columns(arrays))
        except (zipfile.BadZipFile, EOFError) as error:
            raise ValueError(f"not a whole NPZ archive ({error})") from None
        if not self.data:
            raise ValueError("no arrays in it")
        self.names = list(self.data)

    @staticmethod
    def _columns(arrays) -> Iterator[tuple[str, np.ndarray]]:
        for name in arrays.files:
            array = arrays[name]
            if array.ndim == 1:
                yield name, array
            elif array.ndim == 2:
                yield from zip(_numbered(name.lower(), array.shape[1]), array.T, strict=True)
            else:
                raise ValueError(f"array {name!r} has {array.ndim} dimensions, not 1 or 2")

    def read(self, names: list[str]) -> np.ndarray:
        return _stacked({name: self.data[name] for name in names})


class _NpySource:
    named = False

    def __init__(self, path):
        try:
            self.array = np.load(path, allow_pickle=False)
        except EOFError:
            raise ValueError("not a whole NPY file") from None
        if getattr(self.array, "ndim", None) != 2:
            raise ValueError("must hold one array of 2 dimensions")
        self.names = _numbered("x", self.array.shape[1])

    def read(self, names: list[str]) -> np.ndarray:
        return _stacked({name: self.array[:, self.names.index(name)] for name in names})


class _ParquetSource:
    named = True

    def __init__(self, path):
        try:
            from pyarrow import ArrowInvalid, parquet
        except ImportError:
            raise ImportError(
                f"{os.fspath(path)}: reading Parquet needs pyarrow: "
                'pip install "precisekit[parquet]"'
            ) from None
        self.path = path
        try:
            self.names = parquet.read_schema(path).names
        except ArrowInvalid as error:
            raise ValueError(f"not a Parquet file ({error})") from None

    def read(self, names: list[str]) -> np.ndarray:
        from pyarrow import parquet

        table = parquet.read_table(self.path, columns=names)
        return _stacked({name: table[name].to_numpy() for name in names})


def _stacked(columns: dict[str, np.ndarray]) -> np.ndarray:
    """Columns side by side, all of one length and all finite numbers."""
    lengths = {name: len(column) for name, column in columns.items()}
    first = next(iter(lengths))
    for name, column in columns.items():
        if lengths[name] != lengths[first]:
            raise ValueError(
                f"column {name!r} has {lengths[name]} rows, {first!r} has {lengths[first]}"
            )
        if column.dtype.kind not in "fiub":
            raise ValueError(f"column {name!r} does not hold real numbers ({column.dtype})")
    if lengths[first] == 0:
        raise ValueError("no rows")
    values = np.column_stack([np.asarray(c, dtype=np.float64) for c in columns.values()])
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise ValueError(
            f"column {list(columns)[column]!r}, row {row}: {values[row, column]} is not finite"
        )
    return values
