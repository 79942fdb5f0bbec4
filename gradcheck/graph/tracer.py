"""What stands for an array while code is traced: operators, methods and NumPy functions that become nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.arith.arithmetic import Shape
from gradcheck.errors import ControlFlow, GradcheckError, NotTraceable
from gradcheck.graph.numpy_names import ARRAY_FUNCTIONS, UFUNCS, index, mean, power
from gradcheck.ops.op import Op, registry

if TYPE_CHECKING:
    from gradcheck.graph.builder import Builder


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

    def __int__(self) -> int:
        raise ControlFlow

    def __float__(self) -> float:
        raise ControlFlow

    __index__ = __int__
    __complex__ = __float__

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
        wanted = axes[0] if len(axes) == 1 and isinstance(axes[0], tuple | list | None) else axes
        return self._do("transpose", axes=tuple(wanted or ()) or None)

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
