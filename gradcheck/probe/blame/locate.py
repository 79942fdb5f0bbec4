"""Which entries are wrong? Group testing: halves of the index set, O(k log n) probes for k entries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Index = npt.NDArray[np.intp]
#: A probe of a set of flat positions: whether the doubted derivative is wrong along it.
Test = Callable[[Index], bool]


@dataclass(slots=True)
class Located:
    """The wrong entries found, and whether the search was ended early.

    Args:
        entries: flat positions over all inputs.
        complete: whether all were found.
    """

    entries: list[int] = field(default_factory=list)
    complete: bool = True


def locate(total: int, wrong: Test, *, most: int = 12, probes: int = 60) -> Located:
    """Return wrong entries out of `total`; stop after `most` entries or `probes` probes."""
    found = Located()
    pending: list[Index] = [np.arange(total)]
    while pending:
        group = pending.pop()
        if len(group) == 1:
            found.entries.append(int(group[0]))
            continue
        if len(found.entries) >= most or probes <= 0:
            found.complete = False
            break
        half = len(group) // 2
        left, right = group[:half], group[half:]
        in_left = wrong(left)
        probes -= 1
        in_right = wrong(right) if in_left else True
        probes -= bool(in_left)
        pending += [part for part, bad in ((right, in_right), (left, in_left)) if bad]
    found.entries.sort()
    return found


def split(position: int, sizes: list[int]) -> tuple[int, int]:
    """Return the input and the entry in it of a flat position over all inputs."""
    for k, size in enumerate(sizes):
        if position < size:
            return k, position
        position -= size
    raise IndexError(position)


def masks(group: Index, shapes: list[tuple[int, ...]]) -> list[npt.NDArray[Any]]:
    """Return 1 at the positions of a group, 0 elsewhere, for every input."""
    sizes = [int(np.prod(s, dtype=np.int64)) for s in shapes]
    flat = np.zeros(sum(sizes))
    flat[group] = 1
    parts = np.split(flat, np.cumsum(sizes)[:-1])
    return [p.reshape(s) for p, s in zip(parts, shapes, strict=True)]
