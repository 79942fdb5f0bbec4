"""The exam: its cases, its rows and its counts."""

import json

import numpy as np
import pytest

from gradcheck.bench.power import Row, as_data, chosen, examine, false_alarms, misnamed, missed, posed, problem_of, score
from gradcheck.errors import BadInput
from gradcheck.faults import faults
from gradcheck.ops import registry


def row(case="c", inputs="trigger", role="wrong", verdict="fail", mistake="", kinds=()):
    """Return a row of a checker."""
    return Row("ours", case, "class", inputs, role, verdict, mistake, tuple(f"{k}: it is" for k in kinds), 10, 0.5, "", kinds)


def test_cases():
    """Faults, right rules and mutants; by name, by class, or one mutant by its own name."""
    everything = chosen("*", 2)
    assert set(faults) <= set(everything)
    assert {f"{op}/right-{k}" for op in registry for k in range(len(registry[op].samples))} <= set(everything)
    assert sum("/" in n and "/right-" not in n and "/second-" not in n for n in everything) <= 2 * len(registry)
    assert set(chosen("*", 0)) == set(faults)
    assert chosen("tanh/sign", 0) == ["tanh/sign"]
    assert {faults[n].fault_class for n in chosen("tie,mask", 0)} == {"tie", "mask"}
    with pytest.raises(BadInput, match="nothing-of-this"):
        chosen("nothing-of-this")


def test_a_mutant_that_is_no_mistake_is_no_case():
    """The mean may be subtracted once or twice."""
    assert posed("layer_norm/subtract2-drop-second") is None
    assert list(examine(["layer_norm/subtract2-drop-second"], ["gradcheck"])) == []


def test_rows_of_a_fault():
    """Wrong and right at both places; exploration is not repeated where the fault already showed."""
    told = []
    rows = list(examine(["tiny-square-zero"], ["gradcheck"], explore=False, progress=lambda *a: told.append(a)))
    assert [(r.inputs, r.role, r.verdict) for r in rows] == [
        ("ordinary", "wrong", "fail"), ("trigger", "wrong", "fail"), ("ordinary", "right", "pass"), ("trigger", "right", "pass"),
    ]  # fmt: skip
    assert rows[0].named
    assert all(r.evaluations > 0 and r.seconds > 0 for r in rows)
    assert told == [("tiny-square-zero", 1, 1)]
    explored = list(examine(["tanh/sign"], ["gradcheck"]))
    assert [r.inputs for r in explored] == ["ordinary", "explored", "trigger"]
    assert explored[0].seconds == explored[1].seconds


@pytest.mark.deep
def test_processes_share_the_cases():
    """The rows are the same and in the same order."""
    names = ["tiny-square-zero", "tanh/sign", "tanh/right-0"]
    alone, shared = (list(examine(names, ["gradcheck"], explore=False, jobs=jobs)) for jobs in (1, 2))
    assert [(r.case, r.inputs, r.role, r.verdict, r.evaluations) for r in alone] == [
        (r.case, r.inputs, r.role, r.verdict, r.evaluations) for r in shared
    ]


def test_exploration_finds_what_ordinary_inputs_hide():
    """At ordinary inputs alone the fault cannot be seen."""
    rows = [r for r in examine(["theano-1780-pow"], ["gradcheck"]) if r.role == "wrong"]
    assert [(r.inputs, r.verdict) for r in rows] == [("ordinary", "pass"), ("explored", "fail"), ("trigger", "fail")]


def test_a_seed_decides_the_inputs():
    """The same seed poses the same problem, another one another; a memory is filled before the trigger."""
    fault = faults["tiny-square-zero"]
    a, b, c = (problem_of(fault, "ordinary", "wrong", seed).inputs[0] for seed in (0, 0, 1))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)
    stale = posed("square/stale")
    problem = problem_of(stale, "trigger", "wrong", 0)
    first = problem_of(stale, "ordinary", "wrong", 0).inputs[0]
    assert np.array_equal(problem.vjp(np.ones_like(first), *problem.inputs)[0], 2 * first)


@pytest.mark.parametrize(
    ("mistake", "kinds", "named"),
    [
        ("sign", ("sign",), True),
        ("permutation", ("roll",), True),
        ("sign", ("factor", "sign"), True),
        ("sign", ("factor",), False),
        ("sign", (), None),
        ("", ("factor",), None),
    ],
)
def test_names(mistake, kinds, named):
    """A mistake is named by its own kind or one that is as right; no name, or no pattern, is neither right nor wrong."""
    assert row(mistake=mistake, kinds=kinds).named is named
    assert row(role="right", mistake=mistake, kinds=kinds).named is None


def test_score():
    """Cases are counted once, however many rows they have."""
    rows = [
        row("a", "ordinary", verdict="pass"), row("a", "trigger", mistake="sign", kinds=("sign",)),
        row("b", "ordinary", mistake="sign", kinds=("zero",)), row("b", "trigger", verdict="pass", mistake="sign"),
        row("c", "ordinary", verdict="error"), row("c", "trigger", verdict="inconclusive"),
        row("a", "ordinary", "right"), row("a", "trigger", "right"), row("b", "explored", "right"),
    ]  # fmt: skip
    s = score(rows)
    assert (s.wrong, s.rejected) == (3, {"ordinary": 1, "trigger": 1, "explored": 0})
    assert (s.right, s.right_rejected, s.right_explored) == (2, 1, 1)
    assert (s.inconclusive, s.errors) == (1, 1)
    assert (s.nameable, s.named, s.misnamed) == (2, 1, 1)
    assert (s.evaluations, s.seconds, s.total) == (10, 0.5, 4.5)
    assert [r.case for r in missed(rows)] == ["c"]
    assert [(r.case, r.inputs) for r in false_alarms(rows)] == [("a", "ordinary"), ("a", "trigger"), ("b", "explored")]
    assert [r.case for r in misnamed(rows)] == ["b"]
    assert score([]).seconds == 0


def test_data():
    """Everything is plain."""
    data = json.loads(json.dumps(as_data([row(mistake="sign", kinds=("sign",))])))
    assert data["schema"] == "gradcheck-power/1"
    assert data["rows"][0]["named"] is True
    assert data["rows"][0]["diagnoses"] == ["sign: it is"]


@pytest.mark.deep
@pytest.mark.parametrize("name", sorted(registry))
def test_no_right_rule_is_rejected(name):
    """At ordinary inputs, and at ties, borders and kinks, the right rule of every sample is accepted."""
    rows = list(examine(chosen(f"{name}/right-*", 1), ["gradcheck"], explore=False))
    assert rows
    assert not [r for r in rows if r.verdict in ("fail", "error")]
