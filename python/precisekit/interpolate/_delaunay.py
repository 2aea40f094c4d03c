"""The Delaunay mesh of points, and what to say when there is none."""

from __future__ import annotations

import numpy as np

from .. import _core


class Mesh:
    """Location of queries in a Delaunay mesh, given as SciPy's Delaunay gives it.

    Parameters
    ----------
    points : ndarray (n, d)
    simplices, neighbors : ndarray (m, d + 1) of int32
    """

    def __init__(self, points: np.ndarray, simplices: np.ndarray, neighbors: np.ndarray):
        self.points = points
        self._arguments = (points, simplices, neighbors)
        self._core = _core.SimplexMesh(points, simplices, neighbors)

    def __reduce__(self):
        return Mesh, self._arguments

    def locate(
        self, xi: np.ndarray, extrapolate: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows of the points (m, d + 1), their weights (m, d + 1), and whether inside (m,).

        Queries outside have rows -1 and weights NaN, or those of the nearest point of the hull.
        """
        return self._core.locate(xi, extrapolate)

    def interpolate(
        self, xi: np.ndarray, columns: np.ndarray, extrapolate: bool, fill: np.ndarray
    ) -> np.ndarray:
        """Values (m, k) of the interpolant of `columns` (n, k).

        Queries outside are answered by `fill` (k,), or by the value at the nearest point of the
        hull, and those that hold NaN by NaN.
        """
        return self._core.interpolate(xi, columns, extrapolate, fill)


def mesh_of_delaunay(tri) -> Mesh:
    """The mesh of a ``scipy.spatial.Delaunay``, or of what has its attributes.

    Points that it leaves out do not count.

    Raises
    ------
    ValueError
        If it is a mesh of the furthest sites.
    """
    if getattr(tri, "furthest_site", False):
        raise ValueError("points is a Delaunay mesh of the furthest sites: it cannot interpolate")
    points = np.ascontiguousarray(tri.points, dtype=np.float64)
    return Mesh(points, _table(tri.simplices), _table(tri.neighbors))


def delaunay_mesh(points: np.ndarray) -> Mesh:
    """The Delaunay mesh of distinct points (n, d), n > d, not all on a hyperplane.

    Qhull (in SciPy) does the work in two and more dimensions. Where rounding makes it fail or leave
    points out, as it does far from the origin, it is asked again for points around zero.

    Raises
    ------
    ValueError
        For too few points, repeated points, points on a hyperplane, and points too close for
        Qhull to keep apart; with a way to go on.
    """
    n, d = points.shape
    if n <= d:
        raise ValueError(f"points must hold at least {d + 1} points in {d} dimensions, got {n}")
    if d == 1:
        return _line(points)

    from scipy.spatial import Delaunay, QhullError

    tri = failure = None
    for attempt in (lambda: points, lambda: _around_zero(points)):
        try:
            tri = Delaunay(attempt())
        except QhullError as error:
            failure = error
            continue
        if len(tri.coplanar) == 0:
            return Mesh(points, _table(tri.simplices), _table(tri.neighbors))

    check_distinct(points)
    if tri is None:
        rank = np.linalg.matrix_rank(_around_zero(points))
        if rank < d:
            raise ValueError(
                f"points all lie on a hyperplane (to rounding they span {rank} of {d} dimensions): "
                "drop the coordinates that depend on the others, set rescale=True if the axes have "
                "very different units, or joggle: pass scipy.spatial.Delaunay(points, "
                "qhull_options='QJ Qbb') as points"
            ) from None
        first_line = str(failure).strip().splitlines()[0]
        raise ValueError(f"points cannot be triangulated: {first_line}")
    left_out, _, vertex = tri.coplanar[0]
    raise ValueError(
        f"points[{left_out}] and points[{vertex}] are too close together for the triangulation "
        f"({len(tri.coplanar)} points like the first would be left out): drop near duplicates, set "
        "rescale=True if the axes have very different units, or joggle: pass "
        "scipy.spatial.Delaunay(points, qhull_options='QJ Qbb') as points"
    )


def _table(array) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.int32)


def _around_zero(points: np.ndarray) -> np.ndarray:
    centered = points - points.mean(axis=0)
    largest = np.abs(centered).max()
    return np.ldexp(centered, -np.frexp(largest)[1])


def _line(points: np.ndarray) -> Mesh:
    """Intervals between neighbours on the line."""
    order = np.argsort(points[:, 0], kind="stable").astype(np.int32)
    check_distinct(points)
    m = len(order) - 1
    right = np.arange(1, m + 1, dtype=np.int32)
    right[-1] = -1
    left = np.arange(-1, m - 1, dtype=np.int32)
    return Mesh(points, np.c_[order[:-1], order[1:]], np.c_[right, left])


def check_distinct(points: np.ndarray) -> None:
    """Raise ValueError for repeated points, naming the first that repeats another."""
    order = np.lexsort(points.T[::-1])
    same = (points[order[1:]] == points[order[:-1]]).all(axis=1)
    if same.any():
        # lexsort is stable: of equal points the one that came first stands first
        repeats = order[1:][same]
        at = int(np.argmin(repeats))
        second, first = int(repeats[at]), int(order[:-1][same][at])
        raise ValueError(
            f"points[{second}] repeats points[{first}] ({same.sum()} points are repetitions): drop "
            "them, for example with numpy.unique(points, axis=0, return_index=True), or take the "
            "mean of their values"
        )
