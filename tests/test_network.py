"""Tests of precisekit.MLP: values and derivatives against extended precision, packing, input."""

import pickle
import subprocess
import sys
import textwrap
from itertools import pairwise

import numpy as np
import pytest
import reference
from reference import relative_error
from scipy import stats

import precisekit as pk

NAMES = ("tanh", "relu", "sin", "sigmoid", "gelu", "identity")

# sizes and activations: depth 0 to 5, one and several outputs, every activation, mixtures
NETWORKS = [
    ([2, 1], []),
    ([3, 2], []),
    ([1, 4, 1], ["tanh"]),
    ([2, 3, 1], ["relu"]),
    ([2, 3, 1], ["sin"]),
    ([2, 3, 1], ["sigmoid"]),
    ([2, 3, 1], ["gelu"]),
    ([2, 3, 1], ["identity"]),
    ([2, 4, 3, 1], ["tanh", "tanh"]),
    ([3, 4, 2, 2], ["sin", "gelu"]),
    ([2, 3, 1, 3, 2], ["sigmoid", "tanh", "relu"]),
    ([2, 3, 2, 3, 2, 1], ["tanh", "identity", "sin", "sigmoid"]),
    ([1, 2, 3, 2, 2, 3, 3], ["gelu", "tanh", "sigmoid", "sin", "tanh"]),
    ([2, 5, 4, 1], [["tanh", "tanh", "sin", "sin", "sin"], ["gelu", "relu", "gelu", "sigmoid"]]),
    ([2, 4, 2, 3, 2], ["sin", ["identity", "tanh"], ["gelu"] * 2 + ["sin"]]),
]


@pytest.fixture(params=NETWORKS, ids=lambda case: reference.describe(*case), scope="module")
def case(request):
    """A network, parameters, 131 points (one block of samples and three) and the truth."""
    sizes, activations = request.param
    rng = np.random.default_rng(8)
    net = pk.MLP(sizes, activations)
    theta = rng.normal(size=net.n_params)
    X = rng.uniform(-1.5, 1.5, (131, sizes[0]))
    return net, theta, X, reference.network(sizes, activations, theta, X)


def stack(outputs, pick):
    """One array from the outputs of the reference, without the axis of a single output."""
    picked = np.stack([pick(f) for f in outputs], axis=1)
    return picked[:, 0] if len(outputs) == 1 else picked


extended_precision = pytest.mark.skipif(
    not reference.HAS_EXTENDED_PRECISION, reason="long double is no wider than double here"
)


@extended_precision
class TestAgainstExtendedPrecision:
    def test_forward(self, case):
        net, theta, X, truth = case
        assert relative_error(net.forward(theta, X), stack(truth, lambda f: f.value)) <= 2e-15

    def test_forward_extended(self, case):
        net, theta, X, truth = case
        f = net.forward_extended(theta, X)
        assert f.dtype == np.longdouble
        assert relative_error(f, stack(truth, lambda f: f.value)) <= 2e-18

    def test_jacobian(self, case):
        net, theta, X, truth = case
        expected = stack(truth, lambda f: f.grad[:, : net.n_params])
        assert relative_error(net.jacobian(theta, X), expected) <= 1e-14

    def test_input_gradient(self, case):
        net, theta, X, truth = case
        expected = stack(truth, lambda f: f.grad[:, net.n_params :])
        assert relative_error(net.input_gradient(theta, X), expected) <= 1e-14

    def test_input_hessian(self, case):
        net, theta, X, truth = case
        P = net.n_params
        expected = stack(truth, lambda f: f.hess[:, P:, P:])
        H = net.input_hessian(theta, X)
        assert H.shape == expected.shape
        np.testing.assert_array_equal(H, np.swapaxes(H, -1, -2))
        if np.any(expected):
            assert relative_error(H, expected) <= 1e-14
        else:
            assert not np.any(H)


