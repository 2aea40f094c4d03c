"""Tests of MLPRegressor: scikit-learn's own, bad data, units, input maps, stopping, same bits."""

import pickle
import subprocess
import sys
import time
import warnings

import numpy as np
import pandas as pd
import pytest
from conftest import smooth
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

import precisekit as pk
from precisekit import MLPRegressor, _core
from precisekit.input_map import KINDS


def small(**parameters):
    return MLPRegressor(
        **{"hidden_layer_sizes": (3,), "max_iter": 20, "random_state": 0, **parameters}
    )


RACE = {
    "check_sample_weight_equivalence_on_dense_data": "the race between input maps holds out "
    "samples at random, so repeating a sample is not quite giving it more weight"
}


@parametrize_with_checks(
    [small(), small(input_map="linear")],
    expected_failed_checks=lambda model: RACE if model.input_map == "auto" else {},
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_scikit_learn_checks(estimator, check):
    check(estimator)


# -- bad data and parameters -----------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", ["X", "y"])
def test_not_finite(plane, which, value):
    X, y = plane[0].copy(), plane[1].copy()
    {"X": X, "y": y}[which][3] = value
    with pytest.raises(ValueError, match=rf"{which} must not hold NaN or inf, but {which}\[3"):
        small().fit(X, y)


@pytest.mark.parametrize(
    ("rows", "message"), [(0, "0 sample"), (1, "X has 1 sample: a fit needs at least 2")]
)
def test_too_few_samples(plane, rows, message):
    with pytest.raises(ValueError, match=message):
        small().fit(plane[0][:rows], plane[1][:rows])


def test_constant_targets(plane):
    X, y = plane
    with pytest.raises(ValueError, match=r"y is constant \(3\.0\): nothing to fit"):
        small().fit(X, np.full(400, 3.0))
    with pytest.raises(ValueError, match=r"y\[:, 1\] is constant \(0\.0\)"):
        small().fit(X, np.column_stack([y, 0 * y]))


def test_equal_points_with_different_targets_warn(plane):
    X, y = np.vstack([plane[0], plane[0][5]]), np.append(plane[1], 9.0)
    with pytest.warns(UserWarning, match=r"X\[5\] and X\[400\] are equal but their y differ"):
        small().fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small().fit(np.vstack([plane[0], plane[0][5]]), np.append(plane[1], plane[1][5]))


def test_fewer_samples_than_parameters_warn(plane):
    with pytest.warns(UserWarning, match=r"fewer samples \(12\) than parameters \(13\)"):
        small(input_map="linear").fit(plane[0][:12], plane[1][:12])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small(input_map="linear").fit(plane[0][:13], plane[1][:13])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden_layer_sizes": (3, 0)}, r"hidden_layer_sizes\[1\] must be .* got 0"),
        ({"hidden_layer_sizes": (2.5,)}, r"hidden_layer_sizes\[0\]"),
        ({"hidden_layer_sizes": 3}, "hidden_layer_sizes must be a sequence.* got 3"),
        ({"activation": "cosh"}, "activation must be one of .* got 'cosh'"),
        ({"solver": "sgd"}, "solver must be one of 'taylor-lm', .*, got 'sgd'"),
        ({"input_map": "sqrt"}, "input_map must be 'auto' or one of .* got 'sqrt'"),
        ({"n_stages": 0}, "n_stages must be an integer of at least 1, got 0"),
        ({"order": 0}, "order"),
        ({"max_iter": 0}, "max_iter"),
        ({"tol": -1.0}, "tol"),
        ({"time_limit": 0}, "time_limit must be positive"),
        ({"time_limit": np.nan}, "time_limit must be positive"),
        ({"time_limit": "60"}, "time_limit must be a number, got '60'"),
        ({"tol": None}, "tol must be a number, got None"),
        ({"activation": None}, "activation must be a name or a sequence of them, got None"),
    ],
)
def test_bad_parameters(plane, parameters, message):
    with pytest.raises(ValueError, match=message):
        small(**parameters).fit(*plane)


