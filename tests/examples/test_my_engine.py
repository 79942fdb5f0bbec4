"""The example of a target of one's own runs as its first line says, and is certified."""

import json
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def test_example_engine_is_certified(tmp_path):
    """Exit status 0, and every network that it expresses is certified."""
    command = [sys.executable, "-m", "gradcheck", "run", "my_engine:Engine", "--dtype", "float64,float32", "--json", str(tmp_path / "o.json")]
    done = subprocess.run(command, cwd=EXAMPLES, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads((tmp_path / "o.json").read_text(encoding="utf-8"))["rows"]
    assert len(rows) >= 10
    assert {(r["verdict"], r["evidence"]) for r in rows} == {("pass", "certified")}
