"""The command ``precisekit``: fit a table, predict with the model, export it, look into it."""

from __future__ import annotations

import csv
import io as std_io
import os
import platform
import stat
import sys
import tempfile
import warnings
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np

from . import __version__
from ._signals import terminable
from .cli_arguments import EXIT_ERROR, FRESH_SAMPLES, INTERPOLATING, TIME_LIMIT, parser

_EXIT_INTERRUPTED = 130

_AUTO_TOL = 1e-12
_FLOOR = 1e-16  # where the progress bar of a fit to the last digit ends
_LOGARITHM = {"log": "as logarithm", "both": "also as logarithm"}
_CHUNK = 10_000  # rows of CSV formatted at a time

# What stands between a name and those of the functions, and how to compile a program with them.
_CALLED = {
    "c": ("_", "cc main.c -lm"),
    "c++": ("::", "c++ -std=c++17 main.cpp"),
    "fortran": ("_", "gfortran {file} main.f90"),
}


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    try:
        args = parser(fit=_fit, predict=_predict, export=_export, info=_info).parse_args(argv)
        return args.run(args)
    except KeyboardInterrupt:
        return _fail("interrupted", _EXIT_INTERRUPTED)
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        path = f"{os.fspath(error.filename)}: " if error.filename else ""
        return _fail(f"{path}{error.strerror or error}")
    except (ValueError, ImportError) as error:
        return _fail(error)


def _fail(message, code: int = EXIT_ERROR) -> int:
    print("precisekit: error:", " ".join(str(message).split()), file=sys.stderr)
    return code


# -- fit -------------------------------------------------------------------------------------------


def _fit(args) -> int:
    _check_flags(args)
    _check_writable(args.output, table=args.data)
    if args.plot:
        from . import plot

        plot.check_format(args.plot)
        _check_writable(args.plot, table=args.data)
    if args.checkpoint:
        _check_writable(args.checkpoint, table=args.data)
        if os.path.exists(args.checkpoint) and not args.resume:
            raise ValueError(f"{args.checkpoint} exists: --resume goes on from it; or delete it")
    _check_different(args, "output", "plot", "checkpoint")

    names, target, train, test = _equation_data(args) if args.equation else _table_data(args)
    _check_count(len(train[0]), args)
    model = _fitted(args, names, target, *train)
    model.input_names_, model.target_name_ = names, target

    from .io import save
    from .report import split_report

    saved = model
    if hasattr(model, "interpolator_") and not args.equation:
        from sklearn.base import clone

        # nothing depends on the test rows but the test: the model that is saved has them too
        saved = clone(model).fit(
            *(np.concatenate(parts) for parts in zip(train, test, strict=True))
        )
        saved.report_.choice = model.report_.choice
        saved.input_names_, saved.target_name_ = names, target
    save(saved, args.output)
    print(split_report(model, *train, *test))
    if model.report_.choice:
        print(f"\n{model.report_.choice}")
    if saved is not model:
        print(f"\nsaved: {saved.report_.model}, the test rows among them")
    if args.plot:
        plot.save_figure(plot.plot_fit(model, *test), args.plot)
    print(f"\nmodel in {args.output}; in Python: model = precisekit.load({args.output!r})")
    if args.plot:
        print(f"picture in {args.plot}")
    return _EXIT_INTERRUPTED if model.report_.interrupted else 0


def _check_flags(args) -> None:
    """Contradictions that argparse does not see."""
    if args.equation is not None:
        _refuse(args, "--equation", "data", "target", "features", "test_fraction")
    elif args.data is None:
        raise ValueError("fit needs a table, or --equation (see precisekit fit --help)")
    else:
        _refuse(args, "a table", "samples", "law")
        _check_target(args)
    if args.method is None:
        of_one = args.hidden or args.stages or args.restarts
        args.method = "mlp" if of_one else "auto"
    of_mlp = ("hidden", "activation", "solver", "stages", "restarts", "input_map")
    if args.method == "auto":
        if args.input_map == "auto":
            args.input_map = None  # as it does anyway
        _refuse(args, "--method auto", *of_mlp)
    if args.method in INTERPOLATING:
        _refuse(args, f"--method {args.method}", *of_mlp, "tol", "time_limit", "checkpoint")
    if args.method == "spline" and args.equation is not None:
        _refuse(args, "--method spline, which takes samples on a grid", "law")
    if args.resume and args.checkpoint is None:
        raise ValueError("--resume needs a --checkpoint to go on from")
    if args.time_limit is None:
        args.time_limit = TIME_LIMIT


def _refuse(args, given: str, *others: str) -> None:
    for other in others:
        if getattr(args, other) is not None:
            name = "a table" if other == "data" else "--" + other.replace("_", "-")
            raise ValueError(f"{name} does not go with {given}")


def _check_target(args) -> None:
    from .tables import check_columns, column_names

    names, _ = column_names(args.data)
    if args.target is None:
        raise ValueError(
            f"--target is missing: which column is to be fitted? (columns: {', '.join(names)})"
        )
    check_columns(args.data, names, [args.target, *(args.features or [])])
    if args.features is None:
        args.features = [name for name in names if name != args.target]
    if args.target in args.features:
        raise ValueError(f"--target {args.target!r} is among the --features too")
    if not args.features:
        raise ValueError(f"{args.data}: no column is left to fit {args.target!r} with")


