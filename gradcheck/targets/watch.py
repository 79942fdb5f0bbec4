"""A process between us and a program: it ends the program, with all that this started, as soon as we are gone or say so.

It is run by path, alone, with the standard library: ``python -I -S watch.py LIFE SAID COMMAND...``. The end of the pipe LIFE is the end of
whoever holds its other end, however that one died. What could not be started is written into the pipe SAID, as the number of an error.

Where the system is Linux, processes without a parent become ours, so that those in sessions of their own are found; elsewhere what is left of
the program's group is all that is known.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic

#: Options of prctl(2): signal at the death of the parent, adopting orphans.
_DEATH, _ADOPT = 1, 36
#: Seconds in which processes that are killed have gone; what makes new ones faster than they are killed is left then.
_PATIENCE = 5.0


def main(life: int, said: int, command: list[str]) -> None:
    """Start a program, and end as it ends; end it when the pipe ends.

    Args:
        life: descriptor to read.
        said: descriptor to write.
        command: of the program.
    """
    _prctl(_ADOPT, 1)
    ended, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    program = os.fork()
    if program == 0:
        _become(command, life, said)
    for descriptor in (0, 1, 2, said):  # their ends are the program's
        os.close(descriptor)
    status = None
    while status is None:
        ready, _, _ = select.select([life, ended], [], [])
        if life in ready:
            break
        os.read(ended, 4096)
        status = _reaped().get(program)
    _end_all(program)
    _end_as(status)


def _become(command: list[str], life: int, said: int) -> None:
    """Be the program, in the child."""
    try:
        os.setsid()
        _prctl(_DEATH, signal.SIGKILL)
        for name in ("SIGPIPE", "SIGXFSZ"):  # Python ignores them
            signal.signal(getattr(signal, name), signal.SIG_DFL)
        for descriptor in (life, said):
            os.set_inheritable(descriptor, False)
        os.execvp(command[0], command)  # noqa: S606 - what the user named
    except OSError as error:
        os.write(said, str(error.errno).encode())
    finally:
        os._exit(127)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        with suppress(ImportError, OSError, AttributeError):
            import ctypes

            ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _reaped() -> dict[int, int]:
    """Return the statuses of those that have ended."""
    found = {}
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            found[ended[0]] = ended[1]
    return found


def _end_all(program: int) -> None:
    """Kill the program and every process that came of it: children, and the orphans that became ours."""
    deadline = monotonic() + _PATIENCE
    with suppress(ChildProcessError):
        while monotonic() < deadline:
            for kill, number in ((os.killpg, program), *((os.kill, child) for child in _children())):
                with suppress(ProcessLookupError, PermissionError):
                    kill(number, signal.SIGKILL)
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                select.select([], [], [], 0.005)


def _children() -> Iterator[int]:
    """Yield the processes whose parent we are; none where the system does not tell."""
    with suppress(OSError):
        for name in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208 - few modules are loaded here
            with suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                if int(file.read().rpartition(b")")[2].split()[1]) == os.getpid():
                    yield int(name)


def _end_as(status: int | None) -> None:
    """End as the program did."""
    if status is None:
        os._exit(1)
    if os.WIFSIGNALED(status):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # one core is enough
        with suppress(OSError):  # some cannot be handled
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status) & 255)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
