"""One examination of a derivative at one point: form, looks, rulings, contracts; what was found is kept whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from gradcheck.errors import DerivativeRaised, FunctionFailed, OutOfBudget
from gradcheck.probe.blame.blame import blame, plain, unlocated
from gradcheck.probe.blame.entrywise import bars, outliers, outside
from gradcheck.probe.contracts import contracts
from gradcheck.probe.contracts.form import form
from gradcheck.probe.contracts.statefulness import keeps_forward
from gradcheck.probe.examination import vacuity
from gradcheck.probe.examination.report import Report, limits
from gradcheck.probe.examination.resolution import LEVELS, Seen, resolution
from gradcheck.probe.excuses.excuses import Case, Ruling, rule
from gradcheck.probe.excuses.small import LARGE, Located
from gradcheck.probe.line.line import Line
from gradcheck.probe.line.look import Look, by_differences, exact_look
from gradcheck.probe.slope.instrument import Instrument
from gradcheck.probe.subject.directions import (
    array_scale,
    by_size,
    cotangent,
    off_kinks,
    own_scale,
    relative_cotangent,
    spread,
    together,
)
from gradcheck.probe.subject.margin import MARGIN
from gradcheck.probe.subject.subject import Arrays, Subject, evaluated
from gradcheck.probe.subject.vector import Vector
from gradcheck.result.finding import Finding

Floats = npt.NDArray[np.float64]
Cotangents = Callable[[np.random.Generator, Arrays], Vector]

#: Directions through all inputs where the derivative is known exactly: they cost one evaluation each.
EXACT_LOOKS = 6
#: Outputs that differ by more than this in size are looked at relative to their sizes.
WIDE = 1e4
#: A mismatch is looked for again on the same line shortened by this (the same sides of kinks, other places), then along fresh ones.
SHORTER = 0.77


@dataclass(slots=True)
class Examination:
    """One check under way: what was looked at and found so far is kept whatever happens next."""

    subject: Subject
    seed: int
    accuracy: float | None = None
    findings: list[Finding] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    lines: list[tuple[Line, Ruling]] = field(default_factory=list)
    arithmetic: str = "differences"
    noise_of_gradient: tuple[Floats, ...] = ()
    locating: bool = True
    cotangents: Cotangents = cotangent
    instrument: Instrument | None = None
    answered: bool = False
    undeclared: set[int] = field(default_factory=set)
    bars: list[Floats] = field(default_factory=list)  # of each entry, where each was compared with a certified one

    def run(self) -> None:
        """Do everything; end early where the budget or the numbers say so."""
        try:
            self._examine(evaluated(self.subject))
        except OutOfBudget as reason:
            self.reasons.append(str(reason))
        except DerivativeRaised as error:
            if not self.answered or self.subject.owner != "numpy":  # elsewhere f runs inside of it
                raise
            self.findings.append(Finding("fault", f"{error}, after it had answered at the given inputs", direction="gradient"))
        except FunctionFailed as error:
            if not self.subject.hessian or self.subject.owner == "numpy":
                raise
            self.reasons.append(str(error))  # f may have no second derivative: what was found of the first stands

    def _examine(self, base: Arrays) -> None:
        rng = np.random.default_rng([self.seed, 0])
        if not Vector.of(self.subject.point).finite:
            self.reasons.append("the inputs are not finite")
            return
        if not Vector.of(base).finite:
            self.reasons.append("f is not finite at the given inputs")
            return
        self.remarks += limits(self.subject)
        gs = cotangent(rng, base)
        if keeps_forward(self.subject, base, gs):
            self.subject.fresh = True
            self.remarks.append("the derivative uses what the last evaluation of f left: f is evaluated before each derivative")
        if not self.well_formed(base, gs):
            return
        if not contracts.repeats(self.subject, base):
            self.remarks.append("f differs from call to call: its noise is measured")
        self.instrument = instrument = Instrument(self.subject, base)
        instrument.try_better(own_scale(rng, self.subject.point))
        self.arithmetic = instrument.label
        if instrument.unrecorded and not instrument.exact:
            self.remarks.append(f"no run could be recorded: {instrument.unrecorded}")
        self._look_around(instrument, rng)
        if not self.findings:
            scalar = len(base) == 1 and base[0].size == 1
            self.findings += outside(instrument, Vector.of([np.ones(base[0].shape)]) if scalar else cotangent(rng, base), self.accuracy)
        self.noise_of_gradient = instrument.deviation(gs)
        self._contracts(instrument, rng)
        self._vacuity()

    def _contracts(self, instrument: Instrument, rng: np.random.Generator) -> None:
        """Ask whether the derivative keeps its rules, beside having the right values."""
        told = [abs(f.got - f.expected) / max(abs(f.got), abs(f.expected)) for f in self.findings if f.severity == "accuracy" and f.got != f.expected]
        accuracy = max([self.accuracy or 0.0, *(min(x, LARGE) for x in told)])  # who agrees to some digits keeps the rules to as many
        self.findings += contracts.rules(self.subject, instrument, rng, accuracy)
        self.findings += contracts.adjoint(self.subject, instrument, rng, accuracy)
        if self.subject.hessian:
            self.findings += contracts.symmetric(instrument, rng, accuracy)
        elif not self.faults and not self.subject.fresh:
            self.findings += contracts.crossed(self.subject, instrument, rng, accuracy)

    @property
    def faults(self) -> list[Finding]:
        """What is wrong."""
        return [f for f in self.findings if f.severity == "fault"]

    def well_formed(self, base: Arrays, gs: Vector) -> bool:
        """Look at the form of the gradients: shapes, formats, finite numbers; raise `FunctionFailed` where there are none."""
        found = form(self.subject, base, gs)
        self.findings += found.findings
        self.reasons += found.reasons
        self.remarks += found.remarks
        self.undeclared |= found.undeclared
        self.answered = True
        if not sum(x.size for x in self.subject.point):
            self.reasons.append("the inputs are empty: nothing was checked")
        return not self.findings and not self.reasons

    # -- looks ------------------------------------------------------------------------------------

    def _look_around(self, instrument: Instrument, rng: np.random.Generator) -> None:
        """Look along directions through all inputs and along one for each, until a mismatch is confirmed."""
        if instrument.exact and self._look_exactly(instrument, rng):
            return
        kinked = False
        for gs, ts in self._questions(instrument, rng):
            ruling = self.ruling_along(instrument, gs, ts, rng)
            if ruling.verdict in ("wrong", "beside", "undecided"):
                return
            if ruling.excuse in ("kink", "hull") and not kinked:
                kinked = True
                off = off_kinks(own_scale(rng, self.subject.point), self.subject.point)
                if off.largest and self.ruling_along(instrument, cotangent(rng, instrument.base), off, rng).verdict in ("wrong", "beside", "undecided"):
                    return

    def _questions(self, instrument: Instrument, rng: np.random.Generator) -> Iterator[tuple[Vector, Vector]]:
        """Yield cotangents and directions of lines; one line where the derivative at the point is known exactly: it looks beside it."""
        point, base = self.subject.point, instrument.base
        yield cotangent(rng, base), own_scale(rng, point)
        if instrument.exact:
            return
        yield (relative_cotangent if spread(base) > WIDE else cotangent)(rng, base), array_scale(rng, point)
        yield cotangent(rng, base), together(point)  # ties move together: no kink lies along it
        for k in range(len(point) if len(point) > 1 else 0):
            if point[k].size:
                yield cotangent(rng, base), own_scale(rng, point).only(k)

    def _look_exactly(self, instrument: Instrument, rng: np.random.Generator) -> bool:
        """Compare with the exact derivative along directions, and by entries or their sizes; return True after a confirmed mismatch."""
        point, base = self.subject.point, instrument.base
        ways = [(own_scale if k % 2 == 0 else array_scale)(rng, point) for k in range(EXACT_LOOKS)]
        ways += [together(point), *(own_scale(rng, point).only(k) for k in range(len(point) if len(point) > 1 else 0))]
        for ts in ways:
            if self._is_wrong_exactly(instrument, cotangent(rng, base), ts, None, rng):
                return True
        gs = cotangent(rng, base)
        v = instrument.gradients(gs)
        allowed = bars(instrument, gs, v)
        self.bars = allowed or []
        ts = own_scale(rng, point)
        parts = outliers(instrument, gs, v, allowed) if allowed is not None else (ts.times(part) for part in by_size(v.times(ts)))
        return any(self._is_wrong_exactly(instrument, gs, way, v, rng) for way in parts)

    def _is_wrong_exactly(self, instrument: Instrument, gs: Vector, ts: Vector, v: Vector | None, rng: np.random.Generator) -> bool | None:
        """Compare along one direction; return True after a mismatch that another cotangent shows too, None where the slope is not known exactly."""
        found = exact_look(instrument, gs, ts, instrument.gradients(gs) if v is None else v)
        if found is None:
            return None
        self.seen.append((ts, found.gradients, found.error))
        if not found.wrong or self._is_within_accuracy(found):
            return False
        moving = [t != 0 for t in ts]
        for _ in range(2):
            fresh = self.cotangents(rng, instrument.base)
            again = exact_look(instrument, fresh, own_scale(rng, self.subject.point).times(moving), instrument.gradients(fresh))
            if again is not None and again.wrong:
                self._blame(instrument, found, Line(instrument, gs, ts, found.gradients).descend())
                return True
        self._unconfirmed(abs(found.value) / max(found.size, found.gradients.times(ts).total, 5e-324))
        return False

    def _unconfirmed(self, share: float) -> None:
        """Keep that a mismatch was not found again: of a size that tolerances have it is a remark."""
        text = f"a mismatch of {share:.2g} did not persist in a fresh direction"
        (self.remarks if share < LARGE else self.reasons).append(text)

    def _is_within_accuracy(self, look: Look) -> bool:
        """Answer whether a difference is below the declared accuracy."""
        return self.accuracy is not None and abs(look.value) <= self.accuracy * look.gradients.times(look.ts).total

    def is_wrong_along(self, instrument: Instrument, gs: Vector, ts: Vector, rng: np.random.Generator) -> bool:
        """Look once, exactly where f allows it; return True after a confirmed mismatch."""
        found = self._is_wrong_exactly(instrument, gs, ts, None, rng) if instrument.exact else None
        return self.ruling_along(instrument, gs, ts, rng).verdict in ("wrong", "beside") if found is None else found

    def ruling_along(self, instrument: Instrument, gs: Vector, ts: Vector, rng: np.random.Generator) -> Ruling:
        """Return what a line comes to; what was confirmed is among the findings, what was not among the reasons."""
        line = Line(instrument, gs, ts).descend()
        ruling = rule(Case(line, self.accuracy))
        self.lines.append((line, ruling))
        if line.known("around") and gs.norm:
            instrument.shown = min(instrument.shown, line.best("around").around.least / gs.norm)
        if ruling.verdict in ("wrong", "beside"):
            if not self._is_found_again(instrument, line, rng):
                self._unconfirmed(line.mismatch[0] / line.size)
                return replace(ruling, verdict="right" if line.mismatch[0] < LARGE * line.size else "undecided")
            self._blame(instrument, by_differences(line), line, beside=ruling.verdict == "beside")
        elif ruling.verdict == "undecided":
            self.reasons.append(ruling.text)
        elif ruling.text and ruling.verdict == "right":
            self.remarks.append(f"{ruling.text} ({ruling.excuse})" if ruling.excuse not in ("kink", "hull") else ruling.text)
        return ruling

    def _is_found_again(self, instrument: Instrument, line: Line, rng: np.random.Generator) -> bool:
        """Answer whether a mismatch is there for another cotangent too: on the line shortened, from the same sides of kinks, or along a fresh one."""
        moving = [t != 0 for t in line.ts]
        sides = line.ts.times([np.where(rng.random(t.shape) < 0.5, 1.0, SHORTER) for t in line.ts])
        for ts in (line.ts.times(SHORTER), sides, own_scale(rng, self.subject.point).times(moving)):
            ruling = rule(Case(Line(instrument, self.cotangents(rng, instrument.base), ts).descend(), self.accuracy))
            if ruling.verdict in ("wrong", "beside"):
                return True
        return False

    def _blame(self, instrument: Instrument, look: Look, line: Line, beside: bool = False) -> None:
        """Keep a finding for each input whose gradient is wrong, at the point, or beside it where the point itself is right."""
        here = look.certified or (line.kink() is not None and not beside) or line.off("alone") or line.off("at") or not line.off("around")
        place = None if here else _beside(instrument, line)
        if not here and (place is None or not place[1].wrong):  # nothing is seen better there than around
            around = line.best("around")
            look = replace(look, value=around.around.value, error=line.bar(around, "around"), sides=None)
            self.findings.append(Located(unlocated(instrument, look)).weighed(line, 0.0))
            return
        if place is not None:
            instrument, look = place
        look = plain(instrument, look)
        rounding = instrument.largest_rounding(look.gs, look.gradients)
        located = blame(instrument, look, self.locating, {self.subject.paths[k] for k in self.undeclared})
        found = [x.finding if look.certified else x.weighed(line, rounding, look.exact) for x in located]
        if place is not None:
            shown = (np.array2string(x, precision=17, threshold=8) for x in instrument.subject.point)
            where = ", ".join(f"{path} = {x}" for path, x in zip(self.subject.paths, shown, strict=True))
            found = [replace(f, message=f"right at the given inputs, wrong beside them: {f.message} (at {where})") for f in found]
        self.findings += found

    # -- what it comes to -------------------------------------------------------------------------

    def _vacuity(self) -> None:
        """Say what was left undecided, and along which inputs nothing was checked."""
        if self.faults or self.reasons:
            return
        dead, blind = vacuity.unmoved(self.subject, self.lines, self.undeclared), [] if self.seen else vacuity.unseen(self.subject, self.lines)
        where = self.remarks if self.subject.hessian or len(dead) < len(self.subject.point) else self.reasons
        where += dead
        self.reasons += blind

    def _errors_seen(self) -> tuple[tuple[Floats, ...], float]:
        """Return the smallest relative error of each entry that was looked for, and the smallest absolute one where the gradient is zero."""
        lines = [(line.ts, line.gradients, line.resolution * line.size / MARGIN) for line, r in self.lines if r.verdict == "right"]
        return resolution([*self.seen, *lines], self.noise_of_gradient, self.bars)

    def report(self, seconds: float) -> Report:
        """Return what was found."""
        verdict = "fail" if self.faults else "inconclusive" if self.reasons else "pass"
        found, absolute = self._errors_seen()
        flat = Vector.of(found).flat
        flat = flat[~np.isnan(flat)]
        relative = float(np.max(flat, initial=0.0)) if found else np.inf
        looks = len(self.seen) + sum(r.verdict == "right" for _, r in self.lines)
        evidence = f"{looks} fresh directions, {self.arithmetic}"
        if self.accuracy is not None:
            evidence += f", relative differences up to the declared {self.accuracy:g} accepted"
        findings = tuple(sorted(self.findings, key=lambda f: f.severity != "fault"))
        return Report(
            verdict, evidence, findings, tuple(dict.fromkeys(self.reasons)), relative, absolute,  # type: ignore[arg-type]  # one of three
            self.subject.meter.evaluations, self.arithmetic, self.seed, self.accuracy, seconds, tuple(dict.fromkeys(self.remarks)),
            shares=tuple((level, float(np.mean(flat <= level))) for level in LEVELS) if flat.size else (),
        )  # fmt: skip


def _beside(instrument: Instrument, line: Line) -> tuple[Instrument, Look] | None:
    """Return an instrument and a look at the end of the table that shows a mismatch around the point; None where f is not defined there."""
    table = line.best("around")
    end = table.h if abs(table.mismatch[-1]) >= abs(table.mismatch[0]) else -table.h
    there = replace(instrument.subject, point=line.ts.beside(instrument.subject.point, end))
    base = instrument.values(there.point)
    if not Vector.of(base).finite:
        return None
    other = Instrument(there, base, instrument.noise)
    return other, by_differences(Line(other, line.gs, line.ts).descend())
