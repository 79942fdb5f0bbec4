"""Signals that end a command: it shows what it has, says how to go on, ends what it started, and its status says which it was."""

import os
import signal
import subprocess
import sys
import time

import pytest

from gradcheck.result.stored import read
from tests.targets.test_program import gone

pytestmark = pytest.mark.skipif(os.name != "posix", reason="other systems have other signals")

#: An engine that says who it is, takes a question, and reads nothing any more; it tells its number, and that of what it started in a session of its own.
STUBBORN = """
import json, os, signal, subprocess, sys, time
for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(s, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
print(json.dumps({"id": json.loads(sys.stdin.readline())["id"], "success": True, "name": "stubborn"}), flush=True)
sys.stdin.readline()
with open("pids.tmp", "w") as file:
    file.write(f"{os.getpid()} {child.pid}")
os.rename("pids.tmp", "pids")
time.sleep(600)
"""
#: All of them but one are left to the deep run: what takes time is starting a process.
SIGNALS = [signal.SIGTERM, *(pytest.param(s, marks=pytest.mark.deep) for s in (signal.SIGINT, signal.SIGHUP, signal.SIGKILL))]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_stubborn_program(number, tmp_path):
    """Whatever ends the command ends the program that does not read, and what that started; what was found is shown and kept."""
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    command = [sys.executable, "-m", "gradcheck", "run", "reference", f"{sys.executable} stubborn.py", "--networks", "diamond", "--json", "r.json"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 60
        while time.monotonic() < end and not ((tmp_path / "pids").exists() and (tmp_path / "r.json").exists()):
            time.sleep(0.02)
        pids = [int(x) for x in (tmp_path / "pids").read_text().split()]
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert all(gone(p) for p in pids)
    result = read(tmp_path / "r.json")
    assert not result.complete
    if number != signal.SIGKILL:
        assert result.extent == "1 of 2 rows"
        assert process.returncode == 128 + number
        assert "incomplete: 1 of 2 rows" in out
        assert "1 of 2 rows" in err
        assert "gradcheck run --resume reference" in err
        assert "Traceback" not in err
