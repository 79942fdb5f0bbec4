"""Ordinary Python and NumPy code becomes a graph: run once on tracers that write down what is done."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Shape
from gradcheck.errors import BadInput, BadValues, ControlFlow, GradcheckError, NotTraceable, UnknownName
from gradcheck.graph.graph import Graph, Leaf, Node
from gradcheck.graph.numpy_names import ARRAY_FUNCTIONS, UFUNCS, index, mean, power
from gradcheck.ops.op import INTEGER_KINDS, Op, registry


class Builder:
    """The graph under construction."""

    def __init__(self) -> None:
        self.leaves: list[Leaf] = []
        self.nodes: list[Node] = []
        self.shapes: dict[str, Shape] = {}
        self._scalars: dict[tuple[str, object], str] = {}
        self._counts: dict[str, int] = {}

    def leaf(self, leaf: Leaf) -> Tracer:
        """Add a leaf."""
        self.leaves.append(leaf)
        self.shapes[leaf.name] = leaf.shape
        return Tracer(self, leaf.name, leaf.type)

    def fresh(self, stem: str) -> str:
        """Return a name that is not taken."""
        while True:
            k = self._counts[stem] = self._counts.get(stem, 0) + 1
            if (name := f"{stem}{k}") not in self.shapes:
                return name

    def constant(self, x: npt.ArrayLike, kind: str) -> str:
        """Add an array as a constant operand of a kind; equal scalars share one leaf."""
        a = np.asarray(x)
        if a.dtype.kind not in "biuf":
            raise NotTraceable(f"expected real numbers or traced values as operands; got {type(x).__name__} of dtype {a.dtype}")
        if kind == "index" and a.dtype.kind == "f" and a.size:
            raise NotTraceable(f"expected integers as an index operand; got dtype {a.dtype}")
        wanted = {"index": "int", "mask": "bool"}.get(kind, "float")
        a = a.astype({"int": np.intp, "bool": bool, "float": np.float64}[wanted])
        key = (wanted, a.tobytes())  # bytes tell 0.0 from -0.0
        if a.ndim == 0 and key in self._scalars:
            return self._scalars[key]
        name = self.fresh("c")
        self.leaf(Leaf(name, "constant", a.shape, wanted, a))  # type: ignore[arg-type]  # a literal by construction
        if a.ndim == 0:
            self._scalars[key] = name
        return name

    def apply(self, op: Op, operands: Sequence[Any], attributes: Mapping[str, Any]) -> Tracer:
        """Add a node."""
        kinds = op.kinds(len(operands))
        names = []
        for kind, x in zip(kinds, operands, strict=True):
            if isinstance(x, Tracer):
                if x.builder is not self:
                    raise BadInput("expected operands of one trace; got a value traced elsewhere")
                if (kind in INTEGER_KINDS) != (x.type != "float"):
                    raise NotTraceable(f"{op.name}: expected a {kind} operand; got a traced {x.type} value")
            names.append(x.name if isinstance(x, Tracer) else self.constant(x, kind))
        complete = op.complete(attributes)
        name = self.fresh(op.name)
        self.shapes[name] = op.result_shape(tuple(self.shapes[n] for n in names), complete)
        self.nodes.append(Node(name, op.name, tuple(names), complete))
        return Tracer(self, name)

    def rename(self, old: str, new: str) -> None:
        """Give a node another name."""
        if old not in {node.name for node in self.nodes}:
            raise BadInput(f"expected the value of an operation to name; {old!r} comes from outside and has its name")
        if not isinstance(new, str) or not new:
            raise BadInput(f"expected a name to be non-empty text; got {new!r}")
        if new in self.shapes:
            raise BadInput(f"expected unique names; {new!r} is taken")
        for k, node in enumerate(self.nodes):
            if node.name == old or old in node.inputs:
                inputs = tuple(new if x == old else x for x in node.inputs)
                self.nodes[k] = Node(new if node.name == old else node.name, node.op, inputs, node.attributes)
        self.shapes[new] = self.shapes.pop(old)


class Tracer:
    """Stands for an array while code is traced: operators and NumPy functions build nodes."""

    __array_priority__ = 1000

    def __init__(self, builder: Builder, name: str, type: str = "float") -> None:  # noqa: A002 - as in Leaf
        self.builder = builder
        self.name = name
        self.type = type

    @property
    def shape(self) -> Shape:
        """The shape of the value."""
        return self.builder.shapes[self.name]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of entries."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def T(self) -> Tracer:  # noqa: N802 - NumPy's name
        """The value with its axes reversed."""
        return self._do("transpose")

    def named(self, name: str) -> Tracer:
        """Give the value a name in the graph and return it."""
        self.builder.rename(self.name, name)
        self.name = name
        return self

    def __gradcheck_apply__(self, op: Op, operands: Sequence[Any], attributes: Mapping[str, Any]) -> Tracer:
        return self.builder.apply(op, operands, attributes)

    def _do(self, op: str, *more: Any, **attributes: Any) -> Tracer:
        return self.builder.apply(registry[op], (self, *more), attributes)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options or ufunc.__name__ not in UFUNCS:
            call = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
            raise NotTraceable(f"np.{call} with {sorted(options) or 'no options'} has no graph form")
        return UFUNCS[ufunc.__name__](*inputs)

    def __array_function__(self, f: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        if f.__name__ not in ARRAY_FUNCTIONS:
            raise NotTraceable(f"np.{f.__name__} has no graph form; known: {', '.join(sorted(ARRAY_FUNCTIONS))}")
        try:
            return ARRAY_FUNCTIONS[f.__name__](*args, **kwargs)
        except GradcheckError:
            raise
        except TypeError as error:
            raise NotTraceable(f"np.{f.__name__}: {error}") from error

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise NotTraceable("expected NumPy functions that have a graph form; got a conversion to an array")

    def __add__(self, other: Any) -> Tracer:
        return self._do("add", other)

    def __radd__(self, other: Any) -> Tracer:
        return self.builder.apply(registry["add"], (other, self), {})

    def __sub__(self, other: Any) -> Tracer:
        return self._do("sub", other)

    def __rsub__(self, other: Any) -> Tracer:
        return self.builder.apply(registry["sub"], (other, self), {})

    def __mul__(self, other: Any) -> Tracer:
        return self._do("mul", other)

    def __rmul__(self, other: Any) -> Tracer:
        return self.builder.apply(registry["mul"], (other, self), {})

    def __truediv__(self, other: Any) -> Tracer:
        return self._do("div", other)

    def __rtruediv__(self, other: Any) -> Tracer:
        return self.builder.apply(registry["div"], (other, self), {})

    def __matmul__(self, other: Any) -> Tracer:
        return self._do("matmul", other)

    def __rmatmul__(self, other: Any) -> Tracer:
        return self.builder.apply(registry["matmul"], (other, self), {})

    def __pow__(self, p: Any) -> Any:
        return power(self, p)

    def __rpow__(self, base: Any) -> Any:
        return power(base, self)

    def __neg__(self) -> Tracer:
        return self._do("neg")

    def __abs__(self) -> Tracer:
        return self._do("abs")

    def __getitem__(self, key: Any) -> Any:
        return index(self, key)

    def __len__(self) -> int:
        if not self.shape:
            raise NotTraceable("len() of a traced scalar")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        raise ControlFlow

    __int__ = __float__ = __index__ = __complex__ = __bool__

    def _compare(self, _: Any) -> Any:
        raise ControlFlow

    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = _compare
    __hash__ = object.__hash__

    def _refuse(self, *_: Any) -> Any:
        raise NotTraceable("//, %, divmod, round, bit operations and assignment to entries have no graph form")

    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __divmod__ = __round__ = __setitem__ = _refuse
    __and__ = __or__ = __xor__ = __invert__ = _refuse

    def reshape(self, *shape: Any) -> Tracer:
        """Return the value with another shape."""
        wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
        return self._do("reshape", shape=tuple(wanted))

    def transpose(self, *axes: Any) -> Tracer:
        """Return the value with its axes permuted."""
        wanted = axes[0] if len(axes) == 1 and isinstance(axes[0], tuple | list) else axes
        return self._do("transpose", axes=tuple(wanted) or None)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the sum over axes."""
        return np.sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the mean over axes."""
        return mean(self, axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the minimum over axes."""
        return np.min(self, axis=axis, keepdims=keepdims)

    def prod(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the product over axes."""
        return np.prod(self, axis=axis, keepdims=keepdims)

    def ravel(self) -> Tracer:
        """Return the value with one axis."""
        return self.reshape(-1)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the maximum over axes."""
        return np.max(self, axis=axis, keepdims=keepdims)

    def __repr__(self) -> str:
        return f"<traced {self.name} {self.shape}>"


def trace(
    fn: Callable[..., Any],
    values: Mapping[str, npt.ArrayLike] | Sequence[npt.ArrayLike],
    *,
    inputs: Iterable[str] = (),
    name: str | None = None,
) -> Graph:
    """Return the graph of what `fn` does with arrays of the shapes of `values`.

    Args:
        fn: code of operators, NumPy functions and `gradcheck.ops`; it is called once.
        values: arrays by argument name, or in the order of the arguments. Integers and booleans
            become inputs, floats parameters.
        inputs: names of float arguments that are data, not parameters.
        name: of the graph; the function's unless given.

    Raises:
        ControlFlow: `fn` branches on a traced value.
        NotTraceable: `fn` uses something without a graph form, or returns no traced value.

    >>> graph = trace(lambda w: np.sum(np.tanh(w @ w.T)), {"w": np.ones((2, 3))})
    >>> [node.op for node in graph.nodes]
    ['transpose', 'matmul', 'tanh', 'sum']
    """
    named = dict(values) if isinstance(values, Mapping) else _by_argument(fn, values)
    builder, data = Builder(), set(inputs)
    for unknown in data - set(named):
        raise UnknownName("argument given in inputs", unknown, named)
    tracers = {k: builder.leaf(_leaf(k, x, k in data)) for k, x in named.items()}
    result = _called(fn, tracers, isinstance(values, Mapping))
    outputs = result if isinstance(result, tuple | list) else (result,)
    for y in outputs:
        if not isinstance(y, Tracer):
            raise NotTraceable(f"expected {_name(fn)} to return traced values; got {type(y).__name__}")
    return Graph(builder.leaves, builder.nodes, [y.name for y in outputs], name=name or _name(fn))


def _called(fn: Callable[..., Any], tracers: Mapping[str, Tracer], by_name: bool) -> Any:
    """Call `fn`; arguments that it does not take are an error of ours."""
    args, kwargs = ((), tracers) if by_name else (tuple(tracers.values()), {})
    signature = _signature(fn)
    try:
        if signature is not None:
            signature.bind(*args, **kwargs)
    except TypeError as error:
        raise BadValues(f"expected values for the arguments {signature} of {_name(fn)}; got {list(tracers)}: {error}") from error
    return fn(*args, **kwargs)


def _leaf(name: str, value: npt.ArrayLike, data: bool) -> Leaf:
    x = np.asarray(value)
    if x.dtype == bool:
        return Leaf(name, "input", x.shape, "bool")
    if np.issubdtype(x.dtype, np.integer):
        return Leaf(name, "input", x.shape, "int")
    if x.dtype.kind in "cSUMm":
        raise BadValues(f"{name!r}: expected real numbers, integers or booleans; got dtype {x.dtype}")
    return Leaf(name, "input" if data else "parameter", x.shape)


def _name(fn: Callable[..., Any]) -> str:
    return str(getattr(fn, "__name__", "graph")).strip("<>")


def _signature(fn: Callable[..., Any]) -> inspect.Signature | None:
    """Return the signature; None for built-in functions that have none."""
    try:
        return inspect.signature(fn)
    except ValueError:
        return None


def _by_argument(fn: Callable[..., Any], values: Sequence[npt.ArrayLike]) -> dict[str, npt.ArrayLike]:
    """Return values by argument name; x1, x2, ... where the arguments have none."""
    signature = _signature(fn)
    several = signature is None or any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values())
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [] if signature is None else [p.name for p in signature.parameters.values() if p.kind in kinds]
    if several:
        names += [f"x{k}" for k in range(len(names) + 1, len(values) + 1)]
    if len(values) > len(names):
        raise BadValues(f"expected {len(names)} values, one an argument; got {len(values)}")
    return dict(zip(names, values, strict=False))
