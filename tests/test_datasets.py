"""Tests of precisekit.datasets: values against mpmath and by hand, laws of sampling, bad input."""

import pickle
import subprocess
import sys
from math import asin, cos, exp, expm1, log, pi, sin, sqrt, tanh

import numpy as np
import pytest
from scipy import stats

from precisekit.datasets import (
    FeynmanEquation,
    feynman,
    list_feynman,
    sample_box,
    teacher_student,
)

mpmath = pytest.importorskip("mpmath")

IDS = list_feynman()
DIGITS = 50

# values written by hand from the Feynman Lectures, at points where the arithmetic is easy
BY_HAND = [
    ("I.6.2a", [2], exp(-2) / sqrt(2 * pi)),
    ("I.6.2", [2, 2], exp(-0.5) / (2 * sqrt(2 * pi))),
    ("I.6.2b", [2, 3, 1], exp(-0.5) / (2 * sqrt(2 * pi))),
    ("I.8.14", [1, 4, 1, 5], 5.0),
    ("I.9.18", [2, 1.5, 2, 4, 2, 3, 1, 3, 2], 6 / 9),
    ("I.10.7", [4, 1.5, 7.5], 4 / sqrt(0.96)),
    ("I.11.19", [1, 2, 3, 4, 5, 1], 17.0),
    ("I.12.2", [2, 3, 5, 2], 6 / (80 * pi)),
    ("I.12.11", [2, 3, 4, 5, pi / 2], 46.0),
    ("I.13.4", [2, 1, 2, 3], 14.0),
    ("I.13.12", [2, 3, 4, 2, 5], 7.5),
    ("I.15.3x", [8, 1.5, 2.5 * 1.5, 2], 5 / sqrt(1 - 0.16)),
    ("I.15.3t", [2, 4, 2, 3], 2.75 / sqrt(0.75)),
    ("I.16.6", [2, 1, 1], 1.6),
    ("I.18.4", [1, 3, 2, 4], 3.5),
    ("I.18.12", [2, 3, pi / 6], 3.0),
    ("I.24.6", [2, 1, 2, 3], 22.5),
    ("I.26.2", [0.5, pi / 2], pi / 6),
    ("I.27.6", [2, 4, 2], 1.0),
    ("I.29.16", [3, 4, 2, 2], 1.0),
    ("I.29.16", [3, 4, 2 + pi / 2, 2], 5.0),
    ("I.30.3", [2, pi, 2], 0.0),
    ("I.30.3", [2, pi, 3], 2.0),
    ("I.30.5", [1, 2, 1], pi / 6),
    ("I.30.5", [2, 2, 1], pi / 2),
    ("I.32.5", [2, 3, 1, 2], 36 / (48 * pi)),
    ("I.32.17", [1, 2, 2, 1, 1, 3], 4 * (8 * pi / 3) / 64),
    ("I.34.1", [4, 1, 3], 4.0),
    ("I.34.14", [5, 2, 3], 3 * 1.4 / sqrt(0.84)),
    ("I.34.27", [2, pi], 1.0),
    ("I.37.4", [4, 4, pi / 3], 12.0),
    ("I.38.12", [1, 2, 3, 4], 16 * pi * (3 / (2 * pi)) ** 2 / 4),
    ("I.39.1", [2, 3], 9.0),
    ("I.39.11", [3, 2, 5], 5.0),
    ("I.39.22", [2, 3, 4, 5], 7.5),
    ("I.40.1", [2, 1, 2, 4, 3, 5], 2 * exp(-0.3)),
    ("I.41.16", [2, 1, pi, 1, 3], 4 / (9 * pi**2 * expm1(1))),
    ("I.44.4", [1, 2, 3, 2, 4], 6 * log(2)),
    ("I.48.2", [2, 1.5, 3], 18 / sqrt(0.75)),
    ("I.50.26", [2, 1, pi / 3, 3], 2 * (0.5 + 0.75)),
    ("II.2.42", [2, 5, 1, 3, 4], -6.0),
    ("II.6.11", [1, 2, pi / 3, 2], 1 / (16 * pi)),
    ("II.6.15a", [1, 2, 2, 3, 2.25, 3], 18 * 3.75 / (128 * pi)),
    ("II.6.15b", [1, 2, pi / 4, 2], 3 / (32 * pi)),
    ("II.8.7", [5, 1, 3], 15 / (12 * pi)),
    ("II.11.3", [2, 3, 2, 4, 2], 0.25),
    ("II.11.17", [2, 1, 2, pi / 3, 2, 3], 5.0),
    ("II.11.27", [0.75, 1, 2, 1], 2.0),
    ("II.11.28", [0.75, 1], 2.0),
    ("II.13.17", [1, 2, 4, 2], 1 / (4 * pi)),
    ("II.15.4", [2, 3, pi / 3], -3.0),
    ("II.15.5", [2, 5, pi], 10.0),
    ("II.21.32", [2, 1, 4, 1, 5], 2 / (16 * pi * 0.8)),
    ("II.24.17", [5, 1, 2], sqrt(25 - pi**2 / 4)),
    ("II.34.29b", [2, pi, 1, 3, 4], 48.0),
    ("II.35.18", [2, 1, 2, 1, 3], 2 / (exp(1.5) + exp(-1.5))),
    ("II.35.21", [2, 3, 1, 2, 3], 6 * tanh(0.5)),
    ("II.36.38", [1, 2, 1, 2, 3, 1, 1, 2], 4.0),
    ("II.37.1", [2, 3, 4], 30.0),
    ("II.38.14", [4, 1], 1.0),
    ("III.4.32", [pi, 2, 1, 4], 1 / expm1(0.25)),
    ("III.4.33", [pi, 2, 1, 4], 1 / expm1(0.25)),
    ("III.8.54", [1, 1, 4], 1.0),
    ("III.9.52", [1, 2, 2, pi, 3, 2], 8 * sin(1) ** 2),
    ("III.9.52", [1, 2, 2, pi, 3, 3], 8.0),
    ("III.10.19", [2, 2, 1, 2], 6.0),
    ("III.13.18", [1, 2, 3, 4], 12 * pi),
    ("III.14.14", [2, 1, 2, 2, 2], 2 * expm1(0.5)),
    ("III.15.12", [3, pi / 3, 1], 3.0),
    ("III.15.14", [4, 2, 1], 1 / pi**2),
    ("III.17.37", [2, 3, pi / 3], 5.0),
    ("III.19.51", [1, 2, 1, 2, 1], -16 * 4 * pi**2 / (2 * 16 * pi**2) / 4),
    ("III.21.20", [2, 3, 5, 2], -15.0),
    ("Z.001", [-0.5], 0.25),
    ("Z.002", [pi / 6], 0.5),
    ("Z.003", [2.25], 1.5),
    ("Z.004", [3], 3.0),
    ("Z.005", [-0.5], -0.125),
    ("Z.006", [0.5], -0.125),
    ("Z.007", [2.5, 2, pi / 3], sqrt(5) / 2),
    ("Z.008", [3, 4], 12.0),
    ("Z.009", [-1], exp(-1)),
]

