"""A wrong gradient entry by entry, and point by point, beside what is at hand: inputs, outputs, simple functions of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.mistakes.factor import CHANCE, LEFT, NEAR, PLAIN, SHOWN, factor, number
from gradcheck.mistakes.mistake import Mistake

Floats = npt.NDArray[Any]

#: Multiples of a candidate that are tried: those that are made too often to be told from accidents, see `factor.USUAL`.
MULTIPLES = (1.0, -1.0, 2.0, -2.0, 0.5, -0.5)
#: An array is no other one than a number if its entries differ by less than this part: a factor is known no better from entries that are alike.
VARIED = 1e-3
#: Tolerances of solvers reach all entries; what leaves this part of a difference over three entries has, by chance, one pair of random ones in 10,000.
LOOSE = 0.01


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries of a gradient, of one or several points.

    Args:
        got: the doubted ones.
        expected: the right ones.
        bar: their error bars.
        hand: names and values of what belongs to each: of inputs, outputs, the cotangent.
        sizes: of axes and arrays.
        unit: the relative rounding of the doubted derivative.
    """

    got: Floats
    expected: Floats
    bar: Floats
    hand: tuple[tuple[str, Floats], ...] = ()
    sizes: frozenset[int] = frozenset()
    unit: float = 0.0

    def joined(self, other: Entries) -> Entries:
        """Return these entries and those of another point."""
        theirs = dict(other.hand)
        hand = tuple((k, np.concatenate([v, theirs[k]])) for k, v in self.hand if k in theirs)
        got, expected = np.concatenate([self.got, other.got]), np.concatenate([self.expected, other.expected])
        return Entries(got, expected, np.concatenate([self.bar, other.bar]), hand, self.sizes, self.unit)

    @property
    def difference(self) -> Floats:
        """What the doubted entries are off by."""
        return np.asarray(np.abs(self.got - self.expected))

    def reproduces(self, candidate: Floats, tried: int = 1) -> bool:
        """Answer whether a candidate gives every entry, so well that none of those that were tried would do so by accident.

        Args:
            candidate: for the doubted entries.
            tried: how many there are.
        """
        if not np.isfinite(candidate).all():
            return False
        largest = float(np.max(self.difference))
        allowed = np.fmin(NEAR * self.bar + PLAIN * largest, LEFT * np.maximum(self.difference, NEAR * self.bar))
        within = 2 * allowed / np.maximum(self.difference, allowed)  # the part of numbers as far from the right one that would be taken
        return bool(np.all(np.abs(self.got - candidate) <= allowed)) and tried * float(np.prod(np.fmin(within, 1.0))) <= CHANCE

    def mistake(self) -> Mistake | None:
        """Return what was made of every entry; None where there are not entries enough, or nothing is known to do that."""
        if self.got.size < SHOWN or not np.isfinite(self.got).all() or not np.any(self.difference):
            return None
        if not np.any(self.got):
            return Mistake("zero")
        if self.reproduces(-self.expected):
            return Mistake("sign")
        return self._factor() or self._constant() or self._multiple() or self._term()

    def _factor(self) -> Mistake | None:
        found = factor(self.got, self.expected, self.bar, sizes=self.sizes, unit=self.unit, unexplained=LOOSE)
        if found is None or found.is_fitted or found.number is None:
            return None
        left = float(np.max(np.abs(self.got - found.number * self.expected))) / float(np.max(np.abs(self.expected)))
        if left <= PLAIN:
            return found
        named = number(found.number, left, self.sizes)  # what is known to few digits is a factor if it has a name that few numbers have
        if named is not None and named.value == -1:
            return Mistake("sign")
        return Mistake("factor", number=float(named.value), detail=f"every entry is {named.text} times the right one{named.remark}") if named else None

    def _constant(self) -> Mistake | None:
        """Return the number that was added to every entry, where the entries are not alike, or zero."""
        lost = self.expected - self.got
        c = float(np.mean(lost))
        if c and (_is_varied(self.expected) or not np.any(self.expected)) and self.reproduces(self.expected - c):
            return _added(f"{abs(c):.6g}", c)
        return None

    def _multiple(self) -> Mistake | None:
        """Return what at hand the entries lack as a factor, or have too much."""
        made = [(name, h) for name, h in self._functions() if _is_varied(h)]
        for name, h in made:
            for times in MULTIPLES:
                told = name if times == 1 else f"{times:g} times {name}"
                with np.errstate(all="ignore"):
                    for kind, candidate in (("factor missing", self.expected / (times * h)), ("factor too many", self.expected * times * h)):
                        if self.reproduces(candidate, 2 * len(MULTIPLES) * len(made)):
                            return Mistake(kind, told)  # type: ignore[arg-type]  # one of two kinds
        return None

    def _term(self) -> Mistake | None:
        """Return what at hand was added, or left out."""
        made = [(name, h) for name, h in self._functions() if _is_varied(h)]
        for name, h in made:
            for times in MULTIPLES:
                if self.reproduces(self.expected - times * h, len(MULTIPLES) * len(made)):
                    told = name if abs(times) == 1 else f"{abs(times):g} times {name}"
                    return _added(told, times)
        return None

    def _functions(self) -> Iterator[tuple[str, Floats]]:
        for name, a in self.hand:
            yield from _functions(name, a)


def _added(term: str, c: float) -> Mistake:
    """Return a term as what it lacks, or has too much: which of them it is, no number says."""
    return Mistake("term missing", term, c) if c > 0 else Mistake("term too many", term, c, f"{term} is added to it, or its negative is missing")


def _functions(name: str, a: Floats) -> Iterator[tuple[str, Floats]]:
    """Yield simple functions of what is at hand, those that derivatives are made of."""
    with np.errstate(all="ignore"):
        yield from ((name, a), (f"the square of {name}", a * a), (f"1 - {name}", 1 - a), (f"1 + {name}", 1 + a), (f"exp of {name}", np.exp(a)))
        yield from ((f"1 - the square of {name}", 1 - a * a), (f"{name} times 1 - {name}", a * (1 - a)), (f"the root of {name}", np.sqrt(a)))
        yield from ((f"log of {name}", np.log(a)), (f"sin of {name}", np.sin(a)), (f"cos of {name}", np.cos(a)), (f"cosh of {name}", np.cosh(a)))


def _is_varied(a: Floats) -> bool:
    """Answer whether entries are not one number."""
    return bool(np.isfinite(a).all()) and float(np.ptp(a)) > VARIED * float(np.max(np.abs(a)))


def arrays_at_hand(named: Iterable[tuple[str, Floats]], places: tuple[Any, ...], shape: tuple[int, ...], most: int = 8) -> Iterator[tuple[str, Floats]]:
    """Yield what belongs to some entries of a gradient: what has its shape, at these places; of small arrays each number.

    Args:
        named: inputs, outputs and the cotangent.
        places: of the entries, an index array an axis.
        shape: of the gradient.
        most: entries of an array that are numbers by themselves: an array of more is a table.
    """
    count = len(places[0]) if places else 1
    for name, a in named:
        if a.shape == shape:
            yield name, np.atleast_1d(a[places])
        if a.size <= most and (a.shape != shape or count == 1):
            for index in np.ndindex(*a.shape):
                told = f"{name}[{', '.join(map(str, index))}]" if index else name
                yield told, np.full(count, a[index])
