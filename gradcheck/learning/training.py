"""Training: from values and an optimiser to a trajectory, the same one every time."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import count

import numpy as np

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.arith.floating import Floating
from gradcheck.engine.reverse import evaluate
from gradcheck.errors import BadInput
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Arrays, Values
from gradcheck.learning.descent import Descent
from gradcheck.learning.examples import Examples, beginning, examples, known_parameters, resized
from gradcheck.learning.marquardt import Marquardt
from gradcheck.learning.optimizer import Rule, State, stepped
from gradcheck.learning.source import source
from gradcheck.learning.stop import Patience, Stop
from gradcheck.learning.trajectory import Point, Trajectory
from gradcheck.networks.network import Network
from gradcheck.targets.target import Target

#: step, point -> whether to stop
Callback = Callable[[int, Point], object]
Progress = Callable[[str, int, int], None]


def train(
    network: Network | Graph, values: Values | None = None, *, optimizer: Rule | Marquardt | None = None, steps: int = 1000,
    batch: int | None = None, rows: Iterable[str] | None = None, seed: int = 0, exempt: Collection[str] = (), stop: Stop | None = None,
    callback: Callback | None = None, progress: Progress | None = None, keep: bool = False, arithmetic: Arithmetic | None = None,
    target: Target | None = None,
) -> Trajectory:  # fmt: skip
    """Move the parameters of a network until a reason to stop.

    Args:
        network: a network, or a graph with one number as its output (for Levenberg-Marquardt also one of residuals).
        values: inputs and parameters by name; a network's own unless given.
        optimizer: a rule such as `Descent`, `Momentum`, `Adam`, or `Marquardt`; `Descent` unless given.
        steps: how many are made at most.
        batch: examples a step; all of them unless given.
        rows: the inputs that have a row for each example; found unless given.
        seed: of the values of a network, and of the order of the examples.
        exempt: names of parameters without weight decay.
        stop: conditions to stop earlier.
        callback: called with the number of steps made and the `Point` reached; stops where it answers something true.
        progress: called with a label, the number of steps made and the most.
        keep: whether the parameters of every place are kept.
        arithmetic: float64 unless given.
        target: whose gradients are taken; our own unless given.

    Raises:
        BadInput: settings that do not go together.
        BadValues: values that do not fit the graph, or a graph without parameters.
        NoResiduals: Levenberg-Marquardt on a loss that is no sum of squares.

    >>> from gradcheck.networks import networks
    >>> found = train(networks["linear-neuron"], optimizer=Descent(rate=0.2), steps=50)
    >>> bool(abs(found.parameters["w1"] + found.parameters["w2"]) < 1e-12)  # the line of minima
    True
    """
    if steps < 0:
        raise BadInput(f"expected a number of steps of at least 0; got {steps}")
    graph = network.graph if isinstance(network, Network) else network
    given = beginning(network, values, seed)
    stop = stop or Stop()
    watch = _Watch(network, given, stop) if stop.held_back is not None else None
    points = _points(network, graph, given, optimizer or Descent(), batch, rows, seed, exempt, arithmetic or Floating("float64"), target)
    return _recorded(points, steps, stop, watch, callback, progress, keep, graph.name)


def _points(
    network: Network | Graph, graph: Graph, values: Arrays, optimizer: Rule | Marquardt, batch: int | None, rows: Iterable[str] | None,
    seed: int, exempt: Collection[str], m: Arithmetic, target: Target | None,
) -> Iterator[Point]:  # fmt: skip
    start = {k: values[k] for k in graph.parameters}
    known_parameters(exempt, start)
    if isinstance(optimizer, Marquardt):
        if batch is not None or target is not None or m.name != "float64":
            raise BadInput("expected Levenberg-Marquardt with all examples, our own derivatives and float64; leave out batch, target and arithmetic")
        return optimizer.points(graph, {k: values[k] for k in graph.inputs}, start)
    if len(graph.outputs) > 1 or math.prod(graph.shapes[graph.outputs[0]]) != 1:
        raise BadInput(f"expected one number as the loss; got outputs of shapes {[graph.shapes[k] for k in graph.outputs]}")
    divided = examples(network, values, batch=batch, rows=rows, seed=seed)
    return descend(divided, start, optimizer, m, exempt=exempt, target=target)


def descend(
    divided: Examples, start: Mapping[str, Array], rule: Rule, m: Arithmetic, *, exempt: Collection[str] = (), target: Target | None = None
) -> Iterator[Point]:
    """Yield the places that a rule leads to, without an end.

    Args:
        divided: the data.
        start: parameters by name, numbers of any kind.
        rule: how they are moved.
        m: the arithmetic.
        exempt: names of parameters without weight decay.
        target: whose gradients are taken.
    """
    gradient = source(divided.graph, m, target)
    parameters: Mapping[str, Array] = {k: m.array(x) for k, x in start.items()}
    state: State = {}
    for step, data in zip(count(1), divided.batches(), strict=False):
        loss, g = gradient(data, parameters)
        if divided.scale != 1:
            g = {k: m.leave(m.enter(x) * m.constant(divided.scale)) for k, x in g.items()}
        yield Point(float(m.number(loss)), largest(m.number(x) for x in g.values()), parameters)
        parameters, state = stepped(rule, m, parameters, g, state, step, exempt=exempt)


def largest(arrays: Iterable[Array]) -> float:
    """Return the largest magnitude of an entry; NaN if one is NaN.

    Args:
        arrays: of floats.

    >>> largest([np.array([1.0, -3.0]), np.zeros(0)])
    3.0
    """
    return float(np.max([np.max(np.abs(np.asarray(x).astype(np.float64)), initial=0.0) for x in arrays], initial=0.0))


class _Watch:
    """Looks at held-back data now and then, and keeps the best parameters."""

    def __init__(self, network: Network | Graph, values: Arrays, stop: Stop) -> None:
        held = {k: np.asarray(x) for k, x in (stop.held_back or {}).items()}
        self.data = {k: held.get(k, x) for k, x in values.items()}
        self.graph = resized(network, self.data)
        self.every, self.patience = stop.every, Patience(stop.patience)
        self.best: Mapping[str, Array] = {}
        self.seen: list[tuple[int, float]] = []

    def look(self, step: int, parameters: Mapping[str, Array]) -> bool:
        """Look, if it is time; answer whether to stop."""
        if step % self.every:
            return False
        loss = float(evaluate(self.graph, {**self.data, **parameters}))
        self.seen.append((step, loss))
        if self.patience.better(loss):
            self.best = parameters
        return self.patience.over


def _recorded(
    points: Iterator[Point], steps: int, stop: Stop, watch: _Watch | None, callback: Callback | None, progress: Progress | None,
    keep: bool, name: str,
) -> Trajectory:  # fmt: skip
    found: list[Point] = []
    own = Patience(stop.patience if watch is None else None)
    reason, last = "", None
    for k, point in enumerate(points):
        last = point
        found.append(point if keep else Point(point.loss, point.slope, {}, point.note))
        own.better(point.loss)
        if progress is not None:
            progress(f"{name}: loss {point.loss:.3g}", k, steps)
        reason = stop.reason(point.loss, point.slope) or _ended(k, point, own, watch, callback) or ("all steps are made" if k == steps else "")
        if reason:
            break
    reason = reason or "no step changes the parameters any more"
    parameters = watch.best if watch is not None and watch.best else last.parameters if last is not None else {}
    return Trajectory(
        tuple(p.loss for p in found), tuple(p.slope for p in found), parameters, reason, tuple(p.parameters for p in found) if keep else (),
        tuple(watch.seen) if watch is not None else (), tuple(p.note for p in found if p.note),
    )  # fmt: skip


def _ended(k: int, point: Point, own: Patience, watch: _Watch | None, callback: Callback | None) -> str:
    """Return why to stop here, or ""."""
    if own.over or (watch is not None and watch.look(k, point.parameters)):
        return "the loss got no smaller for as long as patience lasts"
    return "the callback asked for it" if callback is not None and callback(k, point) else ""
