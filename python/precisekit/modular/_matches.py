"""How well each module of a fitted network matches its node of the graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Chebyshev
from sklearn.isotonic import IsotonicRegression

from ._graph import Graph

_DEGREE = 15  # of the polynomial that tells a node from its module's output


@dataclass
class NodeMatch:
    """How well a module computes what its node does, on the training samples.

    A module's output is determined only up to an invertible map, which the modules that use it
    undo, and it may hold more than the node does (x - y where the node is its square).

    Attributes
    ----------
    name, formula : str
    affine : float
        What an affine map of the node's values leaves of the module's output, relative to its
        standard deviation: zero for a module that is the node but for scale and origin.
    monotone : float
        What the best monotone map of the node's values leaves of the output: zero for a module
        that is an invertible function of the node.
    told : float
        What a polynomial of the module's output (of degree 15) leaves of the node's values: small
        for a module that tells the node, whatever else it holds. A module for which it is near one
        has not learnt its node.
    """

    name: str
    formula: str
    affine: float
    monotone: float
    told: float


def matches(graph: Graph, X, outputs) -> list[NodeMatch]:
    """The match of each node whose values are known and finite."""
    with np.errstate(all="ignore"):
        values = graph.values(X)
    matches = []
    for node, output in zip(graph.nodes, outputs.T):
        truth = values.get(node.name)
        if truth is None or not np.isfinite(truth).all() or np.ptp(truth) == 0:
            continue
        truth = (truth - truth.mean()) / truth.std()
        output = output - output.mean()
        spread = output.std()
        if spread == 0:
            continue
        output = output / spread
        affine = output - truth * np.mean(truth * output)
        monotone = [
            output - IsotonicRegression(increasing=rising).fit_transform(truth, output)
            for rising in (True, False)
        ]
        degree = min(_DEGREE, len(output) // 10)
        told = truth - Chebyshev.fit(output, truth, degree)(output)
        matches.append(
            NodeMatch(
                node.name,
                node.formula,
                affine=_root_mean_square(affine),
                monotone=min(map(_root_mean_square, monotone)),
                told=_root_mean_square(told),
            )
        )
    return matches


def _root_mean_square(values) -> float:
    return float(np.sqrt(np.mean(values**2)))
