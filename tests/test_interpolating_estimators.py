"""SimplexRegressor and SplineRegressor, their model files, and the command with them."""

import json
import pickle
import zipfile

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import precisekit as pk
from precisekit.cli import main
from precisekit.interpolating_estimators import (
    InterpolationReport,
    SimplexRegressor,
    SplineRegressor,
    rectilinear_grid,
    without_some_lines,
)
from precisekit.io import input_names, target_name
from precisekit.report import split_report


def function(X):
    return np.exp(X[:, 0]) * np.sin(2 * X[:, 1])


def slopes(X):
    return np.stack([function(X), 2 * np.exp(X[:, 0]) * np.cos(2 * X[:, 1])], axis=1)


def scattered(n, seed=0, lo=(0.0, 1.0), hi=(1.0, 3.0)):
    return np.random.default_rng(seed).uniform(lo, hi, (n, len(lo)))


def shuffled_grid(*axes, seed=0):
    X = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    return np.random.default_rng(seed).permutation(X)


PLANE_AXES = np.linspace(0, 1, 24), np.geomspace(1, 3, 36)


@pytest.fixture(scope="module")
def on_grid():
    X = shuffled_grid(*PLANE_AXES)
    return SplineRegressor().fit(X, function(X)), X


@pytest.fixture(scope="module")
def on_mesh():
    X = scattered(3000)
    return SimplexRegressor().fit(X, function(X)), X


# -- scikit-learn's contract -----------------------------------------------------------------------

# Its checks draw from 2 to 10 random inputs: of more than two a spline says that it cannot, and a
# mesh takes minutes; so all but two are left out here, which is no use where all of them inform.


class OfTwoInputs:
    def _interpolate(self, X, y):
        f, made = super()._interpolate(X[:, :2], y)
        return TwoColumns(f), made


class SplineOfTwoInputs(OfTwoInputs, SplineRegressor):
    pass


class MeshOfTwoInputs(OfTwoInputs, SimplexRegressor):
    pass


class TwoColumns:
    def __init__(self, f):
        self.f = f

    def __call__(self, X):
        return self.f(X[:, :2])


UNINFORMED = {"check_regressors_train": "two of ten inputs do not explain half of the targets"}
REPEATED = {
    "check_positive_only_tag_during_fit": "repeated samples are refused",
    "check_estimators_dtypes": "repeated samples are refused",
}


