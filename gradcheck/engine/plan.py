"""A graph compiled for given shapes: straight-line NumPy code with buffers that are allocated once."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from contextvars import Context
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Shape
from gradcheck.arith.floating import Floating
from gradcheck.engine.liveness import Home, Layout, laid_out, peak
from gradcheck.engine.lowering import Lowering
from gradcheck.engine.program import Program
from gradcheck.engine.reverse import wanted
from gradcheck.engine.second_lowering import SecondLowering
from gradcheck.engine.source import Source
from gradcheck.errors import BadShape, BadValues, PlanInUse, UnknownName
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values, bind

Gradients = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that a gradient takes, parameters not counted.

    Args:
        activations: values of the forward pass that wait for the reverse pass, at the moment when they are most.
        temporaries: what else is in the plan's buffers, and arrays that are no buffers of its.
        gradients: the arrays that are returned.
    """

    activations: int
    temporaries: int
    gradients: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.activations + self.temporaries + self.gradients


class Plan:
    """Straight-line code for the value and the gradient of a graph.

    What is returned is always the caller's: no result shares memory with the buffers of the plan or with the values.
    The buffers belong to one call at a time, so a plan is not to be called from two threads at once: that raises
    `PlanInUse`; give each thread a `copy`.

    Args:
        graph: the network, of the shapes to compile for.
        dtype: the format.
        wrt: the leaves to differentiate.
        cotangent: whether cotangents are to be given.
        strict: whether every operation is that of the sweep.
        recompute: whether values are computed again in the reverse pass.
        debug: whether buffers are filled with NaN when they are not needed any more.
    """

    def __init__(
        self, graph: Graph, dtype: str, wrt: tuple[str, ...], *, cotangent: bool, strict: bool, recompute: bool, debug: bool
    ) -> None:
        self.graph, self.dtype, self.wrt, self.cotangent = graph, dtype, wrt, cotangent
        self._strict, self._debug = strict, debug
        self._floating = Floating(dtype)
        lowering = Lowering(graph, self._floating, strict=strict)
        self._program = lowering.gradient(wrt, cotangent=cotangent, recompute=recompute)
        self._layout = laid_out(self._program)
        self._source = Source(graph, self._program, self._layout, poison=debug)
        self._forward: Source | None = None
        self._second: Source | None = None
        self._ready()

    def _ready(self) -> None:
        self._lock = threading.Lock()
        self._context = Context()
        self._context.run(np.seterr, all="ignore")  # as in the sweep, for this plan's calls alone
        self._gradient = self._source.function(self._bound)
        self._value = self._forward.function(self._bound) if self._forward is not None else None
        self._product = self._second.function(self._bound) if self._second is not None else None
        self._fresh = (None,) * len(self.wrt)

    def value_and_grad(
        self, values: Values, *, cotangent: Any = None, out: Mapping[str, Any] | None = None
    ) -> tuple[Any, Gradients]:
        """Return the outputs and the gradient by name, as `gradcheck.backward` does.

        Args:
            values: inputs and parameters by name; arrays of the plan's format are used as they are.
            cotangent: g of the outputs' shapes (a tuple for several outputs), if the plan was compiled for that.
            out: arrays that gradients are written to and that are returned, by name; C-contiguous, of the plan's
                format, sharing no memory with a value. All gradients without one are new arrays.

        Raises:
            BadValues: values, cotangents or arrays that do not fit the plan.
            PlanInUse: the plan is being called already.
        """
        given = self._fresh if out is None else self._given(out, values)
        cotangents = self._cotangents(cotangent) if self.cotangent or cotangent is not None else ()
        if not self._lock.acquire(False):
            raise PlanInUse
        try:
            outputs, gradients = self._context.run(self._gradient, values, given, cotangents)
        finally:
            self._lock.release()
        return (outputs[0] if len(outputs) == 1 else outputs), gradients

    def value(self, values: Values) -> Any:
        """Return the outputs, as `gradcheck.evaluate` does: one array, or a tuple where there are several.

        Args:
            values: inputs and parameters by name.

        Raises:
            BadValues: values that do not fit the plan.
            PlanInUse: the plan is being called already.
        """
        if not self._lock.acquire(False):
            raise PlanInUse
        try:
            if self._value is None:
                program = Lowering(self.graph, self._floating, strict=self._strict).forward()
                self._forward = Source(self.graph, program, laid_out(program), poison=self._debug)
                self._value = self._forward.function(self._bound)
            outputs, _ = self._context.run(self._value, values, (), ())
        finally:
            self._lock.release()
        return outputs[0] if len(outputs) == 1 else outputs

    def hvp(self, values: Values, direction: Mapping[str, npt.ArrayLike], *, cotangent: Any = None) -> Gradients:
        """Return the Hessian times a direction by name, as `gradcheck.hvp` does; compiled when it is first asked for.

        Args:
            values: inputs and parameters by name.
            direction: v by the names of the plan's leaves; what is not named does not move.
            cotangent: of the outputs, if the plan was compiled for that.

        Raises:
            BadShape: a direction of another shape than its leaf.
            BadValues: values or cotangents that do not fit the plan.
            PlanInUse: the plan is being called already.
            UnknownName: a direction of what the plan does not differentiate by.
        """
        given = self._cotangents(cotangent) if self.cotangent or cotangent is not None else ()
        along = (*given, *self._directions(direction))
        if not self._lock.acquire(False):
            raise PlanInUse
        try:
            if self._product is None:
                lowering = SecondLowering(self.graph, self._floating, self.wrt, strict=self._strict)
                program = lowering.product(cotangent=self.cotangent)
                self._second = Source(self.graph, program, laid_out(program), poison=self._debug)
                self._product = self._second.function(self._bound)
            _, products = self._context.run(self._product, values, self._fresh, along)
        finally:
            self._lock.release()
        found: Gradients = products
        return found

    def copy(self) -> Plan:
        """Return a plan of the same code with buffers of its own, for another thread."""
        other = object.__new__(Plan)
        other.__dict__.update(self.__dict__)
        other._ready()
        return other

    @property
    def source(self) -> str:
        """The code of the gradient, a comment a node."""
        return self._source.text

    @property
    def unrecorded(self) -> tuple[str, ...]:
        """The nodes whose rules look at numbers and are called as they are, without kernels."""
        return self._program.unrecorded

    @property
    def buffers(self) -> int:
        """The bytes of the buffers that were allocated when the plan was made."""
        return sum(b.entries * b.dtype.itemsize for b in self._layout.blocks)

    @property
    def memory(self) -> Memory:
        """The bytes that a gradient takes."""
        return _memory(self._program, self._layout)

    def __repr__(self) -> str:
        return f"<Plan of {self.graph.name}: {len(self._program.steps)} steps, {self.dtype}>"

    # -- what is given -------------------------------------------------------------------------

    def _bound(self, values: Values) -> tuple[npt.NDArray[Any], ...]:
        arrays = bind(self.graph, values, self.dtype)
        return tuple(arrays[k] for k in self._program.leaves)

    def _directions(self, direction: Mapping[str, npt.ArrayLike]) -> tuple[npt.NDArray[Any], ...]:
        for name, t in direction.items():
            if name not in self.wrt:
                raise UnknownName("leaf that the plan differentiates by", name, self.wrt)
            if np.shape(t) != self.graph.shapes[name]:
                raise BadShape(f"direction of {name!r}", f"shape {self.graph.shapes[name]}", np.shape(t))
        still = {k: np.zeros(self.graph.shapes[k]) for k in self.wrt if k not in direction}
        return tuple(np.asarray(direction[k] if k in direction else still[k]).astype(self._floating.storage, copy=False) for k in self.wrt)

    def _cotangents(self, cotangent: Any) -> tuple[npt.NDArray[Any], ...]:
        shapes = [self.graph.shapes[k] for k in self.graph.outputs]
        if not self.cotangent:
            raise BadValues("expected no cotangent: this plan was compiled for ones; compile with cotangent=True")
        if cotangent is None:
            raise BadValues(f"expected a cotangent for outputs of shapes {shapes}; got none; give cotangent=")
        given = cotangent if isinstance(cotangent, tuple) else (cotangent,)
        if len(given) != len(shapes):
            raise BadValues(f"expected {len(shapes)} cotangents, one an output; got {len(given)}")
        for name, g, shape in zip(self.graph.outputs, given, shapes, strict=True):
            if np.shape(g) != shape:
                raise BadShape(f"cotangent of {name!r}", f"shape {shape}", np.shape(g))
        return tuple(self._floating.array(g) for g in given)

    def _given(self, out: Mapping[str, Any], values: Values) -> tuple[Any, ...]:
        for name in out:
            if name not in self.wrt:
                raise UnknownName("gradient", name, self.wrt)
        others = [x for x in values.values() if isinstance(x, np.ndarray)]
        for name, x in out.items():
            shape, dtype = self.graph.shapes[name], self._floating.storage
            fits = isinstance(x, np.ndarray) and x.shape == shape and x.dtype == dtype
            if not (fits and x.flags.c_contiguous and x.flags.writeable):
                got = f"{type(x).__name__} of shape {np.shape(x)}"
                raise BadValues(f"out[{name!r}]: expected a writeable C-contiguous {dtype} array of shape {shape}; got {got}")
            if any(np.may_share_memory(x, y) for y in others):
                raise BadValues(f"out[{name!r}]: expected memory that no value and no other result has; got some that is shared")
            others.append(x)
        return tuple(out.get(k) for k in self.wrt)


