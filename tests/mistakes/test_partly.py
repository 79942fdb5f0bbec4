"""Mistakes of some entries, of few entries, of what is at hand and of the Jacobian as a whole; and what gets no name."""

import numpy as np
import pytest

from gradcheck import check
from gradcheck.probe.blame.at_hand import Entries
from tests.mistakes.test_names import floats

RNG = np.random.default_rng(3)
V = np.array([0.7, -1.3, 2.1, 0.4, 1.6])
A = RNG.normal(size=(5, 5))
X, W = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 2))


def put(v, k, of):
    """Return v with another entry k."""
    out = np.array(v)
    out[k] = of(out[k])
    return out


def batch(g, x, w):
    """Return gradients of x @ w in which the one of w takes the cotangent in reverse."""
    return g @ w.T, x.T @ g[::-1]


#: name -> f, inputs, derivative, kind, what the sentence has to contain
CASES = {
    "sign of one entry": (lambda x: np.sum(np.sin(x)), V, {"grad": lambda x: put(np.cos(x), 2, np.negative)}, "sign", "1 wrong entries of 5"),
    "one entry of many": (lambda x: np.sum(np.exp(x)), V, {"grad": lambda x: put(np.exp(x), 1, lambda v: 2 * v)}, "factor", "2 times"),
    "a number twice": (lambda x: np.exp(0.3 * x), np.array(0.7), {"grad": lambda x: 0.6 * np.exp(0.3 * x)}, "factor", "2 times"),
    "zeros": (lambda x: np.sum(np.sin(x)), V, {"grad": lambda x: np.cos(x) * (x > 0)}, "zero", "1 wrong entries"),
    "batch reversed": (lambda x, w: x @ w, (X, W), {"vjp": batch}, "flip", "of the cotangent"),
    "forward for backward": (lambda x: np.sin(A @ x), V, {"vjp": lambda g, x: (np.cos(A @ x) * (A @ g),)}, "transpose", "times the cotangent"),
    "an output lost": (lambda x: np.cumsum(x**2), V, {"vjp": lambda g, x: (2 * x * np.cumsum(put(g, 2, lambda v: 0)[::-1])[::-1],)}, "term missing", "index 2 of axis 0"),
    "a factor of the output": (lambda x: np.sqrt(1 + x * x), V, {"vjp": lambda g, x: (g * x,)}, "factor too many", "the output"),
    "a power too few": (lambda x: np.log(x), V**2, {"vjp": lambda g, x: (g / np.sqrt(x),)}, "factor too many", "the root of"),
    "one is missing": (lambda x: np.sum(x * np.log(x)), V**2, {"grad": np.log}, "term missing", "the cotangent"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_it_is_named(name):
    """Where it can only be called."""
    f, inputs, given, kind, told = CASES[name]
    report = check(floats(f), inputs, **given)
    found = [f.mistake for f in report.findings if f.mistake is not None]
    assert [m.kind for m in found] == [kind], str(report)
    assert told in str(found[0])


def test_the_inverse_of_a_jacobian():
    """A system is solved with its matrix where the transpose of its inverse belongs."""
    report = check(lambda b: np.linalg.solve(A, np.asarray(b, np.float64)), V, vjp=lambda g, b: (A.T @ g,))
    assert report.findings[0].mistake.kind == "inverse", str(report)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.deep), pytest.param(2, marks=pytest.mark.deep)])
@pytest.mark.parametrize(("entries", "vector"), [(1, False), (2, True), (5, False), (6, True)])
def test_what_is_like_nothing_has_no_name(entries, vector, seed):
    """A wrong derivative of another function, of a few entries and of many, of one output and of many."""
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(0.5, 2, entries), rng.normal(size=entries)
    x = rng.uniform(0.3, 1.7, entries)
    wrong = lambda x: np.cos(x) * (1 + 0.37 * np.cos(a * x + b)) + 0.21 * np.sin(2.3 * x * a)
    if vector:
        report = check(floats(np.sin), x, vjp=lambda g, x: (g * wrong(x),))
    else:
        report = check(floats(lambda x: np.sum(np.sin(x))), x, grad=wrong)
    assert report.verdict == "fail"
    assert all(f.mistake is None for f in report.findings), str(report)


@pytest.mark.parametrize(("bar", "named"), [(1e-9, True), (3e-2, False)])
def test_what_is_seen_badly_has_no_name(bar, named):
    """Of hundreds of candidates one fits by accident where bars are wide."""
    x = np.array([0.3, 0.8, 1.4])
    right = np.array([1.0, -2.0, 3.0])
    got = right * x * (1 + bar * np.array([1.0, -1.0, 0.5]))
    found = Entries(got, right, bar * np.abs(right), (("x", x),)).mistake()
    assert (found is not None and found.kind == "factor too many") is named


@pytest.mark.parametrize(("entries", "named"), [(2, False), (3, True)])
def test_three_entries_are_enough(entries, named):
    """Entries of other points count as entries."""
    right = np.array([1.0, -2.0, 3.0])[:entries]
    here = Entries(1.5 * right, right, np.full(entries, 1e-12))
    assert (here.mistake() is not None) is named
    assert here.joined(here).mistake().detail.startswith("every entry is 3/2")


def test_a_factor_for_one_cotangent_is_none():
    """It has to hold for another one."""
    report = check(floats(np.sin), X, vjp=lambda g, x: (g * np.cos(x) * (1 + g[1, 1] * (x == x[0, 1])),))
    assert all(f.mistake is None for f in report.findings), str(report)


@pytest.mark.parametrize(("left", "named"), [(2e-5, True), (5e-2, False)])
def test_a_solver_s_tolerance_stays_in_a_factor(left, named):
    """A hundredth of the difference may be left over three entries; twice is told from numbers that are near it."""
    right = np.array([1.0, -2.0, 3.0, 0.5])
    got = 2 * right + left * np.array([1.0, 1.0, -1.0, 1.0])
    found = Entries(got, right, np.full(4, 1e-12)).mistake()
    assert (found is not None) is named
    assert not named or found.number == pytest.approx(2, rel=1e-4)


@pytest.mark.parametrize(("rest", "named"), [(2e-3, True), (2e-2, False)])
def test_entries_that_are_nearly_right_tell_the_accuracy(rest, named):
    """Others are off by what an accuracy may be: the sign of one entry is seen; where they are off by more, they are wrong themselves."""
    wrong = lambda x: put(np.cos(x) * (1 + rest * np.sin(9 * x)), 3, np.negative)
    report = check(floats(lambda x: np.sum(np.sin(x))), V, grad=wrong)
    assert any(f.mistake is not None and f.mistake.kind == "sign" for f in report.findings) is named, str(report)


@pytest.mark.parametrize(("condition", "named"), [(10.0, True), (1e6, False)])
def test_the_inverse_of_what_has_none(condition, named):
    """A matrix that is all but singular has no inverse that differences could tell."""
    f = np.diag([1.0, 2.0, condition])
    report = check(floats(lambda x: f @ x), V[:3], vjp=lambda g, x: (np.linalg.solve(f, g),))
    assert any(f.mistake is not None and f.mistake.kind == "inverse" for f in report.findings) is named, str(report)
