"""Mutants: every operation's vjp with one deliberate mistake, made by themselves for every operation there is.

There are two kinds. Slips concern what a rule is given or hands back (`gradcheck.faults.slips`). The others are inside of
it: the rule runs over an arithmetic in which one call goes wrong (`gradcheck.faults.altered`, `gradcheck.faults.changes`).
A mutant's rule has the signature of the operation's own and runs over any arithmetic that this runs over.

>>> mutants["tanh/sign"].mistake
'sign'
>>> len(mutants) > 1000
True
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from gradcheck.arith.arithmetic import Arithmetic
from gradcheck.errors import UnknownName
from gradcheck.faults.altered import Altered, Change, Site, altered, run
from gradcheck.faults.changes import CHANGES
from gradcheck.faults.fault import Array, Fault, Inputs
from gradcheck.faults.slips import SLIPS, Rule, ignoring, pairs, slipped, stale, swapped, twice
from gradcheck.faults.stage import Stage
from gradcheck.faults.words import words_of_change, words_of_slip
from gradcheck.mistakes.mistake import Kind
from gradcheck.ops.op import INTEGER_KINDS, Op, registry


@dataclass(frozen=True, slots=True)
class Mutant:
    """A vjp with one mistake.

    Args:
        name: unique and stable: "tanh/sign", "softmax/subtract1-drop-second" (the first subtraction in the rule).
        op: name of the operation.
        mistake: the pattern, one of `gradcheck.faults.fault.MISTAKES`, or "".
        samples: at which samples of the operation it applies.
        make: gives the rule; a fresh one where it remembers earlier calls.
        stateful: whether it does.
    """

    name: str
    op: str
    mistake: Kind | Literal[""]
    samples: tuple[int, ...]
    make: Callable[[], Rule]
    stateful: bool = False

    @property
    def vjp(self) -> Rule:
        """The mutated rule, ``vjp(m, g, y, *xs, **attributes)``, as if it had never been called."""
        return self.make()


class Mutants(Mapping[str, Mutant]):
    """The catalogue by name, made an operation at a time when it is asked for."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, Mutant]] = {}

    def of(self, op: str) -> Mapping[str, Mutant]:
        """Return the mutants of an operation."""
        if op not in self._of:
            made = _merged(registry[op])
            self._of[op] = {m.name: m for m in made}
        return self._of[op]

    def __getitem__(self, name: str) -> Mutant:
        op = name.partition("/")[0]
        if op not in registry or name not in self.of(op):
            raise UnknownName("mutant", name, self.of(op) if op in registry else registry)
        return self.of(op)[name]

    def __iter__(self) -> Iterator[str]:
        return (name for op in registry for name in self.of(op))

    def __len__(self) -> int:
        return sum(len(self.of(op)) for op in registry)


mutants = Mutants()


def _merged(op: Op) -> list[Mutant]:
    """Return the mutants over all samples, each with the samples at which it applies."""
    found: dict[str, tuple[Entry, list[int]]] = {}
    for number in range(len(op.samples)):
        stage = Stage(op, number)
        for entry in (*slips_at(stage), *changes_at(stage)):
            found.setdefault(entry.name, (entry, []))[1].append(number)
    return [Mutant(f"{op.name}/{e.name}", op.name, e.mistake, tuple(n), e.make, e.stateful) for e, n in found.values()]


@dataclass(frozen=True, slots=True)
class Entry:
    """A mistake that can be made in a rule at a stage.

    Args:
        name: unique.
        mistake: the pattern, if it is one.
        make: maker of the wrong rule.
        words: what it does wrong.
        is_slip: whether it is in what the rule is given or hands back: those have words that everybody knows.
        stateful: whether the rule has a memory.
    """

    name: str
    mistake: Kind | Literal[""]
    make: Callable[[], Rule]
    words: str
    is_slip: bool = True
    stateful: bool = False


def slips_at(stage: Stage) -> Iterator[Entry]:
    """Yield the mistakes in what the rule is given or hands back at a stage."""
    op, real = stage.op, [k for k, is_real in enumerate(stage.real) if is_real]
    for k in real:
        suffix, operand = (f"-{k}", k) if len(real) > 1 else ("", None)
        for slip in SLIPS:
            if slip.fits(stage.shapes[k], stage.shape):
                yield Entry(slip.name + suffix, slip.mistake, partial(slipped, op, slip, k), words_of_slip(slip.name, operand))
    for i, j in pairs(real):
        if stage.shapes[i] == stage.shapes[j]:
            words = f"swaps the contributions to operands {i} and {j}"
            yield Entry(f"swap-{i}-{j}", "swapped inputs", partial(swapped, op, i, j), words, is_slip=False)
    yield Entry("cotangent-ignored", "cotangent ignored", partial(ignoring, op), words_of_slip("cotangent-ignored"))
    yield Entry("cotangent-twice", "cotangent used twice", partial(twice, op), words_of_slip("cotangent-twice"))
    yield Entry("stale", "", partial(stale, op), "uses the values of an earlier call (stale)", is_slip=False, stateful=True)


def changes_at(stage: Stage, table: Mapping[str, tuple[Change, ...]] = CHANGES) -> Iterator[Entry]:
    """Yield the changes of every call that the rule makes at a stage, where they give gradients at all."""
    rng = np.random.default_rng(stage.number)
    xs = stage.inputs(rng)
    g, y = np.asarray(rng.normal(size=stage.shape)), stage.value(*xs)
    counting = Altered(stage.m)
    _run(stage, counting, g, y, xs)
    for primitive, count in counting.calls.items():
        for number in range(1, count + 1):
            for change in table.get(primitive, ()):
                site = Site(primitive, number)
                if _applies(stage, site, change, g, y, xs):
                    name, words = f"{primitive}{number}-{change.name}", words_of_change(site, change.name)
                    yield Entry(name, change.mistake, partial(_altered, stage.op, site, change), words, is_slip=False)


