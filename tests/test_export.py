"""Exported models: compiled, run at fresh points, compared with predict and predict_gradient."""

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import precisekit as pk
from bench.exported import COMPILERS, DRIVER_SUFFIX, SUFFIX, Library, run
from precisekit.cli import main
from precisekit.export import LANGUAGES, identifier, source
from precisekit.interpolate import SplineInterpolator


def compiler(lang):
    command = COMPILERS[lang]
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]}: exported {lang} is not compiled")
    return command


# -- models ----------------------------------------------------------------------------------------


def network(X, y, **options):
    options = {"hidden_layer_sizes": (7, 6), "input_map": "linear", "max_iter": 8} | options
    return pk.MLPRegressor(find_symmetries=False, random_state=0, **options).fit(X, y)


def modular(X, y):
    graph = {"A": ("x1", "x2"), "B": ("A", "x2"), "C": ("A", "B", "x1")}
    return pk.ModularMLPRegressor(
        graph=graph, hidden_layer_sizes=(5,), input_map="log", max_iter=8, random_state=0
    ).fit(X, y)


def with_symmetries(equation):
    q = pk.datasets.feynman(equation)
    X = pk.sample_box(q.lo, q.hi, 500, seed=1)
    model = pk.MLPRegressor(hidden_layer_sizes=(8,), max_iter=100, random_state=0).fit(X, q(X))
    assert model.symmetries_
    return model


def spline_on_grid(shape, outputs, **options):
    axes = [np.linspace(0.5, 1.5 + k, n) for k, n in enumerate(shape)]
    X = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    y = np.cos(X @ np.arange(1, len(axes) + 1))
    return pk.SplineRegressor(**options).fit(X, y if outputs == 1 else np.c_[y, y**2])


MODELS = {
    **{
        f"of_{name}": lambda X, y, name=name: network(X, y, activation=name)
        for name in ("tanh", "sin", "sigmoid", "gelu", "relu", "identity")
    },
    "mixed": lambda X, y: network(X, y, activation=[3 * ["tanh"] + 4 * ["identity"], "gelu"]),
    "narrow": lambda X, y: network(X, np.c_[y, y**2], hidden_layer_sizes=(1, 5)),
    "no_hidden_layer": lambda X, y: network(X, y, hidden_layer_sizes=()),
    "log_map": lambda X, y: network(X, y, input_map="log"),
    "both_maps": lambda X, y: network(X, y, input_map="both"),
    "boosted": lambda X, y: network(X, y, n_stages=2),
    "two_outputs": lambda X, y: network(X, np.c_[y, y**2], input_map="both"),
    "modular": modular,
    "scalings": lambda X, y: with_symmetries("I.10.7"),
    "shifts": lambda X, y: with_symmetries("I.11.19"),
    "powers": lambda X, y: with_symmetries("II.6.15a"),
    "spline_1d": lambda X, y: pk.SplineRegressor(degree=9).fit(X[:40, :1], np.exp(X[:40, 0])),
    "spline_2d": lambda X, y: spline_on_grid((31, 28), 2, degree=5),
    "spline_3d": lambda X, y: spline_on_grid((9, 8, 10), 1, extrapolate=True),
    "scattered": lambda X, y: pk.SplineRegressor(n_knots=5, degree=3).fit(X, y),
}


@pytest.fixture(scope="module")
def models(plane):
    return {name: make(*plane) for name, make in MODELS.items()}


@pytest.fixture(scope="module")
def splines():
    """What only the interpolator itself can be: periodic, or filled outside."""
    x = np.linspace(-np.pi, np.pi, 33)
    wave = SplineInterpolator(x, np.sin(x) + np.sin(2 * x), boundary="periodic", degree=6)
    ridge = SplineInterpolator([x, x[:20]], np.cos(x[:, None] + x[:20]), [1, 4], fill_value=-7.0)
    return {"wave": wave, "ridge": ridge}


def box(model):
    if isinstance(model, SplineInterpolator):
        return np.transpose(model.domain)
    if hasattr(model, "lo_"):
        return model.lo_, model.hi_
    if model.symmetries_:  # the inputs of equations
        return np.ones(model.n_features_in_), np.full(model.n_features_in_, 2.0)
    return model.input_map_.lo, model.input_map_.hi


