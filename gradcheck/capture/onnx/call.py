"""One node of a model, as a paragraph of the table sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from gradcheck.capture.numpy.arrays import Recorded
from gradcheck.errors import CannotExpress

Rule: TypeAlias = "Callable[[Call], Any]"

#: operator -> its paragraph; what it returns is the first output, or a tuple of several
RULES: dict[str, Rule] = {}


def operator(*names: str) -> Callable[[Rule], Rule]:
    """Return a decorator that enters a rule under the names of operators."""

    def enter(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, rule))
        return rule

    return enter


@dataclass(slots=True)
class Call:
    """One node with its inputs.

    Args:
        op: the operator.
        inputs: recorded arrays, arrays, or None where one is left out.
        attributes: that are given.
        version: of the operator set.
        outputs: how many are asked for.
    """

    op: str
    inputs: Sequence[Any]
    attributes: Mapping[str, Any]
    version: int
    outputs: int

    def __getitem__(self, k: int) -> Any:
        """Return input k; None where it is left out."""
        return self.inputs[k] if k < len(self.inputs) else None

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or what stands for it."""
        return self.attributes.get(name, default)

    def data(self, k: int, default: Any = None) -> Any:
        """Return input k as numbers; raise `CannotExpress` where it is differentiated."""
        x = self[k]
        if isinstance(x, Recorded):
            if x.memory.name:
                raise CannotExpress(f"{self.op}: input {k} is differentiated")
            x = x.value
        return default if x is None else np.asarray(x)

    def axes(self, k: int = 1) -> tuple[int, ...] | None:
        """Return axes, which are an attribute or an input; None where there are none."""
        given = self.get("axes") if self[k] is None else self.data(k)
        return None if given is None else tuple(int(a) for a in np.ravel(given))
