"""Exact symmetries of a function, found from its values and derivatives, and the variables left.

A function of physics seldom depends on all its inputs one by one: coordinates enter as differences,
and units must cancel, so that it is homogeneous. Both are linear relations between derivatives that
hold at every point,

    shift:    sum_i v_i df/dx_i = 0          f(x + t v) = f(x)
    scaling:  sum_i v_i x_i df/dx_i = w f    f(e^(t v) x) = e^(t w) f(x)

(the latter is Buckingham's pi theorem without the table of units). Each relation takes one variable
out of the problem exactly, and few variables are what a fit to the last digits wants. The last one
stays, but a power of it may be taken out, so that what is next to a power is next to constant, also
a little outside of the samples. The idea to test a fitted network for symmetries is that of AI
Feynman (Udrescu and Tegmark, Science Advances 6, 2020); there each is tested on its own, here all
come from the derivatives.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product

import numpy as np

KINDS = ("shift", "scaling")

# Variables in one relation. Each relation found takes a variable out of all others, so that
# larger ones are seldom needed.
_LARGEST_SUPPORT = 4
# Coefficients are fractions with these denominators, and not larger than this.
_DENOMINATORS = (1, 2, 3)
_LARGEST_COEFFICIENT = 6.0
# A relation holds when what is left of it is below the error of the derivatives: this many times
# that of the values, and never more than the last number.
_DERIVATIVE_ERROR = 20.0
_LOOSEST, _TIGHTEST = 0.1, 1e-4
_TERM_SHARE = 3.0  # a term smaller than this many times the tolerance proves nothing
# Variables and factors, and what is divided by them, are to be of a size between this and its
# inverse: squares and products of theirs are taken, and must not overflow or vanish.
_LARGEST_SIZE = 1e70


@dataclass(frozen=True)
class Relation:
    """One symmetry: the variable `pivot` goes, and the others change.

    Attributes
    ----------
    kind : {"shift", "scaling"}
    pivot : int
        Column that is taken out, with coefficient 1; where it is the only one, it stays.
    coefficients : ndarray (d,)
        v, with ``coefficients[pivot] == 1``.
    weight : float
        w; 0 for a shift.
    """

    kind: str
    pivot: int
    coefficients: np.ndarray
    weight: float = 0.0

    @classmethod
    def checked(cls, kind: str, pivot: int, coefficients, weight: float) -> Relation:
        """From plain numbers; ValueError where they make no relation."""
        v = np.asarray(coefficients, dtype=np.float64)
        sound = kind in KINDS and v.ndim == 1 and np.isfinite(v).all() and np.isfinite(weight)
        if not sound or not 0 <= pivot < len(v) or v[pivot] != 1:
            raise ValueError(f"{kind!r} of column {pivot} by {v.tolist()} is no symmetry")
        return cls(kind, int(pivot), v, float(weight))

    @property
    def n_variables(self) -> int:
        """Number of variables before one is taken out."""
        return len(self.coefficients)

    @property
    def n_left(self) -> int:
        """Number of variables after it."""
        return max(self.n_variables - 1, 1)

    def variables(self, X: np.ndarray) -> np.ndarray:
        """What the function depends on besides a factor: (n, n_left)."""
        base = X[:, self.pivot, None]
        if self.kind == "scaling" and np.any(base <= 0):
            row = int(np.argmax(base <= 0))
            raise ValueError(
                f"X[{row}] has {base[row, 0]} where this model takes powers: it must be positive"
            )
        if self.n_variables == 1:
            return X
        v = np.delete(self.coefficients, self.pivot)
        rest = np.delete(X, self.pivot, axis=1)
        if self.kind == "shift":
            return rest - v * base
        return rest * np.power(base, -v)

    def factor(self, X: np.ndarray) -> np.ndarray:
        """What multiplies the function of `variables`: (n,)."""
        return np.power(X[:, self.pivot], self.weight)

    def pull_back(self, X: np.ndarray, value: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Gradient of ``factor(X) * F(variables(X))`` with respect to X (n, ..., d).

        Parameters
        ----------
        X : ndarray (n, d)
        value : ndarray (n, ...)
            F.
        gradient : ndarray (n, ..., n_left)
            Derivatives of F with respect to `variables`.
        """
        between = (slice(None),) + (None,) * (gradient.ndim - 2)
        base = X[:, self.pivot][between]
        if self.n_variables == 1:
            factor = self.factor(X)[between]
            return factor[..., None] * (gradient + (self.weight / base * value)[..., None])
        v = np.delete(self.coefficients, self.pivot)
        others = np.delete(np.arange(X.shape[1]), self.pivot)
        result = np.empty((*gradient.shape[:-1], X.shape[1]))
        if self.kind == "shift":
            result[..., others] = gradient
            result[..., self.pivot] = -gradient @ v
            return result
        factor = self.factor(X)[between]
        z = self.variables(X)[between]
        result[..., others] = gradient * np.power(base[..., None], -v) * factor[..., None]
        scaled = np.sum(v * z * gradient, axis=-1)
        result[..., self.pivot] = factor / base * (self.weight * value - scaled)
        return result


