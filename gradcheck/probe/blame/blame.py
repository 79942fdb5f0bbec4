"""A confirmed mismatch: which entries are wrong, and which mistake was made."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.errors import OutOfBudget
from gradcheck.mistakes.factor import NEAR, SHOWN
from gradcheck.mistakes.mistake import Mistake
from gradcheck.probe.blame.epsilon import SMALL, epsilon
from gradcheck.probe.blame.evidence import at_output, boundary, diagonal, is_flat, kept_one, lost_output, same_factor
from gradcheck.probe.blame.jacobian import misuse
from gradcheck.probe.blame.locate import locate, masks, split
from gradcheck.probe.blame.partly import partly
from gradcheck.probe.blame.pattern import Scene, elsewhere, name_mistake
from gradcheck.probe.excuses.small import Located
from gradcheck.probe.line.look import Look, look
from gradcheck.probe.slope.instrument import Instrument
from gradcheck.probe.subject.margin import MARGIN
from gradcheck.probe.subject.vector import Vector
from gradcheck.result.finding import Finding

Floats = npt.NDArray[np.float64]

#: Gradients up to this many entries are measured whole, entry by entry, to name the mistake.
WHOLE = 64
#: Entries shown of a located fault.
LISTED = 5
NONE = Mistake("zero", detail="the gradient is None")
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


def blame(instrument: Instrument, seen: Look, locating: bool = True, nones: Collection[str] = ()) -> list[Located]:
    """Return a finding for every input whose gradient is wrong; of the direction alone where its entries are not asked for, or not found.

    Args:
        instrument: of the function.
        seen: a confirmed mismatch.
        locating: whether entries are asked for.
        nones: the inputs whose gradient is None.
    """
    sizes = [x.size for x in instrument.subject.point]
    try:
        found = (_whole(instrument, seen, nones) if sum(sizes) <= WHOLE else _located(instrument, seen, sizes, nones)) if locating else []
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


def _whole(instrument: Instrument, seen: Look, nones: Collection[str]) -> list[Located]:
    """Measure every entry and compare whole gradients."""
    measured = [_measured(instrument, seen, k) for k in range(len(seen.gradients))]
    out = []
    for k, path in enumerate(instrument.subject.paths):
        got, (expected, bar, size) = seen.gradients[k], measured[k]
        wrong = np.abs(got - expected) > MARGIN * bar
        if wrong.any():
            mistake = NONE if path in nones else _exchanged(instrument, seen, [m[:2] for m in measured], k) or _named(instrument, seen, k, expected, bar, wrong)
            beside = np.where(np.abs(expected) <= MARGIN * bar, np.max(np.abs(expected)), size)
            worst, count = _relative(got[wrong], expected[wrong], beside[wrong]), int(np.count_nonzero(wrong))
            if mistake is not None and mistake.kind == "not ignored" and not is_flat(instrument, seen, k):
                mistake = Mistake("stationary point")
            finding = _finding(path, got, expected, bar, wrong, mistake)
            if instrument.subject.hessian and [g.shape for g in seen.gs] == [v.shape for v in seen.gradients]:
                finding = _of_hessian(instrument, seen, k, finding)
            named = mistake is not None and _resolved(mistake, got, expected, bar)
            out.append((finding, named, count, worst))
    total = sum(x.size for x in instrument.subject.point)
    share = sum(count for _, _, count, _ in out) / total
    return [Located(found, share, worst, named) for found, named, _, worst in out]


def _resolved(mistake: Mistake, got: Floats, expected: Floats, bar: Floats) -> bool:
    """Answer whether a mistake is one at any size: it is no fitted factor, and seen in entries enough."""
    seen = int(np.count_nonzero(np.abs(got - expected) > NEAR * bar))
    return not mistake.is_fitted and seen >= SHOWN


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


def _exchanged(instrument: Instrument, seen: Look, measured: list[tuple[Floats, Floats]], k: int) -> Mistake | None:
    """Name two inputs whose gradients were exchanged, where both are something."""
    mine, bar = measured[k]
    for j, path in enumerate(instrument.subject.paths):
        theirs, other = measured[j]
        if j == k or mine.shape != theirs.shape or not (np.any(np.abs(mine) > NEAR * bar) or np.any(np.abs(theirs) > NEAR * other)):
            continue
        swapped = np.abs(seen.gradients[k] - theirs) <= NEAR * other + 1e-12 * np.abs(theirs)
        back = np.abs(seen.gradients[j] - mine) <= NEAR * bar + 1e-12 * np.abs(mine)
        if np.all(swapped & back):
            return Mistake("swapped inputs", path, detail=f"it is the gradient of {path}, and the other way round")
    return None


def _named(
    instrument: Instrument, seen: Look, k: int, expected: Floats, bar: Floats, wrong: npt.NDArray[np.bool_]
) -> Mistake | None:
    """Return the mistake of a gradient that was measured whole."""
    got = seen.gradients[k]
    places = [tuple(int(i) for i in w) for w in np.argwhere(wrong)]
    scene, entry = _scene(instrument, seen, k), partial(_entry, instrument)
    small = np.max(np.abs(got - expected)) <= SMALL * np.max(np.abs(expected))  # else a mistake that is larger than an epsilon comes first
    found = epsilon(instrument, seen, k, got, expected, bar) if small else None
    found = found or name_mistake(got, expected, bar, scene) or _swapped(instrument, seen, k, expected, bar)
    if found is not None and found.kind == "factor" and not same_factor(instrument, seen, k, places[0], entry):
        found = None
    return (
        found
        or lost_output(seen, k, expected - got, bar, entry)
        or kept_one(instrument, seen, k, places)
        or boundary(np.asarray(instrument.subject.point[k], np.float64), wrong, got, expected, bar, scene.g)
        or diagonal(seen, k, got, expected, bar, entry)
        or at_output(instrument, seen, k, got, expected, bar, _entry)
        or misuse(instrument, seen, k, expected, bar)
        or partly(instrument, seen, k, expected, bar, _entry)
    )


def _scene(instrument: Instrument, seen: Look, k: int) -> Scene:
    base = instrument.base
    single = len(base) == 1
    inputs = tuple(zip(instrument.subject.paths, (np.asarray(x, np.float64) for x in instrument.subject.point), strict=True))
    g, y = (seen.gs[0], np.asarray(base[0], np.float64)) if single else (None, None)
    return Scene(g, y, inputs, inputs[k][1], inputs[k][0], instrument.unit)


def _swapped(instrument: Instrument, seen: Look, k: int, expected: Floats, bar: Floats) -> Mistake | None:
    """Name another input's gradient handed to this one."""
    for j, path in enumerate(instrument.subject.paths):
        other = seen.gradients[j]
        near = other.shape == expected.shape and bool(np.all(np.abs(other - expected) <= NEAR * bar + 1e-12 * np.abs(other)))
        if j != k and near and np.any(np.abs(expected) > NEAR * bar):
            return Mistake("swapped inputs", path)
    return None


