"""`gradcheck.check`: is this function's derivative right?

The doubted derivative is compared along fresh signed directions with an exact directional derivative,
where f runs over dual numbers, else with extrapolated differences that carry error bars. A mismatch is a
fail only if it persists in value at another step and in a fresh direction; its entries are then located
by group testing and the mistake is named where the numbers show it.
"""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.errors import BadInput, FunctionFailed, OutOfBudget
from gradcheck.probe import contracts
from gradcheck.probe.blame import blame
from gradcheck.probe.directions import array_scale, by_size, cotangent, only, own_scale, together
from gradcheck.probe.meter import MARGIN, Instrument, Look, vary
from gradcheck.probe.quotient import moved
from gradcheck.probe.report import Report
from gradcheck.probe.structure import flatten
from gradcheck.probe.subject import Arrays, Meter, Subject, evaluated, numpy_subject
from gradcheck.verdict.finding import Finding

Floats = npt.NDArray[np.float64]

#: Directions through all inputs at once; each input array gets one of its own besides.
GLOBAL_LOOKS = 2
EXACT_LOOKS = 6
#: A step this small is below what another kink or cut-off is likely to reach.
SMALL_STEP = 2.0**-14
#: Resolutions above this say nothing.
BLIND = 0.1


def check(
    f: Callable[..., Any],
    inputs: Any,
    *,
    vjp: Callable[..., Any] | None = None,
    grad: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
    seed: int = 0,
    budget: int | str | None = None,
    accuracy: float | None = None,
) -> Report:
    """Check the derivative of a function at a point.

    Args:
        f: the function. Arrays, or tuples, lists and dicts of arrays, in and out; it is called with the inputs as
            arguments.
        inputs: a tuple is the argument list, anything else is the one argument. Integers and booleans are never
            differentiated; arguments that are no arrays pass through.
        vjp: ``vjp(g, *inputs)`` -> one gradient an argument, None for one that is not differentiated; several outputs
            take a tuple g.
        grad: ``grad(*inputs)`` for a scalar f.
        jvp: ``jvp(t, *inputs)`` with a tuple t: checked to be the adjoint of the vjp.
        seed: of directions and cotangents.
        budget: an int counts evaluations of f, "30s" is time.
        accuracy: declares an approximate derivative (an adjoint solver, tf32): relative differences below it are no
            faults. It is recorded, and such a pass is never called exact.

    Returns:
        A `Report`; it is inconclusive, with reasons, where the numbers do not decide.

    Raises:
        BadInput: nothing to differentiate, or no derivative given.
        FunctionFailed: f raises at the given inputs, or the derivative has a wrong number of parts.

    >>> x = np.array([1.0, 2.0])
    >>> check(lambda x: np.sum(x * x), x, vjp=lambda g, x: (2 * g * x,)).verdict
    'pass'
    >>> print(check(lambda x: np.sum(x**3), x, vjp=lambda g, x: (-3 * g * x * x,)).findings[0].diagnosis)
    sign: it is the negative of the right one
    """
    start = time.monotonic()
    arguments = inputs if isinstance(inputs, tuple) else (inputs,)
    subject = _subject(f, arguments, vjp=vjp, grad=grad, jvp=jvp)
    subject.meter = _meter(budget)
    examination = Examination(subject, seed, accuracy)
    with np.errstate(all="ignore"):
        examination.run()
    return examination.report(time.monotonic() - start)


def _subject(f: Callable[..., Any], arguments: tuple[Any, ...], **given: Any) -> Subject:
    """Return the subject for the library that the function belongs to."""
    owner = next((name for name in ("torch", "jax") if name in sys.modules and _belongs(name, f, arguments)), "numpy")
    if owner == "numpy":
        if given["vjp"] is None and given["grad"] is None:
            raise BadInput("expected a derivative to check: give vjp= or grad=, or inputs of torch or JAX")
        return numpy_subject(f, arguments, **given)
    if any(v is not None for v in given.values()):
        raise BadInput(f"expected no vjp=, grad= or jvp= for {owner} functions: their own autodiff is checked")
    module = import_module(f"gradcheck.probe.{owner}")
    subject: Subject = getattr(module, f"{owner}_subject")(f, arguments)
    return subject


def _belongs(library: str, f: Callable[..., Any], arguments: tuple[Any, ...]) -> bool:
    found = sys.modules[library]
    kind = found.Tensor if library == "torch" else found.Array
    if library == "torch" and isinstance(f, found.nn.Module):
        return True
    return bool(flatten(arguments, lambda x: isinstance(x, kind)).arrays)


