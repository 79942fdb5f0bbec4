"""Values of a graph: every float leaf is a number of the arithmetic, integers stay, each operation rounds once."""

import numpy as np
import pytest

from gradcheck.arith.floating import Floating
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.graph.evaluation import forward
from gradcheck.graph.trace import trace
from gradcheck.ops import registry


def test_leaves_are_lifted():
    """In multiprecision all floats have its digits, and what counts rows does not."""
    values = {"w": np.array([[0.1, 0.2], [0.3, 0.4]]), "i": np.array([1, 0])}
    graph = trace(lambda w, i: np.sum(np.exp(np.take(w, i, axis=0))), values)
    m = Multiprecision(50)
    y = forward(graph, values, m)
    assert isinstance(y["w"][0, 0], type(m.context.mpf(1)))
    assert y["i"].dtype.kind == "i"
    assert abs(y[graph.outputs[0]].item() - sum(m.context.exp(m.context.mpf(x)) for x in values["w"].ravel())) < 1e-48


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_an_operation_rounds_once(dtype):
    """In half formats an operation computes in float32, and only what it hands on is rounded; rows are chosen by integers."""
    m = Floating(dtype)
    values = {"x": np.linspace(-3, 3, 50).astype(m.storage), "i": np.arange(50)[::-1]}
    graph = trace(lambda x, i: np.take(registry["gelu"](x), i, axis=0), {"x": np.ones(50), "i": values["i"]}, inputs=["i"])
    wide = forward(graph, {**values, "x": values["x"].astype(np.float32)}, Floating("float32"))
    assert np.array_equal(forward(graph, values, m)[graph.outputs[0]], wide[graph.outputs[0]].astype(m.storage))
