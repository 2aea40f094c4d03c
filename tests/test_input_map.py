"""Tests of precisekit.input_map: where features lie, derivatives, and points without logarithm."""

import numpy as np
import pytest

import precisekit as pk
from precisekit.input_map import KINDS, InputMap

LO, HI = np.array([1e-3, -2.0, 5.0]), np.array([1e3, 3.0, 6.0])  # the middle one has no logarithm


@pytest.fixture
def X():
    return np.vstack([LO, HI, pk.sample_box(LO, HI, 200, seed=1)])


@pytest.mark.parametrize("kind", KINDS)
def test_features_fill_the_box(kind, X):
    features = InputMap.fit(X, kind)(X)
    assert features.shape == (202, 5 if kind == "both" else 3)
    assert np.allclose(features.min(axis=0), -1, rtol=0, atol=1e-15)
    assert np.allclose(features.max(axis=0), 1, rtol=0, atol=1e-15)


def test_values_by_definition(X):
    linear = (X - (LO + HI) / 2) / ((HI - LO) / 2)
    logs = np.log(X[:, [0, 2]] / np.sqrt((LO * HI)[[0, 2]])) / (np.log((HI / LO)[[0, 2]]) / 2)
    assert np.allclose(InputMap.fit(X, "linear")(X), linear, rtol=0, atol=1e-14)
    both = InputMap.fit(X, "both")
    assert both.log_columns.tolist() == [0, 2]
    assert both.n_features == 5
    assert np.allclose(both(X), np.hstack([linear, logs]), rtol=0, atol=1e-13)
    log = InputMap.fit(X, "log")(X)
    assert np.allclose(log[:, [0, 2]], logs, rtol=0, atol=1e-13)
    assert np.allclose(log[:, 1], linear[:, 1], rtol=0, atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_outputs", [None, 2])
def test_pull_back_against_differences(kind, n_outputs, X):
    """For a linear function of the features the gradient is known; differences give the chain."""
    input_map = InputMap.fit(X, kind)
    rng = np.random.default_rng(0)
    shape = (input_map.n_features,) if n_outputs is None else (n_outputs, input_map.n_features)
    slope = rng.standard_normal(shape)
    points = pk.sample_box(LO + 0.1, HI - 0.1, 50, seed=2)
    gradient = input_map.pull_back(points, np.broadcast_to(slope, (50, *shape)).copy())
    assert gradient.shape == (50, *shape[:-1], 3)
    for k in range(3):
        step = np.zeros(3)
        step[k] = 1e-6 * points[:, k].min() if k != 1 else 1e-6
        difference = (input_map(points + step) - input_map(points - step)) / (2 * step[k])
        assert np.allclose(gradient[..., k], difference @ slope.T, rtol=1e-6, atol=1e-9)


def test_input_is_not_changed(X):
    before = X.copy()
    for kind in KINDS:
        InputMap.fit(X, kind)(X)
    assert np.array_equal(X, before)


def test_candidates(X):
    assert InputMap.candidates(X) == KINDS
    assert InputMap.candidates(X[:, 1:2]) == ("linear",)
    assert InputMap.candidates(np.ones((5, 1))) == ("linear",)  # log of a constant: no half-width


def test_constant_column():
    X = np.column_stack([np.linspace(1, 2, 9), np.full(9, 7.0)])
    for kind in KINDS:
        features = InputMap.fit(X, kind)(X)
        assert np.isfinite(features).all()
        assert np.all(features[:, 1] == 0)


def test_extreme_boxes():
    X = np.array([[1e-300, -1.5e308], [1e300, 1.5e308]])
    features = InputMap.fit(X, "both")(X)
    assert np.allclose(np.abs(features), 1, rtol=0, atol=1e-14)


@pytest.mark.parametrize("kind", ["log", "both"])
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_no_logarithm(kind, value, X):
    input_map = InputMap.fit(X, kind)
    X[4, 2] = value
    with pytest.raises(ValueError, match=rf"X\[4, 2\] is {value}.*logarithm.*must be positive"):
        input_map(X)


def test_other_columns_may_be_negative(X):
    X[4, 1] = -50.0
    assert np.isfinite(InputMap("log", LO, HI, np.array([0, 2]))(X)).all()
