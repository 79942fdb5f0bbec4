"""Bounds of what rounding may do: enough for right engines, and with one side taken of ties."""

import numpy as np
import pytest

import gradcheck
from gradcheck.arith.arithmetic import NO, UNKNOWN, YES
from gradcheck.arith.running import Roundoff, Running
from gradcheck.engine.reverse import backward
from gradcheck.graph.values import bind
from gradcheck.vectors.allowed import Settled, allowed


def bounds(f, dtype="float64", *, textbook=True, flushes=False, **values):
    """Return the bounds of a traced function."""
    graph = gradcheck.trace(f, values)
    return allowed(graph, bind(graph, values, dtype), Roundoff.of(dtype, flushes=flushes), textbook=textbook)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_what_is_exact_has_no_allowance(dtype):
    """A sum's gradient is one, exactly; a product of short numbers has one rounding."""
    found = bounds(lambda x, w: np.sum(x) + np.sum(w * w), dtype, x=np.ones(3), w=np.ones(1))
    assert found.bounds["x"].tolist() == [0.0] * 3
    u = Roundoff.of(dtype).u
    assert 0 < found.bounds["w"][0] <= 8 * u


def test_bounds_hold_for_the_reference():
    """The float32 gradient is within its bound of the float64 one, which is 2^29 times nearer to the truth."""
    network = gradcheck.networks["xor-2-2-1-tanh"]
    leaves = bind(network.graph, network.values(0, "float32"), "float32")
    may = allowed(network.graph, leaves, Roundoff.of("float32")).bounds
    given = {k: np.asarray(leaves[k], np.float64) for k in leaves if network.graph.leaf[k].kind != "constant"}
    _, exact = backward(network.graph, given)
    run = gradcheck.targets["reference"].run(network.graph, network.values(0, "float32"))
    for name, x in exact.items():
        assert (np.abs(run.gradients[name] - x) <= may[name]).all()
        assert (may[name] < 1e-4).all()


def test_textbook_formulas_need_more():
    """1 - y^2 for the derivative of tanh loses digits in the tail; without it the bound is smaller."""
    wide, tight = (bounds(lambda x: np.sum(np.tanh(x)), x=np.array([8.0]), textbook=t).bounds["x"][0] for t in (True, False))
    assert wide > 100 * tight


def test_one_side_of_an_exact_tie():
    """The hull of a kink is no part of the settled bound; where numbers are only near each other it still is."""
    found = bounds(lambda x: np.sum(gradcheck.ops.relu(x) * np.array([1.0, 3.0])), x=np.array([0.0, 1.0]))
    assert found.bounds["x"][0] >= 0.5
    assert found.settled["x"][0] < 1e-14
    assert found.settled["x"][1] == pytest.approx(found.bounds["x"][1])
    near = bounds(lambda x: np.sum(gradcheck.ops.relu(x * 0.1 - 0.3)), x=np.array([3.0]))
    assert near.settled["x"][0] > 0.01


def test_settled_comparisons():
    """Equal numbers are answered by the side; others as ever."""
    for side in (YES, NO):
        m = Settled(Roundoff.of("float64"), side)
        a, b = m.array(np.array([1.0, 1.0, 2.0])), m.array(np.array([1.0, 2.0, 1.0]))
        assert m.less(a, b).tolist() == [side, YES, NO]
        assert m.is_zero(a - m.array(np.ones(3)))[2] == NO
        assert m.winners(m.array(np.array([[1.0, 1.0, 0.0]])), 1).tolist() == [[side, side, NO]]
        assert m.less(m.bounded([1.0], [0.1]), m.array([1.0])).tolist() == [UNKNOWN]
    assert Running(Roundoff.of("float64")).less(a, b).tolist() == [UNKNOWN, YES, NO]


def test_flushing_is_allowed_more():
    """Where products are subnormal, an engine that flushes them is off by the smallest normal number."""
    f = lambda x: np.sum(x * x * x)
    kept, flushed = (bounds(f, "float32", flushes=x, x=np.array([1e-20], np.float32)).bounds["x"][0] for x in (False, True))
    assert flushed > 1e4 * kept


def test_overflow_has_no_bound():
    """Where the format may overflow nothing is claimed."""
    assert np.isinf(bounds(lambda x: np.sum(np.exp(x)), "float32", x=np.array([90.0])).bounds["x"]).all()


def test_some_of_the_parameters():
    """Of those that are differentiated some may be asked for; the loss is there always."""
    graph = gradcheck.trace(lambda x, w: np.sum(x * w), {"x": np.ones(2), "w": np.ones(2)})
    found = allowed(graph, bind(graph, {"x": np.ones(2), "w": np.ones(2)}), Roundoff.of("float64"), wrt=("x",))
    assert set(found.bounds) == {"x", ""} == set(found.settled)
