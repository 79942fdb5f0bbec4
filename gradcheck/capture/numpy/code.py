"""Which code does a function run? Its own and that of the Python functions it can reach by name, closure or method."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

#: Packages whose code is theirs: arrays that they make stay arrays.
THEIRS = {"builtins", *sys.stdlib_module_names, "numpy", "scipy", "gradcheck"}
#: Functions that are looked at; what lies farther is left as it is, and not recorded where it fills arrays.
MOST = 2_000


def namespaces(f: Any) -> list[dict[str, Any]]:
    """Return the global names of all code that a function can reach, each once."""
    found: dict[int, dict[str, Any]] = {}
    theirs = THEIRS - {_package(f)}  # whoever asks about a library's own function asks about its code
    seen: set[int] = set()
    waiting = [f]
    while waiting and len(seen) < MOST:
        x = waiting.pop()
        if id(x) in seen:
            continue
        seen.add(id(x))
        if isinstance(x, FunctionType) and not _is_theirs(x, theirs):
            found[id(x.__globals__)] = x.__globals__
        waiting += _reached(x, theirs)
    own = f"{_package(f)}."
    if own.strip(".") not in theirs:  # what is looked up while it runs, as backends are, is reached by no name
        found |= {id(vars(m)): vars(m) for name, m in list(sys.modules.items()) if name.startswith(own) and isinstance(m, ModuleType)}
    return list(found.values())


def _is_theirs(f: FunctionType, theirs: set[str]) -> bool:
    """Answer whether a function's code is no user's; what stands in an example of this package is."""
    return _package(f) in theirs and not f.__code__.co_filename.startswith("<")


def _package(x: Any) -> str:
    return str(getattr(x, "__module__", "") or "").partition(".")[0]


def _reached(x: Any, theirs: set[str]) -> Iterator[Any]:
    """Yield the code that an object leads to."""
    if isinstance(x, partial):
        yield from (x.func, *x.args, *x.keywords.values())
    elif isinstance(x, MethodType):
        yield from (x.__func__, x.__self__)
    elif isinstance(x, FunctionType):
        yield from _cells(x)
        if not _is_theirs(x, theirs):
            yield from _globals(x, theirs)
    elif isinstance(x, type):
        yield from (member for cls in x.__mro__ if _package(cls) not in theirs for member in vars(cls).values() if isinstance(member, FunctionType))
    elif not isinstance(x, ModuleType) and _package(type(x)) not in theirs - {"gradcheck"}:
        yield type(x)
        yield from (v for v in getattr(x, "__dict__", {}).values() if callable(v))


def _cells(f: FunctionType) -> Iterator[Any]:
    for cell in f.__closure__ or ():
        try:
            content = cell.cell_contents
        except ValueError:  # not yet filled
            continue
        yield from content if isinstance(content, tuple | list) else content.values() if isinstance(content, dict) else (content,)
    yield from f.__defaults__ or ()


def _globals(f: FunctionType, theirs: set[str]) -> Iterator[Any]:
    names = set(_names(f.__code__))
    for name in names & f.__globals__.keys():
        x = f.__globals__[name]
        if isinstance(x, ModuleType):
            yield from (vars(x)[n] for n in names & vars(x).keys() if x.__name__.partition(".")[0] not in theirs)
        else:
            yield x


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for x in code.co_consts:
        if isinstance(x, CodeType):
            yield from _names(x)
