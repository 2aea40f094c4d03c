"""Adam, on all samples at once or on consecutive slices of them."""

from __future__ import annotations

import numpy as np
from scipy.optimize import OptimizeResult

from .. import _core
from .._checks import positive_int, real_number
from ._descent import Descent

_VECTORS = ("x", "m", "v")


def arrays_of(state: _core.AdamState) -> dict[str, np.ndarray]:
    """All of a state but the number of steps and the best point."""
    arrays = {name: np.copy(getattr(state, name)) for name in _VECTORS}
    return arrays | {"best_value": np.array(state.best_value)}


def state_from(arrays: dict[str, np.ndarray], steps: int, best_x: np.ndarray) -> _core.AdamState:
    """The state that these are of; one that has not begun without arrays. KeyError or TypeError
    where they do not fit."""
    state = _core.AdamState()
    if arrays:
        for name in _VECTORS:
            if arrays[name].shape != best_x.shape:
                raise TypeError(f"{name} has shape {arrays[name].shape}, x has {best_x.shape}")
            setattr(state, name, arrays[name])
        state.steps, state.best_x, state.best_value = steps, best_x, float(arrays["best_value"])
    return state


def minimize_adam(
    fun,
    x0,
    *,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    batch_size: int | None = None,
    record_every: int | None = None,
    state: _core.AdamState | None = None,
    **common,
) -> OptimizeResult:
    """`precisekit.minimize` with method "adam".

    `state` is where to go on from, unless it has not begun; it is kept up to date.
    """
    descent = Descent(fun, x0, **common)
    options = _core.AdamOptions()
    descent.limit(options, 10_000)
    options.learning_rate, options.epsilon = real_number(lr, "lr"), real_number(eps, "eps")
    options.beta1, options.beta2 = real_number(beta1, "beta1"), real_number(beta2, "beta2")
    if record_every is None:
        record_every = max(1, options.max_iterations // 1000)
    options.record_every = positive_int(record_every, "record_every")
    size = 0
    if batch_size is not None:
        if descent.function is not None:
            raise ValueError("batch_size is for a LeastSquares: a function has no samples")
        size = positive_int(batch_size, "batch_size")
    state = _core.AdamState() if state is None else state
    result, _ = descent.run(_core.adam, state, options, size)
    del result.nhev
    return result
