"""A confirmed mismatch: which entries are wrong, and which mistake was made."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.errors import OutOfBudget
from gradcheck.probe.evidence import boundary, kept_one, lost_output, same_factor
from gradcheck.probe.instrument import Instrument
from gradcheck.probe.line.stencils import MARGIN
from gradcheck.probe.locate import locate, masks, split
from gradcheck.probe.look import Look, look
from gradcheck.probe.pattern import Scene, is_fitted, name_mistake
from gradcheck.probe.small import Located
from gradcheck.probe.vector import Vector
from gradcheck.verdict.finding import Finding

Floats = npt.NDArray[np.float64]

#: Gradients up to this many entries are measured whole, entry by entry, to name the mistake.
WHOLE = 64
#: Entries shown of a located fault.
SHOWN = 5
#: Entries that are drawn where many are wrong.
SAMPLE = 4


def plain(instrument: Instrument, seen: Look) -> Look:
    """Return the look with a cotangent of 1 where f is a number and the mismatch is there too: then it tells the caller's own numbers.

    Args:
        instrument: of the function.
        seen: a confirmed mismatch.
    """
    base = instrument.base
    if len(base) != 1 or base[0].size != 1:
        return seen
    again = look(instrument, Vector.of([np.ones(base[0].shape)]), seen.ts)
    return again if again.wrong else seen


def blame(instrument: Instrument, seen: Look, locating: bool = True) -> list[Located]:
    """Return a finding for every input whose gradient is wrong; of the direction alone where its entries are not asked for, or not found."""
    sizes = [x.size for x in instrument.subject.point]
    try:
        found = (_whole(instrument, seen) if sum(sizes) <= WHOLE else _located(instrument, seen, sizes)) if locating else []
    except OutOfBudget:
        found = []
    return found or [Located(unlocated(instrument, seen))]


def _entry(instrument: Instrument, seen: Look, k: int, index: tuple[int, ...]) -> tuple[float, float, float]:
    """Return (got, expected, bar) of one entry of the gradient for the look's cotangent."""
    return _entry_and_size(instrument, seen, k, index)[:3]


def _entry_and_size(instrument: Instrument, seen: Look, k: int, index: tuple[int, ...]) -> tuple[float, float, float, float]:
    """Return (got, expected, bar) of one entry, and the largest slope that f has around along it."""
    step = float(seen.ts[k][index]) or 1.0
    r = look(instrument, seen.gs, Vector.unit(seen.ts, k, index, step), seen.gradients)
    got = float(seen.gradients[k][index])
    value = 0.0 if r.sides is not None and min(r.sides) <= 0 <= max(r.sides) else r.value
    return got, got + value / step, r.error / abs(step), r.size / abs(step)


def _whole(instrument: Instrument, seen: Look) -> list[Located]:
    """Measure every entry and compare whole gradients."""
    measured = [_measured(instrument, seen, k) for k in range(len(seen.gradients))]
    out = []
    for k, path in enumerate(instrument.subject.paths):
        got, (expected, bar, size) = seen.gradients[k], measured[k]
        wrong = np.abs(got - expected) > MARGIN * bar
        if wrong.any():
            mistake = _exchanged(instrument, seen, [m[:2] for m in measured], k) or _named(instrument, seen, k, expected, bar, wrong)
            fitted = _is_fitted(mistake, got, expected)
            beside = np.where(np.abs(expected) <= MARGIN * bar, np.max(np.abs(expected)), size)
            worst, count = _relative(got[wrong], expected[wrong], beside[wrong]), int(np.count_nonzero(wrong))
            out.append((_finding(path, got, expected, bar, wrong, mistake), bool(mistake) and not fitted, count, worst))
    total = sum(x.size for x in instrument.subject.point)
    share = sum(count for _, _, count, _ in out) / total
    return [Located(found, share, worst, named) for found, named, _, worst in out]


def _is_fitted(mistake: str, got: Floats, expected: Floats) -> bool:
    """Answer whether a mistake that was named is a factor fitted to a small difference."""
    return mistake.startswith("factor") and is_fitted(float(np.sum(got * expected) / np.sum(np.square(expected))))


