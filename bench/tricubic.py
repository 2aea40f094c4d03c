"""Tricubic interpolation of Feynman's I.30.5 on regular grids, as in Figure 4 of the paper.

``python -m bench.tricubic`` prints the absolute RMSE at 30,000 uniform points of the inner 0.8 of
the box, for grids of root^3 points, beside those of the package interpn (cubic, and cubic
B-splines) on the same grids; and seconds for the queries on one thread. Without interpn
(``pip install interpn pydantic``) its columns are left out, visibly.
"""

from __future__ import annotations

import sys
import time

import numpy as np

import precisekit as pk
from precisekit.interpolate import TricubicInterpolator

NOMINAL = (256, 1024, 4096, 16_384, 65_536, 262_144)
ASKED = {262_144: 5e-6}
QUERIES = 30_000


def problem(nominal, seed=0):
    """Axes and values of the grid, test points, and the equation's values there."""
    q = pk.datasets.feynman("I.30.5")
    root = int(nominal ** (1 / 3) + 1e-9)
    lo, hi = np.asarray(q.lo), np.asarray(q.hi)
    axes = [np.linspace(a, b, root) for a, b in zip(lo, hi, strict=True)]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    values = q(nodes.reshape(-1, 3)).reshape((root,) * 3)
    inner = 0.1 * (hi - lo)
    X = pk.sample_box(lo + inner, hi - inner, QUERIES, seed=seed)
    return axes, values, X, q(X)


def rmse(y, truth):
    return float(np.sqrt(np.mean((y - truth) ** 2)))


def seconds(function):
    times = []
    for _ in range(5):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return min(times)


class Interpn:
    """The two cubic methods of interpn; its classes need pydantic."""

    def __init__(self):
        from interpn import interpn
        from interpn.multibspline_regular import MultiBsplineRegular

        self.interpn, self.spline = interpn, MultiBsplineRegular

    def cubic(self, axes, values):
        return lambda X: self.interpn(
            list(np.ascontiguousarray(X.T)), axes, values, method="cubic", max_threads=1
        )

    def bspline(self, axes, values):
        starts = np.array([axis[0] for axis in axes])
        steps = np.array([axis[1] - axis[0] for axis in axes])
        p = self.spline.new([len(a) for a in axes], starts, steps, values)
        return lambda X: p.eval(list(np.ascontiguousarray(X.T)))


def main() -> None:
    pk.set_num_threads(1)
    try:
        peer = Interpn()
    except ImportError as error:
        peer = None
        print(f"interpn left out: {error}", file=sys.stderr)
    print("I.30.5, absolute RMSE at 30,000 points; ratio: interpn's cubic over ours")
    print(
        f"{'grid':>6} {'ours':>9} {'asked':>9} {'interpn':>9} {'ratio':>6} {'B-spline':>9}   "
        "queries: ours, interpn's"
    )
    for nominal in NOMINAL:
        axes, values, X, truth = problem(nominal)
        f = TricubicInterpolator(axes, values)
        ours = rmse(f(X), truth)
        asked = f"{ASKED[nominal]:9.0e}" if nominal in ASKED else " " * 9
        line = f"{len(axes[0]):4}^3 {ours:9.2e} {asked}"
        if peer is None:
            print(f"{line}   {1e3 * seconds(lambda f=f, X=X: f(X)):.2f} ms")
            continue
        cubic, bspline = peer.cubic(axes, values), peer.bspline(axes, values)
        theirs = rmse(cubic(X), truth)
        print(
            f"{line} {theirs:9.2e} {theirs / ours:6.1f} {rmse(bspline(X), truth):9.2e}   "
            f"{1e3 * seconds(lambda f=f, X=X: f(X)):.2f} ms, "
            f"{1e3 * seconds(lambda g=cubic, X=X: g(X)):.2f} ms",
            flush=True,
        )


if __name__ == "__main__":
    main()
