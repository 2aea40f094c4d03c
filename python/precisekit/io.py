"""Models on disk.

A model file (``.pkit``) is a ZIP archive that NumPy, and any unzip, can open: no pickle, nothing
is executed on loading. It holds

- ``header.json``: format version, class, parameters, network, symmetries, input map, names of the
  columns, the figures of the fit report;
- ``theta.npy``, ``lo.npy``, ``hi.npy``, ``log_columns.npy``, ``target_scale.npy``: the model, as
  NumPy arrays, bit for bit;
- ``history_*.npy``: one array for each column of the fit's history.

Of ModularMLPRegressor the header holds the graph. Of SimplexRegressor and SplineRegressor a file
holds, in place of all that, what the interpolator is made from: ``points.npy`` and ``values.npy``,
or ``knots_*.npy`` and ``coefficients.npy``.

A checkpoint of a fit is the file of the best model so far. Its header says under ``checkpoint``
which fit it is of and how far that is; ``state_*.npy`` are the arrays from which the fit goes on,
and ``finished_*.pkit`` the networks that `precisekit.fit` is done with.

The order of the parameters in ``theta`` is that of `precisekit.MLP`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .training import State

FORMAT = "precisekit model"
FORMAT_VERSION = 1

_HEADER = "header.json"
_HISTORY = "history_"
_STATE = "state_"
_FINISHED = "finished_"
_CLASSES = ("MLPRegressor", "ModularMLPRegressor", "SimplexRegressor", "SplineRegressor")

# What reading a ZIP archive raises where its bytes are not what was written.
DAMAGED_ARCHIVE = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError)
_MODEL_ARRAYS = ("theta", "lo", "hi", "log_columns", "target_scale")


def save(model, path) -> None:
    """Write a fitted model to ``path``, by custom named ``*.pkit``.

    The file appears whole or not at all: it is written beside its destination and moved there.

    Parameters
    ----------
    model : MLPRegressor, ModularMLPRegressor, SimplexRegressor or SplineRegressor
        Fitted, by itself or by `precisekit.fit`.
    path : str or path-like

    Raises
    ------
    TypeError
        If the model is not one that can be saved.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    OSError
        If the file cannot be written.
    """
    header, arrays = _parts(model)
    with atomic_write(path) as file:
        _write_archive(file, header, arrays)


def _parts(model) -> tuple[dict, dict[str, np.ndarray]]:
    """What a file holds of a model: the header, and arrays."""
    from sklearn.utils.validation import check_is_fitted

    from . import interpolating_io
    from .estimators import MLPRegressor
    from .modular import ModularMLPRegressor

    interpolates = isinstance(model, interpolating_io.classes())
    if not interpolates and not isinstance(model, (MLPRegressor, ModularMLPRegressor)):
        raise TypeError(f"model must be one of {', '.join(_CLASSES)}, got {type(model).__name__}")
    check_is_fitted(model)
    header, arrays = (interpolating_io.parts if interpolates else _network_parts)(model)
    from . import __version__

    common = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "precisekit_version": __version__,
        "parameters": {name: plain(value) for name, value in model.get_params().items()},
        "input_names": getattr(model, "input_names_", None),
        "target_name": getattr(model, "target_name_", None),
        "feature_names_in": plain(getattr(model, "feature_names_in_", None)),
    }
    return common | plain(header), arrays


def _write_archive(file, header: dict, arrays: dict[str, np.ndarray], finished=()) -> None:
    """The members of a model file, with the models ``finished`` as files within it."""
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(_HEADER, json.dumps(header, indent=1))
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
        for k, model in enumerate(finished):
            inner = io.BytesIO()
            _write_archive(inner, *_parts(model))
            archive.writestr(f"{_FINISHED}{k}.pkit", inner.getvalue())


def _network_parts(model) -> tuple[dict, dict[str, np.ndarray]]:
    """What is in the header, and in arrays, of a network only."""
    from .estimators import MLPRegressor

    report, history = asdict(replace(model.report_, history=None)), model.report_.history
    del report["history"]
    header = {
        "symmetries": [asdict(r) for r in model.symmetries_.relations],
        "input_map": model.input_map_.kind,
        "report": report,
    }
    if isinstance(model, MLPRegressor):
        header |= {
            "class": "MLPRegressor",
            "sizes": model.network_.sizes,
            "activations": model.network_.activation,
            "single_output": model._single_output,
        }
    else:
        from .modular import _io as modular_io

        header |= modular_io.parts(model)
    arrays = {
        "theta": model.theta_,
        "lo": model.input_map_.lo,
        "hi": model.input_map_.hi,
        "log_columns": model.input_map_.log_columns.astype(np.int64),
        "target_scale": model.target_scale_,
    }
    arrays |= {_HISTORY + f.name: getattr(history, f.name) for f in fields(history)}
    return header, arrays


def load(path):
    """Read a model written by `save`; its predictions are the same to the last bit.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    model : MLPRegressor, ModularMLPRegressor, SimplexRegressor or SplineRegressor
        Fitted. Names of columns, where known, are in ``input_names_`` and ``target_name_``.

    Raises
    ------
    ValueError
        If the file is not a model, is damaged, or was written by a newer version; the message
        names the file and what is wrong.
    OSError
        If it cannot be read.
    """
    path = os.fspath(path)
    with open(path, "rb") as file:
        data = file.read()
    try:
        return _load(data)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def write_checkpoint(path, model, identity: dict, state: State) -> None:
    """Write the best model so far and the state of its fit, which `identity` tells from others."""
    header, arrays = _parts(model)
    header["checkpoint"] = plain({"identity": identity, "facts": state.facts})
    arrays = arrays | {_STATE + name: array for name, array in state.arrays.items()}
    with atomic_write(path) as file:
        _write_archive(file, header, arrays, state.finished)


def read_checkpoint(path) -> tuple[dict, State]:
    """Identity and state of the fit that a checkpoint is of.

    Raises
    ------
    ValueError
        If the file is damaged, or no checkpoint of a fit, naming it.
    OSError
        If it cannot be read.
    """
    from .training import State

    path = os.fspath(path)
    with open(path, "rb") as file:
        data = file.read()
    try:
        header, arrays, finished = _read_archive(data)
        _check_header(header)
        if "checkpoint" not in header:
            raise ValueError("a model, but not a checkpoint that a fit can go on from")
        checkpoint = header["checkpoint"]
        arrays = {
            name.removeprefix(_STATE): array
            for name, array in arrays.items()
            if name.startswith(_STATE)
        }
        models = [_load(model) for model in finished]
        state = State(_Parts(path, checkpoint["facts"]), _Parts(path, arrays), models)
        return checkpoint["identity"], state
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def input_names(model) -> list[str]:
    """Names of a fitted model's inputs: those of the table or DataFrame, else x1 ... xd."""
    for attribute in ("input_names_", "feature_names_in_"):
        names = getattr(model, attribute, None)
        if names is not None:
            return [str(name) for name in names]
    return [f"x{i + 1}" for i in range(model.n_features_in_)]


