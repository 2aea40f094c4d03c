"""Tests of precisekit.fit: chooses what fits the data, judges by what it held out, stops when told.

The choice among networks is tested with ``kinds="network"``.
"""

import inspect
import warnings

import numpy as np
import pandas as pd
import pytest
from conftest import smooth

import precisekit as pk
from precisekit.selection import Candidate, Choice, _narrowed


def grid(*shape):
    """Points of [-1, 1]^d, in some order."""
    axes = [np.linspace(-1, 1, n) for n in shape]
    X = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(shape))
    return np.random.default_rng(0).permutation(X)


def kinked(X):
    return np.abs(X[:, 0] - 0.3 * X[:, 1] ** 2 - 0.1)


def kinds_tried(model):
    return [candidate.kind for candidate in model.report_.choice.candidates]


def error(model, f, X):
    return np.sqrt(np.mean((model.predict(X) - f(X)) ** 2) / np.mean(f(X) ** 2))


# -- what is chosen --------------------------------------------------------------------------------


def test_grid_takes_a_spline_through_all_of_it():
    X = grid(26, 24)
    model = pk.fit(X, smooth(X), target=1e-8, time_limit=60)
    assert isinstance(model, pk.SplineRegressor)
    assert set(kinds_tried(model)) == {"spline"}
    report = model.report_
    assert (report.n_samples, report.stop_reason) == (624, "interpolates the samples")
    assert report.choice.layout == "624 samples on a full grid of 2 inputs, 26 x 24"
    assert report.choice.noise is None
    fresh = pk.sample_box([-1, -1], [1, 1], 1000, seed=1)
    assert error(model, smooth, fresh) <= 2 * report.held_out_rmse <= 2e-8
    assert model.score(fresh, smooth(fresh)) > 1 - 1e-14
    assert model.predict_gradient(fresh).shape == (1000, 2)
    assert np.isfinite(model.predict([[1.01, -1.01]])).all()


def test_grid_falls_back_on_networks(monkeypatch):
    """They are judged at points on the lines that the splines lack, and see all other points."""
    seen = []
    original = pk.MLPRegressor._fit

    def spy(self, X, y, **keywords):
        seen.append((X, keywords["held_out"][0]))
        return original(self, X, y, **keywords)

    monkeypatch.setattr(pk.MLPRegressor, "_fit", spy)
    X = grid(12, 12)

    def steep(X):
        return np.exp(np.sin(3 * X[:, 0] + 3 * X[:, 1]))

    model = pk.fit(X, steep(X), target=1e-4, time_limit=30)
    assert isinstance(model, pk.MLPRegressor)
    assert kinds_tried(model)[:7] == ["spline"] * 7
    trained, held = seen[0]
    assert (len(trained), len(held)) == (129, 15)
    lines = np.linspace(-1, 1, 12)[[3, 8]]
    assert np.isin(held, lines).any(axis=1).all()


def test_kinks_take_straight_pieces():
    X = pk.sample_box([-1, -1], [1, 1], 3000, seed=0)
    model = pk.fit(X, kinked(X), time_limit=60, kinds=("spline", "simplex"))
    assert isinstance(model, pk.SimplexRegressor)
    assert model.report_.n_samples == 3000
    assert model.report_.held_out_rmse == model.report_.choice.candidates[-1].held_out_rmse
    inside = pk.sample_box([-0.95, -0.95], [0.95, 0.95], 1000, seed=1)
    assert error(model, kinked, inside) < 2 * model.report_.held_out_rmse
    X = grid(40, 40)
    model = pk.fit(X, kinked(X), time_limit=60, kinds="spline")
    assert model.degree in (1, 3)


@pytest.mark.parametrize("layout", ["grid", "scattered"])
def test_noise_is_told_and_not_fitted(layout):
    X = grid(30, 30) if layout == "grid" else pk.sample_box([-1, -1], [1, 1], 900, seed=0)
    noise = 1e-2 * np.sqrt(np.mean(smooth(X) ** 2)) * np.random.default_rng(1).standard_normal(900)
    y = smooth(X) + noise
    model = pk.fit(X, y, target=1e-12, time_limit=30)
    choice = model.report_.choice
    assert 0.8e-2 < choice.noise < 1.3e-2
    assert choice.reason.startswith("fewest parameters among the best")
    assert "through the grid" not in choice.candidates[choice.chosen].model
    assert 0.9e-2 < model.report_.relative_rmse < 1.2e-2
    inside = pk.sample_box([-0.9, -0.9], [0.9, 0.9], 1000, seed=1)
    assert error(model, smooth, inside) < 0.5e-2


def test_smooth_data_have_no_noise(plane):
    X, y = plane
    model = pk.fit(X, y, target=1e-15, time_limit=5)
    assert model.report_.choice.noise is None


def test_networks_draw_the_same_random_numbers_after_other_kinds(plane, monkeypatch):
    drawn = []
    original = pk.MLPRegressor._fit

    def spy(self, X, y, **keywords):
        drawn.append((self.random_state, X, keywords["held_out"][0]))
        return original(self, X, y, **keywords)

    monkeypatch.setattr(pk.MLPRegressor, "_fit", spy)
    for kinds in ("network", None):
        pk.fit(*plane, target=1e-16, callback=lambda state: state.nit >= 2, kinds=kinds)
    (seed, X, held), (same_seed, same_X, same_held) = drawn
    assert seed == same_seed
    assert np.array_equal(X, same_X) and np.array_equal(held, same_held)


