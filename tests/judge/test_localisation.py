"""Where a wrong number came in, and what is said of it: by the use that it came through, where the numbers show it."""

import dataclasses

import numpy as np
import pytest

from gradcheck.graph.trace import trace
from gradcheck.ops import registry
from gradcheck.targets.reference import Reference
from gradcheck.targets.target import Run
from tests.judge.test_judge import judged

W = np.array([0.5, -0.7, 1.1])
USES = {"sin": np.cos(W), "exp": np.exp(W), "cos": -np.sin(W), "tanh": 1 - np.tanh(W) ** 2, "square": 2 * W, "sinh": np.cosh(W), "arctan": 1 / (1 + W * W)}
NOISE = np.array([1.3, 0.4, -0.9])


def fault(uses, got, bare=False):
    """Return the finding on a gradient of a sum of functions of one parameter."""
    graph = trace(lambda w: np.sum(sum(registry[name](w) for name in uses)), {"w": W})
    run = Reference().run(graph, {"w": W})
    run = dataclasses.replace(Run(run.loss, run.gradients) if bare else run, gradients={"w": got})
    found = judged(graph, {"w": W}, run)
    assert found.verdict == "fail"
    return found.findings[0]


@pytest.mark.parametrize(
    ("uses", "change", "edge", "diagnosis"),
    [
        (3, lambda total, c: total - c["exp"], "exp1[0]", "term missing: the contribution through exp1[0] was dropped"),
        (3, lambda total, c: c["cos"], "cos1[0]", "= for +=: only the contribution through cos1[0] is left"),
        (3, lambda total, c: total + c["sin"], "sin1[0]", "counted twice: the contribution through sin1[0]"),
        (3, lambda total, c: total + 0.25 * W, "", "term too many: 0.25 times the parameter itself, as of a regularisation"),
        (3, lambda total, c: total + NOISE, "", ""), (7, lambda total, c: total + NOISE, "", ""), (1, lambda total, c: total * NOISE, "sin1[0]", ""),
        (1, lambda total, c: total + 0.25 * W, "", "term too many: 0.25 times the parameter itself, as of a regularisation"),
        (1, lambda total, c: 2 * total, "sin1[0]", "factor: every entry is 2 times the right one"), (1, lambda total, c: 0 * total, "sin1[0]", "zero: the contribution is missing"),
        (1, lambda total, c: np.sin(W), "sin1[0]", "f for f': the value of sin at sin1 stands where its derivative belongs"),
        (2, lambda total, c: c["exp"] - c["sin"], "sin1[0]", "sign: it is the negative of the right one"),
    ],
)  # fmt: skip
def test_through_which_use(uses, change, edge, diagnosis):
    """A wrong sum is that of one use where a known mistake there explains it; else all uses are named, five at most."""
    names = list(USES)[:uses]
    found = fault(names, change(sum(USES[k] for k in names), USES))
    assert (found.edge, found.diagnosis) == (edge, diagnosis)
    assert found.candidates == (() if edge else tuple(f"{k}1[0]" for k in reversed(names)))
    assert found.op == (edge.removesuffix("1[0]") or "sin")
    some = ", ".join(f"{k}1[0]" for k in names[::-1][:5]) + (", ..." if uses > 5 else "")
    where = f"through {edge} ({found.op})" if edge else f"through {'one of ' if uses > 1 else ''}{some}"
    assert found.message.startswith(f"gradient of w[{found.index[0]}] {where}: got ")
    assert found.message.endswith(diagnosis or "times the rounding bound")


@pytest.mark.parametrize(
    ("change", "edge", "diagnosis"),
    [
        (2 * np.cos(W) * np.exp(np.sin(W)), "", "factor: every entry is 2 times the right one"), (NOISE, "", ""),
        (np.sin(W) * np.exp(np.sin(W)), "sin1[0]", "f for f': the value of sin at sin1 stands where its derivative belongs"),
    ],
)  # fmt: skip
def test_in_a_region(change, edge, diagnosis):
    """With gradients alone a fault may lie anywhere behind the first use, unless it is one that only arises there."""
    graph = trace(lambda w: np.sum(np.exp(np.sin(w))), {"w": W})
    run = Reference().run(graph, {"w": W})
    found = judged(graph, {"w": W}, Run(run.loss, {"w": change})).findings[0]
    assert (found.edge, found.diagnosis, found.candidates) == (edge, diagnosis, () if edge else ("sin1[0]",))
    assert f"through sin1[0] {'(sin)' if edge else 'or beyond'}: got" in found.message


def test_a_value():
    """Of a value the operation is named, and a factor; a single number has no index."""
    w = np.array(0.5)
    graph = trace(lambda w: np.exp(np.sin(w).named("inner")), {"w": w})
    run = Reference().run(graph, {"w": w})
    wrong = dataclasses.replace(run, node_values={**run.node_values, "inner": 3 * run.node_values["inner"]})
    found = next(f for f in judged(graph, {"w": w}, wrong).findings if f.node == "inner" and f.direction == "value")
    assert found.message.startswith("value of inner (sin): got ")
    assert (found.edge, found.op, found.diagnosis) == ("", "sin", "factor: every entry is 3 times the right one")


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(("change", "diagnosis"), [(NOISE, ""), (0.25 * W, ""), (0 * W, "zero: the contribution is missing")])
def test_an_adjoint(change, diagnosis, whole):
    """Where all is handed back a wrong adjoint came through its one use; in a region it may have come from beyond. No value is regularised."""
    graph = trace(lambda w: np.sum(np.exp(np.sin((w * 1.0).named("inner")).named("last"))), {"w": W})
    run = Reference().run(graph, {"w": W})
    right = run.node_adjoints["inner"]
    adjoint = right + change if np.any(change) else change
    values, adjoints = (run.node_values, run.node_adjoints) if whole else ({}, {})
    wrong = Run(run.loss, {"w": adjoint}, values, {**adjoints, "inner": adjoint})
    found = judged(graph, {"w": W}, wrong).findings[0]
    assert (found.node, found.direction, found.diagnosis) == ("inner", "adjoint", diagnosis)
    assert found.edge == ("last[0]" if whole else "")
    assert found.effective_bits == pytest.approx(max(0.0, 53 - np.log2(found.ratio)))


def test_how_many_bits_are_right():
    """What is off by a part in 2^40 has some forty right bits."""
    graph = trace(lambda w: np.sum(np.sin(w)), {"w": W})
    run = Reference().run(graph, {"w": W})
    (found,) = judged(graph, {"w": W}, dataclasses.replace(run, gradients={"w": run.gradients["w"] * np.array([1.0, 1 + 2.0**-40, 1.0])})).findings
    assert found.effective_bits == pytest.approx(53 - np.log2(found.ratio))
    assert 38 < found.effective_bits < 44
