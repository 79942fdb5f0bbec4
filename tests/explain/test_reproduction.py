"""A hypothesis is confirmed by the certificate of the network with its rules."""

import numpy as np
import pytest

from gradcheck import backward
from gradcheck.arith.running import Roundoff
from gradcheck.explain.hypothesis import Hypothesis
from gradcheck.explain.reproduction import Judge, with_rules
from gradcheck.faults.mutants import mutants
from gradcheck.ops import registry
from gradcheck.targets.target import leaf_arrays
from tests.judge.doubted import two_layers, wrong


def hypothesis(name, node):
    """Return that a mutant stands at a node."""
    return Hypothesis(f"node {node}", (node,), name.partition("/")[0], name, "", {node: mutants[name].vjp})


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_within_the_bound_of_the_wrong_rules(dtype):
    """The target's numbers are reproduced; a part in 2^40 (or 2^12) beside them is not, nor by another mistake."""
    graph, values = two_layers(np.dtype(dtype))
    judge, leaves = Judge(graph, Roundoff.of(dtype), dtype), leaf_arrays(graph, values)
    got = wrong(graph, {"tanh1": mutants["tanh/sign"].vjp})(values)
    h = hypothesis("tanh/sign", "tanh1")
    assert judge.reproduces(leaves, got, h, got)
    beside = {k: x * (1 + np.dtype(dtype).type(2.0 ** (-40 if dtype == "float64" else -12))) for k, x in got.items()}
    assert not judge.reproduces(leaves, beside, h, got)
    assert not judge.reproduces(leaves, got, hypothesis("tanh/zero", "tanh1"), got)


def test_gradients_that_were_moved():
    """What was done to right gradients has the bound of right gradients, and that of the added term."""
    graph, values = two_layers()
    judge, leaves = Judge(graph, Roundoff.of("float64"), "float64"), leaf_arrays(graph, values)
    right = backward(graph, values)[1]
    decayed = {**right, "w1": right["w1"] + 0.5 * values["w1"]}
    h = Hypothesis("the gradient of w1", ("w1",), "", "regularisation", "", terms={"w1": 0.5})
    assert judge.reproduces(leaves, decayed, h, decayed)
    assert not judge.reproduces(leaves, {**right, "w1": right["w1"] + 0.51 * values["w1"]}, h, decayed)


def test_infinity_needs_a_place_only():
    """Where both are NaN nothing is compared; where one is, they differ."""
    graph, values = two_layers()
    judge, leaves = Judge(graph, Roundoff.of("float64"), "float64"), leaf_arrays(graph, values)
    got = wrong(graph, {"tanh1": mutants["tanh/sign"].vjp})(values)
    spoiled = {**got, "b1": got["b1"] * np.array([1, np.nan, 1, 1])}
    h = hypothesis("tanh/sign", "tanh1")
    assert judge.reproduces(leaves, spoiled, h, spoiled)
    assert not judge.reproduces(leaves, spoiled, h, got)


def test_a_wrong_rule_has_no_textbook_formula():
    """The textbook derivative of tanh would excuse the right one; those of values stay."""
    graph, _ = two_layers()
    other, ops = with_rules(graph, {"tanh1": mutants["tanh/sign"].vjp}, registry)
    assert other.node["tanh1"].op == "tanh@tanh1"
    assert other.node["tanh2"].op == "tanh"
    assert not ops["tanh@tanh1"].textbook
    assert with_rules(graph, {}, registry) == (graph, registry)


def test_usual_deviations_are_small():
    """What rounding usually does lies below what it can do."""
    graph, values = two_layers()
    judge, leaves = Judge(graph, Roundoff.of("float64"), "float64"), leaf_arrays(graph, values)
    bounds = {c.name: c.bound for c in judge.compared(leaves, backward(graph, values)[1])}
    usual = judge.usual(leaves)
    assert set(usual) == set(bounds)
    assert all(np.median(usual[k]) < 8 * np.max(bounds[k]) for k in usual)


@pytest.mark.parametrize(("fitted", "times", "reproduced"), [(False, 0.5, True), (False, 2.0, False), (True, 8.0, True), (True, 30.0, False)])
def test_a_number_that_was_taken_from_gradients_has_errors(fitted, times, reproduced):
    """What a known mistake makes is compared within the bound, what a fitted one makes within some of them, and no more."""
    graph, values = two_layers()
    judge, leaves = Judge(graph, Roundoff.of("float64"), "float64"), leaf_arrays(graph, values)
    right = backward(graph, values)[1]
    bounds = {c.name: c.bound for c in judge.compared(leaves, right)}
    got = {k: x + times * bounds[k] for k, x in right.items()}
    h = Hypothesis("the gradient of w1", ("w1",), "", "as it is", "", moved=lambda x: x, fitted=fitted)
    assert judge.reproduces(leaves, got, h, right) is reproduced


@pytest.mark.parametrize(("places", "reproduced"), [(1, True), (5, False)])
def test_a_term_that_was_added_is_rounded(places, reproduced):
    """A multiple of a parameter is made, and added, in the target's format: three roundings, and no more."""
    graph, values = two_layers()
    judge, leaves = Judge(graph, Roundoff.of("float64"), "float64"), leaf_arrays(graph, values)
    right, decay = backward(graph, values)[1], 2.0**20
    whole = right["w1"] + decay * values["w1"]
    got = {**right, "w1": whole + places * np.spacing(np.abs(whole))}
    h = Hypothesis("the gradient of w1", ("w1",), "", "regularisation", "", terms={"w1": decay})
    assert judge.reproduces(leaves, got, h, got) is reproduced
