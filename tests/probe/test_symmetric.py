"""Functions of symmetric matrices that read one triangle: a gradient may count both, and is checked along symmetric matrices then."""

import numpy as np
import pytest
from ml_dtypes import bfloat16

from gradcheck import check
from gradcheck.probe.subject.subject import Subject
from gradcheck.probe.subject.symmetric import _counts_both, is_symmetric

RNG = np.random.default_rng(0)
A = RNG.normal(size=(4, 4))
A = A @ A.T + 4 * np.eye(4)
Z = np.triu(RNG.normal(size=(4, 4)) + 1j * RNG.normal(size=(4, 4)), 1)
Z = Z + Z.conj().T + 9 * np.eye(4)
X = np.arange(1.0, 5.0)


def cholesky_vjp(g, a):
    """Symmetrised, as in libraries (Murray, Differentiation of the Cholesky decomposition, 2016)."""
    factor = np.linalg.cholesky(a)
    inverse = np.linalg.inv(factor)
    phi = np.tril(factor.conj().T @ g)
    phi[np.diag_indices(len(a))] /= 2
    found = inverse.conj().T @ phi @ inverse
    return ((found + found.conj().T) / 2,)


def eigenvalues_vjp(g, a):
    """Symmetric as it is."""
    _, vectors = np.linalg.eigh(a)
    return ((vectors * g) @ vectors.conj().T,)


CONVENTIONS = {
    "Cholesky": (np.linalg.cholesky, A, cholesky_vjp),
    "Cholesky of Hermitian matrices": (np.linalg.cholesky, Z, cholesky_vjp),
    "eigenvalues": (np.linalg.eigvalsh, A, eigenvalues_vjp),
    "written down with few digits": (np.linalg.eigvalsh, A + 1e-10 * np.triu(np.ones((4, 4))), lambda g, a: eigenvalues_vjp(g, (a + a.T) / 2)),
}


@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_derivative_of_symmetric_matrices_passes_and_says_so(name):
    """The report says along which matrices it was checked."""
    f, x, vjp = CONVENTIONS[name]
    report = check(f, x, vjp=vjp)
    assert report.verdict == "pass", str(report)
    assert "along symmetric matrices" in str(report)


@pytest.mark.parametrize("name", CONVENTIONS)
@pytest.mark.parametrize("mutant", [lambda v: 1.01 * v, lambda v: v - np.diag(np.diag(v)) / 2, lambda v: v - 2 * np.triu(v, 1)], ids=["x1.01", "diagonal", "sign"])
def test_a_wrong_one_fails(name, mutant):
    """What is wrong along symmetric matrices is no convention."""
    f, x, vjp = CONVENTIONS[name]
    report = check(f, x, vjp=lambda g, a: (mutant(vjp(g, a)[0]),))
    assert report.verdict == "fail", str(report)


LOWER = {
    "right": (lambda g, w: (np.tril(np.outer(g, X)),), "pass"),
    "transposed": (lambda g, w: (np.tril(np.outer(g, X)).T,), "fail"),
    "mask forgotten": (lambda g, w: (np.outer(g, X),), "fail"),
    "the other triangle": (lambda g, w: (np.triu(np.outer(g, X)),), "fail"),
}


@pytest.mark.parametrize("name", LOWER)
def test_a_triangular_function_keeps_its_own_derivative(name):
    """At a symmetric matrix too: a gradient that is zero in one triangle keeps no convention, and one in both has to be right along symmetric ones."""
    vjp, verdict = LOWER[name]
    report = check(lambda w: np.tril(w) @ X, A, vjp=vjp)
    assert report.verdict == verdict, str(report)


def test_functions_of_all_entries_are_compared_entry_by_entry():
    """A transposed gradient at a symmetric matrix is the same along symmetric ones, and wrong."""
    report = check(lambda w: w @ X, A, vjp=lambda g, w: (np.outer(X, g),))
    assert report.verdict == "fail"
    assert "symmetric" not in str(report)


def test_exploration_stays_among_symmetric_matrices():
    """Unsymmetric neighbours are no inputs of such a function."""
    report = check(np.linalg.eigvalsh, A, vjp=eigenvalues_vjp, explore=True, budget=1500)
    assert report.verdict == "pass", str(report)


def test_symmetric_to_half_of_the_digits():
    """On either side, in two formats."""
    for dtype, near, far in ((np.float64, 2.0**-28, 2.0**-24), (np.float32, 2.0**-13, 2.0**-9)):
        a = np.array([[1.0, 1.0], [1.0, 1.0]], dtype)
        assert is_symmetric(a + np.array([[0, near], [0, 0]], dtype))
        assert not is_symmetric(a + np.array([[0, far], [0, 0]], dtype))
    assert not is_symmetric(np.ones((2, 3)))


@pytest.mark.parametrize("dtype", [np.float64, bfloat16])
def test_a_triangle_that_is_read_shows_it(dtype):
    """It is moved by half of the digits of its format: a thousandth would be nothing in bfloat16."""
    pull = lambda gs, xs: [np.ones((2, 2), dtype)]
    for call, expected in ((np.tril, True), (np.asarray, False)):
        subject = Subject(("0",), [np.ones((2, 2), dtype)], call=lambda xs, call=call: [call(xs[0])], pull=pull)
        assert _counts_both(subject, 0) is expected
