"""Modular networks: one small network for each node of an expression's graph.

A module takes one to a few numbers and makes one, which goes straight, with no activation, into the
modules that use it (Michaud, Liu and Tegmark 2022, Figure 3).
"""

from ._estimator import ModularMLPRegressor, ModularReport
from ._graph import PAPER_GRAPHS, Graph, Node
from ._matches import NodeMatch
from ._network import ModularMLP

__all__ = [
    "PAPER_GRAPHS",
    "Graph",
    "ModularMLP",
    "ModularMLPRegressor",
    "ModularReport",
    "Node",
    "NodeMatch",
]