def test_lines_on_which_y_vanishes():
    """What is left out of a grid is zero there, and tells nothing: an error is one of all of y."""
    X = grid(5, 5)
    y = X[:, 0] * X[:, 1] * (1 + X[:, 0] ** 2)
    model = pk.fit(X, y, target=1e-9, time_limit=2)
    assert np.isfinite([c.held_out_rmse for c in model.report_.choice.candidates]).all()
    assert len(kinds_tried(model)) > 1


@pytest.mark.parametrize("n", [10, 11, 13])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_few_samples(n, d):
    X = pk.sample_box([-1] * d, [1] * d, n, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # fewer samples than parameters
        model = pk.fit(X, X.sum(axis=1) + 0.1 * X[:, 0] ** 2, time_limit=0.5)
    assert np.isfinite(model.report_.held_out_rmse)


def test_data_for_one_kind_only():
    X = np.repeat(pk.sample_box([0, 0, 0], [1, 1, 1], 30, seed=0), 2, axis=0)
    y = X.sum(axis=1) ** 2
    for kinds in ("spline", ["spline", "simplex"]):
        with pytest.raises(ValueError, match="are not for 60 scattered samples of 3 inputs"):
            pk.fit(X, y, kinds=kinds)
    model = pk.fit(X, y, target=1e-2, time_limit=10)
    assert kinds_tried(model) == ["network"]


def test_names_of_a_frame():
    X = pd.DataFrame(grid(9, 9), columns=["p", "T"])
    model = pk.fit(X, X["p"] * X["T"], target=1e-8)
    assert list(model.feature_names_in_) == ["p", "T"]
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X.rename(columns={"p": "q"}))


def test_choice_in_words():
    choice = Choice(
        "900 scattered samples of 2 inputs",
        [
            Candidate("spline", "nearest spline of degree 7, 9 x 9 knots", 2e-3, 0.2, "nothing"),
            Candidate("network", "network 2-16-16-1, input map log", 1e-3, 4.0, "time limit"),
        ],
        chosen=1,
        reason="smallest error on held-out samples; time limit",
        noise=1e-3,
    )
    lines = str(choice).splitlines()
    assert lines[0].split(maxsplit=1) == ["data", "900 scattered samples of 2 inputs"]
    assert lines[1].split(maxsplit=1) == ["noise", "1.0e-03 of the size of y"]
    assert lines[-3].startswith("* network 2-16-16-1") and "1.00e-03" in lines[-3]
    assert lines[-4].startswith("  nearest spline") and "2.00e-03" in lines[-4]
    assert lines[-1] == "* smallest error on held-out samples; time limit"
    assert max(map(len, lines)) <= 80


def test_models_of_all_kinds_survive(plane, tmp_path):
    nodes = grid(9, 9)
    for X, f, kinds in ((nodes, smooth, "spline"), (plane[0], kinked, "simplex")):
        model = pk.fit(X, f(X), target=1e-3, kinds=kinds)
        pk.save(model, tmp_path / "m.pkit")
        loaded = pk.load(tmp_path / "m.pkit")
        assert loaded.report_ == model.report_
        assert str(model.report_.choice) in str(loaded.report_)
        assert loaded.predict(X).tobytes() == model.predict(X).tobytes()


def test_ctrl_c_among_splines(monkeypatch):
    X = grid(9, 9)
    original, calls = pk.SplineRegressor.fit, []

    def interrupted(self, X, y):
        calls.append(self)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(self, X, y)

    monkeypatch.setattr(pk.SplineRegressor, "fit", interrupted)
    model = pk.fit(X, smooth(X))
    assert model.report_.interrupted
    assert model.report_.stop_reason.startswith("interrupted (Ctrl-C)")
    assert len(model.report_.choice.candidates) == 2


# -- networks --------------------------------------------------------------------------------------


def test_reaches_the_target():
    X = pk.sample_box([1.0, 0.5], [3.0, 2.0], 900, seed=1)
    model = pk.fit(X, smooth(X), target=1e-8, time_limit=60, kinds="network")
    report = model.report_
    assert report.stop_reason == "target reached on the held-out samples"
    assert report.held_out_rmse <= 1e-8
    assert len(model.report_.choice.candidates) == 1
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
    model = pk.fit(X, y, target=1e-9, time_limit=60, kinds="network")
    assert len(seen) == len(model.report_.choice.candidates) > 1
    for X_train, (X_held, _) in seen:
        assert (len(X_train), len(X_held)) == (270, 30)
        together = np.vstack([X_train, X_held])
        assert sorted(map(tuple, together)) == sorted(map(tuple, X))
    X_held, y_held = seen[0][1]
    found = np.sqrt(np.mean((model.predict(X_held) - y_held) ** 2) / np.mean(y_held**2))
    assert model.report_.held_out_rmse == pytest.approx(found, rel=1e-6)
    assert model.report_.held_out_rmse == min(
        c.held_out_rmse for c in model.report_.choice.candidates
    )
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
            pk.fit(X, X[:, 0], kinds="network")
    assert sizes == [(9, 1), (9, 2), (48_000, 2000)]


def test_same_seed_same_bits(plane):
    a, b, c = (
        pk.fit(*plane, target=1e-4, random_state=seed, kinds="network") for seed in (0, 0, 1)
    )
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

    model = pk.fit(*plane, target=1e-15, callback=callback, kinds="network")
    assert len(states) == 5
    assert len(model.report_.choice.candidates) == 1
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
    model = pk.fit(*plane, target=1e-15, kinds="network")
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
        ({"kinds": ()}, "kinds must be some of"),
        ({"kinds": "forest"}, "kinds must be some of .* got 'forest'"),
        ({"kinds": 3}, "kinds must be some of .* got 3"),
        ({"target": "low"}, "target must be a number, got 'low'"),
        ({"callback": 3}, "callback must be a function, got 3"),
        ({"y": None}, "y must have 40 rows as X has, got None"),
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
