"""A certified gradient is measured beside differences that take the same derivatives."""

import pytest

from gradcheck.bench.certified import NETS, comparisons


@pytest.mark.deep
def test_small_nets():
    """All entries of a small net are differenced, of a larger one a sample, whose time is scaled up."""
    small, larger = comparisons({"3-2-1": ((3, 2, 1), 1), "16-8-1": ((16, 8, 1), 1)}, seconds=0.01)
    assert (small.parameters, small.sampled) == (11, False)
    assert larger.parameters == 145
    assert small.precision >= 148
    assert small.naive.median > 1
    assert small.downstream.median > 1


def test_samples_are_scaled(monkeypatch):
    """Where only some entries are differenced, the time is that of all by proportion."""
    monkeypatch.setattr("gradcheck.bench.certified.ALL", 10)
    monkeypatch.setattr("gradcheck.bench.certified.SAMPLE", 5)
    (found,) = comparisons({"3-2-1": ((3, 2, 1), 1)}, seconds=0.01)
    assert found.sampled
    assert found.naive.seconds > found.naive.other


def test_nets():
    """The nets have the sizes that the report is about: 121, about 1,000, more than 8,000 parameters."""
    assert next(iter(NETS)) == "4-8-8-1, batch 1"
