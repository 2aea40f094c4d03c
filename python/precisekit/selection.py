"""`precisekit.fit`: chooses the network itself, and keeps what is best on held-out samples."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.utils import _safe_indexing, check_random_state

from .estimators import MLPRegressor, check_numbers
from .symmetry import Symmetries

_FEWEST_SAMPLES = 10
_HELD_OUT_SHARE = 0.1
_MOST_HELD_OUT = 2000
_SAMPLES_PER_PARAMETER = 2.0  # that a network must leave, or it is made narrower
_WORTH_ANOTHER = 0.2  # of the time limit, that must be left for another network

# In order of promise. Two layers do in one and two dimensions; from three on, three or four layers
# are worth one to four digits more than two with as many parameters.
_ARCHITECTURES_LOW = ((20, 20), (16, 16, 16), (30, 30))
_ARCHITECTURES_HIGH = ((16, 16, 16), (14, 14, 14, 14), (22, 22, 22))


@dataclass
class Candidate:
    """One network that `fit` tried, with its error on the held-out samples."""

    network: str
    input_map: str
    held_out_rmse: float
    seconds: float
    stop_reason: str


def fit(
    X,
    y,
    *,
    target: float = 1e-12,
    time_limit: float = 60.0,
    random_state=0,
    verbose: int = 0,
    callback: Callable | None = None,
):
    """Fit the data as precisely as the time allows, choosing input map and network.

    A tenth of the samples (at most 2,000) is held out. Input maps are raced, the network is fitted
    on growing sets of samples, and when it stops short of the target others are tried while there
    is time. What is returned did best on the held-out samples, over all iterations.

    Parameters
    ----------
    X : array_like or DataFrame (n, d)
    y : array_like (n,) or (n, n_outputs)
    target : float
        Relative RMSE on the held-out samples at which to stop.
    time_limit : float
        Seconds.
    random_state : int, RandomState or None
    verbose : int
        Print a line every `verbose` iterations.
    callback : callable, optional
        ``callback(state)`` after each iteration; True or StopIteration ends the fit with the best
        so far. The state has nit and seconds (of the network at work), relative_rmse (of the
        samples it is trained on at the moment), x, fun, damping, net and input_map.

    Returns
    -------
    model : MLPRegressor
        Fitted. Its `report_` gives held_out_rmse, and `candidates_` lists what was tried.

    Raises
    ------
    ValueError
        As MLPRegressor.fit; for fewer than 10 samples, a target or time_limit not positive.

    Warns
    -----
    UserWarning
        As MLPRegressor.fit.
    """
    began = time.perf_counter()
    for name, value in (("target", target), ("time_limit", time_limit)):
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value!r}")
    if np.ndim(X) != 2:
        raise ValueError(f"X must have 2 dimensions, got shape {np.shape(X)}")
    n = len(X)
    if n < _FEWEST_SAMPLES:
        raise ValueError(f"X has {n} samples: fit needs {_FEWEST_SAMPLES} to hold some out")
    if len(y) != n:
        raise ValueError(f"y must have {n} rows as X has, got {len(y)}")
    check_numbers(X, "X")
    check_numbers(y, "y")
    rng = check_random_state(random_state)
    rows = rng.permutation(n)
    n_held = min(int(np.ceil(_HELD_OUT_SHARE * n)), _MOST_HELD_OUT)
    held, kept = rows[:n_held], np.sort(rows[n_held:])
    held_out = (_safe_indexing(X, held), _safe_indexing(y, held))
    X, y = _safe_indexing(X, kept), _safe_indexing(y, kept)

    stopped = False

    def observe(state):
        nonlocal stopped
        try:
            stopped = bool(callback(state))
        except StopIteration:
            stopped = True
        return stopped

    best, candidates = None, []
    for low, high in zip(_ARCHITECTURES_LOW, _ARCHITECTURES_HIGH, strict=True):

        def choose_hidden(posing, low=low, high=high):
            hidden = low if posing.n_variables <= 2 else high
            return _narrowed(hidden, posing.n_features, len(y), np.size(y))

        remaining = time_limit - (time.perf_counter() - began)
        if best is not None and remaining < _WORTH_ANOTHER * time_limit:
            break
        model = MLPRegressor(
            input_map="auto" if best is None else best.input_map_.kind,
            find_symmetries=best is None,
            time_limit=remaining,
            random_state=rng.randint(2**31),
            verbose=verbose,
        )
        model._fit(
            X,
            y,
            callback=observe if callback else None,
            held_out=held_out,
            target=target,
            choose_hidden=choose_hidden,
            symmetries=Symmetries() if best is None else best.symmetries_,
        )
        model.set_params(hidden_layer_sizes=model.network_.sizes[1:-1])
        report = model.report_
        candidates.append(
            Candidate(
                report.network,
                report.input_map,
                report.held_out_rmse,
                report.seconds,
                report.stop_reason,
            )
        )
        if best is None or report.held_out_rmse < best.report_.held_out_rmse:
            best = model
        if report.held_out_rmse <= target or report.interrupted or stopped:
            break
    best.candidates_ = candidates
    if report.interrupted and best is not model:  # the fit as a whole was, whichever is best
        best.report_.interrupted, best.report_.stop_reason = True, report.stop_reason
    best.report_.seconds = time.perf_counter() - began
    return best


def _narrowed(hidden: tuple[int, ...], n_features: int, n: int, n_targets: int) -> tuple[int, ...]:
    """``hidden``, or the widest layers of equal number that leave enough samples a parameter."""
    n_outputs = n_targets // n
    for width in range(hidden[0], 1, -1):
        sizes = (n_features, *[width] * len(hidden), n_outputs)
        n_params = sum((a + 1) * b for a, b in zip(sizes, sizes[1:], strict=False))
        if n_params * _SAMPLES_PER_PARAMETER <= n_targets:
            break
    return (width,) * len(hidden)
