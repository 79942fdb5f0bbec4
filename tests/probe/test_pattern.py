"""Names of mistakes: each is given with evidence, and never to something else."""

import numpy as np
import pytest

from gradcheck import check

RNG = np.random.default_rng(1)
X, W = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))
SLOTS = np.array([2, 0, 2, 1, 0])


def _put(g, x, i, how):
    out = np.zeros_like(x)
    for k in range(len(i)) if how == "last" else reversed(range(len(i))):
        out[i[k]] = g[k]
    return out


NAMED = {
    "permutation": (lambda x: np.sin(x), X[0], lambda g, x: ((g * np.cos(x))[[2, 0, 3, 1]],), "permutation"),
    "= for +=, last": (lambda x, i: x[i], (X, SLOTS), lambda g, x, i: (_put(g, x, i, "last"), None), "= for +=: of the contributions to an entry only the last"),
    "= for +=, first": (lambda x, i: x[i], (X, SLOTS), lambda g, x, i: (_put(g, x, i, "first"), None), "= for +=: of the contributions to an entry only the first"),
    "term of a matrix product": (lambda x: x @ x.T, X[:, :3], lambda g, x: (g @ x,), "term missing: g.T @ input 0"),
    "term": (lambda x: np.sum(x**3 + np.sin(x)), X, lambda g, x: (3 * g * x * x,), "term missing: the cotangent times cos of input 0"),
    "output lost": (lambda x: (x**2, np.sin(x)), X, lambda g, x: (2 * g[0] * x,), "term missing: output 1"),
    "mean as sum": (lambda x: np.mean(x**2), X, lambda g, x: (2 * g * x,), "factor: every entry is 12 times the right one (12 is the size"),
    "batch": (lambda x, w: x @ w, (X, W), lambda g, x, w: (g @ w.T, x.T @ g / 3), "factor: every entry is 1/3"),
    "swapped": (lambda x, y: x * y**2, (X, X + 3), lambda g, x, y: (2 * g * x * y, g * y**2), "swapped: it is the gradient of"),
    "ignored input": (lambda x, y: x * x, (X, X + 1), lambda g, x, y: (2 * g * x, g), "not ignored"),
    "cotangent of a number ignored": (lambda x: np.sum(x**3), X, lambda g, x: (3 * x * x,), "cotangent ignored"),
    "cotangent of a number used twice": (lambda x: np.sum(x**3), X, lambda g, x: (3 * g * g * x * x,), "cotangent used twice"),
    "half of it": (lambda x: np.sum(x**3), X, lambda g, x: (1.5 * g * x * x,), "factor: every entry is 1/2"),
    "axes": (lambda x: x**2, RNG.normal(size=(3, 3, 3)), lambda g, x: ((2 * g * x).transpose(1, 2, 0),), "transpose"),
    "boundary": (
        lambda x: np.where(x >= 0, 3 * x, 0.0) - 2 * x * (x >= 0), np.array([1.0, 2.0, -1.0, 0.5]),
        lambda g, x: (g * (x > 0) * (x != 2.0),), "mask off at boundary: entries equal to 2 are stopped",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_mistakes_are_named(name):
    """The diagnosis starts with the name."""
    f, inputs, vjp, mistake = NAMED[name]
    report = check(f, inputs, vjp=vjp)
    assert report.verdict == "fail"
    assert any(x.diagnosis.startswith(mistake) for x in report.findings), str(report)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("wrong", [{"grad": lambda x: 3.3 * x**2}, {"vjp": lambda g, x: 3.3 * g * x**2}])
def test_numbers_of_a_scalar_function_are_the_gradient_s(wrong, seed):
    """No cotangent stands in a message where f is a number: what the caller's own code gives is told."""
    report = check(lambda x: np.sum(x**3), np.array([1.0, 2.0]), seed=seed, **wrong)
    finding = report.findings[0]
    x = [1.0, 2.0][finding.index[0]]
    assert finding.got == pytest.approx(3.3 * x * x)
    assert finding.expected == pytest.approx(3 * x * x)


NAMELESS = {
    "noise": lambda g, x: (g * np.cos(x) + 0.1 * np.cos(7 * x + 3),),
    "another slope": lambda g, x: (g * np.cos(x) ** 3 * 1.1,),
    "factor that depends on the cotangent": lambda g, x: (g * np.cos(x) * g[0, 0],),
}


@pytest.mark.parametrize("name", NAMELESS)
def test_what_is_no_pattern_gets_no_name(name):
    """Not recognised is an allowed answer."""
    report = check(np.sin, X, vjp=NAMELESS[name])
    assert report.verdict == "fail"
    assert not any(x.diagnosis.startswith(("sign", "factor", "permutation", "roll", "term", "=")) for x in report.findings), str(report)
