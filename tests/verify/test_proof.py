"""Proofs of the rules: right ones are proved, wrong ones are not, and formulas are decided region by region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import sympy as sp

from gradcheck.ops import registry
from gradcheck.verify.is_zero import is_zero, open_regions
from gradcheck.verify.proof import prove, prove_all

#: Operations of every family; the rest is proved in the deep run.
QUICK = (
    "mul", "power", "tanh", "logistic", "gelu", "gelu_tanh", "mish", "softplus", "elu", "hard_swish", "softmax", "logsumexp",
    "variance", "norm", "prod", "matmul", "dense", "cross_entropy_logits", "huber", "kl_divergence", "gather", "conv1d",
    "rms_norm", "max_pool", "where", "maximum",
)  # fmt: skip


@pytest.mark.sweep(one_in=6)
@pytest.mark.parametrize("name", QUICK)
def test_rules_are_proved(name: str) -> None:
    """Both rules equal SymPy's derivative identically, in every region between kinks."""
    assert [p.status for p in prove(registry[name], 0)] == ["proved", "proved"]


@pytest.mark.deep
@pytest.mark.parametrize("name", list(registry))
def test_every_sample_is_proved(name: str) -> None:
    """Every rule at every sample is proved."""
    assert {p.status for p in prove_all([registry[name]])} == {"proved"}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("tanh", lambda m, g, y, x: (g * (1 - y),)),
        ("logistic", lambda m, g, y, x: (g * y,)),
        ("relu", lambda m, g, y, x: (m.select(m.less(x, m.constant(0)), g, 0),)),
        ("exp", lambda m, g, y, x: (g * y * m.constant(1 + 2.0**-40),)),
        ("matmul", lambda m, g, y, a, b: (m.matmul(g, m.swap(b)), m.swap(m.matmul(m.swap(g), a)) * 2)),
        ("sub", lambda m, g, y, a, b: (g, g)),
    ],
)
def test_wrong_vjp_is_not_proved(name: str, wrong: Any) -> None:
    """A wrong vjp is called wrong; the jvp beside it stays proved."""
    vjp, jvp = prove(replace(registry[name], vjp=wrong), 0)
    assert (vjp.status, jvp.status) == ("wrong", "proved")
    assert vjp.digits < 15


def test_wrong_jvp_is_not_proved() -> None:
    """The jvp is compared too."""
    vjp, jvp = prove(replace(registry["sin"], jvp=lambda m, ts, y, x: ts[0] * y), 0)
    assert (vjp.status, jvp.status) == ("proved", "wrong")


def test_regions_between_kinks_are_counted() -> None:
    """The tangent of hard_tanh at one entry has three regions: below, between and above the bounds."""
    assert max(p.regions for p in prove(registry["hard_tanh"], 2)) <= 3
    assert max(p.regions for p in prove(registry["abs"], 2)) == 2


def draw(symbols: Sequence[Any], seed: int) -> Mapping[Any, Any]:
    """Return a point on either side of zero."""
    return dict.fromkeys(symbols, sp.Rational(1 if seed % 2 else -1, 3))


def test_magnitudes_are_decided() -> None:
    """In its regions abs(x) is x or -x, so that abs(x) - x is 0 in one and not in the other."""
    x = sp.Symbol("x", real=True)
    assert sorted(map(is_zero, open_regions(sp.Abs(x) - x, [x], draw))) == [False, True]
    assert all(map(is_zero, open_regions(sp.Abs(x) - x * sp.sign(x), [x], draw)))


@pytest.mark.parametrize(
    ("formula", "zero"),
    [
        ("(x + 1)**2 - x**2 - 2*x - 1", True),
        ("1/(1 + exp(-x)) - exp(x)/(1 + exp(x))", True),
        ("1 - tanh(x)**2 - 1/cosh(x)**2", True),
        ("exp(x/2)**2 - exp(x)", True),
        ("sin(x)**2 + cos(x)**2 - 1", True),
        ("exp(x) - exp(-x)", False),
        ("x - 1", False),
    ],
)
def test_identities(formula: str, zero: bool) -> None:
    """True identities are found, and nothing else is called one."""
    assert is_zero(sp.sympify(formula, locals={"x": sp.Symbol("x", real=True)})) is zero
