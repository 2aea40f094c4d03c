"""BFGS against SciPy's with PyTorch's gradient and optimistix's, and self-scaled BFGS's digits.

``python -m bench.bfgs [speed|loss|digits]`` prints a table for each of what is asked, all without
an argument. All on one thread; ``loss`` takes some minutes of SciPy's time. The columns of a peer
that is not installed (``pip install torch==2.13.0 jax optimistix``) are left out, visibly.
"""

from __future__ import annotations

import sys
import time

# first, as it keeps every library on one thread
from bench import peers  # isort: skip

import numpy as np
import scipy.optimize

import precisekit as pk
from bench.tasks import equation, relative_rmse, teacher

NETWORK = (1, 20, 20, 1)
SAMPLES = (1_000, 10_000)
ITERATIONS = 4_000
ASKED = {1_000: 35, 10_000: 12}  # times SciPy with PyTorch's gradient
ASKED_OPTIMISTIX = 2

# relative RMSE on the test points that self-scaled BFGS is to reach
DIGITS = {
    "teacher 1-3-3-1": (teacher, 8e-12),
    "x*y": (equation("Z.008", 3000), 6.5e-10),
    "I.6.2a": (equation("I.6.2a", 1000), 8.7e-11),
}


class Counted:
    """Seconds from one iteration to the next, as a callback."""

    def __init__(self):
        self.marks = [time.perf_counter()]

    def __call__(self, _):
        self.marks.append(time.perf_counter())

    def median(self):
        return float(np.median(np.diff(self.marks)))


def ours(n, iterations, method="bfgs"):
    theta, X, y = peers.data(NETWORK, n)
    counted = Counted()
    objective = pk.LeastSquares(pk.MLP(NETWORK), X, y)
    result = pk.minimize(objective, theta, method, maxiter=iterations, callback=counted)
    return counted.median(), result


def scipys(peer, n, iterations):
    """SciPy's BFGS; the gradient is PyTorch's."""
    torch = peer.torch
    loss, (theta, X, y) = peer.loss(NETWORK), peer.arrays(NETWORK, n)

    def fun_and_jac(x):
        parameters = torch.tensor(x, requires_grad=True)
        value = loss(parameters, X, y)
        return value.item(), torch.autograd.grad(value, parameters)[0].numpy()

    counted = Counted()
    result = scipy.optimize.minimize(
        fun_and_jac,
        theta.detach().numpy(),
        jac=True,
        method="BFGS",
        callback=counted,
        options={"gtol": 0.0, "maxiter": iterations},
    )
    return counted.median(), result


class Optimistix(peers.Jax):
    """optimistix's BFGS, jitted; its steps count rejected ones too, which flatters it."""

    def __init__(self):
        super().__init__()
        import optimistix

        self.optimistix = optimistix

    def seconds(self, n, steps):
        jax, optimistix = self.jax, self.optimistix
        loss = peers.loss_of(jax.numpy.tanh, NETWORK)
        theta, X, y = (jax.numpy.asarray(a) for a in peers.data(NETWORK, n))
        solver = optimistix.BFGS(rtol=0.0, atol=0.0)

        @jax.jit
        def run(theta):
            solution = optimistix.minimise(
                lambda t, _: loss(t, X, y), solver, theta, max_steps=steps, throw=False
            )
            return solution.value, solution.stats["num_steps"]

        jax.block_until_ready(run(theta))
        start = time.perf_counter()
        _, taken = jax.block_until_ready(run(theta))
        return (time.perf_counter() - start) / int(taken)


def installed(peer, name):
    try:
        return peer()
    except ImportError as error:
        print(f"{name} left out: {error}", file=sys.stderr)
        return None


def compare_speed(iterations=150):
    torch = installed(peers.Torch, "SciPy with torch")
    optimistix = installed(Optimistix, "optimistix")
    n_params = pk.MLP(NETWORK).n_params
    print(f"\nBFGS, P = {n_params}, one thread, {pk._core.isa()}: median time of an iteration")
    print(
        f"{'n':>7} {'precisekit':>11} {'SciPy+torch':>12} {'ratio':>6} {'asked':>6} "
        f"{'optimistix':>11} {'ratio':>6} {'asked':>6} {'ssbfgs':>9}"
    )
    for n in SAMPLES:
        seconds = ours(n, iterations)[0]
        line = f"{n:7d} {1e3 * seconds:8.3f} ms"
        for theirs, asked in (
            (torch and scipys(torch, n, iterations)[0], ASKED[n]),
            (optimistix and optimistix.seconds(n, iterations), ASKED_OPTIMISTIX),
        ):
            line += (
                f" {1e3 * theirs:9.3f} ms {theirs / seconds:6.1f} {asked:6d}"
                if theirs
                else f" {'-':>12} {'-':>6} {asked:6d}"
            )
        print(f"{line} {1e3 * ours(n, iterations, 'ssbfgs')[0]:6.3f} ms", flush=True)


def compare_loss():
    torch = installed(peers.Torch, "SciPy with torch")
    print(f"\nloss after {ITERATIONS} iterations (those done); ours is not to be higher")
    print(f"{'n':>7} {'bfgs':>18} {'SciPy+torch':>18} {'ssbfgs':>18}")
    for n in SAMPLES:
        runs = [
            ours(n, ITERATIONS)[1],
            scipys(torch, n, ITERATIONS)[1] if torch else None,
            ours(n, ITERATIONS, "ssbfgs")[1],
        ]
        cells = (f"{run.fun:10.3e} ({run.nit:5d})" if run else f"{'-':>18}" for run in runs)
        print(f"{n:7d} " + " ".join(cells), flush=True)


def digits(time_limit=60.0):
    print("\nself-scaled, 1-20-20-1 and 2-20-20-1: relative RMSE on test points")
    print(
        f"{'task':16} {'method':9} {'test':>8} {'asked':>8} {'train':>8} {'seconds':>8} {'nit':>6}"
    )
    for name, (load, asked) in DIGITS.items():
        X, y, X_test, y_test = load(0)
        lo, hi, scale = X.min(axis=0), X.max(axis=0), np.sqrt(np.mean(y**2))

        def box(X, lo=lo, hi=hi):
            return (2 * X - lo - hi) / (hi - lo)

        net = pk.MLP([X.shape[1], 20, 20, 1])
        objective = pk.LeastSquares(net, box(X), y / scale)
        for method in ("ssbfgs", "ssbroyden"):
            result = pk.minimize(
                objective, net.init(0), method, maxiter=10**6, time_limit=time_limit
            )
            error = relative_rmse(net.forward(result.x, box(X_test)) * scale, y_test)
            print(
                f"{name:16} {method:9} {error:8.1e} {asked:8.1e} {result.relative_rmse:8.1e} "
                f"{result.history.seconds[-1]:8.1f} {result.nit:6d}  {result.message[:40]}",
                flush=True,
            )


def main(asked: list[str]) -> None:
    pk.set_num_threads(1)
    if not asked or "speed" in asked:
        compare_speed()
    if not asked or "loss" in asked:
        compare_loss()
    if not asked or "digits" in asked:
        digits()


if __name__ == "__main__":
    main(sys.argv[1:])
