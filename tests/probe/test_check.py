"""gradcheck.check: right derivatives pass, wrong ones fail with entry and mistake, the rest says why."""

import numpy as np
import pytest

from gradcheck import check
from gradcheck.errors import BadInput, FunctionFailed, GradientWrong

RNG = np.random.default_rng(0)
X, W = RNG.normal(size=(4, 4)), RNG.normal(size=(4, 4))


def floats_only(f):
    """Return f behind a conversion that keeps dual numbers out."""
    return lambda *a: f(*(np.asarray(v, float) for v in a))


def sines(x):
    """A function that oscillates faster than coarse steps."""
    return np.sin(x / 1e-5)


RIGHT = {
    "linear": (lambda x: 3 * x, X, lambda g, x: (3 * g,)),
    "matmul": (lambda x, w: x @ w, (X, W), lambda g, x, w: (g @ w.T, x.T @ g)),
    "tanh": (np.tanh, X, lambda g, x: (g / np.cosh(x) ** 2,)),
    "relu at zero": (lambda x: np.maximum(x, 0), np.array([0.0, 1.0, -1.0]), lambda g, x: (g * (x > 0),)),
    "abs at zero": (np.abs, np.array([0.0, 2.0]), lambda g, x: (g * np.sign(x),)),
    "log of small numbers": (np.log, np.array([1e-5, 1e-8]), lambda g, x: (g / x,)),
    "fast oscillation": (sines, np.array([0.3, 0.7]), lambda g, x: (g * np.cos(x / 1e-5) / 1e-5,)),
    "large numbers": (lambda x: x**2, np.array([1e9]), lambda g, x: (2 * g * x,)),
    "small values": (lambda x: 1e-9 * x**2, X, lambda g, x: (2e-9 * g * x,)),
    "softmax": (
        lambda x: np.exp(x) / np.sum(np.exp(x)), np.array([0.1, 2.0, -1.0]),
        lambda g, x: (np.exp(x) / np.sum(np.exp(x)) * (g - np.sum(g * np.exp(x)) / np.sum(np.exp(x))),),
    ),
    "scale of 1e-30": (lambda x: x * x * 1e30, np.array([1e-30, 3e-30]), lambda g, x: (2e30 * g * x,)),
}  # fmt: skip


@pytest.mark.parametrize("dual", [True, False])
@pytest.mark.parametrize("name", RIGHT)
def test_right_derivatives_pass(name, dual):
    """With dual numbers where the code allows them, and with differences."""
    f, inputs, vjp = RIGHT[name]
    report = check(f if dual else floats_only(f), inputs, vjp=vjp)
    assert report.verdict == "pass", str(report)
    assert report.resolution < 1e-5
    usual = 60 + 12 * (2 if isinstance(inputs, tuple) else 1)
    assert report.evaluations <= (300 if report.remarks else usual)  # a kink, noise and structure finer than the first table are looked into


WRONG = {
    "sign": (lambda x: np.sum(x**3), X, lambda g, x: (-3 * g * x * x,), "sign"),
    "factor": (lambda x: x**2, X, lambda g, x: (g * x,), "factor: every entry is 1/2"),
    "factor 1.0009": (lambda x: x**2, X, lambda g, x: (2.0018 * g * x,), "factor: every entry is 1 + 0.0009"),
    "transpose": (lambda x, w: x @ w, (X, W), lambda g, x, w: (g @ w.T, (x.T @ g).T), "transpose"),
    "f for f'": (np.tanh, X, lambda g, x: (g * np.tanh(x),), "f for f'"),
    "1 - f": (np.tanh, X, lambda g, x: (g * (1 - np.tanh(x)),), "1 - y"),
    "zero": (lambda x: 1e-6 * x**2, X, lambda g, x: (0 * x,), "zero"),
    "cotangent ignored": (np.sin, X, lambda g, x: (np.cos(x),), "cotangent ignored"),
    "cotangent used twice": (np.sin, X, lambda g, x: (g * g * np.cos(x),), "cotangent used twice"),
    "mask": (lambda x: np.maximum(x, 0), X, lambda g, x: (g * (x <= 0),), "mask inverted"),
    "roll": (lambda x: np.sum(x**3), X[0], lambda g, x: (3 * g * np.roll(x, 1) ** 2,), "roll"),
    "smooth function, kinked implementation": (
        lambda x: np.maximum(x, 0) - np.maximum(-x, 0), np.array([0.0, 0.0]),
        lambda g, x: (g * ((x > 0) * 1.0 + (x < 0)),), "zero",
    ),
}  # fmt: skip