def _finding(path: str, got: Floats, expected: Floats, bar: Floats, wrong: npt.NDArray[np.bool_], mistake: Mistake | None) -> Finding:
    with np.errstate(all="ignore"):
        ratio = np.where(wrong, np.abs(got - expected) / np.where(bar > 0, bar, 5e-324), 0)
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(ratio)), got.shape))
    where = f"{path}{list(index) if index else ''}"
    count = int(np.count_nonzero(wrong))
    more = "" if count == 1 else f" ({count} of {got.size} entries are wrong)"
    numbers = float(got[index]), float(expected[index]), float(bar[index])
    return _told(path, where, index, numbers, more, mistake, float(ratio[index]))


def _told(
    path: str, where: str, index: tuple[int, ...], numbers: tuple[float, float, float], more: str, mistake: Mistake | None, ratio: float
) -> Finding:
    """Return the finding on an entry, as a sentence."""
    got, expected, bar = numbers
    subject = f"gradient of {path} is None, where f depends on it: gradient of {where}" if mistake is NONE else f"gradient of {where}"
    message = f"{subject}: got {got:.15g}, expected {expected:.15g} +- {bar:.1g}{more}"
    text = f"{message}; {mistake}" if mistake is not None and mistake is not NONE else message
    return Finding(
        "fault", text, node=path, direction="gradient", index=index, got=got, expected=expected, bound=bar, ratio=ratio, mistake=mistake
    )


