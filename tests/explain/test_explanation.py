"""Explanations: the mistake that was made and its node, ties as ties, nothing where nothing is known."""

import numpy as np
import pytest

from gradcheck import backward
from gradcheck.arith.floating import Floating
from gradcheck.arith.running import Roundoff
from gradcheck.bench.explanation import measure, score
from gradcheck.explain.explanation import Explained, Explanation, explain
from gradcheck.faults.mutants import mutants
from gradcheck.graph.trace import trace
from gradcheck.ops import registry
from tests.judge.doubted import two_layers, wrong


def one_minus_y(m, g, y, x):
    """Take 1 - y for the derivative of tanh."""
    return (g * (1 - y),)


def explained(graph, values, doubted, **options):
    """Return the explanation of a function that gives gradients."""
    return explain(graph, values, doubted(values), again=doubted, **options)


def test_right_gradients_need_none():
    """Within rounding nothing is wrong."""
    graph, values = two_layers()
    assert explained(graph, values, wrong(graph, {})) is None


def test_the_mistake_at_its_node():
    """The formula that was taken, the one it was taken for, the node and how closely the numbers agree."""
    graph, values = two_layers()
    found = explained(graph, values, wrong(graph, {"tanh1": one_minus_y}))
    assert found.unique.nodes == ("tanh1",)
    assert str(found) == "explained: node tanh1 (tanh) takes g*(1 - y) for g*(1 - y**2); the target's gradient is reproduced to the last bit at 3 points"


def test_without_asking_again():
    """One point is enough where nothing else gives the same numbers there."""
    graph, values = two_layers()
    found = explain(graph, values, wrong(graph, {"tanh1": one_minus_y})(values))
    assert found.unique.nodes == ("tanh1",)
    assert found.points == 1


def test_a_narrow_format():
    """The bound is that of the target's format."""
    graph, values = two_layers(np.float32)
    found = explained(graph, values, wrong(graph, {"tanh1": one_minus_y}))
    assert found.unique.nodes == ("tanh1",)
    assert 0 < found.unique.ulps < 16


def test_what_no_gradient_can_tell_is_a_tie():
    """A sign anywhere in a chain gives the same gradients: every node of it is named."""
    graph = trace(lambda w: np.sum(np.exp(np.sin(w))), {"w": np.array([0.5, 1.5])})
    found = explained(graph, {"w": np.array([0.5, 1.5])}, wrong(graph, {"exp1": mutants["exp/sign"].vjp}))
    assert found.unique is None
    assert {e.nodes for e in found.mistakes} == {("sum1",), ("exp1",), ("sin1",)}
    assert str(found).startswith("explained by either of: ")
    assert "hands on the negative of the right contribution" in str(found)


def test_the_same_mistake_in_every_node_of_an_operation():
    """A rule that is wrong is wrong wherever it is used."""
    graph, values = two_layers()
    found = explained(graph, values, wrong(graph, {"tanh1": one_minus_y, "tanh2": one_minus_y}))
    assert found.unique.place == "every tanh (tanh1, tanh2)"


def test_an_unknown_mistake():
    """No explanation is an answer; nodes that cannot have made it are left out."""
    graph, values = two_layers()
    found = explained(graph, values, wrong(graph, {"tanh1": lambda m, g, y, x: (g * m.exp(y) * 3 / 7,)}))
    assert not found.mistakes
    assert found.consistent == ("add1", "tanh1", "matmul2")
    assert str(found).startswith("no single known mistake explains it; consistent with a fault in {")


def test_two_mistakes_at_unrelated_places():
    """Where no node lies behind all that is wrong, that is said."""
    values = {"a": np.array([0.5, 2.0]), "b": np.array([1.5, -1.0])}
    graph = trace(lambda a, b: np.sum(np.sin(a)) + np.sum(np.exp(b)), values)
    right = backward(graph, values)[1]
    found = explain(graph, values, {"a": right["a"] * 1.23 + 0.1, "b": right["b"] ** 2 + 3})
    assert not found.mistakes
    assert set(found.consistent) <= {"add1"}


