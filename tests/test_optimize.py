"""Tests of precisekit.minimize: why it stops, what it returns, and how far down it gets."""

import os
import pickle
import signal
import threading
import time

import numpy as np
import pytest

import precisekit as pk
from precisekit import _core
from precisekit.optimize import rounding_floor

# -- why it stops ----------------------------------------------------------------------------------


def test_tolerance(easy):
    result = pk.minimize(*easy, tol=1e-6)
    assert (result.status, result.success, result.message) == (0, True, "relative RMSE reached tol")
    assert result.relative_rmse <= 1e-6 < result.history.relative_rmse[-2]


def test_maxiter(easy):
    result = pk.minimize(*easy, maxiter=3)
    assert (result.status, result.success, result.message) == (3, False, "maxiter reached")
    assert result.nit == 3


def test_no_iterations(easy):
    objective, theta0 = easy
    result = pk.minimize(objective, theta0, maxiter=0)
    assert (result.nit, result.status) == (0, 3)
    assert np.array_equal(result.x, theta0)


def test_time_limit(endless):
    began = time.perf_counter()
    result = pk.minimize(*endless, time_limit=0.2)
    assert (result.status, result.message) == (4, "time limit")
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("way", ["True", "StopIteration"])
def test_callback_stops(easy, way):
    def callback(state):
        if state.nit == 4:
            if way == "StopIteration":
                raise StopIteration
            return True
        return None

    result = pk.minimize(*easy, callback=callback)
    assert (result.status, result.success, result.message) == (5, False, "stopped by the callback")
    assert result.nit == 4


def test_exception_in_callback_propagates(easy):
    def callback(state):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        pk.minimize(*easy, callback=callback)


def test_keyboard_interrupt_in_callback(easy):
    def callback(state):
        if state.nit == 3:
            raise KeyboardInterrupt

    result = pk.minimize(*easy, callback=callback)
    assert result.status == 6
    assert "interrupted (Ctrl-C)" in result.message
    assert result.nit == 3
    assert result.fun == pytest.approx(result.history.fun.min(), rel=1e-9)


def test_ctrl_c(endless):
    sent = []

    def interrupt():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    def callback(state):
        if state.nit == 3:
            threading.Timer(0.05, interrupt).start()

    result = pk.minimize(*endless, time_limit=60, callback=callback)
    assert result.status == 6
    assert time.perf_counter() - sent[0] < 5
    assert result.fun < result.history.fun[0]


def test_ctrl_c_while_the_floor_is_measured(easy, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("precisekit.optimize._result.rounding_floor", interrupted)
    result = pk.minimize(*easy, tol=1e-6)
    assert result.status == 6
    assert result.relative_rmse <= 1e-6


def test_start_that_is_not_finite(easy):
    objective, theta0 = easy
    result = pk.minimize(objective, 1e200 * theta0)
    assert (result.status, result.success) == (7, False)
    assert result.message == "the loss at theta0 is not finite"
    assert np.array_equal(result.x, 1e200 * theta0)
    assert len(result.history.fun) == 0


# -- what it returns -------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 4, 16])
def test_history_and_best(easy, order):
    objective, theta0 = easy
    seen = []
    result = pk.minimize(
        objective,
        theta0,
        order=order,
        maxiter=30,
        callback=lambda state: seen.append((state.nit, state.fun, state.x.copy())),
    )
    history = result.history
    assert history.iteration.tolist() == [nit for nit, *_ in seen] == list(range(result.nit + 1))
    assert np.all(np.diff(history.fun) <= 0)
    assert np.all(np.diff(history.seconds) >= 0)
    assert result.fun == pytest.approx(history.fun[-1], rel=1e-6)
    assert np.array_equal(result.x, seen[-1][2])
    for _, fun, x in seen[::10]:
        assert objective.fun(x) == pytest.approx(fun, rel=1e-9)


def test_result_agrees_with_the_objective(easy):
    objective, theta0 = easy
    result = pk.minimize(objective, theta0, maxiter=10)
    fun, jac = objective.fun_and_jac(result.x)
    assert result.fun == fun
    assert np.array_equal(result.jac, jac)
    assert result.relative_rmse == pytest.approx(objective.relative_rmse(result.x), rel=1e-9)
    assert result.nfev >= result.nit
    assert result.njev >= result.nit
    pickle.loads(pickle.dumps(result))


def test_start_is_not_changed(easy):
    objective, theta0 = easy
    before = theta0.copy()
    pk.minimize(objective, theta0, maxiter=3)
    assert np.array_equal(theta0, before)


def test_same_bits_whatever_the_threads(endless):
    threads = _core.get_num_threads()
    try:
        results = []
        for n in (1, 2, 1):
            _core.set_num_threads(n)
            results.append(pk.minimize(*endless, maxiter=2).x.tobytes())
    finally:
        _core.set_num_threads(threads)
    assert len(set(results)) == 1


def test_verbose(easy, capsys):
    pk.minimize(*easy, maxiter=4, verbose=2)
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split()[0] for line in err.splitlines()] == ["0", "2", "4"]


