"""One way for all figures: runs carried out or resumed, a picture, published values beside ours.

A figure is a module ``figureN`` with

- ``NOTES``: what was done as in the paper and what not, in Markdown;
- ``SCALES``: for "quick" and "full" the settings, a frozen dataclass;
- ``Row``: a dataclass of str, int and float, whose first field names the run;
- ``runs(settings)``: what there is to do, small frozen dataclasses with an attribute ``name``;
- ``carry_out(run, settings)``: does one of them, perhaps in another process; a list of rows;
- ``draw(rows, settings)``: a matplotlib Figure in the published layout;
- ``published(rows, settings)``: a list of `Value`.

A figure can be stopped at any time, and part of it asked for: `draw` and `published` take what rows
there are.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path

import numpy as np

from .._core import get_num_threads, set_num_threads
from .._signals import terminable
from ..plot import require_matplotlib, save_figure
from . import _report
from ._results import Table, completed
from ._training import going_on_from
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
    figure: str,
    scale: str = "quick",
    output="paper",
    *,
    only: Sequence[str] = (),
    executor=None,
    workers=1,
    verbose=0,
) -> list[Value]:
    """Reproduce a figure of the paper.

    Writes ``figN.csv`` (each result as it comes, so that what was stopped goes on), ``figN.png``,
    ``figN.svg`` and ``figN.md``, which has the published values beside ours. An exception, Ctrl-C
    among them, leaves these of what is done. A run that was stopped, however that was, goes on from
    ``figN NAME.unfinished``: in the midst of a training by Adam and of steps of low curvature, else
    at the last of its stages.

    Parameters
    ----------
    figure : str
        "fig1" to "fig10".
    scale : {"quick", "full"}
        "full" has the paper's settings, and may take hours.
    output : path
        Folder of the results.
    only : sequence of str, optional
        Carry out those runs only whose names have one of these in them, such as "teacher" in Figure
        8; the names are in the first column of the table. All by default.
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
        For an unknown figure or scale, for `only` without such a run, and for an output that holds
        results of other settings; nothing has been written then.
    OSError
        Where the output cannot be written.
    ImportError
        Without matplotlib.
    """
    _check(figure, scale, workers)
    return Reproduction(figure, scale, output, only=only).run(executor, workers, verbose)


def run_all(
    scale: str = "quick", output="paper", *, executor=None, workers=1, verbose=0
) -> dict[str, list[Value]]:
    """Reproduce all figures, and write ``index.html``, a report of all in one file.

    Parameters, exceptions and files are those of `run`; returns the values of each figure.
    """
    _check(next(iter(FIGURES)), scale, workers)
    # all tables are opened before the first run, so that what is refused is so at once
    reproductions = [Reproduction(figure, scale, output) for figure in FIGURES]
    try:
        return {each.figure: each.run(executor, workers, verbose) for each in reproductions}
    finally:
        sections = [each.section for each in reproductions if each.path(".png").exists()]
        Path(output, "index.html").write_text(_report.page(sections), encoding="utf-8")


class Reproduction:
    """A figure on its way: the rows that are there, the runs that are left.

    Settings are those of the scale; tests give smaller ones.
    """

    def __init__(self, figure: str, scale: str, output, settings=None, only: Sequence[str] = ()):
        require_matplotlib()
        self.figure, self.scale, self.folder = figure, scale, Path(output)
        self.only = (only,) if isinstance(only, str) else tuple(only)
        self.module = self.module_of(figure)
        self.settings = self.module.SCALES[scale] if settings is None else settings
        self.runs = self.module.runs(self.settings)
        for text in self.only:
            if not any(text in run.name for run in self.runs):
                raise ValueError(
                    f"only: {figure} has no run with {text!r} in its name; the first is "
                    f"{self.runs[0].name!r}"
                )
        self.table = Table(self.path(".csv"), self.module.Row, self.settings)

    @staticmethod
    def module_of(figure: str):
        return import_module(f".figure{figure.removeprefix('fig')}", __package__)

    @property
    def notes(self) -> str:
        return self.module.NOTES.strip()

    @property
    def command(self) -> str:
        only = ["--only", *self.only] if self.only else []
        command = ["precisekit", "paper", self.figure, "--scale", self.scale, *only]
        return shlex.join([*command, "--output", str(self.folder)])

    def path(self, suffix: str) -> Path:
        return self.folder / f"{self.figure}{suffix}"

    def run(self, executor=None, workers: int = 1, verbose: int = 0) -> list[Value]:
        """Carry out and finish; what is stopped is finished as it is."""
        try:
            self.carry_out(executor, workers, verbose)
        finally:
            values = self.finish()
        return values

    def carry_out(self, executor=None, workers: int = 1, verbose: int = 0) -> None:
        """Do the runs that were asked for and are not in the table."""
        done = self.table.done
        asked = [run for run in self.runs if any(text in run.name for text in self.only or [""])]
        left = [run for run in asked if run.name not in done]
        threads = max(1, get_num_threads() // workers)
        began = time.perf_counter()
        job = (self.module.carry_out, self.settings, threads, self.path("").absolute())
        with closing(completed(_job, left, *job, executor=executor, workers=workers)) as results:
            for k, rows in enumerate(results, len(asked) - len(left) + 1):
                self.table.add(*rows)
                if verbose:
                    seconds = time.perf_counter() - began
                    progress = f"{self.figure} {k:4d} of {len(asked)} {seconds:8.1f} s"
                    print(f"{progress}  {rows[0].run}", flush=True)

    def finish(self) -> list[Value]:
        """Draw, and compare with what is published."""
        picture = self.module.draw(self.table.rows, self.settings)
        save_figure(picture, self.path(".svg"))
        picture.set_layout_engine("none")  # it has found its layout, which takes seconds
        _save_png(picture, self.path(".png"))
        self.path(".md").write_text(self._page(), encoding="utf-8")
        return self.values

    @property
    def n_done(self) -> int:
        """How many of the runs are in the table."""
        done = self.table.done
        return sum(run.name in done for run in self.runs)

    @property
    def values(self) -> list[Value]:
        pending = self.n_done < len(self.runs)
        values = self.module.published(self.table.rows, self.settings)
        return [replace(value, pending=pending) for value in values]

    @property
    def summary(self) -> str:
        """How many of the values are met, and, while runs are left, how many are done."""
        text = summary(self.values)
        if self.n_done < len(self.runs):
            text = f"{self.n_done} of {len(self.runs)} runs done: {text}"
        return text

    @property
    def title(self) -> str:
        return f"Figure {self.figure.removeprefix('fig')}. {FIGURES[self.figure]}"

    @property
    def section(self) -> _report.Section:
        """What the report of all figures has of this one."""
        return _report.Section(
            title=self.title,
            picture=self.path(".png"),
            values=self.values,
            summary=self.summary,
            command=self.command,
            notes=self.notes,
        )

    def _page(self) -> str:
        settings = ", ".join(f"{name} {value}" for name, value in asdict(self.settings).items())
        return "\n\n".join(
            [
                f"# {self.title}",
                f"![{self.title}]({self.figure}.png)",
                self.notes,
                f"`{self.command}`",
                f"Settings: {settings}.",
                f"{self.summary}.",
                markdown(self.values) + "\n",
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


def _job(run, carry_out, settings, threads: int, stem: Path) -> list:
    """`stem`: what the names of the figure's files begin with."""
    set_num_threads(threads)
    name = run.name.replace("/", "_")
    with going_on_from(stem.with_name(f"{stem.name} {name}.unfinished")):
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
        if name in FIGURES:
            parser.add_argument(
                "--only",
                nargs="+",
                default=(),
                metavar="TEXT",
                help="part of the figure: the runs whose names have one of these in them (all)",
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
    report = "index.html" if arguments.figure == "all" else f"{arguments.figure}.md"
    page = arguments.output / report
    options = dict(output=arguments.output, workers=arguments.workers, verbose=1)
    try:
        with terminable():
            if arguments.figure == "all":
                for figure, values in run_all(arguments.scale, **options).items():
                    print(f"{figure}: {summary(values)}")
            else:
                values = run(arguments.figure, arguments.scale, only=arguments.only, **options)
                print(f"{markdown(values)}\n\n{summary(values)}")
    except KeyboardInterrupt:
        print(
            f"paper: stopped; {page} has what is done, and the same command goes on from here",
            file=sys.stderr,
        )
        return 130
    except (ValueError, OSError, ImportError) as error:
        print(f"paper: {error}", file=sys.stderr)
        return 2
    print(page)
    return 0
