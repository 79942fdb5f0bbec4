"""Conditions to stop."""

import math

import pytest

from gradcheck.errors import BadInput
from gradcheck.learning.stop import Patience, Stop


def test_reasons():
    """A small loss, a small slope, and numbers that are not finite."""
    stop = Stop(loss=0.5, slope=0.1)
    assert stop.reason(0.6, 0.2) == ""
    assert "loss is at most 0.5" in stop.reason(0.5, 0.2)
    assert "above 0.1" in stop.reason(0.6, 0.1)
    assert "diverged" in Stop().reason(math.nan, 0.0)
    assert "diverged" in Stop().reason(0.0, math.inf)


def test_patience():
    """Looks without an improvement in a row are counted; an improvement sets the count back."""
    patience = Patience(2)
    assert [(patience.better(x), patience.over) for x in (1.0, 2.0, 0.5, 0.5, 0.6)] == [
        (True, False), (False, False), (True, False), (False, False), (False, True),
    ]  # fmt: skip


def test_usage():
    """No look at all is no patience."""
    with pytest.raises(BadInput, match="patience=0"):
        Stop(patience=0)


@pytest.mark.parametrize("condition", [{"loss": math.nan}, {"slope": math.nan}])
def test_no_number_to_stop_at(condition):
    """A goal that nothing reaches would train for ever."""
    with pytest.raises(BadInput, match="expected a number"):
        Stop(**condition)


@pytest.mark.parametrize("every", [0, -1])
def test_looks_come_after_steps(every):
    """Between two looks there is a step at least."""
    with pytest.raises(BadInput, match=f"every={every}"):
        Stop(every=every)
    assert Stop(every=1).every == 1
