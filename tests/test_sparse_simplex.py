"""Simplex interpolation without a mesh, against meshes and by the definition of Delaunay."""

import pickle
import signal
import threading

import numpy as np
import pytest
from scipy.interpolate import LinearNDInterpolator
from scipy.optimize import nnls
from scipy.spatial import Delaunay

import precisekit as pk
from precisekit import _core
from precisekit.interpolate import SimplexInterpolator


def sparse(points, values, **options):
    return SimplexInterpolator(points, values, method="sparse", **options)


def clouds(d, n, m, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((n, d)), rng.random(n), rng.random((m, d))


def assert_empty_spheres(points, indices):
    """No point lies inside the circumsphere of a simplex, by brute force."""
    corners = points[indices]
    edges = corners[:, 1:] - corners[:, :1]
    centers = np.linalg.solve(edges, 0.5 * (edges**2).sum(axis=2)[..., None])[..., 0]
    for corner, center in zip(corners[:, 0], centers, strict=True):
        nearest = np.linalg.norm(points - corner - center, axis=1).min()
        assert nearest > np.linalg.norm(center) * (1 - 1e-11)


@pytest.mark.parametrize(
    "d, n, m", [(2, 1000, 2000), (3, 500, 1000), (4, 200, 500), (5, 60, 300), (6, 40, 300)]
)
def test_the_same_simplex_as_in_a_mesh(d, n, m):
    points, values, queries = clouds(d, n, m)
    mesh = Delaunay(points)
    at = mesh.find_simplex(queries)
    f = sparse(points, values)
    indices, weights = f.weights(queries)
    inside = at >= 0
    np.testing.assert_array_equal(indices[:, 0] >= 0, inside)
    np.testing.assert_array_equal(
        np.sort(indices[inside], axis=1), np.sort(mesh.simplices[at[inside]], axis=1)
    )
    truth = LinearNDInterpolator(mesh, values)(queries)
    np.testing.assert_allclose(f(queries), truth, rtol=0, atol=1e-12)
    ours = SimplexInterpolator(points, values, method="mesh")
    np.testing.assert_allclose(f(queries), ours(queries), rtol=0, atol=1e-13)
    np.testing.assert_allclose(f.gradient(queries), ours.gradient(queries), rtol=1e-8, atol=1e-8)
    assert np.nanmin(weights) >= 0


def test_one_dimension():
    points, values, queries = clouds(1, 50, 500)
    order = np.argsort(points[:, 0])
    truth = np.interp(queries[:, 0], points[order, 0], values[order], left=np.nan, right=np.nan)
    np.testing.assert_allclose(sparse(points, values)(queries), truth, rtol=0, atol=1e-13)


@pytest.mark.parametrize("d, n", [(10, 500), (20, 400)])
def test_empty_spheres_in_many_dimensions(d, n):
    points, values, queries = clouds(d, n, 40)
    queries = 0.5 + 0.2 * (queries - 0.5)
    f = sparse(points, values)
    indices, weights = f.weights(queries)
    assert (indices >= 0).all()
    assert_empty_spheres(points, indices)
    np.testing.assert_allclose(
        (weights[..., None] * points[indices]).sum(axis=1), queries, rtol=0, atol=1e-14
    )


@pytest.mark.parametrize("per_axis, d", [(30, 2), (9, 3), (5, 4), (3, 6)])
def test_regular_grids(per_axis, d):
    axis = np.linspace(0, 1, per_axis)
    points = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1).reshape(-1, d)
    rng = np.random.default_rng(1)
    slope = rng.normal(size=d)
    f = sparse(points, points @ slope + 3)
    middles = (
        points[rng.integers(len(points), size=200)] + points[rng.integers(len(points), size=200)]
    ) / 2
    queries = np.concatenate([rng.random((200, d)), middles])
    np.testing.assert_allclose(f(queries), queries @ slope + 3, rtol=1e-14)
    np.testing.assert_allclose(f.gradient(queries), np.tile(slope, (400, 1)), rtol=0, atol=1e-11)
    assert_empty_spheres(points, f.weights(queries).indices)
    np.testing.assert_array_equal(f(points), f.values)


