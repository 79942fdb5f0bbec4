"""What is given: states, formats, options, functions that do not keep still. Clear errors, or reasons."""

import inspect

import numpy as np
import pytest

from gradcheck import check
from gradcheck.errors import BadInput, FunctionFailed
from tests.probe.custom import custom

X = np.array([0.5, -1.0, 2.0])


class Tanh:
    """A layer that keeps its output for the backward pass."""

    def forward(self, x):
        """Return tanh(x)."""
        self.y = np.tanh(x)
        return self.y


@pytest.mark.parametrize(("power", "verdict"), [(2, "pass"), (1, "fail")])
def test_a_layer_that_keeps_its_output(power, verdict):
    """The forward pass is made before each backward one, which is remarked."""
    layer = Tanh()
    report = check(layer.forward, X, vjp=lambda g, x: (g * (1 - layer.y**power),))
    assert report.verdict == verdict
    assert any("last evaluation of f" in r for r in report.remarks)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("factor", [-1.0, 2.0, 1.3, 0.0, 0.5, 1.0])
def test_narrow_numpy_functions(dtype, factor):
    """Wrong factors are rejected, the right derivative is not; the derivative sees arrays of its own format."""
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=20).astype(dtype) for _ in range(2))
    seen = set()

    def vjp(g, x, y):
        seen.update(a.dtype for a in (g, x, y))
        return (np.asarray(factor, dtype) * g * y).astype(dtype), g * x

    report = check(lambda x, y: x * y, (x, y), vjp=vjp)
    assert report.verdict == ("pass" if factor == 1.0 else "fail"), str(report)
    assert seen == {np.dtype(dtype)}


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (1.01, "fail")])
def test_a_narrow_jvp_stays_narrow(factor, verdict):
    """It sees float32 numbers alone, whatever f is evaluated in."""
    seen = set()

    def jvp(t, x):
        seen.update((t[0].dtype, x.dtype))
        return np.float32(factor) * np.cos(x) * t[0]

    assert check(np.sin, X.astype(np.float32), vjp=lambda g, x: (g * np.cos(x),), jvp=jvp).verdict == verdict
    assert seen == {np.dtype(np.float32)}


def test_branches_that_meet_without_a_kink():
    """The median of equal numbers: each one, and their mean, is a right gradient; twice of it is not."""
    ones = np.ones(3)
    first = lambda g, x: (g * (np.arange(3) == np.argsort(x, kind="stable")[1]),)
    assert check(np.median, ones, vjp=first).verdict == "pass"
    assert check(np.median, ones, vjp=lambda g, x: (2 * first(g, x)[0],)).verdict == "fail"


@pytest.mark.parametrize("x", [[1.0, 2.5, 2.5, -1.0], [2.0, 2.0], [0.0, 0.0, 0.0]])
def test_shares_of_a_tie_add_up(x):
    """The whole gradient to each of several maxima is wrong, whatever points nearby say."""
    every = lambda g, x: (g * (x == np.max(x)),)
    shared = lambda g, x: (g * (x == np.max(x)) / np.sum(x == np.max(x)),)
    assert check(np.max, np.array(x), vjp=every).verdict == "fail"
    assert check(np.max, np.array(x), vjp=shared).verdict == "pass"


def test_median_of_torch():
    """torch's own gradients at ties pass."""
    torch = pytest.importorskip("torch")
    ones = torch.ones(3, dtype=torch.float64)
    assert check(lambda x: x.median(), ones).verdict == "pass"
    assert check(lambda x: x.sort()[0][-2], ones).verdict == "pass"


def test_what_only_the_complex_step_sees_is_no_pass():
    """An entry off by more than the resolution of the right derivative: never a silent pass."""
    x = np.random.default_rng(5).normal(size=10_000)
    f, right = lambda x: np.exp(x).sum(), lambda g, x: g * np.exp(x)
    fine = check(f, x, vjp=lambda g, x: (right(g, x),))
    assert fine.verdict == "pass"

    def wrong(g, x):
        out = right(g, x)
        out[77] *= 1 + 30 * fine.resolution
        return (out,)

    assert check(f, x, vjp=wrong).verdict != "pass"


