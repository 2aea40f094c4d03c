"""SplineInterpolator against mpmath, SciPy, and what splines must be."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import mpmath
import numpy as np
import pytest
import scipy.interpolate
from numpy.polynomial import Chebyshev, Polynomial

import precisekit as pk
from precisekit import _core
from precisekit.interpolate import SplineInterpolator

DEGREES = range(1, 10)
EPS = np.finfo(float).eps


def uneven(n, seed=0, low=-1.0, high=2.0):
    """n ascending points whose gaps differ by a factor of four."""
    gaps = np.random.default_rng(seed).uniform(0.5, 2.0, n - 1)
    return low + (high - low) * np.concatenate([[0.0], np.cumsum(gaps) / gaps.sum()])


def relative_rmse(f, truth):
    return np.sqrt(np.mean(np.abs(f - truth) ** 2) / np.mean(np.abs(truth) ** 2))


def ratio(a, b):
    """a / b, and 0 for 0 / 0, as the recursions of B-splines want it."""
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)


def b_splines(t, k, x, nu=0):
    """Derivatives nu of all B-splines of degree k at x: Cox and de Boor, in long double."""
    t = np.asarray(t, dtype=np.longdouble)
    if nu > 0:
        parts = ratio(k * b_splines(t, k - 1, x, nu - 1), t[k:] - t[:-k])
        return parts[:-1] - parts[1:]
    if k == 0:
        return ((t[:-1] <= x) & (x < t[1:])).astype(np.longdouble)
    parts = ratio(b_splines(t, k - 1, x), t[k:] - t[:-k])
    return (x - t[: -k - 1]) * parts[:-1] + (t[k + 1 :] - x) * parts[1:]


# --- precision


@pytest.mark.parametrize(("degree", "n", "asked"), [(7, 57, 3.2e-16), (9, 38, 2.6e-16)])
def test_exp_to_the_last_digit(degree, n, asked):
    x, q = np.linspace(-1, 1, n), np.linspace(-0.9, 0.9, 2000)
    assert relative_rmse(SplineInterpolator(x, np.exp(x), degree)(q), np.exp(q)) <= asked


def test_exp_xy_to_the_last_digit():
    x, q = np.linspace(-1, 1, 129), np.linspace(-0.8, 0.8, 121)
    s = SplineInterpolator((x, x), np.exp(np.outer(x, x)), 5)
    f = s((q[:, None], q))
    assert f.shape == (121, 121)
    assert relative_rmse(f, np.exp(np.outer(q, q))) <= 4e-16


@pytest.mark.parametrize("degree", [1, 3, 5, 7, 9])
def test_order_is_degree_plus_one(degree):
    """For the simplest polynomial that is not reproduced the error is C h^(degree + 1) exactly."""
    f = Chebyshev.basis(degree + 1)
    q = np.linspace(-1, 1, 20_001)
    n = 3 * degree + 6, 4 * degree + 9
    errors = [
        np.abs(SplineInterpolator(x, f(x), degree)(q) - f(q)).max()
        for x in (np.linspace(-1, 1, m) for m in n)
    ]
    order = np.log(errors[0] / errors[1]) / np.log((n[1] - 1) / (n[0] - 1))
    assert abs(order - degree - 1) < 0.1


@pytest.mark.parametrize("degree", DEGREES)
def test_values_and_derivatives_against_long_double(degree):
    rng = np.random.default_rng(degree)
    x = uneven(2 * degree + 3, degree)
    s = SplineInterpolator(x, rng.standard_normal(x.size), degree)
    for q in rng.uniform(x[0], x[-1], 3):
        for nu in range(degree + 1):
            terms = s.coefficients * b_splines(s.knots[0], degree, q, nu)
            tolerance = 8 * EPS * np.abs(terms).sum()
            assert abs(s(q, nu) - terms.sum()) <= tolerance
            assert abs(s.derivative(nu)(q) - terms.sum()) <= tolerance


@pytest.mark.parametrize("degree", DEGREES)
def test_products_of_b_splines_against_long_double(degree):
    rng = np.random.default_rng(degree)
    degrees = (degree, DEGREES[-degree], 3)
    axes = [uneven(k + 3, k) for k in degrees]
    # smooth values: rounding is in proportion to the largest coefficient nearby
    s = SplineInterpolator(axes, np.exp(np.add.outer(np.add.outer(*axes[:2]), axes[2])), degrees)
    assert s.degree == degrees
    for nu in [(0, 0, 0), (1, 1, 1), (0, 1, 3), (degree, 0, 1)]:
        for q in rng.uniform(-1, 2, (5, 3)):
            terms = s.coefficients
            for a in range(3):
                shape = [-1 if b == a else 1 for b in range(3)]
                terms = terms * b_splines(s.knots[a], degrees[a], q[a], nu[a]).reshape(shape)
            tolerance = 12 * EPS * np.abs(terms).sum()
            assert abs(s(q, nu) - terms.sum()) <= tolerance
            assert abs(s.derivative(nu)(q) - terms.sum()) <= tolerance


def test_exp_against_mpmath():
    x = np.linspace(-1, 1, 57)
    s = SplineInterpolator(x, [float(mpmath.exp(v)) for v in x])
    q = np.linspace(-0.5, 0.5, 101)
    truth = [float(mpmath.exp(v)) for v in q]
    for nu, tolerance in [(0, 1e-15), (1, 1e-13), (2, 1e-11), (3, 1e-9)]:
        assert np.abs(s(q, nu) - truth).max() <= tolerance


# --- against SciPy


@pytest.mark.parametrize("degree", DEGREES)
def test_not_a_knot_is_scipys(degree):
    x = uneven(40)
    y = np.sin(3 * x)
    theirs = scipy.interpolate.make_interp_spline(x, y, degree)
    ours = SplineInterpolator(x, y, degree)
    np.testing.assert_allclose(ours.knots[0], theirs.t, rtol=1e-15, atol=1e-15)
    q = np.linspace(-1, 2, 501)
    np.testing.assert_allclose(ours(q), theirs(q), atol=1e-12)
    np.testing.assert_allclose(ours.coefficients, theirs.c, atol=1e-9)


@pytest.mark.parametrize("degree", [3, 5, 7, 9])
@pytest.mark.parametrize("boundary", ["natural", "clamped"])
def test_natural_and_clamped_are_scipys(degree, boundary):
    x = uneven(40)
    y = np.cos(3 * x)
    m = (degree + 1) // 2
    orders = range(m, degree) if boundary == "natural" else range(1, m)
    end = [(order, 0.0) for order in orders]
    theirs = scipy.interpolate.make_interp_spline(x, y, degree, bc_type=(end, end))
    q = np.linspace(-1, 2, 501)
    np.testing.assert_allclose(
        SplineInterpolator(x, y, degree, boundary=boundary)(q), theirs(q), atol=1e-11
    )


@pytest.mark.parametrize("degree", [3, 5, 7])
def test_periodic_is_scipys(degree):
    x = uneven(25)
    y = np.sin(2 * np.pi * (x + 1) / 3) ** 3
    y[-1] = y[0]
    theirs = scipy.interpolate.make_interp_spline(x, y, degree, bc_type="periodic")
    ours = SplineInterpolator(x, y, degree, boundary="periodic")
    q = np.linspace(-1, 2, 501)
    np.testing.assert_allclose(ours(q), theirs(q), atol=1e-11)


def test_tensor_product_is_scipys():
    axes = [uneven(9, 1), uneven(11, 2), uneven(10, 3)]
    rng = np.random.default_rng(0)
    values = rng.standard_normal((9, 11, 10))
    s = SplineInterpolator(axes, values, (3, 2, 5))
    theirs = scipy.interpolate.NdBSpline(s.knots, s.coefficients, (3, 2, 5))
    q = rng.uniform(-1, 2, (200, 3))
    for nu in [None, (1, 0, 2), (3, 2, 5)]:
        np.testing.assert_allclose(s(q, nu), theirs(q, nu=nu), rtol=1e-9, atol=1e-9)


# --- what splines must be


@pytest.mark.parametrize("boundary", ["not-a-knot", "natural", "clamped", "periodic"])
@pytest.mark.parametrize("degree", DEGREES)
def test_interpolates_and_keeps_the_conditions(degree, boundary):
    for n in {_core.fewest_spline_points(degree, boundary), degree + 1, degree + 2, 30}:
        x = uneven(n, n)
        y = np.random.default_rng(n).uniform(-1, 1, n)
        if boundary == "periodic":
            y[-1] = y[0]
        s = SplineInterpolator(x, y, degree, boundary=boundary)
        # random data on few uneven points: large coefficients, and rounding in proportion
        noise = 1e-14 * max(1.0, np.abs(s.coefficients).max())
        np.testing.assert_allclose(s(x), y, atol=noise)
        m = (degree + 1) // 2
        odd = degree % 2 == 1
        for end, piece in ((x[0], x[1] - x[0]), (x[-1], x[-1] - x[-2])):
            orders = {
                "natural": range(m, degree) if odd else range(m + 1, degree + 1),
                "clamped": range(1, m) if odd else range(1, m + 1),
            }.get(boundary, ())
            for order in orders:
                # in units of what the coefficients could give
                size = noise * (2 * degree / (0.5 * piece)) ** order
                assert abs(s(end, order)) <= size


@pytest.mark.parametrize("degree", [1, 3, 7])
def test_periodic_on_an_axis_whose_length_is_rounded(degree):
    """low + (high - low) is less than high by a bit, and was taken for the last knot."""
    low, high = -0.7, 0.1
    assert low + (high - low) < high
    x = np.linspace(low, high, 12)
    s = SplineInterpolator(x, np.cos(2.5 * np.pi * (x - low)), degree, boundary="periodic")
    assert abs(s(high) - 1) < 1e-15


@pytest.mark.parametrize("degree", DEGREES)
def test_periodic_joins_all_derivatives(degree):
    x = uneven(degree + 8)
    y = np.random.default_rng(degree).uniform(-1, 1, x.size)
    y[-1] = y[0]
    s = SplineInterpolator(x, y, degree, boundary="periodic")
    q = np.linspace(-1, 2, 50)
    np.testing.assert_allclose(s(q + 3), s(q), atol=1e-12)
    np.testing.assert_allclose(s(q - 30), s(q), atol=1e-12)
    step = 1e-9
    for nu in range(degree):
        jump = s(x[0] + step, nu) - s(x[0] - step, nu)
        assert abs(jump) <= 4 * step * np.abs(s(q, nu + 1)).max() + 1e-9
    # the same spline from data that start elsewhere (the knots of even degrees see no seam)
    turned = np.concatenate([x[3:], x[1:4] + 3])
    other = SplineInterpolator(turned, np.r_[y[3:], y[1:4]], degree, boundary="periodic")
    np.testing.assert_allclose(other(q), s(q), atol=1e-12)
    np.testing.assert_allclose(s.derivative()(q + 3), s(q, 1), atol=1e-9)


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("boundary", ["not-a-knot", "natural", "clamped"])
def test_reproduces_polynomials(degree, boundary):
    reproduced = {
        "not-a-knot": degree,
        "natural": (degree + 1) // 2 - (degree % 2),
        "clamped": 0,
    }[boundary]
    p = Polynomial(np.random.default_rng(degree).uniform(-1, 1, reproduced + 1))
    x = uneven(2 * degree + 4)
    s = SplineInterpolator(x, p(x), degree, boundary=boundary)
    q = np.linspace(-1, 2, 101)
    scale = np.abs(p(q)).max()
    np.testing.assert_allclose(s(q), p(q), atol=2e-14 * scale)
    np.testing.assert_allclose(s(q, 1), p.deriv()(q), atol=1e-11 * scale)


@pytest.mark.parametrize("d", range(1, 7))
def test_reproduces_polynomials_in_every_dimension(d):
    rng = np.random.default_rng(d)
    degrees = tuple(rng.integers(1, 4 if d > 4 else 10, d))
    axes = [uneven(k + 2, i) for i, k in enumerate(degrees)]
    factors = [Polynomial(rng.uniform(-1, 1, k + 1)) for k in degrees]

    def product(columns, nu):
        parts = [p.deriv(order)(x) for p, x, order in zip(factors, columns, nu, strict=True)]
        return np.prod(parts, axis=0)

    grid = np.meshgrid(*axes, indexing="ij")
    s = SplineInterpolator(axes, product(grid, [0] * d), degrees)
    q = rng.uniform(-1, 2, (300, d))  # more than a block
    for nu in [[0] * d, [1] * d, [min(k, i) for i, k in enumerate(degrees)]]:
        truth = product(q.T, nu)
        np.testing.assert_allclose(s(q, nu), truth, atol=1e-9 * np.abs(truth).max())
        np.testing.assert_allclose(s.derivative(nu)(q), truth, atol=1e-9 * np.abs(truth).max())
    np.testing.assert_array_equal(s.gradient(q)[:, d - 1], s(q, [0] * (d - 1) + [1]))


@pytest.mark.parametrize("degree", DEGREES)
def test_partition_of_unity(degree):
    axis = uneven(3 * degree + 5, degree)
    s = SplineInterpolator((axis, axis), np.ones((axis.size, axis.size)), degree)
    knots = [(t.tolist(), degree, -1.0, 2.0, False) for t in s.knots]
    one = _core.TensorSpline(knots, np.ones((*s.coefficients.shape, 1)))
    q = np.random.default_rng(0).uniform(-1, 2, (1000, 2))
    np.testing.assert_allclose(one.evaluate(q, [0, 0], False, [0.0]), 1.0, rtol=4 * EPS)
    assert np.abs(one.evaluate(q, [1, 0], False, [0.0])).max() < 1e-12


@pytest.mark.parametrize("degree", [1, 2, 5, 9])
def test_any_spacing_finds_its_pieces(degree):
    rng = np.random.default_rng(degree)
    clustered = np.sort(np.concatenate([np.linspace(0, 1, 40), 0.3 + np.geomspace(1e-9, 1e-2, 40)]))
    for x in (np.geomspace(1e-6, 1, 60), clustered, np.linspace(0, 1, 500), np.cumsum([1, 9, 9])):
        if x.size <= degree:
            continue
        t = SplineInterpolator(x, np.zeros(x.size), degree).knots[0]
        coefficients = rng.uniform(-1, 1, x.size)
        core = _core.TensorSpline([(t.tolist(), degree, x[0], x[-1], False)], coefficients[:, None])
        theirs = scipy.interpolate.BSpline(t, coefficients, degree)
        inner = np.concatenate([x, t, np.nextafter(t, 2), np.nextafter(t, -2)])
        q = np.concatenate([rng.uniform(x[0], x[-1], 500), inner, rng.choice(x, 300)])
        q = np.clip(q, x[0], x[-1])
        got = core.evaluate(q[:, None], [0], False, [0.0])[:, 0]
        np.testing.assert_allclose(got, theirs(q), atol=1e-13)


@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e30, 1e150])
def test_any_unit_of_the_axes(scale):
    x = uneven(30)
    y = np.sin(x)
    q = np.linspace(-1, 2, 77)
    for degree in (4, 9):
        s = SplineInterpolator(x * scale, y, degree)
        np.testing.assert_allclose(s(q * scale), SplineInterpolator(x, y, degree)(q), atol=1e-14)
        xx = SplineInterpolator((x * scale, x), np.outer(y, y), degree)
        np.testing.assert_allclose(xx((q * scale, q)), np.sin(q) ** 2, atol=1e-6)


# --- calculus


@pytest.mark.parametrize("boundary", ["not-a-knot", "natural", "clamped", "periodic"])
@pytest.mark.parametrize("degree", DEGREES)
def test_antiderivative_undoes_the_derivative(degree, boundary):
    x = uneven(25)
    y = np.sin(2 * np.pi * (x + 1) / 3) + 0.5
    y[-1] = y[0]
    s = SplineInterpolator(x, y, degree, boundary=boundary)
    q = np.linspace(-1, 2, 101)
    integral = s.antiderivative()
    assert integral(-1.0) == pytest.approx(0.0, abs=1e-15)
    np.testing.assert_allclose(integral.derivative()(q), s(q), atol=1e-13)
    np.testing.assert_allclose(s.derivative().antiderivative()(q), s(q) - s(-1.0), atol=1e-12)
    if degree >= 5 and boundary == "periodic":
        exact = 0.5 * (q + 1) + 3 / (2 * np.pi) * (1 - np.cos(2 * np.pi * (q + 1) / 3))
        np.testing.assert_allclose(integral(q), exact, atol=1e-4)


def test_antiderivative_is_scipys():
    x = uneven(20)
    theirs = scipy.interpolate.make_interp_spline(x, np.exp(x), 5).antiderivative()
    q = np.linspace(-1, 2, 101)
    np.testing.assert_allclose(
        SplineInterpolator(x, np.exp(x), 5).antiderivative()(q), theirs(q), rtol=1e-13, atol=1e-14
    )


def test_antiderivatives_end_at_the_highest_degree():
    s = SplineInterpolator(np.arange(3.0), np.ones(3), 1)
    for _ in range(14):
        s = s.antiderivative()
    assert s.degree == (15,)
    assert s(2.0) == pytest.approx(2.0**14 / np.prod(np.arange(1.0, 15.0)))
    with pytest.raises(ValueError, match="degree"):
        s.antiderivative()


def test_derivative_beyond_the_degree_is_zero():
    s = SplineInterpolator((uneven(5), uneven(6)), np.ones((5, 6)), (2, 3))
    q = np.zeros((4, 2))
    assert not s(q, (3, 0)).any()
    assert not s(q, (0, 10**30)).any()
    zero = s.derivative((5, 1))
    assert zero.degree == (0, 2)
    assert not zero(q).any()


@pytest.mark.parametrize("degree", [3, 4, 5, 7, 9])
def test_roots_of_sin(degree):
    x = np.linspace(0.5, 30, 300)
    roots = SplineInterpolator(x, np.sin(x), degree).roots()
    truth = np.pi * np.arange(1, 10)
    assert roots.shape == truth.shape
    tolerance = 1e-7 if degree < 5 else 1e-9 if degree == 5 else 1e-12
    np.testing.assert_allclose(roots, truth, rtol=tolerance)


def test_roots_are_scipys():
    for seed in range(20):
        x = uneven(30, seed)
        y = np.random.default_rng(seed).uniform(-1, 1, 30)
        for degree in (1, 3, 5):
            theirs = scipy.interpolate.PPoly.from_spline(
                scipy.interpolate.make_interp_spline(x, y, degree)
            ).roots(extrapolate=False)
            np.testing.assert_allclose(
                SplineInterpolator(x, y, degree).roots(), np.unique(theirs), atol=1e-9
            )


def test_roots_in_special_places():
    x = np.linspace(-1, 1, 21)
    for degree in (1, 3, 4, 9):
        # at a knot, and at both ends
        roots = SplineInterpolator(x, x * (x - 1) * (x + 1), degree).roots()
        np.testing.assert_allclose(roots, [-1, 0, 1], atol=1e-14)
    close = SplineInterpolator(x, (x - 0.1234) * (x - 0.1235) * (x + 0.5), 3).roots()
    np.testing.assert_allclose(close, [-0.5, 0.1234, 0.1235], atol=1e-12)
    assert SplineInterpolator(x, 2 + x, 3).roots().size == 0
    flat = SplineInterpolator(np.arange(4.0), [1.0, 0.0, 0.0, 1.0], 1).roots()
    np.testing.assert_array_equal(flat, [1.0, np.nan, 2.0])
    sine = SplineInterpolator(
        np.linspace(0, 2 * np.pi, 41), np.sin(np.linspace(0, 2 * np.pi, 41)), boundary="periodic"
    )
    np.testing.assert_allclose(sine.roots()[:2], [0, np.pi], atol=1e-9)


# --- least squares


@pytest.mark.parametrize("degree", DEGREES)
def test_fit_finds_a_spline_again(degree):
    rng = np.random.default_rng(degree)
    knots = uneven(9)
    x = rng.uniform(-1, 2, 600)
    t = np.concatenate([[-1.0] * degree, knots, [2.0] * degree])
    spline = scipy.interpolate.BSpline(t, rng.uniform(-1, 1, t.size - degree - 1), degree)
    s = SplineInterpolator.fit(x, spline(x), knots, degree)
    np.testing.assert_allclose(s.knots[0], t)
    q = np.linspace(x.min(), x.max(), 200)
    np.testing.assert_allclose(s(q), spline(q), atol=1e-11)


def test_fit_is_scipys():
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(0, 1, 400))
    y = np.sin(9 * x) + 0.1 * rng.standard_normal(400)
    weights = rng.uniform(0.5, 2.0, 400)
    s = SplineInterpolator.fit(x, y, 12, 3, weights=weights**2)
    theirs = scipy.interpolate.make_lsq_spline(x, y, s.knots[0], 3, w=weights)
    np.testing.assert_allclose(s.coefficients, theirs.c, rtol=1e-9, atol=1e-12)
    # in any order
    order = rng.permutation(400)
    turned = SplineInterpolator.fit(x[order], y[order], 12, 3, weights=weights[order] ** 2)
    np.testing.assert_allclose(turned.coefficients, s.coefficients, rtol=1e-10, atol=1e-12)


def test_fit_in_two_dimensions_is_the_least_squares_solution():
    rng = np.random.default_rng(1)
    X = rng.uniform(-1, 1, (900, 2))
    y = rng.standard_normal((900, 2)) + X[:, :1]
    s = SplineInterpolator.fit(X, y, (5, 4), (3, 2))
    design = np.stack(
        [
            scipy.interpolate.NdBSpline(s.knots, unit.reshape(7, 5), (3, 2))(X)
            for unit in np.eye(35)
        ],
        axis=1,
    )
    expected = np.linalg.lstsq(design, y)[0].reshape(7, 5, 2)
    np.testing.assert_allclose(s.coefficients, expected, atol=1e-10)
    np.testing.assert_allclose(s(X), np.tensordot(design, expected.reshape(35, 2), 1), atol=1e-11)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_fit_to_the_last_digits(d):
    rng = np.random.default_rng(d)
    X = rng.uniform(-1, 1, (2000, d))
    y = np.exp(X.prod(axis=1))
    s = SplineInterpolator.fit(X, y, 9 if d == 1 else 4 if d == 2 else 2, 9 if d < 3 else 6)
    assert relative_rmse(s(X), y) < {1: 2e-14, 2: 1e-11, 3: 1e-4}[d]


def test_fit_where_there_are_no_points():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (3000, 2))
    X = X[np.hypot(*(X - 0.3).T) > 0.4]  # a hole, wider than a piece
    y = 1 + 2 * X[:, 0] - X[:, 1]
    s = SplineInterpolator.fit(X, y, 15, 3, extrapolate=True)
    q = rng.uniform(-1, 1, (500, 2))  # planes have no second differences
    np.testing.assert_allclose(s(q), 1 + 2 * q[:, 0] - q[:, 1], atol=1e-5)
    one = SplineInterpolator.fit([[0.0, 0.0], [1.0, 1.0]], [1.0, 2.0], 9, 3)
    np.testing.assert_allclose(one([[0.0, 0.0], [1.0, 1.0]]), [1.0, 2.0], atol=1e-6)
    assert np.isfinite(one.coefficients).all()


def test_fit_of_complex_values():
    x = np.linspace(0, 1, 200)
    s = SplineInterpolator.fit(x, np.exp(9j * x), 20)
    np.testing.assert_allclose(s(x), np.exp(9j * x), atol=1e-10)


# --- shapes and queries


def test_vector_valued_and_complex_values():
    rng = np.random.default_rng(0)
    axes = (uneven(9, 1), uneven(10, 2))
    q = rng.uniform(-1, 2, (4, 50, 2))
    for m in (1, 2, 3, 5, 9):
        values = rng.standard_normal((9, 10, m)) + 1j * rng.standard_normal((9, 10, m))
        s = SplineInterpolator(axes, values, (3, 7))
        assert s.coefficients.shape == values.shape
        assert s(q).shape == (4, 50, m)
        assert s.gradient(q).shape == (4, 50, m, 2)
        for o in range(m):
            real = SplineInterpolator(axes, values[..., o].real, (3, 7))
            imag = SplineInterpolator(axes, values[..., o].imag, (3, 7))
            np.testing.assert_allclose(s(q)[..., o], real(q) + 1j * imag(q), atol=1e-12)
            np.testing.assert_allclose(
                s.derivative((1, 2))(q)[..., o], real(q, (1, 2)) + 1j * imag(q, (1, 2)), atol=1e-8
            )
    line = SplineInterpolator(axes[0], rng.standard_normal((9, 2, 3)), 5)
    assert line(np.zeros((4, 2))).shape == (4, 2, 2, 3)
    assert line(0.0).shape == (2, 3)
    assert line.antiderivative()(np.zeros(5)).shape == (5, 2, 3)


def test_shapes_of_queries():
    x = uneven(9)
    line = SplineInterpolator(x, x)
    assert isinstance(line(0.5), float)
    assert line([0.5]).shape == (1,)
    assert line(np.zeros((4, 1))).shape == (4,)
    assert line(np.zeros((4, 3))).shape == (4, 3)
    assert line([]).shape == (0,)
    assert line.gradient(np.zeros(4)).shape == (4, 1)
    plane = SplineInterpolator((x, x), np.add.outer(x, x))
    assert plane([0.5, 0.25]) == pytest.approx(0.75)
    assert plane(np.zeros((0, 2))).shape == plane([]).shape == (0,)
    assert plane(np.zeros((0, 3, 2))).shape == (0, 3)
    assert plane((x[:, None], x)).shape == (9, 9)
    np.testing.assert_allclose(plane((x[:, None], x)), np.add.outer(x, x), atol=1e-14)
    assert plane(np.zeros((5, 2), dtype=int)).shape == (5,)


def test_outside_the_grid():
    x = np.linspace(0, 1, 12)
    q = np.array([-0.1, 0.5, 1.1, np.nan, np.inf, -np.inf])
    s = SplineInterpolator(x, x**2)
    np.testing.assert_allclose(s(q), [np.nan, 0.25, np.nan, np.nan, np.nan, np.nan])
    filled = SplineInterpolator(x, x**2, fill_value=-7.0)
    np.testing.assert_allclose(filled(q), [-7, 0.25, -7, np.nan, -7, -7])
    np.testing.assert_allclose(filled.derivative()(q), [-7, 1, -7, np.nan, -7, -7])
    beyond = SplineInterpolator(x, x**2, extrapolate=True)
    np.testing.assert_allclose(beyond(q[:3]), q[:3] ** 2, atol=1e-12)
    assert np.isnan(beyond(np.nan))
    plane = SplineInterpolator((x, x), np.outer(x, x + 1j), 3, fill_value=1j)
    np.testing.assert_allclose(
        plane([[0.5, 2.0], [np.nan, 2.0], [0.5, 0.5]])[[0, 2]], [1j, 0.25 + 0.5j]
    )
    assert np.isnan(plane([np.nan, 2.0]))
    ring = SplineInterpolator(x, np.sin(2 * np.pi * x), 3, boundary="periodic")
    np.testing.assert_array_equal(np.isnan(ring(q)), [0, 0, 0, 1, 1, 1])
    # the ends belong to the domain
    np.testing.assert_allclose(s([0.0, 1.0]), [0.0, 1.0], atol=1e-15)


def test_derivatives_at_a_knot_are_those_of_the_right_side():
    s = SplineInterpolator(np.arange(4.0), [0.0, 1.0, 3.0, 0.0], 1)
    np.testing.assert_allclose(s([0.0, 1.0, 2.0, 3.0], 1), [1.0, 2.0, -3.0, -3.0])
    np.testing.assert_allclose(s.derivative()([0.0, 1.0, 2.0, 3.0]), [1.0, 2.0, -3.0, -3.0])


@pytest.mark.parametrize("boundary", ["not-a-knot", "periodic"])
def test_pickle_and_copy(boundary):
    x = np.linspace(0, 1, 12)
    s = SplineInterpolator(
        (x, x), np.outer(np.sin(2 * np.pi * x), np.sin(2 * np.pi * x)) + 0j, (3, 4),
        boundary=boundary, fill_value=2j,
    )  # fmt: skip
    q = np.random.default_rng(0).uniform(-1, 2, (500, 2))
    for other in (pickle.loads(pickle.dumps(s)), copy.deepcopy(s)):
        np.testing.assert_array_equal(other(q), s(q))
        np.testing.assert_array_equal(other.derivative((1, 1))(q), s.derivative((1, 1))(q))


def test_same_bits_on_any_number_of_threads():
    rng = np.random.default_rng(0)
    q = rng.uniform(-1, 2, (20000, 2))
    x, values = uneven(40), rng.standard_normal((40, 40))
    threads = pk.get_num_threads()
    answers = []
    try:
        for n in (1, 3):
            pk.set_num_threads(n)
            s = SplineInterpolator((x, x), values)
            fitted = SplineInterpolator.fit(q, q[:, 0], 5, 3)
            answers.append((s.coefficients, s(q), s.gradient(q), fitted.coefficients))
    finally:
        pk.set_num_threads(threads)
    for one, three in zip(*answers, strict=True):
        np.testing.assert_array_equal(one, three)
    with ThreadPoolExecutor(4) as pool:
        for f in pool.map(s, [q] * 8):
            np.testing.assert_array_equal(f, answers[0][1])


# --- bad input

X9 = np.arange(9.0)
AXIS_ERRORS = {
    "NaN": ([0, 1, np.nan, 3, 4, 5, 6, 7, 8], r"axes\[0\]\[2\] is nan"),
    "infinite": ([0, 1, 2, 3, 4, 5, 6, 7, np.inf], r"axes\[0\]\[8\] is inf"),
    "descending": ([0, 1, 3, 2, 4, 5, 6, 7, 8], r"axes\[0\]\[3\] is"),
    "repeated": ([0, 1, 2, 2, 4, 5, 6, 7, 8], r"axes\[0\]\[3\] is"),
    "too wide": (np.linspace(-1, 1, 9) * 1.7e308, r"axes\[0\] is wider"),
    "empty": ([[]], r"axes\[0\] is empty"),
    "2-D": ([np.ones((3, 3))], r"axes\[0\] must have 1 dim"),
    "text": (["a", "b"], r"axes\[0\] must be an array of numbers"),
}


@pytest.mark.parametrize(("axes", "message"), AXIS_ERRORS.values(), ids=AXIS_ERRORS)
def test_bad_axes(axes, message):
    with pytest.raises(ValueError, match=message):
        SplineInterpolator(axes, np.ones(9))


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (np.where(X9 == 4, np.nan, X9), {}, r"values\[4\] is nan"),
        (np.where(X9 == 4, np.inf, 1j * X9), {}, r"values\[4\] is"),
        (np.ones(8), {}, r"values must have shape \(9,\)"),
        (np.ones((9, 0)), {}, "values is empty"),
        (np.array(["a"] * 9), {}, "values must be an array of numbers"),
        (X9, {"degree": 9}, r"degree 9 is too high for axes\[0\]: it has 9 points.*needs 10"),
        (X9, {"degree": 0}, "degree must be an integer of at least 1"),
        (X9, {"degree": 10}, "degree must be at most 9"),
        (X9, {"degree": 2.5}, "degree must be an integer"),
        (X9, {"degree": (3, 3)}, "degree must have an entry for each of 1 axes, got 2"),
        (X9, {"boundary": "open"}, "boundary must be one of"),
        (X9, {"boundary": ("natural", "natural")}, "boundary must have an entry"),
        (X9, {"boundary": "periodic"}, r"values must agree at both ends of the periodic axes\[0\]"),
        (X9, {"fill_value": "x"}, "fill_value must be a number"),
        (X9, {"fill_value": 1j}, "fill_value must be real"),
    ],
)
def test_bad_values_and_options(values, options, message):
    with pytest.raises(ValueError, match=message):
        SplineInterpolator(X9, values, **options)


def test_bad_queries_and_orders():
    plane = SplineInterpolator((X9, X9), np.ones((9, 9)))
    line = SplineInterpolator(X9, X9)
    for xi in (np.zeros((4, 3)), np.zeros(3), 0.0, (X9, X9, X9), (X9, X9[1:]), "a", [1j, 0]):
        with pytest.raises(ValueError, match="xi (must (be|have)|is a tuple)"):
            plane(xi)
    for nu in (1, (1,), (1, 1, 1), (-1, 0), (0.5, 0)):
        with pytest.raises(ValueError, match="nu must"):
            plane.derivative(nu)
        with pytest.raises(ValueError, match="nu must"):
            plane([0.0, 0.0], nu)
    with pytest.raises(ValueError, match="one axis"):
        plane.antiderivative()
    with pytest.raises(ValueError, match="one axis"):
        plane.roots()
    with pytest.raises(ValueError, match="one channel"):
        SplineInterpolator(X9, np.ones((9, 2))).roots()
    with pytest.raises(ValueError, match="degree 0"):
        line.derivative(7).roots()
    with pytest.raises(ValueError, match="axes must be of 1 to 6 dimensions, got 7"):
        SplineInterpolator([[0.0, 1.0]] * 7, np.ones([2] * 7), 1)
    with pytest.raises(ValueError, match="axes must be a sequence of arrays, got 3.0"):
        SplineInterpolator(3.0, [1.0])
    with pytest.raises(ValueError, match="axes must be of 1 to 6 dimensions, got 0"):
        SplineInterpolator([], 1.0, 1)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([0.0, np.nan], [1.0, 2.0], 3), {}, r"points\[1\] is nan"),
        (([0.0, 1.0], [1.0, np.inf], 3), {}, r"values\[1\] is inf"),
        (([0.0, 1.0], [1.0], 3), {}, "values must have 2 rows"),
        (([1.0, 1.0], [1.0, 2.0], 3), {}, "points must spread along axis 0"),
        (([0.0, 1.0], [1.0, 2.0], 1), {}, r"knots\[0\] must be an integer of at least 2"),
        (([0.0, 1.0], [1.0, 2.0], [0.0, 0.5]), {}, r"points\[1, 0\] is 1"),
        (([0.0, 1.0], [1.0, 2.0], [0.0, 0.0, 1.0]), {}, r"knots\[0\]\[1\] is"),
        (([0.0, 1.0], [1.0, 2.0], [0.5]), {}, r"knots\[0\] must have at least 2"),
        (([[0.0, 1.0]], [1.0], [3, 3, 3]), {}, "knots must have an entry for each of 2"),
        (([0.0, 1.0], [1.0, 2.0], 3), {"weights": [1.0]}, "weights must have 2 elements"),
        (([0.0, 1.0], [1.0, 2.0], 3), {"weights": [1.0, -1.0]}, r"weights\[1\] is -1"),
        ((np.ones((2, 7)), [1.0, 2.0], 3), {}, "points must be of 1 to 6 dimensions"),
    ],
)  # fmt: skip
def test_bad_fits(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        SplineInterpolator.fit(*arguments, 3, **options)
