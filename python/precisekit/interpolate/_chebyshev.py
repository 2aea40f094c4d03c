"""Chebyshev interpolation of functions that can be sampled anywhere in a box."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from .. import _core
from .._checks import finite_array, own, positive_int, real_number
from ._points import answer, points_array

_EPS = np.finfo(np.float64).eps
_FIRST_INTERVALS = 16
_MOST_INTERVALS = 2**16  # along one axis
_ROWS_AT_ONCE = 2**18  # of one call of f
_FIBRES = 5
_CHECKED_POINTS = 1000
# Samples for each degree: rounding errors of f average out over them, where more cost little.
_OVERSAMPLING = {1: 2.0, 2: 1.5}
_OVERSAMPLING_ELSE = 1.25
# The error at fresh points, in units of what the coefficients promise, that means that the samples
# have missed something.
_SURPRISE = 100.0
_ROOTS_DEGREE = 50  # of a piece whose roots come from one eigenvalue problem
_SPLIT = -0.004849834917525  # near the middle, but where no root is put on purpose


class ChebyshevInterpolator:
    """A tensor Chebyshev series on a box.

    ``f(x) = sum c[i, j, ...] T_i(t_1) T_j(t_2) ...`` with t in [-1, 1] from x in [lo, hi].
    Usually made by `from_function`.

    Parameters
    ----------
    coefficients : array_like, one dimension for each axis
        ``coefficients[i, j, ...]`` of degrees i, j, ...; those that are zero cost nothing.
    lo, hi : array_like (d,) or float
        The box; a number stands for all axes.

    Attributes
    ----------
    coefficients : ndarray
    lo, hi : ndarray (d,)
    degrees : tuple of int
    n_terms : int
        How many coefficients one evaluation meets.
    converged : bool or None
        Whether `from_function` resolved f; None of other series.
    relative_rmse, max_error : float or None
        Measured by `from_function` at 1,000 fresh points; the first over the root mean square of f.
    n_samples : int or None
        How many values of f `from_function` took.

    Raises
    ------
    ValueError
        For NaN or infinity, a coefficient array of another number of dimensions than the box, or
        lo >= hi.
    """

    def __init__(self, coefficients, lo, hi):
        ndim = np.ndim(coefficients)
        given = coefficients
        self.coefficients = own(finite_array(given, "coefficients", max(ndim, 1)), given)
        self.lo, self.hi = _box(lo, hi, self.coefficients.ndim)
        self.converged: bool | None = None
        self.relative_rmse: float | None = None
        self.max_error: float | None = None
        self.n_samples: int | None = None
        self._series = _core.ChebyshevSeries(self.coefficients, self.lo, self.hi)
        self._slopes: list[ChebyshevInterpolator] | None = None

    @property
    def degrees(self) -> tuple[int, ...]:
        return tuple(n - 1 for n in self.coefficients.shape)

    @property
    def n_terms(self) -> int:
        return self._series.n_terms

    def __call__(self, xi) -> np.ndarray:
        """Values at points.

        Parameters
        ----------
        xi : array_like (..., d)
            In one dimension an array of any shape is taken as that many points.

        Returns
        -------
        y : ndarray (...)
            NaN outside the box (the series grows beyond bounds there), and for NaN.
        """
        points, shape = points_array(xi, len(self.lo))
        return answer(self._series.evaluate(points), shape)

    def gradient(self, xi) -> np.ndarray:
        """Derivatives by each coordinate at points `xi` (..., d): an array (..., d)."""
        points, shape = points_array(xi, len(self.lo))
        if self._slopes is None:
            axes = np.eye(len(self.lo), dtype=int)
            self._slopes = [self.derivative(nu) for nu in axes]
        columns = [slope._series.evaluate(points) for slope in self._slopes]
        return np.stack(columns, axis=-1).reshape(*shape, len(columns))

    def derivative(self, nu=1) -> ChebyshevInterpolator:
        """The derivative of order `nu`, one number for each axis, as another interpolator.

        In float64 each order costs about a factor degree**2 of precision at the faces of the box,
        the degree in the middle.
        """
        orders = np.atleast_1d(nu)
        if orders.shape != self.lo.shape:
            raise ValueError(f"nu must have {len(self.lo)} entries, got {nu!r}")
        c = self.coefficients
        for axis, order in enumerate(orders):
            order = positive_int(order, f"nu[{axis}]", at_least=0)
            scale = 2 / (self.hi[axis] - self.lo[axis])
            c = np.polynomial.chebyshev.chebder(c, order, scl=scale, axis=axis)
        return ChebyshevInterpolator(c, self.lo, self.hi)

    def integral(self) -> float:
        """The integral over the box."""
        total = self.coefficients
        for lo, hi in zip(self.lo, self.hi, strict=True):
            k = np.arange(0, len(total), 2)
            total = np.tensordot((hi - lo) / (1.0 - k * k), total[::2], axes=1)
        return float(total)

    def antiderivative(self) -> ChebyshevInterpolator:
        """In one dimension: the integral from `lo` up to x, as another interpolator."""
        self._check_univariate("antiderivative")
        half = (self.hi[0] - self.lo[0]) / 2
        c = np.polynomial.chebyshev.chebint(self.coefficients, lbnd=-1, scl=half)
        return ChebyshevInterpolator(c, self.lo, self.hi)

    def roots(self) -> np.ndarray:
        """In one dimension: the real roots in [lo, hi], ascending.

        Eigenvalues of the colleague matrix on pieces of degree at most 50 (J. Boyd, SIAM J. Numer.
        Anal. 40, 2002), polished by Newton's method.

        Raises
        ------
        ValueError
            In more dimensions, or where the function is zero everywhere.
        """
        self._check_univariate("roots")
        if not self.coefficients.any():
            raise ValueError("the function is zero everywhere: its roots are all of [lo, hi]")
        t = np.array(sorted(_unit_roots(self.coefficients)))
        if len(t):
            c = self.coefficients
            slope = np.polynomial.chebyshev.chebval(t, np.polynomial.chebyshev.chebder(c))
            with np.errstate(divide="ignore", invalid="ignore"):
                step = np.polynomial.chebyshev.chebval(t, c) / slope
            t = np.clip(t - np.where(np.abs(step) < 1e-8, step, 0.0), -1, 1)  # NaN at double roots
        return self.lo[0] + (t + 1) / 2 * (self.hi[0] - self.lo[0])

    def _check_univariate(self, what: str) -> None:
        if len(self.lo) != 1:
            raise ValueError(f"{what} needs a function of one variable, this has {len(self.lo)}")

    def __getstate__(self):
        return {k: v for k, v in vars(self).items() if k not in ("_series", "_slopes")}

    def __setstate__(self, state):
        vars(self).update(state)
        self._series = _core.ChebyshevSeries(self.coefficients, self.lo, self.hi)
        self._slopes = None

    def __repr__(self) -> str:
        box = " x ".join(f"[{a:g}, {b:g}]" for a, b in zip(self.lo, self.hi, strict=True))
        return f"<ChebyshevInterpolator of degree {self.degrees} on {box}, {self.n_terms} terms>"


def from_function(
    f: Callable[[np.ndarray], np.ndarray],
    lo,
    hi,
    tol: float = _EPS,
    *,
    max_samples: int = 2**22,
) -> ChebyshevInterpolator:
    """Interpolate a function in Chebyshev points of a box, of as high a degree as it needs.

    The degree of each axis is found along a few lines through the box, doubling it until the
    coefficients have come down to a plateau (J. Aurentz and L. Trefethen, Chopping a Chebyshev
    series, ACM Trans. Math. Softw. 43, 2017); then f is sampled on the whole grid, with more points
    than degrees so that rounding errors of f average out, the coefficients are checked along each
    axis and the result at 1,000 fresh points. What is negligible is set to zero.

    Nothing beats this for smooth f in one to three dimensions; the number of samples, the product
    of (1.25 to 2) times the degrees, makes it impractical in more than five.

    Parameters
    ----------
    f : callable
        ``f(X)`` for X (n, d), also in one dimension, gives n values; called with up to 262,144
        points at once.
    lo, hi : array_like (d,) or float
        The box; a number is a box in one dimension, or stands for all axes.
    tol : float
        Relative to the largest value of f; the default is the rounding of float64.
    max_samples : int
        Most samples on the final grid, which bounds the degrees. An axis has at most 65,536.

    Returns
    -------
    p : ChebyshevInterpolator
        With `converged`, `relative_rmse`, `max_error` and `n_samples`.

    Raises
    ------
    ValueError
        If lo >= hi, an argument is out of range, or f returns NaN, infinity or another number of
        values than it was given points; the message names the point.

    Warns
    -----
    UserWarning
        If f is not resolved within `max_samples`, for instance because it is not smooth; the
        message gives the axis and the error reached.

    Examples
    --------
    >>> p = from_function(lambda X: np.cos(20 * X[:, 0]), -1, 1)
    >>> p.degrees, p.converged
    ((52,), True)
    """
    if not callable(f):
        raise ValueError(f"f must be a function, got {type(f).__name__}")
    d = max(np.size(lo), np.size(hi))
    sampler = _Sampler(f, *_box(lo, hi, d))
    if not _EPS <= real_number(tol, "tol") < 1:
        raise ValueError(f"tol must be in [{_EPS:.2g}, 1), got {tol!r}")
    positive_int(max_samples, "max_samples", at_least=(_FIRST_INTERVALS + 1) ** d)

    coefficients, unresolved = _resolved_coefficients(sampler, tol, max_samples)
    p = ChebyshevInterpolator(coefficients, sampler.lo, sampler.hi)
    p.converged = not unresolved
    p.n_samples = sampler.n_samples
    p.relative_rmse, p.max_error = sampler.errors(p)
    if unresolved:
        warnings.warn(
            f"{unresolved}, with {sampler.n_samples:,} samples (max_samples={max_samples}): "
            f"relative RMSE {p.relative_rmse:.1e}. Is f smooth in the whole box? "
            "If it is, raise max_samples or tol, or cut the box in parts",
            UserWarning,
            stacklevel=2,
        )
    return p


# -- sampling --------------------------------------------------------------------------------------


class _Sampler:
    """f on grids of Chebyshev points."""

    def __init__(self, f, lo: np.ndarray, hi: np.ndarray):
        self.f, self.lo, self.hi = f, lo, hi
        self.n_samples = 0
        rng = np.random.default_rng(0)
        self.anchors = rng.uniform(lo, hi, (_FIBRES if len(lo) > 1 else 1, len(lo)))
        self.fresh = rng.uniform(lo, hi, (_CHECKED_POINTS, len(lo)))
        self.fresh_values: np.ndarray | None = None

    def at(self, X: np.ndarray) -> np.ndarray:
        """f at the rows of X, checked."""
        parts = [self._checked(X[i : i + _ROWS_AT_ONCE]) for i in range(0, len(X), _ROWS_AT_ONCE)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _checked(self, X: np.ndarray) -> np.ndarray:
        values = np.asarray(self.f(X))
        if values.shape not in ((len(X),), (len(X), 1)):
            raise ValueError(
                f"f must return one value for each row of X, shape ({len(X)},), "
                f"got shape {values.shape}"
            )
        if values.dtype.kind not in "fiub":
            raise ValueError(f"f must return real numbers, got {values.dtype}")
        values = values.ravel().astype(np.float64)
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            where = ", ".join(f"{x:.17g}" for x in X[bad[0]])
            raise ValueError(
                f"f must not return NaN or inf, but f([[{where}]]) is {values[bad[0]]}"
            )
        self.n_samples += len(X)
        return values

    def nodes(self, axis: int, intervals: int) -> tuple[np.ndarray, np.ndarray]:
        """Chebyshev points of an axis as floats, and what rounding took from them, for t."""
        t, half = _chebyshev_points(intervals), np.longdouble(self.hi[axis] - self.lo[axis]) / 2
        exact = (self.lo[axis] + half) + half * t
        x = np.clip(exact.astype(np.float64), self.lo[axis], self.hi[axis])
        return x, ((exact - x) / half).astype(np.float64)

    def along(self, axis: int, intervals: int) -> np.ndarray:
        """Coefficients of f on lines through the anchors (lines, intervals + 1)."""
        x, _ = self.nodes(axis, intervals)
        X = np.repeat(self.anchors, len(x), axis=0)
        X[:, axis] = np.tile(x, len(self.anchors))
        return _coefficients(self.at(X).reshape(len(self.anchors), -1), axes=(1,))

    def on_grid(self, intervals: tuple[int, ...]) -> np.ndarray:
        """Coefficients of f on the tensor grid.

        Values are carried from the rounded nodes, where f is sampled, to the exact ones, to first
        order: for cos(20 x) the nodes' rounding alone is worth half an ulp of f.
        """
        nodes, lost = zip(*(self.nodes(a, n) for a, n in enumerate(intervals)), strict=True)
        X = np.stack(np.meshgrid(*nodes, indexing="ij"), axis=-1).reshape(-1, len(nodes))
        values = self.at(X).reshape([len(x) for x in nodes])
        c = _coefficients(values)
        for axis, shift in enumerate(lost):
            if shift.any():
                slope = np.polynomial.chebyshev.chebder(c, axis=axis)
                shape = [-1 if a == axis else 1 for a in range(c.ndim)]
                values = values + _values(slope, c.shape) * shift.reshape(shape)
        return _coefficients(values)

    def errors(self, p) -> tuple[float, float]:
        """Relative RMSE and largest error of p at fresh points."""
        if self.fresh_values is None:
            self.fresh_values = self.at(self.fresh)
        error = np.abs(p(self.fresh) - self.fresh_values)
        size, largest = np.abs(self.fresh_values).max(), float(error.max())
        if not largest > 0:
            return 0.0, 0.0
        scale = max(size, largest)  # squares of either may overflow
        root = np.linalg.norm(self.fresh_values / scale)
        return float(np.linalg.norm(error / scale) / root) if root else np.inf, largest

    def noise_of_coordinates(self, p) -> float:
        """The largest change of p at the fresh points when coordinates move by some roundings: what
        f loses where it multiplies them, as sin(4000 x) does."""
        return float(8 * _EPS * np.abs(p.gradient(self.fresh) * self.fresh).sum(axis=1).max())


def _chebyshev_points(intervals: int) -> np.ndarray:
    """cos(pi j / n), from 1 down to -1, in the widest floats of the machine; sines keep symmetry
    and the digits near 0."""
    pi = 4 * np.arctan(np.longdouble(1))
    return np.sin(pi * np.arange(intervals, -intervals - 1, -2) / (2 * intervals))


def _coefficients(values: np.ndarray, axes: tuple[int, ...] | None = None) -> np.ndarray:
    """Chebyshev coefficients from values in Chebyshev points along `axes` (all)."""
    from scipy.fft import dctn

    axes = tuple(range(values.ndim)) if axes is None else axes
    c = dctn(values, type=1, axes=axes)
    for axis in axes:
        n = c.shape[axis] - 1
        weight = np.full(n + 1, 1 / n)
        weight[[0, -1]] /= 2
        c *= weight.reshape([-1 if a == axis else 1 for a in range(c.ndim)])
    return c


def _values(c: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Values in the Chebyshev points of a grid of `shape` from (fewer) coefficients."""
    from scipy.fft import dctn

    padded = np.zeros(shape)
    padded[tuple(slice(n) for n in c.shape)] = c
    for axis, n in enumerate(shape):
        weight = np.full(n, 0.5)
        weight[[0, -1]] = 1.0
        padded *= weight.reshape([-1 if a == axis else 1 for a in range(len(shape))])
    return dctn(padded, type=1)


