"""``gradcheck check``: the derivative of one function at one point."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import click

from gradcheck.cli.output import NEW_FILE, console, write_json
from gradcheck.errors import BadInput
from gradcheck.probe.check import check
from gradcheck.probe.report import Report


@click.command("check")
@click.argument("function", metavar="MODULE:F")
@click.option("--vjp", metavar="MODULE:VJP", help="The doubted vjp(g, *inputs); not needed for torch and JAX.")
@click.option("--grad", metavar="MODULE:GRAD", help="The doubted gradient of a scalar function.")
@click.option("--at", "point", required=True, metavar="MODULE:INPUTS", help="The inputs, or a function that makes them.")
@click.option("--seed", default=0, type=click.IntRange(0), show_default=True)
@click.option("--budget", help="Evaluations of f, or time such as 30s.")
@click.option("--json", "file", type=NEW_FILE, help="Write the report as JSON.")
@click.option("--strict", is_flag=True, help="Exit with 1 if the check is inconclusive.")
def check_command(
    function: str, vjp: str | None, grad: str | None, point: str, seed: int, budget: str | None, file: Path | None, strict: bool
) -> int:
    """Check the derivative of MODULE:F at given inputs."""
    inputs = _found(point)
    report = check(
        _found(function), inputs() if callable(inputs) else inputs, vjp=_found(vjp), grad=_found(grad), seed=seed,
        budget=int(budget) if budget is not None and budget.isdigit() else budget,
    )  # fmt: skip
    console().print(str(report), markup=False)
    if file is not None:
        write_json(file, report.to_dict())
    return status(report, strict)


def status(report: Report, strict: bool) -> int:
    """Return the exit status of a report."""
    return 1 if report.verdict == "fail" or (strict and report.verdict == "inconclusive") else 0


def _found(spec: str | None) -> Any:
    """Return what "module:attribute" names."""
    if spec is None:
        return None
    module, colon, attribute = spec.partition(":")
    try:
        found: Any = import_module(module)
        for part in attribute.split(".") if colon else ():
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise BadInput(f"expected something at {spec!r}; importing it failed: {error}") from error
    if not colon:
        raise BadInput(f"expected module:attribute; got {spec!r}")
    return found
