"""The search for the mistakes that reproduce a target's gradients: at the given point, and at fresh ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np

from gradcheck.explain.hypothesis import (
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
from gradcheck.explain.reproduction import Judge
from gradcheck.explain.same_mistake import Likeness
from gradcheck.explain.scene import Scene
from gradcheck.graph.values import Arrays

#: Fresh points at which a target is asked again; and at most, while several explanations are left.
POINTS, MOST_POINTS = 2, 10
#: Points in a row that tell no explanation from another, after which no more are asked for.
QUIET = 4
#: Directions of the quick look.
DIRECTIONS = 2
#: Hypotheses that are held against a bound that allows much.
MOST = 64
#: Times the rounding bound that an error has to be before a number is taken from it: three digits of it are then seen.
DIGITS = 2.0**10

Groups = list[list[Hypothesis]]


class Search:
    """The search at one point, confirmed at others.

    Args:
        judge: compares.
        scene: the given point.
        further: fresh points.
        earlier: all leaves of an earlier call.
        seed: of directions.
        where: the nodes to look at.
    """

    def __init__(
        self, judge: Judge, scene: Scene, further: Iterator[Scene], *,
        earlier: Arrays | None = None, seed: int = 0, where: Collection[str] | None = None,
    ) -> None:  # fmt: skip
        self.judge, self.scene, self.earlier, self.seed = judge, scene, earlier, seed
        self.scenes = [scene]
        self._further = further
        self.where = set(scene.parts) if where is None else set(where) & set(scene.parts)
        self.nodes = [n for n in suspects(scene.graph, scene.wrong) if n.name in self.where]
        self.directions = scene.directions(DIRECTIONS, seed)
        self.likeness = Likeness(scene)

    def groups(self) -> Groups:
        """Return what reproduces the gradients at all points, the same mistake by several names in one group.

        Single mistakes go before those made at every node of an operation, and both before those with a number that is
        taken from the gradients; what comes later is tried only where nothing else is left.
        """
        tiers = (self._single(), everywhere(self.scene, self.scene.wrong, self.where), self._fitted())
        return next((found for found in map(self._confirmed_everywhere, tiers) if found), [])

    def _confirmed_everywhere(self, tier: Iterable[Hypothesis]) -> Groups:
        left = self.reproducing(self.scene, tier)
        groups, quiet = self.likeness.merged(left), 0
        for k, scene in enumerate(self._points() if left else (), 1):
            before, left = len(groups), self.reproducing(scene, left)
            groups = self.likeness.merged(left)
            quiet = quiet + 1 if len(groups) == before and scene.wrong else 0
            if not left or (len(groups) < 2 and k >= POINTS) or quiet == QUIET:
                break
        return groups

    def _points(self) -> Iterator[Scene]:
        """Yield the fresh points, those first that were asked for before."""
        yield from self.scenes[1:]
        for scene in self._further:
            self.scenes.append(scene)
            yield scene

    def _single(self) -> Iterator[Hypothesis]:
        """Yield known mistakes at one place that a quick look does not refute."""
        yield from at_nodes(self.scene, self.nodes, self.directions)
        yield from overwritten(self.scene, self.scene.wrong)
        yield from (h for h in self._numbers() if not h.fitted)
        if self.earlier is not None:
            yield from stale(self.scene, self.nodes, self.earlier, self.directions)

    def _fitted(self) -> Iterator[Hypothesis]:
        """Yield mistakes with a number that was taken from the gradients, where they show some digits of it."""
        if max(self.scene.wrong.values()) > DIGITS:
            yield from (h for h in self._numbers() if h.fitted)

    def _numbers(self) -> Iterator[Hypothesis]:
        yield from factors(self.scene, self.nodes, self.directions)
        yield from handed_back(self.scene, self.scene.wrong)

    def reproducing(self, scene: Scene, hypotheses: Iterable[Hypothesis]) -> list[Hypothesis]:
        """Return the hypotheses that reproduce the target's gradients at a point.

        Where the bound allows any generalised derivative, at a kink, those that give the target's numbers there as well go first.

        Args:
            scene: the point.
            hypotheses: to be tried.
        """
        made = ((h, h.gradients(scene)) for h in hypotheses)
        near = [(h, x) for h, x in made if x is not None and scene.near(x) and (not h.fitted or _explains(scene, x))]
        if scene.sharp or len(near) < 2:
            return self._confirmed(scene, near)
        usual = self.judge.usual(scene.leaves, self.seed)
        closest = [(h, x) for h, x in near if scene.near(x, usual)]
        return self._confirmed(scene, closest) or self._confirmed(scene, near[:MOST])

    def _confirmed(self, scene: Scene, made: Sequence[tuple[Hypothesis, Gradients]]) -> list[Hypothesis]:
        """Return the hypotheses that the certificate confirms; of those equal to the last bit, as a sign in a chain is, one is judged."""
        found: dict[tuple[bytes, ...], bool] = {}
        out = []
        for h, x in made:
            key = tuple(x[k].tobytes() for k in scene.wrt)
            if not found.get(key):
                found[key] = self.judge.reproduces(scene.leaves, scene.got, h, x)
            if found[key]:
                out.append(h)
        return out


def _explains(scene: Scene, made: Gradients) -> bool:
    """Answer whether a number that was taken from the gradients explains nine tenths: a huge one makes the bound as large as anything."""
    pairs = [(np.asarray(scene.got[k], np.float64), x, scene.expected[k]) for k, x in made.items() if np.shape(scene.got[k]) == x.shape]
    with np.errstate(all="ignore"):
        left, difference = (max((float(np.max(np.abs(p[0] - p[i]), initial=0.0)) for p in pairs), default=0.0) for i in (1, 2))
    return not 10 * left > difference
