"""What "module:attribute" names: foreign code is imported by its name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from gradcheck.errors import GradcheckError
from gradcheck.foreign.gate import answer_of
from gradcheck.foreign.process import undisturbed


def attribute_at(name: str, *, failure: type[GradcheckError]) -> Any:
    """Return what a name of the form "module:attribute" stands for; modules of the current folder are found after all that are installed.

    Args:
        name: the name; attributes of attributes are separated by points.
        failure: the class of the error.

    Raises:
        GradcheckError: importing it failed, or nothing is there.

    >>> attribute_at("math:pi", failure=GradcheckError)
    3.141592653589793
    """
    module, _, attribute = name.partition(":")

    def found() -> Any:
        made: Any = import_module(module)
        for part in attribute.split("."):
            made = getattr(made, part)
        return made

    with undisturbed(), _current_folder(module):
        return answer_of(found, who=f"expected something at {name!r}; importing it", failure=failure)


@contextmanager
def _current_folder(module: str) -> Iterator[None]:
    """Let modules of the current folder be found; afterwards too if this one is there, since it may import what lies beside it later."""
    here = str(Path.cwd())
    if here in sys.path:
        yield
        return
    sys.path.append(here)
    try:
        yield
    finally:
        file = getattr(sys.modules.get(module), "__file__", None)
        if not (isinstance(file, str) and Path(file).is_relative_to(here)) and here in sys.path:
            sys.path.remove(here)
