"""How many steps until rounding, or a fault, separates a target's training from the reference's.

Both begin at the same numbers. The target's gradients move parameters in its format; the reference's, in higher precision, move
exact ones. Rounding alone separates the two, by a distance that the training itself makes larger or smaller from step to step, and
that no bound of one step foretells. So it is measured: `SWEEPS` more trainings, in which every operation of gradient and update is
perturbed at random within the target's roundoff, go their ways from the same numbers. Up to `MARGIN` times the farthest of them is
explained by rounding; see `gradcheck.compare.statistics` for the chance that one more training of the same kind goes beyond.

A distance beyond that is evidence and no proof. Proof is had where the target stands: its gradient at its own parameters, after 0,
1, 2, 4, 8, ... steps and just before the distance is unexplained, is judged as `gradcheck run` judges one. A gradient that is right
at every such place has been moved apart by rounding alone, however far it is; a wrong one is named with its step.

A target that stops answering ends its training there, and what came before is compared; an answer that does not fit is a fault.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.arith.carrier import Carrier
from gradcheck.arith.floating import FORMATS, Floating
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.arith.running import Roundoff, wide_format
from gradcheck.arith.stochastic import Stochastic
from gradcheck.compare.statistics import MARGIN, SWEEPS
from gradcheck.errors import BadInput, CannotExpress, TargetFailed, UnknownDtype, WrongAnswer
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Arrays, Values
from gradcheck.judge.answer import inspect_answer
from gradcheck.judge.judge import Judgement, judge
from gradcheck.learning.descent import Descent
from gradcheck.learning.examples import Examples, beginning, examples, known_parameters
from gradcheck.learning.optimizer import Rule
from gradcheck.learning.rules import label
from gradcheck.learning.separation import Separation
from gradcheck.learning.training import descend, largest
from gradcheck.learning.trajectory import Point
from gradcheck.networks.network import Network
from gradcheck.targets.opening import opened, run_of
from gradcheck.targets.target import Description, Run, Target, leaf_arrays
from gradcheck.validation.ulps import measured_ulps

#: Decimal digits of the reference, and up to how many numbers in a graph's values it has so many; longdouble beyond.
DIGITS, MOST_NUMBERS = 40, 500

#: Answers whose largest entries differ by more than this part are two different ones: of bfloat16 a rounding is 0.4 %.
SAME = 0.02
#: Gradients may overflow inside where they are within this factor of the largest number: what is added up in them, a batch of a
#: thousand examples before it is divided, may be so much larger.
FAR = 2.0**10

Floats = npt.NDArray[np.float64]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class _Case:
    """What is trained, and how."""

    d: Description
    divided: Examples
    start: Arrays
    rule: Rule
    dtype: str
    exempt: tuple[str, ...]
    seed: int

    @property
    def roundoff(self) -> Roundoff:
        """How the target rounds."""
        accumulate = self.d.accumulates.get(self.dtype)
        return Roundoff.of(self.dtype, flushes=self.d.flushes, accumulate=accumulate, ulps=measured_ulps(self.d.name, self.dtype))

    def points(self, m: Arithmetic, target: Target | None = None) -> Iterator[Point]:
        """Yield the way in an arithmetic."""
        return descend(self.divided, self.start, self.rule, m, exempt=self.exempt, target=target)


def compare(
    network: Network | Graph, values: Values | None = None, *, target: str | Target | Callable[..., Any], optimizer: Rule | None = None,
    dtype: str = "float32", steps: int = 200, batch: int | None = None, seed: int = 0, exempt: Collection[str] = (),
    tolerance: float = 0.01, progress: Progress | None = None, timeout: float | None = None,
) -> Separation:  # fmt: skip
    """Train with a target's gradients, and beside it with the reference's in higher precision.

    Args:
        network: a network, or a graph with one number as its output.
        values: inputs and parameters by name; a network's own unless given.
        target: a target, its name, "module:attribute", a program such as "./engine", or a callable.
        optimizer: an update rule; `Descent` unless given.
        dtype: the format of the target.
        steps: how many.
        batch: examples a step; all of them unless given.
        seed: of the values of a network, the order of examples, and the perturbed trainings.
        exempt: names of parameters without weight decay.
        tolerance: a distance above this part of the largest parameter counts as apart.
        progress: called with a label, a number and how many there are.
        timeout: seconds that a program has for each answer (default 60); one that is started here is ended too.

    Raises:
        BadInput: settings that do not go together.
        CannotExpress: the target has no form for the network.
        TargetFailed: it is no target, or a program that cannot be run.
        UnknownDtype: a format that the target does not have.

    >>> from gradcheck.networks import networks
    >>> found = compare(networks["linear-neuron"], target="reference", steps=20)
    >>> found.verdict, found.unexplained, found.digits > 5
    ('pass', None, True)
    """
    if steps < 1:
        raise BadInput(f"expected at least 1 step; got {steps}")
    with opened(target, timeout) as d:
        if dtype not in d.dtypes:
            raise UnknownDtype(dtype, d.dtypes, f"{d.name} has none other: give dtype= (--dtype)")
        case = _case(network, values, d, optimizer or Descent(), dtype, batch, tuple(exempt), seed)
        return _compared(case, steps, tolerance, progress)


def _compared(case: _Case, steps: int, tolerance: float, progress: Progress | None) -> Separation:
    d, dtype, seed = case.d, case.dtype, case.seed
    theirs, failure = _theirs(case, _Told(progress, steps))
    told = _Told(progress, len(theirs) - 1)
    m = _reference(case.divided.graph)
    ours = list(told("the reference", case.points(m)))
    scale = [largest(m.number(x) for x in p.parameters.values()) or 1.0 for p in ours]
    distances = [_apart(_floats(p), ours[k], m) / scale[k] for k, p in enumerate(theirs)]
    spread = np.zeros(len(theirs))
    for k in range(SWEEPS):
        noisy = Stochastic(case.roundoff, seed * SWEEPS + k, wide_format(dtype))
        way = told(f"rounding {k + 1} of {SWEEPS}", case.points(noisy))
        spread = np.fmax(spread, [_apart(_floats(p), q, m) / s for p, q, s in zip(way, ours, scale, strict=True)])
    found = Separation(
        case.divided.graph.name, d.name, label(case.rule), dtype, m.name, seed, tolerance, tuple(distances), tuple(map(float, MARGIN * spread)),
        tuple(p.loss for p in theirs), tuple(p.loss for p in ours), (), None, "", "",
    )  # fmt: skip
    return _judged(found, case, theirs, ours, failure)


class _Heard:
    """A target, and what it was asked last."""

    def __init__(self, target: Target) -> None:
        self.name, self._target = "target", target
        self.asked: Arrays = {}

    def run(self, graph: Graph, values: Values) -> Run:
        """Ask it."""
        self.asked = {k: np.array(x) for k, x in values.items()}
        return self._target.run(graph, values)


def _theirs(case: _Case, told: _Told) -> tuple[list[Point], TargetFailed | None]:
    """Return the target's way, and what ended it early; then the last place is the one at which it gave no answer."""
    heard, found = _Heard(case.d.target), list[Point]()
    try:
        for point in told("the target", case.points(Floating(case.dtype), heard)):
            found.append(point)
    except TargetFailed as error:
        if isinstance(error, CannotExpress) and not found:
            raise
        at = {k: heard.asked[k] for k in case.divided.graph.parameters}
        return [*found, Point(math.nan, math.nan, at)], error
    return found, None


