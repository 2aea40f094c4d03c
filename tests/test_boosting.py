"""Tests of merging networks and of boosting: exactness of the sum, gains, history, bad input."""

import pickle

import numpy as np
import pytest

import precisekit as pk
from precisekit.datasets import sample_box

# sizes and activation of the networks that are merged
SUMS = {
    "one hidden layer": [([1, 7, 1], "tanh"), ([1, 7, 1], "tanh")],
    "two, of different widths": [([2, 6, 5, 1], "tanh"), ([2, 3, 9, 1], "gelu")],
    "three stages, two outputs": [([2, 8, 6, 2], "tanh"), *2 * [([2, 5, 5, 2], ["sin", "tanh"])]],
    "four layers": [([3, 4, 5, 4, 3, 2], "sigmoid"), ([3, 4, 5, 4, 3, 2], "sin")],
    "different depths": [([2, 5, 1], "tanh"), ([2, 4, 4, 4, 1], "sin"), ([2, 3, 3, 1], "gelu")],
    "depths and outputs": [([2, 4, 4, 3], "tanh"), ([2, 3], "tanh"), ([2, 5, 3], "sin")],
    "linear": [([2, 3], []), ([2, 3], [])],
    "activations by unit": [([1, 3, 1], [["tanh", "sin", "sin"]]), ([1, 2, 1], ["relu"])],
}
SCALES = (1.0, 2.0**-12, 2.0**-31)


@pytest.fixture(params=SUMS, scope="module")
def stages(request):
    nets = [pk.MLP(*architecture) for architecture in SUMS[request.param]]
    thetas = [net.init(seed, "torch") for seed, net in enumerate(nets)]
    X = np.random.default_rng(1).uniform(-1, 1, (300, nets[0].sizes[0]))
    return nets, thetas, SCALES[: len(nets)], X


def extended_sum(nets, thetas, scales, X, method="forward"):
    """The weighted sum of what the networks give in float64, without rounding."""
    terms = zip(nets, thetas, scales, strict=True)
    return sum(np.longdouble(c) * getattr(net, method)(theta, X) for net, theta, c in terms)


