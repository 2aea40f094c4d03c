"""The arguments of the command ``precisekit``, and what its help says."""

from __future__ import annotations

import argparse

import numpy as np

from . import __version__
from .optimize import METHODS

EXIT_ERROR = 2

TIME_LIMIT = 60.0
FRESH_SAMPLES = 10_000  # that test the fit of an equation
INTERPOLATING = ("simplex", "spline")

_DESCRIPTION = """\
Fits small networks and splines to tables of float64 numbers, down to the last
digits.

  precisekit fit data.csv --target y --output model.pkit    fit a table
  precisekit predict model.pkit points.csv                  use the model
  precisekit export model.pkit --output model.h             as code in C, C++, Fortran
  precisekit info model.pkit                                look into it
"""

_FIT_DESCRIPTION = """\
Fit a model to a table (CSV, .npz, .npy, .parquet) or to a Feynman equation,
test it on samples that it has not seen, and save it. Ctrl-C ends the fit and
saves the best so far; with --checkpoint, a fit that was killed can go on.
"""

_FIT_EPILOG = """\
examples:
  precisekit fit steam.csv --target h --output steam.pkit --plot steam.png
  precisekit fit steam.csv --target h --output steam.pkit --hidden 20,20
  precisekit fit --equation I.11.19 --output dot.pkit --time-limit 300
  precisekit fit grid.csv --target h --output grid.pkit --method spline
  precisekit fit --equation I.9.18 --output g.pkit --checkpoint g.ckpt --resume

in Python:
  model = precisekit.load("steam.pkit")
  h = model.predict([[0.5, 700.0]])
"""

_PREDICT_DESCRIPTION = """\
Evaluate a model at the points of a table and write inputs and predictions as
CSV, with all the digits of float64. Columns are matched by name when the table
has a header, else by order.
"""

_PREDICT_EPILOG = """\
examples:
  precisekit predict steam.pkit points.csv --output out.csv
  precisekit predict steam.pkit points.csv --gradient | head
"""

_EXPORT_DESCRIPTION = """\
Write a model as one file of source code that needs nothing but the language: a
function of the inputs, and its derivatives, with the digits of predict. How to
call it stands at the top of the file.
"""

_EXPORT_EPILOG = """\
examples:
  precisekit export steam.pkit --output steam.h
  precisekit export steam.pkit --lang c++ --output steam.hpp
  precisekit export steam.pkit --lang fortran --output steam.f90 --name enthalpy
"""

_INFO_DESCRIPTION = "Show what is in a model file; without one, versions and machine."

