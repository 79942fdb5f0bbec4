"""Complex numbers are pairs of reals: the gradient is dL/dRe + i dL/dIm."""

import numpy as np
import pytest

from gradcheck import check

RNG = np.random.default_rng(0)
Z = RNG.normal(size=3) + 1j * RNG.normal(size=3)
X = RNG.normal(size=4)

RIGHT = {
    "|z|^2": (lambda z: np.sum(np.abs(z) ** 2), Z, lambda g, z: (2 * g * z,)),
    "z^2": (lambda z: z * z, Z, lambda g, z: (g * np.conj(2 * z),)),
    "conj": (np.conj, Z, lambda g, z: (np.conj(g),)),
    "real": (np.real, Z, lambda g, z: (g + 0j,)),
    "fft of reals": (np.fft.fft, X, lambda g, x: (np.real(np.fft.ifft(g)) * len(x),)),
    "abs": (np.abs, Z, lambda g, z: (g * z / np.abs(z),)),
    "complex64": (lambda z: z * z, Z.astype(np.complex64), lambda g, z: (g * np.conj(2 * z),)),
}
WRONG = {
    "no conjugate": (lambda z: z * z, Z, lambda g, z: (2 * g * z,)),
    "real rule for abs": (np.abs, Z, lambda g, z: (g * np.sign(z.real) + 0j,)),
    "imaginary part lost": (lambda z: np.sum(np.abs(z) ** 2), Z, lambda g, z: (2 * g * z.real,)),
    "complex gradient of a real input": (np.fft.fft, X, lambda g, x: (np.fft.ifft(g) * len(x),)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_complex_derivatives_pass(name):
    """Complex inputs, complex outputs, both formats."""
    f, x, vjp = RIGHT[name]
    report = check(f, x, vjp=vjp)
    assert report.verdict == "pass", str(report)


@pytest.mark.parametrize("name", WRONG)
def test_wrong_complex_derivatives_fail(name):
    """A missing conjugate is a wrong gradient."""
    f, x, vjp = WRONG[name]
    assert check(f, x, vjp=vjp).verdict == "fail"


def test_torch_and_jax_use_their_own_conventions():
    """torch's gradient is ours, JAX's is the conjugate: both pass."""
    torch = pytest.importorskip("torch")
    report = check(lambda z: (z * z.conj()).real + torch.exp(z).imag, torch.tensor(Z), order=2)
    assert report.verdict == "pass", str(report)


def test_jax_complex():
    """JAX in complex64."""
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    report = check(lambda z: (z * jnp.conj(z)).real + jnp.exp(z).imag, jnp.asarray(Z, jnp.complex64))
    assert report.verdict == "pass", str(report)
    assert check(jnp.exp, jnp.asarray(Z, jnp.complex64), order=2).verdict == "pass"
