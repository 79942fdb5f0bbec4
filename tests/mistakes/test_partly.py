"""Mistakes of some entries, of few entries, of what is at hand and of the Jacobian as a whole; and what gets no name."""

import numpy as np
import pytest

from gradcheck import check
from gradcheck.probe.blame.at_hand import Entries, _is_varied
from gradcheck.probe.blame.jacobian import _candidates, _jacobian, misuse
from gradcheck.probe.blame.partly import _beside, _gross
from gradcheck.probe.line.look import Look
from gradcheck.probe.slope.instrument import Instrument
from gradcheck.probe.subject.numpy import numpy_subject
from gradcheck.probe.subject.subject import evaluated
from gradcheck.probe.subject.vector import Vector
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


@pytest.mark.parametrize(("off", "gross"), [(0.06, False), (0.25, True)])
def test_what_is_grossly_wrong_beside_what_is_nearly_right(off, gross):
    """From an eighth of an entry on, where the others are off by less than a hundredth."""
    got = V * (1 + np.array([1e-3, 0.0, 1e-3, 0.0, off]))
    wrong, rest = _gross(got, V, np.full(5, 1e-9))
    assert (wrong.tolist() == [False] * 4 + [True]) is gross
    assert (rest > 0) is gross


@pytest.mark.parametrize(("spread", "varied"), [(5e-4, False), (2e-3, True)])
def test_entries_that_are_alike_are_a_number(spread, varied):
    """What differs by less than a thousandth is no array; a factor of it is one of the number."""
    assert _is_varied(np.array([1.0, 1 - spread / 2, 1 - spread])) is varied


@pytest.mark.parametrize(("left", "named"), [(1.5e-2, True), (6e-2, False)])
def test_what_is_left_of_a_factor(left, named):
    """A hundredth of the largest difference, here of 3."""
    right = np.array([1.0, -2.0, 3.0, 0.5])
    assert (Entries(2 * right + left * np.array([1.0, 1.0, -1.0, 1.0]), right, np.full(4, 1e-12)).mistake() is not None) is named


@pytest.mark.parametrize(("condition", "tried"), [(500.0, True), (2000.0, False)])
def test_an_inverse_has_two_digits_left(condition, tried):
    """Those of differences are five; the condition of the matrix costs some."""
    kinds = [m.kind for m, _ in _candidates(np.diag([1.0, 2.0, condition]), V[:3], (3,))]
    assert ("inverse" in kinds) is tried


def called(f, x):
    """Return the instrument of a function that is called."""
    subject = numpy_subject(floats(f), (x,), vjp=lambda g, x: (g,), grad=None, jvp=None)
    return Instrument(subject, evaluated(subject))


@pytest.mark.parametrize("f", [lambda x: np.sin(25 * x), lambda x: 1e7 + x])
def test_how_good_a_central_difference_is(f):
    """To 1e-5 of the slope: of waves, and where outputs are large."""
    x = np.linspace(0.75, 1.0, 100)
    slope = 25 * np.cos(25 * x) if f(0.0) == 0 else np.ones(100)
    for k in (0, 17, 34, 51, 68, 85):
        J = _jacobian(called(f, x[k : k + 15]), 0)
        assert np.all(np.abs(np.diag(J) - slope[k : k + 15]) <= 1e-5 * np.max(np.abs(slope)))


@pytest.mark.parametrize(("off", "named"), [(0.5, True), (2.0, False)])
def test_a_wrong_use_of_a_jacobian_by_differences(off, named):
    """It is seen as well as these are: by 1e-5 of its largest entry, for each of the cotangent."""
    instrument, g = called(lambda x: A @ x, V), np.array([1.0, 0.5, -0.7, 0.9, 0.6])
    error = off * 1e-5 * np.max(np.abs(A)) * np.sum(np.abs(g)) * (np.arange(5) == 1)
    seen = Look(Vector.of([g]), Vector.of([V]), Vector.of([A @ g + error]), 1.0, 0.0)
    assert (misuse(instrument, seen, 0, A.T @ g, np.full(5, 1e-12)) is not None) is named


def test_points_beside_are_others_and_near():
    """A slope is another one there by a tenth, and a domain that ends a fifth away has not ended."""
    for x in np.linspace(1.2, 1.4, 5):
        found = [other.subject.point[0] for other in _beside(called(lambda x, x0=x: np.sqrt(1.2 * x0 - x), np.array([x])))]
        assert len(found) == 2
        assert max(abs(np.cos(p[0]) / np.cos(x) - 1) for p in found) > 0.1


@pytest.mark.parametrize(("entries", "measured"), [(1024, True), (1025, False)])
def test_large_jacobians_are_not_made(entries, measured):
    """Two evaluations an entry of the input."""
    instrument = called(lambda x: np.full(entries, x.sum()), V)
    seen, before = Look(Vector.of([np.ones(entries)]), Vector.of([V]), Vector.of([V]), 1.0, 0.0), instrument.subject.meter.evaluations
    misuse(instrument, seen, 0, np.full(5, float(entries)), np.full(5, 1e-9))
    assert instrument.subject.meter.evaluations - before == 2 * V.size * measured
