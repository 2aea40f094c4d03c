"""Formulas as text: parsed without being executed, evaluated by NumPy or handed to SymPy."""

from __future__ import annotations

import ast
import math
import operator

import numpy as np

_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}

# By the names of SymPy, which have these in NumPy.
_NUMPY = {
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "Abs": np.abs,
}
_OTHER_NAMES = {"ln": "log", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "abs": "Abs"}
_ARGUMENTS = {"atan2": 2}


class Formula:
    """A formula of named variables: numbers, + - * / **, pi and elementary functions.

    Parameters
    ----------
    text : str

    Attributes
    ----------
    text : str
    names : tuple of str
        The variables, in the order of first use.

    Raises
    ------
    ValueError
        For what is not such a formula, naming the part that is not understood.
    """

    def __init__(self, text: str):
        self.text = text.strip()
        try:
            self._tree = ast.parse(self.text, mode="eval").body
            self.names = tuple(dict.fromkeys(self._names(self._tree)))
        except SyntaxError as error:
            raise ValueError(f"expression {text!r} cannot be read: {error.msg}") from None
        except RecursionError:
            raise ValueError("expression has too many operations, or brackets, in a row") from None

    def __call__(self, values: dict[str, np.ndarray]) -> np.ndarray:
        """The value, by NumPy, for an array of each variable."""
        constants = {"pi": math.pi} | values
        return self._evaluate(self._tree, constants, _NUMPY.__getitem__, float)

    def sympy(self, sympy):
        """The formula as an expression of SymPy, the module given; its variables are real."""
        symbols = {name: sympy.Symbol(name, real=True) for name in self.names}
        constants = {"pi": sympy.pi} | symbols
        return self._evaluate(
            self._tree, constants, lambda name: getattr(sympy, name), sympy.sympify
        )

    def _names(self, node) -> list[str]:
        """The names in ``node``, which must have known parts only, and constants of float64."""
        names = self._names_of_parts(node)
        if not names:
            try:
                with np.errstate(all="ignore"):
                    value = float(self._evaluate(node, {"pi": math.pi}, _NUMPY.__getitem__, float))
            except OverflowError:
                value = math.inf
            except (ZeroDivisionError, TypeError):  # a power of a negative number is complex
                value = math.nan
            if not math.isfinite(value):
                raise ValueError(
                    f"expression has {ast.unparse(node)}, which is no number of float64"
                )
        return names

    def _names_of_parts(self, node) -> list[str]:
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return self._names(node.left) + self._names(node.right)
        if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
            return self._names(node.operand)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            name = _OTHER_NAMES.get(node.func.id, node.func.id)
            if name not in _NUMPY:
                known = ", ".join(sorted(_NUMPY))
                raise ValueError(
                    f"expression has the unknown function {node.func.id!r}; known are {known}"
                )
            if len(node.args) != _ARGUMENTS.get(name, 1):
                raise ValueError(
                    f"expression calls {node.func.id} with {len(node.args)} arguments; "
                    f"it takes {_ARGUMENTS.get(name, 1)}"
                )
            return [found for argument in node.args for found in self._names(argument)]
        if isinstance(node, ast.Name):
            return [] if node.id == "pi" else [node.id]
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return []
        part = ast.unparse(node)
        hint = "; powers are written **" if isinstance(node, ast.BinOp) else ""
        raise ValueError(f"expression has a part that is not understood: {part!r}{hint}")

    def _evaluate(self, node, constants, function, number):
        def value(part):
            return self._evaluate(part, constants, function, number)

        if isinstance(node, ast.BinOp):
            return _OPERATORS[type(node.op)](value(node.left), value(node.right))
        if isinstance(node, ast.UnaryOp):
            return _OPERATORS[type(node.op)](value(node.operand))
        if isinstance(node, ast.Call):
            name = _OTHER_NAMES.get(node.func.id, node.func.id)
            return function(name)(*map(value, node.args))
        if isinstance(node, ast.Name):
            return constants[node.id]
        return number(node.value)
