"""The command line: one file a verb, joined here. Each verb is imported when it is used."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NoReturn

import click

from gradcheck.errors import GradcheckError, OutputFailed
from gradcheck.foreign import Interrupts, text_of
from gradcheck.foreign.gate import description_of

#: verb -> module of gradcheck.cli; the command in it has the verb's name and ends in _command
VERBS: Mapping[str, str] = {
    "run": "run", "check": "check", "list": "listing", "verify": "verify", "accuracy": "accuracy", "power": "power", "cost": "cost",
    "learn": "learn", "report": "report", "compare": "compare", "vectors": "vectors",
}  # fmt: skip


#: Signals that end a command as Ctrl-C does, so that it keeps what it has and ends what it started; systems have some of them.
ENDING = [found for name in ("SIGTERM", "SIGHUP") if (found := getattr(signal, name, None)) is not None]


class Verbs(click.Group):
    """A group whose commands are loaded one by one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs."""
        return list(VERBS)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb; that nobody reads what it shows is an output that failed, where click would make an exit of it."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            from gradcheck.cli.output import let_go

            let_go()
            raise OutputFailed("standard output: expected somebody who reads it; got a closed pipe") from error

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb's module."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = getattr(import_module(f"gradcheck.cli.{VERBS[cmd_name]}"), f"{cmd_name}_command")
        return command


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gradcheck")
@click.option("--debug", is_flag=True, help="Show where an error comes from, with all that led to it.")
@click.pass_obj
def cli(shown: dict[str, Any], debug: bool) -> None:
    """Is this gradient right, and if not, where is it wrong and how?

    Exit status: 0 nothing is wrong, 1 a gradient is wrong, 2 the job could not be done, nothing
    was tested, or a file could not be written, 130 interrupted (128 and the number of the signal).
    """
    shown["debug"] = debug


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line, and end with a status of its own: whatever is raised is a line and 2, unless the user interrupted.

    Args:
        arguments: of the command; those of this process unless given.
    """
    sys.exit(_status(arguments))


def _status(arguments: list[str] | None) -> int:
    shown: dict[str, Any] = {"debug": False, "arguments": sys.argv[1:] if arguments is None else arguments}
    with Interrupts(*ENDING) as interrupts:
        try:
            status = cli.main(arguments, prog_name="gradcheck", standalone_mode=False, obj=shown)
        except click.ClickException as error:
            error.show()
        except BaseException as error:
            if interrupts.typed:
                _remark(f"ended by {interrupts.last.name}")
                return 128 + interrupts.last
            _tell(error, debug=shown["debug"])
        else:
            return status if type(status) is int else 0
    return 2


def _tell(error: BaseException, *, debug: bool) -> None:
    """Say what went wrong: in our own words, or that it was not foreseen."""
    if debug:
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    foreseen = issubclass(type(error), GradcheckError | OSError)
    text = text_of(error) if foreseen else f"unexpected {description_of(error)}; --debug before the verb shows where it comes from"
    _remark(text)


def _remark(text: str) -> None:
    from gradcheck.cli.output import remark  # what is needed to say something is not needed to say nothing

    remark(text)
