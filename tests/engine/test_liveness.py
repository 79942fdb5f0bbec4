"""Buffers are handed on, and never too early."""

import numpy as np
import pytest
from hypothesis import given

import gradcheck
from gradcheck.arith.floating import Floating
from gradcheck.bench.plan import mlp
from gradcheck.engine.liveness import laid_out, peak
from gradcheck.engine.lowering import Lowering
from gradcheck.networks import networks


def program(graph, **options):
    """Return the program of a gradient."""
    return Lowering(graph, Floating(), strict=False).gradient(graph.differentiable, **({"cotangent": False, "recompute": False} | options))


def overlapping(graph, **options):
    """Return pairs of registers in one block of which one is written while the other is still to be read."""
    made = program(graph, **options)
    layout = laid_out(made)
    born = {id(x): k for k, step in enumerate(made.steps) for x in step.results if x.source is None}
    held = {}
    for step in made.steps:
        for x in step.results:
            home = layout.of(x)
            if x.source is None and home.kind != "number":
                held.setdefault(("block", home.block) if home.kind == "buffer" else ("home", id(home)), []).append((born[id(x)], layout.last[id(x)]))
    return [(a, b) for spans in held.values() for a, b in zip(sorted(spans), sorted(spans)[1:], strict=False) if b[0] < a[1]]


@given(gradcheck.strategies.graphs())
def test_no_buffer_is_written_while_it_is_needed(case):
    """In every block one register's last reader comes before, or is, the writer of the next."""
    for recompute in (False, True):
        assert overlapping(case[0], recompute=recompute) == []


@given(gradcheck.strategies.graphs())
def test_poisoned_buffers_change_nothing(case):
    """NaN in every buffer that is not needed any more leaves every bit of the results."""
    graph, values = case
    for recompute in (False, True):
        plain = gradcheck.compile(graph, recompute=recompute).value_and_grad(values)
        poisoned = gradcheck.compile(graph, recompute=recompute, debug=True)
        for _ in range(2):  # in the second call all buffers are full of NaN at the beginning
            got = poisoned.value_and_grad(values)
            assert got[0].tobytes() == plain[0].tobytes()
            assert all(got[1][k].tobytes() == g.tobytes() for k, g in plain[1].items())


@pytest.mark.parametrize("name", ["lstm", "transformer-block", "conv-max-pool-dense", "rnn-50", "attention-heads", "butterfly"])
def test_networks_too(name):
    """The same on networks."""
    assert overlapping(networks[name].graph) == []
    assert overlapping(networks[name].graph, recompute=True) == []


def test_layers_write_in_place():
    """A hidden layer keeps one array: product, bias and tanh share it; the reverse pass has two for all layers."""
    graph = mlp((8,) * 31, 4)
    made = program(graph)
    layout = laid_out(made)
    assert sum(b.entries == 32 for b in layout.blocks) <= 30 + 2
    written = {id(x.root): layout.of(x) for step in made.steps if step.node == "a7" and step.phase == "forward" for x in step.results}
    assert {len(h.tenants) >= 3 for h in written.values()} == {True}


def test_sums_of_gradients_are_added_up_where_they_are_returned():
    """A weight that is used often has one array for its gradient and one for the next product."""
    graph = networks["rnn-6"].graph
    layout = laid_out(program(graph))
    results = {id(h): h for h in layout.home.values() if h.kind == "result"}
    assert max(len(h.tenants) for h in results.values()) >= 5


def test_peak():
    """The most bytes at the same time."""
    layout = laid_out(program(mlp((4, 4, 4), 2)))
    homes = [h for h in layout.home.values() if h.kind == "buffer"]
    assert max(h.bytes for h in homes) <= peak(homes, 100) <= sum(h.bytes for h in homes)
    assert peak([], 3) == 0


def test_debug_fills_with_nan():
    """The mode for debugging does fill."""
    graph = mlp((3, 3, 3), 2)
    assert ".fill(nan)" in gradcheck.compile(graph, debug=True).source
    assert ".fill(nan)" not in gradcheck.compile(graph).source
    assert np.isfinite(gradcheck.compile(graph, debug=True).value({k: np.ones(graph.shapes[k]) for k in (*graph.inputs, *graph.parameters)}))
