"""Products of matrices beside a target's: the exact product in blocks, and a bound from below by norms.

A bound of the certificate is n u S_ij, S = abs(A) abs(B) (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.5). S takes a second
product; this takes a few products with vectors. For any positive p_k and q_k let M = sum p q, and take means and deviations of abs(a_ik) / p_k and
abs(b_kj) / q_k with the weights p_k q_k / M: S_ij / M is the mean of their product, so by Cauchy and Schwarz

    S_ij >= s_i t_j / M - sqrt((sum_k a_ik^2 q_k / p_k - s_i^2 / M) (sum_k b_kj^2 p_k / q_k - t_j^2 / M)),  s = abs(A) q, t = p abs(B).

With p_k and q_k the usual sizes in column k of A and row k of B this is about 0.4 of S where entries are normal. Where it does not acquit, or would cost
more, S is computed, of a quarter of the terms first. The exact product is in the wide format, all that belongs to bounds in float32: a sum of n terms loses
(n + 8) 2^-23 of itself there at most, which is taken off twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gradcheck.arith.least import Least
from gradcheck.compare.numbers import widened
from gradcheck.compare.stream.tally import Tally

Numbers = npt.NDArray[Any]
#: Entries of a block, and its rows at least: a few arrays of so many numbers fit into a cache of the second level.
BLOCK, FEW = 1 << 15, 32
#: Entries and rows of a part of the product that is computed at once: libraries read the other factor for each anew.
PART, ROWS = 1 << 19, 256
#: Terms of a product in the time of one visit of an entry, as processors with wide vectors have it.
VISIT = 64
#: A sum of one in so many terms is tried before that of all, where there are enough of them: errors of long sums are far below their bound.
PARTS, TERMS = 4, 48
#: Rows (or columns) of which usual sizes are taken: any positive numbers are right, and 64 magnitudes give their mean to a tenth.
SOME = 64
#: The least of these, relative to the largest: no weight is zero, and none overflows.
LEAST = 2.0**-12


class Factor:
    """A matrix, its magnitudes, and sums of these over rows and columns.

    Args:
        x: the target's numbers.
        wide: the format of exact products.
    """

    def __init__(self, x: Numbers, wide: np.dtype[Any]) -> None:
        self.x = widened(x, wide)
        self.size: Numbers = np.abs(widened(x, np.dtype(np.float32)))
        self.top = float(np.max(self.size, initial=0.0))
        self._usual: dict[int, Numbers] = {}
        self._weights: dict[int, tuple[Numbers, Numbers]] = {}
        self._sums: dict[int, tuple[Numbers, Numbers]] | None = None

    def usual(self, axis: int) -> Numbers:
        """Return the usual size of the entries at each place along an axis, relative to the largest."""
        if axis not in self._usual:
            step = max(1, self.size.shape[1 - axis] // SOME)
            size = (self.size[:, ::step] if axis == 0 else self.size[::step]).mean(axis=1 - axis)
            top = np.max(size, initial=0.0)
            self._usual[axis] = np.maximum(size / top, LEAST) if top > 0 else np.ones_like(size)
        return self._usual[axis]

    def weigh(self, axis: int, other: Numbers) -> None:
        """Ask for sums along an axis, in a product with a factor whose usual sizes there are given."""
        self._weights[axis] = (other, other / self.usual(axis))

    def sums(self, axis: int) -> tuple[Numbers, Numbers]:
        """Return the weighted sums along an axis of magnitudes, and of squares."""
        if self._sums is None:
            self._sums = self._all_sums()
        return self._sums[axis]

    def _all_sums(self) -> dict[int, tuple[Numbers, Numbers]]:
        turned = not self.size.flags.c_contiguous
        x = self.size.T if turned else self.size
        weights = {1 - a if turned else a: w for a, w in self._weights.items()}
        found = {a: (np.zeros(x.shape[1 - a], x.dtype), np.zeros(x.shape[1 - a], x.dtype)) for a in weights}
        step = max(1, BLOCK // max(1, x.shape[1]))
        for i in range(0, x.shape[0], step):
            rows = slice(i, i + step)
            for power, size in enumerate((x[rows], np.square(x[rows]))):
                if 1 in weights:
                    found[1][power][rows] = size @ weights[1][power]
                if 0 in weights:
                    found[0][power][...] += weights[0][power][rows] @ size
        return {1 - a if turned else a: f for a, f in found.items()}


class Turned:
    """The transposed matrix, with the same sums.

    Args:
        factor: the matrix.
    """

    def __init__(self, factor: Factor) -> None:
        self.factor, self.x, self.size, self.top = factor, factor.x.T, factor.size.T, factor.top

    def usual(self, axis: int) -> Numbers:
        """Return the usual size of the entries at each place along an axis."""
        return self.factor.usual(1 - axis)

    def weigh(self, axis: int, other: Numbers) -> None:
        """Ask for sums along an axis."""
        self.factor.weigh(1 - axis, other)

    def sums(self, axis: int) -> tuple[Numbers, Numbers]:
        """Return sums along an axis."""
        return self.factor.sums(1 - axis)


Matrix: TypeAlias = Factor | Turned


def weigh(a: Matrix, b: Matrix) -> None:
    """Ask for what the comparison of a product needs of its factors; one pass over each gives all that was asked for.

    Args:
        a: the left factor.
        b: the right one.
    """
    if not _few(a, b):
        a.weigh(1, b.usual(0))
        b.weigh(0, a.usual(1))


def _few(a: Matrix, b: Matrix) -> bool:
    """Answer whether the product of magnitudes costs less than sums, a visit of an entry of the factors or of the result being worth `VISIT` terms."""
    (m, k), n = a.x.shape, b.x.shape[1]
    return bool(m * k * n <= VISIT * (m * k + k * n + m * n))


def _bounds(a: Matrix, b: Matrix) -> tuple[Numbers, Numbers]:
    """Return two matrices whose product is at most S, our own errors taken off: of sums, and of squares that underflow."""
    n, m = a.x.shape[1], float(np.dot(a.usual(1), b.usual(0)))
    own, made = _own(n), []
    for sizes, squares in (a.sums(1), b.sums(0)):
        less = sizes * np.float32(1 - own)
        more, mean = squares * (1 + own) + n * float(np.finfo(np.float32).tiny) / LEAST, less * less * ((1 - own) / m)
        rest = np.where(np.isfinite(more) & np.isfinite(mean), more - mean, np.inf)
        made.append(np.stack([less * ((1 - own) / math.sqrt(m)), np.sqrt(np.maximum(rest, 0)) * (1 + own)]).astype(np.float32))
    left, right = made
    left[1] *= -1
    return left.T, right


def turned(x: Matrix) -> Matrix:
    """Return the transposed matrix."""
    return x.factor if isinstance(x, Turned) else Turned(x)


def _own(n: int) -> float:
    return 2 * (n + 8) * 2.0**-23


def compare(
    tally: Tally, got: Numbers, a: Matrix, b: Matrix, m: Least, *, slack: float = 1.0, bias: Numbers | None = None
) -> None:
    """Compare a target's matrix with the product of two.

    Args:
        tally: of the comparison.
        got: the target's numbers.
        a: the left factor.
        b: the right one.
        m: the arithmetic of the target's format.
        slack: factor on the bound.
        bias: added to every row.
    """
    if bias is None and got.flags.f_contiguous and not got.flags.c_contiguous:  # a gradient of weights that are used transposed: along its memory
        other = Tally((got.shape[1], got.shape[0]))
        compare(other, got.T, turned(b), turned(a), m, slack=slack)
        return tally.add(other.ratio, int(np.ravel_multi_index(np.unravel_index(other.position, other.shape)[::-1], got.shape)))
    n = a.x.shape[1]
    factor = slack * (n + 2 * m.roundoff.inputs / m.u_sum) * m.u_sum
    extra = 0.0 if bias is None else float(np.max(np.abs(bias), initial=0.0))
    if not 4 * (1 + factor) * (n * a.top * b.top + extra) < m.roundoff.largest:  # no sum comes near it, and no bound
        return tally.add(math.inf, 0)
    floor = [] if bias is None else [(slack * n * m.u_sum * (1 - _own(n)) * np.abs(bias)).astype(np.float32)[None]]
    last = slack * m.u * (1 - 2.0**-22) if m.u_sum < m.u else 0.0
    some = n // PARTS
    sizes = ([] if _few(a, b) else [_bounds(a, b)]) + ([(a.size[:, :some], b.size[:some])] if some >= TERMS else []) + [(a.size, b.size)]
    less = factor * (1 - _own(n))
    bounds = [(_with_ones(left, len(floor)), np.concatenate([right, *floor]) if floor else right) for left, right in (_times(less, *x) for x in sizes)]
    step = max(ROWS, PART // max(1, b.x.shape[1]))
    for i in range(0, got.shape[0], step):
        rows = slice(i, min(i + step, got.shape[0]))
        if bias is None and _any_number(tally, got, rows, [_times(less - 1, *x) for x in sizes[:1]], less):
            continue
        value = a.x[rows] @ b.x
        if bias is not None:
            value += bias
        for block, at in _blocks(value, rows):
            error = np.empty(block.shape, np.float32)
            np.subtract(block, widened(got[at], max(got.dtype, np.dtype(np.float32), key=lambda d: d.itemsize)), out=error, casting="same_kind")
            final = last * np.abs(block) if last else None
            tally.add(*_largest(np.abs(error, out=error), [(left[at], right) for left, right in bounds], final), block.shape, (at.start, 0))
    return None


def _blocks(x: Numbers, rows: slice) -> Iterator[tuple[Numbers, slice]]:
    """Yield blocks of some rows of a matrix, and where they are in the whole."""
    few = max(FEW, BLOCK // max(1, x.shape[1]))
    for k in range(0, x.shape[0], few):
        yield x[k : k + few], slice(rows.start + k, min(rows.start + k + few, rows.stop))


def _any_number(tally: Tally, got: Numbers, rows: slice, bounds: list[tuple[Numbers, Numbers]], factor: float) -> bool:
    """Answer whether rounding allows any number of the size of the target's: abs(got - c) <= abs(got) + S, a bound of f S needs no product where f > 1."""
    if not factor > 1:
        return False
    found = []
    for x, at in _blocks(got[rows], rows):
        size = np.abs(widened(x, np.dtype(np.float32)))
        found.append((_largest(size, [(left[at], right) for left, right in bounds], None), x, at))
    if not all(ratio <= 1 for (ratio, _), _, _ in found):
        return False
    for (ratio, k), x, at in found:
        tally.add((ratio * (factor - 1) + 1) / factor, k, x.shape, (at.start, 0))
    return True


