"""Graphs of small networks, and the estimator that wires them as an expression is."""

import builtins
import pickle

import numpy as np
import pandas as pd
import pytest
import reference
import sympy

import precisekit as pk
from precisekit._keeper import Keeper
from precisekit.modular import PAPER_GRAPHS, Graph, ModularMLP, ModularMLPRegressor
from precisekit.modular._matches import matches
from precisekit.modular._run import Run

# -- graphs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "nodes"),
    [
        (
            "sqrt((x1 - x2)**2 + (y1 - y2)**2)",
            {"m1": ("x1", "x2"), "m2": ("y1", "y2"), "m3": ("m1", "m2")},
        ),
        (
            "x1*y1 + x2*y2 + x3*y3",
            {
                "m1": ("x1", "y1"),
                "m2": ("x2", "y2"),
                "m3": ("x3", "y3"),
                "m4": ("m1", "m2"),
                "m5": ("m3", "m4"),
            },
        ),
        ("exp(-(t/s)**2/2)/(sqrt(2*pi)*s)", {"m1": ("s", "t")}),
        ("x", {"m1": ("x",)}),
    ],
)
def test_an_expression_becomes_modules_of_two_numbers(expression, nodes):
    graph = Graph.from_expression(expression)
    assert {node.name: tuple(sorted(node.inputs)) for node in graph.nodes} == nodes


@pytest.mark.parametrize("name", ["I.8.14", "II.6.15a", "I.44.4", "I.12.11", "Z.007", "I.11.19"])
def test_the_nodes_of_an_expression_make_up_the_expression(name):
    q = pk.datasets.feynman(name)
    graph = Graph.from_expression(q.formula, q.variables)
    X = pk.sample_box(q.lo, q.hi, 50, seed=0)
    assert max(len(node.inputs) for node in graph.nodes) == 2
    values = graph.values(X)
    np.testing.assert_allclose(values[graph.nodes[-1].name], q(X), rtol=1e-14)


def test_equal_subexpressions_are_one_module():
    graph = Graph.from_expression("a*b*c + sin(a*b)*d")
    assert [node.formula for node in graph.nodes].count("a*b") == 1


def test_variables_may_have_the_names_of_modules():
    graph = Graph.from_expression("(m1 + m2)*(m3 + a)")
    assert len(graph.nodes) == 3
    assert not {node.name for node in graph.nodes} & set(graph.variables)


def test_an_expression_of_sympy():
    import sympy

    x, y = sympy.symbols("x y")
    graph = Graph.from_expression(sympy.exp(1) * x + sympy.sqrt(y))
    assert graph.variables == ("x", "y")
    X = np.array([[1.0, 4.0]])
    assert graph.values(X)["m1"][0] == pytest.approx(np.e + 2, rel=1e-14)


def test_nodes_in_any_order_and_with_or_without_formulas():
    graph = Graph({"C": ("A", "B", "z"), "B": "y1 - y2", "A": "x1*x2"})
    assert [node.name for node in graph.nodes][-1] == "C"
    assert graph.variables == ("z", "y1", "y2", "x1", "x2")
    values = graph.values([[9.0, 5.0, 3.0, 2.0, 7.0]])
    assert values == {"B": [2.0], "A": [14.0]}
    assert "C = f(A, B, z)" in str(graph)
    assert eval(repr(graph)) == graph


@pytest.mark.parametrize("name", PAPER_GRAPHS)
def test_the_graphs_of_the_paper_compute_their_equations(name):
    q = pk.datasets.feynman(name)
    graph = PAPER_GRAPHS[name]
    assert graph.variables == tuple(q.variables)
    X = pk.sample_box(q.lo, q.hi, 50, seed=0)
    np.testing.assert_allclose(graph.values(X)[graph.nodes[-1].name], q(X), rtol=1e-14)


