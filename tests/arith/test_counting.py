"""The arithmetic that counts: what each primitive takes, what is free, formats."""

import numpy as np
import pytest

from gradcheck.arith.counting import Counting
from gradcheck.arith.work import Count, total


@pytest.fixture
def m():
    """Return the arithmetic."""
    return Counting()


def test_matmul_einsum_and_sums(m):
    """2 m n k for a product, n - 1 for a sum of n."""
    a, b = m.array(np.ones((5, 3))), m.array(np.ones((3, 2)))
    assert total([m.matmul(a, b)]) == Count(products=60, read=8 * 21, written=8 * 10)
    assert total([m.einsum("ij,jk->ik", a, b)]).products == 60
    assert total([m.einsum("ij->", a)]).products == 30
    assert total([m.sum(a)]).elementwise == 14
    assert total([m.sum(a, (0,))]).elementwise == 12
    assert total([m.sum(m.array(np.ones((0,))))]).elementwise == 0


def test_elementwise_and_functions(m):
    """One an entry of the result, broadcast or not."""
    a, row = m.array(np.ones((5, 3))), m.array(np.ones(3))
    assert total([a * row]) == Count(elementwise=15, read=8 * 18, written=8 * 15)
    assert total([m.tanh(a)]).functions == 15
    assert total([m.logistic(a)]).functions == 15
    assert total([m.integer_power(a, 3)]).elementwise == 30
    assert total([2 * a + 1]).elementwise == 30


def test_views_cost_nothing(m):
    """Reshapes, transposes and parts move no bytes; a gather does."""
    a = m.array(np.ones((4, 6)))
    assert total([m.transpose(m.reshape(a, (6, 4)))]) == Count()
    assert total([m.part(a, 0, 2, 0)]) == Count()
    gathered = total([m.take(a, np.array([0, 5, 5]))])
    assert (gathered.operations, gathered.written) == (0, 24)
    repeated = m.broadcast_to(m.array(np.ones(1)), (1000,))
    assert total([repeated + 1]).read == 8 + 8  # repeated entries are read once; so is the constant


def test_constants_are_free(m):
    """What does not depend on given numbers is folded."""
    assert total([m.constant(2) * m.ones((3, 3)) + m.pi()]) == Count()
    assert total([m.constant(2) * m.array(np.ones(3))]).elementwise == 3


def test_truth_keeps_its_work(m):
    """A selection costs its comparison too, and comparisons can be joined."""
    a = m.array(np.arange(4.0))
    low, high = m.less(a, m.constant(1)), m.less(m.constant(2), a)
    found = m.select((low | high) & ~low, a, 0)
    np.testing.assert_array_equal(found.value, [0, 0, 0, 3])
    assert total([found]).elementwise == 4 * 6


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_formats(dtype):
    """The numbers are those of the format, the bytes too; halves pay for the way in and out."""
    m = Counting(dtype)
    a = m.enter(m.array(np.ones(8)))
    y = m.leave(a + a)
    assert y.dtype == np.dtype(dtype)
    assert total([y]).elementwise == 8
    assert total([y]).written == (32 if dtype == "float32" else 32 + 32 + 16)