class TestMerge:
    def test_forward_is_the_sum_to_the_last_bit(self, stages):
        *of_stages, X = stages
        net, theta = pk.merge(*of_stages)
        expected = extended_sum(*of_stages, X)
        spacing = np.spacing(np.abs(expected.astype(np.float64)))
        # half a unit for the addition to the large stage, and next to nothing for those before
        assert np.max(np.abs(net.forward(theta, X) - expected) / spacing) <= 0.501

    def test_derivatives_are_sums(self, stages):
        *of_stages, X = stages
        net, theta = pk.merge(*of_stages)
        for method in ("input_gradient", "input_hessian"):
            expected = extended_sum(*of_stages, X, method)
            error = np.max(np.abs(getattr(net, method)(theta, X) - expected))
            assert error <= 1e-14 * np.max(np.abs(expected))

    def test_a_merged_network_can_be_merged(self, stages):
        *of_stages, X = stages
        net, theta = pk.merge(*of_stages)
        twice = pk.merge([net, net], [theta, theta], [1.0, -0.5])
        np.testing.assert_array_equal(twice[0].forward(twice[1], X), 0.5 * net.forward(theta, X))

    def test_weights_are_block_diagonal(self):
        first, second = pk.MLP([2, 3, 4, 1], "tanh"), pk.MLP([2, 2, 1, 1], ["sin", "tanh"])
        thetas = [first.init(0), second.init(1)]
        net, theta = pk.merge([first, second], thetas, [3.0, 0.7])
        assert net.sizes == (2, 5, 5, 2, 1)
        assert net.activation == (("tanh",) * 3 + ("sin",) * 2, "tanh", "identity")
        (W1, b1), (W2, _), (W3, b3), (W4, b4) = net.layers(theta)
        (V1, c1), (V2, _), (V3, c3) = first.layers(thetas[0])
        (U1, d1), (U2, _), (U3, d3) = second.layers(thetas[1])
        np.testing.assert_array_equal(W1, np.vstack([V1, U1]))
        np.testing.assert_array_equal(b1, np.hstack([c1, d1]))
        zeros = np.zeros((4, 2))
        np.testing.assert_array_equal(W2, np.block([[V2, zeros], [np.zeros((1, 3)), U2]]))
        np.testing.assert_array_equal(
            W3, np.block([[np.zeros((1, 4)), U3], [V3, np.zeros((1, 1))]])
        )
        np.testing.assert_array_equal(b3, np.hstack([d3, c3]))
        np.testing.assert_array_equal(W4, [[0.7, 3.0]])
        np.testing.assert_array_equal(b4, [0.0])

    def test_is_an_ordinary_network(self):
        part = pk.MLP([1, 6, 6, 1])
        net, theta = pk.merge([part, part], [part.init(0), part.init(1)], [1.0, 1e-3])
        X = np.linspace(-1, 1, 300)[:, None]
        again = pickle.loads(pickle.dumps(net))
        np.testing.assert_array_equal(again.forward(theta, X), net.forward(theta, X))
        objective = pk.LeastSquares(net, X, np.cos(3 * X[:, 0]))
        result = pk.minimize(objective, theta, maxiter=40)
        assert result.relative_rmse < 1e-5

    def test_scales_are_one_by_default(self):
        net, X = pk.MLP([1, 4, 1]), np.linspace(-1, 1, 9)[:, None]
        thetas = [net.init(0), net.init(1)]
        merged, theta = pk.merge([net, net], thetas)
        expected = net.forward(thetas[0], X) + net.forward(thetas[1], X)
        np.testing.assert_array_equal(merged.forward(theta, X), expected)

    @pytest.mark.parametrize(
        "change, message",
        [
            ({"nets": []}, "nets is empty"),
            ({"nets": [pk.MLP([2, 3, 1]), "MLP"]}, r"nets\[1\] must be an MLP, got str"),
            (
                {"nets": [pk.MLP([2, 3, 1]), pk.MLP([1, 3, 1])]},
                r"nets\[1\] has 1 inputs, nets\[0\]",
            ),
            ({"nets": [pk.MLP([2, 3, 1]), pk.MLP([2, 3, 2])]}, r"nets\[1\] has 2 outputs"),
            ({"thetas": [np.zeros(13)]}, "thetas must have 2 items as nets has, got 1"),
            (
                {"thetas": [np.zeros(13), np.zeros(12)]},
                r"thetas\[1\] must have 13 elements, got 12",
            ),
            ({"thetas": [np.zeros(13), [np.nan] * 13]}, r"thetas\[1\] must not hold NaN"),
            ({"scales": [1.0]}, "scales must have 2 elements as nets has, got 1"),
            ({"scales": [1.0, np.inf]}, r"scales\[1\] is inf"),
            # its layers would be taken for one after the other
            (
                {"nets": [pk.modular.ModularMLP(2, [[0], [1, 2]]), pk.MLP([2, 3, 1])]},
                r"nets\[0\] must have its layers in a row",
            ),
        ],
    )
    def test_bad_input(self, change, message):
        net = pk.MLP([2, 3, 1])
        arguments = {"nets": [net, net], "thetas": [net.init(0), net.init(1)], "scales": [1, 0.1]}
        with pytest.raises(ValueError, match=message):
            pk.merge(**(arguments | change))


class TestDominantFrequency:
    @pytest.mark.parametrize("points", ["uniform", "grid", "arcsine"])
    @pytest.mark.parametrize("omega", [5.0, 17.0, 90.0])
    def test_of_a_wave_in_one_dimension(self, points, omega):
        n = 1000
        X = np.linspace(-1, 1, n)[:, None]
        if points != "grid":
            X = sample_box([-1], [1], n, law=points, seed=0)
        found = pk.dominant_frequency(X, 1e-9 * np.sin(omega * X[:, 0] + 1))
        assert abs(found - omega) <= 0.8  # half a step of a quarter of a period

    def test_of_the_larger_of_two_waves(self):
        X = sample_box([0], [10], 5000, seed=0)
        waves = np.cos(3 * X[:, 0]), np.cos(11 * X[:, 0])
        assert abs(pk.dominant_frequency(X, 5 + waves[0] + 3 * waves[1]) - 11) <= 0.2
        assert abs(pk.dominant_frequency(X, 5 + 3 * waves[0] + waves[1]) - 3) <= 0.2
        two = np.column_stack([waves[0], 3 * waves[1]])
        assert abs(pk.dominant_frequency(X, two) - 11) <= 0.2

    @pytest.mark.parametrize("d, omega", [(2, 20.0), (3, 8.0)])
    def test_of_a_plane_wave(self, d, omega):
        rng = np.random.default_rng(2)
        X = sample_box([-1] * d, [1] * d, 4000, seed=1)
        for _ in range(5):
            direction = rng.normal(size=d)
            direction /= np.linalg.norm(direction)
            found = pk.dominant_frequency(X, np.sin(omega * X @ direction))
            assert abs(found - omega) <= 0.2 * omega

    def test_of_next_to_nothing(self):
        assert pk.dominant_frequency([[1.0]], [2.0]) == 0.0
        assert pk.dominant_frequency([[1.0], [1.0]], [2.0, 3.0]) == 0.0
        assert pk.dominant_frequency([[1.0], [2.0]], [2.0, -2.0]) > 0.0

    def test_bad_input(self):
        with pytest.raises(ValueError, match="residual must have 3 rows as X has, got 2"):
            pk.dominant_frequency(np.zeros((3, 1)), [1.0, 2.0])
        with pytest.raises(ValueError, match=r"residual\[1\] is nan"):
            pk.dominant_frequency(np.zeros((3, 1)), [1.0, np.nan, 2.0])
        with pytest.raises(ValueError, match="X must have 2 dimensions"):
            pk.dominant_frequency(np.zeros(3), np.zeros(3))


