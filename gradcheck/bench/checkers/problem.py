"""What a checker is given, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from gradcheck.mistakes.mistake import Kind

Floats = npt.NDArray[np.float64]
Verdict = Literal["pass", "fail", "inconclusive", "error"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a checker says of a derivative.

    Args:
        verdict: "pass", "fail", "inconclusive", or "error" where the checker crashed.
        diagnoses: the mistakes that it names, in words.
        message: in words.
        kinds: of those mistakes.
    """

    verdict: Verdict
    diagnoses: tuple[str, ...] = ()
    message: str = ""
    kinds: tuple[Kind, ...] = ()


@dataclass(slots=True)
class Problem:
    """A function, a derivative of it and a point; integers among the inputs are not differentiated.

    Args:
        f: inputs -> array or tuple of arrays.
        vjp: cotangent (a tuple if f has several outputs), inputs -> gradients, None for integers.
        inputs: the point.
        seed: for checkers that draw.
        evaluations: of f so far.
    """

    f: Callable[..., Any]
    vjp: Callable[..., Any]
    inputs: tuple[Any, ...]
    seed: int = 0
    evaluations: int = 0

    @property
    def floats(self) -> tuple[Floats, ...]:
        """The inputs that are differentiated."""
        return tuple(self.inputs[k] for k in self.positions)

    @property
    def positions(self) -> tuple[int, ...]:
        """Where those are among the inputs."""
        return tuple(k for k, x in enumerate(self.inputs) if np.asarray(x).dtype == np.float64)

    def call(self, *inputs: Any) -> Any:
        """Evaluate f at all inputs, and count it."""
        self.evaluations += 1
        return self.f(*inputs)

    def value(self, *xs: Any) -> Any:
        """Evaluate f at other floats: an array, or a tuple of arrays."""
        y = self.call(*self._filled(xs))
        return tuple(np.asarray(part) for part in y) if isinstance(y, tuple) else np.asarray(y)

    def pull(self, g: Any, *xs: Any) -> list[Any]:
        """Return one gradient for each of the floats, zeros for None."""
        found = self.vjp(g, *self._filled(xs))
        chosen = [found[k] for k in self.positions]
        return [np.zeros(np.shape(x)) if v is None else np.asarray(v, np.float64) for v, x in zip(chosen, xs, strict=True)]

    def _filled(self, xs: Sequence[Any]) -> list[Any]:
        out = list(self.inputs)
        for k, x in zip(self.positions, xs, strict=True):
            out[k] = x
        return out


def single(problem: Problem) -> tuple[Callable[..., Floats], Callable[..., list[Any]]]:
    """Return f and its vjp with several outputs laid end to end in one vector; a single one stays as it is."""
    parts = problem.value(*problem.floats)
    if not isinstance(parts, tuple):
        return problem.value, problem.pull
    shapes = [p.shape for p in parts]
    ends = np.cumsum([p.size for p in parts])[:-1]

    def value(*xs: Any) -> Floats:
        return np.concatenate([np.ravel(p) for p in problem.value(*xs)])

    def pull(g: Any, *xs: Any) -> list[Any]:
        pieces = np.split(np.asarray(g), ends)
        return problem.pull(tuple(p.reshape(s) for p, s in zip(pieces, shapes, strict=True)), *xs)

    return value, pull
