"""How a fit finds the way to put its function to a network.

Short fits race the input maps, and what they show of exact symmetries takes variables out, where
that is seen to serve. `Run` goes on from the best of them, and asks again once it is more
precise.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..input_map import InputMap
from ..optimize._result import TIME_LIMIT
from ..posing import Posing
from ..symmetry import Symmetries, find_symmetries

if TYPE_CHECKING:
    from ._model import Data, Model
    from ._run import Run

# Fewer iterations than this misrank the input maps; more samples do not rank them better.
_RACE_ITERATIONS = 40
_REDUCED_RACE_ITERATIONS = 120  # of few variables, where they cost little
_RACE_SAMPLES_PER_PARAMETER = 2.0
_RACE_HELD_OUT = 2000
_RACE_SHARE = 0.12  # of the time limit and of the iterations, for each map
_RACE_FEWEST = 3  # iterations; where time allows no more the first map is kept
_RACE_WON = 1e-14  # nothing to gain by trying another map

# Symmetries are sought at this many points, once the error is below the first number; below the
# second they are tried before another input map is.
_SYMMETRY_POINTS = 500
_KNOWN, _WELL_KNOWN = 0.2, 5e-3
_CERTAIN = 1e-3  # a relation that leaves less than this of its terms is beyond doubt
_CLOSE = 3.0  # a ratio of errors that short fits leave undecided


@dataclass
class ShortFit:
    """What one has come to: the parameters, and figures as of a `Model`."""

    theta: np.ndarray
    damping: float
    nit: int
    error: float = np.inf
    looked_at: float = 1.0
    status: int | str | None = None


class PosingSearch:
    """The search of one run, and what it has learnt.

    Parameters
    ----------
    run : Run
    input_map : str
        A kind of input map or "auto", for a race.
    seeks : bool
        Whether symmetries are sought.

    Attributes
    ----------
    short_fits : list of ShortFit
        All that were run to their end. The rest of a search follows from them.
    known : list of ShortFit
        Of the same search, in an earlier part of the fit: these are not run again.
    begun : ShortFit or None
        The one after them, where it has been cut.
    """

    def __init__(self, run: Run, input_map: str, seeks: bool):
        self.seeks = seeks
        self.spare: Model | None = None  # what fewer variables took the place of
        self.rejected: set[str] = {""}  # symmetries that were tried in vain
        self.short_fits: list[ShortFit] = []
        self.known: list[ShortFit] = []
        self.begun: ShortFit | None = None
        self.nit_before = 0  # of the one under way, in an earlier part of the fit
        self._run = run
        self._kinds = None if input_map == "auto" else (input_map,)
        self._left = np.inf  # by the symmetries found last, of the terms in their relations

    def candidates(self, symmetries: Symmetries) -> tuple[str, ...]:
        """The kinds of input maps for the variables that symmetries leave."""
        return self._kinds or InputMap.candidates(symmetries(self._run.data.X)[0])

    def pose(self, symmetries: Symmetries) -> Model:
        """Choose the variables and their map: a network that is begun on them."""
        kinds = self.candidates(symmetries)
        if len(kinds) == 1 and not self.seeks:
            return self._run.model
        models = [self._race(symmetries, kinds[:1])]
        more = self._symmetries_of(models[0]) or self._symmetries_of_logarithm(symmetries)
        left = self._left
        if more and not self._run.ended:
            models.append(self.without_symmetric_variables(self._race(symmetries + more)))
            self.rejected.add(str(symmetries + more))
        serves = len(models) == 2 and self._serves(models[1], models[0], left)
        if kinds[1:] and not self._run.ended and not serves and models[0].error > _RACE_WON:
            models.append(self._race(symmetries, kinds[1:]))
            models[-1].race = models[0].race = models[0].race | models[-1].race
        return self.without_symmetric_variables(min(models, key=lambda model: model.error))

    def without_symmetric_variables(self, model: Model) -> Model:
        """The model, or one of fewer variables that does better on unseen samples."""
        while more := self._symmetries_of(model):
            symmetries, left = model.posing.symmetries + more, self._left
            reduced = self._race(symmetries)
            if self._serves(reduced, model, left):
                model = reduced
            else:
                self.rejected.add(str(symmetries))
        return model

    def _race(self, symmetries: Symmetries, kinds: tuple[str, ...] = ()) -> Model:
        """Short fits with each input map, judged on samples that they have not seen."""
        run = self._run
        best, errors, data = None, {}, run.data
        for kind in kinds or self.candidates(symmetries):
            model = run.start(Posing.fit(data.X, kind, symmetries))
            status = self._short_fit(model, data.posed(model.posing))
            errors[kind] = model.error
            if best is None or model.error < best.error:
                best = model
            if model.error < run.model.error:
                run.model = model
            too_slow = status == TIME_LIMIT[0] and self.short_fits[-1].nit < _RACE_FEWEST
            if run.ended or model.error < _RACE_WON or too_slow:
                break
            if model.error < _WELL_KNOWN and self._symmetries_of(model):
                break
        best.race = errors
        return best

    def _short_fit(self, model: Model, data: Data, recorded: bool = True) -> int | str:
        """Begin on a few samples; ``model.error`` becomes the relative RMSE on others."""
        if self.known:
            fit = self.known.pop(0)
        else:
            fit = self._run_short_fit(model, data, recorded)
        if self._run.ended:
            self.begun = fit
        else:
            self.short_fits.append(fit)
        model.theta, model.damping = fit.theta, fit.damping
        model.error, model.looked_at = fit.error, fit.looked_at
        return fit.status

    def _run_short_fit(self, model: Model, data: Data, recorded: bool) -> ShortFit:
        """From its start, or from where it has been cut."""
        run, settings = self._run, self._run.settings
        most = _REDUCED_RACE_ITERATIONS if model.posing.symmetries else _RACE_ITERATIONS
        n_train = int(_RACE_SAMPLES_PER_PARAMETER * model.net.n_params)
        n_train = min(n_train, max(1, int(0.8 * len(data))))
        most = min(most, int(np.ceil(_RACE_SHARE * settings.maxiter)))
        if self.begun is not None:
            model.theta, model.damping = self.begun.theta, self.begun.damping
            self.nit_before = self.begun.nit
        run.settings = replace(
            settings,
            method="taylor-lm",  # others have hardly begun after so few iterations
            options={},
            maxiter=run.iterations() + most - self.nit_before,
            deadline=time.perf_counter() + _RACE_SHARE * settings.remaining(),
        )
        status = run.advance(model, data[:n_train], recorded=recorded)
        run.settings = settings
        judges = data[n_train : n_train + _RACE_HELD_OUT] if n_train < len(data) else data
        error = judges.objective(model.net).relative_rmse(model.theta)
        nit, self.nit_before, self.begun = self.nit_before + model.result.nit, 0, None
        reached = model.result.relative_rmse
        return ShortFit(model.theta, model.damping, nit, error, reached, status)

    def _symmetries_of_logarithm(self, symmetries: Symmetries) -> Symmetries:
        """What a short fit of log |y| shows of symmetries, where y is nowhere zero.

        It shows them best: powers become multiples, and no sample outweighs the others.
        """
        run, data = self._run, self._run.data
        changes_sign = np.any(data.y.min(axis=0) * data.y.max(axis=0) <= 0)
        if not self.seeks or run.ended or changes_sign:
            return Symmetries()
        _, factor = symmetries(data.X)
        logarithm = np.log(np.abs(data.y / factor[:, None]))
        logarithm -= np.mean(logarithm, axis=0)
        size = np.sqrt(np.mean(logarithm**2, axis=0))
        if not np.all(size > 0):
            return Symmetries()
        kinds = self.candidates(symmetries)
        posing = Posing.fit(data.X, "log" if "log" in kinds else kinds[0], symmetries)
        posed = replace(data, X=posing(data.X)[0], y=logarithm / size)
        probe = run.start(posing, posed)
        self._short_fit(probe, posed, recorded=False)
        if run.ended or not probe.error * np.max(size) < _WELL_KNOWN:
            return Symmetries()
        _, gradient, variables = self._derivatives(probe)
        ones = np.ones(gradient.shape[:2])
        found, self._left = find_symmetries(
            variables, ones, gradient * size[:, None], probe.error * np.max(size)
        )
        return found

    def _serves(self, reduced: Model, model: Model, left: float) -> bool:
        """Whether fewer variables do better, or will, as relations that leave next to nothing are
        certain. Where it is close, they are fitted on.
        """
        if left < _CERTAIN and reduced.error < _KNOWN:
            self.spare = min(self.spare, model, key=lambda spare: spare.error)
            return True
        if model.error <= reduced.error < _CLOSE * model.error and not self._run.ended:
            self._short_fit(reduced, self._run.data.posed(reduced.posing))
        return reduced.error < model.error

    def _symmetries_of(self, model: Model) -> Symmetries:
        """What the model shows of symmetries that were not tried in vain."""
        nothing = Symmetries()
        if not self.seeks or self._run.ended or not model.error < _KNOWN:
            return nothing
        values, gradient, variables = self._derivatives(model)
        found, self._left = find_symmetries(variables, values, gradient, model.error)
        return nothing if str(model.posing.symmetries + found) in self.rejected else found

    def _derivatives(self, model: Model) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The network as a function F of the variables left: F, dF, and where.

        Half-way between two samples each time: derivatives are better inside than at the edges.
        """
        variables, _ = model.posing.symmetries(self._run.data.X[: 2 * _SYMMETRY_POINTS])
        pairs = len(variables) // 2
        variables = 0.5 * variables[:pairs] + 0.5 * variables[pairs : 2 * pairs]
        features = model.posing.input_map(variables)
        outputs = (len(variables), model.net.sizes[-1])
        values = model.net.forward(model.theta, features).reshape(outputs)
        gradient = model.net.input_gradient(model.theta, features).reshape(*outputs, -1)
        return values, model.posing.input_map.pull_back(variables, gradient), variables
