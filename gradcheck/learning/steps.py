"""Is an optimiser's step right? Its parameters after each of several steps beside the exact ones.

The exact steps are made in mpmath from the same numbers. What rounding may do is the running error of the rule: with W the rule
run in the running arithmetic and R its bound, a right program is within R of W, hence within R + abs(W - exact) of the exact step.
R is multiplied by `SLACK`: torch computes beta m + (1 - beta) g as m + (1 - beta) (g - m), divides the rate by the bias correction
before the root, and fuses products, each of which rounds other intermediate numbers than our formula does, but no more than twice as many.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.floating import FORMATS
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.arith.running import Roundoff, Running, wide_format
from gradcheck.errors import BadInput, CannotExpress, FunctionFailed, StepWrong, UnknownDtype, UnknownName
from gradcheck.foreign import answer_of, array_of, text_of
from gradcheck.graph.values import Arrays
from gradcheck.learning.mistakes import mistakes
from gradcheck.learning.optimizer import Rule
from gradcheck.learning.rules import TRIED, label, settings_of
from gradcheck.learning.trial import EXEMPT, Trial, drawn

#: parameters, gradients, state (None before the first step), settings -> parameters, state
Step: TypeAlias = Callable[[Arrays, Arrays, Any, Mapping[str, Any]], tuple[Mapping[str, Any], Any]]
Verdict: TypeAlias = Literal["pass", "fail", "inconclusive"]

#: For other intermediate numbers, as above.
SLACK = 2.0
#: Decimal digits of the exact steps.
DIGITS = 60
#: A bound above this part of what all entries moved says nothing.
WELL_BELOW = 0.01
#: The part of all entries and steps that needs a finite bound. Adam has none where a gradient and the decay of its weight cancel.
WELL_JUDGED = 0.9


@dataclass(frozen=True, slots=True)
class StepRow:
    """A rule in one setting and format.

    Args:
        rule: with its settings.
        dtype: the format.
        verdict: of all its steps; "skipped" where the optimiser has no such setting.
        ratio: the largest error over its bound.
        message: what differs first, or why there is no verdict.
        step: the first step that is wrong, from 1; 0 if none is.
        parameter: the name of the one that is wrong there.
        index: of its entry that is wrong most.
        got: what it became.
        expected: what is right.
        bound: what rounding may do to it.
        resolution: the smallest relative error of a movement that would have been seen.
        candidates: the mistakes that make the same steps.
    """

    rule: str
    dtype: str
    verdict: Verdict | Literal["skipped"]
    ratio: float = 0.0
    message: str = ""
    step: int = 0
    parameter: str = ""
    index: tuple[int, ...] = ()
    got: float = math.nan
    expected: float = math.nan
    bound: float = math.nan
    resolution: float = math.nan
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepReport:
    """What came of `check_step`.

    Args:
        name: of what was checked.
        rows: a setting and a format each.
        seed: of the numbers.
    """

    name: str
    rows: tuple[StepRow, ...]
    seed: int

    @property
    def verdict(self) -> Verdict:
        """The worst of the rows that were tried: fail before inconclusive before pass."""
        found = {r.verdict for r in self.rows} - {"skipped"}
        return "fail" if "fail" in found else "inconclusive" if "inconclusive" in found or not found else "pass"

    @property
    def diagnosis(self) -> tuple[str, ...]:
        """The mistakes that explain every row that fails."""
        failing = [r for r in self.rows if r.verdict == "fail"]
        return tuple(x for x in (failing[0].candidates if failing else ()) if all(x in r.candidates for r in failing))

    @property
    def mistakes(self) -> tuple[str, ...]:
        """What is said of the mistake: what explains all rows that fail, else setting by setting."""
        failing = {r.rule: " or ".join(r.candidates) or "not recognised" for r in self.rows if r.verdict == "fail"}
        if self.diagnosis or len(set(failing.values())) < 2:
            return (" or ".join(self.diagnosis) or "not recognised",) if failing else ()
        return tuple(f"{said} (with {rule})" for rule, said in failing.items())

    def raise_if_failed(self) -> None:
        """Raise `StepWrong` with the report unless every step is right or undecided."""
        if self.verdict == "fail":
            raise StepWrong(str(self))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; what is not finite is null."""
        rows = [{k: None if isinstance(x, float) and not math.isfinite(x) else x for k, x in asdict(r).items()} for r in self.rows]
        return {"name": self.name, "verdict": self.verdict, "diagnosis": list(self.diagnosis), "seed": self.seed, "rows": rows}

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.verdict}"]
        lines += [f"{r.rule} {r.dtype}: {r.verdict} ({r.ratio:.2g} times the bound) {r.message}".rstrip() for r in self.rows]
        return "\n".join([*lines, *(f"mistake: {x}" for x in self.mistakes)])


