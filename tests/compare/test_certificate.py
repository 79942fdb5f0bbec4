"""The certificate where the tight bound is exceeded: what a textbook formula explains, wherever it stands between what was handed back."""

import dataclasses

import numpy as np
import pytest

from gradcheck.arith.running import Roundoff
from gradcheck.graph.graph import Edge
from gradcheck.graph.trace import trace
from gradcheck.judge.judge import judge
from gradcheck.ops import registry
from gradcheck.targets.reference import Reference
from gradcheck.targets.target import leaf_arrays

RULES = {
    "right": {}, "textbook": {"vjp": lambda m, g, y, x: (g * (1 - y * y),)},
    "beside it": {"vjp": lambda m, g, y, x: (g * (1 - y * y) * m.constant(1 + 2.0**-26),)},
}  # fmt: skip
SPOKEN = {"right": ("pass", False), "textbook": ("pass", True), "beside it": ("fail", False)}
PARTS = {
    "all": lambda run: run,
    "edges": lambda run: dataclasses.replace(run, edge_adjoints={("w", Edge("tanh1", 0)): run.gradients["w"]}),
    "a region": lambda run: dataclasses.replace(run, node_values=_only(run.node_values, "last"), node_adjoints=_only(run.node_adjoints, "last")),
    "gradients": lambda run: dataclasses.replace(run, node_values=None, node_adjoints=None),
}


def _only(found, *names):
    return {k: x for k, x in found.items() if k in names}


def judged(graph, values, run):
    """Return the judgement on a run in float64."""
    return judge(graph, leaf_arrays(graph, values), run, Roundoff.of("float64"), "float64")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("rule", RULES)
def test_a_textbook_derivative(rule, part):
    """1 - y^2 loses digits at 6: that is remarked and no fault, by node, by use, in a region and alone; a part in 2^26 more is one."""
    values = {"w": np.array([6.0, 0.3])}
    graph = trace(lambda w: np.sum(np.exp(np.sin(np.tanh(w)).named("last"))), values)
    target = Reference(dict(registry) | {"tanh": dataclasses.replace(registry["tanh"], **RULES[rule])}, rule)
    found = judged(graph, values, PARTS[part](target.run(graph, values)))
    remarks = [f for f in found.findings if f.severity == "accuracy"]
    assert (found.verdict, bool(remarks)) == SPOKEN[rule]
    assert all("1 - y^2" in f.message and f.node == "w" for f in remarks)
    if found.verdict == "fail":
        assert found.node == "w"


@pytest.mark.parametrize("region", [False, True])
@pytest.mark.parametrize(("part", "verdict", "remarks"), [(None, "pass", 0), (0.0, "pass", 1), (2.0**-16, "fail", 0)])
def test_a_textbook_value(part, verdict, remarks, region):
    """The same for values: x/2 (1 + erf) cancels at -6, and the formula that is used inside of a region need not be handed back to be excused."""
    values = {"w": np.array([-6.0])}
    graph = trace(lambda w: np.sum(registry["gelu"](w) * 3.0), values)
    value = registry["gelu"].textbook[0].value
    other = dataclasses.replace(registry["gelu"], value=lambda m, x: value(m, x) * m.constant(1 + part)) if part is not None else registry["gelu"]
    run = Reference(dict(registry) | {"gelu": other}, "mine").run(graph, values)
    if region:
        run = dataclasses.replace(run, node_values=_only(run.node_values, *graph.outputs))
    found = judged(graph, values, run)
    said = [f for f in found.findings if f.severity == "accuracy" and f.direction == "value"]
    assert (found.verdict, len(said)) == (verdict, remarks), found.message
    assert all("published form" in f.message for f in said)


def test_edges_tell_which_use_is_wrong():
    """Where the contributions of single uses are handed back, the wrong one is the edge, though both lie behind one value."""
    values = {"w": np.array([0.5, 0.7])}
    graph = trace(lambda w: np.sum(np.sin(w) + np.exp(w)), values)
    run = Reference().run(graph, values)
    a, b = np.cos(values["w"]), np.exp(values["w"])
    wrong = dataclasses.replace(run, gradients={"w": a + 2 * b}, edge_adjoints={("w", Edge("sin1", 0)): a, ("w", Edge("exp1", 0)): 2 * b})
    right = dataclasses.replace(run, edge_adjoints={("w", Edge("sin1", 0)): a, ("w", Edge("exp1", 0)): b})
    assert judged(graph, values, right).verdict == "pass"
    found = judged(graph, values, wrong)
    assert found.verdict == "fail"
    assert [f.edge for f in found.findings if f.severity == "fault"] == ["exp1[0]"]
