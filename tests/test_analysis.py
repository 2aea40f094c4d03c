"""Spectra, loss along lines, power laws, linear regions, and the parts of an error."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.interpolate import LinearNDInterpolator
from scipy.stats import linregress
from scipy.stats import t as student

import precisekit as pk
from precisekit import analysis


def test_analysis_is_imported_at_its_first_use():
    code = (
        "import sys, precisekit; assert 'precisekit.analysis' not in sys.modules; "
        "assert 'analysis' in dir(precisekit); precisekit.analysis.hessian_spectrum"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# -- spectrum --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fit_of_exp():
    X = np.linspace(-1, 1, 150)[:, None]
    net = pk.MLP([1, 6, 5, 1])
    objective = pk.LeastSquares(net, X, np.exp(X[:, 0]), np.linspace(1, 3, 150))
    return objective, pk.minimize(objective, net.init(0), maxiter=3).x


def test_spectrum_diagonalises_the_hessian(fit_of_exp):
    objective, theta = fit_of_exp
    spectrum = analysis.hessian_spectrum(objective, theta)
    H, V = objective.hess(theta), spectrum.eigenvectors
    assert (np.diff(spectrum.eigenvalues) <= 0).all()
    scale = spectrum.eigenvalues[0]
    assert np.max(np.abs(H @ V - V * spectrum.eigenvalues)) < 1e-14 * scale
    assert np.max(np.abs(V.T @ V - np.eye(len(theta)))) < 1e-14


def test_projections_of_the_gradient(fit_of_exp):
    objective, theta = fit_of_exp
    spectrum = analysis.hessian_spectrum(objective, theta)
    g, V = objective.jac(theta), spectrum.eigenvectors
    np.testing.assert_allclose(spectrum.gradient_projection, np.abs(g @ V), rtol=0, atol=1e-18)
    # the program of the paper stopped after the first tensor, the weights of the first layer
    np.testing.assert_allclose(
        spectrum.published_projection, np.abs(g[:6] @ V[:6]), rtol=0, atol=1e-18
    )
    assert np.linalg.norm(spectrum.gradient_projection) == pytest.approx(np.linalg.norm(g))


@pytest.mark.parametrize("chunk", [2e7, 100])
def test_projection_of_the_residual_is_what_a_step_along_it_removes(fit_of_exp, chunk, monkeypatch):
    monkeypatch.setattr(analysis._spectrum, "_CHUNK_DOUBLES", chunk)
    objective, theta = fit_of_exp
    spectrum = analysis.hessian_spectrum(objective, theta)
    r, J = objective.residual(theta), objective.residual_jac(theta)
    for i in (0, 3, 10):
        u = J @ spectrum.eigenvectors[:, i]
        left = r - u * (r @ u) / (u @ u)
        share = np.sqrt(1 - (left @ left) / (r @ r))
        assert spectrum.residual_projection[i] == pytest.approx(share, rel=1e-6, abs=1e-8)


def test_spectrum_of_a_network_with_two_outputs(tmp_path):
    net = pk.MLP([2, 3, 2])
    X = pk.sample_box([-1, -1], [1, 1], 40, seed=0)
    objective = pk.LeastSquares(net, X, X**2)
    theta = net.init(0)
    spectrum = analysis.hessian_spectrum(objective, theta)
    r, J = objective.residual(theta), objective.residual_jac(theta)
    change = J @ spectrum.eigenvectors
    norm = np.linalg.norm(change, axis=0)
    flat = norm < 1e-10
    expected = np.abs(r @ change) / np.where(flat, 1, norm) / np.linalg.norm(r)
    np.testing.assert_allclose(spectrum.residual_projection[~flat], expected[~flat], atol=1e-9)
    for published in (False, True):
        path = tmp_path / f"{published}.png"
        spectrum.plot(published=published).savefig(path)
        assert path.stat().st_size > 1000


def test_spectrum_refuses_what_does_not_fit(fit_of_exp):
    objective, theta = fit_of_exp
    with pytest.raises(ValueError, match="theta must have 53 elements, got 52"):
        analysis.hessian_spectrum(objective, theta[1:])
    with pytest.raises(ValueError, match="objective must be a LeastSquares, got MLP"):
        analysis.hessian_spectrum(objective.net, theta)


# -- lines and planes ------------------------------------------------------------------------------


def test_loss_along_a_line_and_a_plane(fit_of_exp, tmp_path):
    objective, theta = fit_of_exp
    rng = np.random.default_rng(0)
    u, v = rng.standard_normal((2, theta.size))
    line = analysis.loss_line(objective, theta, u, t=[-0.5, 0.0, 2.0])
    assert line.fun[2] == objective.fun(theta + 2.0 * u)
    assert line.relative_rmse[1] == objective.relative_rmse(theta)
    plane = analysis.loss_plane(objective, theta, u, v, s=[0.0, 0.25], t=[-1.0, 0.0, 1.0])
    assert plane.fun.shape == (2, 3)
    assert plane.fun[1, 2] == objective.fun(theta + 0.25 * u + 1.0 * v)
    assert len(analysis.loss_line(objective, theta, u).t) == 101
    for picture in (line, plane):
        picture.plot().savefig(tmp_path / "picture.png")
        assert (tmp_path / "picture.png").stat().st_size > 1000


def test_extended_precision_shows_the_loss_below_its_rounding():
    X = np.linspace(-1, 1, 50)[:, None]
    net = pk.MLP([1, 4, 1])
    theta = net.init(1)
    objective = pk.LeastSquares(net, X, np.asarray(net.forward(theta, X)))
    t = np.array([0.0, 1e-9, 2e-9])
    direction = np.ones(theta.size)
    extended = analysis.loss_line(objective, theta, direction, t, extended=True).fun
    # a parabola from rounding of the targets on: quadruples where the step doubles
    assert extended[2] / extended[1] == pytest.approx(4, rel=1e-5)
    assert extended[0] < 1e-31
    weighted = pk.LeastSquares(net, X, np.exp(X), np.linspace(0, 2, 50))
    both = [analysis.loss_line(weighted, theta, direction, t, extended=e).fun for e in (0, 1)]
    np.testing.assert_allclose(*both, rtol=1e-14)


def test_lines_refuse_what_does_not_fit(fit_of_exp):
    objective, theta = fit_of_exp
    with pytest.raises(ValueError, match="direction must have 53 elements, got 2"):
        analysis.loss_line(objective, theta, [1.0, 2.0])
    with pytest.raises(ValueError, match=r"v must not hold NaN or inf, but v\[1\] is nan"):
        analysis.loss_plane(objective, theta, theta, [0.0, np.nan])
    with pytest.raises(ValueError, match="t is empty"):
        analysis.loss_line(objective, theta, theta, t=[])
    with pytest.raises(ValueError, match=r"2 x 2 points, but s and t give \(1, 3\)"):
        analysis.loss_plane(objective, theta, theta, theta, [0], [0, 1, 2]).plot()


# -- power laws ------------------------------------------------------------------------------------

N = 2.0 ** np.arange(5, 19)


def noisy(loss, seed=0, spread=0.1):
    return loss * np.exp(spread * np.random.default_rng(seed).standard_normal(loss.size))


def test_exponent_and_interval_are_those_of_the_regression():
    loss = noisy(3.0 * N**-1.5)
    law = analysis.scaling_exponent(N, loss)
    regression = linregress(np.log(N), np.log(loss))
    assert law.exponent == pytest.approx(-regression.slope, rel=1e-12)
    half = regression.stderr * student.ppf(0.975, N.size - 2)
    assert law.interval == pytest.approx((law.exponent - half, law.exponent + half), rel=1e-12)
    assert law.range == (N[0], N[-1])
    assert law.plateau is None and law.floor is None
    assert law(N[3]) == pytest.approx(np.exp(regression.intercept) * N[3] ** regression.slope)


@pytest.mark.parametrize("seed", range(5))
def test_plateau_and_floor_are_left_out(seed):
    loss = noisy(np.clip(1e4 * N**-2.0, 1e-5, 1.0), seed)
    law = analysis.scaling_exponent(N, loss)
    first, last = law.range
    assert 64 <= first <= 256 and 2**13 <= last <= 2**16
    assert law.interval[0] < 2 < law.interval[1] or abs(law.exponent - 2) < 0.1
    assert law.floor == pytest.approx(1e-5, rel=0.5)
    assert law.plateau == pytest.approx(1.0, rel=0.5)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    inside = sum(
        low < 1.0 < high
        for low, high in (
            analysis.scaling_exponent(N, noisy(1 / N, seed), confidence=0.8).interval
            for seed in range(200)
        )
    )
    assert 140 <= inside <= 180


def test_several_losses_at_one_size_and_any_order():
    sizes = np.repeat(N, 3)
    loss = noisy(np.maximum(sizes**-1.0, 1e-4))
    order = np.random.default_rng(1).permutation(sizes.size)
    law = analysis.scaling_exponent(sizes[order], loss[order])
    assert law.exponent == pytest.approx(1.0, abs=0.06)
    assert law.floor == pytest.approx(1e-4, rel=0.2)
    two = analysis.scaling_exponent([1, 10], [1.0, 0.1])
    assert two.exponent == pytest.approx(1.0)
    assert two.interval == (-np.inf, np.inf)


def test_simplex_interpolation_scales_as_the_paper_says():
    sizes = 2 ** np.arange(4, 11)
    loss = []
    for n in sizes:
        x = np.linspace(0, 1, n)
        fine = np.linspace(0.1, 0.9, 5000)
        loss.append(np.sqrt(np.mean((np.interp(fine, x, np.exp(x)) - np.exp(fine)) ** 2)))
    law = analysis.scaling_exponent(sizes, loss)
    assert law.exponent == pytest.approx(2.0, abs=0.1)


def test_picture_of_a_power_law(tmp_path):
    analysis.scaling_exponent(N, 1 / N).plot().savefig(tmp_path / "law.svg")
    assert (tmp_path / "law.svg").stat().st_size > 1000


def test_power_laws_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match=r"loss must be positive, but loss\[1\] is 0.0"):
        analysis.scaling_exponent([1, 2, 3], [1.0, 0.0, 1.0])
    with pytest.raises(ValueError, match="loss must have 3 elements as N has, got 2"):
        analysis.scaling_exponent([1, 2, 3], [1.0, 1.0])
    with pytest.raises(ValueError, match="at least two distinct"):
        analysis.scaling_exponent([4, 4], [1.0, 1.0])
    with pytest.raises(ValueError, match="confidence must be between 0 and 1, got 95"):
        analysis.scaling_exponent([1, 2], [1.0, 1.0], confidence=95)
    with pytest.raises(ValueError, match="confidence must be a number, got '95 %'"):
        analysis.scaling_exponent([1, 2], [1.0, 1.0], confidence="95 %")


# -- linear regions --------------------------------------------------------------------------------


def area(polygon):
    x, y = polygon.T
    return 0.5 * np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))


def folded(depth, d=1):
    """A network that folds [0, 1] `depth` times: a saw with 2**depth teeth along x1."""
    tent = [[2.0], [2.0]], [0.0, -1.0]  # 2x for x > 0 and 2x - 1, from which 2x - 2 (2x - 1)
    W1 = np.zeros((2, d))
    W1[:, 0] = 2.0
    parts = [W1.ravel(), tent[1]]
    for _ in range(depth - 1):
        fold = 2 * np.array([1.0, -2.0])
        parts += [np.concatenate([fold, fold]), tent[1]]
    parts += [np.array([1.0, -2.0]), [0.0]]
    return pk.MLP([d, *[2] * depth, 1], "relu"), np.concatenate(parts)


@pytest.mark.parametrize("depth", [1, 2, 5, 8])
def test_a_saw_has_two_to_the_depth_regions(depth):
    net, theta = folded(depth)
    regions = analysis.relu_regions(net, theta, [0], [1])
    assert regions.n_regions == 2**depth
    np.testing.assert_array_equal(regions.breakpoints, np.arange(1, 2**depth) / 2**depth)
    plane, theta = folded(min(depth, 5), d=2)
    assert analysis.relu_regions(plane, theta, [0, 0], [1, 3]).n_regions == 2 ** min(depth, 5)


@pytest.mark.parametrize("n", [1, 4, 12])
def test_an_arrangement_of_lines_has_as_many_regions_as_schlaefli_says(n):
    net = pk.MLP([2, n, 1], "relu")
    regions = analysis.relu_regions(net, net.init(1, "torch"), [-1e4, -1e4], [1e4, 1e4])
    assert regions.n_regions == regions.n_cells == 1 + n + n * (n - 1) // 2


@pytest.mark.parametrize("sizes", [(1, 5, 5, 1), (1, 8, 7, 6, 1), (2, 8, 8, 1), (2, 5, 4, 5, 1)])
def test_cells_fill_the_box_and_hold_the_network(sizes):
    net = pk.MLP(sizes, "relu")
    rng = np.random.default_rng(3)
    theta = net.init(rng, "torch")
    d = sizes[0]
    lo, hi = np.full(d, -4.0), np.full(d, 5.0)
    regions = analysis.relu_regions(net, theta, lo, hi)
    if d == 1:
        sizes_of_cells = [np.ptp(cell.vertices) for cell in regions.cells]
    else:
        sizes_of_cells = [area(cell.vertices) for cell in regions.cells]
    assert np.min(sizes_of_cells) > 0
    assert np.sum(sizes_of_cells) == pytest.approx(9.0**d, rel=1e-13)
    for cell in regions.cells:
        # everywhere in the cell, and not at its centre alone
        inside = rng.dirichlet(np.ones(len(cell.vertices)), 5) @ cell.vertices
        f = cell.value + (inside - cell.centre) @ cell.gradient
        np.testing.assert_allclose(net.forward(theta, inside), f, rtol=0, atol=1e-14)
        J = net.input_gradient(theta, cell.centre[None])[0]
        np.testing.assert_allclose(J, cell.gradient, rtol=0, atol=1e-14)


@pytest.mark.parametrize("d", [1, 2])
def test_a_fine_grid_finds_no_region_that_the_count_lacks(d):
    net = pk.MLP([d, 6, 6, 1], "relu")
    theta = net.init(5, "torch")
    regions = analysis.relu_regions(net, theta, [-2] * d, [2] * d)
    axis = np.linspace(-2, 2, 400 if d == 2 else 100_000) + 1e-7
    grid = np.stack(np.meshgrid(*[axis] * d), axis=-1).reshape(-1, d)
    seen = np.unique(np.round(net.input_gradient(theta, grid), 10), axis=0)
    counted = np.unique(np.round([cell.gradient for cell in regions.cells], 10), axis=0)
    assert {tuple(g) for g in seen} <= {tuple(g) for g in counted}
    assert len(seen) > 0.7 * len(counted)


def test_units_that_do_not_reach_the_output_make_no_region():
    net = pk.MLP([2, 3, 1], "relu")
    W, b = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [0.0, 0.0, -0.5]
    theta = np.concatenate([np.ravel(W), b, [1.0, 0.0, 0.0, 0.0]])
    regions = analysis.relu_regions(net, theta, [-1, -1], [1, 1])
    assert (regions.n_cells, regions.n_regions) == (7, 2)


def test_a_linear_network_is_one_region():
    net = pk.MLP([1, 3, 1], "identity")
    regions = analysis.relu_regions(net, net.init(0), [-1], [1])
    assert regions.n_regions == 1
    assert regions.breakpoints.size == 0


def test_regions_of_an_interpolant():
    x = np.array([3.0, 0.0, 1.0, 2.0, 5.0])
    line = analysis.simplex_regions(x, np.abs(x - 2))
    assert (line.n_cells, line.n_regions) == (4, 2)
    np.testing.assert_array_equal(line.breakpoints, [2.0])

    points = pk.sample_box([0, 0], [1, 1], 60, seed=0)
    values = points[:, 0] * points[:, 1]
    scipys = LinearNDInterpolator(points, values)
    regions = analysis.simplex_regions(points, values, scipys.tri.simplices)
    assert regions.n_regions == regions.n_cells == len(scipys.tri.simplices)
    for cell in regions.cells:
        assert area(cell.vertices) > 0
        inside = np.random.default_rng(0).dirichlet(np.ones(3), 4) @ cell.vertices
        f = cell.value + (inside - cell.centre) @ cell.gradient
        np.testing.assert_allclose(scipys(inside), f, rtol=0, atol=1e-13)
    # on a function that is linear on either side of x = 1/2 but for the triangles across
    assert analysis.simplex_regions(points, 2 * points[:, 0] - points[:, 1]).n_regions == 1


def test_pictures_of_regions(tmp_path):
    net, theta = folded(3)
    analysis.relu_regions(net, theta, [0], [1]).plot().savefig(tmp_path / "line.png")
    net, theta = folded(3, d=2)
    analysis.relu_regions(net, theta, [0, 0], [1, 1]).plot().savefig(tmp_path / "plane.png")
    assert min(path.stat().st_size for path in tmp_path.iterdir()) > 1000


def test_regions_refuse_what_does_not_fit():
    net = pk.MLP([2, 3, 1], "relu")
    theta = net.init(0)
    with pytest.raises(ValueError, match=r"hi must be above lo, but hi\[1\] is 0.0"):
        analysis.relu_regions(net, theta, [0, 0], [1, 0])
    with pytest.raises(ValueError, match="lo must have 2 elements"):
        analysis.relu_regions(net, theta, [0], [1, 1])
    with pytest.raises(ValueError, match="relu in its hidden layers, got 'tanh'"):
        analysis.relu_regions(pk.MLP([2, 3, 1]), theta, [0, 0], [1, 1])
    with pytest.raises(ValueError, match="1 or 2 inputs, got 3"):
        cube = pk.MLP([3, 3, 1], "relu")
        analysis.relu_regions(cube, cube.init(0), [0] * 3, [1] * 3)
    with pytest.raises(ValueError, match=r"points\[0\] and points\[2\] are equal"):
        analysis.simplex_regions([1.0, 2.0, 1.0], [0.0, 1.0, 2.0])
    with pytest.raises(ValueError, match="on one line"):
        analysis.simplex_regions([[0, 0], [1, 1], [2, 2]], [0.0, 1.0, 2.0])
    with pytest.raises(ValueError, match=r"simplices\[0, 2\] is 3, but there are 3 points"):
        analysis.simplex_regions([[0, 0], [1, 0], [0, 1]], [0.0, 1.0, 2.0], [[0, 1, 3]])
    with pytest.raises(ValueError, match="net must be an MLP, got str"):
        analysis.relu_regions("net", theta, [0, 0], [1, 1])
    square = [[0, 0], [1, 0], [0, 1], [1, 1]]
    with pytest.raises(ValueError, match=r"points\[\d\] and points\[\d\] are equal, or as near"):
        analysis.simplex_regions([*square, [1, 0]], [0.0, 1.0, 2.0, 3.0, 4.0])
    for flat in ([[0, 1, 1]], np.empty((0, 3), dtype=int)):
        with pytest.raises(ValueError, match="simplices must hold a triangle that is not flat"):
            analysis.simplex_regions(square, [0.0, 1.0, 2.0, 3.0], flat)
    with pytest.raises(ValueError, match="simplices must be None in one dimension"):
        analysis.simplex_regions([0.0, 1.0], [0.0, 1.0], [[0, 1]])
    with pytest.raises(ValueError, match="breakpoints are of functions of one input"):
        analysis.relu_regions(net, theta, [0, 0], [1, 1]).breakpoints  # noqa: B018


# -- parts of an error -----------------------------------------------------------------------------


def smooth(X):
    return np.exp(0.5 * X[:, 0]) * np.sin(X[:, 1])


def model(n, law="uniform", f=smooth, **options):
    X = pk.sample_box([-1, 0], [1, 2], n, law=law, seed=0)
    options = {"hidden_layer_sizes": (8,), "input_map": "linear", "random_state": 0} | options
    fitted = pk.MLPRegressor(**options).fit(X, f(X))
    X_test = pk.sample_box([-1, 0], [1, 2], 400, seed=1)
    return fitted, X, f(X), X_test, f(X_test)


def test_a_fit_that_was_cut_short_is_a_matter_of_optimisation():
    case = model(300, max_iter=6)
    parts = analysis.decompose_loss(*case, time_limit=2)
    assert parts.largest == "optimisation"
    assert parts.best_train < 0.1 * parts.train
    assert parts.optimisation == pytest.approx(parts.train - parts.best_train)
    objective = pk.LeastSquares(
        case[0].network_, case[0].input_map_(case[1]), case[2] / case[0].target_scale_
    )
    assert objective.relative_rmse(parts.best_theta) == pytest.approx(parts.best_train, rel=1e-6)
    assert "best_theta" in parts.advice


def test_a_network_that_is_too_small_is_a_matter_of_architecture():
    parts = analysis.decompose_loss(*model(600, hidden_layer_sizes=(2,)), time_limit=2)
    assert parts.largest == "architecture"
    assert parts.architecture > 0.5 * parts.test
    assert "wider" in parts.advice


def test_few_samples_are_a_matter_of_generalisation():
    with pytest.warns(UserWarning, match="fewer samples"):
        case = model(30, hidden_layer_sizes=(8, 8))
    parts = analysis.decompose_loss(*case, time_limit=3)
    assert parts.largest == "generalisation"
    assert parts.generalisation > 0.5 * parts.best_test
    assert "30 numbers determine 105 parameters" in parts.advice
    assert 'law="arcsine"' in parts.advice


def test_a_fit_at_the_floor_is_a_matter_of_rounding():
    X = np.linspace(-1, 1, 300)[:, None]
    X_test = np.linspace(-0.99, 0.99, 301)[:, None]
    fitted = pk.MLPRegressor(hidden_layer_sizes=(12, 12), random_state=0, input_map="linear")
    fitted.fit(X, np.exp(X[:, 0]))
    parts = analysis.decompose_loss(
        fitted, X, np.exp(X[:, 0]), X_test, np.exp(X_test[:, 0]), time_limit=4
    )
    assert parts.largest == "rounding"
    assert parts.rounding < 5e-15
    table = str(parts)
    assert "rounding" in table and "<- the largest" in table and parts.advice in table


def test_parts_of_the_error_of_several_outputs_and_many_samples(monkeypatch):
    monkeypatch.setattr(analysis._decompose, "_SAMPLES_PER_PARAMETER", 2)
    case = model(
        500, hidden_layer_sizes=(4,), f=lambda X: np.stack([smooth(X), X[:, 0] ** 2], axis=1)
    )
    parts = analysis.decompose_loss(*case, time_limit=1)
    assert parts.largest in ("architecture", "generalisation")
    assert parts.train == pytest.approx(case[0].report_.relative_rmse, rel=0.5)


def test_decompose_refuses_what_does_not_fit():
    fitted, X, y, X_test, y_test = model(100, max_iter=1)
    with pytest.raises(ValueError, match="X_test must have 2 columns, got 1"):
        analysis.decompose_loss(fitted, X, y, X_test[:, :1], y_test)
    with pytest.raises(ValueError, match="y must have 100 rows and 1 columns"):
        analysis.decompose_loss(fitted, X, y[:-1], X_test, y_test)
    with pytest.raises(ValueError, match="y_test is zero everywhere"):
        analysis.decompose_loss(fitted, X, y, X_test, 0 * y_test)
    with pytest.raises(ValueError, match="time_limit must be positive"):
        analysis.decompose_loss(fitted, X, y, X_test, y_test, time_limit=0)
    with pytest.raises(TypeError, match="MLPRegressor, got str"):
        analysis.decompose_loss("model", X, y, X_test, y_test)
    from sklearn.neural_network import MLPRegressor

    with pytest.raises(TypeError, match="model must be an MLPRegressor or a Modular"):
        analysis.decompose_loss(MLPRegressor(max_iter=1).fit(X, y), X, y, X_test, y_test)
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        analysis.decompose_loss(pk.MLPRegressor(), X, y, X_test, y_test)
