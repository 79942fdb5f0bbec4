"""Which mistake gives a kernel's numbers: one that reproduces them entry by entry, within the cells of what it would be rounded to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.floating import Floating
from gradcheck.arith.storage import gap, nearest
from gradcheck.engine.reverse import seeds
from gradcheck.explain.scene import MISFITS
from gradcheck.faults.placed import mistakes
from gradcheck.graph.evaluation import apply, entered, propagate
from gradcheck.graph.graph import Graph
from gradcheck.mistakes.factor import PLAIN, number
from gradcheck.mistakes.mistake import Mistake
from gradcheck.ops.op import registry
from gradcheck.probe.kernel.cells import Cells
from gradcheck.probe.kernel.consistency import Consistency, Off
from gradcheck.probe.kernel.reference import Reference

Floats = npt.NDArray[np.float64]
Run = list[Floats | None]

#: Entries of all values up to which the catalogue of some hundred mistakes a node is tried: a second or two.
MOST_ENTRIES = 20_000
#: Steps of Newton's method for a constant: each doubles the digits, of which the first has one.
STEPS = 5
#: Entries that are wrong, for a number that is fitted to them: each lies on the side that it asks for by chance in one of two cases, all in 10^6.
AGREEING = 20
#: Of the entries that are wrong, so many may be off after a mistake that explains them: what a few entries near a rounding do another error may undo.
LEFT = 0.01


@dataclass(frozen=True, slots=True)
class Named:
    """A mistake that gives the numbers of an array.

    Args:
        array: its number.
        mistake: which.
    """

    array: int
    mistake: Mistake


def named(found: Consistency, reference: Reference, inputs: Sequence[Floats], cotangents: Sequence[Floats]) -> Named | None:
    """Return the mistake that gives a kernel's numbers under a model of rounding; None where none is known.

    Args:
        found: the answer under the model.
        reference: at the point.
        inputs: the point.
        cotangents: of the results.
    """
    wrong = [k for k, c in enumerate(found.cells) if c.outside.any()]
    if not wrong:
        return next((_along(x) for x in found.off if x.kind != "entries"), None)
    count = len(found.cells) - len(inputs)
    for k in wrong:
        others = [c.exact for j, c in enumerate(found.cells) if j >= count and j != k]
        for mistake, exact in _of_an_array(found.cells[k], others if k >= count else []):
            if _reproduces(found.cells[k], exact):
                return Named(k, mistake)
        if (part := _part(found.cells[k])) is not None:
            return Named(k, part)
    for mistake, run in chain(_inside(found, reference, cotangents), _catalogue(found, reference, cotangents)):
        if all(_reproduces(found.cells[k], run[k]) for k in wrong):
            return Named(wrong[0], mistake)
    return None


def _along(off: Off) -> Named:
    """Return what numbers are whose every entry may be right, and which are off together."""
    if off.kind.startswith("bias"):
        where = f" of {off.place}" if off.place else ""
        return Named(off.array, Mistake("lost digits", detail=f"the errors{where} have one sign: on the average {off.size:+.2g} of the usual entry"))
    times = f"{off.place or 'every entry'}{'' if off.kind.startswith('factor') else f' ({off.kind})'}: 1 {off.size:+.3g} times the right one"
    return Named(off.array, Mistake("factor", number=1 + off.size, detail=times))


def _reproduces(cells: Cells, exact: Floats | None) -> bool:
    """Answer whether other exact numbers are rounded to what came, where the right ones are not."""
    if exact is None or exact.shape != cells.exact.shape:
        return False
    with np.errstate(all="ignore"):
        grown = np.fmax(1.0, np.abs(exact) / np.abs(cells.exact))
    other = Cells(cells.got, exact, cells.error * np.where(np.isfinite(grown), grown, 1.0), cells.to)
    return int(other.outside.sum()) <= LEFT * max(int(cells.outside.sum()), 1)


def _of_an_array(cells: Cells, others: Sequence[Floats]) -> Iterator[tuple[Mistake, Floats]]:
    """Yield what can be wrong with any array, whatever made it."""
    z = cells.exact
    yield Mistake("zero", detail="every entry is zero"), np.zeros_like(z)
    yield Mistake("sign"), -z
    if z.ndim == 2 and z.shape[0] == z.shape[1]:
        yield Mistake("transpose"), z.T
    yield from _factors(cells)
    low, high = cells.room(np.ones_like(z))
    if float(low) <= float(high) and not low <= 0 <= high and _shown(cells):
        yield Mistake("term too many", f"the constant {float(low + high) / 2:.3g}"), z + float(low + high) / 2
    for axis in range(z.ndim):
        yield Mistake("flip", f"axis {axis}"), np.flip(z, axis)
        for by in (1, -1):
            yield Mistake("roll", f"axis {axis}", by), np.roll(z, by, axis)
    for other in others:
        yield Mistake("swapped inputs", "another input"), other
    yield Mistake("lost digits", detail="results are cut off, not rounded to nearest: every error has the same sign"), _truncated(cells)


def _shown(cells: Cells) -> bool:
    """Answer whether so many entries are wrong that a number fitted to them means something."""
    return int(cells.outside.sum()) >= AGREEING


def _factors(cells: Cells) -> Iterator[tuple[Mistake, Floats]]:
    """Yield the factor that the numbers leave room for, by its name where it has one."""
    z = cells.exact
    low, high = (float(x) for x in cells.room(z))
    fitted = low <= high and not low <= 0 <= high and _shown(cells)
    if fitted:
        c, near = 1 + (low + high) / 2, (high - low) / 2
    else:
        c, near = float(np.sum(cells.got * z) / np.sum(np.square(z))), 2.0**-cells.to.bits
    if not np.isfinite(c):
        return
    name = number(c, max(near, PLAIN), {*z.shape, z.size})
    if name:
        yield Mistake("factor", number=float(name.value), detail=f"every entry is {name.text} times the right one{name.remark}"), float(name.value) * z
    if fitted or _shown(cells):
        yield Mistake("factor", number=c, detail=f"every entry is {c:.5g} times the right one"), c * z


def _truncated(cells: Cells) -> Floats:
    """Return numbers whose nearest is what the exact ones are cut off to."""
    near = nearest(cells.exact, cells.to)
    beyond = np.abs(near) > np.abs(cells.exact)
    return np.where(beyond, near - np.sign(near) * gap(cells.exact, cells.to), near)


def _part(cells: Cells) -> Mistake | None:
    """Return the row, column or tile in which alone entries are wrong."""
    where = np.argwhere(cells.outside)
    if not len(where) or cells.exact.ndim < 2:
        return None
    for axis in range(cells.exact.ndim):
        at = np.unique(where[:, axis])
        names = {cells.exact.ndim - 1: "column", cells.exact.ndim - 2: "row"}
        kind = names.get(axis, f"axis {axis}")
        if len(at) == 1 and len(where) > 1:
            rest = tuple(a for a in range(cells.exact.ndim) if a != axis)
            low, high = (x[at[0]] for x in cells.room(cells.exact, rest))
            times = f": {1 + (low + high) / 2:.5g} times the right one" if -np.inf < low <= high < np.inf else ""
            zero = ": it is zero" if not np.take(cells.got, at[0], axis).any() else times
            return Mistake("term missing" if zero == ": it is zero" else "factor", detail=f"{kind} {at[0]} alone is wrong{zero}")
        if len(at) < cells.exact.shape[axis] / 2 and at[-1] == cells.exact.shape[axis] - 1 and np.all(np.diff(at) == 1) and len(at) > 1:
            zero = ", which is zero" if not np.take(cells.got, at, axis).any() else ""
            return Mistake("term missing", detail=f"the last {len(at)} {kind}s alone are wrong{zero}: the tail of a tile")
    if len(where) == 1:
        index = tuple(int(i) for i in where[0])
        return Mistake("factor", detail=f"one entry alone is wrong, {index}: got {cells.got[index]:.6g}, expected {cells.exact[index]:.6g}")
    return None


# -- mistakes inside ------------------------------------------------------------------------------


def _inside(found: Consistency, reference: Reference, cotangents: Sequence[Floats]) -> Iterator[tuple[Mistake, Run]]:
    """Yield runs with a contribution forgotten or taken by a factor, and with another constant."""
    exact: Run = [c.exact for c in found.cells]
    for edge, flow in reference.flows(cotangents):
        along: Run = [*(None for _ in reference.graph.outputs), *flow]
        where = f"the contribution through operand {edge.position} of {edge.consumer} ({reference.graph.node[edge.consumer].op})"
        yield Mistake("term missing", where), _plus(exact, along, -1.0)
        if (size := _size(found.cells, along)) is not None:
            name = number(1 + size[0], max(size[1], PLAIN), {n for c in found.cells for n in c.exact.shape})
            times = name.text + name.remark if name else f"{1 + size[0]:.5g}"
            yield Mistake("factor", where, 1 + size[0], f"{where} is {times} times the right one"), _plus(exact, along, size[0])
    for leaf in reference.graph.leaves:
        if leaf.value is not None and leaf.shape == () and leaf.type == "float":
            yield from _constants(found, reference, cotangents, leaf.name, float(leaf.value))


def _size(cells: Sequence[Cells], along: Run) -> tuple[float, float] | None:
    """Return how much of a direction all numbers leave room for, and how well it is known; None for none, or for nothing but none."""
    rooms = [c.room(d) for c, d in zip(cells, along, strict=True) if d is not None and np.any(d)]
    low, high = max((float(r[0]) for r in rooms), default=np.inf), min((float(r[1]) for r in rooms), default=-np.inf)
    shown = sum(int(c.outside.sum()) for c in cells) >= AGREEING
    return ((low + high) / 2, (high - low) / 2) if shown and -np.inf < low <= high < np.inf and not low <= 0 <= high else None


def _plus(run: Run, along: Run, size: float) -> Run:
    return [x if x is None or d is None else x + size * d for x, d in zip(run, along, strict=True)]


def _constants(found: Consistency, reference: Reference, cotangents: Sequence[Floats], name: str, value: float) -> Iterator[tuple[Mistake, Run]]:
    """Yield runs with another constant: of other sizes, and the one that the numbers ask for, by Newton's method."""
    for times in (0.0, 0.1, 10.0, 0.01, 100.0, 0.001, 1000.0) if 0 < abs(value) < 1 else ():
        mistake = Mistake("epsilon", f"{value * times:g} in place of {value:g}", value * times)
        yield mistake, _with(_changed(reference, name, value * times), cotangents)
    if sum(int(c.outside.sum()) for c in found.cells) < AGREEING:
        return
    now, step = value, 1e-6 * max(abs(value), 1e-3)
    for _ in range(STEPS):
        run, beside = (_with(_changed(reference, name, x), cotangents) for x in (now, now + step))
        top = bottom = 0.0
        for c, x, y in zip(found.cells, run, beside, strict=True):
            if x is not None and y is not None:
                slope, weight = (y - x) / step, np.where(c.judged, gap(c.exact, c.to) ** -2.0, 0.0)
                top, bottom = top + float(np.nansum(weight * slope * (c.got - x))), bottom + float(np.nansum(weight * slope**2))
        if not bottom or not np.isfinite(top / bottom):
            return
        now += top / bottom
    if abs(now - value) > PLAIN * abs(value):
        yield Mistake("epsilon", f"{now:.4g} in place of {value:g}", now), _with(_changed(reference, name, now), cotangents)


