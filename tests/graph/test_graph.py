"""What a graph refuses, keeps and answers."""

import numpy as np
import pytest

from gradcheck.engine.reverse import backward, evaluate
from gradcheck.errors import BadAttribute, BadGraph, BadShape, UnknownName
from gradcheck.graph.graph import Edge, Graph, Leaf, Node

X = Leaf("x", "input", (2, 3))
W = Leaf("w", "parameter", (3,))
I = Leaf("i", "input", (2,), "int")  # noqa: E741 - an index
GOOD = [Node("z", "matmul", ("x", "w")), Node("y", "tanh", ("z",)), Node("loss", "sum", ("y",))]


def test_arity():
    """A wrong number of operands names the operation and the number it takes."""
    with pytest.raises(BadGraph, match="matmul: expected 2 operands; got 1"):
        Graph([X], [Node("z", "matmul", ("x",))], ["z"])
    with pytest.raises(BadGraph, match="concatenate: expected at least 1 operands; got 0"):
        Graph([X], [Node("z", "concatenate", ())], ["z"])


@pytest.mark.parametrize(
    ("leaves", "nodes"),
    [([X, X], []), ([X, W], [Node("x", "tanh", ("w",))]), ([X], [Node("y", "tanh", ("x",)), Node("y", "exp", ("x",))])],
)
def test_duplicate_names(leaves, nodes):
    """A name that stands twice is refused, wherever it stands."""
    with pytest.raises(BadGraph, match="stands 2 times"):
        Graph(leaves, nodes, ["x"])


@pytest.mark.parametrize("name", ["", None, 3])
def test_names_are_text(name):
    """An empty name, or one that is no text, is refused."""
    with pytest.raises(BadGraph, match="non-empty text"):
        Graph([Leaf(name, "input", ())], [], [name])


def test_cycle_names_its_members():
    """The nodes of a cycle are named; those outside of it that merely precede it are not."""
    nodes = [Node("before", "tanh", ("x",)), Node("a", "add", ("before", "c")), Node("b", "exp", ("a",)), Node("c", "exp", ("b",))]
    with pytest.raises(BadGraph, match=r"cycle among a, b, c$"):
        Graph([X], nodes, ["c"])


def test_a_node_that_feeds_itself():
    """The shortest cycle is one."""
    with pytest.raises(BadGraph, match="cycle among a"):
        Graph([X], [Node("a", "add", ("x", "a"))], ["a"])


def test_unknown_operation_gets_a_suggestion():
    """The nearest known name is suggested."""
    with pytest.raises(UnknownName, match="no operation named 'sofmax'; did you mean 'softmax'"):
        Graph([X], [Node("z", "sofmax", ("x",))], ["z"])


def test_missing_operand():
    """A name that nothing has is refused with the node that uses it."""
    with pytest.raises(UnknownName, match="operand of node 'z' named 'v'"):
        Graph([X], [Node("z", "matmul", ("x", "v"))], ["z"])


@pytest.mark.parametrize(
    ("node", "message"),
    [(Node("z", "tanh", ("i",)), "'z' .tanh.: expected 'i' to be float; got int"),
     (Node("z", "gather", ("x", "w")), "'z' .gather.: expected 'w' to be int; got float"),
     (Node("z", "where", ("i", "x", "x")), "expected 'i' to be bool; got int")],
)  # fmt: skip
def test_operands_of_a_wrong_type(node, message):
    """Integers do not stand where numbers are computed with, nor the other way round."""
    with pytest.raises(BadGraph, match=message):
        Graph([X, W, I], [node], ["z"])


def test_shape_errors_name_the_node():
    """The node, the operation and the shapes stand in the message."""
    with pytest.raises(BadShape, match=r"node 'bad': .*\(3,\)"):
        Graph([X, W], [*GOOD, Node("bad", "matmul", ("w", "x"))], ["loss"])


def test_attributes_are_checked_and_completed():
    """Unknown and missing attributes are refused; defaults are filled in."""
    with pytest.raises(BadAttribute, match="no attribute 'axis'; known: axes, keepdims"):
        Graph([X], [Node("z", "sum", ("x",), {"axis": 0})], ["z"])
    with pytest.raises(BadAttribute, match="'shape' is required"):
        Graph([X], [Node("z", "reshape", ("x",))], ["z"])
    graph = Graph([X], [Node("z", "sum", ("x",), {"axes": [0]})], ["z"])
    assert dict(graph.node["z"].attributes) == {"axes": (0,), "keepdims": False}


def test_nodes_are_sorted():
    """Nodes may be given in any order; the sorted graph computes the same."""
    graph, same = Graph([X, W], GOOD[::-1], ["loss"]), Graph([X, W], GOOD, ["loss"])
    assert [n.name for n in graph.nodes] == ["z", "y", "loss"]
    values = {"x": np.ones((2, 3)), "w": np.arange(3.0)}
    assert evaluate(graph, values) == evaluate(same, values)


