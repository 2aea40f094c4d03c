"""SimplexInterpolator over a mesh: against SciPy, exact arithmetic, and linear functions."""

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import Delaunay

import precisekit as pk
from precisekit.interpolate import SimplexInterpolator

EPSILON = np.finfo(float).eps


def rotation(d, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0]


def grid(n, d):
    return np.stack(np.meshgrid(*[np.linspace(0, 1, n)] * d, indexing="ij"), -1).reshape(-1, d)


def affine(x, shift=0.7):
    """A function that linear interpolation has to give back."""
    return x @ np.arange(1.0, x.shape[-1] + 1) + shift


@pytest.fixture(scope="module", params=[2, 3, 4, 6])
def cloud(request):
    """Random points, values that no smooth function has, and queries in and around the hull."""
    d = request.param
    rng = np.random.default_rng(d)
    points = rng.uniform(-1, 1, (300 if d < 6 else 60, d))
    return points, rng.standard_normal(len(points)), rng.uniform(-0.9, 1.05, (3000, d))


class TestAgainstSciPy:
    def test_values_and_hull(self, cloud):
        points, values, xi = cloud
        tri = Delaunay(points)
        theirs = LinearNDInterpolator(tri, values)(xi)
        ours = SimplexInterpolator(points, values)(xi)
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
        assert 0 < np.isnan(ours).sum() < len(xi)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-11)
        np.testing.assert_array_equal(SimplexInterpolator(tri, values)(xi), ours)

    def test_rescale(self, cloud):
        points, values, xi = cloud
        units = 10.0 ** np.arange(points.shape[1])
        ours = SimplexInterpolator(points * units, values, rescale=True)(xi * units)
        theirs = LinearNDInterpolator(points * units, values, rescale=True)(xi * units)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-11)
        plain = SimplexInterpolator(points * units, values)(xi * units)
        assert np.nanmax(np.abs(ours - plain)) > 1e-3

    def test_fill_value(self, cloud):
        points, values, xi = cloud
        ours = SimplexInterpolator(points, values, fill_value=-3.5)(xi)
        theirs = LinearNDInterpolator(points, values, fill_value=-3.5)(xi)
        np.testing.assert_array_equal(ours == -3.5, theirs == -3.5)

    # What SciPy's own tests expect of LinearNDInterpolator, in two dimensions.

    CORNERS = np.array([(0, 0), (-0.5, -0.5), (-0.5, 0.5), (0.5, 0.5), (0.25, 0.3)])

    def test_values_at_the_points(self):
        y = np.arange(len(self.CORNERS), dtype=float)
        np.testing.assert_array_equal(SimplexInterpolator(self.CORNERS, y)(self.CORNERS), y)

    def test_coordinates_as_separate_arrays(self):
        y = np.arange(len(self.CORNERS), dtype=float)
        columns = tuple(self.CORNERS.T)
        f = SimplexInterpolator(columns, y)
        np.testing.assert_array_equal(f(*columns), y)
        np.testing.assert_array_equal(f(columns), y)
        assert f(0.1, np.zeros((3, 2))).shape == (3, 2)

    def test_complex_values(self):
        y = np.arange(len(self.CORNERS)) - 3j * np.arange(len(self.CORNERS))[::-1]
        np.testing.assert_array_equal(SimplexInterpolator(self.CORNERS, y)(self.CORNERS), y)

    def test_delaunay_as_points(self):
        y = np.arange(len(self.CORNERS)) - 3j
        f = SimplexInterpolator(Delaunay(self.CORNERS), y)
        np.testing.assert_array_equal(f(self.CORNERS), y)

    def test_mesh_of_another_package(self):
        tri = Delaunay(self.CORNERS)
        mesh = SimpleNamespace(
            points=tri.points, simplices=tri.simplices.astype(np.uint32), neighbors=tri.neighbors
        )
        y = np.arange(len(self.CORNERS))
        np.testing.assert_array_equal(SimplexInterpolator(mesh, y)(self.CORNERS), y)

    def test_rescale_of_a_mesh_is_refused(self):
        with pytest.raises(ValueError, match="rescale"):
            SimplexInterpolator(Delaunay(self.CORNERS), np.zeros(5), rescale=True)

    @pytest.mark.parametrize("rescale", [False, True])
    def test_two_triangles_of_a_square(self, rescale):
        corners = np.array([(0.0, 0), (0, 1), (1, 1), (1, 0)])
        y = np.array([1.0, 2, -3, 5])
        x = np.linspace(0, 1, 14)
        x = np.stack(np.meshgrid(x, x * 0.97), -1)
        f = SimplexInterpolator(corners, y, rescale=rescale)(x)
        np.testing.assert_allclose(
            f, LinearNDInterpolator(corners, y, rescale=rescale)(x), atol=1e-15
        )

    def test_pickle(self):
        x = np.random.default_rng(0).uniform(size=(30, 2))
        f = SimplexInterpolator(x, np.arange(30) + 1j, fill_value=2j, rescale=True)
        xi = np.random.default_rng(1).uniform(-0.2, 1.2, (200, 2))
        g = pickle.loads(pickle.dumps(f))
        np.testing.assert_array_equal(g(xi), f(xi))
        np.testing.assert_array_equal(g.gradient(xi), f.gradient(xi))

    def test_calls_from_several_threads(self):
        x = np.random.default_rng(0).uniform(size=(500, 2))
        f = SimplexInterpolator(x, affine(x))
        xi = np.random.default_rng(1).uniform(0, 1, (20_000, 2))
        expected, start = f(xi), threading.Barrier(8)

        def call(_):
            start.wait()
            return f(xi)

        with ThreadPoolExecutor(8) as pool:
            for result in pool.map(call, range(8)):
                np.testing.assert_array_equal(result, expected)


