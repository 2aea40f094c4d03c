"""Minimisers. Each takes an objective and a start and returns SciPy's ``OptimizeResult``."""

from ._bfgs import bfgs, ssbfgs
from ._minimize import minimize
from ._result import History, rounding_floor
from ._taylor_lm import STATUS as _STATUS  # noqa: F401

__all__ = ["History", "bfgs", "minimize", "rounding_floor", "ssbfgs"]