# the vocabulary of the published formulas, for an evaluation independent of the library's
PUBLISHED = {
    "pi": mpmath.pi,
    "sqrt": mpmath.sqrt,
    "exp": mpmath.exp,
    "ln": mpmath.log,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tanh": mpmath.tanh,
    "arcsin": mpmath.asin,
}


def published_value(q, point):
    """Evaluate q.formula itself; 3/5 is the one fraction that is not exact in binary."""
    formula = q.formula.replace("3/5", "mpf(3)/5")
    variables = dict(zip(q.variables, point, strict=True))
    return eval(formula, {**PUBLISHED, "mpf": mpmath.mpf}, variables)


def test_table_has_the_109_published_names():
    assert len(IDS) == len(set(IDS)) == 109
    assert [IDS[i] for i in (0, 1, 12, 99, 100, 108)] == [
        "I.6.2a", "I.6.2", "I.13.4", "III.21.20", "Z.001", "Z.009"
    ]  # fmt: skip
    assert sum(name.startswith("Z.") for name in IDS) == 9


@pytest.mark.parametrize("name", IDS)
def test_description_is_consistent(name):
    q = feynman(name)
    assert isinstance(q, FeynmanEquation) and q.id == name and name in repr(q)
    assert q.n_variables == len(q.variables) == len(set(q.variables)) == len(q.ranges)
    assert q.ranges == list(zip(q.lo, q.hi, strict=True))
    assert q.lo.dtype == q.hi.dtype == np.float64 and np.all(q.lo < q.hi)
    names = compile(q.formula, name, "eval").co_names
    assert set(names) - PUBLISHED.keys() == set(q.variables)


