"""`precisekit.fit`: the guide to precision of Michaud, Liu and Tegmark (2022, Figure 10) as code.

Splines where the samples lie on a grid or have at most two inputs, networks in all other cases and
wherever splines fall short, simplices for what has kinks. Promise decides on the order only: what
is returned did best on samples held out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import cKDTree
from sklearn.utils import _safe_indexing, check_random_state, check_X_y

from ._checks import check_callback, positive_number
from ._keeper import identity_of
from .estimators import MLPRegressor, check_numbers, check_varies, root_mean_square
from .fit_checkpoint import Checkpoints
from .interpolate._spline import MAX_AXES
from .interpolating_estimators import (
    SimplexRegressor,
    SplineRegressor,
    rectilinear_grid,
    without_some_lines,
)
from .optimize._result import CTRL_C
from .symmetry import Symmetries
from .training import State

KINDS = ("spline", "simplex", "network")

_FEWEST_SAMPLES = 10
_HELD_OUT_SHARE = 0.1
_MOST_HELD_OUT = 2000
_SAMPLES_PER_PARAMETER = 2.0  # that a network must leave, or it is made narrower
_WORTH_ANOTHER = 0.2  # of the time limit, that must be left for another network

# In order of promise. Two layers do in one and two dimensions; from three on, three or four layers
# are worth one to four digits more than two with as many parameters.
_ARCHITECTURES_LOW = ((20, 20), (16, 16, 16), (30, 30))
_ARCHITECTURES_HIGH = ((16, 16, 16), (14, 14, 14, 14), (22, 22, 22))

_GRID_DEGREES = (9, 7, 5, 3, 1)
_NEAREST_DEGREES = (7, 3)  # of least-squares splines
_NEAREST_SHARE = 0.05  # of the time limit, for the number of knots of each
_MOST_SIMPLEX_QUERIES = 300  # without a mesh they are dear in many dimensions

_LEAST_TO_JUDGE_BY = 0.1  # of the root mean square of y, on the lines that judge

_ROUNDED = 4e-16  # relative RMSE below which no model of float64 is better than another
# Two models leave the same over where it is noise: the slope of the residuals of the one on those
# of the other is 1 within this, and neighbours share less than this of their residuals' variance.
_ALIKE, _SHARED = 0.5, 0.3
_LEAST_NOISE = 1e-13  # of the size of y: below it the rounding of the data is meant
_NEIGHBOURS = 5000  # samples at most that are asked for theirs


@dataclass
class Candidate:
    """One model that `fit` tried.

    Attributes
    ----------
    kind : {"spline", "simplex", "network"}
    model : str
        In words.
    held_out_rmse : float
        Relative RMSE on held-out samples.
    seconds : float
    stop_reason : str
    """

    kind: str
    model: str
    held_out_rmse: float
    seconds: float
    stop_reason: str


@dataclass
class Choice:
    """What `fit` saw, tried and chose; ``str()`` tells it in words.

    Attributes
    ----------
    layout : str
        How the samples lie.
    candidates : list of Candidate
        In the order in which they were tried.
    chosen : int
        Index of the candidate that is returned.
    reason : str
        Why, and why the search ended.
    noise : float or None
        Noise in y, relative to its root mean square, where two models agree on it.
    """

    layout: str
    candidates: list[Candidate] = field(default_factory=list)
    chosen: int = -1
    reason: str = ""
    noise: float | None = None

    def __str__(self) -> str:
        noise = "none seen" if self.noise is None else f"{self.noise:.1e} of the size of y"
        lines = [
            f"{'data':<16}{self.layout}",
            f"{'noise':<16}{noise}",
            "",
            f"  {'tried':<44}{'held-out error':>16}{'seconds':>10}",
        ]
        for i, c in enumerate(self.candidates):
            mark = "*" if i == self.chosen else " "
            lines.append(f"{mark} {c.model:<44}{c.held_out_rmse:>16.2e}{c.seconds:>10.1f}")
        return "\n".join([*lines, "", f"* {self.reason}"])


def fit(
    X,
    y,
    *,
    target: float = 1e-12,
    time_limit: float = 60.0,
    kinds=None,
    random_state=0,
    verbose: int = 0,
    callback: Callable | None = None,
    checkpoint=None,
    resume=None,
):
    """Fit the data as precisely as the time allows, by whatever kind of model does it best.

    Tried, in this order, until one reaches the target or the time is up:

    1. on a full rectilinear grid, splines through the samples, of degree 9, 7, 5, 3 and 1;
    2. in one or two dimensions, the splines nearest to the samples (least squares, with as many
       knots as do best), of degree 7 and 3;
    3. of scattered samples, linear interpolation in simplices;
    4. networks: input maps are raced, exact symmetries are sought, and the network is fitted on
       growing sets of samples; others follow while there is time.

    The first three take a small share of the time. What is returned did best on samples held out, a
    network over all its iterations; see Notes.

    Parameters
    ----------
    X : array_like or DataFrame (n, d)
    y : array_like (n,) or (n, n_outputs)
    target : float
        Relative RMSE on the held-out samples at which to stop.
    time_limit : float
        Seconds.
    kinds : sequence of {"spline", "simplex", "network"}, optional
        To try these only.
    random_state : int, RandomState or None
    verbose : int
        Print a line every `verbose` iterations of a network.
    callback : callable, optional
        ``callback(state)`` after each iteration of a network; True or StopIteration ends the search
        with the best so far. The state has nit and seconds (of the network at work), relative_rmse
        (of the samples it is trained on at the moment), x, fun, damping, net and input_map.
    checkpoint : path, optional
        Every few seconds of a network, and at its end, the best model so far and the state of the
        fit are written to this file, which is whole at any time. `precisekit.load` reads the model.
    resume : path, optional
        A checkpoint to go on from, of the same data, kinds and random_state; it may be the same
        file as `checkpoint`. Networks go on from there, splines and simplices are tried again. The
        limits target and time_limit are those of this call; `report_` counts all parts of the fit.

    Returns
    -------
    model : SplineRegressor, SimplexRegressor or MLPRegressor
        Fitted. ``print(model.report_.choice)`` tells what was seen and tried, and why this won;
        `report_.held_out_rmse` is the error that it won by.

    Raises
    ------
    ValueError
        As the estimators' fit; for fewer than 10 samples, a target or time_limit not positive, or
        kinds none of which is for such data; for a checkpoint of another fit, naming the
        difference, or one that is damaged.
    OSError
        When a checkpoint cannot be read, or the first one not be written.

    Warns
    -----
    UserWarning, RuntimeWarning
        As MLPRegressor.fit.

    Notes
    -----
    Of scattered samples a tenth, at most 2,000, is held out, at random. Splines and simplices that
    win get them back.

    A grid that lacks random points is none any more. There lines are left out, one in eight, and
    the points on them judge: splines through the other lines, for all choices of the lines if the
    grid is not large, and networks fitted to nine tenths of all points, for one choice. The gaps
    make a spline err a few times more there than the spline through all lines will, which is the
    one that is returned: a network that is preferred is the better one, unless both are that close.

    Interpolants repeat the noise of y and lose by the held-out error to what smoothes it. Noise is
    told from the error of a model by the residuals: two models, one of them a network, have the
    same, and those of neighbouring samples have nothing in common. Then the search ends, and of the
    models whose held-out errors differ by less than their standard error the one of fewest
    parameters wins.
    """
    search = Search(
        X,
        y,
        target=target,
        time_limit=time_limit,
        random_state=random_state,
        checkpoints=Checkpoints(checkpoint, resume),
        kinds=kinds,
        verbose=verbose,
        callback=callback,
    )
    return search.run()


class Search:
    """The data, the clock, and the best model so far."""

    def __init__(
        self,
        X,
        y,
        *,
        target: float,
        time_limit: float,
        random_state,
        checkpoints: Checkpoints,
        kinds=None,
        verbose: int = 0,
        callback: Callable | None = None,
    ):
        self.began = time.perf_counter()
        self.kinds = _checked(X, y, target, time_limit, kinds)
        check_callback(callback)
        self.X, self.y = X, y
        self.target, self.time_limit = target, time_limit
        self.verbose, self.callback = verbose, callback
        self.numbers, targets = check_X_y(X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        self.targets = np.asarray(targets, dtype=np.float64).reshape(len(targets), -1)
        check_varies(self.targets)
        self.size = root_mean_square(self.targets)
        self.checkpoints = checkpoints
        seed = checkpoints.seed(random_state)
        self.rng = check_random_state(seed)
        self.earlier = checkpoints.earlier(
            lambda: {
                "made by": "precisekit.fit",
                "kinds": self.kinds,
                "random_state": seed,
                **identity_of(self.numbers, targets),
            }
        )
        self.seconds_before = 0.0 if self.earlier is None else self.earlier.facts["seconds_of_all"]
        self.shape, self.judges = _grid(self.numbers)  # rows on lines of a grid that are left out
        self.held, self.kept = self._split()
        self.choice = Choice(_layout(self.numbers, self.shape))
        self.models: list = []  # as the candidates
        self.networks: list[MLPRegressor] = []  # among them
        self.residuals: list[np.ndarray] = []  # on what is held out, of models that may smooth
        self.interrupted = False
        self.end = ""  # why the search ended, once it has

    def run(self):
        steps = []
        d = self.numbers.shape[1]
        if self.shape:
            steps.append(("spline", self._splines_through_the_grid))
        if d <= 2:
            steps.append(("spline", self._nearest_splines))
        if not self.shape:
            steps.append(("simplex", self._simplices))
        steps.append(("network", self._networks))
        try:
            for kind, step in steps:
                if kind in self.kinds and not self.end:
                    step()
        except KeyboardInterrupt:  # within a network it is seen there
            if self.best is None:
                raise
            self.interrupted, self.end = True, CTRL_C[1]
        self.end = self.end or "nothing more to try"
        if self.best is None:
            raise ValueError(
                f"kinds {self.kinds} are not for {self.choice.layout}: splines need a grid or at "
                'most two inputs, simplices distinct points; "network" is for any data'
            )
        return self._told()

    # -- candidates, in order of promise -----------------------------------------------------------

    def _splines_through_the_grid(self) -> None:
        for degree in _GRID_DEGREES:  # all of them, as they hardly take time
            if self._time_is_up():
                return
            model = SplineRegressor(degree=degree, extrapolate=True).fit(self.X, self.y)
            self._consider(model, "spline", f"spline of degree {degree} through the grid")
        self._end_at_the_target()

    def _nearest_splines(self) -> None:
        d = self.numbers.shape[1]
        for degree in _NEAREST_DEGREES:
            if self.end or self._time_is_up():
                return
            model = SplineRegressor(
                degree=degree,
                n_knots="auto",
                extrapolate=True,
                random_state=0,  # the networks' random numbers are theirs alone
                time_limit=_NEAREST_SHARE * self.time_limit,
            )
            try:
                model.fit(self.X, self.y)
            except ValueError:  # an input that is constant
                return
            if model.report_.held_out_rmse is None:  # too few samples to hold any out
                return
            (knots, *_), (k, *_) = model.interpolator_.knots, model.interpolator_.degree
            n_knots = len(knots) - 2 * k
            residual = self._residual(model)
            if self.judges is not None:  # a fit that has not seen their lines, as of the others
                rest = np.flatnonzero(~self.judges)
                judged = SplineRegressor(degree=degree, n_knots=n_knots, extrapolate=True)
                judged.fit(_safe_indexing(self.X, rest), _safe_indexing(self.y, rest))
                residual = self._residual(judged)
                model.report_.held_out_rmse = _norm(residual)
            words = f"nearest spline of degree {k}, {' x '.join([str(n_knots)] * d)} knots"
            self._consider(model, "spline", words, residual)
            self._end_at_the_target()

    def _simplices(self) -> None:
        if self._time_is_up():
            return
        began = time.perf_counter()
        model = SimplexRegressor(rescale=True, extrapolate=True, method="sparse")
        try:
            model.fit(_safe_indexing(self.X, self.kept), _safe_indexing(self.y, self.kept))
        except ValueError:  # points that repeat, or lie in a plane
            return
        residual = self._residual(model, self.held[:_MOST_SIMPLEX_QUERIES])
        model.report_.held_out_rmse = _norm(residual)
        model.report_.seconds = time.perf_counter() - began
        self._consider(model, "simplex", "linear interpolation in simplices")
        self._end_at_the_target()

    def _networks(self) -> None:
        held_out = (_safe_indexing(self.X, self.held), _safe_indexing(self.y, self.held))
        X, y = _safe_indexing(self.X, self.kept), _safe_indexing(self.y, self.kept)
        n_targets = len(self.kept) * self.targets.shape[1]
        best = None
        finished = [] if self.earlier is None else self.earlier.finished
        for low, high in zip(_ARCHITECTURES_LOW, _ARCHITECTURES_HIGH, strict=True):

            def choose_hidden(posing, low=low, high=high):
                hidden = low if posing.n_variables <= 2 else high
                return _narrowed(hidden, posing.n_features, len(self.kept), n_targets)

            remaining = self.time_limit - (time.perf_counter() - self.began)
            worth = 0.0 if best is None else _WORTH_ANOTHER * self.time_limit
            seed = self.rng.randint(2**31)
            if len(self.networks) < len(finished):
                model, stopped = finished[len(self.networks)], False
            elif self.best is not None and remaining <= worth:
                self.end = "time limit"
                return
            else:
                model = MLPRegressor(
                    input_map="auto" if best is None else best.input_map_.kind,
                    find_symmetries=best is None,
                    time_limit=max(remaining, 1e-3),
                    random_state=seed,
                    verbose=self.verbose,
                )
                stopped = self._watched(model, X, y, held_out, choose_hidden, best)
            report, residual = model.report_, self._residual(model)
            if self.judges is not None:  # relative to all of y, as of the others
                report.held_out_rmse = _norm(residual)
            if best is None or report.held_out_rmse < best.report_.held_out_rmse:
                best = model
            words = f"network {report.network}, input map {report.input_map}"
            self._consider(model, "network", words, residual)
            self.networks.append(model)
            self._end_at_the_target()
            self.interrupted = report.interrupted
            if report.interrupted or stopped:
                self.end = report.stop_reason
            self._end_at_the_noise()
            if self.end:
                return

    def _watched(self, model, X, y, held_out, choose_hidden, known) -> bool:
        """Fit a network; whether the callback wants an end of it all."""
        stopped = False

        def observe(state):
            nonlocal stopped
            try:
                stopped = bool(self.callback(state))
            except StopIteration:
                stopped = True
            return stopped

        model._fit(
            X,
            y,
            callback=observe if self.callback else None,
            held_out=held_out,
            target=self.target,
            choose_hidden=choose_hidden,
            symmetries=Symmetries() if known is None else known.symmetries_,
            checkpoints=_OfNetwork(self),
        )
        model.set_params(hidden_layer_sizes=model.network_.sizes[1:-1])
        return stopped

    @property
    def best(self):
        """The model of the smallest held-out error; None before there is any."""
        return self.models[self.choice.chosen] if self.models else None

    # -- judgement ---------------------------------------------------------------------------------

    def _split(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows that are held out of networks and simplices, and the rest.

        Lines of a grid where y hardly differs from zero, as symmetry may have it, judge nothing.
        """
        n = len(self.numbers)
        rows = self.rng.permutation(n)
        n_held = min(int(np.ceil(_HELD_OUT_SHARE * n)), _MOST_HELD_OUT)
        if self.judges is not None:
            judges = rows[self.judges[rows]]
            if np.all(root_mean_square(self.targets[judges]) > _LEAST_TO_JUDGE_BY * self.size):
                rows = np.concatenate([judges, rows[~self.judges[rows]]])
                n_held = min(n_held, len(judges))
        return rows[:n_held], np.sort(rows[n_held:])

    def _residual(self, model, rows: np.ndarray | None = None) -> np.ndarray:
        """In units of the size of y, (n_rows, n_outputs)."""
        rows = self.held if rows is None else rows
        prediction = model.predict(_safe_indexing(self.X, rows)).reshape(len(rows), -1)
        return (prediction - self.targets[rows]) / self.size

    def _consider(self, model, kind: str, words: str, residual: np.ndarray | None = None) -> None:
        report = model.report_
        candidate = Candidate(kind, words, report.held_out_rmse, report.seconds, report.stop_reason)
        self.choice.candidates.append(candidate)
        self.models.append(model)
        self.residuals.append(residual)
        if len(self.models) == 1 or report.held_out_rmse < self.best.report_.held_out_rmse:
            self.choice.chosen = len(self.models) - 1

    def _end_at_the_target(self) -> None:
        if not self.end and self.best.report_.held_out_rmse <= max(self.target, _ROUNDED):
            self.end = "target reached"

    def _time_is_up(self) -> bool:
        """Once there is a model at all."""
        if self.best is not None and time.perf_counter() - self.began > self.time_limit:
            self.end = "time limit"
        return bool(self.end)

    def _end_at_the_noise(self) -> None:
        """Residuals that two models share, one of them a network, and neighbours do not, are in
        the data."""
        chosen = self.choice.chosen
        best, kind = self.residuals[chosen], self.choice.candidates[chosen].kind
        if self.end or best is None or not _norm(best) > _LEAST_NOISE:
            return
        smoothing = [i for i, residual in enumerate(self.residuals) if residual is not None]
        alike = any(
            _alike(best, self.residuals[i])
            for i in smoothing
            if i != chosen and "network" in (kind, self.choice.candidates[i].kind)
        )
        rows = self.kept[:_NEIGHBOURS]
        if alike and _unlike_neighbours(self.numbers[rows], self._residual(self.best, rows)):
            self.choice.noise = _norm(best)
            self.end = "down to the noise in y"
            as_good = (1 + 1 / np.sqrt(2 * best.size)) * self.best.report_.held_out_rmse
            self.choice.chosen = min(
                (i for i in smoothing if self.models[i].report_.held_out_rmse <= as_good),
                key=lambda i: self.models[i].report_.n_params,
            )

    def _told(self):
        """The best model, of all samples, with what there is to tell in its report."""
        error = self.best.report_.held_out_rmse
        model = self.best
        if isinstance(model, SimplexRegressor):
            model = SimplexRegressor(rescale=True, extrapolate=True).fit(self.X, self.y)
        report = model.report_
        report.held_out_rmse = error
        what = "smallest error on held-out samples"
        if self.choice.noise is not None:
            what = "fewest parameters among the best on held-out samples"
        self.choice.reason = f"{what}; {self.end}"
        report.choice = self.choice
        if self.interrupted:  # the search as a whole was, whichever is best
            report.interrupted, report.stop_reason = True, self.end
        report.seconds = self.seconds()
        return model

    def seconds(self) -> float:
        """Of all parts of the fit."""
        return self.seconds_before + time.perf_counter() - self.began


