"""Historical faults as networks: the graph in which each sat, the inputs at which it shows, and the wrong gradients themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gradcheck.faults.fault import Fault, Inputs, faults
from gradcheck.graph.graph import Graph
from gradcheck.graph.trace import trace
from gradcheck.graph.values import Arrays, Values
from gradcheck.graph.weighted import weights, with_loss
from gradcheck.vectors.programs import ACCURATE, INPUTS, PROGRAMS, STATEFUL, TURNED_COTANGENT, TURNED_INPUT, WITHOUT
from gradcheck.vectors.rounded import short_constants


@dataclass(frozen=True)
class Recreation:
    """One historical fault as a network.

    Args:
        fault: it.
        seed: of its inputs.
        earlier: whether this is the point at which a fault with a memory is asked first, where it is right.
    """

    fault: Fault
    seed: int = 0
    earlier: bool = False

    @property
    def name(self) -> str:
        """The fault's name, and which point it is."""
        return self.fault.name + ("-earlier" if self.earlier else "")

    @cached_property
    def _inputs(self) -> Inputs:
        """The fault's inputs; those that are no floats are part of the program."""
        make = self.fault.ordinary if self.earlier else INPUTS.get(self.fault.name, self.fault.trigger)
        return make(np.random.default_rng([self.seed, *self.name.encode()]))

    @cached_property
    def _names(self) -> list[str]:
        found = [p.name for p in inspect.signature(self.fault.f).parameters.values() if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
        return found if len(found) == len(self._inputs) else [f"x{k}" for k in range(len(self._inputs))]

    @cached_property
    def values(self) -> dict[str, Any]:
        """The float inputs by name."""
        named = zip(self._names, self._inputs, strict=True)
        return {k: np.array(self._turned(k, x), order="C") for k, x in named if x.dtype == np.float64}

    def _turned(self, name: str, x: Any) -> Any:
        return x.T if TURNED_INPUT.get(self.fault.name) == name else x

    @cached_property
    def graph(self) -> Graph:
        """The function under a loss in which every entry has a weight of its own."""
        program = PROGRAMS.get(self.fault.name, self.fault.f)

        def code(**traced: Any) -> Any:
            named = zip(self._names, self._inputs, strict=True)
            return program(*(self._turned(k, traced[k]) if k in traced else x for k, x in named))

        bare = trace(code, self.values, name=self.name)
        loss = with_loss(bare.leaves, bare.nodes, bare.outputs, bare.shapes, name=self.name)
        return short_constants(loss)

    @property
    def accurate(self) -> bool:
        """Whether the fault is a formula that is legitimate elsewhere: the vector then allows the accurate formulas alone."""
        return self.fault.name in ACCURATE

    def mistaken(self, graph: Graph, values: Values) -> tuple[float, Arrays]:
        """Return the loss and the wrong gradients; a target.

        Args:
            graph: this one.
            values: at which the gradient is asked for.
        """
        named = zip(self._names, self._inputs, strict=True)
        given = [self._turned(k, np.asarray(values[k], np.float64)) if k in values else x for k, x in named]
        wrong = self.fault.doubted()
        assert wrong is not None
        if self.fault.name in STATEFUL and not self.earlier:
            first = Recreation(self.fault, self.seed, earlier=True)
            wrong(first._cotangent(self.fault.f(*first._inputs)), *first._inputs)
        y = self.fault.f(*given)
        found = wrong(self._cotangent(y), *given)
        return self._loss(y), {k: np.asarray(self._turned(k, np.asarray(g))) for k, g in zip(self._names, found, strict=True) if k in values}

    def _cotangent(self, y: Any) -> Any:
        """Return what comes back to the function: the weights of the loss, in the memory in which an engine would have them."""
        if isinstance(y, tuple):
            return tuple(weights(np.shape(v)) for v in y)
        if self.graph.outputs[0] == self._last:  # the function's value is summed up: one number, stretched
            return np.broadcast_to(np.ones(()), np.shape(y))
        if self.fault.name in TURNED_COTANGENT:
            return weights(np.shape(y)[::-1]).T
        return weights(np.shape(y)) if np.shape(y) else np.ones(())

    @cached_property
    def _last(self) -> str:
        """The loss, if the program itself ends in one."""
        return next((n.name for n in reversed(self.graph.nodes) if not n.name.startswith("loss_")), "")

    def _loss(self, y: Any) -> float:
        parts = y if isinstance(y, tuple) else (y,)
        cotangents = self._cotangent(y) if isinstance(y, tuple) else (self._cotangent(y),)
        return float(sum(np.sum(g * v) for g, v in zip(cotangents, parts, strict=True)))


def recreations(seed: int = 0) -> Iterator[Recreation]:
    """Yield every historical fault that a graph can have, in order.

    Args:
        seed: of their inputs.
    """
    for fault in faults.values():
        if fault.wrong is not None and not fault.fault_class.startswith("false-") and fault.name not in WITHOUT:
            if fault.name in STATEFUL:
                yield Recreation(fault, seed, earlier=True)
            yield Recreation(fault, seed)