def wave(X):
    return np.exp(X[:, 0]) * np.cos(3 * X[:, 0])


@pytest.fixture
def line():
    X = np.sort(sample_box([-1], [1], 400, seed=0), axis=0)
    return X, wave(X)


class TestBoosting:
    def test_by_hand(self, line):
        X, y = line
        net, sines = pk.MLP([1, 8, 8, 1]), pk.MLP([1, 9, 1], "sin")
        boosting = pk.Boosting(X, y)
        assert (boosting.scale, boosting.relative_rmse) == (1.0, 1.0)
        np.testing.assert_array_equal(boosting.residual, y)

        first = pk.minimize(boosting.objective(net), net.init(0, "torch"), "bfgs", maxiter=60)
        boosting.add(net, first.x)
        left = y - net.forward(first.x, X)
        np.testing.assert_array_equal(boosting.residual, left)
        assert boosting.relative_rmse == pytest.approx(first.relative_rmse, rel=1e-9)
        assert 1 / np.sqrt(2) <= boosting.scale / np.mean(np.abs(left)) <= np.sqrt(2)
        assert np.log2(boosting.scale) % 1 == 0
        assert boosting.merged()[0] is net

        objective = boosting.objective(sines)
        np.testing.assert_array_equal(
            objective.residual(np.zeros(sines.n_params)), -left / boosting.scale
        )
        theta = sines.init(1, frequency=boosting.frequency())
        H = np.eye(theta.size)  # no long steps away from that frequency
        second = pk.minimize(objective, theta, "bfgs", maxiter=600, hess_inv0=H)
        boosting.add(sines, second.x)
        whole = first.relative_rmse * second.relative_rmse
        assert boosting.relative_rmse == pytest.approx(whole, rel=1e-6)
        assert boosting.relative_rmse < 0.1 * first.relative_rmse
        merged = pk.merge([net, sines], [first.x, second.x], boosting.scales)
        np.testing.assert_array_equal(boosting.merged()[1], merged[1])

        boosting.drop()
        np.testing.assert_array_equal(boosting.residual, left)
        boosting.drop()
        assert (boosting.scale, boosting.relative_rmse) == (1.0, 1.0)

    def test_weights_and_several_outputs(self, line):
        X, y = line
        weight = np.where(X[:, 0] > 0, 1.0, 0.0)
        Y = np.column_stack([y, 2 * y])
        net = pk.MLP([1, 5, 2])
        theta = net.init(0)
        boosting = pk.Boosting(X, Y, weight)
        boosting.add(net, theta)
        expected = pk.LeastSquares(net, X, Y, weight).relative_rmse(theta)
        assert boosting.relative_rmse == pytest.approx(expected, rel=1e-12)
        assert boosting.residual.shape == Y.shape

    def test_a_perfect_stage_leaves_nothing(self):
        net, X = pk.MLP([1, 3, 1]), np.linspace(0, 1, 9)[:, None]
        boosting = pk.Boosting(X, net.forward(net.init(0), X))
        boosting.add(net, net.init(0))
        assert (boosting.scale, boosting.relative_rmse) == (1.0, 0.0)

    def test_bad_input(self, line):
        X, y = line
        with pytest.raises(ValueError, match=r"y must not hold NaN or inf, but y\[0\] is nan"):
            pk.Boosting(X, np.full(len(X), np.nan))
        with pytest.raises(ValueError, match="X must have 2 dimensions"):
            pk.Boosting(y, y)
        with pytest.raises(ValueError, match="y must have 400 rows as X has, got 399"):
            pk.Boosting(X, y[1:])
        with pytest.raises(ValueError, match="sample_weight must have 400 elements, got 3"):
            pk.Boosting(X, y, [1.0, 1.0, 1.0])
        boosting = pk.Boosting(X, y)
        with pytest.raises(ValueError, match=r"y must have 2 columns, got 1"):
            boosting.objective(pk.MLP([1, 2, 2]))
        for net in (pk.MLP([2, 2, 1]), pk.MLP([1, 2, 2]), "net"):
            with pytest.raises(ValueError, match="net must be an MLP of 1 inputs and 1 outputs"):
                boosting.add(net, np.zeros(9))
        assert not boosting.nets
        with pytest.raises(ValueError, match="no stage to drop"):
            boosting.drop()
        with pytest.raises(ValueError, match="no stage to merge"):
            boosting.merged()


