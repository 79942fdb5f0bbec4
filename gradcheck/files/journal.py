"""Results as they come, a line each, from which work that was cut off goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gradcheck.errors import BadDocument
from gradcheck.files.json import parsed
from gradcheck.files.regular import contents
from gradcheck.files.writing import write

_APPEND = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_REMEDY = "remove it, or start anew without --resume"


class Journal:
    """A file of results that grows while work goes on; it stays until the work is complete and its owner removes it.

    That a result cannot be kept is a remark, not the end.

    Args:
        path: of the file.
        head: what is done, by which this same work is known again.
        resume: whether to go on with what is there; else it is replaced.

    Raises:
        BadDocument: if the file is of other work, or is damaged elsewhere than in its last line.
        OutputFailed: if it cannot be written.
    """

    def __init__(self, path: Path, head: Mapping[str, Any], *, resume: bool = False) -> None:
        self.path = path
        self.remark = ""
        first = _line(head)
        self.found: dict[str, Any] = _read(path, first) if resume and path.exists() else {}
        write(path, "".join([first, *(_line([k, v]) for k, v in self.found.items())]))
        self._descriptor: int | None = os.open(path, _APPEND)

    def add(self, key: str, value: Any) -> None:
        """Keep a result.

        Args:
            key: of it.
            value: plain data.
        """
        self.found[key] = value
        rest = _line([key, value]).encode()
        try:
            while rest and self._descriptor is not None:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            self.remark = f"{self.path}: expected a file that can be written; {error.strerror or error}; what came later is not kept"
            self.close()  # behind a line that was cut off nothing can be read

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the file, which stays until its owner removes it."""
        self.close()


def _line(data: Any) -> str:
    return json.dumps(data, allow_nan=False) + "\n"


def _read(path: Path, first: str) -> dict[str, Any]:
    """Return what a journal holds; after the last line's end comes nothing, or a line that was cut off."""
    lines = contents(path, "results").decode("utf-8", "replace").split("\n")
    if lines[0] + "\n" != first:
        raise BadDocument(f"{path}: expected the beginning of this same work; got another's; {_REMEDY}")
    found = {}
    for number, line in enumerate(lines[1:-1], 2):
        entry = parsed(line, f"{path}, line {number}", "a result")
        if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[0], str):
            raise BadDocument(f"{path}, line {number}: expected a result; got {line[:60]!r}; {_REMEDY}")
        found[entry[0]] = entry[1]
    return found
