"""Tests of precisekit.symmetry: what is found, what is not, and the chain rule through it."""

import numpy as np
import pytest

import precisekit as pk
from precisekit.symmetry import Relation, Symmetries, find_symmetries

RNG = np.random.default_rng(0)


def found(f, lo, hi, error=1e-6, noise=0.0, n=400):
    """The symmetries of f(X) on a box, from complex-step derivatives with some relative noise."""
    X = pk.sample_box(lo, hi, n, seed=1)
    gradient = np.empty_like(X)
    for k in range(X.shape[1]):
        Z = X.astype(complex)
        Z[:, k] += 1e-30j
        gradient[:, k] = f(Z).imag / 1e-30
    gradient *= 1 + noise * RNG.standard_normal(gradient.shape)
    symmetries, left = find_symmetries(X, f(X)[:, None], gradient[:, None], error)
    assert left <= max(20 * error, 1e-4)
    return symmetries, X


def gravity(X):
    G, m1, m2, x1, x2, y1, y2 = X.T
    return G * m1 * m2 / ((x2 - x1) ** 2 + (y2 - y1) ** 2)


BOX = ([1, 1, 1, 3, 1, 3, 1], [2, 2, 2, 4, 2, 4, 2])


@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_gravity_is_a_function_of_one_variable(noise):
    symmetries, X = found(gravity, *BOX, error=max(1e-6, noise), noise=noise)
    variables, factor = symmetries(X)
    assert variables.shape == (400, 1)
    quotient = variables[:, 0]
    rest = gravity(X) / factor  # a function of the quotient alone: 1 / (1 + q**2)
    np.testing.assert_allclose(rest, 1 / (1 + quotient**2), rtol=1e-14)


def test_structure_in_words():
    names = ["G", "m1", "m2", "x1", "x2", "y1", "y2"]
    symmetries, _ = found(gravity, *BOX)
    text = symmetries.structure(names)
    assert text in (
        "G m1 m2 (x1 - x2)**(-2) F((y1 - y2)/(x1 - x2))",
        "G m1 m2 (y1 - y2)**(-2) F((x1 - x2)/(y1 - y2))",
    )
    assert str(Symmetries()) == ""


def test_a_function_without_symmetries_has_none():
    def f(X):
        return np.exp(X[:, 0]) * np.sin(X[:, 1]) + X[:, 0] * X[:, 1] ** 2

    symmetries, _ = found(f, [1, 1], [2, 2])
    assert not symmetries


def test_nearly_a_symmetry_is_none():
    """Scaling with an exponent that is no small fraction, and a shift that holds to a percent."""
    assert not found(lambda X: X[:, 0] ** 0.9 + X[:, 1] ** 1.7, [1, 1], [2, 2])[0]
    assert not found(lambda X: np.exp(X[:, 0] - 1.01 * X[:, 1]), [1, 1], [2, 2])[0]


def test_products_of_any_sign():
    """Scalings hold for variables of any sign, as long as one that is positive can go."""

    def f(X):
        return np.cos(X[:, 0] * X[:, 1])

    symmetries, X = found(f, [-2, 1], [2, 3])
    variables, factor = symmetries(X)
    np.testing.assert_allclose(variables[:, 0], X[:, 0] * X[:, 1], rtol=1e-15)
    assert np.all(factor == 1)
    assert not found(f, [-2, -1], [2, 3])[0]  # neither may go


def test_a_sum_of_products_is_a_function_of_it():
    """Scalings first, then shifts of what they leave, and at last it is its own first power."""

    def f(X):
        return X[:, 0] * X[:, 1] + X[:, 2] * X[:, 3] + X[:, 4] * X[:, 5]

    symmetries, X = found(f, [1] * 6, [5] * 6)
    variables, factor = symmetries(X)
    assert variables.shape[1] == 1
    for one in (variables[:, 0], factor):
        np.testing.assert_allclose(one, f(X), rtol=1e-14)


def test_roots_and_squares():
    def f(X):
        return np.sqrt(X[:, 0]) * np.exp(-X[:, 1] / X[:, 2] ** 2)

    symmetries, X = found(f, [1, 1, 1], [3, 2, 2])
    variables, factor = symmetries(X)
    assert variables.shape[1] == 1
    order = np.argsort(variables[:, 0])
    assert np.all(np.diff((f(X) / factor)[order]) < 0) or np.all(
        np.diff((f(X) / factor)[order]) > 0
    )


@pytest.mark.parametrize(
    "f, words",
    [
        (lambda X: 3 * X[:, 0] * X[:, 1] ** 2, "x1 x2**2 F(x2)"),
        (lambda X: 1 / np.sqrt(X[:, 0] + X[:, 1]), "(x2 + x1)**(-1/2) F(x2 + x1)"),
    ],
)
def test_one_variable_stays_and_a_power_of_it_goes(f, words):
    symmetries, X = found(f, [1, 1], [2, 2])
    variables, factor = symmetries(X)
    assert variables.shape == (400, 1)
    np.testing.assert_allclose(f(X) / factor, (f(X) / factor)[0], rtol=1e-14)
    assert str(symmetries) == words


