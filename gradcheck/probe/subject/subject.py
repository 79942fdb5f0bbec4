"""The thing under test: f, and the derivative that is doubted, over flat lists of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from gradcheck.arith.floating import FORMATS
from gradcheck.errors import BadInput, FunctionFailed, OutOfBudget
from gradcheck.probe.subject.structure import differentiable

Array = npt.NDArray[Any]
Arrays = list[Array]

#: How far a float64 run may be from the function in its own format, in units of that format's spacing: cancellation takes four digits, and leaves
#: three of float32.
REPRODUCED = 2.0**12


@dataclass(slots=True)
class Meter:
    """Counts evaluations and watches the budget.

    Args:
        most: evaluations of f that are allowed.
        until: time (of `time.monotonic`) at which to stop.
    """

    most: int | None = None
    until: float | None = None
    evaluations: int = 0

    def spend(self) -> None:
        """Count one evaluation; raise `OutOfBudget` where none is left."""
        late = self.until is not None and monotonic() > self.until
        if late or (self.most is not None and self.evaluations >= self.most):
            raise OutOfBudget(f"the budget is used up after {self.evaluations} evaluations")
        self.evaluations += 1


@dataclass(slots=True)
class Subject:
    """A function of arrays with a doubted derivative.

    Args:
        paths: names of the differentiable inputs.
        point: their values.
        call: all differentiable inputs -> outputs.
        pull: cotangents of the outputs, inputs -> gradients (None allowed), if there is a vjp.
        push: tangents, inputs -> tangents of the outputs, if there is a jvp; None if it has none after all.
        raw: as `call`, on whatever arrays are given, for better arithmetic; None if it has none.
        owner: "numpy", "torch" or "jax".
        guard: returns a message if something was left changed, else "".
        eps: spacing of numbers at 1 in the format of the doubted derivative, input by input.
        call_eps: the same of f as it is evaluated here (a float32 function may run in float64).
        arranged: as `pull`, with cotangents and inputs in another memory layout ("Fortran-ordered", "strided",
            "stride-0"); None where NumPy arrays can be laid out themselves.
        crossed: cotangents, inputs, other inputs -> gradients at the inputs, at the others, and at the inputs once more,
            with both forward passes made before.
        second: seed -> the subject whose function is the gradient of this one.
        fresh: whether f has to be evaluated before each derivative, which uses what the forward pass left.
        stale: whether f was last run over other numbers than floats, of which a layer may have kept some.
        touched: whether f was seen to change its inputs in place.
        hessian: of a second-order subject, the number of its inputs whose mixed derivatives are symmetric.
        constant: numbers of outputs that were left out, since their library says that they have no gradient.
        symmetric: inputs along symmetric matrices of which alone it is looked at.
    """

    paths: tuple[str, ...]
    point: Arrays
    call: Callable[[Arrays], Arrays]
    pull: Callable[[Arrays, Arrays], Sequence[Any]] | None = None
    push: Callable[[Arrays, Arrays], Sequence[Any] | None] | None = None
    raw: Callable[[Sequence[Any]], Sequence[Any]] | None = None
    owner: str = "numpy"
    guard: Callable[[], str] = lambda: ""
    meter: Meter = field(default_factory=Meter)
    eps: tuple[float, ...] = ()
    call_eps: float = 2.0**-52
    arranged: Callable[[str, Arrays, Arrays], Sequence[Any]] | None = None
    crossed: Callable[[Arrays, Arrays, Arrays], Sequence[Sequence[Any]]] | None = None
    second: Callable[[int], Subject] | None = None
    hessian: int = 0
    fresh: bool = False
    stale: bool = False
    touched: bool = False
    constant: Sequence[int] = ()
    symmetric: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.eps:
            self.eps = tuple(spacing(x) for x in self.point)
            self.call_eps = max(self.eps)

    def value(self, xs: Arrays) -> Arrays:
        """Evaluate f once."""
        self.meter.spend()
        given = [x.copy() for x in xs]
        found = self.call(given)
        self.stale = False
        self.touched |= any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(given, xs, strict=True))
        return found

    def gradient(self, gs: Arrays, xs: Arrays) -> list[Array | None]:
        """Return the doubted gradients for cotangents `gs`."""
        self.ready(xs)
        return self.pulled(gs, xs)

    def ready(self, xs: Arrays) -> None:
        """Evaluate f, where the derivative may use what its last evaluation left."""
        if self.fresh or self.stale:
            self.meter.spend()
            self.call(xs)
            self.stale = False

    def over(self, xs: Sequence[Any]) -> Sequence[Any]:
        """Return f over numbers of another kind."""
        assert self.raw is not None
        self.stale = self.owner == "numpy"
        return self.raw(xs)

    def pulled(self, gs: Arrays, xs: Arrays) -> list[Array | None]:
        """Return the doubted gradients where f has just been evaluated."""
        if self.pull is None:
            raise FunctionFailed("there is no vjp to check")
        found = self.pull([g.copy() for g in gs], [x.copy() for x in xs])
        made = [None if v is None else np.asarray(v) for v in found]
        for path, v in zip(self.paths, made, strict=False):
            if v is not None and v.dtype.kind in "OSUVM" and v.dtype.name != "bfloat16":
                raise FunctionFailed(f"expected numbers as the gradient of {path}; got {v.dtype}")
        return made


def spacing(x: Array) -> float:
    """Return the spacing of numbers at 1 in an array's format (of its parts, where it is complex)."""
    return float(ml_dtypes.finfo(x.real.dtype if np.iscomplexobj(x) else x.dtype).eps)


def format_of(eps: float) -> str:
    """Return the name of the format whose numbers are spaced so at 1; float64 for any other."""
    return next((name for name, t in FORMATS.items() if name != "longdouble" and float(ml_dtypes.finfo(t).eps) == eps), "float64")


def smallest(eps: float) -> float:
    """Return what underflow may cost a gradient in the format whose numbers are spaced so at 1: many of its smallest numbers in float64."""
    name = format_of(eps)
    return 2.0**-1060 if name == "float64" else 16 * float(ml_dtypes.finfo(FORMATS[name]).smallest_subnormal)


def reproduces(call: Callable[[Arrays, bool], Arrays], point: Arrays, eps: float) -> bool:
    """Answer whether call(point, True), in float64, gives what call(point, False) gives but for rounding."""
    try:
        pairs = list(zip(call(point, False), call(point, True), strict=True))
    except Exception:  # f has formats of its own inside: it is evaluated as it is
        return False
    sizes = [float(np.max(np.abs(b), initial=0.0)) for _, b in pairs]
    return all(np.all(np.abs(a - b) <= REPRODUCED * eps * size) for (a, b), size in zip(pairs, sizes, strict=True))


def evaluated(subject: Subject) -> Arrays:
    """Return the outputs at the point; raise `FunctionFailed` or `BadInput` where there are none."""
    outputs = subject.value(subject.point)
    for y in outputs:
        if not differentiable(y):
            raise BadInput(f"expected f to return floating-point numbers; got dtype {y.dtype}")
    return outputs
