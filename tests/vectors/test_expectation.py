"""What is expected: exact ends around the nearest number, hulls at kinks, sums at ties, and what is not claimed."""

import math
from fractions import Fraction

import numpy as np
import pytest

import gradcheck
from gradcheck import ops
from gradcheck.arith.floating import FORMATS
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.engine.reverse import backward
from gradcheck.vectors.expectation import COLUMNS, expectation


def expected(f, dtype="float64", *, textbook=True, **values):
    """Return the document for a traced function."""
    given = {k: np.asarray(x).astype(FORMATS[dtype]) for k, x in values.items()}
    found = expectation(gradcheck.trace(f, values), given, dtype, textbook=textbook)
    return found and found.document


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_nearest_numbers_between_their_ends(dtype):
    """Fifty digits say the same, in every format."""
    x = np.asarray([0.75, -1.5]).astype(FORMATS[dtype])
    found = expected(lambda x: np.sum(np.exp(x)), dtype, x=x)["gradients"]["x"]
    _, exact = backward(gradcheck.trace(lambda x: np.sum(np.exp(x)), {"x": x}), {"x": x.astype(np.float64)}, Multiprecision(50))
    for k, truth in enumerate(exact["x"].tolist()):
        low, high = Fraction(found["lower"][k]), Fraction(found["upper"][k])
        assert float(low) - 1e-15 <= float(truth) <= float(high) + 1e-15
        assert Fraction(str(truth)) - Fraction(1, 10**40) <= high
        assert low <= Fraction(str(truth)) + Fraction(1, 10**40)
        assert found["rounded"][k] == float(np.asarray(float(truth)).astype(FORMATS[dtype]))
        assert 0 < found["allowed"][k] < 100 * float(np.spacing(np.float32(1)) if dtype == "float32" else 1)


def test_columns_and_loss():
    """Every array has the same fields; the loss has one entry of each."""
    found = expected(lambda x: np.sum(x * x), x=np.array([0.5, 3.0]))
    assert set(found) == {"gradients", "loss", "sums", "subnormal", "kink"}
    assert set(found["loss"]) == set(COLUMNS) == set(found["gradients"]["x"])
    assert found["loss"]["rounded"] == 9.25
    assert found["kink"] is None
    assert found["sums"] == []
    assert found["subnormal"] is False


def test_kinks_have_their_hull():
    """At zero relu has any slope from 0 to 1, and rounding may add a little; the node is named."""
    found = expected(lambda x: np.sum(ops.relu(x)), x=np.array([0.0, 2.0]))
    slopes = found["gradients"]["x"]
    assert (slopes["lower"][0], slopes["rounded"][0], slopes["upper"][0]) == ("0.0", 0.5, "1.0")
    assert slopes["allowed"][0] < 1e-14
    assert found["kink"] == {"accepted": "hull", "nodes": ["relu1"]}
    assert slopes["lower"][1] == slopes["upper"][1] == "1.0"


def test_a_kink_whose_bound_is_a_hull():
    """The slope of a norm at zero is bounded by its hull alone; what rounding may add to that is small."""
    found = expected(lambda x: ops.norm(x), x=np.zeros(2))["gradients"]["x"]
    assert found["lower"] == ["-1.0", "-1.0"]
    assert found["upper"] == ["1.0", "1.0"]
    assert all(0 < x < 1e-13 for x in found["allowed"])


def test_ties_have_sums():
    """The entries share one, whoever has it."""
    (total,) = expected(lambda x: np.max(x), x=np.array([1.0, 1.0]))["sums"]
    assert total["of"] == ["x"]
    assert (total["lower"], total["rounded"], total["upper"]) == ("1.0", 1.0, "1.0")


def test_poles_are_not_claimed():
    """Where no derivative is known there is null, and the rest is there."""
    found = expectation(gradcheck.trace(lambda x: np.sum(np.sqrt(x)), {"x": np.ones(2)}), {"x": np.array([0.0, 4.0])}, "float64", textbook=True)
    slopes = found.document["gradients"]["x"]
    assert [slopes[k][0] for k in COLUMNS] == [None] * 4
    assert slopes["rounded"][1] == 0.25
    assert found.claimed == 1


def test_overflow_is_not_claimed():
    """A gradient that the format does not have is not asked for; infinite inputs have no expectation at all."""
    assert expected(lambda x: np.sum(np.exp(x)), "float32", x=np.array([95.0]))["gradients"]["x"]["rounded"] == [None]
    with np.errstate(over="ignore"):
        assert expected(lambda x: np.sum(x), "float32", x=np.array([1e300])) is None


def test_accurate_formulas_alone_allow_less():
    """Without textbook formulas the tail of tanh has to be right."""
    wide, tight = (expected(lambda x: np.sum(np.tanh(x)), textbook=t, x=np.array([8.0]))["gradients"]["x"]["allowed"][0] for t in (True, False))
    assert wide > 100 * tight


def test_subnormal_results_are_told():
    """Who flushes them cannot have them; who has none of them need not care."""
    assert expected(lambda x: np.sum(x * x), "float32", x=np.array([1e-40]))["subnormal"]
    assert not expected(lambda x: np.sum(x * x), "float32", x=np.array([0.0, 1.0]))["subnormal"]


def test_a_gradient_that_cancels_to_zero():
    """The ball around zero is written coarsely; the allowed error is that of the terms."""
    found = expected(lambda x: np.sum(np.exp(x) * 3) - 3 * np.sum(np.exp(x)), x=np.array([0.7]))["gradients"]["x"]
    assert found["rounded"] == [0.0]
    assert abs(float(found["upper"][0])) <= 1e-20
    assert 1e-16 < found["allowed"][0] < 1e-13
    assert not math.isnan(found["allowed"][0])
