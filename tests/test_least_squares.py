"""Tests of `least_squares`."""

import os
import signal
import threading
import time

import numpy as np
import pytest
import scipy.optimize
from scipy.sparse import csr_array

import precisekit as pk
from bench import nist
from bench.more_garbow_hillstrom import PROBLEMS
from precisekit import least_squares

START = np.array([-1.2, 1.0])
T = np.linspace(0, 4, 30)
WAVE = np.exp(-T) + 0.2 * np.cos(5 * T)


def rosenbrock(x):
    return np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]])


def rosenbrock_jac(x):
    return np.array([[-20 * x[0], 10], [-1, 0]])


def decay(b):
    """Residuals that stay far from zero."""
    return b[0] * np.exp(-b[1] * T) - WAVE


def decay_jac(b):
    e = np.exp(-b[1] * T)
    return np.stack([e, -b[0] * T * e], axis=1)


@pytest.fixture(autouse=True)
def silent():
    with np.errstate(all="ignore"):  # trials far off may overflow
        yield


# -- the standard collections ----------------------------------------------------------------------


@pytest.mark.parametrize("task", nist.load(), ids=lambda task: task.name)
def test_nist_without_a_jacobian(task):
    for start in task.starts:
        result = least_squares(task.residual, start)
        assert result.success
        assert task.digits(result.x) > 8.5
        if task.name != "Lanczos1":  # 1.4e-25, all of it rounding of the data
            assert 2 * result.cost == pytest.approx(task.sum_of_squares, rel=1e-9)


def test_nist_table_is_whole():
    tasks = nist.load()
    assert len(tasks) == len(nist.MODELS) == 27
    for task in tasks:
        if task.name != "Lanczos1":
            r = task.residual(task.certified)
            assert r @ r == pytest.approx(task.sum_of_squares, rel=1e-9)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
def test_more_garbow_hillstrom(problem):
    def reached(result):
        return any(abs(2 * result.cost - m) <= 1e-6 * m + 1e-20 for m in problem.minima)

    assert reached(least_squares(problem.residual, problem.start, problem.jacobian))
    if problem.name not in ("Gulf", "Meyer"):  # slow without the Jacobian
        assert reached(least_squares(problem.residual, problem.start))


# (problem, factor) where a start far off leads to a known minimum
FAR = {(1, 100), (4, 100), (7, 100), (9, 100), (10, 10), (14, 100), (17, 10), (20, 100), (31, 100)}


@pytest.mark.parametrize("number, factor", sorted(FAR))
def test_starts_far_off(number, factor):
    problem = next(p for p in PROBLEMS if p.number == number)
    result = least_squares(problem.residual, problem.scaled_start(factor), problem.jacobian)
    assert abs(2 * result.cost - problem.minima[0]) <= 1e-6 * problem.minima[0] + 1e-20


def test_a_start_whose_square_overflows():
    problem = next(p for p in PROBLEMS if p.name == "Jennrich-Sampson")
    start = problem.scaled_start(100)
    assert not np.isfinite(np.sum(problem.residual(start) ** 2))
    result = least_squares(problem.residual, start, problem.jacobian)
    assert 2 * result.cost == pytest.approx(259.58, rel=1e-4)  # a minimum where one term has gone


