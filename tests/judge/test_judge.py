"""What decides between kinds of evidence: how many operations a region may have, how far below a gradient a bound has to be."""

import dataclasses

import numpy as np
import pytest

from gradcheck import backward
from gradcheck.arith.running import Roundoff
from gradcheck.compare.statistics import usual_deviation
from gradcheck.graph.trace import trace
from gradcheck.judge.judge import judge
from gradcheck.ops import registry
from gradcheck.targets.reference import Reference
from gradcheck.targets.target import Run, leaf_arrays


def judged(graph, values, run, **settings):
    """Return the judgement on a run in float64."""
    return judge(graph, leaf_arrays(graph, values), run, Roundoff.of("float64"), "float64", **settings)


def chained(operations):
    """Return a chain of operations with a name for the last, values, and the run of the reference."""

    def chain(w):
        for _ in range(operations):
            w = np.sin(w)
        return np.sum(w.named("last"))

    values = {"w": np.array([0.5, 0.7])}
    graph = trace(chain, values)
    return graph, values, Reference().run(graph, values)


@pytest.mark.parametrize(("operations", "evidence"), [(8, "certified"), (9, "rigorous")])
def test_a_region_of_few_operations_is_local_evidence(operations, evidence):
    """A target that hands back the first and last of a chain is certified over as many operations as libraries fuse, and no more."""
    graph, values, whole = chained(operations)
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


@pytest.mark.parametrize(("times", "outcome"), [(6, ("pass", "rigorous")), (10, ("inconclusive", "statistical"))])
def test_what_rounding_usually_does(times, outcome):
    """In a sum of thousands of terms, a deviation far below the bound is inconclusive where no sweep came near it."""
    x, values = np.random.default_rng(0).normal(size=2000), {"w": np.array([1.0])}
    graph = trace(lambda w: np.sum(np.cumsum(np.sin(x * w))), values)
    loss, right = backward(graph, values)
    usual = usual_deviation(graph, leaf_arrays(graph, values), Roundoff.of("float64"), "longdouble", 0)["w"]
    found = judged(graph, values, Run(loss, {"w": right["w"] + times * usual.deviation}))
    assert (found.verdict, found.evidence) == outcome
    assert found.worst_ratio < 0.2
    assert found.message.startswith("gradients within" if outcome[0] == "pass" else "gradient of w: ")


def test_an_entry_that_hardly_varies_is_allowed_a_tenth_of_the_others():
    """Of eight sweeps an entry may have seen no rounding at all, beside others that did."""
    x, values = np.random.default_rng(0).normal(size=500), {"w": np.array([1.0, 2.0])}
    graph = trace(lambda w: np.sum(np.sin(x * w[0])) + w[1], values)
    usual = usual_deviation(graph, leaf_arrays(graph, values), Roundoff.of("float64"), "longdouble", 0)["w"]
    assert 0.05 < usual.deviation[1] / usual.deviation[0] < 0.2


@pytest.mark.parametrize(
    ("program", "value", "reason"),
    [(lambda w: np.log(w), 0.0, "are not finite"), (lambda w: np.exp(w), 710.0, "overflow of the format"), (lambda w: registry["relu"](w), 0.0, "")],
)
@pytest.mark.parametrize("bare", [False, True])
def test_why_nothing_can_be_said(program, value, reason, bare):
    """What is infinite in truth, what only the format does not hold, and what stands on a kink are told apart."""
    values = {"w": np.array([value])}
    graph = trace(lambda w: np.sum(program(w)), values)
    with np.errstate(all="ignore"):
        run = Reference().run(graph, values)
    found = judged(graph, values, Run(run.loss, run.gradients) if bare else run)
    assert found.verdict == ("inconclusive" if reason or bare else "pass")
    assert reason in found.message
    assert ("kink" in found.message) is (bare and not reason)


INSTRUMENTED = ("pass", "certified (instrumented)")


@pytest.mark.parametrize(
    ("part", "slack", "outcome"),
    [(0.0, 1, ("pass", "certified")), (2.0**-52, 1, INSTRUMENTED), (1e-14, 1, ("fail", "rigorous")), (1e-14, 8, INSTRUMENTED), (1e-9, 8, ("fail", "rigorous"))],
)  # fmt: skip
def test_the_plain_program_is_judged_by_its_gradients(part, slack, outcome):
    """Where asking for nodes makes another program of it, what is proved of that one says nothing of the plain one; slack is for both."""
    values = {"w": np.array([0.5, 0.7])}
    graph = trace(lambda w: np.sum(np.exp(np.sin(w))), values)
    run = Reference().run(graph, values)
    found = judged(graph, values, dataclasses.replace(run, plain_gradients={"w": run.gradients["w"] * (1 + part)}), slack=slack)
    assert (found.verdict, found.evidence) == outcome
    assert ("plain program" in found.message) is (part > 0)


