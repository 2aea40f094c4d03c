"""Tests of checkpoints: those of minimize, and those of fits."""

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
from sklearn.base import clone

import precisekit as pk
from precisekit._keeper import Keeper
from precisekit.fit_checkpoint import Checkpoints
from precisekit.optimize import _checkpoint
from precisekit.training import Run
from precisekit.training._posing_search import PosingSearch

METHODS = ("taylor-lm", "bfgs", "ssbroyden", "l-bfgs", "newton", "adam")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.ckpt"


@pytest.fixture
def always_due(monkeypatch):
    """A checkpoint after each iteration."""
    monkeypatch.setattr(Keeper, "due", True)


# -- of minimize -----------------------------------------------------------------------------------


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


@pytest.mark.parametrize("batch_size", [None, 30])
@pytest.mark.parametrize("cut", [20, 33])  # at a record and between two
def test_adam_goes_on_to_the_same_bits(easy, path, batch_size, cut):
    objective, theta0 = easy
    options = dict(lr=0.1, batch_size=batch_size, record_every=10)
    straight = pk.minimize(objective, theta0, "adam", maxiter=60, **options)
    pk.minimize(objective, theta0, "adam", maxiter=cut, checkpoint=path, **options)
    assert _checkpoint.Checkpoint.read(path).nit == cut
    options |= dict(maxiter=60 - cut, checkpoint=path, resume=path)
    resumed = pk.minimize(objective, None, "adam", **options)
    assert resumed.nit == _checkpoint.Checkpoint.read(path).nit == 60
    in_common = np.isin(resumed.history.iteration, straight.history.iteration)
    assert resumed.history.fun[in_common].tolist() == straight.history.fun.tolist()
    if cut == 20:  # else the best may be where only the run that was cut has looked
        assert np.array_equal(resumed.x, straight.x) and resumed.fun == straight.fun
        assert np.array_equal(resumed.jac, straight.jac)


def test_low_curvature_goes_on_to_the_same_bits(easy, path):
    objective, theta0 = easy
    straight = pk.minimize(objective, theta0, "low-curvature", tau=1e-3, maxiter=8)
    pk.minimize(objective, theta0, "low-curvature", tau=1e-3, maxiter=5, checkpoint=path)
    resumed = pk.minimize(objective, None, "low-curvature", tau=1e-3, maxiter=3, resume=path)
    assert straight.nit == resumed.nit == 8
    assert np.array_equal(resumed.x, straight.x) and resumed.fun == straight.fun
    assert resumed.history.fun.tolist() == straight.history.fun.tolist()


@pytest.mark.parametrize("method", ["taylor-lm", "bfgs", "adam"])
def test_the_callback_counts_on(easy, path, method):
    objective, theta0 = easy
    seen = []

    def callback(state):
        seen.append((state.nit, state.seconds))

    pk.minimize(objective, theta0, method, maxiter=4, checkpoint=path, callback=callback)
    pk.minimize(objective, None, method, maxiter=3, resume=path, callback=callback)
    assert [nit for nit, _ in seen] == [0, 1, 2, 3, 4, 4, 5, 6, 7]
    assert np.all(np.diff([seconds for _, seconds in seen]) >= 0)


def test_a_state_of_adam_that_does_not_fit(easy, path):
    objective, theta0 = easy
    pk.minimize(objective, theta0, "adam", maxiter=3, checkpoint=path)
    with np.load(path) as archive:
        arrays = dict(archive)
    for change, message in (({"adam_m": np.zeros(2)}, "m has shape"), ({"adam_v": None}, "v")):
        kept = {name: array for name, array in (arrays | change).items() if array is not None}
        with open(path, "wb") as file:
            np.savez(file, **kept)
        with pytest.raises(ValueError, match=f"not a whole checkpoint: .*{message}"):
            pk.minimize(objective, None, "adam", resume=path)


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


