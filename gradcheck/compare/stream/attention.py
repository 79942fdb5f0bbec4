"""Attention of which a target shows operands and result alone: softmax(s q k^T + b) v and its adjoints, block by block.

The bounds are parts of those of the certificate, which carries an error through each operation (Higham, Accuracy and Stability of Numerical
Algorithms, 2nd ed., sections 3.1 and 3.5). With p the probabilities, n keys, d columns, dp = g v^T and ds = s p (dp - sum p dp):

- the result: n u sum p abs(v); the adjoint of v in the same way,
- ds: 4 s p (d u abs(dp) + (n - 1) u sum p abs(dp)) + 4 u abs(ds): products that are added up, their sum, and the rounding of the last product, with
  the slack 4 of the softmax,
- the adjoint of q: n u sum abs(ds) abs(k) and the errors of ds times abs(k); that of k in the same way, over the queries.

Our own errors are taken off. In an arithmetic of unit roundoff w a score is off by (d + 3) w X, X = s |q| |k|, and by 2 w (X + max abs(b)) more where
the bias is added and the maximum taken away, twice for both; a probability by the factor 1 + rho, rho = 2 (d + 7) w X + 8 w max abs(b) + (n + 16) w;
and since the rows of p sum to 1, ds by p s C |g| max |v|, C = 4 (rho + (n + d + 16) w). Twice as much is taken off.
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.least import Least
from gradcheck.compare.numbers import widened
from gradcheck.compare.stream.tally import Tally
from gradcheck.graph.graph import Graph, Node

Numbers = npt.NDArray[Any]
#: Entries of a block of scores, and its queries at least: some of them fit into a cache of the second level, and few of a causal mask's zeros are in it.
BLOCK, FEW = 1 << 15, 64
#: The slack of the softmax, whose kernels add up in another order.
SLACK = 4


@dataclass(frozen=True, slots=True)
class Region:
    """The operations of an attention between its operands and its result.

    Args:
        q, k, v: names of the operands.
        scores, probabilities: names of values in formats of their own.
        steps: of the scores, from the first: "mul", "add" or "where", and the name of a constant.
        interior: the nodes that the target does not show.
    """

    q: str
    k: str
    v: str
    scores: str
    probabilities: str
    steps: tuple[tuple[str, str], ...]
    interior: tuple[str, ...]


def region_of(graph: Graph, node: Node, shown: Container[str]) -> Region | None:
    """Return the attention whose result is the value of a node; None for any other node.

    Args:
        graph: the network.
        node: a product of matrices.
        shown: names of nodes whose value the target handed back.
    """
    top = _hidden(graph, node.inputs[0], shown) if node.op == "matmul" else None
    if top is None or top.op != "softmax" or top.attributes["axis"] not in (-1, len(graph.shapes[top.name]) - 1):
        return None
    steps, interior, at = list[tuple[str, str]](), [top.name], _hidden(graph, top.inputs[0], shown)
    while at is not None and at.op in ("mul", "add", "where"):
        source, constant = (at.inputs[1], at.inputs[0]) if at.op == "where" else at.inputs
        several = at.op == "mul" and np.size(_value(graph, constant)) > 1
        if not _constant(graph, constant) or several or (at.op == "where" and not np.all(np.isneginf(_value(graph, at.inputs[2])))):
            return None
        steps.append((at.op, constant))
        interior.append(at.name)
        at = _hidden(graph, source, shown)
    if at is None or at.op != "matmul":
        return None
    turn = _hidden(graph, at.inputs[1], shown)
    rank = len(graph.shapes[at.name])
    if turn is None or turn.op != "transpose" or tuple(turn.attributes["axes"] or ()) != (*range(rank - 2), rank - 1, rank - 2):
        return None
    if any(op == "mul" for op, _ in steps[:-1]):  # the first step, which is last here, or none
        return None
    made = Region(at.inputs[0], turn.inputs[0], node.inputs[1], at.name, top.name, tuple(reversed(steps)), (*interior, at.name, turn.name))
    same_heads = len({graph.shapes[x][:-2] for x in (made.q, made.k, made.v)}) == 1
    return made if same_heads and all(x in shown or x in graph.leaf for x in (made.q, made.k, made.v)) else None


def _hidden(graph: Graph, name: str, shown: Container[str]) -> Node | None:
    return graph.node[name] if name in graph.node and name not in shown and len(graph.consumers(name)) == 1 else None


def _constant(graph: Graph, name: str) -> bool:
    return name in graph.leaf and graph.leaf[name].value is not None


def _value(graph: Graph, name: str) -> Numbers:
    return np.asarray(graph.leaf[name].value) if _constant(graph, name) else np.zeros(())


@dataclass(frozen=True, slots=True)
class Compared:
    """A target's array, and the tally of its comparison."""

    got: Numbers
    tally: Tally