def _case(
    network: Network | Graph, values: Values | None, d: Description, rule: Rule, dtype: str, batch: int | None, exempt: tuple[str, ...],
    seed: int,
) -> _Case:  # fmt: skip
    graph = network.graph if isinstance(network, Network) else network
    given = beginning(network, values, seed, dtype)
    known_parameters(exempt, graph.parameters)
    divided = examples(network, given, batch=batch, seed=seed)
    return _Case(d, divided, {k: given[k] for k in graph.parameters}, rule, dtype, exempt, seed)


class _Told:
    """Says how far a part of the work is."""

    def __init__(self, progress: Progress | None, steps: int) -> None:
        self.progress, self.steps = progress, steps

    def __call__(self, part: str, points: Iterator[Point]) -> Iterator[Point]:
        """Yield the places up to the last step."""
        for k, point in enumerate(islice(points, self.steps + 1)):
            if self.progress is not None:
                self.progress(part, k, self.steps)
            yield point


def _reference(graph: Graph) -> Arithmetic:
    """Return the arithmetic of the reference: in longdouble its own rounding is 2^-11 of float64's, 2^-40 of float32's."""
    small = sum(math.prod(s) for s in graph.shapes.values()) <= MOST_NUMBERS
    return Multiprecision(DIGITS) if small else Floating("longdouble")


def _floats(point: Point) -> Mapping[str, Array]:
    """Return the parameters of a place as floats, without a rounding."""
    return {k: x.value if isinstance(x, Carrier) else x for k, x in point.parameters.items()}


