"""Tests of BFGS, self-scaled BFGS and L-BFGS, as methods of SciPy and of precisekit.minimize."""

import os
import pickle
import signal
import threading
import time

import numpy as np
import pytest
import scipy.optimize
from scipy.optimize import OptimizeResult, OptimizeWarning, rosen, rosen_der, rosen_hess

import precisekit as pk
from precisekit.datasets import teacher_student
from precisekit.optimize import bfgs, lbfgs, ssbfgs, ssbroyden

METHODS = {"bfgs": bfgs, "ssbfgs": ssbfgs, "ssbroyden": ssbroyden, "l-bfgs": lbfgs}
START = np.array([-1.2, 1.0, -0.5, 2.0])


# -- known minima ----------------------------------------------------------------------------------


def beale(x):
    k = np.arange(1, 4)
    return np.array([1.5, 2.25, 2.625]) - x[0] * (1 - x[1] ** k)


def wood(x):
    return np.array(
        [
            10 * (x[1] - x[0] ** 2),
            1 - x[0],
            90**0.5 * (x[3] - x[2] ** 2),
            1 - x[2],
            10**0.5 * (x[1] + x[3] - 2),
            10**-0.5 * (x[1] - x[3]),
        ]
    )


def box(x):
    t = 0.1 * np.arange(1, 11)
    return np.exp(-t * x[0]) - np.exp(-t * x[1]) - x[2] * (np.exp(-t) - np.exp(-10 * t))


def brown_badly_scaled(x):
    return np.array([x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2])


# More, Garbow and Hillstrom, ACM TOMS 7, 17 (1981): residuals, start, minimiser
MORE_GARBOW_HILLSTROM = {
    "beale": (beale, [1, 1], [3, 0.5]),
    "wood": (wood, [-3, -1, -3, -1], [1, 1, 1, 1]),
    "box": (box, [0, 10, 20], [1, 10, 1]),
    "brown badly scaled": (brown_badly_scaled, [1, 1], [1e6, 2e-6]),
}


def sum_of_squares(residuals):
    """The sum as a function of x, and its gradient by complex steps, exact to rounding."""

    def fun(x):
        return np.sum(residuals(x) ** 2)

    def jac(x):
        steps = x + 1e-100j * np.eye(x.size)
        return np.array([fun(step).imag for step in steps]) / 1e-100

    return fun, jac


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", MORE_GARBOW_HILLSTROM)
def test_more_garbow_hillstrom(name, method):
    residuals, start, answer = MORE_GARBOW_HILLSTROM[name]
    fun, jac = sum_of_squares(residuals)
    result = pk.minimize(fun, start, method, jac=jac, gtol=1e-8)
    assert result.success, result.message
    assert np.abs(jac(result.x)).max() <= 1e-8
    np.testing.assert_allclose(result.x, answer, rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [2, 4, 20])
def test_rosenbrock(method, n):
    result = pk.minimize(rosen, np.full(n, -1.2), method, jac=rosen_der, gtol=1e-8)
    assert result.success
    assert np.linalg.norm(rosen_der(result.x), np.inf) <= 1e-8
    np.testing.assert_allclose(result.x, 1, atol=1e-7)


# -- SciPy's options, result and protocol ----------------------------------------------------------


def quadratic(n=10):
    """1/2 x'Ax - b'x with a condition number of 10, and its minimiser."""
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    A, b = Q * np.geomspace(0.3, 3, n) @ Q.T, rng.standard_normal(n)
    return lambda x: 0.5 * x @ A @ x - b @ x, lambda x: A @ x - b, A, np.linalg.solve(A, b)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"gtol": 1e-9},
        {"norm": 2},
        {"norm": 1},
        {"norm": -np.inf},
        {"c1": 1e-3, "c2": 0.4},
        {"hess_inv0": 0.5 * np.eye(10)},
        {"xrtol": 1e-3},
    ],
)
def test_options_do_what_scipys_do(options):
    fun, jac, _, answer = quadratic()
    runs = [
        scipy.optimize.minimize(fun, np.ones(10), jac=jac, method=method, options=options)
        for method in ("BFGS", bfgs)
    ]
    for run in runs:
        if not {"norm", "xrtol"} & set(options):
            np.testing.assert_allclose(run.x, answer, atol=1e-4)
    scipys, ours = runs
    assert (ours.status, ours.success) == (0, True)  # SciPy's may meet rounding before gtol
    assert ours.nit <= 1.5 * scipys.nit + 3
    assert set(scipys) <= set(ours)