@parametrize_with_checks(
    [SplineOfTwoInputs(), MeshOfTwoInputs()],
    expected_failed_checks=lambda model: (
        UNINFORMED if isinstance(model, SplineRegressor) else REPEATED
    ),
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


# -- simplices -------------------------------------------------------------------------------------


def test_simplex_is_exact_at_the_samples_and_close_between(on_mesh):
    model, X = on_mesh
    assert np.array_equal(model.predict(X), function(X))
    X_test = scattered(500, seed=1, lo=(0.05, 1.1), hi=(0.95, 2.9))
    assert np.abs(model.predict(X_test) - function(X_test)).max() < 0.02
    assert np.abs(model.predict_gradient(X_test) - slopes(X_test)).max() < 0.6
    assert model.score(X_test, function(X_test)) > 0.99999
    report = model.report_
    assert isinstance(report, InterpolationReport)
    assert (report.relative_rmse, report.max_error, report.n_samples) == (0.0, 0.0, 3000)
    assert report.model == "simplex mesh of 3,000 points in 2 dimensions"


def test_simplex_outside():
    X = scattered(100)
    outside = [[2.0, 5.0]]
    assert np.isnan(SimplexRegressor().fit(X, function(X)).predict(outside)).all()
    assert SimplexRegressor(fill_value=-1.0).fit(X, function(X)).predict(outside) == [-1.0]
    assert np.isfinite(SimplexRegressor(extrapolate=True).fit(X, function(X)).predict(outside))


def test_simplex_with_several_outputs_and_dimensions():
    X = scattered(200, lo=(0, 0, 0), hi=(1, 1, 1))
    y = np.stack([X.sum(axis=1), X[:, 0]], axis=1)
    model = SimplexRegressor().fit(X, y)
    X_test = scattered(20, seed=1, lo=(0.4,) * 3, hi=(0.6,) * 3)
    assert np.allclose(model.predict(X_test), np.stack([X_test.sum(axis=1), X_test[:, 0]], axis=1))
    assert np.allclose(model.predict_gradient(X_test), [[1, 1, 1], [1, 0, 0]])
    line = SimplexRegressor().fit([[0.0], [2.0], [1.0]], [0.0, 4.0, 1.0])
    assert line.predict([[1.5]]) == [2.5]


# -- splines ---------------------------------------------------------------------------------------


def test_spline_through_a_grid_in_any_order(on_grid):
    model, X = on_grid
    assert model.report_.model == "spline of degree 7 x 7 through 24 x 36 points"
    assert model.report_.relative_rmse <= 4e-16
    X_test = scattered(1000)
    error = np.abs(model.predict(X_test) - function(X_test)).max()
    assert error <= 1e-7
    assert np.sqrt(np.mean((model.predict(X_test) - function(X_test)) ** 2)) <= (
        3 * model.report_.held_out_rmse
    )
    assert model.report_.held_out_rmse <= 1e-5
    assert np.abs(model.predict_gradient(X_test) - slopes(X_test)).max() <= 1e-5
    assert np.isnan(model.predict([[1.5, 2.0]])).all()


def test_spline_on_few_lines_takes_a_lower_degree():
    X = shuffled_grid(np.linspace(0, 1, 9), np.array([1.0, 2.0]), np.array([0.0, 1.0, 3.0]))
    y = X[:, 0] ** 5 + X[:, 1] + X[:, 2] ** 2
    model = SplineRegressor().fit(X, y)
    assert model.interpolator_.degree == (7, 1, 2)
    X_test = scattered(50, lo=(0, 1, 0), hi=(1, 2, 3))
    truth = X_test[:, 0] ** 5 + X_test[:, 1] + X_test[:, 2] ** 2
    assert np.allclose(model.predict(X_test), truth, rtol=1e-12)
    assert model.report_.held_out_rmse <= 1e-13  # at the one line that can be left out


def test_lines_that_are_left_out():
    """Each that has three others on both sides once, with its mirror image, one in eight."""
    for n in range(2, 60):
        out = []
        for shift in range(8):
            (kept,), left_out = without_some_lines([n], shift)
            out.append(np.setdiff1d(np.arange(n), kept))
            assert np.array_equal(np.flatnonzero(left_out), out[-1])
            assert np.array_equal(out[-1], n - 1 - out[-1][::-1])
            assert len(out[-1]) <= n / 8 + 2
        first = min(3, (n - 1) // 2)
        wanted = set(range(first, n - first)) if n > 4 else set()
        if n % 2 == 0 and n > 16:
            wanted -= {n // 2 - 1, n // 2}
        assert sorted(np.concatenate(out)) == sorted(wanted)
    kept, left_out = without_some_lines([9, 2])
    assert list(kept[1]) == [0, 1]
    assert np.array_equal(np.argwhere(left_out), [[3, 0], [3, 1], [5, 0], [5, 1]])


def test_even_functions_do_not_give_themselves_away():
    x, between = np.linspace(-1, 1, 8), np.linspace(-1, 1, 1000)
    model = SplineRegressor().fit(x[:, None], 1 / (1 + 4 * x**2))
    error = model.predict(between[:, None]) - 1 / (1 + 4 * between**2)
    assert model.report_.held_out_rmse > np.sqrt(np.mean(error**2))


@pytest.mark.parametrize("degree", [1, 3, 5, 7, 9])
def test_held_out_error_of_a_grid_is_that_of_the_spline(degree):
    """Up to the few times that the gaps cost; never optimistic by much."""
    for f in (lambda x: np.sin(3 * x + 0.4), lambda x: np.exp(2 * x), lambda x: np.sin(8 * x)):
        for n in (12, 24, 40):
            x, between = np.linspace(-1, 1, n), np.linspace(-1, 1, 2000)
            model = SplineRegressor(degree=degree).fit(x[:, None], f(x))
            error = model.predict(between[:, None]) - f(between)
            error = np.sqrt(np.mean(error**2) / np.mean(f(between) ** 2))
            assert error < 1e-14 or 0.5 < model.report_.held_out_rmse / error < 40


def test_spline_of_several_outputs(on_grid):
    model, X = on_grid
    both = SplineRegressor().fit(X, np.stack([function(X), X[:, 0]], axis=1))
    X_test = scattered(50)
    assert both.predict(X_test).shape == (50, 2)
    assert both.predict_gradient(X_test).shape == (50, 2, 2)
    assert np.allclose(both.predict(X_test)[:, 0], model.predict(X_test), rtol=1e-14)


def test_spline_nearest_to_scattered_samples():
    X, X_test = scattered(1000), scattered(500, seed=1, lo=(0.1, 1.1), hi=(0.9, 2.9))
    model = SplineRegressor(random_state=0).fit(X, function(X))
    assert model.report_.stop_reason == "least squares"
    assert model.report_.held_out_rmse <= 1e-6
    assert np.abs(model.predict(X_test) - function(X_test)).max() <= 1e-6
    same = SplineRegressor(random_state=0).fit(X, function(X))
    assert np.array_equal(same.predict(X_test), model.predict(X_test))
    fixed = SplineRegressor(n_knots=4, degree=3).fit(X, function(X))
    assert fixed.report_.model == "spline of degree 3 x 3 with 4 x 4 knots"
    assert fixed.report_.n_params == 36
    assert fixed.report_.held_out_rmse is None


def test_spline_of_noisy_samples_does_not_follow_the_noise():
    x = np.random.default_rng(0).uniform(0, 10, (400, 1))
    noise = 0.1 * np.random.default_rng(1).standard_normal(400)
    model = SplineRegressor(random_state=0).fit(x, np.sin(x[:, 0]) + noise)
    inside = np.linspace(0.5, 9.5, 100)[:, None]
    assert np.sqrt(np.mean((model.predict(inside) - np.sin(inside[:, 0])) ** 2)) <= 0.05


def test_noisy_grid_is_smoothed_when_asked():
    X = shuffled_grid(np.linspace(0, 1, 30), np.linspace(1, 3, 30))
    noise = 0.05 * np.random.default_rng(1).standard_normal(900)
    smoothing = SplineRegressor(n_knots="auto", random_state=0).fit(X, function(X) + noise)
    through = SplineRegressor().fit(X, function(X) + noise)
    assert smoothing.report_.stop_reason == "least squares"
    assert through.report_.stop_reason == "interpolates the samples"
    assert smoothing.report_.held_out_rmse < through.report_.held_out_rmse
    inside = scattered(500, seed=1, lo=(0.1, 1.1), hi=(0.9, 2.9))
    assert np.sqrt(np.mean((smoothing.predict(inside) - function(inside)) ** 2)) <= 0.025


def test_number_of_knots_within_a_time_limit():
    X = scattered(3000)
    quick = SplineRegressor(random_state=0, time_limit=1e-3).fit(X, function(X))
    slow = SplineRegressor(random_state=0).fit(X, function(X))
    assert quick.report_.n_params < slow.report_.n_params
    assert quick.report_.held_out_rmse > slow.report_.held_out_rmse


def test_what_is_a_grid():
    axes = np.array([0.0, 1.0, 5.0]), np.array([-1.0, 2.0])
    X = shuffled_grid(*axes)
    found, order = rectilinear_grid(X)
    assert all(np.array_equal(a, b) for a, b in zip(found, axes, strict=True))
    assert np.array_equal(X[order], np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2))
    assert rectilinear_grid(X[:-1]) is None
    assert rectilinear_grid(np.vstack([X[:-1], X[0]])) is None
    assert rectilinear_grid(scattered(6)) is None
    assert rectilinear_grid(np.cos(np.linspace(0, np.pi, 50))[:, None]) is not None
    assert rectilinear_grid(np.array([[0.0], [1.0], [1.01], [2.0]])) is None


# -- bad data and parameters -----------------------------------------------------------------------


@pytest.mark.parametrize("model", [SimplexRegressor(), SplineRegressor()])
def test_bad_samples(model):
    X = scattered(40)
    for value in (np.nan, np.inf):
        for which in ("X", "y"):
            data = {"X": X.copy(), "y": function(X)}
            data[which][7] = value
            with pytest.raises(ValueError, match=rf"{which}\[7.*\] is {value}"):
                model.fit(**data)
    with pytest.raises(ValueError, match="X has 1 sample"):
        model.fit(X[:1], [1.0])
    model.fit(X, function(X))
    with pytest.raises(ValueError, match="3 features"):
        model.predict(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"X\[1, 0\] is nan"):
        model.predict([[0.5, 1.5], [np.nan, 1.5]])


def test_bad_samples_for_a_mesh():
    with pytest.raises(ValueError, match="points"):
        SimplexRegressor().fit([[0, 0], [1, 1], [2, 2], [3, 3]], [0, 1, 2, 3])
    with pytest.raises(ValueError, match="points"):
        SimplexRegressor().fit([[0, 0], [1, 0], [0, 1], [1, 0]], [0, 1, 2, 3])


def test_bad_samples_for_a_spline():
    X = scattered(60, lo=(0, 0, 0), hi=(1, 1, 1))
    with pytest.raises(ValueError, match="not a rectilinear grid .*60 x 60 x 60.*SimplexRegressor"):
        SplineRegressor().fit(X, X[:, 0])
    flat = scattered(60)
    flat[:, 1] = 2.5
    with pytest.raises(ValueError, match=r"X\[:, 1\] is constant \(2\.5\)"):
        SplineRegressor().fit(flat, flat[:, 0])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"degree": 0}, "degree"),
        ({"degree": 10}, "degree must be at most 9"),
        ({"degree": 2.5}, "degree must be an integer"),
        ({"boundary": "open"}, "boundary must be one of"),
        ({"n_knots": 1}, "n_knots must be an integer of at least 2"),
        ({"n_knots": "many"}, "n_knots must be an integer or 'auto', got 'many'"),
        ({"time_limit": 0}, "time_limit must be positive, got 0"),
        ({"time_limit": "1"}, "time_limit must be a number, got '1'"),
    ],
)
def test_bad_parameters_of_a_spline(parameters, message):
    X = shuffled_grid(*PLANE_AXES)
    with pytest.raises(ValueError, match=message):
        SplineRegressor(**parameters).fit(X, function(X))
    with pytest.raises(ValueError, match=message):
        SplineRegressor(**parameters).fit(X[:-1], function(X[:-1]))
    with pytest.raises(ValueError, match=message):
        SplineRegressor(**parameters).fit(X[:20:2], function(X[:20:2]))  # which bear a low degree


