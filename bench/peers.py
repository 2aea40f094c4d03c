"""Loss, gradient and exact Hessian against PyTorch and JAX, on one thread, in one run.

``python -m bench.peers [gradient|hessian|eigen|import]`` prints a table for each of what is asked,
all without an argument. A peer that is not installed is left out, visibly. Install them with
``pip install torch==2.13.0 jax jaxlib``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import partial

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
CAPS = {  # PRECISEKIT_ISA=avx2 compares as on a machine with AVX2: the cap holds for the peers too
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
}
if os.environ.get("PRECISEKIT_ISA") == "avx2":
    os.environ.update(CAPS)
os.environ["XLA_FLAGS"] = (
    "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1 "
    + os.environ.get("XLA_FLAGS", "")
)

import numpy as np  # noqa: E402
import scipy.linalg  # noqa: E402

import precisekit as pk  # noqa: E402

GRADIENT_NETWORKS = ((1, 20, 20, 1), (1, 40, 40, 1), (2, 40, 40, 1), (6, 100, 100, 100, 1))
GRADIENT_SAMPLES = (1_000, 10_000, 100_000)
HESSIAN_NETWORKS = ((1, 20, 20, 1), (1, 40, 40, 1))
HESSIAN_SAMPLES = (1_000, 10_000)


def layers(theta, sizes):
    """Weights (fan_out, fan_in) and biases in the packing of MLP."""
    at = 0
    for fan_in, fan_out in zip(sizes, sizes[1:], strict=False):
        yield (
            theta[at : at + fan_in * fan_out].reshape(fan_out, fan_in),
            theta[at + fan_in * fan_out : at + (fan_in + 1) * fan_out],
        )
        at += (fan_in + 1) * fan_out


def loss_of(tanh, sizes):
    """The mean squared error as a function of (theta, X, y), for any array library."""

    def loss(theta, X, y):
        a = X
        *hidden, (W, b) = layers(theta, sizes)
        for V, c in hidden:
            a = tanh(a @ V.T + c)
        r = (a @ W.T + b)[:, 0] - y
        return (r * r).mean()

    return loss


def data(sizes, n):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (n, sizes[0]))
    return pk.MLP(sizes).init(0), X, np.sin(X.sum(axis=1))


class Torch:
    """PyTorch, eager."""

    name = "torch"

    def __init__(self):
        import torch

        torch.set_num_threads(1)
        self.torch = torch

    def loss(self, sizes):
        return loss_of(self.torch.tanh, sizes)

    def arrays(self, sizes, n):
        theta, X, y = (self.torch.tensor(a, dtype=self.torch.float64) for a in data(sizes, n))
        return theta.requires_grad_(), X, y

    def gradient(self, sizes, n):
        loss, arrays = self.loss(sizes), self.arrays(sizes, n)

        def run():
            value = loss(*arrays)
            return value, self.torch.autograd.grad(value, arrays[0])[0]

        return run

    def hessian(self, sizes, n):
        loss, (theta, X, y) = self.loss(sizes), self.arrays(sizes, n)
        grad = self.torch.autograd.grad

        def run():  # one backward pass a row: faster than torch.func.hessian at these sizes
            (gradient,) = grad(loss(theta, X, y), theta, create_graph=True)
            rows = (grad(g, theta, retain_graph=True)[0] for g in gradient)
            return self.torch.stack(list(rows))

        return run


class TorchCompile(Torch):
    """PyTorch through torch.compile."""

    name = "torch.compile"

    def loss(self, sizes):
        return self.torch.compile(super().loss(sizes))

    hessian = None  # second derivatives do not go through the compiler


class Jax:
    """JAX, jitted."""

    name = "jax.jit"

    def __init__(self):
        import jax

        jax.config.update("jax_enable_x64", True)
        self.jax = jax

    def jitted(self, transform, sizes, n):
        run = self.jax.jit(transform(loss_of(self.jax.numpy.tanh, sizes)))
        arrays = [self.jax.numpy.asarray(a) for a in data(sizes, n)]
        return lambda: self.jax.block_until_ready(run(*arrays))

    def gradient(self, sizes, n):
        return self.jitted(self.jax.value_and_grad, sizes, n)

    def hessian(self, sizes, n):
        n_params = pk.MLP(sizes).n_params
        if n_params * n < 1e6:
            return self.jitted(self.jax.hessian, sizes, n)
        return self.jitted(partial(self.hessian_by_batches, n_params), sizes, n)

    def hessian_by_batches(self, n_params, loss):
        """jax.hessian, 64 columns at a time: all at once they take tens of gigabytes."""
        jax = self.jax

        def columns(theta, X, y):
            gradient = jax.grad(lambda t: loss(t, X, y))
            return jax.lax.map(
                lambda v: jax.jvp(gradient, (theta,), (v,))[1],
                jax.numpy.eye(n_params),
                batch_size=64,
            )

        return columns


class Precisekit:
    name = "precisekit"

    def gradient(self, sizes, n):
        theta, X, y = data(sizes, n)
        objective = pk.LeastSquares(pk.MLP(sizes), X, y)
        return lambda: objective.fun_and_jac(theta)

    def hessian(self, sizes, n):
        theta, X, y = data(sizes, n)
        objective = pk.LeastSquares(pk.MLP(sizes), X, y)
        return lambda: objective.hess(theta)


def installed_peers():
    """Those that can be imported; the others are named on stderr."""
    peers = []
    for peer in (Torch, TorchCompile, Jax):
        try:
            peers.append(peer())
        except ImportError as error:
            print(f"{peer.name} left out: {error}", file=sys.stderr)
    return peers


def best_seconds(functions, budget=1.0):
    """The shortest run of each function; they take turns, so that all see the same machine.

    A first run warms up and compiles, and counts only where it takes more than ten seconds.
    """
    best = [np.inf] * len(functions)

    def run(i):
        start = time.perf_counter()
        functions[i]()
        return time.perf_counter() - start

    for i in range(len(functions)):
        first = run(i)
        if first > 10:
            best[i] = first
    quick = [i for i in range(len(functions)) if best[i] == np.inf]
    began, rounds = time.perf_counter(), 0
    while rounds < 3 or (time.perf_counter() - began < budget * len(quick) and rounds < 300):
        for i in quick:
            best[i] = min(best[i], run(i))
        rounds += 1
    return best


def compare(kind, networks, samples, budget):
    peers = [Precisekit(), *(p for p in installed_peers() if getattr(p, kind))]
    print(f"\n{kind}, one thread, {pk._core.isa()}: ms, and the ratio to the best peer")
    print(f"{'network':>18} {'n':>7} " + " ".join(f"{p.name:>13}" for p in peers) + "   ratio")
    for sizes in networks:
        for n in samples:
            seconds = best_seconds([getattr(p, kind)(sizes, n) for p in peers], budget)
            ratio = f"{min(seconds[1:]) / seconds[0]:7.2f}" if len(seconds) > 1 else "      -"
            print(
                f"{'-'.join(map(str, sizes)):>18} {n:7d} "
                + " ".join(f"{1e3 * s:13.3f}" for s in seconds)
                + f" {ratio}",
                flush=True,
            )


def compare_eigen():
    print("\nsymmetric eigenvalues and vectors (dsyevd): ms, and ours over SciPy's")
    for n in (481, 1761):
        A = np.random.default_rng(0).normal(size=(n, n))
        A = A + A.T
        ours, scipys = best_seconds(
            [partial(pk._core.symmetric_eigen, A), partial(scipy.linalg.eigh, A, driver="evd")]
        )
        print(f"{n:6d} {1e3 * ours:9.1f} {1e3 * scipys:9.1f} {ours / scipys:7.2f}")


def compare_import():
    def seconds(statement):
        code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
        command = [sys.executable, "-c", code]
        runs = (subprocess.run(command, capture_output=True, check=True) for _ in range(5))
        return min(float(run.stdout) for run in runs)

    before = "import numpy, scipy.linalg, scipy.optimize"
    total, base = seconds(f"{before}; import precisekit"), seconds(before)
    print(f"\nimport precisekit: {total - base:.3f} s beyond NumPy's and SciPy's {base:.3f} s")


def main(asked: list[str]) -> None:
    pk.set_num_threads(1)
    if not asked or "gradient" in asked:
        compare("gradient", GRADIENT_NETWORKS, GRADIENT_SAMPLES, 0.7)
    if not asked or "hessian" in asked:
        compare("hessian", HESSIAN_NETWORKS, HESSIAN_SAMPLES, 0.0)
    if not asked or "eigen" in asked:
        compare_eigen()
    if not asked or "import" in asked:
        compare_import()


if __name__ == "__main__":
    main(sys.argv[1:])
