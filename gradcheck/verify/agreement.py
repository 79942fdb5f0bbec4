"""Does the reference agree with the oracles? The engine's sweep in multiprecision against each of them.

The engine reads the vjps, the oracles never do: where both agree to 45 digits, a mistake would have
to be made twice, in different terms. The value of an operation is the one thing that they share.
"""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.arith.running import Roundoff, Running, wide_format
from gradcheck.certify.certification import certify
from gradcheck.engine.reverse import backward
from gradcheck.errors import BadInput, OracleGaveUp, UnknownName
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.networks.network import networks
from gradcheck.networks.specimen import specimen
from gradcheck.ops.op import Op, registry
from gradcheck.oracles import ORACLES
from gradcheck.oracles.ball import BITS
from gradcheck.oracles.estimate import Estimate, digits_of, refined
from gradcheck.pool import mapped

#: Decimal digits of agreement that are asked for.
DIGITS = 45

#: Decimal digits that an enclosure has to prove.
PROVED = 40

#: Cases from which on a second process is worth its start.
_MANY = 40

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Case:
    """What is compared: a network, or sample `number` of an operation."""

    kind: Literal["network", "operation"]
    name: str
    number: int = 0

    @property
    def label(self) -> str:
        """The name, with the number of the sample of an operation."""
        return self.name if self.kind == "network" else f"{self.name}[{self.number}]"

    @property
    def smooth(self) -> bool:
        """Whether every oracle should have an answer; at a kink it may have none."""
        return self.kind == "operation" or networks[self.name].smooth

    def load(self, seed: int) -> tuple[Graph, Values]:
        """Return the network and its values."""
        if self.kind == "operation":
            return specimen(registry[self.name], self.number, seed)
        return networks[self.name].graph, networks[self.name].values(seed)


@dataclass(frozen=True, slots=True)
class Answer:
    """One oracle's answer.

    Args:
        oracle: its name.
        digits: to how many the reference agrees with it, in the worst entry; infinity for equality,
            None where it gave up.
        method: how it computed.
        reason: why it gave up.
        seconds: what it took.
        proved: to how many digits every entry is enclosed, of an oracle that proves; None of others.
        missed: who lies outside of its enclosure, or does not meet it.
    """

    oracle: str
    digits: float | None
    method: str = ""
    reason: str = ""
    seconds: float = 0.0
    proved: float | None = None
    missed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Agreement:
    """One case: every oracle's answer, and float64 measured by its running bound.

    Args:
        case: what was compared.
        answers: by the oracles, in order.
        ratio: the largest error of the float64 sweep over its bound; None without a finite bound.
        seconds: what it took.
    """

    case: Case
    answers: tuple[Answer, ...]
    ratio: float | None
    seconds: float

    @property
    def measured(self) -> dict[str, float | None]:
        """Ratios of float64 to its bound, by what they are."""
        return {"float64 / bound": self.ratio}

    def faults(self, digits: float = DIGITS) -> list[str]:
        """Return what is wrong, in sentences."""
        out = [f"{a.oracle}: {a.digits:.1f} digits" for a in self.answers if a.digits is not None and a.digits < digits]
        answered = sum(a.digits is not None for a in self.answers)
        if self.case.smooth and answered < min(2, len(self.answers)):
            out.append(f"only {answered} of {len(self.answers)} oracles answered")
        for a in self.answers:
            out += [f"{a.oracle}: the enclosure misses that of {who}" for who in a.missed]
            if self.case.smooth and a.proved is not None and a.proved < min(digits, PROVED):
                out.append(f"{a.oracle}: only {a.proved:.1f} digits are proved")
        if self.ratio is not None and self.ratio > 1:
            out.append(f"float64: error {self.ratio:.3g} times its bound")
        return out

    def to_dict(self, digits: float = DIGITS) -> dict[str, Any]:
        """Return plain data for JSON; equality is a null with `exact` true."""
        answers = [asdict(a) | {"exact": a.digits == np.inf, **finite(digits=a.digits, proved=a.proved)} for a in self.answers]
        return {
            "case": self.case.label, "kind": self.case.kind, "smooth": self.case.smooth, "answers": answers,
            "float64_ratio": self.ratio, "seconds": self.seconds, "faults": self.faults(digits),
        }  # fmt: skip


def cases(network_patterns: Iterable[str], op_patterns: Iterable[str]) -> list[Case]:
    """Return the small networks and the operations' samples that match shell patterns.

    Raises:
        UnknownName: for a pattern that matches nothing.
        BadInput: if no network that matches is small.
    """
    wanted = tuple(network_patterns)
    found = [Case("network", n.name) for n in networks.matching(wanted) if n.small] if wanted else []
    if wanted and not found:
        raise BadInput(f"expected a small network; {', '.join(wanted)} matches none; the oracles cannot take large ones")
    for pattern in op_patterns:
        hits = [op for op in registry.values() if fnmatch.fnmatchcase(op.name, pattern)]
        if not hits:
            raise UnknownName("operation", pattern, registry)
        found += [Case("operation", op.name, k) for op in hits for k, _ in enumerate(op.samples)]
    return list(dict.fromkeys(found))


