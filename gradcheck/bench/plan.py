"""How long a gradient takes, beside code that a good programmer writes by hand: paired, interleaved runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.bench.clock import Ratio, allocated, paired
from gradcheck.engine.plan import Plan
from gradcheck.engine.plan import compile as compiled
from gradcheck.graph.graph import Graph, Leaf, Node
from gradcheck.graph.values import Values

Arrays = dict[str, npt.NDArray[Any]]
Gradient = Callable[[], Any]

#: name -> sizes of the layers and the batch: tanh within, linear at the end, half the mean squared error.
CASES: Mapping[str, tuple[tuple[int, ...], int]] = {
    "2-8-1, batch 1": ((2, 8, 1), 1),
    "50 x 8, batch 4": ((8,) * 51, 4),
    "784-128-10, batch 32": ((784, 128, 10), 32),
    "3 x 1024, batch 256": ((1024,) * 4, 256),
}


@dataclass(frozen=True, slots=True)
class Timing:
    """One way to a gradient beside the one by hand.

    Args:
        case: of `CASES`.
        way: "plan", "torch", ...
        microseconds: median.
        ratio: median of the ratios of neighbouring runs, this way over the one by hand.
        low, high: the quartiles of these ratios.
    """

    case: str
    way: str
    microseconds: float
    ratio: float
    low: float
    high: float


def mlp(sizes: Sequence[int], batch: int) -> Graph:
    """Return the graph of a multilayer perceptron with half the squared error, averaged over the batch."""
    leaves = [Leaf("x", "input", (batch, sizes[0])), Leaf("t", "input", (batch, sizes[-1]))]
    nodes, a, last = [], "x", len(sizes) - 1
    for k, (n, p) in enumerate(pairwise(sizes), 1):
        leaves += [Leaf(f"w{k}", "parameter", (n, p)), Leaf(f"b{k}", "parameter", (p,))]
        nodes.append(Node(f"z{k}", "dense", (a, f"w{k}", f"b{k}")))
        a = f"z{k}"
        if k < last:
            nodes.append(Node(f"a{k}", "tanh", (a,)))
            a = f"a{k}"
    leaves.append(Leaf("n", "constant", (), "float", np.asarray(float(batch))))
    nodes += [Node("error", "half_squared_error", (a, "t")), Node("loss", "div", ("error", "n"))]
    return Graph(leaves, nodes, ["loss"], name="mlp")


def point(sizes: Sequence[int], batch: int, seed: int = 0) -> Arrays:
    """Return values for `mlp`."""
    rng = np.random.default_rng(seed)
    found = {"x": rng.normal(size=(batch, sizes[0])), "t": rng.normal(size=(batch, sizes[-1]))}
    for k, (n, p) in enumerate(pairwise(sizes), 1):
        found[f"w{k}"] = rng.normal(size=(n, p)) / np.sqrt(n)
        found[f"b{k}"] = 0.1 * rng.normal(size=p)
    return found


def by_hand(
    x: npt.NDArray[Any], t: npt.NDArray[Any], ws: Sequence[npt.NDArray[Any]], bs: Sequence[npt.NDArray[Any]]
) -> tuple[float, list[npt.NDArray[Any]], list[npt.NDArray[Any]]]:
    """Return loss and gradients as a good programmer writes them: activations kept, in place where it is easy."""
    last, y, kept = len(ws) - 1, x, []
    for k, (w, b) in enumerate(zip(ws, bs, strict=True)):
        kept.append(y)
        y = y @ w
        y += b
        if k < last:
            np.tanh(y, out=y)
    g = y - t
    n = len(g)
    loss = 0.5 * np.vdot(g, g) / n
    g /= n
    gw, gb = [], []
    for k in range(last, -1, -1):
        a = kept[k]
        gw.append(a.T @ g)
        gb.append(g.sum(axis=0))
        if k:
            g = g @ ws[k].T
            g *= 1 - a * a
    return loss, gw[::-1], gb[::-1]


def ways(sizes: Sequence[int], batch: int, *, others: bool = True) -> dict[str, Gradient]:
    """Return the ways to the gradient that are installed, by name; "hand" is the first.

    Args:
        sizes: of the layers.
        batch: examples.
        others: whether frameworks are wanted too.
    """
    values, layers = point(sizes, batch), len(sizes) - 1
    plan = compiled(mlp(sizes, batch))
    ws, bs = ([values[f"{letter}{k}"] for k in range(1, layers + 1)] for letter in "wb")
    found: dict[str, Gradient] = {
        "hand": lambda: by_hand(values["x"], values["t"], ws, bs),
        "plan": lambda: plan.value_and_grad(values),
    }
    for name, made in (("torch", _torch), ("jax", _jax), ("autograd", _autograd)):
        if others and find_spec(name):
            found[name] = made(values, layers)
    return found


def timings(cases: Sequence[str] | None = None, *, seconds: float = 2.0, others: bool = True) -> Iterator[Timing]:
    """Yield how long each way takes, in runs that take turns; pin the process to one core and one thread for it.

    Args:
        cases: names out of `CASES`; all unless given.
        seconds: for each case and way, about.
        others: whether frameworks are measured too.
    """
    for case in cases or CASES:
        run = ways(*CASES[case], others=others)
        for way in [w for w in run if w != "hand"]:
            yield _compared(case, way, run["hand"], run[way], seconds)


def _compared(case: str, way: str, hand: Gradient, other: Gradient, seconds: float) -> Timing:
    found = paired(other, hand, seconds)
    return Timing(case, way, found.seconds * 1e6, found.median, found.low, found.high)


def over_value(plan: Plan, values: Arrays, seconds: float) -> Ratio:
    """Return the time of a plan's gradient over that of its value."""
    return paired(lambda: plan.value_and_grad(values), lambda: plan.value(values), seconds)


