"""Mistakes that people make are named, and nothing else is: whether the function can be traced or only be called."""

import numpy as np
import pytest

from gradcheck import check
from tests.mistakes.cases import CASES, HESSIANS


def floats(f):
    """Return f as a function of numbers alone: nothing can trace it."""
    return lambda *xs: f(*(np.asarray(x, np.float64) if np.asarray(x).dtype.kind != "i" else x for x in xs))


WAYS = [
    pytest.param(case, traced, id=f"{case.name}, {'traced' if traced else 'called'}", marks=[pytest.mark.deep] * (k % 2 == traced and not case.traced))
    for k, case in enumerate(CASES)
    for traced in ((True,) if case.traced else (True, False))
]  # fmt: skip


def test_there_are_as_many_as_promised():
    """Sixty mistakes with a name at least, each case once."""
    assert len({case.name for case in (*CASES, *HESSIANS)}) == len(CASES) + len(HESSIANS)
    assert sum(bool(case.kind) for case in CASES) >= 60


@pytest.mark.parametrize(("case", "traced"), WAYS)
def test_the_mistake_is_named(case, traced):
    """By its kind, with the number or the place that it has; what is no known mistake gets no name."""
    report = check(case.f if traced else floats(case.f), case.inputs, **case.given)
    assert report.verdict == "fail", str(report)
    found = [f.mistake for f in report.findings if f.severity == "fault" and f.mistake is not None]
    assert {m.kind for m in found} == ({case.kind} if case.kind else set()), str(report)
    assert any(case.told in str(m) for m in found) or not case.kind, str(report)


@pytest.mark.parametrize("case", HESSIANS, ids=lambda case: case.name)
def test_hessians_are_told_by_their_entries(case):
    """Which entry of the matrix is wrong is what its author needs."""
    report = check(case.f, case.inputs, **case.given)
    assert report.verdict == "fail"
    assert any(case.told in f.message for f in report.findings), str(report)