def test_result():
    fun, jac, A, _ = quadratic()
    result = scipy.optimize.minimize(fun, np.ones(10), jac=jac, method=bfgs, options={"gtol": 1e-9})
    assert isinstance(result, OptimizeResult)
    assert result.fun == fun(result.x)
    assert np.array_equal(result.jac, jac(result.x))
    assert np.array_equal(result.hess_inv, result.hess_inv.T)
    np.testing.assert_allclose(result.hess_inv, np.linalg.inv(A), atol=0.3)
    assert result.nfev == result.njev > result.nit
    assert result.history.fun[-1] == pytest.approx(result.fun, rel=1e-12)
    assert np.isnan(result.history.relative_rmse).all()
    assert pickle.loads(pickle.dumps(result)).message == result.message


@pytest.mark.parametrize("method", [ssbfgs, ssbroyden])
def test_self_scaling_returns_the_inverse_hessian_it_learnt(method):
    fun, jac, A, answer = quadratic()
    H = np.linalg.inv(A)
    one = method(fun, np.ones(10), jac=jac, hess_inv0=H, gtol=1e-9)
    assert one.nit == 1
    np.testing.assert_allclose(one.hess_inv, H, atol=1e-12)
    many = method(fun, np.ones(10), jac=jac, gtol=1e-9)
    assert np.array_equal(many.hess_inv, many.hess_inv.T)
    assert np.linalg.eigvalsh(many.hess_inv).min() > 0


@pytest.mark.parametrize("m", [1, 3, 40])
def test_lbfgs_remembers_m_steps(m):
    fun, jac, A, answer = quadratic()
    options = {"m": m, "gtol": 1e-9}
    result = scipy.optimize.minimize(fun, np.ones(10), jac=jac, method=lbfgs, options=options)
    assert result.success
    np.testing.assert_allclose(result.x, answer, atol=1e-8)
    product = result.hess_inv
    assert product.n_corrs == min(m, result.nit)
    # the secant equation of the last step
    np.testing.assert_allclose(product @ product.yk[-1], product.sk[-1], atol=1e-12)
    assert pickle.loads(pickle.dumps(result)).nit == result.nit


def test_norm_and_gtol_decide_when_to_stop():
    for norm in (1, 2, np.inf):
        result = bfgs(rosen, START, jac=rosen_der, norm=norm, gtol=1e-3)
        assert np.linalg.norm(result.jac, norm) <= 1e-3
    assert bfgs(rosen, START, jac=rosen_der, gtol=1e10).nit == 0
    assert scipy.optimize.minimize(rosen, START, jac=rosen_der, method=bfgs, tol=1e10).nit == 0


def test_maxiter():
    result = bfgs(rosen, START, jac=rosen_der, maxiter=5)
    assert (result.status, result.success, result.nit) == (1, False, 5)
    assert result.fun < rosen(START)
    result = bfgs(rosen, START, jac=rosen_der, maxiter=0)
    assert (result.status, result.nit) == (1, 0)
    assert np.array_equal(result.x, START)


@pytest.mark.parametrize("options", [{}, {"hess_inv0": np.eye(3)}])
def test_without_knowledge_of_the_curvature_the_first_step_is_scipys(options):
    paths = []
    for method in (bfgs, "BFGS"):
        points = []

        def fun(x, points=points):
            points.append(x.copy())
            return 1e4 * (x @ x) + x.sum()

        scipy.optimize.minimize(
            fun,
            np.ones(3),
            jac=lambda x: 2e4 * x + 1,
            method=method,
            options=options | {"maxiter": 1},
        )
        paths.append(points[1])
    np.testing.assert_allclose(*paths, rtol=1e-14)


def test_exact_hess_inv0_makes_newtons_first_step():
    fun, jac, A, answer = quadratic()
    result = bfgs(fun, np.ones(10), jac=jac, hess_inv0=np.linalg.inv(A), gtol=1e-9)
    assert result.nit == 1
    np.testing.assert_allclose(result.x, answer, atol=1e-9)