def _check_writable(path: str, **read: str | None) -> None:
    """Tell now, not after a long fit, that a file cannot be written, or is one that is read."""
    folder = os.path.dirname(os.path.realpath(path))
    if os.path.isdir(path or "."):
        raise ValueError(f"{path} is a directory" if path else "a file to write has an empty name")
    if not os.path.isdir(folder):
        raise ValueError(f"{path}: there is no directory {folder}")
    if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError(f"{path} is not a regular file")
    try:  # permissions alone do not tell: read-only and special file systems
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(f"{path}: cannot write in {folder}: {error.strerror}") from None
    for what, other in read.items():
        if other and os.path.exists(path) and os.path.samefile(path, other):
            raise ValueError(f"{path} would overwrite the {what} that is read")


def _check_different(args, *options: str) -> None:
    given = [(option, getattr(args, option)) for option in options if getattr(args, option)]
    for (a, path), (b, other) in combinations(given, 2):
        if os.path.realpath(path) == os.path.realpath(other):
            raise ValueError(f"--{a} and --{b} name the same file")


def _table_data(args):
    """Names, and the rows in two parts: (X, y) to train on, (X, y) to test."""
    from .tables import read_table

    table = read_table(args.data, [*args.features, args.target])
    X, y = table.columns[:, :-1], table.columns[:, -1]
    train, test = _split(args, X)
    return args.features, args.target, (X[train], y[train]), (X[test], y[test])


