"""Tests of the command precisekit: what it prints, writes and refuses, and how Ctrl-C ends it."""

import errno
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import smooth

import precisekit as pk
from precisekit import _core
from precisekit.cli import main
from precisekit.io import read_checkpoint
from precisekit.progress import Progress, share_done

QUICK = ["--hidden", "6", "--input-map", "linear", "--tol", "1e-3"]


@pytest.fixture
def run(capsys):
    """Runs the command in this process: exit code, standard output, standard error."""

    def call(*argv):
        try:
            code = main([str(arg) for arg in argv])
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def folder(tmp_path, monkeypatch, plane):
    """An empty directory to work in, with a table data.csv of p, T and h in it."""
    monkeypatch.chdir(tmp_path)
    X, y = plane
    np.savetxt("data.csv", np.column_stack([X, y]), "%.17g", ",", header="p,T,h", comments="")
    return tmp_path


@pytest.fixture
def no_fit(monkeypatch):
    """Fails the test when a fit starts."""

    def started(*_, **__):
        pytest.fail("the fit started")

    monkeypatch.setattr("precisekit.estimators.MLPRegressor._fit", started)


def refused(result, *words):
    code, out, err = result
    assert code == 2
    assert out == ""
    assert err.startswith("precisekit: error: ")
    assert err.count("\n") == 1
    for word in words:
        assert str(word) in err, err


# -- fit -------------------------------------------------------------------------------------------


def test_fit_a_table(run, folder, plane):
    code, out, err = run("fit", "data.csv", "--target", "h", "--output", "m.pkit", *QUICK)
    assert (code, err) == (0, "")
    model = pk.load("m.pkit")
    assert (model.input_names_, model.target_name_) == (["p", "T"], "h")
    assert model.report_.network == "2-6-1"
    assert "relative RMSE reached tol" in out
    assert "360" in out and "40" in out
    assert "model in m.pkit; in Python: model = precisekit.load('m.pkit')" in out
    assert max(map(len, out.splitlines())) <= 80
    X, y = plane
    rms = np.sqrt(np.mean((model.predict(X) - y) ** 2) / np.mean(y**2))
    assert rms < 5e-3


def test_fit_auto(run, folder):
    code, out, err = run("fit", "data.csv", "--target", "h", "--output", "m.pkit", "--tol", "1e-6")
    assert (code, err) == (0, "")
    assert "data            360 scattered samples of 2 inputs" in out
    assert "* smallest error on held-out samples; target reached" in out
    assert max(map(len, out.splitlines())) <= 80
    model = pk.load("m.pkit")
    assert model.report_.choice.candidates[0].held_out_rmse <= 1e-6
    assert model.report_.n_samples == 400  # a spline has the test rows too


