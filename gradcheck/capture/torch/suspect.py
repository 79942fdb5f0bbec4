"""A call that may hand on something wrong, as it was made: it can be made again alone, with other numbers, and in another format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gradcheck.capture.torch.call import Call, Operand
from gradcheck.capture.torch.tensors import FORMATS, Tensor, tensors_in

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Value:
    """Where an operand that is differentiated stands among arguments.

    Args:
        name: of its value in the recording.
    """

    name: str


@dataclass(frozen=True, slots=True)
class Suspect:
    """One call.

    Args:
        function: an operation of ATen, or a custom Function.
        arguments: by position or by name; differentiated operands are a `Value`, other tensors as they were.
        results: names of the values that it made.
        reference: the program whose gradient it is meant to have; None for its own.
    """

    function: Any
    arguments: Mapping[str, Any]
    results: tuple[str, ...]
    reference: Callable[..., Any] | None = None

    @property
    def operands(self) -> tuple[str, ...]:
        """Names of the differentiated operands, each once."""
        return tuple(dict.fromkeys(x.name for x in leaves(self.arguments) if isinstance(x, Value)))

    def call(self, given: Mapping[str, Tensor], *, by_reference: bool = False) -> list[Tensor]:
        """Return the floating-point results for operands.

        Args:
            given: name -> operand.
            by_reference: call the program whose gradient it is meant to have.
        """
        made = mapped(self.arguments, lambda x: given[x.name] if isinstance(x, Value) else _as(x, given))
        if isinstance(self.function, type):
            out = (self.reference if by_reference and self.reference else self.function.apply)(*made.values())  # type: ignore[attr-defined]  # of torch
        else:
            out = self.function(**made)
        return [t for t in tensors_in(out) if t.dtype in FORMATS]

    def script(self, operands: Mapping[str, Array], cotangents: Sequence[Array], reason: str) -> str:
        """Return a script that shows the call alone; see `gradcheck.capture.torch.script.script_of`."""
        from gradcheck.capture.torch.script import script_of

        return script_of(self, operands, cotangents, reason)


def of_call(call: Call) -> Suspect | None:
    """Return an operation of ATen with its arguments; None for one that writes into them."""
    if call.written or call.region is not None:
        return None
    kept = mapped(call.arguments, lambda x: x if not isinstance(x, Operand) else Value(x.name) if x.name else x.tensor)
    return Suspect(call.func, kept, tuple(call.given.values()))


def mapped(x: Any, of: Callable[[Any], Any]) -> Any:
    """Return nested arguments with each leaf replaced."""
    if isinstance(x, Mapping):
        return {k: mapped(v, of) for k, v in x.items()}
    return [mapped(v, of) for v in x] if isinstance(x, list | tuple) else of(x)


def leaves(x: Any) -> list[Any]:
    """Return the leaves of nested arguments."""
    found: list[Any] = []
    mapped(x, found.append)
    return found


def _as(x: Any, given: Mapping[str, Tensor]) -> Any:
    """Return other tensors in the widest format of the operands."""
    if isinstance(x, torch.Tensor) and x.dtype in FORMATS and any(t.dtype == torch.float64 for t in given.values()):
        return x.double()
    return x


def numbers(tensors: Sequence[Tensor]) -> tuple[Array, ...]:
    """Return tensors as float64 arrays."""
    return tuple(np.asarray(t.detach().double().cpu().numpy()) for t in tensors)
