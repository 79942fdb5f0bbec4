"""Processes that share work: they end with the one that asked, whatever ends it, and leave Ctrl-C to it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


def mapped(work: Callable[[In], Out], todo: Sequence[In], processes: int) -> Iterator[Out]:
    """Yield what is found for each case, in order, by so many processes; 1 works here.

    Args:
        work: a function of a module, or a partial one.
        todo: cases.
        processes: that share them.
    """
    if processes == 1:
        yield from map(work, todo)
        return
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _start, (os.getpid(),))
    try:
        yield from pool.map(work, todo)
    finally:
        end(pool)


def end(pool: ProcessPoolExecutor) -> None:
    """End the processes of a pool, whatever they do: the pool itself would wait until all work is done.

    Args:
        pool: of processes.
    """
    for process in list((pool._processes or {}).values()):  # the pool has no public way to end a running call
        process.kill()
    pool.shutdown(wait=True, cancel_futures=True)


def follow(parent: int) -> None:
    """End this process when the one that asked for it is gone: its work may never come to its end.

    Args:
        parent: the number of that one.
    """
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _start(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    follow(parent)


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