def _changed(reference: Reference, name: str, value: float) -> Reference:
    graph = reference.graph
    leaves = [replace(x, value=np.asarray(value)) if x.name == name else x for x in graph.leaves]
    return replace(reference, graph=Graph(leaves, graph.nodes, graph.outputs, name=graph.name), backward=None)


def lost(found: Consistency, reference: Reference, cotangents: Sequence[Floats]) -> Named | None:
    """Return the intermediate result that a kernel rounds to its storage format, in both passes or for the backward pass alone; None for none.

    Args:
        found: the answer under a model of rounding.
        reference: at the point.
        cotangents: of the results.
    """
    to = min((c.to for c in found.cells), key=lambda f: f.bits)
    wrong = [k for k, c in enumerate(found.cells) if c.outside.any()]
    for node in reference.graph.nodes:
        if node.name in reference.graph.outputs:
            continue
        for both, words in ((True, "inside"), (False, "for the backward pass")):
            run = _with(reference, cotangents, rounded={node.name: partial(nearest, to=to)}, both=both)
            if wrong and all(_reproduces(found.cells[k], run[k]) for k in wrong):
                return Named(wrong[0], Mistake("lost digits", node.name, detail=f"the value of {node.op} at {node.name} is rounded to {to.bits} bits {words}"))
    return None


