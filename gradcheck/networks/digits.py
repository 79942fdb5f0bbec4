"""A sample of handwritten digits, so that the networks that read them need no download."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from gradcheck.networks.layers import Floats, Rng

Labels = npt.NDArray[np.int64]


@cache
def _sample() -> Labels:
    text = (files("gradcheck.networks") / "data" / "digits.csv").read_text(encoding="utf-8")
    return np.loadtxt(text.splitlines(), delimiter=",", dtype=np.int64)


def digits(rng: Rng, count: int) -> tuple[Floats, Labels]:
    """Return `count` digits, (count, 64) with pixels from 0 to 1, and their labels.

    >>> x, labels = digits(np.random.default_rng(0), 4)
    >>> x.shape, x.min() >= 0, x.max() <= 1
    ((4, 64), np.True_, np.True_)
    """
    rows = _sample()[rng.permutation(64)[:count]]
    return np.asarray(rows[:, :64] / 16.0, np.float64), rows[:, 64]


def large_digits(rng: Rng, count: int) -> tuple[Floats, Labels]:
    """Return `count` digits as images (count, 1, 16, 16) from -1 to 1, every pixel doubled, and their labels."""
    x, labels = digits(rng, count)
    return np.asarray(np.kron(2 * x.reshape(count, 1, 8, 8) - 1, np.ones((2, 2))), np.float64), labels
