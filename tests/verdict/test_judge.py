"""What decides between kinds of evidence: how many operations a region may have, how far below a gradient a bound has to be."""

import numpy as np
import pytest

from gradcheck import backward
from gradcheck.arith.running import Roundoff
from gradcheck.graph.trace import trace
from gradcheck.targets.reference import Reference
from gradcheck.targets.target import Run, leaf_arrays
from gradcheck.verdict.judge import judge


def judged(graph, values, run, **settings):
    """Return the judgement on a run in float64."""
    return judge(graph, leaf_arrays(graph, values), run, Roundoff.of("float64"), "float64", **settings)


@pytest.mark.parametrize(("operations", "evidence"), [(8, "certified"), (9, "rigorous")])
def test_a_region_of_few_operations_is_local_evidence(operations, evidence):
    """A target that hands back the first and last of a chain is certified over as many operations as libraries fuse, and no more."""

    def chain(w):
        for _ in range(operations):
            w = np.sin(w)
        return np.sum(w.named("last"))

    values = {"w": np.array([0.5, 0.7])}
    graph = trace(chain, values)
    whole = Reference().run(graph, values)
    run = Run(whole.loss, whole.gradients, {"last": whole.node_values["last"]}, {"last": whole.node_adjoints["last"]})
    found = judged(graph, values, run)
    assert (found.verdict, found.evidence) == ("pass", evidence)


def test_rigorous_evidence_is_of_a_hundredth():
    """With ever wider bounds the evidence is rigorous until they are a hundredth of the gradient, and statistical from there."""
    values = {"w": np.array([0.5])}
    graph = trace(lambda w: np.sum(np.exp(np.sin(w))), values)
    run = Run(*backward(graph, values))
    low, high = 1.0, 1e5
    for _ in range(20):
        middle = (low * high) ** 0.5
        found = judged(graph, values, run, slack=middle)
        assert (found.verdict, found.evidence) in {("pass", "rigorous"), ("pass", "statistical")}
        low, high = (middle, high) if found.evidence == "rigorous" else (low, middle)
    assert 0.009 < judged(graph, values, run, slack=low).resolution <= 0.01
