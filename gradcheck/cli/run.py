"""``gradcheck run``: judge implementations of backpropagation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from gradcheck.cli.compare import changed
from gradcheck.cli.output import (
    HISTORY,
    NEW_FILE,
    SEED,
    STDOUT,
    Output,
    as_json,
    console,
    document,
    finish,
    interrupted,
    progress,
    to_file,
)
from gradcheck.errors import BadDocument, BadInput, MissingDependency, TargetFailed
from gradcheck.files.writing import Keeper, write
from gradcheck.foreign.importing import attribute_at
from gradcheck.history import Change, History, compare, read, regressions
from gradcheck.render.html import html
from gradcheck.render.junit import junit
from gradcheck.render.markdown import markdown
from gradcheck.render.terminal import whole
from gradcheck.render.trend import trend
from gradcheck.result.finding import Matrix, Row, Skipped
from gradcheck.result.stored import read as read_result
from gradcheck.settings import Settings, load
from gradcheck.targets.opening import all_opened
from gradcheck.targets.registry import is_command
from gradcheck.validation import known
from gradcheck.validation.validate import Key, asked_of, validate, versions_of

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("run")
@click.argument("targets", nargs=-1, metavar="[TARGET...]")
@click.option("--networks", "patterns", multiple=True, metavar="PATTERN", help="Names, systems (S1) or tags, with * and ?; files of ONNX.")
@click.option("--dtype", metavar="LIST", help="Formats, separated by commas.  [default: float64]")
@click.option("--random", "count", default=0, type=click.IntRange(0), metavar="N", help="Add N random networks.")
@click.option("--seed", type=SEED, help="Of data and random networks.  [default: 0]")
@click.option("--json", "file", type=NEW_FILE, help="Write the result as JSON, while the run goes on too.")
@click.option("--resume", is_flag=True, help="Do only what is missing in the file of --json.")
@click.option("--html", "html_file", type=NEW_FILE, help="Write the report as one HTML file.")
@click.option("--markdown", "markdown_file", type=NEW_FILE, help="Write it as Markdown.")
@click.option("--junit", "junit_file", type=NEW_FILE, help="Write it as JUnit XML.")
@click.option("--save", "history", type=HISTORY, help="Add the result to this history.")
@click.option("--baseline", metavar="RESULT", help="Fail on what is worse than in this result or history, not on what was wrong before.")
@click.option("--known-failures", "failures", type=_FILE, metavar="FILE", help="Failures that are expected, with reasons and links (TOML).")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="For each answer of a program.  [default: 60]")
@click.option("--order", default=1, type=click.IntRange(1, 2), show_default=True, help="2: Hessians times vectors, by each way to them.")
@click.option("--enclose", is_flag=True, help="Hold every gradient against its certified enclosure, entry by entry in ulps.")
@click.option("--strict/--no-strict", default=None, help="Exit with 1 if anything is inconclusive, or known and not so.")
def run_command(
    targets: tuple[str, ...], patterns: tuple[str, ...], dtype: str | None, count: int, seed: int | None, file: Path | None,
    resume: bool, html_file: Path | None, markdown_file: Path | None, junit_file: Path | None, history: Path | None,
    baseline: str | None, failures: Path | None, timeout: float | None, order: int, enclose: bool, strict: bool | None,
) -> int:  # fmt: skip
    """Judge TARGET... (see `gradcheck list targets`, module:attribute, or a program: ./engine, "python3 engine.py --fast") on networks.

    A module:attribute that is a recording brings its own network.

    With --random and without --networks only random networks are run. What is not given is taken from [tool.gradcheck] in
    pyproject.toml.
    """
    settings = load(Path.cwd())
    settings = replace(
        settings, targets=targets or settings.targets, networks=patterns or (settings.networks if not count else ()) or (() if count else ("*",)),
        dtypes=tuple(d.strip() for d in dtype.split(",") if d.strip()) if dtype is not None else settings.dtypes or ("float64",),
        seed=settings.seed if seed is None else seed, strict=settings.strict if strict is None else strict,
        known_failures=failures or settings.known_failures, timeout=timeout or settings.timeout,
    )  # fmt: skip
    baseline = baseline or (str(settings.baseline) if settings.baseline is not None else None)
    if not settings.targets:
        raise click.UsageError("expected a TARGET, or targets in [tool.gradcheck] of pyproject.toml; `gradcheck list targets` lists them")
    if resume and file in (None, STDOUT):
        raise click.UsageError("--resume needs --json FILE")
    old, expected = read(baseline) if baseline else None, known.read(settings.known_failures) if settings.known_failures else ()
    matrix, remark = _judged(settings, count, file if file != STDOUT else None, resume, order=order, enclose=enclose)
    reviewed = known.review(matrix.rows, expected)
    matrix = replace(matrix, rows=reviewed.rows)
    changes = compare(old, matrix) if old is not None and matrix.complete else None
    outputs = _outputs(matrix, settings.strict, file, history, html_file, markdown_file, junit_file)
    found = finish(status(matrix, settings.strict, reviewed.complaints, changes), lambda: _show(matrix, reviewed.complaints, changes), outputs, [remark])
    if matrix.complete:
        return found
    raise KeyboardInterrupt  # the way out of whoever was interrupted


def _show(matrix: Matrix, complaints: Sequence[str], changes: Sequence[Change] | None) -> None:
    out = console()
    out.print(whole(matrix))
    for line in complaints if matrix.complete else ():
        out.print(line, markup=False)
    if changes is not None:
        out.print(changed(changes))


def _outputs(
    matrix: Matrix, strict: bool, file: Path | None, history: Path | None, html_file: Path | None, markdown_file: Path | None, junit_file: Path | None
) -> list[Output]:
    """Return the files of a run; a history takes complete results alone, and is drawn into the HTML after it took this one."""
    return [
        (file, as_json(matrix.to_dict)),
        (history if matrix.complete else None, lambda path: History(path).add(matrix)),
        (html_file, to_file(lambda: html(matrix, trend=_drawn(history)))),
        (markdown_file, to_file(lambda: markdown(matrix))),
        (junit_file, to_file(lambda: junit(matrix, strict=strict))),
    ]


def _drawn(history: Path | None) -> str:
    """Return the drawing of a history, "" where it cannot be read, which is told by who adds to it."""
    if history is None or not history.exists():
        return ""
    try:
        return trend(History(history).entries())
    except BadDocument:
        return ""


def _judged(settings: Settings, count: int, file: Path | None, resume: bool, *, order: int, enclose: bool) -> tuple[Matrix, str]:
    """Return the result, or what there is of it when the user interrupts, and what there is to remark."""
    keeper = Keeper(file) if file is not None else None
    done = _done(file, settings, order, enclose) if resume and file is not None and file.exists() else {}
    latest: list[Callable[[], Matrix]] = []

    def settled(so_far: Callable[[], Matrix]) -> None:
        latest[:] = [so_far]
        if keeper is not None:
            keeper(lambda: document(so_far().to_dict()))

    try:
        with progress() as told:
            found = validate(
                _recordings(settings.targets), _networks(settings.networks, settings.seed), dtypes=settings.dtypes, random=count, seed=settings.seed,
                order=order,
                enclose=enclose, progress=told,
                done=done, settled=settled, timeout=settings.timeout,
            )  # fmt: skip
    except KeyboardInterrupt:
        if not latest:
            raise
        found = latest[0]()
        return found, interrupted(found.extent, file)
    except Exception:
        if file is not None and latest:
            write(file, document(latest[0]().to_dict()))
        raise
    return found, f"while it went on it was not kept: {keeper.remark}" if keeper is not None and keeper.remark else ""



def _recordings(wanted: Sequence[str]) -> list[Any]:
    """Return names of targets as they are, and recordings for names of such."""
    return [x if is_command(x) or ":" not in x else _recording(x) for x in wanted]


def _recording(name: str) -> Any:
    try:
        found = attribute_at(name, failure=TargetFailed)
    except (TargetFailed, MissingDependency):  # its row says so
        return name
    return found if hasattr(type(found), "__gradcheck_row__") else name


def _networks(wanted: tuple[str, ...], seed: int) -> Any:
    """Return patterns as they are, and models in files as networks."""
    if not any(x.endswith(".onnx") for x in wanted):
        return "*" if tuple(wanted) == ("*",) else list(wanted)
    from gradcheck.capture.onnx.network import onnx_network

    return [onnx_network(x, seed) if x.endswith(".onnx") else x for x in wanted]


def _done(file: Path, settings: Settings, order: int, enclose: bool) -> dict[Key, Row | Skipped]:
    """Return what a file holds of this same run; what it holds twice is not known.

    Raises:
        BadInput: if it is of another seed, order or kind, of other versions, or of other targets of these names.
    """
    before = read_result(file)
    with all_opened(settings.targets, settings.timeout) as described:
        wanted = {"seed": str(settings.seed), **versions_of(described), **asked_of(described, order, enclose=enclose)}
    got = {"order": "", "enclose": "", "seed": str(before.seed), **before.versions, **before.asked}
    for name, value in wanted.items():
        if got.get(name, value) != value:
            raise BadInput(f"{file}: expected results of {name} {value}; got {name} {got[name] or 'unknown'}; run without --resume")
    found: list[Row | Skipped] = [*before.rows, *before.skipped]
    count = Counter((x.target, x.network, x.dtype) for x in found)
    return {key: x for x in found if count[key := (x.target, x.network, x.dtype)] == 1}


def status(matrix: Matrix, strict: bool, complaints: Sequence[str] = (), changes: Sequence[Change] | None = None) -> int:
    """Return the exit status: 1 a gradient is wrong, 2 nothing was tested or a target never ran.

    Args:
        matrix: the result.
        strict: whether what is inconclusive, and complaints, count.
        complaints: about known failures.
        changes: beside a baseline, whose regressions count then in place of what fails.
    """
    wrong = any(r.verdict == "fail" for r in matrix.rows) if changes is None else bool(regressions(changes))
    if wrong:
        return 1
    tested = {r.target for r in matrix.rows if not r.error}
    if not tested or tested != {r.target for r in matrix.rows}:
        return 2
    return 1 if strict and (complaints or any(r.verdict == "inconclusive" for r in matrix.rows)) else 0
