"""A measuring process: pinned, of one thread, stopped when it takes too long, replaced when it dies."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gradcheck.bench.worker import Worker
from gradcheck.errors import MeasurementFailed, MeasurementStopped


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not pin")
def test_one_core_one_thread():
    """It is another process, on one core; the caller keeps its own."""
    before = os.sched_getaffinity(0)
    with Worker() as worker:
        assert worker(os.getpid) == worker(os.getpid) != os.getpid()
        assert worker(os.getenv, "OPENBLAS_NUM_THREADS") == "1"
        assert len(worker(os.sched_getaffinity, 0)) == 1
    assert os.sched_getaffinity(0) == before


def test_it_is_stopped_and_replaced():
    """Too long: an error that says so, and the next measurement is made by a new process."""
    with Worker(limit=30.0) as worker:
        first = worker(os.getpid)
        start = time.monotonic()
        with pytest.raises(MeasurementStopped, match=r"within 0.5 s; stopped"):
            worker(time.sleep, 60, limit=0.5)
        assert time.monotonic() - start < 30
        assert worker(os.getpid) != first


def test_it_does_not_outlive_who_asked(tmp_path):
    """Killed without a chance to clean up, the parent leaves no process behind that measures for ever."""
    code = (
        "import os, time\nfrom gradcheck.bench.worker import Worker\n"
        "w = Worker()\nif __name__ == '__main__':\n    print(w(os.getpid), flush=True)\n    w(time.sleep, 600)\n"
    )
    (tmp_path / "parent.py").write_text(code)
    parent = subprocess.Popen([sys.executable, str(tmp_path / "parent.py")], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    end = time.monotonic() + 60
    while time.monotonic() < end and _lives(child):
        time.sleep(0.1)
    assert not _lives(child)


def _lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def test_it_dies():
    """A process that dies is an error, not the end."""
    with Worker() as worker:
        with pytest.raises(MeasurementFailed, match="died") as caught:
            worker(os._exit, 3)
        assert not isinstance(caught.value, MeasurementStopped)
        assert worker(abs, -1) == 1
