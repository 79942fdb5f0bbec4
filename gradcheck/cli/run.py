"""``gradcheck run``: judge implementations of backpropagation."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

from gradcheck.cli.compare import changed
from gradcheck.cli.output import NEW_FILE, console, progress, write_json, write_text
from gradcheck.errors import BadInput
from gradcheck.history import Change, History, compare, read, regressions
from gradcheck.render.html import html
from gradcheck.render.junit import junit
from gradcheck.render.markdown import markdown
from gradcheck.render.terminal import whole
from gradcheck.render.trend import trend
from gradcheck.settings import Settings, load
from gradcheck.targets.opening import all_opened
from gradcheck.verdict import known
from gradcheck.verdict.finding import Matrix, Row, Skipped
from gradcheck.verdict.stored import read as read_result
from gradcheck.verdict.validate import Key, validate

#: The result file is written again at most so often, in seconds, and takes at most this part of the time.
KEEP_EVERY, KEEP_SHARE = 1.0, 0.05

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("run")
@click.argument("targets", nargs=-1, metavar="[TARGET...]")
@click.option("--networks", "patterns", multiple=True, metavar="PATTERN", help="Names, systems (S1) or tags, with * and ?.")
@click.option("--dtype", metavar="LIST", help="Formats, separated by commas.  [default: float64]")
@click.option("--random", "count", default=0, type=click.IntRange(0), metavar="N", help="Add N random networks.")
@click.option("--seed", type=click.IntRange(0), help="Of data and random networks.  [default: 0]")
@click.option("--json", "file", type=NEW_FILE, help="Write the result as JSON, while the run goes on too.")
@click.option("--resume", is_flag=True, help="Do only what is missing in the file of --json.")
@click.option("--html", "html_file", type=NEW_FILE, help="Write the report as one HTML file.")
@click.option("--markdown", "markdown_file", type=NEW_FILE, help="Write it as Markdown.")
@click.option("--junit", "junit_file", type=NEW_FILE, help="Write it as JUnit XML.")
@click.option("--save", "history", type=NEW_FILE, help="Add the result to this history.")
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
    if resume and file is None:
        raise click.UsageError("--resume needs --json FILE")
    old, expected = read(baseline) if baseline else None, known.read(settings.known_failures) if settings.known_failures else ()
    matrix = _judged(settings, count, file, resume, order=order, enclose=enclose)
    reviewed = known.review(matrix.rows, expected)
    matrix = replace(matrix, rows=reviewed.rows)
    if file is not None:
        write_json(file, matrix.to_dict())
    if history is not None:
        History(history).add(matrix)
    _write(matrix, history, {html_file: html, markdown_file: markdown, junit_file: junit}, strict=settings.strict)
    console().print(whole(matrix))
    for line in reviewed.complaints:
        console().print(line, markup=False)
    changes = compare(old, matrix) if old is not None else None
    if changes is not None:
        console().print(changed(changes))
    return status(matrix, settings.strict, reviewed.complaints, changes)


def _write(matrix: Matrix, history: Path | None, files: Mapping[Path | None, Callable[[Matrix], str]], *, strict: bool) -> None:
    for path, made in files.items():
        if path is None:
            continue
        if made is html:
            text = html(matrix, trend=trend(History(history).entries()) if history is not None else "")
        else:
            text = junit(matrix, strict=strict) if made is junit else made(matrix)
        write_text(path, text)


@dataclass
class _Keeper:
    """Writes the result so far, now and then.

    Args:
        file: to write.
        last: when it was written, and how long that took.
    """

    file: Path
    last: tuple[float, float] = field(default=(0.0, 0.0))

    def __call__(self, so_far: Callable[[], Matrix]) -> None:
        now = time.monotonic()
        written, took = self.last
        if now - written >= max(KEEP_EVERY, took / KEEP_SHARE):
            self.write(so_far())
            self.last = (now, time.monotonic() - now)

    def write(self, matrix: Matrix) -> None:
        """Write it."""
        write_json(self.file, matrix.to_dict())


def _judged(settings: Settings, count: int, file: Path | None, resume: bool, *, order: int, enclose: bool) -> Matrix:
    keeper = _Keeper(file) if file is not None else None
    done = _done(file, settings) if resume and file is not None and file.exists() else {}
    latest: list[Callable[[], Matrix]] = []

    def settled(so_far: Callable[[], Matrix]) -> None:
        latest[:] = [so_far]
        if keeper is not None:
            keeper(so_far)

    try:
        with progress() as told:
            return validate(
                settings.targets, settings.networks, dtypes=settings.dtypes, random=count, seed=settings.seed, order=order, enclose=enclose, progress=told,
                done=done, settled=settled, timeout=settings.timeout,
            )  # fmt: skip
    except BaseException:
        if keeper is not None and latest:
            keeper.write(latest[0]())
        raise


def _done(file: Path, settings: Settings) -> dict[Key, Row | Skipped]:
    """Return what a file holds of this same run.

    Raises:
        BadInput: if it is of another seed, or of other versions.
    """
    before = read_result(file)
    if before.seed != settings.seed:
        raise BadInput(f"{file}: expected results of seed {settings.seed}; got seed {before.seed}; run without --resume")
    with all_opened(settings.targets, settings.timeout) as described:
        versions = {d.name: d.version for d in described}
    for name, version in versions.items():
        if before.versions.get(name, version) != version:
            raise BadInput(f"{file}: expected results of {name} {version}; got {before.versions[name]}; run without --resume")
    found: list[Row | Skipped] = [*before.rows, *before.skipped]
    return {(x.target, x.network, x.dtype): x for x in found}


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
