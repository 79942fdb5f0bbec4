"""From a recorder and a backward pass to a recording: one scalar output, leaves, values and adjoints as arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.roundoff import Roundoff
from gradcheck.capture.alone import Alone
from gradcheck.capture.coverage import Coverage, Opaque
from gradcheck.capture.place import Place
from gradcheck.capture.recording import Recorded
from gradcheck.capture.torch.memory import Tensors
from gradcheck.capture.torch.recorder import Recorder
from gradcheck.capture.torch.sweep import Sweep
from gradcheck.capture.torch.tensors import Tensor, array_of, storage_of
from gradcheck.graph.graph import Graph, Node
from gradcheck.targets.target import Run

Array = npt.NDArray[Any]
#: Where the terms of the output are, which are no operations of the program.
_OURS = Place(operation="its part of the output")


class Assembly:
    """Puts a recording together.

    Args:
        recorder: of the run.
        sweep: its backward pass.
        roots: the name of each differentiated result, and its cotangent.
    """

    def __init__(self, recorder: Recorder, sweep: Sweep, roots: Sequence[tuple[str, Tensor]]) -> None:
        self.recorder, self.sweep, self.tape = recorder, sweep, recorder.tape
        self._terms: list[str] = []
        self._total = 0.0
        self._replaced: dict[str, str] = {}
        self._roots = roots

    def recorded(self, name: str) -> Recorded:
        """Return what was recorded, under a name."""
        self._hooked()
        self._opaque()
        for root, cotangent in self._roots:
            self._term(self._replaced.get(root, root), root, array_of(cotangent))
        output = self._added()
        graph = self.tape.graph(output, name)
        r = self.recorder
        values = self._leaves(graph)
        run = Run(np.asarray(self._total), self._gradients(graph), self._values(graph), self._adjoints(graph), self._edges(graph))
        formats = {k: f for k, f in self.tape.formats.items() if k in graph.shapes}
        places = {k: p for k, p in r.tape.places.items() if k in graph.shapes}
        results = tuple(self._replaced.get(root, root) for root, _ in self._roots)
        return Recorded(graph, values, run, places, formats, self._coverage(graph), r.suspects, results)

    # -- the output -----------------------------------------------------------------------------

    def _term(self, name: str, numbers: str, cotangent: Array) -> None:
        """Add <cotangent, value> to the output, whose adjoint at the value is then the cotangent."""
        format_ = self.tape.formats[name] if self.tape.formats[name] == "float64" else "float32"  # narrower ones could overflow
        self._total += float(np.sum(np.asarray(self._numbers(numbers), np.float64) * cotangent))
        if cotangent.shape == () and cotangent == 1:
            self._terms.append(name)
            return
        product = self.tape.node("mul", [name, self.tape.constant(cotangent)], {}, format_, _OURS)
        self._terms.append(self.tape.node("sum", [product], {}, format_, _OURS))

    def _added(self) -> str:
        output = self._terms[-1]
        for term in reversed(self._terms[:-1]):
            format_ = "float64" if "float64" in (self.tape.formats[output], self.tape.formats[term]) else "float32"
            output = self.tape.node("add", [output, term], {}, format_, _OURS)
        return output

    def _opaque(self) -> None:
        """What an operation without a rule handed on is taken as it is."""
        for opaque, function in zip(self.recorder.opaque, self.recorder.opaque_functions, strict=True):
            for x in opaque.operands:
                if handed := self.sweep.contributions(x, function):
                    self._term(self._replaced.get(x, x), x, np.asarray(sum(g.array().astype(np.float64) for g in handed)))

    def _alone(self, k: int, opaque: Opaque) -> Opaque:
        """Return an operation without a rule, judged by differences where it can be called again."""
        value, function = self.recorder.again.get(k), self.recorder.opaque_functions[k]
        if value is None:
            return opaque
        handed = [self.sweep.contributions(x, function) for x in opaque.operands]
        sums = [sum((g.array().astype(np.float64) for g in found), np.zeros(self.tape.shapes[x])) for x, found in zip(opaque.operands, handed, strict=True)]
        operands = tuple(self._numbers(x).astype(np.float64) for x in opaque.operands)
        cotangents = tuple(g.array() if (g := self.sweep.adjoints.get(x)) is not None else None for x in opaque.results)
        u = max(Roundoff.of(self.tape.formats[x]).u for x in (*opaque.operands, *opaque.results))
        reason = Alone(value, operands, tuple(self._numbers(x) for x in opaque.results), cotangents, tuple(sums), u).verdict()
        return replace(opaque, judged=not reason, reason=f"{opaque.reason}; {reason}" if reason else opaque.reason)

    def _hooked(self) -> None:
        """A value whose gradient a hook of the user changes is two: what users of it see, and what made it."""
        for name in self.sweep.hooked:
            after = self.sweep.adjoints.get(name)
            if name in self.recorder.outside or after is None:
                continue
            seen = self.tape.parameter(f"{name} (hooked)", self.tape.shapes[name], self.tape.formats[name])
            self._replaced[name] = seen
            self._term(name, name, after.array())
        for k, node in enumerate(self.tape.nodes):
            if not self._replaced.keys().isdisjoint(node.inputs) and node.name not in self._terms and self.tape.places[node.name] is not _OURS:
                inputs = tuple(self._replaced.get(x, x) for x in node.inputs)
                self.tape.nodes[k] = Node(node.name, node.op, inputs, node.attributes)

    # -- arrays ---------------------------------------------------------------------------------

    def _numbers(self, name: str) -> Array:
        return self.recorder.memory.held[name].array()

    def _leaves(self, graph: Graph) -> Tensors:
        """Return the leaves, copied with all views of them: a step of an optimiser writes over them."""
        made = {seen: old for old, seen in self._replaced.items()}
        held = {leaf.name: self.recorder.memory.held[made.get(leaf.name, leaf.name)] for leaf in graph.leaves if leaf.value is None}
        for x in held.values():
            self.recorder.memory.keep(storage_of(x.tensor))
            x.keep({})
        return Tensors(held)

    def _gradients(self, graph: Graph) -> Tensors:
        made = {seen: old for old, seen in self._replaced.items()}
        found = {k: self.sweep.before.get(made.get(k, k), None if k in made else self.sweep.adjoints.get(k)) for k in graph.parameters}
        return Tensors({k: g for k, g in found.items() if g is not None}, {k: graph.shapes[k] for k, g in found.items() if g is None})

    def _values(self, graph: Graph) -> Tensors:
        held = self.recorder.memory.held
        return Tensors({node.name: held[node.name] for node in graph.nodes if node.name in held})

    def _adjoints(self, graph: Graph) -> Tensors:
        return Tensors({k: g for k, g in self.sweep.adjoints.items() if k in graph.node and g.shape == graph.shapes[k]})

    def _edges(self, graph: Graph) -> Tensors:
        found = self.sweep.edges()
        return Tensors({(x, e): g for (x, e), g in found.items() if e.consumer in graph.node and e in graph.consumers(x)})

    # -- what was covered -----------------------------------------------------------------------

    def _coverage(self, graph: Graph) -> Coverage:
        r = self.recorder
        opaque = tuple(
            self._alone(k, x) for k, x in enumerate(r.opaque) if any(name in graph.shapes for name in x.results or x.operands)
        )
        judged, unjudged = (
            sum(math.prod(self.tape.shapes[x]) for o in opaque for x in o.operands if o.judged == way) for way in (True, False)
        )
        own = sum(math.prod(graph.shapes[k]) for k in (*self._adjoints(graph), *graph.parameters))
        cuts = tuple(dict.fromkeys(p for k, p in r.cut_constants.items() if k in graph.leaf))
        computed = tuple(k for k, t in r.outside.items() if k in graph.leaf and t.grad_fn is not None)
        return Coverage(own, judged, unjudged, opaque, cuts, tuple(self.sweep.hooked), computed)
