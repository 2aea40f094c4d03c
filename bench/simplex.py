"""Simplex interpolation over a mesh, against SciPy's LinearNDInterpolator, on one thread.

``python -m bench.simplex [speed [2-10000 ...]|line|paper [D]]`` prints a table for each of what is
asked, all without an argument; a case of speed is its dimension and number of points. The largest
take minutes, nearly all of it Qhull's. matplotlib and numpy.interp are peers in two dimensions and
in one; without matplotlib its line is left out, visibly.
"""

from __future__ import annotations

import sys
import time

# first, as it keeps every library on one thread
from bench import peers  # isort: skip # noqa: F401

import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import Delaunay

import precisekit as pk
from precisekit.interpolate import SimplexInterpolator

QUERIES = 200_000
# (dimensions, points): how many times faster than SciPy at random queries
SPEED = {(2, 10_000): 8, (2, 1_000_000): 100, (3, 100_000): 30, (4, 30_000): 15, (6, 2_000): 3}

# Figure 2 of the paper: RMSE at D = 64, 256, ... with seed 0, measured with SciPy
FIGURE_2 = {
    "Z.001": (1.226e-3, 1.116e-4, 6.904e-6, 4.774e-7, 2.815e-8, 1.805e-9, 1.102e-10),
    "II.8.31": (2.139e-1, 5.281e-2, 1.585e-2, 3.583e-3, 9.472e-4, 2.248e-4, 5.620e-5),
    "I.30.5": (8.737e-3, 4.554e-3, 1.406e-3, 4.444e-4, 1.845e-4, 7.337e-5, 2.881e-5),
    "I.8.14": (4.427e-1, 2.246e-1, 1.370e-1, 7.261e-2, 3.563e-2, 1.990e-2),
    "I.44.4": (2.524, 1.746, 9.701e-1, 5.484e-1),
}


def seconds(function, *arguments, rounds=3):
    """The shortest of some runs."""
    best = np.inf
    for _ in range(rounds):
        start = time.perf_counter()
        function(*arguments)
        best = min(best, time.perf_counter() - start)
    return best


def morton_sorted(x):
    """Points in [0, 1]^d along a Morton curve."""
    d = x.shape[1]
    bits = 60 // d
    cells = (x * 2.0**bits).astype(np.uint64)
    keys = np.zeros(len(x), np.uint64)
    for b in range(bits):
        for j in range(d):
            bit = cells[:, j] >> np.uint64(b) & np.uint64(1)
            keys |= bit << np.uint64(b * d + j)
    return x[np.argsort(keys)]


def matplotlib_interpolator(tri, values):
    from matplotlib.tri import LinearTriInterpolator, Triangulation

    x, y = tri.points.T
    f = LinearTriInterpolator(Triangulation(x, y, triangles=tri.simplices), values)
    return lambda xi: f(xi[:, 0], xi[:, 1])