def compile(  # noqa: A001 - gradcheck.compile
    graph: Graph,
    shapes: Mapping[str, Shape] | None = None,
    dtype: str = "float64",
    *,
    wrt: Iterable[str] | None = None,
    cotangent: bool | None = None,
    strict: bool = False,
    recompute: bool = False,
    debug: bool = False,
) -> Plan:
    """Return a plan: the value and the gradient of a graph as straight-line NumPy code.

    It is not as general as `gradcheck.backward`, from which it differs by rounding only, and faster: constants are
    folded, equal expressions computed once, buffers allocated once and handed on, and nothing is computed that no
    result needs. Rules that cannot be compiled are called as they are (`Plan.unrecorded`).

    Args:
        graph: the network.
        shapes: of leaves, by name, where they differ from those of the graph (another batch size).
        dtype: the format; float16 and bfloat16 are computed by the rules as they are, without kernels.
        wrt: the leaves to differentiate; the parameters (or, without any, the float inputs) unless given.
        cotangent: whether cotangents will be given; unless said, if an output is no scalar.
        strict: whether every operation is that of `gradcheck.backward`, and so every bit (but for sums of transposed
            arrays, whose order NumPy takes from their layout). Otherwise the derivatives of tanh and logistic are
            1 - y^2 and y (1 - y), which loses their tails, and sums may be added up in another order.
        recompute: whether to keep about sqrt(n) of the values of n nodes, and to compute those between them again
            in the reverse pass: the same bits for less memory and about one more forward pass.
        debug: whether to fill buffers with NaN when they are not needed any more.

    Raises:
        BadShape: shapes that do not fit the operations.
        UnknownDtype: a format that does not exist.
        UnknownName: a name in `wrt` or `shapes` that is no leaf.

    >>> import numpy as np
    >>> from gradcheck.graph.trace import trace
    >>> graph = trace(lambda x: np.sum(x * x), {"x": np.array([1.0, 2.0])})
    >>> plan = compile(graph)
    >>> loss, gradient = plan.value_and_grad({"x": np.array([3.0, 4.0])})
    >>> gradient["x"]
    array([6., 8.])
    """
    for name in shapes or ():
        if name not in graph.leaf or graph.leaf[name].kind == "constant":
            raise UnknownName("input or parameter", name, (*graph.inputs, *graph.parameters))
    if shapes:
        leaves = [replace(x, shape=tuple(shapes.get(x.name, x.shape))) for x in graph.leaves]
        graph = Graph(leaves, graph.nodes, graph.outputs, name=graph.name)
    scalar = all(int(np.prod(graph.shapes[k], dtype=int)) == 1 for k in graph.outputs)
    if cotangent is False and not scalar:
        raise BadValues("expected outputs of one entry each, or cotangent=True; got cotangent=False")
    given = not scalar if cotangent is None else cotangent
    return Plan(graph, dtype, wanted(graph, wrt), cotangent=given, strict=strict, recompute=recompute, debug=debug)


def _memory(program: Program, layout: Layout) -> Memory:
    size = len(program.steps)
    homes = [h for h in dict.fromkeys(layout.home.values()) if h.kind in ("buffer", "array", "number")]
    waiting = [h for h in homes if _waits(program, h)]
    activations = peak(waiting, size)
    buffers = sum(b.entries * b.dtype.itemsize for b in layout.blocks) + peak([h for h in homes if h.kind != "buffer"], size)
    gradients = sum(x.bytes for x in program.gradients.values())
    return Memory(activations, max(0, buffers - activations), gradients)


def _waits(program: Program, home: Home) -> bool:
    """Answer whether what a forward step wrote is read by a reverse step."""
    steps = program.steps
    return home.last < len(steps) and (steps[home.first].phase, steps[home.last].phase) == ("forward", "reverse")
