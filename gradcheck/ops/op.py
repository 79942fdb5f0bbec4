"""The record of an operation: its value, its vjp, its jvp and its kinks, side by side.

Every rule gets the arithmetic `m` first and touches numbers only through it, through operators and
through integer literals. `y` is the value, `g` the cotangent, `ts` the tangents.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Arithmetic, Array, Shape
from gradcheck.arith.floating import Floating
from gradcheck.errors import BadAttribute, BadGraph, BadShape, UnknownName
from gradcheck.files.limits import MOST_AXES

#: What an operand may hold. The first five are real numbers, which are differentiated.
REAL_KINDS = ("real", "positive", "nonzero", "unit", "probability")
INTEGER_KINDS = ("index", "mask")

#: Entries of a value: positions are signed integers of 64 bits.
MOST_ENTRIES = 2**63 - 1

#: The default of an attribute that has none.
REQUIRED: Any = "<required>"

Value: TypeAlias = Callable[..., Array]
Vjp: TypeAlias = Callable[..., tuple[Array | None, ...]]
Jvp: TypeAlias = Callable[..., Array]
ShapeRule: TypeAlias = Callable[..., Shape]
Operand: TypeAlias = Shape | npt.NDArray[Any]
Changed: TypeAlias = npt.NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True)
class Part:
    """What of a value has to be computed again.

    Args:
        keys: indices into the operands, whose value is that of the part; None stands for an operand of zeros.
        key: index of the part in the value.
        change: position of an operand in which the value is linear: its change is taken in its place, and the
            part's value is added to what was there. None: the part's value is the new one.
    """

    keys: tuple[Any, ...]
    key: Any
    change: int | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """Small operands that exercise the operation: shapes for reals, arrays for indices and masks."""

    operands: tuple[Operand, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


def sample(*operands: Operand, **attributes: Any) -> Sample:
    """Return a `Sample` of operands and attributes."""
    return Sample(operands, attributes)


@dataclass(frozen=True, slots=True)
class Textbook:
    """A formula that implementations may legitimately use although rounding hurts it more.

    Args:
        reason: why it is legitimate.
        value: replaces the op's value, if given.
        vjp: replaces the op's vjp, if given.
    """

    reason: str
    value: Value | None = None
    vjp: Vjp | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """One operation.

    Args:
        name: in documents, messages and the registry.
        doc: one sentence, the formula, and where its attributes come from.
        operands: the kind of each operand, out of `REAL_KINDS` and `INTEGER_KINDS`; of a variadic
            operation the kind of all.
        variadic: whether any number (at least one) of operands is taken.
        value: ``value(m, *xs, **attributes) -> y``.
        vjp: ``vjp(m, g, y, *xs, **attributes)`` -> one cotangent an operand, None for integers.
        vjp_of: ``vjp_of(m, k, g, y, *xs, **attributes)``: the cotangent of operand k alone, where all of them cost more.
        jvp: ``jvp(m, ts, y, *xs, **attributes) -> t``; `ts` has None for integers.
        shape: ``shape(*shapes, **attributes) -> shape``; raises `BadShape`.
        attributes: name -> default, or `REQUIRED`.
        kinks: ``kinks(m, *xs, **attributes)`` -> arrays; where an entry is zero there is a kink.
        textbook: legitimate formulas with a larger rounding error.
        conserves: whether the cotangents that the vjp hands on always add up to g (a maximum).
        entrywise: whether an entry of the value depends on one entry of each operand, broadcast, alone.
        part: ``part(*changed)``, of each operand the mask of the entries that changed or None for none -> the `Part`
            of the value outside of which nothing changes, or None for all of it.
        slack: factor on rounding bounds, for operations that libraries fuse.
        samples: small operands that exercise every axis and attribute.
    """

    name: str
    doc: str
    operands: tuple[str, ...]
    value: Value
    vjp: Vjp
    jvp: Jvp
    shape: ShapeRule
    variadic: bool = False
    vjp_of: Callable[..., Array] | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    kinks: Callable[..., tuple[Array, ...]] | None = None
    textbook: tuple[Textbook, ...] = ()
    conserves: bool = False
    entrywise: bool = False
    part: Callable[..., Part | None] | None = None
    slack: float = 1
    samples: tuple[Sample, ...] = ()

    def kind(self, position: int) -> str:
        """Return the kind of the operand at `position`."""
        return self.operands[0 if self.variadic else position]

    def kinds(self, count: int) -> tuple[str, ...]:
        """Return the kinds of `count` operands; raise `BadGraph` if it does not take so many."""
        if self.variadic and count >= 1:
            return self.operands * count
        if count != len(self.operands):
            wanted = "at least 1" if self.variadic else str(len(self.operands))
            raise BadGraph(f"{self.name}: expected {wanted} operands; got {count}")
        return self.operands

    def complete(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """Return `attributes` with defaults filled in and lists made tuples."""
        for name in attributes:
            if name not in self.attributes:
                known = ", ".join(self.attributes) or "none"
                raise BadAttribute(f"{self.name}: no attribute {name!r}; known: {known}")
        out = {k: _frozen(attributes.get(k, default)) for k, default in self.attributes.items()}
        for name, given in out.items():
            if given is REQUIRED:
                raise BadAttribute(f"{self.name}: attribute {name!r} is required")
        return out

    def result_shape(self, shapes: tuple[Shape, ...], attributes: Mapping[str, Any]) -> Shape:
        """Return the shape of the value; raise `BadShape` or `BadAttribute` where there is none."""
        self.kinds(len(shapes))
        try:
            out = tuple(int(n) for n in self.shape(*shapes, **attributes))
        except (BadShape, BadAttribute):
            raise
        except (TypeError, ValueError, IndexError, ArithmeticError, AttributeError, KeyError) as error:
            raise BadShape(self.name, f"operands and attributes that fit ({error})", shapes) from error
        if len(out) > MOST_AXES or math.prod(out) > MOST_ENTRIES:
            raise BadShape(self.name, f"a value of at most {MOST_AXES} axes, and of entries that 64 bits can count", out)
        return out

    def __call__(self, *operands: Any, **attributes: Any) -> Any:
        """Build a node from traced operands, or return the float64 value of arrays."""
        for x in operands:
            if hasattr(x, "__gradcheck_apply__"):
                return x.__gradcheck_apply__(self, operands, attributes)
        m = Floating("float64")
        kinds = self.kinds(len(operands))
        arrays = [np.asarray(x) if k in INTEGER_KINDS else m.array(x) for k, x in zip(kinds, operands, strict=True)]
        complete = self.complete(attributes)
        self.result_shape(tuple(x.shape for x in arrays), complete)
        return m.leave(self.value(m, *arrays, **complete))


def _frozen(x: Any) -> Any:
    if isinstance(x, list | tuple):
        return tuple(_frozen(v) for v in x)
    return x.item() if isinstance(x, np.generic) else x


class Registry(Mapping[str, Op]):
    """The operations by name."""

    def __init__(self) -> None:
        self._ops: dict[str, Op] = {}

    def add(self, op: Op) -> Op:
        """Register an operation and return it."""
        if op.name in self._ops:
            raise BadGraph(f"there are two operations named {op.name!r}")
        self._ops[op.name] = op
        return op

    def __getitem__(self, name: str) -> Op:
        try:
            return self._ops[name]
        except KeyError:
            raise UnknownName("operation", name, self._ops) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._ops)

    def __len__(self) -> int:
        return len(self._ops)

    def snapshot(self) -> Mapping[str, Op]:
        """Return an unchangeable copy, for an engine with rules of its own."""
        return MappingProxyType(dict(self._ops))


#: Every operation that a module of `gradcheck.ops` declares.
registry = Registry()


def declare(
    name: str,
    doc: str,
    *operands: str,
    value: Value,
    vjp: Vjp,
    jvp: Jvp,
    shape: ShapeRule,
    samples: tuple[Sample, ...],
    **more: Any,
) -> Op:
    """Make an `Op`, register it and return it; see `Op` for the arguments."""
    op = Op(name=name, doc=doc, operands=operands, value=value, vjp=vjp, jvp=jvp, shape=shape, samples=samples, **more)
    return registry.add(op)


def unary(
    name: str,
    doc: str,
    kind: str = "real",
    *,
    value: Value,
    vjp: Callable[..., Array],
    jvp: Callable[..., Array],
    textbook: tuple[Textbook, ...] = (),
    samples: tuple[Sample, ...] = (),
    **more: Any,
) -> Op:
    """Declare an elementwise function of one operand: vjp(m, g, y, x) and jvp(m, t, y, x)."""
    return declare(
        name,
        doc,
        kind,
        value=value,
        vjp=lambda m, g, y, x, **a: (vjp(m, g, y, x, **a),),
        jvp=lambda m, ts, y, x, **a: jvp(m, ts[0], y, x, **a),
        shape=lambda x, **_: x,
        textbook=textbook,
        samples=samples or (sample((3,)), sample((2, 3)), sample(())),
        entrywise=True,
        **more,
    )


def formula(reason: str, vjp: Callable[..., Array]) -> Textbook:
    """Return a textbook derivative vjp(m, g, y, x) of a `unary` operation."""
    return Textbook(reason, vjp=lambda m, g, y, x, **a: (vjp(m, g, y, x, **a),))


def zero(m: Arithmetic) -> Array:
    """Return the 0-d constant zero."""
    return m.constant(0)
