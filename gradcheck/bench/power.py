"""The exam: what a checker makes of wrong and of right derivatives, at ordinary inputs and at those that show the fault."""

from __future__ import annotations

import fnmatch
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from gradcheck.bench.checkers import Answer, Checker, Problem, checker
from gradcheck.bench.resuming import resumed
from gradcheck.errors import BadInput
from gradcheck.faults import faults
from gradcheck.faults.fault import Fault, Inputs
from gradcheck.faults.mutants import case, mutants, right_case, shows
from gradcheck.faults.second import second_case, second_names
from gradcheck.files.journal import Journal
from gradcheck.mistakes.mistake import Kind
from gradcheck.ops import registry

Place = Literal["ordinary", "explored", "trigger"]
Role = Literal["wrong", "right"]
Progress = Callable[[str, int, int], None]

SCHEMA = "gradcheck-power/1"

#: mistake -> the other kinds that are right names of it
NAMES: Mapping[str, tuple[Kind, ...]] = {
    "permutation": ("flip", "roll", "transpose"), "mask off at boundary": ("mask inverted",), "roll": ("flip",),
}


@dataclass(frozen=True, slots=True)
class Row:
    """What one checker said of one derivative at one point.

    Args:
        checker: its name.
        case: name of the fault, of the mutant, or of an operation's right rule.
        fault_class: as of the fault.
        inputs: "ordinary", "explored" (ordinary, but the checker may vary them) or "trigger".
        role: whether the derivative is wrong or right.
        verdict: "pass", "fail", "inconclusive" or "error".
        mistake: the pattern of the fault, if it is one.
        diagnoses: what was named, in words.
        evaluations: of f.
        seconds: spent.
        message: in words.
        kinds: the kinds of mistakes that were named.
    """

    checker: str
    case: str
    fault_class: str
    inputs: Place
    role: Role
    verdict: str
    mistake: str
    diagnoses: tuple[str, ...]
    evaluations: int
    seconds: float
    message: str
    kinds: tuple[str, ...] = ()

    @property
    def named(self) -> bool | None:
        """Whether the mistake was named rightly; None where there is none, or nothing was named."""
        if self.role == "right" or self.verdict != "fail" or not self.mistake or not self.kinds:
            return None
        return any(k in (self.mistake, *NAMES.get(self.mistake, ())) for k in self.kinds)


def chosen(patterns: str | Iterable[str] = "*", per_op: int = 4) -> list[str]:
    """Return the names of the exam's cases: faults, the right rules of operations, and mutants of them.

    Args:
        patterns: shell patterns for names or fault classes.
        per_op: at most so many mutants of each operation, evenly over the catalogue; 0 leaves operations out.

    Raises:
        BadInput: if a pattern matches nothing.
    """
    wanted = patterns.split(",") if isinstance(patterns, str) else list(patterns)
    classes = {name: f.fault_class for name, f in faults.items()} | dict.fromkeys(_of_ops(per_op), "mutant")
    classes |= dict.fromkeys((n for op in registry if per_op for n in second_names(registry[op])), "second")
    out: dict[str, None] = {}
    for pattern in wanted:
        hits = [n for n, c in classes.items() if fnmatch.fnmatchcase(n, pattern) or fnmatch.fnmatchcase(c, pattern)]
        hits = hits or [n for n in (pattern,) if n in mutants]
        if not hits:
            raise BadInput(f"no fault, class or mutant matches {pattern!r}")
        out.update(dict.fromkeys(hits))
    return list(out)