@pytest.mark.parametrize("name", IDS)
def test_float64_agrees_with_mpmath(name):
    # bound: 1e-14 of the rms of y, about 45 rounding errors, over points in the box; half of the
    # points crowd at its faces, where cancellation and branch points are worst
    q = feynman(name)
    X = np.vstack([sample_box(q.lo, q.hi, 40, law, seed=7) for law in ("uniform", "arcsine")])
    y = q(X)
    assert y.shape == (80,) and y.dtype == np.float64
    with mpmath.workdps(DIGITS):
        exact = [q.mp(point) for point in X]
        error = max(abs(a - b) for a, b in zip(y.tolist(), exact, strict=True))
        assert error <= 1e-14 * np.sqrt(np.mean(y**2))
        # the evaluated form is the published formula, the removable 0/0 of III.9.52 aside
        for point, value in zip(X.tolist(), exact, strict=True):
            published = published_value(q, [mpmath.mpf(v) for v in point])
            assert abs(published - value) <= mpmath.mpf(10) ** -40 * (1 + abs(value))


@pytest.mark.parametrize("name, point, value", BY_HAND)
def test_value_by_hand(name, point, value):
    q = feynman(name)
    assert q([point])[0] == pytest.approx(value, rel=4e-15, abs=1e-15)
    assert float(q.mp(point)) == pytest.approx(value, rel=4e-15, abs=1e-15)


@pytest.mark.parametrize(
    "name, formula",
    [
        ("II.15.4", "-mom*B*cos(theta)"),
        ("II.15.5", "-p_d*Ef*cos(theta)"),
        ("III.21.20", "-rho_c_0*q*A_vec/m"),
    ],
)
def test_corrected_formulas(name, formula):
    assert feynman(name).formula == formula


@pytest.mark.parametrize(
    "name, count",
    [("I.18.12", 3), ("I.18.14", 4), ("I.38.12", 4), ("II.37.1", 3), ("III.10.19", 4),
     ("III.19.51", 5)],
)  # fmt: skip
def test_corrected_numbers_of_variables(name, count):
    assert feynman(name).n_variables == count


@pytest.mark.parametrize(
    "name, points",
    [
        # detuning from 0 to where sin(x)/x leaves 1
        ("III.9.52", [[1, 2, 1.5, 2, 3, 3 - d] for d in (0, 2**-51, 2**-40, 2**-26, 2**-10)]),
        # small exponents: exp(x) - 1 would lose all digits of x
        ("III.4.32", [[h, 1, 1, 1] for h in (1e-300, 1e-20, 1e-9, 1e-3)]),
        ("III.14.14", [[1, q, 1, 1, 1] for q in (1e-300, 1e-20, 1e-9, 1e-3)]),
        ("III.15.12", [[1, k, 1] for k in (1e-150, 1e-20, 1e-9, 1e-3)]),
        # v close to c
        ("I.10.7", [[1, 2 - d, 2] for d in (2**-52, 2**-40, 2**-20)]),
        ("I.34.14", [[2, 2 - d, 3] for d in (2**-52, 2**-40, 2**-20)]),
        # nearly equal vectors, and angles
        ("I.29.16", [[3, 3, 2, 2 + d] for d in (2**-51, 2**-40, 2**-20)]),
        # the branch points of the two arcsines
        ("I.26.2", [[1 - 2**-53, pi / 2], [1, pi / 2], [1 - 2**-30, pi / 2], [1, 1.57]]),
        ("I.30.5", [[2 - d, 2 + 4 * d, 1 + d] for d in (0, 2**-52, 2**-40, 2**-20)]),
        ("I.30.3", [[2, t, 3] for t in (0, 1e-300, 1e-10)]),
    ],
)
def test_no_cancellation(name, points):
    q = feynman(name)
    y = q(points)
    with mpmath.workdps(400):  # enough for the smallest arguments
        for value, point in zip(y, points, strict=True):
            exact = q.mp(point)
            assert abs(mpmath.mpf(value) - exact) <= 2e-15 * abs(exact)


