"""check on torch and JAX: their own autodiff is tested, and everything is left as found."""

import numpy as np
import pytest

from gradcheck import check
from tests.probe.custom import custom


def test_torch_function_with_a_wrong_sign():
    """A custom Function whose backward has the wrong sign."""
    torch = pytest.importorskip("torch")

    cube = custom(lambda x: x**3, lambda g, x: -3 * g * x * x)
    report = check(cube, torch.linspace(0.5, 2, 5, dtype=torch.float64))
    assert report.findings[0].diagnosis.startswith("sign")


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_torch_functions_pass_in_every_format(dtype):
    """gelu in three formats; the narrow ones are compared with a float64 run."""
    torch = pytest.importorskip("torch")
    x = torch.linspace(-2, 2, 7, dtype=getattr(torch, dtype))
    report = check(torch.nn.functional.gelu, x)
    assert report.verdict == "pass"
    assert report.arithmetic == ("differences" if dtype == "float64" else "differences of f run in float64")


def test_torch_module_is_left_as_found():
    """All parameters are checked; batch statistics, random state and training mode do not change."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 2)
    )
    x, before, state = torch.randn(6, 4), {k: v.clone() for k, v in net.state_dict().items()}, torch.get_rng_state()
    report = check(net, x)
    assert report.verdict == "pass", str(report)
    assert net.training
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


def test_jax_custom_vjp_with_a_wrong_factor():
    """A custom_vjp that is off by 3/2."""
    jax = pytest.importorskip("jax")

    @jax.custom_vjp
    def square(x):
        return x**2

    square.defvjp(lambda x: (x**2, x), lambda x, g: (3 * x * g,))
    report = check(square, jax.numpy.arange(1.0, 4.0))
    assert report.findings[0].diagnosis.startswith("factor: every entry is 3/2")
    assert check(lambda x: jax.numpy.sum(jax.numpy.tanh(x)), jax.numpy.arange(3.0)).verdict == "pass"


def test_loops_of_jax_are_compiled_once():
    """The body of a scan is a new function at each call of f: it is traced a few times, and not at each evaluation."""
    jax = pytest.importorskip("jax")
    traced = []

    def loss(w, x):
        def step(h, row):
            traced.append(1)
            h = jax.numpy.tanh(w @ h + row)
            return h, h

        return jax.numpy.sum(jax.lax.scan(step, jax.numpy.zeros(3), x)[1] ** 2)

    rng = np.random.default_rng(0)
    report = check(loss, (jax.numpy.asarray(rng.normal(size=(3, 3))), jax.numpy.asarray(rng.normal(size=(6, 3)))))
    assert report.verdict == "pass"
    assert len(traced) < report.evaluations
    branching = lambda x: x**2 if x[0] > 0 else x  # not over tracers: evaluated as it is
    assert check(branching, jax.numpy.asarray([0.5, 1.0])).verdict == "pass"
