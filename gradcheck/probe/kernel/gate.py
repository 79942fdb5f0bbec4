"""The verdict on a kernel: the narrowest model of rounding that its numbers are consistent with, or the mistake in it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gradcheck.arith.storage import nearest, storage
from gradcheck.errors import FunctionFailed
from gradcheck.mistakes.mistake import Mistake
from gradcheck.probe.examination.kernel import ArrayEvidence, KernelEvidence
from gradcheck.probe.examination.report import Report
from gradcheck.probe.kernel.call import Answer, Kernel
from gradcheck.probe.kernel.consistency import Consistency, consistency, noise_of
from gradcheck.probe.kernel.contracts import broken
from gradcheck.probe.kernel.naming import Named, lost, named
from gradcheck.probe.kernel.reference import Reference
from gradcheck.probe.kernel.rounding import Model, Rounding, sentence
from gradcheck.probe.kernel.simulation import Target, roughness
from gradcheck.result.finding import Finding

Floats = npt.NDArray[np.float64]

#: Deviations beyond the limit of a fault that is seen all but always: one in 10^9 falls short of them.
MORE = 6.0
#: How far the second point is from the first, relatively: every rounding is another one, and hardly anything else.
NEARBY = 2.0**-4


@dataclass(frozen=True, slots=True)
class _At:
    """A kernel's answer at a point."""

    xs: Sequence[Floats]
    gs: Sequence[Floats]
    answer: Answer
    reference: Reference


def gate(kernel: Kernel, names: Sequence[str], rounding: Rounding, seed: int) -> Report:
    """Return the report on a kernel.

    Args:
        kernel: with its reference.
        names: of its inputs that are differentiated, for readers.
        rounding: what its author declares.
        seed: of cotangents and imitated runs.
    """
    start = time.perf_counter()
    here = _at(kernel, kernel.point, seed)
    stored = min((*kernel.formats, *here.answer.formats), key=lambda f: storage(f).bits)
    contracts = list(broken(kernel, here.xs, here.gs, here.answer))
    told = [Finding("fault" if b.fault else "note", b.message, mistake=b.mistake) for b in contracts]
    models = rounding.models(stored)
    found = []
    for model in models:
        found.append(consistency(here.reference, model, here.xs, here.gs, here.answer, seed))
        if found[-1].consistent:
            break
    labels = [*_results(here.answer), *(f"gradient of {n}" for n in names)]
    return _Decision(kernel, here, labels, stored, rounding, seed, found, told, start).report()


def _at(kernel: Kernel, xs: Sequence[Floats], seed: int) -> _At:
    """Return the kernel's answer; raise `FunctionFailed` where it has another form than its reference's."""
    rng = np.random.default_rng([seed, 7])
    gs = [nearest(rng.normal(size=shape), storage(f)) for f, shape in kernel.results]
    answer, reference = kernel.answer(xs, gs), kernel.reference(xs, gs)
    shapes, expected = [y.shape for y in answer.results], [reference.graph.shapes[k] for k in reference.graph.outputs]
    if shapes != expected:
        raise FunctionFailed(f"expected results of the reference's shapes {expected}; got {shapes}")
    for path, x, v in zip(kernel.paths, xs, answer.gradients, strict=True):
        if v is not None and v.shape != x.shape:
            raise FunctionFailed(f"expected a gradient of {path} of shape {x.shape}; got {v.shape}")
    return _At(xs, gs, answer, reference)


def _results(answer: Answer) -> list[str]:
    return ["result"] if len(answer.results) == 1 else [f"result {k}" for k in range(len(answer.results))]


