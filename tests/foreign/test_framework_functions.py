"""Hostile functions of torch and JAX: a verdict that is right, or an error of ours that says what was given."""

import warnings

import numpy as np
import pytest

from gradcheck.errors import BadInput, GradcheckError
from gradcheck.probe.check import check


def _ended(f, at, **options):
    """Return the verdict, or the class and text of the error."""
    try:
        return check(f, at, **options).verdict
    except GradcheckError as error:
        return f"{type(error).__name__}: {error}"


@pytest.fixture
def torch():
    """Return torch."""
    return pytest.importorskip("torch")


@pytest.fixture
def jax():
    """Return JAX."""
    return pytest.importorskip("jax")


def _linear(torch):
    return torch.nn.Linear(3, 2).double(), torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(4, 3)


def test_modes_of_the_caller(torch):
    """Whether the caller records or not is not f's affair, in functions and modules, at order 2 as well."""
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            module, x = _linear(torch)
            assert _ended(torch.sin, x) == "pass"
            assert _ended(module, x) == "pass"
            assert _ended(torch.sin, x, order=2) == "pass"
            assert _ended(lambda i, v: torch.sin(v)[i], (torch.tensor([0, 1]), x)) == "pass"


@pytest.mark.parametrize("hook", ["register_hook", "register_post_accumulate_grad_hook"])
def test_hooks_on_parameters(hook, torch):
    """What a hook does to a gradient is seen; one that does nothing is no fault, and the module is as it was."""

    def scaled(factor):
        module, x = _linear(torch)

        def twice(p):
            p.grad *= factor

        getattr(module.weight, hook)((lambda g: factor * g) if hook == "register_hook" else twice)
        before = {k: v.clone() for k, v in module.state_dict().items()}
        found = check(module, x)
        assert module.weight.grad is None
        assert all(torch.equal(before[k], v) for k, v in module.state_dict().items())
        return found

    assert scaled(1).verdict == "pass"
    report = scaled(2)
    assert report.verdict == "fail"
    assert "a hook on the parameter changes it" in report.findings[0].message


@pytest.mark.parametrize(
    ("dtype", "change", "verdict"),
    [("float64", 1e-9, "pass"), ("float64", 1e-7, "fail"), ("float32", 1e-4, "pass"), ("float32", 1e-3, "fail"), ("bfloat16", -0.02, "pass"), ("bfloat16", -0.5, "fail")],
)  # fmt: skip
def test_how_much_a_hook_may_change(dtype, change, verdict, torch):
    """Half of the digits of each format: what adding up in another order leaves alone; a hook that halves is seen in every one."""
    module, x = torch.nn.Linear(3, 2).to(getattr(torch, dtype)), torch.linspace(-1, 1, 12).reshape(4, 3).to(getattr(torch, dtype))
    module.weight.register_hook(lambda g: (1 + change) * g)
    found = check(module, x)
    assert found.verdict == verdict, str(found)
    assert any("a hook on the parameter" in f.message for f in found.findings) is (verdict == "fail")


def test_hooks_that_change_parameters_are_undone(torch):
    """An optimiser inside of the backward pass makes a step, which is taken back."""
    module, x = _linear(torch)
    before = module.weight.detach().clone()

    def step(p):
        with torch.no_grad():
            p -= 0.1 * p.grad

    module.weight.register_post_accumulate_grad_hook(step)
    assert check(module, x).verdict == "pass"
    assert torch.equal(module.weight, before)


def test_tensors_that_are_refused(torch):
    """Without numbers, or without rows: what was given is said."""
    module, x = _linear(torch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nested = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
        scripted = torch.jit.script(module)
    refused = {
        "meta": (torch.sin, torch.zeros(3, device="meta")), "meta ": (torch.nn.Linear(3, 2, device="meta"), torch.ones(3)),
        "sparse": (lambda v: 2 * v, torch.eye(3).to_sparse()), "nested": (lambda v: 2 * v, nested), "first call makes": (torch.nn.LazyLinear(2), x.float()),
        "torch.jit.script": (scripted, x),
    }  # fmt: skip
    for said, (f, at) in refused.items():
        with pytest.raises(BadInput, match=r"expected a .*got .*"):
            check(f, at)
        assert said.strip() in _ended(f, at)


def test_torch_functions_that_fail(torch):
    """Whatever f raises or hands back, at whatever call."""
    _, x = _linear(torch)
    count = iter(range(1000))

    def exits(*_):
        raise SystemExit(0)

    class Exits(torch.autograd.Function):
        @staticmethod
        def forward(ctx, v):
            return v.sin()

        @staticmethod
        def backward(ctx, g):
            raise SystemExit(0)

    for f in (exits, lambda v: v.sin() if next(count) < 3 else exits(), lambda v: None, lambda v: v.sin().numpy(), lambda v: v.sin().to_sparse(), lambda v: v.to("meta"), Exits.apply):
        assert not _ended(f, x).startswith(("pass", "fail")), f
    assert _ended(lambda v: v.sin().detach(), x) == "fail"


def test_jax_arguments(jax):
    """Keys pass through, donated arrays are copies, a deleted one is refused."""
    jnp, x = jax.numpy, jax.numpy.linspace(0.1, 0.9, 3)
    noisy = lambda key, v: jnp.sin(v) * jax.random.normal(key, v.shape)
    for key in (jax.random.key(0), jax.random.PRNGKey(0)):
        assert _ended(noisy, (key, x)) == "pass"
    assert _ended(noisy, (jax.random.key(0), x), explore=True, budget=60) in ("pass", "inconclusive")
    donating = jax.jit(jnp.sin, donate_argnums=0)
    assert _ended(donating, x) == "pass"
    assert _ended(donating, x, order=2) == "pass"
    assert np.all(np.isfinite(x))
    x.delete()
    with pytest.raises(BadInput, match="deleted"):
        check(jnp.sin, x)


def test_jax_functions_that_fail(jax):
    """Integers, truths, nothing, and whatever is raised."""
    jnp, x = jax.numpy, jax.numpy.linspace(0.1, 0.9, 3)

    def exits(*_):
        raise SystemExit(0)

    @jax.custom_vjp
    def late(v):
        return jnp.sin(v)

    late.defvjp(lambda v: (jnp.sin(v), v), lambda v, g: exits())
    for f in (jnp.argmax, lambda v: v > 0, lambda v: v.astype(int), lambda v: None, lambda v: 3.0, lambda v: jax.random.key(0), exits, late, lambda v: np.sin(v)):
        assert not _ended(f, x).startswith(("pass", "fail")), f