def test_second_derivatives_vanish_where_the_network_is_linear():
    X = np.random.default_rng(0).normal(size=(9, 2))
    for sizes, activation in ([2, 1], "tanh"), ([2, 3, 1], "identity"), ([2, 3, 1], "relu"):
        net = pk.MLP(sizes, activation)
        np.testing.assert_array_equal(net.input_hessian(net.init(0), X), np.zeros((9, 2, 2)))


def test_packing_is_layer_by_layer_weights_then_bias():
    net = pk.MLP([2, 3, 2], "identity")
    W1 = np.arange(1.0, 7.0).reshape(3, 2)
    b1 = np.array([10.0, 20.0, 30.0])
    W2 = np.array([[1.0, 0.0, -1.0], [2.0, 5.0, 0.5]])
    b2 = np.array([-1.0, 4.0])
    theta = np.concatenate([W1.ravel(), b1, W2.ravel(), b2])
    assert net.n_params == theta.size == 17
    X = np.array([[1.0, -2.0], [0.5, 3.0]])
    np.testing.assert_array_equal(net.forward(theta, X), (X @ W1.T + b1) @ W2.T + b2)
    np.testing.assert_array_equal(net.input_gradient(theta, X), [W2 @ W1] * 2)


def test_layers():
    net = pk.MLP([2, 3, 1])
    theta = np.arange(13.0)
    (W1, b1), (W2, b2) = net.layers(theta)
    np.testing.assert_array_equal(W1, [[0, 1], [2, 3], [4, 5]])
    np.testing.assert_array_equal(b1, [6, 7, 8])
    np.testing.assert_array_equal(W2, [[9, 10, 11]])
    np.testing.assert_array_equal(b2, [12])
    with pytest.raises(ValueError, match="theta must have 13 elements, got 12"):
        net.layers(theta[1:])


