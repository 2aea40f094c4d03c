"""The tasks whose precision is tracked: data, the estimator, and the figures to reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import precisekit as pk
from precisekit.datasets import feynman, sample_box, teacher_student

STEAM = Path(__file__).parent.parent / "examples" / "steam.csv"


@dataclass
class Task:
    """``load(seed)`` gives X, y, X_test, y_test; the figures hold for each of `seeds`."""

    name: str
    load: Callable[[int], tuple]
    error: float  # relative RMSE on the test points
    seconds: float
    options: dict = field(default_factory=dict)  # of MLPRegressor
    seeds: tuple[int, ...] = (0,)
    fit: Callable | None = None  # in place of MLPRegressor

    def run(self, seed: int):
        """The fitted model and its relative RMSE on the test points."""
        X, y, X_test, y_test = self.load(seed)
        if self.fit is not None:
            model = self.fit(X, y)
        else:
            model = pk.MLPRegressor(random_state=seed, **self.options).fit(X, y)
        return model, relative_rmse(model.predict(X_test), y_test)


def relative_rmse(prediction, truth) -> float:
    return float(np.linalg.norm(prediction - truth) / np.linalg.norm(truth))


def teacher(seed):
    X, y, f = teacher_student(seed=seed)
    X_test = sample_box([-1], [1], 10_000, seed=1000 + seed)
    return X, y, X_test, f(X_test)


def function(f, lo, hi, n, law="uniform"):
    def load(seed):
        X = sample_box(lo, hi, n, law=law, seed=seed)
        X_test = sample_box(lo, hi, 10_000, seed=1000 + seed)
        return X, f(X), X_test, f(X_test)

    return load


def equation(name, n, law="uniform"):
    q = feynman(name)
    return function(q, q.lo, q.hi, n, law)


def steam(seed):
    table = np.loadtxt(STEAM, delimiter=",", skiprows=1)
    table = table[np.random.default_rng(seed).permutation(len(table))]
    held = len(table) // 10
    X, y = table[:, :2], table[:, 2]
    return X[held:], y[held:], X[:held], y[:held]


def within_30_seconds(X, y):
    return pk.fit(X, y, time_limit=30)


def legendre(X):
    return np.polynomial.legendre.legval(X[:, 0], [0] * 8 + [1])


WIDE = {"hidden_layer_sizes": (40, 40)}

FIGURES = [
    Task("teacher 1-3-3-1", teacher, 4e-16, 5, seeds=(0, 1, 2)),
    Task("teacher, width 40", teacher, 3e-16, 20, WIDE),
    Task("cos 2x", function(lambda X: np.cos(2 * X[:, 0]), [-1], [1], 1000), 7e-16, 8),
    Task("I.6.2a", equation("I.6.2a", 1000), 7e-16, 8),
    Task("Legendre P8", function(legendre, [-1], [1], 2000), 3e-14, 30),
    Task("sin 20x", function(lambda X: np.sin(20 * X[:, 0]), [-1], [1], 2000), 3e-14, 30),
    Task("x*y", equation("Z.008", 3000), 1e-15, 20),
    Task("I.6.2", equation("I.6.2", 3000, "arcsine"), 2e-15, 30),
    Task("I.6.2b", equation("I.6.2b", 5000, "arcsine"), 5e-14, 60, {"time_limit": 60}),
    Task("I.10.7", equation("I.10.7", 5000, "arcsine"), 3e-13, 60, {"time_limit": 60}),
    # uniform points leave the ends of the sum unseen, where a logarithm extrapolates less well
    Task(
        "I.11.19",
        equation("I.11.19", 4000),
        5e-13,
        60,
        {"input_map": "linear", "time_limit": 60},
    ),
    Task("I.44.4", equation("I.44.4", 4000, "arcsine"), 1e-11, 30, fit=within_30_seconds),
    Task("steam.csv", steam, 2e-14, 40),
]
