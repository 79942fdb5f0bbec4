"""TOML whose size, depth and numbers are within limits."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from gradcheck.errors import BadDocument
from gradcheck.files.limits import MOST_DEPTH, bounded, refused
from gradcheck.files.regular import contents

#: Bytes of a file that people write; tomllib takes about a second for them.
MOST_BYTES = 2**20
#: A key of more parts than a document may have levels: tomllib takes the square of their number.
_LONG_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){%d}""" % MOST_DEPTH, re.ASCII)  # noqa: UP031 - braces


def read(path: Path, what: str) -> dict[str, Any]:
    """Return what a file of TOML holds.

    Args:
        path: of the file.
        what: it should be, for messages.

    Raises:
        BadDocument: see `contents`; no TOML, too deep, an infinite number, an integer of absurd length.
    """
    data = contents(path, what, MOST_BYTES)
    with refused(f"{path}: expected TOML, {what}"):
        text = data.decode("utf-8")
        if _LONG_KEY.search(text):
            raise BadDocument(f"{path}: expected keys of at most {MOST_DEPTH} parts; got a longer one")
        found: dict[str, Any] = bounded(tomllib.loads(text), str(path))
        return found
