"""Where a piecewise linear function is linear: relu networks and simplex interpolants.

A relu network is cut layer by layer. On a cell where all units so far are affine, the units of
the next layer are affine before their relu, and change sign on points (one input) or straight
lines (two inputs): these cut the cell, and on each part every unit is affine again. What is left
are the cells of one activation pattern. Neighbours on which the output is the same affine function
(units that died, or whose bends cancel) are then counted as one region.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import Delaunay, cKDTree

from .._checks import finite_array
from ..network import MLP
from ..plot import new_figure

# Nearer than this, relative to the box, a zero counts as lying on a vertex that exists already.
_SAME_POINT = 1e-12
# Affine functions that differ by less than this, relative to the largest, are the same.
_SAME_SLOPE = 1e-11


@dataclass(frozen=True)
class Cell:
    """A part of the domain on which the function is ``value + gradient @ (x - centre)``.

    Attributes
    ----------
    vertices : ndarray (k, d)
        The two ends (d = 1), or the corners of a convex polygon, anticlockwise (d = 2).
    centre : ndarray (d,)
        Mean of the vertices.
    value : float
    gradient : ndarray (d,)
    """

    vertices: np.ndarray
    centre: np.ndarray
    value: float
    gradient: np.ndarray


@dataclass(frozen=True)
class LinearRegions:
    """The linear regions of a piecewise linear function of one or two inputs.

    Attributes
    ----------
    cells : list of Cell
        For a network, the sets of one activation pattern; for an interpolant, its simplices. In
        one dimension from left to right.
    region : ndarray (len(cells),) of int
        The linear region of each cell: joined cells on which the function is the same.
    """

    cells: list[Cell] = field(repr=False)
    region: np.ndarray = field(repr=False)

    @property
    def n_cells(self) -> int:
        """Number of activation patterns that are met, or of simplices."""
        return len(self.cells)

    @property
    def n_regions(self) -> int:
        """Number of linear regions."""
        return int(self.region.max()) + 1

    @property
    def breakpoints(self) -> np.ndarray:
        """The points where the slope changes, in order. In one dimension.

        Raises
        ------
        ValueError
            In two dimensions.
        """
        if self.cells[0].gradient.size != 1:
            raise ValueError("breakpoints are of functions of one input")
        ends = np.array([cell.vertices[1, 0] for cell in self.cells[:-1]])
        return ends[np.diff(self.region) > 0]

    def plot(self, axes=None):
        """The function over the domain (d = 1), or the regions, each in a colour of its own.

        Parameters
        ----------
        axes : matplotlib.axes.Axes, optional
            Where to draw; in a figure of its own by default.

        Returns
        -------
        figure : matplotlib.figure.Figure
            Apart from pyplot; ``figure.savefig(path)`` writes it.
        """
        if axes is None:
            _, axes = new_figure((5.5, 4.5))
        if self.cells[0].gradient.size == 1:
            self._plot_line(axes)
        else:
            self._plot_plane(axes)
        axes.set_title(f"{self.n_regions:,} linear regions", fontsize=11)
        return axes.figure

    def _plot_line(self, axes) -> None:
        for cell, region in zip(self.cells, self.region):
            x = cell.vertices[:, 0]
            f = cell.value + cell.gradient[0] * (x - cell.centre[0])
            axes.plot(x, f, color=("#2b5c8a", "#e08a3c")[region % 2], linewidth=1.4)
        axes.set(xlabel="x", ylabel="f(x)")

    def _plot_plane(self, axes) -> None:
        from matplotlib.collections import PolyCollection

        colours = np.random.default_rng(0).uniform(0.25, 0.95, (self.n_regions, 3))
        polygons = PolyCollection(
            [cell.vertices for cell in self.cells],
            facecolors=colours[self.region],
            edgecolors="face",
            linewidths=0.2,
        )
        axes.add_collection(polygons)
        axes.autoscale_view()
        axes.set(xlabel="x₁", ylabel="x₂")


def relu_regions(net: MLP, theta, lo, hi) -> LinearRegions:
    """The linear regions of a relu network of one or two inputs, all of them, in a box.

    Parts narrower than about 1e-12 of the box are not told apart, nor gradients that differ by
    less than 1e-11 of the largest.

    Parameters
    ----------
    net : MLP
        With one output, and "relu" or "identity" in every hidden layer.
    theta : array_like (P,)
    lo, hi : array_like (d,)

    Returns
    -------
    regions : LinearRegions

    Raises
    ------
    ValueError
        For a network of another kind, shapes that do not match, NaN or infinity, or an empty box.
    """
    if not isinstance(net, MLP):
        raise ValueError(f"net must be an MLP, got {type(net).__name__}")
    if not net._core.is_chain:
        raise ValueError("net must have its layers in a row, not be a graph of modules")
    theta = net._checked_theta(theta)
    d = net.sizes[0]
    if d > 2:
        raise ValueError(f"net must have 1 or 2 inputs, got {d}")
    if net.sizes[-1] != 1:
        raise ValueError(f"net must have 1 output, got {net.sizes[-1]}")
    for name in net.activation:
        if name not in ("relu", "identity"):
            raise ValueError(f"net must have relu in its hidden layers, got {name!r}")
    lo, hi = finite_array(lo, "lo", 1), finite_array(hi, "hi", 1)
    for name, corner in (("lo", lo), ("hi", hi)):
        if corner.shape != (d,):
            raise ValueError(f"{name} must have {d} elements, got shape {corner.shape}")
    if not (hi > lo).all():
        k = int(np.argmin(hi > lo))
        raise ValueError(f"hi must be above lo, but hi[{k}] is {hi[k]} and lo[{k}] is {lo[k]}")
    if d == 1:
        corners = np.array([lo, hi])
    else:
        corners = np.array([lo, [hi[0], lo[1]], hi, [lo[0], hi[1]]])
    # On each part, the units of the last layer met are units[:, :d] @ x + units[:, d].
    parts = [(corners, np.eye(d, d + 1))]
    offset = 0
    for layer, (n_in, n_out) in enumerate(zip(net.sizes, net.sizes[1:])):
        W = theta[offset : offset + n_out * n_in].reshape(n_out, n_in)
        b = theta[offset + n_out * n_in : offset + n_out * (n_in + 1)]
        offset += n_out * (n_in + 1)
        bends = layer < len(net.activation) and net.activation[layer] == "relu"
        parts = [part for old in parts for part in _through(*old, W, b, bends)]
    cells = []
    for vertices, units in parts:
        centre = vertices.mean(axis=0)
        gradient = units[0, :d]
        cells.append(Cell(vertices, centre, float(units[0, d] + gradient @ centre), gradient))
    return _joined(cells, float(np.max(hi - lo)))


def simplex_regions(points, values, simplices=None) -> LinearRegions:
    """The linear regions of the piecewise linear interpolant of scattered data.

    Parameters
    ----------
    points : array_like (n,), (n, 1) or (n, 2)
    values : array_like (n,)
    simplices : array_like (m, 3) of int, optional
        The triangles of the interpolant (``interpolator.tri.simplices`` of SciPy's
        LinearNDInterpolator); the Delaunay triangulation by default. In two dimensions only.

    Returns
    -------
    regions : LinearRegions

    Raises
    ------
    ValueError
        For shapes that do not match, NaN, infinity, equal points, or points on a line.
    """
    points, values = finite_array(points, "points", (1, 2)), finite_array(values, "values", 1)
    points = points.reshape(len(points), -1)
    n, d = points.shape
    if d > 2:
        raise ValueError(f"points must have 1 or 2 columns, got {d}")
    if values.size != n:
        raise ValueError(f"values must have {n} elements, one for each point, got {values.size}")
    if n < d + 1:
        raise ValueError(f"points must have at least {d + 1} rows, got {n}")
    if d == 1:
        if simplices is not None:
            raise ValueError("simplices must be None in one dimension: they follow from the points")
        order = np.argsort(points[:, 0], kind="stable")
        simplices = np.column_stack([order[:-1], order[1:]])
        equal = np.flatnonzero(np.diff(points[order, 0]) == 0)
        if len(equal):
            i, j = simplices[equal[0]]
            raise ValueError(f"points[{i}] and points[{j}] are equal")
    elif simplices is None:
        if np.linalg.matrix_rank(points - points[0]) < 2:
            raise ValueError("points must not lie on one line")
        mesh = Delaunay(points)
        if len(mesh.coplanar):
            i, _, j = mesh.coplanar[0]
            raise ValueError(f"points[{i}] and points[{j}] are equal, or as near as rounding")
        simplices = mesh.simplices
    else:
        simplices = _checked_simplices(simplices, n)
    cells = []
    for simplex in simplices:
        vertices, f = points[simplex], values[simplex]
        edges = vertices[1:] - vertices[0]
        if d == 2:
            area = edges[0, 0] * edges[1, 1] - edges[0, 1] * edges[1, 0]
            if area == 0:
                continue
            if area < 0:
                vertices = vertices[::-1]
        gradient = np.linalg.solve(edges, f[1:] - f[0])
        cells.append(Cell(vertices, vertices.mean(axis=0), float(f.mean()), gradient))
    if not cells:
        raise ValueError("simplices must hold a triangle that is not flat")
    return _joined(cells, float(np.max(np.ptp(points, axis=0))))


def _checked_simplices(simplices, n: int) -> np.ndarray:
    simplices = np.asarray(simplices)
    if simplices.ndim != 2 or simplices.shape[1] != 3 or simplices.dtype.kind not in "iu":
        raise ValueError(f"simplices must be integers (m, 3), got {simplices.shape}")
    bad = np.argwhere((simplices < 0) | (simplices >= n))
    if len(bad):
        i, k = bad[0]
        raise ValueError(f"simplices[{i}, {k}] is {simplices[i, k]}, but there are {n} points")
    return simplices


def _through(vertices, units, W, b, bends: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """The parts of a cell on which the next layer is affine, and that layer on each."""
    z = W @ units
    z[:, -1] += b
    if not bends:
        return [(vertices, z)]
    d = vertices.shape[1]
    parts = [vertices]
    at = vertices @ z[:, :d].T + z[:, d]  # of each unit (columns) at each vertex
    for unit in np.flatnonzero((at.min(axis=0) < 0) & (at.max(axis=0) > 0)):
        parts = [piece for part in parts for piece in _cut(part, z[unit])]
    result = []
    for part in parts:
        active = z[:, :d] @ part.mean(axis=0) + z[:, d] > 0
        result.append((part, np.where(active[:, None], z, 0.0)))
    return result


def _cut(vertices, affine) -> list[np.ndarray]:
    """An interval or convex polygon, cut where ``affine[:-1] @ x + affine[-1]`` is zero."""
    z = vertices @ affine[:-1] + affine[-1]
    if z.min() >= 0 or z.max() <= 0:
        return [vertices]
    # a vertex this near to the zero, relative to the size of the part, is on it
    reach = np.linalg.norm(affine[:-1]) * np.max(np.abs(vertices - vertices[0]))
    rounding = 4e-16 * (np.abs(vertices) @ np.abs(affine[:-1]) + abs(affine[-1]))
    sign = np.where(np.abs(z) <= np.maximum(_SAME_POINT * reach, rounding), 0, np.sign(z))
    if sign.min() >= 0 or sign.max() <= 0:
        return [vertices]
    sides = {1: [], -1: []}
    count = len(vertices)
    for i in range(count):
        j = (i + 1) % count
        for side in (1, -1):
            if sign[i] in (0, side):
                sides[side].append(vertices[i])
        if sign[i] * sign[j] < 0 and (count > 2 or i == 0):
            # from the vertex that is first in order: both neighbours of an edge get the same point
            p, q = sorted((i, j), key=lambda k: tuple(vertices[k]))
            crossing = vertices[p] + z[p] / (z[p] - z[q]) * (vertices[q] - vertices[p])
            sides[1].append(crossing)
            sides[-1].append(crossing)
    first = int(sign[sign != 0][0])  # an interval's left part comes first
    return [np.array(sides[first]), np.array(sides[-first])]


def _joined(cells: list[Cell], size: float) -> LinearRegions:
    """Cells with the regions that they make up: neighbours with the same affine function."""
    gradients = np.array([cell.gradient for cell in cells])
    largest = np.max(np.abs(gradients))
    same = _SAME_SLOPE * largest
    parent = np.arange(len(cells))

    def root(i):
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, j in _neighbours(cells, size):
        if np.max(np.abs(gradients[i] - gradients[j])) <= same:
            i, j = sorted((root(i), root(j)))
            parent[j] = i
    roots = np.array([root(i) for i in range(len(cells))])
    return LinearRegions(cells, np.unique(roots, return_inverse=True)[1])


def _neighbours(cells: list[Cell], size: float):
    """Pairs of cells that share an end or an edge."""
    if cells[0].gradient.size == 1:
        return [(i, i + 1) for i in range(len(cells) - 1)]
    points = np.concatenate([cell.vertices for cell in cells])
    name = _names(points, 10 * _SAME_POINT * size)
    edges, pairs, first = {}, [], 0
    for i, cell in enumerate(cells):
        corners = name[first : first + len(cell.vertices)]
        first += len(cell.vertices)
        for p, q in zip(corners, np.roll(corners, -1)):
            if p != q:
                pairs += [(j, i) for j in edges.setdefault((min(p, q), max(p, q)), [])]
                edges[min(p, q), max(p, q)].append(i)
    return pairs


def _names(points: np.ndarray, distance: float) -> np.ndarray:
    """A number for each point, equal for points that are nearer than the distance."""
    i, j = cKDTree(points).query_pairs(distance, output_type="ndarray").T
    near = coo_array((np.ones(len(i)), (i, j)), shape=(len(points),) * 2)
    return connected_components(near, directed=False)[1]