@pytest.mark.parametrize(
    ("expression", "variables", "message"),
    [
        ("foo(x) + y", None, "unknown function 'foo'; known are"),
        ("x + y", ("x",), "unknown name 'y'; the variables are x"),
        ("x + y", ("x", "y", "z"), "does not use the variable 'z'"),
        ("x - x + y", ("x", "y"), "does not use the variable 'x'"),
        ("x ^ y", None, r"'x \^ y'; powers are written \*\*"),
        ("x +", None, "cannot be read"),
        ("__import__('os').getcwd()", None, "not understood"),
        ("x.real", None, "not understood"),
        ("sin(x, y)", None, "sin with 2 arguments; it takes 1"),
        ("1 + 2", None, "has no variables"),
        ("x/(2 - 2)", None, "divides by zero"),
        ("x + 1/(2 - 2)", None, r"has 1 / \(2 - 2\), which is no number of float64"),
        ("x + 10**10**3", None, r"has 10 \*\* 10 \*\* 3, which is no number of float64"),
        ("x + 9**9**9**9", None, "which is no number of float64"),
        ("x + 1e400", None, "which is no number of float64"),
        ("x*" * 3000 + "y", None, "too many operations"),
        ("x + y", 3, "variables must be a sequence of names, got 3"),
        ("x + y", ("x", "x"), r"variables\[1\] is 'x' again"),
        ("x + y", "xy", "variables must be a sequence of names"),
        (3.0, None, "expression must be a str, got float"),
    ],
)
def test_bad_expressions(expression, variables, message):
    with pytest.raises(ValueError, match=message):
        Graph.from_expression(expression, variables)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ({"A": ("B", "x"), "B": ("A",)}, "graph has a loop: A -> B -> A"),
        ({"A": "A + x"}, "graph has a loop: A -> A"),
        ({"A": "x + C", "B": "A", "C": "2*B", "D": "C"}, "graph has a loop: A -> C -> B -> A"),
        ({"A": ("x",), "B": ("y",)}, "one output, but these nodes are used by no other: A, B"),
        ({"A": ()}, "node 'A' without inputs"),
        ({"A": ("x", "x")}, "node 'A' with an input twice"),
        ({"A B": ("x",)}, "'A B', which is no identifier"),
        ({"pi": "x + y"}, "'pi', which is a number in formulas"),
        ({"A": 3}, "a formula or the names of inputs for the node 'A', got 3"),
        ({}, "at least one"),
        ([("A", "x")], "must be a mapping"),
    ],
)
def test_bad_graphs(nodes, message):
    with pytest.raises(ValueError, match=message):
        Graph(nodes)


def test_graphs_that_do_not_fit_their_variables():
    with pytest.raises(ValueError, match="unknown name 'y'"):
        Graph({"A": "x*y"}, ("x",))
    with pytest.raises(ValueError, match="does not use the variable 'z'"):
        Graph({"A": "x*y"}, ("x", "y", "z"))
    with pytest.raises(ValueError, match="a node with the name of the variable 'x'"):
        Graph({"A": "x", "x": "y"}, ("x", "y"))


def test_without_sympy(monkeypatch):
    imported = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "sympy":
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'pip install "precisekit\[modular\]"'):
        Graph.from_expression("x + y")
    assert len(Graph({"A": "x + y"}).nodes) == 1


# -- networks --------------------------------------------------------------------------------------

# z feeds a module beside another's output, and the first module feeds two
INPUTS = [(0, 1), (2, 3), (3, 4, 1), (5, 4)]
HIDDEN = [(3, 4), (5,), (4,), (3, 2)]


def modular(activation="tanh"):
    net = ModularMLP(3, INPUTS, HIDDEN, activation)
    return net, net.init(4), pk.sample_box([-1] * 3, [1] * 3, 300, seed=0)


def composed(theta, X, activation="tanh"):
    """Values, gradients and second derivatives of all modules by the chain rule, from MLPs; and the
    Jacobian of the last one with respect to theta."""
    n, d = X.shape
    values = list(X.T)
    gradients = [np.broadcast_to(np.eye(d)[k], (n, d)) for k in range(d)]
    hessians = [np.zeros((n, d, d))] * d
    jacobians = [np.zeros((n, theta.size))] * d
    start = 0
    for inputs, hidden in zip(INPUTS, HIDDEN):
        module = pk.MLP([len(inputs), *hidden, 1], activation)
        part = slice(start, start + module.n_params)
        start = part.stop
        U = np.stack([values[k] for k in inputs], axis=1)
        g = module.input_gradient(theta[part], U)
        H = module.input_hessian(theta[part], U)
        Ju = np.stack([gradients[k] for k in inputs], axis=1)
        values.append(module.forward(theta[part], U))
        gradients.append(np.einsum("nk,nkd->nd", g, Ju))
        curved = np.einsum("nkd,nkl,nle->nde", Ju, H, Ju)
        curved += sum(g[:, i, None, None] * hessians[k] for i, k in enumerate(inputs))
        hessians.append(curved)
        J = sum(g[:, i, None] * jacobians[k] for i, k in enumerate(inputs))
        J[:, part] += module.jacobian(theta[part], U)
        jacobians.append(J)
    return np.stack(values[d:], axis=1), gradients[-1], hessians[-1], jacobians[-1]


