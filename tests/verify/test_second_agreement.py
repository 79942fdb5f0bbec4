"""Second derivatives: forty digits in every way, wrong rules show, and float64 is symmetric to rounding."""

from dataclasses import replace

import numpy as np
import pytest

from gradcheck.errors import UnknownName
from gradcheck.networks.network import networks
from gradcheck.ops import registry
from gradcheck.verify import second_agreement as module
from gradcheck.verify.agreement import Answer, Case, cases
from gradcheck.verify.second_agreement import SecondAgreement, agree_second, verify_second
from gradcheck.verify.second_ways import WAYS

SMOOTH = [n.name for n in networks.values() if n.small and n.smooth]
QUICK = ["xor-2-2-1", "softmax-regression", "two-heads", "diamond", "saturated-tanh", "empty-batch", "loss-norm"]


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("name", QUICK)
def test_networks_agree(name):
    """Every way that answers agrees to forty digits; layered networks have all five."""
    found = agree_second(Case("network", name))
    assert found.faults() == []
    assert all(a.digits is not None for a in found.answers if a.oracle != "recursion")
    assert (found.answers[0].digits is not None) == (name in ("xor-2-2-1", "softmax-regression", "empty-batch"))


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("name", ["tanh", "matmul", "softmax", "layer_norm", "huber", "norm", "div"])
def test_operations_agree(name):
    """So does an operation at its first sample."""
    assert agree_second(Case("operation", name)).faults() == []


@pytest.mark.deep
@pytest.mark.parametrize("name", SMOOTH)
def test_every_small_network_agrees(name):
    """Each small smooth network, at another point than `gradcheck verify --order 2` takes."""
    found = agree_second(Case("network", name), seed=1)
    assert found.faults() == []
    assert found.ratio is not None


@pytest.mark.deep
@pytest.mark.parametrize("name", list(registry))
def test_every_sample_agrees(name):
    """Every sample of every operation."""
    for number, _ in enumerate(registry[name].samples):
        assert agree_second(Case("operation", name, number)).faults() == []


def test_a_wrong_rule_shows():
    """A vjp whose value is right at the point, and whose derivative is wrong by 1e-15, disagrees with every oracle of values."""
    wrong = lambda m, g, y, x: (g * (m.sech2(x) * m.constant(1 + 2.0**-50)),)
    found = agree_second(Case("network", "xor-2-2-1-tanh"), ops=dict(registry) | {"tanh": replace(registry["tanh"], vjp=wrong)})
    disagree = {a.oracle for a in found.answers if a.digits is not None and a.digits < 40}
    assert {"recursion", "symbolic"} <= disagree
    assert {a.oracle for a in found.answers if a.missed} >= {"recursion", "symbolic"}


def test_a_rule_that_is_right_in_value_alone_shows():
    """A vjp that freezes its slope as a constant gives the right gradient and a wrong Hessian: differences of that gradient say so."""

    def frozen(m, g, y, x):
        slope = m.sech2(x)
        return (g * (m.array(m.number(slope)) if hasattr(slope, "rest") else slope),)

    found = agree_second(Case("network", "activation-tanh"), ops=dict(registry) | {"tanh": replace(registry["tanh"], vjp=frozen)})
    assert {a.oracle for a in found.answers if a.digits is not None and a.digits < 40} >= {"recursion", "symbolic", "differences"}
    assert found.ratio is None or found.faults()


def test_where_pieces_meet():
    """At the joint of Huber's loss there is no second derivative: no digits are claimed, and every way lies within the enclosure."""
    found = agree_second(Case("network", "huber-at-delta"))
    assert found.known < 1
    assert all(a.digits is None and not a.missed for a in found.answers)
    assert found.faults() == []


def test_too_few_answers_and_float64_beyond_its_bound_are_faults():
    """So is an entry outside of the enclosure."""
    alone = (Answer("recursion", None), Answer("symbolic", 80.0, "entry by entry"), Answer("line", None))
    assert "only 1 of 3" in SecondAgreement(Case("network", "diamond"), alone, 50, 0.1, 0.1, 0).faults()[0]
    for ratio, asymmetry in ((1.5, 0.1), (0.1, 1.5)):
        assert "bound: 1.5" in SecondAgreement(Case("network", "diamond"), (), 50, ratio, asymmetry, 0).faults()[0]
    outside = (Answer("symbolic", 80.0, missed=("certified sweep",)),)
    assert "outside" in SecondAgreement(Case("network", "diamond"), outside, 50, 0.1, 0.1, 0).faults()[0]


def test_asymmetry_is_measured(monkeypatch):
    """A float64 Hessian that is not symmetric, by a millionth, is beyond its bound."""
    right = module.hessian

    def crooked(*args, **options):
        found = right(*args, **options)
        blocks = {pair: found[pair].copy() for pair in found}
        blocks["w1", "w2"] *= 1 + 1e-6
        return type(found)(found.names, blocks)

    monkeypatch.setattr(module, "hessian", crooked)
    found = agree_second(Case("network", "xor-2-2-1"), ways=("line",))
    assert found.ratio > 1e3
    assert found.asymmetry > 1e3


def test_networks_with_kinks_are_left_out():
    """And an unknown way is refused."""
    assert [a.case.name for a in verify_second([Case("network", "relu-at-zero"), Case("network", "adaline")], ways=("line",))] == ["adaline"]
    with pytest.raises(UnknownName, match=r"no oracle of second derivatives \(--order 2\) named 'lines'; did you mean 'line'"):
        verify_second([], ways=("lines",))


@pytest.mark.deep
def test_two_processes_give_the_same():
    """Answers come in order; progress counts."""
    todo, seen = cases(["diamond", "adaline"], []), []
    found = verify_second(todo, ways=("symbolic",), processes=2, progress=lambda *a: seen.append(a))
    assert [a.case.name for a in found] == ["adaline", "diamond"] or [a.case.name for a in found] == ["diamond", "adaline"]
    assert [k for _, k, _ in seen] == [1, 2]
    assert found[0].to_dict()["answers"][0]["oracle"] == "symbolic"


def test_ways_have_names():
    """The ways are those of the documentation."""
    assert list(WAYS) == ["recursion", "symbolic", "differences", "multiprecision", "line"]
    assert np.isfinite(agree_second(Case("network", "diamond"), ways=("line",)).answers[0].digits)


@pytest.mark.parametrize(("digits", "faults"), [(41.0, 0), (39.0, 1)])
def test_how_many_digits_are_asked_for(digits, faults):
    """Second derivatives agree to 40 digits; one less is a fault."""
    answers = (Answer("recursion", float("inf")), Answer("symbolic", digits))
    assert len(SecondAgreement(Case("network", "xor-2-2-1"), answers, 50.0, None, None, 0.0).faults()) == faults