def _meter(budget: int | str | None) -> Meter:
    if budget is None:
        return Meter()
    if isinstance(budget, int) and budget > 0:
        return Meter(most=budget)
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?(s|m|min)", str(budget))
    if match is None:
        raise BadInput(f"expected a budget such as 200 (evaluations) or '30s'; got {budget!r}")
    seconds = float(match[1]) * (1 if match[2] == "s" else 60)
    return Meter(until=time.monotonic() + seconds)


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

    def run(self) -> None:
        """Do everything; end early where the budget or the numbers say so."""
        base = evaluated(self.subject)
        try:
            self._examine(base)
        except OutOfBudget as reason:
            self.reasons.append(str(reason))

    def _examine(self, base: Arrays) -> None:
        rng = np.random.default_rng([self.seed, 0])
        if not all(np.isfinite(np.asarray(y, np.float64)).all() for y in base):
            self.reasons.append("f is not finite at the given inputs")
            return
        if not all(np.isfinite(np.asarray(x, np.float64)).all() for x in self.subject.point):
            self.reasons.append("the inputs are not finite")
            return
        gs = cotangent(rng, base)
        if not self._well_formed(base, gs):
            return
        if not vary(self.subject, base, gs):
            self.remarks.append("f differs from call to call: its noise is measured")
        instrument = Instrument(self.subject, base)
        instrument.try_better(own_scale(rng, self.subject.point))
        self.arithmetic = instrument.arithmetic
        self._look_around(instrument, rng, base)
        self.noise_of_gradient = instrument.deviation(gs)
        self.findings += list(contracts.rules(self.subject, instrument, rng))
        self.findings += list(contracts.adjoint(self.subject, instrument, rng))
        self._elsewhere(instrument, rng)
        self._vacuity()

    def _well_formed(self, base: Arrays, gs: list[Floats]) -> bool:
        try:
            found = self.subject.gradient([g.astype(y.dtype) for g, y in zip(gs, base, strict=True)], self.subject.point)
        except FunctionFailed:
            raise
        except Exception as error:  # the user's code: whatever it raises is its answer
            raise FunctionFailed(f"the derivative raised {type(error).__name__} at the given inputs: {error}") from error
        self.findings += list(contracts.shapes(self.subject, found))
        if self.findings:
            return False
        for path, v in zip(self.subject.paths, found, strict=True):
            if v is not None and not np.isfinite(np.asarray(v, np.float64)).all():
                self._not_finite(path, np.asarray(v, np.float64))
        return not self.findings and not self.reasons

    def _not_finite(self, path: str, v: Floats) -> None:
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(v))[0])
        self.findings.append(
            Finding("fault", f"gradient of {path}{list(index) if index else ''} is {v[index]}, where f is finite",
                    node=path, direction="gradient", index=index, got=float(v[index]))
        )  # fmt: skip

    def _look_around(self, instrument: Instrument, rng: np.random.Generator, base: Arrays) -> None:
        """Look along directions through all inputs and along one for each; blame a confirmed mismatch."""
        point = self.subject.point
        rounds = EXACT_LOOKS if instrument.exact else GLOBAL_LOOKS
        for k in range(rounds):
            ts = (own_scale if k % 2 == 0 else array_scale)(rng, point)
            if self._judged(instrument, self._sharp(instrument, cotangent(rng, base), ts), rng, base):
                return
        more = [together(point)]  # ties move together: no kink lies along it
        more += [only(own_scale(rng, point), k) for k in range(len(point) if len(point) > 1 else 0)]
        for ts in more:
            if self._judged(instrument, self._sharp(instrument, cotangent(rng, base), ts), rng, base):
                return
        if instrument.exact:
            self._look_by_size(instrument, rng, base)

    def _look_by_size(self, instrument: Instrument, rng: np.random.Generator, base: Arrays) -> None:
        """Look along entries of like contribution, so that tiny ones are not hidden behind large ones."""
        gs, ts = cotangent(rng, base), own_scale(rng, self.subject.point)
        gradients = instrument.gradients(gs)
        for part in by_size([v * t for v, t in zip(gradients, ts, strict=True)]):
            look = instrument.look(gs, [t * on for t, on in zip(ts, part, strict=True)], gradients=gradients)
            if self._judged(instrument, look, rng, base):
                return

    def _sharp(self, instrument: Instrument, gs: list[Floats], ts: list[Floats]) -> Look:
        """Look; where the error bar is poor (a kink or a fast oscillation in reach), look again with small steps."""
        look = instrument.look(gs, ts)
        size = math.sqrt(sum(float(np.sum((v * t) ** 2)) for v, t in zip(look.gradients, ts, strict=True)))
        poor = look.residual.error > 1e-4 * max(size, abs(look.residual.value)) and look.residual.step != 0.0
        if poor and instrument.first > SMALL_STEP:
            again = instrument.look(gs, ts, gradients=look.gradients, first=SMALL_STEP)
            if again.residual.error < look.residual.error or again.residual.kink:
                instrument.first = SMALL_STEP
                return again
        return look

    def _judged(self, instrument: Instrument, look: Look, rng: np.random.Generator, base: Arrays) -> bool:
        """Keep a look; return True after a mismatch that was confirmed and blamed."""
        self.looks.append(look)
        if look.residual.kink:
            self.remarks.append("a kink at the point: any element of the generalised derivative is accepted")
        if not look.wrong or self._within_accuracy(look):
            return False
        if not self._persists(instrument, look, rng, base):
            self.unconfirmed += 1
            return False
        self.findings += blame(instrument, look, base)
        return True

    def _within_accuracy(self, look: Look) -> bool:
        if self.accuracy is None:
            return False
        size = sum(float(np.sum(np.abs(v * t))) for v, t in zip(look.gradients, look.ts, strict=True))
        return abs(look.residual.value) <= self.accuracy * size

    def _persists(self, instrument: Instrument, look: Look, rng: np.random.Generator, base: Arrays) -> bool:
        """Confirm by value at another step, and in a fresh direction over the same inputs."""
        r = look.residual
        if r.step != 0.0:
            again = instrument.look(look.gs, look.ts, gradients=look.gradients, first=r.step * 2)
            other = again.residual
            if abs(other.value - r.value) > MARGIN * (other.error + r.error) and not (other.kink and r.kink):
                return False
        moving = [t != 0 for t in look.ts]
        for _ in range(2):
            ts = [t * on for t, on in zip(own_scale(rng, self.subject.point), moving, strict=True)]
            if self._sharp(instrument, cotangent(rng, base), ts).wrong:
                return True
        return False

    def _elsewhere(self, here: Instrument, rng: np.random.Generator) -> None:
        """Look once at another point: a derivative that keeps something of the first one is wrong there."""
        if self.findings or self.reasons:
            return
        there = replace(self.subject, point=moved(self.subject.point, own_scale(rng, self.subject.point), 0.1))
        base = there.value(there.point)
        if not all(np.isfinite(np.asarray(y, np.float64)).all() for y in base):
            return
        instrument = here.at(there, base)
        for _ in range(2):
            look = self._sharp(instrument, cotangent(rng, base), own_scale(rng, there.point))
            if not look.wrong or self._within_accuracy(look):
                return
        self.findings.append(
            Finding("fault", "right at the given inputs, wrong at others: the derivative keeps something of an earlier call, or "
                    "belongs to the given inputs alone", direction="gradient")
        )  # fmt: skip

    def _vacuity(self) -> None:
        """An input along which both sides are zero, or nothing could be seen, was not checked."""
        if self.unconfirmed and not self.findings:
            self.reasons.append("a mismatch did not persist at another step and in a fresh direction")
        if self.findings or self.reasons:
            return
        for k, path in enumerate(self.subject.paths):
            if self.subject.point[k].size == 0:
                continue
            looks = [s for s in self.looks if np.any(s.ts[k] != 0)]
            sizes = [math.sqrt(float(np.sum((s.gradients[k] * s.ts[k]) ** 2))) for s in looks]
            if all(size == 0 for size in sizes):
                self.reasons.append(f"{path}: the gradient is zero and f does not change with it: nothing was checked (0 == 0)")
            elif min((MARGIN * s.residual.error / size for s, size in zip(looks, sizes, strict=True) if size), default=1) > BLIND:
                self.reasons.append(f"{path}: the step is lost below the noise: nothing could be seen")

    def report(self, seconds: float) -> Report:
        """Return what was found."""
        faults = [f for f in self.findings if f.severity == "fault"]
        verdict = "fail" if faults else "inconclusive" if self.reasons else "pass"
        relative, absolute = resolution(self.looks, self.noise_of_gradient)
        evidence = f"{len(self.looks)} fresh directions, {self.arithmetic}"
        if self.accuracy is not None:
            evidence += f", relative differences up to the declared {self.accuracy:g} accepted"
        return Report(
            verdict, evidence, tuple(self.findings), tuple(dict.fromkeys(self.reasons)), relative, absolute,  # type: ignore[arg-type]  # one of three
            self.subject.meter.evaluations, self.arithmetic, self.seed, self.accuracy, seconds, tuple(dict.fromkeys(self.remarks)),
        )  # fmt: skip


