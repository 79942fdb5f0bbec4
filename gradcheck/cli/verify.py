"""``gradcheck verify``: the reference against independent oracles."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import click
from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from gradcheck.cli.output import NEW_FILE, console, progress, write_json
from gradcheck.oracles import ORACLES
from gradcheck.verdict.agreement import DIGITS, Agreement, Answer, cases, verify


@click.command("verify")
@click.option("--networks", multiple=True, metavar="PATTERN", help="Names, systems (S1) or tags, with * and ?; small ones only.")
@click.option("--ops", multiple=True, metavar="PATTERN", help="Names of operations, with * and ?.")
@click.option("--oracle", "oracles", multiple=True, metavar="NAME", help="One of `gradcheck list oracles`; all unless given.")
@click.option("--digits", default=DIGITS, type=click.IntRange(1, DIGITS), show_default=True, help="Decimal digits asked for.")
@click.option("--seed", default=0, type=click.IntRange(0), show_default=True)
@click.option("--json", "file", type=NEW_FILE, help="Write the result as JSON.")
def verify_command(
    networks: tuple[str, ...], ops: tuple[str, ...], oracles: tuple[str, ...], digits: int, seed: int, file: Path | None
) -> int:
    """Hold the reference against independent oracles, on every small network and operation.

    With --networks or --ops alone the other kind is left out. Exit status 1: a disagreement, or
    fewer than two oracles with an answer where there is no kink.
    """
    everything = not networks and not ops
    wanted = cases(networks or (("*",) if everything else ()), ops or (("*",) if everything else ()))
    names, start = oracles or tuple(ORACLES), time.perf_counter()
    with progress() as report:
        found = verify(wanted, oracles=names, seed=seed, progress=report)
    if file is not None:
        write_json(file, {"digits": digits, "seed": seed, "rows": [a.to_dict(digits) for a in found]})
    console().print(table(found, names, digits))
    console().print(summary(found, names, digits, time.perf_counter() - start))
    return 1 if any(a.faults(digits) for a in found) else 0


def table(found: Iterable[Agreement], oracles: Iterable[str], digits: float) -> RenderableType:
    """Return digits of agreement with each oracle, one line a case."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    made.add_column("")
    made.add_column("network or operation", no_wrap=True)
    for name in (*oracles, "float64 / bound", "seconds"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column("", overflow="fold")
    for a in found:
        faults = a.faults(digits)
        style = "bold red" if faults else "green"
        remarks = faults or [f"{x.oracle}: {x.reason}" for x in a.answers if x.digits is None][:1]
        made.add_row(
            Text("✗" if faults else "✓", style=style), Text(a.case.label), *(_digits(x) for x in a.answers),
            "-" if a.ratio is None else f"{a.ratio:.2g}", f"{a.seconds:.2f}", Text("; ".join(remarks), style=style if faults else "dim"),
        )  # fmt: skip
    return made


def _digits(answer: Answer) -> Text:
    if answer.digits is None:
        return Text("gave up", style="yellow")
    return Text("exact" if answer.digits == float("inf") else f"{answer.digits:.0f}")


def summary(found: list[Agreement], oracles: Iterable[str], digits: float, seconds: float) -> Text:
    """Return the closing lines: who agrees, the least digits, who gave up, time."""
    wrong = sum(bool(a.faults(digits)) for a in found)
    out = Text(f"{len(found) - wrong} agree to {digits} digits or more", style="green" if not wrong else "")
    out.append(f"   {wrong} do not\n", style="bold red" if wrong else "dim")
    by_oracle: dict[str, list[Answer]] = {name: [] for name in oracles}
    for answer in (x for a in found for x in a.answers):
        by_oracle[answer.oracle].append(answer)
    for name, answers in by_oracle.items():
        answered = Counter(x.digits is not None for x in answers)
        least = min((x.digits for x in answers if x.digits is not None), default=float("nan"))
        took = sum(x.seconds for x in answers)
        out.append(f"{name}: {answered[True]} answers, at least {least:.0f} digits, {answered[False]} gave up, {took:.1f} s\n")
    out.append(f"{seconds:.1f} s", style="dim")
    return out
