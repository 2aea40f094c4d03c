"""The test problems of More, Garbow and Hillstrom, ACM TOMS 7, 17 (1981), in their numbering.

All are sums of squares. The residuals take complex x as well, so that their Jacobian is exact by
complex steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass
class Problem:
    """Residuals, the standard start, and the sums of squares at known minima, lowest first."""

    number: int
    name: str
    residual: Callable  # (n,) -> (m,)
    start: np.ndarray
    minima: tuple[float, ...]

    def scaled_start(self, factor: float) -> np.ndarray:
        """The start times a factor, as MINPACK's tests have it: a zero start becomes `factor`."""
        if factor != 1 and not self.start.any():
            return np.full(self.start.size, float(factor))
        return factor * self.start

    def jacobian(self, x):
        """By complex steps, exact to rounding."""
        rows = [self.residual(x + 1e-100j * e).imag * 1e100 for e in np.eye(x.size)]
        return np.array(rows).T


def rosenbrock(x):
    a, b = x[::2], x[1::2]
    return np.concatenate([10 * (b - a**2), 1 - a])


def freudenstein_roth(x):
    a, b = x
    return np.array([-13 + a + ((5 - b) * b - 2) * b, -29 + a + ((b + 1) * b - 14) * b])


def powell_badly_scaled(x):
    return np.array([1e4 * x[0] * x[1] - 1, np.exp(-x[0]) + np.exp(-x[1]) - 1.0001])


def brown_badly_scaled(x):
    return np.array([x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2])


def beale(x):
    return np.array([1.5, 2.25, 2.625]) - x[0] * (1 - x[1] ** np.arange(1, 4))


def jennrich_sampson(x):
    i = np.arange(1, 11)
    return 2 + 2 * i - np.exp(i * x[0]) - np.exp(i * x[1])


def helical_valley(x):
    turn = np.arctan(x[1] / x[0]) / (2 * np.pi) + (0.5 if x[0].real < 0 else 0.0)
    radius = np.sqrt(x[0] ** 2 + x[1] ** 2)
    return np.array([10 * (x[2] - 10 * turn), 10 * (radius - 1), x[2]])


_BARD = np.array(
    [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39]
)


def bard(x):
    u = np.arange(1, 16)
    v, w = 16 - u, np.minimum(u, 16 - u)
    return _BARD - (x[0] + u / (v * x[1] + w * x[2]))


_GAUSSIAN = np.array([9, 44, 175, 540, 1295, 2420, 3521, 3989, 3521, 2420, 1295, 540, 175, 44, 9])


def gaussian(x):
    t = (8 - np.arange(1, 16)) / 2
    return x[0] * np.exp(-x[1] * (t - x[2]) ** 2 / 2) - 1e-4 * _GAUSSIAN


_MEYER = np.array(
    [34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147, 4427, 3820,
     3307, 2872]
)  # fmt: skip


def meyer(x):
    t = 45 + 5 * np.arange(1, 17)
    return x[0] * np.exp(x[1] / (t + x[2])) - _MEYER


def gulf(x):
    t = np.arange(1, 100) / 100
    y = 25 + (-50 * np.log(t)) ** (2 / 3)
    return np.exp(-(((y - x[1]) ** 2) ** (x[2] / 2)) / x[0]) - t


def box(x):
    t = 0.1 * np.arange(1, 11)
    return np.exp(-t * x[0]) - np.exp(-t * x[1]) - x[2] * (np.exp(-t) - np.exp(-10 * t))


def powell_singular(x):
    a, b, c, d = x.reshape(-1, 4).T
    return np.concatenate([a + 10 * b, 5**0.5 * (c - d), (b - 2 * c) ** 2, 10**0.5 * (a - d) ** 2])


def wood(x):
    a, b, c, d = x
    return np.array(
        [
            10 * (b - a**2),
            1 - a,
            90**0.5 * (d - c**2),
            1 - c,
            10**0.5 * (b + d - 2),
            10**-0.5 * (b - d),
        ]
    )


_KOWALIK = np.array(
    [0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246]
)


def kowalik_osborne(x):
    u = np.array([4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])
    return _KOWALIK - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3])


def brown_dennis(x):
    t = np.arange(1, 21) / 5
    return (x[0] + t * x[1] - np.exp(t)) ** 2 + (x[2] + x[3] * np.sin(t) - np.cos(t)) ** 2


_OSBORNE1 = np.array(
    [0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751, 0.718, 0.685,
     0.658, 0.628, 0.603, 0.580, 0.558, 0.538, 0.522, 0.506, 0.490, 0.478, 0.467, 0.457, 0.448,
     0.438, 0.431, 0.424, 0.420, 0.414, 0.411, 0.406]
)  # fmt: skip


