"""Products of matrices beside a target's: the exact product in blocks, and a bound from below by norms.

A bound of the certificate is n u S_ij, S = abs(A) abs(B) (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.5). S takes a second
product; this takes the sums of its rows and columns alone. Let s and t be the sums of abs(a_i) and abs(b_j), and split both into their means and
what is left: S_ij = s t / n + <a', b'>, where a' and b' are orthogonal to the means. By Cauchy and Schwarz
S_ij >= s t / n - |a'| |b'|, with |a'|^2 = |a_i|^2 - s^2 / n: about 0.4 of S where the entries of both are normal. Where that does not acquit,
S is computed, for the block in question.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.least import Least
from gradcheck.compare.numbers import widened
from gradcheck.compare.stream.tally import Tally

Numbers = npt.NDArray[Any]
#: Entries of a block: a few arrays of so many numbers fit into a cache of the second level.
BLOCK = 1 << 16
#: Rows of a block at least: a product of fewer rows reads the other factor too often.
ROWS = 64


@dataclass(frozen=True, slots=True)
class Sums:
    """Of each row (or column): the sum of magnitudes, and how long what is left of them without their mean may be."""

    sizes: Numbers
    rest: Numbers
    length: int


class Factor:
    """A matrix with the sums of its rows and columns.

    Args:
        x: in a wide format.
    """

    def __init__(self, x: Numbers) -> None:
        self.x = x
        self._sums: tuple[Sums, Sums] | None = None

    @property
    def rows(self) -> Sums:
        """Of each row."""
        return self._both()[0]

    @property
    def columns(self) -> Sums:
        """Of each column."""
        return self._both()[1]

    @property
    def turned(self) -> Factor:
        """The transposed matrix."""
        made = Factor(self.x.T)
        made._sums = (self.columns, self.rows)
        return made

    def _both(self) -> tuple[Sums, Sums]:
        if self._sums is None:
            self._sums = _sums(self.x if self.x.flags.c_contiguous else self.x.T)
            self._sums = self._sums if self.x.flags.c_contiguous else self._sums[::-1]
        return self._sums


def _sums(x: Numbers) -> tuple[Sums, Sums]:
    m, n = x.shape
    across, down = np.ones(n, x.dtype), np.ones(m, x.dtype)
    rows, columns = np.empty((2, m), x.dtype), np.zeros((2, n), x.dtype)
    step = max(1, BLOCK // max(1, n))
    for i in range(0, m, step):
        size = np.abs(x[i : i + step])
        for k in range(2):
            rows[k, i : i + step] = size @ across
            columns[k] += down[: size.shape[0]] @ size
            np.multiply(size, size, out=size)
    return _without_mean(*rows, n), _without_mean(*columns, m)


def _without_mean(sizes: Numbers, squares: Numbers, n: int) -> Sums:
    """Return sums with their own rounding taken off, and an upper bound of what is left, with it added: each is off by n + 8 roundings at most."""
    own = (n + 8) * float(np.finfo(sizes.dtype).eps)
    sizes = sizes * (1 - own)
    rest = np.sqrt(np.maximum(squares * (1 + own) - sizes * sizes * ((1 - own) / max(1, n)), 0)) * (1 + own)
    return Sums(sizes, rest, n)


def compare(tally: Tally, got: Numbers, a: Factor, b: Factor, m: Least, *, slack: float = 1.0, bias: Numbers | None = None) -> None:
    """Compare a target's matrix with the product of two.

    Args:
        tally: of the comparison.
        got: the target's numbers.
        a, b: the factors.
        m: the arithmetic of the target's format.
        slack: factor on the bound.
        bias: added to every row.
    """
    n, rows, columns = a.x.shape[1], a.rows, b.columns
    factor = slack * (n + 2 * m.roundoff.inputs / m.u_sum) * m.u_sum
    if not _far_from_overflow(rows, columns, factor, bias, m.roundoff.largest):
        return tally.add(math.inf, 0)
    floor = np.full(b.x.shape[1], slack * n * (m.eta + m.eta_sum), m.base.working)
    if bias is not None:
        floor += slack * n * m.u_sum * np.abs(bias)
    left = np.stack([rows.sizes, -rows.rest, np.ones_like(rows.sizes)], 1)
    right = np.stack([columns.sizes * (factor / max(1, n)), columns.rest * factor, floor])
    step = max(ROWS, BLOCK // max(1, b.x.shape[1]))
    for i in range(0, got.shape[0], step):
        value = a.x[i : i + step] @ b.x
        if bias is not None:
            value += bias
        final = slack * m.u * np.abs(value) if m.u_sum < m.u else None
        error = np.abs(np.subtract(value, widened(got[i : i + step], value.dtype), out=value), out=value)
        bound = left[i : i + step] @ right
        ratio = _ratio(error, bound if final is None else bound + final)
        if not ratio[0] <= 1:
            bound = np.abs(a.x[i : i + step]) @ np.abs(b.x) * (factor * (1 - n * float(np.finfo(value.dtype).eps))) + floor
            ratio = _ratio(error, bound if final is None else bound + final)
        tally.add(*ratio, error.shape, (i, 0))
    return None


def _ratio(error: Numbers, bound: Numbers) -> tuple[float, int]:
    if not error.size:
        return 0.0, 0
    if not np.minimum.reduce(bound, axis=None) > 0:
        return math.inf, 0
    ratio = np.divide(error, bound, out=bound)
    k = int(ratio.argmax())
    return float(ratio.flat[k]), k


def _far_from_overflow(rows: Sums, columns: Sums, factor: float, bias: Numbers | None, largest: float) -> bool:
    """Answer whether no sum and no bound comes near the largest number: S_ij is at most the product of the sums of magnitudes."""
    size = float(np.max(rows.sizes, initial=0)) * float(np.max(columns.sizes, initial=0)) + (0.0 if bias is None else float(np.max(np.abs(bias), initial=0)))
    return 4 * (1 + factor) * size < largest
