"""Where functions of entries are looked at: every number of a narrow format, or a search of a wide one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.floating import FORMATS
from gradcheck.bench.ulps.distance import Format

Points = npt.NDArray[Any]

_BITS: Mapping[int, np.dtype[Any]] = {n: np.dtype(f"i{n}") for n in (2, 4, 8)}
#: borders that implementations have: of exp, of tanh and erf, of softplus, of hard_swish, of clip
_SPECIAL = (0.0, 1.0, 0.5, 2.0, 3.0, 6.0, 20.0, 88.0, 103.0, 709.0, 745.0, 11.0, 0.75)


def every(dtype: str) -> Points:
    """Return all finite numbers of a format of 16 bits.

    >>> every("bfloat16").size, every("float16").size
    (65280, 63488)
    """
    x = np.arange(2**16, dtype=np.uint16).view(FORMATS[dtype])
    with np.errstate(invalid="ignore"):
        return np.asarray(x[np.isfinite(x)])


def is_narrow(dtype: str) -> bool:
    """Answer whether a format has so few numbers that all can be tried."""
    return FORMATS[dtype].itemsize == 2


def stratified(dtype: str, count: int, rng: np.random.Generator) -> Points:
    """Return points of a format: over its whole range of exponents, over middling magnitudes, and at borders.

    Half have every exponent as likely as any other, a quarter lie evenly in magnitude between 2^-20 and 2^10, the rest
    evenly in value up to 20; signs are drawn.
    """
    f = Format.of(dtype)
    special = np.array([s * x for x in (*_SPECIAL, f.tiny, f.smallest, f.largest) for s in (-1, 1)])[: max(count // 4, 1)]
    rest = count - special.size
    low, high = np.log2(f.smallest), np.log2(f.largest)
    parts = [
        np.exp2(rng.uniform(low, high, rest // 2)),
        np.exp2(rng.uniform(-20, 10, rest // 4)),
        rng.uniform(0, 20, rest - rest // 2 - rest // 4),
    ]
    x = np.concatenate([special, np.concatenate(parts) * rng.choice([-1.0, 1.0], rest)])
    with np.errstate(all="ignore"):
        return np.asarray(np.clip(x, -f.largest, f.largest).astype(FORMATS[dtype]))


def power_operands(dtype: str, count: int, rng: np.random.Generator) -> list[Points]:
    """Return bases and exponents whose powers cover the format's range."""
    f = Format.of(dtype)
    base = np.abs(stratified(dtype, count, rng).astype(np.float64))
    wanted = rng.uniform(np.log2(f.smallest), np.log2(f.largest), count)
    with np.errstate(all="ignore"):
        fitting = wanted / np.log2(base)
    usual = np.isfinite(fitting) & (np.abs(fitting) < f.largest) & (rng.random(count) < 0.7)
    exponent = np.where(usual, fitting, rng.uniform(-4, 4, count))
    return [base.astype(FORMATS[dtype]), exponent.astype(FORMATS[dtype])]


def order(x: Points) -> npt.NDArray[np.int64]:
    """Return the place of each number in its format: neighbours differ by one, and both zeros are 0.

    >>> order(np.array([-0.0, 0.0, 1e-45], np.float32)).tolist()
    [0, 0, 1]
    """
    kind = _BITS[x.dtype.itemsize]
    i = np.asarray(x).view(kind).astype(np.int64)
    return np.asarray(np.where(i < 0, -(2 ** (8 * kind.itemsize - 1)) - i, i))


def at_order(i: npt.NDArray[np.int64], dtype: str) -> Points:
    """Return the numbers at places of their format; beyond the largest, the largest."""
    storage = FORMATS[dtype]
    kind = _BITS[storage.itemsize]
    largest = int(order(np.array([Format.of(dtype).largest]).astype(storage))[0])
    magnitude = np.minimum(np.abs(i), largest).astype(kind)
    x = magnitude.view(storage)
    return np.asarray(np.where(i < 0, -x, x))


def neighbours(xs: list[Points], count: int, rng: np.random.Generator) -> list[Points]:
    """Return points near each given one: some next to it, some further and further away.

    Args:
        xs: an array an operand.
        count: how many for each point.
        rng: draws steps and, of several operands, which one moves.
    """
    dtype = next(name for name, t in FORMATS.items() if t == xs[0].dtype)
    digits = Format.of(dtype).digits
    size = xs[0].size * count
    with np.errstate(over="ignore"):
        step = np.exp2(rng.uniform(0, digits + 2, size)).astype(np.int64) * rng.choice([-1, 1], size)
    moves = rng.integers(0, len(xs), size)
    near = rng.random(size) < 0.4
    step = np.where(near, np.sign(step) * rng.integers(1, 5, size), step)
    made = []
    for k, x in enumerate(xs):
        start = np.repeat(order(x), count)
        # a sign is kept: beyond zero another part of the function begins
        moved = start + np.where(moves == k, step, 0)
        made.append(at_order(np.where(np.sign(moved) * np.sign(start) < 0, start, moved), dtype))
    return made
