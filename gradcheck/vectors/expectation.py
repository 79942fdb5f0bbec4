"""What a right engine hands back: the exact results, enclosed and rounded, and how far rounding may take it from them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.floating import FORMATS, Floating
from gradcheck.arith.rounding import BINARY, round_to, spacing
from gradcheck.arith.running import Roundoff
from gradcheck.certify.enclosure import Enclosure
from gradcheck.graph.graph import Graph, Leaf, Node
from gradcheck.graph.values import Arrays, bind
from gradcheck.ops.op import registry
from gradcheck.vectors.allowed import Allowed, allowed
from gradcheck.vectors.canonical import allowance, end, power_of_ten
from gradcheck.verdict.enclosed import enclosures

#: format -> significant decimal digits of the ends of an enclosure
DIGITS: Mapping[str, int] = {"float64": 21, "float32": 13, "float16": 9, "bfloat16": 8}
#: An enclosure wider than this part of the allowed error is a hull.
_WIDE = Fraction(1, 1024)
#: The ends of a ball around zero are written no finer than this part of the allowed error.
_FINE = Fraction(1, 10**8)
#: What flushing of subnormal numbers may add to an allowed error before the vector asks for subnormal numbers.
_FLUSHED = 1.01

#: The fields of every array.
COLUMNS = ("rounded", "lower", "upper", "allowed")

Json = dict[str, Any]


@dataclass(frozen=True)
class Expectation:
    """What is expected of a graph at some values, as it is written.

    Args:
        document: the fields of the vector besides `dtype`, `values` and `formulas`.
        claimed: of how many entries of gradients something is claimed.
    """

    document: Json
    claimed: int


def expectation(graph: Graph, values: Arrays, dtype: str, *, textbook: bool) -> Expectation | None:
    """Return what is expected; None where inputs are not finite or an enclosure would take long.

    Args:
        graph: the network.
        values: its inputs and parameters in the format.
        dtype: the format.
        textbook: whether all legitimate formulas are allowed.
    """
    leaves = bind(graph, values, dtype)
    certified = enclosures(graph, leaves, registry)
    if certified is None:
        return None
    usual = allowed(graph, leaves, Roundoff.of(dtype), textbook=textbook)
    flushed = allowed(graph, leaves, Roundoff.of(dtype, flushes=True), textbook=textbook)
    gradients = {k: _array(x, usual, k, dtype) for k, x in certified.items()}
    loss = _array(certified.loss, usual, "", dtype)
    kinked = list(_on_kink(graph, leaves)) if _is_open(certified, usual) else []
    document = {
        "gradients": gradients, "loss": {k: v[0] for k, v in loss.items()}, "sums": list(_sums(graph, leaves, kinked, dtype)),
        "subnormal": _differs(usual, flushed), "kink": {"accepted": "hull", "nodes": kinked} if kinked else None,
    }  # fmt: skip
    claimed = sum(v is not None for x in gradients.values() for v in x["rounded"])
    return Expectation(document, claimed)


def _array(enclosure: Enclosure, usual: Allowed, name: str, dtype: str) -> Json:
    """Return the entries of an array in C order: nearest numbers, ends and allowed errors; null where nothing is claimed."""
    nearest = np.ravel(enclosure.rounded_to(dtype).astype(np.float64))
    rows = zip(nearest, np.ravel(enclosure.lower), np.ravel(enclosure.upper), np.ravel(usual.bounds[name]), np.ravel(usual.settled[name]), strict=True)
    entries = [_entry(float(r), low, high, bound, settled, dtype) for r, low, high, bound, settled in rows]
    return {key: [e[k] for e in entries] for k, key in enumerate(COLUMNS)}


def _entry(nearest: float, low: Any, high: Any, bound: float, settled: float, dtype: str) -> tuple[Any, Any, Any, Any]:
    if not (math.isfinite(nearest) and isinstance(low, Fraction) and isinstance(high, Fraction)):
        return None, None, None, None
    may = settled if _is_hull(low, high, settled) else bound
    if not math.isfinite(may):
        return None, None, None, None
    error = allowance(may + spacing(nearest, BINARY["float64"]) / 2) if may else 0.0
    coarsest = power_of_ten(Fraction(error) * _FINE) if error else Fraction(0)
    return nearest, *(end(x, DIGITS[dtype], coarsest, up=up) for x, up in ((low, False), (high, True))), error


def _is_hull(low: Fraction, high: Fraction, may: float) -> bool:
    return not math.isfinite(may) or high - low > Fraction(may) * _WIDE


def _differs(usual: Allowed, flushed: Allowed) -> bool:
    """Answer whether flushing subnormal numbers to zero may move a result by more than rounding may."""
    for own, other in ((usual.bounds, flushed.bounds), (usual.settled, flushed.settled)):
        for name, x in own.items():
            finite = np.isfinite(x)
            if np.any(other[name][finite] > _FLUSHED * x[finite]):
                return True
    return False


def _is_open(certified: Mapping[str, Enclosure], usual: Allowed) -> bool:
    """Answer whether any entry has a hull of generalised derivatives, all of which are accepted."""
    for name, x in certified.items():
        for low, high, may in zip(np.ravel(x.lower), np.ravel(x.upper), np.ravel(usual.settled[name]), strict=True):
            if isinstance(low, Fraction) and isinstance(high, Fraction) and math.isfinite(may) and _is_hull(low, high, float(may)):
                return True
    return False


def _on_kink(graph: Graph, leaves: Arrays) -> Iterator[str]:
    """Yield the nodes with an operand on a kink, in float64."""
    m = Floating("float64")
    y = {k: np.asarray(x, np.float64) if graph.leaf[k].type == "float" else x for k, x in leaves.items()}
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            op, xs = registry[node.op], [y[x] for x in node.inputs]
            y[node.name] = op.value(m, *xs, **node.attributes)
            if op.kinks is not None and any(np.any(np.asarray(k) == 0) for k in op.kinks(m, *xs, **node.attributes)):
                yield node.name


def _sums(graph: Graph, leaves: Arrays, kinked: list[str], dtype: str) -> Iterator[Json]:
    """Yield what the shares of a tie must add up to, where the contenders are parameters that nothing else uses.

    Any of several equal maxima may have the gradient, or all a share of it; but together they have it once.
    """
    for node in graph.nodes:
        sources = tuple(dict.fromkeys(node.inputs))
        alone = all(x in graph.differentiable and {e.consumer for e in graph.consumers(x)} == {node.name} for x in sources)
        if node.name in kinked and registry[node.op].conserves and alone:
            made = _sum(graph, leaves, node, sources, dtype)
            if made is not None:
                yield made


def _sum(graph: Graph, leaves: Arrays, node: Node, sources: tuple[str, ...], dtype: str) -> Json | None:
    """Return the sum of the incoming gradient of a node whose value is exact, by the graph that begins with it."""
    value = registry[node.op].value(Floating("float64"), *(np.asarray(leaves[x], np.float64) for x in node.inputs), **node.attributes)
    kept = [x for x in graph.leaves if x.name not in sources]
    rest = Graph([*kept, Leaf(node.name, "parameter", graph.shapes[node.name])], [n for n in graph.nodes if n.name != node.name], graph.outputs)
    begun = {**{x.name: leaves[x.name] for x in kept}, node.name: np.asarray(value).astype(FORMATS[dtype])}
    certified = enclosures(rest, begun, registry)
    if certified is None:
        return None
    found, may = certified[node.name], allowed(rest, begun, Roundoff.of(dtype), wrt=(node.name,)).bounds[node.name]
    low, high = (sum(np.ravel(x), Fraction(0)) for x in (found.lower, found.upper))
    count = max(sum(math.prod(graph.shapes[x]) for x in sources), int(np.size(may)))
    size = float(np.sum(np.abs(found.rounded)))
    error = float(np.sum(may)) + 2 * count * BINARY[dtype].u * size
    if not (math.isfinite(error) and isinstance(low, Fraction) and isinstance(high, Fraction)):
        return None
    columns = zip(COLUMNS, _entry(_nearest((low + high) / 2, dtype), low, high, error, error, dtype), strict=True)
    return {"of": list(sources), **dict(columns)}


def _nearest(x: Fraction, dtype: str) -> float:
    """Return the number of a format nearest to a fraction whose denominator is a power of two."""
    return round_to((x.numerator, 1 - x.denominator.bit_length()), BINARY[dtype])