def test_a_last_variable_of_any_sign_has_no_power():
    symmetries, X = found(lambda X: (X[:, 0] - X[:, 1]) ** 2, [1, 1], [2, 2])
    assert [relation.kind for relation in symmetries.relations] == ["shift"]


def test_a_variable_without_influence_goes():
    symmetries, X = found(lambda X: np.sin(X[:, 0]) + X[:, 0] + 0 * X[:, 1], [1, 1], [2, 2])
    np.testing.assert_array_equal(symmetries(X)[0], X[:, :1])


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("power", [(), (Relation("scaling", 0, np.ones(1), -1.5),)])
def test_chain_rule(n_outputs, power):
    """pull_back against differences, through shifts, scalings and a power at last."""
    symmetries, X = found(gravity, *BOX)
    symmetries = symmetries + Symmetries(power)
    assert symmetries.lead(X.shape[1], 1) and not symmetries.lead(X.shape[1], 2)

    def F(z):
        return np.stack([np.exp(z[:, 0] * (1 + k)) for k in range(n_outputs)], axis=1)

    def whole(X):
        variables, factor = symmetries(X)
        return F(variables) * factor[:, None]

    variables, _ = symmetries(X)
    slope = F(variables)[..., None] * np.arange(1, n_outputs + 1)[:, None]
    gradient = symmetries.pull_back(X, F(variables), slope)
    for k in range(X.shape[1]):
        step = 1e-6
        up, down = X.copy(), X.copy()
        up[:, k] += step
        down[:, k] -= step
        difference = (whole(up) - whole(down)) / (2 * step)
        np.testing.assert_allclose(gradient[..., k], difference, rtol=1e-6, atol=1e-7)


def test_powers_of_numbers_that_are_not_positive():
    symmetries = Symmetries((Relation("scaling", 0, np.array([1.0, 1.0]), 1.0),))
    with pytest.raises(ValueError, match=r"X\[1\] has -1.0 where this model takes powers"):
        symmetries(np.array([[1.0, 2.0], [-1.0, 2.0]]))


def test_an_inverse_power_of_zero_is_refused_before_it_is_taken():
    """Without NumPy's warning of a division by zero, which the suite makes an error."""
    inverse = Symmetries((Relation("scaling", 0, np.array([1.0]), -1.0),))
    with pytest.raises(ValueError, match=r"X\[1\] has 0.0 where this model takes powers"):
        inverse(np.array([[1.0], [0.0]]))


@pytest.mark.parametrize("unit", [1e-300, 1e-80, 1e80, 1e300])
def test_no_factors_that_float64_does_not_hold(unit):
    """The product of the inputs would be zero, or infinite, and the model with it."""
    X = unit * pk.sample_box([1, 1], [3, 3], 60, seed=0)
    y = (X[:, 0] / unit) * (X[:, 1] / unit)
    model = pk.fit(X, y, target=1e-9, time_limit=10, kinds="network", random_state=0)
    assert model.report_.held_out_rmse < 1e-9
    assert np.allclose(model.predict(X), y, rtol=1e-7)


def test_a_fit_finds_and_keeps_them(tmp_path):
    X = pk.sample_box(*BOX, 2500, law="arcsine", seed=0)
    model = pk.fit(X, gravity(X), target=1e-10, time_limit=60)
    assert model.report_.held_out_rmse <= 1e-10
    assert model.input_map_.lo.size == 1
    fresh = pk.sample_box(*BOX, 1000, seed=5)
    error = np.linalg.norm(model.predict(fresh) - gravity(fresh)) / np.linalg.norm(gravity(fresh))
    assert error < 1e-9
    gradient = model.predict_gradient(fresh)
    np.testing.assert_allclose(gradient[:, 0], gravity(fresh) / fresh[:, 0], rtol=1e-8)
    pk.save(model, tmp_path / "gravity.pkit")
    again = pk.load(tmp_path / "gravity.pkit")
    assert again.predict(fresh).tobytes() == model.predict(fresh).tobytes()
    assert again.predict_gradient(fresh).tobytes() == gradient.tobytes()
    assert again.report_.structure == model.report_.structure != ""


def test_they_can_be_left_alone():
    X = pk.sample_box([1, 1], [2, 2], 400, seed=0)
    model = pk.MLPRegressor(
        hidden_layer_sizes=(6,), find_symmetries=False, max_iter=10, random_state=0
    ).fit(X, X[:, 0] * X[:, 1])
    assert not model.symmetries_ and model.report_.structure == ""


def test_a_sum_of_products_holds_beyond_the_samples():
    def f(X):
        return X[:, 0] * X[:, 1] + X[:, 2] * X[:, 3]

    X = pk.sample_box([1] * 4, [3] * 4, 1500, seed=0)
    model = pk.MLPRegressor(hidden_layer_sizes=(12, 12), time_limit=60, random_state=0).fit(X, f(X))
    beyond = pk.sample_box([0.7] * 4, [4] * 4, 1000, seed=1)
    np.testing.assert_allclose(model.predict(beyond), f(beyond), rtol=1e-14)
