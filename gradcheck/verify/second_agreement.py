"""Do second derivatives agree? The engine's certified Hessian against every other way to it, to 40 digits.

The engine's sweep in dual numbers over balls encloses every entry. Against it stand the second-order recursion of layered
networks, SymPy's second derivatives, differences of the certified gradient, and the same sweep in mpmath's numbers. Directional
derivatives of second, third and fourth order stand against mpmath's differences along a line. The float64 Hessian has to be right,
and symmetric, to what rounding can do in it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.running import Roundoff, Running, wide_format
from gradcheck.engine.second import hessian, hvp
from gradcheck.errors import OracleGaveUp, UnknownName
from gradcheck.ops.op import Op, registry
from gradcheck.oracles.estimate import Estimate, digits_of
from gradcheck.pool import mapped
from gradcheck.verify.agreement import Answer, Case, Progress, agreement_digits, finite, holds
from gradcheck.verify.gradient_differences import units
from gradcheck.verify.second_ways import WAYS, Question, asked

#: Decimal digits of agreement that are asked for.
DIGITS = 40

#: Cases from which on a second process is worth its start.
_MANY = 20

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SecondAgreement:
    """One case: every way's answer, and float64 measured by what rounding can do.

    Args:
        case: what was compared.
        answers: by the ways, in order; none where the engine has no finite Hessian.
        known: to how many digits the engine's Hessian is enclosed, beside its largest entry or 1.
        ratio: the largest error of the float64 Hessian over its running bound; None without a finite bound.
        asymmetry: the largest difference of two entries that should be equal over the sum of their bounds.
        seconds: what it took.
    """

    case: Case
    answers: tuple[Answer, ...]
    known: float
    ratio: float | None
    asymmetry: float | None
    seconds: float

    @property
    def measured(self) -> dict[str, float | None]:
        """Ratios of float64 to its bounds, by what they are."""
        return {"float64 / bound": self.ratio, "asymmetry / bound": self.asymmetry}

    def faults(self, digits: float = DIGITS) -> list[str]:
        """Return what is wrong, in sentences."""
        out = [f"{a.oracle}: {a.digits:.1f} digits" for a in self.answers if a.digits is not None and a.digits < digits]
        out += [f"{a.oracle}: outside of the enclosure of {who}" for a in self.answers for who in a.missed]
        answered = sum(a.digits is not None or bool(a.method) for a in self.answers)
        if answered < min(2, len(self.answers)):
            out.append(f"only {answered} of {len(self.answers)} ways answered")
        out += [f"{what}: {x:.3g}" for what, x in self.measured.items() if x is not None and x > 1]
        return out

    def to_dict(self, digits: float = DIGITS) -> dict[str, Any]:
        """Return plain data for JSON; equality is a null with `exact` true."""
        answers = [asdict(a) | {"exact": a.digits == np.inf, **finite(digits=a.digits)} for a in self.answers]
        return {
            "case": self.case.label, "kind": self.case.kind, "answers": answers, "float64_ratio": self.ratio,
            "asymmetry_ratio": self.asymmetry, "seconds": self.seconds, "faults": self.faults(digits), **finite(known=self.known),
        }  # fmt: skip


def verify_second(
    wanted: Iterable[Case], *, ways: Iterable[str] = tuple(WAYS), seed: int = 0, processes: int | None = None,
    progress: Progress | None = None, found: list[SecondAgreement] | None = None,
) -> list[SecondAgreement]:  # fmt: skip
    """Compare second derivatives, case by case; networks with kinks are left out.

    Args:
        wanted: see `gradcheck.verify.agreement.cases`.
        ways: names in `WAYS`.
        seed: of the values.
        processes: 1 computes here; two for many cases unless given.
        progress: called with a label, a number and how many there are.
        found: is filled, for who wants what there is when the work is interrupted.

    Raises:
        UnknownName: for a way that does not exist.
    """
    todo, names = [c for c in wanted if c.smooth], tuple(ways)
    for name in names:
        if name not in WAYS:
            raise UnknownName("oracle of second derivatives (--order 2)", name, WAYS)
    found = [] if found is None else found
    for agreement in mapped(partial(agree_second, ways=names, seed=seed), todo, processes or (2 if len(todo) >= _MANY else 1)):
        found.append(agreement)
        if progress is not None:
            progress(agreement.case.label, len(found), len(todo))
    return found


def agree_second(
    case: Case, *, ways: tuple[str, ...] = tuple(WAYS), seed: int = 0, ops: Mapping[str, Op] = registry
) -> SecondAgreement:
    """Compare one case.

    Args:
        case: a network or a sample of an operation.
        ways: names in `WAYS`.
        seed: of the values.
        ops: the engine's operations; oracles take the registered ones.
    """
    start = time.perf_counter()
    graph, values = case.load(seed)
    try:
        question = asked(graph, values, ops=ops)
    except OracleGaveUp as error:
        reason = tuple(Answer(name, None, reason=str(error)) for name in ways)
        return SecondAgreement(case, reason, float("-inf"), None, None, time.perf_counter() - start)
    known = _known(question.hessian)
    answers = tuple(_answer(name, question, known) for name in ways)
    ratio, asymmetry = float64_ratios(question)
    return SecondAgreement(case, answers, known, ratio, asymmetry, time.perf_counter() - start)


def _answer(name: str, question: Question, known: float) -> Answer:
    start = time.perf_counter()
    try:
        found, expected = WAYS[name](question)
    except OracleGaveUp as error:
        return Answer(name, None, reason=str(error), seconds=time.perf_counter() - start)
    missed = () if holds(expected, found) else (expected.method,)
    if known < 1:
        reason = "where pieces of the second derivative meet, the enclosure holds them all"
        return Answer(name, None, found.method, reason, time.perf_counter() - start, missed=missed)
    digits = agreement_digits(expected, found)
    return Answer(name, digits, found.method, seconds=time.perf_counter() - start, missed=missed)


def _known(reference: Estimate) -> float:
    """Return to how many digits the least exact entry is known, beside the largest of all or beside 1."""
    entries = [v for x in reference.value.values() for v in np.ravel(x)]
    bounds = [v for x in reference.bound.values() for v in np.ravel(x)]
    scale = max([abs(v) for v in entries], default=1)
    return min((digits_of(bound / max(1, scale)) for bound in bounds), default=float("inf"))


def float64_ratios(question: Question) -> tuple[float | None, float | None]:
    """Return the largest error of the float64 Hessian over its running bound, and the largest asymmetry over that of two entries.

    An entry and its mirror image are each right to within a bound, hence equal to within the sum of both. Entries without a finite
    bound are left out; None if there is no other.
    """
    found = hessian(question.graph, question.values, ops=question.ops).matrix
    exact = np.concatenate(list(question.hessian.value.values())) if question.hessian.value else np.zeros((0, 0))
    bound = _bounds(question)
    error = np.array([abs(p - float(q)) for p, q in zip(exact.ravel(), found.ravel(), strict=True)], dtype=np.float64)
    return _worst(error.reshape(bound.shape), bound), _worst(np.abs(found - found.T), bound + bound.T)


def _bounds(question: Question) -> Floats:
    """Return the running bound of every entry of the float64 Hessian: column by column, the sweep in dual numbers over bounds."""
    m = Running(Roundoff.of("float64"), wide_format("float64"))
    columns = []
    for unit in units(question.graph):
        product = hvp(question.graph, question.values, unit, arithmetic=m, ops=question.ops)
        columns.append(np.concatenate([np.ravel(product[k].radius()) for k in question.graph.differentiable]))
    return np.stack(columns, 1) if columns else np.zeros((0, 0))


def _worst(error: Floats, bound: Floats) -> float | None:
    where = np.isfinite(bound)
    if not where.any():
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(error > 0, error / bound, 0.0)
    return float(np.max(ratio[where]))
