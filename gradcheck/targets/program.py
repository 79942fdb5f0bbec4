"""A program that is asked in lines on its standard input and answers in lines on its standard output.

Whatever it does, a question ends in an answer or in a `TargetFailed`, and in time: pipes are read and written by threads, so
that a program that writes before it reads, fills its standard error, or reads nothing blocks nobody; one that failed is ended
with all that it started.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, Full, Queue
from typing import IO, Any, BinaryIO, cast

from gradcheck.errors import TargetFailed
from gradcheck.files.limits import MOST_BYTES

#: Bytes of a line: those of a document. Large arrays go by files.
LONGEST = MOST_BYTES
#: Seconds between looks at whether the program is still there.
LOOK = 0.05
#: Seconds that a program has to end by itself, and its last words to come through.
GRACE = 1.0
#: Seconds that the process which watches a program has to kill it with all that it started: it gives up after five.
WATCHED = 6.0
_WATCH = Path(__file__).with_name("watch.py")
#: Lines of standard error that are kept, bytes of one, and characters that a message shows of all.
SAID_LINES, SAID_BYTES, SAID_SHOWN = 3, 4096, 300


class Program:
    """A running program, asked by one thread.

    Args:
        command: the program and its arguments; no shell reads them.
        longest: bytes of its longest line.

    Raises:
        TargetFailed: if it cannot be started.

    >>> with contextlib.closing(Program(["cat"])) as program:
    ...     program.ask(b"an echo", 5.0)
    b'an echo'
    """

    def __init__(self, command: Sequence[str], *, longest: int = LONGEST) -> None:
        self._process, self._life = _started(command)
        self._longest = longest
        self._lines: Queue[bytes] = Queue(maxsize=4)
        self._said: deque[bytes] = deque(maxlen=SAID_LINES)
        self._unread = threading.Event()
        self._writer: threading.Thread | None = None
        stopped = threading.Event()
        readers = [
            _thread(_read, self._process.stdout, self._lines, longest, stopped),
            _thread(_listen, self._process.stderr, self._said),
        ]
        self._finish = weakref.finalize(self, _end, self._process, self._life, readers, stopped)

    def ask(self, line: bytes, seconds: float, longest: int = LONGEST) -> bytes:
        """Return the program's next line, without its end, after writing one.

        Args:
            line: without its end.
            seconds: for the answer.
            longest: bytes of an answer that is one.

        Raises:
            TargetFailed: no whole line came in time; the program is ended then, and can be asked no more.
        """
        self._expect_silence()
        deadline = time.monotonic() + seconds
        self._writer = _thread(_write, self._process.stdin, line + b"\n", self._unread)
        try:
            answer = self._next(deadline, seconds)
            self._writer.join(max(0.0, deadline - time.monotonic()))
        except BaseException:  # an interrupt too: the answer that nobody waits for must not be taken for the next one
            self.close(at_once=True)
            raise
        if self._writer.is_alive():
            raise self.failed(f"answered before it had read the request, and did not read it within {seconds:g} s")
        if len(answer) > longest:
            raise self.failed(f"expected an answer of at most {longest} bytes; got {len(answer)} that begin {shown(answer)}")
        return answer

    def failed(self, what: str) -> TargetFailed:
        """End the program and return the error for what it did, with the end of its standard error."""
        self.close(at_once=True)
        text = " / ".join(t for line in list(self._said) if (t := printable(line).strip()))
        return TargetFailed(f"{what}; its standard error ends: {text[-SAID_SHOWN:]}" if text else what)

    def close(self, *, at_once: bool = False) -> None:
        """End the program: its input is closed, and what is left of it is killed after a second, or at once."""
        if at_once and self._finish.alive:
            _kill(self._process, self._life)
            if self._writer is not None:
                self._writer.join(GRACE)  # its pipe is closed next
        self._finish()

    def _expect_silence(self) -> None:
        while not self._lines.empty():
            line = self._lines.get()
            if not line.endswith(b"\n"):
                raise self._broken_off(line)
            if line.strip():
                raise self.failed(f"wrote a line without being asked: {shown(line)}")

    def _next(self, deadline: float, seconds: float) -> bytes:
        """Return the next line that is not blank."""
        while (line := self._taken(deadline)) is not None:
            if not line.endswith(b"\n"):
                raise self._broken_off(line)
            if line.strip():
                return line.rstrip(b"\r\n")
        _kill(self._process, self._life)
        rest = self._last_words()
        begun = f"; it had written {shown(rest)} without the end of a line (is it flushed?)" if rest.strip() else ""
        raise self.failed(f"no answer within {seconds:g} s{begun}")

    def _taken(self, deadline: float) -> bytes | None:
        """Return what comes next, b"" where nothing will come any more, None after the deadline."""
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(Empty):
                return self._lines.get(timeout=min(left, LOOK))
            if self._process.poll() is not None or self._unread.is_set():
                return self._last_words()
        return None

    def _last_words(self) -> bytes:
        with contextlib.suppress(Empty):
            return self._lines.get(timeout=GRACE)
        return b""

    def _broken_off(self, line: bytes) -> TargetFailed:
        """Return the error for a line without an end, b"" for none at all."""
        if len(line) > self._longest:
            return self.failed(f"expected lines of at most {self._longest} bytes; got one that begins {shown(line)}")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE)
        how = _ending(self._process.returncode) or f"closed its standard {'input' if self._unread.is_set() else 'output'}"
        return self.failed(f"{how} in the middle of a line: {shown(line)}" if line.strip() else f"{how} without an answer")


def printable(line: bytes) -> str:
    r"""Return a line as text that can be shown anywhere.

    >>> printable(b"tab\there, bell\x07")
    'tab here, bell�'
    """
    text = line.decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text)


def shown(line: bytes, most: int = 60) -> str:
    r"""Return the beginning of a line in quotes.

    >>> shown(b"a banner\n", most=4)
    "'a ba...'"
    """
    text = printable(line[: 4 * most + 4]).strip()
    return repr(text if len(text) <= most else f"{text[:most]}...")


def _started(command: Sequence[str]) -> tuple[subprocess.Popen[bytes], BinaryIO | None]:
    """Start a program; what is handed back beside it ends the program, with all that it started, when it is closed, and with us.

    It is in a session of its own: an interrupt from the keyboard is ours to handle.
    """
    try:
        if os.name != "posix" or getattr(sys, "frozen", False) or not sys.executable or not _WATCH.is_file():
            return _opened(command), None
        return _watched(command)
    except (OSError, ValueError) as error:  # ValueError: a null character
        reason = getattr(error, "strerror", None) or str(error)
        raise TargetFailed(f"expected a program that can be run; got {command[0]!r}: {reason}{_remedy(command[0], error)}") from error


def _watched(command: Sequence[str]) -> tuple[subprocess.Popen[bytes], BinaryIO]:
    (life, held), (told, said) = os.pipe(), os.pipe()
    end, reasons = os.fdopen(held, "wb", buffering=0), os.fdopen(told, "rb")
    with reasons:
        try:
            process = _opened([sys.executable, "-I", "-S", str(_WATCH), str(life), str(said), *command], pass_fds=(life, said))
        except BaseException:
            end.close()
            raise
        finally:
            os.close(life)
            os.close(said)
        reason = reasons.read()
    if reason:
        _end(process, end, [], threading.Event())
        for stream in (process.stdout, process.stderr):
            cast(IO[bytes], stream).close()
        raise OSError(int(reason), os.strerror(int(reason)))
    return process, end


def _opened(command: Sequence[str], pass_fds: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True, pass_fds=pass_fds)  # noqa: S603 - what the user named


def _remedy(name: str, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "; the interpreter that its first line names is not there" if Path(name).exists() else ""
    if isinstance(error, ValueError) or not Path(name).is_file():
        return ""
    return f"; begin it with a line #! and make it executable (chmod +x), or name its interpreter, as in 'python3 {name}'"


def _thread(f: Any, *arguments: Any) -> threading.Thread:
    made = threading.Thread(target=f, args=arguments, daemon=True)
    made.start()
    return made


def _read(stream: IO[bytes], lines: Queue[bytes], longest: int, stopped: threading.Event) -> None:
    """Put lines into the queue until one has no end: b"" at the end of the stream."""
    with stream:
        line = b"\n"
        while line.endswith(b"\n") and not stopped.is_set():
            line = stream.readline(longest + 1)
            waiting = True
            while waiting and not stopped.is_set():
                with contextlib.suppress(Full):
                    lines.put(line, timeout=LOOK)
                    waiting = False


def _listen(stream: IO[bytes], said: deque[bytes]) -> None:
    """Keep the last lines that are not blank."""
    with stream:
        while line := stream.readline(SAID_BYTES):
            if line.strip():
                said.append(line)


def _write(stream: IO[bytes], line: bytes, unread: threading.Event) -> None:
    raw, rest = cast(io.BufferedWriter, stream).raw, memoryview(line)  # a buffer would be flushed again when it is closed
    try:
        while rest:
            rest = rest[raw.write(rest) or 0 :]
    except (OSError, ValueError):  # closed at the other end, or by ourselves
        unread.set()


def _ending(status: int | None) -> str:
    """Return how a process ended, "" if it has not."""
    if status is None:
        return ""
    if status >= 0:
        return f"exited with status {status}"
    with contextlib.suppress(ValueError):
        return f"was ended by signal {-status} ({signal.Signals(-status).name})"
    return f"was ended by signal {-status}"


def _kill(process: subprocess.Popen[bytes], life: BinaryIO | None) -> None:
    """Kill a process and all that it started, or what is left of its group where nobody watches it."""
    if life is not None:
        life.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(WATCHED)
            return
    if hasattr(os, "killpg"):  # not on Windows
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        process.kill()


def _end(process: subprocess.Popen[bytes], life: BinaryIO | None, readers: Sequence[threading.Thread], stopped: threading.Event) -> None:
    """Close the input, wait a moment, kill what is left, and let the readers run out."""
    stopped.set()
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    _kill(process, life)
    process.wait()
    for reader in readers:
        reader.join(GRACE)