def osborne1(x):
    t = 10 * np.arange(33)
    return _OSBORNE1 - (x[0] + x[1] * np.exp(-t * x[3]) + x[2] * np.exp(-t * x[4]))


def biggs(x):
    t = 0.1 * np.arange(1, 14)
    y = np.exp(-t) - 5 * np.exp(-10 * t) + 3 * np.exp(-4 * t)
    return x[2] * np.exp(-t * x[0]) - x[3] * np.exp(-t * x[1]) + x[5] * np.exp(-t * x[4]) - y


_OSBORNE2 = np.array(
    [1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679, 0.608,
     0.655, 0.616, 0.606, 0.602, 0.626, 0.651, 0.724, 0.649, 0.649, 0.694, 0.644, 0.624, 0.661,
     0.612, 0.558, 0.533, 0.495, 0.500, 0.423, 0.395, 0.375, 0.372, 0.391, 0.396, 0.405, 0.428,
     0.429, 0.523, 0.562, 0.607, 0.653, 0.672, 0.708, 0.633, 0.668, 0.645, 0.632, 0.591, 0.559,
     0.597, 0.625, 0.739, 0.710, 0.729, 0.720, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098, 0.054]
)  # fmt: skip


def osborne2(x):
    t = np.arange(65) / 10
    model = x[0] * np.exp(-t * x[4])
    for k in (1, 2, 3):
        model = model + x[k] * np.exp(-((t - x[k + 7]) ** 2) * x[k + 4])
    return _OSBORNE2 - model


def watson(x):
    t = np.arange(1, 30)[:, None] / 29
    j = np.arange(x.size)
    slope = (j[1:] * t ** (j[1:] - 1)) @ x[1:]
    return np.append(slope - (t**j @ x) ** 2 - 1, [x[0], x[1] - x[0] ** 2 - 1])


def penalty1(x):
    return np.append(1e-5**0.5 * (x - 1), x @ x - 0.25)


def penalty2(x):
    n, i = x.size, np.arange(2, x.size + 1)
    y = np.exp(i / 10) + np.exp((i - 1) / 10)
    smooth = np.exp(x / 10)
    return np.concatenate(
        [
            [x[0] - 0.2],
            1e-5**0.5 * (smooth[1:] + smooth[:-1] - y),
            1e-5**0.5 * (smooth[1:] - np.exp(-0.1)),
            [np.arange(n, 0, -1) @ x**2 - 1],
        ]
    )


def variably_dimensioned(x):
    total = np.arange(1, x.size + 1) @ (x - 1)
    return np.append(x - 1, [total, total**2])


def trigonometric(x):
    i = np.arange(1, x.size + 1)
    return x.size - np.cos(x).sum() + i * (1 - np.cos(x)) - np.sin(x)


def brown_almost_linear(x):
    return np.append(x[:-1] + x.sum() - (x.size + 1), np.prod(x) - 1)


def discrete_boundary_value(x):
    h = 1 / (x.size + 1)
    t = h * np.arange(1, x.size + 1)
    left, right = np.append(0, x[:-1]), np.append(x[1:], 0)
    return 2 * x - left - right + h**2 * (x + t + 1) ** 3 / 2


def discrete_integral_equation(x):
    h = 1 / (x.size + 1)
    t = h * np.arange(1, x.size + 1)
    cube = (x + t + 1) ** 3
    kernel = np.minimum.outer(t, t) * (1 - np.maximum.outer(t, t))
    return x + h / 2 * kernel @ cube


def broyden_tridiagonal(x):
    return (3 - 2 * x) * x - np.append(0, x[:-1]) - 2 * np.append(x[1:], 0) + 1


def broyden_banded(x):
    i = np.arange(x.size)
    near = (i[:, None] - i <= 5) & (i - i[:, None] <= 1) & (i[:, None] != i)
    return x * (2 + 5 * x**2) + 1 - near @ (x * (1 + x))


def linear_full_rank(x):
    m = 2 * x.size
    return np.append(x, np.zeros(m - x.size)) - 2 / m * x.sum() - 1


def linear_rank1(x):
    return np.arange(1, 2 * x.size + 1) * (np.arange(1, x.size + 1) @ x) - 1


def linear_rank1_zeros(x):
    m, n = 2 * x.size, x.size
    inner = np.arange(2, n) @ x[1:-1]
    return np.append(np.append(0 * inner, np.arange(1, m - 1) * inner), 0 * inner) - 1


def chebyquad(x):
    u = 2 * x - 1
    before, now = np.ones_like(u), u
    rows = []
    for i in range(1, x.size + 1):
        rows.append(now.mean() - (-1 / (i**2 - 1) if i % 2 == 0 else 0.0))
        before, now = now, 2 * u * now - before
    return np.array(rows)


