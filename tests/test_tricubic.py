"""Tricubic interpolation on rectilinear grids."""

import pickle

import numpy as np
import pytest

import precisekit as pk
from precisekit.interpolate import TricubicInterpolator


def grid(shape, *, stretched=False, lo=-1.0, hi=1.0):
    axes = []
    for n in shape:
        u = np.linspace(0, 1, n)
        axes.append(lo + (hi - lo) * (u + 0.3 * u * (1 - u) if stretched else u))
    return axes


def on_grid(function, axes):
    return function(*np.meshgrid(*axes, indexing="ij"))


def wave(x, y, z):
    return np.sin(2 * x + 0.3) * np.exp(y / 2) * np.cos(z - x / 2)


def wave_gradient(x, y, z):
    a, b, c = 2 * x + 0.3, np.exp(y / 2), z - x / 2
    return np.stack(
        [
            2 * np.cos(a) * b * np.cos(c) + np.sin(a) * b * np.sin(c) / 2,
            np.sin(a) * b * np.cos(c) / 2,
            -np.sin(a) * b * np.sin(c),
        ],
        axis=-1,
    )


def points(n=2000, half=0.8, seed=3):
    return np.random.default_rng(seed).uniform(-half, half, (n, 3))


@pytest.mark.parametrize("stretched", [False, True])
def test_cubic_polynomials_are_exact(stretched):
    def cubic(x, y, z):
        return 1 + (x**3 - 2 * x) * (1 - y**3 + y**2) * (z**3 + 3)

    axes = grid((6, 5, 4), stretched=stretched)
    f = TricubicInterpolator(axes, on_grid(cubic, axes))
    X = points(half=1.0)
    assert np.abs(f(X) - cubic(*X.T.astype(np.longdouble))).max() <= 1e-13
    x, y, z = X.T
    slope = (3 * x**2 - 2) * (1 - y**3 + y**2) * (z**3 + 3)
    assert np.abs(f.gradient(X)[:, 0] - slope).max() <= 1e-12


def test_exact_at_the_nodes():
    axes = grid((5, 6, 7), stretched=True)
    values = np.random.default_rng(0).standard_normal((5, 6, 7))
    f = TricubicInterpolator(axes, values)
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    assert np.array_equal(f(nodes), values)


@pytest.mark.parametrize("stretched", [False, True])
def test_fourth_order(stretched):
    errors, slopes = [], []
    X = points()
    for n in (17, 33, 65):
        axes = grid((n, n, n), stretched=stretched)
        f = TricubicInterpolator(axes, on_grid(wave, axes))
        errors.append(np.sqrt(np.mean((f(X) - wave(*X.T)) ** 2)))
        slopes.append(np.sqrt(np.mean((f.gradient(X) - wave_gradient(*X.T)) ** 2)))
    assert np.all(np.log2(np.divide(errors[:-1], errors[1:])) > 3.8)
    assert np.all(np.log2(np.divide(slopes[:-1], slopes[1:])) > 2.8)


def test_five_times_the_precision_of_three_point_slopes():
    def three_point(axis, values):  # Catmull and Rom's cubic, inside, along x
        slope = np.gradient(values, axis, axis=0)
        h = axis[1] - axis[0]
        left, right = values[5:-6], values[6:-5]
        return (left + right) / 2 + h * (slope[5:-6] - slope[6:-5]) / 8

    axes = grid((41, 41, 41))
    values = on_grid(wave, axes)
    f = TricubicInterpolator(axes, values)
    middle = axes[0][5:-6] + (axes[0][1] - axes[0][0]) / 2
    X = np.stack(np.meshgrid(middle, axes[1], axes[2], indexing="ij"), axis=-1)
    truth = wave(*np.moveaxis(X, -1, 0))
    ours = np.sqrt(np.mean((f(X) - truth) ** 2))
    theirs = np.sqrt(np.mean((three_point(axes[0], values) - truth) ** 2))
    assert theirs >= 5 * ours


def test_continuous_with_its_gradient():
    axes = grid((6, 6, 6), stretched=True)
    f = TricubicInterpolator(axes, np.random.default_rng(1).standard_normal((6, 6, 6)))
    for axis in range(3):
        X = points(200)
        X[:, axis] = np.random.default_rng(axis).choice(axes[axis][1:-1], 200)
        before = X.copy()
        before[:, axis] = np.nextafter(X[:, axis], -2)
        assert np.abs(f(X) - f(before)).max() <= 1e-13
        assert np.abs(f.gradient(X) - f.gradient(before)).max() <= 1e-11
    X, h = points(200, half=0.5), 1e-6
    for axis in range(3):
        shift = h * np.eye(3)[axis]
        slope = (f(X + shift) - f(X - shift)) / (2 * h)
        assert np.abs(f.gradient(X)[:, axis] - slope).max() <= 1e-6


