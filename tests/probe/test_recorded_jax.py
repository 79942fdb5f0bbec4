"""A check of a JAX function has the certificate of a recorded run: it says so, and names the node and the place of what is wrong."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402 - after the skip

import gradcheck  # noqa: E402 - after the skip

X = np.random.default_rng(0).normal(size=(4, 5))


def layer(x, w):
    """Return a loss of one layer."""
    return jnp.sum(jnp.tanh(x @ w) ** 2)


def product(sign):
    """Return x sin(x) with a derivative by hand, the sign of one term of which is given."""

    @jax.custom_vjp
    def f(x):
        return jnp.sin(x) * x

    f.defvjp(lambda x: (f(x), x), lambda x, g: (g * (jnp.cos(x) * x + sign * jnp.sin(x)),))
    return lambda x: jnp.sum(f(x) * 2)


@pytest.mark.parametrize("jit", [False, True])
def test_what_passes_is_certified(jit):
    """Eager code and compiled code."""
    arguments = jnp.asarray(X, jnp.float32), jnp.asarray(X.T, jnp.float32)
    report = gradcheck.check(jax.jit(layer) if jit else layer, arguments)
    assert report.verdict == "pass"
    assert report.evidence.startswith("certified: ")


@pytest.mark.parametrize(("sign", "verdict"), [(1, "pass"), (-1, "fail")])
def test_what_fails_has_a_place(sign, verdict):
    """The line of the rule by hand, in this file."""
    report = gradcheck.check(product(sign), jnp.asarray(X, jnp.float32))
    assert report.verdict == verdict
    told = [f.message for f in report.findings if f.message.startswith("recorded run")]
    assert bool(told) == (verdict == "fail")
    assert all("test_recorded_jax.py" in text for text in told)


def test_arguments_that_are_no_arrays():
    """Numbers and keys pass through."""
    x = jnp.asarray(X, jnp.float32)
    assert gradcheck.check(lambda x, power: jnp.sum(x**power), (x, 3)).verdict == "pass"
    key = jax.random.key(0)
    assert gradcheck.check(lambda x, key: jnp.sum(x * jax.random.normal(key, x.shape)), (x, key)).verdict == "pass"
