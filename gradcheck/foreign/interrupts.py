"""Ctrl-C of the user, told from a KeyboardInterrupt that foreign code raises by itself."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

Handler = Callable[[int, FrameType | None], Any]


class Interrupts:
    """Counts, while it is entered, how often a SIGINT arrived that interrupts this thread; afterwards the handler is the one that was there.

    The one that is entered first stands in the table of signals; those inside of it ask that one. Without a handler of Python's, or in
    another thread, no SIGINT becomes a KeyboardInterrupt, and each of these is foreign.

    >>> with Interrupts() as interrupts:
    ...     interrupts.typed
    0
    """

    def __init__(self) -> None:
        self.typed = 0
        self._previous: Handler | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Do what the handler did that was there."""
        assert self._previous is not None
        try:
            self._previous(number, frame)
        except KeyboardInterrupt:
            self.typed += 1
            raise

    def __enter__(self) -> Interrupts:
        found = signal.getsignal(signal.SIGINT)
        if isinstance(found, Interrupts):
            return found
        if callable(found) and threading.current_thread() is threading.main_thread():
            self._previous = found
            signal.signal(signal.SIGINT, self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
