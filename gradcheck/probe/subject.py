"""The thing under test: f, and the derivative that is doubted, over flat lists of arrays."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from gradcheck.errors import BadInput, FunctionFailed, GradcheckError, OutOfBudget
from gradcheck.probe.structure import Flat, differentiable, flatten, is_number, is_numpy, refuse_empty, shown_path

Array = npt.NDArray[Any]
Arrays = list[Array]


#: How far a float64 run may be from the function in its own format, in units of that format's spacing.
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
    pulls: int = 0

    def spend(self) -> None:
        """Count one evaluation; raise `OutOfBudget` where none is left."""
        late = self.until is not None and time.monotonic() > self.until
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
        hessian: of a second-order subject, the number of its inputs whose mixed derivatives are symmetric.
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

    def __post_init__(self) -> None:
        if not self.eps:
            self.eps = tuple(spacing(x) for x in self.point)
            self.call_eps = max(self.eps)

    def value(self, xs: Arrays) -> Arrays:
        """Evaluate f once."""
        self.meter.spend()
        with np.errstate(all="ignore"):
            return self.call([x.copy() for x in xs])

    def gradient(self, gs: Arrays, xs: Arrays) -> list[Array | None]:
        """Return the doubted gradients for cotangents `gs`."""
        if self.pull is None:
            raise FunctionFailed("there is no vjp to check")
        if self.fresh:
            self.value(xs)
        self.meter.pulls += 1
        with np.errstate(all="ignore"):
            found = self.pull([g.copy() for g in gs], [x.copy() for x in xs])
        made = [None if v is None else np.asarray(v) for v in found]
        for path, v in zip(self.paths, made, strict=False):
            if v is not None and v.dtype.kind in "OSUVM" and v.dtype.name != "bfloat16":
                raise FunctionFailed(f"expected numbers as the gradient of {path}; got {v.dtype}")
        return made


def spacing(x: Array) -> float:
    """Return the spacing of numbers at 1 in an array's format (of its parts, where it is complex)."""
    return float(ml_dtypes.finfo(x.real.dtype if np.iscomplexobj(x) else x.dtype).eps)


def numpy_subject(
    f: Callable[..., Any],
    inputs: tuple[Any, ...],
    *,
    vjp: Callable[..., Any] | None,
    grad: Callable[..., Any] | None,
    jvp: Callable[..., Any] | None,
) -> Subject:
    """Return the subject of a NumPy function with the user's own vjp, grad or jvp."""
    flat, chosen = numpy_inputs(inputs)

    def filled(xs: Sequence[Any]) -> tuple[Any, ...]:
        new = list(flat.arrays)
        for i, x in zip(chosen, xs, strict=True):
            new[i] = _like(flat.arrays[i], x)
        out: tuple[Any, ...] = flat.rebuild(new)
        return out

    outputs: list[Flat] = []  # the structure of the outputs, from the latest call

    def raw(xs: Sequence[Any]) -> list[Any]:
        outputs[:] = [_outputs(f(*filled(xs)))]
        return list(outputs[0].arrays)

    point = [np.array(flat.arrays[i]) for i in chosen]
    narrow = [x.dtype for x in point]
    formats: list[Any] = []  # of the outputs, where f is evaluated in a wider one than theirs

    def pull(gs: Arrays, xs: Arrays) -> Sequence[Any]:
        if not formats:
            return own(gs, xs)
        found = own([g.astype(d) for g, d in zip(gs, formats, strict=True)], [x.astype(d) for x, d in zip(xs, narrow, strict=True)])
        return [v if v is None or np.asarray(v).dtype.kind not in "fcV" else _widened(np.asarray(v)) for v in found]

    def own(gs: Arrays, xs: Arrays) -> Sequence[Any]:
        args = filled(xs)
        if vjp is not None:
            g = outputs[0].rebuild(list(gs))
            return per_input(vjp(g, *args), inputs, chosen, "vjp")
        assert grad is not None
        if len(gs) != 1 or gs[0].size != 1:
            raise FunctionFailed(f"expected a scalar f for grad=; got outputs of shapes {[g.shape for g in gs]}: give vjp= instead")
        answer = grad(*args)
        found = per_input(answer if isinstance(answer, tuple) else (answer,), inputs, chosen, "grad")
        return [None if v is None else gs[0] * v for v in found]

    def push(ts: Arrays, xs: Arrays) -> Sequence[Any]:
        assert jvp is not None
        args, tangents = filled(xs), list(flat.arrays)
        for i, a in enumerate(tangents):
            tangents[i] = np.zeros(np.shape(a))
        for i, t in zip(chosen, ts, strict=True):
            tangents[i] = t
        return list(_outputs(jvp(flat.rebuild(tangents), *args)).arrays)

    def call(xs: Arrays, wide: bool) -> Arrays:
        return [np.asarray(y) for y in raw([_widened(x) if wide else x for x in xs])]

    eps = tuple(spacing(x) for x in point)
    wide = min(eps) > 2.0**-52 and reproduces(call, point, max(eps))  # narrow code is evaluated in float64 if that reproduces it
    if wide:
        formats += [y.dtype for y in call(point, False)]
        point = [_widened(x) for x in point]
    return Subject(
        tuple(shown_path(flat.paths[i]) for i in chosen), point, lambda xs: call(xs, wide),
        pull if vjp is not None or grad is not None else None, push if jvp is not None else None, raw, eps=eps,
        call_eps=2.0**-52 if wide else max(eps),
    )  # fmt: skip


