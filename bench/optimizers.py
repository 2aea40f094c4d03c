"""Adam against JAX, and what the optimisers of the paper reach on the paper's own tasks.

``python -m bench.optimizers [adam|bfgs|low-curvature|taylor-lm|adam-rates] [--full]
[--seconds S]`` prints a table for each of what is asked; without an argument, all but the last,
which takes hours. ``--full`` adds the long rows of "bfgs" (Figure 9). A row ends at the paper's
number of iterations or after S seconds (300).

The tasks are those of Michaud, Liu and Tegmark, "Precision Machine Learning" (2022), Figures 8 and
9 and section 4.2: 100,000 points (50,000 in 4.2), the initialisation of nn.Linear, data as they
are. The errors are absolute on 10,000 other points, as the paper's; "relative" is over the root
mean square of the targets. The random teacher and polynomial are not the paper's own.
"""

from __future__ import annotations

import argparse
import functools
import time

# first, as it keeps every library on one thread
from bench import peers  # isort: skip

import numpy as np

import precisekit as pk
from precisekit.datasets import feynman, sample_box, teacher_student

POINTS = 100_000


# -- Adam's speed ----------------------------------------------------------------------------------


def jax_scan(jax, network, n, steps, lr=1e-3):
    """Seconds a step of Adam as a jitted lax.scan."""
    jnp = jax.numpy
    loss = peers.loss_of(jnp.tanh, network)
    theta, X, y = (jnp.asarray(a) for a in peers.data(network, n))
    gradient = jax.grad(lambda theta: loss(theta, X, y))

    def step(carry, t):
        theta, m, v = carry
        g = gradient(theta)
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        rate = lr / (1 - 0.9**t)
        theta = theta - rate * m / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)
        return (theta, m, v), None

    times = jnp.arange(1.0, steps + 1.0)
    zero = jnp.zeros_like(theta)
    run = jax.jit(lambda theta: jax.lax.scan(step, (theta, zero, zero), times)[0][0])
    return lambda: jax.block_until_ready(run(theta))


def adam_speed():
    try:
        jax = peers.Jax().jax
    except ImportError as error:
        print(f"jax left out: {error}")
        jax = None
    print(f"\nAdam, full batch, one thread, {pk._core.isa()}: ms a step, all of minimize()")
    print(f"{'network':>10} {'n':>7} {'precisekit':>11} {'jax.scan':>9} {'ratio':>6}  asked 1.5")
    for network in ((1, 20, 20, 1), (1, 40, 40, 1)):
        for n, steps in ((1_000, 2_000), (10_000, 300)):
            theta, X, y = peers.data(network, n)
            objective = pk.LeastSquares(pk.MLP(network), X, y)
            ours = functools.partial(pk.minimize, objective, theta, "adam", maxiter=steps)
            runs = [ours] if jax is None else [ours, jax_scan(jax, network, n, steps)]
            seconds = [1e3 * s / steps for s in peers.best_seconds(runs, 1.0)]
            theirs = f"{seconds[1]:9.3f} {seconds[1] / seconds[0]:6.2f}" if jax else f"{'-':>9}"
            name = "-".join(map(str, network))
            print(f"{name:>10} {n:7d} {seconds[0]:11.3f} {theirs}", flush=True)


# -- the paper's tasks -----------------------------------------------------------------------------


def teacher():
    _, _, f = teacher_student(seed=0)
    return f, [-1.0], [1.0]


def equation(name):
    q = feynman(name)
    return q, q.lo, q.hi


def data(task, n=POINTS):
    f, lo, hi = task
    X, X_test = sample_box(lo, hi, n, seed=0), sample_box(lo, hi, 10_000, seed=1000)
    return X, f(X), X_test, f(X_test)


def run(task, widths, method, *, scale=1.0, seed=0, **options):
    """The result, and the absolute and relative error on the test points."""
    X, y, X_test, y_test = data(task)
    net = pk.MLP([X.shape[1], *widths, 1])
    objective = pk.LeastSquares(net, X, y / scale)
    began = time.perf_counter()
    result = pk.minimize(objective, net.init(seed, scheme="torch"), method, **options)
    seconds = time.perf_counter() - began
    error = np.sqrt(np.mean((scale * net.forward(result.x, X_test) - y_test) ** 2))
    return result, error, error / np.sqrt(np.mean(y_test**2)), seconds


HEADER = (
    f"{'task':22} {'test RMSE':>10} {'relative':>9} {'paper':>8} {'factor':>7} {'nit':>6} "
    f"{'seconds':>8}  message"
)


