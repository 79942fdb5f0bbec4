"""How large a document may be, whatever it is written in; and whether plain data keep to it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from gradcheck.errors import BadDocument, GradcheckError

#: Bytes of a document: with its text at 4 bytes a character, and its strings once more, it stays far below 1 GB.
MOST_BYTES = 2**26
#: Values of a document, a number taking 32 bytes of memory in a list; and fields of all its objects, a field taking some 250 with its name.
MOST_VALUES, MOST_FIELDS = 2**22, 2**21
#: Axes of an array: what NumPy allowed for two decades, and hardly more than einsum has letters for.
MOST_AXES = 32
#: Levels of a document: an array of 32 axes as nested lists, and as many around it.
MOST_DEPTH = 2 * MOST_AXES
#: Characters of an integer: int64 has 19 digits and a sign, uint64 has 20 digits.
MOST_DIGITS = 20


def bounded(data: Any, where: str, digits: int = MOST_DIGITS, *, finite: bool = True) -> Any:
    """Return plain data whose depth, integers and floats are within the limits.

    Args:
        data: lists and mappings of scalars.
        where: for messages.
        digits: of integers.
        finite: whether floats have to be.

    Raises:
        BadDocument: they are not.

    >>> bounded({"a": [1, 2.5]}, "here")
    {'a': [1, 2.5]}
    """
    level: list[Iterable[Any]] = [(data,)]
    beyond = 10**digits
    for _ in range(MOST_DEPTH + 1):
        inner: list[Iterable[Any]] = []
        for values in level:
            inner += [v.values() if isinstance(v, dict) else v for v in values if _is_container(v, where, beyond, finite)]
        if not inner:
            return data
        level = inner
    raise BadDocument(f"{where}: expected at most {MOST_DEPTH} levels; got a document nested too deeply")


def _is_container(x: Any, where: str, beyond: int, finite: bool) -> bool:
    kind = type(x)
    if kind is float and finite and not math.isfinite(x):
        raise BadDocument(f"{where}: expected finite numbers; got {x}")
    if kind is int and not -beyond < x < beyond:
        raise BadDocument(f"{where}: expected integers of at most {len(str(beyond)) - 1} digits; got a longer one")
    return kind is dict or kind is list


@contextmanager
def refused(expected: str) -> Iterator[None]:
    """Turn every exception of a parser into `BadDocument`: what a damaged file makes of it is nowhere listed.

    Args:
        expected: "FILE: expected ...".

    Raises:
        BadDocument: whatever went wrong; our own errors pass.
    """
    try:
        yield
    except GradcheckError:
        raise
    except RecursionError:
        raise BadDocument(f"{expected}; got a document nested too deeply") from None
    except MemoryError:
        raise BadDocument(f"{expected}; got one that does not fit into memory") from None
    except Exception as error:
        raise BadDocument(f"{expected}; {error or type(error).__name__}") from error


@contextmanager
def failing_as(kind: type[GradcheckError]) -> Iterator[None]:
    """Raise what is wrong with a document as the error of those who read it.

    Args:
        kind: the error.
    """
    try:
        yield
    except BadDocument as error:
        raise kind(str(error)) from error