@pytest.mark.parametrize(
    ("weight", "message"),
    [(-1.0, "Negative values"), (0.0, "zero"), (np.nan, "NaN")],
)
def test_bad_weights(plane, weight, message):
    with pytest.raises(ValueError, match=message):
        small().fit(*plane, np.full(400, weight))


@pytest.mark.parametrize("method", ["predict", "predict_gradient"])
def test_not_fitted(method):
    with pytest.raises(NotFittedError):
        getattr(small(), method)([[1.0, 2.0]])


@pytest.mark.parametrize("name", ["X", "y"])
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda a: np.ma.masked_greater(a, 2.9), r"must not have masked entries, but \w\[\d+"),
        (lambda a: np.where(a > 2.9, "?", a.astype(str)), "must be an array of numbers"),
        (lambda a: a.astype("M8[s]"), r"must be an array of numbers, got datetime64\[s\]"),
    ],
)
def test_data_that_are_no_numbers(plane, name, spoil, message):
    """NumPy turns the entries under a mask, and dates, into numbers that nobody meant."""
    data = dict(zip(("X", "y"), plane, strict=True))
    data[name] = spoil(data[name])
    with pytest.raises(ValueError, match=f"{name} {message}"):
        small().fit(**data)


def test_weights_as_large_as_float64_holds(plane):
    largest = small(max_iter=5).fit(*plane, np.full(400, 2.0**1023))
    ones = small(max_iter=5).fit(*plane, np.ones(400))
    assert np.array_equal(largest.theta_, ones.theta_)


def test_wrong_number_of_columns(fitted):
    with pytest.raises(ValueError, match="3 features.* expecting 2 features"):
        fitted.predict(np.ones((4, 3)))


def test_logarithm_of_a_negative_point(fitted):
    with pytest.raises(ValueError, match=r"X\[1, 0\] is -2\.0.*must be positive"):
        fitted.predict([[1.0, 1.0], [-2.0, 1.0]])


# -- forms of data ---------------------------------------------------------------------------------


def test_memory_layout_does_not_matter(plane):
    X, y = plane
    wide = np.zeros((800, 4))
    wide[::2, ::2] = X
    expected = small().fit(X, y).theta_.tobytes()
    for form in (np.asfortranarray(X), wide[::2, ::2], X.tolist(), X.astype(">f8")):
        model = small().fit(form, y)
        assert model.theta_.tobytes() == expected
        assert model.predict(form).tobytes() == model.predict(X).tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_other_types_are_taken_as_float64(dtype, plane):
    X = (10 * plane[0]).astype(dtype)
    X, rows = np.unique(X, axis=0, return_index=True)
    y = plane[1][rows]
    expected = small().fit(X.astype(np.float64), y)
    model = small().fit(X, y)
    assert model.theta_.tobytes() == expected.theta_.tobytes()
    assert model.predict(X).dtype == np.float64


def test_data_are_not_changed(plane):
    X, y = plane[0].copy(), plane[1].copy()
    small(input_map="log").fit(X, y, np.ones(400)).predict(X)
    assert np.array_equal(X, plane[0]) and np.array_equal(y, plane[1])


def test_data_frames(plane):
    X, y = plane
    frame = pd.DataFrame(X, columns=["p", "T"])
    model = small().fit(frame, pd.Series(y))
    assert model.feature_names_in_.tolist() == ["p", "T"]
    assert np.array_equal(model.predict(frame), small().fit(X, y).predict(X))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["T", "p"]])


def test_clone_and_pickle(fitted, plane):
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    assert not hasattr(copy, "theta_")
    again = pickle.loads(pickle.dumps(fitted))
    assert again.predict(plane[0]).tobytes() == fitted.predict(plane[0]).tobytes()
    assert again.report_.relative_rmse == fitted.report_.relative_rmse