def test_unused_leaves_are_told():
    """A leaf that no output depends on is reported, also where a dead node uses it."""
    spare = Leaf("spare", "parameter", ())
    graph = Graph([X, W, spare], [*GOOD, Node("dead", "exp", ("spare",))], ["loss"])
    assert graph.unused == ("spare",)
    assert not Graph([X, W], GOOD, ["loss"]).unused


def test_several_outputs():
    """Every output is evaluated, in order; one may be a leaf."""
    graph = Graph([X, W], GOOD, ["y", "loss", "w"])
    values = {"x": np.ones((2, 3)), "w": np.arange(3.0)}
    y, loss, w = evaluate(graph, values)
    assert loss == y.sum()
    assert w.tolist() == [0, 1, 2]


@pytest.mark.parametrize("outputs", [[], ["nothing"], ["i"]])
def test_bad_outputs(outputs):
    """No output, an unknown one and an integer one are refused."""
    with pytest.raises(BadGraph if not outputs else UnknownName):
        Graph([X, W, I], GOOD, outputs)


@pytest.mark.parametrize(
    "leaf",
    [Leaf("x", "input", (-1,)), Leaf("x", "input", (1.5,)), Leaf("x", "constant", (2,)), Leaf("x", "parameter", (), "int"),
     Leaf("x", "input", (), value=np.zeros(())), Leaf("x", "constant", (2,), value=np.zeros(3))],
)  # fmt: skip
def test_bad_leaves(leaf):
    """Shapes are of non-negative integers, constants have a value of their shape, parameters are floats."""
    with pytest.raises(BadGraph):
        Graph([leaf], [Node("y", "neg", ("x",))], ["y"])


@pytest.mark.parametrize("type_", ["int", "bool"])
def test_parameters_are_floats_wherever_they_are_used(type_):
    """An operand may be an integer or a truth, a parameter may not, also where no operation asks for a float."""
    where = Leaf("x", "parameter", (2,), type_)
    node = Node("y", "take", ("w", "x")) if type_ == "int" else Node("y", "where", ("x", "w", "w"))
    Graph([Leaf("w", "parameter", (2,)), Leaf("x", "input", (2,), type_)], [node], ["y"])
    with pytest.raises(BadGraph, match=f"parameter 'x': expected type float; got {type_}"):
        Graph([Leaf("w", "parameter", (2,)), where], [node], ["y"])


def test_edges_ancestors_and_descendants():
    """A value used twice has two edges; who depends on whom is known."""
    graph = Graph([W], [Node("a", "mul", ("w", "w")), Node("b", "exp", ("w",)), Node("c", "add", ("a", "b"))], ["c"])
    assert graph.consumers("w") == (Edge("a", 0), Edge("a", 1), Edge("b", 0))
    assert graph.consumers("c") == ()
    assert graph.ancestors(["a"]) == {"a", "w"}
    assert graph.descendants(["a"]) == {"a", "c"}


def test_a_graph_is_immutable():
    """Nodes, leaves, shapes and attributes cannot be replaced."""
    graph = Graph([X, W], GOOD, ["loss"])
    for mapping, key in ((graph.shapes, "z"), (graph.node, "z"), (graph.leaf, "x"), (graph.node["loss"].attributes, "axes")):
        with pytest.raises(TypeError):
            mapping[key] = None
    for thing in (graph.nodes[0], graph.leaves[0]):
        with pytest.raises(AttributeError):
            thing.name = "other"
    with pytest.raises(AttributeError):
        graph.extra = 1
    assert isinstance(graph.nodes, tuple)
    assert isinstance(graph.leaves, tuple)


@pytest.mark.parametrize(("n", "backwards"), [(20_000, False), *(pytest.param(100_000, x, marks=pytest.mark.deep) for x in (False, True))])
def test_long_chains(n, backwards):
    """Building, evaluating and differentiating need no recursion, in whatever order the nodes are given."""
    nodes = [Node(f"n{k}", "sin", (f"n{k - 1}" if k else "x",)) for k in range(n)]
    graph = Graph([Leaf("x", "parameter", ())], nodes[::-1] if backwards else nodes, [f"n{n - 1}"])
    if backwards:
        assert graph.nodes[0].name == "n0"
        return
    loss, gradient = backward(graph, {"x": 1.0})
    y, slope = 1.0, 1.0
    for _ in range(n):
        y, slope = np.sin(y), slope * np.cos(y)
    np.testing.assert_allclose(loss, y, rtol=1e-9)
    np.testing.assert_allclose(gradient["x"], slope, rtol=1e-6)


def test_what_is_differentiated():
    """The parameters; where there are none the inputs that are floats, and never a constant."""
    leaves = [Leaf("x", "input", (3,)), Leaf("i", "input", (2,), "int"), Leaf("c", "constant", (2,), value=np.ones(2))]
    nodes = [Node("g", "take", ("x", "i")), Node("y", "mul", ("g", "c"))]
    assert Graph(leaves, nodes, ["y"]).differentiable == ("x",)
    assert Graph([*leaves, Leaf("w", "parameter", (2,))], [*nodes, Node("z", "mul", ("y", "w"))], ["z"]).differentiable == ("w",)
