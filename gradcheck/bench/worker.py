"""Measurements in a process of their own: on one core, with one thread, stopped when they take too long."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Any, Self

from gradcheck.errors import MeasurementFailed, MeasurementStopped
from gradcheck.pool import end, follow

#: What number libraries read when they are loaded: one thread each.
ENVIRONMENT: Mapping[str, str] = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "VECLIB_MAXIMUM_THREADS": "1", "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}  # fmt: skip


def _start(environment: Mapping[str, str], core: int | None, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt from the keyboard is for who asked
    os.environ.update(environment)
    follow(parent)
    if core is not None:
        os.sched_setaffinity(0, {core})


class Worker:
    """A process that measures; it is started when first asked, and anew after it broke or was stopped.

    Args:
        core: to be pinned to; the last one that this process may use unless given, none where systems do not pin.
        limit: seconds that a measurement may take.
    """

    def __init__(self, core: int | None = None, limit: float = 600.0) -> None:
        can_pin = hasattr(os, "sched_getaffinity")
        self.core = (max(os.sched_getaffinity(0)) if core is None else core) if can_pin else None
        self.limit = limit
        self._pool: ProcessPoolExecutor | None = None

    def __call__(self, f: Callable[..., Any], *arguments: Any, limit: float | None = None) -> Any:
        """Return f(*arguments), computed in the process.

        Args:
            f: a function of a module.
            arguments: its arguments.
            limit: seconds, in place of the worker's own.

        Raises:
            MeasurementStopped: if it took too long.
            MeasurementFailed: if the process died.
        """
        limit = self.limit if limit is None else limit
        if self._pool is None:
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, spawn, _start, (ENVIRONMENT, self.core, os.getpid()))
        future = self._pool.submit(f, *arguments)
        try:
            return future.result(limit)
        except TookTooLong as error:
            self.stop()
            raise MeasurementStopped(f"expected an end within {limit:g} s; stopped") from error
        except BrokenProcessPool as error:
            self.stop()
            raise MeasurementFailed("the measuring process died (out of memory, perhaps)") from error

    def stop(self) -> None:
        """End the process, whatever it does."""
        if self._pool is not None:
            end(self._pool)
            self._pool = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
