"""Exploration: faults that hide at ordinary inputs are found, shrunk, and reproduced; right derivatives stay right."""

import numpy as np
import pytest

from gradcheck import check
from gradcheck.faults import faults
from tests.probe.custom import custom

X = np.array([0.5, 1.5, -0.7])


def _unbroadcast(g, x):
    g = np.asarray(g)
    while g.ndim > np.ndim(x):
        g = g.sum(axis=0)
    return g.sum(axis=tuple(k for k, n in enumerate(np.shape(x)) if n == 1 and g.shape[k] != 1), keepdims=True)


def _at(g, x, i):
    out = np.zeros_like(x)
    out[i] = g
    return out


def _huber(x):
    return np.where(np.abs(x) < 3, x * x / 2, 3 * (np.abs(x) - 1.5))


HIDDEN = {
    "a zero": (lambda x: np.prod(x), X, lambda g, x: (g * np.prod(x) / x,), "nan"),
    "a tie": (lambda x: np.max(x), X, lambda g, x: (g * (x == np.max(x)),), "expected"),
    "a repeated index": (lambda x, i: x[i], (X, np.array([2, 0, 1])), lambda g, x, i: (_at(g, x, i), None), "= for +="),
    "a tail": (lambda x: np.logaddexp(0, x), X, lambda g, x: (g * np.exp(x) / (1 + np.exp(x)),), "nan"),
    "beyond a cut-off": (_huber, X, lambda g, x: (g * x,), "expected"),
    "equal inputs": (
        lambda x, y: np.maximum(x, y), (X, X * X), lambda g, x, y: (g * (x >= y), g * (y >= x)), "",
    ),
    "a negative number": (lambda x: np.abs(x), np.abs(X), lambda g, x: (g,), "expected"),
    "a switch": (lambda x, on: x * x if on else x, (X, False), lambda g, x, on: (g, None), "expected"),
    "an adversarial cotangent": (
        lambda x: np.sin(x), X, lambda g, x: (np.where(np.abs(g) > 100, 0, g) * np.cos(x),), "expected",
    ),
    "another size": (lambda x: x * x, X, lambda g, x: (2 * g * x if x.size else np.zeros(1),), "expected shape"),
}  # fmt: skip

OF_SHAPES = {
    "broadcasting": (lambda x, y: x * y, (X, X + 1), lambda g, x, y: (g * y, g * x)),
    "an empty array": (lambda x: np.sum(x * x), X, lambda g, x: (2 * g * x if x.size else np.zeros(1),)),
    "slices": (lambda x: np.cumsum(x, axis=-1), X, lambda g, x: (np.cumsum(g.ravel()[::-1])[::-1].reshape(g.shape),)),
    "a longer list of indices": (lambda x, i: x[i], (X, np.array([2, 0])), lambda g, x, i: (np.bincount(i[:2], g[:2], 3), None)),
}


@pytest.mark.sweep(one_in=5)
@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_faults_are_found(name):
    """The plain check passes, exploration fails with a finding."""
    f, inputs, vjp, words = HIDDEN[name]
    assert check(f, inputs, vjp=vjp).verdict == "pass"
    report = check(f, inputs, vjp=vjp, explore=True)
    assert report.verdict == "fail", str(report)
    assert any(words in x.message for x in report.findings), str(report)
    assert report.explored is not None
    assert report.explored.tried > 0


@pytest.mark.sweep(one_in=4)
@pytest.mark.parametrize("name", OF_SHAPES)
def test_faults_at_other_shapes_count_for_operations(name):
    """They are a remark for a function, and a fault for an operation."""
    f, inputs, vjp = OF_SHAPES[name]
    report = check(f, inputs, vjp=vjp, explore=True)
    assert report.verdict == "pass", str(report)
    assert any("explore='shapes'" in x for x in report.remarks), str(report)
    report = check(f, inputs, vjp=vjp, explore="shapes")
    assert report.verdict == "fail", str(report)
    assert "explore='shapes'" in report.findings[0].snippet or "gradcheck.check" in report.findings[0].snippet