def _steps(n):
    return np.arange(1, n + 1) / (n + 1)


def _linear_minimum(n):
    m = 2 * n
    return m * (m - 1) / (2 * (2 * m + 1))


def _linear_zeros_minimum(n):
    m = 2 * n
    return (m**2 + 3 * m - 6) / (2 * (2 * m - 3))


def _problems():
    yield 1, "Rosenbrock", rosenbrock, [-1.2, 1], (0.0,)
    yield 2, "Freudenstein-Roth", freudenstein_roth, [0.5, -2], (0.0, 48.98425368)
    yield 3, "Powell badly scaled", powell_badly_scaled, [0, 1], (0.0,)
    yield 4, "Brown badly scaled", brown_badly_scaled, [1, 1], (0.0,)
    yield 5, "Beale", beale, [1, 1], (0.0,)
    yield 6, "Jennrich-Sampson", jennrich_sampson, [0.3, 0.4], (124.3621824,)
    yield 7, "helical valley", helical_valley, [-1, 0, 0], (0.0,)
    yield 8, "Bard", bard, [1, 1, 1], (8.214877306e-3, 17.42869338)
    yield 9, "Gaussian", gaussian, [0.4, 1, 0], (1.127932769e-8,)
    yield 10, "Meyer", meyer, [0.02, 4000, 250], (87.94585517,)
    yield 11, "Gulf", gulf, [5, 2.5, 0.15], (0.0,)
    yield 12, "Box", box, [0, 10, 20], (0.0,)
    yield 13, "Powell singular", powell_singular, [3, -1, 0, 1], (0.0,)
    yield 14, "Wood", wood, [-3, -1, -3, -1], (0.0,)
    yield 15, "Kowalik-Osborne", kowalik_osborne, [0.25, 0.39, 0.415, 0.39], (3.075056038e-4,)
    yield 16, "Brown-Dennis", brown_dennis, [25, 5, -5, -1], (85822.20163,)
    yield 17, "Osborne 1", osborne1, [0.5, 1.5, -1, 0.01, 0.02], (5.464894697e-5,)
    yield 18, "Biggs", biggs, [1, 2, 1, 1, 1, 1], (0.0, 5.655649925e-3)
    yield (
        19, "Osborne 2", osborne2, [1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5],
        (4.013773629e-2,),
    )  # fmt: skip
    for n, minimum in ((6, 2.287670054e-3), (9, 1.399760138e-6), (12, 4.722381e-10)):
        yield 20, f"Watson {n}", watson, np.zeros(n), (minimum,)
    yield 21, "Rosenbrock 10", rosenbrock, [-1.2, 1] * 5, (0.0,)
    yield 22, "Powell singular 12", powell_singular, [3, -1, 0, 1] * 3, (0.0,)
    for n, minimum in ((4, 2.249977501e-5), (10, 7.087651467e-5)):
        yield 23, f"penalty I {n}", penalty1, np.arange(1.0, n + 1), (minimum,)
    for n, minimum in ((4, 9.376293e-6), (10, 2.936605374e-4)):
        yield 24, f"penalty II {n}", penalty2, np.full(n, 0.5), (minimum,)
    yield 25, "variably dimensioned", variably_dimensioned, 1 - np.arange(1, 11) / 10, (0.0,)
    yield 26, "trigonometric", trigonometric, np.full(10, 0.1), (0.0, 2.795056121e-5)
    yield 27, "Brown almost linear", brown_almost_linear, np.full(10, 0.5), (0.0, 1.0)
    t = _steps(10)
    yield 28, "discrete boundary value", discrete_boundary_value, t * (t - 1), (0.0,)
    yield 29, "discrete integral", discrete_integral_equation, t * (t - 1), (0.0,)
    yield 30, "Broyden tridiagonal", broyden_tridiagonal, -np.ones(10), (0.0,)
    yield 31, "Broyden banded", broyden_banded, -np.ones(10), (0.0,)
    yield 32, "linear, full rank", linear_full_rank, np.ones(5), (5.0,)
    yield 33, "linear, rank 1", linear_rank1, np.ones(5), (_linear_minimum(5),)
    yield 34, "linear, rank 1, zeros", linear_rank1_zeros, np.ones(5), (_linear_zeros_minimum(5),)
    for n, minimum in ((8, 3.516873726e-3), (9, 0.0), (10, 4.772713913e-3)):
        minima = (minimum, 6.503954801e-3) if n == 10 else (minimum,)
        yield 35, f"Chebyquad {n}", chebyquad, _steps(n), minima


PROBLEMS = [
    Problem(number, name, residual, np.array(start, float), minima)
    for number, name, residual, start, minima in _problems()
]
