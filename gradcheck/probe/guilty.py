"""Which submodule is it? Each one is checked by itself, at the operands that it really saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

from gradcheck.errors import GradcheckError
from gradcheck.verdict.finding import Finding

#: Submodules that are checked; a network of more is searched from the outside in.
MOST_CHECKED = 60


def guilty(f: Any, arguments: tuple[Any, ...], findings: list[Finding], check: Callable[..., Any]) -> list[Finding]:
    """Return the findings of a torch module with the innermost submodules named whose own derivative is wrong.

    Args:
        f: the module; functions come back with their findings as they are.
        arguments: its inputs.
        findings: of the whole.
        check: module, operands -> report, without a search of its own.
    """
    if not hasattr(f, "named_modules"):
        return findings
    wrong: dict[str, Finding] = {}
    for name, module, operands in import_module("gradcheck.probe.torch").submodules(f, arguments)[:MOST_CHECKED]:
        if (found := _fault(module, operands, check)) is not None:
            wrong[name] = found
    inner = [name for name in wrong if not any(other.startswith(f"{name}.") for other in wrong)]
    named = [_named(name, dict(f.named_modules())[name], wrong[name]) for name in inner]
    return [*named, *findings]


def _fault(module: Any, operands: tuple[Any, ...], check: Callable[..., Any]) -> Finding | None:
    """Return the fault of a submodule alone; operands of integers are left to the whole."""
    try:
        report = check(module, operands)
    except GradcheckError:
        return None
    return next((x for x in report.findings if x.severity == "fault"), None)


def _named(name: str, module: Any, finding: Finding) -> Finding:
    text = f"submodule {name!r} ({type(module).__name__}) is wrong by itself: {finding.message}"
    return replace(finding, message=text, node=f"{name}: {finding.node}")