def verify(
    wanted: Iterable[Case],
    *,
    oracles: Iterable[str] = tuple(ORACLES),
    seed: int = 0,
    processes: int | None = None,
    progress: Progress | None = None,
    found: list[Agreement] | None = None,
) -> list[Agreement]:
    """Compare the reference with the oracles, case by case.

    Args:
        wanted: see `cases`.
        oracles: names in `gradcheck.oracles.ORACLES`.
        seed: of the values.
        processes: 1 computes here; two for many cases unless given.
        progress: called with a label, a number and how many there are.
        found: is filled, for who wants what there is when the work is interrupted.

    Raises:
        UnknownName: for an oracle that does not exist.
    """
    todo, names = list(wanted), tuple(oracles)
    for name in names:
        ORACLES[name]
    work = partial(agree, oracles=names, seed=seed)
    count = processes or (2 if len(todo) >= _MANY else 1)
    found = [] if found is None else found
    for agreement in mapped(work, todo, count):
        found.append(agreement)
        if progress is not None:
            progress(agreement.case.label, len(found), len(todo))
    return found


def agree(case: Case, *, oracles: tuple[str, ...] = tuple(ORACLES), seed: int = 0, ops: Mapping[str, Op] = registry) -> Agreement:
    """Compare one case.

    Args:
        case: a network or a sample of an operation.
        oracles: names of the oracles.
        seed: of the values.
        ops: the engine's operations; the oracles take the registered ones.
    """
    start = time.perf_counter()
    graph, values = case.load(seed)
    reference = sweep_in_multiprecision(graph, values, ops)
    found: dict[str, Estimate] = {"the reverse sweep": reference}
    answers = [_answer(name, graph, values, reference, found) for name in oracles]
    answers = [_proving(a, found[a.oracle], found, graph, values, ops) if a.oracle in found else a for a in answers]
    return Agreement(case, tuple(answers), float64_ratio(graph, values, reference, ops), time.perf_counter() - start)


def sweep_in_multiprecision(graph: Graph, values: Values, ops: Mapping[str, Op] = registry) -> Estimate:
    """Return the engine's gradient in as many digits as it needs, 60 at least."""
    return refined(lambda digits: backward(graph, values, Multiprecision(digits), ops=ops)[1], "reverse sweep")


def _answer(name: str, graph: Graph, values: Values, reference: Estimate, found: dict[str, Estimate]) -> Answer:
    """Return what one oracle answers; its estimate is added to `found`."""
    start = time.perf_counter()
    try:
        estimate = found[name] = ORACLES[name](graph, values)
    except OracleGaveUp as error:
        return Answer(name, None, reason=str(error), seconds=time.perf_counter() - start)
    return Answer(name, agreement_digits(reference, estimate), estimate.method, seconds=time.perf_counter() - start)


def _proving(
    answer: Answer, estimate: Estimate, others: Mapping[str, Estimate], graph: Graph, values: Values, ops: Mapping[str, Op]
) -> Answer:
    """Add what an enclosure proves: its digits, and whether it holds what the others found and meets the sweep in balls."""
    if estimate.balls is None:
        return answer
    missed = [who for who, other in others.items() if not holds(estimate, other)]
    certified = certify(graph, values, bits=BITS, ops=ops)
    if not all(_meet(x, certified[k].balls) for k, x in estimate.balls.items()):
        missed.append("the certified sweep")
    proved = replace(answer, proved=estimate.digits, missed=tuple(missed))
    tie = "on a kink: the enclosure holds every generalised derivative"
    return proved if estimate.digits >= 1 else replace(proved, digits=None, reason=tie)


def holds(enclosing: Estimate, other: Estimate) -> bool:
    """Answer whether every ball holds the other estimate, give or take that one's own error."""
    for k, x in enclosing.value.items():
        for p, r, q, b in zip(*(np.ravel(z) for z in (x, enclosing.bound[k], other.value[k], other.bound[k])), strict=True):
            if abs(p - q) > r + b:
                return False
    return True


def _meet(a: Any, b: Any) -> bool:
    return all(x.overlaps(y) for x, y in zip(np.ravel(a), np.ravel(b), strict=True))


def finite(**digits: float | None) -> dict[str, float | None]:
    """Return digits for JSON: null for infinitely many."""
    return {k: None if x is None or np.isinf(x) else x for k, x in digits.items()}


def agreement_digits(a: Estimate, b: Estimate) -> float:
    """Return to how many digits two gradients agree in their worst entry.

    An entry is measured by itself where both estimates know it to `DIGITS` digits; else by the
    largest entry of its array, of the gradient, or by 1: the first of these that is known so well.
    """
    largest = {k: max((abs(v) for v in np.ravel(x)), default=0) for k, x in a.value.items()}
    whole = max(largest.values(), default=0)
    worst = float("inf")
    for k, x in a.value.items():
        entries = zip(*(np.ravel(z) for z in (x, b.value[k], a.bound[k], b.bound[k])), strict=True)
        for p, q, bound_p, bound_q in entries:
            known = max(bound_p, bound_q) * 10**DIGITS
            scale = next((s for s in (abs(p), largest[k], whole) if s and known <= s), 1)
            worst = min(worst, digits_of(abs(p - q) / scale))
    return worst


def float64_ratio(graph: Graph, values: Values, reference: Estimate, ops: Mapping[str, Op] = registry) -> float | None:
    """Return the largest error of the float64 sweep over the running error bound of that sweep.

    Entries without a finite bound are left out; None if there is no other.
    """
    _, found = backward(graph, values, ops=ops)
    _, bounded = backward(graph, values, Running(Roundoff.of("float64"), wide_format("float64")), ops=ops)
    ratios = []
    for k, x in reference.value.items():
        for exact, got, bound in zip(np.ravel(x), np.ravel(found[k]), np.ravel(bounded[k].radius()), strict=True):
            error = abs(exact - float(got))
            if np.isfinite(bound):
                ratios.append(float(error / float(bound)) if bound else float("inf") if error else 0.0)
    return max(ratios, default=None)