def test_bad_parameters_of_a_mesh():
    X = scattered(40)
    with pytest.raises(ValueError, match="method must be one of"):
        SimplexRegressor(method="nearest").fit(X, function(X))
    with pytest.raises(ValueError, match="fill_value"):
        SimplexRegressor(fill_value="no").fit(X, function(X))
    for value in ([1.0, 2.0], [1.0], None):
        with pytest.raises(ValueError, match="fill_value must be a real number"):
            SimplexRegressor(fill_value=value, method="mesh").fit(X, function(X))


# -- model files -----------------------------------------------------------------------------------


def models():
    grid, X = shuffled_grid(*PLANE_AXES), scattered(300)
    yield SplineRegressor().fit(grid, function(grid)), scattered(50)
    yield SplineRegressor(extrapolate=True, degree=4).fit(X, np.stack([X[:, 0]] * 2, 1)), X + 0.5
    yield SimplexRegressor(rescale=True).fit(X, function(X)), scattered(50)
    yield SimplexRegressor(extrapolate=True).fit(X, np.stack([X[:, 0]] * 2, 1)), X + 0.5


@pytest.mark.parametrize("which", range(4))
def test_models_survive_bit_for_bit(which, tmp_path):
    model, X = list(models())[which]
    model.input_names_, model.target_name_ = ["p", "T"], "h"
    pk.save(model, tmp_path / "m.pkit")
    loaded = pk.load(tmp_path / "m.pkit")
    assert type(loaded) is type(model)
    assert loaded.predict(X).tobytes() == model.predict(X).tobytes()
    assert loaded.predict_gradient(X).tobytes() == model.predict_gradient(X).tobytes()
    assert str(loaded.get_params()) == str(model.get_params())  # NaN is not equal to itself
    assert loaded.report_ == model.report_
    assert (input_names(loaded), target_name(loaded)) == (["p", "T"], "h")
    assert pickle.loads(pickle.dumps(loaded)).predict(X).tobytes() == model.predict(X).tobytes()


