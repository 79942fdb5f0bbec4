"""float64 that is the same everywhere: correctly rounded functions, sums in order, and sets that no processor changes."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.arith.floating import Floating
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.arith.running import Roundoff
from gradcheck.vectors.reading import SHIPPED
from gradcheck.vectors.reproducible import Reproduced, Reproducible

FUNCTIONS = (
    "exp", "log", "log1p", "expm1", "sqrt", "sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh", "arctanh", "erf", "erfc",
    "logistic", "softplus", "sech2",
)  # fmt: skip
M = Reproducible()


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("name", FUNCTIONS)
@given(x=st.floats(min_value=1e-3, max_value=0.99))
def test_functions_are_rounded_correctly(name, x):
    """Fifty digits, rounded once, are the same number."""
    exact = Multiprecision(50).function(name, Multiprecision(50).array([x])).item()
    assert M.function(name, np.array([x]))[0] == float(exact)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_numbers(name):
    """At poles, outside of the domain, at infinities and beyond overflow it is as in any float64."""
    x = np.array([0.0, -2.0, np.inf, -np.inf, np.nan, 900.0, -900.0])
    with np.errstate(all="ignore"):
        assert np.allclose(M.function(name, x), Floating().function(name, x), rtol=1e-14, atol=0, equal_nan=True)


def test_powers():
    """Real and integer ones, at zero too."""
    with np.errstate(all="ignore"):
        assert M.power(np.array([2.0, 0.0, 0.0, 4.0]), np.array([0.5, 2.0, -1.0, 0.5])).tolist() == [2.0**0.5, 0.0, np.inf, 2.0]
        assert M.integer_power(np.array([-3.0, 2.0, 0.0]), -2).tolist() == [1 / 9, 0.25, np.inf]
    assert M.integer_power(np.array([1.1]), 5)[0] == pytest.approx(1.1**5, rel=1e-15)
    assert M.exp(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize(
    ("a", "b"),
    [((3, 4), (4, 2)), ((4,), (4, 2)), ((3, 4), (4,)), ((4,), (4,)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((4,), (2, 4, 5)), ((2, 3, 4), (4,)), ((2, 0), (0, 3))],
)  # fmt: skip
def test_products_of_matrices(a, b):
    """Integers give what NumPy gives, in its shape; the order of the sum is that of the index."""
    rng = np.random.default_rng(0)
    x, y = (rng.integers(-9, 9, s).astype(float) for s in (a, b))
    assert np.array_equal(M.matmul(x, y), np.matmul(x, y))
    assert M.matmul(np.array([1e16, 1.0, -1e16]), np.ones(3)) == 0.0  # 1 is lost in 1e16


@pytest.mark.parametrize("spec", ["ij,jk->ik", "ij,j->i", "ii->i", "ii->", "ij->ji", "i,j,k->kji", "bij,bjk->bik", "ij,ij->", "iij,j->i", "ij->"])
def test_einsum(spec):
    """Integers give what NumPy gives: diagonals, outer products, sums."""
    rng = np.random.default_rng(0)
    sizes = dict(zip("ijkb", (3, 4, 5, 2), strict=True))
    xs = [rng.integers(-9, 9, [sizes[c] for c in term]).astype(float) for term in spec.split("->")[0].split(",")]
    assert np.array_equal(M.einsum(spec, *xs), np.einsum(spec, *xs))
    empty = [np.zeros([0 if c == "j" else sizes[c] for c in term]) for term in spec.split("->")[0].split(",")]
    assert np.array_equal(M.einsum(spec, *empty), np.einsum(spec, *empty))


def test_bounds_are_made_of_it():
    """The running error bound computes its values in it, with its own rounding."""
    m = Reproduced(Roundoff.of("float64"))
    assert isinstance(m.base, Reproducible)
    assert m.u == 2 * Roundoff.of("float64").u


ELSEWHERE = """
from gradcheck.vectors.cases import cases
from gradcheck.vectors.canonical import dumps
from gradcheck.vectors.reading import SHIPPED
from gradcheck.vectors.writing import case_document
for case in cases(["activation-arctan", "accumulated-batch", "flashattn-355-dout", "loss-kl-divergence"]):
    assert dumps(case_document(case)) == (SHIPPED / f"{case.name}.json").read_bytes(), case.name
"""


@pytest.mark.deep
def test_another_processor_makes_the_same_bytes():
    """Without vector instructions, and with the matrix product of an old processor, whose last bits are others."""
    assert SHIPPED.exists()
    other = {"NPY_DISABLE_CPU_FEATURES": "X86_V4 X86_V3 AVX512F AVX512_SKX AVX2 FMA3", "OPENBLAS_CORETYPE": "Nehalem"}
    found = subprocess.run([sys.executable, "-c", ELSEWHERE], env={**os.environ, **other}, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr[-2000:]
