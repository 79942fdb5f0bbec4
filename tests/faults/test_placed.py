"""The catalogue of mistakes at one node."""

import numpy as np
import pytest

from gradcheck.arith.floating import Floating
from gradcheck.faults.mutants import mutants
from gradcheck.faults.placed import mistakes
from gradcheck.faults.stage import Stage
from gradcheck.ops import registry


@pytest.mark.sweep(one_in=4)
@pytest.mark.parametrize("op", registry)
def test_every_mutant_of_a_sample_is_placed(op):
    """At the shapes of its samples an operation has all its mutants but those with a memory, by the same names and numbers."""
    for number in range(len(registry[op].samples)):
        stage = Stage(registry[op], number)
        rng = np.random.default_rng(0)
        xs, g = stage.inputs(rng), rng.normal(size=stage.shape)
        placed = {m.name: m for m in mistakes(stage.op, xs, stage.attributes)}
        wanted = {n.partition("/")[2]: m for n, m in mutants.of(op).items() if number in m.samples and not m.stateful}
        assert set(wanted) <= set(placed)
        name = min(wanted)
        for a, b in zip(stage.pull(wanted[name].vjp, g, *xs), stage.pull(placed[name].rule, g, *xs), strict=True):
            assert (a is None and b is None) or np.array_equal(a, b, equal_nan=True)


def test_names_are_unique():
    """A mistake at a node is found by its name."""
    for op in ("tanh", "add", "layer_norm", "softmax"):
        stage = Stage(registry[op], 0)
        names = [m.name for m in mistakes(stage.op, stage.first(), stage.attributes)]
        assert len(set(names)) == len(names)


def test_textbook_formulas_have_mistakes_of_their_own():
    """1 - y is 1 - y^2 without its square; what it was made of is told."""
    x, m = np.array([0.5, -1.0]), Floating()
    found = {k.name: k for k in mistakes(registry["tanh"], [x], {})}
    y, g = np.tanh(x), np.ones(2)
    assert np.allclose(found["textbook1/square1-drop"].rule(m, g, y, x)[0], 1 - y)
    assert np.allclose(found["textbook1/square1-drop"].instead(m, g, y, x)[0], 1 - y**2)
    assert np.array_equal(found["1 - y"].rule(m, g, y, x)[0], 1 - y)
    assert np.array_equal(found["at-output"].rule(m, g, y, x)[0], m.sech2(y))
    assert np.allclose(found["mask-inverted"].rule(m, g, y, x)[0], y**2)


def test_the_last_slice():
    """What the catalogue of mutants does not have: the last slice in place of a sum over repeated axes."""
    a, b, m = np.ones((3, 2)), np.ones(2), Floating()
    found = {k.name: k for k in mistakes(registry["add"], [a, b], {})}
    g = np.arange(6.0).reshape(3, 2)
    assert found["unbroadcast2-last-slice"].rule(m, g, a + b, a, b)[1].tolist() == [4, 5]
