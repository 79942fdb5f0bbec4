"""Targets that are installed are judged, and ones that misbehave get the documented verdict."""

import dataclasses
import re
import signal
import sys

import numpy as np
import pytest

from gradcheck.errors import CannotExpress, MissingDependency, TargetFailed, UnknownDtype, UnknownName
from gradcheck.graph.graph import Edge
from gradcheck.networks import networks
from gradcheck.result.finding import Skipped
from gradcheck.targets import Description, Run, targets
from gradcheck.targets.opening import opened
from gradcheck.targets.reference import Reference
from gradcheck.validation.validate import validate
from tests.judge.networks import MLP

SMALL = ["xor-2-2-1", "diamond", "fifty-uses", "relu-at-zero", "lstm", "logistic-mlp", "softmax-classifier", "sparse"]
SMALL = [n for n in SMALL if n in networks] + [n for n, x in networks.items() if x.small and n not in SMALL][: max(0, 8 - sum(n in networks for n in SMALL))]
LIBRARIES = {"reference": "numpy", "torch": "torch", "autograd": "autograd", "jax": "jax", "jax-jit": "jax", "sklearn": "sklearn"}
SLOW = {"jax", "jax-jit"}


def target(name):
    """Return a target, or skip where its library is missing."""
    pytest.importorskip(LIBRARIES[name])
    return targets[name]


def test_all_built_in_targets_are_tested():
    """A new target needs a line here."""
    assert set(LIBRARIES) == set(targets)


@pytest.mark.parametrize("name", ["reference", "torch", "autograd", "jax", "jax-jit"])
def test_installed_targets_are_certified(name):
    """On small networks, in both formats, every installed framework is certified."""
    target(name)
    chosen = SMALL[:2] if name in SLOW else SMALL
    matrix = validate(name, chosen, dtypes=("float64", "float32"))
    assert len(matrix) == 2 * len(chosen)
    assert {(r.network, r.verdict) for r in matrix} == {(n, "pass") for n in chosen}
    assert all(r.evidence.startswith("certified") for r in matrix)


def test_sklearn_is_certified():
    """The networks that scikit-learn can express are certified; the others are skipped with the reason."""
    target("sklearn")
    matrix = validate("sklearn", ["sklearn-*"], dtypes=("float64", "float32"))
    assert len(matrix) >= 8
    assert not any(r.verdict == "fail" for r in matrix)
    assert sum(r.evidence == "certified" for r in matrix) >= 0.9 * sum(r.verdict == "pass" for r in matrix) > 0


@pytest.mark.parametrize("name", LIBRARIES)
def test_versions_and_formats(name):
    """Every target reports its version and its formats."""
    d = Description.of(target(name), name)
    assert d.version
    assert {"float64", "float32"} <= set(d.dtypes)
    assert d.spec == name


@pytest.mark.parametrize("name", ["sklearn"])
def test_what_cannot_be_expressed_has_a_reason(name):
    """A network out of reach is skipped, not failed, and says why."""
    target(name)
    matrix = validate(name, ["lstm", "lenet-1989"])
    assert not matrix.rows
    assert matrix.verdict == "inconclusive"
    assert all(isinstance(s, Skipped) and len(s.reason) > 20 for s in matrix.skipped)


def test_formats_that_a_target_does_not_have_are_skipped():
    """A format that the target or the network does not have is no row."""
    target("autograd")
    (skipped,) = validate("autograd", ["xor-2-2-1"], dtypes=["bfloat16"]).skipped
    assert skipped.reason == "the target has no bfloat16"


REFERENCE = Reference()


class Mine:
    """A target with nothing but a name and run."""

    name = "mine"

    def run(self, graph, values):
        """Run the reference."""
        return REFERENCE.run(graph, values)


class Owner:
    """A name for a nested attribute."""

    mine = Mine()


def plain(graph, values):
    """Return loss and gradients of the reference."""
    run = REFERENCE.run(graph, values)
    return run.loss, run.gradients


@pytest.mark.parametrize("attribute", ["Mine", "Owner.mine", "plain"])
def test_module_and_attribute(attribute):
    """Classes, objects, nested ones and callables are found; the row has the name by which it was asked for, or its own."""
    spec = f"{__name__}:{attribute}"
    (row,) = validate(spec, ["xor-2-2-1"])
    assert row.verdict == "pass"
    assert row.target == ("mine" if attribute != "plain" else spec)


def test_a_target_without_version_needs_none():
    """The optional attributes have defaults."""
    matrix = validate(Mine(), ["xor-2-2-1"])
    assert matrix.verdict == "pass"
    assert matrix.versions["mine"] == ""


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [("pytorch", UnknownName, "did you mean 'torch'"), ("nowhere:target", TargetFailed, "ModuleNotFoundError: No module named 'nowhere'"), (f"{__name__}:nothing", TargetFailed, "has no attribute 'nothing'"),
     (f"{__name__}:SMALL", TargetFailed, "expected a target or a callable at .*; got list"), (":", TargetFailed, "importing it raised"), ("os:", TargetFailed, "importing it raised"), ("", UnknownName, "no target named ''")],
)  # fmt: skip
def test_bad_specs(spec, error, message):
    """What is no target is refused with what was expected; a run with it says so in its rows."""
    with pytest.raises(error, match=message), opened(spec):
        pass
    if error is TargetFailed:
        found, good = validate([spec, "reference"], ["xor-2-2-1"])
        assert (found.target, found.verdict, found.error, good.verdict) == (spec, "inconclusive", True, "pass")
        assert re.search(message, found.message)


