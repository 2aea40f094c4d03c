"""The exponent of a power law, and where it holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from .._checks import finite_array, real_number
from ..plot import new_figure

_FEWEST = 3  # distinct N that make a power law
_LEAST_SPREAD = 0.01  # of log(loss): a deviation of 1 % is no evidence that a law ends


@dataclass(frozen=True)
class PowerLaw:
    """``loss = amplitude * N**-exponent`` on ``range``.

    Attributes
    ----------
    exponent : float
        Positive where the loss falls.
    interval : tuple (low, high)
        Confidence interval of the exponent, given the range: Student's t for the slope of the
        regression. Infinite where the range has two points.
    amplitude : float
    range : tuple (first, last)
        The N between which the law holds, both included.
    plateau : float or None
        Level of the loss before the range (typically the spread of the target), if there is one.
    floor : float or None
        Level after it (rounding, optimisation), if there is one.
    N, loss : ndarray (n,)
        The data, in the order of N.
    """

    exponent: float
    interval: tuple[float, float]
    amplitude: float
    range: tuple[float, float]
    plateau: float | None
    floor: float | None
    N: np.ndarray
    loss: np.ndarray

    def __call__(self, N):
        """The law at ``N``."""
        return self.amplitude * np.asarray(N, dtype=np.float64) ** -self.exponent

    def plot(self):
        """The data and the law over its range; a matplotlib Figure apart from pyplot."""
        figure, axes = new_figure((6.0, 4.2))
        used = (self.N >= self.range[0]) & (self.N <= self.range[1])
        axes.scatter(self.N[used], self.loss[used], s=16, color="#2b5c8a")
        axes.scatter(self.N[~used], self.loss[~used], s=16, color="#b9bdc1")
        ends = np.array(self.range)
        low, high = self.interval
        label = f"N^-{self.exponent:.3g}  ({low:.3g} … {high:.3g})"
        axes.plot(ends, self(ends), color="#55595e", linestyle="--", linewidth=1, label=label)
        axes.set(xscale="log", yscale="log", xlabel="N", ylabel="loss")
        axes.legend(frameon=False)
        return figure


def scaling_exponent(N, loss, *, confidence: float = 0.95) -> PowerLaw:
    """The exponent of a power law ``loss ~ N**-exponent``, and the range of N where it holds.

    log(loss) is modelled as a plateau, then a straight line in log(N), then a floor, where plateau
    and floor may be missing. For every choice of the two ends the line is fitted by least squares
    and the levels by their means; the choice with the least Bayesian information criterion
    (Schwarz, 1978) wins, each level counting as two parameters, itself and its end. The line keeps
    at least three distinct N. Deviations of 1 % count as none.

    Parameters
    ----------
    N : array_like (n,)
        Positive; several losses at one N (seeds) are welcome.
    loss : array_like (n,)
        Positive.
    confidence : float

    Returns
    -------
    law : PowerLaw

    Raises
    ------
    ValueError
        For numbers that are not positive and finite, shapes that differ, fewer than two distinct
        N, or a confidence outside (0, 1).
    """
    N, loss = finite_array(N, "N", 1), finite_array(loss, "loss", 1)
    if N.shape != loss.shape:
        raise ValueError(f"loss must have {N.size} elements as N has, got {loss.size}")
    for name, values in (("N", N), ("loss", loss)):
        if not (values > 0).all():
            index = int(np.argmin(values > 0))
            raise ValueError(f"{name} must be positive, but {name}[{index}] is {values[index]}")
    if not 0 < real_number(confidence, "confidence") < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    order = np.argsort(N, kind="stable")
    N, loss = N[order], loss[order]
    if N[0] == N[-1]:
        raise ValueError("N must hold at least two distinct values")

    x, y = np.log(N), np.log(loss)
    starts = np.flatnonzero(np.r_[True, np.diff(N) > 0])  # of each distinct N
    ends = np.r_[starts[1:], N.size]
    fewest = min(_FEWEST, len(starts))
    first, last = min(
        (
            (starts[i], ends[j])
            for i in range(len(starts))
            for j in range(i + fewest - 1, len(starts))
        ),
        key=lambda window: _information(x, y, *window),
    )
    law = slice(first, last)
    slope, intercept, error = _line(x[law], y[law])
    freedom = last - first - 2
    half = float(error * stdtrit(freedom, 0.5 + 0.5 * confidence)) if freedom > 0 else np.inf
    return PowerLaw(
        exponent=-slope,
        interval=(-slope - half, -slope + half),
        amplitude=float(np.exp(intercept)),
        range=(float(N[first]), float(N[last - 1])),
        plateau=float(np.exp(y[:first].mean())) if first > 0 else None,
        floor=float(np.exp(y[last:].mean())) if last < N.size else None,
        N=N,
        loss=loss,
    )


def _information(x, y, first: int, last: int) -> float:
    """Bayesian information criterion of plateau, line and floor."""
    squares, parameters = 0.0, 2
    for level in (y[:first], y[last:]):
        if level.size:
            squares += np.sum((level - level.mean()) ** 2)
            parameters += 2
    slope, intercept, _ = _line(x[first:last], y[first:last])
    squares += np.sum((y[first:last] - intercept - slope * x[first:last]) ** 2)
    spread = max(squares / y.size, _LEAST_SPREAD**2)
    return y.size * np.log(spread) + parameters * np.log(y.size)


def _line(x, y) -> tuple[float, float, float]:
    """Slope, intercept and the standard error of the slope."""
    centre = x.mean()
    square = np.sum((x - centre) ** 2)
    slope = np.sum((x - centre) * (y - y.mean())) / square
    intercept = y.mean() - slope * centre
    freedom = max(x.size - 2, 1)
    variance = np.sum((y - intercept - slope * x) ** 2) / freedom
    return float(slope), float(intercept), float(np.sqrt(variance / square))