class TestShapes:
    POINTS = np.random.default_rng(3).uniform(size=(40, 2))

    @pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3), (0,), (3, 0, 2)])
    @pytest.mark.parametrize("trailing", [(), (1,), (4,), (2, 3)])
    @pytest.mark.parametrize("dtype", [float, complex])
    def test_of_queries_and_values(self, shape, trailing, dtype):
        rng = np.random.default_rng(0)
        values = rng.standard_normal((40, *trailing)).astype(dtype)
        if dtype is complex:
            values += 1j * rng.standard_normal(values.shape)
        f = SimplexInterpolator(self.POINTS, values)
        xi = rng.uniform(0.3, 0.7, (*shape, 2))
        out, gradient, weights = f(xi), f.gradient(xi), f.weights(xi)
        assert out.shape == shape + trailing and out.dtype == dtype
        assert gradient.shape == shape + trailing + (2,) and gradient.dtype == dtype
        assert weights.indices.shape == weights.weights.shape == (*shape, 3)
        np.testing.assert_array_equal(weights.apply(values), out)
        for index in np.ndindex(trailing):
            one = SimplexInterpolator(self.POINTS, values[(slice(None), *index)])
            np.testing.assert_array_equal(out[(..., *index)], one(xi))
            np.testing.assert_array_equal(gradient[(..., *index, slice(None))], one.gradient(xi))

    def test_empty_list(self):
        assert SimplexInterpolator(self.POINTS, np.zeros(40))([]).shape == (0,)

    def test_one_query_is_a_number(self):
        assert isinstance(SimplexInterpolator(self.POINTS, np.ones(40))([0.5, 0.5]), float)

    def test_integers_and_lists(self):
        f = SimplexInterpolator([[0, 0], [2, 0], [0, 2]], [0, 2, 4])
        assert f([1, 1]) == 3 and f([[1, 0]]).tolist() == [1]


