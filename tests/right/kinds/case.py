"""What a case is: a function, its right derivative, and three that are wrong in ways that people are wrong."""

from __future__ import annotations

import copy
import functools
import itertools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcheck import check
from gradcheck.probe.examination.report import Report

Derivative = dict[str, Callable[..., Any]]
Mutant = tuple[str, Derivative]


@dataclass(frozen=True, slots=True)
class Case:
    """A right derivative and three wrong ones.

    Args:
        name: of the function, and what distinguishes the case after an @.
        kind: of the module that it stands in.
        f: the function.
        inputs: its arguments.
        derivative: keywords of `gradcheck.check`.
        mutants: (name, keywords) of wrong ones.
        fresh: for what keeps state: (f, derivative) with state of their own, for the name of a mutant or "".
        reference: f computed more accurately, in float64, to verify the derivative by.
        rough: what the derivative may be off by, relative to the largest entry of its array: what f and it are computed to.
        step: of the differences that verify it, relative to an entry.
        kink: whether any element between the slopes of both sides is right.
        budget: evaluations that an exploration may take.
    """

    name: str
    kind: str
    f: Callable[..., Any]
    inputs: tuple[Any, ...]
    derivative: Derivative
    mutants: tuple[Mutant, ...]
    fresh: Callable[[str], tuple[Callable[..., Any], Derivative]] | None = None
    reference: Callable[..., Any] | None = None
    rough: float = 1e-6
    step: float = 0.05
    kink: bool = False
    budget: int = 2000

    @property
    def function(self) -> str:
        """What comes before the @: different functions have different ones."""
        return self.name.partition("@")[0]

    def drawn(self) -> tuple[Any, ...]:
        """Return inputs that nobody else has."""
        return copy.deepcopy(self.inputs)

    def subject(self, mutant: str = "") -> tuple[Callable[..., Any], Derivative]:
        """Return the function and its derivative, or that of a mutant; state is fresh."""
        if self.fresh:
            return self.fresh(mutant)
        return self.f, dict(self.mutants)[mutant] if mutant else self.derivative

    def check(self, mutant: str = "", calls: list[str] | None = None, **options: Any) -> Report:
        """Check the derivative, or that of a mutant; append to ``calls`` what is called of it."""
        f, derivative = self.subject(mutant)
        if calls is not None:
            derivative = {key: _noted(of, key, calls) if callable(of) else of for key, of in derivative.items()}
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # what functions say at the edge of their domain is not the subject
            return check(f, self.drawn(), **derivative, **({"budget": self.budget} if options.get("explore") else {}), **options)


def _noted(of: Callable[..., Any], key: str, calls: list[str]) -> Callable[..., Any]:
    """Return the same function, each of whose calls is noted."""

    @functools.wraps(of)
    def noted(*arguments: Any, **options: Any) -> Any:
        calls.append(key)
        return of(*arguments, **options)

    return noted


@dataclass(frozen=True, slots=True)
class Edit:
    """A mistake that any derivative can have.

    Args:
        name: of it.
        change: (gradient of an array, the array, its position) -> the wrong gradient.
    """

    name: str
    change: Callable[[Any, Any, int], Any]

    def made(self, derivative: Derivative) -> Derivative:
        """Return a derivative with the mistake."""
        return {key: self._behind(key, of) for key, of in derivative.items()}

    def _behind(self, key: str, of: Callable[..., Any]) -> Callable[..., Any]:
        def wrong(*arguments: Any) -> Any:
            right, inputs = of(*arguments), arguments if key == "grad" else arguments[1:]
            if not isinstance(right, tuple):
                return self._over(right, inputs[0], itertools.count())
            return self._over(right, inputs, itertools.count())

        return wrong

    def _over(self, gradient: Any, x: Any, count: Iterator[int]) -> Any:
        if isinstance(gradient, tuple | list):
            return type(gradient)(self._over(v, a, count) for v, a in zip(gradient, x, strict=True))
        if isinstance(gradient, dict):
            return {k: self._over(v, x[k], count) for k, v in gradient.items()}
        if gradient is None:
            return next(count) and None
        v = np.asarray(gradient)
        return np.asarray(self.change(v, np.asarray(x), next(count)), v.dtype)


def times(c: float) -> Edit:
    """Return the mistake of a factor."""
    return Edit(f"times {c:g}", lambda v, x, k: v * v.dtype.type(c))


def dropped(position: int) -> Edit:
    """Return the mistake that one array is said not to matter."""
    return Edit(f"gradient {position} is zero", lambda v, x, k: v * 0 if k == position else v)


