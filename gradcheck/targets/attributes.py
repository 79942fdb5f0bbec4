"""What a target says of itself: each attribute is read once, and has to be what the protocol says."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gradcheck.arith.floating import FORMATS
from gradcheck.errors import TargetFailed
from gradcheck.foreign import answer_of
from gradcheck.foreign.arrays import shown
from gradcheck.targets.known import Known

#: Characters of a name: those of the longest path on Linux, since a program has its command for a name until it says another.
MOST_NAME = 4096


def attributes_of(target: Any) -> dict[str, Any]:
    """Return the attributes that a target has, in types of our own.

    Args:
        target: of whoever.

    Raises:
        TargetFailed: one raises, or is of another kind.
    """
    found = {}
    for key, (expected, read) in _ATTRIBUTES.items():
        given = answer_of(lambda: getattr(target, key, _NONE), who=f"reading its {key}")  # noqa: B023 - called at once
        if given is not _NONE:
            found[key] = _kept(key, given, expected, read)
    if "name" not in found:
        raise TargetFailed("expected a target with a name; got none")
    return {k: x for k, x in found.items() if k not in _FUNCTIONS}


_NONE = object()


def _kept(key: str, given: Any, expected: str, read: Callable[[Any], Any]) -> Any:
    try:
        return answer_of(lambda: read(given))
    except TargetFailed:
        raise TargetFailed(f"its {key}: expected {expected}; got {shown(given)}") from None


def _text(x: Any) -> str:
    if not isinstance(x, str):
        raise TypeError
    return str.__str__(x)


def _name(x: Any) -> str:
    made = _text(x)
    if not (made.strip() and made.isprintable() and len(made) <= MOST_NAME):
        raise ValueError
    return made


def _truth(x: Any) -> bool:
    if not isinstance(x, bool):
        raise TypeError
    return x


def _formats(x: Any) -> tuple[str, ...]:
    made = tuple(_text(v) for v in _some(x))
    if not set(made) <= set(FORMATS):
        raise ValueError
    return made


def _modes(x: Any) -> tuple[str, ...]:
    made = tuple(_name(v) for v in _some(x))
    if len(set(made)) < len(made):
        raise ValueError
    return made


def _some(x: Any) -> Iterable[Any]:
    if isinstance(x, str) or not isinstance(x, list | tuple | set | frozenset):
        raise TypeError
    return x


def _slack(x: Any) -> float:
    made = float(x)
    if isinstance(x, bool | str) or not 1 <= made < math.inf:
        raise ValueError
    return made


def _accumulates(x: Any) -> dict[str, str]:
    made = {_text(k): _text(v) for k, v in dict(x).items()}
    if not {*made, *made.values()} <= set(FORMATS):
        raise ValueError
    return made


def _known(x: Any) -> tuple[Known, ...]:
    made = tuple(_some(x))
    if any(type(k) is not Known or any(type(getattr(k, field)) is not str for field in Known.__slots__) for k in made):
        raise TypeError
    return made


def _count(x: Any) -> int | None:
    if x is not None and (isinstance(x, bool) or not isinstance(x, int) or x < 0):
        raise TypeError
    return None if x is None else int(x)


def _function(x: Any) -> Any:
    if not callable(x):
        raise TypeError
    return x


_FORMATS = f"names of formats, out of {', '.join(FORMATS)}"
#: attribute -> what it has to be, and how it is read: what is none raises
_ATTRIBUTES: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "name": (f"a line of 1 to {MOST_NAME} printable characters", _name),
    "version": ("text", _text),
    "dtypes": (_FORMATS, _formats),
    "slack": ("a number of at least 1", _slack),
    "accumulates": ("a mapping from formats to formats", _accumulates),
    "flushes": ("True or False", _truth),
    "known": ("Known findings", _known),
    "most_random": ("a whole number of at least 0, or None", _count),
    "unjudged": (_FORMATS, _formats),
    "second_modes": ("different names", _modes),
    "spec": ("text", _text),
    "run": ("a function", _function),
    "hvp": ("a function", _function),
    "gradient": ("a function", _function),
}
#: what is called, and stays with the target
_FUNCTIONS = ("run", "hvp", "gradient")