def test_stable_forms_keep_the_sign_outside_the_box():
    assert feynman("I.10.7")([[3, 1, -2]])[0] == pytest.approx(3 / sqrt(0.75), rel=1e-15)
    assert feynman("I.30.5")([[1, -2, 1]])[0] == pytest.approx(-pi / 6, rel=1e-15)
    assert feynman("I.26.2")([[0.5, -pi / 2]])[0] == pytest.approx(asin(-0.5), rel=1e-15)
    assert feynman("I.29.16")([[-3, 4, 1, 3]])[0] == pytest.approx(
        sqrt(25 + 24 * cos(2)), rel=1e-15
    )


def test_mp_follows_the_current_precision():
    q = feynman("II.8.7")
    for digits in (30, 100, 30):
        with mpmath.workdps(digits):
            exact = mpmath.mpf(3) / 5 / (4 * mpmath.pi)
            assert abs(q.mp([1, 1, 1]) - exact) < exact * mpmath.mpf(10) ** (1 - digits)
    assert feynman("Z.004").mp([np.float64(0.1)]) == mpmath.mpf(0.1)
    assert feynman("Z.008").mp(np.array([3, 4])) == 12


def test_results_own_their_memory():
    X = np.array([[2.0], [3.0]])
    y = feynman("Z.004")(X)
    y[:] = 0
    assert X.tolist() == [[2.0], [3.0]]
    with pytest.raises(ValueError):
        feynman("I.8.14").lo[0] = 9.0


def test_array_likes_and_pickling():
    q = feynman("I.11.19")
    X = sample_box(q.lo, q.hi, 5)
    assert np.array_equal(q(X), q(X.tolist()))
    assert np.array_equal(q(X), q(np.asfortranarray(X)))
    assert np.array_equal(q(X), pickle.loads(pickle.dumps(q))(X))
    assert q(X.astype(np.float32)).dtype == np.float64


def test_unknown_equation():
    with pytest.raises(ValueError, match=r"I\.11\.91.*I\.11\.19"):
        feynman("I.11.91")
    with pytest.raises(ValueError, match=r"III\.21\.20"):
        feynman("iii.21.20")
    with pytest.raises(ValueError, match="list_feynman"):
        feynman("nothing like it")
    with pytest.raises(ValueError, match="7"):
        feynman(7)


@pytest.mark.parametrize(
    "X, message",
    [
        ([[1, 2, 3]], r"X must have shape \(n, 2\)"),
        ([1, 2], r"X must have shape \(n, 2\)"),
        (np.empty((0, 2)), "n >= 1"),
        ([[1, 2], [3, np.nan]], r"X\[1, 1\] is nan"),
        ([[1, 2], [-np.inf, 3]], r"X\[1, 0\] is -inf"),
        ([["a", "b"]], "X must hold real numbers"),
        ([[1j, 1]], "X must hold real numbers"),
        ([[1, 2], [3]], "X must hold real numbers"),
    ],
)
def test_bad_points(X, message):
    with pytest.raises(ValueError, match=message):
        feynman("Z.008")(X)


@pytest.mark.parametrize(
    "name, point, message",
    [
        ("Z.008", [1], "point must have 2 coordinates"),
        ("Z.008", 1.0, "point must be a sequence"),
        ("Z.008", [1, 1j], "point must be a sequence"),
        ("Z.008", [1, float("nan")], r"point\[1\] is nan"),
        ("Z.003", [-1], "domain of Z.003"),
        ("I.29.4", [1, 0], "domain of I.29.4"),
        ("I.26.2", [2, 1.5], "domain of I.26.2"),
    ],
)
def test_bad_mp_point(name, point, message):
    with pytest.raises(ValueError, match=message):
        feynman(name).mp(point)


