"""Derivatives of the formulas of single entries, by SymPy, each found once and compiled once.

Entries of one operation have few different formulas: all entries of a matrix product have the same
one. A formula is therefore kept with its symbols renamed to c0, c1, ... in the order of operands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from types import FunctionType
from typing import Any

import numpy as np
import sympy as sp

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.elements import numbers
from gradcheck.arith.symbolic import Symbolic
from gradcheck.errors import OracleGaveUp
from gradcheck.ops.op import INTEGER_KINDS, Op

#: Symbols in one node beyond which writing its formula down takes minutes.
MOST_SYMBOLS = 1200

#: Operations in the first derivatives of a formula times its variables, beyond which differentiating again takes minutes.
MOST_BENDS = 100_000

Compiled = Callable[..., list[Any]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a node.

    Args:
        slopes: a compiled function of the entry's symbols -> derivatives by the active ones.
        symbols: positions, among the entries of all real operands, of the function's arguments.
        active: positions of those that the derivatives belong to.
        formula: the entry by its symbols c0, c1, ...
        moving: numbers of the active ones among these.
    """

    slopes: Compiled
    symbols: tuple[int, ...]
    active: tuple[int, ...]
    formula: Any
    moving: tuple[int, ...]


@dataclass(frozen=True)
class Call:
    """A node's operation with shapes for real operands and arrays for integer ones; hashable by content."""

    op: Op
    operands: tuple[Any, ...]
    attributes: Mapping[str, Any]
    active: tuple[bool, ...]

    def _key(self) -> tuple[Any, ...]:
        arrays = tuple(x if isinstance(x, tuple) else (x.shape, x.tobytes()) for x in self.operands)
        return (self.op.value, arrays, repr(sorted(self.attributes.items())), self.active)

    def __hash__(self) -> int:
        return hash(self._key())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Call) and self._key() == other._key()


@lru_cache(maxsize=2048)
def entries(call: Call) -> tuple[Entry, ...]:
    """Return the entries of a node; raise `OracleGaveUp` if there are too many symbols."""
    symbols, operands, moving = _lifted(call)
    if len(symbols) > MOST_SYMBOLS:
        raise OracleGaveUp(f"{call.op.name} of {len(symbols)} entries has too long a formula; at most {MOST_SYMBOLS}")
    y = call.op.value(Symbolic(), *operands, **call.attributes)
    place = {s: i for i, s in enumerate(symbols)}
    return tuple(_entry(sp.sympify(v), place, moving) for v in np.ravel(y))


def _lifted(call: Call) -> tuple[list[Any], list[Array], list[bool]]:
    """Return all symbols, the operands made of them, and for each symbol whether it is active."""
    symbols: list[Any] = []
    operands, moving = [], []
    kinds = call.op.kinds(len(call.operands))
    for x, kind, active in zip(call.operands, kinds, call.active, strict=True):
        if kind in INTEGER_KINDS:
            operands.append(x)
            continue
        start, size = len(symbols), int(np.prod(x, dtype=int))
        symbols += sp.symbols(f"v{start}:{start + size}", real=True)
        operands.append(as_array(symbols[start:], x))
        moving += [active] * size
    return symbols, operands, moving


def as_array(symbols: Sequence[Any], shape: tuple[int, ...]) -> Array:
    """Return symbols as an array of the shape."""
    out = np.empty(len(symbols), dtype=object)
    out[:] = symbols
    return numbers(out.reshape(shape))


def _entry(formula: Any, place: Mapping[Any, int], moving: Sequence[bool]) -> Entry:
    used = sorted((place[s], s) for s in formula.free_symbols)
    canonical = formula.xreplace({s: _symbol(k) for k, (_, s) in enumerate(used)})
    wanted = tuple(k for k, (i, _) in enumerate(used) if moving[i])
    positions = tuple(i for i, _ in used)
    active = tuple(positions[k] for k in wanted)
    return Entry(_slopes(canonical, len(used), wanted), positions, active, canonical, wanted)


@cache
def _symbol(k: int) -> Any:
    return sp.Symbol(f"c{k}", real=True)


@lru_cache(maxsize=4096)
def _slopes(formula: Any, count: int, wanted: tuple[int, ...]) -> Compiled:
    """Return the compiled derivatives of a formula of c0, c1, ... by the wanted ones."""
    symbols = [_symbol(k) for k in range(count)]
    return compiled(symbols, [sp.diff(formula, symbols[k]) for k in wanted])


@lru_cache(maxsize=4096)
def bends(formula: Any, count: int, moving: tuple[int, ...]) -> tuple[tuple[tuple[int, int], ...], Compiled]:
    """Return the second derivatives of a formula of c0, c1, ... that are not zero: their pairs i <= j out of `moving`, compiled.

    Raises:
        OracleGaveUp: where the formula is long and its symbols are many.
    """
    symbols = {_symbol(k): k for k in range(count)}
    slopes = {k: sp.diff(formula, _symbol(k)) for k in moving}
    size = sum(sp.count_ops(x) for x in slopes.values())
    if size * len(moving) > MOST_BENDS:
        raise OracleGaveUp(f"expression swell: derivatives of {size:,} operations to be differentiated by {len(moving)} variables")
    pairs = ((i, symbols[s]) for i, x in slopes.items() for s in x.free_symbols if i <= symbols[s] and symbols[s] in slopes)
    found = {(i, j): sp.diff(slopes[i], _symbol(j)) for i, j in sorted(pairs)}
    left = {pair: x for pair, x in found.items() if x != 0}
    return tuple(left), compiled(list(symbols), list(left.values()))


def compiled(symbols: Sequence[Any], formulas: Sequence[Any]) -> Compiled:
    """Return a Python function of numbers, with common subexpressions; run it through `within`."""
    function: Compiled = sp.lambdify([list(symbols)], list(formulas), modules="mpmath", cse=True)
    return function


def within(function: Compiled, names: Mapping[str, Any]) -> Compiled:
    """Return a compiled function that computes with the functions `names` of a context of its own.

    What SymPy compiles refers to mpmath's global context; that one is left alone.
    """
    assert isinstance(function, FunctionType)
    return FunctionType(function.__code__, dict(names))


def names_of(context: Any) -> dict[str, Any]:
    """Return the functions and constants of an mpmath context by name."""
    public = {k: getattr(context, k) for k in dir(context) if not k.startswith("_")}
    return {"__builtins__": {"abs": abs, "max": max, "min": min}, **public}
