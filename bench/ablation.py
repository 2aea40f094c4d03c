"""What each part of a fit is worth: every task with and without it, in the same time.

``python -m bench.ablation [--seconds S] [task ...]`` prints test errors (relative RMSE on fresh
points) of MLPRegressor as it is, and with one thing changed at a time.
"""

from __future__ import annotations

import argparse

import precisekit as pk
from bench.tasks import equation, relative_rmse
from precisekit.training import _run

TASKS = {
    "x*y": equation("Z.008", 3000),
    "I.6.2": equation("I.6.2", 3000, "arcsine"),
    "I.10.7": equation("I.10.7", 5000, "arcsine"),
    "I.44.4": equation("I.44.4", 4000, "arcsine"),
    "I.9.18": equation("I.9.18", 12_000, "arcsine"),
}

# Options of MLPRegressor, and constants of training/_run.py.
VARIANTS: dict[str, tuple[dict, dict]] = {
    "as it is": ({}, {}),
    "no symmetries": ({"find_symmetries": False}, {}),
    "linear map": ({"find_symmetries": False, "input_map": "linear"}, {}),
    "all samples at once": ({}, {"_SAMPLES_PER_PARAMETER": 1e9}),
    "gain 1": ({}, {"_LARGEST_GAIN": 1.0}),
    "3 restarts": ({"n_restarts": 3}, {}),
    "no Pade form": ({"solver_options": {"pade": False}}, {}),
    "order 24": ({"order": 24}, {}),
    "order 12": ({"order": 12}, {}),
    "order 4": ({"order": 4}, {}),
    "order 2": ({"order": 2}, {}),
    "order 1": ({"order": 1}, {}),
}


def run(load, seconds: float, options: dict, constants: dict) -> float:
    X, y, X_test, y_test = load(0)
    before = {name: getattr(_run, name) for name in constants}
    for name, value in constants.items():
        setattr(_run, name, value)
    try:
        model = pk.MLPRegressor(
            hidden_layer_sizes=(16, 16, 16), random_state=0, time_limit=seconds, **options
        ).fit(X, y)
    finally:
        for name, value in before.items():
            setattr(_run, name, value)
    return relative_rmse(model.predict(X_test), y_test)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ablation", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("tasks", nargs="*", metavar="task", help=", ".join(TASKS))
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.tasks if name not in TASKS]:
        parser.error(f"no task {unknown[0]!r}")
    names = arguments.tasks or list(TASKS)
    print(f"{'':20} " + " ".join(f"{name:>9}" for name in names))
    for variant, (options, constants) in VARIANTS.items():
        print(f"{variant:20} ", end="")
        for name in names:
            error = run(TASKS[name], arguments.seconds, options, constants)
            print(f"{error:9.1e} ", end="", flush=True)
        print()


if __name__ == "__main__":
    main()