@dataclass(frozen=True)
class Symmetries:
    """A chain of relations, each on the variables that the one before it leaves."""

    relations: tuple[Relation, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.relations)

    def __add__(self, other: Symmetries) -> Symmetries:
        return Symmetries(self.relations + other.relations)

    def __call__(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The variables that are left (n, n_left), and the factor (n,)."""
        factor = np.ones(len(X))
        for relation in self.relations:
            left = relation.variables(X)  # which refuses what has no powers
            if relation.kind == "scaling":
                factor = factor * relation.factor(X)
            X = left
        return X, factor

    @property
    def take_a_power(self) -> bool:
        """Whether one variable was left, and a power of it is taken out."""
        return bool(self.relations) and self.relations[-1].n_variables == 1

    def lead(self, n_variables: int, n_left: int) -> bool:
        """Whether they fit together, and leave so many variables of so many."""
        for relation in self.relations:
            if relation.n_variables != n_variables:
                return False
            n_variables = relation.n_left
        return n_variables == n_left

    def __str__(self) -> str:
        """The structure in words: "x1**2 F(x2/x1, x3 - x4)" of unnamed inputs."""
        return self.structure(None)

    def structure(self, names) -> str:
        """The structure in words, of inputs with these names; empty without symmetries."""
        if not self.relations:
            return ""
        if names is None:
            names = [f"x{i + 1}" for i in range(self.relations[0].n_variables)]
        factors, variables = self._words(names)
        return " ".join([*factors, f"F({', '.join(variables)})"])

    def variables(self, names) -> list[str]:
        """The variables that are left in words, of inputs with these names."""
        return self._words(names)[1]

    def _words(self, names) -> tuple[list[str], list[str]]:
        factors, variables = [], [str(name) for name in names]
        for relation in self.relations:
            pivot = variables[relation.pivot]
            if relation.weight:
                factors.append(_power_text(pivot, relation.weight))
            if relation.n_variables == 1:
                break
            del variables[relation.pivot]
            v = np.delete(relation.coefficients, relation.pivot)
            join = _difference_text if relation.kind == "shift" else _quotient_text
            variables = [join(left, pivot, c) for left, c in zip(variables, v)]
        return factors, variables

    def pull_back(self, X: np.ndarray, value: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Gradient with respect to X of the factor times a function F of the variables left.

        Parameters
        ----------
        X : ndarray (n, d)
        value, gradient : ndarray (n, ...) and (n, ..., d_left)
            F and its derivatives.
        """
        between = (slice(None),) + (None,) * (value.ndim - 1)
        at = [X]
        for relation in self.relations:
            at.append(relation.variables(at[-1]))
        for relation, points in zip(reversed(self.relations), reversed(at[:-1])):
            gradient = relation.pull_back(points, value, gradient)
            value = value * relation.factor(points)[between]
        return gradient


def find_symmetries(X, values, gradient, error: float) -> tuple[Symmetries, float]:
    """The shifts and scalings that a function has, up to the error of what is known of it.

    Parameters
    ----------
    X : ndarray (n, d)
        Points.
    values : ndarray (n, m)
        The function's outputs there; a relation must hold for each with the same v and w.
    gradient : ndarray (n, m, d)
    error : float
        Relative error of the values; that of the derivatives is taken as some times larger.

    Returns
    -------
    symmetries : Symmetries
        At least one variable is always left. None of it is certain: compare a fit of the
        variables left with one of all.
    left : float
        What the worst of the relations leaves of its largest term; 0 without any.
    """
    tolerance = float(np.clip(_DERIVATIVE_ERROR * error, _TIGHTEST, _LOOSEST))
    found, worst = Symmetries(), 0.0
    if not _moderate(X):
        return found, worst
    searches = list(product(range(1, _LARGEST_SUPPORT + 1), KINDS))
    at = 0
    while at < len(searches) and not found.take_a_power:
        size, kind = searches[at]
        if size > X.shape[1] or (X.shape[1] == 1 and kind == "shift"):
            at += 1
            continue
        relation, left = _first_relation(kind, size, X, values, gradient, tolerance)
        if relation is None:
            at += 1
            continue
        at = 0  # what is left may have simpler ones: x y + u v is a sum of two products
        found, worst = found + Symmetries((relation,)), max(worst, left)
        X, values, gradient = _without_pivot(relation, X, values, gradient)
    return found, worst


def _first_relation(kind, size, X, values, gradient, tolerance) -> tuple[Relation | None, float]:
    """The relation between `size` variables that leaves least, if one leaves little enough."""
    n, m, d = gradient.shape
    terms = gradient if kind == "shift" else gradient * X[:, None]
    columns = np.dstack([terms, -values]).reshape(n * m, d + 1)
    sizes = np.sqrt(np.mean(columns**2, axis=0))
    scale = np.where(sizes > 0, sizes, 1.0)
    columns = columns / scale
    gram = columns.T @ columns / len(columns)

    spread = sizes[:d] * (0.5 * np.ptp(X, axis=0) if kind == "shift" else 1.0)
    relevant = spread > tolerance / _DERIVATIVE_ERROR * spread.max()
    if kind == "shift" and size == 1:
        irrelevant = np.flatnonzero(~relevant)[:1]
        v = np.ones(len(irrelevant))
        return _relation(kind, irrelevant, v, 0.0, X, values, gradient), tolerance
    best, best_cost = None, (True, 1.0)  # those without a factor first: u + x y is a sum of both
    for support in combinations(np.flatnonzero(relevant), size):
        among = [*support, d] if kind == "scaling" else list(support)
        vector, left = _null_vector(gram[np.ix_(among, among)], scale[among], size, tolerance)
        if vector is None:
            continue
        weight = vector[size] if kind == "scaling" else 0.0
        if d == 1 and weight == 0:
            continue
        if (weight != 0, left) >= best_cost:
            continue
        relation = _relation(kind, np.array(support), vector[:size], weight, X, values, gradient)
        if relation is not None:
            best, best_cost = relation, (weight != 0, left)
    return best, best_cost[1]


def _null_vector(gram, scale, size, tolerance):
    """Fractions v with v[0] = 1 for which the sum of the terms vanishes but for the tolerance, none
    of the first `size` zero, and what it leaves of the largest term; None without one.

    ``gram`` holds the mean products of the terms, each divided by its `scale`.
    """
    v = np.ones(len(gram))
    if len(gram) > 1:
        solution, *_ = np.linalg.lstsq(gram[1:, 1:], -gram[1:, 0], rcond=1e-12)
        v[1:] = solution * scale[0] / scale[1:]
    fractions = np.array([_nearest_fraction(x) for x in v])
    if np.any(fractions[:size] == 0) or np.any(np.abs(fractions) > _LARGEST_COEFFICIENT):
        return None, 1.0
    terms = np.abs(fractions) * scale
    weighted = fractions * scale / terms.max()
    left = np.sqrt(max(weighted @ gram @ weighted, 0.0))
    if not left < tolerance or np.any(terms[:size] < _TERM_SHARE * tolerance * terms.max()):
        return None, 1.0
    return fractions, left


def _nearest_fraction(x: float) -> float:
    if not abs(x) <= 2 * _LARGEST_COEFFICIENT:
        return np.inf
    nearest = [(abs(round(x * q) / q - x) * q**2, round(x * q) / q) for q in _DENOMINATORS]
    return min(nearest)[1]


def _relation(kind, support, v, weight, X, values, gradient) -> Relation | None:
    """The relation with the best pivot that can be taken out, if there is one.

    Small whole coefficients are best, then shifts that leave positive variables, which have
    logarithms, then what leaves the least steep function: F(x/y) or F(y/x).
    """
    lowest, highest = X.min(axis=0), X.max(axis=0)
    best, best_cost = None, (np.inf, 0, 0.0)
    for k, p in enumerate(support):
        if kind == "scaling" and not 0 < lowest[p] < highest[p]:
            continue
        coefficients = np.zeros(X.shape[1])
        coefficients[support] = v / v[k]
        relation = Relation(kind, int(p), coefficients, float(weight / v[k]))
        size = np.sum(np.abs(coefficients)) + np.sum(coefficients != np.round(coefficients))
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            rest, left, slope = _without_pivot(relation, X, values, gradient)
        if not (_moderate(rest) and _moderate(left)):
            continue
        not_positive = np.sum(np.any(rest <= 0, axis=0))
        steepness = np.sqrt(np.sum((slope * np.ptp(rest, axis=0)) ** 2) / np.sum(left**2))
        cost = (size, not_positive, float(steepness))
        if cost < best_cost:
            best, best_cost = relation, cost
    return best


def _without_pivot(relation, X, values, gradient):
    """The function of the variables left, F = f / factor, and its derivatives."""
    others = np.delete(np.arange(X.shape[1]), relation.pivot)
    if relation.kind == "shift":
        return relation.variables(X), values, gradient[..., others]
    if relation.n_variables == 1:
        factor = relation.factor(X)[:, None]
        slope = relation.weight / X * values
        return X, values / factor, (gradient - slope[..., None]) / factor[..., None]
    factor = relation.factor(X)[:, None]
    powers = np.power(X[:, relation.pivot, None], relation.coefficients[others])
    gradient = gradient[..., others] * powers[:, None] / factor[..., None]
    return relation.variables(X), values / factor, gradient


def _moderate(columns: np.ndarray) -> bool:
    """Whether no column is so large or so small that its squares would not fit in float64."""
    size = np.max(np.abs(columns), axis=0)
    return bool(np.all((size == 0) | ((size >= 1 / _LARGEST_SIZE) & (size <= _LARGEST_SIZE))))


def _norm(columns: np.ndarray) -> np.ndarray:
    return np.sqrt(np.sum(columns**2, axis=0))


def _number_text(x: float) -> str:
    return str(Fraction(x).limit_denominator(12))


def _grouped(text: str) -> str:
    return f"({text})" if any(sign in text for sign in " */") else text


def _power_text(base: str, exponent: float) -> str:
    if exponent == 1:
        return _grouped(base)
    power = _number_text(exponent)
    return f"{_grouped(base)}**{f'({power})' if '/' in power or '-' in power else power}"


def _difference_text(left: str, pivot: str, c: float) -> str:
    if c == 0:
        return left
    times = "" if abs(c) == 1 else f"{_number_text(abs(c))}*"
    return f"{left} {'-' if c > 0 else '+'} {times}{_grouped(pivot)}"


def _quotient_text(left: str, pivot: str, c: float) -> str:
    if c == 0:
        return left
    left = _grouped(left) if " " in left else left
    return f"{left}{'/' if c > 0 else '*'}{_power_text(pivot, abs(c))}"