class _OfNetwork:
    """The `Checkpoints` of the network at work: those of the search, with the network's in them."""

    def __init__(self, search: Search):
        self._search = search
        self.writes = search.checkpoints.writes

    def seed(self, random_state: int) -> int:
        return random_state

    def earlier(self, _) -> State | None:
        """Of the first network that is not finished."""
        state, search = self._search.earlier, self._search
        is_its = state is not None and len(search.networks) == len(state.finished)
        return state if is_its else None

    def keep(self, so_far: Callable[[], tuple], now: bool = False) -> None:
        self._search.checkpoints.keep(lambda: self._of_search(*so_far()), now)

    def _of_search(self, network: MLPRegressor, state: State) -> tuple:
        search = self._search
        network.set_params(hidden_layer_sizes=network.network_.sizes[1:-1])
        models = [network] if search.best is None else [network, search.best]
        best = min(models, key=lambda model: model.report_.held_out_rmse)
        facts = state.facts | {"seconds_of_all": search.seconds()}
        return best, State(facts, state.arrays, search.networks)


def _checked(X, y, target, time_limit, kinds) -> tuple[str, ...]:
    """Refuses what no estimator would name as well; the kinds asked for."""
    for name, value in (("target", target), ("time_limit", time_limit)):
        positive_number(value, name)
    asked = KINDS if kinds is None else kinds
    asked = tuple(asked) if np.iterable(asked) and not isinstance(asked, str) else (asked,)
    if not asked or not set(asked) <= set(KINDS):
        raise ValueError(f"kinds must be some of {KINDS}, got {kinds!r}")
    if np.ndim(X) != 2:
        raise ValueError(f"X must have 2 dimensions, got shape {np.shape(X)}")
    n = np.shape(X)[0]
    if n < _FEWEST_SAMPLES:
        raise ValueError(f"X has {n} samples: fit needs {_FEWEST_SAMPLES} to hold some out")
    if np.ndim(y) == 0:
        raise ValueError(f"y must have {n} rows as X has, got {y!r}")
    if len(y) != n:
        raise ValueError(f"y must have {n} rows as X has, got {len(y)}")
    check_numbers(X, "X")
    check_numbers(y, "y")
    return asked


