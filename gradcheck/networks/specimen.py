"""One operation as a network: each sample of it, at a random point, under a loss with uneven weights."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.errors import UnknownName
from gradcheck.graph.graph import Graph, Leaf, Node
from gradcheck.graph.values import Arrays
from gradcheck.graph.weighted import with_loss
from gradcheck.networks.network import Network
from gradcheck.networks.random import replay
from gradcheck.ops.op import INTEGER_KINDS, Op, registry

#: kind -> lowest and highest magnitude; signs are drawn for the kinds that have them
_RANGES = {"positive": (0.1, 3.0), "nonzero": (0.3, 2.0), "probability": (0.05, 0.95), "unit": (0.0, 0.9)}
_SIGNED = ("nonzero", "unit")


def drawn(kind: str, shape: tuple[int, ...], random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return random numbers that an operand of a kind may hold, each exact in float32."""
    if kind in _RANGES:
        x = random.uniform(*_RANGES[kind], shape)
        x = x * random.choice([-1, 1], shape) if kind in _SIGNED else x
    else:
        x = random.normal(size=shape)
    return np.asarray(x, np.float32).astype(np.float64)


def specimen(op: Op, number: int, seed: int = 0) -> tuple[Graph, Arrays]:
    """Return a network of one operation with values.

    Real operands are parameters x0, x1, ...; integers and masks are constants.

    Args:
        op: the operation.
        number: which of its samples.
        seed: of the values.
    """
    chosen = op.samples[number]
    random = np.random.default_rng([seed, number, *op.name.encode()])
    leaves, values = [], dict[str, npt.NDArray[Any]]()
    for k, (kind, operand) in enumerate(zip(op.kinds(len(chosen.operands)), chosen.operands, strict=True)):
        if kind in INTEGER_KINDS:
            x = np.asarray(operand)
            leaves.append(Leaf(f"x{k}", "constant", x.shape, "int" if kind == "index" else "bool", x))
        else:
            values[f"x{k}"] = drawn(kind, tuple(operand), random)
            leaves.append(Leaf(f"x{k}", "parameter", tuple(operand)))
    node = Node("y", op.name, tuple(x.name for x in leaves), op.complete(chosen.attributes))
    shape = op.result_shape(tuple(x.shape for x in leaves), dict(node.attributes))
    return with_loss(leaves, [node], ["y"], {"y": shape}, name=f"{op.name}[{number}]"), values


def operation_network(name: str) -> Network:
    """Return the network named "op/NAME/K": the K-th sample of an operation.

    Raises:
        UnknownName: if there is no such operation or sample.

    >>> operation_network("op/tanh/0").graph.name
    'op/tanh/0'
    """
    parts = name.split("/")
    if len(parts) != 3 or not parts[2].isdecimal():
        raise UnknownName("network", name, ("op/NAME/K",))
    op, number = registry[parts[1]], int(parts[2])
    if number >= len(op.samples):
        raise UnknownName("network", name, [f"op/{op.name}/{k}" for k in range(len(op.samples))])
    graph, _ = specimen(op, number)
    return Network(
        name, f"one operation alone: {op.doc}", partial(replay, graph), partial(_values, op, number),
        systems=("S5",), tags=("operation",), small=True, smooth=op.kinks is None,
    )  # fmt: skip


def operation_names() -> list[str]:
    """Return the names of the networks of one operation, one a sample."""
    return [f"op/{op.name}/{k}" for op in registry.values() for k in range(len(op.samples))]


def _values(op: Op, number: int, rng: np.random.Generator) -> Arrays:
    return specimen(op, number, int(rng.integers(2**31)))[1]