@pytest.mark.parametrize("jac", [None, False, "2-point", "3-point"])
def test_finite_differences(jac):
    result = bfgs(rosen, START, jac=jac, gtol=1e-3)
    np.testing.assert_allclose(result.x, 1, atol=1e-2)
    points = {"3-point": 8}.get(jac, 4)
    assert result.nfev == (points + 1) * result.njev


def test_fun_that_returns_its_gradient():
    apart = bfgs(rosen, START, jac=rosen_der)
    for run in (bfgs, lambda *a, **k: scipy.optimize.minimize(*a, method=bfgs, **k)):
        together = run(lambda x: (rosen(x), rosen_der(x)), START, jac=True)
        assert np.array_equal(together.x, apart.x)


def test_args_reach_fun_and_jac():
    result = scipy.optimize.minimize(
        lambda x, a, b: a * (x[0] - b) ** 2, 0.0, args=(3.0, 2.0), method=bfgs,
        jac=lambda x, a, b: 2 * a * (x - b),
    )  # fmt: skip
    np.testing.assert_allclose(result.x, [2.0])
    one = bfgs(lambda x, b: (x[0] - b) ** 2, [0.0], args=2.0)
    np.testing.assert_allclose(one.x, [2.0], atol=1e-5)


def test_the_function_may_spoil_its_argument():
    def fun(x):
        value = rosen(x)
        x[:] = np.nan
        return value

    result = bfgs(fun, START, jac=rosen_der)
    assert np.array_equal(result.x, bfgs(rosen, START, jac=rosen_der).x)


def test_callbacks():
    seen, states = [], []

    def by_name(intermediate_result):
        states.append(intermediate_result)

    scipy.optimize.minimize(rosen, START, jac=rosen_der, method=bfgs, callback=seen.append)
    result = scipy.optimize.minimize(rosen, START, jac=rosen_der, method=bfgs, callback=by_name)
    assert len(seen) == len(states) == result.nit
    assert all(rosen(state.x) == state.fun for state in states)
    assert np.array_equal(seen[-1], states[-1].x)

    def stop(x):
        raise StopIteration

    result = scipy.optimize.minimize(rosen, START, jac=rosen_der, method=bfgs, callback=stop)
    assert (result.status, result.nit) == (5, 1)


def test_disp_and_return_all(capsys):
    options = {"disp": True, "return_all": True}
    result = scipy.optimize.minimize(rosen, START, jac=rosen_der, method=bfgs, options=options)
    assert f"Iterations: {result.nit}" in capsys.readouterr().out
    assert len(result.allvecs) == result.nit + 1
    assert np.array_equal(result.allvecs[0], START)


def test_what_the_method_does_not_know_is_said():
    for method in METHODS.values():
        with pytest.warns(OptimizeWarning, match="Unknown solver options: colour, size"):
            scipy.optimize.minimize(
                rosen, START, method=method, options={"colour": 1, "size": 2, "maxiter": 1}
            )
        with pytest.warns(RuntimeWarning, match="bounds and constraints"):
            scipy.optimize.minimize(rosen, START, method=method, bounds=[(0, 1)] * 4)
        with pytest.warns(RuntimeWarning, match="Hessian"):
            scipy.optimize.minimize(rosen, START, method=method, hess=rosen_hess)


# -- what goes wrong -------------------------------------------------------------------------------


def test_steps_back_from_nan():
    def fun(x):
        return np.nan if x[0] < 0.5 else x[0] - np.log(x[0] - 0.5)

    def jac(x):
        return np.full(1, np.nan) if x[0] < 0.5 else 1 - 1 / (x - 0.5)

    result = bfgs(fun, [10.0], jac=jac)
    assert result.success
    np.testing.assert_allclose(result.x, [1.5], atol=1e-4)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_start_that_is_not_finite(value):
    result = bfgs(lambda x: value, [2.0, 3.0], jac=lambda x: 2 * x)
    assert (result.status, result.success, result.nit) == (3, False, 0)
    assert "x = [2. 3.]" in result.message
    assert np.array_equal(result.x, [2.0, 3.0])
    assert bfgs(np.sum, [2.0, 3.0], jac=lambda x: x * np.nan).status == 3


def test_nan_wherever_the_line_search_looks():
    start = np.array([1.0, 1.0])
    result = bfgs(lambda x: 1.0 if (x == start).all() else np.nan, start, jac=lambda x: x)
    assert result.status == 3
    assert np.array_equal(result.x, start)


