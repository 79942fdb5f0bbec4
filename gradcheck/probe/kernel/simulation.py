"""What the roundings of a model usually do: many imitated runs of the reference, of which deviations along directions are kept, and no arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gradcheck.arith.imitated import Imitated
from gradcheck.arith.storage import nearest, storage
from gradcheck.ops.op import registry
from gradcheck.probe.kernel.directions import Class, as_float, classes
from gradcheck.probe.kernel.reference import Reference
from gradcheck.probe.kernel.rounding import Model

Floats = npt.NDArray[np.float64]

#: Imitated runs of each kind, and the deviations beyond which a direction is off. A deviation estimated from n runs is that of Student's t, of
#: which 4e-9 lies beyond 8.0 for n = 32 and beyond 26.9 for n = 8: 1e-6 of a check of some hundred directions.
RUNS, BEYOND = 32, 8.0
FEW_RUNS, BEYOND_FEW = 8, 26.9
#: Entries of all values of the reference from which the few runs are made: the many would take longer than a minute.
LARGE = 500_000
#: Entries that a direction adds up at least: n errors, each uniform, come to sqrt(3 n) deviations at most, which is no more than `BEYOND` for fewer.
TERMS = BEYOND**2 / 3
#: The least deviation of a direction, as a part of the median of its class: by chance runs may have missed what others of its kind show.
FLOOR = 0.3
#: The least deviation of an entry, as a part of the largest of its array.
ENTRY_FLOOR = 0.1


@dataclass(frozen=True, slots=True)
class Target:
    """One result or gradient in the place of the kernel's.

    Args:
        exact: its right numbers before the last rounding.
        stored: its format.
        others: arrays along which it may be off.
    """

    exact: Floats
    stored: str
    others: Mapping[str, Floats] = field(default_factory=dict)

    def rounded(self, x: Floats) -> Floats:
        """Return numbers as they are stored."""
        return nearest(x, storage(self.stored))


@dataclass(slots=True)
class Usual:
    """What is usual of one array.

    Args:
        beyond: deviations that are not.
        entries: deviation of each entry before the last rounding.
        classes: its directions.
        deviations: of the difference from the rounded exact numbers along these; 0 where too few runs moved to tell.
        least: how many entries of a run were other numbers than the exact ones rounded, at least.
    """

    beyond: float
    entries: Floats
    classes: tuple[Class, ...]
    deviations: tuple[Floats, ...]
    least: int


def usual(reference: Reference, model: Model, cotangents: Sequence[Floats], stored: Sequence[Floats], targets: Sequence[Target], seed: int) -> list[Usual]:
    """Return what is usual of each array.

    Args:
        reference: at the point.
        model: of rounding.
        cotangents: of the results.
        stored: the kernel's results.
        targets: results and gradients, in this order.
        seed: of the runs.
    """
    runs, beyond = (FEW_RUNS, BEYOND_FEW) if reference.size > LARGE else (RUNS, BEYOND)
    kept = [tuple(classes(t.exact, t.others)) for t in targets]
    kinds = [(together, ops) for ops in (registry, *reference.variants()) for together in (False, True)]
    squares = [np.zeros((len(kinds), *t.exact.shape)) for t in targets]
    sums = [[np.zeros((len(kinds), len(c.project(t.exact)))) for c in mine] for t, mine in zip(targets, kept, strict=True)]
    moved = [[np.zeros_like(s) for s in mine] for mine in sums]
    least = [t.exact.size for t in targets]
    centres = [t.rounded(t.exact) for t in targets]
    with np.errstate(all="ignore"):
        for run in range(len(kinds) * runs):
            kind = run % len(kinds)
            m = Imitated(model.roundoff, model.stores, seed * len(kinds) * runs + run, together=kinds[kind][0])
            results, gradients = reference.run(m, cotangents, stored if model.saved else None, kinds[kind][1])
            for k, x in enumerate([*results, *gradients]):
                if x is None:
                    continue
                found = as_float(x)
                squares[k][kind] += np.square(found - targets[k].exact)
                away = targets[k].rounded(found) - centres[k]
                least[k] = min(least[k], int(np.count_nonzero(away)))
                for j, c in enumerate(kept[k]):
                    p = c.project(away)
                    sums[k][j][kind] += np.square(p)
                    moved[k][j][kind] += p != 0
        return [
            Usual(beyond, _entries(q / runs), mine, tuple(map(_deviations, mine, (x / runs for x in s), (x / runs for x in n))), fewest)
            for q, mine, s, n, fewest in zip(squares, kept, sums, moved, least, strict=True)
        ]


def roughness(reference: Reference, model: Model, cotangents: Sequence[Floats], stored: Sequence[Floats], targets: Sequence[Target], seed: int) -> list[float]:
    """Return the mean square of what each array is off by before its last rounding, of one imitated run; for the arguments see `usual`."""
    with np.errstate(all="ignore"):
        m = Imitated(model.roundoff, model.stores, seed, together=False)
        results, gradients = reference.run(m, cotangents, stored if model.saved else None)
        return [0.0 if x is None else float(np.nanmean(np.square(as_float(x) - t.exact))) for x, t in zip([*results, *gradients], targets, strict=True)]


def _entries(squares: Floats) -> Floats:
    """Return the largest deviation of any kind of runs, and a part of the array's largest at least."""
    found = np.sqrt(np.max(squares, axis=0))
    return np.asarray(np.maximum(found, ENTRY_FLOOR * np.max(found, initial=0.0)))


def _deviations(c: Class, squares: Floats, moved: Floats) -> Floats:
    """Return the largest deviation of any kind of runs; 0, which is not looked at, where few runs moved at all, or few entries are added up."""
    found = np.sqrt(np.max(squares, axis=0))
    known = (np.max(moved, axis=0) >= 1 / 2) & (c.terms >= TERMS)
    floor = FLOOR * float(np.median(found[known])) if known.any() else 0.0
    return np.where(known, np.maximum(found, floor), 0.0)
