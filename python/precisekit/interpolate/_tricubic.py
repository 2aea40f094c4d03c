"""Tricubic interpolation on rectilinear grids."""

from __future__ import annotations

import numpy as np

from .. import _core
from .._checks import finite_array, own
from ._points import answer, points_array

_FEWEST = 4  # points along an axis


class TricubicInterpolator:
    """Local, continuously differentiable cubic interpolation in three dimensions.

    Lekien and Marsden (Int. J. Numer. Meth. Engng 63, 2005): in each cell the cubic that has, at
    the corners, the values and the derivatives f_x, f_y, f_z, f_xy, f_xz, f_yz and f_xyz. These are
    estimated by differences over five points along each axis, for any spacing, where the paper
    takes three and equal spacing; that is of fourth order instead of second and makes the
    interpolant up to nine times as precise. Exact at the nodes, and for polynomials of degree 3 in
    each variable.

    Parameters
    ----------
    axes : sequence of three array_like (n_x,), (n_y,), (n_z,)
        Ascending coordinates of the grid, at least 4 each.
    values : array_like (n_x, n_y, n_z)

    Attributes
    ----------
    axes : tuple of ndarray
    values : ndarray (n_x, n_y, n_z)

    Raises
    ------
    ValueError
        For NaN or infinity, axes that do not ascend or are too short, or values of another shape.

    Notes
    -----
    It keeps 8 numbers for each node, and answers any number of queries with 24 to 48 bytes each.
    """

    def __init__(self, axes, values):
        axes = tuple(axes) if np.iterable(axes) else (axes,)
        if len(axes) != 3:
            raise ValueError(f"axes must be three arrays, got {len(axes)}")
        self.axes = tuple(_ascending(axis, f"axes[{i}]") for i, axis in enumerate(axes))
        self.values = own(finite_array(values, "values", 3), values)
        shape = tuple(map(len, self.axes))
        if self.values.shape != shape:
            raise ValueError(f"values must have shape {shape} as axes say, got {self.values.shape}")
        self._tricubic = _core.Tricubic(*self.axes, self.values)

    def __call__(self, xi) -> np.ndarray:
        """Values at points.

        Parameters
        ----------
        xi : array_like (..., 3)

        Returns
        -------
        y : ndarray (...)
            NaN outside the grid, and for NaN.
        """
        points, shape = points_array(xi, 3)
        return answer(self._tricubic.evaluate(points), shape)

    def gradient(self, xi) -> np.ndarray:
        """Derivatives by each coordinate at points `xi` (..., 3): an array (..., 3), continuous,
        and NaN where the value is."""
        points, shape = points_array(xi, 3)
        return self._tricubic.gradient(points).reshape(*shape, 3)

    def __getstate__(self):
        return {"axes": self.axes, "values": self.values}

    def __setstate__(self, state):
        self.__init__(state["axes"], state["values"])

    def __repr__(self) -> str:
        return f"<TricubicInterpolator on {' x '.join(str(len(a)) for a in self.axes)} points>"


def _ascending(axis, name: str) -> np.ndarray:
    axis = own(finite_array(axis, name, 1), axis)
    if len(axis) < _FEWEST:
        raise ValueError(f"{name} has {len(axis)} points: a cubic needs at least {_FEWEST}")
    wrong = np.flatnonzero(np.diff(axis) <= 0)
    if len(wrong):
        i = wrong[0]
        raise ValueError(
            f"{name} must ascend, but {name}[{i + 1}] = {axis[i + 1]} follows "
            f"{name}[{i}] = {axis[i]}"
        )
    return axis