def target_name(model) -> str:
    """Name of a fitted model's output: that of the table's column, else y."""
    return getattr(model, "target_name_", None) or "y"


@contextlib.contextmanager
def atomic_write(path) -> Iterator[io.BufferedWriter]:
    """A binary file that replaces ``path`` when the block ends, and vanishes when it fails.

    It is on the disk then, not only in memory: the one before is never lost to a half of it.
    """
    target = os.path.realpath(path)  # what a symbolic link points to is replaced, not the link
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(4)}")
    try:
        # "x" and not tempfile, whose files nobody else may read
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.remove(temporary)
        if isinstance(error, OSError) and error.filename == temporary:
            error.filename = os.fspath(path)
        raise


def plain(value):
    """``value`` as it comes back from JSON; what has no JSON becomes None."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if isinstance(value, (bool, int, float, str)) else None


class _Parts(dict):
    """What a checkpoint holds by name; ValueError, not KeyError, for what is not there."""

    def __init__(self, path: str, parts: dict):
        super().__init__(parts)
        self._path = path

    def __missing__(self, name):
        raise ValueError(f"{self._path}: damaged checkpoint: {name} is missing")


def _load(data: bytes):
    header, arrays, _ = _read_archive(data)
    _check_header(header)
    arrays = {name: array for name, array in arrays.items() if not name.startswith(_STATE)}
    try:
        if header["class"] in ("MLPRegressor", "ModularMLPRegressor"):
            model = _build(header, arrays)
        else:
            from . import interpolating_io

            model = interpolating_io.build(header, arrays)
        _name(model, header)
        return model
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"damaged model: {type(error).__name__} {error}") from None


def _read_archive(data: bytes) -> tuple[dict, dict[str, np.ndarray], list[bytes]]:
    """Header, arrays, and files of models; zipfile checks the checksum of every member."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            contents = {name: archive.read(name) for name in archive.namelist()}
    except DAMAGED_ARCHIVE as error:
        if data[:4] != b"PK\x03\x04":
            raise ValueError("not a precisekit model (not a ZIP archive)") from None
        raise ValueError(f"damaged or cut short ({error})") from None
    if _HEADER not in contents:
        raise ValueError(f"not a precisekit model (no {_HEADER} in it)")
    try:
        header = json.loads(contents.pop(_HEADER))
        arrays = {
            name.removesuffix(".npy"): np.load(io.BytesIO(data), allow_pickle=False)
            for name, data in contents.items()
            if name.endswith(".npy")
        }
    except (ValueError, EOFError) as error:
        raise ValueError(f"damaged model: {error}") from None
    models = [data for name, data in contents.items() if name.startswith(_FINISHED)]
    return header, arrays, models