def test_writes_when_due_and_asks_the_callback(easy, path, always_due):
    objective, theta0 = easy
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
        from precisekit._keeper import Keeper
        Keeper.due = True
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
        r"shape of X \(there \(200, 1\), here \(199, 1\)\)": pk.LeastSquares(net, X[1:], y[1:]),
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


def damages(whole, member):
    """A file cut, replaced, with a member of another name, and with one bit changed: of a member,
    and of what the directory says of it: encryption, the method of compression (an unknown one, and
    one that the data are not in), and the place."""
    yield from (whole[: len(whole) // 2], whole[:-1], b"", b"text")
    yield whole.replace(member, b"_" * len(member))
    entry = whole.rindex(member) - 46
    places = [(whole.index(member) + 150, 1), (entry + 8, 64), (entry + 10, 64), (entry + 10, 8)]
    for place, bit in [*places, (entry + 45, 128)]:
        flipped = bytearray(whole)
        flipped[place] ^= bit
        yield bytes(flipped)


def test_damaged_files_are_refused_and_kept(easy, path):
    objective, theta0 = easy
    pk.minimize(objective, theta0, maxiter=3, checkpoint=path)
    whole = path.read_bytes()
    for damaged in damages(whole, b"x.npy"):
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


def test_a_full_disk_later_on_costs_no_run(easy, path, monkeypatch, always_due):
    objective, theta0 = easy

    def callback(state):
        monkeypatch.setattr(_checkpoint, "atomic_write", full)

    def full(_):
        raise OSError("no space left")

    with pytest.warns(RuntimeWarning, match="checkpoint not written: no space left"):
        result = pk.minimize(objective, theta0, maxiter=3, checkpoint=path, callback=callback)
    assert result.nit == 3
    assert _checkpoint.Checkpoint.read(path).nit == 0


def test_due_every_few_seconds_and_seldom_enough(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("precisekit._keeper.time.perf_counter", lambda: now[0])
    cost = [0.0]

    def write():
        now[0] += cost[0]

    keeper = Keeper(write)
    assert keeper.due
    keeper()
    now[0] += 2.9
    assert not keeper.due
    now[0] += 0.2
    assert keeper.due
    cost[0] = 1.0
    keeper()
    now[0] += 49.0  # what takes a second is done once in fifty
    assert not keeper.due
    now[0] += 1.1
    assert keeper.due


# -- of fits ---------------------------------------------------------------------------------------


def network(**parameters):
    return pk.MLPRegressor(**{"hidden_layer_sizes": (8,), "random_state": 0} | parameters)


@pytest.fixture
def no_race(monkeypatch):
    """Fails the test when it is sought how to pose the function."""

    def pose(*_):
        pytest.fail("the race is run")

    def forbid():
        monkeypatch.setattr(PosingSearch, "pose", pose)

    return forbid


def test_a_fit_goes_on(plane, path, no_race):
    """As precise as one that was not cut, without another race, and all of it counted."""
    deep = {"hidden_layer_sizes": (10, 10)}
    straight = network(**deep).fit(*plane).report_
    cut = network(**deep)
    cut._fit(*plane, callback=lambda state: state.nit == 140, checkpoints=Checkpoints(path))
    cut = cut.report_
    assert cut.relative_rmse > 50 * straight.relative_rmse
    no_race()
    report = network(**deep).fit(*plane, checkpoint=path, resume=path).report_
    assert report.relative_rmse < 1.5 * straight.relative_rmse
    assert "rounding floor" in report.stop_reason
    assert 140 < report.n_iter < straight.n_iter + 20
    assert report.history.iteration[-1] == report.n_iter
    assert np.all(np.diff(report.history.seconds) >= 0)
    assert report.seconds > cut.seconds
    assert (report.race, report.input_map) == (straight.race, straight.input_map)
    assert [stage.n_iter for stage in report.stages] == [report.n_iter]


def test_a_checkpoint_is_the_best_model_so_far(plane, path):
    model = network(max_iter=60).fit(*plane, checkpoint=path)
    loaded = pk.load(path)
    assert np.array_equal(loaded.predict(plane[0]), model.predict(plane[0]))
    assert loaded.report_.relative_rmse == model.report_.relative_rmse
    assert loaded.get_params() == model.get_params()
    pk.save(loaded, path)
    with pytest.raises(ValueError, match="a model, but not a checkpoint"):
        network().fit(*plane, resume=path)


@pytest.mark.parametrize("input_map", ["linear", "auto"])
def test_each_checkpoint_is_whole(plane, path, always_due, input_map):
    """In the race, in growth, and in later stages: a model that predicts, and a state."""
    X, y = plane
    errors = []

    def callback(state):
        if path.exists():
            model = pk.load(path)
            residual = model.predict(X) - y
            error = np.sqrt(np.mean(residual**2) / np.mean(y**2))
            assert model.report_.relative_rmse == pytest.approx(error, rel=1e-6)
            assert model.report_.stop_reason == "under way"
            assert model.report_.n_iter == model.report_.history.iteration[-1]
            errors.append(error)

    model = network(max_iter=12, n_stages=2, input_map=input_map)
    model._fit(X, y, callback=callback, checkpoints=Checkpoints(path))
    assert len(errors) > 20
    assert errors[-1] < errors[0]
    assert os.listdir(path.parent) == [path.name]


def test_no_checkpoint_is_worse_than_the_one_before(plane, path, always_due):
    """Of a first network on ever more samples, cut and resumed again and again; nor is its end."""
    X, y = plane
    y = y + 0.1 * np.random.default_rng(0).standard_normal(y.shape)
    errors, resume = [], None

    def callback(state):
        if path.exists():
            errors.append(pk.load(path).report_.relative_rmse)
        return state.nit == cut_at

    for cut_at in range(10, 130, 10):  # noqa: B007 (the callback reads it)
        checkpoints = Checkpoints(path, resume)
        report = network()._fit(X, y, callback=callback, checkpoints=checkpoints).report_
        errors.append(report.relative_rmse)
        resume = path
    assert report.n_iter == cut_at
    assert np.all(np.diff(errors) <= 0)


@pytest.mark.parametrize("solver", ["taylor-lm", "bfgs"])
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_a_boosted_fit_goes_on_in_its_stage(plane, path, solver, stage):
    def fit(model, callback=None, resume=None):
        checkpoints = Checkpoints(path, resume)
        return model._fit(*plane, callback=callback, checkpoints=checkpoints).report_

    def model():
        return network(n_stages=3, max_iter=30, solver=solver, input_map="linear")

    def callback(state):
        return state.nit == 30 * stage - 10

    cut = fit(model(), callback)
    assert cut.n_iter == 30 * stage - 10
    report = fit(model(), resume=path)
    assert [s.n_iter for s in report.stages] == [30 + 20 * (k == stage) for k in (1, 2, 3)]
    assert report.n_iter == 90 + 20
    for before, after in zip(cut.stages[: stage - 1], report.stages):
        assert before == after
    assert report.relative_rmse < cut.relative_rmse
    assert report.history.stage[-1] == 3


def test_restarts_do_not_replace_what_is_better(plane, path, always_due):
    """The model in the file is the best of all starts so far, and a fit goes on in its start."""

    def model():
        return network(n_restarts=2, hidden_layer_sizes=(5,), input_map="linear")

    def callback(state):
        if path.exists():
            report = pk.load(path).report_
            errors.append(report.relative_rmse)
            reasons.add(report.stop_reason)
        if state.nit == cut_at:
            return True

    straight = model().fit(*plane).report_
    assert "the best of 3 starts" in straight.stop_reason
    errors, reasons, cut_at = [], set(), straight.n_iter - 5  # in the last start
    model()._fit(*plane, callback=callback, checkpoints=Checkpoints(path))
    errors = np.array(errors)
    assert reasons == {"under way"}
    assert np.all(np.diff(errors) <= 0)
    cut_at = None
    report = model().fit(*plane, resume=path).report_
    assert report.relative_rmse <= 1.01 * errors[-1]
    assert straight.n_iter - 5 < report.n_iter < straight.n_iter + 40


def test_symmetries_are_kept(path, no_race):
    X = pk.sample_box([1.0, 1.0, 1.0], [2.0, 2.0, 2.0], 800, seed=1)
    y = np.sin(X[:, 0] - X[:, 1]) + X[:, 2] ** 2
    first = network(max_iter=400, time_limit=60)
    seen = []
    first._fit(
        X,
        y,
        callback=lambda state: seen.append(1) or len(seen) == 300,
        checkpoints=Checkpoints(path),
    )
    assert first.report_.structure
    no_race()
    second = network(max_iter=50).fit(X, y, resume=path)
    assert second.report_.structure == first.report_.structure
    assert second.report_.relative_rmse <= first.report_.relative_rmse


class Killed(BaseException):
    """What ends a fit without any chance to tidy up."""


@pytest.mark.parametrize("symmetric", [False, True])
def test_a_fit_killed_in_the_race_goes_on_with_it(plane, path, monkeypatch, symmetric):
    """Again and again: each part does but one short fit, and the end is the same to the last bit.

    With symmetries that are sought in the first short fit and in one of log y.
    """
    X, y = plane
    if symmetric:
        X = np.column_stack([X, X[:, 0] * X[:, 1]])
        y = X[:, 0] ** 2 * np.exp(X[:, 1] / X[:, 0]) * X[:, 2]
    straight = network().fit(X, y)
    short_fits, writings = [], []  # of this part of the fit; writings after the first short fit

    def run_short_fit(self, *arguments, original=PosingSearch._run_short_fit):
        short_fits.append(1)
        return original(self, *arguments)

    def due(_):
        if len(short_fits) > 1:
            if writings:
                raise Killed
            writings.append(1)
        return True

    def fit(self, model, original=Run._fit):  # the race is over
        monkeypatch.setattr(Keeper, "due", True)
        original(self, model)

    monkeypatch.setattr(PosingSearch, "_run_short_fit", run_short_fit)
    monkeypatch.setattr(Keeper, "due", property(due))
    monkeypatch.setattr(Run, "_fit", fit)
    model, resume, parts = network(), None, 1
    while not hasattr(model, "theta_"):
        short_fits.clear()
        writings.clear()
        try:
            model.fit(X, y, checkpoint=path, resume=resume)
        except Killed:
            resume, parts = path, parts + 1
            assert pk.load(path).report_.relative_rmse < 0.2  # that of the first short fit, or less
        assert parts < 30
    assert parts >= 3
    assert model.theta_.tobytes() == straight.theta_.tobytes()
    assert model.report_.n_iter < straight.report_.n_iter + 2 * parts  # of short fits begun
    assert (model.report_.race, model.report_.structure) == (
        straight.report_.race,
        straight.report_.structure,
    )


def test_short_lives_come_to_the_same_end(plane, path, monkeypatch):
    """A fit that is killed every few iterations, in the race and after it, loses none of them."""
    written = []

    def due(_):
        if len(written) == 12:
            raise Killed
        written.append(1)
        return True

    monkeypatch.setattr(Keeper, "due", property(due))
    model, errors = network(hidden_layer_sizes=(10, 10)), []
    while not hasattr(model, "theta_"):
        written.clear()
        try:
            model.fit(*plane, checkpoint=path, resume=path if errors else None)
        except Killed:
            errors.append(pk.load(path).report_.relative_rmse)
        assert len(errors) < 60
    assert len(errors) > 10
    assert all(later < 2 * earlier for earlier, later in zip(errors, errors[1:]))
    monkeypatch.undo()
    straight = network(hidden_layer_sizes=(10, 10)).fit(*plane).report_
    assert model.report_.relative_rmse < 1.5 * straight.relative_rmse
    assert model.report_.n_iter < 1.1 * straight.n_iter
    assert set(model.report_.race) == set(straight.race)


def test_without_a_seed_the_fit_goes_on_with_its_own(plane, path):
    before = network(random_state=None, max_iter=20).fit(*plane, checkpoint=path).report_
    report = network(random_state=None, max_iter=20).fit(*plane, resume=path).report_
    assert report.n_iter > before.n_iter
    assert report.relative_rmse <= before.relative_rmse


def test_other_fits_are_refused(plane, path):
    X, y = plane
    network(max_iter=10).fit(X, y, checkpoint=path)
    before = path.read_bytes()
    moved = X.copy()
    moved[3] += 1e-15
    others = {
        r"differs in: X \(there other numbers, here other numbers\)$": (network(), moved, y),
        r"differs in: y \(": (network(), X, y + 1),
        r"shape of X \(there \(400, 2\), here \(399, 2\)\)": (network(), X[1:], y[1:]),
        r"sample_weight \(there None": (network(), X, y, np.arange(1.0, 401.0)),
        r"in: hidden_layer_sizes \(there \(8,\), here \(9,\)\)$": (
            network(hidden_layer_sizes=(9,)),
            X,
            y,
        ),
        r"in: random_state \(there 0, here 1\)$": (network(random_state=1), X, y),
        r"in: solver \(there 'taylor-lm', here 'bfgs'\)$": (network(solver="bfgs"), X, y),
    }
    for message, (model, *data) in others.items():
        with pytest.raises(ValueError, match=message):
            model.fit(*data, checkpoint=path, resume=path)
    with pytest.raises(ValueError, match=r"made by \(there 'MLPRegressor', here 'precisekit.fit'"):
        pk.fit(X, y, checkpoint=path, resume=path)
    assert path.read_bytes() == before


def test_damaged_checkpoints_of_fits_are_refused_and_kept(plane, path):
    network(max_iter=10).fit(*plane, checkpoint=path)
    whole = path.read_bytes()
    for damaged in damages(whole, b"state_at_work.npy"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"run\.ckpt: "):
            network().fit(*plane, checkpoint=path, resume=path)
        assert path.read_bytes() == damaged
    objective = pk.LeastSquares(pk.MLP([2, 3, 1]), *plane)
    pk.minimize(objective, objective.net.init(0), maxiter=1, checkpoint=path)
    with pytest.raises(ValueError, match="not a precisekit model"):
        network().fit(*plane, resume=path)


def test_places_that_do_not_work(plane, path):
    with pytest.raises(FileNotFoundError):
        network().fit(*plane, resume=path)
    model = network()
    with pytest.raises(OSError):
        model.fit(*plane, checkpoint=path / "no" / "folder")
    assert not hasattr(model, "theta_")


def test_a_full_disk_later_on_costs_no_fit(plane, path, monkeypatch, always_due):
    import precisekit.io

    def callback(state):
        if state.nit == 3:
            monkeypatch.setattr(precisekit.io, "atomic_write", full)

    def full(_):
        raise OSError("no space left")

    model = network(max_iter=10, input_map="linear")
    with pytest.warns(RuntimeWarning, match="checkpoint not written: no space left"):
        model._fit(*plane, callback=callback, checkpoints=Checkpoints(path))
    assert model.report_.n_iter == 10
    assert pk.load(path).report_.n_iter == 2


KILLED = """
import numpy as np, precisekit as pk
from precisekit._keeper import Keeper
Keeper.due = True
rng = np.random.default_rng(0)
X = rng.uniform(1, 2, (600, 2))
model = pk.MLPRegressor(solver="bfgs", random_state=0, max_iter=10**6)
model.fit(X, rng.standard_normal(600), checkpoint=PATH)
"""


def test_a_killed_fit_loses_seconds_only(path):
    process = subprocess.Popen([sys.executable, "-c", KILLED.replace("PATH", repr(str(path)))])
    try:
        deadline = time.monotonic() + 100
        while not path.exists() or not pk.load(path).report_.n_iter > 200:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    saved = pk.load(path)
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 2, (600, 2))
    y = rng.standard_normal(600)
    model = pk.MLPRegressor(solver="bfgs", random_state=0, max_iter=1).fit(X, y, resume=path)
    assert model.report_.n_iter == saved.report_.n_iter + 1
    assert model.report_.seconds > saved.report_.seconds
    assert model.report_.relative_rmse <= saved.report_.relative_rmse * (1 + 1e-9)


def test_checkpoints_are_no_parameters(plane, path):
    """They are of one fit: the clones of a cross-validation must not share a file."""
    model = network(max_iter=5).fit(*plane, checkpoint=path)
    assert "checkpoint" not in model.get_params()
    assert clone(model).get_params() == model.get_params()


# -- of precisekit.fit -----------------------------------------------------------------------------


@pytest.fixture
def noisy():
    """No network reaches a target: all of them are tried."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (300, 2))
    return X, np.sin(X[:, 0]) * np.exp(0.5 * X[:, 1]) + 2 + 1e-3 * rng.standard_normal(300)


@pytest.mark.parametrize("cut_in", [1, 2])
def test_a_search_goes_on(noisy, path, monkeypatch, cut_in):
    """In the network that was at work; those before it are not fitted again."""
    fits = []
    original = pk.MLPRegressor._fit

    def spy(self, *arguments, **keywords):
        fits.append(self)
        return original(self, *arguments, **keywords)

    def callback(state):
        return len(fits) == cut_in and state.nit >= 20

    monkeypatch.setattr(pk.MLPRegressor, "_fit", spy)
    keywords = dict(target=1e-9, time_limit=60, kinds="network", checkpoint=path)
    cut = pk.fit(*noisy, callback=callback, **keywords)
    assert len(fits) == cut_in
    so_far = pk.load(path)
    assert np.array_equal(so_far.predict(noisy[0]), cut.predict(noisy[0]))
    assert so_far.get_params() == cut.get_params()
    model = pk.fit(*noisy, resume=path, **keywords)
    before, after = cut.report_.choice.candidates, model.report_.choice.candidates
    assert len(after) + 1 == len(fits) > cut_in
    assert after[: cut_in - 1] == before[: cut_in - 1]
    assert after[cut_in - 1].held_out_rmse <= before[cut_in - 1].held_out_rmse
    assert after[cut_in - 1].seconds > before[cut_in - 1].seconds
    assert model.report_.held_out_rmse <= cut.report_.held_out_rmse
    assert model.report_.seconds > cut.report_.seconds


def test_a_search_keeps_a_better_spline(plane, path):
    keywords = dict(target=1e-300, time_limit=20)
    model = pk.fit(*plane, checkpoint=path, callback=lambda state: True, **keywords)
    assert isinstance(model, pk.SplineRegressor)
    so_far = pk.load(path)
    assert np.array_equal(so_far.predict(plane[0]), model.predict(plane[0]))
    again = pk.fit(*plane, resume=path, callback=lambda state: state.nit > 60, **keywords)
    assert [c.kind for c in again.report_.choice.candidates][-1] == "network"


def test_other_searches_are_refused(noisy, path):
    X, y = noisy
    stop = dict(callback=lambda state: True, kinds="network")
    pk.fit(X, y, checkpoint=path, **stop)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"in: kinds \(there \('network',\), here \('spline'"):
        pk.fit(X, y, checkpoint=path, resume=path, kinds=("spline", "network"))
    with pytest.raises(ValueError, match=r"in: random_state \(there 0, here 1\)$"):
        pk.fit(X, y, checkpoint=path, resume=path, random_state=1, **stop)
    with pytest.raises(ValueError, match=r"in: y \("):
        pk.fit(X, y * 2, checkpoint=path, resume=path, **stop)
    path.write_bytes(before[:-100])
    with pytest.raises(ValueError, match=r"run\.ckpt: damaged or cut short"):
        pk.fit(X, y, checkpoint=path, resume=path, **stop)
    assert path.read_bytes() == before[:-100]
