"""What a report draws of a failing run: every node's ratio, and a histogram that counts entries."""

import numpy as np

from gradcheck.judge.profile import ENDS, _counted
from gradcheck.networks import networks
from gradcheck.render.html import BINS
from gradcheck.validation.validate import validate
from tests.judge.networks import broken


def test_a_failing_row_has_its_nodes():
    """In the order of the graph; the guilty one, and only what it is handed to, is beyond its bound."""
    (row,) = validate(broken("tanh", vjp=lambda m, g, y, x: (g * (1 - y),)), "xor-2-2-1-tanh").rows
    graph = networks["xor-2-2-1-tanh"].graph
    assert [n.name for n in row.nodes] == [*graph.differentiable, *(n.name for n in graph.nodes)]
    assert [n.inputs for n in row.nodes if n.op] == [n.inputs for n in graph.nodes]
    beyond = [n.name for n in row.nodes if (n.adjoint or 0) > 1]
    assert row.findings[0].node in beyond
    assert all((n.value or 0) <= 1 for n in row.nodes)
    assert len(row.histogram) == len(ENDS) + 2
    assert row.histogram[-1] > 0


def test_a_row_that_passes_has_none():
    """They would only fill files."""
    (row,) = validate("reference", "xor-2-2-1").rows
    assert row.nodes == ()
    assert row.histogram == ()


def test_bins():
    """Exact, up to each end, beyond."""
    found = _counted(np.array([0.0, 2.0**-9, 2.0**-8, 0.9, 1.0, 1.1, 256.0, 257.0, np.inf]))
    assert sum(found) == 9
    assert found[0] == 1
    assert found[1] == 2
    assert found[1 + ENDS.index(1.0)] == 2
    assert found[1 + ENDS.index(2.0)] == 1
    assert found[-2:] == (1, 2)
    assert sum(_counted(())) == 0
    assert ("0", *(f"2^{np.log2(x):.0f}" for x in ENDS), "more") == BINS
