"""The Hypothesis strategies."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import find, given, settings

from gradcheck import strategies
from gradcheck.engine.reverse import backward, evaluate
from gradcheck.errors import MissingDependency
from gradcheck.graph.reduce import reduce
from gradcheck.networks import networks
from gradcheck.ops import registry

_SETTINGS = settings(derandomize=True, max_examples=50, deadline=None, database=None)


@_SETTINGS
@given(strategies.graphs(max_nodes=10))
def test_graphs_are_finite(case):
    """Every network has a finite scalar loss and finite gradients."""
    graph, values = case
    loss, gradients = backward(graph, values)
    assert np.shape(loss) == ()
    assert np.isfinite(loss)
    assert all(np.all(np.isfinite(g)) for g in gradients.values())


@_SETTINGS
@given(strategies.graphs(ops=("add", "mul")))
def test_operations_can_be_chosen(case):
    """Beside the chosen operations there are only those that fit shapes and make the loss."""
    assert {n.op for n in case[0].nodes} <= {"add", "mul", "take", "sum"}


@_SETTINGS
@given(strategies.points(networks["lstm"].graph, low=-1, high=1))
def test_points_fit_their_graph(values):
    """Points are values for all leaves, within their bounds."""
    assert np.isfinite(evaluate(networks["lstm"].graph, values))
    assert all(np.all(np.abs(x) <= 1) for x in values.values())


_SOME = ("add", "sin", "sum", "reshape", "mul", "dense")


def doubled(op):
    """Return a predicate: whether a vjp of `op` that is twice too large shows."""
    right = registry[op].vjp

    def vjp(m, g, y, *xs, **a):
        return tuple(None if c is None else c + c for c in right(m, g, y, *xs, **a))

    ops = {**registry, op: replace(registry[op], vjp=vjp)}

    def fails(graph, values):
        good, bad = backward(graph, values)[1], backward(graph, values, ops=ops)[1]
        return any(not np.allclose(good[k], bad[k]) for k in good)

    return fails


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("op", ["tanh", "logistic", "matmul", "max_pool", "scatter_add"])
def test_a_planted_fault_shrinks_to_four_nodes(op):
    """A wrong vjp is found and shrunk to the operation and the loss behind it.

    Hypothesis draws constants from whatever modules are loaded, so what it leaves varies; the reducer ends the job.
    """
    fails = doubled(op)
    found = strategies.graphs(max_nodes=12, ops=(*_SOME, op))
    case = find(found, lambda case: fails(*case), settings=settings(_SETTINGS, max_examples=1000))
    graph, _ = reduce(*case, fails)
    assert len(graph.nodes) <= 4
    assert op in {n.op for n in graph.nodes}


@pytest.mark.parametrize("op", ["logistic", *(pytest.param(x, marks=pytest.mark.deep) for x in ("tanh", "matmul"))])
def test_among_all_operations_the_reducer_ends_the_job(op):
    """What Hypothesis leaves, the reducer of graphs cuts to four nodes at most."""
    fails = doubled(op)
    case = find(strategies.graphs(), lambda case: fails(*case), settings=settings(_SETTINGS, max_examples=2000))
    graph, _ = reduce(*case, fails)
    assert len(graph.nodes) <= 4
    assert op in {n.op for n in graph.nodes}


def test_hypothesis_is_optional(monkeypatch):
    """Without hypothesis the import says what to install."""
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    monkeypatch.delitem(sys.modules, "gradcheck.strategies")
    with pytest.raises(MissingDependency, match=r"gradcheck\[hypothesis\]"):
        __import__("gradcheck.strategies")


def test_arrays_and_adversarial_numbers():
    """Shapes and formats as asked; zeros, ties and both tails turn up; float16 gets no number beyond its range."""
    seen = []

    @settings(max_examples=200, derandomize=True, database=None)
    @given(strategies.arrays((2, 3)), strategies.adversarial((5,)), strategies.adversarial(dtype=np.float16))
    def look(ordinary, delicate, small):
        assert ordinary.shape == (2, 3)
        assert np.all(np.abs(ordinary) <= 2)
        assert small.dtype == np.float16
        assert np.all(np.isfinite(small))
        seen.append(delicate)

    look()
    flat = np.concatenate(seen)
    assert np.any(flat == 0)
    assert np.any(np.abs(flat) > 1e6)
    assert np.any((flat != 0) & (np.abs(flat) < 1e-6))
    assert any(len(np.unique(x)) < len(x) for x in seen)
