"""What may have been done wrong, and where."""

import numpy as np
import pytest

from gradcheck import backward
from gradcheck.arith.floating import Floating
from gradcheck.explain.hypothesis import at_nodes, everywhere, factors, handed_back, overwritten, scaled, suspects
from gradcheck.faults.mutants import mutants
from gradcheck.graph.trace import trace
from gradcheck.ops import registry
from tests.explain.test_scene import scene_of
from tests.judge.doubted import two_layers, wrong


def test_suspects_lie_behind_all_that_is_wrong():
    """From the last node to the first, those between every wrong parameter and the loss."""
    graph, _ = two_layers()
    assert [n.name for n in suspects(graph, ["w1", "b1"])] == [n.name for n in reversed(graph.nodes)][: len(graph.nodes) - 1]
    assert "tanh1" not in {n.name for n in suspects(graph, ["w2"])}


def test_a_node_that_no_output_needs_is_no_suspect():
    """A dead branch made nothing wrong."""
    graph = trace(lambda w: (np.sum(w), np.exp(w))[0], {"w": np.ones(2)})
    assert [n.name for n in suspects(graph, ["w"])] == ["sum1"]


def test_at_nodes_yields_what_is_not_refuted():
    """The mistake that was made, by its name in the catalogue, with its words and place."""
    graph, values = two_layers()
    scene = scene_of(graph, values, wrong(graph, {"tanh1": mutants["tanh/short"].vjp})(values))
    found = list(at_nodes(scene, suspects(graph, scene.wrong), scene.directions(2)))
    assert ("tanh1", "short") in {(h.nodes[0], h.name) for h in found}
    assert {h.place for h in found} <= {f"node {n.name} ({n.op})" for n in graph.nodes}


def test_everywhere_needs_several_nodes():
    """An operation that stands once has no mistake of every one of it."""
    graph, values = two_layers()
    scene = scene_of(graph, values, wrong(graph, {})(values))
    places = {h.place for h in everywhere(scene, ["w1"], {n.name for n in graph.nodes})}
    assert places == {"every matmul (matmul1, matmul2)", "every tanh (tanh1, tanh2)"}


def test_overwritten_needs_more_than_two_uses():
    """With two uses the one that is missing is named at its consumer."""
    for count, expected in ((2, 0), (3, 3)):
        graph = trace(lambda w, n=count: sum(np.sum(f(w)) for f in (np.sin, np.cos, np.exp)[:n]), {"w": np.ones(2)})
        scene = scene_of(graph, {"w": np.ones(2)}, {"w": np.zeros(2)})
        assert len(list(overwritten(scene, ["w"]))) == expected


@pytest.mark.parametrize(("factor", "fitted"), [(0.5, False), (4.0, False), (0.2, False), (0.123, True)])
def test_factors(factor, fitted):
    """Halves and sizes are known and tried first; any other number is taken from the gradients."""
    graph, values = two_layers()
    scene = scene_of(graph, values, {k: factor * x for k, x in backward(graph, values)[1].items()})
    found = [h for h in factors(scene, suspects(graph, scene.wrong), scene.directions(2)) if h.nodes == ("mean1",)]
    assert {h.fitted for h in found} == {fitted, True}
    assert found[0].fitted is fitted
    told = {0.5: "1/2", 4.0: "4", 0.2: "1/5", 0.123: "0.123"}[factor]
    size = {4.0: " (4 is the size of an axis or array)", 0.2: " (5 is the size of an axis or array)"}.get(factor, "")
    assert found[0].words == f"hands on {told} times the right contribution{size}"
    assert all(np.allclose(h.gradients(scene)[k], scene.got[k]) for h in found for k in scene.wrt)


def test_scaled():
    """The contributions named are multiplied, zero is exact, the rest stays."""
    rule = scaled(registry["mul"], 0, frozenset([1]))
    a, b = rule(Floating(), np.array([1.0]), np.array([np.inf]), np.array([np.inf]), np.array([2.0]))
    assert (a.tolist(), b.tolist()) == ([2.0], [0.0])


