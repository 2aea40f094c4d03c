"""asv: location in Delaunay meshes, and new values on known queries."""

import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import Delaunay

import precisekit as pk
from bench.simplex import morton_sorted, seconds


class SimplexMesh:
    params = [["2-10000", "3-10000", "4-2000"]]
    param_names = ["d-n"]
    timeout = 300

    def setup(self, case):
        d, n = map(int, case.split("-"))
        rng = np.random.default_rng(0)
        tri = Delaunay(rng.uniform(size=(n, d)))
        self.values = rng.standard_normal(n)
        self.random = rng.uniform(size=(100_000, d))
        self.in_order = morton_sorted(self.random)
        self.ours = pk.interpolate.SimplexInterpolator(tri, self.values)
        self.theirs = LinearNDInterpolator(tri, self.values)
        self.located = self.ours.weights(self.random)
        pk.set_num_threads(1)

    def time_random(self, case):
        self.ours(self.random)

    def time_in_order(self, case):
        self.ours(self.in_order)

    def time_new_values(self, case):
        self.located.apply(self.values)

    def track_ratio_to_scipy(self, case):
        return seconds(self.theirs, self.random, rounds=1) / seconds(self.ours, self.random)