D = np.array([0.3, -1.2, 2.0])
RIGHT = {
    "two entries": (lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2, X[:2],
                    lambda g, x: (g * np.array([-400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]), 200 * (x[1] - x[0] ** 2)]),)),
    "data": (lambda x: np.sum((x - D) ** 2), X, lambda g, x: (2 * g * (x - D),)),
    "data, entry by entry": (lambda x: x * D, X, lambda g, x: (g * D,)),
    "numbers and data": (lambda m, s: np.sum(0.5 * ((D - m) / s) ** 2 + np.log(s)), (0.2, 1.5),
                         lambda g, m, s: (-g * np.sum((D - m) / s**2), g * np.sum(-((D - m) ** 2) / s**3 + 1 / s))),
    "0-d and data": (lambda m: np.sum((D - m) ** 2), np.array(0.2), lambda g, m: (-2 * g * np.sum(D - m),)),
    "a Jacobian of vectors": (np.sin, X, lambda g, x: (np.diag(np.cos(x)) @ g,)),
    "a density": (lambda x: np.sum(np.exp(-(x**4))), X, lambda g, x: (-4 * g * x**3 * np.exp(-(x**4)),)),
    "a steep density": (lambda x: np.sum(np.exp(-(x**20))), X, lambda g, x: (-20 * g * x**19 * np.exp(-(x**20)),)),
    "float16": (lambda x: x * x, X.astype(np.float16), lambda g, x: (2 * g * x,)),
    "tanh, textbook": (np.tanh, X, lambda g, x: (g * (1 - np.tanh(x) ** 2),)),
    "relu": (lambda x: np.maximum(x, 0), X, lambda g, x: (g * (x > 0),)),
    "max, first of a tie": (lambda x: np.max(x), X, lambda g, x: (g * (np.arange(x.size).reshape(x.shape) == np.argmax(x)),)),
    "sort": (np.sort, X, lambda g, x: (_at(g, x, np.argsort(x, kind="stable")) if x.ndim == 1 else 1 / 0,)),
    "product": (lambda x, y: x * y, (X, X + 1), lambda g, x, y: (_unbroadcast(g * y, x), _unbroadcast(g * x, y))),
    "a layer": (lambda x, w, b: x @ w + b, (np.ones((2, 3)) * X, np.outer(X, [1.0, 2.0]), np.array([0.1, 0.2])),
                lambda g, x, w, b: (g @ w.T, x.T @ g, g.sum(axis=0))),
    "saw": (lambda x: x % 1.0, np.abs(X), lambda g, x: (g,)),
    "floor": (np.floor, X, lambda g, x: (0 * g,)),
}  # fmt: skip


@pytest.mark.sweep(one_in=6)
@pytest.mark.parametrize("name", RIGHT)
def test_right_derivatives_are_not_rejected(name):
    """Textbook formulas far out, kinks that meet, stairs, shapes that f takes by chance: nothing is wrong there."""
    f, inputs, vjp = RIGHT[name]
    report = check(f, inputs, vjp=vjp, explore=True)
    assert report.verdict != "fail", str(report)


def test_findings_are_shrunk_and_reproduced(capsys):
    """The smallest product with a zero; the snippet fails in the same way."""
    report = check(lambda x: np.prod(x), np.linspace(0.3, 1.7, 9), vjp=lambda g, x: (g * np.prod(x) / x,), explore="shapes")
    code = report.findings[0].snippet
    assert "x0 = np.array([0.], dtype='float64')" in code
    scope = {"f": np.prod, "vjp": lambda g, x: (g * np.prod(x) / x,)}
    exec(code, scope)
    assert capsys.readouterr().out.startswith("fail")


def test_findings_keep_the_shape_and_the_name():
    """Without shapes, the point has the entries that were given; it says where it is wrong, by what numbers, and the mistake."""
    report = check(lambda x: np.sum(np.abs(x)), X[:2], grad=np.ones_like, explore=True)
    named = [x for x in report.findings if x.diagnosis.startswith("sign")]
    assert named, str(report)
    assert (named[0].node, named[0].got, round(named[0].expected, 6)) == ("0", 1.0, -1.0)
    assert all(len(x.snippet.split("np.array([")[1].split("]")[0].split(",")) == 2 for x in report.findings if x.severity == "fault")
    assert report.explored.tried > 20  # it went on


@pytest.mark.parametrize("mode", [True, "shapes"])
@pytest.mark.deep
def test_a_number_stays_a_number(mode):
    """A float is a float, and an array without axes has none, at every explored input."""
    kinds = set()

    def f(x, y, z):
        kinds.add((np.shape(x), np.shape(y)))
        return x * y * np.sum(z)

    check(f, (0.5, np.array(1.5), X), vjp=lambda g, x, y, z: (g * y * np.sum(z), g * x * np.sum(z), g * x * y + 0 * z), explore=mode, budget=1500)
    assert kinds == {((), ())}


class Mask:
    """A layer that keeps its mask, which changes only where a number crosses zero."""

    def __call__(self, x):
        self.mask = x > 0
        return x * self.mask

    def back(self, g, x):
        return (g * self.mask,)


def test_state_that_only_other_points_show_is_no_fault():
    """At the given numbers the mask is the same for every neighbour."""
    layer = Mask()
    report = check(layer, X, vjp=layer.back, explore=True)
    assert report.verdict == "pass", str(report)


@pytest.mark.deep
def test_roundings_far_out_are_no_fault():
    """The variance in two passes, of numbers so large that their mean is rounded; not so a factor there."""
    var = lambda x: np.sum((x - np.mean(x)) ** 2)
    report = check(var, X, grad=lambda x: 2 * (x - np.mean(x)), explore=True)
    assert report.verdict == "pass", str(report)
    report = check(var, X, grad=lambda x: 2.5 ** (np.max(x) > 1e3) * 2 * (x - np.mean(x)), explore=True)
    assert report.verdict == "fail", str(report)


