"""`gradcheck.check`: is this function's derivative right?

The doubted derivative is compared along fresh signed directions with an exact directional derivative,
where f runs over dual numbers, else with extrapolated differences that carry error bars. A mismatch is a
fail only if it persists in value at another step and in a fresh direction; its entries are then located
by group testing and the mistake is named where the numbers show it.
"""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from gradcheck.errors import BadInput
from gradcheck.probe.examination import Examination
from gradcheck.probe.explore.arguments import Library, arguments_of
from gradcheck.probe.explore.explore import Explorer, Progress
from gradcheck.probe.guilty import guilty
from gradcheck.probe.numpy import numpy_subject
from gradcheck.probe.pairs import paired
from gradcheck.probe.report import Report
from gradcheck.probe.second import numpy_second
from gradcheck.probe.snippet import Reproduction
from gradcheck.probe.structure import flatten
from gradcheck.probe.subject import Meter, Subject

#: Where exploration ends by itself.
EXPLORE_EVALUATIONS, EXPLORE_SECONDS = 20_000, 120.0


def check(
    f: Callable[..., Any],
    inputs: Any,
    *,
    vjp: Callable[..., Any] | None = None,
    grad: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
    hvp: Callable[..., Any] | None = None,
    hessian: Callable[..., Any] | None = None,
    order: int = 1,
    explore: bool = False,
    seed: int = 0,
    budget: int | str | None = None,
    accuracy: float | None = None,
    progress: Progress | None = None,
) -> Report:
    """Check the derivative of a function at a point.

    Args:
        f: the function. Arrays, or tuples, lists and dicts of arrays, in and out; it is called with the inputs as
            arguments.
        inputs: a tuple is the argument list, anything else is the one argument. Integers and booleans are never
            differentiated; arguments that are no arrays pass through.
        vjp: ``vjp(g, *inputs)`` -> one gradient an argument, None for one that is not differentiated; several outputs
            take a tuple g.
        grad: ``grad(*inputs)`` for a scalar f.
        jvp: ``jvp(t, *inputs)`` with a tuple t: checked to be the adjoint of the vjp.
        hvp: ``hvp(v, *inputs)`` with a tuple v: the Hessian of a scalar f times v, in the form of the inputs.
        hessian: ``hessian(*inputs)``: an array of shape (*x, *x) for one input, rows of such blocks for several.
        order: 2 checks second derivatives as well: double backward of torch, the gradient's own autodiff in JAX, else
            ``hvp`` or ``hessian`` (either of which implies it).
        explore: whether to vary the inputs as well: special values, shapes, indices, tails, cotangents, matrices with
            structure, cut-offs; every finding is shrunk. It takes thousands of evaluations; see ``budget``.
        seed: of directions and cotangents.
        budget: an int counts evaluations of f, "30s" is time. Exploration ends by itself after 20,000 evaluations or two
            minutes.
        accuracy: declares an approximate derivative (an adjoint solver, tf32): relative differences below it are no
            faults. It is recorded, and such a pass is never called exact.
        progress: is told the number of explored inputs and the name of the present one.

    Returns:
        A `Report`; it is inconclusive, with reasons, where the numbers do not decide.

    Raises:
        BadInput: nothing to differentiate, or no derivative given.
        FunctionFailed: f raises at the given inputs, or the derivative has a wrong number of parts.

    >>> x = np.array([1.0, 2.0])
    >>> check(lambda x: np.sum(x * x), x, vjp=lambda g, x: (2 * g * x,)).verdict
    'pass'
    >>> print(check(lambda x: np.sum(x**3), x, vjp=lambda g, x: (-3 * g * x * x,)).findings[0].diagnosis)
    sign: it is the negative of the right one
    """
    return _checked(
        f, inputs, vjp=vjp, grad=grad, jvp=jvp, hvp=hvp, hessian=hessian, order=order, explore=explore, seed=seed, budget=budget,
        accuracy=accuracy, progress=progress,
    )  # fmt: skip


