"""The command line: one file a verb, joined here. Each verb is imported when it is used."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from gradcheck.errors import GradcheckError

#: verb -> module of gradcheck.cli; the command in it has the verb's name and ends in _command
VERBS: Mapping[str, str] = {
    "run": "run", "check": "check", "list": "listing", "verify": "verify", "accuracy": "accuracy", "power": "power", "cost": "cost",
    "learn": "learn", "report": "report", "compare": "compare", "vectors": "vectors",
}  # fmt: skip


class Verbs(click.Group):
    """A group whose commands are loaded one by one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb's module."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = getattr(import_module(f"gradcheck.cli.{VERBS[cmd_name]}"), f"{cmd_name}_command")
        return command


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gradcheck")
def cli() -> None:
    """Is this gradient right, and if not, where is it wrong and how?

    Exit status: 0 nothing is wrong, 1 a gradient is wrong, 2 the job could not be done or nothing
    was tested, 130 interrupted.
    """


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; our own errors become one line and exit status 2.

    module:attribute is found in the current folder too, after everything that is installed.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        status = cli.main(arguments, prog_name="gradcheck", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (GradcheckError, OSError) as error:
        text = "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in str(error))
        click.echo(f"gradcheck: {text}", err=True)
        sys.exit(2)
    sys.exit(status if isinstance(status, int) else 0)