# -- digits ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answer():
    """The minimiser of `decay` to 16 digits, by Newton's method in extended precision."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(40):
        t, y = [mpmath.mpf(v) for v in T], [mpmath.mpf(v) for v in WAVE]

        def gradient(a, b):
            e = [mpmath.exp(-b * s) for s in t]
            r = [a * u - v for u, v in zip(e, y)]
            return [
                mpmath.fsum(p * q for p, q in zip(r, e)),
                mpmath.fsum(-p * a * s * q for p, s, q in zip(r, t, e)),
            ]

        return np.array([float(v) for v in mpmath.findroot(gradient, (1.0, 1.0))])


@pytest.mark.parametrize(
    "jac, tolerance",
    [(decay_jac, 2e-15), (None, 1e-12), ("cs", 2e-15), ("3-point", 1e-9), ("2-point", 1e-6)],
)
def test_digits_of_each_jacobian(answer, jac, tolerance):
    result = least_squares(decay, [0.3, 3.0], jac)
    np.testing.assert_allclose(result.x, answer, rtol=tolerance)
    assert result.success


def test_noise_of_the_function_is_met():
    """Which digits noise leaves is chance, so the median of several patterns of it is asked for."""
    exact = least_squares(decay, [0.3, 3.0], decay_jac).x
    ours, theirs = [], []
    for phase in range(15):

        def noisy(b, phase=phase):
            return decay(b) + 1e-8 * np.sin(1e12 * b[0] + np.arange(T.size) + phase)

        ours.append(np.abs(least_squares(noisy, [0.3, 3.0]).x - exact).max())
        rival = scipy.optimize.least_squares(noisy, [0.3, 3.0], method="lm")
        theirs.append(np.abs(rival.x - exact).max())
    assert np.median(ours) < 1e-5
    assert max(ours) < 1e-3
    assert min(theirs) > 100 * max(ours)


@pytest.mark.parametrize("jac", [None, "2-point", "3-point", "cs"])
def test_fewer_residuals_than_variables(jac):
    result = least_squares(lambda x: np.array([x[0] + 2 * x[1] ** 2 - 3]), [5, 5], jac)
    assert result.success
    assert result.cost < 1e-28


def test_a_tall_problem():
    t = np.linspace(0, 1, 20_000)
    result = least_squares(lambda b: b[0] * np.exp(b[1] * t) - np.exp(0.5 * t), [2, 0])
    np.testing.assert_allclose(result.x, [1, 0.5], rtol=1e-13)


def test_second_order_saves_jacobians():
    task = next(t for t in nist.load() if t.name == "MGH10")
    counts = [
        least_squares(task.residual, task.starts[0], second_order=on).njev for on in (True, False)
    ]
    assert counts[0] < 0.5 * counts[1]


# -- SciPy's names ---------------------------------------------------------------------------------


def test_result_is_scipys():
    ours = least_squares(decay, [0.3, 3.0], decay_jac)
    tight = dict(ftol=1e-15, xtol=1e-15, gtol=1e-15)
    theirs = scipy.optimize.least_squares(decay, [0.3, 3.0], decay_jac, method="lm", **tight)
    assert set(theirs) <= set(ours)
    for key in ("x", "cost", "fun", "jac"):
        np.testing.assert_allclose(ours[key], theirs[key], rtol=1e-4, atol=1e-7)
    assert np.array_equal(ours.fun, decay(ours.x))
    assert np.array_equal(ours.jac, decay_jac(ours.x))
    assert ours.cost == pytest.approx(0.5 * np.sum(ours.fun**2), rel=1e-15)
    np.testing.assert_allclose(ours.grad, ours.jac.T @ ours.fun)
    assert ours.optimality == np.abs(ours.grad).max() < 1e-14
    assert ours.active_mask.tolist() == [0, 0]
    assert ours.nfev >= ours.nit > 0
    assert ours.history.fun[-1] == pytest.approx(ours.cost, rel=1e-10)
    assert pk.optimize.least_squares is least_squares


def test_counts():
    calls = []
    result = least_squares(lambda x: calls.append(0) or rosenbrock(x), START)
    assert len(calls) == result.nfev
    jacobians = []
    result = least_squares(rosenbrock, START, lambda x: jacobians.append(0) or rosenbrock_jac(x))
    assert len(jacobians) == result.njev


@pytest.mark.parametrize(
    "option, status", [({"ftol": 1e-3}, 2), ({"xtol": 1e-2}, 3), ({"gtol": 1e-2}, 1)]
)
def test_tolerances_stop_early(option, status):
    result = least_squares(decay, [0.3, 3.0], decay_jac, **option)
    assert (result.status, result.success) == (status, True)
    assert result.nfev < least_squares(decay, [0.3, 3.0], decay_jac).nfev
    assert np.array_equal(result.jac, decay_jac(result.x))


def test_max_nfev():
    result = least_squares(rosenbrock, START, max_nfev=7)
    assert (result.status, result.success, result.nfev) == (0, False, 7)
    assert result.cost < 0.5 * np.sum(rosenbrock(START) ** 2)


def test_x_scale():
    for scale in ("jac", 1.0, [1.0, 10.0]):
        result = least_squares(rosenbrock, START, x_scale=scale)
        np.testing.assert_allclose(result.x, 1, rtol=1e-13)


def test_args_and_kwargs():
    def fun(x, a, b=0):
        return x - a - b

    def jac(x, a, b=0):
        return np.eye(2)

    for j in (None, jac, "cs"):
        result = least_squares(fun, [0, 0], j, args=(1,), kwargs={"b": 2})
        np.testing.assert_allclose(result.x, 3)
    np.testing.assert_allclose(least_squares(fun, [0, 0], args=1).x, 1)


def test_sparse_jacobian_and_scalars():
    result = least_squares(rosenbrock, START, lambda x: csr_array(rosenbrock_jac(x)))
    np.testing.assert_allclose(result.x, 1)
    result = least_squares(lambda x: x[0] ** 2 - 2, 1.0)
    np.testing.assert_allclose(result.x, [2**0.5], rtol=1e-15)


def test_diff_step():
    steps = []

    def fun(x):
        steps.append(x[0])
        return x - 1

    least_squares(fun, [2.0], "2-point", diff_step=1e-3, max_nfev=2)
    assert steps[1] - steps[0] == pytest.approx(2e-3)


# -- stops -----------------------------------------------------------------------------------------


def test_callback_and_verbose(capsys):
    seen = []

    def stop(state):
        seen.append(state)
        return state.nit == 3

    result = least_squares(rosenbrock, START, callback=stop, verbose=2)
    assert (result.status, result.success, result.nit) == (-2, False, 3)
    assert [s.nit for s in seen] == [0, 1, 2, 3]
    assert np.array_equal(seen[-1].x, result.x)
    assert seen[-1].fun == pytest.approx(result.cost)
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split()[0] for line in err.splitlines()] == ["0", "2"]

    def raise_stop(state):
        raise StopIteration

    assert least_squares(rosenbrock, START, callback=raise_stop).status == -2


def test_time_limit():
    result = least_squares(lambda x: time.sleep(0.02) or rosenbrock(x), START, time_limit=0.15)
    assert (result.status, result.success) == (-3, False)
    assert result.cost < 0.5 * np.sum(rosenbrock(START) ** 2)


def test_ctrl_c_keeps_the_best():
    def fun(x):
        time.sleep(0.01)
        return np.append(rosenbrock(x), 1.0)

    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    result = least_squares(fun, START)
    assert result.status == -4
    assert result.cost < 0.5 * np.sum(rosenbrock(START) ** 2) + 0.5


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(fun=3), "fun must be callable"),
        (dict(x0=[1, np.nan]), r"x0\[1\] is nan"),
        (dict(x0=[]), "x0 is empty"),
        (dict(x0=[[1.0]]), "x0 must have"),
        (dict(jac="4-point"), "jac must be callable, None or one of"),
        (dict(jac=True), "jac must be"),
        (dict(ftol=-1), "ftol must be"),
        (dict(xtol=np.nan), "xtol must be"),
        (dict(gtol=np.inf), "gtol must be"),
        (dict(x_scale="auto"), "x_scale must be 'jac'"),
        (dict(x_scale=[1, 0]), "x_scale must be positive"),
        (dict(x_scale=[1, 2, 3]), "x_scale must have 2 elements"),
        (dict(max_nfev=0), "max_nfev must be"),
        (dict(diff_step=0), "diff_step must be"),
        (dict(diff_step="x"), "diff_step must be a number, got 'x'"),
        (dict(ftol="x"), "ftol must be a number, got 'x'"),
        (dict(time_limit=0), "time_limit must be"),
        (dict(callback=3), "callback must be a function"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        least_squares(**{"fun": rosenbrock, "x0": START, **arguments})


def test_complex_steps_need_a_function_that_is_complex():
    """The modulus would have the derivative zero, and the run would end at once."""
    with pytest.raises(ValueError, match="'cs' needs a fun that is complex where x is"):
        least_squares(lambda x: np.abs(x) - 3, [1.0], "cs")


@pytest.mark.parametrize("unit", [1e-300, 1e300])
def test_units_of_the_residuals(unit):
    result = least_squares(lambda x: unit * rosenbrock(x), START)
    assert np.allclose(result.x, 1, atol=1e-12)


def misbehaving(what, calls=4):
    """Rosenbrock's residuals, but for one call."""
    count = []

    def fun(x):
        count.append(0)
        return what(x) if len(count) == calls else rosenbrock(x)

    return fun


