"""Ctrl-C of the user, and signals that end a command, told from a KeyboardInterrupt that foreign code raises by itself."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

Handler = Callable[[int, FrameType | None], Any]


class Interrupts:
    """Counts, while it is entered, how often a SIGINT arrived that interrupts this thread; afterwards the handlers are those that were there.

    The one that is entered first stands in the table of signals; those inside of it ask that one. Without a handler of Python's, or in
    another thread, no SIGINT becomes a KeyboardInterrupt, and each of these is foreign.

    Args:
        more: signals that interrupt as SIGINT does, where nobody handles or ignores them.

    >>> with Interrupts() as interrupts:
    ...     interrupts.typed
    0
    """

    def __init__(self, *more: signal.Signals) -> None:
        self.typed = 0
        self.last = signal.SIGINT
        self._more = more
        self._previous: dict[signal.Signals, Any] = {}

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Do what the handler did that was there; what had none interrupts."""
        arrived = signal.Signals(number)
        handler = self._previous[arrived]
        try:
            (handler if callable(handler) else signal.default_int_handler)(number, frame)
        except KeyboardInterrupt:
            self.typed += 1
            self.last = arrived
            raise

    def __enter__(self) -> Interrupts:
        found = signal.getsignal(signal.SIGINT)
        if isinstance(found, Interrupts) and not self._more:
            return found
        if threading.current_thread() is threading.main_thread():
            wanted = [signal.SIGINT] if callable(found) else []
            wanted += [s for s in self._more if signal.getsignal(s) is signal.SIG_DFL]
            self._previous = {s: signal.getsignal(s) for s in wanted}
            for s in wanted:
                signal.signal(s, self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for s, handler in self._previous.items():
            signal.signal(s, handler)