# -- what a fit is ---------------------------------------------------------------------------------


def test_report(fitted, plane):
    X, y = plane
    report, residual = fitted.report_, fitted.predict(plane[0]) - plane[1]
    relative = np.linalg.norm(residual) / np.linalg.norm(y)
    assert report.relative_rmse == pytest.approx(relative, rel=1e-6)
    assert report.max_error == np.max(np.abs(residual))
    assert report.rounding_floor < 1e-14
    assert (report.n_params, report.n_samples) == (fitted.theta_.size, 400)
    assert (report.network, report.input_map) == ("4-8-1", "both")
    assert report.n_iter == fitted.n_iter_ <= 30
    assert not report.interrupted
    assert fitted.score(X, y) > 0.999


@pytest.mark.parametrize("input_map", [*KINDS, "auto"])
def test_input_maps_fit_and_predict(plane, input_map):
    X, y = plane
    model = MLPRegressor(
        hidden_layer_sizes=(10,), input_map=input_map, random_state=3, tol=1e-4, time_limit=30
    ).fit(X, y)
    assert model.report_.stop_reason == "relative RMSE reached tol"
    fresh = pk.sample_box([1.1, 0.6], [2.9, 1.9], 500, seed=9)
    assert np.max(np.abs(model.predict(fresh) - smooth(fresh))) < 1e-2
    assert model.input_map_.kind in (KINDS if input_map == "auto" else (input_map,))


def test_the_race_takes_logarithms_where_they_help():
    X = np.exp(np.random.default_rng(0).uniform(-6, 6, (600, 2)))
    y = 1 + np.tanh(np.log(X[:, 0]) - 0.3 * np.log(X[:, 1]))
    model = MLPRegressor(hidden_layer_sizes=(8,), random_state=0, max_iter=200, tol=1e-8).fit(X, y)
    race = model.report_.race
    assert race["log"] < 1e-2 * race["linear"]
    assert model.input_map_.kind == min(race, key=race.get)


@pytest.mark.parametrize("input_map", KINDS)
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_gradient_against_differences(plane, input_map, n_outputs):
    X, y = plane
    targets = y if n_outputs == 1 else np.column_stack([y, 1e3 * X[:, 0] / X[:, 1]])
    model = small(input_map=input_map).fit(X, targets)
    points = pk.sample_box([1.1, 0.6], [2.9, 1.9], 50, seed=4)
    gradient = model.predict_gradient(points)
    assert gradient.shape == ((50, 2) if n_outputs == 1 else (50, 2, 2))
    for k in range(2):
        step = np.zeros(2)
        step[k] = 1e-5
        difference = (model.predict(points + step) - model.predict(points - step)) / 2e-5
        scale = np.max(np.abs(difference), axis=0)
        assert np.all(np.abs(gradient[..., k] - difference) < 1e-8 * scale)


def test_gradient_of_a_known_function(plane):
    X, y = plane
    model = MLPRegressor(
        hidden_layer_sizes=(10, 10), input_map="linear", random_state=0, tol=1e-9, time_limit=30
    ).fit(X, y)
    assert model.report_.relative_rmse <= 1e-8
    points = pk.sample_box([1.2, 0.7], [2.8, 1.8], 100, seed=4)
    growth = np.exp(0.5 * points[:, 1])
    expected = np.column_stack([np.cos(points[:, 0]) * growth, 0.5 * np.sin(points[:, 0]) * growth])
    assert np.max(np.abs(model.predict_gradient(points) - expected)) < 1e-5


