"""Estimators with scikit-learn's interface that interpolate instead of training a network."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from . import _core
from ._checks import positive_int, positive_number
from .estimators import check_numbers, root_mean_square
from .export import Exportable
from .interpolate import SimplexInterpolator, SplineInterpolator
from .interpolate._spline import BOUNDARIES, MAX_DEGREE

if TYPE_CHECKING:
    from .selection import Choice

_ROUNDING = 2.0**-54  # about the root mean square of the relative error of rounding to float64
_MOST_UNEVEN = 10.0  # ratio of neighbouring distances up to which points on a line are a grid
_HELD_OUT_SHARE = 0.1
_MOST_HELD_OUT = 2000
# Every so many lines of a grid one is left out, to judge by: from the fourth on, as the gap makes
# up there for the larger error near the ends, where it would exaggerate that; where there are five.
_LEFT_OUT_LINES, _FIRST_LEFT_OUT, _FEWEST_LINES, _FEW_LINES = 8, 3, 5, 16
_ENOUGH_POINTS = 40_000  # of all grids that are made of one by leaving lines out
_SAMPLES_PER_COEFFICIENT = 2.0
_MORE_KNOTS = 1.4  # from one number of knots to the next
_PATIENCE = 4  # numbers of knots in a row without gain that end the search


@dataclass
class InterpolationReport:
    """What an interpolation reached.

    Attributes
    ----------
    relative_rmse : float
        Root mean square of the training residuals over that of the targets.
    max_error : float
        Largest absolute training residual, in the units of y.
    held_out_rmse : float or None
        Relative RMSE at samples that were left out. Of a spline on a grid: of those through all
        but every eighth line, at the points on these, where the gaps make the error of smooth data
        a few times that of the whole. None where the grid has too few lines, and for a simplex
        mesh.
    rounding_floor : float
        The part of `relative_rmse` that rounding the predictions causes.
    stop_reason, model : str
        How the data are matched, and by what.
    seconds : float
    n_params, n_samples : int
    interrupted : bool
        Whether Ctrl-C ended the `precisekit.fit` that chose the model.
    choice : precisekit.selection.Choice or None
        What `precisekit.fit` tried, and why it chose this.
    """

    relative_rmse: float
    max_error: float
    held_out_rmse: float | None
    rounding_floor: float
    stop_reason: str
    model: str
    seconds: float
    n_params: int
    n_samples: int
    interrupted: bool = False
    choice: Choice | None = None

    def __str__(self) -> str:
        from .report import in_words

        return in_words(self)


class _InterpolatingRegressor(Exportable, MultiOutputMixin, RegressorMixin, BaseEstimator):
    """What both have in common: `_interpolate` makes the interpolator, and says what it made."""

    def fit(self, X, y):
        """Interpolate the samples.

        Parameters
        ----------
        X : array_like or DataFrame (n, d)
        y : array_like (n,) or (n, n_outputs)

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For NaN, infinity, too few samples, samples that the method cannot join (the message
            says how to go on), or a parameter out of range.
        """
        began = time.perf_counter()
        check_numbers(X, "X")
        check_numbers(y, "y")
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        y = np.asarray(y, dtype=np.float64)
        if len(X) == 1:
            raise ValueError("X has 1 sample: a fit needs at least 2")
        self.interpolator_, made = self._interpolate(X, y)
        self.lo_, self.hi_ = X.min(axis=0), X.max(axis=0)
        self.report_ = InterpolationReport(
            rounding_floor=_ROUNDING,
            seconds=time.perf_counter() - began,
            n_samples=len(X),
            **made,
        )
        return self

    def predict(self, X) -> np.ndarray:
        """Predictions at ``X`` (n, d): (n,), or (n, n_outputs) if fitted so."""
        X = self._checked(X)
        return self.interpolator_(X)

    def predict_gradient(self, X) -> np.ndarray:
        """Derivatives of the predictions with respect to ``X``: (n, d), or (n, n_outputs, d)."""
        X = self._checked(X)
        return self.interpolator_.gradient(X)

    def _checked(self, X) -> np.ndarray:
        check_is_fitted(self)
        check_numbers(X, "X")
        return validate_data(self, X, dtype=np.float64, reset=False)


class SimplexRegressor(_InterpolatingRegressor):
    """Piecewise linear interpolation over a Delaunay mesh, in any dimension.

    Exact at the samples; between them the error falls with n**(-2 / d).

    Parameters
    ----------
    fill_value : float
        Prediction outside of the convex hull of the samples, unless `extrapolate`.
    rescale : bool
        Map the inputs to the unit cube before they are joined: for inputs of very different units.
    extrapolate : bool
        Whether predictions outside are those at the nearest point of the hull.
    method : str
        As of `precisekit.interpolate.SimplexInterpolator`.

    Attributes
    ----------
    report_ : InterpolationReport
    interpolator_ : SimplexInterpolator
    lo_, hi_ : ndarray (d,)
        The box of the samples.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, where X had them
    """

    def __init__(self, *, fill_value=np.nan, rescale=False, extrapolate=False, method="auto"):
        self.fill_value = fill_value
        self.rescale = rescale
        self.extrapolate = extrapolate
        self.method = method

    def _mesh(self, X, y) -> SimplexInterpolator:
        return SimplexInterpolator(
            X,
            y,
            fill_value=self.fill_value,
            rescale=self.rescale,
            extrapolate=self.extrapolate,
            method=self.method,
        )

    def _interpolate(self, X, y):
        f = self._mesh(X, y)
        what = "simplex mesh" if f.method == "mesh" else "simplices, found at each query,"
        return f, {
            "model": f"{what} of {len(X):,} points in {_dimensions(X.shape[1])}",
            # exact at the samples, which without a mesh would take long to confirm
            "relative_rmse": 0.0,
            "max_error": 0.0,
            "stop_reason": "interpolates the samples",
            "n_params": y.size,
            "held_out_rmse": None,
        }


class SplineRegressor(_InterpolatingRegressor):
    """Tensor-product splines: through samples on a grid, or nearest to scattered ones.

    Samples on a rectilinear grid (any product of axes, in any order of rows) in one to six
    dimensions are interpolated, unless `n_knots` asks for less. In one dimension they count as a
    grid when no distance of neighbours is more than 10 times the next. Other samples in one or two
    dimensions are matched by least squares.

    Parameters
    ----------
    degree : int
        From 1 to 9; less along axes with too few lines for it.
    boundary : str
        At the ends of a grid: "not-a-knot", "natural", "clamped" or "periodic".
    n_knots : int or "auto", optional
        Least squares, in one or two dimensions, with so many equidistant knots along each axis:
        for noisy samples on a grid too. "auto": as many as do best on a tenth of the samples, held
        out; the default for scattered samples.
    extrapolate : bool
        Whether predictions outside of the samples' box are those of the outermost polynomials;
        otherwise they are NaN.
    random_state : int, RandomState or None
        Of the samples that are held out.
    time_limit : float, optional
        Seconds in which the number of knots is to be found; those that take longer are not tried.

    Attributes
    ----------
    report_ : InterpolationReport
    interpolator_ : SplineInterpolator
    lo_, hi_ : ndarray (d,)
        The box of the samples.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, where X had them
    """

    def __init__(
        self,
        *,
        degree=7,
        boundary="not-a-knot",
        n_knots=None,
        extrapolate=False,
        random_state=None,
        time_limit=None,
    ):
        self.degree = degree
        self.boundary = boundary
        self.n_knots = n_knots
        self.extrapolate = extrapolate
        self.random_state = random_state
        self.time_limit = time_limit

    def _interpolate(self, X, y):
        if positive_int(self.degree, "degree") > MAX_DEGREE:
            raise ValueError(f"degree must be at most {MAX_DEGREE}, got {self.degree}")
        if self.boundary not in BOUNDARIES:
            raise ValueError(f"boundary must be one of {BOUNDARIES}, got {self.boundary!r}")
        if isinstance(self.n_knots, str) and self.n_knots != "auto":
            raise ValueError(f"n_knots must be an integer or 'auto', got {self.n_knots!r}")
        if self.n_knots not in (None, "auto"):
            positive_int(self.n_knots, "n_knots", at_least=2)
        if self.time_limit is not None:
            positive_number(self.time_limit, "time_limit")
        grid = rectilinear_grid(X) if self.n_knots is None else None
        if grid is None:
            return self._least_squares(X, y)
        axes, order = grid
        values = y[order].reshape(*map(len, axes), *y.shape[1:])
        f = self._through(axes, values)
        return f, {
            "model": f"spline of degree {_times(f.degree)} through {_times(map(len, axes))} points",
            **_residuals(f(X) - y, y),
            "stop_reason": "interpolates the samples",
            "n_params": y.size,
            "held_out_rmse": self._at_lines_left_out(axes, values),
        }

    def _through(self, axes, values) -> SplineInterpolator:
        degrees = [_bearable(self.degree, self.boundary, len(axis)) for axis in axes]
        return SplineInterpolator(
            axes, values, degrees, boundary=self.boundary, extrapolate=self.extrapolate
        )

    def _at_lines_left_out(self, axes, values) -> float | None:
        """Relative RMSE of the spline through the other lines; of large grids for some only of the
        sets of lines that there are."""
        shape = tuple(map(len, axes))
        residuals = []
        for shift in range(min(_LEFT_OUT_LINES, max(1, _ENOUGH_POINTS // int(np.prod(shape))))):
            kept, left_out = without_some_lines(shape, shift)
            nodes = np.argwhere(left_out)
            if not len(nodes):
                continue
            if len(nodes) > _MOST_HELD_OUT:
                nodes = np.random.default_rng(0).choice(nodes, _MOST_HELD_OUT, replace=False)
            points = np.stack([axis[i] for axis, i in zip(axes, nodes.T, strict=True)], axis=-1)
            rest = [axis[lines] for axis, lines in zip(axes, kept, strict=True)]
            f = self._through(rest, values[np.ix_(*kept)])
            residuals.append(f(points) - values[tuple(nodes.T)])
        if not residuals:
            return None
        everything = values.reshape(-1, *values.shape[len(axes) :])
        return _relative_rmse(np.concatenate(residuals), everything)

    def _least_squares(self, X, y):
        n, d = X.shape
        if d > 2 and self.n_knots is not None:
            raise ValueError(f"n_knots is for one or two dimensions only, X has {d}")
        if d > 2:
            sizes = [len(np.unique(column)) for column in X.T]
            raise ValueError(
                f"X is not a rectilinear grid ({n} samples, with {_times(sizes)} different values "
                "of the inputs), and scattered samples are matched in one or two dimensions only: "
                "use SimplexRegressor or MLPRegressor"
            )
        if self.boundary == "periodic":
            raise ValueError("boundary 'periodic' needs samples on a grid, and no n_knots")
        flat = np.flatnonzero(np.ptp(X, axis=0) == 0)
        if len(flat):
            raise ValueError(f"X[:, {flat[0]}] is constant ({X[0, flat[0]]}): leave it out")
        held_out = None
        n_knots = self.n_knots
        if n_knots in (None, "auto"):
            n_knots, held_out = self._best_n_knots(X, y)
        f = self._nearest(X, y, n_knots)
        return f, {
            "model": f"spline of degree {_times(f.degree)} with {_times([n_knots] * d)} knots",
            **_residuals(f(X) - y, y),
            "stop_reason": "least squares",
            "n_params": f.coefficients[..., 0].size if y.ndim > 1 else f.coefficients.size,
            "held_out_rmse": held_out,
        }

    def _nearest(self, X, y, n_knots: int) -> SplineInterpolator:
        return SplineInterpolator.fit(
            X, y, n_knots, self._scattered_degree(X), extrapolate=self.extrapolate
        )

    def _scattered_degree(self, X) -> int:
        """The highest degree up to `degree` of which the samples determine a single polynomial."""
        n, d = X.shape
        return max(1, min(self.degree, int(n ** (1 / d) + 1e-9) - 1))

    def _best_n_knots(self, X, y) -> tuple[int, float | None]:
        """Of a geometric sequence of numbers of knots the one with the smallest error at held-out
        samples, and that error."""
        n, d = X.shape
        rng = check_random_state(self.random_state)
        rows = rng.permutation(n)
        n_held = int(_HELD_OUT_SHARE * n)
        held, kept = rows[:n_held], rows[n_held:]
        # the box must not depend on who is held out
        ends = np.unique(np.concatenate([X.argmin(axis=0), X.argmax(axis=0)]))
        held, kept = np.setdiff1d(held, ends), np.union1d(kept, ends)
        most = int((len(kept) / _SAMPLES_PER_COEFFICIENT) ** (1 / d))
        most += 1 - self._scattered_degree(X[kept])
        if not len(held) or most < 2:
            return 2, None
        best, in_vain = (np.inf, 2), 0
        n_knots, began = 2.0, time.perf_counter()
        while n_knots <= most and in_vain < _PATIENCE:
            f = self._nearest(X[kept], y[kept], int(n_knots))
            error = _relative_rmse(f(X[held]) - y[held], y)
            in_vain = 0 if error < best[0] else in_vain + 1
            best = min(best, (error, int(n_knots)))
            # in d dimensions n_knots**d coefficients in a band of n_knots**(d - 1)
            next_ones_cost = _MORE_KNOTS ** (3 * d - 2)
            seconds = time.perf_counter() - began
            if self.time_limit is not None and seconds * next_ones_cost > self.time_limit:
                break
            n_knots = max(n_knots + 1, _MORE_KNOTS * n_knots)
        return best[1], best[0]


def rectilinear_grid(X: np.ndarray) -> tuple[list[np.ndarray], np.ndarray] | None:
    """The axes of a grid whose points are the rows of X in some order, and the rows in the grid's
    order; None if they are no grid, or, in one dimension, of distances that are too uneven."""
    axes, places, size = [], [], 1
    for column in X.T:
        axis, place = np.unique(column, return_inverse=True)
        axes.append(axis)
        places.append(place)
        size *= len(axis)
        if size > len(X):
            return None
    if size != len(X) or min(map(len, axes)) < 2:
        return None
    if len(axes) == 1 and len(X) > 2:
        distance = np.diff(axes[0])
        if np.max(np.abs(np.diff(np.log(distance)))) > np.log(_MOST_UNEVEN):
            return None
    place = np.ravel_multi_index(places, [len(axis) for axis in axes])
    order = np.full(size, -1)
    order[place] = np.arange(size)
    return None if (order < 0).any() else (axes, order)


def without_some_lines(shape, shift: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    """The lines of a grid without every eighth along each axis, and which points lie on those.

    Other shifts, up to 7, leave out other lines. A line and its mirror image go together, as the
    one would give the other away of even and odd functions; two in the middle leave a gap that is
    too large, and go where there are few others only. None of fewer than five are left out.
    """
    kept, left_out = [], np.ones(shape, dtype=bool)
    for n in shape:
        middle = (n - 1) // 2
        first = min(_FIRST_LEFT_OUT, middle)
        end = middle + (n % 2 or n <= _FEW_LINES) if n >= _FEWEST_LINES else 0
        half = np.arange(first + shift, end, _LEFT_OUT_LINES)
        kept.append(np.setdiff1d(np.arange(n), np.concatenate([half, n - 1 - half])))
    left_out[np.ix_(*kept)] = False
    return kept, left_out


def _bearable(degree: int, boundary: str, n: int) -> int:
    """The highest degree up to `degree` that n points bear, 1 at least."""
    while degree > 1 and _core.fewest_spline_points(degree, boundary) > n:
        degree -= 1
    return degree


def _residuals(residual: np.ndarray, y: np.ndarray) -> dict[str, float]:
    return {
        "relative_rmse": _relative_rmse(residual, y),
        "max_error": float(np.max(np.abs(residual))),
    }


def _relative_rmse(residual: np.ndarray, y: np.ndarray) -> float:
    """Over all outputs alike, of some or all targets y; where these are zero, 0 if the residuals
    are, else infinity."""
    residual, y = residual.reshape(len(residual), -1), y.reshape(len(y), -1)
    size, error = root_mean_square(y), root_mean_square(residual)
    if not size.all():
        return float(np.inf if error[size == 0].any() else 0.0)
    return float(np.sqrt(np.mean((error / size) ** 2)))


def _times(numbers) -> str:
    return " x ".join(map(str, numbers))


def _dimensions(d: int) -> str:
    return f"{d} dimension{'s' if d > 1 else ''}"
