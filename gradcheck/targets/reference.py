"""The reference engine as a target: it enters by the same door as every other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gradcheck.arith.floating import Floating
from gradcheck.engine.plan import compile as compiled
from gradcheck.engine.reverse import backward, seeds, sweep
from gradcheck.engine.second import hvp
from gradcheck.graph.evaluation import propagate
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.ops.op import Op, registry
from gradcheck.targets.target import Run, dtype_of, leaf_arrays


class Reference:
    """Our own reverse sweep, with node values and adjoints.

    Args:
        ops: other rules, for deliberate mistakes.
        name: in reports.
    """

    dtypes = ("float64", "float32", "float16", "bfloat16")

    def __init__(self, ops: Mapping[str, Op] = registry, name: str = "reference") -> None:
        from gradcheck import __version__

        self.name = name
        self.version = __version__
        self._ops = ops

    def run(self, graph: Graph, values: Values) -> Run:
        """Sweep the graph in the format of the values."""
        m = Floating(dtype_of(values))
        y = propagate(graph, leaf_arrays(graph, values), m, ops=self._ops)
        wrt = graph.differentiable
        adjoint = sweep(graph, y, m, seeds(graph, m), wrt, ops=self._ops)
        gradients = {k: adjoint.get(k, m.leave(m.zeros(graph.shapes[k]))) for k in wrt}
        return Run(
            y[graph.outputs[0]],
            gradients,
            {n.name: y[n.name] for n in graph.nodes},
            {n.name: adjoint[n.name] for n in graph.nodes if n.name in adjoint},
        )

    second_modes = ("forward over reverse",)

    def hvp(self, graph: Graph, values: Values, direction: Values, mode: str) -> dict[str, Any]:
        """Sweep the graph over dual numbers in the format of the values."""
        return hvp(graph, values, direction, arithmetic=Floating(dtype_of(values)), ops=self._ops)

    def gradient(self, graph: Graph, values: Values) -> Callable[[], Any]:
        """Return the compiled plan's gradient; the sweep's where the rules are not our own."""
        dtype = dtype_of(values)
        if self._ops is registry:
            plan = compiled(graph, dtype=dtype)
            return lambda: plan.value_and_grad(values)
        return lambda: backward(graph, values, Floating(dtype), ops=self._ops)