def show(name, published, outcome):
    result, error, relative, seconds = outcome
    print(
        f"{name:22} {error:10.2e} {relative:9.2e} {published:8.1e} {error / published:7.2f} "
        f"{result.nit:6d} {seconds:8.0f}  {result.message[:50]}",
        flush=True,
    )


def paper_bfgs(seconds, full):
    print(f"\nBFGS, {POINTS:,} points, tanh 20-20 (Figures 8 and 9); factor to be <= 3")
    print(HEADER)
    rows = [("teacher 1-3-3-1", teacher(), 5e-8), ("x^2", equation("Z.001"), 8e-7)]
    if full:
        rows += [("x*y", equation("Z.008"), 8e-6), ("I.11.19", equation("I.11.19"), 4.9e-4)]
    for name, task, published in rows:
        for method in ("bfgs", "ssbfgs", "ssbroyden"):
            outcome = run(task, (20, 20), method, maxiter=25_000, time_limit=seconds)
            show(f"{name} {method}", published, outcome)


def paper_low_curvature(seconds):
    rng = np.random.default_rng(0)
    polynomial = np.polynomial.Polynomial(rng.uniform(-1.5, 1.5, 6))
    X = sample_box([-1.0], [1.0], 50_000, seed=0)
    net = pk.MLP([1, 20, 20, 1])
    objective = pk.LeastSquares(net, X, polynomial(X[:, 0]))
    start = pk.minimize(
        objective, net.init(0, scheme="torch"), "bfgs", maxiter=4_891, time_limit=seconds
    )
    print("\nlow-curvature steps after BFGS (section 4.2): 200 of them, 50,000 points, degree 5")
    print(
        f"BFGS: RMSE {start.fun**0.5:.2e} after {start.nit} iterations (paper: 5.3e-7 after 4,891)"
    )
    print(f"{'tau':>6} {'RMSE':>9} {'gain':>6} {'paper':>6} {'nit':>5}  message")
    published = {1e-10: 1.27, 1e-12: 1.70, 1e-14: 2.14, 1e-16: 2.30, 1e-18: 2.04}
    for tau, gain in published.items():
        result = pk.minimize(
            objective, start.x, "low-curvature", tau=tau, maxiter=200, time_limit=seconds
        )
        print(
            f"{tau:6.0e} {result.fun**0.5:9.2e} {(start.fun / result.fun) ** 0.5:6.2f} "
            f"{gain:6.2f} {result.nit:5d}  {result.message}",
            flush=True,
        )


def paper_taylor_lm(seconds):
    print(f"\nTaylor-LM on Figure 8's data, {POINTS:,} points, 1-20-20-1; relative <= 4e-16 asked")
    print(HEADER)
    _, y, _, _ = data(teacher())
    scale = float(np.sqrt(np.mean(y**2)))
    outcome = run(teacher(), (20, 20), "taylor-lm", scale=scale, time_limit=seconds)
    show("teacher 1-3-3-1", 5e-8, outcome)


def paper_adam(seconds):
    print(f"\nAdam, {POINTS:,} points, tanh 40-40, 30,000 full-batch steps (Figure 8, best 3e-5)")
    print(HEADER)
    for lr in (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5):
        outcome = run(teacher(), (40, 40), "adam", lr=lr, maxiter=30_000, time_limit=seconds)
        show(f"teacher, lr {lr:.0e}", 3e-5, outcome)


def main() -> None:
    tables = ("adam", "bfgs", "low-curvature", "taylor-lm", "adam-rates")
    parser = argparse.ArgumentParser(prog="python -m bench.optimizers")
    parser.add_argument("tables", nargs="*", metavar="table", help=", ".join(tables))
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--seconds", type=float, default=300.0)
    asked = parser.parse_args()
    unknown = set(asked.tables) - set(tables)
    if unknown:
        parser.error(f"no such table: {', '.join(sorted(unknown))}")
    asked.tables = asked.tables or tables[:-1]
    threads = pk.get_num_threads()
    if "adam" in asked.tables:
        pk.set_num_threads(1)
        adam_speed()
        pk.set_num_threads(threads)
    if "bfgs" in asked.tables:
        paper_bfgs(asked.seconds, asked.full)
    if "low-curvature" in asked.tables:
        paper_low_curvature(asked.seconds)
    if "taylor-lm" in asked.tables:
        paper_taylor_lm(asked.seconds)
    if "adam-rates" in asked.tables:
        paper_adam(asked.seconds)


if __name__ == "__main__":
    main()
