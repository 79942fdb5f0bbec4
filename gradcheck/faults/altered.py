"""An arithmetic in which one call goes wrong: any rule, run over it, has one mistake inside.

Arrays are wrapped, so that operators and methods alike come by here, are counted by name and handed on to the
arithmetic inside. Rules are ordinary code over an arithmetic, so this needs to know none of them.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from gradcheck.arith.arithmetic import Arithmetic, Array, Truth
from gradcheck.arith.carrier import Carrier
from gradcheck.mistakes.mistake import Kind

#: What comes out of these is no array.
TRUTHS = ("less", "is_zero", "winners")

#: What the operators of an array call.
OPERATORS: Mapping[str, Callable[..., Any]] = {
    "add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": operator.truediv,
    "negative": operator.neg, "absolute": abs,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """A mistake in one call.

    Args:
        name: unique among the changes of a primitive.
        make: arithmetic, right result, arguments of the call -> wrong result, or None where it does not apply.
        mistake: the pattern, if the rule ends with this call.
    """

    name: str
    make: Callable[..., Any]
    mistake: Kind | Literal[""] = ""


@dataclass(frozen=True, slots=True)
class Site:
    """A call: the `number`-th one (from 1) of a primitive."""

    primitive: str
    number: int


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite answer to a comparison, in any arithmetic: who selects by it exchanges the branches."""

    truth: Truth


class Altered:
    """An arithmetic over another one, in which one call is changed.

    Args:
        inner: what computes.
        site: the call that goes wrong; None: none does.
        change: how it does.

    >>> from gradcheck.arith.floating import Floating
    >>> m = Altered(Floating(), Site("multiply", 2), Change("drop", lambda m, right, a, b: b))
    >>> x = m.enclose(Floating().array([2.0]))
    >>> float(m.release(3 * x * x)[0])
    2.0
    """

    def __init__(self, inner: Arithmetic, site: Site | None = None, change: Change | None = None) -> None:
        self.inner, self.site, self.change = inner, site, change
        self.calls: Counter[str] = Counter()
        self.changed = False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in OPERATORS and not callable(getattr(self.inner, name)):
            raise AttributeError(name)
        return partial(self._call, name)

    def enclose(self, x: Any) -> Any:
        """Return an array of the inner arithmetic as one of this."""
        return Carrier(self, x)

    def release(self, x: Any) -> Any:
        """Return the inner array of one of this; lists of them too; anything else as it is."""
        if isinstance(x, Carrier) and x.m is self:
            return x.value
        return type(x)(self.release(v) for v in x) if isinstance(x, list | tuple) else x

    def _call(self, name: str, *args: Any, **options: Any) -> Any:
        self.calls[name] += 1
        given = [self.release(a) for a in args]
        out = self._primitive(name, *given, **options)
        if self.change is not None and self.site == Site(name, self.calls[name]):
            wrong = self.change.make(self.inner, out, *given, **options)
            self.changed = wrong is not None
            out = out if wrong is None else wrong
        return out if name in TRUTHS else self.enclose(out)

    def _primitive(self, name: str, *args: Any, **options: Any) -> Any:
        if name == "select" and isinstance(args[0], Not):
            truth, a, b = args
            return self.inner.select(truth.truth, b, a)
        return OPERATORS[name](*args) if name in OPERATORS else getattr(self.inner, name)(*args, **options)


def altered(vjp: Callable[..., Any], site: Site, change: Change, real: Callable[[int], tuple[bool, ...]]) -> Callable[..., Any]:
    """Return a rule with one call of it changed: ``rule(m, g, y, *xs, **attributes)`` over any arithmetic.

    Args:
        vjp: the right rule.
        site: the call.
        change: what happens there.
        real: number of operands -> which of them are real arrays.
    """

    def rule(m: Arithmetic, g: Array, y: Array, *xs: Array, **attributes: Any) -> tuple[Array | None, ...]:
        return run(Altered(m, site, change), vjp, g, y, xs, attributes, real(len(xs)))

    return rule


def run(
    m: Altered, vjp: Callable[..., Any], g: Array, y: Array, xs: tuple[Array, ...], attributes: Mapping[str, Any], real: tuple[bool, ...]
) -> tuple[Array | None, ...]:
    """Return what a rule gives over an altered arithmetic, in arrays of the inner one."""
    wrapped = [m.enclose(x) if is_real else x for x, is_real in zip(xs, real, strict=True)]
    found = vjp(m, m.enclose(g), m.enclose(y), *wrapped, **attributes)
    return tuple(m.release(v) for v in found)
