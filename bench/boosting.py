"""Boosting and multi-stage networks: the digits of each stage.

``python -m bench.boosting [wang-lai|estimator]`` prints a table for each of those asked, both
without an argument, on one thread. Boosted BFGS with the paper's settings is part of its Figure 8:
``precisekit paper fig8 --scale full``.
"""

from __future__ import annotations

import sys
import time

# first, as it keeps every library on one thread
from bench import peers  # isort: skip  # noqa: F401

import numpy as np

import precisekit as pk
from bench.tasks import equation, function, relative_rmse, teacher

WANG_LAI_ITERATIONS = {"ssbfgs": (2_000, 4_000, 4_000), "taylor-lm": (150, 60)}

TASKS = {
    "cos 2x": function(lambda X: np.cos(2 * X[:, 0]), [-1], [1], 1_000),
    "teacher": teacher,
    "x*y": equation("Z.008", 3_000),
}


def wang_lai(samples=4_801):
    """ln(t + 2) cos(2t + t^3) on [-1.02, 1.02], 1-20-20-20-1; later stages begin with sines."""

    def f(t):
        return np.log(t + 2) * np.cos(2 * t + t**3)

    t, test = np.linspace(-1.02, 1.02, samples), np.linspace(-1, 1, 8_000)
    print(f"\nmulti-stage networks, ln(t+2) cos(2t+t^3), {samples:,} points; claimed: about 1e-16")
    print(
        f"{'method':>9} {'stage':>5} {'test':>9} {'max. error':>10} {'frequency':>9} {'nit':>6} "
        f"{'s':>7}"
    )
    for method, iterations in WANG_LAI_ITERATIONS.items():
        boosting = pk.Boosting(t[:, None] / 1.02, f(t))
        for stage, maxiter in enumerate(iterations, 1):
            began = time.perf_counter()
            frequency = boosting.frequency() if stage > 1 else None
            net = pk.MLP([1, 20, 20, 20, 1], ["tanh" if stage == 1 else "sin", "tanh", "tanh"])
            theta = net.init(stage, frequency=frequency)
            result = pk.minimize(boosting.objective(net), theta, method, maxiter=maxiter)
            boosting.add(net, result.x)
            merged, theta = boosting.merged()
            prediction = merged.forward(theta, test[:, None] / 1.02)
            print(
                f"{method:>9} {stage:5d} {relative_rmse(prediction, f(test)):9.2e} "
                f"{np.max(np.abs(prediction - f(test))):10.2e} {frequency or 0:9.1f} "
                f"{result.nit:6d} {time.perf_counter() - began:7.1f}  {result.message[:40]}",
                flush=True,
            )


def estimator(max_iter=3_000):
    """What a second and a third network gain, by kind of the first layer."""
    print(f"\nMLPRegressor(solver='bfgs', n_stages=3), at most {max_iter:,} iterations each")
    print(f"{'task':>8} {'first layer':>11} {'training, by stage':>28} {'test':>9} {'s':>7}")
    for name, load in TASKS.items():
        X, y, X_test, y_test = load(0)
        for kind in ("same", "sin"):
            model = pk.MLPRegressor(
                solver="bfgs",
                n_stages=3,
                stage_activation=kind,
                max_iter=max_iter,
                input_map="linear",
                random_state=0,
            ).fit(X, y)
            errors = " ".join(f"{stage.relative_rmse:9.2e}" for stage in model.report_.stages)
            print(
                f"{name:>8} {kind:>11} {errors:>28} "
                f"{relative_rmse(model.predict(X_test), y_test):9.2e} {model.report_.seconds:7.1f}",
                flush=True,
            )


def main(asked: list[str]) -> None:
    pk.set_num_threads(1)
    if not asked or "wang-lai" in asked:
        wang_lai()
    if not asked or "estimator" in asked:
        estimator()


if __name__ == "__main__":
    main(sys.argv[1:])