def scaled(position: int, c: float) -> Edit:
    """Return the mistake of a factor in the gradient of one array."""
    return Edit(f"gradient {position} times {c:g}", lambda v, x, k: v * v.dtype.type(c) if k == position else v)


def _largest(v: Any, c: float) -> Any:
    out = np.array(v)
    out[np.unravel_index(int(np.argmax(np.abs(out))), out.shape)] *= out.dtype.type(c)
    return out


def entry(c: float) -> Edit:
    """Return the mistake of a factor in the largest entry of each array."""
    return Edit(f"largest entry times {c:g}", lambda v, x, k: _largest(v, c))


def plus(c: float) -> Edit:
    """Return the mistake of a term that is not there."""
    return Edit(f"plus {c:g}", lambda v, x, k: v + v.dtype.type(c))


SIGN, TWICE, HALF, PERCENT, TENTH = times(-1), times(2), times(0.5), times(1.01), times(1.1)
ROLLED = Edit("rolled", lambda v, x, k: np.roll(v, 1))
BACKWARDS = Edit("backwards", lambda v, x, k: v[::-1])
TRANSPOSED = Edit("transposed", lambda v, x, k: np.swapaxes(v, -1, -2) if v.ndim > 1 else v)
MEAN = Edit("mean for sum", lambda v, x, k: v / v.dtype.type(max(v.size, 1)))
SUMMED = Edit("summed over the first axis", lambda v, x, k: v + 0 * v if v.ndim == 0 else np.broadcast_to(v.sum(0), v.shape))
BY_LOG = Edit("by the logarithm", lambda v, x, k: v * x.astype(v.dtype))
BY_EXP = Edit("by the exponential", lambda v, x, k: v / x.astype(v.dtype))
FIRST_ONLY = Edit("first entry only", lambda v, x, k: v * (np.arange(v.size).reshape(v.shape) == 0).astype(v.dtype))
LAST_MISSING = Edit("last entry missing", lambda v, x, k: v * (np.arange(v.size).reshape(v.shape) < v.size - 1).astype(v.dtype))


@dataclass(frozen=True, slots=True)
class Kind:
    """The cases of a module.

    Args:
        name: of the kind.
        cases: that were declared.
    """

    name: str
    cases: list[Case] = field(default_factory=list)

    def grad(self, name: str, f: Any, inputs: Any, grad: Any, *mutants: Any, **more: Any) -> None:
        """Declare a scalar function."""
        self._add(name, f, inputs, "grad", grad, mutants, more)

    def vjp(self, name: str, f: Any, inputs: Any, vjp: Any, *mutants: Any, **more: Any) -> None:
        """Declare a function of any output."""
        self._add(name, f, inputs, "vjp", vjp, mutants, more)

    def jacobian(self, name: str, f: Any, inputs: Any, jacobian: Any, *mutants: Any, **more: Any) -> None:
        """Declare a function of one vector by its Jacobian; so are the mutants that are functions."""
        behind = lambda J: lambda g, x: (np.tensordot(np.asarray(g), J(x), np.ndim(g)),)
        wrong = [m if isinstance(m, Edit) else (m[0], behind(m[1])) for m in mutants]
        self._add(name, f, inputs, "vjp", behind(jacobian), wrong, more)

    def _add(self, name: str, f: Any, inputs: Any, key: str, derivative: Any, mutants: Any, more: Any) -> None:
        right = {key: derivative}
        wrong = tuple((m.name, m.made(right)) if isinstance(m, Edit) else (m[0], {key: m[1]}) for m in mutants)
        self.cases.append(Case(name, self.name, f, inputs if isinstance(inputs, tuple) else (inputs,), right, wrong, **more))

    def layer(self, name: str, make: Callable[[str], Any], inputs: Any, *slips: Any, **more: Any) -> None:
        """Declare what keeps state: ``make(slip)`` gives (f, vjp); a slip is an `Edit` or a name that make knows."""
        edits = {s.name: s for s in slips if isinstance(s, Edit)}
        names = [s.name if isinstance(s, Edit) else s for s in slips]

        def fresh(mutant: str) -> tuple[Callable[..., Any], Derivative]:
            f, vjp = make("" if mutant in edits else mutant)
            return f, edits[mutant].made({"vjp": vjp}) if mutant in edits else {"vjp": vjp}

        f, derivative = fresh("")
        wrong = tuple((n, fresh(n)[1]) for n in names)
        given = inputs if isinstance(inputs, tuple) else (inputs,)
        self.cases.append(Case(name, self.name, f, given, derivative, wrong, fresh, **more))
