"""The note on what stands on a kink: how many entries, and which slopes were taken where that can be told."""

import numpy as np
import pytest

from gradcheck.graph.trace import trace
from gradcheck.ops import registry
from gradcheck.targets.reference import Reference
from gradcheck.targets.target import Run
from tests.judge.test_judge import judged

relu = registry["relu"]


@pytest.mark.parametrize(
    ("program", "w", "note"),
    [
        (lambda w: np.sum(relu(w)), [0.0, 1.0], "relu at relu1: 1 entry exactly on a kink; slope taken: 0"),
        (lambda w: np.sum(np.abs(w) * 3), [0.0, 0.0, -1.0], "abs at abs1: 2 entries exactly on a kink; slope taken: 0"),
        (lambda w: np.sum(relu(w) + w), [0.0, 1.0], "relu at relu1: 1 entry exactly on a kink"),
        (lambda w: np.sum(np.maximum(w, 0.0)), [0.0, 1.0], "maximum at maximum1: 1 entry exactly on a kink"),
        (lambda w: np.linalg.norm(w), [0.0, 0.0], "norm at norm1: 1 entry exactly on a kink"),
        (lambda w: np.linalg.norm(w, 1), [0.0], "norm at norm1: 1 entry exactly on a kink"),
        (lambda w: np.sum(relu(w) * np.array([0.0, 1.0])), [0.0, 0.0], "relu at relu1: 2 entries exactly on a kink; slope taken: 0"),
        (lambda w: np.sum(relu(w) * np.array([0.0, 0.0])), [0.0, 0.0], "relu at relu1: 2 entries exactly on a kink"),
        (lambda w: np.sum(relu(w)), [-1.0, 1e-300], None), (lambda w: (np.sum(w), relu(w))[0], [0.0, 1.0], "relu at relu1: 1 entry exactly on a kink"),
        (lambda w: np.sum(np.linalg.norm(w, axis=0)), [[0.0, 1.0], [0.0, 1.0]], "norm at norm1: 1 entry exactly on a kink"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("bare", [False, True])
def test_notes(program, w, note, bare):
    """A slope is named where each entry has one operand that is used only there and a cotangent that is not zero."""
    values = {"w": np.array(w)}
    graph = trace(lambda w: program(w), values)
    with np.errstate(all="ignore"):
        run = Reference().run(graph, values)
    found = judged(graph, values, Run(run.loss, run.gradients) if bare else run)
    assert [f.message for f in found.findings if f.severity == "note"] == ([note] if note else [])


@pytest.mark.parametrize(("slope", "said"), [(0.0, "0"), (0.25, "0.25"), (1.0, "1")])
def test_the_slope_that_was_taken(slope, said):
    """Any slope between those of both sides is right, and told."""
    values = {"w": np.array([0.0, 1.0])}
    graph = trace(lambda w: np.sum(relu(w) * 4.0), values)
    run = Reference().run(graph, values)
    found = judged(graph, values, Run(run.loss, {"w": np.array([4 * slope, 4.0])}, run.node_values, run.node_adjoints))
    assert found.verdict == "pass"
    assert [f.message for f in found.findings] == [f"relu at relu1: 1 entry exactly on a kink; slope taken: {said}"]


@pytest.mark.parametrize(
    ("slopes", "said"),
    [([0.1, 0.2, 0.3, 0.4, 0.5], "0.1, 0.2, 0.3, 0.4"), ([0.25, 0.25 * (1 + 2.0**-52)], "0.25"), ([0.25, 0.25 * (1 + 1e-4)], "0.25, 0.250025")],
)
def test_slopes_that_are_told(slopes, said):
    """The first four that are different by more than rounding."""
    values = {"w": np.zeros(len(slopes))}
    graph = trace(lambda w: np.sum(relu(w) * 4.0), values)
    run = Reference().run(graph, values)
    found = judged(graph, values, Run(run.loss, {"w": 4 * np.array(slopes)}, run.node_values, run.node_adjoints))
    assert [f.message for f in found.findings] == [f"relu at relu1: {len(slopes)} entries exactly on a kink; slope taken: {said}"]


def test_a_kink_that_no_output_depends_on():
    """No slope was taken there."""
    values = {"w": np.array([0.0, 1.0]), "v": np.ones(2)}
    graph = trace(lambda w, v: (np.sum(v), relu(w))[0], values)
    run = Reference().run(graph, values)
    notes = [f.message for f in judged(graph, values, run).findings]
    assert "relu at relu1: 1 entry exactly on a kink" in notes