def test_a_dropped_contribution_is_one_of_adding_up():
    """Of two uses one is missing: the use is named, and that it is = for +=."""
    values = {"w": np.array([0.5, 1.5, -0.25])}
    graph = trace(lambda w: np.sum(np.exp(w)) + 2 * np.sum(np.sin(w) * np.cos(w)), values)
    found = explained(graph, values, lambda v: {"w": backward(graph, v)[1]["w"] + 2 * np.sin(v["w"]) * np.sin(v["w"])})
    assert {e.nodes for e in found.mistakes} == {("cos1",), ("mul1",)}
    assert any("= for +=" in e.words for e in found.mistakes)


def test_only_one_of_three_contributions_is_left():
    """More than two uses: which one was kept."""
    values = {"w": np.array([0.5, 1.5, -0.25])}
    graph = trace(lambda w: np.sum(np.exp(w)) + np.sum(np.sin(w)) + np.sum(np.cos(w)), values)
    found = explained(graph, values, lambda v: {"w": np.exp(v["w"])})
    assert any(e.nodes == ("w",) and "exp1[0]" in e.words for e in found.mistakes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v, g: {**g, "w1": g["w1"] + 0.01 * v["w1"]}, "term too many, as of a regularisation: 0.01 w1"),
        (lambda v, g: {k: x / 10 for k, x in g.items()}, "hands on 1/10 times the right contribution (10 is the size of an axis or array)"),
        (lambda v, g: {k: 0.75 * x for k, x in g.items()}, "hands on 3/4 times"),
    ],
)
def test_numbers_taken_from_the_gradients(change, words):
    """A regularisation, a mean for a sum and any other factor."""
    graph, values = two_layers()
    found = explained(graph, values, lambda v: change(v, backward(graph, v)[1]))
    assert words in str(found)


def test_exchanged_gradients():
    """Two parameters of one shape whose gradients are handed to each other."""
    values = {"a": np.array([0.5, 2.0, -1.0]), "b": np.array([1.5, -1.0, 0.25])}
    graph = trace(lambda a, b: np.sum(np.sin(a) * np.exp(b)), values)

    def doubted(v):
        right = backward(graph, v)[1]
        return {"a": right["b"], "b": right["a"]}

    assert str(explained(graph, values, doubted)).count("the gradients of a and b are swapped") == 1


def test_a_gradient_of_a_wrong_shape():
    """A sum over the batch that was left out."""
    graph, values = two_layers()
    found = explained(graph, values, wrong(graph, {"add1": mutants["add/unbroadcast2-left-out"].vjp}))
    assert found.unique.nodes == ("add1",)
    assert "the shape is wrong" in found.unique.words


def test_a_gradient_that_is_not_finite():
    """NaN has no digits, but it has places: where a magnitude is left out, a power of negative numbers."""
    values = {"w": np.array([-0.5, 2.0, 1.0]), "v": np.array([1.5, 0.5, 0.25])}
    graph = trace(lambda w, v: registry["norm"](w * v, p=3), values)
    found = explained(graph, values, wrong(graph, {"norm1": mutants["norm/absolute1-drop"].vjp}))
    assert [e.nodes for e in found.mistakes] == [("norm1",)]
    assert "leaves out its absolute value" in found.unique.words


def test_a_memory():
    """A rule that keeps the operands of its first call, where that call is known."""
    graph, values = two_layers()
    earlier = {k: x + 0.5 for k, x in values.items()}
    doubted = wrong(graph, {"tanh1": mutants["tanh/stale"].vjp})
    doubted(earlier)
    found = explained(graph, values, doubted, earlier=earlier)
    assert found.unique.nodes == ("tanh1",)
    assert "stale" in found.unique.words


def test_at_a_kink_the_targets_own_numbers_decide():
    """The bound allows any generalised derivative at a tie; what gives the very numbers goes first."""
    values = {"w": np.array([1.0, 1.0, 0.5]), "v": np.array([0.25, 2.0, 1.0])}
    graph = trace(lambda w, v: np.max(w) + np.sum(np.sin(v) * w), values)
    found = explained(graph, values, wrong(graph, {"mul1": mutants["mul/sign-0"].vjp}))
    assert any("mul1" in e.nodes for e in found.mistakes)
    assert not any("max1" in e.nodes for e in found.mistakes)


