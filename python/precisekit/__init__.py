"""Fits functions to the last digits of float64."""

from __future__ import annotations

from importlib import import_module

from . import _lapack

_lapack.connect()

from . import datasets, optimize  # noqa: E402
from .datasets import sample_box  # noqa: E402
from .network import MLP  # noqa: E402
from .objective import LeastSquares  # noqa: E402
from .optimize import minimize  # noqa: E402

__version__ = "0.1.0"

# Imported at first use: scikit-learn, which most of these need, takes longer to import than all
# else.
_LAZY = {"MLPRegressor": "estimators", "fit": "selection", "load": "io", "save": "io"}

__all__ = ["MLP", "LeastSquares", "datasets", "minimize", "optimize", "sample_box", *_LAZY]


def __getattr__(name: str):
    if name in _LAZY:
        value = getattr(import_module(f".{_LAZY[name]}", __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(set(globals()) | set(_LAZY))
