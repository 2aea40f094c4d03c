"""Tests of precisekit.fit: reaches easy targets, judges by what it held out, stops when told."""

import inspect

import numpy as np
import pytest
from conftest import smooth

import precisekit as pk
from precisekit.selection import _narrowed


def test_reaches_the_target():
    X = pk.sample_box([1.0, 0.5], [3.0, 2.0], 900, seed=1)
    model = pk.fit(X, smooth(X), target=1e-8, time_limit=60)
    report = model.report_
    assert report.stop_reason == "target reached on the held-out samples"
    assert report.held_out_rmse <= 1e-8
    assert len(model.candidates_) == 1
    fresh = pk.sample_box([1.1, 0.6], [2.9, 1.9], 2000, seed=2)
    assert np.max(np.abs(model.predict(fresh) - smooth(fresh))) < 1e-6


def test_held_out_samples_judge(monkeypatch):
    """The figure is that of the returned parameters on rows that no fit has seen."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (300, 2))
    y = smooth(X) + 1e-3 * rng.standard_normal(300)
    seen = []
    original = pk.MLPRegressor._fit

    def spy(self, X, y, **keywords):
        seen.append((X, keywords["held_out"]))
        return original(self, X, y, **keywords)

    monkeypatch.setattr(pk.MLPRegressor, "_fit", spy)
    model = pk.fit(X, y, target=1e-9, time_limit=60)
    assert len(seen) == len(model.candidates_) > 1
    for X_train, (X_held, _) in seen:
        assert (len(X_train), len(X_held)) == (270, 30)
        together = np.vstack([X_train, X_held])
        assert sorted(map(tuple, together)) == sorted(map(tuple, X))
    X_held, y_held = seen[0][1]
    error = np.sqrt(np.mean((model.predict(X_held) - y_held) ** 2) / np.mean(y_held**2))
    assert model.report_.held_out_rmse == pytest.approx(error, rel=1e-6)
    assert model.report_.held_out_rmse == min(c.held_out_rmse for c in model.candidates_)
    assert 1e-4 < model.report_.held_out_rmse < 3e-3  # the noise: not memorised, not missed


def test_at_most_2000_rows_are_held_out(monkeypatch):
    sizes = []

    def stop(self, X, y, *, held_out, **keywords):
        sizes.append((len(X), len(held_out[0])))
        raise LookupError

    monkeypatch.setattr(pk.MLPRegressor, "_fit", stop)
    for n in (10, 11, 50_000):
        X = np.arange(2.0 * n).reshape(n, 2)
        with pytest.raises(LookupError):
            pk.fit(X, X[:, 0])
    assert sizes == [(9, 1), (9, 2), (48_000, 2000)]


def test_same_seed_same_bits(plane):
    a, b, c = (pk.fit(*plane, target=1e-4, random_state=seed) for seed in (0, 0, 1))
    assert a.theta_.tobytes() == b.theta_.tobytes() != c.theta_.tobytes()


@pytest.mark.parametrize("way", ["True", "StopIteration"])
def test_callback_ends_the_whole_fit(plane, way):
    states = []

    def callback(state):
        states.append(state)
        if len(states) == 5:
            if way == "StopIteration":
                raise StopIteration
            return True
        return False

    model = pk.fit(*plane, target=1e-15, callback=callback)
    assert len(states) == 5
    assert len(model.candidates_) == 1
    assert not model.report_.interrupted
    assert np.isfinite(model.report_.held_out_rmse)
    assert states[0].net.sizes[-1] == 1
    assert states[0].input_map.kind == "linear"


@pytest.mark.parametrize("first_is_better", [True, False])
def test_interruption_of_a_later_network_is_told(plane, monkeypatch, first_is_better):
    original, calls = pk.MLPRegressor._fit, []

    def second_is_interrupted(self, X, y, **keywords):
        original(self, X, y, **{**keywords, "callback": lambda state: state.nit >= 2})
        calls.append(self)
        if len(calls) == 2:
            self.report_.interrupted, self.report_.stop_reason = True, "interrupted"
        self.report_.held_out_rmse = 0.5 if (len(calls) == 1) == first_is_better else 0.7
        return self

    monkeypatch.setattr(pk.MLPRegressor, "_fit", second_is_interrupted)
    model = pk.fit(*plane, target=1e-15)
    assert len(calls) == 2
    assert model is calls[0 if first_is_better else 1]
    assert model.report_.interrupted
    assert model.report_.stop_reason == "interrupted"


def test_lists_and_two_outputs(plane):
    X, y = plane
    model = pk.fit(X.tolist(), np.column_stack([y, 1e6 * y]).tolist(), target=1e-3)
    assert model.predict(X).shape == (400, 2)
    assert model.report_.held_out_rmse <= 1e-3


def test_networks_are_narrowed_for_few_samples():
    assert _narrowed((20, 20), 2, 4000, 4000) == (20, 20)
    width = _narrowed((20, 20), 2, 200, 200)
    assert 2 <= width[0] < 20
    n_params = 3 * width[0] + (width[0] + 1) * width[0] + width[0] + 1
    assert 2 * n_params <= 200
    assert _narrowed((20, 20), 2, 10, 10) == (2, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": 0}, "target must be positive"),
        ({"target": np.nan}, "target must be positive"),
        ({"time_limit": -1}, "time_limit must be positive"),
        ({"X": np.zeros(40)}, r"X must have 2 dimensions, got shape \(40,\)"),
        ({"X": np.zeros((9, 2)), "y": np.zeros(9)}, "X has 9 samples: fit needs 10"),
        ({"y": np.zeros(39)}, "y must have 40 rows as X has, got 39"),
        ({"y": np.ones(40)}, r"y is constant \(1\.0\)"),
        ({"X": np.full((40, 2), np.nan)}, "NaN"),
        ({"y": np.full(40, np.inf)}, r"y\[0\] is inf"),
    ],
)
def test_errors(arguments, message):
    rng = np.random.default_rng(0)
    data = {"X": rng.random((40, 2)), "y": rng.random(40)}
    with pytest.raises(ValueError, match=message):
        pk.fit(**{**data, **arguments})


def test_signature():
    """Everything but the data by keyword: order is no contract."""
    kinds = [p.kind for p in inspect.signature(pk.fit).parameters.values()]
    assert kinds[:2] == [inspect.Parameter.POSITIONAL_OR_KEYWORD] * 2
    assert set(kinds[2:]) == {inspect.Parameter.KEYWORD_ONLY}
