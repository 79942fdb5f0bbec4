"""Hessians times vectors: right ones pass in every mode, wrong second derivatives fail and are named, rows say which way."""

from importlib.util import find_spec

import numpy as np
import pytest

import gradcheck
from gradcheck.arith.running import Roundoff, Running
from gradcheck.errors import BadInput
from gradcheck.faults.second import MISTAKES, detached
from gradcheck.graph.trace import trace
from gradcheck.judge.second import Product, direction, judge_product
from gradcheck.networks.network import Network, networks
from gradcheck.ops import registry
from gradcheck.targets.reference import Reference
from gradcheck.targets.registry import targets
from gradcheck.targets.target import leaf_arrays

SHAPES = {"w": (3, 2), "v": (3, 2), "x": (4, 3)}
FEW = ("xor-2-2-1", "activation-tanh", "softmax-regression", "lstm", "conv-group-norm", "loss-huber")


@pytest.mark.parametrize("name", ["reference", "torch", "autograd", "jax"])
def test_right_ones_pass(name):
    """Each way of each target, in two formats, is within rounding of the certified product."""
    library = targets.needs(name) if name != "reference" else "numpy"
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    few = FEW[:1] if name == "jax" else FEW
    matrix = gradcheck.validate(name, few, dtypes=["float64", "float32"], order=2)
    assert {r.verdict for r in matrix.rows} <= {"pass", "inconclusive"}
    assert sum(r.verdict == "pass" for r in matrix.rows) > len(matrix.rows) / 2
    modes = gradcheck.targets[name].second_modes
    assert {r.target for r in matrix.rows} == {f"{name}: {mode}" for mode in modes}


@pytest.mark.deep
def test_right_ones_pass_everywhere():
    """JAX compiles each of four products for each network: most of them are for the deep run."""
    pytest.importorskip("jax")
    matrix = gradcheck.validate("jax", FEW[1:], dtypes=["float64", "float32"], order=2)
    assert {r.verdict for r in matrix.rows} <= {"pass", "inconclusive"}
    assert {r.network for r in matrix.rows if r.verdict == "pass"} == set(FEW[1:])


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda w: w.name)
@pytest.mark.parametrize("op", ["tanh", "mul", "logistic", "softmax"])
def test_wrong_second_derivatives_are_caught_and_named(op, mistake):
    """A rule that is right at first order and wrong at second passes order 1 and fails order 2, with its name."""
    wrong = Reference({**registry, op: detached(registry[op], mistake)}, name="wrong")
    calls = {
        "tanh": lambda w, v, x: np.sum(np.square(np.tanh(x @ w))),
        "mul": lambda w, v, x: np.sum(np.exp((x @ w) * (x @ v))),
        "logistic": lambda w, v, x: np.sum(np.square(gradcheck.ops.logistic(x @ w))),
        "softmax": lambda w, v, x: np.sum(np.exp(gradcheck.ops.softmax(x @ w, axis=-1))),
    }
    rng = np.random.default_rng(0)
    network = Network.of(calls[op], {k: rng.normal(size=s) for k, s in SHAPES.items()}, inputs=["x"])
    assert gradcheck.validate(wrong, network).verdict == "pass"
    row = gradcheck.validate(wrong, network, order=2).rows[0]
    assert (row.verdict, row.evidence) == ("fail", "rigorous")
    assert mistake.text.format(op=op) in row.findings[0].diagnosis
    assert row.findings[0].direction == "hvp"


def test_a_class_of_ones_own():
    """Any target with hvp(graph, values, direction) can be judged; one without is skipped with the reason."""

    class Mine(Reference):
        second_modes = ()

        def hvp(self, graph, values, direction):
            return {k: 2 * x for k, x in gradcheck.hvp(graph, values, direction).items()}

    row = gradcheck.validate(Mine(name="mine"), "xor-2-2-1", order=2).rows[0]
    assert (row.target, row.verdict) == ("mine: hvp", "fail")
    skipped = gradcheck.validate(lambda graph, values: gradcheck.backward(graph, values), "xor-2-2-1", order=2).skipped[0]
    assert "no hvp" in skipped.reason


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda found: {}, "nothing for"),
        (lambda found: {k: np.zeros(7) for k in found}, "expected shape"),
        (lambda found: {k: x * np.nan for k, x in found.items()}, "got nan"),
        (lambda found: [1], "mapping"),
        (lambda found: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_bad_answers(answer, message):
    """Missing parameters, wrong shapes, NaN, no mapping, an exception: each is named."""

    class Bad(Reference):
        second_modes = ()

        def hvp(self, graph, values, direction):
            return answer(gradcheck.hvp(graph, values, direction))

    row = gradcheck.validate(Bad(name="bad"), "xor-2-2-1", order=2).rows[0]
    assert row.verdict != "pass"
    assert message in row.message
    assert not any("expected nan" in f.snippet for f in row.findings)


def test_a_single_entry():
    """One entry of the product that is off by 1e-9 is caught."""

    class Off(Reference):
        second_modes = ()

        def hvp(self, graph, values, direction):
            found = {k: np.array(x) for k, x in gradcheck.hvp(graph, values, direction).items()}
            next(iter(found.values())).flat[0] *= 1 + 1e-9
            return found

    row = gradcheck.validate(Off(name="off"), "xor-2-2-1", order=2).rows[0]
    assert row.verdict == "fail"
    assert row.findings[0].index == (0, 0)
    assert "hvp(network.graph" in row.findings[0].snippet


def test_orders():
    """Only first and second order are judged."""
    with pytest.raises(BadInput, match="order 1 or 2"):
        gradcheck.validate("reference", "xor-2-2-1", order=3)


@pytest.mark.deep
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["reference", "torch", "autograd"])
def test_every_network(name, dtype):
    """No right target fails on any network; what is not finite or on a kink is inconclusive."""
    if name != "reference" and find_spec(targets.needs(name)) is None:
        pytest.skip(f"{name} is not installed")
    matrix = gradcheck.validate(name, list(networks), dtypes=[dtype], order=2)
    assert not [str(r) for r in matrix.rows if r.verdict == "fail"]
    assert sum(r.verdict == "pass" for r in matrix.rows) > 0.9 * len(matrix.rows)


