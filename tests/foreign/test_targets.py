"""Hostile targets beside two good ones: their own rows say what they did, and no other row is lost."""

import zlib

import pytest

from gradcheck.cli.run import status
from gradcheck.validation.validate import validate
from tests.foreign.targets import TARGETS, Right


class Second(Right):
    """Another right one."""

    name = "second"


def _sampled(name):
    """Mark what is left to the deep run; of each place some are left in the quick one."""
    return pytest.param(name, marks=() if zlib.crc32(name.encode()) % 10 == 0 or not name.startswith(_PLACES) else pytest.mark.deep)


_PLACES = ("run:", "the second", "name:", "version:", "an array:", "a number:", "a mapping:", "hvp:", "a product:")


@pytest.mark.parametrize("name", [_sampled(n) for n in TARGETS])
def test_beside_good_ones(name, monkeypatch, tmp_path):
    """The row of the hostile target is there, those of the good ones are certified, and the status is not 0 where something is wrong."""
    monkeypatch.chdir(tmp_path)
    target, verdict, order = TARGETS[name]
    matrix = validate([Right(), target, Second()], "linear-neuron", order=order)
    first, bad, last = matrix.rows
    assert bad.verdict == verdict, bad.message
    assert (first.verdict, last.verdict) == ("pass", "pass")
    assert len({r.target for r in matrix.rows}) == 3
    assert bad.error == (verdict == "inconclusive")
    assert (status(matrix, False) == 0) == (verdict == "pass")
    assert len(bad.message) < 5000


def test_there_are_enough():
    """More than 150 kinds."""
    assert len(TARGETS) >= 150
