"""``python -m tests.capture.scripts``: each faulty model becomes a script with torch alone, which runs and shows the fault."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click

import gradcheck
from tests.capture.faulty import FUNCTIONS, HOSTS, model


@dataclass(frozen=True)
class Shown:
    """What became of a faulty model.

    Args:
        name: of the model.
        verdict: on its recording.
        script: that shows the fault, "" for none.
        status: of its run.
        seconds: to make and to run it.
    """

    name: str
    verdict: str
    script: str
    status: int
    seconds: float

    @property
    def entries(self) -> int:
        """The numbers that are written in it."""
        return sum(line.count(",") + 1 for line in self.script.splitlines() if " = torch.tensor" in line)


def shown(function, host) -> Shown:
    """Record a faulty model, and run its script in another process."""
    name = f"{function.__name__} in {host.__name__}"
    module, x = model(function, host)
    recording = gradcheck.record(module, x)
    row = recording.validate()
    begun = time.perf_counter()
    faults = [f for f in row.findings if f.severity == "fault"]
    script = next((f.snippet for f in faults if f.snippet), "")
    status = ran(script) if script else -1
    return Shown(name, row.verdict, script, status, row.seconds + time.perf_counter() - begun)


def ran(script: str) -> int:
    """Return the status of a script, run where nothing of ours is."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "shown.py"
        path.write_text(script, encoding="utf-8")
        return subprocess.run([sys.executable, "-I", str(path)], capture_output=True, check=False, timeout=60, cwd=place).returncode


@click.command()
@click.option("--print", "printing", is_flag=True, help="Print the scripts too.")
def main(printing: bool) -> None:
    """Show every faulty model."""
    rows = [shown(function, host) for host in HOSTS for function in FUNCTIONS]
    for row in rows:
        click.echo(f"{row.name:<28}{row.verdict:<14}status {row.status:>2}  {row.entries:>4} numbers  {row.seconds:>6.1f} s")
        if printing:
            click.echo(row.script)
    good = [r for r in rows if r.status == 1]
    click.echo(f"{len(good)} of {len(rows)} shown, {max(r.seconds for r in rows):.1f} s the longest, {max(r.entries for r in good)} numbers the most")


if __name__ == "__main__":
    main()
