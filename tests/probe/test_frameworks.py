"""check on torch and JAX: their own autodiff is tested, and everything is left as found."""

import numpy as np
import pytest

from gradcheck import check
from gradcheck.errors import BadInput
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


@pytest.mark.parametrize("order", [1, pytest.param(2, marks=pytest.mark.deep)])
def test_compiled_functions_hand_over_their_buffers(order):
    """Their backward pass refuses a graph that is kept: it is kept only where it is asked again."""
    torch = pytest.importorskip("torch")
    compiled = torch.compile(lambda x: torch.tanh(torch.exp(x)) * torch.sin(x), backend="aot_eager")
    if order == 1:
        report = check(compiled, torch.linspace(-1, 1, 6, dtype=torch.float64))
        assert report.verdict == "pass", str(report)
    else:  # a compiled backward pass is differentiable once: that is said, and no fault
        assert check(compiled, torch.linspace(-1, 1, 6, dtype=torch.float64), order=2).verdict != "fail"


def test_tensors_of_zeros_have_no_memory():
    """Among the inputs, and as a gradient."""
    torch = pytest.importorskip("torch")
    zeros = torch._efficientzerotensor((4,), dtype=torch.float64)
    assert check(lambda x: torch.sin(x) + 1, zeros).verdict == "pass"
    first = custom(lambda x, y: torch.sin(x), lambda g, x, y: (g * torch.cos(x), torch._efficientzerotensor(g.shape, dtype=g.dtype)))
    x = torch.linspace(-1, 1, 4, dtype=torch.float64)
    report = check(lambda x, y: first(x, y) + y, (x, x + 1))
    assert report.verdict == "pass", str(report)


def test_keys_and_donated_buffers_of_jax():
    """A key passes through, alone or within a dict; a function that takes its arguments for good gets its own; what was taken is refused."""
    jax = pytest.importorskip("jax")
    x, key = jax.numpy.linspace(-1, 1, 5), jax.random.key(0)
    assert check(lambda x, k: x * jax.random.normal(k, x.shape), (x, key)).verdict == "pass"
    assert check(lambda p: p["x"] * jax.random.normal(p["k"], (5,)), {"x": x, "k": key}).verdict == "pass"
    taking = jax.jit(jax.numpy.sin, donate_argnums=0)
    assert check(taking, x).verdict == "pass"
    assert not x.is_deleted()
    gone = jax.numpy.ones(3)
    gone.delete()
    with pytest.raises(BadInput, match="donated"):
        check(lambda x: 2 * x, gone)


def test_outputs_without_a_gradient_are_left_out():
    """Whoever detached one, or returned integers, said that it has none; the report says which. A function all of whose outputs are detached has lost its gradient."""
    torch = pytest.importorskip("torch")
    x = torch.linspace(-1, 1, 4, dtype=torch.float64)
    report = check(lambda x: (x**2, x.max().detach(), x.argmax()), x)
    assert report.verdict == "pass", str(report)
    assert "output 1, output 2" in str(report)
    assert check(lambda x: (custom(lambda a: a**2, lambda g, a: (3 * g * a,))(x), x.argmax()), x).verdict == "fail"
    assert check(lambda x: (x**2).detach(), x).verdict == "fail"
    assert check(torch.native_layer_norm, (x, [4], None, None, 1e-5)).verdict == "pass"  # mean and deviation require none


def test_integer_outputs_of_jax_are_left_out():
    """Beside others; alone they are refused."""
    jax = pytest.importorskip("jax")
    x = jax.numpy.linspace(-1, 1, 4)
    report = check(lambda x: (x**2, jax.numpy.argmax(x)), x)
    assert report.verdict == "pass", str(report)
    assert "output 1" in str(report)
    branching = lambda x: (x**2 if x[0] < 0 else x, jax.numpy.argmax(x))
    assert "output 1" in str(check(branching, x))
    with pytest.raises(BadInput, match="floating-point"):
        check(jax.numpy.argmax, x)
