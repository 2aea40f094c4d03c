"""The numeric core under each instruction set that this machine has.

PRECISEKIT_ISA caps the choice when the library is loaded: each set runs in a process of its own.
"""

import json
import os
import subprocess
import sys

import mpmath
import numpy as np
import pytest
from reference import HAS_EXTENDED_PRECISION, LD, ulp_error

import precisekit as pk

SETS = ("sse2", "avx2", "avx512")

# Prints scalars as exact hexadecimal numbers, and evaluates activations on the arrays of a file.
SCRIPT = """
import json, sys
import numpy as np
import precisekit as pk

rng = np.random.default_rng(0)
net = pk.MLP([3, 11, 7, 5, 2], ["tanh", "sin", "gelu"])
theta, v = net.init(1, "torch"), rng.normal(size=net.n_params)
X, Y, w = rng.uniform(-1, 1, (333, 3)), rng.normal(size=(333, 2)), rng.uniform(0, 1, 333)
objective = pk.LeastSquares(net, X, Y, w)
values = {
    "forward": net.forward(theta, X),
    "jacobian": net.jacobian(theta, X),
    "input_gradient": net.input_gradient(theta, X),
    "input_hessian": net.input_hessian(theta, X),
    "fun": objective.fun(theta),
    "jac": objective.jac(theta),
    "residual": objective.residual(theta),
    "gauss_newton": objective.gauss_newton(theta),
    "hess": objective.hess(theta),
    "hessp": objective.hessp(theta, v),
}
points = np.load(sys.argv[1])
np.savez(sys.argv[2], **{
    name: np.stack(pk._core.evaluate_activation(name.split("_")[0], z))
    for name, z in points.items()
})
norms = {name: float(np.linalg.norm(value)).hex() for name, value in values.items()}
sums = {name + " sum": float(np.sum(np.abs(value))).hex() for name, value in values.items()}
print(json.dumps({"isa": pk._core.isa(), **norms, **sums}))
"""


def activation_points():
    rng = np.random.default_rng(1)
    tiny = np.logspace(-300, 0, 20_000)
    return {
        "tanh": np.linspace(-40, 40, 400_001),
        "tanh_tiny": np.concatenate([tiny, -tiny]),
        "tanh_tails": np.concatenate([s * np.logspace(1, 308, 5_000) for s in (1, -1)]),
        "sin": np.concatenate([rng.uniform(-1e5, 1e5, 200_000), rng.uniform(-7, 7, 100_000)]),
        # where sin and cos vanish, the reduction by pi / 2 has to be good
        "sin_zeros": np.arange(-60_000, 60_001) * (np.pi / 2),
        "sin_tiny": np.concatenate([tiny, -tiny]),
        "sin_large": np.logspace(5, 15, 2_000),
        "sigmoid": np.concatenate([rng.uniform(-40, 40, 200_000), rng.uniform(-700, 700, 50_000)]),
        "gelu": np.concatenate([rng.uniform(-8, 8, 1_500), rng.uniform(-37, 37, 1_500), tiny[::9]]),
        "relu": np.array([-2.5, -0.0, 0.0, 1e-310, 3.5] * 3),
        "identity": np.array([-2.5, -0.0, 0.0, 1e-310, 3.5] * 3),
    }


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    path = tmp_path_factory.mktemp("isa") / "points.npz"
    np.savez(path, **activation_points())
    return path


