"""One fit of a network, from its posing to the last of its stages."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from scipy.optimize import OptimizeResult
from scipy.spatial import cKDTree

from ..boosting import LEFT_OVER_INVERSE_HESSIAN, Boosting, merge
from ..network import MLP
from ..objective import LeastSquares
from ..optimize import History, minimize, rounding_floor
from ..optimize._result import CALLBACK, CTRL_C, TIME_LIMIT, Trace, at_the_floor
from ..posing import Posing
from ..symmetry import Relation, Symmetries
from ._model import Data, HeldOut, Model, Settings, StageReport, State
from ._posing_search import PosingSearch, ShortFit

# A stage starts on this many samples per parameter. When the error on as many further samples
# exceeds _GAP times the error on its own, it has learnt what they tell: the set is doubled.
_SAMPLES_PER_PARAMETER = 1.3
_GAP = 2.0
# A warm start on more samples wants more damping than the last stage ended with.
_DAMPING_AFTER_GROWTH = 10.0

# The Jacobian and the Taylor series of all samples at once must fit in memory: 3.2 GB.
_MOST_DOUBLES = 4e8

# Symmetries are sought again when the error has fallen by the first factor since the last search,
# and not below the second number: that search was the last one.
_LOOK_AGAIN, _PRECISE = 0.2, 1e-6

# The first layer starts with larger weights where the function is steeper than this, relative to
# its own size, on inputs in [-1, 1]; judged by nearest neighbours among so many samples an input.
_STEEP, _LARGEST_GAIN, _STEEPNESS_SAMPLES = 6.0, 5.0, 200

# How a stage ends: a status of minimize(), of which these end the run, or one of two reasons more.
_TIME_LIMIT, _CALLBACK, _CTRL_C = TIME_LIMIT[0], CALLBACK[0], CTRL_C[0]
_OPEN_GAP, _LOOK = "gap", "look"
# ... after which another start is not made: tol or the rounding floor is reached.
_ENDS = (0, _TIME_LIMIT, _CALLBACK, _CTRL_C)

# What a state holds of a model besides its posing and parameters, of the stage at work, and of the
# judgement on held-out samples.
_MODEL_FACTS = ("damping", "error", "looked_at", "race")
_STAGE_FACTS = ("n_iter", "seconds", "n_samples", "restarts")
_JUDGEMENT = ("error", "milestone", "iterations_since")


@dataclass
class _Stage:
    """The network at work, and what there was before it."""

    n_iter: int = 0  # of the run, when the stage began
    seconds: float = 0.0
    reports: list[StageReport] = field(default_factory=list)
    thetas: list[np.ndarray] = field(default_factory=list)  # of the networks before
    model: Model | None = None  # None while it is sought how to pose the function
    n_samples: int | None = None  # the part that it is trained on
    restarts: int = 0

    @property
    def number(self) -> int:
        return len(self.reports) + 1


class Run:
    """One fit: a clock, the iterations so far, and the history of all stages.

    After each iteration ``keep(so_far)`` may ask for the best model and the state of the run at
    that point, ``model, state = so_far()``.
    """

    def __init__(
        self,
        settings: Settings,
        n_stages: int = 1,
        held_out: HeldOut | None = None,
        keep: Callable[[Callable[[], tuple[Model, State]]], None] | None = None,
    ):
        self.settings = settings
        self.n_stages = n_stages
        self.held_out = held_out
        self.began = settings.began
        self.results: list[OptimizeResult] = []
        self.model: Model | None = None  # what an interruption between two stages leaves
        self.interrupted = False
        self.stages: list[StageReport] = []
        self._keep = keep
        self._kept: Model | None = None  # the best of the first network, of those asked for
        self._stage = _Stage()
        self._outcome: int | str | None = None  # of the last call of `advance`
        self._left_over = 1.0  # relative error that the stages before have left
        self._scale = 1.0  # of the targets of the stage at work
        self._boosting: Boosting | None = None

    def train(
        self,
        data: Data,
        make_net: Callable[[Posing], MLP],
        seed: int,
        *,
        input_map: str,
        symmetries: Symmetries,
        find_symmetries: bool,
        resumed: State | None = None,
    ) -> Model:
        """Fit a network to ``data``; ``make_net(posing)`` gives the architecture.

        ``input_map`` is a kind or "auto", for a race. Variables that ``symmetries`` take out are
        out from the start; with ``find_symmetries`` others are, where that is found to serve.
        A run that is resumed goes on from its state, given the same of all this.
        """
        self.data, self._make_net, self._seed = data, make_net, seed
        self._targets = data  # of the stage at work
        search = PosingSearch(self, input_map, find_symmetries and data.X.shape[1] > 1)
        self._search = search
        kind = search.candidates(symmetries)[0]
        self.model = search.spare = self.start(Posing.fit(data.X, kind, symmetries))
        # fewer samples than parameters say nothing of derivatives
        search.seeks &= data.y.size >= self.model.net.n_params
        if resumed is not None:
            self._restore(resumed)
        if self._stage.number == 1:
            self._train_first(symmetries)
        else:
            posing = self._stage.model.posing
            self.model = Model(make_net(posing), posing, self._stage.thetas[0])
        model = self._summed_up(self.model, self.results)
        if self._stage.number == 1:
            error, n_iter, reason = (model.result[k] for k in ("relative_rmse", "nit", "message"))
            self.stages.append(StageReport(error, 1.0, None, n_iter, self.seconds(), reason))
        return model

    def _train_first(self, symmetries: Symmetries) -> None:
        """The search for a posing, and the network on it: self.model."""
        settings, search = self.settings, self._search
        self.settings = replace(
            settings,
            maxiter=self.iterations() + settings.maxiter,
            deadline=self._share(settings, stage=1),
        )
        try:
            if self._stage.model is None:
                self.model = search.pose(symmetries)
                if not self.ended and settings.method != "taylor-lm":  # that of the search
                    self.model.theta = self.start(self.model.posing).theta
            else:
                self.model = self._stage.model
            if not self.ended:
                self._fit(self.model)
                self._restart(settings.maxiter)
            if settings.method == "taylor-lm" or self._stage.restarts:
                self.model = min(self.model, search.spare, key=lambda model: model.error)
        except KeyboardInterrupt:  # between two stages; within one, minimize() sees it
            if not self.results:
                raise
            self.interrupted = True
        self.model = self._best([self.model, *self._asked_for])
        self.settings = settings
        if self.held_out is not None and self.held_out.best is None:  # ended before it was asked
            self.held_out.judge(self.model, self.model.theta)

    def _restart(self, maxiter: int) -> None:
        """Further starts from other parameters, while there is time and something to gain."""
        stage, search = self._stage, self._search
        while stage.restarts < self.settings.n_restarts and self.results[-1].status not in _ENDS:
            rivals = [self.model]
            if stage.restarts or self.settings.method == "taylor-lm":
                rivals.append(search.spare)  # else of the search, which is Taylor-LM's
            search.spare = min(rivals, key=lambda model: model.error)
            stage.restarts += 1
            self.settings = replace(self.settings, maxiter=self.iterations() + maxiter)
            self.model = self.start(search.spare.posing, seed=[self._seed, stage.restarts])
            self._fit(self.model)

    def boost(self, model: Model, net: MLP, matched: bool) -> Model:
        """Fit ``net`` to what the model leaves over, and to what that leaves, until there are as
        many stages as wanted or nothing is gained; all of them as one network.

        ``matched`` starts the first layers from the frequency of what is left over.
        """
        settings, message = self.settings, model.result.message
        posed = self.data.posed(model.posing)
        boosting = self._boosting = Boosting(posed.X, posed.y, posed.weight)
        boosting.add(model.net, model.theta)
        for theta in self._stage.thetas[1:]:
            boosting.add(net, theta)
        # They have judged the first stage, which is not the model any more.
        self._search.seeks, self.held_out = False, None
        options = settings.options
        if settings.method == "bfgs":
            size = 1.0 if matched else LEFT_OVER_INVERSE_HESSIAN  # 1: no way from the frequency
            options = {"hess_inv0": size * np.eye(net.n_params)} | options
        try:
            for stage in range(len(self.stages) + 1, self.n_stages + 1):
                if self.ended:
                    break
                if self._at_the_floor(boosting, model.posing, self.data.X):
                    message = f"at the rounding floor after {stage - 1} of {self.n_stages} stages"
                    break
                self.settings = replace(
                    settings,
                    options=options,
                    maxiter=self.iterations() + settings.maxiter,
                    tol=settings.tol / boosting.relative_rmse,
                    deadline=self._share(settings, stage),
                )
                part = Model(net, model.posing, model.theta, race=model.race)
                message = self._boost_once(boosting, part, matched)
        except KeyboardInterrupt:
            self.interrupted = True
        model.net, model.theta = boosting.merged()
        model = self._summed_up(model, self.results)
        if not self.interrupted:
            model.result.message = message
        return model

    def _boost_once(self, boosting: Boosting, part: Model, matched: bool) -> str:
        """One more stage, kept unless it gains nothing; why it ended."""
        self._left_over, self._scale = boosting.relative_rmse, boosting.scale
        frequency = boosting.frequency() if matched else None
        number = len(self.stages) + 1
        if self._stage.number == number:  # resumed
            part = self._stage.model = replace(self._stage.model, net=part.net)
        else:
            part.theta = part.net.init([self._seed, number], frequency=frequency)
            before = list(self.stages), list(boosting.thetas)
            self._stage = _Stage(self.iterations(), self.seconds(), *before)
        _, factor = part.posing(self.data.X)
        self._targets = replace(self.data, y=boosting.residual / boosting.scale * factor[:, None])
        self._fit(part)
        boosting.add(part.net, part.theta)
        message = self.results[-1].message
        if not boosting.relative_rmse < self._left_over:
            boosting.drop()
            message = f"stage {number} gains nothing"
        self.stages.append(
            StageReport(
                boosting.relative_rmse,
                self._scale,
                frequency,
                self.iterations() - self._stage.n_iter,
                self.seconds() - self._stage.seconds,
                message,
            )
        )
        return message

    def _share(self, settings: Settings, stage: int) -> float:
        """The deadline of a stage: it and those to come share what time is left."""
        return time.perf_counter() + settings.remaining() / (self.n_stages - stage + 1)

    @staticmethod
    def _at_the_floor(boosting: Boosting, posing: Posing, X: np.ndarray) -> bool:
        features, factor = posing(X)
        floor = rounding_floor(*boosting.merged(), features, 1.0, factor)
        return at_the_floor(boosting.relative_rmse, floor)

    def _fit(self, model: Model) -> None:
        """Train a network: Taylor-LM on growing parts of the data, other methods on all of it."""
        if self._stage.model is not model:
            self._stage.model, self._stage.n_samples = model, None
        if self.settings.method == "taylor-lm":
            self._grow(model)
        else:
            self.advance(model, self._targets.posed(model.posing), judge=self.held_out)
            model.error = model.result.relative_rmse

    @property
    def ended(self) -> bool:
        """Whether somebody wanted an end."""
        return self._outcome in (_CALLBACK, _CTRL_C)

    def start(self, posing: Posing, data: Data | None = None, seed=None) -> Model:
        """A network that is not trained yet, for ``data`` or the samples as they are posed."""
        net = self._make_net(posing)
        theta = net.init(self._seed if seed is None else seed)
        data = self.data.posed(posing) if data is None else data
        n_inputs, n_first = net.sizes[:2]
        n_last, n_outputs = net.sizes[-2:]
        if len(net.sizes) > 2:
            theta[: (n_inputs + 1) * n_first] *= _first_layer_gain(data)
        if posing.symmetries.take_a_power:  # what is left is next to constant
            theta[-n_outputs * (n_last + 1) :] = 0.0
            theta[-n_outputs:] = np.average(data.y, axis=0, weights=data.weight)
        return Model(net, posing, theta)

    def _grow(self, model: Model) -> None:
        """Fit on ever larger leading parts of the data, at last on all of it.

        (or on as many as fit in memory: hundreds of samples a parameter say all there is to say.)
        Early iterations on few samples cost little, and the test on the next block of samples
        keeps them from learning what does not generalise.
        """
        data = self._targets.posed(model.posing)[: _most_samples(model.net, self.settings.order)]
        size = int(_SAMPLES_PER_PARAMETER * model.net.n_params / model.net.sizes[-1])
        size = self._stage.n_samples or size
        while True:
            self._stage.n_samples = size
            last = size >= len(data) / _SAMPLES_PER_PARAMETER
            part = data if last else data[:size]
            unseen = None if last else data[size : 2 * size].objective(model.net)
            outcome = self.advance(model, part, unseen, self.held_out, looks=True)
            if last:
                model.error = model.result.relative_rmse
            else:
                model.error = unseen.relative_rmse(model.theta)
            if outcome in (_TIME_LIMIT, _CALLBACK, _CTRL_C):
                return
            self.model = self._search.without_symmetric_variables(model)
            if self.model is not model:
                self._fit(self.model)
                return
            if outcome == _LOOK:
                continue
            if last:
                return
            model.damping = np.clip(model.damping * _DAMPING_AFTER_GROWTH, 1e-26, 1e-3)
            size *= 2

    def advance(
        self,
        model: Model,
        data: Data,
        unseen: LeastSquares | None = None,
        judge: HeldOut | None = None,
        looks: bool = False,
        recorded: bool = True,
    ) -> int | str:
        """Continue ``model`` on ``data`` until it stops, opens a gap on ``unseen`` samples, the
        judge ends it, or, with ``looks``, it is precise enough for another look at its symmetries.

        Returns the status of the minimiser, _OPEN_GAP or _LOOK.
        """
        settings, outcome, trace = self.settings, None, Trace()
        looks = looks and self._search.seeks and model.posing.n_variables > 1
        enough = _LOOK_AGAIN * model.looked_at if looks and model.looked_at > _PRECISE else 0.0
        iterations, seconds = self.iterations(), self.seconds()

        def callback(state):
            ends = verdict(state)
            if self._keep is not None and recorded:
                trace.add(state)
                self._keep(lambda: self._so_far(model, trace, placed(trace.result)))
            return ends

        def verdict(state):
            nonlocal outcome
            if settings.callback is not None:
                shown = OptimizeResult(state, net=model.net, input_map=model.posing.input_map)
                shown.update(nit=state.nit + iterations, seconds=state.seconds + seconds)
                shown.update(relative_rmse=state.relative_rmse * self._left_over)
                if settings.callback(shown):
                    return True
            if judge is not None and judge.judge(model, state.x):
                return True
            error = state.relative_rmse
            enough_seen = state.nit >= (3 if error < 0.1 else 10)
            if unseen is not None and enough_seen and unseen.relative_rmse(state.x) > _GAP * error:
                outcome = _OPEN_GAP
            elif error < enough:
                outcome, model.looked_at = _LOOK, error
            return outcome is not None

        def placed(result):
            """With its history as that of a part of the run."""
            history = result.history = result.history.after(iterations, seconds)
            history.relative_rmse *= self._left_over
            history.fun *= self._scale**2
            history.stage[:] = len(self.stages) + 1
            return result

        options = settings.options
        if settings.method == "taylor-lm":
            options = dict(order=settings.order, damping=model.damping) | options
        result = minimize(
            data.objective(model.net),
            model.theta,
            settings.method,
            maxiter=max(settings.maxiter - iterations, 0),
            tol=settings.tol if unseen is None else 0.0,
            time_limit=settings.remaining(),
            callback=callback,
            verbose=settings.verbose,
            **options,
        )
        placed(result)
        model.theta, model.result = result.x, result
        model.damping = result.get("damping", model.damping)
        if recorded:
            self.results.append(result)
        self._outcome = result.status if outcome is None else outcome
        return self._outcome

    def iterations(self) -> int:
        return sum(result.nit for result in self.results)

    def seconds(self) -> float:
        return time.perf_counter() - self.began

    def _summed_up(self, model: Model, results: list[OptimizeResult]) -> Model:
        """The best model, with the figures on all samples and the history of the whole run."""
        last, held_out = results[-1], self.held_out
        at_an_end = last.status is not None and not self.ended
        if self._stage.restarts and at_an_end and model.result is not None:
            last = model.result
        if held_out is not None and held_out.best is not None:
            model = replace(held_out.best, race=model.race)
        objective = self.data.posed(model.posing).objective(model.net)
        status, reason = last.status, last.message
        if last is not results[-1]:
            reason = f"the best of {self._stage.restarts + 1} starts: {reason}"
        if self.interrupted:
            status, reason = CTRL_C
        elif held_out is not None and held_out.message and status != _CTRL_C:
            reason = held_out.message
        result = OptimizeResult(
            x=model.theta,
            relative_rmse=objective.relative_rmse(model.theta),
            nit=sum(result.nit for result in results),
            status=status,
            message=reason,
            history=History.joined(result.history for result in results),
        )
        return replace(model, result=result)

    # -- what outlives the process -----------------------------------------------------------------

    def state(self) -> State:
        """From which `train`, and `boost`, go on."""
        return self._state(self._stage, self.results, self._search.begun)

    def _so_far(self, model: Model, trace: Trace, result: OptimizeResult) -> tuple[Model, State]:
        """The best model and the state amid a call of `advance`, from what the call has passed."""
        stage, search, results = self._stage, self._search, [*self.results, result]
        advanced = replace(model, theta=trace.x, damping=trace.damping)
        if stage.model is model:
            stage = replace(stage, model=advanced)
        begun = None
        if stage.number > 1:
            best = self._best(self._sums(stage.model))
        else:
            models = [*self._asked_for]
            if stage.model is None:  # a race is under way: who is ahead, once one has arrived
                models.append(self.model if np.isfinite(self.model.error) else advanced)
                begun = ShortFit(trace.x, trace.damping, search.nit_before + result.nit)
            else:
                models += [stage.model, search.spare] if stage.restarts else [stage.model]
            best = self._best(models)
            self._kept = replace(best)  # a model that is trained on would take it along
        return self._summed_up(best, results), self._state(stage, results, begun)

    @property
    def _asked_for(self) -> list[Model]:
        """What is not to be lost: on more samples an iterate is not always better than the last
        on fewer. Where there are held-out samples, they decide."""
        return [] if self._kept is None or self.held_out is not None else [self._kept]

    def _sums(self, part: Model) -> list[Model]:
        """The stages before, and with the one at work, which may be no gain yet."""
        boosting = self._boosting
        nets, thetas = [*boosting.nets, part.net], [*boosting.thetas, part.theta]
        sums = boosting.merged(), merge(nets, thetas, [*boosting.scales, boosting.scale])
        return [replace(part, net=net, theta=theta) for net, theta in sums]

    def _best(self, models: list[Model]) -> Model:
        """On all samples."""
        if len(models) == 1:
            return models[0]
        errors = [
            self.data.posed(model.posing).objective(model.net).relative_rmse(model.theta)
            for model in models
        ]
        return models[int(np.argmin(errors))]

    def _state(self, stage: _Stage, results: list[OptimizeResult], begun: ShortFit | None) -> State:
        state, held_out = State.after(results, self.seconds()), self.held_out
        facts, arrays = state.facts, state.arrays
        facts |= {
            "stage": {name: getattr(stage, name) for name in _STAGE_FACTS},
            "reports": [asdict(report) for report in stage.reports],
            "n_networks": len(stage.thetas),
            "models": {},
        }
        arrays |= {f"network_{k}": theta for k, theta in enumerate(stage.thetas)}
        models = {}
        if stage.model is None:
            fits = [*self._search.short_fits, *([] if begun is None else [begun])]
            arrays |= {f"short_fit_{k}": fit.theta for k, fit in enumerate(fits)}
            facts["short_fits"] = [{n: v for n, v in vars(f).items() if n != "theta"} for f in fits]
        else:
            models |= {"at_work": stage.model, "spare": self._search.spare}
            facts["rejected"] = sorted(self._search.rejected)
        if stage.number == 1 and self._kept is not None:
            models["kept"] = self._kept
        if held_out is not None and held_out.best is not None:
            models["held_out"] = held_out.best
            facts["held_out"] = {name: getattr(held_out, name) for name in _JUDGEMENT}
        for name, model in models.items():
            arrays[name] = model.theta
            facts["models"][name] = {
                "input_map": model.posing.input_map.kind,
                "symmetries": [asdict(r) for r in model.posing.symmetries.relations],
                **{fact: getattr(model, fact) for fact in _MODEL_FACTS},
            }
        return state

    def _restore(self, state: State) -> None:
        facts, arrays = state.facts, state.arrays

        def model(name):
            known = facts["models"][name]
            relations = tuple(Relation.checked(**r) for r in known["symmetries"])
            posing = Posing.fit(self.data.X, known["input_map"], Symmetries(relations))
            figures = {fact: known[fact] for fact in _MODEL_FACTS}
            return Model(self._make_net(posing), posing, arrays[name], **figures)

        self.results = [state.result()]
        self.began -= facts["seconds"]
        if "held_out" in facts:
            for name in _JUDGEMENT:
                setattr(self.held_out, name, facts["held_out"][name])
            self.held_out.best = model("held_out")
        if "kept" in facts["models"]:
            self._kept = model("kept")
        if "short_fits" in facts:  # cut in the search for a posing
            fits = [
                ShortFit(arrays[f"short_fit_{k}"], **figures)
                for k, figures in enumerate(facts["short_fits"])
            ]
            if fits and fits[-1].status in (None, _CALLBACK, _CTRL_C):
                self._search.begun = fits.pop()
            self._search.known = fits
            return
        self._search.rejected = set(facts["rejected"])
        self._search.spare = model("spare")
        self.stages = [StageReport(**report) for report in facts["reports"]]
        self._stage = _Stage(
            **{name: facts["stage"][name] for name in _STAGE_FACTS},
            reports=list(self.stages),
            thetas=[arrays[f"network_{k}"] for k in range(facts["n_networks"])],
            model=model("at_work"),
        )


def _first_layer_gain(data: Data) -> float:
    """What a function that oscillates wants its first weights multiplied with."""
    data = data[: _STEEPNESS_SAMPLES * data.X.shape[1]]
    if len(data) < 3:
        return 1.0
    distance, neighbour = cKDTree(data.X).query(data.X, k=2)
    apart = distance[:, 1] > 0
    difference = data.y[neighbour[apart, 1]] - data.y[apart]
    spread = np.std(data.y, axis=0)
    if not apart.any() or not np.all(spread > 0):
        return 1.0
    slope = np.sqrt(np.mean((difference / spread / distance[apart, 1:]) ** 2))
    return float(np.clip(slope / _STEEP, 1.0, _LARGEST_GAIN))


def _most_samples(net: MLP, order: int) -> int:
    """How many samples a run of Taylor-LM can hold in memory."""
    jacobian = 2 * net.sizes[-1] * net.n_params  # itself and its factor
    for_each = jacobian + 3 * (order + 1) * sum(net.sizes[1:-1])
    return int(_MOST_DOUBLES / for_each)