@pytest.mark.parametrize("activation", ["tanh", "sin", "gelu", "relu"])
def test_a_graph_is_its_modules_one_after_the_other(activation):
    net, theta, X = modular(activation)
    values, gradient, hessian, jacobian = composed(theta, X, activation)
    assert net.n_params == theta.size
    np.testing.assert_allclose(net.module_outputs(theta, X), values, rtol=0, atol=2e-15)
    np.testing.assert_allclose(net.forward(theta, X), values[:, -1], rtol=0, atol=2e-15)
    np.testing.assert_allclose(net.forward_extended(theta, X), values[:, -1], rtol=0, atol=4e-15)
    np.testing.assert_allclose(net.jacobian(theta, X), jacobian, rtol=0, atol=1e-14)
    np.testing.assert_allclose(net.input_gradient(theta, X), gradient, rtol=0, atol=1e-14)
    np.testing.assert_allclose(net.input_hessian(theta, X), hessian, rtol=0, atol=1e-13)
    assert len(net.layers(theta)) == len(net.sizes) - 1
    assert [W.shape[1] for W, _ in net.layers(theta)][:3] == [2, 3, 4]


def test_the_objective_of_a_graph():
    net, theta, X = modular()
    y = np.cos(X.sum(axis=1))
    objective = pk.LeastSquares(net, X, y, np.linspace(1, 2, len(X)))
    r, J = objective.residual(theta), objective.residual_jac(theta)
    np.testing.assert_allclose(objective.jac(theta), 2 / len(X) * J.T @ r, rtol=0, atol=1e-15)


@pytest.mark.skipif(
    not reference.HAS_EXTENDED_PRECISION, reason="long double is no wider than double here"
)
@pytest.mark.parametrize("activation", ["tanh", "gelu", "relu"])
@pytest.mark.parametrize("hidden", [HIDDEN, [(2,), (), (3,), ()]])
def test_the_hessian_of_a_graph(hidden, activation):
    rng = np.random.default_rng(3)
    net = ModularMLP(3, INPUTS, hidden, activation)
    theta, X, y = rng.normal(size=net.n_params), rng.uniform(-1, 1, (150, 3)), rng.normal(size=150)
    weights = rng.uniform(0, 2, 150)
    outputs = reference.graph(INPUTS, hidden, activation, theta, X)
    truth = reference.objective(outputs, net.n_params, y, weights).hess
    objective = pk.LeastSquares(net, X, y, weights)
    H = objective.hess(theta)
    np.testing.assert_array_equal(H, H.T)
    assert reference.relative_error(H, truth) <= 1e-13
    v = rng.normal(size=net.n_params)
    assert reference.relative_error(objective.hessp(theta, v), truth @ v) <= 1e-13


def test_the_spectrum_of_a_graph():
    net, theta, X = modular()
    objective = pk.LeastSquares(net, X, np.cos(X.sum(axis=1)))
    spectrum = pk.analysis.hessian_spectrum(objective, theta)
    g, V = objective.jac(theta), spectrum.eigenvectors
    np.testing.assert_allclose(spectrum.gradient_projection, np.abs(g @ V), rtol=0, atol=1e-15)
    published = np.abs(g[:6] @ V[:6])  # two wires, three units
    np.testing.assert_allclose(spectrum.published_projection, published, rtol=0, atol=1e-15)


