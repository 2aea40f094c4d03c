"""Tests of precisekit.tables: tables of all kinds, and what is wrong with the others."""

import sys

import numpy as np
import pytest
from conftest import same_bits

from precisekit.tables import read_table


@pytest.fixture
def table(tmp_path):
    def write(text, name="t.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


EXPECTED = np.array([[1.0, 0.1], [-2.5, 3e-300]])


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,0.1\n-2.5,3e-300\n",
        "a, b\n1, 0.1\n-2.5, 3e-300",
        '"a","b"\n1,0.1\n"-2.5",3e-300\n',
        "a;b\n1;0.1\n-2.5;3e-300\n",
        "a\tb\n1\t0.1\n-2.5\t3e-300\n",
        "a b\n1   0.1\n  -2.5 3e-300\n",
        "# made by hand\n\na,b\n# units\n1,0.1  # first\n\n-2.5,3e-300\n\n",
        "a,b\r\n1,0.1\r\n-2.5,3e-300\r\n",
        "\ufeffa,b\n1,0.1\n-2.5,3e-300\n",
    ],
)
def test_csv_dialects(table, text):
    t = read_table(table(text))
    assert (t.names, t.named) == (["a", "b"], True)
    assert same_bits(t.columns, EXPECTED)
    assert same_bits(read_table(table(text), ["b"]).columns, EXPECTED[:, 1:].copy())


@pytest.mark.parametrize("text", ["1,0.1\n-2.5,3e-300\n", "# x y\n1 0.1\n-2.5 3e-300\n"])
def test_csv_without_header(table, text):
    t = read_table(table(text))
    assert (t.names, t.named) == (["x1", "x2"], False)
    assert same_bits(t.columns, EXPECTED)


def test_every_bit_of_a_csv(table):
    values = np.frombuffer(np.random.default_rng(0).bytes(8 * 3000), dtype=np.float64)
    values = values[np.isfinite(values)][:2000].reshape(-1, 4)
    text = "a,b,c,d\n" + "\n".join(",".join(map(repr, row)) for row in values.tolist())
    assert same_bits(read_table(table(text)).columns, values.copy())


def test_columns_are_chosen_and_ordered(table):
    path = table("name,a,b\nfirst,1,2\n,3,4\n")
    t = read_table(path, ["b", "a"])
    assert t.names == ["b", "a"]
    assert t.columns.tolist() == [[2, 1], [4, 3]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3,x\n", r"t\.csv: line 3, column 'b': 'x' is not a number"),
        ("# c\n\na,b\n1,2\n\n# c\n3,\n", "line 7, column 'b': the cell is empty"),
        ("a,b\n,2\n", "line 2, column 'a': the cell is empty"),
        ("a,b\n1,2\n3\n", "line 3: column 'b' is missing: 1 cells, not 2"),
        ("a,b\n1,2\n3,4,5\n", "line 3: 3 cells, but the last column, 'b', is number 2"),
        ("a b\n1 2\n3\n", "line 3: column 'b' is missing"),
        ("a,b\r\n1,2\r\n3,nan\r\n", "line 3, column 'b': nan is not finite"),
        ("a,b\n1,2\n-inf,4\n", "line 3, column 'a': -inf is not finite"),
        ("a,b\n1,1e999\n", "line 2, column 'b': 1e999 is not finite"),
        ("a;b\n1;2,5\n", "'2,5' is not a number .a decimal comma"),
        ("a,b\n1,1_000\n", "'1_000' is not a number"),
        ("1,x\n2,3\n", "line 1, column 'x2': 'x' is not a number"),
        ("a,b,a\n1,2,3\n", "line 1: two columns are named 'a'"),
        (",a\n0,1\n", "line 1: column 1 has no name"),
        ("a,b\n", "no rows of numbers"),
        ("", "no rows of numbers"),
        (b"a,b\n\xff\xfe,1\n", "not a text table|UTF-8|utf-8"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_faulty_csv(table, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_table(table(text))
    assert "t.csv" in str(caught.value)


def test_a_ragged_row_is_found_beside_chosen_columns(table):
    with pytest.raises(ValueError, match="line 3: 3 cells"):
        read_table(table("a,b\n1,2\n3,4,5\n"), ["a"])


def test_unknown_column(table):
    path = table("pressure,temperature\n1,2\n")
    with pytest.raises(ValueError, match="no column 'presure'; did you mean 'pressure'") as caught:
        read_table(path, ["presure"])
    assert "columns: pressure, temperature" in str(caught.value)
    with pytest.raises(ValueError, match=r"no column 'y' \(columns"):
        read_table(path, ["y"])


def test_numpy_files(tmp_path):
    X, y = np.arange(6.0).reshape(3, 2), np.array([7, 8, 9])
    np.savez(tmp_path / "t.npz", X=X, y=y)
    t = read_table(tmp_path / "t.npz")
    assert (t.names, t.named) == (["x1", "x2", "y"], True)
    assert same_bits(t.columns, np.column_stack([X, y]))
    np.save(tmp_path / "t.npy", X.astype(np.float32))
    t = read_table(tmp_path / "t.npy")
    assert (t.names, t.named) == (["x1", "x2"], False)
    assert same_bits(t.columns, X)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": [1.0, 2.0], "b": [1.0]}, "column 'b' has 1 rows, 'a' has 2"),
        ({"a": ["x", "y"]}, "column 'a' does not hold real numbers"),
        ({"a": [1j]}, "column 'a' does not hold real numbers"),
        ({"a": [1.0, np.nan]}, "column 'a', row 1: nan is not finite"),
        ({"a": np.zeros((2, 2, 2))}, "array 'a' has 3 dimensions"),
        ({"a": np.zeros(0)}, "no rows"),
        ({"a": np.array([None])}, "Object arrays"),
        ({}, "no arrays"),
    ],
)
def test_faulty_npz(tmp_path, arrays, message):
    np.savez(tmp_path / "t.npz", **arrays)
    with pytest.raises(ValueError, match=message) as caught:
        read_table(tmp_path / "t.npz")
    assert "t.npz" in str(caught.value)


@pytest.mark.parametrize("suffix", ["npz", "npy"])
def test_damaged_numpy_files(tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    if suffix == "npz":
        np.savez(path, X=np.zeros((99, 2)))
    else:
        np.save(path, np.zeros((99, 2)))
    data = path.read_bytes()
    for size in (0, 20, len(data) // 2):
        path.write_bytes(data[:size])
        with pytest.raises(ValueError, match=rf"t\.{suffix}"):
            read_table(path)


def test_npy_must_be_a_matrix(tmp_path):
    np.save(tmp_path / "t.npy", np.zeros(3))
    with pytest.raises(ValueError, match="2 dimensions"):
        read_table(tmp_path / "t.npy")


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "t.parquet"
    parquet.write_table(pyarrow.table({"n": ["u", "v"], "a": [1, 2], "b": [0.1, None]}), path)
    t = read_table(path, ["a"])
    assert (t.names, t.named, t.columns.tolist()) == (["a"], True, [[1.0], [2.0]])
    with pytest.raises(ValueError, match="column 'b', row 1: nan is not finite"):
        read_table(path, ["b"])
    with pytest.raises(ValueError, match="column 'n' does not hold real numbers"):
        read_table(path)
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(ValueError, match=r"t\.parquet: not a Parquet file"):
        read_table(path)


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r'pip install "precisekit\[parquet\]"'):
        read_table(tmp_path / "t.parquet")
