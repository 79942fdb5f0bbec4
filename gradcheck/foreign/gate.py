"""The gate: foreign code is called here; it answers, or what it did instead is an error of ours."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from gradcheck import errors
from gradcheck.errors import MOST_TEXT, GradcheckError, TargetFailed, shortened
from gradcheck.foreign.interrupts import Interrupts

T = TypeVar("T")

def answer_of(
    call: Callable[[], T], *, who: str = "the target", failure: type[GradcheckError] = TargetFailed, passing: tuple[type[GradcheckError], ...] = (),
) -> T:  # fmt: skip
    """Return what foreign code answers; whatever it raises, an exit included, is an answer too.

    Args:
        call: the code; what has to be read of its answer is read in here.
        who: raised, in the message.
        failure: the class of the error; one of this class that the code raises itself passes through.
        passing: further classes of ours that pass through.

    Raises:
        GradcheckError: of those classes; anything else that it raised is a `failure`, with the place in its code.
        KeyboardInterrupt: the user interrupted it.

    >>> answer_of(lambda: 1 // 0)
    Traceback (most recent call last):
    gradcheck.errors.TargetFailed: the target raised ZeroDivisionError: integer division or modulo by zero (<doctest...>:1)
    """
    with Interrupts() as interrupts:
        before = interrupts.typed
        try:
            with np.errstate(all="ignore"):
                found = call()
        except BaseException as error:
            if interrupts.typed > before:
                raise KeyboardInterrupt from None
            if _is_ours(error, (failure, *passing)):
                raise
            raise failure(f"{who} raised {description_of(error)}") from (error if _is_plain(error) else None)
        if interrupts.typed > before:  # and the code went on
            raise KeyboardInterrupt
        return found


def _is_ours(error: BaseException, classes: tuple[type[GradcheckError], ...]) -> bool:
    """Answer whether an error is one that was raised on purpose: of a class of ours, none that is derived from it elsewhere, and in words."""
    ours = any(type(error) is kind for kind in _OURS)  # a class elsewhere may lie about itself, and raise when it is asked
    return ours and issubclass(type(error), classes) and all(type(x) is str for x in error.args)


def _is_plain(error: BaseException | None) -> bool:
    """Answer whether an error, and what it came from, can be shown by whoever shows errors: no class of it answers for itself."""
    seen: list[BaseException] = []
    while error is not None and all(error is not x for x in seen):
        kinds = [k for k in type(error).__mro__ if vars(builtins).get(k.__name__) is not k] if type(type(error)) is type else []
        if type(type(error)) is not type or any(_ANSWERS & vars(k).keys() for k in kinds):
            return False
        seen.append(error)
        error = error.__cause__ or error.__context__
    return True


#: Names by which a class answers in place of `BaseException`.
_ANSWERS = frozenset({
    "__class__", "__getattribute__", "__getattr__", "__str__", "__repr__", "__eq__", "__hash__", "__bool__", "__cause__", "__context__",
    "__traceback__", "args",
})  # fmt: skip
_OURS = tuple(x for x in vars(errors).values() if isinstance(x, type))


def description_of(error: BaseException) -> str:
    """Return the class of an error, its text and where it was raised.

    Args:
        error: foreign, or not.
    """
    text = text_of(error)
    return f"{text_of(type(error), type_name)}{': ' if text else ''}{text}{_place(error.__traceback__)}"


def type_name(kind: Any) -> str:
    """Return the name of a class."""
    return str(kind.__name__)


def text_of(x: Any, read: Callable[[Any], str] = str, most: int = MOST_TEXT) -> str:
    """Return the text of a foreign object, or that it has none: no longer than so many characters, and such that it can be written.

    Args:
        x: the object.
        read: makes the text.
        most: characters.

    >>> text_of("word", repr)
    "'word'"
    """
    try:
        text = answer_of(lambda: str.__str__(read(x)))
    except GradcheckError:
        return "an object without a text"
    return shortened(text, most).encode("utf-8", "backslashreplace").decode("utf-8")


def _place(trace: TracebackType | None) -> str:
    """Return where foreign code raised, or "" where it was never reached."""
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    path = Path(trace.tb_frame.f_code.co_filename)
    return "" if path.is_relative_to(Path(__file__).parents[1]) else f" ({path.name}:{trace.tb_lineno})"
