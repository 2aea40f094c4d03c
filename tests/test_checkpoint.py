"""Tests of minimize's checkpoints."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der

import precisekit as pk
from precisekit.optimize import _checkpoint

METHODS = ("taylor-lm", "bfgs", "ssbroyden", "l-bfgs", "newton", "adam")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.ckpt"


@pytest.mark.parametrize("method", METHODS)
def test_a_run_goes_on(easy, path, method):
    objective, theta0 = easy
    first = pk.minimize(objective, theta0, method, maxiter=5, checkpoint=path)
    second = pk.minimize(objective, None, method, maxiter=5, checkpoint=path, resume=path)
    assert second.history.fun[5] == pytest.approx(first.fun, rel=1e-12)
    assert second.fun < first.fun
    assert second.nit == 10
    assert second.history.iteration.tolist() == list(range(11))
    assert np.all(np.diff(second.history.seconds) >= 0)
    third = pk.minimize(objective, theta0 * 0, method, maxiter=0, resume=path)  # theta0: not used
    assert np.array_equal(third.x, second.x)
    assert third.nit == 10


def test_taylor_lm_goes_on_as_if_it_had_not_stopped(easy, path):
    objective, theta0 = easy
    pk.minimize(objective, theta0, maxiter=6, checkpoint=path)
    resumed = pk.minimize(objective, None, maxiter=6, resume=path)
    straight = pk.minimize(objective, theta0, maxiter=12)
    # but for the power iteration, which starts anew, and so for the last digits
    np.testing.assert_allclose(resumed.history.damping, straight.history.damping, rtol=1e-3)
    assert resumed.relative_rmse == pytest.approx(straight.relative_rmse, rel=1e-3)
    other = pk.minimize(objective, None, maxiter=0, resume=path, damping=0.5)
    assert other.damping == 0.5


def test_a_function(path):
    start = np.array([-1.2, 1.0])
    first = pk.minimize(rosen, start, "bfgs", jac=rosen_der, maxiter=5, checkpoint=path)
    result = pk.minimize(rosen, None, "bfgs", jac=rosen_der, resume=path)
    np.testing.assert_allclose(result.x, 1, rtol=1e-4)
    assert result.nit > first.nit == 5
    with pytest.raises(ValueError, match=r"number of parameters \(there 2, here 3\)"):
        pk.minimize(rosen, np.ones(3), "bfgs", jac=rosen_der, resume=path)


def test_writes_at_intervals_and_asks_the_callback(easy, path, monkeypatch):
    objective, theta0 = easy
    monkeypatch.setattr(_checkpoint, "_EVERY", 0.0)
    written = []

    def callback(state):
        written.append(_checkpoint.Checkpoint.read(path).nit)
        return state.nit == 4

    result = pk.minimize(objective, theta0, checkpoint=path, callback=callback)
    assert written == [0, 1, 2, 3, 4]
    assert result.status == 5
    assert os.listdir(path.parent) == [path.name]


def test_a_killed_process_loses_seconds_only(path):
    code = f"""
        import numpy as np, precisekit as pk
        from precisekit.optimize import _checkpoint
        _checkpoint._EVERY = 0.0
        X = np.linspace(-1, 1, 300)[:, None]
        net = pk.MLP([1, 10, 10, 1])
        y = np.random.default_rng(0).standard_normal(300)
        pk.minimize(pk.LeastSquares(net, X, y), net.init(0), "bfgs", maxiter=10**9,
                    checkpoint={str(path)!r})
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
    try:
        deadline = time.monotonic() + 60
        while not path.exists() or _checkpoint.Checkpoint.read(path).nit < 20:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    saved = _checkpoint.Checkpoint.read(path)
    X = np.linspace(-1, 1, 300)[:, None]
    net = pk.MLP([1, 10, 10, 1])
    objective = pk.LeastSquares(net, X, np.random.default_rng(0).standard_normal(300))
    assert objective.fun(saved.x) == pytest.approx(saved.history.fun.min(), rel=1e-12)
    assert pk.minimize(objective, None, "bfgs", maxiter=1, resume=path).nit == saved.nit + 1


def test_other_runs_are_refused(easy, path):
    objective, theta0 = easy
    net, X, y, _ = objective._arguments
    pk.minimize(objective, theta0, maxiter=1, checkpoint=path)
    before = path.read_bytes()
    wide, sine = pk.MLP([1, 9, 1]), pk.MLP([1, 8, 1], activation="sin")
    moved, heavier = X.copy(), np.ones(len(X))
    moved[3] += 1e-15
    others = {
        r"network \(there .MLP\(\[1, 8, 1\].*here .MLP\(\[1, 9, 1\]": pk.LeastSquares(wide, X, y),
        r"network \(there.*tanh.*here.*sin": pk.LeastSquares(sine, X, y),
        r"shape of X \(there \[200, 1\], here \[199, 1\]\)": pk.LeastSquares(net, X[1:], y[1:]),
        r"differs in: X \(there other numbers": pk.LeastSquares(net, moved, y),
        r"differs in: y \(": pk.LeastSquares(net, X, y + 1),
        r"differs in: sample_weight \(there None": pk.LeastSquares(net, X, y, heavier),
    }
    for message, other in others.items():
        with pytest.raises(ValueError, match=message):
            pk.minimize(other, None, checkpoint=path, resume=path)
    with pytest.raises(ValueError, match=r"method \(there 'taylor-lm', here 'bfgs'\)"):
        pk.minimize(objective, None, "bfgs", checkpoint=path, resume=path)
    assert path.read_bytes() == before


def test_damaged_files_are_refused_and_kept(easy, path):
    objective, theta0 = easy
    pk.minimize(objective, theta0, maxiter=3, checkpoint=path)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[whole.index(b"x.npy") + 150] ^= 1
    for damaged in (whole[: len(whole) // 2], whole[:-1], b"", b"text", bytes(flipped)):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"run\.ckpt is not a"):
            pk.minimize(objective, None, checkpoint=path, resume=path)
        assert path.read_bytes() == damaged
    header = {"format": _checkpoint.FORMAT, "format_version": 99}
    with path.open("wb") as file:
        np.savez(file, header=np.array(json.dumps(header)))
    with pytest.raises(ValueError, match="format version 99 is newer"):
        pk.minimize(objective, None, resume=path)
    np.save(path.with_suffix(".npy"), np.ones(3))
    with pytest.raises(ValueError, match="is not a"):
        pk.minimize(objective, None, resume=path.with_suffix(".npy"))


def test_paths_that_do_not_work(easy, path):
    objective, theta0 = easy
    with pytest.raises(FileNotFoundError):
        pk.minimize(objective, None, resume=path)
    seen = []
    with pytest.raises(OSError):
        pk.minimize(objective, theta0, checkpoint=path / "no" / "folder", callback=seen.append)
    assert not seen


def test_a_full_disk_later_on_costs_no_run(easy, path, monkeypatch):
    objective, theta0 = easy
    monkeypatch.setattr(_checkpoint, "_EVERY", 0.0)

    def callback(state):
        monkeypatch.setattr(_checkpoint, "atomic_write", full)

    def full(_):
        raise OSError("no space left")

    with pytest.warns(RuntimeWarning, match="checkpoint not written: no space left"):
        result = pk.minimize(objective, theta0, maxiter=3, checkpoint=path, callback=callback)
    assert result.nit == 3
    assert _checkpoint.Checkpoint.read(path).nit == 0
