"""Is a kernel's answer consistent with a model of rounding: entry by entry with bounds, and along directions with what is usual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gradcheck.arith.fused import Fused
from gradcheck.arith.running import Bounded, radius_of
from gradcheck.arith.storage import gap, nearest, storage
from gradcheck.probe.kernel.call import Answer
from gradcheck.probe.kernel.cells import Cells
from gradcheck.probe.kernel.directions import as_float
from gradcheck.probe.kernel.reference import Reference
from gradcheck.probe.kernel.rounding import Model
from gradcheck.probe.kernel.simulation import Target, Usual, usual

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Off:
    """An array that is off along a direction beyond what is usual.

    Args:
        array: its number.
        kind: the class of the direction; "entries" for single numbers outside of what is usual.
        place: within the class.
        size: along the direction.
        deviations: how many it is.
    """

    array: int
    kind: str
    place: str
    size: float
    deviations: float


@dataclass(frozen=True, slots=True)
class Consistency:
    """A kernel's answer under a model of rounding.

    Args:
        model: of rounding.
        cells: of each result and gradient, with rigorous bounds.
        usual: what is usual of each.
        off: what is not, the most unusual first.
        noise: root of the mean square of the differences from the exact numbers, over that of imitated runs.
    """

    model: Model
    cells: tuple[Cells, ...]
    usual: tuple[Usual, ...]
    off: tuple[Off, ...]
    noise: tuple[float, ...]

    @property
    def refuted(self) -> bool:
        """Whether an entry is none of the numbers that it may be, for certain."""
        return any(bool(c.outside.any()) for c in self.cells)

    @property
    def mild(self) -> bool:
        """Whether all that speaks against the model is that single numbers are unusual: of many thousand some are."""
        return not self.refuted and all(x.kind == "entries" for x in self.off)

    @property
    def rough(self) -> bool:
        """Whether the numbers are as rough as the model says: in no array are far fewer entries moved than in any imitated run."""
        pairs = zip(self.cells, self.usual, strict=True)
        return all(2 * np.count_nonzero(c.got != nearest(c.exact, c.to)) >= u.least for c, u in pairs if np.isfinite(c.error).any())

    @property
    def consistent(self) -> bool:
        """Whether nothing speaks against the model."""
        return not self.refuted and not self.off


def exact_at(
    reference: Reference, model: Model, cotangents: Sequence[Floats], stored: Sequence[Floats]
) -> list[tuple[Floats, Floats] | None]:
    """Return each result and gradient with a bound of what the kernel may be off before its last rounding, by any textbook formula.

    Args:
        reference: at the point.
        model: of rounding.
        cotangents: of the results.
        stored: the kernel's results.
    """
    m = Fused(model.roundoff, model.stores)
    read = stored if model.saved else None
    found = [_parts(x) for part in reference.run(m, cotangents, read) for x in part]
    for ops in reference.variants():
        for k, x in enumerate(x for part in reference.run(m, cotangents, read, ops) for x in part):
            if (mine := found[k]) is not None and (other := _parts(x)) is not None:
                with np.errstate(invalid="ignore"):
                    found[k] = mine[0], np.fmax(mine[1], np.abs(other[0] - mine[0]) + other[1])
    return found


def _parts(x: Bounded | None) -> tuple[Floats, Floats] | None:
    return None if x is None else (as_float(x), radius_of(getattr(x, "before", x)))


def consistency(
    reference: Reference, model: Model, inputs: Sequence[Floats], cotangents: Sequence[Floats], answer: Answer, seed: int
) -> Consistency:
    """Return how an answer fits a model.

    Args:
        reference: at the point.
        model: of rounding.
        inputs: the point.
        cotangents: of the results.
        answer: the kernel's.
        seed: of imitated runs.
    """
    got = dict(enumerate([*answer.results, *answer.gradients]))
    formats = [*answer.formats, *answer.gradient_formats]
    exact = exact_at(reference, model, cotangents, answer.results)
    zeros = [np.zeros_like(x) for x in (*answer.results, *inputs)]
    others = {f"input {k}": x for k, x in enumerate(inputs)} | {f"cotangent {k}": g for k, g in enumerate(cotangents)}
    cells, targets = [], []
    for k, (pair, zero) in enumerate(zip(exact, zeros, strict=True)):
        z, e = pair or (zero, zero)
        given = got[k]
        cells.append(Cells(z if given is None else given, z, e if given is not None else np.full(z.shape, np.inf), storage(formats[k] or "float32")))
        targets.append(Target(z, formats[k] or "float32", others))
    usually = usual(reference, model, cotangents, answer.results, targets, seed)
    off = [x for k, (c, u, t) in enumerate(zip(cells, usually, targets, strict=True)) for x in _off(k, model, c, u, t)]
    noise = tuple(noise_of(c, float(np.nanmean(np.square(u.entries)))) for c, u in zip(cells, usually, strict=True))
    return Consistency(model, tuple(cells), tuple(usually), tuple(sorted(off, key=lambda x: -x.deviations)), noise)


def _off(array: int, model: Model, cells: Cells, usually: Usual, target: Target) -> list[Off]:
    """Return the directions along which an array is off, and whether single entries are."""
    found = []
    away = np.where(np.isfinite(cells.got) & cells.judged, cells.got - target.rounded(target.exact), 0.0)
    low, high = cells.ends
    with np.errstate(invalid="ignore"):
        flips = np.where(cells.judged & (low != high), gap(cells.exact, cells.to), 0.0)
    for c, deviation in zip(usually.classes, usually.deviations, strict=True):
        size = c.project(away)
        told = (deviation > 0) & (deviation >= c.single(flips))  # else hardly a run has one entry on the other side of a rounding, and this may have one
        with np.errstate(divide="ignore", invalid="ignore"):
            times = np.where(told, np.abs(size) / deviation, 0.0)
        k = int(np.argmax(times))
        if times[k] > usually.beyond:
            found.append(Off(array, c.name, c.places[k] if len(c.places) > 1 else "", float(size[k]), float(times[k])))
    near = Cells(cells.got, cells.exact, np.minimum(cells.error, usually.beyond * usually.entries), cells.to)
    if model.stores.results is None and near.outside.any():
        beyond = np.where(near.outside, np.abs(cells.got - cells.exact) / (near.error + gap(cells.exact, cells.to) / 2), 0.0)
        k = int(np.argmax(beyond))
        place = str(tuple(int(i) for i in np.unravel_index(k, cells.got.shape)))
        found.append(Off(array, "entries", place, float((cells.got - cells.exact).flat[k]), usually.beyond * float(beyond.flat[k])))
    return found


def noise_of(cells: Cells, square: float) -> float:
    """Return how large the differences are beside those of imitated runs and the last rounding.

    Args:
        cells: of an array.
        square: mean of the squares of what imitated runs are off by before it.
    """
    expected = square + float(np.nanmean(np.square(gap(cells.exact, cells.to)))) / 12 if cells.got.size else 0.0
    found = float(np.nanmean(np.square(cells.got - cells.exact))) if cells.got.size else 0.0
    return float(np.sqrt(found / expected)) if expected else 1.0