def test_what_is_no_target_at_all():
    """An object that is neither a target nor callable has a row that says so."""
    (row,) = validate(3, ["xor-2-2-1"])
    assert row.error
    assert "or a callable; got int '3'" in row.message


def test_unknown_format():
    """A format that does not exist is refused before anything runs."""
    with pytest.raises(UnknownDtype):
        validate("reference", ["xor-2-2-1"], dtypes=["float65"])


@pytest.mark.core
@pytest.mark.parametrize("name", [n for n in LIBRARIES if n != "reference"])
def test_missing_library(name, monkeypatch):
    """Where the library is absent the message names the extra to install."""
    from gradcheck.targets.registry import Targets

    library = LIBRARIES[name]
    for module in [m for m in sys.modules if m == library or m.startswith((f"{library}.", f"gradcheck.targets.{library}"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingDependency, match=rf"{library} is not installed; install it with: pip install 'gradcheck\[{library}\]'"):
        Targets()[name]


def gradients(f):
    """Return a target that hands back f of each right gradient."""

    def changed(graph, values):
        run = REFERENCE.run(graph, values)
        return run.loss, {k: f(x) for k, x in run.gradients.items()}

    return changed


def run(**changes):
    """Return a target whose Run has other parts; a callable is given the right run."""

    def changed(graph, values):
        right = REFERENCE.run(graph, values)
        return dataclasses.replace(right, **{k: v(right) if callable(v) else v for k, v in changes.items()})

    return changed


def _mutating(graph, values):
    answer = REFERENCE.run(graph, values)
    values["w1"] *= 2
    return answer


def _clearing(graph, values):
    answer = REFERENCE.run(graph, values)
    values.clear()
    return answer


def _exits(graph, values):
    sys.exit(3)


def _raises(graph, values):
    raise ZeroDivisionError("mine\nis broken")


Z1 = np.ones((4, 3))
#: name -> (target, verdict, part of the message)
BAD = {
    "raises": (_raises, "inconclusive", "the target raised ZeroDivisionError: mine"), "exits": (_exits, "inconclusive", "the target raised SystemExit: 3"),
    "returns None": (lambda g, v: None, "inconclusive", "expected (loss, {name: gradient}) or a Run; got NoneType"), "returns a number": (lambda g, v: 3.0, "inconclusive", "got float"),
    "returns three": (lambda g, v: (1, 2, 3), "inconclusive", "expected (loss, {name: gradient})"), "gradients in a list": (lambda g, v: (1.0, [2.0]), "inconclusive", "expected (loss, {name: gradient})"),
    "Run without a mapping": (lambda g, v: Run(1.0, [2.0]), "inconclusive", "expected a mapping from names to arrays for each gradient; got list"),
    "wrong names": (lambda g, v: (1.0, {"q": np.ones(3)}), "inconclusive", "expected names that the graph has (parameters: w1, b1, w2, b2); got a gradient named 'q'"),
    "no gradients": (lambda g, v: (REFERENCE.run(g, v).loss, {}), "fail", "gradient of w1: expected an array of shape (3, 3); got none"),
    "None gradient": (gradients(lambda x: None), "fail", "expected an array of shape (3, 3); got none"), "flat": (gradients(np.ravel), "fail", "gradient of w1: expected shape (3, 3); got (9,)"),
    "transposed": (gradients(np.transpose), "fail", "gradient of w2: expected shape (3, 2); got (2, 3)"), "NaN": (gradients(lambda x: x * np.nan), "fail", "got nan"),
    "infinity": (gradients(lambda x: x + np.inf), "fail", "got inf"), "text": (gradients(lambda x: "abc"), "inconclusive", "gradient of w1: expected real numbers; got str 'abc'"),
    "digits": (gradients(lambda x: x.astype(str)), "inconclusive", "expected real numbers"), "complex": (gradients(lambda x: x + 0j), "inconclusive", "expected real numbers"),
    "objects": (gradients(lambda x: np.full(x.shape, None)), "inconclusive", "expected real numbers"), "ragged": (gradients(lambda x: [[1, 2], [3]]), "inconclusive", "expected real numbers"),
    "no loss": (run(loss=None), "fail", "loss: expected one number; got None"), "loss is a vector": (run(loss=np.ones(2)), "fail", "loss: expected one number"), "loss is NaN": (run(loss=np.nan), "fail", "got nan"),
    "mutates": (_mutating, "fail", "the target changed its input 'w1' in place"), "clears": (_clearing, "fail", "the target changed its input 'x' in place"),
    "node value of a wrong shape": (run(node_values={"z1": np.ones(3)}), "fail", "value of z1: expected shape (4, 3); got (3,)"),
    "adjoint of a wrong shape": (run(node_adjoints={"z1": np.ones(3)}), "fail", "adjoint of z1: expected shape (4, 3); got (3,)"),
    "node value of nothing": (run(node_values={"zz": Z1}), "inconclusive", "got a node value named 'zz'"), "adjoints in a list": (run(node_adjoints=[Z1]), "inconclusive", "for each node adjoint; got list"),
    "node value is NaN": (run(node_values={"z1": Z1 * np.nan}), "fail", "value of z1[0, 0]"), "wrong node value": (run(node_values=lambda r: {**r.node_values, "z1": Z1}), "fail", "value of z1"),
    "edges in a list": (run(edge_adjoints=[Z1]), "inconclusive", "expected a mapping from (name, Edge)"), "edge of nothing": (run(edge_adjoints={"z1": Z1}), "inconclusive", "expected edge adjoints by (name, Edge)"),
    "edge of a wrong shape": (run(edge_adjoints={("z1", Edge("a1", 0)): np.ones(7)}), "fail", "adjoint of z1 through a1[0]: expected shape (4, 3); got (7,)"),
    "plain gradients of nothing": (run(plain_gradients={"q": 1.0}), "inconclusive", "got a plain gradient named 'q'"),
    "plain gradients of a wrong shape": (run(plain_gradients={k: np.ones(7) for k in ("w1", "b1", "w2", "b2")}), "fail", "plain program: gradient of w1: expected shape (3, 3); got (7,)"),
    "plain gradients wrong": (run(plain_gradients=lambda r: {k: x * 1.5 for k, x in r.gradients.items()}), "fail", "plain program: gradient of"),
    "lies": (run(gradients=lambda r: {k: x * 1.5 for k, x in r.gradients.items()}), "fail", "gradient of"),
}  # fmt: skip


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", BAD)
def test_bad_targets(name):
    """A target that misbehaves gets the documented verdict and message, and the rows after it are complete."""
    bad, verdict, message = BAD[name]
    row, after = validate([bad, Mine()], [MLP])
    assert row.verdict == verdict
    assert message in row.message
    assert row.error == (verdict == "inconclusive")
    assert row.evidence in (("none",) if row.error else ("certified", "rigorous"))
    assert (after.target, after.verdict) == ("mine", "pass")


def test_a_lie_is_found_at_the_parameter():
    """Right node values and adjoints with wrong gradients: each parameter is named, with the factor."""
    (row,) = validate(BAD["lies"][0], [MLP])
    assert {f.node for f in row.findings if f.severity == "fault"} == {"w1", "b1", "w2", "b2"}
    assert all("factor" in f.diagnosis for f in row.findings if f.severity == "fault")


def test_gradients_of_more_than_was_asked_for_are_welcome():
    """Gradients of nodes and inputs that the graph has do no harm."""
    (row,) = validate(lambda g, v: (REFERENCE.run(g, v).loss, {**REFERENCE.run(g, v).gradients, "z1": np.ones(3)}), [MLP])
    assert row.verdict == "pass"


def test_where_a_target_raised_is_said():
    """File and line, but only of foreign code: a target that cannot be called at all has none."""
    (row,) = validate(_raises, [MLP])
    assert "(test_targets.py:" in row.message
    (row,) = validate(lambda: None, [MLP])
    assert "positional arguments but 2 were given" in row.message
    assert not row.message.endswith(")")


def test_a_target_may_decline():
    """CannotExpress skips the network with the target's reason."""

    def choosy(graph, values):
        raise CannotExpress("only on Sundays")

    (skipped,) = validate(choosy, [MLP]).skipped
    assert skipped.reason == "only on Sundays"


def test_interrupting_stops_everything():
    """An interrupt of the user is not an answer of the target."""

    def interrupted(graph, values):
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        validate(interrupted, [MLP])


def _by_name(graph, found):
    """Return the gradients that a plain program gives, by name, whatever way the framework gives them."""
    if len(found) == 3:  # scikit-learn: loss, those of weights, those of biases
        parts = [g for pair in zip(found[1], found[2], strict=True) for g in pair]
        return {k: np.asarray(g) for k, g in zip(("w1", "b1", "w2", "b2"), parts, strict=True)}
    gradients = found[1]
    return {k: np.asarray(gradients[k] if isinstance(gradients, dict) else gradients[i]) for i, k in enumerate(graph.differentiable)}


@pytest.mark.parametrize("name", ["reference", "torch", "autograd", "jax", "jax-jit", "sklearn"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_plain_programs(name, dtype):
    """What is timed computes the gradients that the instrumented program hands back, each time anew."""
    judged, network = target(name), networks["sklearn-regressor-identity-1"]
    values = network.values(dtype=dtype)
    run = judged.gradient(network.graph, values)
    run()
    found, expected = _by_name(network.graph, run()), judged.run(network.graph, values)
    for k, g in expected.gradients.items():
        assert found[k].dtype == dtype
        np.testing.assert_allclose(found[k], g, rtol=1e-12 if dtype == "float64" else 1e-4, atol=1e-12 if dtype == "float64" else 1e-5)
