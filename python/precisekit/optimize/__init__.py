"""Minimisers. Each takes an objective and a start and returns SciPy's ``OptimizeResult``."""

from ._bfgs import bfgs, lbfgs, ssbfgs, ssbroyden
from ._least_squares import least_squares
from ._minimize import METHODS, minimize
from ._result import History, rounding_floor

__all__ = [
    "METHODS",
    "History",
    "bfgs",
    "lbfgs",
    "least_squares",
    "minimize",
    "rounding_floor",
    "ssbfgs",
    "ssbroyden",
]