def regressor(**parameters):
    defaults = dict(hidden_layer_sizes=(8, 8), solver="bfgs", n_stages=2, max_iter=250)
    defaults["random_state"] = 0
    return pk.MLPRegressor(**(defaults | parameters))


class TestRegressor:
    @pytest.mark.parametrize("stage_activation, gain", [("same", 1.5), ("sin", 50)])
    def test_gains_in_one_dimension(self, line, stage_activation, gain):
        X = sample_box([-1], [1], 1000, seed=1)
        gains = []
        for seed in range(4):
            model = regressor(stage_activation=stage_activation, random_state=seed).fit(*line)
            first, second = model.report_.stages
            error = np.linalg.norm(model.predict(X) - wave(X)) / np.linalg.norm(wave(X))
            assert error < first.relative_rmse  # on points that no stage has seen
            gains.append(first.relative_rmse / second.relative_rmse)
        assert np.median(gains) > gain

    def test_gains_in_two_dimensions(self):
        X = sample_box([1, 1], [5, 5], 800, seed=0)
        X_test = sample_box([1, 1], [5, 5], 1000, seed=1)
        model = regressor(input_map="linear").fit(X, np.log(1 + X[:, 0] * X[:, 1]))
        first, second = model.report_.stages
        assert second.relative_rmse < 0.5 * first.relative_rmse
        truth = np.log(1 + X_test[:, 0] * X_test[:, 1])
        error = np.linalg.norm(model.predict(X_test) - truth) / np.linalg.norm(truth)
        assert error < 0.8 * first.relative_rmse

    def test_report_and_history_keep_the_stages_apart(self, line):
        model = regressor(n_stages=3, max_iter=60).fit(*line)
        report, history = model.report_, model.report_.history
        assert len(report.stages) == 3
        assert report.relative_rmse == pytest.approx(report.stages[-1].relative_rmse, rel=1e-9)
        assert sum(stage.n_iter for stage in report.stages) == report.n_iter == model.n_iter_
        assert [stage.scale for stage in report.stages][0] == 1.0
        assert report.stages[0].frequency is None and report.stages[1].frequency > 0
        for number, stage in enumerate(report.stages, 1):
            own = history.stage == number
            assert np.count_nonzero(own) == stage.n_iter + 1
            # errors of the whole model, and losses on the scale of the first stage
            assert history.relative_rmse[own][-1] == pytest.approx(stage.relative_rmse, rel=1e-6)
            assert history.fun[own][-1] == pytest.approx(stage.relative_rmse**2, rel=1e-6)
        assert np.all(np.diff(history.iteration) >= 0) and np.all(np.diff(history.seconds) >= 0)

    def test_the_merged_network_is_the_model(self, line):
        X, y = line
        model = regressor(max_iter=60).fit(X, y)
        assert model.network_.sizes == (1, 16, 16, 2, 1)
        assert model.network_.activation[0] == ("tanh",) * 8 + ("sin",) * 8
        assert model.report_.network == "1-16-16-2-1"
        assert model.report_.n_params == model.theta_.size
        step = 1e-6
        slope = (model.predict(X + step) - model.predict(X - step)) / (2 * step)
        np.testing.assert_allclose(model.predict_gradient(X)[:, 0], slope, rtol=0, atol=1e-7)

    def test_saved_and_loaded(self, line, tmp_path):
        X, y = line
        model = regressor(max_iter=40, solver_options={"c2": 0.8, "gtol": 0.0}).fit(X, y)
        pk.save(model, tmp_path / "m.pkit")
        again = pk.load(tmp_path / "m.pkit")
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
        assert again.get_params() == model.get_params()
        assert again.network_.activation == model.network_.activation
        assert again.report_.stages == model.report_.stages
        np.testing.assert_array_equal(again.report_.history.stage, model.report_.history.stage)

    def test_one_stage_is_the_network_alone(self, line):
        model = regressor(n_stages=1, max_iter=40).fit(*line)
        assert model.network_.sizes == (1, 8, 8, 1)
        (stage,) = model.report_.stages
        assert (stage.relative_rmse, stage.n_iter) == (
            model.report_.relative_rmse,
            model.report_.n_iter,
        )
        np.testing.assert_array_equal(model.report_.history.stage, 1)

    def test_stages_as_the_first(self, line):
        model = regressor(stage_activation="same", max_iter=20, activation="gelu").fit(*line)
        assert model.network_.activation == ("gelu", "gelu", "identity")
        assert [stage.frequency for stage in model.report_.stages] == [None, None]

    def test_several_outputs_and_weights(self, line):
        X, y = line
        Y = np.column_stack([y, 100 * np.sin(2 * X[:, 0])])
        model = regressor(max_iter=100).fit(X, Y, sample_weight=1 + X[:, 0] ** 2)
        first, second = model.report_.stages
        assert second.relative_rmse < first.relative_rmse
        assert model.predict(X).shape == Y.shape
        assert model.predict_gradient(X).shape == (400, 2, 1)

    def test_stops_at_the_rounding_floor(self, line):
        X, y = line
        model = regressor(solver="taylor-lm", n_stages=3, max_iter=10_000).fit(X, X[:, 0] ** 2)
        assert len(model.report_.stages) < 3
        assert "at the rounding floor after" in model.report_.stop_reason

    def test_tolerance_is_of_the_whole(self, line):
        model = regressor(tol=1e-5, n_stages=3, max_iter=2000).fit(*line)
        assert 1e-7 < model.report_.relative_rmse <= 1e-5

    def test_seeds(self, line):
        first, same, other = (
            regressor(max_iter=30, random_state=seed).fit(*line) for seed in (0, 0, 1)
        )
        np.testing.assert_array_equal(first.theta_, same.theta_)
        assert np.any(first.theta_ != other.theta_)

    @pytest.mark.parametrize("solver", pk.optimize.METHODS)
    def test_stages_by_every_solver(self, line, solver):
        model = regressor(solver=solver, max_iter=30).fit(*line)
        first, second = model.report_.stages
        assert second.relative_rmse <= first.relative_rmse < 1
        assert first.n_iter <= 30 and second.n_iter <= 30

    def test_the_race_between_input_maps(self):
        X = sample_box([1, 1], [3, 3], 400, seed=0)
        model = regressor(max_iter=30).fit(X, np.sin(X[:, 0] / X[:, 1]))
        assert set(model.report_.race) == {"linear", "log", "both"}
        assert len(model.report_.stages) == 2

    def test_time_limit_is_shared(self, line):
        model = regressor(max_iter=10**6, time_limit=1.0).fit(*line)
        assert len(model.report_.stages) == 2
        assert model.report_.stages[0].stop_reason == "time limit"

    @pytest.mark.parametrize(
        "change, message",
        [
            ({"n_stages": 0}, "n_stages must be an integer of at least 1, got 0"),
            ({"n_stages": 1.5}, "n_stages must be an integer of at least 1, got 1.5"),
            ({"n_stages": "two"}, "n_stages must be an integer"),
            ({"stage_activation": "cos"}, "stage_activation must be 'sin' or 'same', got 'cos'"),
            (
                {"hidden_layer_sizes": ()},
                "stage_activation 'sin' needs a hidden layer",
            ),
            ({"solver": "sgd"}, r"solver must be one of 'taylor-lm', 'bfgs', .*, got 'sgd'"),
            ({"solver_options": 3}, "solver_options must be a dict, got 3"),
            ({"solver_options": {"maxiter": 3}}, "must not have 'maxiter': .* max_iter"),
            ({"solver_options": {"callback": print}}, "must not have 'callback'"),
            ({"solver_options": {"c2": 2.0}}, "c2"),
        ],
    )
    def test_bad_parameters(self, line, change, message):
        with pytest.raises(ValueError, match=message):
            regressor(**change).fit(*line)

    def test_unknown_option(self, line):
        with pytest.raises(TypeError, match="colour"):
            regressor(solver_options={"colour": 1}).fit(*line)
