"""Optimisers whose steps can be verified by name: those of torch, or "module:attribute"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from gradcheck.errors import BadInput, MissingDependency
from gradcheck.foreign import attribute_at
from gradcheck.learning.steps import StepReport, check_step


def checks(name: str, rule: str = "", *, seed: int = 0) -> Iterator[tuple[str, Callable[[], StepReport]]]:
    """Yield a label and a check for each way of what is named.

    Args:
        name: "torch" for all its optimisers, or "module:attribute" for a step function (see `check_step`) or a class of torch optimisers.
        rule: what "module:attribute" should do, by name.
        seed: of the numbers.

    Raises:
        BadInput: nothing is at "module:attribute", or no rule is given for it.
        MissingDependency: torch is not installed.
    """
    if name == "torch":
        yield from torch_checks(seed=seed)
        return
    if not rule:
        raise BadInput(f"expected the rule that {name!r} should follow; got none; give --optimizer")
    found = _found(name)
    if isinstance(found, type):
        module = _torch()
        yield name, lambda: module.check_optimizer(found, rule, name=name, seed=seed)
    else:
        yield name, lambda: check_step(found, rule, name=name, seed=seed)


def torch_checks(**more: Any) -> Iterator[tuple[str, Callable[[], StepReport]]]:
    """Yield a label and a check for every optimiser of torch and every way in which it is carried out.

    Args:
        more: of `check_step`.

    Raises:
        MissingDependency: torch is not installed.
    """
    yield from _torch().checks(**more)


def _torch() -> Any:
    try:
        return import_module("gradcheck.learning.torch")
    except ImportError as error:
        if error.name != "torch":
            raise
        raise MissingDependency("torch", "torch") from error


def _found(name: str) -> Any:
    if ":" not in name:
        raise BadInput(f"expected torch or module:attribute; got {name!r}")
    found = attribute_at(name, failure=BadInput)
    if not callable(found):
        raise BadInput(f"expected a function or a class at {name!r}; got {type(found).__name__}")
    return found