class TestOneDimension:
    X = np.random.default_rng(5).permutation(np.linspace(-1, 2, 200) ** 3)

    def test_like_interp(self):
        y = np.sin(self.X)
        xi = np.random.default_rng(6).uniform(-1.2, 8.2, 5000)
        order = np.argsort(self.X)
        theirs = np.interp(xi, self.X[order], y[order], np.nan, np.nan)
        for points in (self.X, self.X[:, None]):
            f = SimplexInterpolator(points, y)
            np.testing.assert_allclose(f(xi), theirs, rtol=0, atol=4 * EPSILON)
            np.testing.assert_array_equal(f(self.X), y)
            np.testing.assert_array_equal(f(xi[:, None]), f(xi))

    def test_gradient(self):
        f = SimplexInterpolator([3.0, 0.0, 1.0], [5.0, 0.0, 1.0])
        np.testing.assert_array_equal(f.gradient([0.5, 2.0])[:, 0], [1.0, 2.0])

    def test_repeated_points(self):
        with pytest.raises(ValueError, match=r"points\[3\] repeats points\[0\]"):
            SimplexInterpolator([1.0, 2.0, 3.0, 1.0], np.zeros(4))


HARD = {
    "grid 2-D": grid(15, 2),
    "turned grid 2-D": grid(15, 2) @ rotation(2),
    "grid 3-D": grid(7, 3),
    "turned grid 3-D": grid(7, 3) @ rotation(3),
    "grid 4-D": grid(4, 4),
    "turned grid 4-D": grid(4, 4) @ rotation(4),
    "circles": np.concatenate(
        [
            r * np.c_[np.cos(np.arange(200) * np.pi / 100), np.sin(np.arange(200) * np.pi / 100)]
            for r in (1, 0.9, 0.5)
        ]
    ),
    "far from zero": grid(9, 2) + [1e6, -3e7],
    "thin": np.random.default_rng(0).uniform(size=(200, 2)) * [1, 1e-6],
    "tiny": np.random.default_rng(0).uniform(size=(200, 3)) * 1e-200,
    "huge": np.random.default_rng(0).uniform(size=(200, 3)) * 1e200,
}


@pytest.fixture(scope="module", params=HARD)
def hard(request):
    """Cospherical points, flat simplices, hulls that rounding makes concave."""
    points = HARD[request.param]
    return points, SimplexInterpolator(points, np.random.default_rng(1).uniform(size=len(points)))


class TestHardMeshes:
    def test_exact_at_the_points(self, hard):
        points, f = hard
        for order in (slice(None), np.random.default_rng(0).permutation(len(points))):
            np.testing.assert_array_equal(f(points[order]), f.values[order])

    def test_inside_has_an_answer_and_linear_functions_are_exact(self, hard):
        points, f = hard
        rng = np.random.default_rng(2)
        # convex combinations of few and of many points: on the hull, and all over the inside
        some = rng.dirichlet(np.ones(2), 2000), rng.dirichlet(np.full(40, 0.1), 4000)
        for shares in some:
            corners = points[rng.integers(len(points), size=shares.shape)]
            xi = (shares[..., None] * corners).sum(axis=1)
            indices, weights = f.weights(xi)
            assert (indices >= 0).all()
            assert (weights >= 0).all()
            np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=0, atol=4 * EPSILON)
            back = (weights[..., None] * points[indices]).sum(axis=1)
            np.testing.assert_allclose(back, xi, rtol=0, atol=64 * EPSILON * np.abs(points).max())

    def test_outside_has_none(self, hard):
        points, f = hard
        middle = points.mean(axis=0)
        xi = middle + 2.0 * (points - middle)
        hull = np.abs(points - middle).max(axis=1) > 0.45 * np.ptp(points, axis=0).max()
        assert np.isnan(f(xi[hull])).all() and hull.any()

    def test_same_answer_in_any_order_and_company(self, hard):
        points, f = hard
        rng = np.random.default_rng(4)
        i, j = rng.integers(len(points), size=(2, 500))
        xi = 0.5 * points[i] + 0.5 * points[j]
        answers = f(xi)
        order = rng.permutation(500)
        np.testing.assert_array_equal(f(xi[order]), answers[order])
        np.testing.assert_array_equal([f(x) for x in xi[:50]], answers[:50])