def test_a_gradient_of_zeros():
    """It is exact, by itself and where a plain program gives it too; what is not zero then is a fault."""
    values = {"w": np.array([0.5, 0.7])}
    graph = trace(lambda w: np.sum(w * 0.0), values)
    run = Reference().run(graph, values)
    assert judged(graph, values, Run(run.loss, run.gradients)).evidence == "rigorous"
    for plain, outcome in ((np.zeros(2), ("pass", "certified")), (np.full(2, 1e-9), ("fail", "rigorous"))):
        found = judged(graph, values, dataclasses.replace(run, plain_gradients={"w": plain}))
        assert (found.verdict, found.evidence) == outcome


@pytest.mark.parametrize(("operations", "evidence"), [(8, "certified"), (9, "rigorous")])
def test_evidence_of_a_fault_in_a_region(operations, evidence):
    """A wrong gradient behind few operations is proved locally, as a right one would be; the value that is wrong too is told first."""
    graph, values, whole = chained(operations)
    value, adjoint = whole.node_values["last"], whole.node_adjoints["last"]
    found = judged(graph, values, Run(whole.loss, {"w": 2 * whole.gradients["w"]}, {"last": value}, {"last": adjoint}))
    assert (found.verdict, found.evidence, found.node) == ("fail", evidence, "w")
    found = judged(graph, values, Run(whole.loss, {"w": 2 * whole.gradients["w"]}, {"last": value * 1.5}, {"last": adjoint}))
    assert [(f.node, f.direction) for f in found.findings if f.severity == "fault"] == [("last", "value"), (graph.outputs[0], "value"), ("w", "gradient")]


@pytest.mark.parametrize("changes", [{"loss": None}, {"gradients": {"w": np.ones(3)}}, {"node_values": {"last": np.ones(3)}}])
@pytest.mark.parametrize("bare", [False, True])
def test_what_does_not_fit_is_a_fault(changes, bare):
    """However right all the rest is."""
    values = {"w": np.array([0.5, 0.7])}
    graph = trace(lambda w: np.sum(np.sin(w).named("last")), values)
    run = Reference().run(graph, values)
    run = dataclasses.replace(Run(run.loss, run.gradients) if bare else run, **changes)
    assert judged(graph, values, run).verdict == "fail"


def test_sums_over_a_tie_are_those_of_known_adjoints():
    """What a tie hands on adds up to its cotangent; where that is known but for rounding only, rounding is no fault."""
    values = {"a": np.array([0.5, 0.7, 0.1]), "b": np.array([0.5, 0.2, 0.3])}
    graph = trace(lambda a, b: np.sum(np.sin(np.maximum(a, b) * 1e6)), values)
    run = Reference().run(graph, values)
    assert judged(graph, values, Run(run.loss, run.gradients)).verdict != "fail"
    shares = {"a": run.gradients["a"] + np.array([1e-3, 0.0, 0.0]) * run.gradients["a"]}
    wrong = dataclasses.replace(run, gradients={**run.gradients, **shares})
    assert judged(graph, values, run).verdict == "pass"
    assert judged(graph, values, wrong).verdict == "fail"


def test_a_fault_is_told_once():
    """Where it is seen at a use, the sum over all uses says nothing more; a value of the same node is another fault."""
    w = np.array([0.5, 0.7])

    def twice_used(w):
        inner = (w * 1.0).named("inner")
        return np.sum(np.sin(inner) + np.exp(inner))

    graph = trace(twice_used, {"w": w})
    run = Reference().run(graph, {"w": w})
    through = {e: run.node_adjoints[e.consumer] * d for e, d in zip(graph.consumers("inner"), (np.cos(w), np.exp(w)), strict=True)}
    first = next(iter(through))
    edges = {("inner", e): x * (2 if e == first else 1) for e, x in through.items()}
    adjoint = sum(edges.values())
    wrong = dataclasses.replace(run, node_adjoints={**run.node_adjoints, "inner": adjoint}, gradients={"w": adjoint}, edge_adjoints=edges)
    found = [(f.node, f.direction, f.edge, f.diagnosis) for f in judged(graph, {"w": w}, wrong).findings if f.severity == "fault"]
    assert found == [("inner", "adjoint", f"{first.consumer}[0]", "factor: every entry is 2 times the right one")]
    spoiled = dataclasses.replace(wrong, node_values={**run.node_values, "inner": 1.5 * w})
    found = {(f.node, f.direction) for f in judged(graph, {"w": w}, spoiled).findings if f.severity == "fault"}
    assert {("inner", "value"), ("inner", "adjoint")} <= found


@pytest.mark.parametrize(
    ("parts", "right", "wrong"), [(("node_values",), "certified", "certified"), (("node_adjoints",), "certified", "certified"), ((), "rigorous", "rigorous")]
)
def test_what_was_handed_back_decides_the_evidence(parts, right, wrong):
    """Values or adjoints of nodes are looked at one by one, right or wrong; gradients alone are rigorous at best. The worst place is told."""
    values = {"w": np.array([0.5, 0.7])}
    graph = trace(lambda w: np.sum(np.sin(w)), values)
    whole = Reference().run(graph, values)
    run = Run(whole.loss, whole.gradients, **{k: getattr(whole, k) for k in parts})
    found, bad = judged(graph, values, run), judged(graph, values, dataclasses.replace(run, gradients={"w": 2 * whole.gradients["w"]}))
    assert (found.verdict, found.evidence, bad.verdict, bad.evidence) == ("pass", right, "fail", wrong)
    assert (found.node, found.op) in {("w", ""), ("sin1", "sin"), ("sum1", "sum")}
    assert 0 < found.worst_ratio <= 1


