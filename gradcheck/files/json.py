"""JSON whose size, depth, numbers and fields are within limits."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from gradcheck.errors import BadDocument
from gradcheck.files.limits import MOST_BYTES, MOST_DIGITS, MOST_FIELDS, MOST_VALUES, bounded, refused
from gradcheck.files.regular import contents


def read(path: Path, what: str) -> Any:
    """Return what a file of JSON holds.

    Args:
        path: of the file.
        what: it should be, for messages.

    Raises:
        BadDocument: see `contents` and `parsed`.
    """
    return parsed(contents(path, what), str(path), what)


def parsed(
    text: str | bytes, where: str, what: str = "a document", *, number: Callable[[str], Any] | None = None, digits: int = MOST_DIGITS,
    finite: bool = True,
) -> Any:  # fmt: skip
    """Return what a text in JSON holds.

    Args:
        text: UTF-8, if it is bytes.
        where: for messages.
        what: it should be, for messages.
        number: the text of a number that is no integer -> what it stands for; a float unless given.
        digits: of integers, and a sign.
        finite: whether NaN, infinities and what overflows are refused.

    Raises:
        BadDocument: no JSON, too large or deep, a field that stands twice, NaN, infinity or what overflows, an integer of absurd length.

    >>> parsed('{"a": [1, 2.5, null]}', "here")
    {'a': [1, 2.5, None]}
    """
    with refused(f"{where}: expected JSON, {what}"):
        data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        _weighed(data, where)
        try:
            found = json.loads(
                data.decode("utf-8", "surrogatepass" if isinstance(text, str) else "strict"), parse_constant=_no_constant if finite else None,
                object_pairs_hook=_unique, parse_int=partial(_integer, digits), parse_float=number,
            )  # fmt: skip
        except json.JSONDecodeError as error:
            raise ValueError(f"{error}; is it complete?") from error
        return bounded(found, where, digits, finite=finite)


def _weighed(data: bytes, where: str) -> None:
    """Refuse a text before anything is made of it: a value stands behind a comma, a bracket or a brace, and a field has a colon."""
    if len(data) > MOST_BYTES:
        raise BadDocument(f"{where}: expected at most {MOST_BYTES} bytes; got {len(data)}")
    if sum(data.count(c) for c in (b",", b"[", b"{")) > MOST_VALUES:
        raise BadDocument(f"{where}: expected at most {MOST_VALUES} values; got more")
    if data.count(b":") > MOST_FIELDS:
        raise BadDocument(f"{where}: expected at most {MOST_FIELDS} fields; got more")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"expected finite numbers; got {name}")


def _integer(most: int, digits: str) -> int:
    if len(digits.lstrip("-")) > most:
        raise ValueError(f"expected integers of at most {most} digits; got one of {len(digits)}")
    return int(digits)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        seen = set[str]()
        twice = next(k for k, _ in pairs if k in seen or seen.add(k))  # type: ignore[func-returns-value]  # None: it is the first
        raise ValueError(f"expected every field once; {twice!r:.80} stands twice")
    return out
