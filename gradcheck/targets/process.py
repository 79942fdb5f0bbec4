"""Targets in any language: a program that answers lines of JSON (protocol ``gradcheck-engine/1``, docs/protocol.md).

::

    gradcheck run ./engine
    gradcheck run "python3 engine.py --fast"
"""

from __future__ import annotations

import os
import shlex
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

from gradcheck.errors import BadInput, CannotExpress, TargetFailed
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.targets.interpreter import scalar_output
from gradcheck.targets.messages import (
    DTYPES,
    MOST_BYTES_TOLD,
    Hello,
    accepted,
    decoded,
    encoded,
    hello_request,
    longest_answer,
    most_entries,
    read_hello,
    read_run,
    run_request,
)
from gradcheck.targets.program import Program
from gradcheck.targets.registry import PREFIX, is_command, targets
from gradcheck.targets.target import Run, dtype_of

#: Seconds for an answer.
TIMEOUT = 60.0
#: A program is not started again after so many starts in a row that came to no hello.
MOST_STARTS = 3


class Process:
    """A program that computes gradients.

    It is started here and asked for its hello, then for one gradient at a time; one that fails is ended, and started again when
    it is next needed. It is ended by `close`, on leaving a ``with``, or when nothing refers to this any more. A hello that does
    not come is not raised here: every `run` then says why.

    Args:
        command: the program and its arguments: a list, or text that is split as by a shell, though there is none.
        name: in reports; the default is what the hello says.
        timeout: seconds for each answer.

    Raises:
        TargetFailed: there is no such program, or it cannot be run.
        BadInput: a timeout that is not positive, or longer than a thread can wait.

    >>> import sys
    >>> answer = '{"id": 0, "success": true, "name": "idle", "dtypes": ["float32"]}'
    >>> with Process([sys.executable, "-c", f"input(); print('{answer}', flush=True); input()"]) as idle:
    ...     idle.name, idle.dtypes
    ('idle', ('float32',))
    """

    def __init__(self, command: str | Sequence[str], *, name: str = "", timeout: float = TIMEOUT) -> None:
        if not 0 < timeout <= threading.TIMEOUT_MAX:
            raise BadInput(f"expected a timeout above 0 seconds, and of no more than a thread can wait; got {timeout!r:.40}")
        text = command if isinstance(command, str) else shlex.join(command)
        self.spec = text if is_command(text) else f"{PREFIX}{text}"
        self.timeout = timeout
        self._command = _words(command)
        self._number = 0
        self._failures: list[str] = []
        self._hello = Hello(self.spec.removeprefix(PREFIX), dtypes=DTYPES)  # until it says something else
        self._program: Program | None = Program(self._command)
        with suppress(TargetFailed):
            self._greet(self._program)
        self.name = name or self._hello.name
        self.version, self.dtypes = self._hello.version, self._hello.dtypes
        self.slack, self.flushes, self.accumulates = self._hello.slack, self._hello.flushes, self._hello.accumulates

    def run(self, graph: Graph, values: Values) -> Run:
        """Ask for loss and gradients, and whatever else the program answers.

        Raises:
            CannotExpress: the program has no form for the graph.
            TargetFailed: it gave no answer, with what it did instead.
        """
        scalar_output(graph)
        dtype, program = dtype_of(values), self._running()
        _require(self._hello, graph, dtype)
        above = self._hello.npy_above
        with _folder(above) as folder:
            request = run_request(self._next(), graph, values, folder=folder, above=above)
            return read_run(accepted(self._asked(program, request, longest_answer(graph))), dtype, folder, most_entries(graph))

    def close(self) -> None:
        """End the program; another `run` would start it again."""
        if self._program is not None:
            self._program.close()
            self._program = None

    def __enter__(self) -> Process:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _running(self) -> Program:
        if self._program is None:
            if len(self._failures) >= MOST_STARTS:
                raise TargetFailed(f"not started again after {MOST_STARTS} failures in a row; {self._failures[-1]}")
            try:
                self._program = Program(self._command)
            except TargetFailed as error:  # it was there before
                self._failures.append(str(error))
                raise
            self._greet(self._program)
        return self._program

    def _greet(self, program: Program) -> None:
        """Ask for the hello; the program is ended where that fails."""
        try:
            answer = self._asked(program, hello_request(self._next()), MOST_BYTES_TOLD)
            try:
                hello = read_hello(accepted(answer))
                if hello.name in tuple(targets):  # tables of what was measured go by the name
                    raise TargetFailed(f"expected a name that no target of gradcheck has; got {hello.name!r}")
                self._hello = hello
            except TargetFailed as error:
                self._program = None
                raise program.failed(str(error)) from None
        except TargetFailed as error:
            self._failures.append(f"at its start: {error}")
            raise TargetFailed(self._failures[-1]) from None
        self._failures.clear()

    def _next(self) -> int:
        self._number += 1
        return self._number - 1

    def _asked(self, program: Program, request: Mapping[str, Any], longest: int) -> Mapping[str, Any]:
        """Return the answer to a request; a program that gave none is ended."""
        line = encoded(request)
        self._program = None  # unless it answers
        found = program.ask(line, self.timeout, longest)
        try:
            answer = decoded(found, request["id"])
        except TargetFailed as error:
            raise program.failed(str(error)) from None
        self._program = program
        return answer


def _words(command: str | Sequence[str]) -> list[str]:
    """Return the program and its arguments."""
    try:
        words = _split(command.removeprefix(PREFIX)) if isinstance(command, str) else list(command)
    except ValueError as error:  # a quote without its end
        raise TargetFailed(f"expected a command; got {command!r}: {error}") from error
    if not words:
        raise TargetFailed(f"expected a command; got {command!r}")
    return words


def _split(text: str) -> list[str]:
    if os.name == "posix":
        return shlex.split(text)
    return [word.strip("\"'") for word in shlex.split(text, posix=False)]  # elsewhere a backslash belongs to a path


def _require(hello: Hello, graph: Graph, dtype: str) -> None:
    """Raise `CannotExpress` for a format or an operation that the program does not have."""
    if dtype not in hello.dtypes:
        raise CannotExpress(f"{hello.name} has no {dtype}")
    missing = sorted({n.op for n in graph.nodes} - hello.ops) if hello.ops is not None else []
    if missing:
        raise CannotExpress(f"{hello.name} has no form for {', '.join(missing)}")


@contextmanager
def _folder(above: int | None) -> Iterator[Path | None]:
    """Make a folder for the arrays of one request, if some may go by files."""
    if above is None:
        yield None
        return
    with TemporaryDirectory(prefix="gradcheck-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
