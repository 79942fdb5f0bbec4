"""The search: tiers, fresh points, and which hypotheses are judged."""

from types import SimpleNamespace

import numpy as np
import pytest

from gradcheck import backward
from gradcheck.arith.running import Roundoff
from gradcheck.explain.points import points
from gradcheck.explain.reproduction import Judge
from gradcheck.explain.scene import Scene
from gradcheck.explain.search import MOST_POINTS, POINTS, QUIET, Search
from gradcheck.faults.mutants import mutants
from gradcheck.graph.trace import trace
from gradcheck.targets.target import leaf_arrays
from tests.judge.doubted import two_layers, wrong


def searched(graph, values, doubted, **options):
    """Return a search at the given point, with fresh points on demand, and the list of those asked for."""
    judge, asked = Judge(graph, Roundoff.of("float64"), "float64"), []

    def scene(p):
        leaves, got = leaf_arrays(graph, p), doubted(p)
        return Scene(graph, leaves, got, judge.compared(leaves, got))

    def further():
        for p, _ in zip(points(graph, values, "float64"), range(MOST_POINTS), strict=False):
            asked.append(p)
            yield scene(p)

    return Search(judge, scene(values), further(), **options), asked


def test_one_explanation_is_confirmed_at_two_points():
    """And no more are asked for."""
    graph, values = two_layers()
    search, asked = searched(graph, values, wrong(graph, {"tanh1": mutants["tanh/sech21-drop"].vjp}))
    groups = search.groups()
    assert [g[0].nodes for g in groups] == [("tanh1",)]
    assert len(asked) == POINTS
    assert len(search.scenes) == 1 + POINTS


def test_ties_are_asked_for_until_nothing_changes():
    """Points that tell nothing apart end it."""
    graph = trace(lambda w: np.sum(np.exp(np.sin(w))), {"w": np.array([0.5, 1.5])})
    search, asked = searched(graph, {"w": np.array([0.5, 1.5])}, wrong(graph, {"exp1": mutants["exp/sign"].vjp}))
    assert len(search.groups()) == 3
    assert len(asked) == QUIET


def test_points_break_ties():
    """At the given point max picks the first entry, as a wrong rule always does; elsewhere it does not."""
    values = {"w": np.array([2.0, 1.0])}
    graph = trace(lambda w: np.maximum(w[0], w[1]) * np.sum(w), values)
    name = "maximum/factor-2-0"
    search, _ = searched(graph, values, wrong(graph, {"maximum1": mutants[name].vjp}))
    one = search.likeness.merged(search.reproducing(search.scene, search._single()))
    groups = search.groups()
    assert len(groups) < len(one)
    assert ("maximum1",) in {g[0].nodes for g in groups}


def test_every_node_only_where_no_single_one_fits():
    """What is tried later is not tried where something fits."""
    graph, values = two_layers()
    rule = mutants["tanh/sech21-drop"].vjp
    one, _ = searched(graph, values, wrong(graph, {"tanh1": rule}))
    both, _ = searched(graph, values, wrong(graph, {"tanh1": rule, "tanh2": rule}))
    assert {len(h.nodes) for g in one.groups() for h in g} == {1}
    assert {h.nodes for g in both.groups() for h in g} == {("tanh1", "tanh2")}


def test_numbers_from_the_gradients_come_last_and_need_digits():
    """A factor of 0.123 is found; where the error is near the bound nothing is fitted."""
    graph, values = two_layers()

    def by(c):
        return lambda p: {k: c * x for k, x in backward(graph, p)[1].items()}

    search, _ = searched(graph, values, by(0.123))
    assert all(h.fitted for g in search.groups() for h in g)
    search, _ = searched(graph, values, by(1 + 2.0**-42))
    assert search.scene.wrong
    assert not list(search._fitted())


def test_equal_gradients_are_judged_once(monkeypatch):
    """A sign anywhere in a chain gives the same bits: one certificate for all of them."""
    graph = trace(lambda w: np.sum(np.exp(np.sin(w))), {"w": np.array([0.5, 1.5])})
    search, _ = searched(graph, {"w": np.array([0.5, 1.5])}, wrong(graph, {"exp1": mutants["exp/sign"].vjp}))
    asked, plain = [], Judge.reproduces

    def counted(self, leaves, got, h, made):
        asked.append(h)
        return plain(self, leaves, got, h, made)

    monkeypatch.setattr(Judge, "reproduces", counted)
    found = search.reproducing(search.scene, search._single())
    assert len(asked) < len(found)


def test_only_some_nodes():
    """Nothing is looked for elsewhere."""
    graph, values = two_layers()
    search, _ = searched(graph, values, wrong(graph, {"tanh1": mutants["tanh/sign"].vjp}), where=["add1"])
    assert [n.name for n in search.nodes] == ["add1"]
    assert {h.nodes for g in search.groups() for h in g} <= {("add1",)}


@pytest.mark.parametrize(("part", "found"), [(2e-12, False), (4e-11, True)])
def test_a_number_is_taken_from_gradients_that_show_some_digits_of_it(part, found):
    """An error of some hundred bounds is no basis for a factor of three digits; one of some thousand is."""
    graph, values = two_layers()
    search, _ = searched(graph, values, lambda v: {k: (1 + part) * x for k, x in backward(graph, v)[1].items()})
    assert 100 < max(search.scene.wrong.values()) < 1e4
    assert bool(search.groups()) is found


@pytest.mark.parametrize(("bounds", "tried"), [(600.0, False), (2000.0, True)])
def test_a_number_is_taken_where_three_digits_of_it_are_seen(bounds, tried):
    """The error is a thousand times what rounding allows."""
    fitted = SimpleNamespace(fitted=True)
    assert (list(Search._fitted(SimpleNamespace(scene=SimpleNamespace(wrong={"w": bounds}), _numbers=lambda: [fitted]))) == [fitted]) is tried
