"""Modular networks with Taylor-LM on the paper's two hand-wired graphs (Figure 3).

``python -m bench.modular [I.8.14|II.6.15a]`` prints the absolute RMSE on the paper's test points
(the box shrunk by 0.8, 30,000 points) and on the whole box, beside the paper's best value and, on
the same samples, a dense network of about as many parameters that is told nothing of the structure
and does not look for any.
"""

from __future__ import annotations

import sys

import numpy as np

import precisekit as pk
from bench.tasks import relative_rmse
from precisekit.datasets import feynman, sample_box
from precisekit.modular import ModularMLPRegressor

SECONDS = 25.0
COMMON = {"input_map": "auto", "time_limit": SECONDS, "random_state": 0}

# samples, law, options of the modular network, hidden layers of the dense one, the paper's best
# absolute RMSE and the one asked for
CASES = {
    "I.8.14": (
        4000,
        "uniform",
        {"hidden_layer_sizes": [(6,), (6,), (10, 10)], "input_map": "linear"},
        (14, 14),
        1.25e-3,
        None,
    ),
    "II.6.15a": (4000, "arcsine", {"hidden_layer_sizes": (8, 8)}, (19, 19), 5e-4, 5e-6),
}


def samples(name: str) -> tuple[np.ndarray, np.ndarray]:
    n, law, *_ = CASES[name]
    q = feynman(name)
    X = sample_box(q.lo, q.hi, n, law=law, seed=0)
    return X, q(X)


def fitted(name: str) -> ModularMLPRegressor:
    """The modular network of one equation."""
    options = COMMON | CASES[name][2]
    return ModularMLPRegressor(graph=name, **options).fit(*samples(name))


def inner_error(name: str, model) -> float:
    """Absolute RMSE on the paper's test points."""
    q = feynman(name)
    centre, half = (q.lo + q.hi) / 2, (q.hi - q.lo) / 2
    inner = sample_box(centre - 0.8 * half, centre + 0.8 * half, 30_000, seed=1)
    return float(np.sqrt(np.mean((model.predict(inner) - q(inner)) ** 2)))


def run(name: str) -> bool:
    """Print the lines of one equation; whether what was asked for is reached."""
    n, law, _, dense_hidden, published, asked = CASES[name]
    q = feynman(name)
    whole = sample_box(q.lo, q.hi, 10_000, seed=2)
    modular = fitted(name)
    dense = pk.MLPRegressor(hidden_layer_sizes=dense_hidden, find_symmetries=False, **COMMON)
    dense.fit(*samples(name))

    print(
        f"\n{name}, {n} samples ({law}), {SECONDS:.0f} s each; paper's best {published:.2e}", end=""
    )
    print(f", asked {asked:.0e}" if asked else "")
    print(
        f"{'':8} {'P':>5} {'map':>7} {'inner box':>10} {'paper / ours':>13} {'whole box':>10} "
        f"{'relative':>9} {'train':>8} {'seconds':>8}  stop reason"
    )
    for kind, model in (("modular", modular), ("dense", dense)):
        error = inner_error(name, model)
        outer = np.sqrt(np.mean((model.predict(whole) - q(whole)) ** 2))
        report = model.report_
        print(
            f"{kind:8} {report.n_params:5d} {report.input_map:>7} {error:10.2e} "
            f"{published / error:13.1f} {outer:10.2e} "
            f"{relative_rmse(model.predict(whole), q(whole)):9.2e} {report.relative_rmse:8.1e} "
            f"{report.seconds:8.1f}  {report.stop_reason}",
            flush=True,
        )
        if kind == "modular":
            reached = error <= (asked or published)
    print(f"\n{modular.report_}")
    return reached


def main(names: list[str]) -> int:
    return 0 if all([run(name) for name in CASES if not names or name in names]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
