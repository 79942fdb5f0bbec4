"""What a target may have done wrong: one mistake at one place, as rules to put in place of the right ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.explain.scene import MISFITS, Direction, Floats, Rules, Scene
from gradcheck.faults.placed import Mistake, mistakes
from gradcheck.faults.slips import Rule
from gradcheck.graph.evaluation import propagate
from gradcheck.graph.graph import Edge, Graph, Node
from gradcheck.graph.values import Arrays
from gradcheck.mistakes.factor import Number, number
from gradcheck.mistakes.mistake import Kind
from gradcheck.ops.op import INTEGER_KINDS, Op

Gradients = Mapping[str, Floats]
#: Nodes named of all that an operation has.
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One mistake at one place.

    Args:
        place: in words: "node h3 (tanh)", "every tanh (h1, h3)", "the gradient of w".
        nodes: where rules are wrong; the leaf, where its gradient was handed back wrongly.
        op: the operation; "" where it is none.
        name: of the mistake in the catalogue.
        words: what is done wrong, after the place.
        rules: node -> the wrong rule.
        mistake: as of the catalogue, where it is from there.
        moved: what was done to right gradients; it is linear.
        terms: parameter -> what multiple of itself is added to its gradient.
        fitted: whether a number in it was taken from the gradients themselves.
        kind: of the mistake, where it has a name.
    """

    place: str
    nodes: tuple[str, ...]
    op: str
    name: str
    words: str
    rules: Rules = field(default_factory=dict)
    mistake: Mistake | None = None
    moved: Callable[[Gradients], Gradients] | None = None
    terms: Mapping[str, float] = field(default_factory=dict)
    fitted: bool = False
    kind: Kind | None = None

    @property
    def is_slip(self) -> bool:
        """Whether it is in what a rule is given or hands back, or in what the target does: those have words that everybody knows."""
        return self.moved is not None if self.mistake is None else self.mistake.is_slip

    def gradients(self, scene: Scene) -> Gradients | None:
        """Return what the mistake makes of the gradients at a point; None where it fits nothing."""
        if self.rules:
            return scene.gradients(self.rules)
        found = dict(self.moved(scene.expected) if self.moved else scene.expected)
        return found | {k: found[k] + c * np.asarray(scene.leaves[k], np.float64) for k, c in self.terms.items()}


def suspects(graph: Graph, wrong: Iterable[str]) -> list[Node]:
    """Return the nodes at which one mistake can have made all these gradients wrong, from the last to the first."""
    common = set(graph.shapes)
    for name in wrong:
        common &= graph.descendants([name])
    used = graph.ancestors(graph.outputs)
    return [n for n in reversed(graph.nodes) if n.name in common and n.name in used]


def at_nodes(scene: Scene, nodes: Iterable[Node], directions: list[Direction]) -> Iterator[Hypothesis]:
    """Yield the mistakes of the catalogue at single nodes that a quick look does not refute."""
    for node in nodes:
        op = scene.ops[node.op]
        for found in mistakes(op, [scene.y[x] for x in node.inputs], node.attributes):
            if _holds(scene, node, found.rule, directions):
                words = _accumulated(scene, node, found)
                kind = found.kind if words == found.words else "term missing"
                yield Hypothesis(_place(node), (node.name,), node.op, found.name, words, {node.name: found.rule}, found, kind=kind)


def stale(scene: Scene, nodes: Iterable[Node], earlier: Arrays, directions: list[Direction]) -> Iterator[Hypothesis]:
    """Yield for each node that its rule still has the value and operands of an earlier call.

    Args:
        scene: the point.
        nodes: to look at.
        earlier: all leaves of that call.
        directions: of the quick look.
    """
    for node in nodes:
        rule = partial(_remembering, scene=scene, node=node, earlier=earlier, known={})
        if _holds(scene, node, rule, directions):
            yield Hypothesis(_place(node), (node.name,), node.op, "stale", "uses the values of an earlier call (stale)", {node.name: rule})


def _remembering(
    m: Arithmetic, g: Array, y: Array, *xs: Array, scene: Scene, node: Node, earlier: Arrays, known: dict[int, Any], **attributes: Any
) -> tuple[Array | None, ...]:
    if id(m) not in known:
        lifted = {k: m.array(x) if scene.graph.leaf[k].type == "float" else x for k, x in earlier.items()}
        known[id(m)] = m, propagate(scene.graph, lifted, m, ops=scene.ops)
    op, then = scene.ops[node.op], known[id(m)][1]
    kinds = op.kinds(len(xs))
    operands = [x if kind in INTEGER_KINDS else m.enter(then[name]) for x, name, kind in zip(xs, node.inputs, kinds, strict=True)]
    return op.vjp(m, g, m.enter(then[node.name]), *operands, **attributes)