def _catalogue(found: Consistency, reference: Reference, cotangents: Sequence[Floats]) -> Iterator[tuple[Mistake, Run]]:
    """Yield runs with a mistake of the catalogue in the rule of one node."""
    graph = reference.graph
    if sum(int(np.prod(s)) for s in graph.shapes.values()) > MOST_ENTRIES:
        return
    y = _values(reference, {})
    for node in reversed(graph.nodes):
        op = registry[node.op]
        for placed in mistakes(op, [y[x] for x in node.inputs], node.attributes):
            with np.errstate(all="ignore"), suppress(*MISFITS):
                run = _with(reference, cotangents, rules={node.name: placed.rule})
                yield Mistake(placed.kind, node.name, detail=f"{node.op} at {node.name} {placed.words}"), run


def _values(reference: Reference, rounded: Mapping[str, Callable[[Floats], Floats]]) -> dict[str, Any]:
    m, graph = Floating("float64"), reference.graph
    y: dict[str, Any] = {x.name: x.value if x.value is not None else reference.values[x.name] for x in graph.leaves}
    if not rounded:
        return propagate(graph, y, m)
    for node in graph.nodes:
        made = apply(registry[node.op], m, [y[x] for x in node.inputs], node.attributes)
        y[node.name] = rounded[node.name](made) if node.name in rounded else made
    return y


