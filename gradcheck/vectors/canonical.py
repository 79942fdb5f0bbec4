"""One text for every document: sorted keys, exact numbers, one line for what is short, so that equal contents are equal bytes."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, Context, Decimal
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

from gradcheck.arith.rounding import decimal

#: Characters up to which an object or a list of lists stays on one line; a list of numbers always does.
WIDTH = 180
#: Significant digits of an allowed error, rounded up.
ALLOWED_DIGITS = 3
#: What an allowed error is enlarged by before it is rounded: more than the last bits in which machines differ.
_MARGIN = Fraction(2**20 + 1, 2**20)

Json: TypeAlias = Any


class Literal(str):
    """The text of a number, written as it stands."""

    __slots__ = ()


def dumps(x: Json) -> bytes:
    r"""Return the one text of a document, with a line feed at its end.

    >>> dumps({"b": [1.0, None], "a": Literal("1E-400")})
    b'{"a": 1E-400, "b": [1.0, null]}\n'
    """
    return (_text(x, 0)[0] + "\n").encode("ascii")


def digest(data: bytes) -> str:
    """Return the SHA-256 of bytes in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _text(x: Json, depth: int) -> tuple[str, bool]:
    """Return the text, and whether it is one line; each part is written once, whatever it stands in."""
    if not isinstance(x, Mapping | list | tuple):
        return _scalar(x), True
    left, right = "{}" if isinstance(x, Mapping) else "[]"
    if isinstance(x, Mapping):
        parts = [(f"{_scalar(k)}: {text}", line) for k in sorted(x) for text, line in (_text(x[k], depth + 1),)]
    else:
        parts = [_text(v, depth + 1) for v in x]
    texts = [text for text, _ in parts]
    numbers = not isinstance(x, Mapping) and not any(isinstance(v, Mapping | list | tuple) for v in x)
    if numbers or (all(line for _, line in parts) and sum(map(len, texts)) + 2 * max(len(texts), 1) <= WIDTH):
        return left + ", ".join(texts) + right, True
    inner, outer = "\n" + " " * (depth + 1), "\n" + " " * depth
    return left + inner + f",{inner}".join(texts) + outer + right, False


def _scalar(x: Json) -> str:
    if isinstance(x, Literal):
        return str(x)
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, float) and not math.isfinite(x):
        raise ValueError(f"expected finite numbers; got {x}")
    return json.dumps(x)


def end(x: Fraction, digits: int, coarsest: Fraction, *, up: bool) -> Literal:
    """Return an end of an enclosure in decimal: exact where that is short, else outward.

    Args:
        x: the end.
        digits: significant ones.
        coarsest: an end nearer to zero than this is moved outward by as much, so that how narrow a ball around zero is does
            not change the text.
        up: whether outward is up.

    >>> end(Fraction(1, 4), 21, Fraction(0), up=True), end(Fraction(1, 3), 5, Fraction(0), up=False)
    ('0.25', '0.33333')
    >>> end(Fraction(1, 10**40), 21, Fraction(1, 10**24), up=True)
    '1E-24'
    """
    if x and abs(x) < coarsest:
        outward = (x > 0) == up
        return _decimal(coarsest if up else -coarsest, digits, up=up) if outward else Literal("0")
    near = float(x) if abs(x) < 2**1023 else 0.0
    if len(repr(near)) <= digits and Fraction(repr(near)) == x:
        return Literal(repr(near + 0.0))
    return _decimal(x, digits, up=up)


def _decimal(x: Fraction, digits: int, *, up: bool) -> Literal:
    sign, number = ("-", -x) if x < 0 else ("", x)
    mantissa, _, exponent = decimal(number, digits, up=up != bool(sign)).partition("E")
    short = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return Literal(f"{sign}{Decimal(f'{short}E{exponent}')}")


def allowance(x: float) -> float:
    """Return an allowed error, rounded up to few digits: the same on machines whose last bits differ.

    >>> allowance(1.2345e-16), allowance(0.0)
    (1.24e-16, 0.0)
    """
    if x == 0:
        return 0.0
    context = Context(prec=ALLOWED_DIGITS, rounding=ROUND_CEILING, Emin=MIN_EMIN, Emax=MAX_EMAX)
    larger = Fraction(x) * _MARGIN
    return float(context.divide(Decimal(larger.numerator), Decimal(larger.denominator)))


def power_of_ten(x: Fraction) -> Fraction:
    """Return the largest power of ten that is not above a positive number.

    >>> power_of_ten(Fraction(1, 3)), power_of_ten(Fraction(250))
    (Fraction(1, 10), Fraction(100, 1))
    """
    exponent = math.floor(math.log10(x.numerator) - math.log10(x.denominator))
    while Fraction(10) ** exponent > x:
        exponent -= 1
    while Fraction(10) ** (exponent + 1) <= x:
        exponent += 1
    return Fraction(10) ** exponent