def _check_header(header) -> None:
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError("not a precisekit model (its header says something else)")
    version = header.get("format_version")
    if not isinstance(version, int) or version < 1:
        raise ValueError(f"damaged model: format version {version!r}")
    if version > FORMAT_VERSION:
        raise ValueError(
            f"format version {version}, but this precisekit reads up to {FORMAT_VERSION}: "
            f"written by precisekit {header.get('precisekit_version')}, upgrade to read it"
        )
    if header.get("class") not in _CLASSES:
        raise ValueError(f"unknown model class {header.get('class')!r}")


def _build(header: dict, arrays: dict[str, np.ndarray]):
    from .estimators import FitReport, MLPRegressor
    from .input_map import KINDS, InputMap
    from .network import MLP
    from .optimize import History
    from .symmetry import Relation, Symmetries
    from .training import StageReport

    if header["input_map"] not in KINDS:
        raise ValueError(f"unknown input map {header['input_map']!r}")
    theta, lo, hi, log_columns, scale = (_sound_array(arrays, name) for name in _MODEL_ARRAYS)
    input_map = InputMap(header["input_map"], lo, hi, log_columns.astype(np.intp))
    if header["class"] == "MLPRegressor":
        parameters = dict(header["parameters"])
        parameters["hidden_layer_sizes"] = tuple(parameters["hidden_layer_sizes"])
        model, report_class = MLPRegressor(**parameters), FitReport
        model._single_output = bool(header["single_output"])
        network = MLP(header["sizes"], header["activations"])
    else:
        from .modular import _io as modular_io

        model, network, report_class = modular_io.build(header, input_map)
    expected = {
        "theta": (theta.size, network.n_params),
        "hi": (hi.size, lo.size),
        "target_scale": (scale.size, network.sizes[-1]),
    }
    for name, (size, wanted) in expected.items():
        if size != wanted:
            raise ValueError(f"{name} has {size} elements, the network needs {wanted}")
    if np.any(lo > hi):
        raise ValueError("lo exceeds hi")
    if np.any((log_columns < 0) | (log_columns >= lo.size)) or np.any(lo[log_columns] <= 0):
        raise ValueError("log_columns names a column that has no logarithm")
    if input_map.n_features != network.sizes[0]:
        raise ValueError(
            f"the input map gives {input_map.n_features} features, "
            f"the network takes {network.sizes[0]}"
        )

    model.network_, model.input_map_, model.theta_ = network, input_map, theta
    model.target_scale_ = scale
    # a file written before there were symmetries has none
    relations = [Relation.checked(**relation) for relation in header.get("symmetries", [])]
    n_features = relations[0].n_variables if relations else lo.size
    model.symmetries_ = Symmetries(tuple(relations))
    if not model.symmetries_.lead(n_features, lo.size):
        raise ValueError(f"symmetries and input map do not fit {n_features} inputs")
    model.n_features_in_ = n_features
    columns = {f.name: _HISTORY + f.name for f in fields(History)}
    if columns["stage"] not in arrays:  # written before there were stages
        arrays[columns["stage"]] = np.ones(len(arrays[columns["iteration"]]), dtype=np.int64)
    history = History(**{name: arrays[column] for name, column in columns.items()})
    report = dict(header["report"])
    report["stages"] = [StageReport(**stage) for stage in report.get("stages", [])]
    report["choice"] = restored_choice(report.get("choice"))
    model.report_ = report_class(**report, history=history)
    model.n_iter_ = model.report_.n_iter
    return model


def restored_choice(choice: dict | None):
    """The Choice of a report, from what a header holds of it."""
    from .selection import Candidate, Choice

    if choice is None:
        return None
    return Choice(**choice | {"candidates": [Candidate(**c) for c in choice["candidates"]]})


def _name(model, header: dict) -> None:
    for key, attribute in (("input_names", "input_names_"), ("target_name", "target_name_")):
        if header[key] is not None:
            setattr(model, attribute, header[key])
    if header["feature_names_in"] is not None:
        model.feature_names_in_ = np.array(header["feature_names_in"], dtype=object)
    if len(input_names(model)) != model.n_features_in_:
        raise ValueError(f"{len(input_names(model))} names for {model.n_features_in_} inputs")


def _sound_array(arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    if name not in arrays:
        raise ValueError(f"{name} is missing")
    array = arrays[name]
    wanted = np.int64 if name == "log_columns" else np.float64
    if array.ndim != 1 or array.dtype != wanted:
        raise ValueError(f"{name} must be a vector of {np.dtype(wanted)}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}[{np.flatnonzero(~np.isfinite(array))[0]}] is not finite")
    return array