@pytest.mark.parametrize("dual", [True, False])
@pytest.mark.parametrize("name", WRONG)
def test_wrong_derivatives_fail_and_the_mistake_is_named(name, dual):
    """The first value finding says which mistake it is."""
    f, inputs, vjp, mistake = WRONG[name]
    report = check(f if dual else floats_only(f), inputs, vjp=vjp)
    assert report.verdict == "fail"
    assert any(x.diagnosis.startswith(mistake) for x in report.findings), str(report)
    with pytest.raises(GradientWrong, match="gradient of"):
        report.raise_if_failed()


def _one_wrong(slope):
    def vjp(g, x):
        v = slope(g, x).copy()
        v[1234] *= 1 + 1e-6
        return (v,)

    return vjp


MATRIX = np.ones((3, 100))
LARGE = {
    "polynomial": (lambda x: np.sum(x * x), lambda g, x: 2 * g * x),
    "elementwise": (np.sin, lambda g, x: g * np.cos(x)),
    "dense": (lambda x: MATRIX @ x.reshape(100, 100), lambda g, x: (MATRIX.T @ g).ravel()),
    "linear": (lambda x: 3 * x, lambda g, x: 3 * g),
}


@pytest.mark.parametrize("name", LARGE)
def test_one_entry_among_ten_thousand_is_located(name):
    """An error of 1e-6 in one entry is found within 600 evaluations: noise is looked for first, as it could make so little."""
    f, slope = LARGE[name]
    x = np.random.default_rng(0).normal(size=10_000)
    assert check(f, x, vjp=lambda g, x: (slope(g, x),)).verdict == "pass"
    report = check(f, x, vjp=_one_wrong(slope))
    assert report.verdict == "fail"
    assert report.findings[0].index == (1234,)
    assert report.evaluations <= 600


INCONCLUSIVE = {
    "constant": (lambda x: np.ones(3) + 0 * np.sum(x), X, lambda g, x: (0 * x,), "nothing was checked"),
    "not finite": (lambda x: np.log(x), np.array([-1.0]), lambda g, x: (g / x,), "f is not finite"),
    "NaN input": (lambda x: np.nan_to_num(x), np.array([np.nan]), lambda g, x: (g,), "the inputs are not finite"),
}


@pytest.mark.parametrize("name", INCONCLUSIVE)
def test_what_cannot_be_decided_says_why(name):
    """Vacuous and undefined cases are neither passed nor failed."""
    f, inputs, vjp, reason = INCONCLUSIVE[name]
    report = check(floats_only(f), inputs, vjp=vjp)
    assert report.verdict == "inconclusive"
    assert reason in " ".join(report.reasons)


def test_random_function_is_not_failed():
    """f with noise of 1e-3 in every call is not accused; its resolution says what could be seen."""
    rng = np.random.default_rng(1)
    report = check(lambda x: np.asarray(x, float) ** 2 + 1e-3 * rng.normal(size=4), np.ones(4), vjp=lambda g, x: (2 * g * x,))
    assert report.verdict != "fail"
    assert any("differs from call to call" in r for r in report.remarks)