def _split(args, X) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and rows to test, drawn at random; of a grid, which random gaps would
    destroy for a spline, those that lie on every eighth line along each axis."""
    if args.method in ("auto", "spline") and args.test_fraction is None:
        from .interpolating_estimators import rectilinear_grid, without_some_lines

        grid = rectilinear_grid(X)
        if grid is not None:
            axes, order = grid
            left_out = without_some_lines([len(axis) for axis in axes])[1].ravel()
            if left_out.any():
                return np.sort(order[~left_out]), np.sort(order[left_out])
    rows = np.random.default_rng(args.seed).permutation(len(X))
    fraction = 0.1 if args.test_fraction is None else args.test_fraction
    n_test = max(1, round(fraction * len(X)))
    return np.sort(rows[n_test:]), rows[:n_test]


def _equation_data(args):
    from .datasets import feynman, sample_box

    equation = feynman(args.equation)
    train_seed, test_seed = np.random.SeedSequence(args.seed).spawn(2)
    box = equation.lo, equation.hi
    n = args.samples or 4000
    if args.method == "spline":
        n_lines = max(2, int(n ** (1 / len(equation.lo)) + 1e-9))
        axes = [np.linspace(lo, hi, n_lines) for lo, hi in zip(*box, strict=True)]
        X = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    else:
        X = sample_box(*box, n, law=args.law or "arcsine", seed=train_seed)
    X_test = sample_box(*box, FRESH_SAMPLES, law="uniform", seed=test_seed)
    names = list(equation.variables)
    return names, args.equation, (X, equation(X)), (X_test, equation(X_test))


def _check_count(n_train: int, args) -> None:
    fewest = 10 if args.method == "auto" else 2
    if n_train < fewest:
        raise ValueError(
            f"{n_train} samples are left to fit, --method {args.method} needs {fewest}"
        )


def _fitted(args, names, target, X, y):
    if args.method in INTERPOLATING:
        from .interpolating_estimators import SimplexRegressor, SplineRegressor

        # test rows may lie just outside of the others
        if args.method == "simplex":
            return SimplexRegressor(extrapolate=True).fit(X, y)
        return SplineRegressor(extrapolate=True, random_state=args.seed).fit(X, y)
    from .estimators import MLPRegressor
    from .fit_checkpoint import Checkpoints
    from .progress import Progress
    from .selection import Search

    resume = args.checkpoint if args.resume else None
    if resume and not os.path.exists(resume):
        print(f"precisekit: {resume} is not there yet: the fit begins", file=sys.stderr)
        resume = None
    checkpoints = Checkpoints(args.checkpoint, resume, input_names=names, target_name=target)
    goal = args.tol or (_AUTO_TOL if args.method == "auto" else _FLOOR)
    with (
        terminable(),
        warnings.catch_warnings(),
        Progress(goal, args.time_limit) as progress,
    ):
        warnings.simplefilter("always", UserWarning)
        warnings.filterwarnings("ignore", "fit interrupted")  # the report says so
        caught = set()
        warnings.showwarning = lambda message, *_: caught.add(str(message))
        if args.method == "auto":
            model = Search(
                X,
                y,
                target=goal,
                time_limit=args.time_limit,
                random_state=args.seed,
                callback=progress,
                checkpoints=checkpoints,
            ).run()
        else:
            model = MLPRegressor(
                hidden_layer_sizes=args.hidden or (20, 20),
                activation=args.activation or "tanh",
                solver=args.solver or "taylor-lm",
                n_stages=args.stages or 1,
                n_restarts=args.restarts or 0,
                input_map=args.input_map or "auto",
                tol=args.tol or 0.0,
                time_limit=args.time_limit,
                random_state=args.seed,
            )
            model._fit(X, y, callback=progress, checkpoints=checkpoints)
    for message in sorted(caught):
        print(f"precisekit: warning: {message}", file=sys.stderr)
    return model


# -- predict ---------------------------------------------------------------------------------------


def _predict(args) -> int:
    from .io import atomic_write, input_names, load, target_name
    from .tables import column_names, read_table

    if args.output is not None:
        _check_writable(args.output, table=args.points, model=args.model)
        if Path(args.output).suffix.lower() in (".npz", ".npy", ".parquet"):
            raise ValueError(f"{args.output}: predictions are written as CSV")
    model = load(args.model)
    names, target = input_names(model), target_name(model)
    available, named = column_names(args.points)
    if not named and len(available) != len(names):
        raise ValueError(
            f"{args.points} has {len(available)} columns, the model takes {len(names)}: "
            f"{', '.join(names)}"
        )
    X = read_table(args.points, names if named else None).columns
    header, columns = [*names, target], [X, model.predict(X)[:, None]]
    if args.gradient:
        header += [f"d{target}/d{name}" for name in names]
        columns.append(model.predict_gradient(X))
    table = np.hstack(columns)
    if args.output:
        with atomic_write(args.output) as file:
            file.writelines(text.encode() for text in _csv_text(header, table))
    else:
        sys.stdout.writelines(_csv_text(header, table))
        sys.stdout.flush()
    return 0


def _csv_text(header: list[str], table: np.ndarray) -> Iterator[str]:
    first_line = std_io.StringIO()
    csv.writer(first_line, lineterminator="\n").writerow(header)  # quotes names with commas
    yield first_line.getvalue()
    for start in range(0, len(table), _CHUNK):
        rows = table[start : start + _CHUNK].tolist()
        yield "".join(",".join(map(repr, row)) + "\n" for row in rows)


# -- export ----------------------------------------------------------------------------------------


def _export(args) -> int:
    from .export import identifier
    from .io import load

    _check_writable(args.output, model=args.model)
    name = identifier(args.output, args.lang, args.name)
    model = load(args.model)
    try:
        model.export(args.output, args.lang, name)
    except TypeError as error:  # a model that is no formula
        raise ValueError(f"{args.model}: {error}") from None
    between, command = _CALLED[args.lang]
    functions = f"{name}{between}value and {name}{between}value_and_gradient"
    print(f"code in {args.output}; its top shows how to call {functions}")
    print(f"to compile a program that does: {command.format(file=Path(args.output).name)}")
    return 0


# -- info ------------------------------------------------------------------------------------------


def _info(args) -> int:
    for name, value in _model_facts(args.model) if args.model else _machine_facts():
        print(f"{name:<16}{value}")
    return 0


def _machine_facts() -> Iterator[tuple[str, object]]:
    import scipy

    from . import _core

    yield "precisekit", __version__
    yield "compiler", _core.compiler
    yield "instructions", _core.isa()
    yield "threads", _core.get_num_threads()
    yield "Eigen", _core.eigen_version
    yield "Python", platform.python_version()
    yield "NumPy", np.__version__
    yield "SciPy", scipy.__version__
    blas = scipy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    yield "BLAS", f"{blas['name']} {blas['version']}"


def _model_facts(path: str) -> Iterator[tuple[str, object]]:
    from .io import input_names, load, target_name
    from .network import activation_names
    from .report import facts

    model = load(path)
    if hasattr(model, "interpolator_"):
        yield from _interpolator_facts(model)
        return
    report, box = model.report_, model.input_map_
    yield "model", f"{type(model).__name__} of {target_name(model)}"
    names = input_names(model)
    if model.symmetries_:
        yield "inputs", ", ".join(names)
        yield "structure", model.symmetries_.structure(names)
    variables = model.symmetries_.variables(names)
    title = "variables" if model.symmetries_ else "inputs"
    for i, (name, lo, hi) in enumerate(zip(variables, box.lo, box.hi, strict=True)):
        taken = "" if i not in box.log_columns else f" ({_LOGARITHM[box.kind]})"
        yield "" if i else title, f"{name} from {lo:.6g} to {hi:.6g}{taken}"
    yield "network", f"{report.network}, {activation_names(model.network_)}"
    yield "input map", box.kind
    yield from facts(report)


def _interpolator_facts(model) -> Iterator[tuple[str, object]]:
    from .io import input_names, target_name
    from .report import facts

    report = model.report_
    yield "model", f"{type(model).__name__} of {target_name(model)}"
    for i, (name, lo, hi) in enumerate(zip(input_names(model), model.lo_, model.hi_, strict=True)):
        yield "" if i else "inputs", f"{name} from {lo:.6g} to {hi:.6g}"
    yield "interpolator", report.model
    yield from facts(report)


if __name__ == "__main__":
    sys.exit(main())
