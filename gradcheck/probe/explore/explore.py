"""Exploration: the user's one ordinary input is varied until something is wrong, or the list or the budget ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np

from gradcheck.errors import FunctionRaised, GradcheckError, OutOfBudget
from gradcheck.probe.contracts import contracts
from gradcheck.probe.contracts.statefulness import keeps_forward
from gradcheck.probe.examination.examination import Examination
from gradcheck.probe.examination.report import Explored
from gradcheck.probe.explore.arguments import Arguments
from gradcheck.probe.explore.cotangents import Maker, cotangents
from gradcheck.probe.explore.cutoffs import cutoffs, slope_of
from gradcheck.probe.explore.domain import Domain, staying
from gradcheck.probe.explore.glance import (
    REFUSED,
    UNDEFINED,
    UNSUPPORTED,
    Refused,
    changed,
    faults_of,
    glance,
    on_kink,
    outputs,
)
from gradcheck.probe.explore.mutation import Arrays, Mutation, floats
from gradcheck.probe.explore.order import SHAPES, VALUES, mixtures, ordered
from gradcheck.probe.explore.outskirts import Outskirts, is_coarse, reachable, usual_sizes
from gradcheck.probe.explore.same import Shaped
from gradcheck.probe.explore.shrink import shrunk
from gradcheck.probe.explore.snippet import Reproduction
from gradcheck.probe.slope.instrument import Instrument
from gradcheck.probe.subject.directions import cotangent
from gradcheck.probe.subject.subject import Subject
from gradcheck.probe.subject.vector import Vector
from gradcheck.result.finding import Finding

Make = Callable[[tuple[object, ...]], Subject]
Progress = Callable[[int, str], None]

#: What is counted beside the reasons of a refusal.
TRIED = "tried"
#: Different faults that are collected before exploration ends.
MOST_FINDINGS = 3
#: Inputs that are still tried after the first fault.
AFTER_FIRST = 60
#: Seconds that one evaluation of f may take at a larger input.
MOST_SECONDS = 0.5
#: Arrays whose cut-offs are searched.
MOST_SCANNED = 3


@dataclass(slots=True)
class Explorer:
    """An exploration under way.

    Args:
        make: arguments -> the subject there.
        arguments: the ordinary ones.
        ordinary: the instrument at the ordinary input.
        seed: of everything that is drawn.
        accuracy: as declared by the user.
        progress: is told the number of inputs tried and the name of the present one.
        reproduction: writes code that repeats a finding.
        domain: of the arguments.
        shapes: whether the derivative answers for every shape that f takes.
    """

    make: Make
    arguments: Arguments
    ordinary: Instrument
    seed: int
    accuracy: float | None = None
    progress: Progress = lambda count, name: None
    reproduction: Reproduction | None = None
    domain: Domain = field(default_factory=Domain)
    shapes: bool = False
    findings: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys((TRIED, REFUSED, UNDEFINED, UNSUPPORTED), 0))
    remarks: list[str] = field(default_factory=list)
    complete: bool = True
    sizes: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    rounding: float = 0.0

    def run(self) -> Explored:
        """Explore; what was found is in `findings` and `remarks`."""
        try:
            self._measure()
            self._aliases()
            self._cotangents()
            self._mutations()
        except OutOfBudget:
            self.complete = False
        c = self.counts
        return Explored(c[TRIED], c[REFUSED], c[UNDEFINED], c[UNSUPPORTED], self.complete)

    def _measure(self) -> None:
        """Measure the time of f, and the size of each gradient, at the ordinary input."""
        subject = self.ordinary.subject
        self.sizes = usual_sizes(self.ordinary, self.arguments.arrays, self.domain, self.seed)
        self.rounding = subject.call_eps * Vector.of(self.ordinary.base).largest
        start = perf_counter()
        subject.value(subject.point)
        self.seconds = perf_counter() - start

    def _mutations(self) -> None:
        rng = np.random.default_rng([self.seed, 3])
        since = 0
        for mutation in self._all(rng):
            faults = sum(f.severity == "fault" for f in self.findings)
            since += bool(faults)
            if faults >= MOST_FINDINGS or since > AFTER_FIRST:
                return
            self._visit(mutation, rng)

    def _all(self, rng: np.random.Generator) -> Iterator[Mutation]:
        """Yield all mutations; those of shapes, where they are worth a remark, at the end and until there is one."""
        arrays, paths = self.arguments.arrays, self.arguments.paths
        themes = (*VALUES, *SHAPES) if self.shapes else VALUES
        yield from ordered(arrays, paths, themes)
        for k in [k for k in floats(arrays) if arrays[k].size][:MOST_SCANNED]:
            yield from cutoffs(k, paths[k], slope_of(self._inside, arrays, k))
        yield from mixtures(arrays, paths, rng, themes)
        for mutation in () if self.shapes else ordered(arrays, paths, SHAPES):
            if self.remarks:
                return
            yield mutation

    def _visit(self, mutation: Mutation, rng: np.random.Generator) -> None:
        ordinary = self.arguments.arrays
        made = mutation.apply(list(ordinary), rng)
        made = None if made is None else self.domain.moved([np.asarray(a) for a in made], ordinary)
        if made is None or all(np.array_equal(a, b) for a, b in zip(made, ordinary, strict=True)):
            return
        if self._slow(made) or not reachable(made, ordinary):
            return
        self.progress(self.counts[TRIED], mutation.name)
        self.counts[TRIED] += 1
        found = self._examined(made)
        if found is None:
            return
        faults = faults_of(found)
        if faults and not self._answers(made, faults):
            self.counts[UNSUPPORTED] += 1
            self._remark(mutation.name, faults[0])
            return
        if faults:
            self._keep(mutation.name, made, found, faults[0])
        told = [replace(f, message=f"{f.message} (explored: {mutation.name})") for f in found.findings if f.severity != "fault"]
        self.findings += [f for f in told if not self._known(f)]

    def _remark(self, name: str, fault: Finding) -> None:
        """Say once that the derivative does not hold at other shapes, where f may have another meaning."""
        if not self.remarks and not self.shapes:
            self.remarks.append(f"at other shapes, which count with explore='shapes' only: {fault.message} (explored: {name})")

    def _answers(self, arrays: Arrays, faults: list[Finding]) -> bool:
        """Answer whether the derivative is held responsible for faults at these arrays."""
        return self._shaped.answers(arrays, any(f.direction == contracts.SHAPE for f in faults))

    @property
    def _shaped(self) -> Shaped:
        return Shaped(self.value, self.arguments.arrays, self.shapes)

    def _slow(self, arrays: Arrays) -> bool:
        """Answer whether f would take too long: its time at the ordinary input, times a power of the growth."""
        growth = sum(a.size for a in arrays) / max(sum(a.size for a in self.arguments.arrays), 1)
        return growth > 4 and self.seconds * growth**1.5 > MOST_SECONDS

    def _known(self, finding: Finding) -> bool:
        return any(finding.key == f.key for f in self.findings)

    def _keep(self, name: str, arrays: Arrays, found: Examination, finding: Finding) -> None:
        """Keep a fault that is new, at the smallest input that still shows it, by its name if it has one."""
        if self._known(finding):
            return
        kinked = on_kink(found)

        def fails(candidate: Arrays) -> bool:
            found = self._examined(candidate, count=False, locating=False) if self.domain.contains(candidate) else None
            faults = faults_of(found)
            return bool(faults) and found is not None and on_kink(found) <= kinked and self._answers(candidate, faults)

        small = shrunk(arrays, fails, shorter=self._shaped.vary)
        best = next(iter(faults_of(self._examined(small, count=False))), None)
        if best is None or best.key != finding.key:  # only its tail was left, or what a few simple numbers look like
            small, best = arrays, finding
        if not self._known(best):
            self.findings.append(replace(best, message=f"{best.message} (explored: {name})", snippet=self._code(small)))

    def _code(self, arrays: Arrays) -> str:
        """Return code that reproduces: the plain check where it fails at these inputs, else the whole exploration."""
        subject = self._subject(arrays)
        if self.reproduction is None or subject is None:
            return ""
        examination = Examination(subject, self.seed, self.accuracy, locating=False)
        try:
            examination.run()
        except GradcheckError:
            return self.reproduction.code(self.arguments.arrays, explore=self._mode)
        alone = any(f.severity == "fault" for f in examination.findings)
        return self.reproduction.code(arrays) if alone else self.reproduction.code(self.arguments.arrays, explore=self._mode)

    @property
    def _mode(self) -> bool | str:
        return "shapes" if self.shapes else True

    def _examined(
        self, arrays: Arrays, maker: Maker = cotangent, count: bool = True, locating: bool = True
    ) -> Examination | None:
        """Return the short examination at an input; None where it is refused."""
        subject = self._subject(arrays)
        if subject is None:
            return None
        old = [self.arguments.arrays[k] for k in floats(self.arguments.arrays)]
        focus = changed([arrays[k] for k in floats(arrays)], old) if len(subject.point) == len(old) else None
        examination = Examination(subject, self.seed, self.accuracy, locating=locating)
        try:
            glance(examination, self.ordinary, focus, maker)
        except Refused as reason:
            self.counts[str(reason)] += count
            return None
        except Exception as error:  # the derivative raised near the input: it does not take it
            if isinstance(error, GradcheckError) and not isinstance(error, FunctionRaised):
                raise
            self.counts[UNSUPPORTED] += count
            return None
        if examination.faults and self._keeps_forward(subject):
            return self._examined(arrays, maker, count, locating)
        coarse = is_coarse(arrays, self.arguments.arrays)
        if coarse and any(r.verdict in ("wrong", "beside") for _, r in examination.lines):
            examination.findings = []  # between neighbouring numbers there is room for whole periods of f
        outskirts = Outskirts(subject, self.ordinary.subject.point, self.sizes, coarse, maker, self.shapes, self.rounding)
        examination.findings = [outskirts.weighed(f) for f in examination.findings]
        return examination

    def _keeps_forward(self, subject: Subject) -> bool:
        """Answer whether it is first seen here that the derivative uses what f left, which the ordinary input need not show."""
        if subject.fresh or not keeps_forward(subject, base := outputs(subject), cotangent(np.random.default_rng([self.seed, 2]), base)):
            return False
        self.ordinary.subject.fresh = True
        return True

    def value(self, arrays: Arrays) -> Arrays | None:
        """Return f at these inputs; None where it is refused."""
        subject = self._subject(arrays)
        try:
            return None if subject is None else outputs(subject)
        except Refused:
            return None

    def _inside(self, arrays: Arrays) -> Subject | None:
        return self._subject(arrays) if self.domain.contains(arrays) else None

    def _subject(self, arrays: Arrays) -> Subject | None:
        try:
            subject = self.make(self.arguments.rebuild(arrays))
        except OutOfBudget:
            raise
        except Exception:  # the arrays do not fit the structure: nobody could call f with them
            return None
        subject = staying(subject, arrays, self.domain)
        subject.meter, subject.fresh = self.ordinary.subject.meter, self.ordinary.subject.fresh
        return subject

    def _cotangents(self) -> None:
        """Look at the ordinary input with adversarial cotangents."""
        arrays = list(self.arguments.arrays)
        for name, maker in cotangents(max(self.ordinary.subject.eps)):
            self.counts[TRIED] += 1
            found = self._examined(arrays, maker)
            for f in faults_of(found)[:1]:
                if not self._known(f):
                    self.findings.append(replace(f, message=f"{f.message} (cotangent: {name})", snippet=self._code(arrays)))

    def _aliases(self) -> None:
        """The same array in two places must give what equal arrays give."""
        if self.domain.rules:  # that of one place need not be that of another
            return
        code = "" if self.reproduction is None else self.reproduction.code(self.arguments.arrays, explore=self._mode)
        self.findings += [replace(f, snippet=code) for f in contracts.aliases(self.ordinary) if not self._known(f)]