class TestHullEdges:
    """Many points on slanted lines, which rounding makes a hull that is a little concave."""

    @pytest.mark.parametrize("seed", range(8))
    def test_points_on_a_slanted_edge(self, seed):
        rng = np.random.default_rng(seed)
        corners = rng.uniform(-1, 1, (3, 2))
        along = [np.r_[0, np.sort(rng.uniform(size=300)) ** rng.uniform(1, 2)] for _ in range(3)]
        edges = [
            a + t[:, None] * (b - a) for a, b, t in zip(corners, np.roll(corners, 1, 0), along)
        ]
        inside = rng.dirichlet([1, 1, 1], 200) @ corners
        points = np.unique(np.concatenate([*edges, inside]), axis=0)
        f = SimplexInterpolator(points, rng.standard_normal(len(points)))
        np.testing.assert_array_equal(f(points), f.values)
        for edge in edges:
            for share in (0.5, 0.1, 1e-3):
                between = edge[:-1] + share * (edge[1:] - edge[:-1])
                assert np.isfinite(f(between)).all()
        outwards = points + 1e-6 * (points - inside.mean(axis=0))
        on_edge = np.isin(points, np.concatenate(edges)).all(axis=1)
        assert np.isnan(f(outwards[on_edge])).all()

    def test_faces_of_a_turned_cube(self):
        rng = np.random.default_rng(0)
        faces = []
        for axis in range(3):
            for side in (0.0, 1.0):
                face = rng.uniform(size=(150, 3))
                face[:, axis] = side
                faces.append(face)
        corners = grid(2, 3)
        turn = rotation(3, 3)
        points = np.concatenate([corners, *faces, rng.uniform(size=(100, 3))]) @ turn
        f = SimplexInterpolator(points, affine(points))
        np.testing.assert_array_equal(f(points), f.values)
        xi = np.concatenate([face[::-1] for face in faces]) @ turn
        np.testing.assert_allclose(f(xi), affine(xi), rtol=0, atol=2e-14)


def test_slivers_keep_the_position():
    """Simplices a millionth as thick as they are long: weights give the query back nonetheless."""
    rng = np.random.default_rng(0)
    x = np.linspace(0, 1, 60)
    points = np.concatenate([np.c_[x, 1e-7 * rng.uniform(size=60)], [[0.5, 1.0], [0.5, -1.0]]])
    f = SimplexInterpolator(points, affine(points))
    xi = np.c_[rng.uniform(0.05, 0.95, 3000), 1e-7 * rng.uniform(size=3000)]
    np.testing.assert_allclose(f(xi), affine(xi), rtol=0, atol=8 * EPSILON)


def test_against_rational_arithmetic():
    rng = np.random.default_rng(0)
    points = rng.uniform(size=(200, 2))
    points[:, 1] *= 1e-3
    f = SimplexInterpolator(points, rng.standard_normal(200))
    for x in rng.uniform([0.2, 0.2e-3], [0.8, 0.8e-3], (100, 2)):
        indices, weights = f.weights(x)
        a, b, c, q = ([Fraction(v) for v in p] for p in (*points[indices], x))

        def area(p, q, r):
            return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

        exact = np.array(
            [float(v / area(a, b, c)) for v in (area(q, b, c), area(a, q, c), area(a, b, q))]
        )
        assert exact.min() >= 0
        np.testing.assert_allclose(weights, exact, rtol=0, atol=1e-12)


class TestGradient:
    def test_of_linear_functions(self, cloud):
        points, _, xi = cloud
        d = points.shape[1]
        for rescale in (False, True):
            f = SimplexInterpolator(points, affine(points), rescale=rescale)
            inside = np.isfinite(f(xi))
            gradient = f.gradient(xi)
            np.testing.assert_array_equal(np.isnan(gradient).all(axis=1), ~inside)
            median = np.median(np.abs(gradient[inside] - np.arange(1.0, d + 1)))
            assert median < 1e-13

    def test_is_the_slope_of_the_interpolant(self):
        rng = np.random.default_rng(0)
        points = rng.uniform(size=(50, 2))
        f = SimplexInterpolator(points, rng.standard_normal((50, 3)) * (1 + 2j))
        xi, h = rng.uniform(0.3, 0.7, (200, 2)), 1e-7
        same = (f.weights(xi).indices == f.weights(xi + h).indices).all(axis=1)
        steps = np.stack([f(xi + h * e) - f(xi) for e in np.eye(2)], -1) / h
        np.testing.assert_allclose(f.gradient(xi)[same], steps[same], rtol=0, atol=1e-5)
        assert same.mean() > 0.9


