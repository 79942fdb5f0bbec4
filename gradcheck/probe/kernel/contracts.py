"""What any kernel keeps to, whatever it computes: it leaves its inputs alone, fills its memory, remembers nothing, and is linear in its cotangent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gradcheck.arith.storage import storage
from gradcheck.mistakes.mistake import Mistake
from gradcheck.probe.kernel.call import Answer, Kernel

Floats = npt.NDArray[np.float64]
#: A power of two, by which a cotangent and with it every rounding is scaled exactly, as long as nothing is near the smallest numbers.
SCALE = 2.0**-3


@dataclass(frozen=True, slots=True)
class Broken:
    """A contract that a kernel breaks.

    Args:
        message: what it does.
        fault: whether it makes answers wrong; else it is told.
        mistake: which it is, where it has a name.
    """

    message: str
    fault: bool = True
    mistake: Mistake | None = None


def broken(kernel: Kernel, point: Sequence[Floats], cotangents: Sequence[Floats], answer: Answer) -> Iterator[Broken]:
    """Yield the contracts that a kernel breaks.

    Args:
        kernel: it.
        point: its inputs.
        cotangents: of its results.
        answer: what it answered there.
    """
    yield from _memory(kernel, point, cotangents, answer)
    yield from _again(kernel, point, cotangents, answer)
    yield from _linear(kernel, point, cotangents, answer)
    yield from _layout(kernel, point, cotangents, answer)
    yield from _batch(kernel, point, cotangents, answer)


def _memory(kernel: Kernel, point: Sequence[Floats], cotangents: Sequence[Floats], answer: Answer) -> Iterator[Broken]:
    """Inputs and cotangents are as before; memory that nobody filled is not read; results are not views of anything that is used again."""
    xs = [kernel.typed(x, f, like) for x, f, like in zip(point, kernel.formats, kernel.arrays, strict=True)]
    gs = kernel.cotangents(cotangents)
    with kernel.poisoned():
        results, gradients = kernel.run(xs, gs)
    found = kernel.read(results, gradients)
    for what, arrays, before in (("inputs", xs, point), ("cotangents", gs, cotangents)):
        if any(not np.array_equal(kernel.numbers(a), b, equal_nan=True) for a, b in zip(arrays, before, strict=True)):
            yield Broken(f"the kernel changes its {what} in place")
            return
    if any(np.isnan(a).any() and not np.isnan(b).any() for a, b in zip(found.arrays, answer.arrays, strict=True)):
        yield Broken("the kernel reads memory that it has not written: with NaN in it results are NaN")
    other = [kernel.typed(x / 2, f, like) for x, f, like in zip(point, kernel.formats, kernel.arrays, strict=True)]
    kernel.run(other, kernel.cotangents(cotangents))
    if not _same(kernel.read(results, gradients), found):
        yield Broken("results of one call are written over by the next: they are not in memory of their own")
    if all(kernel.written(old, new) for old, new in zip(xs, other, strict=True)):
        reused = kernel.read(*kernel.run(xs, kernel.cotangents(cotangents)))
        fresh = kernel.answer([x / 2 for x in point], cotangents)
        if not _near(reused, fresh):
            yield Broken("the kernel remembers an answer by the address of its inputs: other numbers in the same memory are not read")


def _again(kernel: Kernel, point: Sequence[Floats], cotangents: Sequence[Floats], answer: Answer) -> Iterator[Broken]:
    again = kernel.answer(point, cotangents)
    if _same(again, answer):
        return
    if _near(again, answer):
        yield Broken("the same call does not give the same bits twice, though the same numbers but for rounding", False)
    else:
        yield Broken("two calls give different numbers")


def _linear(kernel: Kernel, point: Sequence[Floats], cotangents: Sequence[Floats], answer: Answer) -> Iterator[Broken]:
    for factor, name in ((SCALE, "an eighth of"), (-1.0, "minus")):
        other = kernel.answer(point, [factor * g for g in cotangents])
        for path, a, b, stored in zip(kernel.paths, answer.gradients, other.gradients, answer.gradient_formats, strict=True):
            if a is None or b is None:
                continue
            normal = np.abs(a) > 2.0 ** (storage(stored).least + 2 * storage(stored).bits)  # which are rounded as their multiples are
            if not np.array_equal(np.where(normal, factor * a, 0), np.where(normal, b, 0), equal_nan=True) and not _close(factor * a, b, stored):
                mistake = Mistake("cotangent ignored") if np.array_equal(a, b) else None
                yield Broken(f"the gradient of {path} is not linear in the cotangent: {name} it does not give {name} the gradient", True, mistake)
                return


def _layout(kernel: Kernel, point: Sequence[Floats], cotangents: Sequence[Floats], answer: Answer) -> Iterator[Broken]:
    """Inputs and cotangents in every second place of their memory are the same numbers."""
    typed = [kernel.typed(x, f, like) for x, f, like in zip(point, kernel.formats, kernel.arrays, strict=True)]
    for what in ("inputs", "cotangents"):
        xs, gs = typed, kernel.cotangents(cotangents)
        laid = [kernel.strided(x) for x in (xs if what == "inputs" else gs)]
        if any(x is None for x in laid):
            return
        xs, gs = (laid, gs) if what == "inputs" else (xs, laid)
        try:
            found = kernel.read(*kernel.run(xs, gs))
        except Exception as error:  # it refuses them, which is no wrong answer
            yield Broken(f"{what} that are not contiguous are refused: {type(error).__name__}", False)
            continue
        if not _near(found, answer):
            yield Broken(f"with {what} that are not contiguous the kernel gives other numbers")
            return


def _batch(kernel: Kernel, point: Sequence[Floats], cotangents: Sequence[Floats], answer: Answer) -> Iterator[Broken]:
    """Whether a row's result is the same bits without the rows behind it: told, not demanded."""
    sizes = {g.shape[0] for g in cotangents if g.ndim}
    rows = next(iter(sizes)) if len(sizes) == 1 else 0
    if rows < 2 or kernel.owner == "jax":
        return
    first = [x[: rows // 2] if x.ndim and x.shape[0] == rows else x for x in point]
    try:
        half = kernel.answer(first, [g[: rows // 2] if g.ndim else g for g in cotangents])
    except Exception:  # it takes other arguments of this size
        return
    pairs = [*zip(answer.results, half.results, strict=True), *zip(answer.gradients, half.gradients, strict=True)]
    cut = [(a[: rows // 2], b) for a, b in pairs if a is not None and b is not None and a.ndim and a.shape[0] == rows]
    if any(a.shape == b.shape and not np.array_equal(a, b, equal_nan=True) for a, b in cut):
        yield Broken("a row's bits depend on the rows around it: the kernel is not batch invariant", False)


def _same(a: Answer, b: Answer) -> bool:
    return all(np.array_equal(x, y, equal_nan=True) for x, y in zip(a.arrays, b.arrays, strict=True))


def _near(a: Answer, b: Answer) -> bool:
    formats = [*a.formats, *(f for f in a.gradient_formats if f)]
    return all(_close(x, y, f) for x, y, f in zip(a.arrays, b.arrays, formats, strict=True))


def _close(x: Floats, y: Floats, stored: str) -> bool:
    """Answer whether two arrays are the same but for rounding: the square root of a roundoff apart at most, of the largest entry."""
    if x.shape != y.shape or not np.array_equal(np.isnan(x), np.isnan(y)):
        return False
    size = float(np.nanmax(np.abs(x), initial=0.0))
    with np.errstate(invalid="ignore"):
        return bool(np.nanmax(np.abs(x - y), initial=0.0) <= storage(stored).u ** 0.5 * size) or not np.isfinite(size)
