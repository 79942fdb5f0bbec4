"""The certificate of a run in one sweep that keeps nothing, and acquits only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from gradcheck.arith.least import Least
from gradcheck.arith.roundoff import Roundoff
from gradcheck.compare.certificate import Certificate, Certifier
from gradcheck.compare.formats import Formats
from gradcheck.compare.regions import Key
from gradcheck.compare.stream.rules import RULES
from gradcheck.compare.stream.stream import Stream
from gradcheck.graph.graph import Graph
from gradcheck.ops.op import Op, registry
from gradcheck.targets.target import Run


def streamed(
    graph: Graph, leaves: Mapping[str, Any], run: Run, roundoff: Roundoff, certifier: Callable[[], Certifier], *,
    slack: float = 1.0, ops: Mapping[str, Op] = registry, formats: Formats | None = None, local: int,
) -> Certificate:  # fmt: skip
    """Return the certificate of a run, of which the arrays that are within lower bounds are not kept.

    Args:
        graph: the network.
        leaves: its leaves, constants included.
        run: what the target handed back, well formed.
        roundoff: how the target rounds.
        certifier: makes one that decides what is left open.
        slack: factor on every bound.
        ops: the operations.
        formats: of the values, where they have several.
        local: operations of a region beyond which the certificate decides.
    """
    least = Least(roundoff)
    several = {} if formats is None else formats.arithmetics(Least)

    def alone(keys: Collection[Key]) -> Certificate:
        return certifier().certify(keys)

    return Stream(graph, leaves, run, lambda name: several.get(name, least), alone, slack=slack, ops=ops, local=local).certify(RULES)