def test_roots_that_leave_the_real_numbers():
    """np.cbrt at negative numbers: differences instead of dual numbers."""
    assert check(np.cbrt, np.array([-1.0, -8.0]), vjp=lambda g, x: (g / 3 / np.cbrt(x) ** 2,)).verdict == "pass"


def test_cotangents_in_another_layout_than_the_input():
    """A backward that reads the cotangent with the strides of the input."""
    torch = pytest.importorskip("torch")

    twice = custom(lambda x: x * 2, lambda g, x: 2 * torch.as_strided(g, x.shape, x.stride()))
    report = check(twice, torch.randn(3, 4, dtype=torch.float64))
    assert report.verdict == "fail"
    assert any("stride-0" in f.message for f in report.findings)
    assert any("cotangent" in f.message for f in report.findings)


def test_exploration_of_complex_numbers_and_small_budgets():
    """Neither raises; what was found before the budget ended is kept."""
    z = np.array([1 + 2j, 0.5, 3j])
    assert check(lambda z: z * z, z, vjp=lambda g, z: (g * np.conj(2 * z),), explore=True).verdict == "pass"
    report = check(np.sin, X, vjp=lambda g, x: (g * np.cos(x),), explore=True, budget=40)
    assert report.explored is not None
    assert not report.explored.complete
    assert check(np.sin, X, vjp=lambda g, x: (g * np.cos(x),), explore=True, budget=3).verdict == "inconclusive"


def test_derivatives_that_raise_at_explored_inputs():
    """The inverse of a singular matrix is refused, not crashed on."""
    a = np.random.default_rng(0).normal(size=(2, 2))
    report = check(np.linalg.det, a, vjp=lambda g, x: (g * np.linalg.det(x) * np.linalg.inv(x).T,), explore=True)
    assert report.explored.unsupported > 0


@pytest.mark.deep
def test_exploration_of_second_derivatives():
    """A Hessian that is not a number at 0."""
    report = check(lambda x: np.sum(x**3), X, hvp=lambda v, x: (6 * v[0] * x * x / x,), explore=True)
    assert report.verdict == "fail"


def test_options_that_cannot_be():
    """Seeds, accuracies, two derivatives at once, grad= of a vector."""
    right = lambda g, x: (g * np.cos(x),)
    for wrong in ({"seed": -1}, {"seed": "a"}, {"accuracy": -1.0}, {"accuracy": float("nan")}, {"grad": np.cos}):
        with pytest.raises(BadInput, match="expected"):
            check(np.sin, X, **{"vjp": right, **wrong})
    with pytest.raises(FunctionFailed, match="scalar f for grad="):
        check(np.sin, X, grad=np.cos)


def test_functions_that_do_not_keep_still():
    """Another shape at each call, an input overwritten, no array as a gradient, nothing to check."""
    sizes = iter(range(3, 100))
    with pytest.raises(FunctionFailed, match="changes the shape"):
        check(lambda x: np.resize(x, next(sizes)), X, vjp=lambda g, x: (g[:3],))

    def doubling(x):
        x *= 2
        return x.copy()

    assert any("changes its inputs" in f.message for f in check(doubling, X, vjp=lambda g, x: (2 * g,)).findings)
    with pytest.raises(FunctionFailed, match="expected numbers"):
        check(np.sin, X, vjp=lambda g, x: ("a",))
    empty = check(np.sin, np.zeros(0), vjp=lambda g, x: (g,))
    assert (empty.verdict, empty.reasons) == ("inconclusive", ("the inputs are empty: nothing was checked",))


def test_options_keep_their_names():
    """Every option of the release before is one still: none was renamed, so none has to warn."""
    before = ["f", "inputs", "vjp", "grad", "jvp", "hvp", "hessian", "order", "explore", "seed", "budget", "accuracy", "progress"]
    assert set(before) <= set(inspect.signature(check).parameters)