@pytest.mark.parametrize("gradient", [np.zeros(3), np.zeros((4, 1)), 1.0, None, "a", [1j] * 4])
def test_gradient_of_a_wrong_kind(gradient):
    with pytest.raises(ValueError, match=r"jac must return 4 real numbers.*x = \[-1\.2"):
        bfgs(rosen, START, jac=lambda x: gradient)


@pytest.mark.parametrize("value", [None, "a", 1j, np.zeros(2)])
def test_value_of_a_wrong_kind(value):
    with pytest.raises(ValueError, match=r"fun must return a real number.*x = \[-1\.2"):
        bfgs(lambda x: value, START, jac=rosen_der)


def test_exceptions_go_through_and_name_x():
    calls = 0

    def fun(x):
        nonlocal calls
        calls += 1
        if calls == 5:
            raise LookupError("mine")
        return rosen(x)

    with pytest.raises(LookupError, match="mine") as caught:
        bfgs(fun, START, jac=rosen_der)
    assert any("at x = [" in note for note in caught.value.__notes__)
    assert any("the best point so far" in note for note in caught.value.__notes__)
    kept = caught.value.result
    assert kept.fun == rosen(kept.x) == kept.history.fun.min() < rosen(START)
    assert (kept.success, kept.message) == (False, "an exception was raised: LookupError('mine')")

    def callback(state):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine") as caught:
        pk.minimize(rosen, START, "bfgs", callback=callback)
    assert np.array_equal(caught.value.result.x, START)
    assert caught.value.result.fun == rosen(START)


def test_the_best_is_kept_when_a_gradient_changes_its_size():
    calls = 0

    def jac(x):
        nonlocal calls
        calls += 1
        return rosen_der(x)[: 4 - (calls == 6)]

    with pytest.raises(ValueError, match=r"jac must return 4 .* got shape \(3,\) at x") as caught:
        bfgs(rosen, START, jac=jac)
    assert caught.value.result.fun < rosen(START)


def test_nothing_is_kept_of_a_function_that_fails_at_the_start():
    with pytest.raises(ZeroDivisionError) as caught:
        bfgs(lambda x: 1 / 0, START, jac=rosen_der)
    assert np.array_equal(caught.value.result.x, START)
    assert np.isnan(caught.value.result.fun)
    assert not any("best point" in note for note in caught.value.__notes__)


# -- gradients that are wrong ----------------------------------------------------------------------


@pytest.mark.parametrize("jac", [rosen_der, True])
def test_check_grad_lets_a_right_gradient_pass(jac):
    fun = rosen if jac is rosen_der else lambda x: (rosen(x), rosen_der(x))
    checked, plain = (bfgs(fun, START, jac=jac, check_grad=check) for check in (True, False))
    assert np.array_equal(checked.x, plain.x)
    assert checked.nfev > plain.nfev


@pytest.mark.parametrize("factor", [-1.0, 0.0, 2.0, 1.0001])
def test_check_grad_names_the_direction(factor):
    def jac(x):
        return rosen_der(x) * [1, 1, factor, 1]

    with pytest.raises(ValueError, match=r"in 1 of 4 directions, most along x\[2\]: jac gives"):
        pk.minimize(rosen, START, "bfgs", jac=jac, check_grad=True)
    with pytest.raises(ValueError, match=r"most along x\[2\]"):
        options = {"check_grad": True}
        scipy.optimize.minimize(rosen, START, jac=jac, method=lbfgs, options=options)


def test_check_grad_looks_beside_a_symmetric_start():
    with pytest.raises(ValueError, match=r"along x\[0\]: jac gives 0\.0\d+, but the slope of fun"):
        bfgs(lambda x: x @ x, [0.0], jac=lambda x: 3 * x, check_grad=True)


