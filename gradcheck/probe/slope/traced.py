"""A function that can be traced to a graph: its certified gradient stands in the place of differences, entry by entry.

Tracing is tried once and given up without a word where the code branches on numbers or uses what has no graph form; then one run is
recorded. The graph counts only if it gives the numbers that f gives.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gradcheck.arith.ball import Ball
from gradcheck.arith.running import Roundoff, Running, radius_of, wide_format
from gradcheck.capture.numpy.record import record_numpy
from gradcheck.certify.certification import certify
from gradcheck.compare.statistics import by_textbook
from gradcheck.engine.reverse import backward, evaluate
from gradcheck.errors import FunctionRaised, GradcheckError, NotTraceable, OutOfBudget
from gradcheck.graph.graph import Graph
from gradcheck.graph.trace import trace
from gradcheck.graph.values import Arrays as Values
from gradcheck.ops.op import registry
from gradcheck.probe.slope.dual_slope import REPRODUCED
from gradcheck.probe.slope.rounded_output import reuse
from gradcheck.probe.subject.margin import MARGIN
from gradcheck.probe.subject.subject import Arrays, Subject, format_of

Floats = npt.NDArray[np.float64]
#: Middle and radius of the gradient for each input.
Certified: TypeAlias = list[tuple[npt.NDArray[Any], Floats]]

#: What a report says of such a check.
TRACED = "the certified gradient of the traced graph, entry by entry"
#: What it says of code that branches, or fills arrays.
RECORDED = "the certified gradient of the recorded run"
#: Entries of the graph beyond which balls would take longer than the check.
MOST_ENTRIES = 4_000
#: Inputs beyond which second derivatives in each entry take too long.
MOST_INPUTS = 1_000
#: Bits to which the certified gradient is known.
BITS = 96
#: Of what rounding explains at most this part is granted: a right formula out of its depth, where no digit is left, is no right one there.
INFORMATIVE = 0.05
#: Whose frames are no place in the user's code.
_NOT_THEIRS = (Path(__file__).parents[2], Path(np.__file__).parent)


class Traced:
    """The graph of a function at its point, and its certified gradients.

    Args:
        graph: of f.
        values: the point.
        dtype: the format in which the doubted derivative computes.
        informative: of what rounding explains at most this part of an entry is granted.
    """

    def __init__(self, graph: Graph, values: Values, dtype: str = "float64", informative: float = INFORMATIVE) -> None:
        self.graph, self.values, self.dtype, self.informative = graph, values, dtype, informative
        self._known: dict[tuple[bytes, ...], Certified | None] = {}
        self._reused: list[list[Floats]] | None = None

    def gradients(self, gs: list[Floats]) -> Certified | None:
        """Return middle (longdouble) and radius, rounding included, of each gradient for a cotangent; None where an entry is not narrow.

        Args:
            gs: cotangents of the outputs.
        """
        key = tuple(g.tobytes() for g in gs)
        if key not in self._known:
            self._known[key] = self._certified(gs)
        return self._known[key]

    def _certified(self, gs: list[Floats]) -> Certified | None:
        try:
            found = certify(self.graph, self.values, bits=BITS, cotangent=tuple(gs), wrt=tuple(self.values))
        except GradcheckError:  # values that are not finite, a function that balls do not have
            return None
        if not all((x.bits > BITS / 2).all() or _small(x.balls) for x in found.values()):
            return None  # a kink: differences look at both sides
        with Ball().precision(2 * found.precision):
            known = [_split(x.balls) for x in found.values()]
        bounds = self._roundings(gs)
        if self._reused is not None:
            bounds = [np.fmax(b, _contracted(changes, gs).reshape(b.shape)) for b, changes in zip(bounds, self._reused, strict=True)]
        with np.errstate(invalid="ignore"):  # infinity times an entry of 0
            granted = [np.fmin(b, self.informative * np.abs(c)) / MARGIN for (c, _), b in zip(known, bounds, strict=True)]  # bounds need no margin
        return [(c, r + b.astype(np.float64)) for (c, r), b in zip(known, granted, strict=True)]

    def grant_reuse(self) -> bool:
        """Let error bars hold from now on what a formula by f's rounded outputs is off by; answer whether that changes anything.

        It is asked for before anything is accused, and not of large inputs, whose second derivatives take too long.
        """
        if self._reused is not None or sum(x.size for x in self.values.values()) > MOST_INPUTS:
            return False
        self._reused = reuse(self.graph, self.values, self.dtype)
        self._known.clear()
        return True

    def _roundings(self, gs: list[Floats]) -> list[Floats]:
        """Return what rounding may do to each entry of a right gradient: the running error bound, the larger one of all legitimate formulas."""
        m = Running(Roundoff.of(self.dtype), wide_format(self.dtype))
        worst = [np.zeros(x.shape) for x in self.values.values()]
        for ops in (registry, *by_textbook(self.graph, registry)):
            with np.errstate(all="ignore"):
                swept = backward(self.graph, self.values, m, cotangent=tuple(gs), wrt=tuple(self.values), ops=ops)[1]
            for w, x in zip(worst, swept.values(), strict=True):
                radius = radius_of(x)
                np.fmax(w, np.where(np.isfinite(radius), radius, 0.0), out=w)
        return worst

    def hulls(self, gs: list[Floats]) -> list[tuple[Floats, Floats]] | None:
        """Return numbers between which every generalised derivative lies, at a kink too; None where that is not known.

        Args:
            gs: cotangents of the outputs.
        """
        try:
            found = certify(self.graph, self.values, bits=BITS, cotangent=tuple(gs), wrt=tuple(self.values))
        except GradcheckError:
            return None
        return [_ends(x.balls) for x in found.values()]

    def residual(self, gs: list[Floats], ts: list[Floats], v: list[Floats]) -> tuple[float, float] | None:
        """Return the certified derivative less the doubted one along a direction, and its error; None where there is none.

        Args:
            gs: cotangents.
            ts: the direction.
            v: the doubted gradients.
        """
        certified = self.gradients(gs)
        if certified is None:
            return None
        terms = [np.sum((c - a) * t) for (c, _), a, t in zip(certified, v, ts, strict=True)]
        value = float(sum(terms))
        error = sum(float(np.sum(r * np.abs(t))) for (_, r), t in zip(certified, ts, strict=True))
        return (value, error) if math.isfinite(value) else None


def traced(subject: Subject, base: Arrays, informative: float = INFORMATIVE) -> Traced | None:
    """Return the graph of a subject's function if it has one that gives the same numbers; None where not.

    Args:
        subject: of NumPy code.
        base: its outputs at the point.
        informative: see `Traced`.

    Raises:
        OutOfBudget: no evaluation is left.
    """
    found = _graph_of(subject, base, _traced)
    return Traced(*found, format_of(max(subject.eps)), informative) if isinstance(found, tuple) else None


def recorded(subject: Subject, base: Arrays) -> Traced | str:
    """Return the graph of one run, branches as they were taken, as that of the function; or, in words, what prevents that.

    Args:
        subject: of NumPy code.
        base: its outputs at the point.

    Raises:
        OutOfBudget: no evaluation is left.
    """
    found = _graph_of(subject, base, _recorded)
    return Traced(*found, format_of(max(subject.eps))) if isinstance(found, tuple) else found


def _graph_of(subject: Subject, base: Arrays, make: Callable[[Subject, Values], Graph]) -> tuple[Graph, Values] | str:
    if subject.raw is None or any(x.dtype != np.float64 for x in subject.point):
        return "it is computed in another format than float64"
    if sum(x.size for x in (*subject.point, *base)) > MOST_ENTRIES:
        return f"its inputs and outputs have more than {MOST_ENTRIES:,} entries"
    values = {f"x{k}": x for k, x in enumerate(subject.point)}
    try:
        subject.meter.spend()
        graph = make(subject, values)
        if sum(math.prod(s) for s in graph.shapes.values()) > MOST_ENTRIES:
            return f"its values have more than {MOST_ENTRIES:,} entries"
        found = evaluate(graph, values)
    except OutOfBudget:
        raise
    except Exception as error:  # f does something that has no graph form: whatever it raises then is the reason
        return _reason(error)
    several = found if isinstance(found, tuple) else (found,)
    if len(several) != len(base) or not all(map(_alike, several, base)):
        return "its graph gives other numbers"
    return graph, values


def _reason(error: Exception) -> str:
    """Return why there is no graph, with the line of code that is not ours nor NumPy's."""
    cause = error.__cause__ if isinstance(error, FunctionRaised) and error.__cause__ is not None else error
    frames = [f for f in traceback.extract_tb(cause.__traceback__) if not any(Path(f.filename).is_relative_to(room) for room in _NOT_THEIRS)]
    place = f" [{Path(frames[-1].filename).name}:{frames[-1].lineno}]" if frames else ""
    return f"{str(cause) if isinstance(cause, GradcheckError) else f'{type(cause).__name__}: {cause}'}{place}"


