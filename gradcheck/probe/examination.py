"""One examination of a derivative at one point: looks, contracts, vacuity; what was found is kept whatever happens."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from gradcheck.errors import FunctionFailed, OutOfBudget
from gradcheck.probe import contracts
from gradcheck.probe.blame import blame, plain, unlocated
from gradcheck.probe.directions import (
    array_scale,
    by_size,
    cotangent,
    off_kinks,
    only,
    own_scale,
    relative_cotangent,
    spread,
    together,
)
from gradcheck.probe.entrywise import bars, outliers, outside
from gradcheck.probe.form import form
from gradcheck.probe.kink import BESIDE, OUTSIDE, branches, convention
from gradcheck.probe.look import MARGIN, Look
from gradcheck.probe.meter import Instrument, vary
from gradcheck.probe.quotient import FIRST_STEP, LEVELS, SHRINK, moved, norm
from gradcheck.probe.report import Report
from gradcheck.probe.resolution import resolution
from gradcheck.probe.scales import agrees_at_finer_steps, jumps
from gradcheck.probe.staircase import cancelled
from gradcheck.probe.statefulness import keeps_forward
from gradcheck.probe.subject import Arrays, Subject, evaluated
from gradcheck.probe.vacuity import unmoved, unseen
from gradcheck.verdict.finding import Finding

Floats = npt.NDArray[np.float64]
Cotangents = Callable[[np.random.Generator, Arrays], list[Floats]]

#: Directions through all inputs at once; each input array gets one of its own besides.
GLOBAL_LOOKS = 2
EXACT_LOOKS = 6
#: A step this small is below what another kink or cut-off is likely to reach.
SMALL_STEP = 2.0**-14
#: Outputs that differ by more than this in size are looked at relative to their sizes.
WIDE = 1e4


@dataclass(slots=True)
class Examination:
    """One check under way: what was looked at and found so far is kept whatever happens next."""

    subject: Subject
    seed: int
    accuracy: float | None = None
    findings: list[Finding] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    arithmetic: str = "differences"
    noise_of_gradient: list[Floats] = field(default_factory=list)
    unconfirmed: int = 0
    meeting: int = 0
    locating: bool = True
    instrument: Instrument | None = None
    vain: bool = False  # smaller steps did not help
    undeclared: set[int] = field(default_factory=set)
    bars: list[Floats] = field(default_factory=list)  # of each entry, where each was compared with a certified one

    def run(self) -> None:
        """Do everything; end early where the budget or the numbers say so."""
        try:
            self._examine(evaluated(self.subject))
        except OutOfBudget as reason:
            self.reasons.append(str(reason))
        except FunctionFailed as error:
            if not self.subject.hessian or self.subject.owner == "numpy":
                raise
            self.reasons.append(str(error))  # f may have no second derivative: what was found of the first stands

    def _examine(self, base: Arrays) -> None:
        rng = np.random.default_rng([self.seed, 0])
        if not all(np.isfinite(np.asarray(x, np.float64)).all() for x in self.subject.point):
            self.reasons.append("the inputs are not finite")
            return
        if not all(np.isfinite(np.asarray(y, np.float64)).all() for y in base):
            self.reasons.append("f is not finite at the given inputs")
            return
        gs = cotangent(rng, base)
        if keeps_forward(self.subject, base, gs):
            self.subject.fresh = True
            self.remarks.append("the derivative uses what the last evaluation of f left: f is evaluated before each derivative")
        if not self.well_formed(base, gs):
            return
        if not vary(self.subject, base, gs):
            self.remarks.append("f differs from call to call: its noise is measured")
        self.instrument = instrument = Instrument(self.subject, base)
        instrument.try_better(own_scale(rng, self.subject.point))
        self.arithmetic = instrument.label
        self._look_around(instrument, rng, base)
        if not self.findings:
            scalar = len(base) == 1 and base[0].size == 1
            self.findings += outside(instrument, [np.ones(base[0].shape)] if scalar else cotangent(rng, base), self.accuracy)
        self.noise_of_gradient = instrument.deviation(gs)
        self.findings += list(contracts.rules(self.subject, instrument, rng))
        self.findings += list(contracts.adjoint(self.subject, instrument, rng))
        if self.subject.hessian:
            self.findings += list(contracts.symmetric(instrument, rng))
        elif not self.findings and not self.subject.fresh:
            self.findings += list(contracts.crossed(self.subject, instrument, rng))
        self._elsewhere(instrument, rng)
        nones = {self.subject.paths[k] for k in self.undeclared}
        self.findings = [_named_none(f) if f.node in nones else f for f in self.findings]
        self._vacuity()

    def well_formed(self, base: Arrays, gs: list[Floats]) -> bool:
        """Look at the form of the gradients: shapes, formats, finite numbers; raise `FunctionFailed` where there are none."""
        found = form(self.subject, base, gs)
        self.findings += found.findings
        self.reasons += found.reasons
        self.remarks += found.remarks
        self.undeclared |= found.undeclared
        return not self.findings and not self.reasons

    def _look_around(self, instrument: Instrument, rng: np.random.Generator, base: Arrays) -> None:
        """Look along directions through all inputs and along one for each; blame a confirmed mismatch."""
        point = self.subject.point
        rounds = EXACT_LOOKS if instrument.exact else GLOBAL_LOOKS
        for k in range(rounds):
            ts = (own_scale if k % 2 == 0 else array_scale)(rng, point)
            if k == 1 and not instrument.exact and spread(base) > WIDE:
                look = instrument.look(relative_cotangent(rng, base), own_scale(rng, point), fresh=True, levels=LEVELS - 1)
                if self.judged(instrument, look, rng, base, relative_cotangent):
                    return
                continue
            if self.judged(instrument, self.sharp(instrument, cotangent(rng, base), ts), rng, base):
                return
        more = [(together(point), LEVELS)]  # ties move together: no kink lies along it
        more += [(only(own_scale(rng, point), k), LEVELS) for k in range(len(point) if len(point) > 1 else 0)]
        more += [(off_kinks(own_scale(rng, point), point), LEVELS - 1)] if any(s.residual.kink for s in self.looks) else []
        for ts, levels in more:
            if self.judged(instrument, self.sharp(instrument, cotangent(rng, base), ts, levels), rng, base):
                return
        if instrument.traced is not None:
            self._look_by_entry(instrument, rng, base)
        elif instrument.exact:
            self._look_by_size(instrument, rng, base)

    def _look_by_entry(self, instrument: Instrument, rng: np.random.Generator, base: Arrays) -> None:
        """Compare every entry with the certified gradient; look along the one that is farthest out of its error bar."""
        gs = cotangent(rng, base)
        v = instrument.gradients(gs)
        allowed = bars(instrument, gs, v)
        if allowed is None:
            self._look_by_size(instrument, rng, base)
            return
        self.bars = allowed
        for ts in outliers(instrument, gs, v, allowed):
            if self.judged(instrument, instrument.look(gs, ts, gradients=v), rng, base):
                return

    def _look_by_size(self, instrument: Instrument, rng: np.random.Generator, base: Arrays) -> None:
        """Look along entries of like contribution, so that tiny ones are not hidden behind large ones."""
        gs, ts = cotangent(rng, base), own_scale(rng, self.subject.point)
        gradients = instrument.gradients(gs)
        for part in by_size([v * t for v, t in zip(gradients, ts, strict=True)]):
            look = instrument.look(gs, [t * on for t, on in zip(ts, part, strict=True)], gradients=gradients)
            if self.judged(instrument, look, rng, base):
                return

    def sharp(self, instrument: Instrument, gs: list[Floats], ts: list[Floats], levels: int = LEVELS) -> Look:
        """Look; where the error bar is poor (a kink or a fast oscillation in reach), look again with small steps."""
        look = instrument.look(gs, ts, levels=levels)
        size = norm([v * t for v, t in zip(look.gradients, ts, strict=True)])
        poor = look.residual.error > 1e-4 * max(size, abs(look.residual.value)) and look.residual.step != 0.0
        if poor and not self.vain and instrument.first > SMALL_STEP and look.residual.error > 2 * instrument.floor(look):
            again = instrument.look(gs, ts, gradients=look.gradients, first=SMALL_STEP, levels=LEVELS - 1)
            if again.residual.error < look.residual.error or again.residual.kink:
                instrument.first = SMALL_STEP
                return again
            self.vain = True
        return look

    def judged(
        self, instrument: Instrument, look: Look, rng: np.random.Generator, base: Arrays, maker: Cotangents = cotangent
    ) -> bool:
        """Keep a look; return True after a mismatch that was confirmed and blamed."""
        self.looks.append(look)
        if look.residual.kink:
            self.remarks.append("a kink at the point: any element of the generalised derivative is accepted")
        if not look.wrong or self._within_accuracy(look):
            return False
        jumped = look.residual.step != 0.0 and jumps(instrument, look)
        if not jumped and look.residual.kink and (place := convention(instrument, look)) != OUTSIDE:
            self.meeting += place == BESIDE
            return False
        if not jumped and look.residual.step != 0.0 and not look.residual.kink and branches(instrument, look, rng, base):
            self.remarks.append("a kink at the point: any element of the generalised derivative is accepted")
            return False
        if (again := instrument.over_steps(look)) is not None:
            self.looks.pop()
            return self.judged(instrument, again, rng, base, maker)
        if jumped:
            self.reasons.append("f jumps at the point: it has no derivative there")
            return False
        persists = self._outside(instrument, look, maker(rng, base)) or self._persists(instrument, look, rng, base, maker)
        if not persists:
            self.unconfirmed += 1
            return False
        look = plain(instrument, look, base)
        self.findings += blame(instrument, look, base) if self.locating else [unlocated(instrument, look)]
        return True

    def _outside(self, instrument: Instrument, look: Look, gs: list[Floats]) -> bool:
        """Answer whether the gradient at a kink is none of those around it for another cotangent either."""
        again = replace(look, gs=gs, gradients=instrument.gradients(gs))
        return look.residual.kink and convention(instrument, again) == OUTSIDE

    def _within_accuracy(self, look: Look) -> bool:
        if self.accuracy is None:
            return False
        size = sum(float(np.sum(np.abs(v * t))) for v, t in zip(look.gradients, look.ts, strict=True))
        return abs(look.residual.value) <= self.accuracy * size

    def _persists(
        self, instrument: Instrument, look: Look, rng: np.random.Generator, base: Arrays, maker: Cotangents
    ) -> bool:
        """Confirm by value at another step, and in a fresh direction over the same inputs."""
        r = look.residual
        if r.step != 0.0:
            again = instrument.look(look.gs, look.ts, gradients=look.gradients, first=r.step * 2)
            other = again.residual
            if abs(other.value - r.value) > MARGIN * (other.error + r.error) and not (other.kink and r.kink):
                return False
            if agrees_at_finer_steps(instrument, look):
                return False
        moving = [t != 0 for t in look.ts]
        for _ in range(2):
            ts = [t * on for t, on in zip(own_scale(rng, self.subject.point), moving, strict=True)]
            if self.sharp(instrument, maker(rng, base), ts).wrong:
                return True
        return False

    def _elsewhere(self, here: Instrument, rng: np.random.Generator) -> None:
        """Look once at another point: a derivative that keeps something of the first one is wrong there."""
        if self.findings or self.reasons:
            return
        there = replace(self.subject, point=moved(self.subject.point, own_scale(rng, self.subject.point), 0.1))
        try:
            base = there.value(there.point)
        except OutOfBudget:
            raise
        except Exception:  # beside the given inputs the domain may end
            return
        if not all(np.isfinite(np.asarray(y, np.float64)).all() for y in base):
            return
        instrument = here.at(there, base)
        if here.traced is not None:
            instrument.try_trace(informative=math.inf)  # nobody asked for this point: what rounding explains there is no fault
        if instrument.first == FIRST_STEP:  # one step less, and that the widest
            instrument.first /= SHRINK
        for _ in range(2):
            look = self.sharp(instrument, cotangent(rng, base), own_scale(rng, there.point), LEVELS - 1)
            if not look.wrong or self._within_accuracy(look) or (look.residual.step and agrees_at_finer_steps(instrument, look)):
                return
        if (again := instrument.over_steps(look)) is not None and not again.wrong:
            return
        self.findings.append(
            Finding("fault", "right at the given inputs, wrong at others: the derivative keeps something of an earlier call, or "
                    "belongs to the given inputs alone (or is off by less than can be seen at the given ones)", direction="gradient")
        )  # fmt: skip

    def _vacuity(self) -> None:
        """Say what was left undecided, and along which inputs nothing was checked."""
        if self.instrument is not None:
            self.looks = [self.instrument.blurred(look) for look in self.looks]
        if self.unconfirmed and not self.findings:
            self.reasons.append("a mismatch did not persist at another step and in a fresh direction")
        if self.instrument is not None and self.instrument.suspected and not self.findings:
            self.reasons.append("the complex step sees a mismatch that differences are too coarse to confirm")
        if not sum(x.size for x in self.subject.point):
            self.reasons.append("the inputs are empty: nothing was checked")
        if self.meeting and not self.findings:
            self.reasons.append("kinks meet at the point: the gradient is near those around it, but not between them")
        if not self.findings and not self.reasons:
            where = self.remarks if self.subject.hessian else self.reasons  # a second derivative may well be zero
            where += unmoved(self.subject, self.looks, self.undeclared)
            self.reasons += unseen(self.subject, self.looks)
        if self.instrument is not None and self.instrument.height:
            (self.reasons or self.remarks).append(cancelled(self.instrument.base, self.instrument.height))

    def report(self, seconds: float) -> Report:
        """Return what was found."""
        faults = [f for f in self.findings if f.severity == "fault"]
        verdict = "fail" if faults else "inconclusive" if self.reasons else "pass"
        relative, absolute = resolution(self.looks, self.noise_of_gradient, self.bars)
        evidence = f"{len(self.looks)} fresh directions, {self.arithmetic}"
        if self.accuracy is not None:
            evidence += f", relative differences up to the declared {self.accuracy:g} accepted"
        findings = tuple(sorted(self.findings, key=lambda f: f.severity != "fault"))
        return Report(
            verdict, evidence, findings, tuple(dict.fromkeys(self.reasons)), relative, absolute,  # type: ignore[arg-type]  # one of three
            self.subject.meter.evaluations, self.arithmetic, self.seed, self.accuracy, seconds, tuple(dict.fromkeys(self.remarks)),
        )  # fmt: skip


def _named_none(finding: Finding) -> Finding:
    """Return a finding on an input whose gradient is None, as that."""
    text = f"gradient of {finding.node} is None, where f depends on it: {finding.message.partition('; ')[0]}"
    return replace(finding, message=text, diagnosis="zero: the gradient is None")
