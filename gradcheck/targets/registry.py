"""The targets by name; each is imported only when it is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from gradcheck.errors import MissingDependency, TargetFailed, UnknownName
from gradcheck.foreign import answer_of, attribute_at
from gradcheck.foreign.arrays import shown
from gradcheck.targets.target import Target

#: name -> (module, class, what is called with, the library, the extra that installs it)
_BUILT_IN: Mapping[str, tuple[str, str, Mapping[str, Any], str, str]] = {
    "reference": ("reference", "Reference", {}, "numpy", ""),
    "sklearn": ("sklearn", "Sklearn", {}, "sklearn", "sklearn"),
    "torch": ("torch", "Torch", {}, "torch", "torch"),
    "jax": ("jax", "Jax", {}, "jax", "jax"),
    "jax-jit": ("jax", "Jax", {"jit": True}, "jax", "jax"),
    "autograd": ("autograd", "Autograd", {}, "autograd", "autograd"),
}

#: What says that a program is meant where its name alone does not.
PREFIX = "process:"


def is_command(name: str) -> bool:
    """Answer whether a name is a program to run: a path, several words, or what follows ``process:``.

    >>> [is_command(x) for x in ("./engine", "python3 engine.py", "process:engine", "torch", "mypkg:Engine")]
    [True, True, True, False, False]
    """
    return name.startswith(PREFIX) or "/" in name or os.sep in name or len(name.split()) > 1


class Targets(Mapping[str, Target]):
    """The built-in targets, and for everybody else's "module:attribute" or a program such as "./engine".

    A program is started whenever it is asked for, and ends with the target that stands for it.
    """

    def __init__(self) -> None:
        self._made: dict[str, Target] = {}

    def __getitem__(self, name: str) -> Target:
        if is_command(name):
            from gradcheck.targets.process import Process

            return Process(name)
        if name not in self._made:
            self._made[name] = _built_in(name) if name in _BUILT_IN else _imported(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_BUILT_IN)

    def __len__(self) -> int:
        return len(_BUILT_IN)

    def needs(self, name: str) -> str:
        """Return the library that a built-in target needs."""
        return _BUILT_IN[name][3]


def _built_in(name: str) -> Target:
    module, cls, options, library, extra = _BUILT_IN[name]

    def made() -> Target:
        try:
            return getattr(import_module(f"gradcheck.targets.{module}"), cls)(**options)  # type: ignore[no-any-return]  # the table says which
        except ImportError as error:
            if isinstance(error, MissingDependency) or error.name is None or error.name.split(".")[0] != library:
                raise
            raise MissingDependency(library, extra) from error

    return answer_of(made, who=f"importing {library}", passing=(MissingDependency,))


def _imported(name: str) -> Target:
    if ":" not in name:
        here = (f"./{name}",) if name and Path(name).is_file() else ()
        raise UnknownName("target", name, (*_BUILT_IN, "module:attribute", "./program", *here))
    found = attribute_at(name, failure=TargetFailed)
    if isinstance(found, type):
        found = answer_of(found, who=f"expected a target at {name!r}; making it")
    return found if answer_of(lambda: isinstance(found, Target), who="looking at the target") else _named(found, name)


def _named(f: Callable[..., Any], name: str) -> Target:
    from gradcheck.targets.target import Plain

    if not callable(f):
        raise TargetFailed(f"expected a target or a callable at {name!r}; got {shown(f)}")
    plain = Plain(f)
    plain.name = name
    return plain


targets = Targets()
