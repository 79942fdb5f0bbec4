"""Answers that are none, or of which only a part can be compared: each thing is refused, or left out with a finding."""

import numpy as np
import pytest

from gradcheck import backward
from gradcheck.errors import TargetFailed
from gradcheck.graph.graph import Edge
from gradcheck.graph.trace import trace
from gradcheck.judge.answer import inspect_answer
from gradcheck.targets.target import Run

VALUES = {"w": np.array([[1.0, 2.0, 3.0]]), "b": np.array([0.5, -1.0, 2.0]), "unused": np.ones(2)}
GRAPH = trace(lambda w, b, unused: np.sum((np.sin(w).reshape((3, 1)) * b).named("product")), VALUES)
LOSS, RIGHT = backward(GRAPH, VALUES)
USE = Edge("product", 1)


def inspected(**changes):
    """Return what is left of an answer with some of it changed, and the findings."""
    given = {"loss": LOSS, "gradients": RIGHT} | changes
    return inspect_answer(GRAPH, Run(**given))


def test_a_whole_answer_is_left_as_it_is():
    """A right one has no finding, whatever kinds of numbers it is made of."""
    objects = {k: np.array(x.tolist(), dtype=object).reshape(x.shape) for k, x in RIGHT.items()}
    for gradients in (RIGHT, objects, {k: x.tolist() for k, x in RIGHT.items()}, {k: x.astype(np.float32) for k, x in RIGHT.items()}):
        run, found = inspected(gradients=gradients, plain_gradients=gradients, edge_adjoints={("b", USE): RIGHT["b"]})
        assert found == []
        assert set(run.gradients) == set(run.plain_gradients) == {"w", "b", "unused"}
        assert list(run.edge_adjoints) == [("b", USE)]
        assert np.array_equal(run.edge_adjoints["b", USE], RIGHT["b"])


@pytest.mark.parametrize(
    "changes",
    [
        {"gradients": [1.0]}, {"gradients": {**RIGHT, "nothing": 1.0}}, {"gradients": {**RIGHT, "b": "text"}}, {"gradients": {**RIGHT, "b": np.ones(3, complex)}},
        {"gradients": {**RIGHT, "b": np.array([1.0, None, 2.0], dtype=object)}}, {"gradients": {**RIGHT, "b": [[1.0], [1.0, 2.0]]}},
        {"node_values": {"nothing": 1.0}}, {"node_adjoints": [1.0]}, {"plain_gradients": {"nothing": 1.0}}, {"loss": "text"},
        {"edge_adjoints": [1.0]}, {"edge_adjoints": {"b": RIGHT["b"]}}, {"edge_adjoints": {("b", USE, 0): RIGHT["b"]}}, {"edge_adjoints": {("w", USE): RIGHT["w"]}},
    ],
)  # fmt: skip
def test_what_is_no_answer(changes):
    """Names that the graph does not have, and what is not numbers, are refused in words."""
    with pytest.raises(TargetFailed, match="expected"):
        inspected(**changes)
    with pytest.raises(TargetFailed, match="expected a Run"):
        inspect_answer(GRAPH, changes)


@pytest.mark.parametrize(
    ("name", "x", "diagnosis", "op"),
    [
        ("w", np.ones((3, 1)), "transpose: it has the shape of the transpose", "sin"), ("b", np.ones((3, 3)), "missing sum over a broadcast axis: it has the shape of the result", "mul"),
        ("b", np.ones(4), "", "mul"), ("w", None, "zero: it is missing", ""), ("unused", np.ones(3), "", ""),
    ],
)  # fmt: skip
def test_gradients_of_wrong_shapes(name, x, diagnosis, op):
    """Each is left out, with the shapes, the operation that uses it, and what the shape says; the others stay."""
    run, (finding,) = inspected(gradients={**RIGHT, name: x}, plain_gradients=RIGHT)
    assert (finding.severity, finding.node, finding.direction, finding.diagnosis, finding.op) == ("fault", name, "gradient", diagnosis, op)
    assert set(run.gradients) == set(RIGHT) - {name}
    assert run.plain_gradients is None


def test_a_parameter_that_nothing_depends_on_may_be_missing():
    """Its gradient is zero; of any other one that is missing is a fault."""
    run, found = inspected(gradients={k: x for k, x in RIGHT.items() if k != "unused"})
    assert found == []
    assert run.gradients["unused"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("loss", "faults"), [(LOSS, 0), (np.array([float(LOSS)]), 0), (None, 1), (np.ones(2), 1), (np.ones(0), 1)])
def test_a_loss_is_one_number(loss, faults):
    """It is relied on in place of the value of the output; one that is none is left out."""
    run, found = inspected(loss=loss, node_values={GRAPH.outputs[0]: 7.0, "product": np.ones((3, 3))})
    assert [f.direction for f in found] == ["value"] * faults
    assert (run.loss is None) == bool(faults)
    assert run.node_values[GRAPH.outputs[0]] == (7.0 if faults else LOSS)


def test_values_and_adjoints_of_wrong_shapes():
    """Those that fit are compared, the others are findings, by node and by edge."""
    run, found = inspected(
        node_values={"product": np.ones(2), "w": VALUES["w"]}, node_adjoints={"product": np.ones((3, 3)), "b": np.ones(2)}, edge_adjoints={("b", USE): np.ones(4)}
    )
    assert [(f.node, f.direction, f.edge) for f in found] == [("product", "value", ""), ("b", "adjoint", ""), ("b", "adjoint", "product[1]")]
    assert (set(run.node_values), set(run.node_adjoints), run.edge_adjoints) == ({"w"}, {"product"}, {})
    run, (finding,) = inspected(node_values={"product": None})
    assert (finding.message, run.node_values) == ("value of product: expected shape (3, 3); got none", {})