def _place(node: Node) -> str:
    return f"node {node.name} ({node.op})"


def _holds(scene: Scene, node: Node, rule: Rule, directions: list[Direction]) -> bool:
    try:
        return scene.possible(node, scene.handed(node, rule), directions)
    except MISFITS:
        return False


def _accumulated(scene: Scene, node: Node, found: Mistake) -> str:
    """Return the words of a mistake; a dropped contribution to a value with several uses is one of adding up."""
    slip, _, k = found.name.partition("-")
    if slip == "zero":
        name = node.inputs[int(k) if k else _real(scene.ops[node.op], node)[0]]
        if len(scene.graph.consumers(name)) > 1:
            return f"{found.words}: of the uses of {name} this one is missing (= for +=)"
    return found.words


def _real(op: Op, node: Node) -> list[int]:
    return [k for k, kind in enumerate(op.kinds(len(node.inputs))) if kind not in INTEGER_KINDS]


def everywhere(scene: Scene, wrong: Iterable[str], where: Collection[str]) -> Iterator[Hypothesis]:
    """Yield the mistakes of the catalogue made at every node of an operation that has several, together behind all that is wrong."""
    by_op: dict[str, list[Node]] = {}
    for node in scene.graph.nodes:
        if node.name in where:
            by_op.setdefault(node.op, []).append(node)
    for name, nodes in by_op.items():
        if len(nodes) > 1 and set(wrong) <= scene.graph.ancestors([n.name for n in nodes]):
            tables = [{x.name: x for x in mistakes(scene.ops[name], [scene.y[v] for v in n.inputs], n.attributes)} for n in nodes]
            for key in dict.fromkeys(k for table in tables for k in table):
                made = {n.name: table[key] for n, table in zip(nodes, tables, strict=True) if key in table}
                first = next(iter(made.values()))
                shown = ", ".join(list(made)[:_SHOWN]) + (", ..." if len(made) > _SHOWN else "")
                rules = {n: x.rule for n, x in made.items()}
                yield Hypothesis(f"every {name} ({shown})", tuple(made), name, key, first.words, rules, first, kind=first.kind)


def overwritten(scene: Scene, wrong: Iterable[str]) -> Iterator[Hypothesis]:
    """Yield for each value with more than two uses that only one of them is left (= for +=)."""
    names = [x.name for x in scene.graph.nodes if x.name in scene.parts] + list(scene.wrt)
    behind = set(wrong)
    for name in names:
        edges = [e for e in scene.graph.consumers(name) if e.consumer in scene.parts]
        if len(edges) > 2 and behind <= scene.graph.ancestors([name]):
            for kept in edges:
                words = f"keeps only the contribution through {kept.consumer}[{kept.position}] (= for +=)"
                rules = _without(scene, [e for e in edges if e != kept])
                yield Hypothesis(f"value {name}", (name,), "", f"only-{kept.consumer}-{kept.position}", words, rules, kind="= for +=")


def _without(scene: Scene, edges: Iterable[Edge]) -> dict[str, Rule]:
    lost: dict[str, set[int]] = {}
    for e in edges:
        lost.setdefault(e.consumer, set()).add(e.position)
    return {name: scaled(scene.ops[scene.graph.node[name].op], 0, frozenset(at)) for name, at in lost.items()}


def scaled(op: Op, by: Fraction | float, at: frozenset[int]) -> Rule:
    """Return the rule of an operation with its contributions to some operands multiplied."""

    def rule(m: Arithmetic, g: Array, y: Array, *xs: Array, **attributes: Any) -> tuple[Array | None, ...]:
        found = op.vjp(m, g, y, *xs, **attributes)
        return tuple(c if c is None or k not in at else m.zeros(c.shape) if by == 0 else c * m.constant(by) for k, c in enumerate(found))

    return rule