_INFO_EPILOG = """\
examples:
  precisekit info
  precisekit info steam.pkit
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(EXIT_ERROR, f"precisekit: error: {message} (see {self.prog} --help)\n")


def parser(*, fit, predict, export, info) -> argparse.ArgumentParser:
    """The parser of all commands; what it parses has as `run` the function given for the command.

    Each takes the parsed arguments and returns an exit code.
    """
    parser = _Parser(
        prog="precisekit",
        description=_DESCRIPTION,
        epilog="precisekit fit --help, and so on, explain each command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"precisekit {__version__}")
    commands = parser.add_subparsers(metavar="command", required=True)
    _add_fit(commands, fit)
    _add_predict(commands, predict)
    _add_export(commands, export)
    _add_info(commands, info)
    _add_paper(commands)
    return parser


def _add_command(commands, name: str, summary: str, description: str, epilog: str, run):
    command = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.set_defaults(run=run)
    return command


def _add_fit(commands, run) -> None:
    fit = _add_command(
        commands, "fit", "fit a table or an equation", _FIT_DESCRIPTION, _FIT_EPILOG, run
    )
    data = fit.add_argument_group("data")
    data.add_argument(
        "data", nargs="?", metavar="TABLE", help="table of numbers; a CSV may have a header or not"
    )
    data.add_argument("--target", metavar="NAME", help="column to fit")
    data.add_argument(
        "--features", type=_names, metavar="A,B", help="input columns (default: all but the target)"
    )
    data.add_argument(
        "--test-fraction",
        type=_fraction,
        metavar="F",
        help="share of the rows, drawn at random, kept out of the fit to test it (default: 0.1; "
        "of a full grid every eighth line along each axis, with auto and spline)",
    )
    data.add_argument(
        "--equation", metavar="ID", help="fit this Feynman equation instead of a table"
    )
    data.add_argument(
        "--samples", type=_count, metavar="N", help="samples of the equation (default: 4000)"
    )
    data.add_argument(
        "--law",
        choices=("arcsine", "uniform", "sobol"),
        help="how they are spread (default: arcsine, dense at the faces of the box); "
        f"the test is on {FRESH_SAMPLES:,} uniform ones",
    )
    fitting = fit.add_argument_group("fit")
    fitting.add_argument(
        "--method",
        choices=("auto", "mlp", *INTERPOLATING),
        help="auto: try what suits the data of all below, keep what does best on held-out samples; "
        "mlp: one network as given; simplex: linear interpolation in a mesh of the samples, in any "
        "dimension; spline: through samples on a grid, or nearest to scattered ones in one or two "
        "dimensions (default: mlp with --hidden, --stages or --restarts, else auto)",
    )
    fitting.add_argument(
        "--tol",
        type=_positive,
        metavar="E",
        help="relative RMSE to stop at (default: 1e-12 with auto; the last digit with mlp)",
    )
    fitting.add_argument(
        "--time-limit",
        type=_positive,
        metavar="S",
        help=f"seconds, of networks (default: {TIME_LIMIT:.0f})",
    )
    fitting.add_argument(
        "--hidden",
        type=_widths,
        metavar="N,M",
        help="mlp: units of the hidden layers (default: 20,20)",
    )
    fitting.add_argument(
        "--activation",
        choices=("tanh", "sin", "sigmoid", "gelu", "relu"),
        help="mlp: activation of the hidden layers (default: tanh)",
    )
    fitting.add_argument(
        "--solver",
        choices=METHODS,
        metavar="METHOD",
        help=f"mlp: method that trains it: {', '.join(METHODS)} (default: taylor-lm)",
    )
    fitting.add_argument(
        "--stages",
        type=_count,
        metavar="N",
        help="mlp: train N networks, each on what those before leave over, and merge them "
        "(default: 1)",
    )
    fitting.add_argument(
        "--restarts",
        type=_count,
        metavar="N",
        help="mlp: start up to N times more, while the fit ends above the rounding floor and there "
        "is time (default: 0)",
    )
    fitting.add_argument(
        "--input-map",
        choices=("auto", "linear", "log", "both"),
        help="mlp: inputs as they are, as logarithms, or both; auto races them (default: auto)",
    )
    fitting.add_argument(
        "--seed", type=_seed, default=0, metavar="N", help="of all random numbers (default: 0)"
    )
    output = fit.add_argument_group("output")
    output.add_argument("--output", required=True, metavar="MODEL", help="model file, as m.pkit")
    output.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="write the best model so far and the state of the fit to this file every few seconds",
    )
    output.add_argument(
        "--resume",
        action="store_true",
        help="go on from the checkpoint, if there is one already",
    )
    output.add_argument(
        "--plot", metavar="PICTURE", help="also draw residuals and convergence (.png, .pdf, .svg)"
    )


def _add_predict(commands, run) -> None:
    predict = _add_command(
        commands,
        "predict",
        "evaluate a model at the points of a table",
        _PREDICT_DESCRIPTION,
        _PREDICT_EPILOG,
        run,
    )
    predict.add_argument("model", metavar="MODEL", help="file written by precisekit fit")
    predict.add_argument("points", metavar="TABLE", help="table of points")
    predict.add_argument("--output", metavar="CSV", help="file to write (default: standard output)")
    predict.add_argument(
        "--gradient", action="store_true", help="also the derivative by each input"
    )


def _add_export(commands, run) -> None:
    from .export import LANGUAGES

    export = _add_command(
        commands,
        "export",
        "write a model as C, C++ or Fortran code",
        _EXPORT_DESCRIPTION,
        _EXPORT_EPILOG,
        run,
    )
    export.add_argument("model", metavar="MODEL", help="file written by precisekit fit")
    export.add_argument(
        "--lang",
        choices=LANGUAGES,
        default="c",
        help="c: a C99 header, of use in C++ too; c++: a C++17 header; fortran: a Fortran 2008 "
        "module (default: c)",
    )
    export.add_argument("--output", required=True, metavar="FILE", help="file to write")
    export.add_argument(
        "--name",
        metavar="NAME",
        help="from which the names in the file begin (default: that of the file)",
    )


def _add_info(commands, run) -> None:
    info = _add_command(
        commands, "info", "what is in a model; versions", _INFO_DESCRIPTION, _INFO_EPILOG, run
    )
    info.add_argument("model", nargs="?", metavar="MODEL", help="file written by precisekit fit")


def _add_paper(commands) -> None:
    from .paper.__main__ import DESCRIPTION, add_experiments

    summary = "the paper's figures, reproduced"
    paper = commands.add_parser("paper", help=summary, description=DESCRIPTION)
    add_experiments(paper)


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if "" in names or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of different names, as a,b")
    return names


def _widths(text: str) -> tuple[int, ...]:
    try:
        widths = tuple(int(width) for width in text.split(","))
    except ValueError:
        widths = (0,)
    if min(widths) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of layer widths, as 20,20")
    return widths


def _positive(text: str) -> float:
    return _float_between(text, 0.0, np.inf, "a positive number")


def _fraction(text: str) -> float:
    return _float_between(text, 0.0, 1.0, "between 0 and 1")


def _float_between(text: str, lo: float, hi: float, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not lo < value < hi:
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return value


def _count(text: str) -> int:
    return _int_from(text, 1, "a positive integer")


def _seed(text: str) -> int:
    value = _int_from(text, 0, "an integer of at least 0")
    if value >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not below 2**32")
    return value


def _int_from(text: str, least: int, what: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return value
