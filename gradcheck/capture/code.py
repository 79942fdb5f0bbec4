"""The source of a function or class with all that it refers to, so that it runs where its module is not."""

from __future__ import annotations

import builtins
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

#: Values that are written down as they are shown.
_PLAIN = (bool, int, float, complex, str, bytes, type(None))


class Code:
    """Definitions in the order in which they have to stand; built up by `define`.

    Attributes:
        lines: imports first, then constants, functions and classes.
        missing: names of what has no source, or would need its module.
    """

    def __init__(self) -> None:
        self._imports: list[str] = []
        self._definitions: list[str] = []
        self._known: dict[str, Any] = {}
        self.missing: list[str] = []

    @property
    def lines(self) -> list[str]:
        """The code."""
        return [*self._imports, *self._definitions]

    def define(self, name: str, x: Any) -> None:
        """Make a name stand for something: by an import of a library, by its value, or by its source.

        Args:
            name: in the code that refers to it.
            x: a module, a plain value, a function or a class.
        """
        if name in self._known:
            self.missing += [name] if self._known[name] is not x else []
            return
        self._known[name] = x
        if isinstance(x, ModuleType):
            self._imports.append(f"import {x.__name__}" if x.__name__ == name else f"import {x.__name__} as {name}")
        elif _is_plain(x):
            self._definitions.append(f"{name} = {x!r}")
        elif (home := _library_of(x)) is not None:
            self._imports.append(f"from {home} import {x.__name__}" + ("" if x.__name__ == name else f" as {name}"))
        else:
            self._source(name, x)

    def _source(self, name: str, x: Any) -> None:
        try:
            text = textwrap.dedent(inspect.getsource(x))
        except (OSError, TypeError):
            self.missing.append(name)
            return
        if not re.match(rf"(@.*\n)*(def|class) {name}\b|{name} = lambda\b", text):
            self.missing.append(name)  # a part of a longer line
            return
        for other, value in _references(x):
            self.define(other, value)
        self._definitions += ["", "", text.rstrip()]


def _is_plain(x: Any) -> bool:
    if isinstance(x, tuple | list):
        return all(_is_plain(v) for v in x)
    return isinstance(x, _PLAIN)


def _library_of(x: Any) -> str | None:
    """Return the module that something can be imported from wherever its library is; None for what is of the user's own code."""
    module = sys.modules.get(getattr(x, "__module__", None) or "")
    if not isinstance(x, FunctionType | type | BuiltinFunctionType) or module is None:
        return None
    installed = "site-packages" in (getattr(module, "__file__", None) or "site-packages") or module.__name__.partition(".")[0] in sys.stdlib_module_names
    return module.__name__ if installed and getattr(module, x.__name__, None) is x else None


def _references(x: Any) -> Iterator[tuple[str, Any]]:
    """Yield the names that code takes from outside, with what they stand for."""
    members = [x] if isinstance(x, FunctionType) else [inspect.unwrap(getattr(v, "__func__", v)) for v in vars(x).values()]
    functions = [f for f in members if isinstance(f, FunctionType)]
    for base in getattr(x, "__bases__", ()):
        if base is not object and _library_of(base) is None:
            yield base.__name__, base
        elif base is not object:
            yield from ((k, v) for k, v in vars(sys.modules[x.__module__]).items() if v is base or _holds(v, base))
    for f in functions:
        captured = dict(zip(f.__code__.co_freevars, (c.cell_contents for c in f.__closure__ or ()), strict=True))
        for name in _names(f.__code__):
            if name in captured:
                yield name, captured[name]
            elif name in f.__globals__ and not hasattr(builtins, name) and f.__globals__[name] is not x:
                yield name, f.__globals__[name]


def _holds(module: Any, base: type) -> bool:
    """Answer whether a name of the user's module is the library that a base class is written with: `torch` in `torch.autograd.Function`."""
    return isinstance(module, ModuleType) and base.__module__.partition(".")[0] == module.__name__


def _names(code: CodeType) -> Iterator[str]:
    yield from dict.fromkeys((*code.co_names, *code.co_freevars))
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)
