"""What a kernel may return, and the room that it leaves for a fault."""

import numpy as np
import pytest

from gradcheck.arith.storage import gap, nearest, storage
from gradcheck.probe.kernel.cells import Cells
from gradcheck.probe.kernel.directions import classes
from gradcheck.probe.kernel.simulation import BEYOND, BEYOND_FEW, FEW_RUNS, RUNS, TERMS

TO = storage("bfloat16")


def cells(factor=1.0, error=1e-7, n=2000):
    """Return numbers that are a factor of the right ones, rounded."""
    exact = np.random.default_rng(0).normal(size=(n // 100, 100))
    return Cells(nearest(factor * exact, TO), exact, error * np.abs(exact), TO)


def test_right_numbers_are_inside_and_neighbours_are_not():
    """Of nearly every entry only one number is allowed."""
    right = cells()
    assert not right.outside.any()
    assert right.fixed > 0.99
    assert 0.9 < right.worst <= 1
    other = Cells(right.got + gap(right.got, TO), right.exact, right.error, TO)
    assert other.outside.mean() > 0.99
    assert other.worst > 1


@pytest.mark.parametrize("factor", [1.0, 1.0003, 0.9, -1.0])
def test_the_room_holds_the_factor(factor):
    """And hardly anything else: its width falls with the number of entries."""
    for n, width in ((2000, 1e-4), (20_000, 1e-5)):
        low, high = cells(factor, n=n).room(cells(n=n).exact)
        assert low <= factor - 1 <= high
        assert high - low < width


def test_rows_have_room_of_their_own():
    """A row that is off leaves no room for 0."""
    right = cells()
    got = right.got.copy()
    got[3] = nearest(1.02 * right.exact[3], TO)
    low, high = Cells(got, right.exact, right.error, TO).room(right.exact, (-1,))
    assert low[3] <= 0.02 <= high[3]
    assert low[3] > 0.01
    assert (low[4], high[4]) == pytest.approx((0, 0), abs=1e-2)


def test_what_is_not_known_is_not_judged():
    """An infinite bound, and a number that is none."""
    found = Cells(np.array([1.0, 5.0]), np.array([1.0, np.nan]), np.array([np.inf, 0.0]), TO)
    assert not found.outside.any()
    assert not found.judged.any()
    assert Cells(np.array([np.nan]), np.array([1.0]), np.array([0.0]), TO).outside.all()


def test_directions_measure_a_fault_along_them():
    """A factor, a bias, a row: each by its own direction, in units of the right numbers."""
    exact = np.random.default_rng(2).normal(size=(40, 30))
    found = {c.name: c for c in classes(exact, {"input 0": exact + 1})}
    assert found["factor"].project(0.01 * exact) == pytest.approx(0.01)
    assert found["bias"].project(np.full(exact.shape, 0.5 * np.mean(np.abs(exact)))) == pytest.approx(0.5)
    off = np.zeros_like(exact)
    off[7] = 0.1 * exact[7]
    by_row = found["factor of axis 0"].project(off)
    assert (by_row[7], np.abs(np.delete(by_row, 7)).max()) == (pytest.approx(0.1), 0)
    assert found["factor of axis 0"].places[7] == "row 7"
    assert found["factor of a tile"].project(0.2 * exact) == pytest.approx(0.2)
    assert "along input 0" in found
    one = np.zeros_like(exact)
    one[7, 3] = 0.01
    for c in found.values():
        assert np.max(c.single(one)) == pytest.approx(np.max(np.abs(c.project(one))))
    assert list(classes(np.zeros((2, 2)), {})) == []


def test_the_limits_are_those_of_student():
    """As many lie beyond them as their comment says; and so few entries cannot come to so many deviations."""
    stats = pytest.importorskip("scipy.stats")
    for n, beyond in ((RUNS, BEYOND), (FEW_RUNS, BEYOND_FEW)):
        assert 3e-9 < 2 * stats.t.sf(beyond, n) < 5e-9
    n = int(TERMS)
    assert n / np.sqrt(n / 3) <= BEYOND < (n + 2) / np.sqrt((n + 2) / 3)
