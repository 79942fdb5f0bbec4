"""A model in a file as a network that every target can be checked on."""

from __future__ import annotations

from pathlib import Path

from gradcheck.capture.onnx.model import Model
from gradcheck.graph.weighted import with_loss
from gradcheck.networks.network import Network


def onnx_network(path: str | Path, seed: int = 0) -> Network:
    """Return a model as a network; its parameters are the initialisers, its inputs drawn from a standard normal distribution.

    What depends on numbers, masks and the branches of `If`, is as it is at these inputs. The loss is a weighted sum of all outputs.

    Args:
        path: of the file.
        seed: of the inputs.

    Raises:
        BadDocument: it is no model.
        CannotExpress: an operator, or a use of one, has no form here.
        MissingDependency: onnx is not installed.
    """
    model = Model.load(path, seed=seed)
    traced = model.graph
    graph = with_loss(traced.leaves, traced.nodes, traced.outputs, traced.shapes, name=Path(path).stem)
    return Network.of_graph(graph, {k: x for k, x in model.values.items() if k in graph.leaf}, f"the model in {Path(path).name}")
