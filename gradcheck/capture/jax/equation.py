"""One equation of a jaxpr, as a paragraph of the table sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from gradcheck.capture.coverage import Unruled
from gradcheck.capture.place import Place
from gradcheck.capture.tape import Tape

Rule: TypeAlias = "Callable[[Equation], None]"

#: primitive -> its paragraph
RULES: dict[str, Rule] = {}




def primitive(*names: str) -> Callable[[Rule], Rule]:
    """Return a decorator that enters a rule under the names of primitives."""

    def enter(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, rule))
        return rule

    return enter


@dataclass(slots=True)
class Equation:
    """One primitive with its operands and results as they were.

    Args:
        tape: the graph under construction.
        bind: runs the primitive on other operands: positions instead of numbers.
        name: of the primitive.
        params: its parameters.
        values: the operands.
        names: of their values in the graph; "" for data.
        outs: the results.
        place: of the equation.
    """

    tape: Tape
    bind: Callable[..., Sequence[Any]]
    name: str
    params: Mapping[str, Any]
    values: Sequence[Any]
    names: Sequence[str]
    outs: Sequence[Any]
    place: Place
    given: dict[int, str] = field(default_factory=dict)

    def __getitem__(self, k: int) -> str:
        """Return the name of operand k; data becomes a constant."""
        return self.names[k] or self.tape.constant(np.asarray(self.values[k], np.float64))

    def __len__(self) -> int:
        return len(self.values)

    def shape(self, k: int) -> tuple[int, ...]:
        """Return the shape of operand k."""
        return tuple(np.shape(self.values[k]))

    def data(self, k: int) -> Any:
        """Return operand k as NumPy data; raise `Unruled` where it is a value of the graph."""
        if self.names[k]:
            raise Unruled(f"{self.name}: operand {k} is differentiated")
        return np.asarray(self.values[k])

    def constant(self, x: Any, kind: str = "real") -> str:
        """Return the name of a constant."""
        return self.tape.constant(x, kind)

    def emit(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Add an operation in the format of the first result whose value the run does not show, and return its name."""
        return self.tape.node(op, inputs, attributes, str(self.outs[0].dtype), self.place)

    def out(self, op: str, *inputs: str, k: int = 0, **attributes: Any) -> None:
        """Add the operation whose value is result `k`."""
        self.given[k] = self.tape.node(op, inputs, attributes, str(self.outs[k].dtype), self.place)

    def shaped(self, name: str, k: int = 0) -> None:
        """Say that a value is result `k`, in its shape."""
        self.out("reshape", name, k=k, shape=tuple(self.outs[k].shape))

    def flat(self, k: int) -> str:
        """Return operand k in one row."""
        return self.emit("reshape", self[k], shape=(int(np.size(self.values[k])),))

    def take(self, row: str, index: Any, k: int = 0) -> None:
        """Result `k` has the entries of a row at positions."""
        at = np.asarray(index)
        if at.size and (at.min() < 0 or at.max() >= self.tape.shapes[row][0]):
            raise Unruled(f"{self.name}: entries out of bounds are filled")
        self.out("take", row, self.constant(at, "index"), k=k)