def _run(stage: Stage, m: Altered, g: Array, y: Array, xs: Inputs) -> tuple[Any, ...]:
    with np.errstate(all="ignore"):
        return run(m, stage.op.vjp, g, y, xs, stage.attributes, stage.real)


def _applies(stage: Stage, site: Site, change: Change, g: Array, y: Array, xs: Inputs) -> bool:
    """Answer whether a change happens at a site and the rule still gives gradients; of a wrong shape where a sum is missing."""
    m = Altered(stage.m, site, change)
    try:
        found = _run(stage, m, g, y, xs)
    except (ValueError, IndexError, TypeError):  # what does not fit any more would be noticed at once
        return False
    fitting = all(v is None or tuple(np.shape(v)) == s for v, s in zip(found, stage.shapes, strict=True))
    return m.changed and (fitting or change.name == "left-out")


def _altered(op: Op, site: Site, change: Change) -> Rule:
    return altered(op.vjp, site, change, lambda n: tuple(kind not in INTEGER_KINDS for kind in op.kinds(n)))


def primed(mutant: Mutant) -> Rule:
    """Return a mutant's rule that has been called once before, at other operands: what a proof has to be about."""
    op = registry[mutant.op]

    def rule(m: Arithmetic, g: Array, y: Array, *xs: Array, **attributes: Any) -> tuple[Array | None, ...]:
        vjp, kinds = mutant.vjp, op.kinds(len(xs))
        earlier = [_other(m, x, kind) for x, kind in zip(xs, kinds, strict=True)]
        vjp(m, g, op.value(m, *earlier, **attributes), *earlier, **attributes)
        return vjp(m, g, y, *xs, **attributes)

    return rule if mutant.stateful else mutant.vjp


def _other(m: Arithmetic, x: Array, kind: str) -> Array:
    """Return another operand of a kind, in which the order of the entries is the other way round."""
    if kind in INTEGER_KINDS:
        return x
    return 1 / (1 + x) if kind == "positive" else 1 - x if kind == "probability" else -x / 2 + m.constant(1) / 16


def case(mutant: Mutant, number: int | None = None) -> Fault:
    """Return a mutant as a case of the exam: functions of float64 arrays at one of the operation's samples.

    f and the rules run over object arrays too where the operation's code over `Floating` does, but for operations that
    scatter. The trigger is the first of some draws, ordinary ones before special ones, at which the mutant differs, on no
    kink if there is such a one.

    Args:
        mutant: what is wrong.
        number: which sample; unless given, the one at which an ordinary draw differs and has the most entries.
    """
    op = registry[mutant.op]
    stage = Stage(op, telling(mutant) if number is None else number)

    def trigger(rng: np.random.Generator) -> Inputs:
        return _differing(stage, mutant, rng)[0]

    return Fault(
        name=mutant.name, title=f"the vjp of {op.name}: {mutant.name.partition('/')[2]}", operation=op.doc, fault_class="mutant",
        source=f"sample {stage.number}", f=stage.value, right=partial(stage.pull, op.vjp), wrong=partial(stage.pull, mutant.vjp),
        ordinary=stage.first if mutant.stateful else stage.inputs, trigger=trigger, mistake=mutant.mistake,
        stateful=(lambda: partial(stage.pull, mutant.vjp)) if mutant.stateful else None,
    )  # fmt: skip


def right_case(op: str, number: int) -> Fault:
    """Return the right rule of an operation as a case, at one of its samples; the trigger has ties, borders and kinks."""
    stage = Stage(registry[op], number)
    return Fault(
        name=f"{op}/right-{number}", title=f"the right vjp of {op}", operation=stage.op.doc, fault_class="mutant",
        source=f"sample {number}", f=stage.value, right=partial(stage.pull, stage.op.vjp), wrong=None, ordinary=stage.inputs,
        trigger=stage.special, kink=stage.op.kinks is not None,
    )  # fmt: skip


def shows(mutant: Mutant) -> bool:
    """Answer whether a mutant differs from the right rule at any of the draws, kinks aside; if not, it is no mistake."""
    return _differing(Stage(registry[mutant.op], telling(mutant)), mutant, np.random.default_rng(0))[1]


def _differing(stage: Stage, mutant: Mutant, rng: np.random.Generator) -> tuple[Inputs, bool]:
    """Return the first draw at which a mutant differs, on no kink if there is such a one, and whether there is."""
    g, vjp = rng.normal(size=stage.shape), mutant.vjp
    if mutant.stateful:
        stage.pull(vjp, g, *stage.first())
    at_kink = None
    for xs in stage.draws(rng):
        if stage.difference(vjp, g, xs) > 1e-6:
            if not stage.at_kink(xs):
                return xs, True
            at_kink = at_kink or xs
    return at_kink or stage.inputs(rng), False


def telling(mutant: Mutant) -> int:
    """Return the sample at which a mutant shows: of those where an ordinary draw differs that with the most entries."""
    op = registry[mutant.op]

    def rank(number: int) -> tuple[bool, int, int]:
        stage = Stage(op, number)
        rng = np.random.default_rng(number)
        xs, g = stage.inputs(rng), rng.normal(size=stage.shape)
        differs = not mutant.stateful and stage.difference(mutant.vjp, g, xs) > 1e-9
        return differs, sum(x.size for x, real in zip(xs, stage.real, strict=True) if real), -number

    return max(mutant.samples, key=rank)
