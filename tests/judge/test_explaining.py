"""Rows with gradients only are explained, large networks at a small twin."""

import json
from dataclasses import replace

import numpy as np
import pytest

import gradcheck
from gradcheck import Network, Run
from gradcheck.explain.explanation import Explained, Explanation
from gradcheck.judge.explaining import MOST_ENTRIES, affordable, as_note
from gradcheck.networks import networks
from gradcheck.ops import registry
from gradcheck.render.junit import junit
from gradcheck.render.terminal import as_text
from gradcheck.targets.reference import Reference


class Wrong:
    """The reference with 1 - y for the derivative of tanh, gradients only.

    Args:
        knows: graphs of at most so many entries in a parameter are computed.
    """

    name = "wrong-tanh"

    def __init__(self, knows=np.inf, values=False):
        wrong = replace(registry["tanh"], vjp=lambda m, g, y, x: (g * (1 - y),))
        self.reference = Reference(ops={**registry, "tanh": wrong})
        self.knows, self.values = knows, values

    def run(self, graph, values):
        """Return loss and gradients."""
        if graph.size < self.knows and self.knows < np.inf:
            raise RuntimeError("too small for me")
        run = self.reference.run(graph, values)
        return run if self.values else Run(run.loss, run.gradients)


def large():
    """Return a network that is too large to be explained as it is."""
    rng = np.random.default_rng(0)
    values = {"x": rng.normal(size=(100, 120)), "w": rng.normal(size=(120, 100)) / 10, "b": rng.normal(size=100)}
    return Network.of(lambda x, w, b: np.sum(np.tanh(x @ w + b) ** 2), values, inputs=["x"], name="large")


def row_of(target, network):
    """Return the only row of a matrix, and the matrix."""
    matrix = gradcheck.validate(target, network)
    return matrix.rows[0], matrix


def test_a_row_says_what_was_done():
    """In the message, in the diagnosis of the first wrong gradient, and in a note with node and operation."""
    row, matrix = row_of(Wrong(), "activation-tanh")
    text = "explained: node a1 (tanh) takes g*(1 - y) for g*(1 - y**2)"
    assert text in row.message
    fault = next(f for f in row.findings if f.severity == "fault")
    note = next(f for f in row.findings if f.severity == "note")
    assert text in fault.diagnosis
    assert (note.node, note.op, note.diagnosis) == ("a1", "tanh", "takes g*(1 - y) for g*(1 - y**2)")
    assert text in json.dumps(matrix.to_dict())
    assert "takes g*(1 - y)" in as_text(matrix, width=200)
    assert "takes g*(1 - y)" in junit(matrix)


def test_a_mistake_with_a_name_keeps_it():
    """What known failures are found by stands first."""
    row, _ = row_of(Wrong(), "saturated-tanh")
    fault = next(f for f in row.findings if f.severity == "fault")
    assert fault.diagnosis.startswith("1 - y: ")
    assert "; explained: node a1 (tanh)" in fault.diagnosis


def test_ties_name_their_nodes():
    """A factor that several nodes may have."""
    network = networks["activation-tanh"]

    def half(graph, values):
        run = Reference().run(graph, values)
        return Run(run.loss, {k: np.asarray(x) / 2 for k, x in run.gradients.items()})

    row, _ = row_of(half, network)
    note = row.findings[-1]
    assert note.severity == "note"
    assert len(note.candidates) > 1


def test_values_and_adjoints_need_no_explanation():
    """What is certified is located already."""
    row, _ = row_of(Wrong(values=True), "activation-tanh")
    assert row.verdict == "fail"
    assert "explained" not in row.message


def test_a_row_that_passes_pays_nothing(monkeypatch):
    """The search is for those that fail."""
    monkeypatch.setattr("gradcheck.judge.explaining.explain", None)
    row, _ = row_of(lambda graph, values: gradcheck.backward(graph, values), "activation-tanh")
    assert row.verdict == "pass"


def test_a_declared_twin():
    """A large network is explained at the twin that it names."""
    assert not affordable(networks["lenet-1989"].graph)
    row, _ = row_of(Wrong(), "lenet-1989")
    assert "on lenet-1989-small: explained: every tanh (" in next(f for f in row.findings if f.severity == "note").message


def test_a_twin_is_made():
    """A network of one's own is explained on smaller arrays of the same nodes."""
    network = large()
    assert sum(int(np.prod(s)) for s in network.graph.shapes.values()) > MOST_ENTRIES
    row, _ = row_of(Wrong(), network)
    assert "on a small twin of large: explained: node tanh1 (tanh)" in row.findings[-1].message


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (Wrong(knows=5000), "the target does not compute a small twin of large"),
        (lambda graph, values: Wrong().run(graph, values) if graph.size > 5000 else Reference().run(graph, values), "are right"),
    ],
)
def test_a_twin_that_says_nothing(target, said):
    """A target that does not compute it, or computes it rightly."""
    def gradients_only(graph, values):
        run = target.run(graph, values) if isinstance(target, Wrong) else target(graph, values)
        return Run(run.loss, run.gradients)

    row, _ = row_of(gradients_only, large())
    assert said in row.findings[-1].message


def test_no_twin(monkeypatch):
    """Shapes that do not let themselves be reduced: that is said."""
    monkeypatch.setattr("gradcheck.judge.explaining.shrunk", lambda graph, values: None)
    row, _ = row_of(Wrong(), large())
    assert "has no small twin" in row.findings[-1].message


def test_a_wrong_loss_is_not_explained():
    """Explanations are of gradients."""
    def wrong_loss(graph, values):
        loss, gradients = gradcheck.backward(graph, values)
        return Run(np.asarray(loss) * 2, gradients)

    row, _ = row_of(wrong_loss, "activation-tanh")
    assert row.verdict == "fail"
    assert "explain" not in row.message


def test_a_note_names_where_it_may_be():
    """The nodes that are left where no mistake explains it, else those of the mistakes that do; of one its node, operation and words."""
    one, other = (Explained(f"node {k}", (k,), op, (), "does it", 0.0) for k, op in (("a", "sin"), ("b", "exp")))
    assert as_note(Explanation((), ("a", "b"), 1, ("w",)), "text").candidates == ("a", "b")
    assert as_note(Explanation((one, other), (), 1, ("w",)), "text").candidates == ("a", "b")
    found = as_note(Explanation((one,), (), 1, ("w",)), "text")
    assert (found.node, found.op, found.diagnosis, found.message) == ("a", "sin", "does it", "text")
    none = as_note(None, "why not")  # its numbers are NaN: no equal of anything
    assert (none.severity, none.message, none.direction, none.node, none.candidates) == ("note", "why not", "gradient", "", ())
