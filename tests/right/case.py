"""What a case of the corpus is: a function with a derivative that is right, and inputs to check it at."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck import check
from gradcheck.probe.examination.report import Report

Maker = Callable[[np.random.Generator], Any]


@dataclass(frozen=True, slots=True)
class Case:
    """A right derivative.

    Args:
        name: "library.function", and what distinguishes the case after an @.
        f: the function.
        inputs: from a seeded generator; a tuple is the argument list.
        vjp, grad: the right derivative; neither for torch and JAX, whose own is what is checked.
        tags: "kink", "tail", "noise", "narrow" (formats below float64), "edge", "zero" (the derivative vanishes).
        context: what the library needs around the check (JAX in float64).
        accuracy: of f itself, where it is a solver that stops early and the derivative is that of the exact solution.
    """

    name: str
    f: Callable[..., Any]
    inputs: Maker
    vjp: Callable[..., Any] | None = None
    grad: Callable[..., Any] | None = None
    tags: frozenset[str] = frozenset()
    context: Callable[[], AbstractContextManager[Any]] = nullcontext
    accuracy: float | None = None

    @property
    def function(self) -> str:
        """What comes before the @: different functions have different ones."""
        return self.name.partition("@")[0]

    @property
    def library(self) -> str:
        """The library that the function is of."""
        return self.name.partition(".")[0]

    def drawn(self) -> Any:
        """Return the inputs: the same in every process."""
        return self.inputs(np.random.default_rng(zlib.crc32(self.name.encode())))

    def check(self, **options: Any) -> Report:
        """Check it."""
        with self.context():
            return check(self.f, self.drawn(), **{"vjp": self.vjp, "grad": self.grad, "accuracy": self.accuracy, **options})


def uniform(low: float, high: float, *shape: int) -> Maker:
    """Return a maker of one array of numbers between two."""
    return lambda rng: rng.uniform(low, high, shape)


def normal(*shape: int) -> Maker:
    """Return a maker of one array of normal numbers."""
    return lambda rng: rng.normal(size=shape)


def given(*values: float) -> Maker:
    """Return a maker of an array with these entries."""
    return lambda _: np.array(values)


def arguments(*makers: Maker) -> Maker:
    """Return a maker of several arguments."""
    return lambda rng: tuple(m(rng) for m in makers)