def fresh(model, n=400):
    lo, hi = box(model)
    return np.random.default_rng(5).uniform(lo, hi, (n, len(lo)))


def expected(model, X):
    if isinstance(model, SplineInterpolator):
        return model(X), model.gradient(X)
    return model.predict(X), model.predict_gradient(X)


@pytest.fixture(scope="module", params=LANGUAGES)
def library(request, models, splines, tmp_path_factory):
    """All of them, compiled together."""
    compiler(request.param)
    shapes = {}
    for name, model in (models | splines).items():
        y, gradient = expected(model, fresh(model, 1))
        shapes[name] = gradient.shape[-1], y.shape[1:]
    return Library(request.param, models | splines, shapes, tmp_path_factory.mktemp("exported"))


def results(library, name, X):
    """The value, the same with derivatives, and these."""
    return library.values(name, X), *library.gradients(name, X)


def floor_of(model, y):
    """What rounding costs predict, relative to y."""
    spline = getattr(model, "interpolator_", model)
    if isinstance(spline, SplineInterpolator):  # units in the last place of the coefficients
        return 1e-16 * max(1.0, np.abs(spline.coefficients).max() / np.sqrt(np.mean(y**2)))
    return max(model.report_.rounding_floor, 1e-16)


def relative(a, b):
    return np.sqrt(np.mean((a - b) ** 2) / np.mean(b**2))


# -- digits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*MODELS, "wave", "ridge"])
def test_gives_what_predict_gives(name, library, models, splines):
    model = (models | splines)[name]
    X = fresh(model)
    value, same, gradient = results(library, name, X)
    y, dydx = expected(model, X)
    floor = floor_of(model, y)
    assert relative(value, y) < 4 * floor
    assert relative(same, y) < 4 * floor
    assert relative(gradient, dydx) < 20 * floor


@pytest.mark.parametrize(
    "name", ["of_tanh", "both_maps", "boosted", "modular", "powers", "spline_3d"]
)
def test_derivatives_are_those_of_the_value(name, library, models):
    X, step = fresh(models[name], 50), 1e-5
    _, _, gradient = results(library, name, X)
    for k in range(X.shape[1]):
        along = step * np.eye(X.shape[1])[k]
        ahead, behind = (library.values(name, X + sign * along) for sign in (1, -1))
        slopes = (ahead - behind) / (2 * step)
        size = np.sqrt(np.mean(gradient**2))
        np.testing.assert_allclose(gradient[:, k], slopes, rtol=0, atol=1e-8 * size)


@pytest.mark.parametrize("name", ["spline_3d", "wave"])
def test_goes_on_outside_of_the_samples(name, library, models, splines):
    model = (models | splines)[name]
    lo, hi = box(model)
    outside = np.random.default_rng(6).uniform(
        lo - 0.05 * (hi - lo), hi + 0.05 * (hi - lo), (400, len(lo))
    )
    value, _, gradient = results(library, name, outside)
    y, dydx = expected(model, outside)
    assert relative(value, y) < 1e-12
    assert relative(gradient, dydx) < 1e-11


def test_splines_at_their_knots(library, models, splines):
    """Of degree 1 the derivatives jump there."""
    for name, model in {"ridge": splines["ridge"], "spline_2d": models["spline_2d"]}.items():
        f = model if name in splines else model.interpolator_
        x, y = (np.unique(knots) for knots in f.knots)
        X = np.array([[a, b] for a in x[[0, 1, 5, -2, -1]] for b in y[[0, 1, 7, -2, -1]]])
        value, _, gradient = results(library, name, X)
        np.testing.assert_allclose(value, expected(model, X)[0], rtol=0, atol=1e-14)
        np.testing.assert_allclose(gradient, expected(model, X)[1], rtol=0, atol=1e-12)


# -- bad points ------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "name", ["of_tanh", "of_relu", "two_outputs", "shifts", "spline_2d", "wave"]
)
def test_inputs_that_are_not_finite_give_nan(name, bad, library, models, splines):
    points = fresh((models | splines)[name], 3)
    for k in range(points.shape[1]):
        X = points.copy()
        X[1, k] = bad
        for part in results(library, name, X):
            assert np.isnan(part[1]).all()
            assert np.isfinite(part[[0, 2]]).all()