def test_feynman_equation_as_well_as_the_paper():
    q = pk.datasets.feynman("I.30.5")
    lo, hi = np.array(q.lo), np.array(q.hi)
    axes = [np.linspace(a, b, 32) for a, b in zip(lo, hi, strict=True)]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    f = TricubicInterpolator(axes, q(nodes.reshape(-1, 3)).reshape(32, 32, 32))
    X = (lo + hi) / 2 + 0.8 * (hi - lo) / 2 * points(5000, half=1.0)
    # fourth order brings it to 1/16 of this, under the paper's 5e-6, at 64 points an axis
    assert np.sqrt(np.mean((f(X) - q(X)) ** 2)) <= 16 * 4e-7


def test_shapes_and_layouts_of_queries():
    axes = grid((4, 5, 6))
    f = TricubicInterpolator(axes, on_grid(wave, axes))
    X = points(60)
    assert f(X[0]).shape == ()
    assert f(X.reshape(3, 20, 3)).shape == (3, 20)
    assert np.array_equal(f(X.reshape(3, 20, 3)).ravel(), f(X))
    assert f.gradient(X.reshape(3, 20, 3)).shape == (3, 20, 3)
    assert f(np.empty((0, 3))).shape == (0,)
    assert f.gradient(np.empty((0, 3))).shape == (0, 3)
    assert np.array_equal(f(np.asfortranarray(X)), f(X))
    for wrong in (np.ones(2), np.ones((4, 4)), 1.0):
        with pytest.raises(ValueError, match=r"xi must have shape \(\.\.\., 3\)"):
            f(wrong)


def test_outside_and_nan_are_nan():
    axes = grid((4, 5, 6))
    f = TricubicInterpolator(axes, on_grid(wave, axes))
    nan, inf = np.nan, np.inf
    bad = [[nan, 0, 0], [0, nan, 0], [0, 0, nan], [1.1, 0, 0], [0, -1.1, 0], [0, 0, inf]]
    assert np.isnan(f(bad)).all()
    assert np.isnan(f.gradient(bad)).all()
    assert np.isfinite(f([[1, 1, 1], [-1, -1, -1]])).all()


def test_threads_give_the_same_bits():
    axes = grid((8, 8, 8))
    f = TricubicInterpolator(axes, on_grid(wave, axes))
    X = points(20_000)
    before = pk.get_num_threads()
    try:
        pk.set_num_threads(1)
        one, slope = f(X), f.gradient(X)
        pk.set_num_threads(3)
        assert np.array_equal(f(X), one)
        assert np.array_equal(f.gradient(X), slope)
    finally:
        pk.set_num_threads(before)


def test_very_uneven_axes():
    axes = [np.geomspace(1e-6, 1.0, 40), np.array([0, 1e-12, 1, 2, 1e6]), np.linspace(0, 1, 4)]
    f = TricubicInterpolator(axes, on_grid(lambda x, y, z: x + y + z, axes))
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    assert np.array_equal(f(nodes), nodes.sum(axis=-1))
    between = np.sqrt(axes[0][1:] * axes[0][:-1])
    X = np.stack([between, 0 * between, 0 * between], axis=-1)
    assert np.allclose(f(X), between, rtol=1e-6, atol=1e-12)


def test_pickles():
    axes = grid((4, 5, 6))
    f = TricubicInterpolator(axes, on_grid(wave, axes))
    g = pickle.loads(pickle.dumps(f))
    assert np.array_equal(f(points()), g(points()))
    assert repr(g) == "<TricubicInterpolator on 4 x 5 x 6 points>"


def test_what_becomes_of_the_callers_arrays_is_his():
    axes = grid((4, 5, 6))
    values = on_grid(wave, axes)
    f = TricubicInterpolator(axes, values)
    before = f(points())
    values[:] = 0
    assert np.array_equal(pickle.loads(pickle.dumps(f))(points()), before)


def test_bad_input():
    axes = grid((4, 5, 6))
    values = on_grid(wave, axes)
    cases = [
        (axes[:2], values, "axes must be three arrays, got 2"),
        (3, values, "axes must be three arrays, got 1"),
        ([axes[0][:3], *axes[1:]], values[:3], r"axes\[0\] has 3 points"),
        ([axes[0][::-1], *axes[1:]], values, r"axes\[0\] must ascend, but axes\[0\]\[1\]"),
        ([axes[0], axes[1][[0, 1, 1, 2, 3]], axes[2]], values, r"axes\[1\]\[2\] = .* follows"),
        ([axes[0], axes[1], np.r_[axes[2][:5], np.nan]], values, r"axes\[2\]\[5\] is nan"),
        (axes, values[:3], r"values must have shape \(4, 5, 6\)"),
        (axes, values.ravel(), "values must have 3 dimensions"),
        (axes, np.where(values == values[1, 2, 3], np.inf, values), r"values\[1, 2, 3\] is inf"),
        (axes, values * 1j, "values must be real"),
    ]
    for bad_axes, bad_values, message in cases:
        with pytest.raises(ValueError, match=message):
            TricubicInterpolator(bad_axes, bad_values)