def _apart(parameters: Mapping[str, Array], reference: Point, m: Arithmetic) -> float:
    """Return the largest distance of an entry; infinity where one of the two is not finite."""
    worst = 0.0
    for k, x in parameters.items():
        if not np.isfinite(x.astype(np.longdouble)).all():
            return math.inf
        found = m.number(abs(m.array(x) - reference.parameters[k]))
        worst = max(worst, float(np.max(found, initial=0.0)))
    return worst if math.isfinite(worst) else math.inf


# -- the gradients by themselves ---------------------------------------------------------------------


def _judged(found: Separation, case: _Case, theirs: list[Point], ours: list[Point], failure: TargetFailed | None) -> Separation:
    """Add what is said of the target's gradients at its own parameters, and of an end before time."""
    looks = {2**k for k in range(found.steps.bit_length()) if 2**k < found.steps}
    looks |= {0} if found.steps else set()
    if found.unexplained:
        looks.add(found.unexplained - 1)
    chosen = sorted(k for k in looks if all(np.isfinite(x.astype(np.longdouble)).all() for x in _floats(theirs[k]).values()))
    data = dict(zip(range(max(chosen, default=0) + 1), case.divided.batches(), strict=False))
    judged: tuple[int, ...] = ()
    for k in chosen:
        try:
            judgement, same = _judgement(case, {**data[k], **theirs[k].parameters}, theirs[k])
            if judgement.verdict == "fail" and not same:
                raise TargetFailed("it answers otherwise than before, and wrongly")
        except TargetFailed as error:
            found = replace(found, stopped=f"asked again for the gradient after {k} steps: {error}")
            break
        judged = (*judged, k)
        if judgement.verdict == "fail":
            diagnosis = next((f.diagnosis for f in judgement.findings if f.diagnosis), "")
            return replace(found, judged=judged, fault=k, message=f"the gradient after {k} steps is wrong: {judgement.message}", diagnosis=diagnosis)
    return _by_training(found, judged, _not_finite(theirs[: found.steps] if failure is not None else theirs, ours, case.dtype), failure)


def _by_training(found: Separation, judged: tuple[int, ...], bad: int | None, failure: TargetFailed | None) -> Separation:
    """Add what the training itself says, where no gradient that was asked for again is wrong."""
    if bad is not None:
        message = f"the gradient after {bad} steps is wrong: an entry is not finite, and the reference's are"
        return replace(found, judged=(*(k for k in judged if k < bad), bad), fault=bad, message=message)
    if isinstance(failure, WrongAnswer):
        message = f"the answer after {found.steps} steps is wrong: {failure}"
        return replace(found, judged=(*judged, found.steps), fault=found.steps, message=message, diagnosis=failure.diagnosis)
    if failure is not None:
        found = replace(found, stopped=f"no answer after {found.steps} steps: {failure}")
    message = ""
    if found.unexplained is not None:
        message = f"after {found.unexplained} steps it is farther away than rounding explains, and yet no gradient that was judged is wrong"
    return replace(found, judged=judged, message=message)


def _not_finite(theirs: list[Point], ours: list[Point], dtype: str) -> int | None:
    """Return the first place whose gradient is not finite where the reference's is far below the largest number of the format."""
    most = float(ml_dtypes.finfo(FORMATS[dtype]).max) / FAR
    pairs = enumerate(zip(theirs, ours, strict=False))
    return next((k for k, (p, q) in pairs if not math.isfinite(p.slope) and q.slope <= most), None)


def _judgement(case: _Case, values: Values, before: Point) -> tuple[Judgement, bool]:
    """Judge the answer at a place of the way, and tell whether it is the one that was given on the way."""
    graph = case.divided.graph
    given = beginning(graph, values, 0, case.dtype)
    kept = leaf_arrays(graph, {k: x.copy() for k, x in given.items()})
    run = run_of(case.d.target, graph.copy(), given)
    judgement = judge(graph, kept, run, case.roundoff, case.dtype, slack=case.d.slack, seed=case.seed)
    return judgement, _as_before(case, run, before)


def _as_before(case: _Case, run: Run, before: Point) -> bool:
    """Answer whether the largest entry of the gradient is the same; of an answer that does not fit it is not, as that one did."""
    try:
        run, wrong = inspect_answer(case.divided.graph, run)
    except TargetFailed:
        return False
    if wrong:
        return False
    slope = largest(run.gradients.values()) * case.divided.scale
    if not math.isfinite(slope):
        return not math.isfinite(before.slope)
    return abs(slope - before.slope) <= SAME * abs(slope)