def _of_ops(per_op: int) -> Iterator[str]:
    for op in registry if per_op else ():
        names = list(mutants.of(op))
        yield from (f"{op}/right-{k}" for k in range(len(registry[op].samples)))
        yield from names[:: max(1, -(-len(names) // per_op))]


def posed(name: str) -> Fault | None:
    """Return a case by its name; None for a mutant that differs nowhere."""
    if name in faults:
        return faults[name]
    op, _, tail = name.partition("/")
    if tail.startswith("right-"):
        return right_case(op, int(tail.removeprefix("right-")))
    if tail.startswith("second-"):
        return second_case(registry[op], tail.removeprefix("second-"))
    return case(mutants[name]) if shows(mutants[name]) else None


def examine(
    names: Sequence[str],
    checkers: Sequence[str],
    *,
    seed: int = 0,
    explore: bool = True,
    jobs: int = 1,
    progress: Progress | None = None,
    journal: Journal | None = None,
) -> Iterator[Row]:
    """Yield what each checker says of each case.

    Args:
        names: of cases, see `chosen`.
        checkers: names, see `gradcheck.bench.checkers.CHECKERS`.
        seed: of inputs and of checkers.
        explore: whether a checker that can may vary the inputs, in rows of their own.
        jobs: processes that share the cases; the rows come in the same order.
        progress: is told name, number and count of the cases.
        journal: what was found before, and where results are kept as they come.
    """
    sit = partial(_sit, checkers=tuple(checkers), seed=seed, explore=explore)
    for k, rows in enumerate(resumed(sit, names, jobs, _from_journal, journal)):
        if progress is not None:
            progress(names[k], k + 1, len(names))
        yield from rows


def _from_journal(data: Any) -> list[Row]:
    return [Row(**x | {k: tuple(x.get(k, ())) for k in ("diagnoses", "kinds")}) for x in data]


def _sit(name: str, checkers: tuple[str, ...], seed: int, explore: bool) -> list[Row]:
    """Return the rows of all checkers at one case."""
    fault = posed(name)
    if fault is None:
        return []
    return [row for c in checkers for row in _one(c, checker(c), fault, seed, explore)]


def _one(name: str, asked: Checker, fault: Fault, seed: int, explore: bool) -> Iterator[Row]:
    """Yield the rows of one checker at one case; exploring adds nothing where the given inputs already showed the fault."""
    roles: list[Role] = ["right"] if fault.wrong is None else ["wrong"] if fault.fault_class == "mutant" else ["wrong", "right"]
    for role in roles:
        first = _row(name, asked, fault, "ordinary", role, seed)
        yield first
        if asked.explores and explore and not (fault.fault_class == "mutant" and role == "right"):
            shown = first.verdict == "fail"
            yield replace(first, inputs="explored") if shown else _row(name, asked, fault, "explored", role, seed, explore=True)
        yield _row(name, asked, fault, "trigger", role, seed)


def _row(name: str, asked: Checker, fault: Fault, place: Place, role: Role, seed: int, **options: Any) -> Row:
    problem = problem_of(fault, place, role, seed)
    start = time.perf_counter()
    with np.errstate(all="ignore"):
        answer: Answer = asked.examine(problem, **options)
    seconds = time.perf_counter() - start
    return Row(
        name, fault.name, fault.fault_class, place, role, answer.verdict, fault.mistake if role == "wrong" else "",
        answer.diagnoses, problem.evaluations, seconds, answer.message, answer.kinds,
    )  # fmt: skip


def problem_of(fault: Fault, place: Place, role: Role, seed: int) -> Problem:
    """Return a case as a checker is given it; a derivative with a memory was asked at ordinary inputs before its trigger."""
    entropy = [seed, zlib.crc32(fault.name.encode())]
    ordinary: Inputs = fault.ordinary(np.random.default_rng(entropy))
    vjp = fault.right if role == "right" else fault.doubted()
    assert vjp is not None
    if place != "trigger":
        return Problem(fault.f, vjp, ordinary, seed)
    rng = np.random.default_rng([*entropy, 1])
    if fault.stateful:
        vjp(fault.cotangents(rng, *ordinary), *ordinary)
    return Problem(fault.f, vjp, fault.trigger(rng), seed)


@dataclass(frozen=True, slots=True)
class Score:
    """How one checker did over some cases.

    Args:
        wrong: how many wrong derivatives there were.
        rejected: place -> how many of them were rejected there.
        right: how many right derivatives there were.
        right_rejected: how many of those were rejected at the inputs given, where they are right.
        right_explored: how many at inputs that the checker chose, where the right one may have a fault of its own.
        inconclusive, errors: rows without a decision, and rows in which the checker crashed.
        nameable: rejected mistakes that have a name, once a case.
        named: of those, how many were named rightly.
        misnamed: of those, how many only otherwise.
        evaluations, seconds: the medians of a row, exploration aside.
        total: seconds, of all.
    """

    wrong: int
    rejected: Mapping[str, int]
    right: int
    right_rejected: int
    right_explored: int
    inconclusive: int
    errors: int
    nameable: int
    named: int
    misnamed: int
    evaluations: float
    seconds: float
    total: float


def score(rows: Sequence[Row]) -> Score:
    """Count the rows of one checker."""
    wrong = [r for r in rows if r.role == "wrong"]
    right = [r for r in rows if r.role == "right"]
    plain = [r for r in rows if r.inputs != "explored"]
    names = _names(wrong)
    return Score(
        wrong=len({r.case for r in wrong}),
        rejected={p: len({r.case for r in wrong if r.inputs == p and r.verdict == "fail"}) for p in dict.fromkeys(r.inputs for r in rows)},
        right=len({r.case for r in right}),
        right_rejected=len({r.case for r in right if r.verdict == "fail" and r.inputs != "explored"}),
        right_explored=len({r.case for r in right if r.verdict == "fail" and r.inputs == "explored"}),
        inconclusive=sum(r.verdict == "inconclusive" for r in rows),
        errors=sum(r.verdict == "error" for r in rows),
        nameable=len(names),
        named=sum(n is True for n in names.values()),
        misnamed=sum(n is False for n in names.values()),
        evaluations=float(np.median([r.evaluations for r in plain])) if plain else 0.0,
        seconds=float(np.median([r.seconds for r in plain])) if plain else 0.0,
        total=float(sum(r.seconds for r in rows)),
    )


def _names(wrong: Sequence[Row]) -> dict[str, bool | None]:
    """Return, for each rejected mistake with a name, whether it was named rightly at its trigger, else where it was."""
    out: dict[str, bool | None] = {}
    for r in sorted(wrong, key=lambda r: r.inputs == "trigger"):
        if r.verdict == "fail" and r.mistake:
            out[r.case] = r.named if r.named is not None else out.get(r.case)
    return out


def missed(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of wrong derivatives that were rejected nowhere, at their triggers."""
    caught = {r.case for r in rows if r.role == "wrong" and r.verdict == "fail"}
    return [r for r in rows if r.role == "wrong" and r.inputs == "trigger" and r.case not in caught]


def false_alarms(rows: Sequence[Row]) -> list[Row]:
    """Return the rows in which a right derivative was rejected."""
    return [r for r in rows if r.role == "right" and r.verdict == "fail"]


def misnamed(rows: Sequence[Row]) -> list[Row]:
    """Return the rows in which another mistake was named: the same numbers by another name, or a defect."""
    return [r for r in rows if r.named is False]


def as_data(rows: Sequence[Row]) -> dict[str, Any]:
    """Return plain data for JSON: one row a checker, case, inputs and role."""
    return {"schema": SCHEMA, "rows": [asdict(r) | {"named": r.named} for r in rows]}
