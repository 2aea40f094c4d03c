"""asv: Chebyshev and tricubic interpolation, timed, and digits."""

import numpy as np

import precisekit as pk
from bench import chebyshev, tricubic
from precisekit.interpolate import TricubicInterpolator


class Chebyshev:
    params = list(chebyshev.FUNCTIONS)
    param_names = ["function"]

    def setup(self, name):
        pk.set_num_threads(1)
        self.d, self.f = chebyshev.FUNCTIONS[name]
        self.build = chebyshev.Precisekit().build
        self.p = self.build(self.f, self.d, None)
        self.X = np.random.default_rng(1).uniform(-1, 1, (100_000, self.d))

    def time_construct(self, name):
        self.build(self.f, self.d, None)

    def time_evaluate(self, name):
        self.p(self.X)

    def track_digits(self, name):
        truth = self.f(*self.X.T.astype(np.longdouble))
        return -np.log10(chebyshev.relative_rmse(self.p(self.X), truth))

    track_digits.unit = "digits"


class Tricubic:
    params = [4096, 262_144]
    param_names = ["points"]

    def setup(self, points):
        pk.set_num_threads(1)
        self.axes, self.values, self.X, self.truth = tricubic.problem(points)
        self.f = TricubicInterpolator(self.axes, self.values)

    def time_construct(self, points):
        TricubicInterpolator(self.axes, self.values)

    def time_evaluate(self, points):
        self.f(self.X)

    def time_gradient(self, points):
        self.f.gradient(self.X)

    def track_digits(self, points):
        return -np.log10(tricubic.rmse(self.f(self.X), self.truth))

    track_digits.unit = "digits"
