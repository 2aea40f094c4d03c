"""Minimisers. Each takes an objective and a start and returns SciPy's ``OptimizeResult``."""

from ._bfgs import bfgs, ssbfgs
from ._minimize import METHODS, minimize
from ._result import History, rounding_floor

__all__ = ["METHODS", "History", "bfgs", "minimize", "rounding_floor", "ssbfgs"]
