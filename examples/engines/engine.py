#!/usr/bin/env python3
"""An engine in the style of micrograd, without NumPy: ``gradcheck run "python3 examples/engines/engine.py"``.

Every number is a `Value` that knows its parents and how to send them its gradient. An array is a shape and a flat list of values.
``--broken`` sets gradients with ``=`` where ``+=`` is right, which is the first mistake that everybody makes: a value that is used
twice keeps the gradient of one use.

The protocol (docs/protocol.md) is in `main` and `answer`; all above them is the engine.
"""

import itertools
import json
import math
import operator
import sys
from functools import reduce

BROKEN = "--broken" in sys.argv[1:]
#: More numbers than these are refused: this engine teaches, it does not train.
MOST_VALUES = 200_000


class Unsupported(Exception):  # noqa: N818 - what it says
    """The graph has something that this engine has not."""


class Value:
    """A number, the slopes by which its gradient goes to its parents, and its gradient."""

    tape: list["Value"] = []  # noqa: RUF012 - of all values, in the order in which they are made, so that nothing has to be sorted

    def __init__(self, data, *slopes):
        self.data, self.slopes, self.grad = data, slopes, 0.0
        self.tape.append(self)
        if len(self.tape) > MOST_VALUES:
            raise Unsupported(f"more than {MOST_VALUES} numbers")

    def receive(self, gradient):
        if BROKEN:
            self.grad = gradient
        else:
            self.grad += gradient

    def backward(self):
        """Send gradients back from here."""
        self.grad = 1.0
        for value in reversed(self.tape):
            for parent, slope in value.slopes:
                parent.receive(value.grad * slope)

    def __add__(self, other):
        return Value(self.data + other.data, (self, 1.0), (other, 1.0))

    def __sub__(self, other):
        return Value(self.data - other.data, (self, 1.0), (other, -1.0))

    def __mul__(self, other):
        return Value(self.data * other.data, (self, other.data), (other, self.data))

    def __truediv__(self, other):
        y = self.data / other.data
        return Value(y, (self, 1.0 / other.data), (other, -y / other.data))

    def by(self, factor):
        """Return this times a number that is no value."""
        return Value(self.data * factor, (self, factor))

    def apply(self, f):
        """Return f of this; f gives a number and its slope."""
        data, slope = f(self.data)
        return Value(data, (self, slope))


# -- functions of one number: its value and its slope --------------------------------------------


def with_slope(f, slope):
    """Return x -> (y, slope(x, y))."""

    def both(x):
        y = f(x)
        return y, slope(x, y)

    return both


def logistic(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


FUNCTIONS = {
    "neg": with_slope(operator.neg, lambda x, y: -1.0),
    "exp": with_slope(math.exp, lambda x, y: y),
    "log": with_slope(math.log, lambda x, y: 1 / x),
    "sqrt": with_slope(math.sqrt, lambda x, y: 0.5 / y),
    "square": with_slope(lambda x: x * x, lambda x, y: 2 * x),
    "reciprocal": with_slope(lambda x: 1 / x, lambda x, y: -y * y),
    "abs": with_slope(abs, lambda x, y: float((x > 0) - (x < 0))),
    "sin": with_slope(math.sin, lambda x, y: math.cos(x)),
    "cos": with_slope(math.cos, lambda x, y: -math.sin(x)),
    "arctan": with_slope(math.atan, lambda x, y: 1 / (1 + x * x)),
    "tanh": with_slope(math.tanh, lambda x, y: 1 - y * y),
    "logistic": with_slope(logistic, lambda x, y: y * (1 - y)),
    "softplus": with_slope(lambda x: max(x, 0) + math.log1p(math.exp(-abs(x))), lambda x, y: logistic(x)),
    "relu": with_slope(lambda x: max(x, 0.0), lambda x, y: float(x > 0)),
}
OPERATORS = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv}


# -- arrays ---------------------------------------------------------------------------------------


