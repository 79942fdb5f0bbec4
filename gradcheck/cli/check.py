"""``gradcheck check``: the derivative of one function at one point."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from gradcheck.cli.output import NEW_FILE, SEED, as_json, console, finish, status_line
from gradcheck.errors import BadInput
from gradcheck.foreign import answer_of, attribute_at
from gradcheck.probe.check import check
from gradcheck.probe.examination.report import Report
from gradcheck.probe.kernel.rounding import Accumulate, Rounding, Rounds


@click.command("check")
@click.argument("function", metavar="MODULE:F")
@click.option("--vjp", metavar="MODULE:VJP", help="The doubted vjp(g, *inputs); not needed for torch and JAX.")
@click.option("--grad", metavar="MODULE:GRAD", help="The doubted gradient of a scalar function.")
@click.option("--jvp", metavar="MODULE:JVP", help="The doubted jvp(t, *inputs).")
@click.option("--hvp", metavar="MODULE:HVP", help="The doubted Hessian-vector product hvp(v, *inputs).")
@click.option("--hessian", metavar="MODULE:HESSIAN", help="The doubted Hessian of a scalar function.")
@click.option("--at", "point", required=True, metavar="MODULE:INPUTS", help="The inputs, or a function that makes them.")
@click.option("--order", default=1, type=click.IntRange(1, 2), show_default=True, help="2 checks second derivatives too.")
@click.option("--explore", is_flag=True, help="Vary the inputs as well: special values, indices, tails, ...")
@click.option("--shapes", is_flag=True, help="Explore, and hold the derivative responsible for every shape that f takes.")
@click.option("--domain", multiple=True, help="Where f is defined: LOW,HIGH with an empty side for an open end, positive, probabilities, spd, or "
              "MODULE:PREDICATE; given several times: one an argument, any for no domain.")
@click.option("--seed", default=0, type=SEED, show_default=True)
@click.option("--budget", help="Evaluations of f, or time such as 30s.")
@click.option("--accuracy", type=click.FloatRange(0, min_open=True), help="Declare an approximate derivative: relative errors below it pass.")
@click.option("--reference", metavar="MODULE:F", help="F is a low-precision kernel, and this the slow function that it computes.")
@click.option("--reference-vjp", metavar="MODULE:VJP", help="Its backward pass as the kernel's author writes it: (g, result, *inputs).")
@click.option("--rounds", type=click.Choice(get_args(Rounds)), help="What the kernel rounds to its storage format; found out unless given.")
@click.option("--accumulate", type=click.Choice(get_args(Accumulate)), help="What the kernel's sums are added up in; found out unless given.")
@click.option("--json", "file", type=NEW_FILE, help="Write the report as JSON; - is standard output.")
@click.option("--strict", is_flag=True, help="Exit with 1 if the check is inconclusive.")
def check_command(
    function: str, point: str, order: int, explore: bool, shapes: bool, domain: tuple[str, ...], seed: int, budget: str | None,
    accuracy: float | None, file: Path | None, strict: bool, rounds: Any, accumulate: Any, **given: str | None,
) -> int:  # fmt: skip
    """Check the derivative of MODULE:F at given inputs.

    Modules are looked for in the present directory too. With --explore the inputs are varied, which takes some thousand
    evaluations of f; see --budget. With --domain they stay inside, with --shapes they take other shapes.

    With --reference F is a kernel in float32, float16 or bfloat16, and its results and gradients are held against the exact ones
    of the reference, with no tolerance.
    """
    inputs = _made(point)
    with status_line() as told:
        report = check(
            _found(function), inputs, **{k: _found(v) for k, v in given.items()},
            order=order, explore="shapes" if shapes else explore, domain=_domain(domain), seed=seed, accuracy=accuracy,
            rounding=Rounding(rounds or "auto", accumulate or "auto") if rounds or accumulate else None,
            budget=int(budget) if budget is not None and budget.isdecimal() else budget,
            progress=lambda count, name: told(f"{count} inputs explored: {name}"),
        )  # fmt: skip
    return finish(status(report, strict), lambda: _show(report), [(file, as_json(report.to_dict))])


def _show(report: Report) -> None:
    console().print(str(report), markup=False)
    code = next((f.snippet for f in report.findings if f.severity == "fault" and f.snippet), "")
    if code:
        click.echo(f"\nTo reproduce:\n\n{code}")


def status(report: Report, strict: bool) -> int:
    """Return the exit status of a report."""
    return 1 if report.verdict == "fail" or (strict and report.verdict == "inconclusive") else 0


def _domain(given: tuple[str, ...]) -> Any:
    """Return the domain that was given once for all arguments, or once for each."""
    rules = tuple(_rule(text) for text in given)
    return rules[0] if len(rules) == 1 else rules or None


def _rule(text: str) -> Any:
    """Return bounds, what a predicate's place names, or a word as it is."""
    if text == "any":
        return None
    if ":" in text:
        return _found(text)
    if "," not in text:
        return text
    try:
        low, high = (float(end) if end.strip() else None for end in text.split(","))
    except ValueError as error:
        raise BadInput(f"expected bounds LOW,HIGH with an empty side for an open end; got {text!r}") from error
    return low, high


def _made(point: str) -> Any:
    """Return the inputs that are named, or what the function that is named makes."""
    found = _found(point)
    if not callable(found):
        return found
    return answer_of(found, who=f"expected {point!r} to make the inputs; it", failure=BadInput)


def _found(spec: str | None) -> Any:
    """Return what "module:attribute" names."""
    if spec is None:
        return None
    if ":" not in spec:
        raise BadInput(f"expected module:attribute; got {spec!r}")
    return attribute_at(spec, failure=BadInput)