@pytest.mark.parametrize("method", ["taylor-lm", "ssbfgs", "newton"])
def test_minimisers_work_through_the_graph(method):
    net = ModularMLP(3, [(0, 1), (3, 2)], (6,))
    X = pk.sample_box([-1] * 3, [1] * 3, 400, seed=0)
    objective = pk.LeastSquares(net, X, np.exp(X[:, 0] * X[:, 1]) * np.cos(X[:, 2]))
    options = {"maxiter": 800} if method == "ssbfgs" else {"maxiter": 60}
    result = pk.minimize(objective, net.init(0), method, **options)
    if method != "taylor-lm":
        assert result.relative_rmse < 0.1
    else:
        assert result.relative_rmse < 5e-3
        assert (
            result.relative_rmse
            < 0.1 * pk.minimize(objective, net.init(0), method, order=1, **options).relative_rmse
        )


def test_a_graph_gives_the_same_bits_on_any_number_of_threads():
    net, theta, X = modular()
    X = np.tile(X, (4, 1))
    objective = pk.LeastSquares(net, X, np.cos(X.sum(axis=1)))
    before, results = pk.get_num_threads(), []
    try:
        for n in (1, 2):
            pk.set_num_threads(n)
            results.append(pk.minimize(objective, theta, maxiter=5).x)
    finally:
        pk.set_num_threads(before)
    np.testing.assert_array_equal(*results)


def test_parameters_of_a_graph():
    net, theta, X = modular()
    assert pickle.loads(pickle.dumps(net)).forward(theta, X)[3] == net.forward(theta, X)[3]
    np.testing.assert_array_equal(net.init(7), net.init(7))
    first = pk.MLP([2, 3, 4, 1])
    np.testing.assert_array_equal(net.init(7, "torch")[:30], first.init(7, "torch")[:30])
    spread = np.std(net.module_outputs(theta, X), axis=0)
    assert (spread[:3] > 0.1).all()
    assert "ModularMLP(3, inputs=[(0, 1)" in repr(net)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((2, [(0, 3)]), r"modules\[0\] has an input that is neither"),
        ((2, [(0, 1), (3,)]), r"modules\[1\] has an input that is neither"),
        ((2, []), "a graph needs inputs and modules"),
        ((2, [3]), r"inputs must be a sequence of integers for each module, got \[3\]"),
        ((2, [()]), r"modules\[0\] has no inputs"),
        ((0, [(0,)]), "n_inputs must be an integer of at least 1"),
        ((2, [(0, -1)]), r"inputs\[0\] must be an integer of at least 0, got -1"),
        ((2, [(0,), (1, 2)], [(3,)]), "must have 2 entries, one a module, got 1"),
        ((2, [(0,), (1, 2)], [(3,), (0,)]), r"hidden_layer_sizes\[1\]\[0\] must be an integer"),
        ((2, [(0,)], 5), "hidden_layer_sizes must be a sequence"),
        ((2, [(0,)], (3,), "softmax"), "activation must be one of"),
    ],
)
def test_bad_networks(arguments, message):
    with pytest.raises(ValueError, match=message):
        ModularMLP(*arguments)


def test_linear_regions_are_not_those_of_graphs():
    net = ModularMLP(2, [(0, 1)], (3,), "relu")
    with pytest.raises(ValueError, match="not be a graph of modules"):
        pk.analysis.relu_regions(net, net.init(0), [0, 0], [1, 1])


# -- the estimator ---------------------------------------------------------------------------------

EXPRESSION = "b*exp(a*c)"


def product(X):
    return X[:, 1] * np.exp(X[:, 0] * X[:, 2])


@pytest.fixture(scope="module")
def points():
    return pk.sample_box([-1, 1, -1], [1, 2, 1], 400, seed=0)


@pytest.fixture(scope="module")
def fitted(points):
    model = ModularMLPRegressor(
        expression=EXPRESSION,
        variables=("a", "b", "c"),
        hidden_layer_sizes=(6,),
        max_iter=120,
        random_state=0,
    )
    return model.fit(points, product(points))


def test_fit_predict_and_score(fitted, points):
    fresh = pk.sample_box([-1, 1, -1], [1, 2, 1], 300, seed=1)
    assert fitted.score(fresh, product(fresh)) > 1 - 1e-7
    assert pk.ModularMLPRegressor is ModularMLPRegressor
    X, step = fresh[:20], 1e-5
    slope = np.stack(
        [
            (fitted.predict(X + step * e) - fitted.predict(X - step * e)) / (2 * step)
            for e in np.eye(3)
        ],
        axis=1,
    )
    np.testing.assert_allclose(fitted.predict_gradient(X), slope, rtol=0, atol=1e-7)


