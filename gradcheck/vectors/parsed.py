"""Text of a file to a document in which every number is still as exact as it was written; fields taken out with their types."""

from __future__ import annotations

import math
import re
from typing import Any

from gradcheck.errors import BadVectors
from gradcheck.files import json
from gradcheck.files.limits import failing_as
from gradcheck.vectors.canonical import Literal

#: Characters of one number: an end of an enclosure has 21 digits, an exact float64 that is short has less than three times as many.
MOST_CHARACTERS = 64
#: Exponents have at most three digits: those of float64 end at 324, and an end of a ball around zero is not much smaller.
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)

Json = dict[str, Any]


def parsed(data: bytes, where: str) -> Json:
    """Return the object that a file holds; floats are `Literal`.

    Args:
        data: JSON, ASCII or UTF-8.
        where: for messages.

    Raises:
        BadVectors: no JSON, not an object, a field that stands twice, NaN or infinity, a number of absurd length.
    """
    with failing_as(BadVectors):
        found = json.parsed(data, where, "test vectors", number=lambda x: number(x, where), digits=MOST_CHARACTERS)
    if not isinstance(found, dict):
        raise BadVectors(f"{where}: expected an object; got {type(found).__name__}")
    return found


def number(text: str, where: str) -> Literal:
    """Return the text of a number; raise `BadVectors` for one that is none, or of absurd size."""
    if len(text) > MOST_CHARACTERS or _NUMBER.fullmatch(text) is None:
        raise BadVectors(f"{where}: expected numbers of at most {MOST_CHARACTERS} characters and 3 digits of exponent; got {text[:80]}")
    return Literal(text)


def take(x: Json, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    """Return a field of an object; raise `BadVectors` where it is missing or of another type."""
    if key not in x:
        raise BadVectors(f"{where}: expected a field {key!r}; got {', '.join(sorted(x))[:200]}")
    found = x[key]
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(found, kinds) or (isinstance(found, bool) and bool not in kinds) or (isinstance(found, Literal) and Literal not in kinds):
        raise BadVectors(f"{where}.{key}: expected {' or '.join(k.__name__ for k in kinds)}; got {type(found).__name__}")
    return found


def only(x: Json, fields: set[str], where: str) -> None:
    """Raise `BadVectors` for a field that the format does not have."""
    for unknown in sorted(set(x) - fields):
        raise BadVectors(f"{where}: unknown field {unknown!r}; the format has {', '.join(sorted(fields))}")


def as_float(x: Any, where: str) -> float:
    """Return a number as the nearest float64; raise `BadVectors` where it is none, or overflows."""
    if type(x) not in (int, float, Literal):
        raise BadVectors(f"{where}: expected numbers; got {type(x).__name__}")
    try:
        value = float(x)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise BadVectors(f"{where}: expected finite numbers; got {str(x)[:40]}")
    return value