def _widened(x: Array) -> Array:
    return x.astype(np.complex128 if np.iscomplexobj(x) else np.float64)


def _like(old: Any, new: Any) -> Any:
    """Hand a Python number back as one where a Python number was given."""
    if isinstance(old, float | complex) and not isinstance(old, np.generic) and isinstance(new, np.ndarray) and new.dtype != object:
        return type(old)(new)
    return new


def _outputs(y: Any) -> Flat:
    flat = flatten(y, is_number)
    if not flat.arrays:
        raise FunctionFailed(f"expected f to return numbers; got {type(y).__name__}")
    return flat


def numpy_inputs(inputs: tuple[Any, ...]) -> tuple[Flat, list[int]]:
    """Return the arrays among the arguments, and the positions of those that are differentiated."""
    flat = flatten(inputs, is_numpy)
    chosen = [i for i, a in enumerate(flat.arrays) if differentiable(a)]
    refuse_empty(len(chosen))
    return flat, chosen


def per_input(answer: Any, inputs: tuple[Any, ...], chosen: list[int], what: str) -> list[Any]:
    """Return the gradient of every chosen array out of an answer with one part an argument."""
    parts = answer if isinstance(answer, tuple | list) else (answer,)
    if len(parts) != len(inputs):
        raise FunctionFailed(f"expected {what} to return {len(inputs)} gradients, one an argument; got {len(parts)}")
    out: list[Any] = []
    position = 0
    for argument, part in zip(inputs, parts, strict=True):
        arrays = flatten(argument, is_numpy)
        count = len(arrays.arrays)
        wanted = [i - position for i in chosen if position <= i < position + count]
        out += [_at(part, arrays.paths[i], count) for i in wanted]
        position += count
    return out


def _at(part: Any, path: str, count: int) -> Any:
    """Return the gradient at a path inside an argument's answer; None anywhere above means None."""
    if part is None or (count == 1 and not path):
        return part
    flat = flatten(part, lambda v: v is None or is_numpy(v))
    found = dict(zip(flat.paths, flat.arrays, strict=True))
    if path not in found:
        got = "one array" if list(found) == [""] else str(sorted(found))
        raise FunctionFailed(f"expected gradients in the form of the input, one at {path}; got {got} (a tuple of inputs is the list of arguments)")
    return found[path]


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
    try:
        outputs = subject.value(subject.point)
    except GradcheckError:
        raise
    except Exception as error:  # the user's code: whatever it raises is its answer
        raise FunctionFailed(f"f raised {type(error).__name__} at the given inputs: {error}") from error
    for y in outputs:
        if not differentiable(y):
            raise BadInput(f"expected f to return floating-point numbers; got dtype {y.dtype}")
    return outputs
