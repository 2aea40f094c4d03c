"""Tests of Adam, Newton's method and steps of low curvature."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der, rosen_hess

import precisekit as pk

START = np.array([-1.2, 1.0, -0.5])


# -- Adam ------------------------------------------------------------------------------------------


def adam(fun_and_jac, x, lr, steps):
    """The points that Adam passes, by its formulas."""
    m = v = np.zeros_like(x)
    points = [x]
    for t in range(1, steps + 1):
        g = fun_and_jac(t - 1, x)
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        x = x - lr * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        points.append(x)
    return points


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("batch_size", [None, 150, 170, 200, 1000])
def test_adam_takes_the_papers_steps(activation, batch_size):
    X = pk.sample_box([-1, -1], [1, 1], 200, seed=1)
    y = np.sin(X.sum(axis=1))
    net = pk.MLP([2, 6, 1], activation)
    theta0, size = net.init(0), min(batch_size or 200, 200)

    def jac(step, theta):
        rows = (step * size + np.arange(size)) % 200
        return pk.LeastSquares(net, X[rows], y[rows]).jac(theta)

    expected = adam(jac, theta0, 0.01, 30)
    seen = []
    pk.minimize(
        pk.LeastSquares(net, X, y), theta0, "adam", lr=0.01, batch_size=batch_size, maxiter=30,
        callback=lambda state: seen.append(state.x),
    )  # fmt: skip
    np.testing.assert_allclose(seen, expected, rtol=0, atol=1e-12)


def test_adam_learns_a_kink_with_relu():
    X = np.linspace(-1, 1, 200)[:, None]
    net = pk.MLP([1, 8, 1], "relu")
    objective = pk.LeastSquares(net, X, np.abs(X[:, 0]))
    result = pk.minimize(objective, net.init(0), "adam", lr=1e-2, maxiter=3000)
    assert result.relative_rmse < 0.02
    assert result.message == "maxiter reached"


@pytest.mark.parametrize("batch_size", [None, 64])
def test_adam_keeps_its_best(easy, batch_size):
    objective, theta0 = easy
    # a rate at which it jumps about
    result = pk.minimize(objective, theta0, "adam", lr=10, batch_size=batch_size, maxiter=9)
    history = result.history
    assert result.fun == history.fun.min() < history.fun[-1]
    fun, jac = objective.fun_and_jac(result.x)
    assert result.fun == fun
    assert np.array_equal(result.jac, jac)
    assert (result.status, result.nit) == (1, 9)


@pytest.mark.parametrize(("maxiter", "every"), [(50, None), (2500, None), (50, 7), (3, 100)])
def test_adam_records_every_so_many_steps(easy, maxiter, every):
    result = pk.minimize(*easy, "adam", maxiter=maxiter, record_every=every, batch_size=20)
    step = every or max(1, maxiter // 1000)
    assert result.history.iteration.tolist() == sorted({*range(0, maxiter, step), maxiter})
    assert np.all(np.diff(result.history.seconds) >= 0)


def test_adam_stops_at_tol(easy):
    result = pk.minimize(*easy, "adam", lr=1e-2, tol=5e-2)
    assert (result.status, result.success, result.message) == (0, True, "relative RMSE reached tol")
    assert result.relative_rmse <= 5e-2


def test_adam_that_diverges(easy):
    objective, theta0 = easy
    result = pk.minimize(objective, theta0, "adam", lr=1e300)
    assert (result.status, result.success) == (3, False)
    assert result.message == "the function or its gradient is not finite where iteration 1 leads"
    assert np.array_equal(result.x, theta0)
    far = pk.minimize(objective, 1e200 * theta0, "adam")
    assert far.message == "the function or its gradient is not finite at theta0"


# -- Newton ----------------------------------------------------------------------------------------


def saddle(x):
    return x[0] ** 4 / 4 - x[0] ** 2 / 2 + x[1] ** 2 / 2


def saddle_der(x):
    return np.array([x[0] ** 3 - x[0], x[1]])


def saddle_hess(x):
    return np.diag([3 * x[0] ** 2 - 1, 1.0])


@pytest.mark.parametrize("start", [[0.0, 0.0], [0.0, 3.0], [1e-20, 0.1], [-0.2, 0.0]])
def test_newton_leaves_a_saddle(start):
    result = pk.minimize(saddle, start, "newton", jac=saddle_der, hess=saddle_hess)
    assert result.success
    assert np.all(np.diff(result.history.fun) < 0)
    np.testing.assert_allclose(np.abs(result.x), [1, 0], atol=1e-5)


@pytest.mark.parametrize("n", [2, 5, 20])
def test_newton_in_rosenbrocks_valley(n):
    result = pk.minimize(
        rosen, np.full(n, -1.2), "newton", jac=rosen_der, hess=rosen_hess, gtol=1e-10
    )
    assert result.success
    assert result.nhev <= result.nit + 1 < 100
    np.testing.assert_allclose(result.x, 1, atol=1e-9)


@pytest.mark.parametrize("radius", [1e-3, 1.0, 1e6])
def test_newton_fits_a_network_better_than_gradients_do(easy, radius):
    result = pk.minimize(*easy, "newton", maxiter=150, initial_radius=radius)
    bfgs = pk.minimize(*easy, "bfgs", maxiter=150)
    assert np.all(np.diff(result.history.fun) < 0)
    assert result.relative_rmse < bfgs.relative_rmse


# -- low curvature ---------------------------------------------------------------------------------


def test_low_curvature_goes_down_in_its_subspace(easy):
    objective, theta0 = easy
    at = pk.minimize(objective, theta0, "bfgs", maxiter=60).x
    tau, xs = 1e-4, []
    result = pk.minimize(
        objective, at, "low-curvature", tau=tau, maxiter=5, callback=lambda s: xs.append(s.x)
    )
    assert np.all(np.diff(result.history.fun) < 0)
    assert result.fun == objective.fun(result.x)
    assert (result.nit, result.nhev) == (5, 5)
    for x, following in zip(xs, xs[1:], strict=False):
        values, vectors = np.linalg.eigh(objective.hess(x))
        along = vectors.T @ objective.jac(x)
        g_hat = vectors @ np.where(np.abs(values) < tau, along, 0.0)
        step = x - following
        cosine = step @ g_hat / np.linalg.norm(step) / np.linalg.norm(g_hat)
        assert cosine > 1 - 1e-6


def test_low_curvature_never_steps_uphill(easy):
    objective, theta0 = easy
    # step lengths all too long for the stiff directions
    result = pk.minimize(objective, theta0, "low-curvature", tau=1e9, low=1e6, high=1e9, n_rounds=1)
    assert (result.status, result.nit) == (2, 0)
    assert result.message == "no step length on the grid lowers the loss"
    assert np.array_equal(result.x, theta0)


def test_low_curvature_without_low_curvature(easy):
    result = pk.minimize(*easy, "low-curvature", tau=1e-300)
    assert result.message == "the gradient has no part where the curvature is below tau"
    assert (result.status, result.success) == (2, False)


def test_low_curvature_of_a_function():
    # flat along x[1] only
    result = pk.minimize(
        lambda x: x[0] ** 2 + 1e-8 * (x[1] - 3) ** 2, [1.0, 0.0], "low-curvature", tau=1e-6,
        jac=lambda x: np.array([2 * x[0], 2e-8 * (x[1] - 3)]),
        hess=lambda x: np.diag([2, 2e-8]), maxiter=3,
    )  # fmt: skip
    assert result.x[0] == 1.0
    assert result.x[1] == pytest.approx(3.0, abs=1e-2)


# -- all of them -----------------------------------------------------------------------------------

METHODS = ["adam", "newton", "low-curvature", "l-bfgs"]
OPTIONS = {"low-curvature": {"tau": 1.0}}  # so that there is something to do from anywhere


@pytest.mark.parametrize("method", METHODS)
def test_same_bits_whatever_the_threads(endless, method):
    threads = pk.get_num_threads()
    try:
        results = []
        for n in (1, 2, 1):
            pk.set_num_threads(n)
            run = pk.minimize(*endless, method, maxiter=2, **OPTIONS.get(method, {}))
            results.append(run.x.tobytes())
    finally:
        pk.set_num_threads(threads)
    assert len(set(results)) == 1


@pytest.mark.parametrize("method", METHODS)
def test_time_limit(endless, method):
    began = time.perf_counter()
    options = {"maxiter": 10**8, "time_limit": 0.2, **OPTIONS.get(method, {})}
    result = pk.minimize(*endless, method, **options)
    assert (result.status, result.message) == (4, "time limit")
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("method", METHODS)
def test_ctrl_c(endless, method):
    sent = []

    def interrupt():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    def callback(state):
        if not sent:
            threading.Timer(0.1, interrupt).start()
            sent.append(None)

    options = {"maxiter": 10**8, "time_limit": 60, **OPTIONS.get(method, {})}
    result = pk.minimize(*endless, method, callback=callback, **options)
    assert result.status == 6
    assert time.perf_counter() - sent[-1] < 5
    assert result.fun == endless[0].fun(result.x) <= result.history.fun.min()


@pytest.mark.parametrize("method", ["adam", "newton", "low-curvature"])
def test_exceptions_keep_the_best(method):
    calls = 0

    def jac(x):
        nonlocal calls
        calls += 1
        if calls == 4:
            raise LookupError("mine")
        return rosen_der(x)

    options = {
        "adam": {"record_every": 1},
        "newton": {"hess": rosen_hess},
        "low-curvature": {"hess": rosen_hess, "tau": 1e9},
    }[method]
    with pytest.raises(LookupError, match="mine") as caught:
        pk.minimize(rosen, START, method, jac=jac, **options)
    kept = caught.value.result
    assert kept.history.iteration.tolist() == [0, 1, 2]
    assert kept.fun == rosen(kept.x) < rosen(START)


@pytest.mark.parametrize("method", ["newton", "low-curvature"])
@pytest.mark.parametrize("bad", [np.full((3, 3), np.nan), np.eye(2), None])
def test_hessian_of_a_wrong_kind(method, bad):
    options = {"jac": rosen_der, "hess": lambda x: bad}
    if bad is not None and np.isnan(bad).any():
        result = pk.minimize(rosen, START, method, **options)
        assert (result.status, result.nit) == (3, 0)
        assert "x = [-1.2" in result.message
    else:
        with pytest.raises(ValueError, match=r"hess must return 3 x 3 real numbers.*x = \[-1\.2"):
            pk.minimize(rosen, START, method, **options)


@pytest.mark.parametrize("method", ["adam", "newton", "low-curvature"])
def test_nan_at_the_start(method):
    hess = {} if method == "adam" else {"hess": rosen_hess}
    result = pk.minimize(lambda x: np.nan, START, method, jac=rosen_der, **hess)
    assert (result.status, result.success) == (3, False)
    assert "last at x = [-1.2" in result.message
    assert np.array_equal(result.x, START)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("adam", {"lr": 0}, "lr must be positive"),
        ("adam", {"lr": np.nan}, "lr must be positive"),
        ("adam", {"beta1": 1}, "beta1"),
        ("adam", {"beta2": -0.1}, "beta2"),
        ("adam", {"eps": -1}, "eps must not be negative"),
        ("adam", {"batch_size": 0}, "batch_size must be an integer of at least 1, got 0"),
        ("adam", {"batch_size": 2.5}, "batch_size"),
        ("adam", {"record_every": 0}, "record_every"),
        ("newton", {"gtol": -1}, "gtol"),
        ("newton", {"initial_radius": 0}, "initial_radius"),
        ("low-curvature", {"tau": 0}, "tau must be positive"),
        ("low-curvature", {"tau": np.nan}, "tau must be positive"),
        ("low-curvature", {"low": 0}, "low and high"),
        ("low-curvature", {"low": 2, "high": 1}, "low and high"),
        ("low-curvature", {"n_points": 2}, "n_points"),
        ("low-curvature", {"n_rounds": 0}, "n_rounds"),
        ("low-curvature", {"tau": "x"}, "tau must be a number, got 'x'"),
        ("adam", {"lr": None}, "lr must be a number, got None"),
        ("newton", {"initial_radius": "x"}, "initial_radius must be a number"),
        ("newton", {"maxiter": -1}, "maxiter"),
        ("newton", {"time_limit": -1}, "time_limit"),
    ],
)
def test_bad_options(easy, method, options, message):
    with pytest.raises(ValueError, match=message):
        pk.minimize(*easy, method, **options)


def test_bad_arguments(easy):
    with pytest.raises(ValueError, match="hess must be given for a function"):
        pk.minimize(rosen, START, "newton", jac=rosen_der)
    with pytest.raises(ValueError, match="hess must be a function, got 3"):
        pk.minimize(rosen, START, "newton", jac=rosen_der, hess=3)
    with pytest.raises(ValueError, match="batch_size is for a LeastSquares"):
        pk.minimize(rosen, START, "adam", jac=rosen_der, batch_size=2)
    with pytest.raises(ValueError, match="jac, hess, args and check_grad are for functions"):
        pk.minimize(*easy, "newton", hess=rosen_hess)
    with pytest.raises(TypeError, match="tau"):
        pk.minimize(*easy, "adam", tau=1e-3)
    with pytest.raises(TypeError, match="hess"):
        pk.minimize(rosen, START, "bfgs", hess=rosen_hess)
    with pytest.raises(ValueError, match="theta0 must have 25 elements"):
        pk.minimize(easy[0], START, "adam")