def test_fit_auto_keeps_a_grid_a_grid(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    axis = np.linspace(1, 2, 16)
    X = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    np.savetxt("grid.csv", np.column_stack([X, smooth(X)]), "%.17g", ",")
    code, out, _ = run("fit", "grid.csv", "--target", "x3", "--output", "m.pkit", "--tol", "1e-9")
    assert code == 0
    assert "196 samples on a full grid of 2 inputs, 14 x 14" in out
    assert "saved: spline of degree 9 x 9 through 16 x 16 points, the test rows among" in out
    assert pk.load("m.pkit").report_.choice.layout.endswith("14 x 14")


def test_the_test_rows_are_kept_out(run, folder, plane, monkeypatch):
    X, y = plane
    seen = {}
    fit = pk.MLPRegressor._fit
    monkeypatch.setattr(
        "precisekit.estimators.MLPRegressor._fit",
        lambda self, X, y, **kw: seen.update(X=X) or fit(self, X, y, **kw),
    )
    tested = {}
    monkeypatch.setattr(
        "precisekit.report.split_report", lambda model, *data: tested.update(X=data[2])
    )
    arguments = ["fit", "data.csv", "--target", "h", "--output", "m.pkit", *QUICK]
    assert run(*arguments, "--test-fraction", "0.25", "--seed", "3")[0] == 0
    assert (len(seen["X"]), len(tested["X"])) == (300, 100)
    together = np.vstack([seen["X"], tested["X"]])
    assert sorted(map(tuple, together)) == sorted(map(tuple, X))
    first = tested["X"]
    assert run(*arguments, "--test-fraction", "0.25", "--seed", "4")[0] == 0
    assert not np.array_equal(first, tested["X"])


def test_fit_an_equation(run, folder):
    arguments = ["--equation", "I.6.2a", "--samples", "200", "--output", "m.pkit", *QUICK]
    code, out, _ = run("fit", *arguments)
    assert code == 0
    assert "200" in out and "10,000" in out
    assert pk.load("m.pkit").input_names_ == ["theta"]


@pytest.mark.parametrize("law", ["uniform", "sobol"])
def test_laws(run, folder, law):
    arguments = ["--equation", "I.6.2a", "--samples", "100", "--output", "m.pkit", "--law", law]
    assert run("fit", *arguments, *QUICK)[0] == 0


def test_seed_decides_every_bit(run, folder):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run("fit", "data.csv", "--target", "h", "--output", name, "--seed", seed, *QUICK)
    a, b, c = (pk.load(name).theta_.tobytes() for name in "abc")
    assert a == b != c


def test_features_are_chosen(run, folder):
    arguments = ["data.csv", "--target", "h", "--features", "T", "--output", "m.pkit"]
    assert run("fit", *arguments, "--hidden", "2", "--time-limit", "1")[0] == 0
    assert pk.load("m.pkit").input_names_ == ["T"]


def test_options_reach_the_model(run, folder):
    code, out, _ = run(
        *("fit", "data.csv", "--target", "h", "--output", "m.pkit", "--method", "mlp"),
        *("--hidden", "3,4", "--activation", "sin", "--input-map", "log", "--time-limit", "0.5"),
    )
    assert code == 0
    model = pk.load("m.pkit")
    assert model.report_.network == "2-3-4-1"
    assert model.network_.activation == ("sin", "sin")
    assert model.input_map_.kind == "log"
    assert model.report_.seconds < 5
    assert "sin" in out


def test_restarts_are_of_one_network(run, folder):
    run("fit", "data.csv", "--target", "h", "--output", "m.pkit", "--restarts", "2", "--tol", "0.1")
    assert pk.load(folder / "m.pkit").n_restarts == 2


def test_solver_and_stages(run, folder):
    code, out, _ = run(
        *("fit", "data.csv", "--target", "h", "--output", "m.pkit", "--stages", "2"),
        *("--hidden", "6", "--solver", "bfgs", "--input-map", "linear", "--tol", "1e-3"),
    )
    assert code == 0
    model = pk.load("m.pkit")
    assert (model.n_stages, model.solver) == (2, "bfgs")
    assert len(model.report_.stages) <= 2
    assert model.report_.relative_rmse <= 1e-3


def test_plot(run, folder):
    arguments = ["data.csv", "--target", "h", "--output", "m.pkit", "--plot", "fit.png", *QUICK]
    code, out, _ = run("fit", *arguments)
    assert code == 0
    assert (folder / "fit.png").read_bytes().startswith(b"\x89PNG")
    assert "fit.png" in out


def test_warnings_are_one_line(run, folder):
    (folder / "few.csv").write_text("\n".join(f"{i},{i * i % 7}" for i in range(12)))
    arguments = ["few.csv", "--target", "x2", "--output", "m.pkit"]
    code, _, err = run("fit", *arguments, "--hidden", "8", "--time-limit", "1")
    assert code == 0
    assert err.startswith("precisekit: warning: fewer samples (11) than parameters (25)")
    assert err.count("\n") == 1


def test_existing_files_are_replaced(run, folder):
    (folder / "m.pkit").write_text("old")
    assert run("fit", "data.csv", "--target", "h", "--output", "m.pkit", *QUICK)[0] == 0
    pk.load("m.pkit")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["data.csv"], ["--target is missing", "p, T, h"]),
        (["data.csv", "--target", "H"], ["no column 'H'", "p, T, h"]),
        (["data.csv", "--target", "h", "--features", "p,t"], ["no column 't'"]),
        (["data.csv", "--target", "h", "--features", "p,h"], ["among the --features"]),
        (["none.csv", "--target", "h"], ["none.csv: No such file"]),
        ([], ["a table, or --equation"]),
        (["--equation", "I.99.9"], ["I.99.9"]),
        (["data.csv", "--equation", "I.6.2"], ["a table does not go with --equation"]),
        (["--equation", "I.6.2", "--target", "h"], ["--target does not go with --equation"]),
        (["--equation", "I.6.2", "--test-fraction", "0.2"], ["--test-fraction does not go"]),
        (["data.csv", "--target", "h", "--samples", "9"], ["--samples does not go with a table"]),
        (["data.csv", "--target", "h", "--law", "sobol"], ["--law does not go with a table"]),
        (
            ["data.csv", "--target", "h", "--method", "auto", "--hidden", "3"],
            ["--hidden does not go with --method auto"],
        ),
        (["data.csv", "--target", "h", "--activation", "sin"], ["--activation does not go with"]),
        (["data.csv", "--target", "h", "--input-map", "log"], ["--input-map does not go with"]),
        (["data.csv", "--target", "h", "--solver", "bfgs"], ["--solver does not go with --method"]),
        (
            ["data.csv", "--target", "h", "--method", "auto", "--stages", "2"],
            ["--stages does not go with --method auto"],
        ),
        (["data.csv", "--target", "h", "--stages", "0"], ["--stages", "'0'"]),
        (["data.csv", "--target", "h", "--solver", "sgd"], ["sgd", "bfgs"]),
        (["data.csv", "--target", "h", "--hidden", "3,0"], ["--hidden", "'3,0'"]),
        (["data.csv", "--target", "h", "--hidden", "x"], ["--hidden", "'x'"]),
        (["data.csv", "--target", "h", "--tol", "0"], ["--tol", "'0'"]),
        (["data.csv", "--target", "h", "--time-limit", "nan"], ["--time-limit"]),
        (["data.csv", "--target", "h", "--test-fraction", "1"], ["--test-fraction"]),
        (["data.csv", "--target", "h", "--seed", "-1"], ["--seed"]),
        (["data.csv", "--target", "h", "--method", "magic"], ["magic", "auto"]),
        (["data.csv", "--target", "h", "--test-fraction", "0.99"], ["4 samples are left"]),
    ],
)
def test_wrong_arguments_are_told_before_the_fit(run, folder, no_fit, arguments, words):
    refused(run("fit", *arguments, "--output", "m.pkit"), *words)
    assert not (folder / "m.pkit").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--output", "no/m.pkit"], ["no/m.pkit", "no directory"]),
        (["--output", "."], ["is a directory"]),
        (["--output", ""], ["a file to write has an empty name"]),
        (["--output", "data.csv"], ["overwrite"]),
        (["--output", "/dev/null"], ["not a regular file"]),
        ([], ["--output"]),
        (["--output", "m.pkit", "--plot", "no/fit.png"], ["no/fit.png"]),
        (["--output", "m.pkit", "--plot", "fit.xyz"], ["fit.xyz", ".png"]),
        (["--output", "m.png", "--plot", "m.png"], ["--output and --plot name the same file"]),
        (["--output", "m.pkit", "--checkpoint", "m.pkit"], ["--output and --checkpoint name the"]),
        (["--output", "m.pkit", "--checkpoint", "data.csv"], ["overwrite"]),
        (["--output", "m.pkit", "--checkpoint", "no/m.ckpt"], ["no/m.ckpt", "no directory"]),
        (["--output", "m.pkit", "--resume"], ["--resume needs a --checkpoint"]),
        (
            ["--output", "m.pkit", "--checkpoint", "c", "--method", "simplex"],
            ["--checkpoint does not go with --method simplex"],
        ),
    ],
)
def test_unwritable_places_are_told_before_the_fit(run, folder, no_fit, arguments, words):
    refused(run("fit", "data.csv", "--target", "h", *arguments), *words)