@pytest.mark.parametrize("enclose", [False, True])
def test_enclosures_do_not_judge_what_is_proved_node_by_node(enclose):
    """Behind an angle of a million the exact gradient is far from what every right operation makes of rounded operands; that is told as accuracy."""
    values = {"w": np.array([0.5, 0.7])}
    graph = trace(lambda w: np.sum(np.sin(w / 3 * 1e6)), values)
    found = judged(graph, values, Reference().run(graph, values), enclose=enclose)
    assert (found.verdict, found.evidence) == ("pass", "certified")
    assert [a.name for a in found.accuracy] == ["w"] * enclose


def test_without_an_enclosure():
    """What is too large for one is judged all the same."""
    values = {"w": np.linspace(0, 1, 61_000)}
    graph = trace(lambda w: np.sum(np.sin(w)), values)
    run = Reference().run(graph, values)
    found = judged(graph, values, Run(run.loss, run.gradients))
    assert (found.verdict, found.accuracy) == ("pass", ())


@pytest.mark.parametrize("scale", [2.0**-10, 1.0, 2.0**10])
def test_how_far_the_plain_program_is(scale):
    """In parts of the largest entry, whatever size that has."""
    values = {"w": np.array([0.5, 0.25])}
    graph = trace(lambda w: np.sum(w * w * (scale / 2)), values)
    run = Reference().run(graph, values)
    found = judged(graph, values, dataclasses.replace(run, plain_gradients={"w": run.gradients["w"] * (1 + 2.0**-52)}))
    assert found.message.endswith("differ by at most 2.2e-16 of the largest entry")


@pytest.mark.parametrize("textbook", [False, True])
def test_what_only_a_textbook_formula_usually_does(textbook):
    """Farther away than our formulas ever take it, within the running bound: a remark with those formulas that are behind the parameter."""
    rng = np.random.default_rng(0)
    x, values = rng.uniform(3, 4, 2000) * rng.choice([-1, 1], 2000), {"w": np.array([1.0]), "v": np.array([1.0])}
    graph = trace(lambda w, v: np.sum(np.cumsum(np.tanh(x * w))) + np.sum(registry["gelu"](v)), values)
    rule = {"vjp": lambda m, g, y, x: (g * (1 - y * y),)} if textbook else {}
    run = Reference(dict(registry) | {"tanh": dataclasses.replace(registry["tanh"], **rule)}, "mine").run(graph, values)
    found = judged(graph, values, Run(run.loss, run.gradients))
    assert found.verdict == "pass"
    remark = "gradient of w: accurate only as far as a textbook formula usually is (1 - y^2, used by every framework)"
    assert [(f.node, f.message) for f in found.findings if f.severity == "accuracy"] == [("w", remark)] * textbook


@pytest.mark.parametrize(("shares", "verdict"), [((1.0, 0.0), "pass"), ((0.5, 0.5), "pass"), ((1.0, 1.0), "fail"), ((0.0, 0.0), "fail")])
def test_shares_of_values_at_a_tie(shares, verdict):
    """Each share is right by itself, and together they have to be all of it, of values as of parameters."""
    values = {"a": np.array([0.5, 0.7]), "b": np.array([0.5, 0.7])}
    graph = trace(lambda a, b: np.sum(np.maximum(np.sin(a).named("p"), np.sin(b).named("q")) * 3.0), values)
    run = Reference().run(graph, values)
    adjoints = dict(zip("pq", (s * np.full(2, 3.0) for s in shares), strict=True))
    gradients = {"a": adjoints["p"] * np.cos(values["a"]), "b": adjoints["q"] * np.cos(values["b"])}
    found = judged(graph, values, dataclasses.replace(run, gradients=gradients, node_adjoints={**run.node_adjoints, **adjoints}))
    assert found.verdict == verdict


def test_a_tie_that_no_output_depends_on():
    """Nothing is handed on there, and nothing is missing."""
    values = {"a": np.ones(2), "b": np.ones(2), "v": np.ones(2)}
    graph = trace(lambda a, b, v: (np.sum(v), np.maximum(a, b))[0], values)
    run = Reference().run(graph, values)
    assert judged(graph, values, run).verdict == judged(graph, values, Run(run.loss, run.gradients)).verdict == "pass"


def test_accuracy_where_indices_are_constants_and_a_parameter_is_empty():
    """Integers stay what they are in an enclosure; of no entries there is no worst."""
    values = {"w": np.array([0.5, 0.7]), "none": np.ones(0)}
    graph = trace(lambda w, none: np.sum(np.sin(np.take(w, np.array([1, 0, 1]), axis=0))) + np.sum(none), values)
    run = Reference().run(graph, values)
    found = judged(graph, values, Run(run.loss, run.gradients))
    assert (found.verdict, [a.name for a in found.accuracy]) == ("pass", ["w"])
