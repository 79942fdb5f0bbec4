"""Operations that the stream visits in a way of their own; each answers whether it did."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from gradcheck.arith.running import Bounded
from gradcheck.compare.numbers import bits, same, widened
from gradcheck.compare.stream import attention as attentions
from gradcheck.compare.stream import pieces, products
from gradcheck.compare.stream.moves import BACK, MOVES, moved, moved_back, sliced_back
from gradcheck.compare.stream.stream import Numbers, Question, Stream
from gradcheck.compare.stream.tally import Tally
from gradcheck.graph.graph import Node

#: Operations of rows, and how they name the axes of these.
ROWS = {"mean": "axes", "sum": "axes", "softmax": "axis", "log_softmax": "axis"}


def move(s: Stream, node: Node, reached: bool) -> bool:
    """Numbers that are moved: the same numbers, in the same format."""
    m = s.of(node.name)
    reals = [x for k, x in zip(s.ops[node.op].kinds(len(node.inputs)), node.inputs, strict=True) if k not in ("index", "mask")]
    if node.op not in MOVES or not _all_shown(s, node) or any(s.of(x) is not m for x in reals):
        return False
    operands = [s.number(x) for x in node.inputs]
    q, got = s.value_question(node.name), s.number(node.name)
    s.settle(q, _equal(got, same(got, moved(s.ops[node.op], node, operands).reshape(got.shape))))
    if reached:
        _move_back(s, node, operands)
    return True


def _move_back(s: Stream, node: Node, operands: list[Numbers]) -> None:
    uses = s.wanted(node)
    questions = [s.question(x, edge) for _, x, edge in uses]
    if s.handed_back(node.name):
        g = s.adjoint(node.name)
        if node.op in BACK:
            found = moved_back(s.ops[node.op], node, g, operands)
            for (k, x, edge), q in zip(uses, questions, strict=True):
                if q is None:
                    s.collect(x, edge, s.exact(x, found[k]))
                else:
                    got = s.got(q)
                    s.settle(q, _equal(got, same(got, found[k])))
            return
        if questions and questions[0] is not None and node.op in ("slice", "embedding"):
            got, tally = s.got(questions[0]), Tally(s.graph.shapes[node.inputs[-1]])
            if node.op == "slice":
                tally = _equal(got, sliced_back(node, g, got))
            else:
                _rows_back(s, node, operands, g, got, tally)
            s.settle(questions[0], tally)
            return
    carried = s.exact(node.name, s.adjoint(node.name)) if s.handed_back(node.name) else s.carried(node.name)
    contributions = s.predict.contributions(node, carried, s.exact(node.name, s.number(node.name)), s.operands(node))
    for k, x, edge in uses:
        if (c := contributions[k]) is not None:
            s.collect(x, edge, c)


def _rows_back(s: Stream, node: Node, operands: list[Numbers], g: Numbers, got: Numbers, tally: Tally) -> None:
    """Compare the adjoint of a table: sums in the rows that were used, zeros in all others."""
    ids, table = operands
    rows, where = np.unique(np.where(ids < 0, ids + table.shape[0], ids), return_inverse=True)
    m, width = s.of(node.name), table.shape[1]
    index = where.reshape(*ids.shape, 1) * width + np.arange(width)
    c = m.scatter_add(s.exact(node.name, g), index, (rows.size, width))
    if np.count_nonzero(bits(got)) != np.count_nonzero(bits(got[rows])):
        return tally.add(math.inf, 0)
    part = Tally(c.shape)
    part.compare(got[rows], c)
    return tally.add(part.ratio, int(rows[part.position // width]) * width + part.position % width)


def _equal(got: Numbers, equal: bool) -> Tally:
    tally = Tally(got.shape)
    tally.add(0.0 if equal else math.inf, 0)
    return tally


def _all_shown(s: Stream, node: Node) -> bool:
    return s.shows(node.name) and all(s.shows(x) for x in node.inputs)


def _questions(s: Stream, node: Node, reached: bool) -> list[tuple[int, Question]] | None:
    """Return the comparison of each contribution, by the position of the operand; None where one has none."""
    if not reached:
        return []
    found = [(k, s.question(x, edge)) for k, x, edge in s.wanted(node)]
    if not s.handed_back(node.name) or any(q is None for _, q in found):
        return None
    return [(k, q) for k, q in found if q is not None]


def product(s: Stream, node: Node, reached: bool) -> bool:
    """A product of matrices, or of each pair of them."""
    m = s.of(node.name)
    if node.op not in ("matmul", "dense") or not _all_shown(s, node) or any(s.of(x) is not m for x in node.inputs):
        return False
    a, b = (s.graph.shapes[x] for x in node.inputs[:2])
    questions = _questions(s, node, reached)
    if questions is None or len(a) < 2 or len(b) < 2 or (len(b) > 2 and a[:-2] != b[:-2]) or 0 in (*a, *b):
        return False
    value = s.value_question(node.name)
    numbers: dict[Any, Numbers] = {k: s.number(x) for k, x in enumerate(node.inputs)} | {"y": s.got(value)}
    numbers |= {"g": s.adjoint(node.name)} if questions else {}
    asked = {k: (q, s.got(q), Tally(s.graph.shapes[q.name], coarse=True)) for k, q in questions}
    tally = Tally(s.graph.shapes[node.name], coarse=True)
    bias = widened(numbers[2], m.base.working) if node.op == "dense" else None
    batch = b[:-2]
    for at in np.ndindex(*batch):
        def matrix(x: Numbers, width: int, at: tuple[int, ...] = at) -> Numbers:
            return x[at] if at else x.reshape(-1, width)

        def flat(t: Tally, of: Tally, at: tuple[int, ...] = at) -> None:
            of.add(t.ratio, t.position + (int(np.ravel_multi_index(at, batch)) * math.prod(of.shape[len(batch) :]) if at else 0))

        left, right = (products.Factor(matrix(numbers[k], x[-1]), m.base.working) for k, x in ((0, a), (1, b)))
        pairs: list[tuple[Tally, Numbers, int, products.Matrix, products.Matrix, Numbers | None]] = [(tally, numbers["y"], b[-1], left, right, bias)]
        if asked:
            g = products.Factor(matrix(numbers["g"], b[-1]), m.base.working)
            pairs += [(asked[0][2], asked[0][1], a[-1], g, products.turned(right), None)] if 0 in asked else []
            pairs += [(asked[1][2], asked[1][1], b[-1], products.turned(left), g, None)] if 1 in asked else []
        for _, _, _, x, y, _ in pairs:
            products.weigh(x, y)
        for total, got, width, x, y, c in pairs:
            one = Tally(matrix(got, width).shape)
            products.compare(one, matrix(got, width), x, y, m, slack=s.slack, bias=c)
            flat(one, total)
        if 2 in asked:
            asked[2][2].compare(asked[2][1], m.unbroadcast(Bounded(m, g.x, None), asked[2][1].shape))
    s.settle(value, tally)
    for q, _, t in asked.values():
        s.settle(q, t)
    return True


def attention(s: Stream, node: Node, reached: bool) -> bool:
    """Attention whose scores are not shown."""
    region = attentions.region_of(s.graph, node, s.values) if s.shows(node.name) and node.op == "matmul" else None
    if region is None:
        return False
    names = {"q": region.q, "k": region.k, "v": region.v}
    m = s.of(node.name)
    if any(s.of(x) is not m for x in names.values()):
        return False
    interior = set(region.interior) | {node.name}
    asked: dict[str, Question] = {"o": s.value_question(node.name)}
    for k, x in names.items() if reached else ():
        edges = [e for e in s.graph.consumers(x) if e.consumer in interior]
        q = s.question(x, edges[0]) if x in s.active and len(edges) == 1 and s.handed_back(node.name) else None
        if x in s.active and q is None:
            return False
        asked |= {} if q is None else {k: q}
    numbers = {k: s.number(x) for k, x in names.items()} | ({"g": s.adjoint(node.name)} if len(asked) > 1 else {})
    compared = {k: attentions.Compared(s.got(q), Tally(s.graph.shapes[q.name], coarse=True)) for k, q in asked.items()}
    us = attentions.Roundoffs(m, s.of(region.scores), s.of(region.probabilities))
    attentions.compare(s.graph, region, numbers, us, compared)
    for k, q in asked.items():
        s.settle(q, compared[k].tally)
    s.skip(region.interior)
    return True


def piecewise(s: Stream, node: Node, reached: bool) -> bool:
    """Operations of entries and rows: a piece at a time."""
    shape = s.graph.shapes[node.name]
    if math.prod(shape) <= pieces.PIECE or not _all_shown(s, node) or (questions := _questions(s, node, reached)) is None:
        return False
    op = s.ops[node.op]
    operands = [s.number(x) for x in node.inputs]
    if node.op == "reshape":  # numbers that get another format
        return _reformatted(s, node, operands, questions)
    axis, parts = pieces.cuts(shape if op.entrywise else operands[0].shape)
    rank = len(shape)
    if not op.entrywise:
        axes = node.attributes[ROWS[node.op]] if node.op in ROWS else None
        axes = (axes,) if isinstance(axes, int) else axes
        if not axes or axis in {a % operands[0].ndim for a in axes} or (node.op in ("mean", "sum") and not node.attributes["keepdims"]):
            return False
    whole = [k for k, _ in questions if not _meets(operands[k], axis, rank, shape[axis])]
    if whole:
        return False
    kinds = op.kinds(len(operands))

    def piece(k: int, part: slice) -> Any:
        x = pieces.cut(operands[k], axis, part, rank)
        return x if kinds[k] in ("index", "mask") else s.exact(node.inputs[k], x)

    return _compared(s, node, [partial(piece, k) for k in range(len(operands))], axis, parts, s.number(node.name), questions, s.got)


def _meets(x: Numbers, axis: int, rank: int, count: int) -> bool:
    own = axis - (rank - x.ndim)
    return own >= 0 and x.shape[own] == count


def _reformatted(s: Stream, node: Node, operands: list[Numbers], questions: list[tuple[int, Question]]) -> bool:
    flat = Node(node.name, node.op, node.inputs, {"shape": (-1,)})
    x = operands[0].reshape(-1)
    axis, parts = pieces.cuts(x.shape)
    return _compared(
        s, flat, [lambda part: s.exact(node.inputs[0], x[part])], axis, parts, s.number(node.name).reshape(-1), questions, lambda q: s.got(q).reshape(-1)
    )


def _compared(
    s: Stream, node: Node, operands: list[Callable[[slice], Any]], axis: int, parts: list[slice], got: Numbers, questions: list[tuple[int, Question]],
    numbers: Callable[[Question], Numbers],
) -> bool:  # fmt: skip
    value = Tally(got.shape)
    handed = [(k, q, Tally(x.shape), x) for k, q in questions for x in [numbers(q)]]
    g = s.adjoint(node.name).reshape(got.shape) if handed else None
    pieces.compare(s.predict, node, operands, axis, parts, (value, got), [(k, t, x) for k, _, t, x in handed], g)
    s.settle(s.value_question(node.name), value)
    for _, q, tally, _ in handed:
        s.settle(q, tally)
    return True


RULES = (move, attention, product, piecewise)