@pytest.mark.parametrize(("times", "verdict"), [(6, "pass"), (11, "fail")])
def test_another_order_of_differentiating_rounds_some_times_more(times, verdict):
    """A Hessian times a vector may be several running bounds of our sweep away, and not a dozen."""
    values = {"w": np.array([0.5, 1.5, -0.25])}
    graph = trace(lambda w: np.sum(np.sin(w) * np.sin(w)), values)
    asked = Product(graph, leaf_arrays(graph, values), direction(graph, "float64"), Roundoff.of("float64"), "float64")
    right = asked.over(Running(asked.roundoff, asked.wide))["w"]
    assert judge_product(asked, {"w": np.asarray(right.value + times * right.radius(), np.longdouble)}).verdict == verdict


@pytest.mark.parametrize(("times", "verdict"), [(0.0, "pass"), (1.0, "pass"), (2.0, "inconclusive"), (12.0, "fail")])
def test_a_wide_bound_is_no_evidence(times, verdict):
    """Where a narrow format's bound is no small part of the product, what rounding usually does decides, and what is beyond it is open."""
    values = {"w": np.random.default_rng(0).normal(size=300).astype(np.float16)}
    graph = trace(lambda w: np.sum(np.cumsum(np.sin(w) * w)), {"w": values["w"].astype(np.float64)})
    asked = Product(graph, leaf_arrays(graph, values), direction(graph, "float16"), Roundoff.of("float16"), "float16")
    right = asked.over(Running(asked.roundoff, asked.wide))["w"]
    found = judge_product(asked, {"w": right.value + times * right.radius()})
    assert (found.verdict, found.evidence) == (verdict, "rigorous" if verdict == "fail" else "statistical")
    assert found.resolution is None or 0.01 < found.resolution < 0.1


@pytest.mark.parametrize(("entry", "other", "verdict"), [(0.0, 0.0, "inconclusive"), (1.0, 0.0, "inconclusive"), (0.0, 1.0, "fail")])
def test_at_a_kink_of_the_slope_nothing_is_said(entry, other, verdict):
    """Of an entry whose second derivative jumps any value may be right; the others are judged."""
    values = {"w": np.array([0.0, 1.0])}
    graph = trace(lambda w: np.sum(registry["relu"](w) * registry["relu"](w)), values)
    asked = Product(graph, leaf_arrays(graph, values), {"w": np.ones(2)}, Roundoff.of("float64"), "float64")
    assert judge_product(asked, {"w": np.array([entry, 2.0 + other])}).verdict == verdict


@pytest.mark.parametrize("found", [{}, {"w": None}, {"w": np.ones(3)}])
def test_products_that_do_not_fit(found):
    """One that is missing, or of another shape, is a fault."""
    values = {"w": np.array([0.5, 1.0])}
    graph = trace(lambda w: np.sum(w * w), values)
    asked = Product(graph, leaf_arrays(graph, values), {"w": np.ones(2)}, Roundoff.of("float64"), "float64")
    assert judge_product(asked, found).verdict == "fail"


@pytest.mark.parametrize(("shape", "place"), [((3,), "w[1]"), ((), "w")])
@pytest.mark.parametrize("part", [1e-6, np.nan])
def test_what_is_said_of_a_wrong_product(shape, place, part):
    """The entry where it has one, how many bits are right, and a mistake where one is recognised."""
    values = {"w": np.linspace(0.5, 1.5, 3 if shape else 1).reshape(shape)}
    graph = trace(lambda w: np.sum(np.sin(w) * w), values)
    asked = Product(graph, leaf_arrays(graph, values), {"w": np.ones(shape)}, Roundoff.of("float64"), "float64")
    got = np.array(gradcheck.hvp(graph, values, {"w": np.ones(shape)})["w"])
    got[(1,) if shape else ()] *= 1 + part
    (found,) = judge_product(asked, {"w": got}).findings
    assert found.message.startswith(f"Hessian times vector, entry {place}: got ")
    assert found.message.endswith("times the rounding bound")
    assert found.effective_bits == (0.0 if np.isnan(part) else pytest.approx(53 - np.log2(found.ratio)))
    doubled = judge_product(asked, {"w": 2 * np.array(gradcheck.hvp(graph, values, {"w": np.ones(shape)})["w"])}).findings[0]
    assert doubled.message.endswith(f"; {doubled.diagnosis}") is bool(doubled.diagnosis)
