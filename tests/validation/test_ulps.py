"""The measured table of elementary functions: what it allows to whom."""

import numpy as np
import pytest

from gradcheck import ops
from gradcheck.networks.network import Network
from gradcheck.targets.reference import Reference
from gradcheck.targets.target import Run
from gradcheck.validation.ulps import UNMEASURED_ROOT, measured_ulps, most_ulps
from gradcheck.validation.validate import validate

ROOTS = Network.of(lambda w: ops.sum(ops.sqrt(w)), {"w": np.linspace(1.0, 4.0, 64)}, name="roots")


def _root_of_a_vector_library(graph, values):
    """Return the reference's answer, with the second nearest number where that is within 0.77 ulp of the root."""
    run = Reference().run(graph, values)
    node = next(n.name for n in graph.nodes if n.op == "sqrt")
    nearest, exact = run.node_values[node], np.sqrt(values["w"].astype(np.longdouble))
    second = np.nextafter(nearest, np.where(exact > nearest, 9.0, 0.0))
    close = np.abs(second - exact) < 0.77 * np.spacing(nearest)
    assert close.any()
    y = np.where(close, second, nearest)
    return Run(np.sum(y), {"w": 1 / (2 * y)}, {node: y})


@pytest.mark.parametrize(("target", "dtype", "allowed"), [("reference", "float64", 0.5), ("jax", "float32", 0.5), ("torch", "float64", 1.4), ("torch", "float32", 1.2)])
def test_square_root_where_it_was_measured(target, dtype, allowed):
    """Half an ulp where the nearest number was always returned, else twice the largest error that was found."""
    assert measured_ulps(target, dtype)["sqrt"] == pytest.approx(allowed)


def test_square_root_of_an_unknown_library():
    """Nobody knows what it is built on: one ulp."""
    assert measured_ulps("mine", "float64") == {"sqrt": UNMEASURED_ROOT}


def test_roots_that_are_not_the_nearest_numbers_are_no_fault():
    """What torch's square root does now and then (random/5/267) is rounding, also in an engine built on it."""
    (row,) = validate(_root_of_a_vector_library, [ROOTS])
    assert row.verdict == "pass", row.message


def test_torch_root_that_is_not_the_nearest_number():
    """The square root of this number by torch lies 0.57 ulp off."""
    pytest.importorskip("torch")
    (row,) = validate("torch", "random/5/267", seed=5)
    assert row.verdict == "pass", row.message


@pytest.mark.parametrize(("target", "dtype", "name"), [("torch", "float64", "softplus"), ("torch", "bfloat16", "erf")])
def test_what_is_no_rounding_is_not_excused(target, dtype, name):
    """A function that is wrong somewhere has an error in the table, and is judged as if it had none."""
    assert name not in measured_ulps(target, dtype)
    assert "tanh" in measured_ulps(target, dtype)


def test_the_largest_rounding():
    """Of exp where its largest argument was rounded once: what a longer format says of it is just within."""
    x = np.linspace(512.0, 700.0, 10_001)
    exact = np.exp(x.astype(np.longdouble))
    moved = np.exp(x.astype(np.longdouble) + np.spacing(x) / 2)
    worst = np.max((moved - exact) / np.spacing(exact.astype(np.float64)))
    assert 0.9 * most_ulps("float64") < worst <= 1.001 * most_ulps("float64")


@pytest.mark.parametrize("name", ["sinh", "cosh"])
def test_exponentials_far_out_in_jax(name):
    """JAX adds log 1/2 to the argument, which loses nine bits beyond 512: rounding, and no fault."""
    pytest.importorskip("jax")
    f = getattr(ops, name)
    far = Network.of(lambda w: ops.sum(f(w)), {"w": np.linspace(520.0, 700.0, 64)}, name="far")
    (row,) = validate("jax", [far])
    assert row.verdict == "pass", row.message


def test_roots_that_are_more_than_an_ulp_off_are_a_fault():
    """The neighbour of the nearest number on its far side is no root, whatever the engine is built on."""

    def target(graph, values):
        run = Reference().run(graph, values)
        node = next(n.name for n in graph.nodes if n.op == "sqrt")
        nearest, exact = run.node_values[node], np.sqrt(values["w"].astype(np.longdouble))
        other = np.nextafter(nearest, np.where(exact > nearest, 0.0, 9.0))
        off = np.abs(other - exact) > 1.2 * np.spacing(nearest)
        assert off.any()
        y = np.where(off, other, nearest)
        return Run(np.sum(y), {"w": 1 / (2 * y)}, {node: y})

    (row,) = validate(target, [ROOTS])
    assert row.verdict == "fail"