def _relative(got: Floats, expected: Floats, size: Floats) -> float:
    """Return the largest difference relative to its entry, or to the slopes that stand beside it where these are larger.

    A slope may vanish at the point, and not around; or with one entry, and not with the others.
    """
    return float(np.max(np.abs(got - expected) / np.maximum(np.maximum(np.abs(got), np.abs(expected)), size), initial=0.0))


def _measured(instrument: Instrument, seen: Look, k: int) -> tuple[Floats, Floats, Floats]:
    """Return the right gradient of an input, entry by entry, with its error bar and the slopes around."""
    expected, bar, size = (np.zeros(seen.gradients[k].shape) for _ in range(3))
    for index in np.ndindex(*expected.shape):
        _, expected[index], bar[index], size[index] = _entry_and_size(instrument, seen, k, index)
    return expected, bar, size


def _exchanged(instrument: Instrument, seen: Look, measured: list[tuple[Floats, Floats]], k: int) -> str:
    """Name two inputs whose gradients were exchanged, where both are something."""
    mine, bar = measured[k]
    for j, path in enumerate(instrument.subject.paths):
        theirs, other = measured[j]
        if j == k or mine.shape != theirs.shape or not (np.any(np.abs(mine) > 16 * bar) or np.any(np.abs(theirs) > 16 * other)):
            continue
        swapped = np.abs(seen.gradients[k] - theirs) <= 16 * other + 1e-12 * np.abs(theirs)
        back = np.abs(seen.gradients[j] - mine) <= 16 * bar + 1e-12 * np.abs(mine)
        if np.all(swapped & back):
            return f"swapped: it is the gradient of {path}, and the other way round"
    return ""


def _named(
    instrument: Instrument, seen: Look, k: int, expected: Floats, bar: Floats, wrong: npt.NDArray[np.bool_]
) -> str:
    """Return the mistake of a gradient that was measured whole."""
    got = seen.gradients[k]
    places = [tuple(int(i) for i in w) for w in np.argwhere(wrong)]
    scene, entry = _scene(instrument, seen), partial(_entry, instrument)
    name = name_mistake(got, expected, bar, scene) or _swapped(instrument, seen, k, expected, bar)
    if name.startswith("factor") and not same_factor(instrument, seen, k, places[0], entry):
        name = ""
    return (
        name
        or lost_output(seen, k, expected - got, bar, entry)
        or kept_one(instrument, seen, k, places)
        or boundary(np.asarray(instrument.subject.point[k], np.float64), wrong, got, expected, bar, scene.g)
    )


def _scene(instrument: Instrument, seen: Look) -> Scene:
    base = instrument.base
    single = len(base) == 1
    inputs = tuple(zip(instrument.subject.paths, (np.asarray(x, np.float64) for x in instrument.subject.point), strict=True))
    return Scene(seen.gs[0] if single else None, np.asarray(base[0], np.float64) if single else None, inputs)


def _swapped(instrument: Instrument, seen: Look, k: int, expected: Floats, bar: Floats) -> str:
    """Name another input's gradient handed to this one."""
    for j, path in enumerate(instrument.subject.paths):
        other = seen.gradients[j]
        near = other.shape == expected.shape and bool(np.all(np.abs(other - expected) <= 16 * bar + 1e-12 * np.abs(other)))
        if j != k and near and np.any(np.abs(expected) > 16 * bar):
            return f"swapped: the right gradient was handed to {path}"
    return ""


def _finding(path: str, got: Floats, expected: Floats, bar: Floats, wrong: npt.NDArray[np.bool_], mistake: str) -> Finding:
    with np.errstate(all="ignore"):
        ratio = np.where(wrong, np.abs(got - expected) / np.where(bar > 0, bar, 5e-324), 0)
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(ratio)), got.shape))
    where = f"{path}{list(index) if index else ''}"
    count = int(np.count_nonzero(wrong))
    more = "" if count == 1 else f" ({count} of {got.size} entries are wrong)"
    message = f"gradient of {where}: got {got[index]:.15g}, expected {expected[index]:.15g} +- {bar[index]:.1g}{more}"
    return Finding(
        "fault", f"{message}; {mistake}" if mistake else message, node=path, direction="gradient", index=index,
        got=float(got[index]), expected=float(expected[index]), bound=float(bar[index]), ratio=float(ratio[index]),
        diagnosis=mistake,
    )  # fmt: skip