def test_the_report_tells_how_well_the_modules_match(fitted, points):
    report = fitted.report_
    inner, output = report.nodes
    assert inner.formula == "exp(a*c)"
    assert inner.monotone < 1e-2 < inner.affine
    assert inner.told < 1e-2
    assert output.affine < 1e-4
    assert report.n_params == fitted.network_.n_params == fitted.theta_.size
    assert report.n_iter == fitted.n_iter_ == report.history.iteration[-1] <= 120
    assert (np.diff(report.history.iteration) >= 0).all()
    assert set(report.race) == {"linear", "log", "both"}
    assert fitted.input_map_.kind == min(report.race, key=report.race.get)
    table = str(report)
    assert "monotone" in table and "m1 = exp(a*c)" in table
    outputs = fitted.node_outputs(points)
    np.testing.assert_allclose(
        outputs["m2"] * fitted.target_scale_, fitted.predict(points), rtol=1e-14
    )


def test_a_module_may_hold_more_than_its_node():
    X = pk.sample_box([-1, 0, 0], [1, 1, 1], 300, seed=0)
    net = ModularMLP(3, [(0, 1), (3, 2)], ())
    theta = np.array([1.0, -1.0, 0.3, 1.0, 1.0, 0.0])
    graph = Graph({"A": "(a - b)**2", "B": "A + c"}, ("a", "b", "c"))
    outputs = net.module_outputs(theta, X)
    np.testing.assert_allclose(outputs[:, 0], X[:, 0] - X[:, 1] + 0.3, atol=1e-15)
    node, last = matches(graph, X, outputs)
    assert node.monotone > 0.3 and node.told < 1e-12
    assert last.told > 0.1
    same = matches(Graph({"A": "3 - a", "B": "A*b*c"}, ("a", "b", "c")), X, X[:, [0, 1]])[0]
    assert same.affine < 1e-12 and same.monotone < 1e-12 and same.told < 1e-12


def test_columns_by_name_in_any_order(points):
    options = dict(hidden_layer_sizes=(4,), max_iter=5, input_map="both", random_state=1)
    frame = pd.DataFrame(points, columns=["a", "b", "c"])[["c", "a", "b"]]
    model = ModularMLPRegressor(expression=EXPRESSION, **options).fit(frame, product(points))
    assert model.graph_.variables == ("c", "a", "b")
    # only b is positive: its module takes it twice
    assert model.network_.inputs == ((1, 0), (2, 3, 4)) or model.network_.inputs[0] == (0, 1)
    numbered = ModularMLPRegressor(expression="x2*exp(x1*x3)", **options)
    assert numbered.fit(points, product(points)).graph_.variables == ("x1", "x2", "x3")
    ordered = ModularMLPRegressor(expression="exp(a*c1)*c10", **options)
    assert ordered.fit(points, product(points)).graph_.variables == ("a", "c1", "c10")


def test_graphs_in_place_of_expressions(points):
    y = product(points)
    options = dict(hidden_layer_sizes=[(3,), (4,)], max_iter=3, input_map="linear", random_state=0)
    nodes = {"inner": ("a", "c"), "outer": ("inner", "b")}
    model = ModularMLPRegressor(graph=nodes, variables=("a", "b", "c"), **options).fit(points, y)
    assert model.network_.inputs == ((0, 2), (3, 1))
    assert model.report_.nodes == []
    assert "inner = f(a, c)" in str(model.report_)
    graph = Graph(nodes, ("a", "c", "b"))
    swapped = ModularMLPRegressor(graph=graph, **options).fit(points[:, [0, 2, 1]], y)
    np.testing.assert_array_equal(swapped.predict(points[:, [0, 2, 1]]), model.predict(points))
    q = pk.datasets.feynman("I.8.14")
    X = pk.sample_box(q.lo, q.hi, 100, seed=0)
    paper = ModularMLPRegressor(graph="I.8.14", hidden_layer_sizes=(2,), max_iter=3)
    assert [node.name for node in paper.fit(X, q(X)).report_.nodes] == ["A", "B", "C"]


