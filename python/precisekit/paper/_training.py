"""Data, interpolation and training as the paper has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..interpolate import SimplexInterpolator
from ..network import MLP
from ..objective import LeastSquares
from ..optimize import minimize
from ..optimize._checkpoint import Checkpoint
from ..optimize._result import CTRL_C

N_TEST = 30_000
_MARGIN = 0.1  # of the box, left out of the test set at each side
_RECORDS = 1000  # of a training by Adam


class Data(NamedTuple):
    """Uniform training points, and test points from the box shrunk by 0.8 about its centre."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray

    @classmethod
    def drawn(cls, function, lo, hi, n: int, seed: int, n_test: int = N_TEST) -> Data:
        """From NumPy's old generator, which gives the points of the paper for the paper's seed."""
        rng = np.random.RandomState(seed)
        lo, hi = np.atleast_1d(lo), np.atleast_1d(hi)
        margin = _MARGIN * (hi - lo)
        X = rng.uniform(lo, hi, (n, len(lo)))
        X_test = rng.uniform(lo + margin, hi - margin, (n_test, len(lo)))
        return cls(X, function(X), X_test, function(X_test))


def torch_init(sizes, rng: np.random.RandomState) -> np.ndarray:
    """The parameters (P,) that PyTorch gives to the ``nn.Linear`` layers of an `MLP` in float64.

    With ``rng = RandomState(seed)`` those after ``torch.manual_seed(seed)``, to a rounding error:
    both draw from the same Mersenne twister. PyTorch makes a double of the low 53 of 64 bits.
    """
    parts = []
    for fan_in, fan_out in pairwise(sizes):
        bound = 1.0 / np.sqrt(fan_in)
        for n in (fan_out * fan_in, fan_out):
            bits = rng.randint(0, 2**64, n, dtype=np.uint64) & np.uint64(2**53 - 1)
            parts.append(bits * 2.0**-53 * (2 * bound) - bound)
    return np.concatenate(parts)


class Standardised:
    """Inputs brought to mean zero and standard deviation one on the training set."""

    def __init__(self, X):
        self.mean, self.std = X.mean(axis=0), X.std(axis=0, ddof=1)

    @classmethod
    def not_at_all(cls, X) -> Standardised:
        """Inputs left as they are."""
        same = cls(X)
        same.mean[:], same.std[:] = 0.0, 1.0
        return same

    def __call__(self, X):
        return (X - self.mean) / self.std

    def into(self, net: MLP, theta) -> np.ndarray:
        """The parameters of the same network on inputs as they are."""
        theta = np.array(theta)
        W, b = MLP.layers(net, theta)[0]  # views
        W /= self.std
        b -= W @ self.mean
        return theta


def rmse(residual) -> float:
    return float(np.sqrt(np.mean(residual**2)))


def simplex_rmse(data: Data, **options) -> tuple[float, int]:
    """Test RMSE of simplex interpolation, and the number of test points outside of the hull, which
    do not count."""
    residual = SimplexInterpolator(data.X, data.y, **options)(data.X_test) - data.y_test
    outside = np.isnan(residual)
    return rmse(residual[~outside]), int(outside.sum())


_unfinished: ContextVar[Path | None] = ContextVar("unfinished", default=None)


@contextmanager
def going_on_from(path: Path) -> Iterator[None]:
    """What is stopped in this block leaves in this file, and in others whose names begin with its,
    how far it has come, and goes on from there. Where its folder is not there, on another machine
    perhaps, nothing is left."""
    token = _unfinished.set(path if path.parent.is_dir() else None)
    try:
        yield
    finally:
        _unfinished.reset(token)


def unfinished() -> Path | None:
    """The file of the block `going_on_from`."""
    return _unfinished.get()


def minimized(objective, theta0, method: str, maxiter: int, path: Path | None, **options):
    """`minimize` to the end: KeyboardInterrupt if Ctrl-C ended it. With a path, it leaves there how
    far it has come, and goes on from it; the file is gone at the end."""
    if method == "adam":  # of all steps, whatever is left of them
        options.setdefault("record_every", max(1, maxiter // _RECORDS))
    if path is not None:
        options["checkpoint"] = path
        if path.exists():
            options["resume"] = path
            maxiter -= Checkpoint.read(path).nit
    result = not_interrupted(minimize(objective, theta0, method, maxiter=maxiter, **options))
    if path is not None:
        path.unlink()
    return result


def adam(net: MLP, X, y, theta0, steps: int, batch: int | None = None, **options):
    """The paper's training: learning rate 1e-3, on consecutive slices where there are more samples
    than a batch. The result has the parameters of the lowest training loss."""
    if batch is not None and batch < len(y):
        options.update(batch_size=batch, record_every=max(1, steps // _RECORDS))
    # one that is watched begins anew: what was seen of it is gone
    path = None if "callback" in options else unfinished()
    return minimized(LeastSquares(net, X, y), theta0, "adam", steps, path, **options)


def not_interrupted(result):
    """The result; KeyboardInterrupt if Ctrl-C ended the run, as half a run counts for nothing."""
    if result.status == CTRL_C[0]:
        raise KeyboardInterrupt
    return result


def fitted(model):
    """The model; KeyboardInterrupt if Ctrl-C ended its fit, as half a fit counts for nothing."""
    if model.report_.interrupted:
        raise KeyboardInterrupt
    return model


class LowestTest:
    """A callback that keeps the lowest test error of a run, and the parameters there."""

    def __init__(self, test):
        self._test, self.error, self.theta = test, np.inf, None

    def __call__(self, intermediate_result) -> None:
        error = self._test(intermediate_result.x)
        if error < self.error:
            self.error, self.theta = error, np.copy(intermediate_result.x)