def test_a_target_that_fails_at_other_points():
    """What was seen at the given point stands."""
    graph, values = two_layers()
    doubted = wrong(graph, {"tanh1": one_minus_y})

    def once(v):
        if v["w1"] is not values["w1"]:
            raise RuntimeError("only at the given point")
        return doubted(v)

    assert explained(graph, values, once).points == 1


def test_only_some_nodes():
    """A mistake is looked for where one asks."""
    graph, values = two_layers()
    found = explained(graph, values, wrong(graph, {"tanh1": one_minus_y}), where=["matmul1", "add1"])
    assert not found.mistakes


@pytest.mark.deep
def test_a_sample_of_the_catalogue():
    """Mutants at random nodes: named or told as ties, never wrongly."""
    rows = list(measure(list(mutants)[11::400], graphs=30))
    assert score(rows).counts["wrong"] == 0
    assert score(rows).share >= 0.9


@pytest.mark.deep
@pytest.mark.parametrize("part", [0, 5])
def test_much_of_the_catalogue(part):
    """A quarter of what `gradcheck power --explanations` does: at least 90 % of the distinguishable are named, none wrongly."""
    rows = list(measure(list(mutants)[part::8]))
    assert len({r.mutant.partition("/")[0] for r in rows}) > len(registry) * 0.9
    assert score(rows).counts["wrong"] == 0
    assert score(rows).share >= 0.9


@pytest.mark.parametrize(
    ("dtype", "part", "words"),
    [
        ("float64", 0.0, "hands on 1/2 times"), ("float64", 1e-13, "hands on 0.5 times"), ("float64", 5e-7, "hands on 0.5 times"),
        ("float64", 2e-6, "hands on 0.500001 times"), ("float32", 2e-6, "hands on 1/2 times"), ("float32", 2e-5, "hands on 0.50001 times"),
        ("float16", 1e-3, "hands on 1/2 times"),
    ],
)  # fmt: skip
def test_a_factor_is_a_half_as_far_as_rounding_leaves_it(dtype, part, words):
    """In float32 a millionth more is rounding; in float64 it is another factor, taken from the gradients, of which float16 does not have the digits."""
    graph, values = two_layers(np.dtype(dtype))

    def doubted(moved):
        return {k: (np.dtype(dtype).type(0.5 * (1 + part)) * x).astype(dtype) for k, x in backward(graph, moved, Floating(dtype))[1].items()}

    found = {e.words for e in explain(graph, values, doubted(values), again=doubted).mistakes if e.op == "tanh"}
    assert len(found) == bool(words)
    assert all(x.startswith(words) for x in found)


@pytest.mark.parametrize("decay", [0.25, 0.0123456789012])
def test_any_multiple_of_a_parameter_is_found(decay):
    """A weight decay need not be a round number to be recognised in the gradient."""
    graph, values = two_layers()
    doubted = lambda moved: {k: x + (decay * moved[k] if k == "w1" else 0) for k, x in backward(graph, moved)[1].items()}
    found = explain(graph, values, doubted(values), again=doubted)
    assert found.unique.words == f"has a term too many, as of a regularisation: {decay:.6g} w1"


@pytest.mark.parametrize(("count", "more"), [(5, ""), (6, ", and 1 more"), (24, ", and 19 more")])
def test_how_many_are_named(count, more):
    """Five of a kind, and how many are left."""
    names = [f"n{k}" for k in range(count)]
    assert str(Explanation((), tuple(names), 1, ("w",))) == f"no single known mistake explains it; consistent with a fault in {{{', '.join(names[:5])}{more}}}"
    ties = tuple(Explained(f"node {k}", (k,), "", (), f"does {k}", 0.0) for k in names)
    told = "; or ".join(f"node {k} does {k}" for k in names[:5]) + (f"; or {count - 5} more" if count > 5 else "")
    assert str(Explanation(ties, (), 1, ("w",))).startswith(f"explained by either of: {told}; the target's")


def test_the_rounding_of_the_target():
    """What is wrong is what its own rounding does not explain."""
    graph, values = two_layers()
    doubted = {k: x * (1 + 1e-9) for k, x in backward(graph, values)[1].items()}
    assert explain(graph, values, doubted) is not None
    assert explain(graph, values, doubted, roundoff=Roundoff.of("float32")) is None
