"""What a located difference comes to: a fault or an accuracy, on either side of each limit."""

import numpy as np
import pytest

from gradcheck import check
from gradcheck.probe.small import Located
from gradcheck.verdict.finding import Finding


class Panels:
    """A line whose panels have one law."""

    def __init__(self, is_factor):
        self.is_factor = is_factor

    def survey(self):
        """There is nothing to sample."""


def severity(error, *, share=1.0, named=False, factor=False, rounding=0.0, exact=False):
    """Return what a difference of a relative size is."""
    found = Located(Finding("fault", "x", got=1 + error, expected=1.0), share, named=named)
    return found.weighed(Panels(factor), rounding, exact).severity


@pytest.mark.parametrize(
    ("error", "options", "expected"),
    [
        (1e-2, {}, "fault"), (5e-3, {}, "accuracy"), (5e-3, {"exact": True}, "fault"), (5e-4, {"exact": True}, "accuracy"),
        (1e-6, {"share": 0.4}, "fault"), (1e-6, {"share": 0.6}, "accuracy"), (1e-6, {"factor": True}, "fault"), (1e-9, {"factor": True}, "accuracy"),
        (1e-12, {"named": True}, "fault"), (1e-6, {"share": 0.1, "rounding": 1e-5}, "accuracy"), (1e-6, {"share": 0.1, "rounding": 1e-7}, "fault"),
    ],
)  # fmt: skip
def test_each_limit(error, options, expected):
    """A hundredth, a thousandth of what is known exactly, half of the entries, one factor, a name, rounding."""
    assert severity(error, **options) == expected


def test_what_is_told_of_an_accuracy():
    """The relative size and what accepts it; with that the check says nothing."""
    f, x = lambda x: np.sum(np.sin(np.asarray(x, float))), np.array([0.3, 0.9, 2.0])
    vague = lambda x: np.cos(x) * (1 + 1e-4 * x)
    report = check(f, x, grad=vague)
    assert report.verdict == "pass"
    (finding,) = report.findings
    assert (finding.severity, "accuracy=" in finding.message) == ("accuracy", True)
    assert not check(f, x, grad=vague, accuracy=1e-3).findings
    assert check(f, x, grad=lambda x: 1.01 * np.cos(x)).verdict == "fail"
