"""The Delaunay simplex around each query, without the mesh."""

from __future__ import annotations

import numpy as np

from .. import _core
from ._delaunay import check_distinct


class SparseMesh:
    """Location of queries among points whose Delaunay mesh is never made.

    Parameters
    ----------
    points : ndarray (n, d)
        Distinct, n > d, not all on a hyperplane.

    Raises
    ------
    ValueError
        If they are not; the message says how to go on.
    """

    def __init__(self, points: np.ndarray):
        n, d = points.shape
        if n <= d:
            raise ValueError(f"points must hold at least {d + 1} points in {d} dimensions, got {n}")
        check_distinct(points)
        self.points = points
        self._core = _core.SparseSimplex(points)

    def __reduce__(self):
        return SparseMesh, (self.points,)

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
        indices, weights, _ = self.locate(xi, extrapolate)
        out = _core.weighted_values(indices, weights, columns)
        out[(indices[:, 0] < 0) & ~np.isnan(xi).any(axis=1)] = fill
        return out


def is_better_sparse(n: int, d: int) -> bool:
    """Whether "auto" goes without a mesh: where Qhull would take more than some ten seconds."""
    most = {1: np.inf, 2: np.inf, 3: np.inf, 4: 50_000, 5: 4_000, 6: 1_000}
    return n > most.get(d, 0)
