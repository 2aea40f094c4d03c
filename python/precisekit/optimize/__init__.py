"""Minimisers. Each takes an objective and a start and returns SciPy's ``OptimizeResult``."""

from ._bfgs import bfgs, lbfgs, ssbfgs, ssbroyden
from ._minimize import METHODS, minimize
from ._result import History, rounding_floor

__all__ = [
    "METHODS",
    "History",
    "bfgs",
    "lbfgs",
    "minimize",
    "rounding_floor",
    "ssbfgs",
    "ssbroyden",
]
