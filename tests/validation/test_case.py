"""One case: what a target does to what it is given, when its mistake is explained, and code that shows its number again."""

import dataclasses

import numpy as np
import pytest

from gradcheck import backward, hvp
from gradcheck.networks import networks
from gradcheck.networks.network import Network
from gradcheck.ops import registry
from gradcheck.targets.reference import Reference
from gradcheck.targets.target import Description, Run
from gradcheck.validation.case import judged_case
from gradcheck.validation.validate import validate
from tests.judge.networks import MLP, broken, gradients_only

WRONG = broken("tanh", vjp=lambda m, g, y, x: (g * (1 - y),))


def spoiling(change):
    """Return a target with right answers that changes what it was given."""

    def target(graph, values):
        found = backward(graph, {k: x.copy() for k, x in values.items()})
        change(values)
        return found

    return target


@pytest.mark.parametrize(
    ("change", "spoiled"),
    [
        (lambda values: values["w1"].__imul__(2), True), (lambda values: values.pop("b2"), True), (lambda values: values["x"].__setitem__((0, 0), np.nan), True),
        (lambda values: values.update(w1=values["w1"].tolist()), True),
        (lambda values: values["w1"].__imul__(1), False), (lambda values: values.update(more=np.ones(2)), False),
    ],
)  # fmt: skip
def test_inputs_are_left_alone(change, spoiled):
    """Numbers that are others afterwards, or are gone, are a fault, however right the gradients are."""
    (row,) = validate(spoiling(change), [MLP], dtypes=["float64"])
    assert row.verdict == ("fail" if spoiled else "pass"), row.message
    assert ("in place" in row.message) is spoiled


@pytest.mark.parametrize(("target", "explained"), [(WRONG, False), (gradients_only(WRONG), True)])
def test_gradients_alone_are_explained(target, explained):
    """Where nodes were handed back the certificate names the mistake, and nothing is searched for."""
    (row,) = validate(target, [MLP], dtypes=["float64"])
    assert row.verdict == "fail"
    assert any(f.severity == "note" and "explained" in f.message for f in row.findings) is explained


@pytest.mark.parametrize(
    ("target", "network", "network_line", "target_line"),
    [
        (WRONG, MLP, "# network: your 'mlp'", "# target: your "), (WRONG, networks["xor-2-2-1-tanh"], "network = gradcheck.networks['xor-2-2-1-tanh']", "# target: your "),
        ("gradcheck.faults.pseudocode:target", networks["sklearn-binary-logistic-1"], "network = gradcheck.networks[", "target = gradcheck.targets['gradcheck.faults.pseudocode:target']"),
    ],
)  # fmt: skip
def test_code_that_shows_the_number_again(target, network, network_line, target_line):
    """It takes networks and targets by name where they have one, and says whose they are where they have none."""
    (row,) = validate(target, [network], dtypes=["float64"])
    faults = [f for f in row.findings if f.severity == "fault"]
    assert all(f.snippet for f in faults)
    lines = faults[0].snippet.splitlines()
    assert any(line.startswith(network_line) for line in lines)
    assert any(line.startswith(target_line) for line in lines)
    assert lines[-1].startswith("# expected")
    assert not any(f.snippet for f in row.findings if f.severity == "note")
    compile(faults[0].snippet, "snippet", "exec")


def test_code_of_a_single_number():
    """A parameter without axes has no index, and one without a number no expectation."""
    network = Network.of(lambda w: np.sin(w), {"w": np.array(0.5)})

    def target(graph, values):
        loss, g = backward(graph, values)
        return loss, {k: 2 * x for k, x in g.items()}

    (row,) = validate(target, [network], dtypes=["float64"])
    assert "print(np.asarray(run.gradients['w']))" in row.findings[0].snippet.splitlines()
    (row,) = validate(lambda graph, values: (1.0, {k: np.ones(7) for k in graph.parameters}), [MLP], dtypes=["float64"])
    assert all("# expected" not in f.snippet for f in row.findings if "shape" in f.message)


@pytest.mark.parametrize("mode", [None, "plain"])
def test_code_of_a_second_derivative(mode):
    """It asks for the product along the same direction, in the way that was wrong where there are several."""

    class Target:
        name = "mine"
        second_modes = () if mode is None else (mode,)

        def run(self, graph, values):
            return Reference().run(graph, values)

        def hvp(self, graph, values, direction, *modes):
            return {k: 3 * x for k, x in hvp(graph, values, direction).items()}

    (row,) = validate(Target(), [MLP], dtypes=["float64"], order=2)
    assert row.verdict == "fail"
    assert row.target == f"mine: {mode or 'hvp'}"
    line = next(line for line in row.findings[0].snippet.splitlines() if line.startswith("product"))
    assert line.endswith(f", 'float64', 0), {mode!r})" if mode else ", 'float64', 0))")


@pytest.mark.parametrize("part", ["node_values", "node_adjoints"])
def test_some_nodes_are_enough_for_the_certificate(part):
    """Where either values or adjoints were handed back it is not gradients alone."""
    doubled = broken("matmul", vjp=lambda m, g, y, a, b: tuple(2 * c for c in registry["matmul"].vjp(m, g, y, a, b)))

    def target(graph, values):
        run = doubled.run(graph, values)
        return dataclasses.replace(Run(run.loss, run.gradients), **{part: getattr(run, part)})

    (row,) = validate(target, [MLP], dtypes=["float64"])
    assert row.verdict == "fail"
    assert "gradient" in {f.direction for f in row.findings}
    assert not any(f.severity == "note" for f in row.findings)


def test_inputs_keep_their_format():
    """The same numbers in another format are a change too."""
    network = Network.of(lambda w: np.sum(np.sin(w)), {"w": np.array([1.0, 0.5])})
    (row,) = validate(spoiling(lambda values: values.update(w=values["w"].astype(np.float32))), [network], dtypes=["float64"])
    assert "in place" in row.message


@pytest.mark.parametrize(("spec", "named"), [("reference", True), ("./engine", True), ("mypkg:Engine", True), ("mine", False)])
def test_how_the_target_was_asked_for(spec, named):
    """By a name of ours, as a program or as something in a module it can be had again; an object only by its owner. Notes have no code."""
    network = Network.of(lambda w, unused: np.sum(np.tanh(w)), {"w": np.array([1.0, 0.5]), "unused": np.ones(2)})
    row = judged_case(Description.of(WRONG, spec), network, "float64", None, 0, enclose=False)
    assert {f.severity: bool(f.snippet) for f in row.findings} == {"fault": True, "note": False}
    line = f"target = gradcheck.targets[{spec!r}]" if named else f"# target: your {spec!r}"
    assert line in row.findings[0].snippet.splitlines()