@pytest.mark.deep
def test_nan_where_f_changes_is_a_fault():
    """Far out, but f is a straight line there; and at ordinary numbers, even where f is flat."""
    report = check(lambda x: np.logaddexp(0, x), X, vjp=lambda g, x: (g * np.exp(x) / (1 + np.exp(x)),), explore=True)
    assert report.verdict == "fail", str(report)
    trap = lambda g, x: (g * np.where(x > 0, 1, np.where(x < -0.5, np.nan, 0)),)
    report = check(lambda x: np.maximum(x, 0), X, vjp=lambda g, x: trap(g, x), explore=True)
    assert report.verdict == "fail", str(report)


def test_nan_where_f_is_flat_far_out_is_lost_accuracy():
    """It is said, and no fault."""
    report = check(lambda x: np.sum(np.exp(-(x**20))), X, grad=lambda x: -20 * x**19 * np.exp(-(x**20)), explore=True)
    assert any("beyond the range" in x.diagnosis and x.severity == "accuracy" for x in report.findings), str(report)


@pytest.mark.deep
def test_explored_numbers_stay_in_the_documented_range():
    """From 1e-30 to 1e30, by cut-offs and pairs of mutations too."""
    seen = []

    def grad(x):
        seen.extend(np.abs(x[x != 0]))
        return np.where(np.abs(x) < 1e-100, 1, 2) * x

    check(lambda x: np.sum(x * x), X, grad=grad, explore=True)
    assert min(seen) > 1e-34
    assert max(seen) < 1e34


def test_exploration_is_repeatable():
    """The same seed gives the same findings after the same number of evaluations."""
    one, two = (check(np.prod, X, vjp=lambda g, x: (g * np.prod(x) / x,), explore=True, seed=3) for _ in range(2))
    assert [x.message for x in one.findings] == [x.message for x in two.findings]
    assert one.findings
    assert (one.evaluations, one.explored) == (two.evaluations, two.explored)


def test_budget_ends_it_and_keeps_what_was_found():
    """200 evaluations are not exceeded, and the report says that the budget ended it."""
    report = check(lambda x: np.sum(np.sin(x)), X, vjp=lambda g, x: (g * np.cos(x),), explore=True, budget=200)
    assert report.evaluations <= 200
    assert report.explored is not None
    assert not report.explored.complete
    assert "budget" in str(report)


@pytest.mark.deep
def test_refusals_are_counted():
    """A function that insists on its shape refuses other shapes; none of that is a fault."""

    def strict(x):
        if x.shape != (3,):
            raise ValueError(x.shape)
        return np.sum(x**2)

    report = check(strict, X, vjp=lambda g, x: (2 * g * x,), explore=True)
    assert report.verdict == "pass"
    assert report.explored.refused > 10


def test_progress_is_told():
    """The callback gets the count and the name of each input."""
    seen = []
    check(np.sin, X, vjp=lambda g, x: (g * np.cos(x),), explore=True, budget=300, progress=lambda k, name: seen.append((k, name)))
    assert len(seen) > 5
    assert seen[0][1]


@pytest.mark.deep
def test_progress_is_told_of_second_derivatives_too():
    """Where only a Hessian-vector product is given, that is what is explored."""
    seen = []
    report = check(
        lambda x: np.sum(x**3), X, hvp=lambda v, x: (6 * x * v[0],), explore=True, budget=1000, progress=lambda k, name: seen.append(name)
    )
    assert report.verdict != "fail", str(report)
    assert len(seen) > 5


def test_torch_and_jax_are_explored():
    """A custom torch function that is wrong at zero; a right JAX function."""
    torch = pytest.importorskip("torch")

    square = custom(lambda x: x**2, lambda g, x: g * 2 * x**2 / x)
    report = check(square, torch.tensor([0.5, 1.5], dtype=torch.float64), explore=True)
    assert report.verdict == "fail"
    assert "torch.tensor" in report.findings[0].snippet


def test_jax_is_explored():
    """A right JAX function stays right, in float32."""
    jax = pytest.importorskip("jax")
    report = check(lambda x: jax.numpy.sum(jax.numpy.tanh(x)), jax.numpy.ones(3), explore=True, budget=600)
    assert report.verdict != "fail", str(report)


NAMES = [n for n, f in faults.items() if f.wrong is not None and f.fault_class not in ("false-negative", "false-positive")]


@pytest.mark.deep
def test_nine_of_ten_historical_faults_are_found_from_ordinary_inputs():
    """What a user would do: one ordinary input, and explore=True."""
    missed = []
    for name in NAMES:
        fault = faults[name]
        report = check(fault.f, fault.ordinary(np.random.default_rng(11)), vjp=fault.doubted(), explore=True)
        missed += [name] if report.verdict != "fail" else []
    assert len(missed) <= len(NAMES) / 10, missed
