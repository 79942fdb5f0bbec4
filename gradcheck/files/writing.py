"""Files that are there whole or not at all: written beside, under a name that nobody else has, and put in place when they are complete."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gradcheck.errors import OutputFailed

#: Made here or not at all, and not by way of a link. Windows has neither links without rights of their own, nor the other flags.
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
#: Permissions from which the system takes those that the user leaves out.
_MODE, _FOLDER_MODE = 0o666, 0o777
#: Characters of a file's name in the name beside it, so that this is not too long where that is not: systems have 255 bytes, UTF-8 takes 4 a character.
_STEM = 32

#: Keeping what there is takes at most this part of the time.
KEEP_SHARE = 0.05


def check(path: Path) -> None:
    """Find out, before any work, whether a file can be written: its folder takes new files, and nothing but a regular file is replaced.

    Args:
        path: of the file.

    Raises:
        OutputFailed: it cannot.
    """
    with _failing(path):
        _refuse_others(path)
        beside, descriptor = _new(path)
        os.close(descriptor)
        beside.unlink()


def write(path: Path, data: str | bytes) -> None:
    """Write a file, whole or not at all; it has the permissions of a new file.

    Args:
        path: of the file.
        data: text as UTF-8, or bytes.

    Raises:
        OutputFailed: the folder takes no new file, the disk is full, or what stands there is no regular file; that is left as it was.
    """
    with _failing(path):
        _refuse_others(path)
        content = data.encode("utf-8") if isinstance(data, str) else data
        beside, descriptor = _new(path)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


@contextmanager
def folder(path: Path) -> Iterator[Path]:
    """Give an empty folder beside a path, which is put there at the end, and removed where that is not reached.

    Args:
        path: of a folder that is not there yet, or is empty.

    Raises:
        OutputFailed: there is something in it, it is the current folder, or another cannot be made beside it.
    """
    with _failing(path):
        place = path.resolve()
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise OutputFailed(f"{path}: expected a folder that is empty or not there yet; move what is in it, or give another")
        if place == Path.cwd():
            raise OutputFailed(f"{path}: expected a folder that can be replaced; got the current one; give one in it")
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = _beside(place)
        beside.mkdir(_FOLDER_MODE)
    try:
        yield beside
        with _failing(path):
            if place.exists():
                shutil.copymode(place, beside)
                place.rmdir()
            beside.rename(place)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


class Keeper:
    """Writes a file now and then while work goes on; that it cannot is a remark, not the end.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.remark = ""
        self._next = 0.0

    def __call__(self, text: Callable[[], str]) -> None:
        """Write what is there so far, if it is time.

        Args:
            text: makes it.
        """
        begun = time.monotonic()
        if begun < self._next:
            return
        try:
            write(self.path, text())
        except OutputFailed as error:
            self.remark = str(error)
        ended = time.monotonic()
        self._next = ended + (ended - begun) / KEEP_SHARE


@contextmanager
def _failing(path: Path) -> Iterator[None]:
    """Turn what the system says into an error with the name of the file."""
    try:
        yield
    except OSError as error:
        raise OutputFailed(f"{path}: expected a file that can be written; {error.strerror or error}") from error
    except ValueError as error:  # a name with a null character, a text with half a character
        raise OutputFailed(f"{str(path)!r:.80}: expected a file that can be written; {error}") from error


def _refuse_others(path: Path) -> None:
    with suppress(FileNotFoundError):
        mode = path.lstat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "a link" if stat.S_ISLNK(mode) else "a device or the like"
            raise OutputFailed(f"{path}: expected a regular file, or none yet; got {kind}; name another file")


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name[:_STEM]}.{secrets.token_hex(8)}.partial")


def _new(path: Path) -> tuple[Path, int]:
    """Make a file beside a path; return its name and its descriptor."""
    beside = _beside(path)
    return beside, os.open(beside, _NEW, _MODE)