# -- degrees ---------------------------------------------------------------------------------------


def _resolved_coefficients(sampler: _Sampler, tol: float, max_samples: int):
    """The coefficients that count, and, in words, what is not resolved (or an empty string)."""
    d = len(sampler.lo)
    oversampling = _OVERSAMPLING.get(d, _OVERSAMPLING_ELSE)
    wanted = []
    for axis in range(d):
        degree = _degree_along(sampler, axis, tol, min(max_samples - 1, _MOST_INTERVALS))
        wanted.append(int(oversampling * degree) + 8)
    while True:
        intervals = _affordable(wanted, max_samples)
        c = sampler.on_grid(intervals)
        degrees = [_chop(_envelope(c, axis), tol) for axis in range(d)]
        short = [a for a in range(d) if degrees[a] == intervals[a] and c.any()]
        if short:
            wanted = [int(1.5 * n) + 1 if a in short else n for a, n in enumerate(intervals)]
            told = [_tail(c, a, intervals[a]) for a in short]
        else:
            kept = c[tuple(slice(n + 1) for n in degrees)].copy()
            c[tuple(slice(n + 1) for n in degrees)] = 0
            size = np.abs(kept).max()
            cut = np.linalg.norm(c / size) if size else 0.0
            kept = _without_negligible(kept, tol)
            p = ChebyshevInterpolator(kept, sampler.lo, sampler.hi)
            error = sampler.errors(p)[1]
            promised = _SURPRISE * (tol + cut) * size
            if error <= promised or error <= promised + sampler.noise_of_coordinates(p):
                return kept, ""
            wanted = [2 * n for n in intervals]
            told = [f"fresh points differ by {error:.1e} from what the coefficients promise"]
        if _affordable(wanted, max_samples) == intervals:
            if short:
                kept = _without_negligible(c[tuple(slice(n + 1) for n in degrees)], tol)
            return kept, "f is not resolved: " + ", ".join(told)


