"""Mutants of second derivatives: made for every operation, right at first order, and caught."""

import numpy as np
import pytest

import gradcheck
from gradcheck.bench.power import chosen, posed
from gradcheck.errors import UnknownName
from gradcheck.faults.second import MISTAKES, detached, second_case, second_names
from gradcheck.networks.specimen import specimen
from gradcheck.ops import registry


def test_many_operations_have_them():
    """Linear operations have none; the cotangent's motion shows in networks alone."""
    names = {name: second_names(op) for name, op in registry.items()}
    assert names["neg"] == ()
    assert len(names["tanh"]) == len(MISTAKES) - 1
    assert sum(map(len, names.values())) > 150


@pytest.mark.parametrize("name", ["tanh", "matmul", "softmax", "norm", "div"])
def test_right_at_first_order(name):
    """The value of a changed rule is that of the right one."""
    op = registry[name]
    for wrong in MISTAKES:
        for number in range(len(op.samples)):
            graph, values = specimen(op, number)
            _, right = gradcheck.backward(graph, values)
            _, same = gradcheck.backward(graph, values, ops={**registry, name: detached(op, wrong)})
            assert all(np.array_equal(right[k], same[k]) for k in right)


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("name", ["tanh", "mul", "softplus", "softmax"])
def test_caught_as_functions(name):
    """`check` rejects each as the derivative of the gradient, and accepts the right one."""
    for full in second_names(registry[name]):
        fault = second_case(registry[name], full.partition("second-")[2])
        at = fault.ordinary(np.random.default_rng(1))
        assert gradcheck.check(fault.f, at, vjp=fault.wrong).verdict == "fail", full
        assert gradcheck.check(fault.f, at, vjp=fault.right).verdict == "pass", full


def test_the_exam_has_them():
    """They are a class of the exam, found by name."""
    assert "tanh/second-sign" in chosen("second")
    assert posed("tanh/second-sign").fault_class == "second"
    with pytest.raises(UnknownName, match="second-nothing"):
        second_case(registry["tanh"], "nothing")


@pytest.mark.deep
def test_all_of_them():
    """All are rejected where they show, and no right one is."""
    for full in chosen("second"):
        fault = posed(full)
        if fault is None or fault.fault_class != "second" or fault.kink or "/second-" not in full:
            continue
        at = fault.trigger(np.random.default_rng(2))
        assert gradcheck.check(fault.f, at, vjp=fault.wrong).verdict == "fail", full
        assert gradcheck.check(fault.f, at, vjp=fault.right).verdict != "fail", full
