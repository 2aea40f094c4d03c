"""Piecewise linear interpolation of scattered data in Delaunay simplices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import _core
from .._checks import check_finite, check_kind, finite_array
from ._delaunay import delaunay_mesh, mesh_of_delaunay
from ._points import answer, points_array, stacked
from ._sparse_simplex import SparseMesh, is_better_sparse

METHODS = ("auto", "mesh", "sparse")

# Queries are answered in parts of this many, so that memory stays bounded.
_PART = 1 << 18


class SimplexWeights(NamedTuple):
    """Where queries lie: reusable for any values on the same points.

    Unpacks to two arrays, so that ``(weights * values[indices]).sum(axis=-1)`` interpolates;
    `apply` does the same many times faster.
    """

    #: Rows of the points at the corners of the simplices, (..., d + 1); -1 without an answer.
    indices: np.ndarray
    #: Barycentric weights, (..., d + 1), not negative, of sum 1; NaN where there is no answer.
    weights: np.ndarray

    def apply(self, values) -> np.ndarray:
        """Interpolate other values on the same points.

        Parameters
        ----------
        values : array_like (n, ...)
            Real or complex.

        Returns
        -------
        answers : ndarray (..., ...)
            NaN where a query had no answer.

        Raises
        ------
        ValueError
            For NaN or infinity, and for fewer values than there were points.
        """
        values = _checked_values(values)
        corners = self.indices.shape[-1]
        out = _core.weighted_values(
            self.indices.reshape(-1, corners), self.weights.reshape(-1, corners), _columns(values)
        )
        return _like_values(out, self.indices.shape[:-1], values)


class SimplexInterpolator:
    """Piecewise linear interpolation of scattered data in any dimension.

    The points are joined by a Delaunay mesh; in each of its simplices the interpolant is the linear
    function through the values at the corners.

    Parameters
    ----------
    points : array_like (n, d), tuple of d array_like, or scipy.spatial.Delaunay
        Distinct points, n > d, not all on a hyperplane; in one dimension also (n,). A mesh that is
        already there is used as it is, SciPy's or another with the same ``points``, ``simplices``
        and ``neighbors``; points that it leaves out do not count.
    values : array_like (n, ...)
        Real or complex values at the points; trailing axes hold several functions at once.
    fill_value : number, optional
        Answer to queries outside of the convex hull of the points.
    rescale : bool, optional
        Map the points to the unit cube before they are joined: for axes of very different units.
    extrapolate : bool, optional
        Answer queries outside of the hull by the value at the nearest point of the hull (with
        ``rescale``, nearest in the unit cube), and not by ``fill_value``.
    method : {"auto", "mesh", "sparse"}, optional
        "mesh" makes the whole mesh, with Qhull: in up to three dimensions a matter of seconds, in
        six of minutes for a few thousand points. "sparse" makes nothing, and finds the simplex
        around each query by itself: in any dimension, for any number of points, at some thousand
        queries a second (after Chang et al., ACM TOMS Algorithm 1012, 2020). Where the mesh is
        unique, the two find the same simplices. "auto" takes the mesh where Qhull is quick.

    Raises
    ------
    ValueError
        For NaN, infinity, shapes that do not fit, too few or repeated points, and points on a
        hyperplane, naming the argument and the first bad index, with a way to go on.

    Notes
    -----
    At the points the values come back to the last bit, and a query on the hull to within rounding
    is inside. A query that holds NaN is answered by NaN.

    Queries are answered along a Morton curve on all threads, with the GIL released, in parts of
    262,144: besides queries and answers only what one part needs takes memory, 4 MB for its order,
    and for gradients and without a mesh its weights, 20 MB in two dimensions and 40 MB in six.
    Queries that come in an order that keeps neighbours together are answered as they come.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    >>> f = SimplexInterpolator(points, [0, 1, 2, 3])
    >>> float(f([0.25, 0.5]))
    1.25
    """

    def __init__(
        self,
        points,
        values,
        fill_value=np.nan,
        rescale=False,
        extrapolate=False,
        method="auto",
    ):
        if method not in METHODS:
            raise ValueError(f"method must be one of {METHODS}, got {method!r}")
        self._offset = self._scale = None
        if _is_delaunay(points):
            if rescale:
                raise ValueError("rescale must be False when points is a mesh: it is already made")
            if method == "sparse":
                raise ValueError('method must not be "sparse" when points is a mesh: it is there')
            self._locator = mesh_of_delaunay(points)
            method = "mesh"
            self.points = np.ascontiguousarray(points.points, dtype=np.float64)
        else:
            self.points = _points(points)
            if rescale:
                self._offset, self._scale = self.points.mean(axis=0), np.ptp(self.points, axis=0)
                self._scale[self._scale == 0] = 1.0
            if method == "auto":
                method = "sparse" if is_better_sparse(*self.points.shape) else "mesh"
            locator = SparseMesh if method == "sparse" else delaunay_mesh
            self._locator = locator(self._in_mesh(self.points))
        self.extrapolate = bool(extrapolate)
        self.method = method
        self._set_values(values)
        self.fill_value = fill_value
        self._filling()

    def with_values(self, values) -> SimplexInterpolator:
        """The interpolator of other values (n, ...) on the same points, over the same mesh."""
        other = object.__new__(SimplexInterpolator)
        other.__dict__.update(self.__dict__)
        other._set_values(values)
        other._filling()
        return other

    def __call__(self, *xi) -> np.ndarray:
        """Interpolate.

        Parameters
        ----------
        xi : array_like (..., d), or d array_like that broadcast
            Queries; in one dimension an array of any shape is as many.

        Returns
        -------
        answers : ndarray (..., ...)
            One for each query, followed by the trailing axes of the values.

        Raises
        ------
        ValueError
            If the queries are not of real numbers or of another dimension.
        """
        queries, shape = self._queries(xi)
        columns, parts_of_fill = _columns(self.values), self._filling()
        fill = np.tile(parts_of_fill, columns.shape[1] // len(parts_of_fill))
        out = np.empty((len(queries), columns.shape[1]))
        for part, xi in self._parts(queries):
            out[part] = self._locator.interpolate(xi, columns, self.extrapolate, fill)
        return _like_values(out, shape, self.values)

    def gradient(self, *xi) -> np.ndarray:
        """Gradient of the interpolant.

        Parameters
        ----------
        xi : array_like (..., d), or d array_like that broadcast

        Returns
        -------
        gradients : ndarray (..., ..., d)
            As `__call__`, with the derivatives along the coordinates last. Between simplices, where
            it jumps, that of one of them; outside of the hull NaN, or, with ``extrapolate``, its
            part along the face of the hull that is nearest.

        Raises
        ------
        ValueError
            If the queries are not of real numbers or of another dimension.
        """
        queries, shape = self._queries(xi)
        columns, d = _columns(self.values), self.points.shape[1]
        out = np.empty((len(queries), columns.shape[1], d))
        for part, xi in self._parts(queries):
            located = self._locator.locate(xi, self.extrapolate)
            gradients = _core.simplex_gradients(self._locator.points, *located, columns)
            out[part] = gradients.reshape(-1, columns.shape[1], d)
        if self._scale is not None:
            out /= self._scale
        # the parts of a complex number must be neighbours to be seen as one
        by_column = np.ascontiguousarray(np.moveaxis(out, 2, 1))
        return np.moveaxis(_like_values(by_column, (*shape, d), self.values), len(shape), -1)

    def weights(self, *xi) -> SimplexWeights:
        """Where queries lie, to interpolate other values there without looking again.

        Parameters
        ----------
        xi : array_like (..., d), or d array_like that broadcast

        Returns
        -------
        weights : SimplexWeights
            ``indices, weights``, both (..., d + 1); ``weights.apply(values)`` interpolates.

        Raises
        ------
        ValueError
            If the queries are not of real numbers or of another dimension.
        """
        queries, shape = self._queries(xi)
        corners = self.points.shape[1] + 1
        indices = np.empty((len(queries), corners), dtype=np.intp)
        weights = np.empty((len(queries), corners))
        for part, xi in self._parts(queries):
            indices[part], weights[part], _ = self._locator.locate(xi, self.extrapolate)
        return SimplexWeights(indices.reshape(*shape, corners), weights.reshape(*shape, corners))

    def _set_values(self, values):
        values = _checked_values(values).copy()  # what the caller does to his leaves ours alone
        if len(values) != len(self.points):
            raise ValueError(
                f"values must have {len(self.points)} rows as points has, got {len(values)}"
            )
        self.values = values

    def _filling(self) -> np.ndarray:
        """The parts of the fill value, one or two real numbers."""
        try:
            if np.ndim(self.fill_value) > 0 or self.fill_value is None:
                raise ValueError
            return np.array([self.fill_value], dtype=self.values.dtype).view(np.float64)
        except (TypeError, ValueError):
            kind = "complex" if np.iscomplexobj(self.values) else "real"
            raise ValueError(
                f"fill_value must be a {kind} number, got {self.fill_value!r}"
            ) from None

    def _queries(self, xi: tuple) -> tuple[np.ndarray, tuple[int, ...]]:
        xi, d = stacked(xi[0] if len(xi) == 1 else xi, "xi"), self.points.shape[1]
        return points_array(xi, d)

    def _in_mesh(self, x: np.ndarray) -> np.ndarray:
        """Coordinates in which the points are joined."""
        return x if self._scale is None else (x - self._offset) / self._scale

    def _parts(self, queries: np.ndarray):
        """Where parts of the queries stand, and they themselves, as the locator knows them."""
        for first in range(0, len(queries), _PART):
            part = slice(first, first + _PART)
            yield part, self._in_mesh(queries[part])


def _is_delaunay(points) -> bool:
    return hasattr(points, "simplices") and hasattr(points, "neighbors")


def _points(points) -> np.ndarray:
    points = finite_array(stacked(points, "points"), "points", (1, 2))
    return points.reshape(len(points), -1).copy()


def _checked_values(values) -> np.ndarray:
    try:
        given = np.asarray(values)
        dtype = np.complex128 if np.iscomplexobj(given) else np.float64
        array = np.ascontiguousarray(given, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"values must be an array of numbers: {error}") from None
    check_kind(values, given, "values")
    if given.ndim == 0:
        raise ValueError("values must have at least 1 dimension, got a number")
    check_finite(array, "values")
    return array


def _columns(values: np.ndarray) -> np.ndarray:
    """Values (n, ...) as real columns; the two parts of a complex number are neighbours."""
    return values.reshape(len(values), int(np.prod(values.shape[1:]))).view(np.float64)


def _like_values(out: np.ndarray, shape: tuple[int, ...], values: np.ndarray) -> np.ndarray:
    """Real columns of answers in the shape of the queries and with the type of the values."""
    return answer(out.view(values.dtype), (*shape, *values.shape[1:]))
