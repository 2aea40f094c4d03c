"""Splines against SciPy's, interpn's and ndsplines': digits, orders, speed.

``python -m bench.splines [digits|orders|speed|fit]`` prints a table for each of what is asked, all
without an argument. One thread. A peer that is not installed is left out, visibly:
``pip install interpn pydantic ndsplines``.
"""

from __future__ import annotations

import sys
from functools import partial
from itertools import pairwise

# first, as it keeps every library on one thread
from bench import peers  # isort: skip

import numpy as np
import scipy.interpolate as si
from numpy.polynomial import Chebyshev
from scipy.ndimage import map_coordinates

import precisekit as pk
from bench.tasks import relative_rmse
from precisekit.interpolate import SplineInterpolator

QUERIES = 100_000
# (axes, points an axis, degree), and how many times faster than the fastest of SciPy's is asked
SPEED = {
    (1, 57, 3): 3,
    (1, 57, 7): 3,
    (1, 1_000, 5): 3,
    (1, 100_000, 3): 40,
    (1, 100_000, 7): 40,
    (2, 129, 3): 3,
    (2, 129, 5): 3,
    (2, 1_000, 3): 3,
    (2, 129, 7): 3,
    (3, 40, 3): 3,
    (3, 40, 5): 3,
    (3, 100, 3): 3,
    (4, 20, 3): 3,
}


def line(n):
    """Figure 4 of the paper, in one dimension: e^x on [-1, 1], tested on [-0.9, 0.9]."""
    x, q = np.linspace(-1, 1, n), np.linspace(-0.9, 0.9, 2_000)
    return (x,), np.exp(x), q[:, None], np.exp(q)


def plane(n):
    """Figure 4 of the paper, in two: e^(x y) on [-1, 1]^2, tested on [-0.8, 0.8]^2."""
    x, q = np.linspace(-1, 1, n), np.linspace(-0.8, 0.8, 121)
    X = np.stack(np.meshgrid(q, q, indexing="ij"), axis=-1).reshape(-1, 2)
    return (x, x), np.exp(np.outer(x, x)), X, np.exp(X[:, 0] * X[:, 1])


def our_error(axes, values, X, truth, degree):
    return relative_rmse(SplineInterpolator(axes, values, degree)(X), truth)


def scipys_errors(axes, values, X, truth, degree):
    """Of make_interp_spline, or of NdBSpline and RectBivariateSpline."""
    if len(axes) == 1:
        spline = si.make_interp_spline(axes[0], values, degree)
        return {"make_interp_spline": relative_rmse(spline(X[:, 0]), truth)}
    errors = {"NdBSpline": relative_rmse(nd_b_spline(axes, values, degree)(X), truth)}
    if degree <= 5:
        spline = si.RectBivariateSpline(*axes, values, kx=degree, ky=degree)
        errors["RectBivariateSpline"] = relative_rmse(spline.ev(*X.T), truth)
    return errors


def nd_b_spline(axes, values, degree):
    coefficients = values
    for a, x in enumerate(axes):
        spline = si.make_interp_spline(x, coefficients, degree, axis=a)
        coefficients = np.moveaxis(spline.c, 0, a)
    knots = tuple(si.make_interp_spline(x, x, degree).t for x in axes)
    return si.NdBSpline(knots, coefficients, degree)


def digits():
    print("\nrelative RMSE at the floor")
    print(f"{'function':8} {'degree':>6} {'n':>6} {'precisekit':>10} {'asked':>8}   SciPy's")
    for name, task, degree, n, asked in [
        ("e^x", line, 7, 57, 3.2e-16),
        ("e^x", line, 9, 38, 2.6e-16),
        ("e^(xy)", plane, 5, 129, 4e-16),
    ]:
        error = our_error(*task(n), degree)
        theirs = scipys_errors(*task(n), degree)
        theirs = ", ".join(f"{peer} {value:.2e}" for peer, value in theirs.items())
        print(f"{name:8} {degree:6d} {n:6d} {error:10.2e} {asked:8.1e}   {theirs}")


