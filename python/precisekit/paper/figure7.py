"""Figure 7: the spectrum of the Hessian where Adam ends, and the gradient in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..analysis import HessianSpectrum, hessian_spectrum
from ..network import MLP
from ..objective import LeastSquares
from ..plot import new_figure
from ._learning import TEACHER
from ._training import adam, torch_init
from ._values import Value

NOTES = """\
A tanh student 1-40-40-1 (1,761 parameters) after Adam, rate 1e-3, on all samples of a teacher
1-3-3-1 on [-1, 1]. The weights of both are those that PyTorch draws from seed 0, which the paper
sets anew before the student. Eigenvalues of the Hessian of the mean squared error, from most
positive to most negative, and the gradient along the eigenvectors.

Left as published: the paper's program returned from its sum after the first layer's weights, so
that its red curve is that part of the projection. Right: all of it. The plateau, and its mirror
image at the negative end, are as high as the residual of the last step, which is Adam's chance.
"""


@dataclass(frozen=True)
class Settings:
    samples: int
    steps: int


SCALES = {
    "quick": Settings(samples=2000, steps=30_000),
    "full": Settings(samples=100_000, steps=30_000),
}

_STUDENT = [1, 40, 40, 1]


@dataclass(frozen=True)
class Run:
    name: str


@dataclass
class Row:
    """An eigenvalue, and the projections of `HessianSpectrum` on its eigenvector."""

    run: str
    eigenvalue: float
    gradient: float
    published: float
    residual: float
    train: float  # RMSE of the student


def runs(settings: Settings) -> list[Run]:
    return [Run("spectrum")]


def carry_out(run: Run, settings: Settings) -> list[Row]:
    X = np.random.RandomState(0).uniform(-1, 1, (settings.samples, 1))
    y = MLP(TEACHER).forward(torch_init(TEACHER, np.random.RandomState(0)), X)
    student, start = MLP(_STUDENT), torch_init(_STUDENT, np.random.RandomState(0))
    objective = LeastSquares(student, X, y)
    theta = start

    def watch(intermediate_result):
        nonlocal theta
        theta = np.copy(intermediate_result.x)

    # where the last step ends, as in the paper, and not the best, where the residual is smaller
    adam(student, X, y, start, settings.steps, record_every=settings.steps, callback=watch)
    spectrum = hessian_spectrum(objective, theta)
    train = float(np.sqrt(objective.fun(theta)))
    columns = (
        spectrum.eigenvalues,
        spectrum.gradient_projection,
        spectrum.published_projection,
        spectrum.residual_projection,
    )
    return [Row(run.name, *map(float, values), train) for values in zip(*columns)]


def draw(rows: list[Row], settings: Settings):
    figure, panels = new_figure((12.0, 4.8), columns=2)
    if not rows:
        return figure
    names = ("eigenvalue", "gradient", "published", "residual")
    columns = [np.array([getattr(row, name) for row in rows]) for name in names]
    eigenvalues, gradient, published, residual = columns
    spectrum = HessianSpectrum(eigenvalues, np.empty((0, 0)), gradient, published, residual)
    lowest = np.min(np.abs(eigenvalues[eigenvalues != 0]))
    for axes, as_published in zip(panels, (True, False)):
        spectrum.plot(axes, published=as_published)
        axes.set_ylim(lowest / 10, 30)
        axes.set_title("as published" if as_published else "corrected", fontsize=11)
    figure.suptitle(
        f"Hessian of the MSE after Adam, training RMSE {rows[0].train:.1e}", fontsize=12
    )
    return figure


_PLATEAU = slice(5, 40)
_GRAPH = {
    "eigenvalue 1": 5.6,
    "eigenvalue 2": 2.8,
    "eigenvalue 3": 5e-2,
    "eigenvalue 4": 2e-3,
    "plateau, eigenvalues 6 to 40": 9e-5,
    "number of positive eigenvalues": 850,
    "most negative eigenvalue, absolute": 9e-5,
}


def published(rows: list[Row], settings: Settings) -> list[Value]:
    ours = [np.nan] * len(_GRAPH)
    if rows:
        values = np.array([row.eigenvalue for row in rows])
        ours = [*values[:4], np.median(values[_PLATEAU]), np.sum(values > 0), -values[-1]]
    return [
        Value(name, value, "graph", float(own), is_error=False)
        for (name, value), own in zip(_GRAPH.items(), ours)
    ]