CONTRACTS = {
    "changes its inputs": (lambda g, x: (np.multiply(2 * g, x, out=x),), "changes its inputs"),
    "wrong shape": (lambda g, x: (np.ones((4, 4, 1)),), "expected shape (4, 4)"),
    "NaN": (lambda g, x: (np.where(x == x[0, 0], np.nan, 2 * g * x),), "is nan, where f has the slope"),
    "affine in g": (lambda g, x: (2 * g * x + 1e-3,), "zero cotangent"),
}


@pytest.mark.parametrize("name", CONTRACTS)
def test_broken_contract_is_a_finding_of_its_own(name):
    """What is wrong beside the values is told."""
    vjp, text = CONTRACTS[name]
    report = check(lambda x: x**2, X.copy(), vjp=vjp)
    assert report.verdict == "fail"
    assert any(text in f.message for f in report.findings), str(report)


def test_nested_inputs_options_and_several_outputs():
    """Dicts by path, integers and text left alone, a tuple of outputs with a tuple of cotangents."""

    def f(p, n, how):
        y = p["w"] @ p["x"]
        return (y**n, np.sum(p["x"])) if how == "both" else y

    def vjp(g, p, n, how):
        d = n * (p["w"] @ p["x"]) ** (n - 1) * g[0]
        return {"w": np.outer(d, p["x"]), "x": p["w"].T @ d + g[1]}, None, None

    p = {"w": X, "x": X[0]}
    assert check(f, (p, 3, "both"), vjp=vjp).verdict == "pass"
    report = check(f, (p, 3, "both"), vjp=lambda g, p, n, how: ({**vjp(g, p, n, how)[0], "x": p["w"].T @ g[0]}, None, None))
    assert report.verdict == "fail"
    assert report.findings[0].node == "0['x']"


def test_jvp_must_be_adjoint_to_the_vjp():
    """A jvp that is wrong beside a right vjp is found."""
    right = check(np.sin, X, vjp=lambda g, x: (g * np.cos(x),), jvp=lambda t, x: t[0] * np.cos(x))
    wrong = check(np.sin, X, vjp=lambda g, x: (g * np.cos(x),), jvp=lambda t, x: t[0] * np.sin(x))
    assert right.verdict == "pass"
    assert "not adjoint" in wrong.findings[0].message


def test_declared_accuracy_is_accepted_and_recorded():
    """A derivative that is 1e-4 off passes when 1e-3 was declared, and the report says so."""
    report = check(lambda x: x**2, X, vjp=lambda g, x: (2 * g * x * (1 + 1e-4),), accuracy=1e-3)
    assert report.verdict == "pass"
    assert "declared 0.001" in report.evidence


def test_budget_is_kept():
    """A budget of evaluations ends the check with a reason; a bad one is refused."""
    report = check(floats_only(np.sin), X, vjp=lambda g, x: (g * np.cos(x),), budget=5)
    assert report.verdict == "inconclusive"
    assert report.evaluations <= 5
    assert "budget" in report.reasons[0]
    with pytest.raises(BadInput, match="expected a budget"):
        check(np.sin, X, vjp=lambda g, x: (g,), budget="soon")


def test_bad_input_has_our_errors():
    """Nothing to differentiate, no derivative, f or vjp that raises or answers badly."""
    with pytest.raises(BadInput, match="nothing to differentiate"):
        check(lambda n: n, 3, vjp=lambda g, n: (g,))
    with pytest.raises(BadInput, match="give vjp="):
        check(np.sin, X)
    with pytest.raises(FunctionFailed, match="2 gradients"):
        check(np.add, (X, X), vjp=lambda g, x, y: (g,))
    with pytest.raises(FunctionFailed, match="the derivative raised ZeroDivisionError"):
        check(np.sin, X, vjp=lambda g, x: 1 / 0)


def test_same_seed_same_report():
    """What the report prints is reproducible."""
    first, second = (check(np.sin, X, vjp=lambda g, x: (g * np.cos(x),), seed=7) for _ in range(2))
    assert str(first) == str(second)
    assert first.to_dict()["resolution"] == second.to_dict()["resolution"]
