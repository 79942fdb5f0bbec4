"""A target that could not be imported, made or started: whoever runs it is told why."""

from __future__ import annotations

from typing import NoReturn

from gradcheck.arith.floating import FORMATS
from gradcheck.errors import TargetFailed
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values


class Unusable:
    """What stands for a target that cannot be used.

    Args:
        name: what it was asked for by.
        reason: why it cannot.
    """

    dtypes = tuple(FORMATS)  # it may have any

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason

    def run(self, graph: Graph, values: Values) -> NoReturn:
        """Say why there is no answer."""
        raise TargetFailed(self.reason)

    def hvp(self, graph: Graph, values: Values, along: Values) -> NoReturn:
        """Say why there is no answer."""
        raise TargetFailed(self.reason)
