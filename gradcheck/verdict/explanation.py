"""Gradients alone, and they are wrong: which one mistake, made where, gives exactly these?

Every known mistake is made at every node of the reference that can have spoiled what is wrong. A quick look refutes nearly all of
them (`gradcheck.verdict.scene`); the gradients of those that are left have to be the target's within the rounding bound of the
network with the wrong rule in it, at the given point and, where the target can be asked again, at fresh ones. Mistakes at one
node that hand on the same numbers are one explanation. What stays beside it is a tie, and is told as one: the bound is rigorous
and nothing is dropped by taste, so if the mistake that was made is among those known, it is among those named.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from gradcheck.arith.running import Roundoff
from gradcheck.faults.words import formulas, is_slip
from gradcheck.graph.graph import Graph, Node
from gradcheck.graph.values import Arrays, Values
from gradcheck.ops.op import INTEGER_KINDS, Op, registry
from gradcheck.targets.target import dtype_of, leaf_arrays
from gradcheck.verdict.consistent import consistent
from gradcheck.verdict.hypothesis import (
    Gradients,
    Hypothesis,
    at_nodes,
    everywhere,
    factors,
    handed_back,
    overwritten,
    stale,
    suspects,
)
from gradcheck.verdict.points import points
from gradcheck.verdict.reproduction import Judge
from gradcheck.verdict.scene import MISFITS, Scene

Again = Callable[[Arrays], Mapping[str, Any]]

#: Fresh points at which a target is asked again; and at most, while several explanations are left.
POINTS, MOST_POINTS = 2, 10
#: Points in a row that tell no explanation from another, after which no more are asked for.
QUIET = 4
#: Directions of the quick look.
DIRECTIONS = 2
#: Relative difference below which two mistakes at one node hand on the same numbers.
SAME = 2.0**-36
#: Hypotheses that are held against a bound that allows much.
MOST = 64
#: Times the rounding bound that an error has to be before a number is taken from it.
DIGITS = 2.0**10
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
    return Search(judge, scene, before, seed, where).explanation(_further(judge, graph, values, dtype, again, seed))


def _scene(judge: Judge, leaves: Arrays, gradients: Mapping[str, Any]) -> Scene:
    """Return the reference beside a target's gradients; one that is missing is zero."""
    graph = judge.graph
    got = {k: np.zeros(graph.shapes[k]) if gradients.get(k) is None else np.asarray(gradients[k]) for k in graph.differentiable}
    fitting = {k: x if x.shape == graph.shapes[k] else np.full(graph.shapes[k], np.nan) for k, x in got.items()}
    return Scene(graph, leaves, got, judge.compared(leaves, fitting), ops=judge.ops)


def _further(judge: Judge, graph: Graph, values: Values, dtype: str, again: Again | None, seed: int) -> Iterator[Scene]:
    """Yield what the target gives at fresh points, until it gives nothing any more."""
    for moved in islice(points(graph, values, dtype, seed), MOST_POINTS if again is not None else 0):
        assert again is not None
        try:
            with np.errstate(all="ignore"):
                gradients = again({k: x.copy() for k, x in moved.items()})
        except Exception:  # a target is foreign code, and this point was not its own
            return
        yield _scene(judge, leaf_arrays(graph, moved), gradients)


