"""JAX functions recorded: programs are certified, derivatives by hand are judged as regions, nothing is lost on the way."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")

from jax import numpy as jnp  # noqa: E402

from gradcheck.arith.floating import Floating  # noqa: E402
from gradcheck.capture.jax.session import recorded_function  # noqa: E402
from gradcheck.engine.reverse import backward  # noqa: E402
from gradcheck.errors import NotRecorded  # noqa: E402
from tests.capture.jax_programs import PAIRS, PROGRAMS, custom, normal  # noqa: E402


@pytest.mark.sweep(one_in=4)
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_are_certified(name):
    """Every value and adjoint is within rounding; nothing is opaque; the graph's gradients are those of the run."""
    f, inputs = PROGRAMS[name]
    recording = recorded_function(f, inputs)
    row = recording.validate()
    assert row.verdict == "pass", row.message
    assert not recording.coverage.opaque
    graph, run = recording.graph, recording.run
    found = backward(graph, {k: np.asarray(x, np.float64) for k, x in recording.values.items()}, Floating())[1]
    for k, g in found.items():
        size = np.max(np.abs(g), initial=1e-30)
        np.testing.assert_allclose(np.asarray(run.gradients[k], float) / size, g / size, atol=3e-2 if name.startswith("bfloat16") else 1e-5)


@pytest.mark.sweep(one_in=5)
@pytest.mark.parametrize("name", PAIRS)
def test_a_right_derivative_by_hand_passes(name):
    """Its interior is a region: a formula in another rounding is no fault."""
    right, _, inputs, _ = PAIRS[name]
    row = recorded_function(lambda *xs: jnp.sum(jnp.sin(right(*xs))), inputs).validate()
    assert row.verdict == "pass", row.message


@pytest.mark.sweep(one_in=5)
@pytest.mark.parametrize("name", PAIRS)
def test_a_wrong_one_fails_and_its_line_is_named(name):
    """The finding has the file and a line of the function."""
    _, wrong, inputs, kind = PAIRS[name]
    row = recorded_function(lambda *xs: jnp.sum(jnp.sin(wrong(*xs))), inputs).validate()
    assert row.verdict == "fail", row.message
    assert row.location.rpartition(":")[0].endswith(("jax_programs.py", "test_jax.py"))
    mistake = row.findings[0].mistake
    assert not kind or (mistake is not None and mistake.kind == kind), row.message


def test_the_mistake_inside_of_a_region_is_explained():
    """Of 15 derivatives by hand at least 12 are named, by the way in which all entries are off or by the mistake at a node inside."""
    _, wrong, inputs, _ = PAIRS["rms norm, mean"]
    finding = recorded_function(lambda *xs: jnp.sum(jnp.sin(wrong(*xs))), inputs).validate().findings[0]
    assert "hands on 6 times the right contribution to operand 1 (6 is the size of an axis or array)" in finding.diagnosis


@pytest.mark.deep
def test_how_many_mistakes_are_named():
    """Four in five."""
    rows = [recorded_function(lambda *xs, f=wrong: jnp.sum(jnp.sin(f(*xs))), inputs).validate() for _, wrong, inputs, _ in PAIRS.values()]
    assert sum(bool(row.findings[0].diagnosis) for row in rows) >= 12


def test_what_has_no_rule_is_judged_alone():
    """By differences of that equation in float64, at the run's operands; everything else by its rules."""
    found = recorded_function(lambda x: jnp.sum(jax.lax.lgamma(x) * jnp.sin(x)), (jnp.abs(normal(4)) + 1,))
    assert [x.operation for x in found.coverage.opaque] == ["lgamma"]
    assert (found.coverage.by_differences, found.coverage.unjudged) == (4, 0)
    assert found.validate().verdict == "pass"


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (1.01, "inconclusive")])
def test_an_implicit_derivative(factor, verdict):
    """A loop that ends by its numbers, inside of a derivative by hand, is judged by differences; what they do not confirm is told, with both numbers."""

    def root(a):
        return jax.lax.while_loop(lambda y: jnp.max(jnp.abs(y * y - a)) > 1e-6, lambda y: 0.5 * (y + a / y), a)

    solve = custom(root, lambda g, a: (factor * g / (2 * jnp.sqrt(a)),))
    found = recorded_function(lambda a: jnp.sum(jnp.exp(solve(a))), (jnp.asarray([1.5, 2.0, 3.0]),))
    assert [x.kind for x in found.coverage.opaque] == ["function"]
    row = found.validate()
    assert row.verdict == verdict, row.message
    assert verdict == "pass" or "its differences give" in row.message


def test_a_fault_beside_an_opaque_equation_is_seen():
    """What it hands on is taken as it is; who is behind it is judged."""
    wrong = custom(jnp.sin, lambda g, x: (1.01 * g * jnp.cos(x),))
    assert recorded_function(lambda x: jnp.sum(jax.lax.lgamma(2 + wrong(x))), (normal(4),)).validate().verdict == "fail"
    assert recorded_function(lambda x: jnp.sum(wrong(jax.lax.lgamma(x))), (jnp.abs(normal(4)) + 1,)).validate().verdict == "fail"


def test_several_results():
    """Each gets a cotangent, given or fixed."""
    recording = recorded_function(lambda x: (jnp.sin(x), jnp.sum(x**2)), (normal(3),))
    assert recording.validate().verdict == "pass"
    given = recorded_function(lambda x: (jnp.sin(x), x**2), (jnp.ones(3, jnp.float32),), cotangents=(jnp.ones(3), jnp.zeros(3)))
    np.testing.assert_allclose(given.run.gradients["x0"], np.cos(np.ones(3)), rtol=1e-6)


def test_a_jitted_function_and_the_plain_one():
    """Both are recorded equation by equation; the plain program's gradients are judged beside."""
    f = jax.jit(lambda x: jnp.sum(jnp.tanh(x) ** 2))
    recording = recorded_function(f, (normal(3),))
    assert recording.validate().verdict == "pass"
    assert recording.run.plain_gradients is not None


@pytest.mark.parametrize(("f", "x"), [(lambda x: jnp.floor(x), jnp.ones(2)), (lambda x: 3.0, jnp.ones(2)), (lambda x: x + 1, jnp.arange(3))])
def test_nothing_to_differentiate(f, x):
    """An error with the reason."""
    with pytest.raises(NotRecorded, match="depends on a floating argument"):
        recorded_function(f, (x,))
