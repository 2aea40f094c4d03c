"""Does `precisekit.fit` choose well? Every kind of model alone, beside what it chooses.

``python -m bench.selection [--time-limit 10] [CASE ...]`` fits twenty cases: grids and scattered
samples in one to six dimensions, of smooth functions, kinks and noise. Errors are relative root
mean squares against the function without noise, at 2,000 fresh points of the box. "splines" is the
best, at these points, of all splines that `fit` has to choose from; "network" has the same time as
`fit`. A choice is right if its error is at most ten times that of the best; noise is fitted, which
must not be, if the residuals of the training samples are less than 0.7 of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import precisekit as pk
from bench.tasks import relative_rmse
from precisekit.datasets import feynman

TEST_POINTS = 2000
WITHIN = 10.0
ENOUGH = 18
FITTED_NOISE = 0.7


@dataclass
class Case:
    """`n` is a number of scattered samples or the shape of a grid, noise relative to the values."""

    name: str
    f: Callable
    lo: list
    hi: list
    n: int | tuple
    noise: float = 0.0

    def data(self):
        if isinstance(self.n, int):
            X = pk.sample_box(self.lo, self.hi, self.n, seed=0)
        else:
            axes = [np.linspace(*ends) for ends in zip(self.lo, self.hi, self.n, strict=True)]
            X = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
        y = self.f(X)
        size = np.sqrt(np.mean(y**2))
        return X, y + self.noise * size * np.random.default_rng(2).standard_normal(len(y))

    def test(self, model) -> float:
        X = pk.sample_box(self.lo, self.hi, TEST_POINTS, seed=1000)
        return relative_rmse(model.predict(X), self.f(X))


def equation(name, n, noise=0.0):
    q = feynman(name)
    return Case(name, q, list(q.lo), list(q.hi), n, noise)


def of_cube(name, f, d, n, noise=0.0):
    return Case(name, f, [-1.0] * d, [1.0] * d, n, noise)


def wave(X):
    return np.exp(np.sin(3 * X.sum(axis=1)))


def bell(X):
    return 1 / (1 + 4 * np.sum(X**2, axis=1))


def kink(X):
    """A crease along a curved surface."""
    return np.abs(X[:, 0] - 0.3 * np.sum(X[:, 1:] ** 2, axis=1) - 0.1)


def pyramid(X):
    return np.max(np.abs(X), axis=1)


CASES = [
    of_cube("exp", lambda X: np.exp(X[:, 0]), 1, (40,)),
    of_cube("kink", kink, 1, (300,)),
    of_cube("noisy wave", wave, 1, (300,), 1e-2),
    of_cube("exp(x y)", lambda X: np.exp(X[:, 0] * X[:, 1]), 2, (40, 40)),
    of_cube("pyramid", pyramid, 2, (41, 36)),
    of_cube("noisy bell", bell, 2, (30, 30), 1e-3),
    equation("I.30.5", (20, 20, 20)),
    of_cube("kink", kink, 3, (16, 16, 16)),
    equation("I.8.14", (8, 8, 8, 8)),
    equation("I.44.4", (5, 5, 5, 5, 5)),
    of_cube("wave", wave, 1, 400),
    of_cube("kink", kink, 1, 500),
    of_cube("noisy bell", bell, 1, 2000, 1e-2),
    of_cube("bell", bell, 2, 1500),
    of_cube("kink", kink, 2, 3000),
    of_cube("noisy wave", wave, 2, 2000, 1e-2),
    equation("I.30.5", 4000),
    of_cube("pyramid", pyramid, 3, 4000),
    equation("I.44.4", 4000, 1e-3),
    equation("I.11.19", 4000),
]


def splines(case: Case, X, y) -> float:
    """The best of those that `fit` tries, by the test points."""
    models = [pk.SplineRegressor(degree=k, extrapolate=True) for k in (9, 7, 5, 3, 1)]
    if X.shape[1] <= 2:
        models += [
            pk.SplineRegressor(degree=k, extrapolate=True, n_knots="auto", random_state=0)
            for k in (7, 3)
        ]
    elif isinstance(case.n, int):
        return np.inf
    return min(case.test(model.fit(X, y)) for model in models)


def simplices(case: Case, X, y) -> float:
    model = pk.SimplexRegressor(rescale=True, extrapolate=True, method="sparse")
    return case.test(model.fit(X, y))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", type=int, metavar="CASE", help="numbers from 1 on")
    parser.add_argument("--time-limit", type=float, default=10.0, metavar="S")
    arguments = parser.parse_args()
    chosen = arguments.cases or range(1, len(CASES) + 1)
    options = {"target": 1e-16, "time_limit": arguments.time_limit}
    print(
        f"{'':3} {'case':12} {'d':>2} {'samples':10} {'noise':>7} {'splines':>9} {'simplices':>9} "
        f"{'network':>9} {'fit':>9} {'ratio':>7}  choice"
    )
    right = fitted_noise = 0
    for number in chosen:
        case = CASES[number - 1]
        X, y = case.data()
        alone = [
            splines(case, X, y),
            simplices(case, X, y),
            case.test(pk.fit(X, y, kinds="network", **options)),
        ]
        model = pk.fit(X, y, **options)
        error = case.test(model)
        ratio = error / min(alone)
        right += ratio <= WITHIN
        report = model.report_
        fitted_noise += report.relative_rmse < FITTED_NOISE * case.noise
        n = case.n if isinstance(case.n, int) else "x".join(map(str, case.n))
        errors = " ".join(f"{e:9.1e}" if e < np.inf else f"{'-':>9}" for e in (*alone, error))
        noise = "" if report.choice.noise is None else f"; noise {report.choice.noise:.1e}"
        words = report.choice.candidates[report.choice.chosen].model
        print(
            f"{number:3} {case.name:12} {len(case.lo):2} {n!s:10} {case.noise:7.0e} {errors} "
            f"{ratio:7.2g}  {words}{noise}",
            flush=True,
        )
    print(
        f"{right} of {len(chosen)} within a factor {WITHIN:g} of the best (asked: {ENOUGH} of "
        f"{len(CASES)}); noise fitted: {fitted_noise} (asked: 0)"
    )


if __name__ == "__main__":
    main()
