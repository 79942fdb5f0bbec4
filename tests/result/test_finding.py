"""Results as a whole: the verdict on all rows, and how many there are of each kind."""

import pytest

from gradcheck.result.finding import Matrix, Skipped
from tests.render.matrices import failing, matrix, row


@pytest.mark.parametrize(
    ("rows", "complete", "verdict"),
    [
        ((row(),), True, "pass"), ((row(),), False, "inconclusive"), ((), True, "inconclusive"), ((row(), row(verdict="inconclusive")), True, "inconclusive"),
        ((row(), failing(), row(verdict="inconclusive")), True, "fail"), ((failing(),), False, "fail"),
    ],
)  # fmt: skip
def test_the_verdict_on_all(rows, complete, verdict):
    """The worst of the rows; nothing tested, or not to its end, is no pass."""
    assert Matrix(rows, (), 0, complete=complete).verdict == verdict


def test_counts():
    """Of each verdict, and of the evidence of what passes."""
    assert matrix().counts == {"pass": 2, "fail": 1, "inconclusive": 2, "certified": 2}


@pytest.mark.parametrize(("expected", "extent"), [(None, "2 rows"), (2, "2 of 2 rows"), (5, "2 of 5 rows")])
def test_how_far_it_came(expected, extent):
    """Rows and what was skipped, out of those that were expected, where that is known."""
    made = Matrix((row(),), (Skipped("a", "b", "float64", "c"),), 0, expected=expected, complete=expected == 2)
    assert made.extent == extent
    assert made.shortfall == ("" if expected == 2 else f"incomplete: {extent}")
