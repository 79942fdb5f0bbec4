"""Families, methods and rows: every method computes the gradient that it is timed for."""

from importlib.util import find_spec

import numpy as np
import pytest

from gradcheck.bench import methods as ways
from gradcheck.bench.families import FAMILIES, size
from gradcheck.bench.methods import METHODS
from gradcheck.bench.model import model
from gradcheck.bench.scaling import FRAMEWORKS, Job, measure, row
from gradcheck.engine.reverse import backward
from gradcheck.errors import UnknownName

ENTRYWISE = ["forward by entries", "differences", "complex step", "mpmath differences"]


@pytest.mark.parametrize("name", [f.name for f in FAMILIES.values() if not f.sizes])
@pytest.mark.parametrize("n", [10, 300, 10_000])
def test_sizes(name, n):
    """A network has about as many parameters as asked for, and the same ones each time."""
    graph, values = FAMILIES[name].network(n)
    assert n / 2 <= size(graph) <= 2 * n or n == 10
    assert size(graph) <= 6 * n
    again, same = FAMILIES[name].network(n)
    assert again.name == graph.name
    assert all(np.array_equal(values[k], same[k]) for k in values)


@pytest.mark.sweep(one_in=4)
@pytest.mark.parametrize("family", ["layered", "wide", "convolution", "attention", "recurrent"])
@pytest.mark.parametrize("method", ENTRYWISE)
def test_single_derivatives(family, method, monkeypatch):
    """What is timed gives the entries of the reference's gradient."""
    graph, values = FAMILIES[family].network(10)
    _, gradient = backward(graph, values)
    asked = []
    sampled = ways._sampled
    monkeypatch.setattr(ways, "_sampled", lambda g, m, s, one, operations: asked.append(one) or sampled(g, m, s, one, operations))
    METHODS[method].prepare(graph, values, model(graph, values), 0.001)
    for name, index in ways.entries(graph, 3, seed=3):
        np.testing.assert_allclose(float(asked[0](name, index)), gradient[name][index], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("method", ["reverse", "reverse sweep", "reverse recomputed", "forward by matrices"])
def test_whole_gradients(method):
    """So do the methods that give all at once."""
    graph, values = FAMILIES["wide"].network(30)
    _, gradient = backward(graph, values)
    found = METHODS[method].prepare(graph, values, model(graph, values), 0.01).call()
    found = found[1] if isinstance(found, tuple) else found
    for k, g in gradient.items():
        np.testing.assert_allclose(found[k], g, rtol=1e-10, atol=1e-14)


def test_entries_are_spread():
    """All of them once where all fit; of a few, leaves have their share."""
    graph, _ = FAMILIES["layered"].network(3_000)
    n = size(graph)
    assert len(set(ways.entries(graph, n))) == n
    few = [name for name, _ in ways.entries(graph, 3)]
    assert sorted(few) == ["w1", "w2", "w3"]


def test_a_row():
    """A measurement has a time, quartiles, memory, operations; it can be kept as plain data."""
    found = measure(Job("layered", 30, "reverse", 0.02))
    assert 0 < found.low <= found.seconds <= found.high
    assert found.whole
    assert found.operations > 0
    assert found.bytes > 0
    assert row(found.as_data()) == found


def test_said_by_proportion():
    """Where not every entry fits, the time is that of all entries all the same."""
    found = measure(Job("layered", 1000, "differences", 0.002))
    value = measure(Job("layered", 1000, "value", 0.02))
    assert not found.whole
    assert found.seconds > found.n * value.low / 2


@pytest.mark.parametrize("name", [t for t in FRAMEWORKS if find_spec({"jax-jit": "jax"}.get(t, t))])
def test_frameworks(name):
    """The frameworks that are there take part; compiling is told apart."""
    found = measure(Job("layered", 30, name, 0.02))
    assert found.seconds > 0
    assert found.setup >= 0
    assert found.operations is None


def test_reasons():
    """What cannot be measured says why: not expressed, not installed, raising, too large."""
    assert "at most" in measure(Job("layered", 100_000, "forward by matrices", 0.01)).reason
    assert measure(Job("recurrent", 10, "sklearn", 0.01)).reason
    assert "on purpose" in measure(Job("layered", 10, "tests.bench.test_scaling:raising", 0.01)).reason
    with pytest.raises(UnknownName, match="family"):
        measure(Job("nothing", 10, "value", 0.01))


def raising(graph, values):
    """Raise, as targets do."""
    raise RuntimeError("on purpose")