@pytest.fixture(scope="module")
def run(points):
    """run(isa): scalars and activations of a process capped to that set, or a visible skip."""
    done = {}

    def run_once(isa):
        if isa not in done:
            out = points.with_name(f"{isa}.npz")
            process = subprocess.run(
                [sys.executable, "-c", SCRIPT, str(points), str(out)],
                env={
                    **os.environ,
                    "PRECISEKIT_ISA": isa,
                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                },
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert process.returncode == 0, process.stderr
            done[isa] = json.loads(process.stdout), dict(np.load(out))
        scalars, activations = done[isa]
        if scalars["isa"] != isa:
            pytest.skip(f"this machine has no {isa}: {scalars['isa']} is in use")
        return scalars, activations

    return run_once


@pytest.mark.parametrize("isa", SETS[1:])
def test_sets_agree(run, isa):
    baseline, _ = run("sse2")
    scalars, _ = run(isa)
    assert scalars.keys() == baseline.keys()
    for name in scalars.keys() - {"isa"}:
        value, expected = float.fromhex(scalars[name]), float.fromhex(baseline[name])
        assert expected > 0.0
        assert abs(value - expected) <= 1e-14 * expected, name


def test_the_best_set_is_chosen_without_a_cap(run):
    if "PRECISEKIT_ISA" in os.environ:
        pytest.skip("PRECISEKIT_ISA is set")
    available = []
    for isa in SETS:
        try:
            run(isa)
        except pytest.skip.Exception:
            continue
        available.append(isa)
    assert pk._core.isa() == available[-1]


@pytest.mark.skipif(not HAS_EXTENDED_PRECISION, reason="long double is no wider than double here")
@pytest.mark.parametrize("isa", SETS)
class TestAccuracy:
    @pytest.mark.parametrize("region", ["tanh", "tanh_tiny", "tanh_tails"])
    def test_tanh(self, run, isa, region):
        _, activations = run(isa)
        truth = np.tanh(activation_points()[region].astype(LD))
        value, first, second = activations[region]
        assert ulp_error(value, truth) <= 2.0
        np.testing.assert_allclose(first, (1 - truth**2).astype(float), rtol=0, atol=5e-16)
        np.testing.assert_allclose(
            second, (-2 * truth * (1 - truth**2)).astype(float), rtol=0, atol=1e-15
        )

    @pytest.mark.parametrize("region", ["sin", "sin_zeros", "sin_tiny", "sin_large"])
    def test_sin_and_cos(self, run, isa, region):
        _, activations = run(isa)
        z = activation_points()[region].astype(LD)
        value, first, second = activations[region]
        assert ulp_error(value, np.sin(z)) <= 1.0
        assert ulp_error(first, np.cos(z)) <= 1.0
        np.testing.assert_array_equal(second, -value)

    def test_sigmoid(self, run, isa):
        _, activations = run(isa)
        z = activation_points()["sigmoid"].astype(LD)
        value, first, second = activations["sigmoid"]
        a, b = 1 / (1 + np.exp(-z)), 1 / (1 + np.exp(z))
        assert ulp_error(value, a) <= 3.0
        assert ulp_error(first, a * b) <= 5.0
        np.testing.assert_allclose(second, (a * b * (b - a)).astype(float), rtol=0, atol=2e-16)

    def test_gelu(self, run, isa):
        _, activations = run(isa)
        z = activation_points()["gelu"]
        with mpmath.workdps(30):
            cdf = np.array([LD(mpmath.nstr(mpmath.ncdf(x), 25)) for x in z])
            density = np.array([LD(mpmath.nstr(mpmath.npdf(x), 25)) for x in z])
        value, first, second = activations["gelu"]
        assert ulp_error(value, z * cdf) <= 4.0
        np.testing.assert_allclose(first, (cdf + z * density).astype(float), rtol=0, atol=1e-15)
        np.testing.assert_allclose(
            second, ((2 - z.astype(LD) ** 2) * density).astype(float), rtol=0, atol=1e-15
        )


@pytest.mark.parametrize("isa", SETS)
def test_relu_and_identity_are_exact(run, isa):
    _, activations = run(isa)
    z = activation_points()["relu"]
    value, first, second = activations["relu"]
    np.testing.assert_array_equal(value, np.maximum(z, 0))
    np.testing.assert_array_equal(first, z > 0)
    assert not np.any(second)
    value, first, second = activations["identity"]
    np.testing.assert_array_equal(value, z)
    assert np.all(first == 1) and not np.any(second)