def test_check_grad_is_fair():
    # a kink has no slope, a steep scale no absolute tolerance, and NaN no opinion
    bfgs(lambda x: abs(x[0]), [0.0], jac=np.sign, check_grad=True, maxiter=1)
    bfgs(lambda x: 1e12 * (x @ x), [1e3, 1.0], jac=lambda x: 2e12 * x, check_grad=True, maxiter=1)
    bfgs(lambda x: 1e-12 * (x @ x), [1.0], jac=lambda x: 2e-12 * x, check_grad=True, maxiter=1)
    bfgs(lambda x: np.nan, [1.0], jac=lambda x: x, check_grad=True)
    with pytest.raises(ValueError, match="check_grad has nothing to compare"):
        bfgs(rosen, START, check_grad=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"c1": 0.95}, "c1 and c2 must satisfy 0 < c1 < c2 < 1"),
        ({"gtol": -1}, "gtol"),
        ({"gtol": np.nan}, "gtol"),
        ({"gtol": "small"}, "gtol must be a number, got 'small'"),
        ({"xrtol": -1}, "xrtol"),
        ({"c1": "x"}, "c1 must be a number"),
        ({"eps": "x"}, "eps must be an array of numbers"),
        ({"eps": [1e-8, 1e-8]}, "eps must have 4 elements, got 2"),
        ({"jac": "2-point", "finite_diff_rel_step": [1e-8]}, "finite_diff_rel_step must have 4"),
        ({"callback": 3}, "callback must be a function, got 3"),
        ({"norm": np.nan}, "norm"),
        ({"maxiter": -1}, "maxiter"),
        ({"maxiter": 1.5}, "maxiter"),
        ({"tol": -1}, "tol"),
        ({"time_limit": 0}, "time_limit"),
        ({"jac": 3}, "jac must be a function, True, None, '2-point' or '3-point', got 3"),
        ({"hess_inv0": np.eye(3)}, r"hess_inv0 must have shape \(4, 4\)"),
        ({"hess_inv0": -np.eye(4)}, "hess_inv0 must be positive definite"),
        ({"hess_inv0": np.eye(4) + np.eye(4, k=-1) * 0.1}, "hess_inv0 must be symmetric"),
        ({"hess_inv0": np.full((4, 4), np.nan)}, "hess_inv0 must not hold NaN"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        bfgs(rosen, START, **options)


def test_bad_arguments(easy):
    with pytest.raises(ValueError, match=r"x0\[1\] is nan"):
        bfgs(rosen, [1.0, np.nan])
    with pytest.raises(ValueError, match="objective must be a LeastSquares or a function, got int"):
        pk.minimize(3, [1.0], "bfgs")
    with pytest.raises(ValueError, match="jac, hess, args and check_grad are for functions"):
        pk.minimize(*easy, "bfgs", jac=rosen_der)
    with pytest.raises(ValueError, match="jac, hess, args and check_grad are for functions"):
        pk.minimize(*easy, "bfgs", check_grad=True)
    with pytest.raises(ValueError, match="m must be an integer of at least 1, got 0"):
        pk.minimize(*easy, "l-bfgs", m=0)
    with pytest.raises(TypeError, match="hess_inv0"):
        pk.minimize(*easy, "l-bfgs", hess_inv0=np.eye(25))
    with pytest.raises(TypeError, match="order"):
        pk.minimize(*easy, "bfgs", order=3)


# -- rounding --------------------------------------------------------------------------------------


def raised(x):
    """Rosenbrock's valley on a plateau, where values are 1.5e-8 apart."""
    return 1e8 + rosen(x)


@pytest.mark.parametrize("method", METHODS)
def test_the_gradient_is_followed_where_values_are_rounded(method):
    scipys = scipy.optimize.minimize(
        raised, START, jac=rosen_der, method="BFGS", options={"gtol": 1e-9}
    )
    assert scipys.status == 2  # precision loss
    ours = scipy.optimize.minimize(
        raised, START, jac=rosen_der, method=METHODS[method], options={"gtol": 1e-9}
    )
    assert ours.success, ours.message
    assert np.abs(ours.jac).max() <= 1e-9 < np.abs(scipys.jac).max()
    np.testing.assert_allclose(ours.x, 1, atol=1e-8)


def test_noise_is_measured_and_told():
    rng = np.random.default_rng(0)

    def fun(x):
        return x @ x + 1e-6 * rng.standard_normal()

    def jac(x):
        return 2 * x + 1e-3 * rng.standard_normal(x.size)

    result = bfgs(fun, np.ones(5), jac=jac, gtol=1e-12, maxiter=10_000)
    assert (result.status, result.success) == (2, False)
    assert 1e-7 < result.noise < 1e-5
    assert f"noise of about {result.noise:.1e}" in result.message
    assert result.fun < 1e-5


# -- networks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_least_squares(easy, method):
    objective, theta0 = easy
    before, seen = theta0.copy(), []
    result = pk.minimize(objective, theta0, method, maxiter=200, callback=seen.append)
    assert (result.status, result.nit) == (1, 200)
    assert np.array_equal(theta0, before)
    assert np.all(np.diff(result.history.fun) < 0)
    assert np.all(np.diff(result.history.relative_rmse) < 0)
    assert np.isnan(result.history.damping).all()
    assert result.history.iteration.tolist() == [s.nit for s in seen] == list(range(201))
    assert result.fun == pytest.approx(objective.fun(result.x), rel=1e-12)
    assert result.relative_rmse == pytest.approx(objective.relative_rmse(result.x), rel=1e-9)
    assert result.relative_rmse < 1e-2


def test_tol_is_the_relative_rmse(easy):
    result = pk.minimize(*easy, "bfgs", tol=1e-2)
    assert (result.status, result.success, result.message) == (0, True, "relative RMSE reached tol")
    assert result.relative_rmse <= 1e-2 < result.history.relative_rmse[-2]


def test_a_linear_model_is_fitted_to_the_floor():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 3))
    net = pk.MLP([3, 1])
    result = pk.minimize(pk.LeastSquares(net, X, X @ [1.0, 2.0, 3.0]), net.init(0), "bfgs")
    assert result.relative_rmse < 1e-14
    np.testing.assert_allclose(result.x, [1, 2, 3, 0], atol=1e-13)


