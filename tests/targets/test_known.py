"""Failures that targets declare as known: which rows and which faults they cover."""

import pytest

from gradcheck.engine.reverse import backward
from gradcheck.targets import Known, Run
from gradcheck.validation.validate import validate


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("*", True), ("xor-*", True), ("*/float32", True), ("wrong/xor-*/float32", True), ("*/float64", False), ("xor", False),
        ("right/*", False), ("XOR-*", False),
    ],
)  # fmt: skip
def test_names(pattern, named):
    """The pattern is held against the network's name and against the whole row, in the case that is written."""
    assert Known(pattern, "r", "l").names("wrong", "xor-2-2-1", "float32") is named


@pytest.mark.parametrize(
    ("more", "covered"),
    [
        ({}, True), ({"op": "relu"}, True), ({"op": "re"}, False), ({"diagnosis": "factor"}, True), ({"diagnosis": "sign"}, False),
        ({"where": "value of"}, True), ({"where": "loss"}, False), ({"op": "relu", "where": "adjoint"}, False),
    ],
)  # fmt: skip
def test_covers(more, covered):
    """Operation as a whole, mistake and message by their starts; all that are given have to fit."""
    assert Known("*", "r", "l", **more).covers(op="relu", diagnosis="factor: 2", message="value of loss") is covered


class Doubled:
    """Gradients that are twice too large."""

    name = "doubled"

    def __init__(self, *known):
        self.known = known

    def run(self, graph, values):
        """Return them."""
        loss, gradients = backward(graph, values)
        return Run(loss, {k: 2 * g for k, g in gradients.items()})


@pytest.mark.parametrize(
    ("known", "verdict"),
    [((), "fail"), (("xor-*",), "inconclusive"), (("*/float32",), "fail"), (("nand-*", "doubled/*/float64"), "inconclusive")],
)
def test_a_row_of_a_target(known, verdict):
    """What a target declares makes of its own row one that says so, and of no other."""
    (row,) = validate(Doubled(*(Known(k, "all is doubled", "a link") for k in known)), "xor-2-2-1")
    assert row.verdict == verdict
    assert row.known == ("all is doubled" if verdict == "inconclusive" else "")
    assert row.message.startswith("known: all is doubled (a link)") is (verdict == "inconclusive")