def test_a_directory_without_permission(run, folder, no_fit, monkeypatch):
    def refuse(dir):  # root may write anywhere
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), dir)

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    refused(run("fit", "data.csv", "--target", "h", "--output", "m.pkit"), "Permission denied")


def test_missing_matplotlib_is_told_before_the_fit(run, folder, no_fit, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    arguments = ["data.csv", "--target", "h", "--output", "m.pkit", "--plot", "fit.png"]
    refused(run("fit", *arguments), 'pip install "precisekit[plot]"')


def test_faulty_table(run, folder, no_fit):
    (folder / "bad.csv").write_text("a,y\n1,2\n3,x\n")
    result = run("fit", "bad.csv", "--target", "y", "--output", "m.pkit")
    refused(result, "bad.csv: line 3, column 'y'")


def test_constant_target(run, folder):
    (folder / "flat.csv").write_text("a,y\n" + "".join(f"{i},2\n" for i in range(50)))
    refused(run("fit", "flat.csv", "--target", "y", "--output", "m.pkit"), "constant")


def started_fit(folder, stderr, *options):
    """A long fit in a process of its own."""
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 3, (2000, 2))
    y = smooth(X) + 1e-3 * rng.standard_normal(2000)  # noise: there is always something to do
    np.savetxt("noisy.csv", np.column_stack([X, y]), "%.17g", ",")
    command = ["-m", "precisekit.cli", "fit", "noisy.csv", "--target", "x3", "--output", "m.pkit"]
    return subprocess.Popen(
        [sys.executable, *command, *options, "--time-limit", "300"],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        cwd=folder,
    )


