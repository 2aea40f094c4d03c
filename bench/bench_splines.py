"""asv: splines at random points, timed and as ratios to the fastest of SciPy's; their digits."""

import numpy as np

import precisekit as pk
from bench import splines
from precisekit.interpolate import SplineInterpolator


class Splines:
    params = [["1-57-7", "1-100000-3", "2-129-5", "3-40-3"]]
    param_names = ["axes-points-degree"]
    timeout = 300

    def setup(self, case):
        self.d, self.n, self.degree = map(int, case.split("-"))
        pk.set_num_threads(1)
        x = np.linspace(0, 1, self.n)
        self.axes = (x,) * self.d
        grid = np.meshgrid(*self.axes, indexing="ij", sparse=True)
        self.values = np.sin(3 * sum(grid))
        self.spline = SplineInterpolator(self.axes, self.values, self.degree)
        self.X = np.random.default_rng(0).uniform(0, 1, (splines.QUERIES, self.d))

    def time_values(self, case):
        self.spline(self.X)

    def time_gradient(self, case):
        self.spline.gradient(self.X)

    def time_construction(self, case):
        SplineInterpolator(self.axes, self.values, self.degree)

    def track_ratio(self, case):
        return splines.speed_case(self.d, self.n, self.degree, with_others=False)[1]


class SplineDigits:
    params = [["exp-7-57", "exp-9-38", "exp_xy-5-129"]]
    param_names = ["function-degree-points"]

    def track_digits(self, case):
        name, degree, n = case.split("-")
        task = splines.line if name == "exp" else splines.plane
        return -np.log10(splines.our_error(*task(int(n)), int(degree)))

    track_digits.unit = "digits"
