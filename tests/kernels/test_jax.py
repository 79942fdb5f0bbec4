"""Kernels of JAX: a custom_vjp against plain operations, and jitted code."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402 - after the skip

import gradcheck  # noqa: E402 - after the skip
from gradcheck.errors import BadInput  # noqa: E402


def swiglu(a, b):
    """Return the gate in plain operations."""
    return a / (1 + jnp.exp(-a)) * b


def kernel(factor):
    """Return the gate computed in float32, its gradient by the first operand times a factor."""

    @jax.custom_vjp
    def fused(a, b):
        return swiglu(a.astype(jnp.float32), b.astype(jnp.float32)).astype(a.dtype)

    def backward(kept, g):
        a, b, g = (v.astype(jnp.float32) for v in (*kept, g))
        s = 1 / (1 + jnp.exp(-a))
        return (g * b * s * (1 + a * (1 - s)) * factor).astype(kept[0].dtype), (g * a * s).astype(kept[0].dtype)

    fused.defvjp(lambda a, b: (fused(a, b), (a, b)), backward)
    return fused


@pytest.mark.parametrize("stored", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (1.001, "fail")])
@pytest.mark.parametrize("jit", [False, True])
def test_a_custom_vjp(stored, factor, verdict, jit):
    """Its backward pass is the doubted one."""
    rng = np.random.default_rng(0)
    a, b = (jnp.asarray(rng.normal(size=(17, 40)), stored) for _ in range(2))
    report = gradcheck.check(jax.jit(kernel(factor)) if jit else kernel(factor), (a, b), reference=swiglu)
    assert report.verdict == verdict, str(report)
    if verdict == "fail":
        assert report.findings[0].mistake.number == pytest.approx(1.001, abs=1e-4)


def test_a_vjp_beside_is_refused():
    """JAX has a form of its own for it."""
    with pytest.raises(BadInput, match="custom_vjp"):
        gradcheck.check(kernel(1.0), (jnp.ones((2, 2)), jnp.ones((2, 2))), vjp=lambda g, a, b: (g, g), reference=swiglu)