@pytest.mark.parametrize("bad", [0.0, -0.0, -1.0])
@pytest.mark.parametrize("name", ["log_map", "both_maps", "modular", "scalings", "powers"])
def test_where_predict_raises_it_is_nan(name, bad, library, models):
    model = models[name]
    for k in range(model.n_features_in_):
        X = fresh(model, 3)
        X[1, k] = bad
        parts = results(library, name, X)
        try:
            y = model.predict(X)
        except ValueError:
            for part in parts:
                assert np.isnan(part[1]).all()
                assert np.isfinite(part[[0, 2]]).all()
        else:
            np.testing.assert_allclose(parts[0], y, rtol=1e-13)


@pytest.mark.parametrize("name, fill", [("spline_2d", np.nan), ("ridge", -7.0)])
def test_outside_of_a_spline_that_ends(name, fill, library, models, splines):
    model = (models | splines)[name]
    lo, hi = box(model)
    middle = 0.5 * (lo + hi)
    X = np.array([middle, [lo[0] - 1e-9, middle[1]], [middle[0], hi[1] + 1e-9], lo, hi])
    for part in results(library, name, X):
        assert np.array_equal(part[1:3], np.full_like(part[1:3], fill), equal_nan=True)
        assert np.isfinite(part[[0, 3, 4]]).all()


# -- the text --------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_parameters_are_exact(lang, models):
    model = models["of_sin"]
    text = source(model, lang, "f")
    number = r"-?0x[0-9a-f.]+p[+-]\d+" if lang != "fortran" else r"-?\d\.\d{16}e[+-]\d+(?=_wp)"
    read = float.fromhex if lang != "fortran" else float
    assert set(np.r_[model.theta_, model.target_scale_]) <= set(map(read, re.findall(number, text)))


def test_fortran_keeps_to_the_limits_of_a_statement(models):
    for name, model in models.items():
        continued = 0
        for line in source(model, "fortran", f"{name}_{'n' * 30}").splitlines():
            code = line.split("!")[0]
            assert len(code) <= 132
            continued = continued + 1 if code.endswith("&") else 0
            assert continued <= 255


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_same_model_gives_the_same_bytes(lang, models, tmp_path):
    for name in ("both_maps", "scalings", "spline_2d"):
        first, second = tmp_path / "a" / "f", tmp_path / "b" / "f"
        pk.save(models[name], tmp_path / "m.pkit")
        for path, model in ((first, models[name]), (second, pk.load(tmp_path / "m.pkit"))):
            path.parent.mkdir(exist_ok=True)
            model.export(path, lang)
        assert first.read_bytes() == second.read_bytes()


def test_the_head_tells_what_it_is(plane, tmp_path):
    model = network(*plane)
    model.input_names_, model.target_name_ = ["p/*\\", "T*/\n"], "h"
    model.export(tmp_path / "f.h")
    text = (tmp_path / "f.h").read_text()
    head = text[: text.index("*/")]
    assert f"precisekit {pk.__version__}" in head
    assert "h of p/ * /, T* / : network 2-7-6-1, tanh" in head
    assert "x[0] is p" in head
    assert f"from {model.input_map_.lo[1]:.6g} to {model.input_map_.hi[1]:.6g}" in head
    assert f"{model.report_.relative_rmse:.2e}" in head
    assert "-ffast-math" in head
    run(*compiler("c"), "-fsyntax-only", "-x", "c", tmp_path / "f.h")


def test_the_head_of_a_model_with_symmetries(models):
    head = source(models["scalings"], "c", "f").split("*/")[0]
    assert f"Structure: {models['scalings'].report_.structure}" in head
    assert "not positive where its logarithm or a" in head


def test_weights_that_are_not_there_take_no_room(models):
    """Of the 14 x 14 weights between the layers of two boosted networks 7 x 7 are none, twice."""
    boosted = models["boosted"]
    assert boosted.network_.sizes[:3] == (2, 14, 12)
    numbers = source(boosted, "c", "f").count("0x")
    assert numbers < boosted.network_.n_params - 2 * 6 * 7 + 20


# -- two translation units, and C in C++ -----------------------------------------------------------

