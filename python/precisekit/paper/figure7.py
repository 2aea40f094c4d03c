"""Figure 7: the spectrum of the Hessian where Adam ends, and the gradient in it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..analysis import HessianSpectrum, hessian_spectrum
from ..network import MLP
from ..objective import LeastSquares
from ..plot import new_figure
from ._learning import TEACHER
from ._stages import Stages
from ._training import torch_init
from ._values import Value

NOTES = """\
A tanh student 1-40-40-1 (1,761 parameters) after Adam, rate 1e-3, on all samples of a teacher
1-3-3-1 on [-1, 1]. The weights of both are those that PyTorch draws from seed 0, which the paper
sets anew before the student. Eigenvalues of the Hessian of the mean squared error, from most
positive to most negative, and the gradient along the eigenvectors, after the last step, which has
not the smallest residual.

Left as published: the paper's program returned from its sum after the first layer's weights, so
that its red curve is that part of the projection. Middle: all of it.

Right: the plateau (the median of eigenvalues 6 to 40, a full line for each seed of student and
samples) and its mirror image, the most negative eigenvalue (dotted), over the last steps. They are
the part of the Hessian that is linear in the residual, as high as its mean, and Adam at a constant
rate keeps throwing that up and down. The published height, dashed, is one moment of such a curve;
which one is decided by the last bits of the sums in another library. So the median over seeds is
compared.
"""


@dataclass(frozen=True)
class Settings:
    samples: int
    steps: int
    seeds: int


SCALES = {
    "quick": Settings(samples=1000, steps=30_000, seeds=5),
    "full": Settings(samples=100_000, steps=30_000, seeds=5),
}

_STUDENT = [1, 40, 40, 1]
_LATE, _APART = 5000, 500  # steps before the last from which on, and between which, states are kept


@dataclass(frozen=True)
class Run:
    """Seed of the samples and of the student; the teacher's is 0."""

    seed: int

    @property
    def name(self) -> str:
        return f"seed {self.seed}"


_SPECTRUM, _PLATEAU, _LOWEST = "spectrum", "plateau", "lowest"


@dataclass
class Row:
    """An eigenvalue after so many steps, and the projections of `HessianSpectrum` on its vector.

    `stage` is "spectrum" for each after the last step of seed 0, and "plateau" and "lowest" for
    those two of the late steps, which come without projections.
    """

    run: str
    stage: str
    step: int
    train: float  # RMSE of the student
    eigenvalue: float
    gradient: float = math.nan
    published: float = math.nan
    residual: float = math.nan


def runs(settings: Settings) -> list[Run]:
    return [Run(seed) for seed in range(settings.seeds)]


def carry_out(run: Run, settings: Settings) -> list[Row]:
    X = np.random.RandomState(run.seed).uniform(-1, 1, (settings.samples, 1))
    y = MLP(TEACHER).forward(torch_init(TEACHER, np.random.RandomState(0)), X)
    student, start = MLP(_STUDENT), torch_init(_STUDENT, np.random.RandomState(run.seed))
    objective = LeastSquares(student, X, y)
    stages = Stages(Row, settings)
    rows = stages.rows

    def watch(step, seconds, fun, theta, at_end):
        if step < settings.steps - _LATE or at_end:
            return
        train = float(np.sqrt(fun))
        values = np.linalg.eigvalsh(objective.hess(theta))[::-1]
        for stage, value in ((_PLATEAU, np.median(values[5:40])), (_LOWEST, values[-1])):
            rows.append(Row(run.name, stage, step, train, float(value)))
        if run.seed == 0 and step == settings.steps:
            spectrum = hessian_spectrum(objective, theta)
            columns = (
                spectrum.eigenvalues,
                spectrum.gradient_projection,
                spectrum.published_projection,
                spectrum.residual_projection,
            )
            for each in zip(*columns):
                rows.append(Row(run.name, _SPECTRUM, step, train, *map(float, each)))

    stages.follow("Adam", objective, start, "adam", watch, settings.steps, record_every=_APART)
    return stages.finished()


def draw(rows: list[Row], settings: Settings):
    figure, panels = new_figure((15.0, 4.6), columns=3)
    _draw_spectra(panels[:2], [row for row in rows if row.stage == _SPECTRUM])
    axes = panels[2]
    for run, colour in zip(runs(settings), ("#1b5e34", "#3b82bd", "#d98c21", "#7b3294", "#8a8f94")):
        for stage, style in ((_PLATEAU, "-"), (_LOWEST, ":")):
            curve = [row for row in rows if (row.run, row.stage) == (run.name, stage)]
            if not curve:  # else the legend would name what has not been run
                continue
            steps, values = [row.step for row in curve], [abs(row.eigenvalue) for row in curve]
            label = run.name if stage == _PLATEAU else None
            axes.plot(steps, values, style, color=colour, marker=".", lw=1.2, label=label)
    axes.axhline(_HEIGHT, color="#222222", ls="--", lw=1, label="published")
    axes.set(yscale="log", xlabel="step of Adam", ylabel="|λᵢ|", title="plateau and lowest")
    axes.legend(frameon=False, fontsize=8)
    return figure


def _draw_spectra(panels, rows: list[Row]) -> None:
    if not rows:
        return
    names = ("eigenvalue", "gradient", "published", "residual")
    columns = [np.array([getattr(row, name) for row in rows]) for name in names]
    eigenvalues, gradient, published, residual = columns
    spectrum = HessianSpectrum(eigenvalues, np.empty((0, 0)), gradient, published, residual)
    lowest = np.min(np.abs(eigenvalues[eigenvalues != 0]))
    for axes, as_published in zip(panels, (True, False)):
        spectrum.plot(axes, published=as_published)
        axes.set_ylim(lowest / 10, 30)
        title = "as published" if as_published else "corrected"
        axes.set_title(f"{title}; training RMSE {rows[0].train:.1e}", fontsize=11)


# Read off the graph.
_TOP, _N_POSITIVE, _HEIGHT = (5.6, 2.8, 5e-2, 2e-3), 850, 9e-5


def published(rows: list[Row], settings: Settings) -> list[Value]:
    values = np.array([row.eigenvalue for row in rows if row.stage == _SPECTRUM])
    values = values if values.size else np.full(len(_TOP), np.nan)
    n_positive = np.sum(values > 0) if np.isfinite(values).all() else np.nan
    plateau, lowest = (
        [abs(row.eigenvalue) for row in rows if (row.stage, row.step) == (stage, settings.steps)]
        for stage in (_PLATEAU, _LOWEST)
    )
    compared = {
        **{f"eigenvalue {i + 1}": pair for i, pair in enumerate(zip(_TOP, values))},
        "number of positive eigenvalues": (_N_POSITIVE, n_positive),
        "plateau, eigenvalues 6 to 40, median over seeds": (_HEIGHT, _median(plateau)),
        "most negative eigenvalue, absolute, median over seeds": (_HEIGHT, _median(lowest)),
    }
    return [
        Value(name, graph, "graph", float(ours), is_error=False)
        for name, (graph, ours) in compared.items()
    ]


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else np.nan