def factors(scene: Scene, nodes: Iterable[Node], directions: list[Direction]) -> Iterator[Hypothesis]:
    """Yield the one factor for each contribution, and for all of a node's, that explains what is seen in the first direction.

    A half, and sizes of axes or arrays and their reciprocals, are known mistakes: the nearest of them is tried before the number itself, as
    is another number with a name.
    """
    sizes = {n for shape in scene.graph.shapes.values() for n in (*shape, int(np.prod(shape))) if n > 2}
    usual = [Fraction(1, 2), *(q for n in sizes for q in (Fraction(n), Fraction(1, n)))]  # twice is in the catalogue
    for node in nodes:
        real = [k for k, x in enumerate(node.inputs) if x in scene.active and scene.parts[node.name][k] is not None]
        for at in dict.fromkeys([*(frozenset([k]) for k in real), frozenset(real)]):
            c = _factor(scene, node, at, directions[0])
            for by in _tried(c, usual, sizes) if np.isfinite(c) else ():
                rule, fitted = scaled(scene.ops[node.op], by.value, at), isinstance(by.value, float)
                if _holds(scene, node, rule, directions):
                    to = "" if len(at) == len(real) else f" to operand {min(at)}"
                    words = f"hands on {by.text} times the right contribution{to}{by.remark}"
                    name = f"factor-{min(at)}"
                    yield Hypothesis(_place(node), (node.name,), node.op, name, words, {node.name: rule}, fitted=fitted, kind="factor")


def _factor(scene: Scene, node: Node, at: frozenset[int], t: Direction) -> float:
    """Return the factor that explains a change, NaN where none does."""
    parts = scene.parts[node.name]
    with np.errstate(all="ignore"):
        whole = sum(float(np.sum(t.tangents[node.inputs[k]] * parts[k])) for k in at if node.inputs[k] in t.tangents)
        return 1 + t.change / whole if whole else np.nan


def _tried(c: float, usual: list[Fraction], sizes: set[int]) -> Iterator[Number]:
    """Yield the numbers with a name that a factor may be, and itself."""
    nearest = min(usual, key=lambda q: abs(q - c))
    n = max(nearest.numerator, nearest.denominator)
    yield Number(str(nearest), nearest, n if n in sizes else 0)
    named = number(c, sizes=sizes)
    if named is not None and named.value not in (2, -1, nearest):  # of the catalogue, or tried
        yield named
    yield Number(f"{c:.6g}", c)


def handed_back(scene: Scene, wrong: Iterable[str]) -> Iterator[Hypothesis]:
    """Yield mistakes made with whole gradients: two exchanged, one of a parameter with several uses turned, a multiple of it added."""
    names = [k for k in scene.wrt if k in set(wrong)]
    if len(names) == 2 and scene.graph.shapes[names[0]] == scene.graph.shapes[names[1]]:
        a, b = names
        moved = partial(_exchanged, a=a, b=b)
        yield Hypothesis(f"the gradients of {a} and {b}", (a, b), "", "exchanged", "are swapped", moved=moved, kind="swapped inputs")
    for name in names if len(names) == 1 and len(scene.graph.consumers(names[0])) > 1 else ():
        for key, kind, words, f in _TURNS:
            yield Hypothesis(f"the gradient of {name}", (name,), "", key, words, moved=partial(_turned, name=name, f=f), kind=kind)
    terms = {k: _multiple(scene, k) for k in names}
    found = {k: c for k, c in terms.items() if c is not None}
    if found and len(found) == len(names):
        shown = ", ".join(f"{c:.6g} {k}" for k, c in found.items())
        words = f"has a term too many, as of a regularisation: {shown}"
        whose = f"the gradient{'s' if len(names) > 1 else ''} of {', '.join(names)}"
        told = words.replace("has", "have" if len(names) > 1 else "has")
        yield Hypothesis(whose, tuple(names), "", "regularisation", told, terms=found, fitted=True, kind="term too many")


def _exchanged(gradients: Gradients, a: str, b: str) -> Gradients:
    return {**gradients, a: gradients[b], b: gradients[a]}


def _turned(gradients: Gradients, name: str, f: Callable[[Floats], Floats]) -> Gradients:
    return {**gradients, name: f(gradients[name])}


_TURNS: tuple[tuple[str, Kind, str, Callable[[Floats], Floats]], ...] = (
    ("sign", "sign", "is the negative of the right one", lambda x: -x),
    ("zero", "zero", "is missing (zero)", np.zeros_like),
    ("factor-2", "factor", "is counted twice", lambda x: 2 * x),
    ("transpose", "transpose", "is the transpose of the right one", lambda x: x.T),
)


def _multiple(scene: Scene, name: str) -> float | None:
    """Return what multiple of a parameter is added to its gradient, as it is told if that fits; None where it is none, or one entry decides."""
    d, x = scene.difference.get(name), np.asarray(scene.leaves[name], np.float64)
    size = float(np.sum(np.square(x)))
    if d is None or np.count_nonzero(x) < 2 or size == 0 or not np.isfinite(d).all():
        return None
    c = float(np.sum(d * x) / size)
    told = float(f"{c:.6g}")
    return told if abs(told - c) * size <= 2 * float(np.sum(scene.bound[name] * np.abs(x))) else c