class TestExtrapolation:
    @pytest.mark.parametrize("d", [1, 2, 3, 5])
    def test_is_the_value_at_the_nearest_point(self, d):
        """In a box the nearest point is the query, clipped."""
        rng = np.random.default_rng(d)
        points = np.concatenate([grid(2, d), rng.uniform(size=(60, d))])
        f = SimplexInterpolator(points, rng.standard_normal(len(points)), extrapolate=True)
        xi = rng.uniform(-1, 2, (2000, d))
        clipped = np.clip(xi, 0, 1)
        np.testing.assert_allclose(f(xi), f(clipped), rtol=0, atol=1e-13)
        plain = SimplexInterpolator(points, f.values)
        inside = (xi == clipped).all(axis=1)
        np.testing.assert_array_equal(f(xi[inside]), plain(xi[inside]))
        assert np.isnan(plain(xi[~inside])).all()
        gradient = f.gradient(xi)
        assert (gradient[xi != clipped] == 0).mean() > 0.9
        assert np.abs(gradient[xi != clipped]).max() < 1e-11
        if d < 5:
            np.testing.assert_allclose(
                gradient[xi == clipped],
                f.gradient(np.clip(xi, 1e-9, 1 - 1e-9))[xi == clipped],
                rtol=1e-6,
                atol=1e-6,
            )

    def test_nearest_point_of_a_slanted_hull(self):
        rng = np.random.default_rng(0)
        points = rng.standard_normal((100, 3))
        f = SimplexInterpolator(points, points, extrapolate=True)
        xi = 5 * rng.standard_normal((300, 3))
        nearest = f(xi)
        # no point of the hull is nearer: all lie beyond the plane through the nearest one
        outwards = xi - nearest
        beyond = np.einsum("qj,qpj->qp", outwards, points[None] - nearest[:, None]).max(axis=1)
        assert beyond.max() <= 1e-13

    def test_gradient_is_the_slope(self):
        rng = np.random.default_rng(0)
        points = rng.uniform(size=(40, 2)) * [1, 100]
        for rescale in (False, True):
            f = SimplexInterpolator(
                points, rng.standard_normal(40), rescale=rescale, extrapolate=True
            )
            xi = rng.uniform(-2, 3, (300, 2)) * [1, 100]
            h = 1e-6 * np.diag([1, 100])
            forward = np.stack([f(xi + e) - f(xi) for e in h], -1) / np.diag(h)
            backward = np.stack([f(xi) - f(xi - e) for e in h], -1) / np.diag(h)
            smooth = np.isclose(forward, backward, rtol=1e-3, atol=1e-6).all(axis=1)
            np.testing.assert_allclose(
                f.gradient(xi)[smooth], forward[smooth], rtol=2e-3, atol=1e-6
            )
            assert smooth.mean() > 0.95

    def test_what_is_not_finite_has_no_answer(self):
        points = np.random.default_rng(0).uniform(size=(20, 2))
        f = SimplexInterpolator(points, np.ones(20), fill_value=3.0, extrapolate=True)
        np.testing.assert_allclose(
            f([[9, 9], [np.nan, 0], [np.inf, 0]]), [1, np.nan, 3], rtol=1e-15
        )

    def test_in_hard_meshes(self, hard):
        points, _ = hard
        f = SimplexInterpolator(points, points, extrapolate=True)
        middle, width = points.mean(axis=0), np.ptp(points, axis=0).max()
        xi = middle + 1.5 * (points - middle)
        back = f(xi)
        assert np.isfinite(back).all()
        normal = xi - back
        beyond = np.einsum("qj,qpj->qp", normal / width, (points[None] - back[:, None]) / width)
        assert beyond.max() <= 64 * EPSILON * np.abs(points).max() / width