def _degree_along(sampler: _Sampler, axis: int, tol: float, most: int) -> int:
    """The degree that the lines along an axis need, or `most`."""
    intervals = _FIRST_INTERVALS
    while True:
        envelope = np.abs(sampler.along(axis, intervals)).max(axis=0)
        degree = _chop(envelope, tol)
        if degree < intervals or not envelope.any():
            return degree
        if 2 * intervals > most:
            return most
        intervals *= 2


def _affordable(wanted: list[int], max_samples: int) -> tuple[int, ...]:
    """`wanted` intervals, the largest numbers cut until the grid has at most `max_samples`."""
    ascending = sorted(range(len(wanted)), key=lambda a: wanted[a])
    intervals, left = list(wanted), max_samples
    for i, axis in enumerate(ascending):
        share = int(left ** (1 / (len(wanted) - i)) + 1e-9) - 1
        intervals[axis] = min(wanted[axis], share, _MOST_INTERVALS)
        left //= intervals[axis] + 1
    return tuple(intervals)


def _envelope(c: np.ndarray, axis: int) -> np.ndarray:
    return np.abs(c).max(axis=tuple(a for a in range(c.ndim) if a != axis))


def _tail(c: np.ndarray, axis: int, degree: int) -> str:
    envelope = _envelope(c, axis)
    left = envelope[-max(2, len(envelope) // 10) :].max() / envelope.max()
    return f"coefficients along axis {axis} are still {left:.1e} of the largest at degree {degree}"


def _chop(c: np.ndarray, tol: float) -> int:
    """The degree at which to cut a series, len(c) - 1 if it has not come down to a plateau.

    Aurentz and Trefethen (2017), "standardChop", for the largest coefficients of several series.
    """
    n = len(c)
    envelope = np.maximum.accumulate(np.abs(c)[::-1])[::-1]
    if envelope[0] == 0:
        return 0
    envelope = envelope / envelope[0]
    j = np.arange(2, n + 1)
    j2 = np.floor(1.25 * j + 5.5).astype(int)
    j, j2 = j[j2 <= n], j2[j2 <= n]
    first, second = envelope[j - 1], envelope[j2 - 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        flat = (first == 0) | (second / first > 3 * (1 - np.log(first) / np.log(tol)))
    if not flat.any():
        return n - 1
    at = int(np.argmax(flat))
    plateau, end = j[at] - 1, j2[at]
    if envelope[plateau - 1] == 0:
        return int(plateau) - 1
    floor = tol ** (7 / 6)
    above = int(np.count_nonzero(envelope >= floor))
    if above < end:
        end = above + 1
        envelope[end - 1] = floor
    tilted = np.log10(envelope[:end]) + np.linspace(0, -np.log10(tol) / 3, end)
    return max(int(np.argmin(tilted)), 1) - 1


def _without_negligible(c: np.ndarray, tol: float) -> np.ndarray:
    """Zero in place of what is negligible: the terms of one parity (of an f that is even or odd in
    an axis they hold rounding errors only), and the smallest coefficients, each of joint norm up
    to tol / 2 of the whole."""
    scale = np.abs(c).max()
    if scale == 0:
        return c[(slice(1),) * c.ndim]
    c = c / scale
    budget = (tol / 2) ** 2 * np.sum(c * c)
    for parities in np.ndindex((2,) * c.ndim):
        part = c[tuple(slice(parity, None, 2) for parity in parities)]
        if np.sum(part * part) <= budget:
            part[...] = 0
    squares = np.sort(c * c, axis=None)
    threshold = squares[min(np.searchsorted(np.cumsum(squares), budget), squares.size - 1)]
    return np.where(c * c < threshold, 0.0, c) * scale


# -- roots -----------------------------------------------------------------------------------------


def _unit_roots(c: np.ndarray) -> list[float]:
    """Real roots in [-1, 1] of a Chebyshev series that is not zero."""
    C = np.polynomial.chebyshev
    c = C.chebtrim(c, tol=0.1 * _EPS * np.abs(c).max())
    if len(c) <= _ROOTS_DEGREE + 1:
        roots = C.chebroots(c)
        slack = 100 * _EPS
        near = (np.abs(roots.imag) < slack) & (np.abs(roots.real) <= 1 + slack)
        return list(np.clip(roots[near].real, -1, 1))
    found = []
    t = _chebyshev_points(len(c) - 1).astype(np.float64)
    for a, b in ((-1.0, _SPLIT), (_SPLIT, 1.0)):
        half, middle = (b - a) / 2, (a + b) / 2
        piece = _coefficients(C.chebval(middle + half * t, c))
        if piece.any():
            piece = piece[: _chop(piece, _EPS) + 1]
            found += [middle + half * root for root in _unit_roots(piece)]
    return found


def _box(lo, hi, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of a box in d dimensions, checked."""
    ends = []
    for value, name in ((lo, "lo"), (hi, "hi")):
        end = finite_array(np.atleast_1d(value), name, 1)
        if len(end) not in (1, d):
            raise ValueError(f"{name} must have {d} entries, got {len(end)}")
        ends.append(np.broadcast_to(end, d).copy())
    for axis, (a, b) in enumerate(zip(*ends, strict=True)):
        if not a < b:
            raise ValueError(f"lo must be below hi, but lo[{axis}] = {a} and hi[{axis}] = {b}")
        if b / 2 - a / 2 > np.finfo(np.float64).max / 2:
            raise ValueError(f"hi[{axis}] - lo[{axis}] overflows")
    return ends[0], ends[1]
