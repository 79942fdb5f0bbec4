"""Text of a file to a document in which every number is still as exact as it was written; fields taken out with their types."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from gradcheck.errors import BadVectors
from gradcheck.vectors.canonical import Literal

#: Characters of one number.
MOST_DIGITS = 64
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d{1,4})?", re.ASCII)

Json = dict[str, Any]


def parsed(data: bytes, where: str) -> Json:
    """Return the object that a file holds; floats are `Literal`.

    Args:
        data: JSON, ASCII or UTF-8.
        where: for messages.

    Raises:
        BadVectors: no JSON, not an object, a field that stands twice, NaN or infinity, a number of absurd length.
    """

    def refused(name: str) -> NoReturn:
        raise BadVectors(f"{where}: expected finite numbers; got {name}")

    def unique(pairs: list[tuple[str, Any]]) -> Json:
        out = dict(pairs)
        if len(out) != len(pairs):
            raise BadVectors(f"{where}: expected every field once; got one twice")
        return out

    try:
        found = json.loads(
            data.decode("utf-8"), parse_constant=refused, parse_float=lambda x: number(x, where), parse_int=lambda x: _integer(x, where),
            object_pairs_hook=unique,
        )  # fmt: skip
    except BadVectors:
        raise
    except RecursionError:
        raise BadVectors(f"{where}: expected a flat document; got one nested too deeply") from None
    except ValueError as error:
        raise BadVectors(f"{where}: expected JSON; {error}; is the file complete?") from error
    if not isinstance(found, dict):
        raise BadVectors(f"{where}: expected an object; got {type(found).__name__}")
    return found


def number(text: str, where: str) -> Literal:
    """Return the text of a number; raise `BadVectors` for one that is none, or of absurd size."""
    if len(text) > MOST_DIGITS or _NUMBER.fullmatch(text) is None:
        raise BadVectors(f"{where}: expected numbers of at most {MOST_DIGITS} characters and 4 digits of exponent; got {text[:80]}")
    return Literal(text)


def _integer(text: str, where: str) -> int:
    return int(number(text, where))


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
