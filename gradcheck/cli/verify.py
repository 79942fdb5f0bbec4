"""``gradcheck verify``: the reference against independent oracles, in gradients or in second derivatives."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import click
from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from gradcheck.cli.output import NEW_FILE, SEED, as_json, console, finish, progress, showing_what_there_is
from gradcheck.oracles import ORACLES
from gradcheck.verify.agreement import DIGITS, Agreement, Answer, cases, verify
from gradcheck.verify.second_agreement import DIGITS as SECOND_DIGITS
from gradcheck.verify.second_agreement import SecondAgreement, verify_second
from gradcheck.verify.second_ways import WAYS

Agreed: TypeAlias = Agreement | SecondAgreement


@click.command("verify")
@click.option("--networks", multiple=True, metavar="PATTERN", help="Names, systems (S1) or tags, with * and ?; small ones only.")
@click.option("--ops", multiple=True, metavar="PATTERN", help="Names of operations, with * and ?.")
@click.option("--oracle", "oracles", multiple=True, metavar="NAME", help="Out of `gradcheck list oracles`, of this order; all unless given.")
@click.option("--order", default=1, type=click.IntRange(1, 2), show_default=True, help="Of the derivatives: 2 for Hessians.")
@click.option("--digits", type=click.IntRange(1, DIGITS), help=f"Decimal digits asked for: {DIGITS}, or {SECOND_DIGITS} of second derivatives.")
@click.option("--seed", default=0, type=SEED, show_default=True)
@click.option("--json", "file", type=NEW_FILE, help="Write the result as JSON.")
def verify_command(
    networks: tuple[str, ...], ops: tuple[str, ...], oracles: tuple[str, ...], order: int, digits: int | None, seed: int, file: Path | None
) -> int:
    """Hold the reference against independent oracles, on every small network and operation.

    With --networks or --ops alone the other kind is left out. With --order 2 the Hessian is held against a second-order recursion,
    SymPy, differences of the certified gradient, mpmath's numbers, and differences of orders 2 to 4 along a line. Exit status 1: a
    disagreement, or fewer than two oracles with an answer where there is no kink.
    """
    everything = not networks and not ops
    wanted = cases(networks or (("*",) if everything else ()), ops or (("*",) if everything else ()))
    names, start = oracles or tuple(ORACLES if order == 1 else WAYS), time.perf_counter()
    digits = digits or (DIGITS if order == 1 else SECOND_DIGITS)
    found: list[Any] = []

    def show() -> None:
        console().print(table(found, names, digits))
        console().print(summary(found, names, digits, time.perf_counter() - start))

    with showing_what_there_is(show, lambda: f"{len(found)} of at most {len(wanted)} cases", resumable=False), progress() as report:
        if order == 1:
            found[:] = verify(wanted, oracles=names, seed=seed, progress=report, found=found)
        else:
            found[:] = verify_second(wanted, ways=names, seed=seed, progress=report, found=found)
    data = {"order": order, "digits": digits, "seed": seed, "rows": [a.to_dict(digits) for a in found]}
    return finish(1 if any(a.faults(digits) for a in found) else 0, show, [(file, as_json(lambda: data))])


def table(found: Sequence[Agreed], oracles: Iterable[str], digits: float) -> RenderableType:
    """Return digits of agreement with each oracle, one line a case."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    made.add_column("")
    made.add_column("network or operation", no_wrap=True)
    measures = list(found[0].measured) if found else []
    for name in (*oracles, *measures, "seconds"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column("", overflow="fold")
    for a in found:
        faults = a.faults(digits)
        style = "bold red" if faults else "green"
        remarks = faults or [f"{x.oracle}: {x.reason}" for x in a.answers if x.digits is None and x.oracle != "recursion"][:1]
        made.add_row(
            Text("✗" if faults else "✓", style=style), Text(a.case.label), *(_digits(x) for x in a.answers),
            *("-" if x is None else f"{x:.2g}" for x in a.measured.values()), f"{a.seconds:.2f}", Text("; ".join(remarks), style=style if faults else "dim"),
        )  # fmt: skip
    return made


def _digits(answer: Answer) -> Text:
    if answer.digits is None:
        return Text("gave up", style="yellow")
    return Text("exact" if answer.digits == float("inf") else f"{answer.digits:.0f}")


def summary(found: Sequence[Agreed], oracles: Iterable[str], digits: float, seconds: float) -> Text:
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
