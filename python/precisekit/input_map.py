"""Maps of the inputs onto [-1, 1], before the network sees them.

How the inputs are posed decides more about the precision in three and more dimensions than the
optimiser does: the logarithm turns products and powers into sums, and both together serve where
differences of coordinates matter as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

KINDS = ("linear", "log", "both")


@dataclass(frozen=True)
class InputMap:
    """A map of each row of X onto features in [-1, 1].

    Attributes
    ----------
    kind : {"linear", "log", "both"}
        "linear": u = (x - centre) / half. "log": u = log(x / middle) / half_log, for the columns
        in ``log_columns``, linear for the others. "both": all linear features, then the logs.
    lo, hi : ndarray (d,)
        The box that is mapped onto [-1, 1].
    log_columns : ndarray of int
    """

    kind: str
    lo: np.ndarray
    hi: np.ndarray
    log_columns: np.ndarray

    @classmethod
    def fit(cls, X: np.ndarray, kind: str) -> InputMap:
        """The map of ``X``'s bounding box; columns that are not positive stay linear."""
        lo, hi = X.min(axis=0), X.max(axis=0)
        positive = np.flatnonzero((lo > 0) & (hi > lo))
        return cls(kind, lo, hi, positive if kind != "linear" else positive[:0])

    @staticmethod
    def candidates(X: np.ndarray) -> tuple[str, ...]:
        """The kinds that differ on ``X``: only "linear" where no column has a logarithm."""
        lo, hi = X.min(axis=0), X.max(axis=0)
        return KINDS if np.any((lo > 0) & (hi > lo)) else KINDS[:1]

    @property
    def n_features(self) -> int:
        """Number of inputs that the network gets."""
        return len(self.lo) + (len(self.log_columns) if self.kind == "both" else 0)

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Features (n, n_features) of the points X (n, d).

        Raises
        ------
        ValueError
            For a value that is not positive in a column that goes through the logarithm.
        """
        linear = (X - self.centre) / self.half
        if self.kind == "linear":
            return linear
        columns = X[:, self.log_columns]
        if np.any(columns <= 0):
            row, k = np.argwhere(columns <= 0)[0]
            raise ValueError(
                f"X[{row}, {self.log_columns[k]}] is {columns[row, k]}, but this model takes the "
                "logarithm of that column: it must be positive"
            )
        logs = np.log(columns / self.middle) / self.half_log
        if self.kind == "both":
            return np.hstack([linear, logs])
        linear[:, self.log_columns] = logs
        return linear

    def pull_back(self, X: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Gradient with respect to X from the gradient with respect to the features.

        Parameters
        ----------
        X : ndarray (n, d)
        gradient : ndarray (n, ..., n_features)

        Returns
        -------
        ndarray (n, ..., d)
        """
        d, log = len(self.lo), self.log_columns
        between = (slice(None),) + (None,) * (gradient.ndim - 2)
        slope = np.broadcast_to(1.0 / self.half, X.shape)[between]
        log_slope = (1.0 / (X[:, log] * self.half_log))[between]
        result = gradient[..., :d] * slope
        if self.kind == "both":
            result[..., log] += gradient[..., d:] * log_slope
        elif self.kind == "log":
            result[..., log] = gradient[..., log] * log_slope
        return result

    @property
    def centre(self) -> np.ndarray:
        """What is subtracted from each column (d,) for its linear feature."""
        return 0.5 * self.lo + 0.5 * self.hi

    @property
    def half(self) -> np.ndarray:
        """What the difference is divided by (d,)."""
        half = 0.5 * self.hi - 0.5 * self.lo
        return np.where(half > 0, half, 1.0)

    @property
    def middle(self) -> np.ndarray:
        """What each of the `log_columns` is divided by before the logarithm."""
        return np.sqrt(self.lo[self.log_columns]) * np.sqrt(self.hi[self.log_columns])

    @property
    def half_log(self) -> np.ndarray:
        """What the logarithm is divided by."""
        lo, hi = self.lo[self.log_columns], self.hi[self.log_columns]
        with np.errstate(over="ignore"):
            ratio = hi / lo  # its logarithm keeps the digits where lo and hi are close
        return 0.5 * np.where(np.isfinite(ratio), np.log(ratio), np.log(hi) - np.log(lo))
