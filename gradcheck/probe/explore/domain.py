"""Where a function is defined, as the caller says: exploration projects its inputs into it, or leaves them out."""

from __future__ import annotations

import numbers
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from gradcheck.errors import BadInput
from gradcheck.foreign import answer_of
from gradcheck.probe.explore.mutation import Array, Arrays, floats
from gradcheck.probe.subject.directions import own_scale
from gradcheck.probe.subject.structure import differentiable
from gradcheck.probe.subject.subject import Subject, spacing
from gradcheck.probe.subject.symmetric import is_symmetric, symmetric_part

#: Neighbours of the given inputs that a predicate is asked about, and how far they are, relative to an entry: as far as differences go.
DRAWS, NEAR = 4, 2.0**-4


@dataclass(frozen=True, slots=True)
class Rule:
    """What the arrays of one argument may be.

    Args:
        text: it, in words.
        contains: array -> whether it lies inside.
        project: array -> the array inside that it is moved to; it may still lie outside. None: it is not moved.
        around: array beside one inside -> whether f may be evaluated there; None: anywhere.
    """

    text: str
    contains: Callable[[Array], bool]
    project: Callable[[Array], Array] | None = None
    around: Callable[[Array], bool] | None = None


@dataclass(frozen=True, slots=True)
class Domain:
    """The rules of all arrays.

    Args:
        rules: position of an array -> what it may be.
    """

    rules: Mapping[int, Rule] = field(default_factory=dict)

    def contains(self, arrays: Sequence[Array]) -> bool:
        """Answer whether all arrays lie inside; what a rule cannot be asked of does not."""
        return all(_holds(rule.contains, arrays[k]) for k, rule in self.rules.items())

    def around(self, arrays: Sequence[Array]) -> bool:
        """Answer whether f may be evaluated at arrays beside explored ones."""
        return all(_holds(rule.around, arrays[k]) for k, rule in self.rules.items() if rule.around is not None)

    def moved(self, arrays: Sequence[Array], ordinary: Sequence[Array]) -> Arrays | None:
        """Return arrays with the changed ones projected into the domain; None where they stay outside."""
        made = [self._into(k, a) if a is not ordinary[k] else a for k, a in enumerate(arrays)]
        return made if self.contains(made) else None

    def _into(self, k: int, a: Array) -> Array:
        project = self.rules[k].project if k in self.rules else None
        try:
            with np.errstate(all="ignore"):
                return a if project is None else np.asarray(project(a), a.dtype)
        except (ValueError, np.linalg.LinAlgError):  # of another shape than the rule is for: it lies outside
            return a


def domain_of(given: Any, count: int, paths: Sequence[str], arrays: Sequence[Array]) -> Domain:
    """Return what the caller says of the inputs.

    Args:
        given: one rule for all floating-point arrays, or a list or tuple of rules, one an argument (None: anything).
        count: of the arguments.
        paths: of their arrays, beginning with the number of the argument.
        arrays: the given ones.

    Raises:
        BadInput: an unknown rule, or given inputs that lie outside.
    """
    if given is None:
        return Domain()
    each = isinstance(given, list | tuple) and not _is_bounds(given)
    if each and len(given) != count:
        raise BadInput(f"expected one domain for all arguments, or {count}, one an argument; got {len(given)}")
    ruled = [None if d is None else rule_of(d) for d in (given if each else [given] * count)]
    of = [ruled[int(re.match(r"\d+", path)[0])] for path in paths]  # type: ignore[index]  # a path begins with a number
    rules = {k: r for k, (r, a) in enumerate(zip(of, arrays, strict=True)) if r is not None and (each or differentiable(a))}
    for k, rule in rules.items():
        if not answer_of(partial(rule.contains, arrays[k]), who="the domain", failure=BadInput):
            raise BadInput(f"expected inputs inside the domain; got input {paths[k]} outside of {rule.text}: {np.array2string(arrays[k], threshold=8)}")
    return Domain({k: _around(rule, arrays[k]) if rule.project is None else rule for k, rule in rules.items()})


def with_symmetric(domain: Domain, paths: Sequence[str], symmetric: frozenset[str]) -> Domain:
    """Return a domain in which some inputs are symmetric matrices, where nothing else was said of them.

    Args:
        domain: as the caller gave it.
        paths: of all arrays.
        symmetric: of those that are.
    """
    return Domain({k: WORDS["symmetric"] for k, path in enumerate(paths) if path in symmetric} | dict(domain.rules))


def staying(subject: Subject, arrays: Sequence[Array], domain: Domain) -> Subject:
    """Return a subject whose function is not evaluated outside, by no difference either: it is NaN there, as a logarithm is.

    Args:
        subject: at explored arguments inside.
        arrays: all arrays of these.
        domain: of them.
    """
    ks = floats(arrays)
    if all(rule.around is None for rule in domain.rules.values()) or len(ks) != len(subject.point):
        return subject
    shown: list[Array] = []

    def call(xs: Arrays) -> Arrays:
        new = dict(zip(ks, xs, strict=True))
        if shown and not domain.around([new.get(k, a) for k, a in enumerate(arrays)]):
            return [np.full_like(y, np.nan) for y in shown]
        found = subject.call(xs)
        shown[:] = found
        return found

    return replace(subject, call=call)


