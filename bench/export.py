"""Exported code beside predict: digits, and the time of an evaluation.

``python -m bench.export [MODEL.pkit]`` takes that model, or fits 2-20-20-1 to the steam table in a
minute; then compiles it with -O2 in each language whose compiler is there, and prints what values
and derivatives differ by from those of predict and predict_gradient, relative to their root mean
square, at 10,000 fresh points of the box, and what one evaluation takes on one thread.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

import precisekit as pk
from bench.exported import COMPILERS, Library
from bench.tasks import relative_rmse

STEAM = Path(__file__).parents[1] / "examples" / "steam.csv"
POINTS = 10_000
REPEATS = 40


def steam_model() -> pk.MLPRegressor:
    table = np.loadtxt(STEAM, delimiter=",", skiprows=1)
    return pk.MLPRegressor(time_limit=60, random_state=0).fit(table[:, :-1], table[:, -1])


def nanoseconds(X, *functions) -> list[float]:
    """What each function takes for a row of X, the best of some runs."""
    times = []
    for function in functions:
        best = np.inf
        for _ in range(REPEATS):
            began = time.perf_counter()
            function(X)
            best = min(best, time.perf_counter() - began)
        times.append(1e9 * best / len(X))
    return times


def row(what: str, errors, times) -> None:
    errors = "".join(f"{e:>12}" for e in errors)
    print(f"{what:26}{errors}" + "".join(f"{t:>10,.0f}" for t in times), flush=True)


def main(argv: list[str]) -> None:
    model = pk.load(argv[0]) if argv else steam_model()
    print(f"{model.report_.network}, rounding floor {model.report_.rounding_floor:.1e}\n")
    print(f"{'':26}{'value':>12}{'gradient':>12}{'ns value':>10}{'ns both':>10}")
    box = model.input_map_
    X = np.random.default_rng(0).uniform(box.lo, box.hi, (POINTS, len(box.lo)))

    pk.set_num_threads(1)
    for what, points in (("predict, point by point", X[:1]), (f"predict, {POINTS:,} at once", X)):
        row(what, ["", ""], nanoseconds(points, model.predict, model.predict_gradient))
    for lang, (compiler, *_) in COMPILERS.items():
        if shutil.which(compiler) is None:
            print(f"{lang:26}no {compiler}")
            continue
        with tempfile.TemporaryDirectory() as folder:
            in_code(lang, model, X, Path(folder))


def in_code(lang: str, model, X, folder: Path) -> None:
    """The row of a language."""
    y, dydx = model.predict(X), model.predict_gradient(X)
    shapes = {"f": (X.shape[1], y.shape[1:])}
    library = Library(lang, {"f": model}, shapes, folder, ["-O2"])
    value, (_, gradient) = library.values("f", X), library.gradients("f", X)
    errors = [relative_rmse(value, y), relative_rmse(gradient, dydx)]
    values, gradients = (partial(f, "f") for f in (library.values, library.gradients))
    row(lang, [f"{error:.1e}" for error in errors], nanoseconds(X, values, gradients))


if __name__ == "__main__":
    main(sys.argv[1:])
