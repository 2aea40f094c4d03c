"""Fits functions to the last digits of float64."""

from __future__ import annotations

from importlib import import_module

from . import _lapack
from ._checks import check_environment
from ._core import get_num_threads, set_num_threads

check_environment()
_lapack.connect()

from . import datasets, interpolate, optimize
from ._paths import get_include
from .boosting import Boosting, dominant_frequency, merge
from .datasets import sample_box
from .network import MLP
from .objective import LeastSquares
from .optimize import least_squares, minimize

__version__ = "0.1.0"

# Imported at first use: scikit-learn, which most of these need, takes longer to import than all
# else.
_LAZY = {
    "MLPRegressor": "estimators",
    "ModularMLPRegressor": "modular",
    "SimplexRegressor": "interpolating_estimators",
    "SplineRegressor": "interpolating_estimators",
    "fit": "selection",
    "load": "io",
    "save": "io",
}
_LAZY_MODULES = ("analysis", "modular", "paper")

__all__ = [
    "get_num_threads",
    "set_num_threads",
    "MLP",
    "Boosting",
    "LeastSquares",
    "datasets",
    "dominant_frequency",
    "get_include",
    "interpolate",
    "least_squares",
    "merge",
    "minimize",
    "optimize",
    "sample_box",
    *_LAZY,
    *_LAZY_MODULES,
]


def __getattr__(name: str):
    if name in _LAZY:
        value = getattr(import_module(f".{_LAZY[name]}", __name__), name)
        globals()[name] = value
        return value
    if name in _LAZY_MODULES:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(set(globals()) | set(_LAZY) | set(_LAZY_MODULES))
