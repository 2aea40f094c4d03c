"""Adam, on all samples at once or on consecutive slices of them."""

from __future__ import annotations

from scipy.optimize import OptimizeResult

from .. import _core
from .._checks import positive_int, real_number
from ._descent import Descent


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
    **common,
) -> OptimizeResult:
    """`precisekit.minimize` with method "adam"."""
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
    result, _ = descent.run(_core.adam, options, size)
    del result.nhev
    return result