@pytest.mark.parametrize("d", [2, 3, 5])
def test_queries_on_the_hull_are_inside(d):
    points, values, _ = clouds(d, 100, 0, seed=2)
    facets = Delaunay(points).convex_hull
    rng = np.random.default_rng(3)
    shares = rng.dirichlet(np.ones(d), 500)
    chosen = points[facets[rng.integers(len(facets), size=500)]]
    queries = (shares[..., None] * chosen).sum(axis=1)
    indices, weights = sparse(points, values).weights(queries)
    assert (indices >= 0).all() and weights.min() >= 0
    np.testing.assert_allclose(
        (weights[..., None] * points[indices]).sum(axis=1), queries, atol=1e-14
    )


def test_points_come_back_to_the_last_bit():
    points, values, _ = clouds(7, 300, 0)
    f = sparse(points, values)
    np.testing.assert_array_equal(f(points), values)
    assert (f.weights(points).weights.max(axis=1) == 1).all()
    assert np.isfinite(f.gradient(points)).all()


def test_gradient_in_twenty_dimensions():
    points, _, queries = clouds(20, 300, 20)
    slope = np.arange(20.0)
    f = sparse(points, np.c_[points @ slope, -2 * (points @ slope)])
    gradient = f.gradient(0.5 + 0.1 * (queries - 0.5))
    assert gradient.shape == (20, 2, 20)
    np.testing.assert_allclose(gradient[:, 0], np.tile(slope, (20, 1)), rtol=0, atol=1e-9)
    np.testing.assert_allclose(gradient[:, 1], -2 * gradient[:, 0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("d, n", [(2, 100), (6, 150), (20, 200)])
def test_extrapolation_takes_the_nearest_point_of_the_hull(d, n):
    points, _, queries = clouds(d, n, 40, seed=4)
    queries = 3 * queries - 1
    f = sparse(points, points, extrapolate=True)  # the values tell the point
    nearest = f(queries)
    outside = np.isnan(sparse(points, points)(queries)).any(axis=1)
    assert outside.sum() > 20
    np.testing.assert_allclose(nearest[~outside], queries[~outside], rtol=0, atol=1e-14)
    for q, x in zip(queries[outside], nearest[outside], strict=True):
        # the weights by non-negative least squares; their sum is held at 1 by a large factor
        shares, _ = nnls(np.vstack([points.T, np.full(n, 1e4)]), np.append(q, 1e4))
        truth = points.T @ shares / shares.sum()
        np.testing.assert_allclose(x, truth, rtol=0, atol=1e-5)
        assert ((points - x) @ (x - q)).min() > -1e-13 * np.linalg.norm(x - q)


def test_extrapolation_on_a_grid_agrees_with_the_mesh():
    axis = np.linspace(0, 2, 4)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    values = points @ [1.0, 2.0, 3.0]
    queries = np.random.default_rng(5).uniform(-2, 4, (200, 3))
    f = sparse(points, values, extrapolate=True)
    truth = np.clip(queries, 0, 2) @ [1.0, 2.0, 3.0]
    np.testing.assert_allclose(f(queries), truth, rtol=0, atol=1e-13)
    along = ((queries >= 0) & (queries <= 2)) * [1.0, 2.0, 3.0]
    np.testing.assert_allclose(f.gradient(queries), along, rtol=0, atol=1e-11)


def test_threads_and_company_change_no_bit():
    points, values, queries = clouds(5, 300, 700)
    f = sparse(points, values, extrapolate=True)
    before = pk.get_num_threads()
    try:
        pk.set_num_threads(1)
        one = f(queries)
        pk.set_num_threads(3)
        np.testing.assert_array_equal(f(queries), one)
    finally:
        pk.set_num_threads(before)
    np.testing.assert_allclose([f(q) for q in queries[:50]], one[:50], rtol=0, atol=1e-15)


def test_the_other_services_of_the_interpolator():
    points, values, queries = clouds(6, 200, 100)
    queries = 0.5 + 0.4 * (queries - 0.5)
    f = sparse(points, values)
    assert f.method == "sparse"
    other = f.with_values(np.exp(1j * values))
    np.testing.assert_allclose(
        other(queries), f.weights(queries).apply(np.exp(1j * values)), rtol=0, atol=1e-15
    )
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(f))(queries), f(queries))
    scale = 10.0 ** np.arange(6)
    scaled = sparse(points * scale, values, rescale=True)
    plain = sparse((points - points.mean(axis=0)) / np.ptp(points, axis=0), values)
    np.testing.assert_allclose(
        scaled(queries * scale),
        plain((queries - points.mean(axis=0)) / np.ptp(points, axis=0)),
        rtol=0,
        atol=1e-12,
    )
    filled = sparse(points, values, fill_value=-7.0)
    assert filled(np.full(6, 9.0)) == -7.0
    assert np.isnan(filled([np.nan] * 6))


