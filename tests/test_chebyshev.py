"""Chebyshev series of functions that can be sampled anywhere."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.polynomial import chebyshev as C

import precisekit as pk
from precisekit.interpolate import ChebyshevInterpolator, from_function

SMOOTH = {  # dimension, function of columns: also of long doubles
    "cos(20x)": (1, lambda x: np.cos(20 * x)),
    "exp(xy)": (2, lambda x, y: np.exp(x * y)),
    "1/(1+x^2+y^2+z^2)": (3, lambda x, y, z: 1 / (1 + x * x + y * y + z * z)),
}


def of_rows(function):
    return lambda X: function(*X.T)


def uniform(d, n=2000, seed=11, lo=-1.0, hi=1.0):
    return np.random.default_rng(seed).uniform(lo, hi, (n, d))


def relative_rmse(y, truth):
    return float(np.sqrt(np.mean((y - truth) ** 2) / np.mean(truth**2)))


# -- precision -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_functions_to_the_last_digits(name):
    d, function = SMOOTH[name]
    p = from_function(of_rows(function), [-1.0] * d, [1.0] * d)
    X = uniform(d)
    assert p.converged
    # against the true function, in 64 bits, and against what float64 makes of it
    assert relative_rmse(p(X), function(*X.T.astype(np.longdouble))) <= 6e-16
    assert relative_rmse(p(X), function(*X.T)) <= 8e-16
    assert p.relative_rmse <= 8e-16
    assert p.max_error <= 2e-14


def test_even_functions_and_small_corners_are_cheap():
    d, function = SMOOTH["1/(1+x^2+y^2+z^2)"]
    p = from_function(of_rows(function), [-1.0] * d, [1.0] * d)
    assert min(p.degrees) >= 38
    assert p.n_terms < p.coefficients.size / 8  # every second degree of each axis is empty


def test_any_box():
    def function(x, y):
        return np.sin(x) / y

    p = from_function(of_rows(function), [100.0, 1e-3], [104.0, 2e-3])
    X = np.random.default_rng(0).uniform(p.lo, p.hi, (1000, 2))
    truth = function(*X.T.astype(np.longdouble))
    assert relative_rmse(p(X), truth) <= 1e-14  # sin is steep for the digits of 100
    corners = np.array([[100.0, 1e-3], [104.0, 2e-3], [100.0, 2e-3]])
    assert np.allclose(p(corners), function(*corners.T), rtol=1e-13)


def test_axes_get_the_degrees_they_need():
    p = from_function(lambda X: np.cos(30 * X[:, 0]) * (1 + X[:, 1] ** 3), [-1, -1], [1, 1])
    assert 55 <= p.degrees[0] <= 75
    assert p.degrees[1] == 3


@pytest.mark.parametrize("tol", [1e-4, 1e-8, 1e-12])
def test_tolerance_saves_terms_and_holds(tol):
    f = of_rows(SMOOTH["1/(1+x^2+y^2+z^2)"][1])
    p = from_function(f, [-1.0] * 3, [1.0] * 3, tol)
    full = from_function(f, [-1.0] * 3, [1.0] * 3)
    assert p.n_terms < full.n_terms
    assert p.relative_rmse <= 3 * tol


@pytest.mark.parametrize(("scale", "shift"), [(1e200, 0.0), (1e-200, 0.0), (1.0, 1e6)])
def test_scale_does_not_matter(scale, shift):
    p = from_function(lambda X: scale * (np.exp(X[:, 0]) + shift), -1, 1)
    X = uniform(1, 100)
    assert p.converged
    assert np.allclose(p(X), scale * (np.exp(X[:, 0]) + shift), rtol=2e-15, atol=0)


def test_constants_and_polynomials():
    for value in (0.0, -3.0):
        p = from_function(lambda X, value=value: np.full(len(X), value), [0, 0], [1, 2])
        assert p.degrees == (0, 0)
        assert p([0.3, 0.7]) == value
        assert p.converged
    p = from_function(lambda X: X[:, 0] * X[:, 1] * X[:, 2] * X[:, 3], [-1] * 4, [1] * 4)
    assert p.degrees == (1, 1, 1, 1)
    X = uniform(4, 50)
    assert np.allclose(p(X), X.prod(axis=1), rtol=0, atol=1e-15)


def test_thousands_of_degrees():
    p = from_function(lambda X: np.sin(4000 * X[:, 0]), -1, 1)
    assert 4000 < p.degrees[0] < 5000
    assert p.n_samples < 40_000
    X = uniform(1)
    assert p.converged
    # the rounding of 4000 x alone is worth 1e-13
    assert relative_rmse(p(X), np.sin(4000 * X[:, 0].astype(np.longdouble))) <= 2e-13


def test_degrees_by_portions_are_the_same_series():
    rng = np.random.default_rng(0)
    c = rng.standard_normal(3000)
    p = ChebyshevInterpolator(c, -1, 1)
    x = rng.uniform(-1, 1, 200)
    assert np.abs(p(x) - C.chebval(x.astype(np.longdouble), c)).max() <= 1e-12 * np.abs(c).sum()


@pytest.mark.parametrize("shape", [(7,), (6, 9), (4, 1, 6), (3, 4, 2, 5), (2, 3, 2, 3, 2)])
def test_series_are_their_sum(shape):
    rng = np.random.default_rng(len(shape))
    c = rng.standard_normal(shape) * (rng.random(shape) < 0.6)
    lo, hi = np.arange(len(shape)) - 2.0, np.arange(len(shape)) + 1.0
    X = rng.uniform(lo, hi, (300, len(shape)))
    total = np.asarray(c, dtype=np.longdouble)[None]
    t = 2 * (X.astype(np.longdouble) - lo) / (hi - lo) - 1
    expected = []
    for row in t:
        value = total[0]
        for x in row:  # one axis after the other, in long double
            value = np.tensordot(C.chebvander(x, value.shape[0] - 1)[0], value, axes=1)
        expected.append(value)
    error = ChebyshevInterpolator(c, lo, hi)(X) - np.array(expected).ravel()
    assert np.abs(error).max() <= 2e-15 * np.abs(c).sum()


# -- derivatives, integrals, roots -----------------------------------------------------------------


def test_derivatives():
    p = from_function(lambda X: np.sin(2 * X[:, 0]) * np.exp(X[:, 1]), [0, -1], [2, 1])
    X = np.random.default_rng(1).uniform([0, -1], [2, 1], (500, 2))
    x, y = X.T
    gradient = p.gradient(X)
    assert gradient.shape == (500, 2)
    assert np.abs(gradient[:, 0] - 2 * np.cos(2 * x) * np.exp(y)).max() <= 1e-12
    assert np.abs(gradient[:, 1] - np.sin(2 * x) * np.exp(y)).max() <= 1e-12
    mixed = p.derivative((2, 1))
    assert np.abs(mixed(X) + 4 * np.sin(2 * x) * np.exp(y)).max() <= 1e-10
    assert np.array_equal(p.derivative((0, 0))(X), p(X))


def test_integrals():
    p = from_function(lambda X: np.exp(X[:, 0] - X[:, 1]), [0, 1], [2, 4])
    exact = np.expm1(2.0) * (np.exp(-1.0) - np.exp(-4.0))
    assert abs(p.integral() / exact - 1) <= 1e-15
    q = from_function(lambda X: np.cos(X[:, 0]), -1, 3)
    x = np.linspace(-1, 3, 50)
    assert np.abs(q.antiderivative()(x) - (np.sin(x) - np.sin(-1.0))).max() <= 1e-15
    assert abs(q.integral() - (np.sin(3.0) - np.sin(-1.0))) <= 1e-15


@pytest.mark.parametrize(("factor", "lo", "hi"), [(1.0, 1.0, 20.0), (1.0, 0.5, 300.0)])
def test_roots_of_any_degree(factor, lo, hi):
    p = from_function(lambda X: np.sin(factor * X[:, 0]), lo, hi)
    exact = np.pi * np.arange(1, int(hi / np.pi) + 1)
    assert p.roots().shape == exact.shape
    assert np.abs(p.roots() - exact).max() <= 4 * np.spacing(hi)


def test_roots_at_the_ends_and_none():
    p = from_function(lambda X: X[:, 0] * (X[:, 0] - 1), 0, 1)
    assert np.allclose(p.roots(), [0, 1], atol=1e-15)
    assert from_function(lambda X: 2 + X[:, 0], -1, 1).roots().shape == (0,)
    assert from_function(lambda X: 2 + 0 * X[:, 0], -1, 1).roots().shape == (0,)


# -- queries ---------------------------------------------------------------------------------------


def test_shapes_of_queries():
    p = from_function(lambda X: X[:, 0] + X[:, 1], [0, 0], [1, 1])
    assert p([0.25, 0.5]) == 0.75
    assert np.shape(p([0.25, 0.5])) == ()
    assert p(np.full((3, 4, 2), 0.25)).shape == (3, 4)
    assert p(np.empty((0, 2))).shape == (0,)
    assert p([]).shape == (0,)
    assert p.gradient(np.empty((0, 2))).shape == (0, 2)
    assert p.gradient([0.25, 0.5]).shape == (2,)
    q = from_function(lambda X: X[:, 0], 0, 1)
    for xi, shape in ((0.5, ()), ([0.5, 0.1], (2,)), ([[0.5], [0.1]], (2,)), ([], (0,))):
        assert q(xi).shape == shape
    for wrong in (np.ones(3), np.ones((5, 3)), 1.0):
        with pytest.raises(ValueError, match=r"xi must have shape \(\.\.\., 2\)"):
            p(wrong)
    for wrong in (["a"], [1j]):
        with pytest.raises(ValueError, match="xi must be an array of real numbers"):
            q(wrong)


def test_outside_and_nan_are_nan():
    p = from_function(lambda X: np.exp(X[:, 0] * X[:, 1]), [1, 0], [3, 1])
    nan, inf = np.nan, np.inf
    bad = [[nan, 0.5], [2, nan], [inf, 0.5], [0.9, 0.5], [2, 1.1], [2, -inf]]
    y = p([[2, 0.5], *bad, [3, 1]])
    assert np.isnan(y[1:-1]).all()
    assert np.allclose(y[[0, -1]], [np.exp(1.0), np.exp(3.0)], rtol=1e-15)
    assert np.isnan(p.gradient(bad)).all()
    assert np.isfinite(p([np.nextafter(3, 4), 1.0]))  # missed by a rounding


def test_any_memory_layout():
    p = from_function(lambda X: X[:, 0] - X[:, 1], [-1, -1], [1, 1])
    X = uniform(4, 200)
    assert np.array_equal(p(X[:, ::2]), p(X[:, ::2].copy()))
    assert np.array_equal(p(np.asfortranarray(X[:, :2])), p(X[:, :2].copy()))


def test_threads_give_the_same_bits():
    p = from_function(of_rows(SMOOTH["exp(xy)"][1]), [-1, -1], [1, 1])
    X = uniform(2, 50_000)
    before = pk.get_num_threads()
    try:
        answers = []
        for n in (1, 2, 3):
            pk.set_num_threads(n)
            answers.append(p(X))
    finally:
        pk.set_num_threads(before)
    assert np.array_equal(answers[0], answers[1])
    assert np.array_equal(answers[0], answers[2])


def test_pickles():
    p = from_function(of_rows(SMOOTH["exp(xy)"][1]), [-1, -1], [1, 1])
    X = uniform(2, 100)
    p.gradient(X)
    q = pickle.loads(pickle.dumps(p))
    assert np.array_equal(p(X), q(X))
    assert np.array_equal(p.gradient(X), q.gradient(X))
    assert (q.converged, q.relative_rmse, q.n_samples) == (True, p.relative_rmse, p.n_samples)
    assert "degree" in repr(q)


# -- bad input -------------------------------------------------------------------------------------


def test_what_is_not_smooth_is_told():
    with pytest.warns(UserWarning, match="axis 0 are still .* relative RMSE .*Is f smooth"):
        p = from_function(lambda X: np.abs(X[:, 0] - 0.1), -1, 1, max_samples=2000)
    assert not p.converged
    assert 1e-6 < p.relative_rmse < 1e-3
    with pytest.warns(UserWarning, match="axis 1 are still"):
        from_function(lambda X: X[:, 0] + np.abs(X[:, 1]), [-1, -1], [1, 1], max_samples=10_000)
    rng = np.random.default_rng(0)
    with pytest.warns(UserWarning, match="not resolved"):
        from_function(lambda X: rng.standard_normal(len(X)), -1, 1, max_samples=1000)


def test_a_feature_between_the_lines_is_found():
    # none of the lines along which the degrees are found comes near the bump
    def f(X):
        return np.exp(-60 * ((X[:, 0] - 0.83) ** 2 + (X[:, 1] + 0.71) ** 2))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        p = from_function(f, [-1, -1], [1, 1])
    X = uniform(2)
    assert np.abs(p(X) - f(X)).max() <= 1e-14


def test_values_of_f_are_checked():
    with pytest.raises(ValueError, match=r"must not return NaN or inf, but f\(\[\[1\]\]\) is nan"):
        from_function(lambda X: np.where(X[:, 0] > 0.5, np.nan, 1.0), 0, 1)
    with np.errstate(divide="ignore"), pytest.raises(ValueError, match=r"f\(\[\[0, .*\) is inf"):
        from_function(lambda X: 1 / X[:, 0], [0, 0], [1, 1])
    with pytest.raises(ValueError, match="one value for each row of X"):
        from_function(lambda X: X, [0, 0], [1, 1])
    with pytest.raises(ValueError, match="one value for each row of X"):
        from_function(lambda X: 1.0, 0, 1)
    with pytest.raises(ValueError, match="real numbers"):
        from_function(lambda X: X[:, 0] * 1j, 0, 1)


@pytest.mark.parametrize(
    ("lo", "hi", "options", "message"),
    [
        (1, 1, {}, r"lo must be below hi, but lo\[0\] = 1.0"),
        ([0, 2], [1, 1], {}, r"lo\[1\] = 2.0"),
        ([0, np.nan], [1, 1], {}, r"lo\[1\] is nan"),
        (0, np.inf, {}, r"hi\[0\] is inf"),
        ([0, 0, 0], [1, 1], {}, "hi must have 3 entries"),
        ([[0]], [1], {}, "lo must have 1 dimensions"),
        ([], [], {}, "lo is empty"),
        (-1e308, 1e308, {}, "overflows"),
        (0, 1, {"tol": 0}, "tol must be in"),
        (0, 1, {"tol": np.nan}, "tol must be in"),
        (0, 1, {"tol": "fine"}, "tol must be a number, got 'fine'"),
        (0, 1, {"max_samples": 3}, "max_samples must be an integer of at least 17"),
        ([0] * 6, [1] * 6, {}, "max_samples must be an integer of at least 24137569"),
    ],
)
def test_bad_arguments(lo, hi, options, message):
    with pytest.raises(ValueError, match=message):
        from_function(lambda X: X[:, 0], lo, hi, **options)


def test_a_function_that_is_none():
    with pytest.raises(ValueError, match="f must be a function, got int"):
        from_function(3, 0, 1)


def test_what_becomes_of_the_callers_coefficients_is_his():
    coefficients = np.array([1.0, 2.0, 3.0])
    p = ChebyshevInterpolator(coefficients, -1, 1)
    integral = p.integral()
    coefficients[:] = 0
    assert p.integral() == integral
    assert p.gradient(0.5) != 0


def test_bad_series():
    with pytest.raises(ValueError, match=r"coefficients\[1\] is nan"):
        ChebyshevInterpolator([1.0, np.nan], 0, 1)
    with pytest.raises(ValueError, match="lo must have 2 entries"):
        ChebyshevInterpolator(np.ones((2, 2)), [0, 0, 0], 1)
    with pytest.raises(ValueError, match="coefficients"):
        ChebyshevInterpolator(3.0, 0, 1)
    p = ChebyshevInterpolator(np.ones((2, 2)), 0, 1)
    for method in (p.roots, p.antiderivative):
        with pytest.raises(ValueError, match="one variable, this has 2"):
            method()
    with pytest.raises(ValueError, match="nu must have 2 entries"):
        p.derivative(1)
    with pytest.raises(ValueError, match=r"nu\[1\] must be an integer of at least 0"):
        p.derivative((1, -1))
    with pytest.raises(ValueError, match="zero everywhere"):
        ChebyshevInterpolator([0.0], 0, 1).roots()