def _grid(X: np.ndarray) -> tuple[tuple[int, ...] | None, np.ndarray | None]:
    """Points along each axis, and which rows lie on lines that are left out; None without a grid of
    at most six inputs, or of too few lines."""
    grid = rectilinear_grid(X) if X.shape[1] <= MAX_AXES else None
    if grid is None:
        return None, None
    axes, order = grid
    shape = tuple(map(len, axes))
    _, left_out = without_some_lines(shape)
    if not left_out.any():
        return None, None
    judges = np.zeros(len(X), dtype=bool)
    judges[order[left_out.ravel()]] = True
    return shape, judges


def _layout(X: np.ndarray, shape: tuple[int, ...] | None) -> str:
    n, d = X.shape
    inputs = f"{d} input{'s' if d > 1 else ''}"
    if shape is None:
        return f"{n:,} scattered samples of {inputs}"
    return f"{n:,} samples on a full grid of {inputs}, {' x '.join(map(str, shape))}"


def _norm(residual: np.ndarray) -> float:
    return float(np.sqrt(np.mean(residual**2)))


def _alike(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether residuals b are residuals a and something besides that is not much larger."""
    slope = np.sum(a * b) / np.sum(a * a)
    uncertainty = _norm(b) / _norm(a) / np.sqrt(a.size)
    return abs(slope - 1) + 2 * uncertainty < _ALIKE


def _unlike_neighbours(X: np.ndarray, residual: np.ndarray) -> bool:
    """Whether residuals tell nothing of those of the nearest neighbours (von Neumann's ratio)."""
    width = np.ptp(X, axis=0)
    tree = cKDTree(X / np.where(width > 0, width, 1.0))
    _, neighbour = tree.query(tree.data, k=2)
    difference = residual - residual[neighbour[:, 1]]
    return np.mean(difference**2) > 2 * (1 - _SHARED) * np.mean(residual**2)


def _narrowed(hidden: tuple[int, ...], n_features: int, n: int, n_targets: int) -> tuple[int, ...]:
    """``hidden``, or the widest layers of equal number that leave enough samples a parameter."""
    n_outputs = n_targets // n
    for width in range(hidden[0], 1, -1):
        sizes = (n_features, *[width] * len(hidden), n_outputs)
        n_params = sum((a + 1) * b for a, b in zip(sizes, sizes[1:], strict=False))
        if n_params * _SAMPLES_PER_PARAMETER <= n_targets:
            break
    return (width,) * len(hidden)
