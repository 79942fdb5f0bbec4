"""Domains: words, bounds and predicates; what is explored stays inside, and given inputs have to."""

import numpy as np
import pytest

from gradcheck import check
from gradcheck.errors import BadInput
from gradcheck.probe.explore import explore
from gradcheck.probe.explore.domain import domain_of, rule_of

X = np.array([0.5, 1.5, 0.7])
P = np.array([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]])
S = np.array([[2.0, 0.3], [0.3, 1.0]])

INSIDE = {
    "bounds": ((0.1, 3), X, lambda x: x.min() >= 0.1 and x.max() <= 3),
    "from below": ((0, None), X, lambda x: x.min() >= 0),
    "from above": ((None, 2.0), X, lambda x: x.max() <= 2),
    "each entry its own": ((np.array([0, 1, -np.inf]), None), X, lambda x: x.shape != (3,) or (x[0] >= 0 and x[1] >= 1)),
    "positive": ("positive", X, lambda x: x.min() > 0),
    "probabilities": ("probabilities", P, lambda x: x.min() >= 0 and np.allclose(x.sum(-1), 1)),
    "spd": ("spd", S, lambda x: x.ndim > 2 or (np.allclose(x, x.T) and np.linalg.eigvalsh(x)[0] > 0)),
    "a predicate": (lambda x: bool(np.sum(x) < 4), X, lambda x: np.sum(x) < 4),
}


@pytest.mark.sweep(one_in=4)
@pytest.mark.parametrize("name", INSIDE)
def test_explored_inputs_stay_inside(name, monkeypatch):
    """Many inputs are explored, all of them inside, with the neighbours that f is evaluated at."""
    domain, x, inside = INSIDE[name]
    points, values = [], []
    seen = explore.glance

    def glance(examination, *rest):
        points.append(examination.subject.point[0])
        return seen(examination, *rest)

    def f(x):
        values.extend([np.array(x)] if points and isinstance(x, np.ndarray) and x.dtype != object else [])
        return np.sum(x * x)

    monkeypatch.setattr(explore, "glance", glance)
    report = check(f, x, grad=lambda x: 2 * x, explore=True, domain=domain, budget=1500)
    assert report.verdict == "pass", str(report)
    assert len({x.tobytes() for x in points}) > 10
    assert all(inside(x) for x in points if x.size)
    if name not in ("probabilities", "spd"):  # no difference stays inside of these
        assert all(inside(x) for x in values if x.size)


WRONG_OUTSIDE = {
    "positive": (lambda x: np.sum(np.abs(x)), X, np.ones_like, "positive"),
    "bounds": (lambda x: np.sum(np.where(x < 2, x**2, x)), X, lambda x: 2 * x, (0, 1.9)),
    "a predicate": (lambda x: np.sum(np.where(x < 2, x**2, x)), X, lambda x: 2 * x, lambda x: bool(x.max() < 1.9)),
    "probabilities": (lambda x: np.sum(np.maximum(x, 0) ** 2) + np.sum(np.minimum(x, 0)), P, lambda x: 2 * x, "probabilities"),
    "spd": (lambda x: np.log(np.abs(np.linalg.det(x))) + (x[0, 0] < 0) * x[0, 0], S, lambda x: np.linalg.inv(x).T, "spd"),
}


@pytest.mark.sweep(one_in=7)
@pytest.mark.parametrize("name", WRONG_OUTSIDE)
def test_what_is_wrong_outside_only_is_no_fault(name):
    """It fails without the domain and passes with it."""
    f, x, grad, domain = WRONG_OUTSIDE[name]
    assert check(f, x, grad=grad, explore=True, budget=4000).verdict == "fail"
    report = check(f, x, grad=grad, explore=True, domain=domain, budget=4000)
    assert report.verdict == "pass", str(report)


@pytest.mark.deep
def test_what_is_wrong_inside_is_a_fault():
    """A cut-off inside the bounds is found, and the code that reproduces it keeps the domain."""
    f = lambda x: np.sum(np.where(x < 2, x**2 / 2, 2 * x - 2))
    report = check(f, X, grad=lambda x: x, explore=True, domain=(0, 5))
    assert report.verdict == "fail", str(report)
    assert max(float(x) for x in np.atleast_1d(report.findings[0].got)) <= 5


@pytest.mark.deep
def test_one_domain_an_argument():
    """None allows anything; whole numbers have a domain where it is given for theirs."""
    f = lambda x, y, n: np.sum(np.abs(x) * y**n)
    vjp = lambda g, x, y, n: (g * y**n, g * n * x * y ** (n - 1), None)
    for domain, verdict in ((("positive", None, (1, 3)), "pass"), ((None, None, (1, 3)), "fail")):
        report = check(f, (X, X + 1, 2), vjp=vjp, explore=True, domain=domain)
        assert report.verdict == verdict, str(report)


BAD = {
    "an unknown word": ("positiv", "expected a domain"),
    "three bounds": ((0, 1, 2), "one an argument; got 3"),
    "the wrong way round": ((1, 0), "low <= high"),
    "a number": (3, "expected a domain"),
    "outside bounds": ((0.6, None), "outside of the bounds"),
    "outside of a predicate": (lambda x: x.max() < 1, "outside of the domain"),
    "no probabilities": ("probabilities", "outside of the probabilities"),
    "no matrix": ("spd", "outside of the symmetric"),
    "one that raises": (lambda x: x.nothing, "the domain raised AttributeError"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_domains_are_refused(name):
    """Whether or not anything is explored."""
    domain, words = BAD[name]
    with pytest.raises(BadInput, match=words):
        check(lambda x: np.sum(x * x), X, grad=lambda x: 2 * x, domain=domain)


def test_projections_lie_inside():
    """Of random arrays, in every format."""
    rng = np.random.default_rng(0)
    for dtype in (np.float64, np.float32, np.float16):
        for given in ("probabilities", "spd", "positive", (-1, 0.5)):
            rule, a = rule_of(given), rng.normal(size=(3, 3)).astype(dtype)
            assert rule.contains(np.asarray(rule.project(a), dtype)), (dtype, given)


def test_what_cannot_be_projected_is_left_out():
    """Zeros are no probabilities, and no positive numbers; a matrix that is not square is not definite."""
    for given, x, other in (("probabilities", P, 0 * P), ("positive", X, 0 * X), ("spd", S, np.ones((2, 3)))):
        assert domain_of(given, 1, ("0",), (x,)).moved([other], [x]) is None