@dataclass(slots=True)
class _Decision:
    """Comes to the verdict."""

    kernel: Kernel
    here: _At
    labels: Sequence[str]
    stored: str
    rounding: Rounding
    seed: int
    found: list[Consistency]
    told: list[Finding]
    start: float

    def report(self) -> Report:
        """Return the report."""
        best = self.found[-1]
        faults = [f for f in self.told if f.severity == "fault"]
        if best.consistent:
            verdict = "fail" if faults else "inconclusive" if (open_ := self._open(best)) else "pass"
            return self._made(best, verdict, self._evidence(best), () if faults or verdict == "pass" else open_)
        first = self.found[0]
        if (mild := next((f for f in self.found if f.mild), None)) is not None:
            return self._elsewhere(mild, faults)
        refuted = [f for f in self.found if f.refuted and (f is first or f.model.stores.operands is None)]  # wide cells make anything plausible
        name = next((n for f in refuted if (n := named(f, self.here.reference, self.here.xs, self.here.gs)) is not None), None)
        if name is not None:
            return self._failed(first, name, "no model of rounding gives these numbers, and a mistake does")
        eager = self._under(Rounding("every").models(self.stored)[0]) if self._is_open else None
        as_eager = eager is not None and eager.consistent
        if (inner := self._rougher(first)) is not None and not (as_eager and eager is not None and eager.rough):
            return self._failed(first, inner, "consistent with more rounding inside than is declared")
        if as_eager and eager is not None:
            return self._made(eager, "fail" if faults else "inconclusive", self._evidence(eager), (self._only_eager(eager),))
        self.found += [eager] if eager is not None else []
        if all(f.refuted for f in self.found):
            return self._failed(first, None, "some numbers are none that rounding can give, under any model")
        return self._once_more(first)

    @property
    def _is_open(self) -> bool:
        """Whether more may be rounded in the backward pass than the models know: nobody said what is, or how it reads a stored result."""
        return self.rounding.rounds == "auto" or (self.rounding.rounds in ("saved", "products") and self.here.reference.backward is None)

    def _under(self, model: Model) -> Consistency:
        return consistency(self.here.reference, model, self.here.xs, self.here.gs, self.here.answer, self.seed)

    def _rougher(self, first: Consistency) -> Named | None:
        """Return what is rounded inside beyond the narrowest model: sums, or one intermediate result; None for neither."""
        low = self._under(first.model.accumulating(self.stored)) if self.rounding.accumulate == "auto" else None
        if low is None or not (low.consistent and low.rough):
            return lost(first, self.here.reference, self.here.gs)
        array = next((k for k, c in enumerate(first.cells) if c.outside.any()), first.off[0].array if first.off else 0)
        return Named(array, Mistake("lost digits", detail=f"sums are added up in {self.stored}"))

    def _nearby(self) -> _At:
        """Return the kernel's answer at a second point."""
        rng = np.random.default_rng([self.seed, 8])
        near = [nearest(x * (1 + rng.uniform(-NEARBY, NEARBY, x.shape)), storage(f)) for x, f in zip(self.here.xs, self.kernel.formats, strict=True)]
        return _at(self.kernel, near, self.seed + 1)

    def _elsewhere(self, mild: Consistency, faults: Sequence[Finding]) -> Report:
        """Return the verdict where single numbers are unusual, though possible: right if none is so at another point."""
        other = self._nearby()
        again = consistency(other.reference, mild.model, other.xs, other.gs, other.answer, self.seed + 1)
        open_ = self._open(mild) if again.consistent else ("single numbers are unusual, though possible, at two points",)
        return self._made(mild, "fail" if faults else "inconclusive" if open_ else "pass", self._evidence(mild), () if faults else open_)

    def _once_more(self, first: Consistency) -> Report:
        """Return the verdict on what is off by statistics: a fault if it is off along the same direction at another point."""
        other = self._nearby()
        off = {(x.array, x.kind) for x in first.off if x.kind != "entries"}  # single numbers that are unusual prove nothing
        for before in self.found:
            again = consistency(other.reference, before.model, other.xs, other.gs, other.answer, self.seed + 1)
            if not (again.refuted or off & {(x.array, x.kind) for x in again.off}):
                return self._made(before, "inconclusive", self._evidence(before), ("off beyond what rounding usually does, and not so at a second point",))
        name = named(first, self.here.reference, self.here.xs, self.here.gs)
        return self._failed(first, name, "off along a direction beyond what is usual, at two points")

    def _failed(self, found: Consistency, name: Named | None, evidence: str) -> Report:
        told = [*self._wrong(found, name), *self.told]
        return self._made(found, "fail", f"{evidence} (inputs and results as {self.stored})", (), told)

    def _wrong(self, found: Consistency, name: Named | None) -> list[Finding]:
        """Return a fault for each array that is wrong, the one with the mistake first."""
        arrays = [k for k, c in enumerate(found.cells) if c.outside.any()] or [x.array for x in found.off[:1]]
        if name is not None:
            arrays = sorted(arrays, key=lambda k: k != name.array)
        return [self._fault(found, k, name.mistake if name is not None and name.array == k else None) for k in dict.fromkeys(arrays)]

    def _fault(self, found: Consistency, k: int, mistake: Mistake | None) -> Finding:
        c = found.cells[k]
        outside = c.outside
        with np.errstate(invalid="ignore"):
            away = np.where(outside if outside.any() else c.judged, np.abs(c.got - c.exact), -1.0)
        index = np.unravel_index(int(np.argmax(away)), c.got.shape) if c.got.ndim else ()
        place = tuple(int(i) for i in index)
        low, high = (float(x[place]) for x in c.ends)
        may = f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"
        off = next((x for x in found.off if x.array == k), None)
        most = f"{int(outside.sum()):,} of {c.got.size:,} entries are none that rounding can give" if outside.any() else (
            f"off along {off.kind} {off.place}: {off.size:.2g}, {off.deviations:.0f} deviations" if off is not None else "off"
        )  # fmt: skip
        message = f"{self.labels[k]}: {mistake or most}; at {list(place)} got {float(c.got[place]):.6g}, expected {may}"
        return Finding(
            "fault", message, direction="value" if k < len(self.here.answer.results) else "gradient", index=place, got=float(c.got[place]),
            expected=float(c.exact[place]), bound=float(c.error[place]), ratio=c.worst, diagnosis=str(mistake or most), mistake=mistake,
        )  # fmt: skip

    def _open(self, found: Consistency) -> tuple[str, ...]:
        """Return what keeps consistent numbers from being a pass."""
        count = len(self.here.answer.results)
        out = []
        for k, (label, c) in enumerate(zip(self.labels, found.cells, strict=True)):
            given = k < count or self.here.answer.gradients[k - count] is not None
            if given and not c.judged.all():
                out.append(f"{label}: {int((~c.judged).sum()):,} entries have no finite bound")
            elif k >= count and given and c.exact.size and not c.exact.any():
                out.append(f"{label}: it is zero at these inputs; give others, at which it is not")
        return tuple(out)

    def _only_eager(self, eager: Consistency) -> str:
        most = max((e.seen for e in self._arrays(eager)), default=0.0)
        return (
            f"consistent only with {sentence(eager.model, self.stored)}, where a factor of 1 + {most:.1g} would not be seen; say "
            'Rounding("every") if the kernel is eager code, or give reference_vjp= if its backward pass reads a stored result'
        )

    def _evidence(self, found: Consistency) -> str:
        return f"consistent with {sentence(found.model, self.stored)}"

    def _made(self, found: Consistency, verdict: str, evidence: str, reasons: Sequence[str], findings: Sequence[Finding] | None = None) -> Report:
        arrays = self._arrays(found)
        gradients = [a.seen_row for a in arrays if a.name.startswith("gradient")]
        gradients_of = zip(self.labels[len(self.here.answer.results) :], self.here.answer.gradients, strict=True)
        unseen = [f"the {label} is not given: not checked" for label, v in gradients_of if v is None]
        return Report(
            verdict, evidence, tuple(self.told if findings is None else findings), tuple(reasons), max(gradients, default=np.inf),  # type: ignore[arg-type]
            evaluations=2, arithmetic="reference", seed=self.seed, seconds=time.perf_counter() - self.start, remarks=tuple(unseen),
            kernel=KernelEvidence(found.model.name, self.stored, self._accumulator(found), arrays),
        )  # fmt: skip

    def _accumulator(self, found: Consistency) -> str:
        """Return what the sums were added up in, as far as the numbers tell."""
        if not found.consistent or self.rounding.accumulate != "auto":
            return ""
        targets = [Target(c.exact, self.stored) for c in found.cells]
        low = roughness(self.here.reference, found.model.accumulating(self.stored), self.here.gs, self.here.answer.results, targets, self.seed)
        finer = [noise_of(c, square) / noise for c, square, noise in zip(found.cells, low, found.noise, strict=True) if noise > 0]
        return "" if not finer or min(finer) > 0.5 else f"float32; sums in {self.stored} would be {1 / min(finer):.0f} times as rough"

    def _arrays(self, found: Consistency) -> tuple[ArrayEvidence, ...]:
        count, made = len(self.here.answer.results), []
        for k, (label, c, u) in enumerate(zip(self.labels, found.cells, found.usual, strict=True)):
            if k >= count and self.here.answer.gradients[k - count] is None:
                continue
            usual = {x.name: d for x, d in zip(u.classes, u.deviations, strict=True)}
            low, high = (float(x) for x in c.room(c.exact))
            rigorous = max(abs(low), abs(high))
            typical = (u.beyond + MORE) * float(usual["factor"][0]) if "factor" in usual and usual["factor"][0] else np.inf
            rows = c.room(c.exact, (-1,)) if c.exact.ndim > 1 else (np.asarray(low), np.asarray(high))
            widest = float(np.max(np.fmax(np.abs(rows[0]), np.abs(rows[1])), where=np.isfinite(rows[0]) & np.isfinite(rows[1]), initial=0.0))
            bias = next((float(x.project(c.got - c.exact)[0]) for x in u.classes if x.name == "bias away from zero"), 0.0)
            made.append(ArrayEvidence(label, c.worst, c.fixed, (low, high), min(rigorous, typical), widest, bias, found.noise[k]))
        return tuple(made)
