"""What is read off two series of distances."""

import json
import math
from dataclasses import replace

import pytest

from gradcheck.learning import Separation

MADE = Separation("n", "t", "Descent(rate=0.1)", "float32", "mpmath[40]", 0, 0.01, (0.0, 1e-8, 1e-5, 0.02, 0.005), (0.0, 1e-7, 1e-6, 0.1, 0.1),
                  (1.0,) * 5, (1.0,) * 5, (0, 1), None, "", "")  # fmt: skip


def test_first_steps():
    """Apart is the first distance above the tolerance, unexplained the first one above what rounding explains."""
    assert (MADE.steps, MADE.apart, MADE.unexplained) == (4, 3, 2)
    assert MADE.digits == pytest.approx(-math.log10(0.005))
    same = replace(MADE, distances=(0.0,) * 5, explained=(0.0,) * 5)
    assert (same.apart, same.unexplained, same.digits) == (None, None, math.inf)


def test_what_is_not_finite_is_apart():
    """A training that left the numbers is apart, and unexplained unless rounding does that too."""
    lost = replace(MADE, distances=(0.0, math.inf), explained=(0.0, 1.0))
    assert (lost.apart, lost.unexplained, lost.digits) == (1, 1, 0.0)
    assert replace(lost, explained=(0.0, math.inf)).unexplained is None


def test_verdicts():
    """A fault is proof, a distance is not."""
    assert MADE.verdict == "inconclusive"
    assert replace(MADE, fault=0).verdict == "fail"
    assert replace(MADE, explained=(1.0,) * 5).verdict == "pass"


def test_json():
    """Plain data, with null for what is not finite."""
    data = json.loads(json.dumps(replace(MADE, distances=(0.0, math.inf), explained=(0.0, 1.0)).to_dict(), allow_nan=False))
    assert data["distances"] == [0.0, None]
    assert data["unexplained"] == 1
    assert data["digits"] == 0.0
    assert replace(MADE, distances=(0.0,) * 5).to_dict()["digits"] is None
    assert replace(MADE, distances=(0.0,) * 5, explained=(math.nan,) * 5).unexplained is None
