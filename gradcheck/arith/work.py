"""Work: how many operations and bytes a result took, as a graph of primitives, added up each once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.carrier import Carrier


@dataclass(frozen=True, slots=True)
class Count:
    """Work, each number of a program that does one primitive after another.

    Args:
        products: multiplications and additions of products of matrices and of sums of products, 2 m n k a product.
        elementwise: other additions, multiplications, divisions, comparisons, one an entry.
        functions: elementary functions and square roots, one an entry.
        read, written: bytes of operands and of results; views cost nothing.
        saved: bytes of values of the forward phase that the reverse phase reads, given values not counted.
    """

    products: int = 0
    elementwise: int = 0
    functions: int = 0
    read: int = 0
    written: int = 0
    saved: int = 0

    @property
    def operations(self) -> int:
        """Floating-point operations: an elementary function counts as one."""
        return self.products + self.elementwise + self.functions

    @property
    def traffic(self) -> int:
        """Bytes read and written."""
        return self.read + self.written

    def __add__(self, other: Count) -> Count:
        return Count(*(a + b for a, b in zip(self.parts(), other.parts(), strict=True)))

    def __mul__(self, times: int) -> Count:
        return Count(*(a * times for a in self.parts()))

    def parts(self) -> tuple[int, ...]:
        """Return the numbers in the order of the arguments."""
        return (self.products, self.elementwise, self.functions, self.read, self.written, self.saved)


class Work:
    """One primitive: what it took, and what its operands took.

    Args:
        count: of the primitive alone.
        sources: the work of its operands.
        bytes: of its result.
        phase: in which it was done.
        view: the work whose memory the result is.
    """

    __slots__ = ("bytes", "count", "phase", "root", "sources")

    def __init__(self, count: Count, sources: tuple[Work, ...] = (), size: int = 0, phase: str = "given", view: Work | None = None) -> None:
        self.count, self.sources, self.bytes, self.phase = count, sources, size, phase
        self.root: Work = view.root if view is not None else self


class Counted(Carrier):
    """An array and the work that led to it; a constant has none.

    Args:
        m: the arithmetic.
        value: the array.
        work: None for a constant.
    """

    __slots__ = ("work",)

    def __init__(self, m: Any, value: npt.NDArray[Any], work: Work | None) -> None:
        super().__init__(m, value)
        self.work = work

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the entries."""
        found: np.dtype[Any] = self.value.dtype
        return found

    def __invert__(self) -> Counted:
        found: Counted = self.m.elementwise(np.logical_not, self)  # type: ignore[attr-defined]  # the arithmetic is Counting
        return found

    def __and__(self, other: Array) -> Counted:
        found: Counted = self.m.elementwise(np.logical_and, self, other)  # type: ignore[attr-defined]  # the arithmetic is Counting
        return found

    def __or__(self, other: Array) -> Counted:
        found: Counted = self.m.elementwise(np.logical_or, self, other)  # type: ignore[attr-defined]  # the arithmetic is Counting
        return found


def total(results: Iterable[Array]) -> Count:
    """Return the work that `results` depend on, each primitive counted once.

    Args:
        results: arrays of a `Counting`; others have cost nothing.
    """
    pending = [x.work for x in results if isinstance(x, Counted) and x.work is not None]
    seen = {id(w): w for w in pending}
    saved: dict[int, int] = {}
    found = Count()
    while pending:
        work = pending.pop()
        found += work.count
        for source in work.sources:
            root = source.root
            if work.phase == "reverse" and root.phase == "forward" and work.root is work:
                saved[id(root)] = root.bytes
            if id(source) not in seen:
                seen[id(source)] = source
                pending.append(source)
    return found + Count(saved=sum(saved.values()))
