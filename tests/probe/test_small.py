"""What a located difference comes to: a fault or an accuracy, on either side of each limit."""

import numpy as np
import pytest

from gradcheck import check
from gradcheck.probe.excuses.small import Located
from gradcheck.result.finding import Finding


def severity(error, monkeypatch, *, share=1.0, named=False, factor=False, rounding=0.0, exact=False):
    """Return what a difference of a relative size is."""
    monkeypatch.setattr("gradcheck.probe.excuses.small._adds_up", lambda line: factor)
    found = Located(Finding("fault", "x", got=1 + error, expected=1.0), share, named=named)
    return found.weighed(None, rounding, exact).severity


@pytest.mark.parametrize(
    ("error", "options", "expected"),
    [
        (1e-2, {}, "fault"), (5e-3, {}, "accuracy"), (1.5e-3, {"exact": True}, "fault"), (5e-4, {"exact": True}, "accuracy"),
        (1e-6, {"share": 0.4}, "fault"), (1e-6, {"share": 0.6}, "accuracy"), (2.5e-8, {"factor": True}, "fault"), (9e-9, {"factor": True}, "accuracy"),
        (1e-12, {"named": True}, "fault"), (1e-6, {"share": 0.1, "rounding": 1e-5}, "accuracy"), (1e-6, {"share": 0.1, "rounding": 1e-7}, "fault"),
    ],
)  # fmt: skip
def test_each_limit(error, options, expected, monkeypatch):
    """A hundredth, a thousandth of what is known exactly, half of the entries, one factor, a name, rounding."""
    assert severity(error, monkeypatch, **options) == expected


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


def test_an_accuracy_does_not_waive_the_rules():
    """Who is off by a little at an entry that vanishes still has to be linear in the cotangent."""
    f, x = lambda x: np.asarray(x, float) ** 2, np.array([0.3, 0.9, 2.0])
    crooked = lambda g, x: (2 * g * x * (1 + 1e-4 * x) + 0.3 * np.abs(g) * (np.abs(g) > 1),)
    assert any("not linear" in m.message for m in check(f, x, vjp=crooked).findings)


def test_declared_accuracy_counts_at_an_end_of_the_domain():
    """On one side of the point f is not defined."""
    def f(x):
        return np.where(np.asarray(x, float) < 1, np.nan, np.asarray(x, float) ** 2)

    vjp = lambda g, x: (2.05 * g * x,)
    with np.errstate(invalid="ignore"):
        assert check(f, np.array([1.0]), vjp=vjp).verdict == "fail"
        assert check(f, np.array([1.0]), vjp=vjp, accuracy=5e-2).verdict == "pass"
