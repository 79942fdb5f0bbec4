"""What torch and JAX hand back: a tensor that requires gradients is an array like others; one without numbers is said to be none."""

import numpy as np
import pytest

from gradcheck.validation.validate import validate
from tests.foreign.targets import with_gradients


def _row(change):
    """Return the row of a target that hands back something else for each gradient, beside a right one."""
    bad, good = validate([with_gradients(change), "reference"], "linear-neuron")
    assert good.verdict == "pass"
    return bad


def test_torch():
    """Requiring gradients, negative, narrow: numbers. Sparse, meta: none that can be read."""
    torch = pytest.importorskip("torch")
    right = (
        lambda x: torch.tensor(x, requires_grad=True),
        lambda x: torch.nn.Parameter(torch.tensor(x)),
        lambda x: torch.imag(torch.conj(torch.as_tensor(-1j * x))),
        lambda x: torch.tensor(x).conj(),
    )
    assert [_row(change).verdict for change in right] == ["pass"] * len(right)
    assert _row(lambda x: torch.tensor(x).bfloat16()).verdict == "fail"
    for change in (lambda x: torch.as_tensor(np.atleast_2d(x)).to_sparse(), lambda x: torch.zeros(x.shape, device="meta")):
        row = _row(change)
        assert row.error
        assert "expected real numbers; got Tensor" in row.message


def test_jax():
    """An array that was deleted has no numbers any more."""
    jnp = pytest.importorskip("jax.numpy")

    def deleted(x):
        made = jnp.asarray(x)
        made.delete()
        return made

    row = _row(deleted)
    assert row.error
    assert "deleted" in row.message
