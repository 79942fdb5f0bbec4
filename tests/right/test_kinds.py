"""Each derivative of `kinds` is right and each mutant wrong, by means of their own; then check is examined on them."""

import warnings
from collections import Counter

import numpy as np
import pytest

pytest.importorskip("scipy")
from tests.right.kinds import examination, truth
from tests.right.kinds.registry import KINDS, cases

BY_NAME = {case.name: case for case in cases()}
EACH = pytest.mark.parametrize(("kind", "name"), [(case.kind, case.name) for case in BY_NAME.values()])


@pytest.fixture(autouse=True)
def quiet():
    """What functions say at the edge of their domain is not the subject."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def test_there_are_as_many_as_promised():
    """Each name once, 200 right derivatives of 60 functions at least, ten of each kind, three different mutants each."""
    assert len(BY_NAME) == len(cases()) >= 200
    assert len({case.function for case in cases()}) >= 60
    assert min(Counter(case.kind for case in cases()).values()) >= 10
    assert {case.kind for case in cases()} == set(KINDS)
    assert all(len({name for name, _ in case.mutants}) == len(case.mutants) == 3 for case in cases())


@EACH
@pytest.mark.sweep("kind", one_in=20)
def test_each_derivative_is_right(kind, name):
    """It is the slope of the function, by differences of a more accurate one where there is one."""
    assert not truth.complaints(BY_NAME[name])


@EACH
@pytest.mark.sweep("kind", one_in=20)
def test_each_mutant_can_be_seen(kind, name):
    """It is off by a thousandth at least, in an entry that matters, at the point itself, and by more than what is rough in f."""
    case = BY_NAME[name]
    for mutant, _ in case.mutants:
        assert truth.difference(case, mutant) >= max(1e-3, 2 * case.rough), mutant


def test_differences_tell_right_from_wrong():
    """The means of verification reject mutants, so that they are worth something."""
    case = BY_NAME["rosenbrock"]
    for mutant, derivative in case.mutants:
        wrong = type(case)(mutant, case.kind, case.f, case.inputs, derivative, ())
        assert truth.complaints(wrong), mutant


@EACH
@pytest.mark.sweep("kind", one_in=50)
def test_a_right_one_is_not_rejected(kind, name):
    """A sample by default: neither a fail nor a crash."""
    said = examination.said(BY_NAME[name])
    assert said.verdict in ("pass", "inconclusive"), said


@pytest.mark.deep
@pytest.mark.parametrize("explore", [False, True], ids=["given", "explored"])
def test_no_right_one_is_rejected(explore):
    """All of them: none rejected, at most 5 % inconclusive."""
    rows = list(examination.of_right(cases(), explore=explore))
    rejected = [str(row) for row in rows if row.verdict not in ("pass", "inconclusive")]
    assert not rejected, "\n".join(rejected)
    undecided = [str(row) for row in rows if row.verdict == "inconclusive"]
    assert len(undecided) <= 0.05 * len(rows), "\n".join(undecided)


@pytest.mark.deep
@pytest.mark.parametrize("explore", [False, True], ids=["given", "explored"])
def test_mutants_are_rejected(explore):
    """At least 95 % of them, and none ends the check."""
    rows = list(examination.of_mutants(cases(), explore=explore))
    missed = [str(row) for row in rows if not row.is_right]
    assert len(missed) <= 0.05 * len(rows), "\n".join(missed)
    assert not [row for row in rows if row.verdict == "crash"]
