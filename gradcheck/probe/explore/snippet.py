"""Code that reproduces a finding: imports, the inputs as literals, the call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.probe.explore.arguments import Arguments
from gradcheck.probe.explore.mutation import Array

#: Entries up to which inputs are printed.
MOST_PRINTED = 200


@dataclass(frozen=True, slots=True)
class Reproduction:
    """How `gradcheck.check` was called.

    Args:
        f: the function.
        given: vjp, grad, ... by keyword, None for those that were not given.
        owner: "numpy", "torch" or "jax".
        arguments: of f.
        options: seed and order, where they are not the usual ones.
        domain: as it was given.
    """

    f: Callable[..., Any]
    given: Mapping[str, Callable[..., Any] | None]
    owner: str
    arguments: Arguments
    options: Mapping[str, Any]
    domain: Any = None

    def code(self, arrays: Sequence[Array], explore: bool | str = False) -> str:
        """Return Python code that makes the same call at these inputs; "" where they are too large to print."""
        if sum(a.size for a in arrays) > MOST_PRINTED:
            return ""
        lines = ["import gradcheck", "import numpy as np"]
        lines += {"torch": ["import torch"], "jax": ["import jax.numpy as jnp"]}.get(self.owner, [])
        functions = {"f": self.f, **{k: v for k, v in self.given.items() if v is not None}}
        lines += [_imported(name, function) for name, function in functions.items()]
        lines += ["", *(f"x{k} = {self._literal(a, old)}" for k, (a, old) in enumerate(zip(arrays, self.arguments.originals, strict=True)))]
        call = ["f", self._inputs(), *(f"{name}={name}" for name in list(functions)[1:])]
        call += [] if self.domain is None or not explore else [f"domain={_domain(self.domain)}"]
        call += [f"{k}={v!r}" for k, v in self.options.items()] + ([f"explore={explore!r}"] if explore else [])
        return "\n".join([*lines, "", f"print(gradcheck.check({', '.join(call)}))"])

    def _inputs(self) -> str:
        names = [_Name(f"x{k}") for k in range(len(self.arguments.arrays))]
        return repr(self.arguments.structure(names))

    def _literal(self, a: Array, old: Any) -> str:
        if isinstance(old, bool | int | float | complex) and not isinstance(old, np.generic):
            return repr(type(old)(a)) if np.ndim(a) == 0 else _array(a)
        if self.owner == "torch":
            return f"torch.tensor({_array(a)}, dtype={old.dtype})" if hasattr(old, "device") else repr(a.item())
        return f"jnp.asarray({_array(a)}, {str(old.dtype)!r})" if self.owner == "jax" else _array(a)


def _domain(given: Any) -> str:
    """Return a domain as code; a predicate by its name."""
    if isinstance(given, list | tuple):
        return f"({', '.join(_domain(d) for d in given)},)"
    return _array(given) if isinstance(given, np.ndarray) else str(getattr(given, "__name__", repr(given)))


class _Name:
    """A name in code: shown as it is inside tuples, lists and dicts."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


def _imported(name: str, function: Any) -> str:
    """Return the import of a function, or a comment where it has no importable name."""
    module, own = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    if module in (None, "__main__") or not own.isidentifier():
        return f"# {name}: {own or type(function).__name__}, as it was given"
    return f"from {module} import {own}" + (f" as {name}" if own != name else "")


def _array(a: Array) -> str:
    text = np.array2string(np.asarray(a), separator=", ", threshold=MOST_PRINTED + 1, floatmode="unique", max_line_width=100)
    plain = " ".join(text.split()).replace("nan", "np.nan").replace("inf", "np.inf")
    return f"np.array({plain}, dtype={str(a.dtype)!r})"
