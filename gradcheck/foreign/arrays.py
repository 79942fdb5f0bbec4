"""Numbers of foreign objects as arrays of our own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from gradcheck.errors import GradcheckError, TargetFailed
from gradcheck.foreign.gate import answer_of, text_of, type_name

Array = npt.NDArray[Any]
T = TypeVar("T")

#: Characters of an object that is no number, in a message: enough to see what it is.
SHOWN = 60


def array_of(
    x: Any, what: str, *, kind: str = "numbers", failure: type[GradcheckError] = TargetFailed, refusal: type[GradcheckError] | None = None,
) -> Array:  # fmt: skip
    """Return the numbers of a foreign object as an array that nobody else holds.

    Args:
        x: an array of any library, a number, or lists of these.
        what: it is, in the message.
        kind: what is expected, in the message.
        failure: the class of the error where it cannot be read.
        refusal: where it is masked or has fields; as `failure` unless given.

    Raises:
        GradcheckError: it is none, or one whose numbers are only part of it.

    >>> array_of([1.0, 2.0], "loss")
    array([1., 2.])
    """
    made = _read_or_fail(lambda: _read(x), x, f"{what}: expected {kind}", failure)
    refused = "a masked array" if made is None else "a structured array" if made.dtype.names is not None else ""
    if refused:
        raise (refusal or failure)(f"{what}: expected plain numbers; got {refused}; give its numbers alone")
    assert made is not None
    return made


def real_array_of(x: Any, what: str) -> Array:
    """Return the real numbers of what a target answered.

    Args:
        x: an array of any library, a number, or lists of these.
        what: it is, in the message.

    Raises:
        TargetFailed: it holds something that is no real number.
    """
    made, expected = array_of(x, what, kind="real numbers"), f"{what}: expected real numbers"
    if made.dtype.kind == "O":  # a None among numbers would become NaN
        return _read_or_fail(lambda: np.vectorize(float, otypes=[np.float64])(made), x, expected, TargetFailed)
    if made.dtype.kind in "cSUMm":
        raise TargetFailed(f"{expected}; got {shown(x)}")
    return made


def _read_or_fail(read: Callable[[], T], x: Any, expected: str, failure: type[GradcheckError]) -> T:
    try:
        return answer_of(read, who="reading it", failure=failure)
    except failure as error:
        raise failure(f"{expected}; got {shown(x)}; {error}") from error


def shown(x: Any) -> str:
    """Return the type and the beginning of the text of a foreign object."""
    return "None" if x is None else f"{text_of(type(x), type_name)} {' '.join(text_of(x).split())[:SHOWN]!r}"


def is_masked(x: Any) -> bool:
    """Answer whether a foreign object is an array of which a part is declared not to count."""
    return isinstance(x, np.ma.MaskedArray)


def _read(x: Any) -> Array | None:
    """Return a copy of the numbers; None of a masked array."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(x, torch.Tensor):
        x = x.detach().cpu().resolve_conj().resolve_neg()
        x = x.float() if x.dtype == torch.bfloat16 else x  # which NumPy does not have, and float32 holds
    if is_masked(x):
        return None
    return np.array(np.asarray(x))  # in two steps: not every __array__ can be told to copy
