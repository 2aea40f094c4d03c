"""Graphs of modules, given node by node or made from an expression."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ._formula import Formula

_ARITY = 2  # most inputs of a module that is made from an expression, where functions allow it


@dataclass(frozen=True)
class Node:
    """One module: `inputs` names variables and other nodes, `formula` what it is to compute of
    them, where that is known."""

    name: str
    inputs: tuple[str, ...]
    formula: str | None = None

    def __str__(self) -> str:
        of = self.formula or f"f({', '.join(self.inputs)})"
        return f"{self.name} = {of}"


class Graph:
    """A graph of modules with one output.

    Parameters
    ----------
    nodes : mapping of str
        For each node its formula (str), such as ``{"A": "(x1 - x2)**2", "B": "(y1 - y2)**2",
        "C": "sqrt(A + B)"}``, or the names of its inputs alone: ``{"A": ("x1", "x2"), ...}``.
        In any order.
    variables : sequence of str, optional
        The inputs of the whole. All names that are not nodes, in the order of first use, by
        default.

    Attributes
    ----------
    variables : tuple of str
    nodes : tuple of Node
        Each after those that it uses; the last one is the output.

    Raises
    ------
    ValueError
        For a loop, unknown names or functions, unused variables, nodes that do not reach the
        output, and several outputs.
    """

    def __init__(self, nodes: Mapping, variables: Iterable[str] | None = None):
        if not isinstance(nodes, Mapping) or not nodes:
            raise ValueError("graph must be a mapping of nodes, with at least one")
        made = {str(name): _node(str(name), given) for name, given in nodes.items()}
        used = dict.fromkeys(name for node in made.values() for name in node.inputs)
        loose = tuple(name for name in used if name not in made)
        self.variables = loose if variables is None else checked_variables(variables)
        for name in self.variables:
            if name in made:
                raise ValueError(f"graph has a node with the name of the variable {name!r}")
        check_names(loose, self.variables, "graph")
        outputs = [name for name in made if name not in used]
        self.nodes = _in_order(made)  # finds loops, which may leave no output
        if len(outputs) != 1:
            raise ValueError(
                "graph must have one output, but these nodes are used by no other: "
                + ", ".join(outputs)
            )

    @classmethod
    def from_expression(cls, expression, variables: Iterable[str] | None = None) -> Graph:
        """The graph of an expression. Needs SymPy.

        A module takes up to two numbers: what depends on no more is one module, so that
        ``sqrt((x1 - x2)**2 + (y1 - y2)**2)`` becomes three. Sums and products of more are
        combined two by two, the simplest first; equal subexpressions are one module.

        Parameters
        ----------
        expression : str or sympy.Expr
        variables : sequence of str, optional
            The inputs; by default those of the expression, in the order of first use (of a SymPy
            expression: alphabetically).

        Returns
        -------
        graph : Graph

        Raises
        ------
        ValueError
            For unknown names or functions, and variables that the expression does not use.
        ImportError
            Without SymPy.
        """
        sympy = _require_sympy()
        if isinstance(expression, sympy.Expr):
            names = tuple(sorted(str(symbol) for symbol in expression.free_symbols))
            exact_e = sympy.Float(np.e, 17)  # its name, E, is a fine one for a variable
            expression = Formula(str(expression.xreplace({sympy.E: exact_e})))
        elif isinstance(expression, str):
            expression = Formula(expression)
            names = expression.names
        else:
            raise ValueError(f"expression must be a str, got {type(expression).__name__}")
        if not names:
            raise ValueError(f"expression {expression.text!r} has no variables")
        variables = names if variables is None else checked_variables(variables)
        check_names(names, variables, "expression")
        reduced = expression.sympy(sympy)
        if reduced.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo):
            raise ValueError(f"expression {expression.text!r} divides by zero")
        check_names([str(symbol) for symbol in reduced.free_symbols], variables, "expression")
        return cls(_Builder(sympy, variables).nodes(reduced), variables)

    def values(self, X) -> dict[str, np.ndarray]:
        """What each node is to compute at ``X`` (n, d): by name, (n,).

        Nodes without a formula, and those that use them, are left out.
        """
        X = np.asarray(X, dtype=np.float64)
        known = dict(zip(self.variables, X.T, strict=True))
        for node in self.nodes:
            if node.formula is not None and all(name in known for name in node.inputs):
                value = Formula(node.formula)(known)
                known[node.name] = np.broadcast_to(value, len(X)).astype(np.float64)
        return {node.name: known[node.name] for node in self.nodes if node.name in known}

    def __str__(self) -> str:
        return "\n".join(map(str, self.nodes))

    @property
    def mapping(self) -> dict[str, str | tuple[str, ...]]:
        """The nodes as the constructor takes them."""
        return {node.name: node.formula or node.inputs for node in self.nodes}

    def __repr__(self) -> str:
        return f"Graph({self.mapping}, variables={self.variables})"

    def __eq__(self, other) -> bool:
        return isinstance(other, Graph) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.variables, self.nodes))


def checked_variables(variables: Iterable[str]) -> tuple[str, ...]:
    """Names of variables, each once."""
    if isinstance(variables, str) or not np.iterable(variables):
        raise ValueError(f"variables must be a sequence of names, got {variables!r}")
    variables = tuple(map(str, variables))
    for i, name in enumerate(variables):
        if name in variables[:i]:
            raise ValueError(f"variables[{i}] is {name!r} again")
    return variables


def check_names(names: Iterable[str], variables: tuple[str, ...], what: str) -> None:
    """ValueError for names that are no variables, and for variables that are not among them."""
    unknown = [name for name in names if name not in variables]
    if unknown:
        raise ValueError(
            f"{what} has the unknown name {unknown[0]!r}; the variables are {', '.join(variables)}"
        )
    unused = [name for name in variables if name not in names]
    if unused:
        raise ValueError(f"{what} does not use the variable {unused[0]!r}")


def _node(name: str, given) -> Node:
    if not name.isidentifier():
        raise ValueError(f"graph has a node with the name {name!r}, which is no identifier")
    if name == "pi":
        raise ValueError("graph has a node with the name 'pi', which is a number in formulas")
    if isinstance(given, str):
        formula = Formula(given)
        inputs, text = formula.names, formula.text
    elif np.iterable(given):
        inputs, text = tuple(map(str, given)), None
    else:
        raise ValueError(
            f"graph must give a formula or the names of inputs for the node {name!r}, got {given!r}"
        )
    if not inputs:
        raise ValueError(f"graph has the node {name!r} without inputs")
    if len(set(inputs)) < len(inputs):
        raise ValueError(f"graph has the node {name!r} with an input twice")
    return Node(name, inputs, text)


def _in_order(nodes: dict[str, Node]) -> tuple[Node, ...]:
    """Each node after those that it uses."""
    ordered: dict[str, Node] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            loop = " -> ".join([*path[path.index(name) :], name])
            raise ValueError(f"graph has a loop: {loop}")
        if name in nodes and name not in ordered:
            for source in nodes[name].inputs:
                visit(source, (*path, name))
            ordered[name] = nodes[name]

    for name in nodes:
        visit(name, ())
    return tuple(ordered.values())


@dataclass
class _Part:
    """A subexpression that is not a module yet, in the names of variables and of modules."""

    expression: object
    names: frozenset
    depth: int


class _Builder:
    """Cuts an expression into modules."""

    def __init__(self, sympy, variables: tuple[str, ...]):
        self.sympy = sympy
        self.variables = variables
        self.formulas: dict[str, str] = {}
        self.made: dict[object, _Part] = {}

    def nodes(self, expression) -> dict[str, str]:
        part = self._part(expression)
        if not self.formulas or part.expression.args:
            self._module(part)
        return self.formulas

    def _part(self, expression) -> _Part:
        if not expression.args:
            names = frozenset(map(str, expression.free_symbols))
            return _Part(expression, names, 0)
        parts = [self._part(argument) for argument in expression.args]
        if expression.func in (self.sympy.Add, self.sympy.Mul):
            return self._combined(expression.func, parts)
        if len(frozenset().union(*(part.names for part in parts))) > _ARITY:
            parts = [self._module(part) if len(part.names) > 1 else part for part in parts]
        return self._joined(expression.func, parts)

    def _combined(self, operation, parts: list[_Part]) -> _Part:
        """A sum or product, two at a time."""
        parts = list(parts)
        while len(parts) > 1:
            parts.sort(key=lambda part: (part.depth, len(part.names)))
            pairs = [(i, j) for j in range(len(parts)) for i in range(j)]
            fitting = [(i, j) for i, j in pairs if len(parts[i].names | parts[j].names) <= _ARITY]
            # first those that share what they depend on
            fitting.sort(key=lambda pair: -len(parts[pair[0]].names & parts[pair[1]].names))
            if fitting:
                i, j = fitting[0]
                second, first = parts.pop(j), parts.pop(i)
                parts.append(self._joined(operation, [first, second]))
            else:
                widest = next(k for k, part in enumerate(parts) if len(part.names) > 1)
                parts[widest] = self._module(parts[widest])
        return parts[0]

    @staticmethod
    def _joined(operation, parts: list[_Part]) -> _Part:
        expression = operation(*(part.expression for part in parts))
        names = frozenset().union(*(part.names for part in parts))
        return _Part(expression, names, max(part.depth for part in parts))

    def _module(self, part: _Part) -> _Part:
        """The part as a module of its own."""
        if part.expression not in self.made:
            number = len(self.formulas) + 1
            while (name := f"m{number}") in self.variables or name in self.formulas:
                number += 1
            self.formulas[name] = str(part.expression)
            symbol = self.sympy.Symbol(name, real=True)
            self.made[part.expression] = _Part(symbol, frozenset([name]), part.depth + 1)
        return self.made[part.expression]


def _require_sympy():
    try:
        import sympy
    except ImportError:
        raise ImportError(
            'expressions need SymPy: pip install "precisekit[modular]"; or give the graph node by '
            "node"
        ) from None
    return sympy


# Figure 3 of the paper, with what each module is there to compute.
PAPER_GRAPHS = {
    "I.8.14": Graph(
        {"A": "(x2 - x1)**2", "B": "(y2 - y1)**2", "C": "sqrt(A + B)"}, ("x1", "x2", "y1", "y2")
    ),
    "II.6.15a": Graph(
        {
            "R": "sqrt(x**2 + y**2)",
            "M1": "p_d*z",
            "E": "epsilon*r**5",
            "M2": "M1*R",
            "DIV": "3*M2/(4*pi*E)",
        },
        ("epsilon", "p_d", "r", "x", "y", "z"),
    ),
}