def test_outside_the_domain_is_nan():
    with np.errstate(invalid="ignore"):
        assert np.isnan(feynman("I.26.2")([[2, 1.5]])[0])
        assert np.isnan(feynman("I.30.5")([[2, 1, 1]])[0])


def test_mpmath_is_optional(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpmath", None)
    assert feynman("Z.008")([[3, 4]])[0] == 12
    with pytest.raises(ImportError, match="mpmath"):
        feynman("Z.008").mp([3, 4])


def test_import_is_cheap():
    code = "import sys, precisekit.datasets; print(sorted({'mpmath', 'sympy'} & set(sys.modules)))"
    path = [p for p in sys.path if p]
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}; {code}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout.strip() == "[]"


# sample_box

LAWS = ("uniform", "arcsine", "sobol")


@pytest.mark.parametrize("law", LAWS)
def test_points_lie_in_the_box_and_repeat(law):
    lo, hi = np.array([-1.0, 0.1, 1e6]), np.array([2.0, 0.3, 1e6 + 1e-9])  # the last: a few ulps
    X = sample_box(lo, hi, 1000, law, seed=3)
    assert X.shape == (1000, 3) and X.dtype == np.float64 and X.flags.c_contiguous
    assert np.all(X >= lo) and np.all(X <= hi)
    assert np.array_equal(X, sample_box(lo, hi, 1000, law, seed=3))
    assert not np.array_equal(X, sample_box(lo, hi, 1000, law, seed=4))
    assert len(np.unique(X[:, 0])) == 1000


@pytest.mark.parametrize(
    "law, distribution", [("uniform", stats.uniform), ("arcsine", stats.arcsine)]
)
def test_law_of_independent_points(law, distribution):
    lo, hi = np.array([-3.0, 2.0]), np.array([1.0, 5.0])
    X = sample_box(lo, hi, 20_000, law, seed=11)
    for j in range(2):
        assert stats.kstest(X[:, j], distribution(lo[j], hi[j] - lo[j]).cdf).pvalue > 0.01
    assert abs(np.corrcoef(X.T)[0, 1]) < 4 / sqrt(20_000)
    other = stats.uniform if law == "arcsine" else stats.arcsine
    assert stats.kstest(X[:, 0], other(lo[0], hi[0] - lo[0]).cdf).pvalue < 1e-10


def test_sobol_is_balanced_and_silent(recwarn):
    X = sample_box(0, [1, 1], 256, "sobol", seed=5)
    counts = np.histogram2d(*X.T, bins=16, range=[[0, 1], [0, 1]])[0]
    assert np.all(counts == 1)  # a (0, m, 2)-net has one point in each cell
    assert sample_box(0, 1, 100, "sobol").shape == (100, 1)
    assert not recwarn.list
    assert np.mean(X * 2.0**30 % 1 != 0) > 0.9  # full mantissas, not SciPy's 30 bits


def test_scalar_bounds_and_huge_boxes():
    assert sample_box(-1, 1, 4).shape == (4, 1)
    assert np.array_equal(sample_box(-1, [1, 1], 4), sample_box([-1, -1], [1, 1], 4))
    assert np.all(np.isfinite(sample_box(-1.7e308, 1.7e308, 100, "arcsine")))


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([0, 1], [1, 1], 5), r"lo\[1\] is 1\.0"),
        ((2, 1, 5), "lo must be less than hi"),
        (([0, np.nan], [1, 1], 5), r"lo\[1\] is nan"),
        ((0, np.inf, 5), r"hi\[0\] is inf"),
        (([0, 0], [1, 1, 1], 5), "equal lengths"),
        (([[0]], 1, 5), "lo must be a number"),
        (([], 1, 5), "lo must be a number"),
        (("a", 1, 5), "lo must hold real"),
        ((0, 1, 0), "n must be at least 1"),
        ((0, 1, 2.5), "n must be an integer"),
        ((0, 1, 5, "gauss"), "law must be .*'gauss'"),
    ],
)
def test_bad_boxes(arguments, message):
    with pytest.raises(ValueError, match=message):
        sample_box(*arguments)


# teacher_student