class Array:
    """A shape and its values in C order."""

    def __init__(self, shape, values):
        self.shape, self.values = tuple(shape), list(values)

    def at(self, index):
        """Return the value at an index; an axis of length one is repeated."""
        flat = 0
        for n, i in zip(self.shape, index, strict=True):
            flat = flat * n + (0 if n == 1 else i)
        return self.values[flat]

    def placed(self, shape, where):
        """Return the array of a shape whose entry at an index is a copy of that at where(index)."""
        return Array(shape, (self.at(where(i)).by(1.0) for i in indices(shape)))  # a copy has a gradient of its own

    def groups(self, axes):
        """Return for each position outside of `axes` the values along them, in lists, and the two shapes of that."""
        axes = positive(axes, len(self.shape))
        kept = [1 if k in axes else n for k, n in enumerate(self.shape)]
        dropped = [n for k, n in enumerate(self.shape) if k not in axes]
        found = {i: [] for i in indices(dropped)}
        for i, value in zip(indices(self.shape), self.values, strict=True):
            found[tuple(n for k, n in enumerate(i) if k not in axes)].append(value)
        return list(found.values()), kept, dropped


def indices(shape):
    return itertools.product(*map(range, shape))


def positive(axes, rank):
    """Return axes, one axis or None for all of them as a list counted from the front."""
    return list(range(rank)) if axes is None else [a % rank for a in ([axes] if isinstance(axes, int) else axes)]


def total(values):
    values = list(values)
    return reduce(operator.add, values) if values else Value(0.0)


def broadcast(f, *arrays):
    rank = max(len(a.shape) for a in arrays)
    arrays = [Array((1,) * (rank - len(a.shape)) + a.shape, a.values) for a in arrays]
    shape = [next((n for n in sizes if n != 1), 1) for sizes in zip(*(a.shape for a in arrays), strict=True)]
    return Array(shape, (f(*(a.at(i) for a in arrays)) for i in indices(shape)))


def each(f):
    return lambda x: Array(x.shape, (v.apply(f) for v in x.values))


# -- operations: see `gradcheck list ops` -----------------------------------------------------------


def reduction(f):
    def operation(x, axes, keepdims):
        groups, kept, dropped = x.groups(axes)
        return Array(kept if keepdims else dropped, map(f, groups))

    return operation


def matmul(a, b):
    if len(a.shape) > 2 or len(b.shape) > 2:
        raise Unsupported("matrices in batches")
    rows = [a.values[k : k + a.shape[-1]] for k in range(0, len(a.values), a.shape[-1])]
    wide = b.shape[1] if len(b.shape) == 2 else 1
    columns = [b.values[k::wide] for k in range(wide)]
    return Array(a.shape[:-1] + b.shape[1:], (total(map(operator.mul, r, c)) for r in rows for c in columns))


def dense(x, w, b):
    return broadcast(operator.add, matmul(x, w), b)


def softmax(x, axis):
    """Return exp(x) over its sum; the maximum is taken off as a number, not as a value, as its gradient is 0."""
    groups, kept, _ = x.groups(axis)
    top = Array(kept, (max(v.data for v in group) for group in groups))
    powers = Array(x.shape, (Value(v.data - top.at(i), (v, 1.0)).apply(FUNCTIONS["exp"]) for i, v in zip(indices(x.shape), x.values, strict=True)))
    groups, kept, _ = powers.groups(axis)
    return broadcast(operator.truediv, powers, Array(kept, map(total, groups)))


def loss(f):
    """Return an operation that adds up f of two numbers, by its attribute `reduction`."""

    def operation(p, t, reduction):
        entries = broadcast(f, p, t)
        if reduction == "none":
            return entries
        return Array((), [total(entries.values).by(1.0 if reduction == "sum" else 1 / len(entries.values))])

    return operation


def square_of_difference(p, t):
    return (p - t).apply(FUNCTIONS["square"])


def cross_entropy(p, q, axis, reduction):
    groups, _, shape = broadcast(lambda a, b: b * a.apply(FUNCTIONS["log"]), p, q).groups(axis)
    entries = Array(shape, (total(group).by(-1.0) for group in groups))
    if reduction == "none":
        return entries
    return Array((), [total(entries.values).by(1.0 if reduction == "sum" else 1 / len(entries.values))])