def read_until(descriptor, pattern, seconds):
    text = ""
    until = time.monotonic() + seconds
    while not re.search(pattern, text):
        assert time.monotonic() < until, text
        if select.select([descriptor], [], [], 0.1)[0]:
            text += os.read(descriptor, 4096).decode()
    return text


def test_ctrl_c_saves_the_best_so_far(folder):
    ours, theirs = pty.openpty()
    process = started_fit(folder, theirs, "--hidden", "20,20")
    os.close(theirs)
    try:
        line = read_until(ours, r" ([2-9]|\d\d+) iterations", 60)  # the bar: it is under way
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        out, _ = process.communicate(timeout=30)
        assert time.monotonic() - began < 5
    finally:
        process.kill()
        os.close(ours)
    assert process.returncode == 130, out
    assert "interrupted (Ctrl-C)" in out
    assert line.startswith("\r[")
    model = pk.load(folder / "m.pkit")
    assert model.report_.interrupted
    assert model.report_.relative_rmse < 1


# -- checkpoints -----------------------------------------------------------------------------------


def test_a_killed_fit_goes_on(folder):
    """kill -9, the model that is there then, and the same command again."""
    command = ["--checkpoint", "run.ckpt", "--resume", "--hidden", "20,20"]
    process = started_fit(folder, subprocess.PIPE, *command)
    until = time.monotonic() + 100
    while not (folder / "run.ckpt").exists() or pk.load("run.ckpt").report_.n_iter < 20:
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.2)
    process.kill()
    _, err = process.communicate()
    assert "run.ckpt is not there yet: the fit begins" in err
    before = pk.load("run.ckpt")
    assert (before.input_names_, before.target_name_) == (["x1", "x2"], "x3")

    process = started_fit(folder, subprocess.PIPE, *command)
    until = time.monotonic() + 100
    while pk.load("run.ckpt").report_.n_iter <= before.report_.n_iter:
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.2)
    process.terminate()  # SIGTERM
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "run.ckpt" not in err
    assert "interrupted" in out
    assert pk.load("m.pkit").report_.n_iter > before.report_.n_iter
    after = pk.load("run.ckpt").report_
    assert after.relative_rmse <= before.report_.relative_rmse * (1 + 1e-6)
    assert after.seconds > before.report_.seconds


def test_a_checkpoint_is_not_overwritten(run, folder, no_fit):
    arguments = ["fit", "data.csv", "--target", "h", "--output", "m.pkit"]
    (folder / "run.ckpt").write_bytes(b"not one")
    refused(run(*arguments, "--checkpoint", "run.ckpt"), "run.ckpt exists", "--resume")
    refused(run(*arguments, "--checkpoint", "run.ckpt", "--resume"), "run.ckpt: ", "ZIP")
    assert (folder / "run.ckpt").read_bytes() == b"not one"


def test_the_choice_goes_on(run, folder, monkeypatch):
    """--method auto: the network that was at work."""
    arguments = ["fit", "data.csv", "--target", "h", "--output", "m.pkit", "--tol", "1e-15"]
    arguments += ["--checkpoint", "run.ckpt", "--resume"]
    iterations = []
    last = 20  # of the network at work
    monkeypatch.setattr("precisekit.progress.Progress.__call__", lambda _, s: s.nit >= last)
    for _ in range(2):
        code, _, err = run(*arguments)
        assert code == 0, err
        _, state = read_checkpoint("run.ckpt")
        last += 20
        assert len(state.finished) <= 1
        networks = [network.report_.n_iter for network in state.finished]
        iterations.append(networks[0] if networks else state.facts["n_iter"])
    assert iterations[1] > iterations[0] > 0
    names = pk.load("run.ckpt").input_names_, pk.load("run.ckpt").target_name_
    assert names == (["p", "T"], "h")