class Search:
    """The search at one point, confirmed at others.

    Args:
        judge: compares.
        scene: the given point.
        earlier: all leaves of an earlier call.
        seed: of directions.
        where: the nodes to look at.
    """

    def __init__(
        self, judge: Judge, scene: Scene, earlier: Arrays | None = None, seed: int = 0, where: Collection[str] | None = None
    ) -> None:
        self.judge, self.scene, self.earlier, self.seed = judge, scene, earlier, seed
        self.wrong = tuple(scene.wrong)
        self.where = set(scene.parts) if where is None else set(where) & set(scene.parts)
        self.directions = scene.directions(DIRECTIONS, seed)

    def explanation(self, further: Iterator[Scene]) -> Explanation:
        """Return what explains the given point and those further ones."""
        nodes = [n for n in suspects(self.scene.graph, self.wrong) if n.name in self.where]
        tiers = (self._single(nodes), everywhere(self.scene, self.wrong, self.where), self._fitted(nodes))
        left = next((found for found in (self._reproducing(self.scene, tier) for tier in tiers) if found), [])
        scenes, groups, quiet = [self.scene], merged(left, [self.scene]), 0
        for scene in further if left else ():
            scenes.append(scene)
            before, left = len(groups), self._reproducing(scene, left)
            groups = merged(left, scenes)
            quiet = quiet + 1 if len(groups) == before and scene.wrong else 0
            if (len(groups) < 2 and len(scenes) > POINTS) or quiet == QUIET:
                break
        if not left:
            return Explanation((), consistent(self.scene, nodes), len(scenes), self.wrong)
        found = sorted(map(self._explained, groups), key=lambda e: e.ulps)
        return Explanation(tuple(found), (), len(scenes), self.wrong)

    def _single(self, nodes: Sequence[Node]) -> Iterator[Hypothesis]:
        """Yield known mistakes at one place that a quick look does not refute."""
        scene, directions = self.scene, self.directions
        yield from at_nodes(scene, nodes, directions)
        yield from overwritten(scene, self.wrong)
        yield from (h for h in self._numbers(nodes) if not h.fitted)
        if self.earlier is not None:
            yield from stale(scene, nodes, self.earlier, directions)

    def _fitted(self, nodes: Sequence[Node]) -> Iterator[Hypothesis]:
        """Yield mistakes with a number that was taken from the gradients, where they show some digits of it."""
        if max(self.scene.wrong.values()) > DIGITS:
            yield from (h for h in self._numbers(nodes) if h.fitted)

    def _numbers(self, nodes: Sequence[Node]) -> Iterator[Hypothesis]:
        yield from factors(self.scene, nodes, self.directions, self.judge.roundoff.u)
        yield from handed_back(self.scene, self.wrong)

    def _reproducing(self, scene: Scene, hypotheses: Iterable[Hypothesis]) -> list[Hypothesis]:
        """Return the hypotheses that reproduce the target's gradients at a point.

        Where the bound allows any generalised derivative, at a kink, those that give the target's numbers there as well go first.
        """
        made = [(h, h.gradients(scene)) for h in hypotheses]
        near = [(h, x) for h, x in made if x is not None and scene.near(x)]
        if scene.sharp or len(near) < 2:
            return self._confirmed(scene, near)
        usual = self.judge.usual(scene.leaves, self.seed)
        closest = [(h, x) for h, x in near if scene.near(x, usual)]
        return self._confirmed(scene, closest) or self._confirmed(scene, near[:MOST])

    def _confirmed(self, scene: Scene, made: Iterable[tuple[Hypothesis, Gradients]]) -> list[Hypothesis]:
        """Return the hypotheses that the certificate confirms; of those equal to the last bit, as a sign anywhere in a chain is, one is judged."""
        found: dict[tuple[bytes, ...], bool] = {}
        out = []
        for h, x in made:
            key = tuple(x[k].tobytes() for k in scene.wrt)
            if not found.get(key):
                found[key] = self.judge.reproduces(scene.leaves, scene.got, h, x)
            if found[key]:
                out.append(h)
        return out

    def _explained(self, group: list[Hypothesis]) -> Explained:
        """Return hypotheses of the same numbers as one: in the words of a slip, by a formula, or by what happens inside of the rule."""
        first = next((h for h in group if is_slip(h.name)), None)
        told = [(len(text), not h.name.startswith("textbook"), text) for h in group if (text := self._formula(h))]
        short = "" if first else min(told, default=(0, False, ""))[2]
        first = first or group[0]
        made = first.gradients(self.scene)
        ulps = 0.0 if made is None else self.scene.distance(made) / (2 * self.judge.roundoff.u)
        names = tuple(dict.fromkeys(h.name for h in group))
        return Explained(first.place, first.nodes, first.op, names, short or first.words, ulps, tuple(group))

    def _formula(self, h: Hypothesis) -> str:
        if h.mistake is None:
            return ""
        node, op = self.scene.graph.node[h.nodes[0]], self.scene.ops[h.op]
        real = [kind not in INTEGER_KINDS for kind in op.kinds(len(node.inputs))]
        return formulas(op, h.mistake.rule, h.mistake.instead, node.attributes, real)


def merged(found: Sequence[Hypothesis], scenes: Sequence[Scene]) -> list[list[Hypothesis]]:
    """Return hypotheses in groups: the same nodes, and the same numbers handed on at every point.

    Args:
        found: hypotheses.
        scenes: the points.
    """
    groups: list[list[Hypothesis]] = []
    for h in found:
        group = next((g for g in groups if alike(g[0], h, scenes)), None)
        if group is None:
            groups.append([h])
        else:
            group.append(h)
    return groups


def alike(a: Hypothesis, b: Hypothesis, scenes: Sequence[Scene]) -> bool:
    """Answer whether two hypotheses are the same mathematics at the same place, as far as points show.

    Args:
        a: a hypothesis.
        b: another one.
        scenes: the points.
    """
    if set(a.rules) != set(b.rules) or not a.rules:
        return a.place == b.place and a.name == b.name
    return all(_same(scene, a, b, name) for scene in scenes for name in a.rules)


def _same(scene: Scene, a: Hypothesis, b: Hypothesis, name: str) -> bool:
    node = scene.graph.node[name]
    try:
        pairs = zip(node.inputs, *(scene.handed(node, h.rules[name]) for h in (a, b)), scene.parts[name], strict=True)
        return all(_close(p, q, right) for x, p, q, right in pairs if x in scene.active)
    except MISFITS:
        return False


def _close(p: Any, q: Any, right: Any) -> bool:
    if p is None or q is None or p.shape != q.shape:
        return p is None and q is None
    with np.errstate(all="ignore"):
        room = SAME * max(float(np.max(np.abs(x), initial=0.0)) for x in (p, right))
        return bool(np.all((np.abs(p - q) <= room) | (p == q) | (np.isnan(p) & np.isnan(q))))

