"""Interpolation: of scattered data, of functions in Chebyshev points, and of data on grids."""

from ._chebyshev import ChebyshevInterpolator, from_function
from ._simplex import SimplexInterpolator, SimplexWeights
from ._spline import SplineInterpolator
from ._tricubic import TricubicInterpolator

__all__ = [
    "ChebyshevInterpolator",
    "SimplexInterpolator",
    "SimplexWeights",
    "SplineInterpolator",
    "TricubicInterpolator",
    "from_function",
]