def slope(sizes, errors):
    """Order of the last two errors, as a function of the spacing."""
    (n, m), (coarse, fine) = sizes[-2:], errors[-2:]
    return np.log(coarse / fine) / np.log((m - 1) / (n - 1))


def chebyshev_error(d, n, degree):
    """Largest error anywhere for T_(degree + 1), summed over the axes: C h^(degree + 1) exactly.

    The simplest function that is not reproduced, so that the order shows before rounding does.
    """
    f = Chebyshev.basis(degree + 1)
    x, q = np.linspace(-1, 1, n), np.linspace(-1, 1, 20_001 if d == 1 else 501)
    if d == 1:
        return np.abs(SplineInterpolator(x, f(x), degree)(q) - f(q)).max()
    s = SplineInterpolator((x, x), np.add.outer(f(x), f(x)), degree)
    return np.abs(s((q[:, None], q)) - np.add.outer(f(q), f(q))).max()


def wave(n):
    """cos(40 x) on [-1, 1], tested on the half that the ends do not reach."""
    x, q = np.linspace(-1, 1, n), np.linspace(-0.5, 0.5, 5_000)
    return (x,), np.cos(40 * x), q[:, None], np.cos(40 * q)


def errors_above(floor, task, sizes, degree):
    """The sizes and our errors until rounding shows."""
    errors = []
    for n in sizes:
        error = our_error(*task(n), degree)
        if error < floor:
            break
        errors.append(error)
    return sizes[: len(errors)], errors


def orders():
    """Of the simplest function; of e^x as in Figure 4; and of a wave, over its last doublings.

    In powers of h the error of a smooth function is C h^(degree + 1) (1 + c h^2 + ...): from degree
    9 on, rounding comes before the first term stands alone, as in SciPy's.
    """
    print("\norder of convergence, asked: degree + 1 within 0.1 for odd degrees")
    print(f"{'degree':>6} {'T 1-D':>6} {'T 2-D':>6} {'e^x':>6} {'SciPy':>6}   cos 40x: n, order")
    for degree in range(1, 10):
        sizes = [4 * degree + 9, 6 * degree + 10]
        simplest = [slope(sizes, [chebyshev_error(d, n, degree) for n in sizes]) for d in (1, 2)]
        sizes = [round(degree + 3 + 5 * 1.3**i) for i in range(15)]
        sizes, ours = errors_above(3e-14, line, sizes, degree)
        theirs = [scipys_errors(*line(n), degree)["make_interp_spline"] for n in sizes[-2:]]
        sizes_of_wave = [round(2 ** (0.5 * i)) + 1 for i in range(10, 24)]
        waves = errors_above(2e-14, wave, sizes_of_wave, degree)
        print(
            f"{degree:6d} {simplest[0]:6.2f} {simplest[1]:6.2f} {slope(sizes, ours):6.2f} "
            f"{slope(sizes[-2:], theirs):6.2f}   "
            + ", ".join(
                f"{n}: {slope((m, n), pair):.2f}"
                for (m, n), pair in zip(
                    pairwise(waves[0][-7::2]), pairwise(waves[1][-7::2]), strict=True
                )
            ),
            flush=True,
        )


def speed_peers(axes, values, X, degree):
    """name -> (function, number of queries): the slow ones are asked fewer."""
    d, n = len(axes), len(axes[0])
    columns = [np.ascontiguousarray(x) for x in X.T]
    peers = {}
    if d == 1:
        few = len(X) if n < 10_000 else len(X) // 50
        spline = si.make_interp_spline(axes[0], values, degree)
        peers["BSpline"] = partial(spline, columns[0][:few]), few
        peers["PPoly"] = partial(si.PPoly.from_spline(spline), columns[0]), len(X)
    else:
        peers["NdBSpline"] = partial(nd_b_spline(axes, values, degree), X), len(X)
    if d == 2 and degree <= 5:
        spline = si.RectBivariateSpline(*axes, values, kx=degree, ky=degree)
        peers["RectBiv.ev"] = partial(spline.ev, *columns), len(X)
    if degree <= 5:  # equidistant points only, other conditions at the ends, no derivatives
        grid = X.T * (n - 1)
        peers["ndimage"] = (
            partial(map_coordinates, values, grid, order=degree, prefilter=False),
            len(X),
        )
    return peers