def test_weights_seeds_and_pickles(points):
    y = product(points)
    options = dict(
        hidden_layer_sizes=(3,), max_iter=8, input_map="linear", n_starts=2, random_state=3
    )
    one = ModularMLPRegressor(expression="x2*exp(x1*x3)", **options)
    weight = np.r_[np.ones(300), np.zeros(100)]
    spoilt = np.where(weight > 0, y, -50.0)
    alone = one.fit(points[:300], y[:300], weight[:300]).predict(points)
    both = one.fit(points, spoilt, weight).predict(points)
    np.testing.assert_array_equal(both, alone)
    np.testing.assert_array_equal(one.fit(points, spoilt, weight).predict(points), both)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(one)).predict(points), both)


def test_the_parts_of_its_error(fitted, points):
    fresh = pk.sample_box([-1, 1, -1], [1, 2, 1], 300, seed=1)
    parts = pk.analysis.decompose_loss(
        fitted, points, product(points), fresh, product(fresh), time_limit=0.2
    )
    assert parts.train == pytest.approx(fitted.report_.relative_rmse, rel=1e-6)
    assert parts.best_train <= parts.train


def test_a_time_limit_ends_the_fit(points):
    model = ModularMLPRegressor(expression="x2*exp(x1*x3)", time_limit=0.01, random_state=0)
    model.fit(points, product(points))
    assert model.report_.stop_reason == "time limit"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "one of expression and graph must be given"),
        ({"expression": "x1*x2*x3", "graph": {"A": "x1"}}, "one of expression and graph"),
        ({"expression": "x1*x2"}, "does not use the variable 'x3'"),
        ({"expression": "x1*x2*a"}, "unknown name 'a'"),
        ({"expression": "c*b*a"}, "unknown name 'c': X is an array of 3 columns without names"),
        ({"expression": "a + b"}, "unknown name 'a': X is an array of 3 columns without names"),
        ({"expression": "x1*x2*erfc(x3)"}, "unknown function 'erfc'"),
        ({"expression": "a*b*c", "variables": ("a", "b")}, "variables must have 3 names"),
        ({"expression": "a*b*d", "variables": ("a", "b", "c")}, "unknown name 'd'"),
        ({"graph": {"A": ("x1", "B"), "B": ("A", "x2", "x3")}}, "graph has a loop: A -> B -> A"),
        ({"graph": "I.11.19"}, "graph must be one of 'I.8.14', 'II.6.15a', or nodes"),
        ({"graph": "I.8.14"}, "X must have 4 columns, x1, x2, y1, y2, got 3"),
        ({"expression": "x1*x2*x3", "input_map": "cubic"}, "input_map must be"),
        ({"expression": "x1*x2*x3", "time_limit": 0}, "time_limit must be positive"),
        ({"expression": "x1*x2*x3", "max_iter": 0}, "max_iter must be an integer"),
    ],
)
def test_bad_parameters(points, parameters, message):
    with pytest.raises(ValueError, match=message):
        ModularMLPRegressor(**parameters).fit(points, product(points))


def test_bad_data(points):
    model = ModularMLPRegressor(expression="x1*x2*x3", hidden_layer_sizes=(2,), max_iter=1)
    with pytest.raises(ValueError, match=r"X must not hold NaN or inf, but X\[1, 0\] is nan"):
        spoilt = points.copy()
        spoilt[1, 0] = np.nan
        model.fit(spoilt, product(points))
    with pytest.raises(ValueError, match="y is constant"):
        model.fit(points, np.ones(len(points)))
    with pytest.warns(UserWarning, match="fewer samples"):
        model.fit(points[:10], product(points[:10]))


