"""Bytes of a file: a regular one, opened once, never waited for, of limited size."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from gradcheck.errors import BadDocument
from gradcheck.files.limits import MOST_BYTES

#: A FIFO without a writer is opened at once, and found to be none of ours. Windows has neither flag, nor FIFOs among its files.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_KINDS = {stat.S_IFIFO: "a FIFO", stat.S_IFDIR: "a folder", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFSOCK: "a socket"}


@contextmanager
def opened(path: Path, what: str = "a document") -> Iterator[tuple[BinaryIO, int]]:
    """Give a file that is open for reading, and its size.

    Args:
        path: of the file.
        what: it should be, for messages.

    Raises:
        BadDocument: there is none, it cannot be read, or it is no regular file.
    """
    try:
        with open(path, "rb", opener=partial(_regular, what)) as file:
            yield file, os.fstat(file.fileno()).st_size
    except OSError as error:
        raise BadDocument(f"{path}: expected {what}; {error.strerror or error}") from error
    except ValueError as error:  # a name with a null character, or that is no text; BadDocument is one too
        if isinstance(error, BadDocument):
            raise
        raise BadDocument(f"expected the name of a file with {what}; got {str(path)!r:.80}") from error


def _regular(what: str, path: str, flags: int) -> int:
    """Open a file and return its descriptor, if it is a regular one."""
    descriptor = os.open(path, _FLAGS)
    kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
    if kind == stat.S_IFREG:
        return descriptor
    os.close(descriptor)
    raise BadDocument(f"{path}: expected {what} in a regular file; got {_KINDS.get(kind, 'something else')}; copy it into a file")


def contents(path: Path, what: str = "a document", most: int = MOST_BYTES) -> bytes:
    """Return the bytes of a file.

    Args:
        path: of the file.
        what: it should be, for messages.
        most: bytes.

    Raises:
        BadDocument: there is none, it is no regular file, or it is larger.
    """
    with opened(path, what) as (file, _):
        data = file.read(most + 1)  # its size may be told wrongly, or grow
    if len(data) > most:
        raise BadDocument(f"{path}: expected {what} of at most {most} bytes; got more")
    return data
