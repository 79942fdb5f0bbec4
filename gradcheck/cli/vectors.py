"""``gradcheck vectors``: test vectors for engines in every language, written and verified."""

from __future__ import annotations

from pathlib import Path

import click
from rich import box
from rich.table import Table
from rich.text import Text

from gradcheck.arith.rounding import BINARY
from gradcheck.cli.output import NEW_FILE, SEED, as_json, console, finish, progress, showing_what_there_is
from gradcheck.errors import MissingDependency, TargetFailed, UnknownName
from gradcheck.targets.registry import is_command, targets
from gradcheck.vectors.reading import load
from gradcheck.vectors.verification import Verified, verify
from gradcheck.vectors.writing import export

#: Vectors of one target that fail and are shown.
SHOWN = 50


def _split(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    found = tuple(x.strip() for text in given for x in text.split(",") if x.strip())
    if given and not found:
        raise click.BadParameter("expected at least one name; leave the option out for all", ctx, param)
    return found


@click.group("vectors")
def vectors_command() -> None:
    """Test vectors: graphs, values, and what a right engine hands back, as files that every language reads."""


@vectors_command.command("export")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--networks", multiple=True, callback=_split, metavar="PATTERNS", help="Names (networks/xor-*), sources (xor-*) or tags (fault).")
@click.option("--dtype", "dtypes", multiple=True, callback=_split, metavar="LIST", help=f"Out of {', '.join(BINARY)}; all unless given.")
@click.option("--format", "kind", default="json", type=click.Choice(["json", "npz"]), show_default=True, help="Where the arrays are.")
@click.option("--seed", default=0, type=SEED, show_default=True, help="Of all values; the same gives the same bytes.")
def export_command(folder: Path, networks: tuple[str, ...], dtypes: tuple[str, ...], kind: str, seed: int) -> int:
    """Write a set of vectors into FOLDER, which is made or has to be empty."""
    with progress() as told:
        count = export(
            folder, networks=networks or ("*",), dtypes=dtypes or tuple(BINARY), seed=seed, format="npz" if kind == "npz" else "json", progress=told
        )
    return finish(0 if count else 2, lambda: console().print(f"{count} vectors in {folder}", markup=False))


@vectors_command.command("verify")
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--target", "names", multiple=True, callback=_split, required=True, metavar="TARGETS", help="As in `gradcheck run`.")
@click.option("--dtype", "dtypes", multiple=True, callback=_split, metavar="LIST", help="Formats; all that a target has unless given.")
@click.option("--tag", "--networks", "tags", multiple=True, callback=_split, metavar="PATTERNS", help="Tags (fault, kinks, S5), networks, faults or vectors.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="For each answer of a program.  [default: 60]")
@click.option("--json", "file", type=NEW_FILE, help="Write the result as JSON.")
def verify_command(
    folder: Path | None, names: tuple[str, ...], dtypes: tuple[str, ...], tags: tuple[str, ...], timeout: float | None, file: Path | None
) -> int:
    """Hold targets against the vectors in FOLDER, or against those that ship with gradcheck.

    Exit status: 1 a vector fails, 2 none was tried or the set is damaged.
    """
    found, made, unusable = load(folder), list[Verified](), list[str]()
    for name in names:
        if not (is_command(name) or ":" in name or name in targets):
            raise UnknownName("target", name, (*targets, "module:attribute", "./program"))  # before the others take their time
    with showing_what_there_is(lambda: _show(made, unusable), lambda: f"{len(made)} of {len(names)} targets", resumable=False):
        for name in names:
            try:
                with progress() as told:
                    made.append(verify(name, found, dtypes=dtypes, tags=tags, progress=told, timeout=timeout))
            except (TargetFailed, MissingDependency) as error:
                unusable.append(f"{name}: {error}")
    verdicts = {x.verdict for x in made}
    status = 1 if "fail" in verdicts else 2 if "inconclusive" in verdicts or unusable or not made else 0
    data = {"schema": "gradcheck-vectors-results/1", "results": [x.to_dict() for x in made]}
    return finish(status, lambda: _show(made, unusable), [(file, as_json(lambda: data))])


def _show(made: list[Verified], unusable: list[str]) -> None:
    console().print(table(made))
    for result in made:
        if not result.rows:
            console().print(f"{result.target}: no vector of the set has such a format and tag", markup=False)
    for result in made:
        for line in failures(result):
            console().print(line)
    for reason in unusable:
        console().print(reason, markup=False)


def table(results: list[Verified]) -> Table:
    """Return how many vectors pass and how accurate those are, a line a target and format."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, caption="ulp: gaps of the format at the largest entry of the gradient, worst entry of a vector")
    made.add_column("target")
    made.add_column("dtype")
    for heading in ("pass", "fail", "known", "skipped", "ulp, median", "ulp, worst", "error / allowed", "seconds"):
        made.add_column(heading, justify="right")
    for result in results:
        for k, s in enumerate(result.by_dtype()):
            counts = (str(s.passed), Text(str(s.failed), style="bold red" if s.failed else ""), str(s.known), str(s.skipped))
            tried = (f"{s.median:.2g}", f"{s.largest:.3g}", f"{s.ratio:.2g}") if s.passed else ("-", "-", "-")
            made.add_row(Text(result.target), s.dtype, *counts, *tried, "" if k else f"{result.seconds:.1f}")
    return made


def failures(result: Verified) -> list[Text]:
    """Return a line for each vector that fails, with the mistake that it is there to catch."""
    wrong = [r for r in result.rows if r.status in ("fail", "known")]
    lines = []
    for r in wrong[:SHOWN]:
        line = Text("✗ " if r.status == "fail" else "~ ", style="bold red" if r.status == "fail" else "yellow")
        line.append(f"{result.target} {r.vector}", style="bold").append(f": {r.message}", style="")
        lines.append(line.append(f" [catches {r.fault}]") if r.fault else line)
    return [*lines, Text(f"and {len(wrong) - SHOWN} more")] if len(wrong) > SHOWN else lines