# -- on disk ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {"expression": EXPRESSION, "variables": ("a", "b", "c")},
        {"expression": sympy.sympify(EXPRESSION)},
        {"graph": Graph({"A": "x1*x3", "B": ("x2", "A")}, ("x1", "x2", "x3"))},
        {"graph": {"A": ("x1", "x3"), "B": "x2*exp(A)"}},
    ],
    ids=["expression", "sympy", "Graph", "mapping"],
)
def test_saved_models(points, tmp_path, given):
    y = product(points)
    widths = ((4,), (3, 3)) if "graph" in given else (4,)
    model = ModularMLPRegressor(
        **given, hidden_layer_sizes=widths, input_map="both", max_iter=10, random_state=0
    ).fit(points, y)
    pk.save(model, tmp_path / "m.pkit")
    loaded = pk.load(tmp_path / "m.pkit")
    np.testing.assert_array_equal(loaded.predict(points), model.predict(points))
    np.testing.assert_array_equal(loaded.predict_gradient(points), model.predict_gradient(points))
    assert loaded.graph_ == model.graph_
    assert loaded.report_.nodes == model.report_.nodes
    assert str(loaded.report_) == str(model.report_)
    for name, output in model.node_outputs(points).items():
        np.testing.assert_array_equal(loaded.node_outputs(points)[name], output)
    again = loaded.fit(points, y).predict(points)
    np.testing.assert_array_equal(again, model.predict(points))


class Killed(BaseException):
    """What ends a fit without any chance to tidy up."""


@pytest.fixture
def killed_at(monkeypatch):
    """Ends a fit with its n-th checkpoint, each iteration writing one."""

    def prepare(n):
        written = []

        def due(_):
            if len(written) == n:
                raise Killed
            written.append(1)
            return True

        monkeypatch.setattr(Keeper, "due", property(due))

    return prepare


def test_a_killed_fit_goes_on(points, tmp_path, killed_at, monkeypatch):
    y, path = product(points), tmp_path / "run.ckpt"

    def model(**parameters):
        options = dict(expression="x2*exp(x1*x3)", hidden_layer_sizes=(6,), n_starts=2)
        return ModularMLPRegressor(**options, random_state=0, **parameters)

    straight = model().fit(points, y).report_
    killed_at(6 * 41 + 20)  # after six lanes, of three maps and two starts
    with pytest.raises(Killed):
        model().fit(points, y, checkpoint=path)
    saved = pk.load(path)
    assert saved.report_.stop_reason == "under way"
    assert np.isfinite(saved.predict(points)).all()
    assert saved.report_.relative_rmse > 10 * straight.relative_rmse
    killed_at(10**9)
    monkeypatch.setattr(Run, "_run_lane", lambda *_: pytest.fail("the race is run"))
    resumed = model().fit(points, y, checkpoint=path, resume=path).report_
    assert resumed.relative_rmse < 1.5 * straight.relative_rmse
    assert resumed.race == straight.race
    assert resumed.n_iter > saved.report_.n_iter > 240
    assert resumed.history.iteration[-1] == resumed.n_iter
    assert resumed.seconds > saved.report_.seconds
    assert pk.load(path).report_.relative_rmse == resumed.relative_rmse

    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"hidden_layer_sizes \(there \(6,\), here \(5,\)\)$"):
        model().set_params(hidden_layer_sizes=(5,)).fit(points, y, resume=path)
    with pytest.raises(ValueError, match=r"graph \(there \{"):
        model().set_params(expression="x1*x3 + x2").fit(points, y, resume=path, checkpoint=path)
    with pytest.raises(ValueError, match=r"in: y \("):
        model().fit(points, 2 * y, resume=path, checkpoint=path)
    assert path.read_bytes() == before


def test_a_fit_killed_in_the_race_goes_on_with_it(points, tmp_path, killed_at):
    y, path = product(points), tmp_path / "run.ckpt"
    model = ModularMLPRegressor(expression="x2*exp(x1*x3)", hidden_layer_sizes=(3,), n_starts=2)
    straight = model.set_params(random_state=0).fit(points, y).theta_.tobytes()
    n_iter = model.n_iter_
    killed_at(3 * 41 + 1)  # three lanes, and the start of the fourth
    with pytest.raises(Killed):
        model.fit(points, y, checkpoint=path)
    saved = pk.load(path).report_
    assert set(saved.race) == {"linear", "log", "both"}
    killed_at(10**9)
    model.fit(points, y, resume=path)
    assert saved.n_iter == 3 * 40
    assert model.n_iter_ == n_iter
    assert model.theta_.tobytes() == straight