def test_names_of_a_frame_survive(tmp_path):
    X = pd.DataFrame(scattered(50), columns=["p", "T"])
    pk.save(SimplexRegressor().fit(X, X["p"]), tmp_path / "m.pkit")
    loaded = pk.load(tmp_path / "m.pkit")
    assert input_names(loaded) == ["p", "T"]
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(X.rename(columns={"p": "q"}))


def replaced(path, header=None, **arrays):
    """The file with parts of its header and arrays replaced, in place (None: left out)."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    contents["header.json"] = json.dumps({**json.loads(contents["header.json"]), **(header or {})})
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in contents.items():
            stem = name.removesuffix(".npy")
            if stem not in arrays:
                archive.writestr(name, data)
            elif arrays[stem] is not None:
                with archive.open(name, "w") as member:
                    np.save(member, arrays[stem])
    return path


@pytest.mark.parametrize("which", [0, 2])
def test_damaged_files_are_refused(which, tmp_path):
    model, _ = list(models())[which]
    path = tmp_path / "m.pkit"
    spline = which == 0
    body = "coefficients" if spline else "values"
    damage = [
        {body: None},
        {body: np.full((3, 3), np.nan)},
        {body: np.ones(3, dtype=np.int64)},
        {"lo": np.ones(5)},
        {"header": {"report": {"unknown": 1}}},
        {"header": {"class": "Other"}},
        {"header": {"input_names": ["a"]}},
    ]
    if spline:
        damage += [
            {"knots_0": np.array([1.0, 0.0])},
            {"header": {"value_shape": [7]}},
            {"header": {"axes": [[7, 0.0, 1.0, False]]}},
        ]
    for change in damage:
        pk.save(model, path)
        with pytest.raises(ValueError, match=r"m\.pkit: "):
            pk.load(replaced(path, **change))


# -- reports and the command -----------------------------------------------------------------------


def test_report_of_a_split(on_grid):
    model, X = on_grid
    X_test = scattered(100)
    text = str(split_report(model, X, function(X), X_test, function(X_test)))
    assert "model           spline of degree 7 x 7 through 24 x 36 points" in text
    assert "network" not in text
    assert "iterations" not in text


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*argv):
        try:
            code = main([str(arg) for arg in argv])
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    return call


def table(name, X):
    data = np.column_stack([X, function(X)])
    np.savetxt(name, data, "%.17g", ",", header="p,T,h", comments="")


def test_command_with_a_spline_on_a_grid(run, on_grid):
    _, X = on_grid
    table("grid.csv", X)
    code, out, _ = run(
        *("fit", "grid.csv", "--target", "h", "--output", "m.pkit", "--method", "spline"),
        *("--plot", "m.png"),
    )
    assert code == 0
    assert "through 22 x 32 points" in out  # without every eighth line
    assert "saved: spline of degree 7 x 7 through 24 x 36 points" in out
    model = pk.load("m.pkit")
    assert model.report_.n_samples == 24 * 36
    assert np.abs(model.predict(X) - function(X)).max() <= 1e-14
    code, out, _ = run("info", "m.pkit")
    assert code == 0
    assert "SplineRegressor of h" in out
    assert "p from 0 to 1" in out
    code, out, _ = run("predict", "m.pkit", "grid.csv", "--gradient")
    assert code == 0
    assert out.startswith("p,T,h,dh/dp,dh/dT\n")


def test_command_with_simplices(run):
    X = scattered(500)
    table("data.csv", X)
    code, out, _ = run(
        *("fit", "data.csv", "--target", "h", "--output", "m.pkit", "--method", "simplex")
    )
    assert code == 0
    assert "simplex mesh of 450 points" in out
    assert "nan" not in out
    model = pk.load("m.pkit")
    assert np.array_equal(model.predict(X), function(X))


def test_command_with_an_equation(run):
    code, out, _ = run(
        *("fit", "--equation", "I.6.2a", "--method", "spline", "--samples", "40"),
        *("--output", "m.pkit"),
    )
    assert code == 0
    assert "through 40 points" in out
    code, out, _ = run(
        *("fit", "--equation", "I.12.1", "--method", "simplex", "--output", "m.pkit"),
    )
    assert code == 0
    assert "4,000 points in 2 dimensions" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data.csv", "--target", "h", "--method", "spline", "--hidden", "5"], "--hidden"),
        (["data.csv", "--target", "h", "--method", "simplex", "--tol", "1e-3"], "--tol"),
        (["data.csv", "--target", "h", "--method", "spline", "--time-limit", "3"], "--time-limit"),
        (["--equation", "I.6.2a", "--method", "spline", "--law", "sobol"], "--law"),
    ],
)
def test_command_refuses_what_does_not_go_together(run, arguments, message):
    table("data.csv", scattered(50))
    code, _, err = run("fit", *arguments, "--output", "m.pkit")
    assert code == 2
    assert f"{message} does not go with" in err
