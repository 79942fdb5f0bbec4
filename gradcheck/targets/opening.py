"""A target in use: described, and ended afterwards if it is a program."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gradcheck.targets.registry import is_command, targets
from gradcheck.targets.target import Description, Target


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


def raised(error: BaseException) -> str:
    """Return what is said of a target that raised: the error, and where in its own code.

    Args:
        error: as it was caught.

    >>> raised(ZeroDivisionError("division by zero"))
    'the target raised ZeroDivisionError: division by zero'
    """
    return f"the target raised {type(error).__name__}: {error}{_place(error)}"


def _place(error: BaseException) -> str:
    """Return where foreign code raised, or "" where it was never reached."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or Path(frames[-1].filename).is_relative_to(Path(__file__).parents[1]):
        return ""
    return f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})"
