"""Seconds to the error at which another Taylor-LM ends, both on as many threads, in one run.

``python -m bench.reference FILE.py [--threads N] [task ...]``; the file defines ``tlm(theta, sizes,
X, y, tmax=seconds, order=order)``, which returns the parameters and a dict whose ``hist`` lists
(seconds, relative RMSE, ...) for each iteration. Both start from the same parameters on the same
points.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from pathlib import Path

_parser = argparse.ArgumentParser(prog="python -m bench.reference", description=__doc__)
_parser.add_argument("file", metavar="FILE.py")
_parser.add_argument("--threads", type=int, default=1, metavar="N")
_parser.add_argument("tasks", nargs="*", metavar="task")
ARGUMENTS = _parser.parse_intermixed_args()
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # before NumPy is there
    os.environ[name] = str(ARGUMENTS.threads)

import numpy as np  # noqa: E402

import precisekit as pk  # noqa: E402
from bench.tasks import FIGURES  # noqa: E402
from precisekit.estimators import root_mean_square  # noqa: E402
from precisekit.input_map import InputMap  # noqa: E402
from precisekit.symmetry import Symmetries  # noqa: E402
from precisekit.training import Data, Run, Settings  # noqa: E402

LIMIT = 150.0  # seconds for the other one
ORDER = 12


def load(path: str):
    sys.path.insert(0, str(Path(path).parent))
    spec = importlib.util.spec_from_file_location("reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.tlm


def main(path: str, threads: int, names: list[str]) -> None:
    tlm = load(path)
    pk.set_num_threads(threads)
    print(f"{'task':16} {'its error':>10} {'its s':>7} {'our s':>7} {'ratio':>6} {'our error':>10}")
    for task in FIGURES:
        if task.name not in (names or ("teacher 1-3-3-1", "cos 2x", "I.6.2a", "x*y", "I.6.2")):
            continue
        X, y, *_ = task.load(0)
        input_map = InputMap.fit(X, "linear")
        sizes = (X.shape[1], 20, 20, 1)
        net = pk.MLP(sizes)
        seed = 0
        U, target = input_map(X), y / root_mean_square(y[:, None])
        _, run = tlm(net.init(seed), sizes, U, target, tmax=LIMIT, order=ORDER)
        times, errors = np.array([entry[:2] for entry in run["hist"]]).T
        error = errors.min()
        reached = times[errors <= error][0]

        settings = Settings(order=16, maxiter=10_000, tol=float(error))
        data = Data(X, target[:, None])
        run = Run(settings)
        ours = run.train(
            data,
            lambda _, net=net: net,
            seed,
            input_map="linear",
            symmetries=Symmetries(),
            find_symmetries=False,
        ).result
        seconds = ours.history.seconds[-1]
        print(
            f"{task.name:16} {error:10.2e} {reached:7.1f} {seconds:7.1f} {reached / seconds:6.2f} "
            f"{ours.relative_rmse:10.2e}",
            flush=True,
        )


if __name__ == "__main__":
    main(ARGUMENTS.file, ARGUMENTS.threads, ARGUMENTS.tasks)
