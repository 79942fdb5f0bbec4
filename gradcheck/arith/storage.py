"""Arrays of numbers as a storage format holds them: nearest numbers, gaps, and the reals that are rounded to a number."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.rounding import BINARY, Format

Floats = npt.NDArray[np.float64]

#: What tensor cores read of a float32 number: 10 bits of its fraction, its exponent (NVIDIA A100 white paper, 2020).
TF32 = Format(11, -136, 128)


def storage(name: str) -> Format:
    """Return a format of at most 24 bits by its name, whose midpoints float64 holds; raise `KeyError` for another.

    Args:
        name: "float32", "float16", "bfloat16" or "tf32".
    """
    return {**{k: v for k, v in BINARY.items() if k != "float64"}, "tf32": TF32}[name]


def gap(x: Any, to: Format) -> Floats:
    """Return the gap between the numbers of a format in the binade of each entry: an ulp; NaN where it is not finite.

    Args:
        x: float64.
        to: the format.

    >>> gap(np.array([1.0, 1.9, 0.0]), BINARY["bfloat16"]) == np.array([2.0**-7, 2.0**-7, 2.0**-133])
    array([ True,  True,  True])
    """
    exponent = np.where(np.asarray(x) == 0, to.least, np.frexp(x)[1])
    found = np.ldexp(1.0, np.maximum(exponent - to.bits, to.least))
    return np.where(np.isfinite(x), found, np.nan)


def nearest(x: Any, to: Format) -> Floats:
    """Return the number of a format nearest to each entry, ties to even; infinite where it overflows.

    Args:
        x: float64.
        to: the format.

    >>> nearest(np.array([1 + 2.0**-8, 1 + 3 * 2.0**-8, 3.5e38]), BINARY["bfloat16"])
    array([1.      , 1.015625,      inf])
    """
    spaces = gap(x, to)
    with np.errstate(invalid="ignore", over="ignore"):
        found = np.rint(x / spaces) * spaces
        found = np.where(np.isnan(spaces), x, np.where(np.abs(found) >= 2.0**to.largest, np.copysign(np.inf, x), found))
    return np.asarray(found, np.float64)


def rounded_from(got: Any, to: Format) -> tuple[Floats, Floats]:
    """Return the ends of the reals that are rounded to each number of a format.

    Args:
        got: numbers of the format, as float64.
        to: the format.

    >>> low, high = rounded_from(np.array([1.0]), BINARY["bfloat16"])
    >>> low == 1 - 2.0**-9, high == 1 + 2.0**-8
    (array([ True]), array([ True]))
    """
    size = np.abs(got)
    above = gap(got, to)
    power = (np.frexp(size)[0] == 0.5) & (above > 2.0**to.least)  # below a power of two numbers lie twice as close
    inner, outer = size - np.where(power, above / 4, above / 2), size + above / 2
    most = 2.0**to.largest * (1 - 2.0 ** -(to.bits + 1))  # half a gap above the largest number
    inner, outer = np.where(np.isinf(got), most, inner), np.where(np.isinf(got), np.inf, outer)
    return np.where(got < 0, -outer, inner), np.where(got < 0, -inner, outer)
