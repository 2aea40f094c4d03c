"""What a network computes, statement by statement, in the words of a language.

One place for the formulas of `symmetry`, `input_map` and the passes through the layers. Names: x
are the inputs, z1, z2, ... the variables after each symmetry; a0 are the features, a1, a2, ... the
activations of the layers, s1, ... their slopes; e0, e1, ... the derivatives of an output by each
layer's pre-activations, and g its derivatives by x (g1, ... by z1, ...).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ..symmetry import Relation
from ._description import Layer, Network


class Syntax(Protocol):
    """How a language writes the few things that networks are made of."""

    def number(self, value: float) -> str:
        """A literal, in brackets where it is negative."""

    def at(self, array: str, i: int) -> str:
        """An element, counted from 0."""

    def at_output(self, array: str) -> str:
        """The element of the output whose derivatives are being computed."""

    def part(self, array: str, first: int) -> str:
        """What a routine gets for the elements from the first on."""

    def power(self, base: str, exponent: str) -> str: ...

    def declare(self, name: str, size: int | None = None) -> str:
        """A local number, or an array of them."""

    def assign(self, target: str, expression: str) -> str: ...

    def require(self, condition: str) -> str:
        """Leaves unless the condition holds."""

    def call(self, routine: str, *arguments) -> str:
        """Of strings as they are, and of integers."""

    def table(self, name: str) -> str:
        """An array of parameters by its name."""


class Statements:
    """The statements of one network.

    Attributes
    ----------
    declarations, features, forward, backward : list of str
        Local variables, by `Syntax.declare`; from x to the features and the factor; to the outputs;
        and, for the output whose `e` is set, back to g.
    tables : dict of str
        All weights, unit by unit for each input in turn, and biases.
    routines : set of str
        Those that are called.
    times_factor : str
        What the outputs are multiplied with besides their scale.
    last : int
        The number of the output layer.
    """

    def __init__(self, network: Network, syntax: Syntax):
        self._network, self._syntax = network, syntax
        self.declarations, self.tables, self.routines = [], {}, set()
        self.last = len(network.layers)
        self.times_factor = " * factor" if self._has_factor() else ""
        self.features = [*self._variables(), *self._input_map()]
        self.forward = list(self._forward())
        self.backward = [*self._layers_back(), *self._map_back(), *self._variables_back()]

    # -- forwards

    def _variables(self):
        w = self._syntax
        if self._has_factor():
            self._declare("factor")
            yield w.assign("factor", w.number(1.0))
        for step, relation in enumerate(self._network.relations):
            z, left = self._stage(step), self._stage(step + 1)
            base = w.at(z, relation.pivot)
            if relation.kind == "scaling":
                yield w.require(f"{base} > {w.number(0.0)}")
                if relation.weight:
                    yield w.assign("factor", f"factor * {self._power(base, relation.weight)}")
            if left == z:
                continue
            self._declare(left, relation.n_left)
            for j, (i, v) in enumerate(_others(relation)):
                yield w.assign(w.at(left, j), self._left_of(relation.kind, w.at(z, i), base, v))

    def _left_of(self, kind: str, z: str, base: str, v: float) -> str:
        if v == 0:
            return z
        if kind == "shift":
            return f"{z} - {self._product(v, base)}"
        return f"{z} * {self._power(base, -v)}"

    def _input_map(self):
        w, z = self._syntax, self._stage(len(self._network.relations))
        self._declare("a0", len(self._network.features))
        for k, f in enumerate(self._network.features):
            variable, target = w.at(z, f.variable), w.at("a0", k)
            middle, half = w.number(f.middle), w.number(f.half)
            if f.logarithm:
                yield w.require(f"{variable} > {w.number(0.0)}")
                yield w.assign(target, f"log({variable} / {middle}) / {half}")
            else:
                yield w.assign(target, f"({variable} - {middle}) / {half}")

    def _forward(self):
        w = self._syntax
        for depth, layer in enumerate(self._network.layers, 1):
            self._declare(f"a{depth}", layer.size)
            inputs = f"a{depth - 1}"
            if layer.wires:
                inputs = f"w{depth}"
                self._declare(inputs, len(layer.wires))
                for i, (source, unit) in enumerate(layer.wires):
                    yield w.assign(w.at(inputs, i), w.at(f"a{source}", unit))
            if not layer.is_linear:
                self._declare(f"s{depth}", layer.size)
            for units, weights, bias in self._units_of(depth, layer):
                linear = units.activation == "identity"
                outputs = w.part(f"a{depth}", units.first)
                yield self._call(
                    "sums" if linear else "affine",
                    *units.weights.shape,
                    weights,
                    bias,
                    w.part(inputs, units.first_input),
                    outputs,
                )
                if layer.is_linear:
                    continue
                n, slopes = len(units.bias), w.part(f"s{depth}", units.first)
                if linear:
                    yield self._call("fill", n, w.number(1.0), slopes)
                else:
                    yield self._call(f"apply_{units.activation}", n, outputs, slopes, "slopes")

    # -- backwards

    def _layers_back(self):
        """To e0. A layer's e is whole when all that read it, which come later, are done."""
        w = self._syntax
        self._declare(f"e{self.last}", self._network.n_outputs)
        sizes = [len(self._network.features), *(layer.size for layer in self._network.layers)]
        for depth, size in enumerate(sizes[:-1]):
            self._declare(f"e{depth}", size)
            yield self._call("fill", size, w.number(0.0), f"e{depth}")
        for depth, layer in reversed(list(enumerate(self._network.layers, 1))):
            if not layer.is_linear:
                yield self._call("times", layer.size, f"s{depth}", f"e{depth}")
            target = f"e{depth - 1}"
            if layer.wires:
                target = f"r{depth}"
                self._declare(target, len(layer.wires))
                yield self._call("fill", len(layer.wires), w.number(0.0), target)
            for units, weights, _ in self._units_of(depth, layer):
                yield self._call(
                    "pull_back",
                    *units.weights.shape,
                    weights,
                    w.part(f"e{depth}", units.first),
                    w.part(target, units.first_input),
                )
            for i, (source, unit) in enumerate(layer.wires):
                e = w.at(f"e{source}", unit)
                yield w.assign(e, f"{e} + {w.at(target, i)}")

    def _map_back(self):
        w, features = self._syntax, self._network.features
        step = len(self._network.relations)
        z, g = self._stage(step), self._gradient(step)
        n_variables = 1 + max(f.variable for f in features)
        self._declare(g, n_variables)
        for i in range(n_variables):
            terms = []
            for k, f in enumerate(features):
                if f.variable == i:
                    half = w.number(f.half)
                    width = f"({w.at(z, i)} * {half})" if f.logarithm else half
                    terms.append(f"{w.at('e0', k)} / {width}")
            yield w.assign(w.at(g, i), " + ".join(terms))

    def _variables_back(self):
        w, relations = self._syntax, self._network.relations
        if self._has_factor():
            self._declare("v")
            self._declare("f")
            yield w.assign("v", w.at_output(f"a{self.last}"))
        for step, relation in reversed(list(enumerate(relations))):
            if relation.weight:
                power = self._power(w.at(self._stage(step), relation.pivot), relation.weight)
                yield w.assign("f", power)
            if relation.n_variables > 1:
                self._declare(self._gradient(step), relation.n_variables)
                back = self._shift_back if relation.kind == "shift" else self._scaling_back
                yield from back(step, relation)
            elif relation.weight:
                base, g = w.at(self._stage(step), 0), w.at(self._gradient(step), 0)
                yield w.assign(g, f"f * ({g} + {self._product(relation.weight, 'v')} / {base})")
            if relation.weight:
                yield w.assign("v", "v * f")

    def _shift_back(self, step: int, relation: Relation):
        w, g, left = self._syntax, self._gradient(step), self._gradient(step + 1)
        terms = []
        for j, (i, v) in enumerate(_others(relation)):
            yield w.assign(w.at(g, i), w.at(left, j))
            if v:
                terms.append(self._product(v, w.at(left, j)))
        along = f"-({' + '.join(terms)})" if terms else w.number(0.0)
        yield w.assign(w.at(g, relation.pivot), along)

    def _scaling_back(self, step: int, relation: Relation):
        w, g, left = self._syntax, self._gradient(step), self._gradient(step + 1)
        base = w.at(self._stage(step), relation.pivot)
        times_f = " * f" if relation.weight else ""
        terms = []
        for j, (i, v) in enumerate(_others(relation)):
            slope = w.at(left, j)
            if v:
                terms.append(f"{self._product(v, w.at(self._stage(step + 1), j))} * {slope}")
                slope = f"{slope} * {self._power(base, -v)}"
            yield w.assign(w.at(g, i), slope + times_f)
        if relation.weight:
            along = f"({' - '.join([self._product(relation.weight, 'v'), *terms])})"
        else:
            along = f"-({' + '.join(terms)})" if terms else w.number(0.0)
        yield w.assign(w.at(g, relation.pivot), f"{along} / {base}{times_f}")

    # -- names

    def _has_factor(self) -> bool:
        return any(relation.weight for relation in self._network.relations)

    def _stage(self, step: int) -> str:
        """The variables after so many symmetries; the last one stays where it is."""
        relations = self._network.relations
        while step and relations[step - 1].n_variables == 1:
            step -= 1
        return f"z{step}" if step else "x"

    def _gradient(self, step: int) -> str:
        return self._stage(step).replace("z", "g").replace("x", "g")

    def _units_of(self, depth: int, layer: Layer):
        """The units of a layer with the tables of their weights and biases."""
        for k, units in enumerate(layer.units, 1):
            suffix = f"{depth}" if len(layer.units) == 1 else f"{depth}_{k}"
            yield (
                units,
                self._table(f"weights_{suffix}", units.weights.T),
                self._table(f"bias_{suffix}", units.bias),
            )

    def _table(self, name: str, values: np.ndarray) -> str:
        self.tables[name] = values.ravel()
        return self._syntax.table(name)

    def _declare(self, name: str, size: int | None = None) -> None:
        self.declarations.append(self._syntax.declare(name, size))

    def _call(self, routine: str, *arguments) -> str:
        self.routines.add(routine)
        return self._syntax.call(routine, *arguments)

    def _power(self, base: str, exponent: float) -> str:
        if exponent == 0:
            return self._syntax.number(1.0)
        return base if exponent == 1 else self._syntax.power(base, self._syntax.number(exponent))

    def _product(self, v: float, factor: str) -> str:
        return factor if v == 1 else f"{self._syntax.number(v)} * {factor}"


def _others(relation: Relation) -> list[tuple[int, float]]:
    """The variables besides the pivot, with their coefficients."""
    return [(i, v) for i, v in enumerate(relation.coefficients) if i != relation.pivot]
