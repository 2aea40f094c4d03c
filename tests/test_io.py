"""Tests of precisekit.io: model files survive bit for bit or are refused."""

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
from conftest import same_bits

import precisekit as pk
from precisekit.io import atomic_write, input_names, target_name


def rewritten(source, path, header=None, **arrays):
    """A copy of a model file with parts of its header and arrays replaced (None: left out)."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data, stem = old.read(name), name.removesuffix(".npy")
            if name == "header.json":
                data = json.dumps({**json.loads(data), **(header or {})})
            elif stem in arrays:
                if arrays[stem] is None:
                    continue
                buffer = io.BytesIO()
                np.save(buffer, arrays[stem])
                data = buffer.getvalue()
            new.writestr(name, data)
    return path


@pytest.fixture
def saved(fitted, tmp_path):
    path = tmp_path / "model.pkit"
    pk.save(fitted, path)
    return path


@pytest.mark.parametrize("which", ["fitted", "chosen"])
def test_predictions_survive_bit_for_bit(which, request, tmp_path, plane):
    model = request.getfixturevalue(which)
    pk.save(model, tmp_path / "m.pkit")
    loaded = pk.load(str(tmp_path / "m.pkit"))
    assert same_bits(loaded.predict(plane[0]), model.predict(plane[0]))
    assert same_bits(loaded.theta_, model.theta_)


def test_everything_else_survives(chosen, tmp_path):
    pk.save(chosen, tmp_path / "m.pkit")
    loaded = pk.load(tmp_path / "m.pkit")
    assert loaded.get_params() == chosen.get_params()
    assert loaded.n_features_in_ == chosen.n_features_in_
    assert loaded.n_iter_ == chosen.n_iter_
    old, new = vars(chosen.report_).copy(), vars(loaded.report_).copy()
    old_history, new_history = vars(old.pop("history")), vars(new.pop("history"))
    assert new == old
    assert new["race"]
    for name, column in old_history.items():
        assert same_bits(new_history[name], column), name
    assert same_bits(
        pickle.loads(pickle.dumps(loaded)).predict([[2.0, 1.0]]), loaded.predict([[2.0, 1.0]])
    )


def test_names(fitted, plane, tmp_path):
    assert (input_names(fitted), target_name(fitted)) == (["x1", "x2"], "y")
    X, y = plane
    frame = pd.DataFrame(X, columns=["p", "T"])
    model = pk.MLPRegressor(hidden_layer_sizes=(3,), input_map="linear", max_iter=3).fit(frame, y)
    model.target_name_ = "h, ü"
    pk.save(model, tmp_path / "m.pkit")
    loaded = pk.load(tmp_path / "m.pkit")
    assert (input_names(loaded), target_name(loaded)) == (["p", "T"], "h, ü")
    assert list(loaded.feature_names_in_) == ["p", "T"]
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(frame.rename(columns={"p": "q"}))


def test_two_outputs_and_awkward_parameters(plane, tmp_path):
    X, y = plane
    model = pk.MLPRegressor(
        hidden_layer_sizes=np.array([3, 4]),
        activation=["sin", "tanh"],
        input_map="log",
        max_iter=np.int64(3),
        random_state=np.random.RandomState(1),
    ).fit(X, np.column_stack([y, y**2]))
    pk.save(model, tmp_path / "m.pkit")
    loaded = pk.load(tmp_path / "m.pkit")
    assert same_bits(loaded.predict(X), model.predict(X))
    assert loaded.hidden_layer_sizes == (3, 4)
    assert loaded.activation == ["sin", "tanh"]
    assert loaded.random_state is None  # a generator has no JSON
    loaded.fit(X, y)


def test_saves_fitted_models_only(tmp_path):
    with pytest.raises(TypeError, match="got int"):
        pk.save(3, tmp_path / "m.pkit")
    with pytest.raises(ValueError, match="not fitted"):
        pk.save(pk.MLPRegressor(), tmp_path / "m.pkit")
    assert not list(tmp_path.iterdir())


def test_the_file_is_a_plain_archive(saved, fitted):
    with zipfile.ZipFile(saved) as archive:
        header = json.loads(archive.read("header.json"))
    assert header["format_version"] == 1
    assert header["sizes"] == [4, 8, 1]
    with np.load(saved, allow_pickle=False) as arrays:
        assert same_bits(arrays["theta"], fitted.theta_)


def test_not_a_model(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("p,T\n1,2\n")
    with pytest.raises(ValueError, match=r"notes\.txt: not a precisekit model \(not a ZIP"):
        pk.load(path)
    np.savez(tmp_path / "a.npz", theta=np.zeros(3))
    with pytest.raises(ValueError, match=r"a\.npz: not a precisekit model \(no header\.json"):
        pk.load(tmp_path / "a.npz")
    with pytest.raises(FileNotFoundError):
        pk.load(tmp_path / "none.pkit")


def test_cut_short_anywhere(saved):
    data = saved.read_bytes()
    for size in np.linspace(0, len(data) - 1, 40).astype(int):
        saved.write_bytes(data[:size])
        with pytest.raises(ValueError, match=r"model\.pkit: "):
            pk.load(saved)
    saved.write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match="cut short"):
        pk.load(saved)


def test_a_flipped_bit_never_gives_another_model(saved, fitted, plane):
    data = saved.read_bytes()
    expected = fitted.predict(plane[0])
    refused = 0
    for position in np.random.default_rng(0).integers(len(data), size=200):
        damaged = bytearray(data)
        damaged[position] ^= 1 << (position % 8)
        saved.write_bytes(damaged)
        try:
            model = pk.load(saved)
        except ValueError as error:
            assert "model.pkit" in str(error)
            refused += 1
        else:  # bits of the archive that mean nothing, such as times
            assert same_bits(model.predict(plane[0]), expected)
    assert refused > 100


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"format": "something"}, "not a precisekit model"),
        ({"format_version": 2}, "format version 2, but this precisekit reads up to 1"),
        ({"format_version": "1"}, "format version '1'"),
        ({"class": "SVR"}, "unknown model class 'SVR'"),
        ({"sizes": [4, 9, 1]}, "theta has 49 elements, the network needs 55"),
        ({"sizes": [4]}, "sizes"),
        ({"sizes": None}, "sizes must be a sequence"),
        ({"activations": ["cosh"]}, "activation"),
        ({"input_map": "sqrt"}, "unknown input map 'sqrt'"),
        ({"input_map": "linear"}, "the input map gives 2 features, the network takes 4"),
        ({"input_names": ["a"]}, "1 names for 2 inputs"),
        ({"parameters": {"hidden_layer_sizes": [8], "speed": 3}}, "speed"),
        ({"report": {}}, "damaged"),
    ],
)
def test_wrong_header(saved, tmp_path, header, message):
    with pytest.raises(ValueError, match=message) as caught:
        pk.load(rewritten(saved, tmp_path / "other.pkit", header))
    assert str(caught.value).startswith(str(tmp_path / "other.pkit"))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"theta": np.full(49, np.nan)}, r"theta\[0\] is not finite"),
        ({"theta": np.zeros(49, np.float32)}, "theta must be a vector of float64"),
        ({"theta": np.zeros((7, 7))}, "theta must be a vector"),
        ({"theta": None}, "theta is missing"),
        ({"lo": np.array([9.0, 9.0])}, "lo exceeds hi"),
        ({"hi": np.ones(3)}, "hi has 3 elements"),
        ({"log_columns": np.array([0, 2])}, "log_columns"),
        ({"target_scale": np.ones(2)}, "target_scale has 2 elements"),
        ({"history_seconds": None}, "history_seconds"),
    ],
)
def test_wrong_arrays(saved, tmp_path, arrays, message):
    with pytest.raises(ValueError, match=message):
        pk.load(rewritten(saved, tmp_path / "other.pkit", **arrays))


def test_pickled_objects_are_refused(saved, tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, np.array([print], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(saved, "a") as archive:
        archive.writestr("more.npy", buffer.getvalue())
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        pk.load(saved)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_atomic_write_follows_links_and_umask(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "file").write_text("old")
    before = os.umask(0o022)
    try:
        with atomic_write(tmp_path / "link") as file:
            file.write(b"new")
    finally:
        os.umask(before)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_missing_directory_is_named(fitted, tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        pk.save(fitted, tmp_path / "no" / "m.pkit")
    assert caught.value.filename == str(tmp_path / "no" / "m.pkit")


def test_importing_io_is_light():
    code = "import precisekit.io, sys; assert not {'sklearn', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