def _located(instrument: Instrument, seen: Look, sizes: list[int]) -> list[Located]:
    """Find wrong entries of large gradients by halving, measure some of them."""
    shapes = [x.shape for x in instrument.subject.point]

    def wrong(group: npt.NDArray[np.intp]) -> bool:
        return look(instrument, seen.gs, seen.ts.times(masks(group, shapes)), seen.gradients).wrong

    found = locate(sum(sizes), wrong)
    if not found.complete:  # many are wrong: entries from all over say more about the mistake than neighbours
        drawn = np.random.default_rng(0).choice(sum(sizes), min(SAMPLE, sum(sizes)), replace=False)
        found.entries = list(dict.fromkeys([*found.entries[:1], *(int(p) for p in drawn), *found.entries[1:]]))
    out = []
    for k, path in enumerate(instrument.subject.paths):
        entries = [split(p, sizes) for p in found.entries]
        mine = [np.unravel_index(e, shapes[k]) for j, e in entries if j == k]
        if not mine:
            continue
        measured = [_entry(instrument, seen, k, tuple(int(i) for i in index)) for index in mine[:SHOWN]]
        really = [i for i, (a, b, e) in enumerate(measured) if abs(a - b) > MARGIN * e]
        if not really:
            continue  # the quick looks went astray: nothing is accused that a full look acquits
        mine = [*(mine[i] for i in really), *mine[SHOWN:]]
        got, expected, bar = (np.array(v) for v in zip(*(measured[i] for i in really), strict=True))
        mistake = name_mistake(got, expected, bar) or _elsewhere(seen.gradients[k], mine[: len(got)], expected, bar) if len(got) > 1 else ""
        index = tuple(int(i) for i in mine[0])
        listed = ", ".join(str(tuple(int(i) for i in m)) for m in mine[:SHOWN])
        more = f"; wrong entries: {listed}{'' if found.complete and len(mine) <= SHOWN else ', ...'}"
        message = f"gradient of {path}{list(index)}: got {got[0]:.15g}, expected {expected[0]:.15g} +- {bar[0]:.1g}{more}"
        finding = Finding(
            "fault", f"{message}; {mistake}" if mistake else message, node=path, direction="gradient", index=index,
            got=float(got[0]), expected=float(expected[0]), bound=float(bar[0]),
            ratio=float(abs(got[0] - expected[0]) / max(bar[0], 5e-324)), diagnosis=mistake,
        )  # fmt: skip
        out.append((finding, _is_fitted(mistake, got, expected)))
    return [Located(x, len(found.entries) / sum(sizes) if found.complete else 1.0, named=bool(x.diagnosis) and not fitted) for x, fitted in out]


def _elsewhere(v: Floats, places: list[Any], expected: Floats, bar: Floats) -> str:
    """Name right numbers that stand in other places of a large gradient: in its transpose, or shifted by one."""
    index = tuple(np.array([p[a] for p in places]) for a in range(v.ndim))
    moves = [(f"roll: it is shifted by {s} along axis {a}", np.roll(v, -s, a)) for a in range(v.ndim) for s in (1, -1)]
    moves += [("transpose: it is the transpose of the right one", v.T)] if v.ndim == 2 and v.shape[0] == v.shape[1] else []
    for name, candidate in moves:
        if np.all(np.abs(candidate[index] - expected) <= 16 * bar + 1e-9 * np.abs(expected)):
            return name
    if np.all([np.min(np.abs(v - e)) <= 16 * b + 1e-9 * abs(e) for e, b in zip(expected, bar, strict=True)]):
        return "permutation: the right numbers stand in wrong places"
    return ""


def unlocated(instrument: Instrument, seen: Look) -> Finding:
    """Return a finding for a direction along which the derivative is wrong, without the entries."""
    moving = [p for p, t in zip(instrument.subject.paths, seen.ts, strict=True) if np.any(t != 0)]
    message = (
        f"along a direction over {', '.join(moving)}: the doubted derivative is {seen.claimed:.15g}, the difference quotient "
        f"{seen.claimed + seen.value:.15g} +- {seen.error:.1g}"
    )
    return Finding("fault", message, direction="gradient", got=seen.claimed, expected=seen.claimed + seen.value, bound=seen.error)
