"""Random operands for the samples of the registry, in each operand's domain."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.arith.arithmetic import Arithmetic
from gradcheck.ops.op import INTEGER_KINDS, Op, Sample, registry

#: (op, sample), with a readable id.
CASES = [(op, s) for op in registry.values() for s in op.samples]
IDS = [f"{op.name}-{i}" for op in registry.values() for i, _ in enumerate(op.samples)]


def draw(kind: str, operand: Any, random: np.random.Generator) -> Any:
    """Return a float32-representable array in the domain of `kind`, or the index array itself."""
    if kind in INTEGER_KINDS:
        return operand
    x = {
        "real": lambda: random.normal(size=operand),
        "positive": lambda: random.uniform(0.1, 3, operand),
        "nonzero": lambda: random.choice([-1, 1], operand) * random.uniform(0.3, 2, operand),
        "unit": lambda: random.uniform(-0.9, 0.9, operand),
        "probability": lambda: random.uniform(0.05, 0.95, operand),
    }[kind]()
    return np.asarray(x).astype(np.float32).astype(np.float64)


class Point:
    """Operands, tangents, a cotangent and the completed attributes of one sample."""

    def __init__(self, op: Op, s: Sample, seed: int = 0) -> None:
        random = np.random.default_rng([seed, len(op.name), sum(map(ord, op.name))])
        kinds = op.kinds(len(s.operands))
        self.op, self.kinds = op, kinds
        self.attributes = op.complete(s.attributes)
        self.xs = [draw(k, x, random) for k, x in zip(kinds, s.operands, strict=True)]
        self.ts = [None if k in INTEGER_KINDS else draw("real", x.shape, random) for k, x in zip(kinds, self.xs, strict=True)]
        self.shape = op.result_shape(tuple(np.shape(x) for x in self.xs), self.attributes)
        self.g = draw("real", self.shape, random)

    def lift(self, m: Arithmetic, xs: list[Any]) -> list[Any]:
        """Return the real arrays in `m`, integers and None as they are."""
        return [
            x if k in INTEGER_KINDS or x is None else m.enter(m.array(x)) for k, x in zip(self.kinds, xs, strict=True)
        ]

    def value(self, m: Arithmetic, rule: Any = None) -> Any:
        """Return the value (or that of a textbook rule) in `m`."""
        return (rule or self.op.value)(m, *self.lift(m, self.xs), **self.attributes)

    def vjp(self, m: Arithmetic, rule: Any = None) -> list[Any]:
        """Return the cotangents of the real operands in `m`."""
        xs = self.lift(m, self.xs)
        y = self.op.value(m, *xs, **self.attributes)
        gs = (rule or self.op.vjp)(m, m.enter(m.array(self.g)), y, *xs, **self.attributes)
        assert len(gs) == len(xs)
        assert all((g is None) == (k in INTEGER_KINDS) for g, k in zip(gs, self.kinds, strict=True))
        return [g for g in gs if g is not None]

    def jvp(self, m: Arithmetic) -> Any:
        """Return the tangent of the value in `m`."""
        xs, ts = self.lift(m, self.xs), self.lift(m, self.ts)
        return self.op.jvp(m, tuple(ts), self.op.value(m, *xs, **self.attributes), *xs, **self.attributes)

    def real_shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of the operands that are differentiated."""
        return [x.shape for x, k in zip(self.xs, self.kinds, strict=True) if k not in INTEGER_KINDS]
