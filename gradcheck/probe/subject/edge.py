"""The edge of a check: f and its derivatives are foreign code, and what they hand back is copied at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import numpy as np

from gradcheck.errors import BadInput, DerivativeRaised, FunctionFailed, FunctionRaised
from gradcheck.foreign import answer_of, array_of
from gradcheck.foreign.arrays import is_masked
from gradcheck.probe.subject.structure import flatten, is_numpy, shown_path
from gradcheck.probe.subject.subject import Arrays, Subject

T = TypeVar("T")


#: Who is called, in messages.
DERIVATIVE = "the derivative"


def called(who: str, call: Callable[..., T], *arguments: Any) -> T:
    """Return what the code of a user answers.

    Args:
        who: is called, in the message.
        call: the code.
        arguments: of it.

    Raises:
        BadInput: it was given what it cannot be checked at.
        FunctionRaised: it raised anything else; `DerivativeRaised` where that is the derivative.
    """
    failure = DerivativeRaised if who == DERIVATIVE else FunctionRaised
    return answer_of(lambda: call(*arguments), who=who, failure=failure, passing=(FunctionFailed, BadInput))


def readable(arguments: tuple[Any, ...]) -> None:
    """Raise `BadInput` for inputs that cannot be taken apart, or whose numbers are only part of them.

    Args:
        arguments: of f.
    """
    flat = answer_of(lambda: flatten(arguments, is_numpy), who="reading the inputs", failure=BadInput)
    for path, x in zip(flat.paths, flat.arrays, strict=True):
        if isinstance(x, np.ndarray) and (is_masked(x) or x.dtype.names is not None):
            array_of(x, f"input {shown_path(path)}", failure=BadInput)


def gated(subject: Subject) -> Subject:
    """Return a subject whose function and derivatives raise nothing but our own errors, and hand back arrays that nobody else holds.

    Args:
        subject: as its library makes it.
    """
    one, many = partial(_guarded, subject.paths), partial(_guarded_several, subject.paths)
    return replace(
        subject,
        call=lambda xs: _outputs(called("f", subject.call, xs)),
        pull=one(DERIVATIVE, subject.pull),
        push=one(DERIVATIVE, subject.push),
        raw=None if subject.raw is None else partial(called, "f", subject.raw),
        guard=partial(called, "f", subject.guard),
        arranged=one(DERIVATIVE, subject.arranged),
        crossed=many(DERIVATIVE, subject.crossed),
        second=None if subject.second is None else partial(called, "f", subject.second),
    )


def _outputs(found: Sequence[Any]) -> Arrays:
    return [_owned(y, "f's output") for y in found]


def _owned(x: Any, what: str) -> Any:
    return None if x is None else array_of(x, what, failure=FunctionFailed, refusal=BadInput)


def _gradients(paths: tuple[str, ...], found: Sequence[Any] | None) -> Any:
    """Return copies of gradients, or of tangents, by what they belong to; None stays None."""
    names = [f"the gradient of {p}" for p in paths]
    return None if found is None else [_owned(v, names[k] if k < len(names) else "a gradient") for k, v in enumerate(found)]


def _guarded(paths: tuple[str, ...], who: str, call: Callable[..., Any] | None) -> Any:
    return None if call is None else lambda *given: _gradients(paths, called(who, call, *given))


def _guarded_several(paths: tuple[str, ...], who: str, call: Callable[..., Any] | None) -> Any:
    return None if call is None else lambda *given: tuple(_gradients(paths, v) for v in called(who, call, *given))