def other_packages(axes, values, X, degree):
    columns = [np.ascontiguousarray(x) for x in X.T]
    peers = {}
    try:
        import ndsplines

        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        few = len(X) if len(axes[0]) < 10_000 else len(X) // 50
        spline = ndsplines.make_interp_spline(grid, values, degrees=degree)
        peers["ndsplines"] = partial(spline, X[:few]), few
    except ImportError as error:
        print(f"ndsplines left out: {error}", file=sys.stderr)
    try:
        import interpn

        if degree == 3:
            cubic = partial(
                interpn.interpn, columns, axes, values.ravel(), method="cubic", max_threads=1
            )
            peers["interpn cubic"] = cubic, len(X)
            from interpn.multibspline_rectilinear import MultiBsplineRectilinear

            spline = MultiBsplineRectilinear.new(list(axes), values)
            peers["interpn B-spline"] = partial(spline.eval, columns), len(X)
    except ImportError as error:
        print(f"interpn left out: {error}", file=sys.stderr)
    return peers


def speed_case(d, n, degree, with_others=True):
    """ns a query of ours, SciPy's and others'."""
    rng = np.random.default_rng(0)
    x = np.linspace(0, 1, n)
    values = np.sin(3 * sum(np.meshgrid(*[x] * d, indexing="ij", sparse=True)))
    X = rng.uniform(0, 1, (QUERIES, d))
    scipys = speed_peers((x,) * d, values, X, degree)
    others = other_packages((x,) * d, values, X, degree) if with_others else {}
    functions = {"precisekit": (partial(SplineInterpolator((x,) * d, values, degree), X), len(X))}
    functions |= scipys | others
    seconds = peers.best_seconds([f for f, _ in functions.values()], 0.15)
    ns = {
        name: 1e9 * s / queries
        for (name, (_, queries)), s in zip(functions.items(), seconds, strict=True)
    }
    return ns, min(ns[name] for name in scipys) / ns["precisekit"]


def speed():
    print(f"\nevaluation at {QUERIES} random points, one thread, {pk._core.isa()}: ns a point")
    print(f"{'d':>2} {'n':>6} {'degree':>6} {'precisekit':>10} {'ratio':>6} {'asked':>5}   others")
    for (d, n, degree), asked in SPEED.items():
        ns, ratio = speed_case(d, n, degree)
        ours = ns.pop("precisekit")
        others = ", ".join(f"{name} {t:.1f}" for name, t in ns.items())
        print(
            f"{d:2d} {n:6d} {degree:6d} {ours:10.1f} {ratio:6.1f} {asked:5d}   {others}", flush=True
        )
    print("ratio: to the fastest of SciPy's")


def fit():
    print("\nconstruction, one thread: ms")
    print(f"{'d':>2} {'n':>6} {'degree':>6} {'precisekit':>10} {'SciPy':>8}")
    for d, n, degree in [(1, 57, 7), (1, 100_000, 7), (2, 129, 5), (2, 1_000, 3), (3, 60, 3)]:
        x = np.linspace(0, 1, n)
        values = np.sin(3 * sum(np.meshgrid(*[x] * d, indexing="ij", sparse=True)))
        axes = (x,) * d

        def theirs(axes=axes, values=values, degree=degree):
            if len(axes) == 1:
                return si.make_interp_spline(axes[0], values, degree)
            return nd_b_spline(axes, values, degree)

        seconds = peers.best_seconds(
            [partial(SplineInterpolator, axes, values, degree), theirs], 0.2
        )
        print(f"{d:2d} {n:6d} {degree:6d} {1e3 * seconds[0]:10.2f} {1e3 * seconds[1]:8.2f}")


def main(asked: list[str]) -> None:
    pk.set_num_threads(1)
    for table in (digits, orders, speed, fit):
        if not asked or table.__name__ in asked:
            table()


if __name__ == "__main__":
    main(sys.argv[1:])