def _with(
    reference: Reference, cotangents: Sequence[Floats], *, rounded: Mapping[str, Callable[[Floats], Floats]] | None = None, both: bool = True,
    rules: Mapping[str, Any] | None = None,
) -> Run:  # fmt: skip
    """Return results and gradients in float64, with values rounded (in both passes or the second) and rules exchanged at some nodes."""
    m, graph = Floating("float64"), reference.graph
    with np.errstate(all="ignore"):
        y = _values(reference, (rounded or {}) if both else {})
        results = [y[k] for k in graph.outputs]
        y |= {k: change(y[k]) for k, change in (rounded or {}).items() if not both}
        active = graph.descendants([x for x in reference.inputs if x])
        adjoint = {k: g for k, g in seeds(graph, m, tuple(cotangents)).items() if k in active}
        for node in reversed(graph.nodes):
            if node.name in adjoint:
                op = registry[node.op]
                rule = (rules or {}).get(node.name, op.vjp)
                found = rule(m, adjoint[node.name], y[node.name], *entered(op, m, [y[x] for x in node.inputs]), **node.attributes)
                for x, c in zip(node.inputs, found, strict=True):
                    if c is not None and x in active:
                        adjoint[x] = adjoint[x] + c if x in adjoint else c
    return [*results, *(np.asarray(adjoint[k]) if k in adjoint else None for k in reference.inputs)]
