"""Lists of arrays as one vector."""

import numpy as np
import pytest

from gradcheck.probe.subject.vector import Vector

V = Vector.of([np.array([3.0, -4.0]), np.array(12.0)])


def test_products_and_sizes():
    """As of all entries in a row."""
    assert (V.dot(V), V.norm, V.total, V.largest) == (169.0, 13.0, 19.0, 12.0)
    assert V.flat.tolist() == [3.0, -4.0, 12.0]
    assert Vector.of([]).norm == 0.0
    assert Vector.of([]).flat.shape == (0,)


def test_norms_of_huge_and_tiny_numbers():
    """Squares neither overflow nor vanish."""
    assert Vector.of([np.array([3e300, 4e300])]).norm == pytest.approx(5e300)
    assert Vector.of([np.array([3e-300]), np.array([4e-300])]).norm == pytest.approx(5e-300)


def test_sums_and_parts():
    """Nothing is changed in place."""
    assert V.plus(V, -1.0).total == 0.0
    assert V.times(2.0).flat.tolist() == [6.0, -8.0, 24.0]
    assert V.times([np.array([1, 0]), np.array(1)]).flat.tolist() == [3.0, 0.0, 12.0]
    assert V.only(1).flat.tolist() == [0.0, 0.0, 12.0]
    assert Vector.unit(V, 0, (1,), 5.0).flat.tolist() == [0.0, 5.0, 0.0]
    assert V.flat.tolist() == [3.0, -4.0, 12.0]


def test_a_place_beside_a_point_is_in_its_formats():
    """float32 stays float32."""
    x = [np.ones(2, np.float32), np.array(1.0)]
    found = V.beside(x, 0.5)
    assert [v.dtype for v in found] == [np.float32, np.float64]
    assert found[0].tolist() == [2.5, -1.0]


def test_finite():
    """NaN and infinity are not."""
    assert V.finite
    assert not Vector.of([np.array([np.nan])]).finite
