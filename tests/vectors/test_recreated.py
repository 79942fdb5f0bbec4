"""Historical faults as networks: their graphs, inputs and wrong gradients."""

import numpy as np
import pytest

from gradcheck.engine.reverse import backward
from gradcheck.faults.fault import faults
from gradcheck.vectors.recreated import Recreation, recreations


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("name", [r.name for r in recreations()])
def test_the_reference_agrees_with_the_right_rule_and_not_with_the_wrong_one(name):
    """Off kinks the gradient of the graph is what the fault's right derivative gives; the mistaken one is not."""
    made = {r.name: r for r in recreations()}[name]
    with np.errstate(all="ignore"):
        _, wrong = made.mistaken(made.graph, made.values)
        _, found = backward(made.graph, made.values)
    if not made.fault.kink:
        right = _right(made)
        assert all(np.allclose(found[k], right[k], rtol=1e-7, atol=1e-9) for k in right)
    same = all(np.shape(wrong[k]) == np.shape(g) and np.array_equal(wrong[k], g) for k, g in found.items())
    assert made.earlier or not same


def _right(made):
    """Return the right gradients by the same door as the wrong ones."""
    from dataclasses import replace

    fault = replace(made.fault, wrong=made.fault.right, stateful=None)
    return Recreation(fault, made.seed, made.earlier).mistaken(made.graph, made.values)[1]


def test_other_seeds_are_other_inputs():
    """Inputs that are drawn depend on the seed; the graph does not."""
    a, b = (Recreation(faults["chainrules-55-hypot"], seed) for seed in (0, 1))
    assert not np.array_equal(a.values["x"], b.values["x"])
    assert a.graph.nodes == b.graph.nodes


def test_an_input_stored_the_other_way_round_is_a_transpose():
    """The parameter is the transpose of what the faulty function is given, and so is its gradient."""
    made = Recreation(faults["fusedssim-1"])
    _, wrong = made.mistaken(made.graph, made.values)
    assert made.values["x"].shape == (4, 3) == wrong["x"].shape
    assert made.graph.nodes[0].op == "transpose"


def test_a_memory_shows_at_the_second_point_only():
    """The earlier point is right; what is kept of it makes the later one wrong."""
    earlier, later = (Recreation(faults["autobw-7-cache"], earlier=e) for e in (True, False))
    for made, right in ((earlier, True), (later, False)):
        _, found = backward(made.graph, made.values)
        _, wrong = made.mistaken(made.graph, made.values)
        assert np.allclose(found["a"], wrong["a"]) == right