@pytest.mark.parametrize(
    "what, message",
    [
        (lambda x: np.ones(3), r"fun must return shape \(2,\), got shape \(3,\)"),
        (lambda x: np.ones((2, 1)), "fun must return shape"),
        (lambda x: "text", "fun must return an array of numbers"),
        (lambda x: None, "fun must return an array of numbers, got None"),
        (lambda x: 1j * x, "fun must return real numbers"),
        (lambda x: 1 / 0, "division by zero"),
    ],
)
def test_a_function_that_misbehaves(what, message):
    with pytest.raises((ValueError, ZeroDivisionError), match=message) as info:
        least_squares(misbehaving(what), START)
    notes = " ".join(info.value.__notes__)
    assert "at x = [" in notes and "best until then: cost 12.1" in notes
    best = info.value.result
    assert best.cost == 0.5 * np.sum(rosenbrock(best.x) ** 2) <= 12.1


def test_a_jacobian_that_misbehaves():
    with pytest.raises(ValueError, match=r"jac must return \(2, 2\) real numbers, got") as info:
        least_squares(rosenbrock, START, lambda x: np.ones((3, 2)))
    assert "at x = [-1.2  1. ]" in info.value.__notes__[0]
    with pytest.raises(KeyError) as info:
        least_squares(rosenbrock, START, lambda x: {}[0])
    assert np.array_equal(info.value.result.x, START)
    result = least_squares(rosenbrock, START, lambda x: np.full((2, 2), np.nan))
    assert result.status == -6
    assert "at x = [-1.2  1. ]" in result.message
    assert np.array_equal(result.x, START)


def test_residuals_that_are_not_finite():
    result = least_squares(lambda x: x * np.nan, START)
    assert (result.status, result.success) == (-5, False)
    assert "x0 = [-1.2  1. ]" in result.message
    # on the way, the step is shortened
    np.testing.assert_allclose(least_squares(np.log, [20.0, 3.0]).x, 1, rtol=1e-15)


def test_check_grad():
    def wrong(x):
        J = rosenbrock_jac(x)
        J[0, 1] = -10
        return J

    message = r"along x\[1\]: d fun\[0\] / d x\[1\] is 10 by differences, but jac\[0, 1\] is -10"
    with pytest.raises(ValueError, match=message):
        least_squares(rosenbrock, START, wrong, check_grad=True)
    result = least_squares(rosenbrock, START, rosenbrock_jac, check_grad=True)
    np.testing.assert_allclose(result.x, 1)
    for problem in PROBLEMS:
        jac = problem.jacobian
        least_squares(problem.residual, problem.start, jac, check_grad=True, max_nfev=2)
