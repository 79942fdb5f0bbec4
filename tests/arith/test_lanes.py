"""Lanes: each operation on many arrays at once gives what it gives on each by itself."""

import numpy as np
import pytest

from gradcheck.arith.floating import Floating
from gradcheck.arith.lanes import Lane, Lanes

RNG = np.random.default_rng(0)
M = Lanes(Floating("float64"), 3)


def each(f, *xs):
    """Return f of every lane by itself."""
    return np.stack([f(*(x.value[k] if isinstance(x, Lane) else x for x in xs)) for k in range(3)])


def lanes(*shape):
    """Return random lanes of a shape."""
    return M.lanes(RNG.normal(size=(3, *shape)))


@pytest.mark.parametrize("shapes", [((2, 3), (3,)), ((3,), (2, 3)), ((), (2,)), ((2, 1), (1, 4))])
def test_operators_broadcast_behind_the_lanes(shapes):
    """Shapes of lanes are broadcast as shapes are, whichever operand has lanes."""
    a, b = (lanes(*s) for s in shapes)
    plain = RNG.normal(size=shapes[1])
    for f in (lambda p, q: p + q, lambda p, q: p - q, lambda p, q: p * q, lambda p, q: p / q):
        assert np.array_equal(f(a, b).value, each(f, a, b))
        assert np.array_equal(f(a, plain).value, each(f, a, plain))
        assert np.array_equal(f(plain, a).value, each(f, plain, a))
    assert np.array_equal(abs(-a).value, np.abs(a.value))


@pytest.mark.parametrize(("left", "right"), [((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (3,)), ((5, 2, 3), (3, 4)), ((5, 2, 3), (5, 3, 4)), ((3,), (5, 3, 4))])
@pytest.mark.parametrize("which", ["left", "right", "both"])
def test_products_of_matrices(left, right, which):
    """Vectors, matrices and batches, with lanes on either side."""
    a = lanes(*left) if which != "right" else RNG.normal(size=left)
    b = lanes(*right) if which != "left" else RNG.normal(size=right)
    found = M.matmul(a, b)
    assert np.allclose(found.value, each(np.matmul, a, b), rtol=1e-14, atol=1e-14)
    assert found.shape == np.matmul(np.ones(left), np.ones(right)).shape


def test_moving_and_adding_up():
    """Every way to move, sum and scatter works lane by lane."""
    x = lanes(2, 3)
    index = np.array([0, 2, -1, 2, 1, 0])
    for f in (
        lambda m, v: m.reshape(v, (3, 2)), lambda m, v: m.transpose(v), lambda m, v: m.transpose(v, (1, 0)),
        lambda m, v: m.swap(v), lambda m, v: m.broadcast_to(v, (4, 2, 3)), lambda m, v: m.flip(v, (1,)),
        lambda m, v: m.take(v, np.array([5, -1, 0])), lambda m, v: m.sum(v), lambda m, v: m.sum(v, (-1,), True),
        lambda m, v: m.cumsum(v, 1), lambda m, v: m.concatenate([v, v], 0), lambda m, v: m.part(v, 1, 3, 1),
        lambda m, v: m.scatter_add(m.reshape(v, (6,)), index, (4,)), lambda m, v: m.einsum("ab,cb->ac", v, v),
        lambda m, v: m.function("exp", v), lambda m, v: m.integer_power(v, 3), lambda m, v: m.leave(m.enter(v)),
        lambda m, v: m.select(np.array([True, False, True]), v, 0), lambda m, v: m.unbroadcast(v, (3,)),
    ):  # fmt: skip
        assert np.allclose(f(M, x).value, each(lambda v: f(M.inner, v), x), rtol=1e-14)  # noqa: B023 - called at once


def test_without_lanes_it_is_the_format():
    """Arrays that all lanes share stay plain."""
    x = RNG.normal(size=(2, 3))
    for f in (M.transpose, M.sum, M.swap, M.square, M.exp):
        assert not isinstance(f(x), Lane)
    assert M.name == "3 lanes of float64"