def test_handed_back():
    """Gradients exchanged, turned where a parameter has several uses, or with a multiple of the parameter in them."""
    values = {"a": np.array([0.5, 2.0, -1.0]), "b": np.array([1.5, -1.0, 0.25])}
    graph = trace(lambda a, b: np.sum(np.sin(a) * np.exp(b) + a * a), values)
    right = backward(graph, values)[1]
    scene = scene_of(graph, values, {"a": right["b"], "b": right["a"]})
    exchanged = next(h for h in handed_back(scene, ["a", "b"]) if h.name == "exchanged")
    assert all(np.array_equal(exchanged.gradients(scene)[k], scene.got[k]) for k in "ab")
    turned = scene_of(graph, values, {**right, "a": -right["a"]})
    assert {h.name for h in handed_back(turned, ["a"])} == {"sign", "zero", "factor-2", "transpose", "regularisation"}
    for decay, exact in ((0.25, True), (1e-5, True), (2.5e-6, True), (1 / 3, False)):
        decayed = scene_of(graph, values, {**right, "b": right["b"] + decay * values["b"]})
        (found,) = (h for h in handed_back(decayed, ["b"]) if h.terms)
        assert found.terms == {"b": decay if exact else pytest.approx(decay, rel=1e-14)}
        assert found.words.endswith(f"regularisation: {decay:.6g} b")
    single = scene_of(graph, {**values, "b": np.array([0.0, 2.0, 0.0])}, {**right, "b": right["b"] + 0.25 * values["b"]})
    assert not any(h.terms for h in handed_back(single, ["b"]))


@pytest.mark.parametrize(("count", "shown"), [(4, "sin1, sin2, sin3, sin4"), (5, "sin1, sin2, sin3, sin4, ..."), (6, "sin1, sin2, sin3, sin4, ...")])
def test_how_many_nodes_are_named(count, shown):
    """Four of an operation, and dots for the others."""

    def chain(w):
        for _ in range(count):
            w = np.sin(w)
        return np.sum(w)

    values = {"w": np.array([0.5, 1.5])}
    graph = trace(chain, values)
    scene = scene_of(graph, values, {"w": np.zeros(2)})
    assert {h.place for h in everywhere(scene, ["w"], {n.name for n in graph.nodes})} == {f"every sin ({shown})"}


def test_the_operand_that_gets_too_much():
    """A factor of one of two contributions is that one's."""
    values = {"a": np.array([0.5, 2.0, -1.0]), "b": np.array([1.5, -1.0, 0.25])}
    graph = trace(lambda a, b: np.sum(np.sin(a) * np.exp(b)), values)
    right = backward(graph, values)[1]
    scene = scene_of(graph, values, {**right, "b": right["b"] / 3})
    words = {h.words for h in factors(scene, scene.graph.nodes, scene.directions(2)) if h.nodes == ("mul1",) and not h.fitted}
    assert words == {"hands on 1/3 times the right contribution to operand 1 (3 is the size of an axis or array)"}


def test_gradients_that_are_no_exchange():
    """Of other shapes they cannot be exchanged; of two wrong ones neither is turned by itself; what all have too much is told of all."""
    values = {"a": np.array([0.5, 2.0]), "b": np.array([1.5, -1.0, 0.25])}
    graph = trace(lambda a, b: np.sum(np.sin(a) * a) + np.sum(np.exp(b) * b), values)
    right = backward(graph, values)[1]
    both = scene_of(graph, values, {k: right[k] + 0.25 * values[k] for k in "ab"})
    (found,) = handed_back(both, ["a", "b"])
    assert (found.place, found.words) == ("the gradients of a, b", "have a term too many, as of a regularisation: 0.25 a, 0.25 b")
    single = {**values, "a": np.array([0.0, 2.0])}
    assert not list(handed_back(scene_of(graph, single, {k: right[k] + 0.25 * single[k] for k in "ab"}), ["a", "b"]))


def test_a_use_that_is_missing():
    """Of a value with several uses a contribution that is dropped is one of adding up, of one with a single use it is not."""
    values = {"w": np.array([0.5, 2.0])}
    for program, told in ((lambda w: np.sum(np.sin(w) + np.exp(w)), True), (lambda w: np.sum(np.sin(w)), False)):
        graph = trace(program, values)
        got = np.exp(values["w"]) if told else np.zeros(2)
        scene = scene_of(graph, values, {"w": got})
        words = [h.words for h in at_nodes(scene, [graph.node["sin1"]], scene.directions(2)) if h.name.startswith("zero")]
        assert words
        assert all(x.endswith(": of the uses of w this one is missing (= for +=)") is told for x in words)


def test_overwritten_values_of_nodes():
    """What a node makes may have more than two uses too."""

    def program(w):
        inner = (w * 2.0).named("inner")
        return np.sum(np.sin(inner)) + np.sum(np.cos(inner)) + np.sum(np.exp(inner))

    values = {"w": np.ones(2)}
    graph = trace(program, values)
    found = list(overwritten(scene_of(graph, values, {"w": np.zeros(2)}), ["w"]))
    assert [h.place for h in found] == ["value inner"] * 3
    assert {frozenset(h.rules) for h in found} == {frozenset(x) for x in (("sin1", "cos1"), ("sin1", "exp1"), ("cos1", "exp1"))}
