"""asv: simplex interpolation without a mesh."""

import numpy as np

import precisekit as pk
from bench import sparse_simplex
from precisekit.interpolate import SimplexInterpolator


class SparseSimplex:
    params = [[(6, 10_000, False), (10, 5_000, False), (6, 262_144, False), (20, 2_000, True)]]
    param_names = ["d, n, extrapolate"]

    def setup(self, case):
        d, n, extrapolate = case
        pk.set_num_threads(1)
        rng = np.random.default_rng(0)
        self.points, self.values = rng.random((n, d)), rng.random(n)
        self.queries = sparse_simplex.shrunk(rng, 500, d)
        self.f = self.build(extrapolate)

    def build(self, extrapolate):
        return SimplexInterpolator(
            self.points, self.values, method="sparse", extrapolate=extrapolate
        )

    def time_construct(self, case):
        self.build(case[2])

    def time_500_queries(self, case):
        self.f(self.queries)