def test_a_checkpoint_of_other_data_is_refused(run, folder):
    arguments = ["fit", "data.csv", "--target", "h", "--output", "m.pkit", *QUICK]
    assert run(*arguments, "--checkpoint", "run.ckpt")[0] == 0
    before = (folder / "run.ckpt").read_bytes()
    again = run(*arguments, "--checkpoint", "run.ckpt", "--resume", "--seed", "1")
    refused(again, "run.ckpt cannot be resumed", "random_state (there 0, here 1)", "X (there other")
    assert (folder / "run.ckpt").read_bytes() == before


def test_no_progress_bar_in_a_pipe(folder):
    command = ["-m", "precisekit.cli", "fit", "data.csv", "--target", "h", "--output", "m.pkit"]
    result = subprocess.run(
        [sys.executable, *command, *QUICK], capture_output=True, text=True, cwd=folder
    )
    assert (result.returncode, result.stderr) == (0, "")


# -- predict ---------------------------------------------------------------------------------------


@pytest.fixture
def model(fitted, folder, plane):
    """The fitted model, as m.pkit, with names."""
    named = pk.MLPRegressor(hidden_layer_sizes=(6,), input_map="linear", max_iter=10).fit(*plane)
    named.input_names_, named.target_name_ = ["p", "T"], "h"
    pk.save(named, "m.pkit")
    return named


def columns(text):
    header, *rows = text.splitlines()
    return header, np.array([[float(cell) for cell in row.split(",")] for row in rows])


def test_predict_to_standard_output(run, model, plane):
    code, out, err = run("predict", "m.pkit", "data.csv")
    assert (code, err) == (0, "")
    header, values = columns(out)
    assert header == "p,T,h"
    assert np.array_equal(values, np.column_stack([plane[0], model.predict(plane[0])]))


def test_predict_to_a_file(run, model, folder, plane):
    code, out, err = run("predict", "m.pkit", "data.csv", "--output", "out.csv")
    assert (code, out, err) == (0, "", "")
    header, values = columns((folder / "out.csv").read_text())
    assert header == "p,T,h"
    assert np.array_equal(values[:, 2], model.predict(plane[0]))


def test_columns_go_by_name(run, model, folder):
    (folder / "swapped.csv").write_text("note,T,p\nfirst,1.5,2.5\n")
    (folder / "plain.csv").write_text("2.5,1.5\n")
    by_name, by_order = (
        run("predict", "m.pkit", "swapped.csv"),
        run("predict", "m.pkit", "plain.csv"),
    )
    assert by_name == by_order
    assert columns(by_name[1])[1].tolist() == [[2.5, 1.5, model.predict([[2.5, 1.5]])[0]]]


def test_predict_gradient(run, model, plane):
    code, out, err = run("predict", "m.pkit", "data.csv", "--gradient")
    assert (code, err) == (0, "")
    header, values = columns(out)
    assert header == "p,T,h,dh/dp,dh/dT"
    assert np.array_equal(values[:, 3:], model.predict_gradient(plane[0]))


def test_names_with_commas_are_quoted(run, model, folder):
    model.input_names_ = ["p, MPa", "T"]
    pk.save(model, "m.pkit")
    (folder / "plain.csv").write_text("2.5,1.5\n")
    assert run("predict", "m.pkit", "plain.csv")[1].startswith('"p, MPa",T,h\n2.5,1.5,')


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["m.pkit", "three.csv"], ["three.csv has 3 columns, the model takes 2: p, T"]),
        (["m.pkit", "other.csv"], ["no column 'p'", "P, T"]),
        (["m.pkit", "none.csv"], ["none.csv: No such file"]),
        (["none.pkit", "data.csv"], ["none.pkit: No such file"]),
        (["data.csv", "data.csv"], ["data.csv: not a precisekit model"]),
        (["m.pkit", "data.csv", "--output", "no/out.csv"], ["no/out.csv"]),
        (["m.pkit", "data.csv", "--output", "data.csv"], ["overwrite the table that is read"]),
        (["m.pkit", "data.csv", "--output", "m.pkit"], ["overwrite the model that is read"]),
        (["m.pkit", "data.csv", "--output", ""], ["a file to write has an empty name"]),
        (
            ["m.pkit", "data.csv", "--output", "out.npz"],
            ["out.npz: predictions are written as CSV"],
        ),
        (["m.pkit"], ["TABLE"]),
    ],
)
def test_wrong_predictions(run, model, folder, arguments, words):
    (folder / "three.csv").write_text("1,2,3\n")
    (folder / "other.csv").write_text("P,T\n1,2\n")
    refused(run("predict", *arguments), *words)


