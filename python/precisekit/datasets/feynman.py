"""Equations of the Feynman Symbolic Regression Database, in float64 and in any precision."""

import ast
import difflib
from functools import cache, cached_property

import numpy as np

from ._feynman_table import TABLE
from .sampling import _check_points, _import_mpmath, _mp_point

_ROWS = {row[0]: row for row in TABLE}


class _IntegersToMpf(ast.NodeTransformer):
    """Wrap integer literals in ``mpf(...)``, so that 3/5 is a division at mpmath's precision."""

    def visit_Constant(self, node):
        return ast.Call(ast.Name("mpf", ast.Load()), [node], [])

    def visit_BinOp(self, node):
        node.left = self.visit(node.left)
        if not isinstance(node.op, ast.Pow):  # integer exponents stay integers: exact powers
            node.right = self.visit(node.right)
        return node


def _compile(expression, variables, namespace):
    """Turn an expression of the table into a function of the variables, in the given order."""
    tree = ast.parse(f"lambda {', '.join(variables)}: {expression}", mode="eval")
    if "mpf" in namespace:
        tree.body.body = _IntegersToMpf().visit(tree.body.body)
        ast.fix_missing_locations(tree)
    return eval(compile(tree, f"<{expression}>", "eval"), {"__builtins__": {}, **namespace})


def _sinc(x):
    """Return sin(x)/x, and 1 at 0."""
    zero = x == 0
    return np.where(zero, 1.0, np.sin(x) / np.where(zero, 1.0, x))


def _product_minus(a, b, c):
    """Return a*b - c without the rounding error of the product (Dekker 1971)."""

    def split(x):
        t = 134217729.0 * x  # 2**27 + 1
        high = t - (t - x)
        return high, x - high

    p = a * b
    a_high, a_low = split(a)
    b_high, b_low = split(b)
    error = ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low
    return (p - c) + error


_NUMPY_NAMES = {
    "pi": np.pi,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "expm1": np.expm1,
    "ln": np.log,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "arcsin": np.arcsin,
    "arctan2": np.arctan2,
    "sinc": _sinc,
    "product_minus": _product_minus,
}


def _mpmath_names(mpmath):
    return {
        "mpf": mpmath.mpf,
        "pi": mpmath.pi,  # a lazy constant: it takes the precision of each evaluation
        "sqrt": lambda x: mpmath.sqrt(x) if x >= 0 else mpmath.nan,  # real, as NumPy's
        "exp": mpmath.exp,
        "expm1": mpmath.expm1,
        "ln": mpmath.log,
        "sin": mpmath.sin,
        "cos": mpmath.cos,
        "tanh": mpmath.tanh,
        "arcsin": mpmath.asin,
        "arctan2": mpmath.atan2,
        "sinc": mpmath.sinc,
        "product_minus": lambda a, b, c: mpmath.fsub(mpmath.fmul(a, b, exact=True), c),
    }


class FeynmanEquation:
    """One equation of the Feynman database; made by `feynman`.

    Calling it evaluates points of shape (n, d) in float64, and `mp` evaluates one point at
    mpmath's current precision. Quantities have the units of the database, that is none.

    Attributes
    ----------
    id : str
        Name of the equation: volume, chapter and number in the Feynman Lectures, or Z.001 to
        Z.009 for the test functions of the paper.
    formula : str
        The formula as published. Where it would lose digits, an equal stable form is evaluated.
    variables : tuple of str
        Names of the columns of the points, in the order of the database.
    ranges : list of (float, float)
        Interval of each variable.
    n_variables : int
        Number of variables d.
    lo, hi : ndarray of shape (d,)
        The ends of `ranges`, read-only.

    References
    ----------
    S.-M. Udrescu and M. Tegmark, "AI Feynman: a physics-inspired method for symbolic regression",
    Science Advances 6 (2020). E. J. Michaud, Z. Liu and M. Tegmark, "Precision Machine Learning"
    (2022).
    """

    def __init__(self, id, formula, ranges, stable=None):
        intervals = {name: box for names, box in ranges.items() for name in names.split()}
        self.id = id
        self.formula = formula
        self.variables = tuple(intervals)
        self.lo, self.hi = np.array(list(intervals.values()), dtype=np.float64).T.copy()
        for bound in (self.lo, self.hi):  # equations are shared between callers
            bound.setflags(write=False)
        self._expression = stable or formula

    @property
    def ranges(self):
        return list(zip(self.lo.tolist(), self.hi.tolist(), strict=True))

    @property
    def n_variables(self):
        return len(self.variables)

    @cached_property
    def _numpy_function(self):
        return _compile(self._expression, self.variables, _NUMPY_NAMES)

    @cached_property
    def _mpmath_function(self):
        return _compile(self._expression, self.variables, _mpmath_names(_import_mpmath()))

    def __call__(self, X):
        """Evaluate the equation in float64.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Points, finite; they may lie outside `ranges`. Outside the domain of the formula the
            result is NaN or infinite, with NumPy's warning.

        Returns
        -------
        y : ndarray of shape (n,)

        Raises
        ------
        ValueError
            If X has the wrong shape, no rows, or an entry that is not finite.
        """
        columns = _check_points(X, self.n_variables).T.copy()  # contiguous, and never X's memory
        return self._numpy_function(*columns)

    def mp(self, point):
        """Evaluate the equation at one point, at mpmath's current precision.

        Parameters
        ----------
        point : sequence of d numbers
            Floats are taken as the binary numbers they are.

        Returns
        -------
        y : mpmath.mpf

        Raises
        ------
        ImportError
            If mpmath is not installed.
        ValueError
            If the point has the wrong length, is not finite, or lies outside the formula's domain.
        """
        mpmath = _import_mpmath()
        point = _mp_point(mpmath, point, self.n_variables)
        try:
            value = self._mpmath_function(*point)
        except ZeroDivisionError:
            value = mpmath.nan
        if not isinstance(value, mpmath.mpf) or not mpmath.isfinite(value):  # mpc: not real
            raise ValueError(f"point is outside the domain of {self.id}: {self.formula}")
        return +value  # rounds to the current precision what was passed through unchanged

    def __repr__(self):
        return f"<FeynmanEquation {self.id}: {self.formula}, d = {self.n_variables}>"

    def __reduce__(self):  # compiled functions cannot be pickled; the id says everything
        return feynman, (self.id,)


@cache
def _equation(id):
    return FeynmanEquation(*_ROWS[id])


def feynman(id):
    """Return an equation of the Feynman database by its name.

    Parameters
    ----------
    id : str
        One of `list_feynman`, such as "I.11.19".

    Returns
    -------
    equation : FeynmanEquation

    Raises
    ------
    ValueError
        If there is no such equation; the message lists similar names.

    Examples
    --------
    >>> q = feynman("I.11.19")
    >>> q.formula
    'x1*y1 + x2*y2 + x3*y3'
    >>> q([[1, 2, 3, 4, 5, 1]])
    array([17.])
    """
    if not isinstance(id, str) or id not in _ROWS:
        close = difflib.get_close_matches(str(id).upper(), [k.upper() for k in _ROWS], n=5)
        names = [name for name in _ROWS if name.upper() in close]
        hint = f"similar: {', '.join(names)}" if names else "list_feynman() names all"
        raise ValueError(f"id: there is no Feynman equation {id!r}; {hint}")
    return _equation(id)


def list_feynman():
    """Return the names of all equations.

    Returns
    -------
    ids : list of str
        109 names, in the order of the published table.
    """
    return list(_ROWS)
