"""Is this gradient right, and if not, where is it wrong and how?

Public names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradcheck.capture.record import record as record
    from gradcheck.certify import certify as certify
    from gradcheck.engine.plan import Plan as Plan
    from gradcheck.engine.plan import compile as compile  # noqa: A004 - as re.compile
    from gradcheck.engine.reverse import backward as backward
    from gradcheck.engine.reverse import evaluate as evaluate
    from gradcheck.engine.second import derivative as derivative
    from gradcheck.engine.second import hessian as hessian
    from gradcheck.engine.second import hvp as hvp
    from gradcheck.engine.second import jacobian as jacobian
    from gradcheck.engine.second import jvp as jvp
    from gradcheck.graph.document import dumps as dumps
    from gradcheck.graph.document import loads as loads
    from gradcheck.graph.graph import Graph as Graph
    from gradcheck.graph.graph import Leaf as Leaf
    from gradcheck.graph.graph import Node as Node
    from gradcheck.graph.trace import trace as trace
    from gradcheck.networks.network import Network as Network
    from gradcheck.networks.network import networks as networks
    from gradcheck.probe.check import check as check
    from gradcheck.probe.kernel.rounding import Rounding as Rounding
    from gradcheck.targets.registry import targets as targets
    from gradcheck.targets.target import Run as Run
    from gradcheck.validation.validate import validate as validate

__version__ = "0.1.0"

_PUBLIC = {
    "check": "gradcheck.probe.check",
    "Rounding": "gradcheck.probe.kernel.rounding",
    "record": "gradcheck.capture.record",
    "backward": "gradcheck.engine.reverse",
    "compile": "gradcheck.engine.plan",
    "Plan": "gradcheck.engine.plan",
    "evaluate": "gradcheck.engine.reverse",
    "derivative": "gradcheck.engine.second",
    "hessian": "gradcheck.engine.second",
    "hvp": "gradcheck.engine.second",
    "jacobian": "gradcheck.engine.second",
    "jvp": "gradcheck.engine.second",
    "dumps": "gradcheck.graph.document",
    "loads": "gradcheck.graph.document",
    "Graph": "gradcheck.graph.graph",
    "Leaf": "gradcheck.graph.graph",
    "Node": "gradcheck.graph.graph",
    "trace": "gradcheck.graph.trace",
    "Network": "gradcheck.networks.network",
    "Run": "gradcheck.targets.target",
    "validate": "gradcheck.validation.validate",
}
_MODULES = ("certify", "curvature", "errors", "learning", "networks", "ops", "strategies", "targets", "vectors")

__all__ = [*sorted(_PUBLIC), *_MODULES, "__version__"]  # noqa: PLE0604 - names of strings


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    if name in _MODULES:
        return import_module(f"gradcheck.{name}")
    raise AttributeError(f"module 'gradcheck' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