def speed(names):
    cases = [tuple(map(int, name.split("-"))) for name in names] or SPEED
    for d, n in cases:
        rng = np.random.default_rng(0)
        points, values, other = rng.uniform(size=(n, d)), *rng.standard_normal((2, n))
        random = rng.uniform(size=(QUERIES, d))
        ordered = morton_sorted(random)
        # SciPy takes the most of a minute for all queries in large meshes: a part of them tells
        part = random[: QUERIES // 10 if n > 100_000 else QUERIES]

        start = time.perf_counter()
        tri = Delaunay(points)
        qhull = time.perf_counter() - start
        start = time.perf_counter()
        ours = SimplexInterpolator(tri, values)
        ours_setup = time.perf_counter() - start
        start = time.perf_counter()
        theirs = LinearNDInterpolator(tri, values)
        theirs(points[:1])
        theirs_setup = time.perf_counter() - start
        difference = np.nanmax(np.abs(ours(part) - theirs(part)))
        print(
            f"\nd = {d}, n = {n:,}, {len(tri.simplices):,} simplices, {QUERIES:,} queries; "
            f"seconds: Qhull {qhull:.2f}, then ours {ours_setup:.2f}, SciPy {theirs_setup:.2f}; "
            f"largest difference of values {difference:.0e}"
        )

        pk.set_num_threads(1)
        at_random = seconds(ours, random) / QUERIES
        scipy_at_random = seconds(theirs, part, rounds=1) / len(part)
        in_order = seconds(ours, ordered) / QUERIES
        scipy_in_order = seconds(theirs, ordered, rounds=2) / QUERIES
        located = ours.weights(ordered)
        renewed = seconds(located.apply, other, rounds=7) / QUERIES
        pk.set_num_threads(2)
        on_two = seconds(ours, random, rounds=7) / QUERIES
        pk.set_num_threads(1)
        asked = f"{SPEED[d, n]}x" if (d, n) in SPEED else "-"
        million = 1e-6 / renewed
        for row in (
            ("", "ours ns", "SciPy ns", "ratio", "asked"),
            ("random", at_random, scipy_at_random, scipy_at_random / at_random, asked),
            ("in Morton order", in_order, scipy_in_order, scipy_in_order / in_order, "1x"),
            ("new values there", renewed, scipy_in_order, scipy_in_order / renewed, "10x"),
            ("random, 2 threads", on_two, at_random, at_random / on_two, "1.7x of one"),
        ):
            print_row(row)
        print(f"new values: {million:.0f} M queries/s" + (" (asked: 40)" if d == 2 else ""))
        if d == 2:
            print_matplotlib(tri, values, part, at_random)


def print_row(row):
    name, *numbers, asked = row
    if isinstance(numbers[0], str):
        print(f"{name:18}" + "".join(f"{text:>10}" for text in numbers) + f"   {asked}")
        return
    ours, theirs, ratio = numbers
    print(f"{name:18}{1e9 * ours:10.0f}{1e9 * theirs:10.0f}{ratio:9.1f}x   {asked}")


def print_matplotlib(tri, values, queries, ours):
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        print("matplotlib is not installed")
        return
    start = time.perf_counter()
    f = matplotlib_interpolator(tri, values)
    f(queries[:1])
    setup = time.perf_counter() - start
    theirs = seconds(f, queries, rounds=1) / len(queries)
    print(
        f"matplotlib.tri at random: {1e9 * theirs:.0f} ns, {theirs / ours:.1f}x ours "
        f"(and {setup:.1f} s to set up)"
    )


def line(_):
    print("\nd = 1, 200,000 queries      ours ns  numpy.interp ns    ratio")
    for n in (1_000, 1_000_000):
        rng = np.random.default_rng(0)
        x, y = np.sort(rng.uniform(size=n)), rng.standard_normal(n)
        f = SimplexInterpolator(x, y)
        pk.set_num_threads(1)
        random = rng.uniform(x[0], x[-1], QUERIES)
        for name, xi in (("random", random), ("sorted", np.sort(random))):
            ours = seconds(f, xi) / QUERIES
            theirs = seconds(np.interp, xi, x, y) / QUERIES
            print(
                f"n = {n:9,}, {name:10}{1e9 * ours:11.0f}{1e9 * theirs:17.0f}{theirs / ours:8.1f}x"
            )


def paper(largest):
    """Figure 2: uniform points, 30,000 queries in the box shrunk to 0.8, those outside dropped."""
    largest = int(largest[0]) if largest else 16_384
    print("\nFigure 2, RMSE with seed 0         D       ours   measured   outside")
    for name, measured in FIGURE_2.items():
        q = pk.datasets.feynman(name)
        lo, hi = np.array(q.lo), np.array(q.hi)
        rim = 0.1 * (hi - lo)
        for i, expected in enumerate(measured):
            n = 64 * 4**i
            if n > largest * (4 if len(lo) == 1 else 1):
                continue
            np.random.seed(0)  # noqa: NPY002
            X = np.random.uniform(lo, hi, (n, len(lo)))  # noqa: NPY002
            xi = np.random.uniform(lo + rim, hi - rim, (30_000, len(lo)))  # noqa: NPY002
            error = SimplexInterpolator(X, q(X), method="mesh")(xi) - q(xi)
            inside = np.isfinite(error)
            rmse = np.sqrt(np.mean(error[inside] ** 2))
            print(
                f"{name:10} {len(lo)}-D {n:20,} {rmse:10.3e} {expected:10.3e} {(~inside).sum():9,}"
                + ("" if abs(rmse / expected - 1) < 1e-3 else "   differs")
            )


PARTS = {"speed": speed, "line": line, "paper": paper}

if __name__ == "__main__":
    chosen = sys.argv[1:2] or list(PARTS)
    if chosen[0] not in PARTS:
        sys.exit(__doc__)
    for part in chosen:
        PARTS[part](sys.argv[2:])