def test_two_outputs_of_different_size(plane):
    X, y = plane
    Y = np.column_stack([y, 1e9 * X[:, 0] ** 2])
    model = MLPRegressor(hidden_layer_sizes=(10,), random_state=3, tol=1e-4, time_limit=30)
    prediction = model.fit(X, Y).predict(X)
    assert prediction.shape == (400, 2)
    relative = np.linalg.norm(prediction - Y, axis=0) / np.linalg.norm(Y, axis=0)
    assert np.all(relative < 2e-4)
    one_column = small().fit(X, y[:, None]).predict(X)
    assert one_column.shape == (400, 1)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_units_of_any_size(plane, scale):
    X, y = plane
    expected = small(input_map="linear").fit(X, y)
    model = small(input_map="linear").fit(X, scale * y)
    relative = np.max(np.abs(model.predict(X) / scale - expected.predict(X)))
    assert relative < 0.1 * np.ptp(y)  # other roundings, another path, a fit as good
    assert model.report_.relative_rmse < 0.1


def test_constant_input_column(plane):
    X, y = plane
    model = small(input_map="linear").fit(np.column_stack([X, np.full(400, 5.0)]), y)
    assert model.report_.relative_rmse < 0.1


def test_sample_weights_weigh(plane):
    """Two targets at each point: the weighted mean is what fits best."""
    X, y = plane
    model = MLPRegressor(hidden_layer_sizes=(8,), input_map="linear", random_state=0, max_iter=500)
    with pytest.warns(UserWarning, match="their y differ"):
        model.fit(np.vstack([X, X]), np.append(y, y + 1), np.repeat([3.0, 1.0], 400))
    assert np.max(np.abs(model.predict(X) - (y + 0.25))) < 0.1


def test_samples_without_weight_are_as_good_as_removed(plane):
    X, y = plane
    spoilt_X, spoilt_y = np.vstack([X, [[500.0, 500.0]]]), np.append(y, 1e9)
    weighted = small(input_map="linear").fit(spoilt_X, spoilt_y, np.append(np.ones(400), 0.0))
    plain = small(input_map="linear").fit(X, y)
    assert np.allclose(weighted.predict(X), plain.predict(X), rtol=1e-6)
    assert weighted.input_map_.hi.tolist() == X.max(axis=0).tolist()


# -- how it stops ----------------------------------------------------------------------------------


def test_tol_stops(plane):
    model = small(hidden_layer_sizes=(8,), tol=1e-3, max_iter=500).fit(*plane)
    assert model.report_.stop_reason == "relative RMSE reached tol"
    assert model.report_.relative_rmse <= 1e-3


def test_max_iter_leaves_iterations_to_the_fit(plane):
    """The race between three input maps takes less than half of them."""
    model = small(max_iter=20, hidden_layer_sizes=(8,)).fit(*plane)
    assert len(model.report_.race) == 3
    assert model.n_iter_ <= 20
    restarts = np.flatnonzero(np.diff(model.report_.history.relative_rmse) > 0.3)
    assert restarts[-1] < 12


def test_time_limit():
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 2, (4000, 3))
    began = time.perf_counter()
    model = MLPRegressor(time_limit=1.0, random_state=0).fit(X, rng.standard_normal(4000))
    assert time.perf_counter() - began < 6
    assert model.report_.stop_reason == "time limit"
    assert np.isfinite(model.report_.relative_rmse)


def test_same_seed_same_bits_whatever_the_threads(plane):
    threads = _core.get_num_threads()
    try:
        bits = []
        for n in (1, 2, 1):
            _core.set_num_threads(n)
            bits.append(small().fit(*plane).theta_.tobytes())
    finally:
        _core.set_num_threads(threads)
    assert len(set(bits)) == 1
    assert small(random_state=1).fit(*plane).theta_.tobytes() != bits[0]


INTERRUPTED = """
import os, signal, threading, warnings
import numpy as np
from precisekit import MLPRegressor

rng = np.random.default_rng(0)
X = rng.uniform(1, 2, (3000, 2))
y = X[:, 0] + 0.1 * rng.standard_normal(3000)
model = MLPRegressor(hidden_layer_sizes=(20, 20), random_state=0, time_limit=120)


def callback(state):
    if state.nit == 3:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()


with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model._fit(X, y, callback=callback)
report = model.report_
assert report.interrupted and "interrupted (Ctrl-C)" in report.stop_reason, report
assert any("interrupted" in str(w.message) for w in caught)
assert report.relative_rmse < 0.5 and np.isfinite(model.predict(X)).all()
assert report.seconds < 30, report.seconds
"""


