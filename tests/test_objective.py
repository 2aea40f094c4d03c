"""Tests of precisekit.LeastSquares: every derivative against extended precision, laws, input."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import reference
from reference import relative_error

import precisekit as pk

# sizes, activations, number of samples, whether the samples are weighted. Blocks have 128 samples.
CASES = [
    ([2, 1], [], 131, False),
    ([3, 2], [], 40, True),
    ([1, 4, 1], ["tanh"], 131, False),
    ([1, 4, 1], ["tanh"], 1, False),
    ([4, 2, 3], ["sin"], 131, True),
    ([2, 5, 1], ["relu"], 128, False),
    ([1, 4, 3, 1], ["tanh", "tanh"], 260, True),
    ([2, 3, 4, 1], ["gelu", "identity"], 1, True),
    ([3, 2, 4, 2], ["sin", "gelu"], 131, True),
    ([2, 3, 4, 2, 1], ["sigmoid", "tanh", "sin"], 131, False),
    ([2, 3, 1, 3, 2], ["sigmoid", "tanh", "relu"], 33, True),
    ([2, 3, 2, 3, 2, 1], ["tanh", "identity", "sin", "sigmoid"], 131, True),
    ([1, 2, 3, 2, 2, 3, 3], ["gelu", "tanh", "sigmoid", "sin", "tanh"], 65, False),
    ([2, 5, 3, 2], [["tanh", "tanh", "sin", "sin", "sin"], ["relu", "gelu", "tanh"]], 131, True),
]


def describe(case):
    sizes, activations, n, weighted = case
    return f"{reference.describe(sizes, activations)} n={n}{' weighted' * weighted}"


@pytest.fixture(params=CASES, ids=describe, scope="module")
def case(request):
    """An objective, parameters and the truth."""
    sizes, activations, n, weighted = request.param
    rng = np.random.default_rng(11)
    net = pk.MLP(sizes, activations)
    theta = rng.normal(size=net.n_params)
    X = rng.uniform(-1.5, 1.5, (n, sizes[0]))
    Y = rng.normal(size=(n, sizes[-1]))
    weights = rng.uniform(0, 3, n) if weighted else None
    return SimpleNamespace(
        objective=pk.LeastSquares(net, X, Y, weights),
        theta=theta,
        truth=reference.least_squares(sizes, activations, theta, X, Y, weights),
        v=rng.normal(size=net.n_params),
    )


@pytest.mark.skipif(
    not reference.HAS_EXTENDED_PRECISION, reason="long double is no wider than double here"
)
class TestAgainstExtendedPrecision:
    def test_fun(self, case):
        value = case.objective.fun(case.theta)
        assert isinstance(value, float)
        assert abs(value - case.truth.fun) <= 2e-15 * case.truth.fun

    def test_jac(self, case):
        assert relative_error(case.objective.jac(case.theta), case.truth.jac) <= 1e-14

    def test_fun_and_jac(self, case):
        value, gradient = case.objective.fun_and_jac(case.theta)
        assert abs(value - case.truth.fun) <= 2e-15 * case.truth.fun
        np.testing.assert_array_equal(gradient, case.objective.jac(case.theta))

    def test_residual(self, case):
        assert relative_error(case.objective.residual(case.theta), case.truth.residual) <= 2e-15

    def test_residual_jac(self, case):
        J = case.objective.residual_jac(case.theta)
        assert relative_error(J, case.truth.residual_jac) <= 1e-14

    def test_gauss_newton(self, case):
        G = case.objective.gauss_newton(case.theta)
        np.testing.assert_array_equal(G, G.T)
        assert relative_error(G, case.truth.gauss_newton) <= 1e-14

    def test_hess(self, case):
        H = case.objective.hess(case.theta)
        np.testing.assert_array_equal(H, H.T)
        assert relative_error(H, case.truth.hess) <= 1e-13

    def test_hess_block_by_block(self, case):
        # A small block must be as exact as a large one: errors against its own norm, except where
        # it cancels.
        net = case.objective.net
        ends = np.cumsum([(a + 1) * b for a, b in zip(net.sizes, net.sizes[1:], strict=False)])
        layers = [slice(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True)]
        H = case.objective.hess(case.theta)
        scale = np.max(np.abs(case.truth.gauss_newton))
        for rows in layers:
            for columns in layers:
                block = case.truth.hess[rows, columns]
                error = np.max(np.abs(H[rows, columns] - block))
                assert error <= 1e-13 * max(np.max(np.abs(block)), 1e-2 * scale)

    def test_hessp(self, case):
        product = case.objective.hessp(case.theta, case.v)
        assert relative_error(product, case.truth.hess @ case.v) <= 1e-13

    def test_relative_rmse(self, case):
        value = case.objective.relative_rmse(case.theta)
        assert abs(value - case.truth.relative_rmse) <= 2e-15 * case.truth.relative_rmse


@pytest.mark.parametrize(
    ("sizes", "activation"),
    [([1, 20, 20, 1], "tanh"), ([3, 14, 9, 14, 2], ["sin", "gelu", "tanh"]), ([6, 30, 1], "tanh")],
)
def test_hess_and_hessp_of_larger_networks_agree(sizes, activation):
    # Two algorithms that share the forward pass only.
    rng = np.random.default_rng(2)
    net = pk.MLP(sizes, activation)
    X, Y = rng.uniform(-1, 1, (1000, sizes[0])), rng.normal(size=(1000, sizes[-1]))
    objective = pk.LeastSquares(net, X, Y, rng.uniform(0, 1, 1000))
    theta = net.init(1)
    H = objective.hess(theta)
    np.testing.assert_array_equal(H, H.T)
    for _ in range(3):
        v = rng.normal(size=net.n_params)
        product = objective.hessp(theta, v)
        assert np.linalg.norm(H @ v - product) <= 1e-13 * np.linalg.norm(H) * np.linalg.norm(v)
        assert np.linalg.norm(H @ v - product) <= 1e-13 * np.linalg.norm(product)


def test_hess_is_gauss_newton_where_the_residual_vanishes():
    rng = np.random.default_rng(4)
    net = pk.MLP([2, 6, 4, 1])
    theta, X = net.init(3), rng.uniform(-1, 1, (200, 2))
    objective = pk.LeastSquares(net, X, net.forward(theta, X))
    assert objective.fun(theta) == 0.0
    G, H = objective.gauss_newton(theta), objective.hess(theta)
    assert np.linalg.norm(H - G) <= 1e-14 * np.linalg.norm(G)


def test_hessp_is_linear_and_zero_at_zero():
    rng = np.random.default_rng(5)
    net = pk.MLP([2, 4, 3, 2])
    objective = pk.LeastSquares(net, rng.normal(size=(50, 2)), rng.normal(size=(50, 2)))
    theta, v = net.init(0, "torch"), rng.normal(size=net.n_params)
    np.testing.assert_array_equal(objective.hessp(theta, np.zeros_like(v)), 0.0)
    np.testing.assert_array_equal(
        objective.hessp(theta, -2.0 * v), -2.0 * objective.hessp(theta, v)
    )


@pytest.mark.parametrize("n", [1, 31, 32, 33, 127, 128, 129, 255, 257, 640, 1000])
def test_padding_of_the_last_block_counts_for_nothing(n):
    # The mean over n samples is the mean of the parts before and after a cut, wherever it falls.
    rng = np.random.default_rng(n)
    net = pk.MLP([2, 5, 3, 2], ["tanh", "sin"])
    # Shifted activations: a padded column would have values and derivatives that are not zero.
    theta = rng.normal(size=net.n_params)
    X, Y = rng.uniform(-1, 1, (n + 3, 2)), rng.normal(size=(n + 3, 2))
    whole, first, rest = (
        pk.LeastSquares(net, X[c], Y[c]) for c in (slice(None), slice(n), slice(n, None))
    )
    v = rng.normal(size=net.n_params)
    for evaluate in (
        lambda o: o.fun(theta),
        lambda o: o.jac(theta),
        lambda o: o.gauss_newton(theta),
        lambda o: o.hess(theta),
        lambda o: o.hessp(theta, v),
    ):
        parts = (n * evaluate(first) + 3 * evaluate(rest)) / (n + 3)
        assert np.linalg.norm(parts - evaluate(whole)) <= 1e-14 * np.linalg.norm(evaluate(whole))


class TestSampleWeights:
    net = pk.MLP([2, 4, 3, 2], ["tanh", "gelu"])
    theta = net.init(6, "torch")
    rng = np.random.default_rng(6)
    X, Y = rng.uniform(-1, 1, (150, 2)), rng.normal(size=(150, 2))

    def everything(self, objective):
        v = np.linspace(-1, 1, self.net.n_params)
        yield objective.fun(self.theta)
        yield objective.jac(self.theta)
        yield objective.gauss_newton(self.theta)
        yield objective.hess(self.theta)
        yield objective.hessp(self.theta, v)
        yield objective.relative_rmse(self.theta)

    def assert_same(self, one, other, tolerance):
        for a, b in zip(self.everything(one), self.everything(other), strict=True):
            assert np.linalg.norm(np.subtract(a, b)) <= tolerance * np.linalg.norm(b)

    def test_equal_weights_are_none(self):
        plain = pk.LeastSquares(self.net, self.X, self.Y)
        equal = pk.LeastSquares(self.net, self.X, self.Y, np.full(150, 4.0))
        self.assert_same(equal, plain, 0.0)

    def test_whole_weights_are_repetitions(self):
        weights = self.rng.integers(0, 4, 150)
        weighted = pk.LeastSquares(self.net, self.X, self.Y, weights)
        repeated = pk.LeastSquares(
            self.net, np.repeat(self.X, weights, axis=0), np.repeat(self.Y, weights, axis=0)
        )
        self.assert_same(weighted, repeated, 1e-14)

    def test_scale_of_the_weights_does_not_matter(self):
        weights = self.rng.uniform(0, 1, 150)
        one = pk.LeastSquares(self.net, self.X, self.Y, weights)
        other = pk.LeastSquares(self.net, self.X, self.Y, 1024.0 * weights)
        self.assert_same(other, one, 0.0)

    def test_weight_of_one_sample_only(self):
        weights = np.zeros(150)
        weights[140] = 0.3
        one = pk.LeastSquares(self.net, self.X, self.Y, weights)
        alone = pk.LeastSquares(self.net, self.X[140:141], self.Y[140:141])
        self.assert_same(one, alone, 1e-14)


@pytest.fixture
def restore_threads():
    before = pk._core.get_num_threads()
    yield
    pk._core.set_num_threads(before)


@pytest.mark.parametrize("sizes", [[2, 9, 5, 2], [1, 7, 1]])
def test_same_bits_for_any_number_of_threads(sizes, restore_threads):
    rng = np.random.default_rng(8)
    net = pk.MLP(sizes)
    n = 4321
    X, Y = rng.uniform(-1, 1, (n, sizes[0])), rng.normal(size=(n, sizes[-1]))
    objective = pk.LeastSquares(net, X, Y, rng.uniform(0, 1, n))
    theta, v = net.init(0), rng.normal(size=net.n_params)

    def everything():
        return {
            "fun": objective.fun(theta),
            "jac": objective.jac(theta),
            "residual": objective.residual(theta),
            "residual_jac": objective.residual_jac(theta),
            "gauss_newton": objective.gauss_newton(theta),
            "hess": objective.hess(theta),
            "hessp": objective.hessp(theta, v),
        }

    pk._core.set_num_threads(1)
    expected = everything()
    for threads in (2, 3, 2):
        pk._core.set_num_threads(threads)
        for name, value in everything().items():
            np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_shapes_and_residual_order():
    rng = np.random.default_rng(9)
    net = pk.MLP([2, 3, 2])
    X, Y, theta = rng.normal(size=(140, 2)), rng.normal(size=(140, 2)), net.init(0)
    objective = pk.LeastSquares(net, X, Y)
    P = net.n_params
    assert objective.n_residuals == 280
    assert objective.residual_jac(theta).shape == (280, P)
    for matrix in (objective.gauss_newton(theta), objective.hess(theta)):
        assert matrix.shape == (P, P)
    for vector in (objective.jac(theta), objective.hessp(theta, theta)):
        assert vector.shape == (P,)
    np.testing.assert_array_equal(objective.residual(theta), (net.forward(theta, X) - Y).ravel())
    np.testing.assert_array_equal(
        objective.residual_jac(theta), net.jacobian(theta, X).reshape(280, P)
    )
    assert objective.target_norm == pytest.approx(np.linalg.norm(Y), rel=1e-15)


def test_one_dimensional_y_is_one_column():
    net = pk.MLP([1, 3, 1])
    X, y, theta = np.linspace(-1, 1, 9)[:, None], np.linspace(0, 1, 9), net.init(0)
    one, two = pk.LeastSquares(net, X, y), pk.LeastSquares(net, X, y[:, None])
    np.testing.assert_array_equal(one.residual(theta), two.residual(theta))


@pytest.mark.parametrize("weighted", [False, True])
def test_pickle(weighted):
    rng = np.random.default_rng(10)
    net = pk.MLP([2, 3, 1], "sin")
    weights = rng.uniform(0, 1, 20) if weighted else None
    objective = pk.LeastSquares(net, rng.normal(size=(20, 2)), rng.normal(size=20), weights)
    copy = pickle.loads(pickle.dumps(objective))
    theta = net.init(0)
    assert copy.net.sizes == net.sizes and copy.net.activation == net.activation
    assert copy.fun(theta) == objective.fun(theta)
    np.testing.assert_array_equal(copy.hess(theta), objective.hess(theta))


def test_later_changes_of_the_data_do_not_reach_the_objective():
    rng = np.random.default_rng(12)
    net = pk.MLP([2, 3, 1])
    X, y, theta = rng.normal(size=(20, 2)), rng.normal(size=20), net.init(0)
    weights = rng.uniform(size=20)
    objective = pk.LeastSquares(net, X, y, weights)
    before = objective.fun(theta)
    X[:], y[:], weights[:] = 0.0, 0.0, np.arange(20)
    assert objective.fun(theta) == before
    assert pickle.loads(pickle.dumps(objective)).fun(theta) == before


def test_weights_whose_sum_overflows():
    net = pk.MLP([1, 2, 1])
    X, y, theta = np.linspace(-1, 1, 9)[:, None], np.linspace(0, 1, 9), net.init(0)
    weights = np.linspace(0, 2, 9)
    expected = pk.LeastSquares(net, X, y, weights).fun(theta)
    assert pk.LeastSquares(net, X, y, weights * 2.0**1022).fun(theta) == expected


def test_a_network_that_is_none():
    with pytest.raises(ValueError, match="net must be an MLP, got str"):
        pk.LeastSquares("net", [[0.0]], [1.0])


class TestArguments:
    net = pk.MLP([2, 3, 1], "sin")
    theta = net.init(0)
    rng = np.random.default_rng(1)
    X, y = rng.integers(-3, 4, (6, 2)).astype(float), rng.integers(-3, 4, 6).astype(float)
    objective = pk.LeastSquares(net, X, y)

    def test_array_likes_are_accepted_and_equal(self):
        expected = self.objective.hess(self.theta)
        for convert in (
            lambda a: a.astype(np.float32),
            lambda a: a.astype(np.int64),
            np.asfortranarray,
            np.ndarray.tolist,
            lambda a: np.repeat(a, 2, axis=0)[::2],
        ):
            objective = pk.LeastSquares(self.net, convert(self.X), convert(self.y))
            np.testing.assert_array_equal(objective.hess(self.theta), expected)
            np.testing.assert_array_equal(objective.hess(self.theta.tolist()), expected)

    @pytest.mark.parametrize(
        "method",
        [
            "fun",
            "jac",
            "fun_and_jac",
            "residual",
            "residual_jac",
            "gauss_newton",
            "hess",
            "relative_rmse",
        ],
    )
    def test_theta(self, method):
        evaluate = getattr(self.objective, method)
        with pytest.raises(ValueError, match="theta must have 13 elements, got 14"):
            evaluate(np.zeros(14))
        theta = self.theta.copy()
        theta[7:9] = np.nan
        with pytest.raises(ValueError, match=r"not hold NaN or inf, but theta\[7\] is nan"):
            evaluate(theta)

    def test_hessp(self):
        with pytest.raises(ValueError, match="theta must have 13 elements, got 12"):
            self.objective.hessp(self.theta[1:], self.theta)
        with pytest.raises(ValueError, match="v must have 13 elements, got 12"):
            self.objective.hessp(self.theta, self.theta[1:])
        with pytest.raises(ValueError, match=r"v must have 1 dimensions, got shape \(13, 1\)"):
            self.objective.hessp(self.theta, self.theta[:, None])
        v = self.theta.copy()
        v[3] = np.inf
        with pytest.raises(ValueError, match=r"v must not hold NaN or inf, but v\[3\] is inf"):
            self.objective.hessp(self.theta, v)

    def test_the_core_checks_sizes_too(self):
        core = self.objective._core
        for call in (
            lambda: core.hessian(np.zeros(12)),
            lambda: core.hessian_vector_product(np.zeros(12), np.zeros(13)),
        ):
            with pytest.raises(ValueError, match="theta must have 13 elements, got 12"):
                call()
        with pytest.raises(ValueError, match="v must have 13 elements, got 14"):
            core.hessian_vector_product(np.zeros(13), np.zeros(14))

    def test_data_shapes(self):
        with pytest.raises(ValueError, match="X must have 2 columns, got 1"):
            pk.LeastSquares(self.net, self.X[:, :1], self.y)
        with pytest.raises(ValueError, match="y must have 6 rows as X has, got 5"):
            pk.LeastSquares(self.net, self.X, self.y[1:])
        with pytest.raises(ValueError, match="y must have 1 columns, got 2"):
            pk.LeastSquares(self.net, self.X, self.X)
        with pytest.raises(ValueError, match="y must have 1 or 2 dimensions"):
            pk.LeastSquares(self.net, self.X, self.y[:, None, None])
        with pytest.raises(ValueError, match=r"X is empty: shape \(0, 2\)"):
            pk.LeastSquares(self.net, self.X[:0], self.y[:0])

    def test_data_not_finite(self):
        X, y, weights = self.X.copy(), self.y.copy(), np.ones(6)
        X[4, 0] = y[2] = weights[5] = np.nan
        with pytest.raises(ValueError, match=r"X must not hold NaN or inf, but X\[4, 0\] is nan"):
            pk.LeastSquares(self.net, X, self.y)
        with pytest.raises(ValueError, match=r"y must not hold NaN or inf, but y\[2\] is nan"):
            pk.LeastSquares(self.net, self.X, y)
        with pytest.raises(
            ValueError, match=r"sample_weight must not hold NaN or inf.*\[5\] is nan"
        ):
            pk.LeastSquares(self.net, self.X, self.y, weights)

    def test_weights(self):
        with pytest.raises(ValueError, match="sample_weight must have 6 elements, got 5"):
            pk.LeastSquares(self.net, self.X, self.y, np.ones(5))
        for weights in (np.zeros(6), [1, 1, 1, 1, 1, -1]):
            with pytest.raises(ValueError, match="must not be negative, and not zero everywhere"):
                pk.LeastSquares(self.net, self.X, self.y, weights)
