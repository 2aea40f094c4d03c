"""Simplex interpolation without a mesh: queries a second, digits, and the paper's Figure 2 in 6-D.

``python -m bench.sparse_simplex [speed|peers|digits|figure2]`` prints what is asked, all without an
argument, on one thread. The peer is SciPy's LinearNDInterpolator; building its mesh counts,
which is what the sparse method spares. DELAUNAYSPARSE itself is not on PyPI.
"""

from __future__ import annotations

import os
import sys
import time
from functools import partial

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
from scipy.interpolate import LinearNDInterpolator  # noqa: E402
from scipy.spatial import Delaunay  # noqa: E402

import precisekit as pk  # noqa: E402
from precisekit.interpolate import SimplexInterpolator  # noqa: E402

# d, points, queries, extrapolated, queries a second asked
SPEED = (
    (6, 10_000, 20_000, False, 400),
    (10, 5_000, 4_000, False, 100),
    (6, 262_144, 10_000, False, 10),
    (20, 2_000, 1_000, True, 30),
)
FIGURE_SIZES = (64, 256, 1024, 4096, 16384, 65536, 262_144, 1_048_576)
FIGURE_SEEDS = (0, 1, 2, 3)
FIGURE_TESTS = 30_000


def best_of(function, repeats=3):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return min(times), result


def shrunk(rng, m, d):
    """Uniform queries in the unit box shrunk by 0.8 about its centre."""
    return 0.5 + 0.8 * (rng.random((m, d)) - 0.5)


def speed() -> None:
    print("queries a second, uniform points in the unit box, the best of three runs")
    print(f"{'d':>3} {'n':>7} {'queries':>30} {'build':>8} {'queries/s':>10} {'asked':>6}")
    for d, n, m, extrapolate, asked in SPEED:
        rng = np.random.default_rng(0)
        points, values = rng.random((n, d)), rng.random(n)
        start = time.perf_counter()
        f = SimplexInterpolator(points, values, method="sparse", extrapolate=extrapolate)
        build = time.perf_counter() - start
        if extrapolate:
            queries = rng.random((m, d))
            outside = np.isnan(SimplexInterpolator(points, values, method="sparse")(queries))
            kind = f"{m} in the box, {outside.sum()} outside"
        else:
            queries = shrunk(rng, m, d)
            queries = queries[~np.isnan(f(queries))]
            kind = f"{len(queries)} of {m} inside"
        seconds, answers = best_of(lambda f=f, queries=queries: f(queries))
        assert np.isfinite(answers).all()
        rate = len(queries) / seconds
        print(f"{d:3d} {n:7d} {kind:>30} {build:6.2f} s {rate:10.0f} {asked:6d}", flush=True)


def peers() -> None:
    print("\nseconds for construction and queries inside the hull together")
    print("(DELAUNAYSPARSE, ACM TOMS Algorithm 1012, left out: it is not on PyPI)")
    print(f"{'d':>3} {'n':>6} {'queries':>8} {'precisekit':>11} {'SciPy':>9} {'ratio':>7}")
    rng = np.random.default_rng(1)
    for d, n, m in ((3, 10_000, 1_000), (4, 3_000, 1_000), (5, 1_000, 1_000), (6, 300, 1_000)):
        points, values, queries = rng.random((n, d)), rng.random(n), shrunk(rng, m, d)
        sparse = partial(SimplexInterpolator, points, values, method="sparse")
        mesh = partial(LinearNDInterpolator, points, values)
        ours, a = best_of(lambda make=sparse, queries=queries: make()(queries))
        scipys, b = best_of(lambda make=mesh, queries=queries: make()(queries), 1)
        assert np.nanmax(abs(a - b)) < 1e-12
        print(
            f"{d:3d} {n:6d} {m:8d} {ours:9.3f} s {scipys:7.2f} s {scipys / ours:7.1f}", flush=True
        )