# -- how far down ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [2, 4])
def test_a_teacher_is_learnt_to_the_rounding_floor(seed):
    net = pk.MLP([1, 6, 6, 1])
    X = np.linspace(-1, 1, 200)[:, None]
    y = net.forward(1.5 * net.init(1), X)
    result = pk.minimize(pk.LeastSquares(net, X, y), net.init(seed), time_limit=60)
    assert result.message == "at the rounding floor"
    assert result.success
    assert result.relative_rmse <= 4 * result.rounding_floor
    assert result.relative_rmse <= 4e-15


@pytest.mark.parametrize("activation", ["tanh", "sin", "sigmoid", "gelu"])
def test_every_smooth_activation(activation):
    X = np.linspace(-1, 1, 200)[:, None]
    net = pk.MLP([1, 8, 1], activation)
    result = pk.minimize(pk.LeastSquares(net, X, np.exp(X[:, 0])), net.init(0), tol=1e-6)
    assert result.success
    assert result.fun <= 1e-10


def test_high_order_needs_fewer_iterations(easy):
    iterations = {
        order: pk.minimize(*easy, order=order, tol=1e-8, maxiter=3000).nit for order in (1, 16)
    }
    assert iterations[16] < 0.5 * iterations[1]


def test_relu_takes_first_order_steps():
    X = np.linspace(-1, 1, 200)[:, None]
    net = pk.MLP([1, 8, 1], "relu")
    objective = pk.LeastSquares(net, X, np.abs(X[:, 0]))
    high, first = (pk.minimize(objective, net.init(0), order=k, maxiter=20) for k in (16, 1))
    assert np.array_equal(high.x, first.x)
    assert high.relative_rmse < 0.1


def test_linear_model_is_solved_like_least_squares():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((50, 3)), rng.standard_normal(50)
    net = pk.MLP([3, 1])
    result = pk.minimize(pk.LeastSquares(net, X, y), net.init(0))
    expected = np.linalg.lstsq(np.column_stack([X, np.ones(50)]), y, rcond=None)[0]
    assert np.allclose(result.x, expected, rtol=0, atol=1e-7)


def test_rounding_floor_of_a_network():
    net = pk.MLP([1, 6, 6, 1])
    X = np.linspace(-1, 1, 5000)[:, None]
    theta = net.init(0)
    floor = rounding_floor(net, theta, X)
    assert 1e-17 < floor < 1e-14
    assert rounding_floor(net, theta, X, 1e3) == pytest.approx(
        floor * 1e-3 * np.sqrt(np.mean(net.forward(theta, X) ** 2)), rel=0.05
    )
    assert rounding_floor(net, 0 * theta, X) == np.inf


# -- bad arguments ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "sgd"}, "method must be one of 'taylor-lm', .*, got 'sgd'"),
        ({"order": 0}, "order"),
        ({"maxiter": -1}, "maxiter"),
        ({"tol": -1e-9}, "tol"),
        ({"tol": np.nan}, "tol"),
        ({"time_limit": 0}, "time_limit"),
        ({"time_limit": np.nan}, "time_limit"),
        ({"damping": 0}, "damping"),
        ({"damping": np.inf}, "damping"),
        ({"damping": "small"}, "damping must be a number, got 'small'"),
        ({"tol": None}, "tol must be a number, got None"),
        ({"time_limit": "5"}, "time_limit must be a number, got '5'"),
        ({"callback": 5}, "callback must be a function, got 5"),
        ({"verbose": "yes"}, "verbose must be a number, got 'yes'"),
    ],
)
def test_bad_arguments(easy, arguments, message):
    with pytest.raises(ValueError, match=message):
        pk.minimize(*easy, **arguments)


def test_bad_start(easy):
    objective, theta0 = easy
    with pytest.raises(ValueError, match=r"theta0\[3\] is nan"):
        pk.minimize(objective, np.where(np.arange(theta0.size) == 3, np.nan, theta0))
    with pytest.raises(ValueError, match="theta0 must have 25 elements, got 24"):
        pk.minimize(objective, theta0[1:])
    with pytest.raises(ValueError, match="objective must be a LeastSquares"):
        pk.minimize(np.sum, theta0)


def test_targets_that_are_all_zero():
    net = pk.MLP([1, 2, 1])
    objective = pk.LeastSquares(net, [[0.0], [1.0]], [0.0, 0.0])
    with pytest.raises(ValueError, match="y is zero everywhere"):
        pk.minimize(objective, net.init(0))


@pytest.mark.parametrize("method", ["taylor-lm", "bfgs"])
@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e160])
def test_targets_whose_squares_float64_does_not_hold(size, method):
    net = pk.MLP([1, 2, 1])
    objective = pk.LeastSquares(net, [[0.0], [1.0]], [size, -size])
    with pytest.raises(ValueError, match="y must have a root mean square from 1e-137 to 1e.153"):
        pk.minimize(objective, net.init(0), method)