def _traced(subject: Subject, values: Values) -> Graph:
    return trace(lambda **xs: tuple(subject.over([xs[k] for k in values])), values, name="f")


def _recorded(subject: Subject, values: Values) -> Graph:
    """Return the graph of one run; raise `NotTraceable` where another branch is near, or a loop ends by its numbers."""
    run = record_numpy(lambda **xs: tuple(subject.over([xs[k] for k in values])), values, name="f", code=subject.raw, most=MOST_ENTRIES)
    if run.at_edge or run.loops:
        raise NotTraceable("its loop ends by its numbers" if run.loops else "it compares numbers that are all but equal: another branch is near")
    return run.graph


def _alike(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> bool:
    if a.shape != b.shape or b.dtype != np.float64:
        return False
    size = float(np.max(np.abs(b), initial=0.0))
    return bool(np.all(np.abs(a - b) <= REPRODUCED * size))


def _contracted(changes: list[Floats], gs: list[Floats]) -> Floats:
    """Return for each entry of an input what all outputs allow, weighed by the cotangent."""
    return np.asarray(sum(np.reshape(x, (len(x), -1)) @ np.abs(np.ravel(g)) for x, g in zip(changes, gs, strict=True)))


def _small(balls: Any) -> bool:
    """Answer whether every ball that is not narrow lies so near zero that it rounds to it."""
    return all(x.rel_accuracy_bits() > BITS / 2 or (x.is_finite() and float(x.abs_upper()) < 1e-300) for x in np.ravel(np.asarray(balls)))


def _ends(balls: Any) -> tuple[Floats, Floats]:
    flat, shape = np.ravel(np.asarray(balls)), np.shape(balls)
    known = [x.is_finite() for x in flat]
    low = [np.nextafter(float(x.lower()), -np.inf) if ok else -np.inf for x, ok in zip(flat, known, strict=True)]
    high = [np.nextafter(float(x.upper()), np.inf) if ok else np.inf for x, ok in zip(flat, known, strict=True)]
    return np.array(low, np.float64).reshape(shape), np.array(high, np.float64).reshape(shape)


def _split(balls: Any) -> tuple[npt.NDArray[Any], Floats]:
    flat = np.ravel(np.asarray(balls))
    high = [float(x.mid()) for x in flat]
    low = [float(x.mid() - type(x)(h)) if math.isfinite(h) else 0.0 for x, h in zip(flat, high, strict=True)]
    radius = np.array([float(x.rad()) for x in flat]) * (1 + 2.0**-50)
    shape = np.shape(balls)
    return (np.array(high, np.longdouble) + np.array(low, np.longdouble)).reshape(shape), radius.reshape(shape)