def _checked(
    f: Callable[..., Any],
    inputs: Any,
    *,
    vjp: Callable[..., Any] | None = None,
    grad: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
    hvp: Callable[..., Any] | None = None,
    hessian: Callable[..., Any] | None = None,
    order: int = 1,
    explore: bool = False,
    seed: int = 0,
    budget: int | str | None = None,
    accuracy: float | None = None,
    progress: Progress | None = None,
    search: bool = True,
) -> Report:
    """Check; ``search`` says whether the submodules of a module are checked too where it is wrong."""
    start = time.monotonic()
    arguments = inputs if isinstance(inputs, tuple) else (inputs,)
    _refuse(order, seed, accuracy, vjp, grad)

    def make(at: tuple[Any, ...]) -> Subject:
        return paired(_subject(f, at, vjp=vjp, grad=grad, jvp=jvp, second=hvp is not None or hessian is not None))

    subject = make(arguments)
    subject.meter = _meter(budget, explore)
    given = {"vjp": vjp, "grad": grad, "jvp": jvp, "hvp": hvp, "hessian": hessian}
    flat = arguments_of(arguments, _library(subject.owner))
    options = {k: v for k, v in (("order", order), ("seed", seed), ("accuracy", accuracy)) if v not in (None, {"order": 1, "seed": 0}.get(k))}
    reproduction = Reproduction(f, given, subject.owner, flat, options)
    examination = Examination(subject, seed, accuracy)
    second = None
    explored = None
    with np.errstate(all="ignore"):
        if subject.pull is not None:
            examination.run()
        if (order == 2 or hvp is not None or hessian is not None) and not examination.findings:
            above = paired(_above(subject, f, arguments, seed, vjp=vjp, grad=grad, hvp=hvp, hessian=hessian))
            above.meter = subject.meter
            second = Examination(above, seed, accuracy)
            second.run()
        if explore and examination.instrument is not None and not examination.findings:
            explorer = Explorer(make, flat, examination.instrument, seed, accuracy, reproduction=reproduction)
            explorer.progress = progress or explorer.progress
            explored = explorer.run()
            examination.findings += explorer.findings
        elif explore and second is not None and second.instrument is not None and not second.findings:
            def beyond(at: tuple[Any, ...]) -> Subject:
                return paired(_above(make(at), f, at, seed, vjp=vjp, grad=grad, hvp=hvp, hessian=hessian))

            explorer = Explorer(beyond, flat, second.instrument, seed, accuracy, reproduction=reproduction)
            explored = explorer.run()
            second.findings += explorer.findings
        report = examination.report(time.monotonic() - start)
        if second is not None:
            report = second.report(report.seconds).after(report if subject.pull is not None else None)
        if search and report.verdict == "fail" and subject.owner == "torch":
            alone = partial(_checked, seed=seed, accuracy=accuracy, order=order, search=False)
            report = replace(report, findings=tuple(guilty(f, arguments, list(report.findings), alone)))
    code = reproduction.code(flat.arrays) if report.findings else ""
    return replace(report, explored=explored, findings=tuple(x if x.snippet else replace(x, snippet=code) for x in report.findings))


def _refuse(order: Any, seed: Any, accuracy: Any, vjp: Any, grad: Any) -> None:
    """Raise `BadInput` for options that cannot be."""
    if order not in (1, 2):
        raise BadInput(f"expected order 1 or 2; got {order!r}")
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise BadInput(f"expected a whole number of at least 0 as the seed; got {seed!r}")
    if accuracy is not None and not (isinstance(accuracy, int | float) and 0 < accuracy < math.inf):
        raise BadInput(f"expected a positive number as the accuracy; got {accuracy!r}")
    if vjp is not None and grad is not None:
        raise BadInput("expected one of vjp= and grad=; got both")


def _above(subject: Subject, f: Callable[..., Any], arguments: tuple[Any, ...], seed: int, **given: Any) -> Subject:
    """Return the subject of second derivatives."""
    if subject.second is not None:
        return subject.second(seed)
    if given["hvp"] is None and given["hessian"] is None:
        raise BadInput("expected hvp= or hessian= with order=2: NumPy functions bring no second derivative of their own")
    return numpy_second(f, arguments, **given)


def _library(owner: str) -> Library:
    """Return how the arrays of a library become NumPy arrays and back."""
    if owner == "numpy":
        return Library()
    module = import_module(f"gradcheck.probe.{owner}")
    return Library(module.is_tensor if owner == "torch" else module.is_array, module.to_numpy, module.like)


def _subject(f: Callable[..., Any], arguments: tuple[Any, ...], *, second: bool, **given: Any) -> Subject:
    """Return the subject for the library that the function belongs to."""
    owner = next((name for name in ("torch", "jax") if name in sys.modules and _belongs(name, f, arguments)), "numpy")
    if owner == "numpy":
        if given["vjp"] is None and given["grad"] is None and not second:
            raise BadInput("expected a derivative to check: give vjp= or grad=, or inputs of torch or JAX")
        return numpy_subject(f, arguments, **given)
    if second or any(v is not None for v in given.values()):
        raise BadInput(f"expected no vjp=, grad=, jvp=, hvp= or hessian= for {owner} functions: their own autodiff is checked")
    module = import_module(f"gradcheck.probe.{owner}")
    subject: Subject = getattr(module, f"{owner}_subject")(f, arguments)
    return subject


def _belongs(library: str, f: Callable[..., Any], arguments: tuple[Any, ...]) -> bool:
    found = sys.modules[library]
    kind = found.Tensor if library == "torch" else found.Array
    if library == "torch" and isinstance(f, found.nn.Module):
        return True
    return bool(flatten(arguments, lambda x: isinstance(x, kind)).arrays)


def _meter(budget: int | str | None, explore: bool) -> Meter:
    if budget is None:
        return Meter(EXPLORE_EVALUATIONS, time.monotonic() + EXPLORE_SECONDS) if explore else Meter()
    if isinstance(budget, int) and budget > 0:
        return Meter(most=budget)
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?(s|m|min)", str(budget))
    if match is None:
        raise BadInput(f"expected a budget such as 200 (evaluations) or '30s'; got {budget!r}")
    seconds = float(match[1]) * (1 if match[2] == "s" else 60)
    return Meter(until=time.monotonic() + seconds)
