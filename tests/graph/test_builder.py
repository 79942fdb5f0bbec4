"""The graph under construction: names, shared constants, values of its own only."""

import numpy as np
import pytest

from gradcheck.errors import BadInput
from gradcheck.graph.trace import trace

A = np.array([[0.3, -0.7, 1.2], [2.0, 0.1, -0.4]])


def test_names():
    """`named` names a node; what used it before uses the new name; a taken or a leaf's name is refused."""
    graph = trace(lambda x: (np.exp(x).named("e") * 2).named("y"), [A], name="net")
    assert [n.name for n in graph.nodes] == ["e", "y"]
    assert graph.name == "net"
    for bad in (lambda x: (np.exp(x).named("x")), lambda x: x.named("y"), lambda x: np.exp(x).named("")):
        with pytest.raises(BadInput):
            trace(bad, [A])


def test_names_do_not_collide_with_leaves():
    """A parameter may be called as a node or constant would be."""
    graph = trace(lambda tanh1, c1: np.tanh(tanh1) * 2 + c1, [A, A])
    assert len({x.name for x in (*graph.leaves, *graph.nodes)}) == 6


def test_constants_are_shared():
    """Equal scalars are one leaf; 0.0 and -0.0 are two."""
    graph = trace(lambda x: (x * 2 + 2) * np.float64(2), [A])
    assert sum(x.kind == "constant" for x in graph.leaves) == 1
    graph = trace(lambda x: x * 0.0 + 1 / (x * 0.0 + -0.0), [A])
    values = [x.value for x in graph.leaves if x.kind == "constant" and x.value == 0]
    assert sorted(np.signbit(v).item() for v in values) == [False, True]


def test_values_of_two_traces_do_not_mix():
    """A value of another trace is refused."""
    kept = []
    trace(lambda x: kept.append(x) or x, [A])
    with pytest.raises(BadInput, match="traced elsewhere"):
        trace(lambda x: x + kept[0], [A])


def test_a_value_may_be_named_after_it_was_used():
    """Whoever used it before reads it by its new name."""

    def program(w):
        y = np.sin(w)
        used = np.exp(y)
        y.named("angle")
        return np.sum(used * y)

    graph = trace(program, {"w": np.ones(2)})
    assert [n.inputs for n in graph.nodes if "angle" in n.inputs] == [("angle",), ("exp1", "angle")]
    for name in ("", 3, None, ["a"]):
        with pytest.raises(BadInput, match="non-empty text"):
            trace(lambda w, n=name: np.sin(w).named(n), {"w": np.ones(2)})


def test_constants_of_other_shapes_are_others():
    """A scalar is shared with equal scalars, not with an array of the same bytes; no entries are an index of any type."""
    graph = trace(lambda w: np.sum(w * 2.0) * np.array([2.0]) * 2.0, {"w": np.ones(2)})
    assert sorted(x.shape for x in graph.leaves if x.kind == "constant") == [(), (1,)]
    nothing = trace(lambda w: np.take(w, np.array([])), {"w": np.ones(2)})
    assert nothing.shapes[nothing.outputs[0]] == (0,)
