"""Functions that lose their digits: right gradients are not rejected over staircases of intermediate roundings."""

import numpy as np
import pytest

from gradcheck import check
from tests.probe.test_noise import floats

special = pytest.importorskip("scipy.special")
erf, erfc = special.erf, special.erfc
ROOT = np.sqrt(2)


def _density(x):
    return np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


def _gelu_vjp(g, x):
    return (g * (erfc(-x / ROOT) / 2 + x * _density(x)),)


def _hyperbola_vjp(g, x):
    r = np.sqrt(1 + x * x)
    return (-g / (r * (r + x)),)


CASES = {
    "gelu": (lambda x: 0.5 * x * (1 + erf(x / ROOT)), (-7.0, -7.5, -8.0), _gelu_vjp),
    "hyperbola": (lambda x: np.sqrt(1 + x * x) - x, (1e4, 1e6, 3e7), _hyperbola_vjp),
    "1 - cos": (lambda x: 1 - np.cos(x), (1e-9, 1e-8, 3e-8), lambda g, x: (g * np.sin(x),)),
    "1 + erf": (lambda x: 1 + erf(x), (-5.0, -5.3, -5.7), lambda g, x: (g * 2 / np.sqrt(np.pi) * np.exp(-x * x),)),
    "log(1 + x)": (lambda x: np.log(1 + x), (1e-12, 1e-7), lambda g, x: (g / (1 + x),)),
    "log cosh": (lambda x: np.log(np.cosh(x)), (1e-8,), lambda g, x: (g * np.tanh(x),)),
}
POINTS = [(name, x) for name, (_, points, _) in CASES.items() for x in points]


SEEDS = pytest.mark.parametrize("seeds", [4, pytest.param(20, marks=pytest.mark.deep)])


@SEEDS
@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize(("name", "x"), POINTS)
def test_right_gradients_are_not_rejected(name, x, seeds):
    """With some seeds each: no fail; where nothing can be decided, there is a reason."""
    f, _, vjp = CASES[name]
    reports = [check(floats(f), np.array([x]), vjp=vjp, seed=seed) for seed in range(seeds)]
    assert not [str(r) for r in reports if r.verdict == "fail"]
    assert all(r.reasons for r in reports if r.verdict == "inconclusive")


@SEEDS
@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("name", CASES)
def test_several_entries_at_once(name, seeds):
    """Some of them cancel more than others."""
    f, points, vjp = CASES[name]
    for seed in range(seeds):
        report = check(floats(f), np.array(points), vjp=vjp, seed=seed)
        assert report.verdict != "fail", str(report)


@pytest.mark.parametrize(("name", "x"), POINTS)
def test_wrong_ones_do_not_pass(name, x):
    """Half as much again is a fail, or nothing was seen."""
    f, _, vjp = CASES[name]
    for seed in range(3):
        assert check(floats(f), np.array([x]), vjp=lambda g, x: (1.5 * vjp(g, x)[0],), seed=seed).verdict != "pass"


def test_wrong_ones_fail_where_digits_are_left():
    """The noise of the stairs is as large as it is, not larger."""
    for name, x in (("gelu", -7.0), ("hyperbola", 1e4), ("1 + erf", -5.0), ("log(1 + x)", 1e-7)):
        f, _, vjp = CASES[name]
        for seed in range(5):
            report = check(floats(f), np.array([x]), vjp=lambda g, x, vjp=vjp: (1.5 * vjp(g, x)[0],), seed=seed)
            assert report.verdict == "fail", f"{name} at {x}: {report}"


def test_what_is_left_is_said():
    """Where f keeps a digit, the report does not claim to have seen ten."""
    f, _, vjp = CASES["gelu"]
    report = check(floats(f), np.array([-8.0]), vjp=vjp)
    assert report.verdict == "pass" or report.reasons, str(report)
    assert report.resolution > 1e-6


def test_torch_in_double_precision():
    """The gelu of torch cancels, and its gradient does not."""
    torch = pytest.importorskip("torch")
    for seed in range(20):
        for x in (torch.tensor([-8.0], dtype=torch.float64), torch.linspace(-9, 3, 25, dtype=torch.float64)):
            report = check(torch.nn.functional.gelu, x, seed=seed)
            assert report.verdict != "fail", str(report)