@pytest.mark.parametrize("n", [1, 2, 31, 32, 127, 128, 129, 257])
def test_each_sample_is_independent_of_its_block(n):
    rng = np.random.default_rng(n)
    net = pk.MLP([2, 5, 3, 2], ["tanh", "gelu"])
    theta, X = net.init(1), rng.uniform(-1, 1, (n, 2))
    for method in (net.forward, net.jacobian, net.input_gradient, net.input_hessian):
        together = method(theta, X)
        assert len(together) == n
        for s in {0, n // 2, n - 1}:
            np.testing.assert_array_equal(together[s], method(theta, X[s : s + 1])[0])


def test_a_system_without_more_threads():
    """Those that there are do the work."""
    script = textwrap.dedent(
        """
        import resource
        import numpy as np, precisekit as pk
        net = pk.MLP([1, 8, 1])
        theta, X = net.init(0), np.linspace(-1, 1, 50_000)[:, None]
        pk.set_num_threads(1)
        expected = net.forward(theta, X)
        with open("/proc/self/statm") as file:
            taken = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + 2**25, resource.RLIM_INFINITY))
        pk.set_num_threads(100)
        assert np.array_equal(net.forward(theta, X), expected)
        """
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("threads", [2, 3])
def test_same_bits_for_any_number_of_threads(threads):
    rng = np.random.default_rng(3)
    net = pk.MLP([2, 6, 4, 2], ["sin", "tanh"])
    theta, X = net.init(1), rng.uniform(-1, 1, (2000, 2))
    methods = (net.forward, net.jacobian, net.input_gradient, net.input_hessian)
    before = pk._core.get_num_threads()
    try:
        pk._core.set_num_threads(1)
        expected = [method(theta, X) for method in methods]
        pk._core.set_num_threads(threads)
        for method, value in zip(methods, expected, strict=True):
            np.testing.assert_array_equal(method(theta, X), value)
    finally:
        pk._core.set_num_threads(before)


def test_shapes():
    X = np.zeros((5, 3))
    one, two = pk.MLP([3, 4, 1]), pk.MLP([3, 4, 2])
    for net, outputs in (one, ()), (two, (2,)):
        theta = net.init(0)
        assert net.forward(theta, X).shape == (5, *outputs)
        assert net.jacobian(theta, X).shape == (5, *outputs, net.n_params)
        assert net.input_gradient(theta, X).shape == (5, *outputs, 3)
        assert net.input_hessian(theta, X).shape == (5, *outputs, 3, 3)


class TestAttributes:
    def test_sizes_activations_and_parameters(self):
        net = pk.MLP((2, 5, 4, 3), ["sin", "gelu"])
        assert net.sizes == (2, 5, 4, 3)
        assert net.activation == ("sin", "gelu")
        assert net.n_params == 3 * 5 + 6 * 4 + 5 * 3
        assert repr(net) == "MLP([2, 5, 4, 3], activation=['sin', 'gelu'])"

    def test_one_name_serves_all_hidden_layers(self):
        assert pk.MLP([1, 2, 3, 1], "gelu").activation == ("gelu", "gelu")
        assert pk.MLP([1, 2, 1]).activation == ("tanh",)
        assert pk.MLP([4, 2]).activation == ()

    def test_units_of_a_layer_may_differ(self):
        mixed = ("tanh", "sin", "sin")
        net = pk.MLP([1, 3, 2, 1], [list(mixed), ["gelu", "gelu"]])
        assert net.activation == (mixed, "gelu")
        assert repr(net) == "MLP([1, 3, 2, 1], activation=[1 * ['tanh'] + 2 * ['sin'], 'gelu'])"
        again = eval(repr(net), {"MLP": pk.MLP})
        assert again.activation == net.activation
        assert pk.MLP([1, 3, 1], [mixed]).n_params == pk.MLP([1, 3, 1]).n_params

    @pytest.mark.parametrize("activation", [["sin", "sigmoid"], [["sin", "tanh", "sin"], "gelu"]])
    def test_pickle(self, activation):
        net = pk.MLP([2, 3, 4, 1], activation)
        copy = pickle.loads(pickle.dumps(net))
        assert (copy.sizes, copy.activation) == (net.sizes, net.activation)
        theta, X = net.init(0), np.random.default_rng(0).normal(size=(7, 2))
        np.testing.assert_array_equal(copy.forward(theta, X), net.forward(theta, X))


class TestInit:
    SIZES = [4, 300, 200, 2]

    def layers(self, scheme):
        net = pk.MLP(self.SIZES)
        theta = net.init(5, scheme)
        assert theta.shape == (net.n_params,) and theta.dtype == np.float64
        start = 0
        for fan_in, fan_out in pairwise(self.SIZES):
            end = start + fan_in * fan_out
            yield fan_in, fan_out, theta[start:end], theta[end : end + fan_out]
            start = end + fan_out

    @staticmethod
    def assert_uniform(sample, bound):
        assert np.max(np.abs(sample)) <= bound
        assert stats.kstest(sample, stats.uniform(-bound, 2 * bound).cdf).pvalue > 1e-3

    def test_torch_is_uniform_by_fan_in(self):
        for fan_in, _, W, b in self.layers("torch"):
            self.assert_uniform(W, fan_in**-0.5)
            self.assert_uniform(b, fan_in**-0.5)

    def test_xavier(self):
        first, second, last = self.layers("xavier")
        bound = np.sqrt(3 / 4)
        self.assert_uniform(first[2], bound)
        self.assert_uniform(first[3], bound)
        bound = np.sqrt(6 / 500)
        self.assert_uniform(second[2], bound)
        self.assert_uniform(second[3], bound)
        self.assert_uniform(last[2], 0.1 * np.sqrt(6 / 202))
        np.testing.assert_array_equal(last[3], 0.0)

    def test_seeds(self):
        net = pk.MLP([2, 3, 1])
        np.testing.assert_array_equal(net.init(4), net.init(4))
        np.testing.assert_array_equal(net.init(np.random.default_rng(4)), net.init(4))
        assert np.any(net.init(4) != net.init(5))
        assert np.any(net.init() != net.init())

    @pytest.mark.parametrize("scheme", ["xavier", "torch"])
    def test_frequency_of_the_first_layer(self, scheme):
        net = pk.MLP(self.SIZES, "sin")
        matched, plain = (net.layers(net.init(5, scheme, f)) for f in (30.0, None))
        W, b = matched[0]
        self.assert_uniform(W.ravel(), 15.0)
        self.assert_uniform(b, np.pi)
        for layer, expected in zip(matched[1:], plain[1:], strict=True):
            for part, same in zip(layer, expected, strict=True):
                np.testing.assert_array_equal(part, same)

    @pytest.mark.parametrize("frequency", [0, -1.0, np.inf, np.nan])
    def test_frequency_out_of_range(self, frequency):
        with pytest.raises(ValueError, match="frequency must be positive and finite, got"):
            pk.MLP([1, 2, 1]).init(0, frequency=frequency)

    def test_unknown_scheme(self):
        with pytest.raises(ValueError, match="scheme must be 'xavier' or 'torch', got 'he'"):
            pk.MLP([1, 1]).init(0, "he")


class TestBadArchitecture:
    def test_unknown_activation(self):
        with pytest.raises(ValueError, match=r"activation must be one of .*'tanh'.*got 'tanhh'"):
            pk.MLP([1, 2, 1], "tanhh")
        with pytest.raises(ValueError, match="got 'swish'"):
            pk.MLP([1, 2, 2, 1], ["tanh", "swish"])

    @pytest.mark.parametrize("width", [0, -3, 2.5, True])
    def test_width(self, width):
        with pytest.raises(ValueError, match=r"sizes\[1\] must be an integer of at least 1, got"):
            pk.MLP([1, width, 1])

    @pytest.mark.parametrize("sizes", [[], [3]])
    def test_too_few_sizes(self, sizes):
        with pytest.raises(ValueError, match="sizes must name at least the inputs and the outputs"):
            pk.MLP(sizes)

    def test_no_sequences(self):
        with pytest.raises(ValueError, match="sizes must be a sequence of integers, got 5"):
            pk.MLP(5)
        with pytest.raises(ValueError, match="activation must be a name or a sequence .* got 3"):
            pk.MLP([1, 2, 1], 3)
        with pytest.raises(ValueError, match="frequency must be a number, got 'high'"):
            pk.MLP([1, 2, 1]).init(0, frequency="high")

    @pytest.mark.parametrize("names", [[], ["tanh"], ["tanh"] * 3])
    def test_number_of_activations(self, names):
        message = f"one function for each of the 2 hidden layers, got {len(names)}"
        with pytest.raises(ValueError, match=message):
            pk.MLP([1, 2, 2, 1], names)

    def test_activations_of_units(self):
        with pytest.raises(ValueError, match=r"activation\[1\] .*each of the 3 units, got 2"):
            pk.MLP([1, 2, 3, 1], ["tanh", ["tanh", "sin"]])
        with pytest.raises(ValueError, match=r"activation\[0\] .*each of the 2 units, got 0"):
            pk.MLP([1, 2, 3, 1], [[], "tanh"])
        with pytest.raises(ValueError, match=r"activation\[0\] must be one of .*, got 'cosh'"):
            pk.MLP([1, 2, 1], [["tanh", "cosh"]])
        with pytest.raises(ValueError, match=r"activation\[0\] must be one of .*, got 3"):
            pk.MLP([1, 2, 1], [3])

    def test_whole_numbers_of_other_types_are_sizes(self):
        assert pk.MLP(np.array([2, 3, 1])).sizes == (2, 3, 1)
        assert pk.MLP([2.0, np.int32(3), 1]).sizes == (2, 3, 1)


METHODS = ["forward", "forward_extended", "jacobian", "input_gradient", "input_hessian"]


@pytest.mark.parametrize("method", METHODS)
class TestArguments:
    net = pk.MLP([2, 3, 1], "sin")
    theta = net.init(0)
    X = np.random.default_rng(1).integers(-3, 4, (6, 2)).astype(float)

    def call(self, method, theta, X):
        return getattr(self.net, method)(theta, X)

    def test_array_likes_are_accepted_and_equal(self, method):
        expected = self.call(method, self.theta, self.X)
        padded = np.full((12, 6), np.nan)
        padded[::2, 1::3] = self.X
        readonly = self.X.copy()
        readonly.setflags(write=False)
        for X in (
            self.X.astype(np.float32),
            self.X.astype(np.int16),
            np.asfortranarray(self.X),
            padded[::2, 1::3],
            self.X[::-1][::-1],
            self.X.astype(">f8"),
            self.X.tolist(),
            readonly,
        ):
            np.testing.assert_array_equal(self.call(method, self.theta, X), expected)
        np.testing.assert_array_equal(self.call(method, list(self.theta), self.X), expected)
        strided = np.repeat(self.theta, 2)[::2]
        np.testing.assert_array_equal(self.call(method, strided, self.X), expected)

    def test_float32_parameters_are_taken_at_their_value(self, method):
        theta = self.theta.astype(np.float32)
        np.testing.assert_array_equal(
            self.call(method, theta, self.X), self.call(method, theta.astype(float), self.X)
        )

    def test_arguments_are_not_changed(self, method):
        theta, X = self.theta.copy(), self.X.copy()
        self.call(method, theta, X)
        np.testing.assert_array_equal(theta, self.theta)
        np.testing.assert_array_equal(X, self.X)

    def test_not_finite_names_the_first_bad_index(self, method):
        X = self.X.copy()
        X[3, 1] = np.nan
        X[5, 0] = np.inf
        with pytest.raises(ValueError, match=r"X must not hold NaN or inf, but X\[3, 1\] is nan"):
            self.call(method, self.theta, X)
        theta = self.theta.copy()
        theta[4:] = -np.inf
        with pytest.raises(ValueError, match=r"not hold NaN or inf, but theta\[4\] is -inf"):
            self.call(method, theta, self.X)

    def test_shapes(self, method):
        with pytest.raises(ValueError, match="theta must have 13 elements, got 12"):
            self.call(method, self.theta[:-1], self.X)
        with pytest.raises(ValueError, match=r"theta must have 1 dimensions, got shape \(13, 1\)"):
            self.call(method, self.theta[:, None], self.X)
        with pytest.raises(ValueError, match="X must have 2 columns, got 3"):
            self.call(method, self.theta, np.zeros((4, 3)))
        with pytest.raises(ValueError, match=r"X must have 2 dimensions, got shape \(6,\)"):
            self.call(method, self.theta, self.X[:, 0])
        with pytest.raises(ValueError, match=r"X must have 2 dimensions, got shape \(\)"):
            self.call(method, self.theta, 1.0)

    def test_empty(self, method):
        with pytest.raises(ValueError, match=r"X is empty: shape \(0, 2\)"):
            self.call(method, self.theta, np.zeros((0, 2)))
        with pytest.raises(ValueError, match="theta is empty"):
            self.call(method, [], self.X)

    def test_not_numbers(self, method):
        with pytest.raises(ValueError, match="X must be an array of numbers"):
            self.call(method, self.theta, [["a", "b"]])
        with pytest.raises(ValueError, match="X must be an array of numbers"):
            self.call(method, self.theta, [[1.0, 2.0], [3.0]])
        with pytest.raises(ValueError, match="X must be real, got complex numbers"):
            self.call(method, self.theta, self.X + 0j)


def test_every_activation_is_listed_once():
    assert sorted(pk.network.ACTIVATIONS) == sorted(NAMES)
    layers = [names for _, layers in NETWORKS for names in layers]
    assert {name for name in layers if isinstance(name, str)} == set(NAMES)
