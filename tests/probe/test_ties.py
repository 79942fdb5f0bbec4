"""Ties between arguments: whatever shares each gets, they have to add up."""

import numpy as np
import pytest

import gradcheck

POINTS = {"two": np.array([1.0, 2.0]), "one": np.array([1.0]), "zeros": np.zeros(2), "a number": np.array(0.5), "a matrix": np.zeros((3, 2))}

WRONG = {
    "both get all": (np.maximum, lambda g, a, b: (g * (a >= b), g * (b >= a))),
    "nobody gets it": (np.maximum, lambda g, a, b: (g * (a > b), g * (b > a))),
    "nobody gets it, minimum": (np.minimum, lambda g, a, b: (g * (a < b), g * (b < a))),
    "signs that do not cancel": (lambda a, b: np.abs(a - b), lambda g, a, b: (g * np.where(a >= b, 1, -1), g * np.where(a > b, -1, 1))),
    "a difference": (lambda a, b: np.maximum(a - b, 0), lambda g, a, b: (g * (a >= b), -g * (a > b))),
    "a branch": (lambda a, b: np.where(a > b, a, b), lambda g, a, b: (g * (a >= b), g * (b >= a))),
}

RIGHT = {
    "halves": (np.maximum, lambda g, a, b: (g * ((a > b) + 0.5 * (a == b)), g * ((b > a) + 0.5 * (a == b)))),
    "quarters": (np.maximum, lambda g, a, b: (g * ((a > b) + 0.25 * (a == b)), g * ((b > a) + 0.75 * (a == b)))),
    "all to the first": (np.maximum, lambda g, a, b: (g * (a >= b), g * (b > a))),
    "the sign of 0": (lambda a, b: np.abs(a - b), lambda g, a, b: (g * np.sign(a - b), -g * np.sign(a - b))),
    "a difference": (lambda a, b: np.maximum(a - b, 0), lambda g, a, b: (g * (a > b), -g * (a > b))),
    "a branch": (lambda a, b: np.where(a > b, a, b), lambda g, a, b: (g * (a > b), g * (b >= a))),
}


CASES = [*(("fail", name, *case) for name, case in WRONG.items()), *(("pass", name, *case) for name, case in RIGHT.items())]


@pytest.mark.sweep(one_in=4)
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize(("verdict", "name", "f", "vjp"), CASES, ids=[f"{verdict}: {name}" for verdict, name, *_ in CASES])
def test_shares_have_to_add_up(verdict, name, f, vjp, point):
    """All entries of two arguments are equal: along ties f is smooth, and its slope is told; across them any element of the hull is right."""
    for seed in range(2):
        assert gradcheck.check(f, (POINTS[point], POINTS[point].copy()), vjp=vjp, seed=seed).verdict == verdict
