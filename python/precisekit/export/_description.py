"""What there is to write down of a fitted model, in the order in which it is computed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, repeat

import numpy as np

from ..io import input_names, target_name
from ..modular import ModularMLP
from ..network import activation_names
from ..symmetry import Relation


@dataclass(frozen=True)
class Feature:
    """One input of a network: (z - middle) / half of a variable z, or log(z / middle) / half."""

    variable: int
    logarithm: bool
    middle: float
    half: float


@dataclass(frozen=True)
class Units:
    """Neighbouring units of a layer that share their activation.

    Attributes
    ----------
    activation : str
    first : int
        Place of the first unit in its layer.
    first_input : int
        Place in the layer's inputs of the first that has a weight; those outside have none.
    weights : ndarray (n_units, n_inputs)
    bias : ndarray (n_units,)
    """

    activation: str
    first: int
    first_input: int
    weights: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True)
class Layer:
    """Units that read the layer before; with wires, units of earlier ones: pairs (layer, unit), in
    which layer 0 are the features."""

    units: tuple[Units, ...]
    wires: tuple[tuple[int, int], ...] = ()

    @property
    def size(self) -> int:
        return sum(len(units.bias) for units in self.units)

    @property
    def is_linear(self) -> bool:
        return all(units.activation == "identity" for units in self.units)


@dataclass(frozen=True)
class Network:
    """scale * factor(x) * N(features(variables(x))), where relations give factor and variables."""

    relations: tuple[Relation, ...]
    features: tuple[Feature, ...]
    layers: tuple[Layer, ...]
    scale: np.ndarray  # (n_outputs,)

    @property
    def n_inputs(self) -> int:
        if self.relations:
            return self.relations[0].n_variables
        return 1 + max(feature.variable for feature in self.features)

    @property
    def n_outputs(self) -> int:
        return len(self.scale)


@dataclass(frozen=True)
class Axis:
    """One axis of a spline; its pieces begin at the knots from `first` to `last`."""

    knots: np.ndarray
    degree: int
    low: float
    high: float
    periodic: bool

    @property
    def n_coefficients(self) -> int:
        return len(self.knots) - self.degree - 1

    @property
    def first(self) -> int:
        return int(np.searchsorted(self.knots, self.low, side="right")) - 1

    @property
    def last(self) -> int:
        return int(np.searchsorted(self.knots, self.high, side="left")) - 1


@dataclass(frozen=True)
class Spline:
    """Sums of products of B-splines.

    Attributes
    ----------
    axes : tuple of Axis
    coefficients : ndarray (n_1, ..., n_d, n_outputs)
    extrapolates : bool
    fill : float
        Value outside of the domain otherwise.
    """

    axes: tuple[Axis, ...]
    coefficients: np.ndarray
    extrapolates: bool
    fill: float

    @property
    def n_inputs(self) -> int:
        return len(self.axes)

    @property
    def strides(self) -> list[int]:
        """From a coefficient to the next along each axis."""
        return [int(np.prod(self.coefficients.shape[k + 1 :])) for k in range(len(self.axes))]

    @property
    def n_outputs(self) -> int:
        return self.coefficients.shape[-1]


@dataclass(frozen=True)
class Description:
    """What is computed, and what people are told of it.

    Attributes
    ----------
    body : Network or Spline
    kind : str
        What it is, in words.
    inputs : list of str
    target : str
    structure : str
        The symmetries in words, where there are some.
    ranges : list of (str, float, float)
        The box of the samples: what, from where, to where.
    relative_rmse, held_out_rmse : float or None
    """

    body: Network | Spline
    kind: str
    inputs: list[str]
    target: str
    structure: str
    ranges: list[tuple[str, float, float]]
    relative_rmse: float | None = None
    held_out_rmse: float | None = None


def describe(model) -> Description:
    """The description of a fitted estimator, or of a spline.

    Raises
    ------
    TypeError
        For simplex interpolation, and for a complex spline.
    sklearn.exceptions.NotFittedError
    """
    from ..interpolate import SplineInterpolator

    if isinstance(model, SplineInterpolator):
        names = [f"x{i + 1}" for i in range(len(model.domain))]
        ranges = [(name, *ends) for name, ends in zip(names, model.domain)]
        return Description(_spline(model), _spline_kind(model), names, "y", "", ranges)

    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(model)
    names, report = input_names(model), model.report_
    about = {
        "inputs": names,
        "target": target_name(model),
        "relative_rmse": report.relative_rmse,
        "held_out_rmse": report.held_out_rmse,
    }
    if not hasattr(model, "interpolator_"):
        box = model.input_map_
        of = "of " if isinstance(model.network_, ModularMLP) else ""
        kind = f"network {of}{report.network}, {activation_names(model.network_)}"
        variables = model.symmetries_.variables(names)
        ranges = list(zip(variables, box.lo.tolist(), box.hi.tolist(), strict=True))
        structure = model.symmetries_.structure(names)
        return Description(_network(model), kind, structure=structure, ranges=ranges, **about)
    if not isinstance(model.interpolator_, SplineInterpolator):
        raise TypeError(
            f"{type(model).__name__} cannot be exported: it is its samples, and a search among "
            "them; export a SplineRegressor (samples on a grid, or in one or two dimensions), an "
            "MLPRegressor or a ModularMLPRegressor of the same data"
        )
    ranges = list(zip(names, model.lo_.tolist(), model.hi_.tolist(), strict=True))
    return Description(
        _spline(model.interpolator_), report.model, structure="", ranges=ranges, **about
    )


# -- networks --------------------------------------------------------------------------------------


def _network(model) -> Network:
    return Network(
        model.symmetries_.relations,
        tuple(_features(model.input_map_)),
        tuple(_layers(model.network_, model.theta_)),
        model.target_scale_,
    )


def _features(box):
    linear = [Feature(i, False, m, h) for i, (m, h) in enumerate(zip(box.centre, box.half))]
    if box.kind == "linear":
        return linear
    logs = [Feature(*log) for log in zip(box.log_columns, repeat(True), box.middle, box.half_log)]
    if box.kind == "both":
        return linear + logs
    by_column = {feature.variable: feature for feature in logs}
    return [by_column.get(i, feature) for i, feature in enumerate(linear)]


def _layers(net, theta):
    wires = _wires(net) if isinstance(net, ModularMLP) else {}
    matrices = zip(net.layers(theta), (*net.activation, "identity"), strict=True)
    for i, ((weights, bias), activation) in enumerate(matrices):
        names = len(bias) * [activation] if isinstance(activation, str) else activation
        yield Layer(tuple(_units(weights, bias, names)), wires.get(i, ()))


def _wires(net: ModularMLP) -> dict[int, tuple[tuple[int, int], ...]]:
    """What the first layer of each module reads."""
    wires, ends, n = {}, [], net.sizes[0]
    for inputs, hidden in zip(net.inputs, net.hidden_layer_sizes):
        start = ends[-1] if ends else 0
        wires[start] = tuple((0, k) if k < n else (ends[k - n], 0) for k in inputs)
        ends.append(start + len(hidden) + 1)
    return wires


def _units(weights, bias, activations):
    """The units of a layer, cut where the activation changes, or which inputs have weights: boosted
    networks stand side by side, without any between them."""
    kinds = [(activation, *_used(row)) for activation, row in zip(activations, weights)]
    changes = [i for i, (one, other) in enumerate(pairwise(kinds), 1) if one != other]
    for first, end in pairwise([0, *changes, len(bias)]):
        activation, low, high = kinds[first]
        yield Units(activation, first, low, weights[first:end, low:high], bias[first:end])


def _used(row: np.ndarray) -> tuple[int, int]:
    """From the first weight that is not zero to after the last one."""
    used = np.flatnonzero(row)
    return (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 1)


# -- splines ---------------------------------------------------------------------------------------


def _spline(f) -> Spline:
    if np.iscomplexobj(f.coefficients):
        raise TypeError("a complex spline cannot be exported: export its two parts")
    axes = tuple(Axis(np.asarray(axis[0]), *axis[1:]) for axis in f._core.axes)
    shape = [axis.n_coefficients for axis in axes]
    fill = float(np.real(f._fill_value))
    return Spline(axes, f.coefficients.reshape(*shape, -1), f._extrapolate, fill)


def _spline_kind(f) -> str:
    return f"spline of degree {' x '.join(map(str, f.degree))}"