def test_ctrl_c_keeps_the_best_so_far():
    subprocess.run([sys.executable, "-c", INTERRUPTED], check=True, timeout=100)


@pytest.mark.parametrize("stage", [1, 2, 3])
@pytest.mark.parametrize("input_map", ["auto", "linear"])
def test_ctrl_c_between_two_stages(plane, monkeypatch, stage, input_map):
    """Python sees it outside of minimize(), after that many calls of it."""
    import precisekit.training._run as training

    calls = []

    def minimize(*arguments, **keywords):
        if len(calls) == stage:
            raise KeyboardInterrupt
        calls.append(1)
        return pk.minimize(*arguments, **keywords)

    monkeypatch.setattr(training, "minimize", minimize)
    model = small(hidden_layer_sizes=(8,), input_map=input_map, max_iter=50)
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(*plane)
    assert model.report_.interrupted
    assert "interrupted (Ctrl-C)" in model.report_.stop_reason
    assert model.report_.relative_rmse < 0.5
    assert len(model.report_.history.seconds) > 0


def test_ctrl_c_before_there_is_anything(plane, monkeypatch):
    def minimize(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("precisekit.training._run.minimize", minimize)
    with pytest.raises(KeyboardInterrupt):
        small().fit(*plane)


class TestRestarts:
    X = pk.sample_box([-1], [1], 300, seed=0)
    y = np.abs(X[:, 0]) ** 1.5

    @staticmethod
    def model(**parameters):
        defaults = dict(hidden_layer_sizes=(4,), solver="bfgs", max_iter=60, random_state=0)
        return pk.MLPRegressor(**(defaults | parameters))

    def test_the_best_start_is_kept(self):
        once = self.model().fit(self.X, self.y).report_
        report = self.model(n_restarts=3).fit(self.X, self.y).report_
        error = report.history.relative_rmse
        begins = np.flatnonzero(np.diff(report.history.iteration) == 0) + 1
        assert len(begins) == 3 and report.n_iter == 4 * 60
        ends = [part[-1] for part in np.split(error, begins)]
        assert ends[0] == once.relative_rmse
        assert report.relative_rmse == pytest.approx(min(ends), rel=1e-12)
        assert len(set(ends)) == 4
        assert report.stop_reason == "maxiter reached" or report.stop_reason.startswith("the best")

    def test_none_after_the_goal(self):
        smooth = np.exp(self.X[:, 0])
        model = self.model(
            hidden_layer_sizes=(10, 10), solver="taylor-lm", max_iter=1000, n_restarts=3
        ).fit(self.X, smooth)
        assert model.report_.stop_reason == "at the rounding floor"
        assert self.model(tol=0.5, n_restarts=3).fit(self.X, self.y).report_.n_iter < 60

    def test_time_is_shared(self):
        model = self.model(solver="taylor-lm", n_restarts=10**6, max_iter=1000, time_limit=0.5)
        report = model.fit(self.X, self.y).report_
        assert 0.4 < report.seconds < 5

    def test_a_checkpoint_counts_them(self, tmp_path):
        path = tmp_path / "fit.pkit"
        model = self.model(n_restarts=2).fit(self.X, self.y, checkpoint=path)
        again = self.model(n_restarts=2).fit(self.X, self.y, resume=path)
        assert again.report_.relative_rmse <= model.report_.relative_rmse * (1 + 1e-12)
        assert again.report_.n_iter <= model.report_.n_iter + 60  # the last start goes on

    def test_a_count_is_wanted(self):
        with pytest.raises(ValueError, match="n_restarts must be an integer of at least 0, got -1"):
            self.model(n_restarts=-1).fit(self.X, self.y)
