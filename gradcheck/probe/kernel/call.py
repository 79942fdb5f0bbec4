"""A kernel and its reference, whatever library they are of: called in the kernel's own formats, and as a graph."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.errors import BadInput
from gradcheck.probe.kernel.reference import Reference

Floats = npt.NDArray[np.float64]
#: Formats that a kernel may store: float64 holds their midpoints.
STORED = ("float32", "float16", "bfloat16")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a kernel returned, as float64, which holds every number of a narrower format.

    Args:
        results: of the forward pass.
        gradients: of the inputs; None for one that has none.
        formats: of the results.
        gradient_formats: of the gradients; "" for one that has none.
    """

    results: list[Floats]
    gradients: list[Floats | None]
    formats: tuple[str, ...]
    gradient_formats: tuple[str, ...]

    @property
    def arrays(self) -> list[Floats]:
        """Results and gradients that are there."""
        return [*self.results, *(g for g in self.gradients if g is not None)]


class Kernel(ABC):
    """A kernel at its inputs, in one library.

    Attributes:
        paths: names of the inputs that are differentiated.
        arrays: the inputs, as the library has them.
        owner: the library.
    """

    paths: tuple[str, ...]
    arrays: tuple[Any, ...]
    owner: str

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats of the inputs."""
        return tuple(self.format_of(x) for x in self.arrays)

    @property
    def point(self) -> list[Floats]:
        """The numbers of the inputs."""
        return [self.numbers(x) for x in self.arrays]

    @abstractmethod
    def format_of(self, x: Any) -> str:
        """Return the name of an array's format."""

    @abstractmethod
    def numbers(self, x: Any) -> Floats:
        """Return the numbers of an array, in memory of their own."""

    @abstractmethod
    def typed(self, x: Floats, stored: str, like: Any = None) -> Any:
        """Return numbers of a format as an array of the library, on the device of another one."""

    @abstractmethod
    def run(self, xs: Sequence[Any], cotangents: Sequence[Any] | None) -> tuple[list[Any], list[Any]]:
        """Return results and gradients as the library has them; without cotangents no gradients."""

    @abstractmethod
    def reference(self, xs: Sequence[Floats], cotangents: Sequence[Floats]) -> Reference:
        """Return the reference at some inputs; raise `BadInput` where it has no graph."""

    def strided(self, x: Any) -> Any:
        """Return the same numbers in every second place of their memory; None where the library has one layout only."""
        return None

    def written(self, old: Any, x: Any) -> bool:
        """Write numbers into an array; answer whether the library can."""
        return False

    def poisoned(self) -> AbstractContextManager[Any]:
        """Return a context in which memory that nobody has filled holds NaN, as far as the library can."""
        return nullcontext()

    def answer(self, xs: Sequence[Floats], cotangents: Sequence[Floats]) -> Answer:
        """Return what the kernel answers at other numbers of its formats.

        Args:
            xs: inputs.
            cotangents: of the results.
        """
        made = [self.typed(x, f, like) for x, f, like in zip(xs, self.formats, self.arrays, strict=True)]
        return self.read(*self.run(made, self.cotangents(cotangents)))

    def cotangents(self, gs: Sequence[Floats]) -> list[Any]:
        """Return cotangents as the library has them, in the formats of the results."""
        return [self.typed(g, f, self.arrays[0]) for g, (f, _) in zip(gs, self.results, strict=True)]

    def read(self, results: Sequence[Any], gradients: Sequence[Any]) -> Answer:
        """Return an answer as numbers."""
        return Answer(
            [self.numbers(y) for y in results],
            [None if v is None else self.numbers(v) for v in gradients],
            tuple(self.format_of(y) for y in results),
            tuple("" if v is None else self.format_of(v) for v in gradients),
        )

    @property
    def results(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Format and shape of each result."""
        found = getattr(self, "_results", None)
        if found is None:
            made = [self.typed(x, f, like) for x, f, like in zip(self.point, self.formats, self.arrays, strict=True)]
            found = self._results = tuple((self.format_of(y), tuple(y.shape)) for y in self.run(made, None)[0])
        return found


def refuse_formats(formats: Sequence[str]) -> None:
    """Raise `BadInput` where no input is of a format that a kernel stores."""
    if not formats:
        raise BadInput(f"expected an input of {', '.join(STORED)} beside reference=; got none; check() without it judges float64")