def check_step(
    step: Step, rule: str | Rule | list[Rule] | tuple[Rule, ...], *, dtypes: Sequence[str] = ("float64", "float32"), steps: int = 8, seed: int = 0,
    exempt: Sequence[str] = EXEMPT, ulps: Mapping[str, Mapping[str, float]] | None = None, name: str = "",
) -> StepReport:  # fmt: skip
    """Verify the steps of an optimiser against exact ones.

    Args:
        step: takes parameters, gradients (both by name), its own state (None before the first step) and settings (rate, decay, ...,
            and exempt: the names of parameters without weight decay); returns parameters and state. It may work in place.
        rule: what it should do: a name in `gradcheck.learning.RULES`, which is tried in several settings; a rule, or several.
        dtypes: the formats of the numbers.
        steps: how many are made in each setting.
        seed: of the numbers.
        exempt: parameters without weight decay, out of w, b and v; an optimiser that has no such exemption takes ().
        ulps: format -> errors of its elementary functions (here: sqrt), as for a target.
        name: for the report; that of the function unless given.

    Raises:
        FunctionFailed: the step raised, or did not return parameters of the shapes that it was given.
        UnknownName: a rule that does not exist.
        UnknownDtype: a format that does not exist.

    >>> def plain(w, g, state, settings):
    ...     return {k: w[k] - settings["rate"] * g[k] for k in w}, state
    >>> check_step(plain, "descent", dtypes=["float64"]).diagnosis
    ('weight decay is left out',)
    """
    if isinstance(step, type):
        raise BadInput(f"expected a function of parameters, gradients, state and settings; got the class {step.__name__}: for an optimiser of torch "
                       "there is gradcheck.learning.torch.check_optimizer")  # fmt: skip
    rules = _rules(rule)
    for dtype in dtypes:
        if dtype not in ("float64", "float32"):
            raise UnknownDtype(dtype, ("float64", "float32"))
    if steps < 1:
        raise BadInput(f"expected at least 1 step; got {steps}")
    rows = []
    for chosen in rules:
        for dtype in dtypes:
            trial = drawn(dtype, steps, seed, tuple(exempt))
            running = Running(Roundoff.of(dtype, ulps=(ulps or {}).get(dtype)), wide_format(dtype))
            rows.append(_judged(step, chosen, trial, running, dtype))
    return StepReport(name or str(getattr(step, "__name__", "step")), tuple(rows), seed)


def _rules(rule: str | Rule | list[Rule] | tuple[Rule, ...]) -> tuple[Rule, ...]:
    if not isinstance(rule, str):
        several = tuple(rule) if isinstance(rule, list | tuple) else (rule,)
        for x in several:
            if not hasattr(x, "update"):
                raise BadInput(f"expected an update rule, or the name of one ({', '.join(TRIED)}); got {x!r}")
        return several
    if rule not in TRIED:
        raise UnknownName("update rule", rule, TRIED)
    return TRIED[rule]


def _judged(step: Step, rule: Rule, trial: Trial, running: Running, dtype: str) -> StepRow:
    try:
        got = list(_made(step, rule, trial, dtype))
    except CannotExpress as reason:
        return StepRow(label(rule), dtype, "skipped", message=str(reason))
    exact = Multiprecision(DIGITS)
    known = [_known(right, wide, exact) for right, wide in zip(trial.run(rule, exact), trial.run(rule, running), strict=True)]
    row = _compared(got, known, trial, label(rule), dtype)
    if row.verdict != "fail":
        return row
    found = tuple(x.name for x in mistakes(rule) if _reproduces(got, trial.run(rule, running, x)))
    return replace(row, candidates=found)


