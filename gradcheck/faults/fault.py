"""What a case of the checker's exam is: a function, its right derivative, a wrong one, and where that shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, TypeAlias

import numpy as np

from gradcheck.errors import UnknownName
from gradcheck.mistakes.mistake import Kind

Array: TypeAlias = Any  # of float64, or of objects where a better arithmetic runs the same code
Inputs: TypeAlias = tuple[Array, ...]
Maker: TypeAlias = Callable[[np.random.Generator], Inputs]
Function: TypeAlias = Callable[..., Any]

#: The patterns that a checker may name; any other mistake is "".
MISTAKES: tuple[Kind, ...] = (
    "sign", "factor", "transpose", "roll", "permutation", "missing broadcast sum", "= for +=", "mask inverted",
    "mask off at boundary", "term missing", "f for f'", "cotangent ignored", "cotangent used twice", "swapped inputs", "zero",
)  # fmt: skip


def normal_cotangent(rng: np.random.Generator, y: Array) -> Array:
    """Return a cotangent of independent normal entries."""
    return np.asarray(rng.normal(size=np.shape(y)))


@dataclass(frozen=True, slots=True)
class Fault:
    """A function with its right derivative and, unless right ones are to be accepted, a wrong one.

    Args:
        name: unique and stable.
        title: what went wrong, in words.
        operation: what f computes.
        fault_class: "repeated-index", "zero-division", "tie", "range", ..., or "false-negative", "false-positive".
        source: project and reference.
        f: inputs -> array, or a tuple of arrays; float64 in, float64 out.
        right: cotangent (a tuple if f has several outputs), inputs -> tuple of gradients, None for inputs that are not floats.
        wrong: as `right`, with the fault; None where the right derivative is the case.
        ordinary: makes inputs at which one would try it; the fault shows there only if it shows everywhere.
        trigger: makes inputs at which `wrong` differs from `right`.
        mistake: the pattern, one of `MISTAKES`, if it is one.
        twin: an earlier fault with the same mistake in a like operation.
        kink: whether the derivative at some of these inputs is one of several.
        stateful: makes a fresh `wrong` where it depends on earlier calls; it shows when asked at ordinary inputs first.
        cotangent: makes the cotangent that shows it: random generator, output -> cotangent of one output.
    """

    name: str
    title: str
    operation: str
    fault_class: str
    source: str
    f: Function
    right: Function
    wrong: Function | None
    ordinary: Maker
    trigger: Maker
    mistake: Kind | Literal[""] = ""
    twin: str = ""
    kink: bool = False
    stateful: Callable[[], Function] | None = None
    cotangent: Callable[[np.random.Generator, Array], Array] = normal_cotangent

    def doubted(self) -> Function | None:
        """Return the wrong derivative, as if it had never been called."""
        return np.errstate(all="ignore")(self.stateful()) if self.stateful else self.wrong

    def cotangents(self, rng: np.random.Generator, *inputs: Array) -> Any:
        """Return a cotangent of f at these inputs, a tuple of them if f has several outputs."""
        y = self.f(*inputs)
        return tuple(self.cotangent(rng, part) for part in y) if isinstance(y, tuple) else self.cotangent(rng, y)


class Faults(Mapping[str, Fault]):
    """The registry: filled when first asked, from the modules of `gradcheck.faults`."""

    MODULES = (
        "historical_index", "historical_product", "historical_special", "historical_range", "historical_precision",
        "historical_shape", "historical_layout", "historical_reuse", "historical_formula", "historical_silent",
        "historical_second", "historical_complex", "peers", "peers_right",
    )  # fmt: skip

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}
        self._loaded = False

    def add(self, fault: Fault) -> Fault:
        """Register a fault and return it."""
        if fault.name in self._faults:
            raise ValueError(f"there are two faults named {fault.name!r}")
        self._faults[fault.name] = fault
        return fault

    def _load(self) -> dict[str, Fault]:
        if not self._loaded:
            self._loaded = True
            for module in self.MODULES:
                import_module(f"gradcheck.faults.{module}")
        return self._faults

    def __getitem__(self, name: str) -> Fault:
        found = self._load()
        if name not in found:
            raise UnknownName("fault", name, found)
        return found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._load())

    def __len__(self) -> int:
        return len(self._load())


faults = Faults()


def declare(name: str, title: str, operation: str, fault_class: str, source: str, **more: Any) -> Fault:
    """Make a `Fault` whose functions are silent about overflow, register and return it; see `Fault` for the arguments."""
    for role in ("f", "right", "wrong"):
        if more.get(role) is not None:
            more[role] = np.errstate(all="ignore")(more[role])
    return faults.add(Fault(name, title, operation, fault_class, source, **{"wrong": None, **more}))
