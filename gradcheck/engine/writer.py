"""Writing down steps: constants are computed at once, and the same step on the same registers is written once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Arithmetic, Shape
from gradcheck.arith.floating import Floating
from gradcheck.engine.program import Form, Phase, Register, Step, template

#: Constants of at most so many bytes are the same if their bytes are.
_SMALL = 64


class Writer(Arithmetic):
    """What an arithmetic of registers writes with.

    Args:
        floating: the format in which the program is to compute.
        strict: whether sums are added up exactly as `floating` does; else sums over rows and of products are
            products of matrices, which round as often.
    """

    def __init__(self, floating: Floating, *, strict: bool = False) -> None:
        self.floating = floating
        self.dtype = floating.working
        self.strict = strict
        self.steps: list[Step] = []
        self.node = ""
        self.phase: Phase = "forward"
        self.known: dict[Any, tuple[Register, ...]] = {}
        self._constants: dict[Any, Register] = {}

    def given(self, shape: Shape, dtype: Any = None) -> Register:
        """Return a register for a value that will be given, of any layout."""
        return Register(self, template(shape, self.dtype if dtype is None else dtype), contiguous=False)

    def fixed(self, x: npt.ArrayLike) -> Register:
        """Return the register of a constant array."""
        value = np.asarray(x)
        if value.nbytes > _SMALL:
            return Register(self, value, constant=True)
        key = (value.dtype.str, value.shape, value.tobytes())
        return self._constants.setdefault(key, Register(self, value, constant=True))

    def register(self, x: Any) -> Register:
        """Return a register as it is, and an integer, a truth or an array as a constant."""
        if isinstance(x, Register):
            return x
        return self.constant(x) if isinstance(x, int | float | Fraction) and not isinstance(x, bool) else self.fixed(x)

    def write(
        self, form: Form, function: Callable[..., Any], operands: Sequence[Register], shapes: Sequence[tuple[Shape, Any]],
        *, name: str = "", extra: Any = (), key: Any = None, contiguous: bool = True,
    ) -> tuple[Register, ...]:  # fmt: skip
        """Return the registers of a step: those of an equal one before, constants if all operands are."""
        operands = tuple(operands)
        if all(x.constant for x in operands) and len(shapes) == 1:
            return (self._computed(form, function, operands, extra),)
        known = (form, name, key, extra if form != "call" else None, *map(id, operands))
        if known in self.known and (form != "call" or key is not None):
            return self.known[known]
        found = tuple(Register(self, template(s, d), contiguous=contiguous) for s, d in shapes)
        step = Step(form, function, operands, found, name, extra, self.node, self.phase)
        for x in found:
            x.step = step
        self.steps.append(step)
        self.known[known] = found
        return found

    def _computed(self, form: Form, function: Callable[..., Any], operands: Sequence[Register], extra: Any) -> Register:
        values = [x.value for x in operands]
        with np.errstate(all="ignore"):
            if form == "reduce":
                found = function.reduce(*values, axis=extra[0], keepdims=extra[1])  # type: ignore[attr-defined]
            elif form == "join":
                found = np.concatenate(values, extra)
            else:
                found = function(*values)
        return self.fixed(found)

    def ufunc(self, name: str, *xs: Any, dtype: Any = None) -> Register:
        """Return the register of a ufunc of registers, integers or arrays."""
        operands = [self.register(x) for x in xs]
        shape = np.broadcast_shapes(*(x.shape for x in operands))
        operands = self._narrowed(operands, shape)
        function: Callable[..., Any] = getattr(np, name)
        return self.write("ufunc", function, operands, [(shape, dtype or self.dtype)], name=name)[0]

    def _narrowed(self, operands: Sequence[Register], shape: Shape) -> list[Register]:
        """Return operands without repetition, as far as their shapes still make `shape`."""
        found = list(operands)
        for k, x in enumerate(found):
            found[k] = self._narrow(x, [y.shape for i, y in enumerate(found) if i != k], shape)
        return found

    def _narrow(self, x: Register, others: Sequence[Shape], shape: Shape) -> Register:
        """Return what `x` repeats, if `others` have the shape without it; with unit axes if only these are missing."""
        while x.step is not None and x.step.name == "broadcast_to":
            source = x.step.operands[0]
            if np.broadcast_shapes(source.shape, *others) != shape:
                break
            x = source
        if x.constant and x.shape and repeats_one(x.value) and np.broadcast_shapes(*others) == shape:
            return self.fixed(x.value[(0,) * x.value.ndim])
        if x.shape and x.shape != shape and math.prod(x.shape) == math.prod(shape):
            return self.register(self.reshape(x, shape))
        return x

    def view(self, name: str, x: Register, argument: Any, shape: Shape, contiguous: bool, f: Callable[..., Any]) -> Register:
        """Return the register of a view."""
        return self.write("view", f, [x], [(shape, x.value.dtype)], name=name, extra=argument, contiguous=contiguous)[0]

    def call(self, f: Callable[..., Any], *xs: Register, key: Any = None) -> Register:
        """Return the register of what a function returns; its shape is found by calling it with ones."""
        with np.errstate(all="ignore"):
            like = np.asarray(f(*(x.value for x in xs)))
        return self.write("call", own(f), xs, [(like.shape, like.dtype)], key=key)[0]


def repeats_one(x: npt.NDArray[Any]) -> bool:
    """Answer whether all entries are one and the same in memory."""
    return x.size > 0 and not any(x.strides)


def own(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function `f` with a result that shares no memory with an operand."""

    def owned(*xs: Any) -> Any:
        y = np.asarray(f(*xs))
        free = y.base is None or (y.flags.writeable and not any(np.may_share_memory(y, x) for x in xs))
        return y if free and not any(y is x for x in xs) else y.copy()

    return owned
