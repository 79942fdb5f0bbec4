"""How often is the mistake named? Every mutant of every operation at a random node of random networks, by its gradients alone.

The target is the reference with one wrong rule. What is asked is `gradcheck.explain.explanation.explain`; whether its answer is
right is decided by means that it does not have: the true rule, fresh points, and the gradients of rivals to fifty digits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from itertools import islice
from time import perf_counter
from typing import Any, Literal
from zlib import crc32

import numpy as np

from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.bench.resuming import resumed
from gradcheck.engine.reverse import backward
from gradcheck.explain.explanation import Explained, Explanation, explain
from gradcheck.explain.hypothesis import Hypothesis
from gradcheck.explain.points import points
from gradcheck.explain.reproduction import with_rules
from gradcheck.explain.same_mistake import Likeness
from gradcheck.explain.scene import MISFITS, Rules, Scene
from gradcheck.faults.mutants import Mutant, mutants
from gradcheck.files.journal import Journal
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Arrays
from gradcheck.networks.random import random_network
from gradcheck.ops import registry
from gradcheck.targets.reference import Reference
from gradcheck.targets.target import leaf_arrays

Outcome = Literal["named", "rival", "tied", "unexplained", "wrong", "same", "unfit"]
Progress = Callable[[str, int, int], None]

SCHEMA = "gradcheck-explanations/1"
#: Networks, and the seed of their names.
GRAPHS, SEED = 200, 0
#: Digits to which the gradients of two mistakes agree that no gradients can tell apart, of so many computed, at so many points.
DIGITS, PRECISION, POINTS = 30, 50, 2

#: Characters kept of what was said.
SAID = 240
#: Gradients below this are zero, and have no digits: their terms are of the order of one.
ZERO = 1e-15

#: outcome -> what it means, in the order of a table
MEANINGS: Mapping[Outcome, str] = {
    "named": "one explanation, which is the mistake that was made, at its node",
    "tied": "several explanations, the truth among them, though their exact gradients differ",
    "unexplained": "no explanation",
    "wrong": "explanations without the truth",
    "rival": "several explanations, the truth among them, and one at least has the same gradients to 30 digits at fresh points",
    "same": "the gradients are right within rounding wherever the operation stands",
    "unfit": "the mistake fits the shapes of no node",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One mutant at one node.

    Args:
        mutant: its name.
        network, node: where it was placed; the last place tried where it never showed.
        outcome: one of `MEANINGS`.
        said: by the explanation.
        seconds: it took.
    """

    mutant: str
    network: str
    node: str
    outcome: Outcome
    said: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of the outcomes."""

    counts: Mapping[str, int]

    @property
    def distinguishable(self) -> int:
        """How many gradients are wrong, and are those of no other known mistake."""
        return sum(self.counts.get(k, 0) for k in ("named", "tied", "unexplained", "wrong"))

    @property
    def share(self) -> float:
        """The part of the distinguishable that is named rightly."""
        return self.counts.get("named", 0) / max(1, self.distinguishable)


def measure(
    names: Sequence[str] | None = None, *, graphs: int = GRAPHS, seed: int = SEED, jobs: int = 1, progress: Progress | None = None,
    journal: Journal | None = None,
) -> Iterator[Row]:  # fmt: skip
    """Yield a row for each mutant.

    Args:
        names: of mutants; all unless given.
        graphs: how many random networks.
        seed: of networks, nodes and points.
        jobs: processes that share the mutants; the rows come in the same order.
        progress: is told name, number and count of the mutants.
        journal: what was found before, and where results are kept as they come.
    """
    wanted = list(mutants) if names is None else list(names)
    placed = partial(_placed, graphs=graphs, seed=seed)
    for k, row in enumerate(resumed(placed, wanted, jobs, _from_journal, journal)):
        if progress is not None:
            progress(wanted[k], k + 1, len(wanted))
        yield row


def _from_journal(data: Any) -> Row:
    return Row(**data)


def score(rows: Sequence[Row]) -> Score:
    """Count the outcomes of rows."""
    return Score(Counter(r.outcome for r in rows))


def as_data(rows: Sequence[Row], *, graphs: int = GRAPHS, seed: int = SEED) -> dict[str, Any]:
    """Return plain data for JSON: counts, what they mean, and every row.

    Args:
        rows: of the mutants.
        graphs: how many networks there were.
        seed: of everything.
    """
    found = score(rows)
    return {
        "schema": SCHEMA, "graphs": graphs, "seed": seed, "meanings": dict(MEANINGS), "distinguishable": found.distinguishable,
        "counts": {k: found.counts.get(k, 0) for k in MEANINGS}, "named_share": found.share,
        "rows": [asdict(r) | {"said": r.said[:SAID], "seconds": round(r.seconds, 3)} for r in rows],
    }  # fmt: skip


@lru_cache(maxsize=2)
def _places(graphs: int, seed: int) -> Mapping[str, list[tuple[str, str]]]:
    """Return network and node of every use of each operation."""
    found: dict[str, list[tuple[str, str]]] = {}
    for k in range(graphs):
        name = f"random/{seed}/{k}"
        for node in random_network(name).graph.nodes:
            found.setdefault(node.op, []).append((name, node.name))
    return found


@lru_cache(maxsize=GRAPHS)
def _network(name: str) -> tuple[Graph, Arrays]:
    network = random_network(name)
    return network.graph, network.values()


def _placed(name: str, graphs: int, seed: int) -> Row:
    """Return the row of a mutant at the first node, in a random order, at which it makes a gradient wrong."""
    mutant = mutants[name]
    places = _places(graphs, seed).get(mutant.op, [])
    order = np.random.default_rng([seed, crc32(name.encode())]).permutation(len(places))
    last = Row(name, "", "", "unfit", "", 0.0)
    for network, node in (places[k] for k in order):
        row = _Case(mutant, network, node, seed).row()
        if row is not None and row.outcome != "same":
            return row
        last = row or last
    return last


class _Case:
    """A mutant at a node: the target, and the truth."""

    def __init__(self, mutant: Mutant, network: str, node: str, seed: int) -> None:
        self.mutant, self.network, self.node, self.seed = mutant, network, node, seed
        self.graph, self.values = _network(network)
        self.earlier = next(points(self.graph, self.values, "float64", seed + 7), self.values)
        self.rule = mutant.vjp  # with the memory that it may have
        self.wrong, self.ops = with_rules(self.graph, {node: self.rule}, registry)

    def again(self, values: Arrays) -> Mapping[str, Any]:
        """Return the target's gradients."""
        return Reference(ops=self.ops).run(self.wrong, values).gradients

    def row(self) -> Row | None:
        """Return what comes of it; None where the mutant does not fit."""
        try:
            self.again(self.earlier)
            gradients = self.again(self.values)
        except MISFITS:
            return None
        start = perf_counter()
        found = explain(self.graph, self.values, gradients, again=self.again, earlier=self.earlier, seed=self.seed)
        seconds = perf_counter() - start
        said = "" if found is None else str(found)
        return Row(self.mutant.name, self.network, self.node, "same" if found is None else self._outcome(found), said, seconds)

    def _outcome(self, found: Explanation) -> Outcome:
        if not found.mistakes:
            return "unexplained"
        true = [e for e in found.mistakes if self._is_true(e)]
        others = [e for e in found.mistakes if not self._is_true(e)]
        if not true:
            return "wrong"
        if not others:
            return "named"
        made = true[0].hypotheses[0].rules if self.mutant.stateful else {self.node: self.rule}  # a memory is one of one arithmetic
        return "rival" if any(self._rival(made, e.hypotheses[0]) for e in others) else "tied"

    def _fresh(self) -> list[Arrays]:
        return list(islice(points(self.graph, self.values, "float64", self.seed + 1000), POINTS))

    def _is_true(self, e: Explained) -> bool:
        """Answer whether an explanation names the node and hands on what the true rule does, at fresh points."""
        truth = Hypothesis("", (self.node,), self.mutant.op, "", "", {self.node: self.rule})
        leaves = (leaf_arrays(self.graph, v) for v in (self.values, *self._fresh()))
        return all(Likeness(Scene(self.graph, x, {})).alike(truth, e.hypotheses[0]) for x in leaves)

    def _rival(self, made: Rules, other: Hypothesis) -> bool:
        """Answer whether another mistake has the same exact gradients at the given point and at fresh ones."""
        return all(self._agree(v, made, other) for v in (self.values, *self._fresh()))

    def _agree(self, values: Arrays, made: Rules, other: Hypothesis) -> bool:
        told = self.again(values)
        if not all(np.isfinite(x).all() for x in told.values()):  # no digits: the same places are all there is
            swept = other.gradients(Scene(self.graph, leaf_arrays(self.graph, values), told))
            return swept is not None and all(np.allclose(told[k], x, rtol=1e-12, equal_nan=True) for k, x in swept.items())
        m = Multiprecision(PRECISION)
        try:
            a, b = (_exact(self.graph, values, m, rules) for rules in (made, other.rules))
        except MISFITS:
            return False
        b = dict(other.moved(b)) if other.moved else b
        b = b | {k: b[k] + m.array(values[k]) * m.constant(c) for k, c in other.terms.items()}
        return all(_digits(a[k], b[k]) for k in a)


def _exact(graph: Graph, values: Arrays, m: Multiprecision, rules: Rules) -> dict[str, Any]:
    other, ops = with_rules(graph, rules, registry)
    return backward(other, values, m, ops=ops)[1]


def _digits(a: Any, b: Any) -> bool:
    if np.shape(a) != np.shape(b):
        return False
    size = max([float(abs(x)) for x in np.ravel(a)] + [ZERO])
    return all(abs(x - y) <= size * 10.0**-DIGITS for x, y in zip(np.ravel(a), np.ravel(b), strict=True))