def test_teacher_packing_is_row_major_weights_then_bias():
    X, y, teacher = teacher_student((2, 3, 1), n=10, seed=1)
    assert teacher.sizes == (2, 3, 1) and teacher.theta.shape == (13,)
    t = teacher.theta
    for x, value in zip(X, y, strict=True):
        hidden = [np.tanh(t[2 * i] * x[0] + t[2 * i + 1] * x[1] + t[6 + i]) for i in range(3)]
        expected = sum(t[9 + i] * hidden[i] for i in range(3)) + t[12]
        assert value == pytest.approx(expected, rel=1e-14, abs=1e-15)


def test_teacher_weights_follow_the_law_of_torch():
    rng = np.random.default_rng(5)
    expected = [rng.uniform(-1, 1, 4) / sqrt(1), rng.uniform(-1, 1, 3) / sqrt(2)]
    *_, teacher = teacher_student((1, 2, 1), n=1, seed=5)
    assert np.allclose(teacher.theta, np.concatenate(expected), rtol=1e-15)
    *_, wide = teacher_student((9, 400, 1), n=1, seed=5)
    assert stats.kstest(wide.theta[:4000], stats.uniform(-1 / 3, 2 / 3).cdf).pvalue > 0.01
    assert stats.kstest(wide.theta[4000:], stats.uniform(-1 / 20, 2 / 20).cdf).pvalue > 0.01


def test_teacher_is_reproducible_and_independent_of_the_points():
    X, y, teacher = teacher_student(seed=2)
    X2, y2, teacher2 = teacher_student(seed=2)
    assert X.shape == (1000, 1) and y.shape == (1000,) and teacher.theta.shape == (22,)
    assert np.array_equal(X, X2) and np.array_equal(y, y2) and np.array_equal(y, teacher(X))
    *_, other_points = teacher_student(seed=2, n=7, lo=0, hi=3, law="arcsine")
    assert np.array_equal(teacher.theta, teacher2.theta)
    assert np.array_equal(teacher.theta, other_points.theta)
    assert not np.array_equal(X, sample_box(-1, 1, 1000, seed=2))  # not the weights' stream
    assert not np.array_equal(teacher.theta, teacher_student(seed=3)[2].theta)
    assert np.array_equal(pickle.loads(pickle.dumps(teacher))(X), y)


@pytest.mark.parametrize("sizes", [(1, 3, 3, 1), (2, 1), (3, 20, 20, 1)])
def test_teacher_agrees_with_mpmath(sizes):
    X, y, teacher = teacher_student(sizes, n=30, seed=4, law="arcsine")
    with mpmath.workdps(DIGITS):
        error = max(abs(a - teacher.mp(x)) for a, x in zip(y.tolist(), X, strict=True))
    assert error <= 1e-15  # of sums of terms below 1


def test_teacher_box():
    X, _, _ = teacher_student((2, 3, 1), n=50, lo=[0, 10], hi=[1, 20])
    assert np.all(X >= [0, 10]) and np.all(X <= [1, 20])
    assert teacher_student((2, 3, 1), n=5, lo=0, hi=[1, 2])[0].shape == (5, 2)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"sizes": (1, 3, 2)}, "sizes"),
        ({"sizes": (1,)}, "sizes"),
        ({"sizes": (1, 0, 1)}, "sizes"),
        ({"sizes": (1, 2.5, 1)}, "sizes"),
        ({"sizes": 3}, "sizes"),
        ({"sizes": (2, 1), "lo": [0, 0, 0], "hi": [1, 1, 1]}, "length sizes"),
        ({"n": 0}, "n must"),
        ({"law": "gauss"}, "law"),
        ({"lo": 2}, "lo must be less"),
    ],
)
def test_bad_teachers(arguments, message):
    with pytest.raises(ValueError, match=message):
        teacher_student(**arguments)


def test_teacher_rejects_bad_points():
    *_, teacher = teacher_student((2, 3, 1), n=1)
    with pytest.raises(ValueError, match=r"X must have shape \(n, 2\)"):
        teacher([[1.0]])
    with pytest.raises(ValueError, match="point must have 2"):
        teacher.mp([1.0])
