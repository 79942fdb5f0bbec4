"""Straight-line programs: registers, each written by one step, and the steps in order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Shape
from gradcheck.arith.carrier import Carrier

#: How a step is written: a ufunc, a reduction, a product of matrices, several arrays joined (each with ``out=``),
#: a view, or a call of a function that returns arrays of its own.
Form = Literal["ufunc", "reduce", "product", "join", "view", "call"]
Phase = Literal["forward", "reverse"]


class Register(Carrier):
    """A value of a program: its shape and type, or, of a constant, the array itself.

    Args:
        m: the arithmetic, for operators.
        value: the array of a constant, else a stand-in of the same shape and type without memory.
        constant: whether `value` is the value.
        contiguous: whether a view of any other shape can be had without a copy.
    """

    __slots__ = ("constant", "contiguous", "step")

    def __init__(self, m: Any, value: npt.NDArray[Any], *, constant: bool = False, contiguous: bool = True) -> None:
        super().__init__(m, value)
        self.constant = constant
        self.contiguous = contiguous
        self.step: Step | None = None

    def __array__(self, *_: Any, **__: Any) -> npt.NDArray[Any]:
        raise TypeError("a register has no value yet")

    def __bool__(self) -> bool:
        raise TypeError("a register has no truth")

    def __len__(self) -> int:
        raise TypeError("a register has no entries")

    @property
    def source(self) -> Register | None:
        """The register that this one is a view of."""
        return self.step.operands[0] if self.step is not None and self.step.form == "view" else None

    @property
    def root(self) -> Register:
        """The register whose memory this one is."""
        found = self
        while (source := found.source) is not None:
            found = source
        return found

    @property
    def bytes(self) -> int:
        """The memory of an array of this shape and type."""
        return math.prod(self.shape) * int(self.value.dtype.itemsize)


def template(shape: Shape, dtype: Any) -> npt.NDArray[Any]:
    """Return a stand-in for an array, which has a shape and a type and one entry of memory."""
    return np.broadcast_to(np.ones((), dtype), shape)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One line of a program.

    Args:
        form: how it is written.
        function: the ufunc, or what is called with the operands; of a view, with the operand.
        operands: what it reads.
        results: what it writes: one, but for calls.
        name: of the function, out of a fixed set; empty for calls.
        extra: more arguments: axes and keepdims of a reduction, the axis of a join, the argument of a view.
        node: the name of the node that it belongs to.
        phase: forward (recomputed values too) or reverse.
    """

    form: Form
    function: Callable[..., Any]
    operands: tuple[Register, ...]
    results: tuple[Register, ...]
    name: str = ""
    extra: Any = ()
    node: str = ""
    phase: Phase = "forward"


@dataclass(frozen=True, slots=True)
class Program:
    """Steps from leaves to results.

    Args:
        leaves: the registers of the values that are given, by name.
        cotangents: the registers of the cotangents that are given.
        steps: in order; each reads only what came before.
        outputs: the outputs of the graph.
        gradients: by name.
        unrecorded: nodes whose rules are called as they are.
    """

    leaves: Mapping[str, Register]
    cotangents: tuple[Register, ...]
    steps: tuple[Step, ...]
    outputs: tuple[Register, ...]
    gradients: Mapping[str, Register] = field(default_factory=dict)
    unrecorded: tuple[str, ...] = ()

    @property
    def results(self) -> tuple[Register, ...]:
        """The outputs and then the gradients."""
        return (*self.outputs, *self.gradients.values())


def needed(steps: Iterable[Step], results: Iterable[Register]) -> tuple[Step, ...]:
    """Return the steps that the results depend on."""
    wanted = {id(x) for x in results}
    kept = []
    for step in reversed(tuple(steps)):
        if any(id(x) in wanted for x in step.results):
            kept.append(step)
            wanted.update(id(x) for x in step.operands)
    return tuple(reversed(kept))