USERS = {
    "c": (
        '#include "f.h"\ndouble there(const double *x);\n'
        "double there(const double *x) { return f_value(x); }\n",
        '#include "f.h"\n#include "f.h"\ndouble there(const double *x);\n'
        "int main(void) { const double x[2] = {1.5, 1.0}; return f_value(x) != there(x); }\n",
    ),
    "c++": (
        '#include "f.hpp"\ndouble there(const f::Input &x);\n'
        "double there(const f::Input &x) { return f::value(x); }\n",
        '#include "f.hpp"\n#include "f.hpp"\ndouble there(const f::Input &x);\n'
        "int main() { return f::value({1.5, 1.0}) != there({1.5, 1.0}); }\n",
    ),
}


@pytest.mark.parametrize("name", ["both_maps", "scattered"])
@pytest.mark.parametrize("lang", ["c", "c++"])
def test_in_two_translation_units(lang, name, models, tmp_path):
    models[name].export(tmp_path / f"f{SUFFIX[lang]}", lang)
    files = [tmp_path / f"user{i}{DRIVER_SUFFIX[lang]}" for i in range(2)]
    for file, text in zip(files, USERS[lang]):
        file.write_text(text)
    run(*compiler(lang), *files, "-o", tmp_path / "main", "-lm")
    run(tmp_path / "main")


def test_the_c_header_in_cpp(models, tmp_path):
    lines = []
    for name, model in models.items():
        model.export(tmp_path / f"{name}.h")
        lines.append(f'#include "{name}.h"\n')
    (tmp_path / "all.cpp").write_text("".join(lines))
    run(*compiler("c++"), "-fsyntax-only", tmp_path / "all.cpp")


# -- the page --------------------------------------------------------------------------------------

PAGE = Path(__file__).parents[1] / "docs" / "export.md"
FENCES = {"c": "c", "c++": "cpp", "fortran": "fortran"}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_programs_of_the_page(lang, models, tmp_path):
    program = re.search(rf"```{FENCES[lang]}\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
    (tmp_path / f"main{DRIVER_SUFFIX[lang]}").write_text(program)
    steam = tmp_path / f"steam{SUFFIX[lang]}"
    models["of_tanh"].export(steam, lang)
    modules = [steam, "-J", tmp_path] if lang == "fortran" else []
    main_file = tmp_path / f"main{DRIVER_SUFFIX[lang]}"
    run(*compiler(lang), *modules, main_file, "-o", tmp_path / "main", "-lm")
    printed = np.array(run(tmp_path / "main").split(), dtype=float)
    point = [[2.0, 817.0]]
    y, gradient = expected(models["of_tanh"], point)
    np.testing.assert_allclose(printed, [*y, *y, *gradient[0]], rtol=1e-12)


# -- names and errors ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path, lang, name",
    [
        ("steam-table.h", "c", "steam_table"),
        ("a/b/my fit.v2.h", "c", "my_fit_v2"),
        ("2d.h", "c", "model_2d"),
        ("_x_.h", "c", "x"),
        ("\u00e9\u00e8.h", "c", "model"),
        ("double.h", "c", "model_double"),
        ("exp.h", "c", "exp"),
        ("exp.hpp", "c++", "model_exp"),
        ("Module.f90", "fortran", "model_Module"),
        ("f" * 70 + ".f90", "fortran", "f" * 44),
        ("own_f.f90", "fortran", "model_own_f"),
        ("own_f.h", "c", "own_f"),
    ],
)
def test_a_name_is_made_of_the_file_s(path, lang, name):
    assert identifier(path, lang) == name


@pytest.mark.parametrize("lang", LANGUAGES)
def test_names_that_the_code_itself_has(lang, models, tmp_path):
    names = [
        "x",
        "y",
        "z",
        "W",
        "e0",
        "o",
        "value",
        "detail",
        "dydx",
        "slopes",
        "evaluate",
        "Input",
    ]
    for k, name in enumerate(names):
        models[("powers", "spline_2d")[k % 2]].export(tmp_path / f"{name}{SUFFIX[lang]}", lang)
    files = [tmp_path / f"{name}{SUFFIX[lang]}" for name in names]
    if lang == "fortran":
        run(*compiler(lang), "-fsyntax-only", "-J", tmp_path, *files)
        return
    (tmp_path / "all").write_text("".join(f'#include "{file.name}"\n' for file in files))
    flag = {"c": "c", "c++": "c++"}[lang]
    run(*compiler(lang), "-fsyntax-only", "-I", tmp_path, "-x", flag, tmp_path / "all")


