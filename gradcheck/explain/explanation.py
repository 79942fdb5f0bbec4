"""Gradients alone, and they are wrong: which one mistake, made where, gives exactly these?

Every known mistake is made at every node of the reference that can have spoiled what is wrong. A quick look refutes nearly all of
them (`gradcheck.explain.scene`); the gradients of those that are left have to be the target's within the rounding bound of the
network with the wrong rule in it, at the given point and, where the target can be asked again, at fresh ones
(`gradcheck.explain.search`). Mistakes at one node that hand on the same numbers whatever comes are one explanation. What stays
beside it is a tie, and is told as one: the bound is rigorous and nothing is dropped by taste, so if the mistake that was made is
among those known, it is among those named.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from gradcheck.arith.running import Roundoff
from gradcheck.errors import GradcheckError
from gradcheck.explain.hypothesis import Hypothesis
from gradcheck.explain.points import points
from gradcheck.explain.possible_nodes import consistent
from gradcheck.explain.reproduction import Judge
from gradcheck.explain.scene import Scene
from gradcheck.explain.search import MOST_POINTS, Search
from gradcheck.faults.words import formulas
from gradcheck.foreign import answer_of
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Arrays, Values
from gradcheck.mistakes.mistake import Mistake
from gradcheck.ops.op import INTEGER_KINDS, Op, registry
from gradcheck.targets.target import dtype_of, leaf_arrays

Again = Callable[[Arrays], Mapping[str, Any]]

#: Explanations named in a sentence.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Explained:
    """One mistake at one place that gives the target's gradients.

    Args:
        place: in words: "node h3 (tanh)", "every tanh (h1, h3)", "the gradient of w".
        nodes: where it is.
        op: the operation, if it is one.
        names: of the mistake in the catalogue; several where they hand on the same numbers.
        words: what is done wrong, after the place.
        ulps: the largest distance from the target's gradients at the given point, in units of the last place of the largest entry.
        hypotheses: to make it again.
    """

    place: str
    nodes: tuple[str, ...]
    op: str
    names: tuple[str, ...]
    words: str
    ulps: float
    hypotheses: tuple[Hypothesis, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """What gives a target's wrong gradients.

    Args:
        mistakes: one; several where they cannot be told apart; none where no known one does.
        consistent: where none does: the nodes at which one mistake can have been made.
        points: at how many points that was seen.
        wrong: the parameters whose gradients are wrong.
    """

    mistakes: tuple[Explained, ...]
    consistent: tuple[str, ...]
    points: int
    wrong: tuple[str, ...]

    @property
    def unique(self) -> Explained | None:
        """The one mistake, if there is one."""
        return self.mistakes[0] if len(self.mistakes) == 1 else None

    @property
    def mistake(self) -> Mistake | None:
        """What all explanations have in common: the kind, and the node where it is one."""
        kinds = {h.kind for e in self.mistakes for h in e.hypotheses[:1]}
        places = {e.nodes for e in self.mistakes}
        kind = kinds.pop() if len(kinds) == 1 else None
        where, told = ", ".join(places.pop()) if len(places) == 1 else "", f"{self.mistakes[0].place} {self.mistakes[0].words}" if kind else ""
        return Mistake(kind, where, detail=told) if kind else None

    def __str__(self) -> str:
        if not self.mistakes:
            if not self.consistent:
                return "no single known mistake explains it, and none at one node can"
            return f"no single known mistake explains it; consistent with a fault in {{{_listed(self.consistent)}}}"
        ulps = max(e.ulps for e in self.mistakes)
        how = f"{np.ceil(ulps):.0f} ulp" if ulps else "the last bit"
        close = f"the target's gradient is reproduced to {how}{f' at {self.points} points' if self.points > 1 else ''}"
        if self.unique is not None:
            return f"explained: {self.unique.place} {self.unique.words}; {close}"
        return f"explained by either of: {_either(self.mistakes)}; {close}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f", and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _either(found: Sequence[Explained]) -> str:
    """Return ties in words, those of the same mistake at several places together."""
    places: dict[str, list[str]] = {}
    for e in found:
        places.setdefault(e.words, []).append(e.place)
    told = [f"{_listed(where)} {words}" for words, where in places.items()]
    return "; or ".join(told[:SHOWN]) + (f"; or {len(told) - SHOWN} more" if len(told) > SHOWN else "")


def explain(
    graph: Graph,
    values: Values,
    gradients: Mapping[str, Any],
    *,
    again: Again | None = None,
    earlier: Values | None = None,
    roundoff: Roundoff | None = None,
    slack: float = 1.0,
    seed: int = 0,
    where: Collection[str] | None = None,
    ops: Mapping[str, Op] = registry,
) -> Explanation | None:
    """Return what one mistake gives these gradients; None where they are right within rounding.

    Args:
        graph: the network, with a scalar loss.
        values: inputs and parameters, floats in the format in which the gradients were computed.
        gradients: the doubted ones, by name of the parameter.
        again: returns the doubted gradients at other values; without it ties are not broken.
        earlier: values at which the target was asked before, if it may have a memory.
        roundoff: how the target rounds; as IEEE 754 in the format of the values unless given.
        slack: factor on every bound.
        seed: of directions and fresh points.
        where: the nodes at which a mistake may be; all unless given.
        ops: the operations, with the right rules.

    >>> from gradcheck.graph.trace import trace
    >>> graph = trace(lambda w: np.sum(np.tanh(w) ** 2), {"w": np.array([0.5, -1.0])})
    >>> def doubted(values):
    ...     y = np.tanh(values["w"])
    ...     return {"w": 2 * y * (1 - y)}
    >>> values = {"w": np.array([0.5, -1.0])}
    >>> explanation = explain(graph, values, doubted(values), again=doubted)
    >>> print(str(explanation).split(";")[0])
    explained: node tanh1 (tanh) takes g*(1 - y) for g*(1 - y**2)
    """
    dtype = dtype_of(values)
    judge = Judge(graph, roundoff or Roundoff.of(dtype), dtype, slack, ops)
    scene = _scene(judge, leaf_arrays(graph, values), gradients)
    if not scene.wrong:
        return None
    before = None if earlier is None else leaf_arrays(graph, earlier)
    further = _further(judge, graph, values, dtype, again, seed)
    search = Search(judge, scene, further, earlier=before, seed=seed, where=where)
    found = sorted((_explained(search, group) for group in search.groups()), key=lambda e: (_is_sign(e), e.ulps))
    possible = () if found else consistent(scene, search.nodes)
    return Explanation(tuple(found), possible, len(search.scenes), tuple(scene.wrong))


def _is_sign(found: Explained) -> bool:
    """Answer whether it is a sign: what is dropped looks like one where a value is half of another, and is the likelier mistake."""
    return all(h.kind == "sign" for h in found.hypotheses)


def _scene(judge: Judge, leaves: Arrays, gradients: Mapping[str, Any]) -> Scene:
    """Return the reference beside a target's gradients; one that is missing is zero."""
    graph = judge.graph
    got = {k: np.zeros(graph.shapes[k]) if gradients.get(k) is None else np.array(gradients[k]) for k in graph.differentiable}
    fitting = {k: x if x.shape == graph.shapes[k] else np.full(graph.shapes[k], np.nan) for k, x in got.items()}
    return Scene(graph, leaves, got, judge.compared(leaves, fitting), ops=judge.ops)


