"""Processes that share work end with the one that asked."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from gradcheck.pool import mapped
from tests.targets.test_program import gone


def _told(folder, k):
    """Note this process, and take long where it is told to."""
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(600 if k else 0)
    return k


def _pids(folder):
    return [int(p.name) for p in folder.iterdir() if p.name.isdecimal()]


def test_one_process_works_here(tmp_path):
    """In order, without another process."""
    assert list(mapped(partial(_told, tmp_path), [0, 0], 1)) == [0, 0]
    assert _pids(tmp_path) == [os.getpid()]


def test_leaving_early(tmp_path):
    """Whoever stops taking results, by an interrupt say, waits for no work, and leaves no process."""
    begun = time.monotonic()
    results = mapped(partial(_told, tmp_path), [0, 1, 1], 2)
    assert next(results) == 0
    results.close()
    assert time.monotonic() - begun < 60
    assert all(gone(p) for p in _pids(tmp_path))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal")
@pytest.mark.deep
def test_the_one_that_asked_is_killed(tmp_path):
    """Processes whose parent has died end, though their work has not."""
    code = f"import sys; sys.path[:0] = {[str(Path(__file__).parents[1]), *sys.path]!r}\nif __name__ == '__main__':\n    from functools import partial\n    from gradcheck.pool import mapped\n    from tests.test_pool import _told\n    list(mapped(partial(_told, {str(tmp_path)!r}), [1, 1], 2))"
    (tmp_path / "ours.py").write_text(code)
    with subprocess.Popen([sys.executable, tmp_path / "ours.py"]) as process:
        end = time.monotonic() + 60
        while time.monotonic() < end and len(_pids(tmp_path)) < 2:
            time.sleep(0.05)
        process.kill()
    assert len(_pids(tmp_path)) == 2
    assert all(gone(p) for p in _pids(tmp_path))