def _of_hessian(instrument: Instrument, seen: Look, k: int, finding: Finding) -> Finding:
    """Return a finding on a product with a Hessian as one on its own entry, the one that is most wrong in the column."""
    point = instrument.subject.point
    own = look_at = None
    worst = 0.0
    for j, index in ((j, i) for j, x in enumerate(point) for i in np.ndindex(*x.shape)):
        gs = Vector.unit(seen.gs, j, index)
        found = _entry(instrument, replace(seen, gs=gs, gradients=instrument.gradients(gs)), k, finding.index)
        if abs(found[0] - found[1]) > max(worst, MARGIN * found[2]):
            worst, own, look_at = abs(found[0] - found[1]), found, (j, index)
    if own is None or look_at is None:
        return finding
    j, index = look_at
    blocks = "" if len(point) == 1 else f"[{j}, {k}]"
    entry = ", ".join(map(str, (*index, *finding.index)))
    mistake = f"; {finding.mistake}" if finding.mistake else ""
    message = f"H{blocks}[{entry}]: got {own[0]:.15g}, expected {own[1]:.15g} +- {own[2]:.1g}{mistake}"
    return replace(finding, message=message, index=(*index, *finding.index), got=own[0], expected=own[1], bound=own[2])


def _located(instrument: Instrument, seen: Look, sizes: list[int], nones: Collection[str]) -> list[Located]:
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
        measured = [_entry(instrument, seen, k, tuple(int(i) for i in index)) for index in mine[:LISTED]]
        really = [i for i, (a, b, e) in enumerate(measured) if abs(a - b) > MARGIN * e]
        if not really:
            continue  # the quick looks went astray: nothing is accused that a full look acquits
        mine = [*(mine[i] for i in really), *mine[LISTED:]]
        got, expected, bar = (np.array(v) for v in zip(*(measured[i] for i in really), strict=True))
        mistake = NONE if path in nones else _of_some(instrument, seen, k, mine[: len(got)], expected, bar)
        index = tuple(int(i) for i in mine[0])
        listed = ", ".join(str(tuple(int(i) for i in m)) for m in mine[:LISTED])
        more = f"; wrong entries: {listed}{'' if found.complete and len(mine) <= LISTED else ', ...'}"
        ratio = float(abs(got[0] - expected[0]) / max(bar[0], 5e-324))
        finding = _told(path, f"{path}{list(index)}", index, (float(got[0]), float(expected[0]), float(bar[0])), more, mistake, ratio)
        out.append((finding, mistake is not None and _resolved(mistake, got, expected, bar)))
    return [Located(x, len(found.entries) / sum(sizes) if found.complete else 1.0, named=named) for x, named in out]


def _of_some(instrument: Instrument, seen: Look, k: int, places: list[Any], expected: Floats, bar: Floats) -> Mistake | None:
    """Return the mistake of a gradient of which some entries were measured."""
    v = seen.gradients[k]
    index = tuple(np.array([p[a] for p in places]) for a in range(v.ndim))
    if len(places) < 2:
        return None
    return name_mistake(v[index], expected, bar, _scene(instrument, seen, k).at(index, v.shape)) or elsewhere(v, index, expected, bar)


def unlocated(instrument: Instrument, seen: Look) -> Finding:
    """Return a finding for a direction along which the derivative is wrong, without the entries."""
    moving = [p for p, t in zip(instrument.subject.paths, seen.ts, strict=True) if np.any(t != 0)]
    message = (
        f"along a direction over {', '.join(moving)}: the doubted derivative is {seen.claimed:.15g}, the difference quotient "
        f"{seen.claimed + seen.value:.15g} +- {seen.error:.1g}"
    )
    return Finding("fault", message, direction="gradient", got=seen.claimed, expected=seen.claimed + seen.value, bound=seen.error)
