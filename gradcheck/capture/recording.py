"""What a recorded run is: a network, and a target's answer for it, in one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np

from gradcheck.capture.coverage import Coverage
from gradcheck.capture.place import Place
from gradcheck.errors import NotRecorded
from gradcheck.graph.graph import Graph
from gradcheck.networks.network import Network
from gradcheck.result.finding import Finding, Row
from gradcheck.targets.target import Run


@dataclass(frozen=True, slots=True)
class Recorded:
    """Everything that was seen of one run; see `Recording`."""

    graph: Graph
    values: Mapping[str, Any]
    run: Run
    places: Mapping[str, Place]
    formats: Mapping[str, str]
    coverage: Coverage
    suspects: Mapping[str, Any] = field(default_factory=dict)
    results: tuple[str, ...] = ()


class Recording:
    """One run of a program, forward and backward, as a network and a target's answer.

    Args:
        target: what ran it, in rows.
        recorded: what was seen; None as long as the block that records it goes on.
    """

    def __init__(self, target: str, recorded: Recorded | None = None) -> None:
        self.target = target
        self._recorded = recorded

    @property
    def _seen(self) -> Recorded:
        if self._recorded is None:
            raise NotRecorded("expected a recording that is complete; got one whose block goes on, or that failed; look at it after the block")
        return self._recorded

    @property
    def graph(self) -> Graph:
        """The program as a graph; its one output is the loss, or the results times their cotangents."""
        return self._seen.graph

    @property
    def results(self) -> tuple[str, ...]:
        """The differentiated results of the program, in their order, as values of the graph."""
        return self._seen.results

    @property
    def values(self) -> Mapping[str, Any]:
        """What came from outside: parameters, inputs, results of operations without a rule."""
        return self._seen.values

    @property
    def run(self) -> Run:
        """The loss, gradients, values and adjoints of nodes, and what single uses contributed, as they were."""
        return self._seen.run

    @property
    def places(self) -> Mapping[str, Place]:
        """Where in the program each node is."""
        return self._seen.places

    @property
    def formats(self) -> Mapping[str, str]:
        """The format of each value."""
        return self._seen.formats

    @property
    def coverage(self) -> Coverage:
        """What of the run is judged, and how."""
        return self._seen.coverage

    @property
    def dtype(self) -> str:
        """The formats of the values that are differentiated, joined by +."""
        used = {self.formats.get(k, "float32") for k in (*self.graph.parameters, *(n.name for n in self.graph.nodes))}
        return "+".join(sorted(used))

    @cached_property
    def network(self) -> Network:
        """The program as a network, for every other target and for certificates."""
        return Network.of_graph(self.graph, {k: np.asarray(x, np.float64) for k, x in self.values.items()}, "recorded")

    def validate(self) -> Row:
        """Judge every value and adjoint of the run by what rounding can do to its operation.

        Raises:
            NotRecorded: the block that records it goes on.
        """
        from gradcheck.capture.judgement import row_of

        start = perf_counter()
        return row_of(self, lambda: perf_counter() - start)

    def script(self, finding: Finding) -> str:
        """Return a script that shows what is wrong with the framework alone: the one call that hands it on, and its operands, made small.

        Args:
            finding: a fault of an adjoint or a gradient.

        Returns:
            Its text; it ends with status 1 where the fault shows. "" where differences in float64 do not show it, or the code of the call has no source.
        """
        seen = self._seen
        shown, adjoints = seen.run.node_values or {}, seen.run.node_adjoints or {}
        users = (x.rpartition("[")[0] for x in ((finding.edge,) if finding.edge else finding.candidates))
        suspects = (seen.suspects[x] for x in (finding.node, *users) if x in seen.suspects)
        for suspect in {id(s): s for s in suspects}.values():
            operands = {k: shown[k] if k in shown else seen.values[k] for k in suspect.operands if k in shown or k in seen.values}
            cotangents = [adjoints[k] if k in adjoints else np.zeros(seen.graph.shapes[k]) for k in suspect.results if k in seen.graph.shapes]
            if len(operands) == len(suspect.operands) and (text := suspect.script(operands, cotangents, str(finding))):
                return str(text)
        return ""

    __gradcheck_row__ = validate  # what `gradcheck.validate` asks for

    def __repr__(self) -> str:
        if self._recorded is None:
            return "<Recording that is not complete>"
        return f"<Recording of {self.graph.name}: {len(self.graph.nodes)} nodes, {self.coverage}>"
