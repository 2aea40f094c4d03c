"""Data and models that several test modules share."""

import signal

import numpy as np
import pytest

import precisekit as pk

# A shell without job control starts what runs in the background with Ctrl-C ignored.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def smooth(X):
    """A smooth function of two inputs, away from zero."""
    return 2.0 + np.sin(X[:, 0]) * np.exp(0.5 * X[:, 1])


def same_bits(a, b):
    """Whether two arrays are equal in type, shape and each bit."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.fixture(scope="session")
def plane():
    """400 points in a box of positive numbers, and a smooth function there."""
    X = pk.sample_box([1.0, 0.5], [3.0, 2.0], 400, seed=7)
    return X, smooth(X)


@pytest.fixture(scope="session")
def fitted(plane):
    """A small fitted model; tests must not change it."""
    return pk.MLPRegressor(
        hidden_layer_sizes=(8,), input_map="both", max_iter=30, random_state=0
    ).fit(*plane)


@pytest.fixture(scope="session")
def chosen(plane):
    """A network from precisekit.fit, target reached."""
    return pk.fit(*plane, target=1e-6, time_limit=20, kinds="network")


@pytest.fixture
def easy():
    """exp(x) on [-1, 1] and a net for it."""
    X = np.linspace(-1, 1, 200)[:, None]
    net = pk.MLP([1, 8, 1])
    return pk.LeastSquares(net, X, np.exp(X[:, 0])), net.init(0)


@pytest.fixture
def endless():
    """Noise that no small net fits: always another iteration to do."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (4000, 3))
    net = pk.MLP([3, 20, 20, 1])
    return pk.LeastSquares(net, X, rng.standard_normal(4000)), net.init(0)
