"""Tensor-product splines on rectilinear grids, and least-squares splines of scattered data."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .. import _core
from .._checks import check_finite, check_kind, finite_array, positive_int
from ..export import Exportable
from ._points import answer, points_array, stacked

BOUNDARIES = ("not-a-knot", "natural", "clamped", "periodic")
MAX_AXES = 6
MAX_DEGREE = 9
VANISHING = 16  # order of a derivative that is zero, of antiderivatives too


class SplineInterpolator(Exportable):
    """Spline of any degree through values on a rectilinear grid in one to six dimensions.

    Products of B-splines. The banded systems for their coefficients are solved in extended
    precision, one axis after the other, and evaluation errs by a few units in the last place of the
    largest coefficient nearby: for smooth data of enough points all error is that of rounding.

    Parameters
    ----------
    axes : sequence of d array_like (n_1,), ..., (n_d,)
        Strictly ascending coordinates of the grid; in one dimension the array alone will do.
    values : array_like (n_1, ..., n_d, ...)
        Real or complex values on the grid; trailing axes hold several functions at once.
    degree : int or sequence of d ints
        Degree along each axis, from 1 to 9.
    boundary : str or sequence of d str
        What holds at both ends of an axis, for degree 2 m - 1 (and in brackets for degree 2 m):

        - "not-a-knot": nothing; the outermost knots are left out. At least degree + 1 points.
        - "natural": derivatives m to 2 m - 2 (m + 1 to 2 m) vanish. At least m (m + 1) points.
        - "clamped": derivatives 1 to m - 1 (1 to m) vanish.
        - "periodic": the spline repeats. The first and the last values must agree (to 1e-10 of the
          largest). At least degree + 1 points.

        Knots are at the grid's coordinates for odd degrees, half way between for even ones.
    extrapolate : bool
        Whether queries outside the grid are answered by the outermost polynomials.
    fill_value : number
        Answer to queries outside the grid otherwise. A periodic axis has no outside.

    Raises
    ------
    ValueError
        For NaN or infinity, axes that do not ascend, a degree that is too high for the points of
        its axis, shapes that do not fit, naming the argument and the first bad index.

    Notes
    -----
    Queries are answered in blocks on all threads, with the GIL released: besides the queries (in
    float64) and the answer no memory is taken, however many they are. Next to its coefficients an
    interpolator keeps tables: degree + 1 numbers for each of them in one dimension, and about
    (degree + 2)**2 for each point of an axis in more.

    The conditions and the choice of knots: de Boor, A Practical Guide to Splines (2001), chapter
    XIII; for odd degrees they are those of ``scipy.interpolate.make_interp_spline``.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(-1, 1, 57)
    >>> s = SplineInterpolator(x, np.exp(x))
    >>> bool(abs(s(0.3) - np.exp(0.3)) < 1e-15)
    True
    """

    def __init__(
        self,
        axes,
        values,
        degree=7,
        *,
        boundary="not-a-knot",
        extrapolate: bool = False,
        fill_value=np.nan,
    ):
        axes = [_ascending(a, f"axes[{i}]") for i, a in enumerate(_sequence_of_axes(axes))]
        d = _checked_dimension(len(axes), "axes")
        degrees = _degrees(degree, d)
        boundaries = _per_axis(boundary, d, "boundary")
        for a, (name, k, x) in enumerate(zip(boundaries, degrees, axes, strict=True)):
            if name not in BOUNDARIES:
                raise ValueError(f"boundary must be one of {BOUNDARIES}, got {name!r}")
            fewest = _core.fewest_spline_points(k, name)
            if x.size < fewest:
                raise ValueError(
                    f"degree {k} is too high for axes[{a}]: it has {x.size} points, "
                    f"{name!r} needs {fewest}"
                )
        values, is_complex = _values(values)
        shape = tuple(x.size for x in axes)
        if values.shape[:d] != shape:
            raise ValueError(f"values must have shape {shape}, as axes say, got {values.shape}")
        for a, name in enumerate(boundaries):
            if name == "periodic":
                _check_closed(values, a)
        core = _core.interpolate_spline(axes, degrees, boundaries, _channels(values, d))
        self._set(core, values.shape[d:], is_complex, extrapolate, fill_value)

    @classmethod
    def fit(
        cls,
        points,
        values,
        knots,
        degree=7,
        *,
        weights=None,
        extrapolate: bool = False,
        fill_value=np.nan,
    ) -> SplineInterpolator:
        """Least-squares spline s of scattered data.

        Minimises ``sum(weights * abs(s(points) - values)**2)`` by a QR factorisation that keeps to
        the band (Lawson and Hanson, Solving Least Squares Problems, chapter 27). Coefficients that
        the data leave open, as where knots have no points between them, get the smallest second
        differences.

        Parameters
        ----------
        points : array_like (n, d); in one dimension (n,) will do
        values : array_like (n, ...)
            Real or complex; trailing axes hold several functions at once.
        knots : int, array_like, or a sequence of d of these
            Ascending knots along each axis, the ends of the domain included; or how many, from 2
            on, to be spread evenly over the points.
        degree : int or sequence of d ints
            Degree along each axis, from 1 to 9. An axis of m knots has m + degree - 1 coefficients.
        weights : array_like (n,), optional
            Positive weights.
        extrapolate, fill_value
            As for an interpolator.

        Returns
        -------
        spline : SplineInterpolator

        Raises
        ------
        ValueError
            For NaN or infinity, shapes that do not fit, knots that do not ascend or do not reach
            over the points, naming the argument and the first bad index.
        """
        points = finite_array(points, "points", (1, 2))
        points = points.reshape(len(points), -1)
        n, d = points.shape
        _checked_dimension(d, "points")
        values, is_complex = _values(values)
        if values.shape[:1] != (n,):
            raise ValueError(f"values must have {n} rows, as points, got shape {values.shape}")
        weights = np.ones(n) if weights is None else finite_array(weights, "weights", 1)
        if weights.size != n:
            raise ValueError(f"weights must have {n} elements, got {weights.size}")
        if (weights <= 0).any():
            i = int(np.argmax(weights <= 0))
            raise ValueError(f"weights must be positive, but weights[{i}] is {weights[i]}")
        axes = []
        for a, (k, given) in enumerate(zip(_degrees(degree, d), _knots(knots, d), strict=True)):
            x = _fitted_knots(given, points[:, a], a)
            ends = np.repeat(x[[0, -1]], k)
            axes.append((np.concatenate([ends[:k], x, ends[k:]]), k, x[0], x[-1], False))
        core = _core.fit_spline(axes, points, _channels(values, 1), weights)
        return cls._from(core, values.shape[1:], is_complex, extrapolate, fill_value)

    @property
    def degree(self) -> tuple[int, ...]:
        """Degree along each axis."""
        return tuple(axis[1] for axis in self._core.axes)

    @property
    def knots(self) -> tuple[np.ndarray, ...]:
        """Knots along each axis; those of a periodic one are continued over its ends."""
        return tuple(np.array(axis[0]) for axis in self._core.axes)

    @property
    def domain(self) -> tuple[tuple[float, float], ...]:
        """Lower and upper end of each axis."""
        return tuple((axis[2], axis[3]) for axis in self._core.axes)

    @property
    def coefficients(self) -> np.ndarray:
        """Coefficients of the products of B-splines, len(knots) - degree - 1 along each axis."""
        c = self._core.coefficients
        if self._is_complex:
            c = c.view(np.complex128)
        return c.reshape(*c.shape[:-1], *self._value_shape)

    def __call__(self, xi, nu=None) -> np.ndarray:
        """Values, or a mixed derivative, at points.

        Parameters
        ----------
        xi : array_like (..., d), or a tuple of d arrays that broadcast
            In one dimension an array of any shape will do.
        nu : int or sequence of d ints, optional
            Order of the derivative along each axis.

        Returns
        -------
        values : ndarray (..., then the trailing axes of the values)
            NaN for points with a NaN, `fill_value` outside the grid.

        Raises
        ------
        ValueError
            For points of another dimension, or bad orders.
        """
        orders = [0] * self._d if nu is None else self._orders(nu)
        X, shape = self._points(xi)
        return self._evaluate(X, shape, orders)

    def gradient(self, xi) -> np.ndarray:
        """First derivatives along each axis, (..., trailing axes of the values, d)."""
        X, shape = self._points(xi)
        columns = [self._evaluate(X, shape, orders) for orders in np.eye(self._d, dtype=int)]
        return np.stack(columns, axis=-1)

    def derivative(self, nu=1) -> SplineInterpolator:
        """A mixed derivative, as a spline of accordingly lower degree.

        Outside the grid it answers as this one does, by `fill_value` or by the outermost
        polynomials.

        Parameters
        ----------
        nu : int or sequence of d ints
            Order along each axis. Above the degree, the derivative is zero.

        Returns
        -------
        derivative : SplineInterpolator
        """
        return self._with(self._core.derivative(self._orders(nu)))

    def antiderivative(self) -> SplineInterpolator:
        """The integral from the lower end of the axis, in one dimension.

        A spline of the next degree. That of a periodic spline is not periodic.

        Raises
        ------
        ValueError
            In more dimensions, or beyond degree 15.
        """
        return self._with(self._core.antiderivative())

    def roots(self) -> np.ndarray:
        """All zeros on the domain, ascending, in one dimension and for one real function.

        Found by Descartes' rule of signs in Bernstein form and halving. A piece that vanishes
        identically gives its lower end and then NaN, as ``scipy.interpolate.PPoly.roots``. Where
        the spline touches zero without crossing it, rounding decides whether it is found.

        Returns
        -------
        roots : ndarray (n_roots,)

        Raises
        ------
        ValueError
            In more dimensions, for several functions or complex ones, or degree 0.
        """
        return np.array(self._core.zeros())

    def __repr__(self) -> str:
        return f"SplineInterpolator(domain={self.domain}, degree={self.degree})"

    def __reduce__(self):
        state = (self._value_shape, self._is_complex, self._extrapolate, self._fill_value)
        return _restore, (type(self), self._core.axes, self._core.coefficients, *state)

    def _set(self, core, value_shape, is_complex, extrapolate, fill_value) -> None:
        self._core = core
        self._d = len(core.axes)
        self._value_shape = tuple(value_shape)
        self._is_complex = is_complex
        self._extrapolate = bool(extrapolate)
        self._fill_value = fill_value
        try:
            fill = complex(fill_value)
        except (TypeError, ValueError):
            raise ValueError(f"fill_value must be a number, got {fill_value!r}") from None
        if fill.imag and not is_complex:
            raise ValueError(f"fill_value must be real, as values are, got {fill_value!r}")
        parts = [fill.real, fill.imag] if is_complex else [fill.real]
        self._fill = parts * int(np.prod(self._value_shape))

    @classmethod
    def _from(cls, *state) -> SplineInterpolator:
        self = object.__new__(cls)
        self._set(*state)
        return self

    def _with(self, core) -> SplineInterpolator:
        return self._from(
            core, self._value_shape, self._is_complex, self._extrapolate, self._fill_value
        )

    def _points(self, xi) -> tuple[np.ndarray, tuple[int, ...]]:
        if isinstance(xi, tuple) and self._d > 1:
            if len(xi) != self._d:
                raise ValueError(f"xi must be a tuple of {self._d} arrays, got {len(xi)}")
            xi = stacked(xi, "xi")
        return points_array(xi, self._d)

    def _evaluate(self, X, shape, orders) -> np.ndarray:
        out = self._core.evaluate(X, orders, self._extrapolate, self._fill)
        if self._is_complex:
            out = out.view(np.complex128)
        return answer(out, (*shape, *self._value_shape))

    def _orders(self, nu) -> list[int]:
        given = [nu] if np.ndim(nu) == 0 else list(nu)
        if len(given) != self._d:
            raise ValueError(f"nu must give an order for each of {self._d} axes, got {nu!r}")
        return [min(positive_int(order, "nu", at_least=0), VANISHING) for order in given]


def _restore(cls, axes, coefficients, *state) -> SplineInterpolator:
    return cls._from(_core.TensorSpline(axes, coefficients), *state)


def _sequence_of_axes(axes) -> list:
    if not isinstance(axes, Iterable) or isinstance(axes, (str, dict)):
        raise ValueError(f"axes must be a sequence of arrays, got {axes!r}")
    axes = list(axes)
    return [axes] if axes and all(np.ndim(a) == 0 for a in axes) else axes


def _checked_dimension(d: int, name: str) -> int:
    if not 1 <= d <= MAX_AXES:
        raise ValueError(f"{name} must be of 1 to {MAX_AXES} dimensions, got {d}")
    return d


def _ascending(axis, name: str) -> np.ndarray:
    x = finite_array(axis, name, 1)
    ascends = np.diff(x) > 0
    if not ascends.all():
        i = int(np.argmin(ascends)) + 1
        raise ValueError(f"{name} must ascend strictly, but {name}[{i}] is {x[i]} after {x[i - 1]}")
    with np.errstate(over="ignore"):
        if not np.isfinite(x[-1] - x[0]):
            raise ValueError(f"{name} is wider than float64 can hold: {x[0]} to {x[-1]}")
    return x


def _per_axis(value, d: int, name: str) -> list:
    if isinstance(value, str) or np.ndim(value) == 0:
        return [value] * d
    if len(value) != d:
        raise ValueError(f"{name} must have an entry for each of {d} axes, got {len(value)}")
    return list(value)


def _degrees(degree, d: int) -> list[int]:
    degrees = [positive_int(k, "degree") for k in _per_axis(degree, d, "degree")]
    if max(degrees) > MAX_DEGREE:
        raise ValueError(f"degree must be at most {MAX_DEGREE}, got {degree!r}")
    return degrees


def _values(values) -> tuple[np.ndarray, bool]:
    """Values as float64 or complex128, and whether they are complex."""
    if not np.iscomplexobj(values):
        ndim = np.ndim(values)
        return finite_array(values, "values", max(ndim, 1)), False
    check_kind(values, np.asarray(values), "values")
    values = np.ascontiguousarray(values, dtype=np.complex128)
    if values.size == 0:
        raise ValueError(f"values is empty: shape {values.shape}")
    check_finite(values, "values")
    return values, True


def _channels(values: np.ndarray, n_axes: int) -> np.ndarray:
    """Values with all trailing axes as one, real and imaginary parts side by side."""
    return values.reshape(*values.shape[:n_axes], -1).view(np.float64)


def _check_closed(values: np.ndarray, axis: int) -> None:
    """Raise unless the values agree at both ends of a periodic axis; the last ones are not used."""
    gap = np.abs(values.take(-1, axis=axis) - values.take(0, axis=axis)).max()
    if gap > 1e-10 * np.abs(values).max():
        raise ValueError(
            f"values must agree at both ends of the periodic axes[{axis}], but differ by {gap:.3g}"
        )


def _knots(knots, d: int) -> list:
    if np.ndim(knots) == 0:
        return [knots] * d
    knots = list(knots)
    if d == 1 and all(np.ndim(k) == 0 for k in knots):
        return [knots]
    if len(knots) != d:
        raise ValueError(f"knots must have an entry for each of {d} axes, got {len(knots)}")
    return knots


def _fitted_knots(knots, x: np.ndarray, axis: int) -> np.ndarray:
    """Knots along one axis, whose points have the coordinates x."""
    if np.ndim(knots) == 0:
        low, high = x.min(), x.max()
        if low == high:
            raise ValueError(f"points must spread along axis {axis}, but all are at {low}")
        return np.linspace(low, high, positive_int(knots, f"knots[{axis}]", at_least=2))
    knots = _ascending(knots, f"knots[{axis}]")
    if knots.size < 2:
        raise ValueError(f"knots[{axis}] must have at least 2 elements, got {knots.size}")
    outside = (x < knots[0]) | (x > knots[-1])
    if outside.any():
        i = int(np.argmax(outside))
        raise ValueError(
            f"knots[{axis}] must reach over the points, but points[{i}, {axis}] is {x[i]}"
        )
    return knots
