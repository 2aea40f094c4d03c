"""What model files hold of a ModularMLPRegressor (`precisekit.io`)."""

from __future__ import annotations

from ._estimator import ModularMLPRegressor, ModularReport
from ._graph import Graph
from ._matches import NodeMatch
from ._run import network_on


def parts(model: ModularMLPRegressor) -> dict:
    """What is in the header of a modular network only."""
    parameters, nodes = model.get_params(), model.graph_.mapping
    if any(not isinstance(parameters[name], (str, type(None))) for name in ("expression", "graph")):
        # of SymPy, or a Graph
        parameters |= {"expression": None, "graph": nodes, "variables": model.graph_.variables}
    return {
        "class": "ModularMLPRegressor",
        "parameters": parameters,
        "nodes": nodes,
        "variables": model.graph_.variables,
    }


def build(header: dict, input_map) -> tuple:
    """The model that `parts` were taken from, with its graph only; its network; and what makes
    its report.

    Raises
    ------
    ValueError, KeyError, TypeError
        If the parts do not fit together.
    """
    parameters = dict(header["parameters"])
    for name in ("hidden_layer_sizes", "variables"):
        if parameters[name] is not None:
            parameters[name] = _tuples(parameters[name])
    model = ModularMLPRegressor(**parameters)
    model.graph_ = Graph(header["nodes"], header["variables"])
    hidden, activation = model.hidden_layer_sizes, model.activation
    return model, network_on(model.graph_, input_map, hidden, activation), _report


def _report(nodes: list[dict], **figures) -> ModularReport:
    return ModularReport(**figures, nodes=[NodeMatch(**node) for node in nodes])


def _tuples(value):
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