def resolution(looks: list[Look], noise: list[Floats]) -> tuple[float, float]:
    """Return the smallest error in a single entry that the looks would have shown: relative, and absolute at zeros.

    For each entry the best look counts, and of all entries the worst. An entry within the noise of the gradient counts
    as zero.
    """
    if not looks:
        return math.inf, math.inf
    relative, absolute = 0.0, 0.0
    for k in range(len(looks[0].ts)):
        best_relative = np.full(looks[0].ts[k].shape, np.inf)
        best_absolute = np.full(looks[0].ts[k].shape, np.inf)
        with np.errstate(all="ignore"):
            for s in looks:
                bar = MARGIN * s.residual.error
                seen = bar / np.abs(s.ts[k])
                best_absolute = np.fmin(best_absolute, np.where(s.ts[k] != 0, seen, np.inf))
                known = np.abs(s.gradients[k]) > (4 * noise[k] if noise else 0)
                share = np.where(known, seen / np.abs(s.gradients[k]), np.inf)
                best_relative = np.fmin(best_relative, np.where(s.ts[k] != 0, share, np.inf))
        zero = np.isinf(best_relative)
        relative = max(relative, float(np.max(best_relative[~zero], initial=0.0)))
        absolute = max(absolute, float(np.max(best_absolute[zero], initial=0.0)))
    return relative, absolute