class TestReuse:
    def test_weights_and_other_values(self, cloud):
        points, values, xi = cloud
        f = SimplexInterpolator(points, values)
        indices, weights = located = f.weights(xi)
        np.testing.assert_array_equal(located.apply(values), f(xi))
        other = np.random.default_rng(0).standard_normal((len(points), 2))
        g = f.with_values(other)
        np.testing.assert_array_equal(located.apply(other), g(xi))
        np.testing.assert_array_equal(f(points), values)
        inside = indices[:, 0] >= 0
        by_hand = (weights[..., None] * other[indices]).sum(axis=1)[inside]
        np.testing.assert_allclose(by_hand, g(xi)[inside], rtol=0, atol=1e-14)
        pickled = pickle.loads(pickle.dumps(located))
        np.testing.assert_array_equal(pickled.apply(values), f(xi))

    def test_values_of_another_kind(self):
        points = np.random.default_rng(0).uniform(size=(20, 2))
        f = SimplexInterpolator(points, np.ones(20), fill_value=1.0)
        g = f.with_values(np.ones((20, 2)) * 1j)
        np.testing.assert_allclose(g([[0.5, 0.5], [9, 9]]), [[1j, 1j], [1, 1]], rtol=1e-15)

    def test_too_few_values(self):
        points = np.random.default_rng(0).uniform(size=(20, 2))
        located = SimplexInterpolator(points, np.ones(20)).weights(points)
        with pytest.raises(ValueError, match="there are 5 values"):
            located.apply(np.ones(5))


@pytest.mark.parametrize("d", [1, 2, 5, 7])
def test_same_bits_on_any_number_of_threads(d):
    rng = np.random.default_rng(0)
    points = rng.uniform(size=(40, d))
    f = SimplexInterpolator(points, rng.standard_normal(40), method="mesh")
    xi = rng.uniform(0.1, 0.9, (70_000, d))
    threads = pk.get_num_threads()
    try:
        pk.set_num_threads(1)
        answers = f(xi)
        pk.set_num_threads(3)
        np.testing.assert_array_equal(f(xi), answers)
    finally:
        pk.set_num_threads(threads)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_ordered_queries_are_answered_as_random_ones(d):
    rng = np.random.default_rng(0)
    points = np.concatenate([grid(2, d), rng.uniform(size=(60, d))])
    f = SimplexInterpolator(points, rng.standard_normal((len(points), 2)), fill_value=3.0)
    n = {1: 5000, 2: 70, 3: 17}[d]
    xi = np.stack(np.meshgrid(*[np.linspace(-0.1, 1.1, n)] * d, indexing="ij"), -1).reshape(-1, d)
    xi[40, 0] = np.nan
    order = rng.permutation(len(xi))
    answers = f(xi)
    np.testing.assert_array_equal(f(xi[order]), answers[order])
    by_weights = f.weights(xi).apply(f.values)
    inside = np.isfinite(by_weights)
    np.testing.assert_array_equal(answers[inside], by_weights[inside])
    assert (answers[~inside & ~np.isnan(answers)] == 3.0).all() and 0.1 < inside.mean() < 0.95
    assert np.isnan(answers[40]).all()


def test_more_queries_than_one_part():
    points = np.random.default_rng(0).uniform(size=(50, 2))
    f = SimplexInterpolator(points, affine(points), fill_value=-1.0)
    xi = np.random.default_rng(1).uniform(-0.1, 1.1, (600_000, 2))
    answers = f(xi)
    outside = answers == -1.0
    assert 0.2 < outside.mean() < 0.6
    np.testing.assert_allclose(answers[~outside], affine(xi[~outside]), rtol=0, atol=1e-14)
    np.testing.assert_array_equal(f.weights(xi).indices[:, 0] < 0, outside)