def reshape(x, shape):
    shape = [shape] if isinstance(shape, int) else shape
    known = math.prod(n for n in shape if n != -1)
    return Array([len(x.values) // known if n == -1 else n for n in shape], (v.by(1.0) for v in x.values))


def transpose(x, axes):
    order = positive(axes, len(x.shape))
    order = order[::-1] if axes is None else order
    return x.placed([x.shape[k] for k in order], lambda i: [i[order.index(k)] for k in range(len(order))])


def squeeze(x, axes):
    gone = [k for k, n in enumerate(x.shape) if n == 1] if axes is None else positive(axes, len(x.shape))
    return reshape(x, [n for k, n in enumerate(x.shape) if k not in gone])


def concatenate(*xs, axis):
    axis %= len(xs[0].shape)
    source = [(x, k) for x in xs for k in range(x.shape[axis])]
    shape = [len(source) if k == axis else n for k, n in enumerate(xs[0].shape)]
    pick = lambda i: source[i[axis]][0].at([source[i[axis]][1] if k == axis else n for k, n in enumerate(i)])
    return Array(shape, (pick(i).by(1.0) for i in indices(shape)))


def gather(x, index, axis):
    if len(index.shape) != 1:
        raise Unsupported("an index with several axes")
    axis %= len(x.shape)
    chosen = [int(v.data) % x.shape[axis] for v in index.values]
    shape = [len(chosen) if k == axis else n for k, n in enumerate(x.shape)]
    return x.placed(shape, lambda i: [chosen[n] if k == axis else n for k, n in enumerate(i)])


OPERATIONS = {
    **{name: each(f) for name, f in FUNCTIONS.items()},
    **{name: lambda a, b, f=f: broadcast(f, a, b) for name, f in OPERATORS.items()},
    "sum": reduction(total),
    "mean": reduction(lambda group: total(group).by(1 / len(group))),
    "matmul": matmul, "dense": dense, "softmax": softmax, "cross_entropy": cross_entropy,
    "squared_error": loss(square_of_difference),
    "mean_squared_error": loss(square_of_difference),
    "half_squared_error": loss(lambda p, t: square_of_difference(p, t).by(0.5)),
    "reshape": reshape, "transpose": transpose, "squeeze": squeeze, "concatenate": concatenate, "gather": gather,
}  # fmt: skip


# -- the protocol ---------------------------------------------------------------------------------


def run(request):
    """Return the answer to a request for a gradient."""
    if request["dtype"] != "float64":
        raise Unsupported("only float64")
    Value.tape.clear()
    arrays = {name: Array(x["shape"], map(number, x["data"])) for name, x in request["values"].items()}
    for node in request["graph"]["nodes"]:  # operands come first
        if node["op"] not in OPERATIONS:
            raise Unsupported(f"no operation {node['op']}")
        operands = [arrays[name] for name in node["inputs"]]
        arrays[node["name"]] = OPERATIONS[node["op"]](*operands, **node["attributes"])
    nodes = [node["name"] for node in request["graph"]["nodes"]]
    (output,) = arrays[request["graph"]["outputs"][0]].values
    output.backward()
    return {
        "loss": spelled(output.data),
        "gradients": {name: written(arrays[name], "grad") for name in request["wrt"]},
        "node_values": {name: written(arrays[name], "data") for name in nodes},
        "node_adjoints": {name: written(arrays[name], "grad") for name in nodes},
    }


def number(x):
    return Value(float(x))  # "nan" and "inf" too


def written(array, field):
    return {"shape": array.shape, "data": [spelled(getattr(v, field)) for v in array.values]}


def spelled(x):
    return x if math.isfinite(x) else str(x)


def answer(request):
    if request["kind"] == "hello":
        name = "micro-broken" if BROKEN else "micro"
        return {"name": name, "version": "1", "dtypes": ["float64"], "ops": list(OPERATIONS)}
    return run(request)


def main():
    for line in sys.stdin:
        request = json.loads(line)
        try:
            found = {"success": True, **answer(request)}
        except Unsupported as error:
            found = {"success": False, "unsupported": True, "error": str(error)}
        except Exception as error:  # whatever went wrong: the next request may go well
            found = {"success": False, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps({"id": request["id"], **found}), flush=True)


if __name__ == "__main__":
    main()
