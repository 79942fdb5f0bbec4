"""What an oracle answers: a gradient, and how far each entry can be from the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Array
from gradcheck.errors import OracleGaveUp
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values

#: Decimal digits in every entry that an oracle works for.
DIGITS = 50

#: Working precisions, in decimal digits: the next is taken where the last two differ too much.
PRECISIONS = (60, 80, 160, 320, 640)

#: The working precision at which an entry that is still zero is believed.
ZERO_PRECISION = 320


@dataclass(frozen=True, slots=True)
class Estimate:
    """A gradient with error bounds.

    Args:
        value: name -> object array of mpmath numbers.
        bound: name -> object array of mpmath numbers: by how much each entry can be wrong. It is an
            estimate from the oracle's own computation, not a proof, unless there are `balls`.
        digits: decimal digits to which the least exact entry other than zero is known.
        precision: the highest working precision used, in decimal digits.
        method: how it was computed, in a word or two.
        balls: name -> object array of balls that are proved to hold the entries, of an oracle that proves.
    """

    value: Mapping[str, npt.NDArray[Any]]
    bound: Mapping[str, npt.NDArray[Any]]
    digits: float
    precision: int
    method: str
    balls: Mapping[str, npt.NDArray[Any]] | None = None


class Oracle(Protocol):
    """What is registered in `gradcheck.oracles.ORACLES`."""

    def __call__(self, graph: Graph, values: Values, *, cotangent: Any = None, wrt: Iterable[str] | None = None) -> Estimate:
        """Return the gradient; raise `OracleGaveUp` with the reason where there is no answer."""
        ...


def estimate(value: Mapping[str, Array], bound: Mapping[str, Array], precision: int, method: str) -> Estimate:
    """Return an `Estimate`, its digits counted; raise `OracleGaveUp` for entries that are not finite."""
    worst = float("inf")
    for name, x in value.items():
        for v, b in zip(np.ravel(x), np.ravel(bound[name]), strict=True):
            if not v.context.isfinite(v) or not v.context.isfinite(b):
                raise OracleGaveUp(f"the derivative with respect to {name!r} is not finite here")
            if v:
                worst = min(worst, digits_of(b / abs(v)))
    return Estimate(
        {k: np.asarray(x) for k, x in value.items()}, {k: np.asarray(x) for k, x in bound.items()}, worst, precision, method
    )


def digits_of(error: Any) -> float:
    """Return -log10 of a relative error, infinity for none; works far below the float64 range."""
    if not error:
        return float("inf")
    return -float(error.context.log10(error))


def refined(
    compute: Callable[[int], dict[str, Array]], method: str, *, precisions: tuple[int, ...] = PRECISIONS, zeros: int = ZERO_PRECISION
) -> Estimate:
    """Return what `compute` gives at a precision at which it has converged.

    The difference of the last two precisions is the error of the lower one, hence generous for the
    higher one, which is returned. Cancellation is met by more digits, entry by entry.

    Args:
        compute: working precision in decimal digits -> gradient.
        method: for the `Estimate`.
        precisions: to be tried, rising.
        zeros: the precision at which an entry that is still zero is believed.
    """
    low, bound = compute(precisions[0]), {}
    for precision in precisions[1:]:
        high = compute(precision)
        largest = max((abs(v) for x in high.values() for v in np.ravel(x)), default=0)
        gap = np.frompyfunc(partial(_gap, precision=precision, largest=largest), 2, 1)
        bound = {k: gap(low[k], high[k]) for k in high}
        low = high
        settled = partial(_settled, precision=precision, largest=largest, zeros=zeros)
        if all(settled(v, b) for k in high for v, b in zip(np.ravel(high[k]), np.ravel(bound[k]), strict=True)):
            break
    return estimate(low, {k: np.asarray(b, dtype=object) for k, b in bound.items()}, precision, method)


def _gap(low: Any, high: Any, *, precision: int, largest: Any) -> Any:
    """Return the bound of an entry; one below the last digit of the largest may be all that cancellation has left."""
    rounding = high.context.mpf(10) ** (2 - precision)
    left = abs(high) if abs(high) < largest * rounding else 0
    return abs(high - low) + (abs(high) or largest) * rounding + left


def _settled(value: Any, bound: Any, *, precision: int, largest: Any, zeros: int) -> bool:
    """Answer whether the digits suffice; NaN counts, because more digits will not help.

    Two precisions at which cancellation leaves the same wrong digits agree: exp(-1000), found as 1 - (1 - exp(-1000)), needs as
    many digits as it has zeros.
    """
    ten = value.context.mpf(10)
    if value == 0:  # 1 - tanh(x)^2 is 0 in 80 digits at x = 100, and 5.5e-87 in truth
        return precision >= zeros
    if abs(value) < largest * ten ** (DIGITS - precision):
        return False
    return not bound > abs(value) * ten ** -(DIGITS + 2)
