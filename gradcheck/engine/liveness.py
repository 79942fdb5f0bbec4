"""Which memory each register of a program gets: buffers are handed on when what they hold is not needed any more."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from gradcheck.engine.program import Program, Register, Step

#: Where a register lives: in a buffer of the plan, in an array that is returned, in one that a call returned,
#: in a number, in an array that was given, or in a constant.
Kind = Literal["buffer", "result", "array", "number", "given", "constant"]


#: A block is taken for what is at most so many times smaller, or larger: no number depends on it, and no buffer is more than twice its need.
_ROOM = 2


@dataclass(slots=True, eq=False)
class Home:
    """The memory of one register after another.

    Args:
        kind: where it is.
        first: the step that writes to it first; -1 for what is there before.
        last: the last step that reads it.
        block: the number of the plan's block, for buffers.
        tenants: the registers that live in it, one after another.
    """

    kind: Kind
    first: int
    last: int
    block: int = -1
    tenants: list[Register] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """The memory that it takes."""
        return max(x.bytes for x in self.tenants)


@dataclass(slots=True)
class Block:
    """One allocation: so many entries of a type."""

    dtype: Any
    entries: int


@dataclass(slots=True)
class Layout:
    """The memory of a program.

    Args:
        home: of each register that is no view, by `id`.
        blocks: what is to be allocated.
        freed: by step: the homes that are not needed after it.
        last: by `id` of a register that is no view: the last step that reads it or a view of it.
    """

    home: dict[int, Home] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    freed: dict[int, list[Home]] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)

    def of(self, x: Register) -> Home:
        """Return where a register lives."""
        return self.home[id(x.root)]


def last_uses(program: Program) -> dict[int, int]:
    """Return the last step that reads each register or a view of it; results are read after the last step."""
    found: dict[int, int] = {}
    for k, step in enumerate(program.steps):
        for x in (*step.operands, *step.results):
            found[id(x.root)] = k
    for x in program.results:
        found[id(x.root)] = len(program.steps)
    return found


def laid_out(program: Program) -> Layout:
    """Return where each register of a program lives.

    A step entry by entry writes over an operand that it is the last to read. What is added up to a gradient is
    added up in the array that is returned. Everything else takes a free block of about its size.
    """
    layout = Layout(last=last_uses(program))
    for x in (*program.leaves.values(), *program.cotangents):
        layout.home[id(x)] = Home("given", -1, layout.last.get(id(x), -1), tenants=[x])
    for x in (*program.results, *(x for step in program.steps for x in step.operands)):
        if x.root.constant:
            layout.home.setdefault(id(x.root), Home("constant", -1, len(program.steps), tenants=[x.root]))
    _house_results(program, layout)
    free = _Free(layout.blocks)
    expiring: dict[int, list[Home]] = {}
    for k, step in enumerate(program.steps):
        if step.form != "view":
            for x in step.results:
                home = _settle(layout, free, step, k, x)
                expiring.setdefault(home.last, []).append(home)
        layout.freed[k] = [h for h in dict.fromkeys(expiring.pop(k, ())) if h.last == k]
        for home in layout.freed[k]:
            if home.kind == "buffer":
                free.give(home.block)
    return layout


def _house_results(program: Program, layout: Layout) -> None:
    """Give every result that a step can write an array of its own, and the sums that lead to it the same one."""
    final = len(program.steps)
    position = {id(step): k for k, step in enumerate(program.steps)}
    for x in program.results:
        if id(x) in layout.home or x.step is None or not _writable(x):
            continue
        home = Home("result", -1, final)
        now: Register | None = x
        while now is not None and now.step is not None:
            layout.home[id(now)] = home
            home.tenants.insert(0, now)
            home.first = position[id(now.step)]
            now = _heir(layout, now.step, home.first, now)


def _heir(layout: Layout, step: Step, k: int, x: Register) -> Register | None:
    """Return the operand whose memory the result of a step may take over."""
    if step.form != "ufunc":
        return None
    for a in step.operands:
        alone = all(b is a or b.root is not a for b in step.operands)
        fits = a.shape == x.shape and a.value.dtype == x.value.dtype
        if a.source is None and fits and alone and _writable(a) and layout.last[id(a)] == k and id(a) not in layout.home:
            return a
    return None


def _writable(x: Register) -> bool:
    """Answer whether a step writes this register to memory that it is given."""
    return x.step is not None and x.step.form in ("ufunc", "reduce", "product", "join") and bool(x.shape)


def _settle(layout: Layout, free: _Free, step: Step, k: int, x: Register) -> Home:
    """Return the home of a result of step k: an operand's, a free block, or an array or number outside of the blocks."""
    if id(x) in layout.home:
        return layout.home[id(x)]
    last = layout.last[id(x)]
    home = _inherited(layout, step, k, x)
    if home is not None:
        home.last = last
    elif _writable(x):
        home = Home("buffer", k, last, free.take(math.prod(x.shape), x.value.dtype))
    else:
        home = Home("array" if step.form == "call" else "number", k, last)
    layout.home[id(x)] = home
    home.tenants.append(x)
    return home


def _inherited(layout: Layout, step: Step, k: int, x: Register) -> Home | None:
    if step.form != "ufunc" or not x.shape:
        return None
    for a in step.operands:
        home = layout.of(a)
        alone = all(b is a or b.root is not a.root for b in step.operands)
        fits = a.shape == x.shape and a.value.dtype == x.value.dtype
        if a.source is None and fits and alone and home.kind in ("buffer", "array") and home.last == k:
            return home
    return None


class _Free:
    """The blocks that are free, by type and size; one of half the size grows if there is none of up to twice."""

    def __init__(self, blocks: list[Block]) -> None:
        self._blocks = blocks
        self._sizes: dict[Any, list[tuple[int, int]]] = {}

    def take(self, entries: int, dtype: Any) -> int:
        """Return the number of a block that has room."""
        sizes = self._sizes.setdefault(dtype, [])
        at = bisect.bisect_left(sizes, (entries, -1))
        if at < len(sizes) and sizes[at][0] <= _ROOM * entries:
            return sizes.pop(at)[1]
        if at > 0 and sizes[at - 1][0] * _ROOM >= entries:
            block = sizes.pop(at - 1)[1]
            self._blocks[block].entries = entries
            return block
        self._blocks.append(Block(dtype, entries))
        return len(self._blocks) - 1

    def give(self, block: int) -> None:
        """Take a block back."""
        bisect.insort(self._sizes[self._blocks[block].dtype], (self._blocks[block].entries, block))


def peak(homes: Iterable[Home], steps: int) -> int:
    """Return the most bytes that homes take at the same time."""
    change = [0] * (steps + 2)
    for home in homes:
        change[home.first] += home.bytes
        change[home.last + 1] -= home.bytes
    most = total = 0
    for step in change:
        total += step
        most = max(most, total)
    return most