def digits() -> None:
    print("\nagreement with scipy.spatial.Delaunay on random points")
    print(f"{'d':>3} {'n':>6} {'inside':>7} {'same simplex':>13} {'largest difference':>19}")
    rng = np.random.default_rng(2)
    for d, n, m in (
        (2, 5_000, 20_000),
        (3, 3_000, 10_000),
        (4, 1_000, 5_000),
        (5, 300, 2_000),
        (6, 150, 1_000),
    ):
        points, values, queries = rng.random((n, d)), rng.random(n), rng.random((m, d))
        mesh = Delaunay(points)
        at = mesh.find_simplex(queries)
        f = SimplexInterpolator(points, values, method="sparse")
        indices, _ = f.weights(queries)
        same = (np.sort(indices, axis=1) == np.sort(mesh.simplices[at], axis=1)).all(axis=1)
        same[at < 0] = indices[at < 0, 0] < 0
        difference = np.nanmax(abs(f(queries) - LinearNDInterpolator(mesh, values)(queries)))
        print(
            f"{d:3d} {n:6d} {(at >= 0).sum():7d} {same.mean():13.2%} {difference:19.1e}", flush=True
        )


def simplex_error(equation, size, seed):
    """RMSE of simplex interpolation as in the paper: queries outside the hull are left out."""
    np.random.seed(seed)  # noqa: NPY002  # as the paper draws, the samples first
    lo, hi = np.array(equation.ranges, dtype=float).T
    points = np.random.uniform(lo, hi, (size, len(lo)))  # noqa: NPY002
    middle, half = (lo + hi) / 2, 0.8 * (hi - lo) / 2
    tests = np.random.uniform(middle - half, middle + half, (FIGURE_TESTS, len(lo)))  # noqa: NPY002
    f = SimplexInterpolator(points, equation(points), method="sparse")
    start = time.perf_counter()
    errors = f(tests) - equation(tests)
    seconds = time.perf_counter() - start
    inside = ~np.isnan(errors)
    return np.sqrt(np.mean(errors[inside] ** 2)), FIGURE_TESTS - inside.sum(), seconds


def slope(sizes, errors):
    """The least-squares exponent of the errors and its standard error."""
    x, y = np.log(sizes), np.log(errors)
    x = x - x.mean()
    exponent = (x @ y) / (x @ x)
    residual = y - y.mean() - exponent * x
    return exponent, np.sqrt(residual @ residual / max(len(x) - 2, 1) / (x @ x))


def figure2() -> None:
    equation = pk.datasets.feynman("II.6.15a")
    print(f"\nFigure 2 in 6-D, II.6.15a, all {FIGURE_TESTS} test points, seeds {FIGURE_SEEDS}")
    print(
        f"{'D':>7} {'mean RMSE':>10} {'std':>8} {'exponent':>8} {'outside the hull':>30} "
        f"{'s, seed 0':>10}"
    )
    all_sizes, all_errors = [], []
    for size in FIGURE_SIZES:
        runs = [simplex_error(equation, size, seed) for seed in FIGURE_SEEDS]
        errors, outside = [r[0] for r in runs], [int(r[1]) for r in runs]
        mean, before = np.mean(errors), np.mean(all_errors[-len(runs) :] or [np.nan])
        step = np.log(mean / before) / np.log(size / (all_sizes or [np.nan])[-1])
        all_sizes += [size] * len(runs)
        all_errors += errors
        print(
            f"{size:7d} {mean:10.3e} {np.std(errors):8.1e} {step:8.3f} {str(outside):>30} "
            f"{runs[0][2]:10.2f}",
            flush=True,
        )
    print("(exponent: from the size before; the hull and the smallest samples bend the first ones)")
    for least in (64, 1024, 65536):
        used = np.array(all_sizes) >= least
        exponent, error = slope(np.array(all_sizes)[used], np.array(all_errors)[used])
        print(
            f"exponent, D >= {least}: {exponent:.3f} +- {error:.3f} (-2/d = {-2 / 6:.3f})",
            flush=True,
        )


def main(asked: list[str]) -> None:
    pk.set_num_threads(1)
    print(f"one thread, {pk._core.isa()}")
    for part in (speed, peers, digits, figure2):
        if not asked or part.__name__ in asked:
            part()


if __name__ == "__main__":
    main(sys.argv[1:])