@pytest.mark.parametrize(
    "lang, name",
    [
        ("c", "my-fit"),
        ("c", ""),
        ("c", "2d"),
        ("c", "_f"),
        ("c++", "a__b"),
        ("c", "while"),
        ("c", "namespace"),
        ("c++", "sin"),
        ("c++", "std"),
        ("fortran", "END"),
        ("fortran", "f" * 45),
        ("fortran", "Own_f"),
        ("c", "caf\u00e9"),
        ("c", 3),
    ],
)
def test_bad_names(lang, name, models, tmp_path):
    with pytest.raises(ValueError, match="^name must"):
        models["of_tanh"].export(tmp_path / "f", lang, name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("lang", ["C", "cpp", "python", None, 1])
def test_unknown_languages(lang, models, tmp_path):
    with pytest.raises(ValueError, match=r"lang must be one of 'c', 'c\+\+', 'fortran', got"):
        models["of_tanh"].export(tmp_path / "f", lang)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "model",
    [
        pk.MLPRegressor(),
        pk.ModularMLPRegressor(expression="x1"),
        pk.SplineRegressor(),
        pk.SimplexRegressor(),
    ],
)
def test_a_model_that_is_not_fitted(model, tmp_path):
    with pytest.raises(NotFittedError):
        model.export(tmp_path / "f.h")
    assert not list(tmp_path.iterdir())


def test_what_has_no_formula(plane, tmp_path):
    with pytest.raises(TypeError, match="SimplexRegressor cannot be exported.*SplineRegressor"):
        pk.SimplexRegressor().fit(*plane).export(tmp_path / "f.h")
    x = np.linspace(0, 1, 20)
    with pytest.raises(TypeError, match="complex"):
        SplineInterpolator(x, np.exp(1j * x)).export(tmp_path / "f.h")
    assert not list(tmp_path.iterdir())


def test_a_path_that_cannot_be_written(models, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        models["of_tanh"].export(tmp_path / "nowhere" / "f.h")
    (tmp_path / "f.h").mkdir()
    with pytest.raises(OSError):
        models["of_tanh"].export(tmp_path / "f.h")
    assert [path.name for path in tmp_path.iterdir()] == ["f.h"]


# -- the command -----------------------------------------------------------------------------------


@pytest.fixture
def saved(models, tmp_path, monkeypatch):
    """The path of a model, in the working directory."""
    monkeypatch.chdir(tmp_path)
    pk.save(models["both_maps"], "m.pkit")
    return "m.pkit"


@pytest.mark.parametrize(
    "lang, call", [("c", "f_value "), ("c++", "f::value "), ("fortran", "gfortran out main")]
)
def test_command(lang, call, saved, models, capsys):
    assert main(["export", saved, "--lang", lang, "--output", "out", "--name", "f"]) == 0
    assert Path("out").read_text() == source(models["both_maps"], lang, "f")
    printed = capsys.readouterr().out
    assert printed.startswith("code in out; ") and call in printed


def test_command_writes_c_and_takes_the_name_of_the_file(saved, models):
    assert main(["export", saved, "--output", "my-model.h"]) == 0
    assert Path("my-model.h").read_text() == source(models["both_maps"], "c", "my_model")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--output", "m.pkit"], "m.pkit would overwrite the model that is read"),
        (["--output", "no/f.h"], "there is no directory"),
        (["--output", "f.h", "--name", "do"], "name must not be 'do'"),
        (["--output", "f.h", "--lang", "java"], "invalid choice: 'java'"),
        ([], "--output"),
    ],
)
def test_command_refuses(arguments, words, saved, capsys):
    before = Path(saved).read_bytes()
    try:
        code = main(["export", saved, *arguments])
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    assert words in capsys.readouterr().err
    assert Path(saved).read_bytes() == before
    assert os.listdir() == [saved]


def test_command_on_a_simplex_model(plane, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pk.save(pk.SimplexRegressor().fit(*plane), "s.pkit")
    assert main(["export", "s.pkit", "--output", "s.h"]) == 2
    assert "s.pkit: SimplexRegressor cannot be exported" in capsys.readouterr().err
