"""Registers: what is folded, what is shared, what they refuse; and where a network is cut."""

import numpy as np
import pytest

from gradcheck.arith.floating import Floating
from gradcheck.bench.plan import mlp
from gradcheck.engine.program import needed
from gradcheck.engine.recording import Recording
from gradcheck.engine.segments import checkpoints, segments
from gradcheck.errors import NotInThisArithmetic
from gradcheck.networks import networks


@pytest.fixture
def m():
    """Return an arithmetic of registers."""
    return Recording(Floating("float64"))


def test_constants_are_computed_at_once(m):
    """No step is written for constants, whatever the form."""
    x = m.array(np.arange(6.0).reshape(2, 3))
    for y, value in ((m.exp(x), np.exp(x.value)), (m.sum(x, (0,)), x.value.sum(0)), (m.concatenate([x, x], 0), np.vstack([x.value] * 2)), (m.matmul(x, m.swap(x)), x.value @ x.value.T)):
        assert y.constant
        np.testing.assert_array_equal(y.value, value)
    assert not m.steps


def test_equal_steps_are_written_once(m):
    """The same operation on the same registers is one step; small constants are the same by their bytes."""
    x = m.given((2, 3))
    assert m.exp(x) is m.exp(x)
    assert x + 1 is x + m.constant(1)
    assert len(m.steps) == 2


def test_one_is_no_factor(m):
    """One times x and x by one are x, repeated ones too; what would change its shape is kept."""
    x, small = m.given((2, 3)), m.given((3,))
    assert x * 1 is x
    assert m.ones((2, 3)) * x is x
    assert x / 1 is x
    assert (m.ones((2, 3)) * small).shape == (2, 3)


def test_repetition_is_left_to_broadcasting(m):
    """A repeated operand is read as it is where the other one has the shape; two repeated ones keep it."""
    x, s = m.given((2, 3)), m.given(())
    y = x * m.broadcast_to(s, (2, 3))
    assert y.step.operands == (x, s)
    assert (m.broadcast_to(s, (2, 3)) + m.broadcast_to(m.given(()), (2, 3))).shape == (2, 3)


def test_reshape_of_a_transposed_buffer_is_a_copy(m):
    """It is no view: NumPy would copy once, when the plan is made; of what is given it may be."""
    x = m.exp(m.given((2, 3)))
    assert m.reshape(m.transpose(x), (6,)).step.form == "call"
    assert m.reshape(x, (6,)).step.form == "view"
    assert m.reshape(m.transpose(m.given((2, 3))), (6,)).step.form == "view"
    assert m.reshape(x, (-1, 2)).shape == (3, 2)
    assert m.reshape(x, (2, 3)) is x


def test_sums_become_products(m):
    """Sums over rows and of products are BLAS calls, unless the plan is strict."""
    x = m.exp(m.given((2, 3)))
    assert m.sum(x, (0,)).step.name == "dot"
    assert m.sum(x * x).step.name == "dot"
    strict = Recording(Floating("float64"), strict=True)
    x = strict.exp(strict.given((2, 3)))
    assert strict.sum(x, (0,)).step.name == "add"
    assert strict.sum(x * x).step.name == "add"


def test_registers_are_no_numbers(m):
    """NumPy, truth, length and display refuse them."""
    x = m.given((2,))
    for f in (np.asarray, bool, len, np.exp):
        with pytest.raises(TypeError):
            f(x)
    with pytest.raises(NotInThisArithmetic):
        m.number(x)


def test_needed(m):
    """Only steps that results depend on are kept."""
    x = m.given((2,))
    y, _ = m.exp(x), m.sin(x)
    assert [s.name for s in needed(m.steps, [y])] == ["exp"]


def test_segments():
    """About sqrt(n) runs cover the nodes in order; a run's checkpoints are what later ones read."""
    graph = mlp((4,) * 51, 2)
    runs = segments(graph)
    assert [n for run in runs for n in run] == list(graph.nodes)
    assert 9 <= len(runs) <= 12
    assert all(len(checkpoints(graph, run)) == 1 for run in runs)


@pytest.mark.parametrize("name", ["residual-blocks", "dense-links", "fifty-uses", "constant-loss"])
def test_segments_of_other_shapes(name):
    """Skips and fan-out: every value that a later run reads is a checkpoint."""
    graph = networks[name].graph
    runs = segments(graph)
    assert [n for run in runs for n in run] == list(graph.nodes)
    for k, run in enumerate(runs):
        later = {x for other in runs[k + 1 :] for n in other for x in n.inputs} | set(graph.outputs)
        assert checkpoints(graph, run) == later & {n.name for n in run}
