"""Foreign text made harmless: control characters replaced, no longer than is of use."""

from __future__ import annotations

import math
import re

#: Characters of a name or message that are shown.
LONGEST = 300

#: The number of a line, within the 32 bits that the readers of reports have for it.
_LINE = re.compile(r"[1-9][0-9]{0,8}")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def clean(text: str, limit: int = LONGEST, *, newlines: bool = False) -> str:
    r"""Return `text` without control characters, bidirectional overrides and lone surrogates, cut at `limit` characters.

    Args:
        text: from a target, a test or a file.
        limit: the most characters; the middle is left out.
        newlines: whether ends of lines are kept.

    >>> clean("a\x1b[31mb\n")
    'a\ufffd[31mb\ufffd'
    """
    cut = text if len(text) <= limit else f"{text[: limit // 2]}…{text[-(limit // 2) + 1 :]}"
    return "".join(c if c.isprintable() or (newlines and c in "\n\t") else _REPLACEMENT for c in cut)


def file_and_line(location: str) -> tuple[str, int]:
    """Return the parts of "file:line"; "" and 0 where it is none.

    >>> file_and_line("src/a.py:7"), file_and_line("src/a.py:²")
    (('src/a.py', 7), ('', 0))
    """
    file, _, line = location.rpartition(":")
    return (file, int(line)) if file and _LINE.fullmatch(line) else ("", 0)


def ratio(x: float | None) -> str:
    """Return an error over its bound for people."""
    if x is None or math.isnan(x):
        return "–"
    return f"{x:.2f}" if x < 100 else f"{x:.1e}"


def number(x: float) -> str:
    """Return a number so that it can be read back; "" for none."""
    return "" if math.isnan(x) else repr(x)
