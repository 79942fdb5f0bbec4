"""The scene: sweeps with other rules, and the inner products by which a quick look refutes."""

import numpy as np
import pytest

from gradcheck import backward
from gradcheck.arith.running import Roundoff
from gradcheck.compare.comparison import Comparison
from gradcheck.explain.reproduction import Judge
from gradcheck.explain.scene import Scene
from gradcheck.faults.mutants import mutants
from gradcheck.graph.trace import trace
from gradcheck.targets.target import leaf_arrays
from tests.judge.doubted import two_layers, wrong


def scene_of(graph, values, got):
    """Return the scene of gradients at a point."""
    leaves = leaf_arrays(graph, values)
    return Scene(graph, leaves, got, Judge(graph, Roundoff.of("float64"), "float64").compared(leaves, got))


def test_the_right_sweep_is_the_engines():
    """Without other rules the gradients are those of `backward`, to the last bit."""
    graph, values = two_layers()
    right = backward(graph, values)[1]
    scene = scene_of(graph, values, right)
    assert all(np.array_equal(scene.expected[k], right[k]) for k in right)
    assert not scene.wrong
    assert scene.size == 0


@pytest.mark.parametrize("node", ["matmul1", "add1", "tanh1", "matmul2", "sub1", "square1"])
def test_other_rules_give_what_the_target_gives(node):
    """A sweep with a wrong rule at one node is the target's that has it."""
    graph, values = two_layers()
    op = graph.node[node].op
    name = next(n for n in mutants.of(op) if "/factor-1.001" in n)
    got = wrong(graph, {node: mutants[name].vjp})(values)
    made = scene_of(graph, values, got).gradients({node: mutants[name].vjp})
    assert all(np.array_equal(made[k], got[k]) for k in got)


@pytest.mark.parametrize("node", ["matmul1", "add1", "tanh1", "matmul2", "tanh2"])
def test_the_inner_products_agree(node):
    """<t, D> of the leaves is the sum of <T, d> over the operands of the node where the mistake is."""
    graph, values = two_layers()
    name = [n for n in mutants.of(graph.node[node].op) if "/factor-1.001" in n][-1]  # of the last operand, which is differentiated
    scene = scene_of(graph, values, wrong(graph, {node: mutants[name].vjp})(values))
    parts = scene.handed(graph.node[node], mutants[name].vjp)
    for t in scene.directions(3):
        made = sum(np.sum(t.tangents[x] * d) for x, d in scene.changes(graph.node[node], parts))
        assert made == pytest.approx(t.change, rel=1e-9)
        assert t.change != 0


def test_a_quick_look_refutes():
    """The mistake that was made is possible, others and the right rule are not."""
    graph, values = two_layers()
    scene = scene_of(graph, values, wrong(graph, {"tanh1": mutants["tanh/sign"].vjp})(values))
    node, directions = graph.node["tanh1"], scene.directions(2)
    possible = {n for n in mutants.of("tanh") if scene.possible(node, scene.handed(node, mutants[n].vjp), directions)}
    assert possible == {"tanh/sign"}
    assert not scene.possible(node, scene.parts["tanh1"], directions)


def test_near_and_distance():
    """The target's own gradients are near and at no distance; the right ones are not, nor are other shapes."""
    graph, values = two_layers()
    got = wrong(graph, {"tanh1": mutants["tanh/sign"].vjp})(values)
    scene = scene_of(graph, values, got)
    assert scene.near(got)
    assert scene.distance(got) == 0
    assert not scene.near(scene.expected)
    assert scene.distance(scene.expected) > 0.1
    assert not scene.near({**got, "w1": got["w1"].T})
    assert not scene.near(None)
    assert not scene.near({**got, "w1": np.full_like(got["w1"], np.nan)})


def test_rules_that_do_not_fit():
    """A contribution of a shape that goes nowhere is no sweep."""
    graph, values = two_layers()
    scene = scene_of(graph, values, backward(graph, values)[1])
    assert scene.gradients({"tanh2": lambda m, g, y, x: (m.zeros((7, 7)),)}) is None


def test_a_kink_is_not_sharp():
    """Where entries tie, the bound holds every generalised derivative."""
    for w, sharp in ((np.array([1.0, 1.0]), False), (np.array([1.0, 2.0]), True)):
        graph = trace(lambda w: np.max(w), {"w": w})
        assert scene_of(graph, {"w": w}, {"w": np.array([3.0, 3.0])}).sharp is sharp


@pytest.mark.parametrize(("times", "possible"), [(40, True), (110, False)])
def test_rounding_does_not_refute(times, possible):
    """Wrong gradients are larger than right ones, and rounding with them: some bounds away a mistake is still possible, many are not."""
    values = {"w": np.array([0.5, 1.5, -0.25])}
    graph = trace(lambda w: np.exp(np.sum(np.sin(w))), values)
    right = backward(graph, values)[1]["w"]
    bound = np.full(3, 2e-3)
    got = {"w": 2 * right + times * bound * 3}  # 3: the doubled gradients and the right ones
    scene = Scene(graph, leaf_arrays(graph, values), got, [Comparison("w", "gradient", got["w"], right, bound, np.ones(3, bool))])
    assert scene.near({"w": 2 * right}) is possible


@pytest.mark.parametrize(("part", "possible"), [(5e-4, True), (2e-3, False)])
def test_what_a_quick_look_does_not_see(part, possible):
    """A difference of a thousandth is left to a closer look, by inner products and entry by entry."""
    values = {"w": np.array([0.5, 1.5, -0.25])}
    graph = trace(lambda w: np.exp(np.sum(np.sin(w))), values)
    right = backward(graph, values)[1]["w"]
    scene = scene_of(graph, values, {"w": right * 3})
    doubled = tuple(c * (3 + 4 * part) for c in scene.parts["sum1"])  # of change and contribution together
    assert scene.possible(graph.node["sum1"], doubled, scene.directions(2)) is possible
    assert scene.near({"w": right * 3 + part * scene.size}) is possible


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_distances_are_parts_of_the_largest_entry(scale):
    """Whatever size that has; of zeros they are what they are."""
    graph = trace(lambda w: np.sum(w * w * (scale / 2)), {"w": np.array([0.5, 1.0])})
    scene = scene_of(graph, {"w": np.array([0.5, 1.0])}, {"w": scale * np.array([0.5, 1.001])})
    assert scene.distance(scene.expected) == pytest.approx(1e-3)
    assert scene.distance({"w": np.zeros(2)}) == pytest.approx(scale * 1.001)


def test_integers_stay_integers():
    """What chooses rows is no number to compute with."""
    values = {"w": np.array([0.5, 1.0, 2.0]), "i": np.array([2, 0, 2])}
    graph = trace(lambda w, i: np.sum(np.exp(np.take(w, i, axis=0))), values)
    right = backward(graph, values)[1]
    assert np.array_equal(scene_of(graph, values, right).expected["w"], right["w"])
