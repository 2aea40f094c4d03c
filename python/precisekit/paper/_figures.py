"""One way for all figures: runs carried out or resumed, a picture, published values beside ours.

A figure is a module ``figureN`` with

- ``NOTES``: what was done as in the paper and what not, in Markdown;
- ``SCALES``: for "quick" and "full" the settings, a frozen dataclass;
- ``Row``: a dataclass of str, int and float, whose first field names the run;
- ``runs(settings)``: what there is to do, small frozen dataclasses with an attribute ``name``;
- ``carry_out(run, settings)``: does one of them, perhaps in another process; a list of rows;
- ``draw(rows, settings)``: a matplotlib Figure in the published layout;
- ``published(rows, settings)``: a list of `Value`.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import numpy as np

from .._core import get_num_threads, set_num_threads
from ..plot import require_matplotlib, save_figure
from . import _report
from ._results import Table, completed
from ._values import Value, markdown, summary

FIGURES = {
    "fig1": "Linear regions of relu networks and of simplex interpolation",
    "fig2": "Scaling of simplex interpolation and of relu networks",
    "fig3": "Dense networks against networks wired as the equation is",
    "fig4": "Interpolation by piecewise polynomials in one, two and three dimensions",
    "fig5": "Scaling of tanh networks in three dimensions and more",
    "fig6": "A function that small networks can express, and Adam does not find",
    "fig7": "The spectrum of the Hessian where Adam ends",
    "fig8": "Adam, BFGS, low-curvature subspaces and boosting, one input",
    "fig9": "Adam, BFGS, low-curvature subspaces and boosting, two and six inputs",
    "fig10": "A guide to precision, measured",
}


def run(
    figure: str, scale: str = "quick", output="paper", *, executor=None, workers=1, verbose=0
) -> list[Value]:
    """Reproduce a figure of the paper.

    Writes ``figN.csv`` (each result as it comes, so that a run that was stopped goes on),
    ``figN.png``, ``figN.svg`` and ``figN.md``, which has the published values beside ours.

    Parameters
    ----------
    figure : str
        "fig1" to "fig10".
    scale : {"quick", "full"}
        "full" has the paper's settings, and may take hours.
    output : path
        Folder of the results.
    executor : concurrent.futures.Executor, optional
        Where the runs are carried out: a pool of processes, or one of Dask or MPI.
    workers : int
        Runs at a time on one machine, each on its share of the threads; without an executor, in
        processes of their own.
    verbose : int
        Not 0: print a line for each run.

    Returns
    -------
    values : list of Value

    Raises
    ------
    ValueError
        For an unknown figure or scale, and for an output that holds results of other settings;
        nothing has been written then.
    OSError
        Where the output cannot be written.
    ImportError
        Without matplotlib.
    """
    _check(figure, scale, workers)
    reproduction = Reproduction(figure, scale, output)
    reproduction.carry_out(executor, workers, verbose)
    return reproduction.finish()


def run_all(
    scale: str = "quick", output="paper", *, executor=None, workers=1, verbose=0
) -> dict[str, list[Value]]:
    """Reproduce all figures, and write ``index.html``, a report of all in one file.

    Parameters, exceptions and files are those of `run`; returns the values of each figure.
    """
    _check(next(iter(FIGURES)), scale, workers)
    # all tables are opened before the first run, so that what is refused is so at once
    reproductions = [Reproduction(figure, scale, output) for figure in FIGURES]
    values = {}
    for reproduction in reproductions:
        reproduction.carry_out(executor, workers, verbose)
        values[reproduction.figure] = reproduction.finish()
    sections = [r.section(values[r.figure]) for r in reproductions]
    Path(output, "index.html").write_text(_report.page(sections), encoding="utf-8")
    return values


class Reproduction:
    """A figure on its way: the rows that are there, the runs that are left.

    Settings are those of the scale; tests give smaller ones.
    """

    def __init__(self, figure: str, scale: str, output, settings=None):
        require_matplotlib()
        self.figure, self.scale, self.folder = figure, scale, Path(output)
        self.module = self.module_of(figure)
        self.settings = self.module.SCALES[scale] if settings is None else settings
        self.table = Table(self.path(".csv"), self.module.Row, self.settings)

    @staticmethod
    def module_of(figure: str):
        return import_module(f".figure{figure.removeprefix('fig')}", __package__)

    @property
    def notes(self) -> str:
        return self.module.NOTES.strip()

    @property
    def command(self) -> str:
        return f"precisekit paper {self.figure} --scale {self.scale} --output {self.folder}"

    def path(self, suffix: str) -> Path:
        return self.folder / f"{self.figure}{suffix}"

    def carry_out(self, executor=None, workers: int = 1, verbose: int = 0) -> None:
        """Do the runs that are not in the table."""
        runs = self.module.runs(self.settings)
        left = [run for run in runs if run.name not in self.table.done]
        threads = max(1, get_num_threads() // workers)
        began = time.perf_counter()
        job = (self.module.carry_out, self.settings, threads)
        results = completed(_job, left, *job, executor=executor, workers=workers)
        for k, rows in enumerate(results, len(runs) - len(left) + 1):
            self.table.add(*rows)
            if verbose:
                seconds = time.perf_counter() - began
                progress = f"{self.figure} {k:4d} of {len(runs)} {seconds:8.1f} s"
                print(f"{progress}  {rows[0].run}", flush=True)

    def finish(self) -> list[Value]:
        """Draw, and compare with what is published."""
        picture = self.module.draw(self.table.rows, self.settings)
        save_figure(picture, self.path(".svg"))
        _save_png(picture, self.path(".png"))
        values = self.module.published(self.table.rows, self.settings)
        self.path(".md").write_text(self._page(values), encoding="utf-8")
        return values

    @property
    def title(self) -> str:
        return f"Figure {self.figure.removeprefix('fig')}. {FIGURES[self.figure]}"

    def section(self, values: list[Value]) -> _report.Section:
        """What the report of all figures has of this one."""
        return _report.Section(self.title, self.path(".png"), values, self.command, self.notes)

    def _page(self, values: list[Value]) -> str:
        settings = ", ".join(f"{name} {value}" for name, value in asdict(self.settings).items())
        return "\n\n".join(
            [
                f"# {self.title}",
                f"![{self.title}]({self.figure}.png)",
                self.notes,
                f"`{self.command}`",
                f"Settings: {settings}.",
                f"{summary(values)}.",
                markdown(values) + "\n",
            ]
        )


def _save_png(picture, path: Path) -> None:
    """With 256 colours, which are enough, and make the file three times smaller."""
    from PIL import Image  # comes with matplotlib

    from ..io import atomic_write

    picture.canvas.draw()
    image = Image.fromarray(np.asarray(picture.canvas.buffer_rgba())).convert("RGB")
    with atomic_write(path) as file:
        image.quantize(256, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)


def _job(run, carry_out, settings, threads: int) -> list:
    set_num_threads(threads)
    return carry_out(run, settings)


def _check(figure: str, scale: str, workers: int) -> None:
    if figure not in FIGURES:
        raise ValueError(f"there is no figure {figure!r}; there are {', '.join(FIGURES)}")
    if scale not in ("quick", "full"):
        raise ValueError(f"scale must be 'quick' or 'full', got {scale!r}")
    if workers < 1:
        raise ValueError(f"workers must be positive, got {workers}")


# -- the command -----------------------------------------------------------------------------------


def add_parsers(experiments) -> None:
    for name, title in {**FIGURES, "all": "all figures, and a report of them in one page"}.items():
        parser = experiments.add_parser(name, help=title, description=f"{title}.")
        parser.add_argument(
            "--scale",
            choices=("quick", "full"),
            default="quick",
            help="quick: minutes, and the shape of things; full: the paper's settings, which may "
            "take hours (quick)",
        )
        parser.add_argument(
            "--workers",
            type=int,
            default=1,
            metavar="N",
            help="runs at the same time, each on its share of the processors (1)",
        )
        parser.add_argument(
            "--output",
            type=Path,
            default=Path("paper"),
            metavar="DIR",
            help="folder of tables, pictures and pages; what is there already is not run again "
            "(paper)",
        )
        parser.set_defaults(run=_command, figure=name)


def _command(arguments) -> int:
    options = dict(output=arguments.output, workers=arguments.workers, verbose=1)
    try:
        if arguments.figure == "all":
            for figure, values in run_all(arguments.scale, **options).items():
                print(f"{figure}: {summary(values)}")
            print(arguments.output / "index.html")
        else:
            values = run(arguments.figure, arguments.scale, **options)
            print(f"{markdown(values)}\n\n{summary(values)}")
            print(arguments.output / f"{arguments.figure}.md")
    except KeyboardInterrupt:
        print("paper: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    except (ValueError, OSError, ImportError) as error:
        print(f"paper: {error}", file=sys.stderr)
        return 2
    return 0
