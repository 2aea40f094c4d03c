"""Points in a box, and the checks of points that the data sets share."""

import operator
import warnings

import numpy as np


def sample_box(lo, hi, n, law="uniform", seed=0):
    r"""Draw points in a box.

    Parameters
    ----------
    lo, hi : float or array_like of shape (d,)
        Ends of the box, finite, with lo < hi in every coordinate. A scalar beside an array holds
        for all coordinates; two scalars give d = 1.
    n : int
        Number of points, at least 1.
    law : {"uniform", "arcsine", "sobol"}
        "uniform" draws independent uniform points. "arcsine" draws each coordinate as
        :math:`\cos(\pi u)`, u uniform, mapped to the box: the density of Chebyshev nodes, crowded
        at the faces, where interpolants err most. "sobol" draws a scrambled Sobol' sequence
        (`scipy.stats.qmc`) of 53-bit points; it is best balanced when n is a power of two.
    seed : int, SeedSequence or Generator
        Anything that `numpy.random.default_rng` takes.

    Returns
    -------
    X : ndarray of shape (n, d)
        Points with lo <= X <= hi.

    Raises
    ------
    ValueError
        If an argument is out of range; the message names it.
    """
    lo, hi = _check_box(lo, hi)
    n = _check_count(n)
    d = len(lo)
    if law == "uniform":
        weight = np.random.default_rng(seed).random((n, d))
    elif law == "arcsine":
        # (1 - cos(pi u))/2 as a sine squared: distances from lo keep their relative precision
        weight = np.sin(np.pi / 2 * np.random.default_rng(seed).random((n, d))) ** 2
    elif law == "sobol":
        weight = _sobol(n, d, seed)
    else:
        raise ValueError(f"law must be 'uniform', 'arcsine' or 'sobol', got {law!r}")
    # a weighted mean cannot overflow, as hi - lo can; rounding may still leave the box by an ulp
    return np.clip((1 - weight) * lo + weight * hi, lo, hi)


def _sobol(n, d, seed):
    from scipy.stats import qmc

    # 53 bits, not SciPy's 30: coordinates of 30 bits have exact squares and products in float64,
    # so that a fit to them would not see the rounding of its target
    engine = qmc.Sobol(d, scramble=True, bits=53, rng=np.random.default_rng(seed))
    with warnings.catch_warnings():
        # any n is allowed here, and the docstring says which are best
        warnings.filterwarnings("ignore", message="The balance properties", category=UserWarning)
        return engine.random(n)


def _check_box(lo, hi):
    """Return lo and hi as float64 arrays of equal shape (d,)."""
    bounds = {}
    for name, value in (("lo", lo), ("hi", hi)):
        bound = _as_float64(value, name)
        if bound.ndim > 1 or bound.size == 0:
            raise ValueError(f"{name} must be a number or of shape (d,), got shape {bound.shape}")
        bad = ~np.isfinite(np.atleast_1d(bound))
        if bad.any():
            i = bad.argmax()
            raise ValueError(f"{name} must be finite: {name}[{i}] is {np.atleast_1d(bound)[i]}")
        bounds[name] = bound
    lo, hi = bounds.values()
    if lo.ndim == 1 and hi.ndim == 1 and len(lo) != len(hi):
        raise ValueError(f"lo and hi must have equal lengths, got {len(lo)} and {len(hi)}")
    lo, hi = np.broadcast_arrays(*np.atleast_1d(lo, hi))
    bad = lo >= hi
    if bad.any():
        i = bad.argmax()
        raise ValueError(f"lo must be less than hi: lo[{i}] is {lo[i]}, hi[{i}] is {hi[i]}")
    return lo, hi


def _check_count(n):
    try:
        count = operator.index(n)
    except TypeError:
        raise ValueError(f"n must be an integer, got {n!r}") from None
    if count < 1:
        raise ValueError(f"n must be at least 1, got {count}")
    return count


def _as_float64(value, name):
    try:
        array = np.asarray(value)
        if array.dtype.kind == "c":
            raise ValueError("complex numbers")
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold real numbers: {error}") from None


def _check_points(X, d):
    """Return X as a float64 array of shape (n, d) with n >= 1 and finite entries."""
    X = _as_float64(X, "X")
    if X.ndim != 2 or X.shape[1] != d or len(X) == 0:
        raise ValueError(f"X must have shape (n, {d}) with n >= 1, got {X.shape}")
    bad = ~np.isfinite(X)
    if bad.any():
        i, j = np.unravel_index(bad.argmax(), X.shape)
        raise ValueError(f"X must be finite: X[{i}, {j}] is {X[i, j]}")
    return X


def _import_mpmath():
    try:
        import mpmath
    except ImportError:
        raise ImportError(
            "evaluation in extended precision needs mpmath: pip install mpmath"
        ) from None
    return mpmath


def _mp_point(mpmath, point, d):
    """Return the d coordinates of one point as finite mpf numbers."""
    try:
        values = [mpmath.mpf(mpmath.mpmathify(value)) for value in point]  # NumPy's too
    except (TypeError, ValueError) as error:
        raise ValueError(f"point must be a sequence of {d} real numbers: {error}") from None
    if len(values) != d:
        raise ValueError(f"point must have {d} coordinates, got {len(values)}")
    for i, value in enumerate(values):
        if not mpmath.isfinite(value):
            raise ValueError(f"point must be finite: point[{i}] is {value}")
    return values