def rule_of(given: Any) -> Rule:
    """Return the rule that bounds, a word or a predicate stand for; raise `BadInput` for anything else.

    >>> rule_of((0, None)).project(np.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    >>> rule_of("spd").contains(np.array([[1.0, 2.0], [2.0, 1.0]]))
    False
    """
    if isinstance(given, str) and given in WORDS:
        return WORDS[given]
    if _is_bounds(given):
        return _bounds(*given)
    if callable(given):
        return Rule(f"the domain {getattr(given, '__name__', 'given')}", lambda a: bool(given(a.copy())))
    words = ", ".join(repr(w) for w in WORDS)
    raise BadInput(f"expected a domain: (low, high) with None for an open end, {words}, or a function array -> bool; got {given!r}")


def _holds(of: Callable[[Array], bool], a: Array) -> bool:
    try:
        return answer_of(lambda: of(a), who="the domain", failure=BadInput)
    except BadInput:  # a rule that does not take such an array does not allow it
        return False


def _around(rule: Rule, a: Array) -> Rule:
    """Return the rule of a predicate with what it says of neighbours, if it holds for those of the given array in all directions: it is no equation then."""
    rng = np.random.default_rng(0)
    beside = [np.asarray(own_scale(rng, [a]).beside([a], s * NEAR)[0]) for s in (1, -1) for _ in range(DRAWS)]
    return replace(rule, around=rule.contains) if differentiable(a) and all(_holds(rule.contains, b) for b in beside) else rule


def _is_bounds(given: Any) -> bool:
    """Answer whether it is (low, high), of which one at least is a number or an array of numbers."""
    ends = isinstance(given, list | tuple) and len(given) == 2 and all(e is None or isinstance(e, numbers.Real | np.ndarray) for e in given)
    return ends and any(e is not None for e in given)


def _bounds(low: Any, high: Any) -> Rule:
    low, high = (-np.inf if low is None else low), (np.inf if high is None else high)
    if not np.all(np.less_equal(low, high)):
        raise BadInput(f"expected bounds (low, high) with low <= high; got ({low}, {high})")
    between = lambda a: bool(np.all((_wide(a) >= low) & (_wide(a) <= high)))
    return Rule(f"the bounds ({low}, {high})", between, lambda a: np.clip(_wide(a), low, high), between)


def _wide(a: Array) -> Array:
    """Return an array of any format as float64, a float, a complex or an integer of more digits as it is."""
    return a if a.dtype.kind in "iufc" and a.dtype.itemsize >= 4 else np.asarray(a, np.float64)


def _digits(a: Array) -> float:
    """Return what given numbers may be off by where they are meant to keep an equation: they are often written down with half of their digits."""
    return float(np.sqrt(spacing(a))) if differentiable(a) else 0.0


def _sums_to_one(a: Array) -> bool:
    wide = np.asarray(a, np.float64)
    return a.ndim > 0 and bool(np.all(wide >= 0) and np.all(np.abs(np.sum(wide, axis=-1) - 1) <= _digits(a)))


def _normalised(a: Array) -> Array:
    wide = np.abs(np.asarray(a, np.float64))
    return wide / np.sum(wide, axis=-1, keepdims=True) if a.ndim else wide


def _square(a: Array) -> bool:
    return a.ndim >= 2 and a.shape[-1] == a.shape[-2] > 0


def _definite(a: Array) -> bool:
    """Answer whether matrices are symmetric, and their eigenvalues positive beyond rounding."""
    wide = np.asarray(a, np.float64)
    if not _square(a) or not np.isfinite(wide).all():
        return False
    if not is_symmetric(a):
        return False
    values = np.linalg.eigvalsh(wide)
    return bool(np.all(values[..., 0] > a.shape[-1] * spacing(a) * values[..., -1]))


def _made_definite(a: Array) -> Array:
    """Return the symmetric matrices with the absolute values of the eigenvalues of the symmetric parts."""
    if not _square(a):
        return a
    wide = np.asarray(a, np.float64)
    values, vectors = np.linalg.eigh(_made_symmetric(wide))
    return _made_symmetric((vectors * np.abs(values)[..., None, :]) @ np.swapaxes(vectors, -1, -2))


def _made_symmetric(a: Array) -> Array:
    return np.asarray(symmetric_part(_wide(a))) if _square(a) else a


def _positive(a: Array) -> bool:
    return bool(np.all(_wide(a) > 0))


#: Domains that have a word.
WORDS: Mapping[str, Rule] = {
    "positive": Rule("the positive numbers", _positive, np.abs, _positive),
    "probabilities": Rule("the probabilities (nonnegative, each last axis sums to 1)", _sums_to_one, _normalised, lambda a: bool(np.all(_wide(a) >= 0))),
    "symmetric": Rule("the symmetric matrices", is_symmetric, _made_symmetric),
    "spd": Rule(
        "the symmetric positive definite matrices", _definite, _made_definite, lambda a: _definite(_made_symmetric(a))
    ),
}
