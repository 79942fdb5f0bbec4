"""What foreign code may change of the process that it runs in, and what is put back.

Not put back, since only another process can keep it: what is compiled, threads and handlers at the exit, names in other modules (ours among
them), memory, the process itself.
"""

from __future__ import annotations

import builtins
import decimal
import io
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import numpy as np

#: Whose names judging relies on, and which are cheap to replace.
_MODULES = (builtins, math, time, np)

#: By which a command is ended, as far as the system has them.
_SIGNALS = [found for name in ("SIGINT", "SIGTERM", "SIGHUP") if (found := getattr(signal, name, None)) is not None]

#: Puts something back.
Restore = Callable[[], None]


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put back, at the end, what foreign code may have changed: folder, streams, handlers of signals, depth of recursion, where modules
    are found, precisions, names.

    >>> before = np.asarray
    >>> with undisturbed():
    ...     np.asarray = None
    >>> np.asarray is before
    True
    """
    with ExitStack() as stack:
        for restore in (_names(), _imports(), _depth(), _precisions(), _streams(), _folder(), _handler()):
            stack.callback(restore)
        yield


def _names() -> Restore:
    before = [(vars(module), dict(vars(module))) for module in _MODULES]

    def restore() -> None:
        for own, names in before:
            for name in [k for k, x in names.items() if own.get(k) is not x and k != "_"]:  # "_" is the last answer of a prompt
                own[name] = names[name]

    return restore


def _imports() -> Restore:
    """Keep where modules are looked for; what was added stays, since it may be needed later."""
    places: list[list[Any]] = [sys.path, sys.meta_path, sys.path_hooks]
    before = [(x, list(x)) for x in places]

    def restore() -> None:
        for own, kept in before:
            if any(x not in own for x in kept):
                own[:] = kept

    return restore


def _depth() -> Restore:
    before = sys.getrecursionlimit()

    def restore() -> None:
        if sys.getrecursionlimit() < before:
            sys.setrecursionlimit(before)

    return restore


def _precisions() -> Restore:
    """Keep the digits with which libraries of many digits compute, of those that are loaded."""
    found = [("mpmath", "mp"), ("flint", "ctx")]
    contexts = [(c, c.prec) for module, name in found if (c := getattr(sys.modules.get(module), name, None)) is not None]
    contexts.append((decimal.getcontext(), decimal.getcontext().prec))

    def restore() -> None:
        for context, precision in contexts:
            if context.prec != precision:
                context.prec = precision

    return restore


def _folder() -> Restore:
    before = _current()

    def restore() -> None:
        if before and _current() != before:
            with suppress(OSError):
                os.chdir(before)

    return restore


def _current() -> str:
    """Return the current folder, "" where it was removed."""
    try:
        return os.getcwd()  # noqa: PTH109 - as text: this is done around every run of a target
    except OSError:
        return ""


def _handler() -> Restore:
    before = {s: signal.getsignal(s) for s in _SIGNALS}

    def restore() -> None:
        for s, handler in before.items():
            if handler is not None and signal.getsignal(s) is not handler and threading.current_thread() is threading.main_thread():
                signal.signal(s, handler)

    return restore


def _streams() -> Restore:
    """Keep standard output and error: what was closed is opened again from a copy of its descriptor."""
    before = [(1, sys.stdout, sys.__stdout__, _copy(1)), (2, sys.stderr, sys.__stderr__, _copy(2))]

    def restore() -> None:
        sys.stdout, sys.stderr = before[0][1], before[1][1]
        for number, stream, first, copy in before:
            with suppress(OSError):  # the copy was closed as well: nothing is left to put back
                if copy is not None and not _same(number, copy):
                    os.dup2(copy, number)
            with suppress(OSError):
                os.close(-1 if copy is None else copy)
            for closed in (stream, first):
                _reopen(closed, number)

    return restore


def _copy(number: int) -> int | None:
    try:
        return os.dup(number)
    except OSError:  # it is not open
        return None


def _same(number: int, copy: int) -> bool:
    """Answer whether two descriptors are of one file."""
    try:
        return os.path.sameopenfile(number, copy)
    except OSError:
        return False


def _reopen(stream: Any, number: int) -> None:
    """Make a text stream that was closed one of the same descriptor again; whoever holds it need not know."""
    if type(stream) is io.TextIOWrapper and stream.closed:
        raw = open(number, "wb", closefd=False)  # noqa: SIM115 - the stream keeps it
        stream.__init__(raw, encoding=stream.encoding, errors=stream.errors, line_buffering=raw.isatty())  # type: ignore[misc]
