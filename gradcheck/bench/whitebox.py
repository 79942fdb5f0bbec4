"""What the verification of every value and adjoint of a large float32 network costs, in gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.arith.running import Roundoff
from gradcheck.bench.clock import Ratio, paired
from gradcheck.bench.plan import mlp, point
from gradcheck.engine.plan import compile as compiled
from gradcheck.engine.reverse import backward
from gradcheck.judge.judge import Judgement, judge
from gradcheck.targets.reference import Reference
from gradcheck.targets.target import leaf_arrays

#: 17 layers of 243 x 243 weights, a million in all, and a batch of 64.
SIZES, BATCH = (243,) * 18, 64

Verification = Callable[[], Judgement]


def ways(sizes: tuple[int, ...] = SIZES, batch: int = BATCH) -> tuple[Verification, dict[str, Callable[[], Any]]]:
    """Return the whole judgement of a float32 run with values and adjoints, and the float64 reference gradients by name.

    Args:
        sizes: of the layers of a perceptron with tanh within and half the squared error.
        batch: of its data.
    """
    graph, values = mlp(sizes, batch), point(sizes, batch)
    narrow = {k: x.astype(np.float32) for k, x in values.items()}
    run, leaves, roundoff = Reference().run(graph, narrow), leaf_arrays(graph, narrow), Roundoff.of("float32")
    plan = compiled(graph)
    gradients = {"plan": lambda: plan.value_and_grad(values), "sweep": lambda: backward(graph, values)}
    return lambda: judge(graph, leaves, run, roundoff, "float32"), gradients


def whitebox(sizes: tuple[int, ...] = SIZES, batch: int = BATCH, *, seconds: float = 10.0) -> Ratio:
    """Return how many float64 reference gradients, by the faster of plan and sweep, one judgement takes.

    Args:
        sizes: of the layers.
        batch: of the data.
        seconds: for the measurement, about; pin the process to one core and one thread for it.
    """
    verify, gradients = ways(sizes, batch)
    return max((paired(verify, run, seconds / 2) for run in gradients.values()), key=lambda r: r.median)