@dataclass(frozen=True, slots=True)
class _Known:
    """An exact parameter, in mpmath, and what rounding may do to it."""

    exact: Array
    bound: npt.NDArray[np.float64]
    m: Multiprecision

    def error(self, got: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return abs(got - exact), entry by entry."""
        finite = np.isfinite(got)
        away = self.m.number(abs(self.m.array(np.where(finite, got, 0)) - self.exact))
        return np.where(finite, away, np.inf)

    def ratio(self, got: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return the error over its bound; 0 where there is no finite bound."""
        error = self.error(got)
        with np.errstate(all="ignore"):
            return np.where((error == 0) | ~np.isfinite(self.bound), 0.0, error / np.where(self.bound > 0, self.bound, 5e-324))


def _known(right: Mapping[str, Array], wide: Mapping[str, Array], m: Multiprecision) -> dict[str, _Known]:
    found = {}
    for k, exact in right.items():
        apart = m.number(abs(m.array(wide[k].value) - exact))
        found[k] = _Known(exact, SLACK * wide[k].radius() + apart, m)
    return found


def _compared(got: list[Arrays], known: list[dict[str, _Known]], trial: Trial, rule: str, dtype: str) -> StepRow:
    worst, finite = 0.0, []
    for number, (after, right) in enumerate(zip(got, known, strict=True), 1):
        ratios = {k: right[k].ratio(x) for k, x in after.items()}
        name = max(ratios, key=lambda k: float(ratios[k].max()))
        worst = max(worst, float(ratios[name].max()))
        if worst > 1:
            index = tuple(int(i) for i in np.unravel_index(int(ratios[name].argmax()), ratios[name].shape))
            value, wanted, bound = (float(x[index]) for x in (after[name], right[name].exact, right[name].bound))
            message = f"{name}{list(index)} after step {number}: {value!r}, where {wanted!r} is right within {bound:.2g}"
            return StepRow(rule, dtype, "fail", worst, message, number, name, index, value, wanted, bound)
        finite += [np.isfinite(x.bound).ravel() for x in right.values()]
    judged, resolution = float(np.concatenate(finite).mean()), _resolution(known[-1], trial)
    message = "" if judged == 1 else f"{1 - judged:.1%} of the entries have no finite bound"
    if judged < WELL_JUDGED or not resolution < WELL_BELOW:
        message = message or f"the bound is {resolution:.2g} of what the parameters moved"
        return StepRow(rule, dtype, "inconclusive", worst, message, resolution=resolution)
    return StepRow(rule, dtype, "pass", worst, message, resolution=resolution)


def _resolution(last: Mapping[str, _Known], trial: Trial) -> float:
    """Return the smallest bound in terms of how far a parameter moved in all steps."""
    best = math.inf
    for k, x in last.items():
        moved = x.error(trial.parameters[k])
        best = min(best, float(np.min(np.divide(x.bound, moved, out=np.full(moved.shape, np.inf), where=moved > 0), initial=math.inf)))
    return best


def _reproduces(got: list[Arrays], wrong: Iterator[Mapping[str, Array]]) -> bool:
    """Answer whether a wrong rule makes the same steps, but for rounding."""
    for after, wide in zip(got, wrong, strict=True):
        for k, x in after.items():
            with np.errstate(all="ignore"):
                away, nowhere = np.abs(x - wide[k].value), np.isnan(x) & np.isnan(wide[k].value)
            if not np.all(nowhere | (away <= SLACK * wide[k].radius())):
                return False
    return True


# -- asking the step ---------------------------------------------------------------------------------


def _made(step: Step, rule: Rule, trial: Trial, dtype: str) -> Iterator[Arrays]:
    """Yield copies of the parameters after each step."""
    parameters: Mapping[str, Any] = {k: x.copy() for k, x in trial.parameters.items()}
    state: Any = None
    for k, gradients in enumerate(trial.gradients):
        settings = settings_of(trial.rule(rule, k)) | {"exempt": trial.exempt}
        given = {name: np.array(x) for name, x in parameters.items()}
        parameters, state = answer_of(
            lambda: _pair(step(given, {name: x.copy() for name, x in gradients.items()}, state, settings)),  # noqa: B023 - called at once
            who=f"step {k + 1}", failure=FunctionFailed, passing=(CannotExpress,),
        )  # fmt: skip
        parameters = _checked(parameters, trial, dtype)
        yield {name: np.array(x) for name, x in parameters.items()}


def _pair(answer: Any) -> tuple[Any, Any]:
    parameters, state = answer
    return parameters, state


def _checked(parameters: Any, trial: Trial, dtype: str) -> Arrays:
    """Return the parameters of an answer, or raise `FunctionFailed`."""
    shapes = {k: x.shape for k, x in trial.parameters.items()}
    given = answer_of(lambda: dict(parameters) if isinstance(parameters, Mapping) else {}, who="reading the step's answer", failure=FunctionFailed)
    found = {text_of(k): array_of(x, f"the step's {text_of(k)}", failure=FunctionFailed) for k, x in given.items()}
    got = {k: x.shape for k, x in found.items()}
    if got != shapes:
        raise FunctionFailed(f"expected the step to return parameters of shapes {shapes}; got {got or type(parameters).__name__}")
    for k, x in found.items():
        if x.dtype != FORMATS[dtype]:
            raise FunctionFailed(f"expected the step to return {k} in {dtype}, as it was given; got {x.dtype}")
    return found
