"""The reference against the oracles: 45 digits, and a wrong rule shows in every oracle."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.errors import BadInput, UnknownName
from gradcheck.networks import networks
from gradcheck.networks.specimen import specimen
from gradcheck.ops import registry
from gradcheck.oracles import ORACLES
from gradcheck.oracles.estimate import estimate
from gradcheck.verify.agreement import Agreement, Answer, Case, agree, agreement_digits, cases, verify

QUICK = ("xor-2-2-1", "single-neuron", "two-heads", "softmax-regression", "lstm", "attention-causal", "saturated-tanh", "empty-batch")
SMALL = [n.name for n in networks.values() if n.small]


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("name", QUICK)
def test_networks_agree(name: str) -> None:
    """All three oracles answer and agree with the reference; float64 lies within its bound."""
    found = agree(Case("network", name))
    assert found.faults() == []
    assert all(a.digits is not None for a in found.answers)


@pytest.mark.sweep(one_in=5)
@pytest.mark.parametrize("name", list(registry))
def test_operations_agree(name: str) -> None:
    """Every operation agrees with every oracle at its last sample."""
    found = agree(Case("operation", name, len(registry[name].samples) - 1))
    assert found.faults() == []
    assert all(a.digits is not None for a in found.answers)


@pytest.mark.deep
@pytest.mark.parametrize("name", SMALL)
def test_every_small_network_agrees(name: str) -> None:
    """At least two oracles answer for each small network without kinks, to 45 digits."""
    assert agree(Case("network", name)).faults() == []


@pytest.mark.deep
@pytest.mark.parametrize("name", list(registry))
def test_every_sample_agrees(name: str) -> None:
    """Every sample of every operation, at two points."""
    for number, _ in enumerate(registry[name].samples):
        assert agree(Case("operation", name, number)).faults() == []
        assert agree(Case("operation", name, number), seed=1).faults() == []


@pytest.mark.parametrize(
    ("op", "wrong"),
    [
        ("tanh", lambda m, g, y, x: (g * (1 - y),)),
        ("tanh", lambda m, g, y, x: (g * m.sech2(x) * m.constant(1 + 2.0**-50),)),
        ("matmul", lambda m, g, y, a, b: (registry["matmul"].vjp(m, g, y, a, b)[0], -registry["matmul"].vjp(m, g, y, a, b)[1])),
    ],
)
def test_wrong_rule_shows_in_every_oracle(op: str, wrong: Any) -> None:
    """An engine with a wrong vjp, by 1e-15 even, disagrees with each oracle."""
    ops = dict(registry) | {op: replace(registry[op], vjp=wrong)}
    found = agree(Case("network", "autoencoder-tied" if op == "matmul" else "activation-tanh"), ops=ops)
    used = {n.op for n in found.case.load(0)[0].nodes}
    assert op in used
    assert len([f for f in found.faults() if "digits" in f]) == len(ORACLES)


def test_kinks_may_go_unanswered() -> None:
    """On a kink all oracles give up, with reasons, and that is no fault."""
    found = agree(Case("network", "relu-at-zero"))
    assert found.faults() == []
    assert all("kink" in a.reason for a in found.answers)


def test_too_few_answers_are_a_fault() -> None:
    """One oracle of three is not enough where there is no kink."""
    answers = (Answer("symbolic", None), Answer("differences", None), Answer("forward", 80.0))
    assert "only 1 of 3" in Agreement(Case("network", "xor-2-2-1"), answers, 0.1, 0.0).faults()[0]
    assert Agreement(Case("network", "relu-at-zero"), answers, 0.1, 0.0).faults() == []


def test_float64_beyond_its_bound_is_a_fault() -> None:
    """The running bound judges the float64 sweep."""
    assert "float64" in Agreement(Case("network", "xor-2-2-1"), (), 1.5, 0.0).faults()[0]


def made(values: list[str], bounds: list[str]) -> Any:
    """Return an estimate of one array from decimal text."""
    m = Multiprecision(60)
    x, b = (m.array(np.array([m.context.mpf(v) for v in text], dtype=object)) for text in (values, bounds))
    return estimate({"w": x}, {"w": b}, 60, "by hand")


def test_digits_are_counted_entry_by_entry() -> None:
    """A small entry counts by itself where it is known, and by the largest where it is not."""
    exact = ["0", "0"]
    assert agreement_digits(made(["1", "1e-20"], exact), made(["1", "1e-20"], exact)) == float("inf")
    assert agreement_digits(made(["1", "1e-20"], exact), made(["1", "1.001e-20"], exact)) == pytest.approx(3)
    assert agreement_digits(made(["1", "1e-60"], exact), made(["1", "0"], ["0", "1e-59"])) == pytest.approx(60)
    assert agreement_digits(made(["0", "0"], exact), made(["0", "1e-70"], ["1e-70", "1e-70"])) == pytest.approx(70)


def test_cases_are_found_by_pattern() -> None:
    """Small networks and every sample of an operation; what matches nothing is refused."""
    assert [c.label for c in cases(["xor-2-2-1"], ["tanh"])] == ["xor-2-2-1", "tanh[0]", "tanh[1]", "tanh[2]"]
    assert len(cases(["*"], [])) == len(SMALL)
    with pytest.raises(UnknownName, match="operation"):
        cases([], ["tahn"])
    large = next(n.name for n in networks.values() if not n.small)
    with pytest.raises(BadInput, match="small"):
        cases([large], [])


@pytest.mark.deep
def test_two_processes_give_the_same() -> None:
    """The pool keeps order and answers; progress counts up."""
    wanted, seen = cases(["xor-2-2-1", "adaline"], ["sin"]), []
    here = verify(wanted, processes=1)
    pooled = verify(wanted, processes=2, progress=lambda label, k, n: seen.append((label, k, n)))
    assert [a.case for a in here] == [a.case for a in pooled]
    assert [[x.digits for x in a.answers] for a in here] == [[x.digits for x in a.answers] for a in pooled]
    assert [k for _, k, _ in seen] == list(range(1, len(wanted) + 1))


@pytest.mark.parametrize("name", ["log", "embedding", "where", "kl_divergence", "arctanh"])
def test_specimens_lie_in_the_domain(name: str) -> None:
    """Operands have their kinds: the value is finite, integers are constants."""
    graph, values = specimen(registry[name], 0)
    assert all(leaf.kind == "constant" for leaf in graph.leaves if leaf.type != "float")
    assert np.isfinite(registry[name](*(values.get(x, graph.leaf[x].value) for x in graph.nodes[0].inputs))).all()


def test_enclosures_hold_what_the_others_find() -> None:
    """The ball oracle proves forty digits, holds the estimates of the others, and meets the certified sweep."""
    found = agree(Case("network", "xor-2-2-1"))
    (ball,) = (a for a in found.answers if a.oracle == "ball")
    assert ball.proved is not None
    assert ball.proved > 40
    assert ball.missed == ()
    assert found.faults() == []


def test_an_enclosure_that_misses_is_a_fault() -> None:
    """A wrong rule of the engine lies outside of the enclosure, and so does its certified sweep."""
    wrong = dict(registry) | {"tanh": replace(registry["tanh"], vjp=lambda m, g, y, x: (g * m.sech2(x) * m.constant(1 + 2.0**-50),))}
    found = agree(Case("network", "activation-tanh"), oracles=("ball",), ops=wrong)
    assert set(found.answers[0].missed) == {"the reverse sweep", "the certified sweep"}
    assert any("misses that of the certified sweep" in f for f in found.faults())


def test_few_proved_digits_are_a_fault() -> None:
    """An enclosure of a smooth network has to be narrow."""
    answers = (Answer("ball", 80.0, proved=12.0), Answer("forward", 80.0))
    assert "only 12.0 digits are proved" in Agreement(Case("network", "xor-2-2-1"), answers, 0.1, 0.0).faults()[0]
    assert Agreement(Case("network", "relu-at-zero"), answers, 0.1, 0.0).faults() == []


@pytest.mark.parametrize(("digits", "proved", "faults"), [(46.0, 41.0, 0), (44.0, 41.0, 1), (46.0, 39.0, 1), (44.0, 39.0, 2)])
def test_how_many_digits_are_asked_for(digits: float, proved: float, faults: int) -> None:
    """An oracle agrees to 45 digits, and an enclosure proves 40; a digit less is a fault."""
    answers = (Answer("symbolic", float("inf")), Answer("ball", digits, proved=proved))
    assert len(Agreement(Case("network", "xor-2-2-1"), answers, None, 0.0).faults()) == faults


def test_agreements_are_plain_data() -> None:
    """What is equal, and what gave up, is a null; float64 is measured beside its bound."""
    answers = (Answer("symbolic", float("inf")), Answer("forward", None), Answer("ball", 50.5, proved=49.0))
    data = json.loads(json.dumps(Agreement(Case("network", "xor-2-2-1"), answers, 0.5, 0.0).to_dict(), allow_nan=False))
    assert [(a["digits"], a["proved"], a["exact"]) for a in data["answers"]] == [(None, None, True), (None, None, False), (50.5, 49.0, False)]
    found = agree(Case("network", "xor-2-2-1"), oracles=("forward",))
    assert 0.01 < found.ratio <= 1


@pytest.mark.parametrize(("bound", "digits"), [("9e-66", 3), ("2e-65", 23)])
def test_an_entry_counts_by_itself_where_it_is_known(bound: str, digits: int) -> None:
    """To 45 digits; one that is known to fewer counts in terms of the largest entry."""
    assert agreement_digits(made(["1", "1e-20"], ["0", bound]), made(["1", "1.001e-20"], ["0", "0"])) == pytest.approx(digits)
    assert agreement_digits(made(["1", "1e-20"], ["0", "0"]), made(["1", "1.001e-20"], ["0", bound])) == pytest.approx(digits)
