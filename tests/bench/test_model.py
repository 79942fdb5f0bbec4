"""The cost model against formulas from theory and against what a plan does."""

from itertools import pairwise

import numpy as np
import pytest

from gradcheck.bench.model import model, op_cost
from gradcheck.bench.plan import mlp, point
from gradcheck.networks.network import networks
from gradcheck.ops.op import INTEGER_KINDS, registry

NETS = [((2, 8, 1), 1), ((8,) * 51, 4), ((784, 128, 10), 32), ((5, 4, 3, 2), 7)]


@pytest.mark.parametrize(("sizes", "batch"), NETS, ids=str)
def test_products_of_a_net(sizes, batch):
    """The value takes 2 b n p a layer; the gradient 3 - F_first / F_total times that, forward mode twice."""
    found = model(mlp(sizes, batch), point(sizes, batch))
    layers = [2 * batch * n * p for n, p in pairwise(sizes)]
    assert found.value.products == sum(layers)
    assert found.gradient.products == 3 * sum(layers) - layers[0]
    assert found.entries == sum(n * p + p for n, p in pairwise(sizes))
    assert found.jvp.products == 3 * sum(layers)  # the rule takes both products of a layer, also where the input does not move
    assert found.differences == found.value * (2 * found.entries)
    assert found.forward_mode.operations == found.entries * found.jvp.operations


@pytest.mark.sweep(one_in=5)
@pytest.mark.parametrize("network", networks.values(), ids=lambda n: n.name)
def test_every_network(network):
    """Every network has a model; a gradient takes at most nine times the value's work, and not less than it."""
    found = model(network.graph, network.values())
    assert found.gradient.operations >= found.value.operations
    assert found.ratio <= 9
    assert found.gradient.saved <= found.value.written + 8
    assert found.jvp.operations >= found.value.operations


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("name", registry)
def test_every_operation(name):
    """Every operation's rules can be counted on its samples, whatever they look at."""
    op, rng = registry[name], np.random.default_rng(0)
    for sample in op.samples:
        kinds = op.kinds(len(sample.operands))
        xs = [x if k in INTEGER_KINDS else rng.uniform(0.1, 0.9, np.shape(x) if not isinstance(x, tuple) else x)
              for k, x in zip(kinds, sample.operands, strict=True)]  # fmt: skip
        cost = op_cost(op, xs, sample.attributes)
        assert min(*cost.value.parts(), *cost.vjp.parts(), *cost.jvp.parts()) >= 0
        assert cost.value.operations <= 100 * (1 + sum(np.size(x) for x in xs)) ** 2


@pytest.mark.parametrize(
    ("name", "shapes", "value", "vjp"),
    [
        ("add", [(4, 3), (3,)], 12, 9),  # g, and g summed over 4 rows
        ("mul", [(6,), (6,)], 6, 12),
        ("tanh", [(5,)], 5, None),
        ("matmul", [(2, 3), (3, 4)], 48, 96),
        ("dense", [(2, 3), (3, 4), (4,)], 48 + 8, 96 + 4),
        ("conv2d", [(1, 2, 5, 5), (3, 2, 3, 3)], 2 * 9 * 3 * 18, None),
    ],
)
def test_formulas(name, shapes, value, vjp):
    """Counts that can be said by hand."""
    cost = op_cost(registry[name], [np.ones(s) for s in shapes])
    assert cost.value.operations == value
    assert vjp is None or cost.vjp.operations == vjp
