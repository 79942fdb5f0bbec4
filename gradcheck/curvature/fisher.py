"""Fisher information: the expected outer product of the gradients of observations' losses.

The true Fisher matrix takes the expectation over targets that the model itself would draw, F = sum_b w E[g_b g_b^T]; the empirical
one has the gradients at the targets that are there, F = sum_b w g_b g_b^T. w is the weight of an observation in the loss, 1/n for a
mean. An observation is the term of one example (an index along the first axis of the prediction that holds no classes) in one loss
node; penalties are no observations. For a loss that is the negative logarithm of an exponential family's density the true one
is the Gauss-Newton matrix; the empirical one is neither (Kunstner, Balles, Hennig, NeurIPS 2019).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.arith.floating import Floating
from gradcheck.arith.taylor import Taylor
from gradcheck.curvature.distributions import Observations, observations
from gradcheck.curvature.products import Middle, Sandwich
from gradcheck.curvature.split import losses, split
from gradcheck.engine.reverse import seeds, sweep, wanted
from gradcheck.engine.second import Direction, Hessian
from gradcheck.errors import BadInput
from gradcheck.graph.evaluation import lift, propagate
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.ops.op import Op, registry


def fisher(
    graph: Graph, values: Values, *, empirical: bool = False, arithmetic: Arithmetic | None = None, wrt: Iterable[str] | None = None,
    ops: Mapping[str, Op] = registry,
) -> Hessian:  # fmt: skip
    """Return the Fisher matrix, true or empirical.

    The true one is exact: outcomes of a categorical or Bernoulli distribution are summed over, the moments of a Gaussian are known.

    Args:
        graph: the network with its loss: squared errors, cross entropies of logits, or of probabilities behind softmax or logistic;
            for the empirical one any of `gradcheck.curvature.split.PREDICTION`.
        values: inputs and parameters by name. Targets are taken to be probabilities that add up to 1.
        empirical: whether gradients are those at the given targets.
        arithmetic: float64 unless given.
        wrt: names of the leaves; the graph's parameters unless given.
        ops: the operations.

    Raises:
        BadInput: if there is no such loss.
        BadValues: values that do not fit the graph, or a loss that is no scalar.
        UnknownName: a name in `wrt` that is no float leaf.

    >>> import numpy as np
    >>> from gradcheck.graph.trace import trace
    >>> from gradcheck.ops import registry as ops
    >>> values = {"w": np.array([0.0]), "t": np.array([1.0])}
    >>> graph = trace(lambda w, t: ops["binary_cross_entropy_logits"](w, t), values, inputs=["t"])
    >>> fisher(graph, values).matrix  # p (1 - p)
    array([[0.25]])
    """
    return _sandwich(graph, values, empirical, arithmetic, wrt, ops).matrix()


def fisher_product(
    graph: Graph, values: Values, direction: Direction, *, empirical: bool = False, arithmetic: Arithmetic | None = None,
    wrt: Iterable[str] | None = None, ops: Mapping[str, Op] = registry,
) -> dict[str, Array]:  # fmt: skip
    """Return the Fisher matrix times a direction, by name, from two sweeps; see `fisher`.

    Args:
        graph: the network with its loss.
        values: inputs and parameters by name.
        direction: v by name; what is not named does not move.
        empirical: whether gradients are those at the given targets.
        arithmetic: float64 unless given.
        wrt: names of the leaves; the graph's parameters unless given.
        ops: the operations.

    Raises:
        BadInput: if there is no such loss.
        BadShape: a direction of another shape than its leaf.
        BadValues: values that do not fit the graph, or a loss that is no scalar.
        UnknownName: a name that is no float leaf.
    """
    return _sandwich(graph, values, empirical, arithmetic, wrt, ops).times(direction)


def _sandwich(
    graph: Graph, values: Values, empirical: bool, arithmetic: Arithmetic | None, wrt: Iterable[str] | None, ops: Mapping[str, Op]
) -> Sandwich:
    m, names, parts = arithmetic or Floating("float64"), wanted(graph, wrt), split(graph)
    leaves = lift(graph, values, m)
    found = [observations(graph, node, leaves) for node in losses(graph)]
    y = propagate(graph, leaves, m, ops=ops)
    adjoint = sweep(parts.head, y, m, seeds(parts.head, m), parts.outputs, ops=ops)
    return Sandwich(parts, leaves, (_empirical if empirical else _true)(found, y, adjoint, m), names, m, ops)


def _true(found: list[Observations], y: Mapping[str, Array], adjoint: Mapping[str, Array], m: Arithmetic) -> Middle:
    """Return u -> w E[s s^T] u, with the scores s that the model expects."""
    for x in found:
        if x.covariance is None:
            raise BadInput(
                f"expected a loss whose distribution is known (squared errors, cross entropies of logits, softmax or logistic); "
                f"got node {x.loss.name!r} ({x.loss.op}); for the empirical matrix use empirical=True"
            )

    def middle(series: Taylor, moving: Mapping[str, Array]) -> dict[str, Array]:
        out: dict[str, Array] = {}
        for x in found:
            u = moving[x.prediction][1]
            if u is not None and x.covariance is not None:
                c = adjoint[x.loss.name] / x.count * x.covariance(series.inner, y[x.prediction], u)
                out[x.prediction] = out[x.prediction] + c if x.prediction in out else c
        return out

    return middle


def _empirical(found: list[Observations], y: Mapping[str, Array], adjoint: Mapping[str, Array], m: Arithmetic) -> Middle:
    """Return u -> w s (s u) by examples: with s = G / w, the loss's own derivatives G by the prediction."""
    seen = [x.prediction for x in found]
    if len(set(seen)) < len(seen):
        raise BadInput(f"expected one loss for each prediction; got several of {max(seen, key=seen.count)!r}")

    def middle(series: Taylor, moving: Mapping[str, Array]) -> dict[str, Array]:
        inner, out = series.inner, dict[str, Array]()
        for x in found:
            u, g = moving[x.prediction][1], adjoint[x.prediction]
            if u is not None:
                axes = [k for k in range(len(g.shape)) if k != x.axis]
                along = inner.sum(g * u, axes, True) if axes else g * u
                out[x.prediction] = g * along / (adjoint[x.loss.name] / x.count)
        return out

    return middle
