"""Adam against JAX: ``python -m bench.adam`` prints milliseconds a step, on one thread.

What the optimisers reach is in Figures 8 and 9 of the paper: ``precisekit paper fig8``.
"""

from __future__ import annotations

import functools

# first, as it keeps every library on one thread
from bench import peers  # isort: skip

import precisekit as pk


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


def main() -> None:
    pk.set_num_threads(1)
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


if __name__ == "__main__":
    main()
