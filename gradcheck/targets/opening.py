"""A target in use: described, asked, and ended afterwards if it is a program."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from gradcheck.errors import GradcheckError, TargetFailed
from gradcheck.targets.registry import is_command, targets
from gradcheck.targets.target import Description, Target

T = TypeVar("T")


@contextmanager
def opened(target: str | Target | Callable[..., Any], timeout: float | None = None) -> Iterator[Description]:
    """Give the description of a target; a program that is started here is ended with the block.

    Args:
        target: a target, a callable, or what names one: "torch", "module:attribute", "./engine".
        timeout: seconds that a program has for each answer; 60 unless given.

    Raises:
        TargetFailed: it is no target, or a program that cannot be run.
        UnknownName: no target has that name.
        BadInput: a timeout that is not positive.

    >>> with opened("reference") as found:
    ...     found.name
    'reference'
    """
    if not isinstance(target, str):
        yield Description.of(target)
    elif not is_command(target):
        yield Description.of(targets[target], target)
    else:
        from gradcheck.targets.process import TIMEOUT, Process

        with Process(target, timeout=TIMEOUT if timeout is None else timeout) as program:
            yield Description.of(program, target)


def asked(call: Callable[[], T]) -> T:
    """Return what a target answers: it is foreign code, and whatever it raises is its answer.

    Args:
        call: of the target.

    Raises:
        GradcheckError: what it raised of ours.
        TargetFailed: anything else that it raised, with the place in its code.

    >>> asked(lambda: 1 // 0)
    Traceback (most recent call last):
    gradcheck.errors.TargetFailed: the target raised ZeroDivisionError: integer division or modulo by zero (<doctest...>:1)
    """
    try:
        with np.errstate(all="ignore"):
            return call()
    except GradcheckError:
        raise
    except (Exception, SystemExit) as error:
        raise TargetFailed(f"the target raised {type(error).__name__}: {error}{_place(error)}") from error


def _place(error: BaseException) -> str:
    """Return where foreign code raised, or "" where it was never reached."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    inside = Path(last.filename).is_relative_to(Path(__file__).parents[1])
    return "" if inside else f" ({Path(last.filename).name}:{last.lineno})"
