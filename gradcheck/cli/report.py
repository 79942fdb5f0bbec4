"""``gradcheck report``: a stored result in the form that a person or a machine wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import click

from gradcheck.cli.output import NEW_FILE, finish, to_file
from gradcheck.errors import OutputFailed
from gradcheck.history import History, read
from gradcheck.render.badge import badge
from gradcheck.render.github import github
from gradcheck.render.html import html
from gradcheck.render.junit import junit
from gradcheck.render.markdown import markdown
from gradcheck.render.sarif import sarif
from gradcheck.render.terminal import as_text
from gradcheck.render.trend import trend
from gradcheck.result.finding import Matrix

#: format -> what makes it
FORMATS: Mapping[str, Callable[[Matrix], str]] = {
    "html": html, "markdown": markdown, "junit": junit, "github": github, "sarif": sarif, "badge": badge, "text": as_text,
}  # fmt: skip


@click.command("report")
@click.argument("result", metavar="RESULT")
@click.option("--format", "kind", type=click.Choice(list(FORMATS)), default="html", show_default=True)
@click.option("--output", "-o", "file", type=NEW_FILE, help="Write into this file; to standard output unless given.")
@click.option("--history", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Draw the runs in this file into the HTML.")
def report_command(result: str, kind: str, file: Path | None, history: Path | None) -> int:
    """Write RESULT (a JSON file, a history, or HISTORY#NUMBER) as HTML, Markdown, JUnit XML, GitHub annotations, SARIF or a badge.

    The exit status is that of writing: 0 whatever the verdicts are.
    """
    if file is not None and file in (Path(x).resolve() for x in (result, result.rpartition("#")[0])):
        raise click.UsageError(f"expected another file than the result itself; got {str(file)!r}")
    matrix = read(result)
    if history is not None and kind != "html":
        raise click.UsageError("--history is for --format html")
    text = html(matrix, trend=trend(History(history).entries())) if history is not None else FORMATS[kind](matrix)
    return finish(0, lambda: None if file is not None else _show(text), [(file, to_file(lambda: text))])


def _show(text: str) -> None:
    try:
        click.echo(text, nl=False)
    except UnicodeEncodeError as error:
        raise OutputFailed(f"standard output cannot take this text ({error.reason}); give --output FILE") from error
