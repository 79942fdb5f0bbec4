"""Work: what is shared, what is wanted, what is saved, sums of counts."""

import numpy as np
import pytest

from gradcheck.arith.counting import Counting
from gradcheck.arith.work import Count, total


@pytest.fixture
def m():
    """Return the arithmetic."""
    return Counting()


def test_counts_add_up():
    """Number by number; operations and traffic are sums of three and of two of them."""
    a = Count(1, 20, 300, 4000, 50000, 600000)
    assert a + a == a * 2 == Count(2, 40, 600, 8000, 100000, 1200000)
    assert a + Count() == a
    assert (a.operations, a.traffic) == (321, 54000)


def test_what_is_no_counted_array_is_free():
    """Plain arrays, and nothing at all, have cost nothing."""
    assert total([np.ones(3), 2.0]) == total([]) == Count()


def test_shared_work_counts_once(m):
    """A value that is used twice was computed once."""
    y = m.exp(m.array(np.ones(10)))
    assert total([y + y, y * y]).functions == 10


def test_only_what_is_wanted_counts(m):
    """Results that nobody asks for cost nothing."""
    a = m.array(np.ones(10))
    wanted, _ = m.exp(a), m.tanh(m.log(a))
    assert total([wanted]).functions == 10


def test_saved_bytes(m):
    """Forward values that the reverse phase reads, through views too, once each; not what was given."""
    x = m.array(np.ones((2, 3)))
    y, unused = m.exp(x), m.log(x)
    m.phase = "reverse"
    g = m.reshape(y, (3, 2)) * 2 + m.reshape(m.transpose(y), (3, 2)) * m.reshape(x, (3, 2))
    assert total([g, unused]).saved == 48