@dataclass(frozen=True, slots=True)
class Roundoffs:
    """How the values of an attention are rounded: its result and operands, its scores, its probabilities."""

    result: Least
    scores: Least
    probabilities: Least


def compare(graph: Graph, region: Region, xs: Mapping[str, Numbers], us: Roundoffs, compared: Mapping[str, Compared]) -> None:
    """Compare the result and the adjoints of operands.

    Args:
        graph: the network.
        region: the attention.
        xs: "q", "k", "v" and, where adjoints are compared, "g", in the target's formats.
        us: of the formats.
        compared: "o" and any of "q", "k", "v".
    """
    batch = xs["q"].shape[:-2]
    scores = graph.shapes[region.scores]
    constants = [(op, np.broadcast_to(_value(graph, name), scores)) for op, name in region.steps]
    for head in np.ndindex(*batch):
        own = {k: widened(x[head], us.result.base.working) for k, x in xs.items()}
        head_ = _Head(own, [(op, c[head]) for op, c in constants], us)
        head_.compare({k: (widened(c.got[head], us.result.base.working), c.tally) for k, c in compared.items()}, head)


class _Head:
    """One head of one example."""

    def __init__(self, xs: Mapping[str, Numbers], steps: list[tuple[str, Numbers]], us: Roundoffs) -> None:
        self.q, self.k, self.v, self.g = xs["q"], xs["k"], xs["v"], xs.get("g")
        self.steps, self.us, self.own = steps, us, us.result.own
        self.scale = math.prod(float(c.flat[0]) for op, c in steps if op == "mul")
        self.bias = sum(float(np.max(np.abs(c), initial=0.0)) for op, c in steps if op == "add")
        self.longest_key, self.longest_value = _longest(self.k), _longest(self.v)

    def compare(self, compared: dict[str, tuple[Numbers, Tally]], head: tuple[int, ...]) -> None:
        """Compare all arrays of this head."""
        keys, step = self.k.shape[0], max(FEW, BLOCK // max(1, self.k.shape[0]))
        sums = {x: np.zeros((2, *a.shape), a.dtype) for x, a in (("k", self.k), ("v", self.v))}
        for i in range(0, self.q.shape[0], step):
            rows = slice(i, i + step)
            p, rho = self._probabilities(rows), self._rho(rows)
            seen = p.shape[1]
            self._within(compared, "o", rows, head, p @ self.v[:seen], self._least(keys, rho) * (p @ np.abs(self.v[:seen])))
            if self.g is not None:
                self._backward(compared, head, rows, p, rho, sums)
        for x in ("k", "v"):
            if x in compared and self.g is not None:
                self._within(compared, x, slice(0, keys), head, *sums[x])

    def _probabilities(self, rows: slice) -> Numbers:
        """Return the probabilities of some queries, of the keys up to the last one that any of them sees."""
        seen = self.k.shape[0]
        for op, c in self.steps:
            if op == "where":
                seen = min(seen, int(np.max(np.flatnonzero(c[rows].any(axis=0)), initial=0)) + 1)
        s = self.q[rows] @ self.k[:seen].T
        for op, c in self.steps:
            part = c[rows, :seen]
            if op == "where":
                np.copyto(s, -np.inf, where=~part)
            elif op == "mul":
                s *= part.flat[0]
            else:
                s += part.astype(s.dtype)
        s -= s.max(axis=1, keepdims=True)
        np.exp(s, out=s)
        s /= s.sum(axis=1, keepdims=True)
        return s

    def _rho(self, rows: slice) -> float:
        """Return how far our own probabilities can be off, relative to themselves."""
        size = abs(self.scale) * _longest(self.q[rows]) * self.longest_key
        return float(self.own * (2 * (self.q.shape[1] + 7) * size + 8 * self.bias + self.k.shape[0] + 16))

    def _least(self, n: int, rho: float) -> float:
        """Return the factor of a sum of n terms, our own errors of it and of its factors taken off."""
        return n * self.us.result.u_sum - 2 * (rho + n * self.own)

    def _backward(
        self, compared: dict[str, tuple[Numbers, Tally]], head: tuple[int, ...], rows: slice, p: Numbers, rho: float, sums: dict[str, Numbers]
    ) -> None:
        assert self.g is not None
        us, g, seen, n = self.us, self.g[rows], p.shape[1], self.k.shape[0]
        q, k, v = self.q[rows], self.k[:seen], self.v[:seen]
        if "v" in compared:
            sums["v"][0, :seen] += p.T @ g
            sums["v"][1, :seen] += self._least(self.q.shape[0], rho) * (p.T @ np.abs(g))
        if not {"q", "k"} & compared.keys():
            return
        d = g.shape[1]
        own = 8 * (rho + (n + d + 16) * self.own) * np.sqrt(np.einsum("ij,ij->i", g, g)) * self.longest_value
        dp = g @ v.T
        ds = p * dp
        ds -= p * ds.sum(axis=1, keepdims=True)
        ds *= self.scale
        np.abs(dp, out=dp)
        sums_ = (n - 1) * us.probabilities.u_sum * np.einsum("ij,ij->i", p, dp)
        dp *= SLACK * d * us.result.u_sum
        dp += (SLACK * sums_ - own)[:, None]
        dp *= p
        dp *= abs(self.scale)  # what ds is off by, but for its own rounding
        size = np.abs(ds)
        last = SLACK * us.probabilities.u
        narrow = us.result.u if us.result.u > us.scores.u else 0.0
        if "q" in compared:
            value = ds @ k
            self._within(compared, "q", rows, head, value, (size * (n * us.scores.u_sum + last) + dp) @ np.abs(k) + narrow * np.abs(value))
        if "k" in compared:
            sums["k"][0, :seen] += ds.T @ q
            sums["k"][1, :seen] += (size * (self.q.shape[0] * us.scores.u_sum + last) + dp).T @ np.abs(q)

    def _within(
        self, compared: dict[str, tuple[Numbers, Tally]], x: str, rows: slice, head: tuple[int, ...], value: Numbers, bound: Numbers
    ) -> None:
        got, tally = compared[x]
        bound = bound + self.us.result.eta
        error = np.abs(value - got[rows])
        far = float(np.max(np.abs(value), initial=0.0)) * 4 < self.us.result.roundoff.largest
        if not far or not np.min(bound, initial=1.0) > 0:
            tally.add(math.inf, 0)
            return
        ratio = error / bound
        k = int(ratio.argmax()) if ratio.size else 0
        tally.add(float(ratio.flat[k]) if ratio.size else 0.0, k, ratio.shape, (*head, rows.start, 0))


def _longest(x: Numbers) -> float:
    return math.sqrt(float(np.max(np.einsum("ij,ij->i", x, x), initial=0.0)))
