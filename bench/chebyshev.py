"""`from_function` against other Python packages: digits, and seconds to construct and evaluate.

``python -m bench.chebyshev`` prints a table for each function of the figures, on one thread, in one
run. Peers: chebpy (PyPI "chebfun", adaptive, 1-D), pychebyshev (calls f point by point),
chebyshevnd (DCT and Numba) and numpy.polynomial. The last two choose no degree, and pychebyshev's
choice takes cos(20x) for a constant: these three are given the degrees that `from_function` found.
A peer that is not installed is left out, visibly: ``pip install chebfun pychebyshev chebyshevnd``.
What is slow is asked at fewer points, and its time scaled to all.
"""

from __future__ import annotations

import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
from numpy.polynomial import chebyshev as C  # noqa: E402

import precisekit as pk  # noqa: E402
from precisekit.interpolate import from_function  # noqa: E402

FUNCTIONS = {  # of columns, so that it takes long doubles as well
    "cos(20x)": (1, lambda x: np.cos(20 * x)),
    "exp(xy)": (2, lambda x, y: np.exp(x * y)),
    "1/(1+x^2+y^2+z^2)": (3, lambda x, y, z: 1 / (1 + x * x + y * y + z * z)),
}
ASKED = 8e-16
QUERIES = 100_000
BUDGET = 1.5  # seconds a peer's evaluation may take before its points are cut


def gauss_nodes(n):
    return np.cos(np.pi * (np.arange(n) + 0.5) / n)


def on_grid(f, nodes):
    return f(*np.meshgrid(*nodes, indexing="ij"))


class Precisekit:
    name = "precisekit"

    def build(self, f, d, sizes):
        return from_function(lambda X: f(*X.T), [-1.0] * d, [1.0] * d)


class Chebpy:
    name = "chebpy"

    def __init__(self):
        import chebpy

        self.chebfun = chebpy.chebfun

    def build(self, f, d, sizes):
        if d > 1:
            raise NotImplementedError("one dimension only")
        p = self.chebfun(f, [-1, 1])
        return lambda X: p(X[:, 0])


class Pychebyshev:
    name = "pychebyshev"

    def __init__(self):
        import pychebyshev

        self.approximation = pychebyshev.ChebyshevApproximation

    def build(self, f, d, sizes):
        p = self.approximation(
            lambda x, _: float(f(*x)),
            d,
            [(-1.0, 1.0)] * d,
            n_nodes=list(sizes),
        )
        p.build(verbose=False)
        return lambda X: p.vectorized_eval_batch(X, [0] * d)


class ChebyshevND:
    """Its methods take one point; its compiled functions are called from a compiled loop here."""

    name = "chebyshevnd"

    def __init__(self):
        import chebyshevnd
        import numba
        from chebyshevnd.clenshaw import clenshaw_1d, clenshaw_2d, clenshaw_3d

        @numba.njit
        def evaluate_1d(c, limits, X):
            return np.array([clenshaw_1d(c, x[0]) for x in X])

        @numba.njit
        def evaluate_2d(c, limits, X):
            return np.array([clenshaw_2d(c, x[0], x[1], limits) for x in X])

        @numba.njit
        def evaluate_3d(c, limits, X):
            return np.array([clenshaw_3d(c, x[0], x[1], x[2]) for x in X])

        self.package = chebyshevnd
        self.evaluate = {1: evaluate_1d, 2: evaluate_2d, 3: evaluate_3d}

    def build(self, f, d, sizes):
        kind = getattr(self.package, f"ChebyshevInterpolant{d}D")
        p = kind(on_grid(f, [self.package.chebyshev_nodes(n, -1.0, 1.0) for n in sizes]))
        limits = getattr(p, "NyMaxes", None)
        return lambda X: self.evaluate[d](p.coeffs, limits, X)


class Numpy:
    name = "numpy"

    def build(self, f, d, sizes):
        c = on_grid(f, [gauss_nodes(n) for n in sizes])
        for axis, n in enumerate(sizes):
            # a discrete cosine transform, as a product: numpy has none
            T = C.chebvander(gauss_nodes(n), n - 1)
            c = np.moveaxis(np.tensordot(2 / n * T.T, c, axes=(1, axis)), 0, axis)
            c[(slice(None),) * axis + (0,)] /= 2
        evaluate = {1: C.chebval, 2: C.chebval2d, 3: C.chebval3d}[d]
        return lambda X: np.concatenate(
            [evaluate(*X[i : i + 1000].T, c) for i in range(0, len(X), 1000)]
        )


def measured(peer, f, d, sizes, X):
    """Seconds to construct and to evaluate at X (scaled, where fewer points were asked), and the
    interpolant; the better of two runs, the first of which compiles."""
    build, evaluate = [], []
    n = len(X)
    for _ in range(2):
        began = time.perf_counter()
        p = peer.build(f, d, sizes)
        built = time.perf_counter()
        p(X[:10])
        trial = time.perf_counter()
        p(X[:1000])
        per_point = (time.perf_counter() - trial) / 1000
        n = min(len(X), max(1000, int(BUDGET / per_point)))
        trial = time.perf_counter()
        p(X[:n])
        build.append(built - began)
        evaluate.append((time.perf_counter() - trial) * len(X) / n)
    return min(build), min(evaluate), p, n


def installed():
    for peer in (Chebpy, Pychebyshev, ChebyshevND, Numpy):
        try:
            yield peer()
        except ImportError as error:
            print(f"{peer.name} left out: {error}", file=sys.stderr)


def relative_rmse(y, truth):
    return float(np.sqrt(np.mean((y - truth) ** 2) / np.mean(truth**2)))


def rows(name, peers, queries=QUERIES):
    """For each package: name, relative RMSE to the true function and to what float64 makes of it,
    seconds to construct, to evaluate, and in how many points it was asked."""
    d, f = FUNCTIONS[name]
    X = np.random.default_rng(1).uniform(-1, 1, (queries, d))
    truth, rounded = f(*X.T.astype(np.longdouble)), f(*X.T)
    sizes = [n + 1 for n in Precisekit().build(f, d, None).degrees]
    for peer in (Precisekit(), *peers):
        try:
            build, evaluate, p, n = measured(peer, f, d, sizes, X)
        except NotImplementedError as reason:
            yield peer.name, str(reason)
            continue
        y = p(X[:n])
        errors = relative_rmse(y, truth[:n]), relative_rmse(y, rounded[:n])
        yield peer.name, *errors, build, evaluate, n


def main() -> None:
    pk.set_num_threads(1)
    peers = list(installed())
    print(f"one thread, {pk._core.isa()}; {QUERIES:,} uniform points; asked: at most {ASKED:.0e}")
    for name, (d, _) in FUNCTIONS.items():
        print(f"\n{name} on [-1, 1]^{d}")
        print(f"{'':12} {'error':>9} {'to float64 f':>13} {'construct':>11} {'evaluate':>11} ratio")
        ours = None
        for package, *row in rows(name, peers):
            if len(row) == 1:
                print(f"{package:12} {row[0]}")
                continue
            error, rounded, build, evaluate, n = row
            ours = ours or build + evaluate
            print(
                f"{package:12} {error:9.1e} {rounded:13.1e} {1e3 * build:8.2f} ms "
                f"{1e3 * evaluate:8.2f} ms {(build + evaluate) / ours:5.1f}"
                f"{'' if n == QUERIES else f'   (asked at {n:,} points)'}",
                flush=True,
            )


if __name__ == "__main__":
    main()
