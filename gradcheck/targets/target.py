"""The protocol of a target: an implementation of backpropagation that is to be judged.

A target is anything with `name` and ``run(graph, values) -> Run``; a plain callable
``(graph, values) -> (loss, {name: gradient})`` works too. The float arrays in `values` have the
format in which the target has to compute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from gradcheck.arith.floating import FORMATS
from gradcheck.errors import TargetFailed
from gradcheck.foreign import answer_of, text_of
from gradcheck.foreign.arrays import shown
from gradcheck.graph.graph import Edge, Graph
from gradcheck.graph.values import Arrays, Values, bind
from gradcheck.targets.attributes import attributes_of
from gradcheck.targets.known import Known

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Run:
    """What a target hands back for one network.

    Args:
        loss: the value of the output.
        gradients: of every parameter, by name.
        node_values: values of nodes by name; some, all or None.
        node_adjoints: adjoints of nodes by name; some, all or None.
        edge_adjoints: what a single use of a value contributed to its adjoint.
        plain_gradients: where asking for node values or adjoints makes another program of it:
            the gradients of the program without.
    """

    loss: Any
    gradients: Mapping[str, Any]
    node_values: Mapping[str, Any] | None = None
    node_adjoints: Mapping[str, Any] | None = None
    edge_adjoints: Mapping[tuple[str, Edge], Any] | None = None
    plain_gradients: Mapping[str, Any] | None = None


@runtime_checkable
class Target(Protocol):
    """An implementation of backpropagation.

    What it says of itself is read once, when it is taken into use. Optional attributes: `version` (text), `dtypes` (names of formats, default float64 and
    float32), `slack` (factor on every bound, with a reason: 4 where a compiler fuses nodes),
    `flushes` (True: subnormal numbers are flushed to zero), `accumulates` (format -> format in
    which it adds up, default float32 for the half formats), `known` (`Known` findings), `spec` (the text that names it
    in `gradcheck.targets`, default the name),
    `most_random` (how many random networks it is given at most, where each is costly), `unjudged`
    (formats in which it computes too, whose accuracy is measured although it is not judged in them), and
    ``gradient(graph, values)``: a function of no arguments that computes loss and gradients and
    does nothing else, everything prepared; it is what `gradcheck cost` times, in place of `run`.

    For second derivatives: ``hvp(graph, values, direction)`` returns the Hessian of the loss times a direction, both by the names
    of all parameters; with `second_modes` (names of the ways in which it computes that) it is called as
    ``hvp(graph, values, direction, mode)``, once for each.
    """

    name: str

    def run(self, graph: Graph, values: Values) -> Run:
        """Return loss and gradients of a graph; raise `CannotExpress` where it has no form."""
        ...


@dataclass(frozen=True, slots=True)
class Description:
    """A target with its optional attributes filled in."""

    target: Target
    name: str
    version: str = ""
    dtypes: tuple[str, ...] = ("float64", "float32")
    slack: float = 1.0
    accumulates: Mapping[str, str] = field(default_factory=dict)
    flushes: bool = False
    known: tuple[Known, ...] = field(default=())
    most_random: int | None = None
    unjudged: tuple[str, ...] = ()
    second_modes: tuple[str, ...] = ()
    spec: str = ""

    def label(self, mode: str | None) -> str:
        """Return the name of the target in its rows, with the way to second derivatives; None for gradients."""
        return self.name if mode is None else f"{self.name}: {mode or 'hvp'}"

    @classmethod
    def of(cls, target: Target | Callable[..., Any], spec: str = "") -> Description:
        """Describe a target or a plain callable; `spec` is what it was asked for by.

        Raises:
            TargetFailed: if it is neither, or says of itself what cannot be.
        """
        if not answer_of(lambda: isinstance(target, Target), who="looking at the target"):
            if not callable(target):
                raise TargetFailed(f"expected a target with name and run(graph, values), or a callable; got {shown(target)}")
            target = Plain(target)
        given = attributes_of(target)
        return cls(target, **{**given, "spec": spec or given.get("spec", given["name"])})  # type: ignore[arg-type]  # it was looked at


class Plain:
    """A target made of a callable ``(graph, values) -> (loss, gradients)`` or ``-> Run``."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.name = text_of(f, lambda f: getattr(f, "__name__", type(f).__name__))
        self._f = f

    def run(self, graph: Graph, values: Values) -> Run:
        """Call the callable."""
        answer = self._f(graph, values)
        if isinstance(answer, Run):
            return answer
        if not (isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[1], Mapping)):
            raise TargetFailed(f"expected (loss, {{name: gradient}}) or a Run; got {type(answer).__name__}")
        return Run(answer[0], answer[1])


def dtype_of(values: Values) -> str:
    """Return the name of the format of the first float array among `values`; float64 if none."""
    for x in values.values():
        for name, dtype in FORMATS.items():
            if getattr(x, "dtype", None) == dtype:
                return name
    return "float64"


def leaf_arrays(graph: Graph, values: Values) -> Arrays:
    """Return every leaf, constants included, floats in the format of `values`."""
    return bind(graph, values, dtype_of(values))


def as_float(x: Any) -> npt.NDArray[Any]:
    """Return an answer of a target as an array of float64 (or wider)."""
    a = np.asarray(x)
    return a if a.dtype == np.longdouble else a.astype(np.float64, copy=False)


def as_given(x: Any) -> npt.NDArray[Any]:
    """Return an answer of a target as an array of float32 or wider, as it is where it is one."""
    a = np.asarray(x)
    return a if a.dtype == np.float32 else as_float(a)