class TestBadInput:
    POINTS = np.random.default_rng(0).uniform(size=(30, 2))

    def test_nan_queries_are_answered_by_nan(self):
        f = SimplexInterpolator(self.POINTS, np.ones(30), fill_value=7.0)
        xi = [[np.nan, 0.5], [0.5, 0.5], [0.5, np.nan], [np.inf, 0.5], [np.nan, np.inf]]
        np.testing.assert_allclose(f(xi), [np.nan, 1.0, np.nan, 7.0, np.nan], rtol=1e-15)
        assert np.isnan(f.gradient(xi)).all(axis=1).tolist() == [True, False, True, True, True]

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_points_and_values_are_finite(self, bad):
        points, values = self.POINTS.copy(), np.ones((30, 2))
        points[4, 1] = bad
        with pytest.raises(ValueError, match=r"points\[4, 1\]"):
            SimplexInterpolator(points, values)
        values[7, 0] = bad
        with pytest.raises(ValueError, match=r"values\[7, 0\]"):
            SimplexInterpolator(self.POINTS, values)
        with pytest.raises(ValueError, match=r"values\[7, 0\]"):
            SimplexInterpolator(self.POINTS, np.ones(30)).with_values(values)

    def test_repeated_points(self):
        points = np.concatenate([self.POINTS, self.POINTS[[5, 3]]])
        with pytest.raises(ValueError, match=r"points\[30\] repeats points\[5\].*drop"):
            SimplexInterpolator(points, np.ones(32))

    def test_points_too_close(self):
        cluster = 0.5 + 1e-14 * np.random.default_rng(0).uniform(size=(20, 2))
        with pytest.raises(ValueError, match="too close together.*QJ"):
            SimplexInterpolator(np.concatenate([self.POINTS, cluster]), np.ones(50))

    @pytest.mark.parametrize("d", [2, 3, 5])
    def test_points_on_a_hyperplane(self, d):
        rng = np.random.default_rng(0)
        points = rng.uniform(size=(50, d - 1)) @ rng.standard_normal((d - 1, d))
        with pytest.raises(ValueError, match=f"hyperplane.*span {d - 1} of {d}.*QJ"):
            SimplexInterpolator(points, np.ones(50))

    @pytest.mark.parametrize("d", [1, 2, 4])
    def test_too_few_points(self, d):
        with pytest.raises(ValueError, match=f"at least {d + 1} points"):
            SimplexInterpolator(np.random.default_rng(0).uniform(size=(d, d)), np.ones(d))

    def test_as_few_as_may_be(self):
        for d in (1, 2, 3, 8):
            points = np.concatenate([np.zeros((1, d)), np.eye(d)])
            f = SimplexInterpolator(points, affine(points))
            assert f(np.full(d, 0.5 / d)[None])[0] == pytest.approx(affine(np.full(d, 0.5 / d)))

    def test_shapes(self):
        f = SimplexInterpolator(self.POINTS, np.ones(30))
        for xi in (np.zeros((4, 3)), np.zeros(3), 0.5, (0.1, 0.2, 0.3)):
            with pytest.raises(ValueError, match=r"xi must have shape \(\.\.\., 2\)"):
                f(xi)
        with pytest.raises(ValueError, match="broadcast"):
            f(np.zeros(2), np.zeros(3))
        with pytest.raises(ValueError, match="30 rows"):
            SimplexInterpolator(self.POINTS, np.ones(29))
        with pytest.raises(ValueError, match="points"):
            SimplexInterpolator(np.zeros((2, 2, 2)), np.ones(2))

    def test_kinds(self):
        with pytest.raises(ValueError, match="xi"):
            SimplexInterpolator(self.POINTS, np.ones(30))([["a", "b"]])
        with pytest.raises(ValueError, match="values"):
            SimplexInterpolator(self.POINTS, ["a"] * 30)
        with pytest.raises(ValueError, match="real"):
            SimplexInterpolator(self.POINTS * 1j, np.ones(30))
        with pytest.raises(ValueError, match="fill_value"):
            SimplexInterpolator(self.POINTS, np.ones(30), fill_value=1j)
        with pytest.raises(ValueError, match="method"):
            SimplexInterpolator(self.POINTS, np.ones(30), method="meshy")

    def test_furthest_sites(self):
        with pytest.raises(ValueError, match="furthest"):
            SimplexInterpolator(Delaunay(self.POINTS, furthest_site=True), np.ones(30))

    def test_joggled_mesh(self):
        points = grid(6, 3) @ rotation(3)
        f = SimplexInterpolator(Delaunay(points, qhull_options="QJ Qbb"), affine(points))
        np.testing.assert_array_equal(f(points), f.values)