def test_self_scaling_gains_digits():
    X, y, _ = teacher_student(seed=0)
    net = pk.MLP([1, 20, 20, 1])
    objective = pk.LeastSquares(net, X, y / np.sqrt(np.mean(y**2)))

    def error(method, **options):
        return pk.minimize(objective, net.init(0), method, maxiter=3000, **options).relative_rmse

    # an inverse Hessian that is not factored loses its definiteness at 5e-11
    scaled = error("ssbfgs")
    assert scaled < 8e-12
    assert error("ssbroyden") < 1e-13
    steep = error("bfgs", hess_inv0=np.eye(net.n_params))
    assert steep > 1e4 * scaled
    assert error("bfgs") < 1e-2 * steep


@pytest.mark.parametrize("method", METHODS)
def test_same_bits_whatever_the_threads(endless, method):
    threads = pk.get_num_threads()
    try:
        results = []
        for n in (1, 2, 1):
            pk.set_num_threads(n)
            results.append(pk.minimize(*endless, method, maxiter=20).x.tobytes())
    finally:
        pk.set_num_threads(threads)
    assert len(set(results)) == 1


def test_time_limit(endless):
    began = time.perf_counter()
    result = pk.minimize(*endless, "bfgs", time_limit=0.2)
    assert (result.status, result.message) == (4, "time limit")
    assert time.perf_counter() - began < 5
    slow = bfgs(rosen, START, jac=lambda x: time.sleep(0.02) or rosen_der(x), time_limit=0.1)
    assert slow.status == 4
    assert slow.fun < rosen(START)


@pytest.mark.parametrize("kind", ["LeastSquares", "function"])
def test_ctrl_c(endless, kind):
    objective, theta0 = endless
    fun, jac = (objective, None) if kind == "LeastSquares" else (objective.fun, objective.jac)
    options = {} if jac is None else {"jac": jac}
    sent = []

    def interrupt():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    def callback(state):
        if state.nit == 3:
            threading.Timer(0.05, interrupt).start()

    result = pk.minimize(fun, theta0, "bfgs", gtol=0, time_limit=60, callback=callback, **options)
    assert result.status == 6
    assert time.perf_counter() - sent[0] < 5
    assert result.fun <= result.history.fun.min() < result.history.fun[0]


def test_ctrl_c_at_the_start():
    def fun(x):
        raise KeyboardInterrupt

    result = bfgs(fun, START, jac=rosen_der)
    assert result.status == 6
    assert np.array_equal(result.x, START)


def test_verbose(capsys):
    pk.minimize(rosen, START, "bfgs", jac=rosen_der, maxiter=4, verbose=2)
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split()[0] for line in err.splitlines()] == ["0", "2", "4"]
