"""BFGS against SciPy's with PyTorch's gradient, and the digits of self-scaled BFGS.

``python -m bench.bfgs [speed|loss|digits]`` prints a table for each of what is asked, all without
an argument. All on one thread; ``loss`` takes some minutes of SciPy's time. Without PyTorch its
columns are left out, visibly.
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


def installed_torch():
    try:
        return peers.Torch()
    except ImportError as error:
        print(f"SciPy with torch left out: {error}", file=sys.stderr)
        return None


def compare(peer, iterations, budget_title):
    n_params = pk.MLP(NETWORK).n_params
    print(f"\nBFGS, P = {n_params}, one thread, {pk._core.isa()}, {budget_title}")
    print(f"{'n':>7} {'precisekit':>11} {'SciPy+torch':>12} {'ratio':>6}   loss: ours, SciPy's")
    for n in SAMPLES:
        seconds, result = ours(n, iterations)
        line = f"{n:7d} {1e3 * seconds:8.3f} ms"
        if peer is None:
            print(f"{line} {'-':>12} {'-':>6}   {result.fun:.3e}")
            continue
        theirs, reference = scipys(peer, n, iterations)
        print(
            f"{line} {1e3 * theirs:9.3f} ms {theirs / seconds:6.1f}   {result.fun:.3e} "
            f"({result.nit}) {reference.fun:.3e} ({reference.nit})",
            flush=True,
        )


def digits(time_limit=60.0):
    print("\nself-scaled BFGS, 1-20-20-1 and 2-20-20-1: relative RMSE on test points")
    print(f"{'task':16} {'test':>8} {'asked':>8} {'train':>8} {'seconds':>8} {'nit':>6}  message")
    for name, (load, asked) in DIGITS.items():
        X, y, X_test, y_test = load(0)
        lo, hi, scale = X.min(axis=0), X.max(axis=0), np.sqrt(np.mean(y**2))

        def box(X, lo=lo, hi=hi):
            return (2 * X - lo - hi) / (hi - lo)

        net = pk.MLP([X.shape[1], 20, 20, 1])
        objective = pk.LeastSquares(net, box(X), y / scale)
        result = pk.minimize(objective, net.init(0), "ssbfgs", maxiter=10**6, time_limit=time_limit)
        error = relative_rmse(net.forward(result.x, box(X_test)) * scale, y_test)
        print(
            f"{name:16} {error:8.1e} {asked:8.1e} {result.relative_rmse:8.1e} "
            f"{result.history.seconds[-1]:8.1f} {result.nit:6d}  {result.message}",
            flush=True,
        )


def main(asked: list[str]) -> None:
    pk.set_num_threads(1)
    peer = installed_torch() if not asked or {"speed", "loss"} & set(asked) else None
    if not asked or "speed" in asked:
        compare(peer, 150, "median time of an iteration")
    if not asked or "loss" in asked:
        compare(peer, ITERATIONS, f"{ITERATIONS} iterations")
    if not asked or "digits" in asked:
        digits()


if __name__ == "__main__":
    main(sys.argv[1:])