def peak_bytes(plan: Plan, values: Values) -> int:
    """Return the most bytes that a gradient takes, the plan's buffers and the results included, the plan's code left out."""
    plan.value_and_grad(values)
    return plan.buffers + allocated(lambda: plan.value_and_grad(values))


# -- frameworks -----------------------------------------------------------------------------------


def _torch(values: Arrays, layers: int) -> Gradient:
    import torch

    leaf = {k: torch.tensor(x, requires_grad=k[0] in "wb") for k, x in values.items()}
    w = [leaf[f"{letter}{k}"] for k in range(1, layers + 1) for letter in "wb"]

    def run() -> Any:
        y = leaf["x"]
        for k in range(layers):
            y = torch.addmm(w[2 * k + 1], y, w[2 * k])
            if k < layers - 1:
                y = torch.tanh(y)
        loss = 0.5 * ((y - leaf["t"]) ** 2).sum() / len(y)
        return loss.detach(), torch.autograd.grad(loss, w)

    return run


def _loss(m: Any, values: Mapping[str, Any], x: Any, t: Any, layers: int) -> Any:
    y = x
    for k in range(1, layers + 1):
        y = y @ values[f"w{k}"] + values[f"b{k}"]
        y = m.tanh(y) if k < layers else y
    return 0.5 * m.sum((y - t) ** 2) / len(y)


def _jax(values: Arrays, layers: int) -> Gradient:
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        w = {k: jnp.asarray(x) for k, x in values.items() if k[0] in "wb"}
        x, t = jnp.asarray(values["x"]), jnp.asarray(values["t"])
        step = jax.jit(jax.value_and_grad(lambda w: _loss(jnp, w, x, t, layers)))
        program = step.lower(w).compile()
    return lambda: jax.block_until_ready(program(w))


def _autograd(values: Arrays, layers: int) -> Gradient:
    import autograd
    import autograd.numpy as anp

    w = {k: x for k, x in values.items() if k[0] in "wb"}
    step = autograd.value_and_grad(lambda w: _loss(anp, w, values["x"], values["t"], layers))
    return lambda: step(w)
