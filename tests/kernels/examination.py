"""The examination: what the gate and the usual tests say of right kernels and of mutants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import gradcheck
from tests.kernels.cases import PRECISION, SMALL, Case
from tests.kernels.emulation import FORMATS, Kernel


@dataclass(frozen=True)
class Said:
    """What was said of one kernel.

    Args:
        case: its name.
        mutation: "" of a right one.
        verdict: of the gate.
        named: whether its mistake has a name.
        model: of rounding that it was judged by.
        message: the first finding or reason.
        seen: the smallest factor, minus 1, that would have been seen in any gradient.
        seconds: spent.
        peers: of the usual tests, which would have rejected it.
    """

    case: str
    mutation: str
    verdict: str
    named: bool
    model: str
    message: str
    seen: float
    seconds: float
    peers: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The class of the mistake; "right" for none."""
        return "right" if not self.mutation else "small" if self.mutation in SMALL else "precision" if self.mutation in PRECISION else "gross"


def said(case: Case, machine: Kernel, seed: int, declared: str) -> Said | None:
    """Return what is said of a kernel; None where its mistake changes nothing at these inputs."""
    xs = case.drawn(machine.format, seed)
    forward, backward = case.kernel(machine)
    sound = Kernel(machine.format, machine.order, machine.style)
    right = case.kernel(sound)
    g = np.random.default_rng(seed).normal(size=np.shape(forward(*xs))).astype(FORMATS[machine.format])
    numbers, wanted = _answer(forward, backward, g, xs), _answer(*right, g, xs)
    if machine.mutation and all(np.array_equal(a, b) for a, b in zip(numbers, wanted, strict=True)):
        return None
    rounding = gradcheck.Rounding(declared)
    report = gradcheck.check(forward, xs, vjp=backward, reference=case.reference, reference_vjp=case.reference_vjp, rounding=rounding, seed=seed)
    faults = [f for f in report.findings if f.severity == "fault"]
    first = next(iter([f.message for f in faults] + list(report.reasons)), report.evidence)
    seen = max((a.seen for a in report.kernel.arrays if a.name.startswith("gradient")), default=0.0)
    named = any(f.mistake is not None for f in faults)
    return Said(case.name, machine.mutation, report.verdict, named, report.kernel.model, first, seen, report.seconds, tuple(_peers(case, machine, g, xs, numbers)))


def _answer(forward: Any, backward: Any, g: Any, xs: tuple[Any, ...]) -> list[Any]:
    return [np.asarray(v, np.float64) for v in (forward(*xs), *backward(g, *xs)) if v is not None]


def _peers(case: Case, machine: Kernel, g: Any, xs: tuple[Any, ...], numbers: list[Any]) -> Iterator[str]:
    """Yield the usual tests that reject the numbers: beside the reference in float64, and beside its own run in the storage format."""
    exact = _answer(*case.kernel(Kernel("float32")), g, xs)
    eager = _answer(*case.kernel(Kernel(machine.format, style="every")), g, xs)
    if not all(np.allclose(a, b, rtol=1e-2, atol=1e-2) for a, b in zip(numbers, exact, strict=True)):
        yield "allclose 1e-2"
    if any(np.max(np.abs(a - b)) > 2 * np.max(np.abs(e - b)) for a, b, e in zip(numbers, exact, eager, strict=True)):
        yield "twice eager's error"
    if any(_cosine(a, b) < 0.99 for a, b in zip(numbers, exact, strict=True)):
        yield "cosine 0.99"


def _cosine(a: Any, b: Any) -> float:
    size = np.linalg.norm(a) * np.linalg.norm(b)
    return float(np.sum(a * b) / size) if size else float(np.array_equal(a, b))
