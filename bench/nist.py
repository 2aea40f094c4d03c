"""The 27 nonlinear regressions of the NIST Statistical Reference Datasets (``nist_strd.txt``).

Each has two starts, far and near, and certified values of 11 digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_TABLE = Path(__file__).with_name("nist_strd.txt")


def _saturation(b, x):
    return b[0] * (1 - np.exp(-b[1] * x))


def _chwirut(b, x):
    return np.exp(-b[0] * x) / (b[1] + b[2] * x)


def _gauss(b, x):
    first = b[2] * np.exp(-(((x - b[3]) / b[4]) ** 2))
    return b[0] * np.exp(-b[1] * x) + first + b[5] * np.exp(-(((x - b[6]) / b[7]) ** 2))


def _lanczos(b, x):
    return b[0] * np.exp(-b[1] * x) + b[2] * np.exp(-b[3] * x) + b[4] * np.exp(-b[5] * x)


def _cubics(b, x):
    top = b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3
    return top / (1 + b[4] * x + b[5] * x**2 + b[6] * x**3)


def _enso(b, x):
    w, w1, w2 = 2 * np.pi * x / 12, 2 * np.pi * x / b[3], 2 * np.pi * x / b[6]
    year = b[0] + b[1] * np.cos(w) + b[2] * np.sin(w)
    return year + b[4] * np.cos(w1) + b[5] * np.sin(w1) + b[7] * np.cos(w2) + b[8] * np.sin(w2)


def _kirby2(b, x):
    return (b[0] + b[1] * x + b[2] * x**2) / (1 + b[3] * x + b[4] * x**2)


MODELS: dict[str, Callable] = {
    "Bennett5": lambda b, x: b[0] * (b[1] + x) ** (-1 / b[2]),
    "BoxBOD": _saturation,
    "Chwirut1": _chwirut,
    "Chwirut2": _chwirut,
    "DanWood": lambda b, x: b[0] * x ** b[1],
    "ENSO": _enso,
    "Eckerle4": lambda b, x: b[0] / b[1] * np.exp(-0.5 * ((x - b[2]) / b[1]) ** 2),
    "Gauss1": _gauss,
    "Gauss2": _gauss,
    "Gauss3": _gauss,
    "Hahn1": _cubics,
    "Kirby2": _kirby2,
    "Lanczos1": _lanczos,
    "Lanczos2": _lanczos,
    "Lanczos3": _lanczos,
    "MGH09": lambda b, x: b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3]),
    "MGH10": lambda b, x: b[0] * np.exp(b[1] / (x + b[2])),
    "MGH17": lambda b, x: b[0] + b[1] * np.exp(-x * b[3]) + b[2] * np.exp(-x * b[4]),
    "Misra1a": _saturation,
    "Misra1b": lambda b, x: b[0] * (1 - (1 + b[1] * x / 2) ** -2.0),
    "Misra1c": lambda b, x: b[0] * (1 - (1 + 2 * b[1] * x) ** -0.5),
    "Misra1d": lambda b, x: b[0] * b[1] * x / (1 + b[1] * x),
    "Nelson": lambda b, x: b[0] - b[1] * x[:, 0] * np.exp(-b[2] * x[:, 1]),  # of log(y)
    "Rat42": lambda b, x: b[0] / (1 + np.exp(b[1] - b[2] * x)),
    "Rat43": lambda b, x: b[0] / (1 + np.exp(b[1] - b[2] * x)) ** (1 / b[3]),
    "Roszman1": lambda b, x: b[0] - b[1] * x - np.arctan(b[2] / (x - b[3])) / np.pi,
    "Thurber": _cubics,
}


@dataclass
class Regression:
    """One set: residual(b) is model - data."""

    name: str
    level: str
    starts: np.ndarray  # (2, P)
    certified: np.ndarray  # (P,)
    sum_of_squares: float
    x: np.ndarray  # (n,) or (n, 2)
    y: np.ndarray  # (n,)

    def residual(self, b):
        return MODELS[self.name](b, self.x) - self.y

    def digits(self, b) -> float:
        """Certified digits (at most 11) that the worst parameter has right."""
        error = np.max(np.abs(b - self.certified) / np.abs(self.certified))
        return 11.0 if error < 1e-11 else max(0.0, -np.log10(error)) if np.isfinite(error) else 0.0


def load() -> list[Regression]:
    """All sets, from the easiest to the hardest."""
    sets = []
    for block in _TABLE.read_text().split("\nset ")[1:]:
        head, *lines = block.strip().splitlines()
        name, level, sum_of_squares = head.split()
        values = np.array([line.split()[1:] for line in lines if line.startswith("b")], float)
        data = np.array([line.split() for line in lines if not line.startswith("b")], float)
        y, x = data[:, 0], data[:, 1] if data.shape[1] == 2 else data[:, 1:]
        if name == "Nelson":
            y = np.log(y)
        starts, certified = values[:, :2].T, values[:, 2]
        sets.append(Regression(name, level, starts, certified, float(sum_of_squares), x, y))
    return sets
