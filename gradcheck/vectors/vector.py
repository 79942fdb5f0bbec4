"""What a vector is: one graph at some values in one format, with all that a right engine must hand back there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, overload

import numpy as np

from gradcheck.errors import BadInput, UnknownName
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Arrays
from gradcheck.vectors.expected import Checked, Expected

#: The format of the files; another number is another format.
SCHEMA = "gradcheck-vectors/1"


@dataclass(frozen=True, eq=False)
class Vector:
    """One graph at some values in one format.

    Args:
        name: unique: the case's, and the format.
        about: one sentence: what it is.
        source: the network or fault that it was made from.
        tags: groups.
        fault: the mistake that it is there to catch: `name`, `class`, `title`, `operation`, `reference`; None for others.
        dtype: the format.
        graph: the network; its constants are to be rounded to the format.
        values: of its inputs and parameters, in the format.
        loss: expected.
        gradients: expected, by name of the parameter.
        sums: names of parameters -> what the entries of their gradients must add up to.
        kink: None, or `accepted`: "hull" (any number in the enclosure, which holds every generalised derivative) and `nodes`: those
            with an operand on a kink.
        subnormal: whether an engine that flushes subnormal numbers to zero may miss what is expected.
        formulas: "any" that is legitimate, or "accurate" where the mistake is to use another one.
        checksum: SHA-256 of its file.
    """

    name: str
    about: str
    source: str
    tags: tuple[str, ...]
    fault: Mapping[str, str] | None
    dtype: str
    graph: Graph
    values: Arrays
    loss: Expected
    gradients: Mapping[str, Expected]
    sums: Mapping[tuple[str, ...], Expected]
    kink: Mapping[str, Any] | None
    subnormal: bool
    formulas: str
    checksum: str = field(repr=False)

    def check(self, loss: Any, gradients: Mapping[str, Any], *, slack: float = 1.0) -> tuple[Checked, ...]:
        """Hold an engine's answer against what is expected: the loss, each gradient, and sums of gradients at ties.

        Args:
            loss: one number.
            gradients: by name; a missing one stands for zeros.
            slack: factor on what is allowed, for engines with a stated reason.

        Raises:
            BadInput: gradients that are no mapping, or of what the graph does not have.
        """
        if not isinstance(gradients, Mapping):
            raise BadInput(f"expected gradients by name; got {type(gradients).__name__}")
        if unknown := next((k for k in gradients if k not in self.graph.shapes), None):
            raise BadInput(f"expected gradients of {', '.join(self.gradients)}; got one named {unknown!r}")
        found = [self.loss.check("loss", np.nan if loss is None else _scalar(loss), self.dtype, slack=slack)]
        found += [x.check(f"gradient of {k}", gradients.get(k), self.dtype, slack=slack) for k, x in self.gradients.items()]
        if all(np.shape(gradients.get(k, 0.0)) in (x.shape, ()) for k, x in self.gradients.items()):
            found += [self._sum(names, x, gradients, slack) for names, x in self.sums.items()]
        return tuple(found)

    def _sum(self, names: tuple[str, ...], expected: Expected, gradients: Mapping[str, Any], slack: float) -> Checked:
        total = sum(float(np.sum(np.asarray(gradients.get(k, 0.0)).astype(np.float64))) for k in names)
        return expected.check(f"sum of the gradient of {' and '.join(names)}", total, self.dtype, slack=slack)


def _scalar(x: Any) -> Any:
    """Return an array of one number as that number."""
    a = np.asarray(x)
    return a.reshape(()) if a.size == 1 else a


@dataclass(frozen=True)
class Vectors(Sequence[Vector]):
    """A set of vectors.

    Args:
        vectors: in the order of their names.
        seed: of all values.
        version: of gradcheck that wrote them.
        checksum: of the index, and so of the whole set.
    """

    vectors: tuple[Vector, ...] = field(repr=False)
    seed: int
    version: str
    checksum: str

    @overload
    def __getitem__(self, key: int) -> Vector: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[Vector, ...]: ...
    @overload
    def __getitem__(self, key: str) -> Vector: ...
    def __getitem__(self, key: int | slice | str) -> Vector | tuple[Vector, ...]:
        """Return a vector by number or by name."""
        if not isinstance(key, str):
            return self.vectors[key]
        for vector in self.vectors:
            if vector.name == key:
                return vector
        raise UnknownName("vector", key, [x.name for x in self.vectors])

    def __len__(self) -> int:
        return len(self.vectors)

    def __iter__(self) -> Iterator[Vector]:
        return iter(self.vectors)

    def matching(self, *, dtypes: Iterable[str] = (), tags: Iterable[str] = ()) -> tuple[Vector, ...]:
        """Return the vectors in some formats and with some tags.

        Args:
            dtypes: any of them; all formats if there are none.
            tags: shell patterns of tags, of the fault's name or of the vector's; any of them; all vectors if there are none.

        Raises:
            UnknownName: a pattern that matches none.
        """
        formats, patterns = set(dtypes), list(tags)
        for pattern in patterns:
            if not any(_matches(x, pattern) for x in self.vectors):
                raise UnknownName("tag of vectors", pattern, {t for x in self.vectors for t in x.tags})
        return tuple(
            x for x in self.vectors
            if (not formats or x.dtype in formats) and (not patterns or any(_matches(x, p) for p in patterns))
        )  # fmt: skip


def _matches(vector: Vector, pattern: str) -> bool:
    return any(fnmatchcase(x, pattern) for x in (*vector.tags, vector.source, vector.name))
