"""What is computed near a point is what the whole network gives there, and operations keep what they declare."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.errors import OracleGaveUp
from gradcheck.networks import networks
from gradcheck.networks.specimen import specimen
from gradcheck.ops import registry
from gradcheck.oracles.differences import differences
from gradcheck.oracles.downstream import Downstream, Everything
from gradcheck.oracles.point import Point

CASES = [(op.name, k) for op in registry.values() for k, _ in enumerate(op.samples)]


@pytest.mark.sweep("name", one_in=10)
@pytest.mark.parametrize(("name", "number"), CASES)
def test_one_entry_of_one_operand(name, number):
    """For every sample of every operation and every entry the outputs agree to 100 of 130 digits."""
    graph, values = specimen(registry[name], number, 0)
    point = Point(graph, values)
    m = Multiprecision(130)
    y = point.forward(m)
    near, far = Downstream(point, m, y), Everything(point, m, y)
    for leaf in point.names:
        for index in list(np.ndindex(*graph.shapes[leaf]))[:6]:
            x = y[leaf][index] + mpmath.mpf(2) ** -20
            a, b = near.moved(leaf, index, x), far.moved(leaf, index, x)
            for node in point.nodes:
                for p, q in zip(np.ravel(a[node.name]), np.ravel(b[node.name]), strict=True):
                    assert abs(p - q) <= 1e-100 * (1 + abs(q))


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("name", ["xor-2-2-1", "lstm", "relu-at-zero", "low-rank-weights", "shared-weights", "single-neuron"])
def test_the_same_digits(name):
    """Gradients of networks agree within their bounds, or both ways give up."""
    if name not in networks or not networks[name].small:
        pytest.skip("no small network of this name")
    graph, values = networks[name].graph, networks[name].values()
    try:
        wanted = differences(graph, values, nearby=Everything)
    except OracleGaveUp:
        with pytest.raises(OracleGaveUp):
            differences(graph, values)
        return
    found = differences(graph, values)
    assert found.digits == pytest.approx(wanted.digits, abs=1)
    for k in wanted.value:
        for p, q, r in zip(np.ravel(found.value[k]), np.ravel(wanted.value[k]), np.ravel(wanted.bound[k]), strict=True):
            assert abs(p - q) <= 2 * r


def test_only_the_column_of_a_weight_is_computed(monkeypatch):
    """Moving one weight of the first of two layers gives tanh one entry a row, and the next layer all columns."""
    sizes = []
    original = Multiprecision.function

    def counted(self, name, x):
        sizes.append(x.size)
        return original(self, name, x)

    from gradcheck.bench.plan import mlp
    from gradcheck.bench.plan import point as values_of

    point = Point(mlp((3, 5, 4, 1), 2), values_of((3, 5, 4, 1), 2))
    m = Multiprecision(50)
    near = Downstream(point, m, point.forward(m))
    monkeypatch.setattr(Multiprecision, "function", counted)
    near.moved("w1", (0, 3), m.element(2))
    assert sizes == [2, 8]