def _times(factor: float, left: Numbers, right: Numbers) -> tuple[Numbers, Numbers]:
    """Return two factors, the smaller one times a number."""
    return (np.float32(factor) * left, right) if left.size <= right.size else (left, np.float32(factor) * right)


def _with_ones(x: Numbers, count: int) -> Numbers:
    return np.concatenate([x, np.ones((x.shape[0], count), x.dtype)], 1) if count else x


def _largest(error: Numbers, bounds: list[tuple[Numbers, Numbers]], final: Numbers | None) -> tuple[float, int]:
    """Return the largest ratio, or more, and where it is, by the first bound that acquits; each is a product. What underflows has no bound here."""
    top = error.max(axis=1, initial=0.0)
    for left, right in bounds:
        bound = left @ right
        if final is not None:
            np.add(bound, final, out=bound, casting="same_kind")
        low = bound.min(axis=1, initial=np.inf)
        rows = np.divide(top, np.maximum(low, 0), out=np.zeros_like(top), where=top != 0)  # no entry has more than the largest error and the least bound
        k = int(rows.argmax()) if rows.size else 0
        if not rows.size or rows[k] <= 1:
            return (float(rows[k]), k * error.shape[1] + int(error[k].argmax())) if error.size else (0.0, 0)
        ratio = np.divide(error, np.maximum(bound, 0), out=np.zeros_like(error), where=error != 0)
        k = int(ratio.argmax())
        if ratio.flat[k] <= 1:
            return float(ratio.flat[k]), k
    return math.inf, 0
