"""``gradcheck cost``: what a gradient takes by every method as networks grow, and budgets for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.table import Table
from rich.text import Text

from gradcheck.bench import cost as bench
from gradcheck.bench.budget import Line, lines, read, recorded
from gradcheck.bench.cost import Settings, run
from gradcheck.bench.families import FAMILIES
from gradcheck.bench.methods import METHODS
from gradcheck.bench.scaling import FRAMEWORKS, SIZES
from gradcheck.bench.tables import TABLES
from gradcheck.bench.worker import Worker
from gradcheck.cli.journals import RESUME, completing, journal_beside, kept_in, not_kept
from gradcheck.cli.output import NEW_FILE, Output, as_json, console, document, finish, progress, showing_what_there_is, to_file
from gradcheck.errors import MissingDependency
from gradcheck.files.writing import check
from gradcheck.render.cost import duration, html, markdown, number, svg

#: What ``--quick`` measures.
QUICK = {"sizes": (10, 100, 1_000, 10_000), "seconds": 0.05, "limit": 10.0}


def _names(known: Iterable[str]) -> Callable[..., tuple[str, ...] | None]:
    """Return a callback that splits a list and refuses what is not known."""

    def split(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...] | None:
        if value is None:
            return None
        names = tuple(x.strip() for x in value.split(",") if x.strip())
        for name in names:
            if name not in known:
                raise click.BadParameter(f"expected names out of {', '.join(known)}; got {name!r}", ctx, param)
        return names

    return split


def _sizes(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    if value is None:
        return None
    try:
        found = tuple(int(x.replace("_", "")) for x in value.split(","))
    except ValueError:
        found = ()
    if not found or min(found) < 1:
        raise click.BadParameter(f"expected numbers of parameters of at least 1, separated by commas; got {value!r}", ctx, param)
    return found


@click.command("cost")
@click.argument("targets", nargs=-1, metavar="[TARGET...]")
@click.option("--families", callback=_names(FAMILIES), metavar="LIST", help=f"Out of {', '.join(FAMILIES)}; all unless given.")
@click.option("--sizes", callback=_sizes, metavar="LIST", help=f"Numbers of parameters; {SIZES[0]:,} to {SIZES[-1]:,} unless given.")
@click.option("--methods", callback=_names(METHODS), metavar="LIST", help=f"Out of {', '.join(METHODS)}; all unless given.")
@click.option("--tables", callback=_names((*TABLES, "none")), metavar="LIST", help=f"Out of {', '.join(TABLES)}, or none; all unless given.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="For each measurement, about.  [default: 0.5]")
@click.option("--limit", type=click.FloatRange(0, min_open=True), help="After so many seconds a measurement is stopped.  [default: 60]")
@click.option("--quick", is_flag=True, help="Small networks and short measurements.")
@click.option("--json", "json_file", type=NEW_FILE, help="Write everything as JSON.")
@RESUME
@click.option("--html", "html_file", type=NEW_FILE, help="Write one HTML file (needs gradcheck[plot]).")
@click.option("--markdown", "markdown_file", type=NEW_FILE, help="Write Markdown.")
@click.option("--plot", "plot_file", type=NEW_FILE, help="Write the drawing as SVG (needs gradcheck[plot]).")
@click.option("--budget", "budget_file", type=click.Path(dir_okay=False, path_type=Path),
              help="Measure only what this file records, and fail where a figure is exceeded.")  # fmt: skip
@click.option("--record", is_flag=True, help="Write the budget from what is measured now.")
def cost_command(
    targets: tuple[str, ...], families: tuple[str, ...] | None, sizes: tuple[int, ...] | None, methods: tuple[str, ...] | None,
    tables: tuple[str, ...] | None, seconds: float | None, limit: float | None, quick: bool, json_file: Path | None,
    resume: bool, html_file: Path | None, markdown_file: Path | None, plot_file: Path | None, budget_file: Path | None, record: bool,
) -> int:  # fmt: skip
    """Measure time, memory and operations of gradients by every method, and by each TARGET, as networks grow.

    Without a target: torch, jax-jit, autograd and sklearn, where they are installed.
    """
    if record and budget_file is None:
        raise click.UsageError("--record needs --budget FILE")
    if budget_file is not None:
        return _budget(budget_file, record, seconds or 0.5, limit or 600.0)
    given = {"families": families, "sizes": sizes, "methods": methods, "tables": tables, "seconds": seconds, "limit": limit}
    chosen: dict[str, Any] = {**(QUICK if quick else {}), **{k: v for k, v in given.items() if v is not None}}
    chosen["targets"] = targets or FRAMEWORKS
    if chosen.get("tables") == ("none",):
        chosen["tables"] = ()
    if html_file or plot_file:
        _need_plots()
    settings, found = Settings(**chosen), dict[str, Any]()
    with ExitStack() as stack:
        journal = stack.enter_context(journal_beside(json_file, settings.head(), resume=resume))
        stack.enter_context(showing_what_there_is(lambda: _show(bench.so_far(settings, found)), lambda: f"{len(found)} measurements", kept_in(journal)))
        worker, told = stack.enter_context(Worker(limit=settings.limit)), stack.enter_context(progress())
        data = run(settings, worker, journal=journal, found=found, told=told)
    drawing = plot_file.name if plot_file else ""
    outputs: list[Output] = [
        (json_file, completing(journal, lambda: document(data))), (html_file, to_file(lambda: html(data))), (plot_file, to_file(lambda: svg(data))),
        (markdown_file, to_file(lambda: markdown(data, drawing=drawing))),
    ]  # fmt: skip
    measured = any(r["seconds"] is not None for r in data["rows"]) or data["tables"]
    return finish(0 if measured else 2, lambda: _show(data), outputs, [not_kept(journal)])


def _need_plots() -> None:
    try:
        import matplotlib  # noqa: F401 - whether it is there, before any work
    except ImportError as error:
        raise MissingDependency("matplotlib", "plot") from error


# -- budgets ----------------------------------------------------------------------------------------


def _budget(file: Path, record: bool, seconds: float, limit: float) -> int:
    with Worker(limit=limit) as worker:
        if record:
            check(file)
            figures = worker(recorded, seconds)
            return finish(0, lambda: None, [(file, as_json(lambda: figures))])
        limits = read(file)
        found: list[Line] = []
        with progress() as told:
            for k, name in enumerate(limits):
                told(name, k, len(limits))
                found += worker(_line, name, limits[name], seconds)
    made = Table("", "figure", "got", "limit", box=box.SIMPLE_HEAD, pad_edge=False, caption=f"{len(found)} figures")
    for x in sorted(found, key=lambda x: not x.exceeded):
        sign = Text("✗", style="bold red") if x.exceeded else Text("✓", style="green")
        made.add_row(sign, x.name, number(_whole(x.got)), number(_whole(x.limit)))
    console().print(made)
    return 1 if any(x.exceeded for x in found) else 0


def _line(name: str, limit: float, seconds: float) -> list[Line]:
    return list(lines({name: limit}, seconds))


def _whole(x: float) -> float:
    return int(x) if float(x).is_integer() else x


# -- terminal ---------------------------------------------------------------------------------------


def _show(data: Mapping[str, Any]) -> None:
    out = console()
    if data["exponents"]:
        made = Table("method", "family", "p", "95 %", "parameters", title="time grows as n^p", box=box.SIMPLE_HEAD, pad_edge=False)
        for method, e in data["exponents"].items():
            made.add_row(method, e["family"], f"{e['value']:.2f}", f"{e['low']:.2f} to {e['high']:.2f}", f"{e['first']:,} to {e['last']:,}")
        out.print(made)
    for family in data["families"]:
        rows = [r for r in data["rows"] if r["family"] == family]
        asked = sorted({r["asked"] for r in rows})
        made = Table("parameters", *(f"{a:,}" for a in asked), title=family, box=box.SIMPLE_HEAD, pad_edge=False)
        for method in dict.fromkeys(r["method"] for r in rows):
            of = {r["asked"]: r for r in rows if r["method"] == method}
            made.add_row(Text(method), *(_cell(of.get(a)) for a in asked))
        out.print(made)
    for table in data["tables"].values():
        keys = list(table["rows"][0]) if table["rows"] else []
        made = Table(*keys, title=table["title"], box=box.SIMPLE_HEAD, pad_edge=False)
        for r in table["rows"]:
            made.add_row(*(Text(number(r.get(k))) for k in keys))
        out.print(made)


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None or row["seconds"] is None:
        return "-"
    return duration(row["seconds"]) + ("" if row["entries"] >= row["n"] else " *")