def test_auto_goes_without_a_mesh_where_it_is_out_of_reach():
    points, values, _ = clouds(3, 50, 0)
    assert SimplexInterpolator(points, values).method == "mesh"
    points, values, _ = clouds(8, 50, 0)
    assert SimplexInterpolator(points, values).method == "sparse"


def test_bad_points():
    points, values, queries = clouds(3, 50, 5)
    with pytest.raises(ValueError, match=r"at least 4 points in 3 dimensions, got 3"):
        sparse(points[:3], values[:3])
    with pytest.raises(ValueError, match=r"points\[40\] repeats points\[2\]"):
        sparse(np.r_[points[:40], points[2:3]], values[:41])
    flat = points.copy()
    flat[:, 1] = 1 - flat[:, 0]
    with pytest.raises(ValueError, match="hyperplane.*add small random numbers"):
        sparse(flat, values)
    with pytest.raises(ValueError, match=r"points\[1, 2\] is nan"):
        bad = points.copy()
        bad[1, 2] = np.nan
        sparse(bad, values)
    with pytest.raises(ValueError, match="a mesh"):
        sparse(Delaunay(points), values)
    f = sparse(points, values)
    assert f(np.empty((0, 3))).shape == (0,)
    queries[2, 1] = np.nan
    queries[3, 0] = np.inf
    answers = f(queries)
    assert np.isnan(answers[2:4]).all()
    with pytest.raises(ValueError, match="3"):
        f(np.zeros((2, 4)))


def test_repeated_points_count_as_the_first():
    points, _, queries = clouds(3, 60, 100)
    repeated = np.r_[points, points[10:20]]
    core = _core.SparseSimplex(repeated)
    assert core.size == 60 and core.dimension == 3
    for a, b in zip(core.locate(queries), _core.SparseSimplex(points).locate(queries), strict=True):
        np.testing.assert_array_equal(a, b)


def test_nearly_flat_points_are_answered_or_named():
    """A grid with noise of all sizes: the spheres through its simplices are almost the same."""
    axis = np.linspace(0, 1, 5)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    rng = np.random.default_rng(6)
    queries = 0.1 + 0.8 * rng.random((200, 3))
    for size in 10.0 ** np.arange(-17, -5):
        points = grid + size * rng.normal(size=grid.shape)
        f = sparse(points, points @ [1.0, 2.0, 3.0])
        np.testing.assert_allclose(f(queries), queries @ [1.0, 2.0, 3.0], rtol=0, atol=1e-11)


def test_ctrl_c_stops_the_queries():
    points, values, queries = clouds(10, 3000, 60_000)
    f = sparse(points, values)
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        f(queries)
    timer.join()
