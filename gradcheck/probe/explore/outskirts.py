"""How far out exploration goes, and what is no fault there: digits that no formula keeps, a gradient beyond where f changes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import ml_dtypes
import numpy as np
import numpy.typing as npt

from gradcheck.errors import FunctionFailed
from gradcheck.mistakes.mistake import Mistake
from gradcheck.probe.contracts.contracts import within
from gradcheck.probe.explore.cotangents import Maker
from gradcheck.probe.explore.domain import Domain
from gradcheck.probe.explore.mutation import Array, Arrays, floats
from gradcheck.probe.slope.instrument import CHAIN, Instrument
from gradcheck.probe.subject.directions import cotangent, own_scale, scale
from gradcheck.probe.subject.margin import MARGIN
from gradcheck.probe.subject.structure import differentiable
from gradcheck.probe.subject.subject import Subject, spacing
from gradcheck.probe.subject.vector import Vector
from gradcheck.result.finding import Finding

#: The magnitudes that are explored: squares and their reciprocals are numbers of float64, and some of their products.
LOWEST, HIGHEST = 1e-30, 1e30
#: Roundings of the gradient's ordinary size below which an error far out in a tail is lost accuracy, not a fault: a chain of them, of
#: intermediate results up to 16 times as large.
TAIL = 16 * CHAIN
#: Neighbours that are drawn to see what one rounding of the inputs changes.
DRAWS = 4
#: f is flat around an entry if it is the same for this multiple of it and for its inverse.
FACTOR = 2.0


def reachable(arrays: Arrays, ordinary: Sequence[Array]) -> bool:
    """Answer whether changed numbers stay in the range that is explored, widened by that of the given ones."""
    return all(_within(a, b) for a, b in zip(arrays, ordinary, strict=True) if differentiable(a) and a is not b)


def _within(a: Array, b: Array) -> bool:
    least, most = _range(b)
    low, high = _range(a)
    top = min(HIGHEST, float(ml_dtypes.finfo(a.dtype).max) ** (1 / 3))  # a product of three is a number of the format
    return low >= LOWEST * min(least, 1.0) and high <= top * max(most, 1.0)


def _range(a: Array) -> tuple[float, float]:
    """Return the smallest and the largest magnitude that is not zero; 1 where there is none."""
    size = np.abs(np.asarray(a, np.float64)).ravel()
    size = size[size > 0]
    return (float(np.min(size)), float(np.max(size))) if size.size else (1.0, 1.0)


def is_coarse(arrays: Arrays, ordinary: Sequence[Array]) -> bool:
    """Answer whether entries are so large that their spacing is that of ordinary inputs: differences say nothing of f then."""
    pairs = [(a, b) for a, b in zip(arrays, ordinary, strict=True) if differentiable(a) and a.size]
    return any(float(np.max(np.abs(a))) * spacing(a) > scale(b) / 16 for a, b in pairs)


def usual_sizes(ordinary: Instrument, arrays: Sequence[Array], domain: Domain, seed: int) -> dict[str, float]:
    """Return the largest entry of each gradient at the ordinary input and half of every entry beside it: at a stationary point it is nothing.

    Args:
        ordinary: the instrument there.
        arrays: all arrays of the arguments.
        domain: of them.
        seed: of the direction.
    """
    subject, gs = ordinary.subject, cotangent(np.random.default_rng([seed, 2]), ordinary.base)
    beside = own_scale(np.random.default_rng([seed, 4]), subject.point).beside(subject.point, 0.5)
    new = dict(zip(floats(arrays), beside, strict=False))
    found = [list(ordinary.gradients(gs))]
    if domain.contains([new.get(k, a) for k, a in enumerate(arrays)]):
        with suppress(FunctionFailed):
            found.append([np.zeros(()) if v is None else np.asarray(v, np.float64) for v in subject.gradient(gs.formatted(ordinary.base), beside)])
    sizes = [[float(np.max(np.abs(v), initial=0.0)) for v in vs] for vs in found]
    return {p: max(s for s in own if np.isfinite(s)) for p, *own in zip(subject.paths, *sizes, strict=True)}


@dataclass(frozen=True, slots=True)
class Outskirts:
    """An explored input, and how far it is from the ordinary one.

    Args:
        subject: the function there.
        ordinary: the given point.
        sizes: path of an input -> the largest entry of its gradient at, and beside, the given point.
        coarse: whether the spacing of its numbers is that of ordinary inputs.
        maker: of the cotangents that were used.
        operation: whether the derivative answers wherever f does.
        rounding: of the largest output at the given point.
    """

    subject: Subject
    ordinary: Arrays
    sizes: dict[str, float]
    coarse: bool = False
    maker: Maker = cotangent
    operation: bool = False
    rounding: float = 0.0

    def weighed(self, finding: Finding) -> Finding:
        """Return a fault as lost accuracy, or as a note, where no derivative is expected to have more digits.

        The slope 1 - tanh(x)^2 is 0 at x = 20 and not 2e-17: a textbook formula out of its depth, not a wrong one. And
        where exp(-x^4) has become 0 for good, a gradient of 0 times infinity says only that nobody comes here.
        """
        if finding.severity != "fault":
            return finding
        if not self.operation and np.isfinite(finding.expected) and not np.isfinite(finding.got) and self._beyond(finding):
            return replace(finding, severity="accuracy", diagnosis="", mistake=Mistake("beyond the range"))
        if self._in_tail(finding) or (np.isfinite(finding.got - finding.expected) and self._is_blurred(finding)):
            return replace(finding, severity="accuracy", mistake=finding.mistake or Mistake("lost digits"))
        return finding

    def _in_tail(self, finding: Finding) -> bool:
        """Answer whether an error is below the rounding of the gradient's ordinary size, or keeps a third of the digits."""
        error, eps = abs(finding.got - finding.expected), max(self.subject.eps)
        ordinary = TAIL * self.sizes.get(finding.node, 0.0)
        return bool(error <= max(eps * ordinary, eps ** (1 / 3) * abs(finding.expected)))

    def _beyond(self, finding: Finding) -> bool:
        """Answer whether f is flat to both sides of all entries whose gradient is not finite, which are further out than any that was given."""
        k = self.subject.paths.index(finding.node)
        x = np.asarray(self.subject.point[k], np.float64)
        try:
            base = self.subject.value(self.subject.point)
            v = self.subject.gradient(Vector.of(np.ones(y.shape) for y in base).formatted(base), self.subject.point)[k]
            bad = np.array(~np.isfinite(np.asarray(v, np.float64)))
            bad[finding.index] = True
            least, most = _range(self.ordinary[k])
            size = np.abs(x[bad])
            if not np.all(((size > FACTOR * most) | (size < least / FACTOR)) & (size > 0)):
                return False
            return all(self._same(base, k, np.where(bad, x * c, x)) for c in (FACTOR, 1 / FACTOR))
        except FunctionFailed:
            return False

    def _same(self, base: Arrays, k: int, x: npt.NDArray[np.float64]) -> bool:
        """Answer whether f is the same with another array in one place, but for what nobody sees beside its ordinary outputs."""
        xs = [x.astype(p.dtype) if i == k else p for i, p in enumerate(self.subject.point)]
        return all(within(a, b, self.rounding) for a, b in zip(self.subject.value(xs), base, strict=True))

    def _is_blurred(self, finding: Finding) -> bool:
        """Answer whether the doubted derivative changes by as much as it is off for neighbouring numbers: inputs and cotangents say no more there.

        Equal entries stay equal, so that a tie is not broken; and where it changes by more than half of its digits it may jump, unless
        the spacing of its inputs is large too.
        """
        if finding.node not in self.subject.paths:
            return False
        k, rng = self.subject.paths.index(finding.node), np.random.default_rng(0)
        point, base = self.subject.point, self.subject.value(self.subject.point)
        one = len(base) == 1 and base[0].size == 1
        changes, largest = [], 0.0
        for _ in range(DRAWS):
            gs = (Vector.of(np.ones(y.shape) for y in base) if one else self.maker(rng, base)).formatted(base)
            here, there = self.subject.gradient(gs, point), self.subject.gradient(self._neighbours(gs, rng), self._neighbours(point, rng))
            changes.append(abs(_entry(there[k], finding.index) - _entry(here[k], finding.index)))
            largest = max(largest, *(float(np.max(np.abs(np.asarray(v, np.float64)), initial=0.0)) for v in here if v is not None))
        noise = max(changes)
        is_noise = self.coarse or noise <= max(self.subject.eps) ** 0.5 * largest
        return bool(is_noise and abs(finding.got - finding.expected) <= MARGIN * noise)

    def _neighbours(self, arrays: Arrays, rng: np.random.Generator) -> Arrays:
        """Return arrays with each different number moved by a rounding."""
        values, places = np.unique(np.concatenate([np.asarray(x, np.float64).ravel() for x in arrays]), return_inverse=True)
        moved = (values * (1 + max(self.subject.eps) * rng.choice((-1.0, 1.0), values.size)))[places]
        ends = np.cumsum([x.size for x in arrays])[:-1]
        return [m.reshape(x.shape).astype(x.dtype) for m, x in zip(np.split(moved, ends), arrays, strict=True)]


def _entry(v: Array | None, index: tuple[int, ...]) -> float:
    return 0.0 if v is None else float(np.asarray(v, np.float64)[index])