def _further(judge: Judge, graph: Graph, values: Values, dtype: str, again: Again | None, seed: int) -> Iterator[Scene]:
    """Yield what the target gives at fresh points, until it gives nothing any more."""
    for moved in islice(points(graph, values, dtype, seed), MOST_POINTS if again is not None else 0):
        assert again is not None
        try:
            gradients = answer_of(lambda: again({k: x.copy() for k, x in moved.items()}))  # noqa: B023 - called at once
        except GradcheckError:  # this point was not the target's own
            return
        yield _scene(judge, leaf_arrays(graph, moved), gradients)


def _explained(search: Search, group: list[Hypothesis]) -> Explained:
    """Return hypotheses of the same numbers as one: in the words of a slip, by a formula, or by what happens inside of the rule."""
    first = next((h for h in group if h.is_slip), None)
    told = [(len(text), not h.name.startswith("textbook"), text) for h in group if (text := _formula(search.scene, h))]
    short = "" if first else min(told, default=(0, False, ""))[2]
    first = first or group[0]
    made = first.gradients(search.scene)
    ulps = 0.0 if made is None else search.scene.distance(made) / (2 * search.judge.roundoff.u)
    names = tuple(dict.fromkeys(h.name for h in group))
    return Explained(first.place, first.nodes, first.op, names, short or first.words, ulps, (first, *(h for h in group if h is not first)))


def _formula(scene: Scene, h: Hypothesis) -> str:
    if h.mistake is None:
        return ""
    node, op = scene.graph.node[h.nodes[0]], scene.ops[h.op]
    real = [kind not in INTEGER_KINDS for kind in op.kinds(len(node.inputs))]
    return formulas(op, h.mistake.rule, h.mistake.instead, node.attributes, real)