def test_logarithm_of_a_negative_point(run, folder, plane):
    model = pk.MLPRegressor(
        hidden_layer_sizes=(3,), input_map="log", find_symmetries=False, max_iter=3, random_state=0
    )
    pk.save(model.fit(*plane), "m.pkit")
    (folder / "points.csv").write_text("1,1\n2,-1\n")
    refused(run("predict", "m.pkit", "points.csv"), "X[1, 1] is -1.0", "positive")


def test_a_reader_that_leaves_early(model, folder):
    np.savetxt("many.csv", np.ones((200_000, 2)), "%g", ",")
    command = f"{sys.executable} -m precisekit.cli predict m.pkit many.csv | head -1"
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, cwd=folder
    )
    assert (result.stdout, result.stderr, result.returncode) == ("p,T,h\n", "", 0)


# -- info and help ---------------------------------------------------------------------------------


def test_info(run):
    code, out, err = run("info")
    assert (code, err) == (0, "")
    assert pk.__version__ in out
    assert _core.isa() in out
    assert np.__version__ in out
    assert _core.eigen_version in out
    assert "openblas" in out.lower() or "BLAS" in out


def test_info_of_a_model(run, chosen, folder):
    pk.save(chosen, "m.pkit")
    code, out, _ = run("info", "m.pkit")
    assert code == 0
    assert chosen.report_.network in out
    assert f"{chosen.report_.held_out_rmse:.2e}" in out
    assert "x1 from" in out and "x2 from" in out
    refused(run("info", "data.csv"), "data.csv: not a precisekit model")


@pytest.mark.parametrize("command", ["fit", "predict", "info"])
def test_help_has_an_example(run, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"  precisekit {command}" in out.split("example")[1]
    assert max(map(len, out.splitlines())) <= 80


def test_no_command(run):
    refused(run(), "command")
    refused(run("fix"), "fix")
    code, out, _ = run("--version")
    assert (code, out) == (0, f"precisekit {pk.__version__}\n")


@pytest.mark.parametrize("arguments", [["info"], ["fit", "--help"]])
def test_quick_commands_import_little(arguments):
    code = (
        "import sys; from precisekit.cli import main\n"
        f"try: main({arguments})\nexcept SystemExit: pass\n"
        "assert not {'sklearn', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


# -- progress --------------------------------------------------------------------------------------


class Screen:
    """A terminal that remembers what was written."""

    def __init__(self, tty=True):
        self.tty, self.text = tty, ""

    def isatty(self):
        return self.tty

    def write(self, text):
        self.text += text

    def flush(self):
        pass


STATE = SimpleNamespace(
    relative_rmse=1e-6,
    nit=12,
    net=pk.MLP([2, 8, 1]),
    input_map=SimpleNamespace(kind="log"),
)


def test_progress_draws_at_most_ten_times_a_second(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("precisekit.progress.time.perf_counter", lambda: now[0])
    screen = Screen()
    with Progress(1e-12, 60, screen) as progress:
        for i in range(1000):
            now[0] = i / 1000
            assert progress(STATE) is False
        assert 9 <= screen.text.count("\r") <= 10
        assert "[##########----------] 1.0e-06  12 iterations" in screen.text
        assert "of 60 s  2-8-1 log" in screen.text
    assert screen.text.endswith("\r")  # wiped
    assert "\n" not in screen.text


def test_progress_needs_a_terminal():
    screen = Screen(tty=False)
    with Progress(1e-12, 60, screen) as progress:
        progress(STATE)
    assert screen.text == ""


def test_progress_fits_narrow_terminals(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    screen = Screen()
    Progress(1e-12, 60, screen)(STATE)
    assert len(screen.text.strip("\r")) <= 29


@pytest.mark.parametrize(
    ("error", "share"),
    [(1.0, 0), (7.0, 0), (np.inf, 0), (np.nan, 0), (1e-6, 0.5), (1e-12, 1), (1e-15, 1), (0, 1)],
)
def test_share_done(error, share):
    assert share_done(error, 1e-12) == pytest.approx(share)
