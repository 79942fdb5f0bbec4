"""Second derivatives: Hessian-vector products and Hessians of NumPy functions, double backward of torch, JAX."""

from types import SimpleNamespace

import numpy as np
import pytest

from gradcheck import check
from gradcheck.errors import BadInput, FunctionFailed
from gradcheck.probe.contracts.contracts import symmetric
from gradcheck.probe.subject.directions import own_scale
from gradcheck.probe.subject.vector import Vector
from tests.probe.custom import custom

RNG = np.random.default_rng(0)
X, A = RNG.normal(size=4), RNG.normal(size=(4, 4))


def f(x):
    """A scalar function of a vector."""
    return np.sum(np.sin(x) @ A @ x)


def grad(x):
    """Its gradient."""
    return np.cos(x) * (A @ x) + A.T @ np.sin(x)


def hessian(x):
    """Its Hessian."""
    mixed = np.cos(x)[:, None] * A
    return np.diag(-np.sin(x) * (A @ x)) + mixed + mixed.T


@pytest.mark.parametrize("given", [{"grad": grad}, {"vjp": lambda g, x: (g * grad(x),)}, {}])
def test_right_second_derivatives_pass(given):
    """With the gradient given, and with one made by dual numbers."""
    assert check(f, X, hvp=lambda v, x: (hessian(x) @ v[0],), **given).verdict == "pass"
    report = check(f, X, hessian=hessian, **given)
    assert report.verdict == "pass", str(report)
    assert report.resolution < 1e-6


@pytest.mark.parametrize("given", [{"grad": grad}, {}])
def test_narrow_second_derivatives_stay_narrow(given):
    """The Hessian-vector product sees float32 numbers alone, and is judged as such."""
    formats = set()

    def hvp(v, x):
        formats.update((v[0].dtype, x.dtype))
        return (hessian(x).astype(x.dtype) @ v[0],)

    x = X.astype(np.float32)
    report = check(f, x, hvp=hvp, **given)
    assert report.verdict == "pass", str(report)
    assert not report.remarks
    assert formats == {np.dtype(np.float32)}
    assert check(f, x, hvp=lambda v, x: (1.01 * hvp(v, x)[0],), **given).verdict == "fail"


WRONG = {
    "sign": (lambda v, x: (-hessian(x) @ v[0],), "sign"),
    "half": (lambda v, x: (hessian(x) @ v[0] / 2,), "factor: every entry is 1/2"),
    "term missing": (lambda v, x: ((np.diag(-np.sin(x) * (A @ x)) + np.cos(x)[:, None] * A) @ v[0],), "not symmetric"),
    "one entry": (lambda v, x: (hessian(x) @ v[0] * (1 + 1e-6 * (np.arange(4) == 2)),), ""),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_hessian_vector_products_fail(name):
    """Right at first order, wrong at second; the finding says so."""
    hvp, mistake = WRONG[name]
    report = check(f, X, grad=grad, hvp=hvp)
    assert report.verdict == "fail"
    assert all(x.message.startswith("second derivative") for x in report.findings)
    assert any(x.diagnosis.startswith(mistake) for x in report.findings), str(report)


def test_hessian_of_several_inputs():
    """Rows of blocks; a block of a wrong shape is an answer that cannot be used."""
    a, b = X, X + 1
    blocks = lambda a, b: ((np.diag(2 * b), np.diag(2 * a)), (np.diag(2 * a), np.zeros((4, 4))))
    assert check(lambda a, b: np.sum(a * a * b), (a, b), grad=lambda a, b: (2 * a * b, a * a), hessian=blocks).verdict == "pass"
    short = lambda a, b: ((np.diag(2 * b), np.diag(2 * a)), (np.diag(2 * a), np.zeros(4)))
    with pytest.raises(FunctionFailed, match=r"shape \(4, 4\)"):
        check(lambda a, b: np.sum(a * a * b), (a, b), grad=lambda a, b: (2 * a * b, a * a), hessian=short)


def test_wrong_gradient_comes_first():
    """A wrong first derivative is reported as that."""
    report = check(f, X, grad=lambda x: 2 * grad(x), hvp=lambda v, x: (hessian(x) @ v[0],))
    assert report.verdict == "fail"
    assert not any("second derivative" in x.message for x in report.findings)


def test_what_cannot_be_checked_is_refused():
    """No second derivative given, f not scalar, f not for dual numbers and no gradient, a third order."""
    with pytest.raises(BadInput, match="hvp= or hessian="):
        check(f, X, grad=grad, order=2)
    with pytest.raises(BadInput, match="scalar f"):
        check(np.sin, X, vjp=lambda g, x: (g * np.cos(x),), hvp=lambda v, x: v)
    with pytest.raises(BadInput, match="dual numbers"):
        check(lambda x: float(np.sum(np.asarray(x, float) ** 2)), X, hvp=lambda v, x: (2 * v[0],))
    with pytest.raises(BadInput, match="order 1 or 2"):
        check(f, X, grad=grad, order=3)


def test_torch_double_backward():
    """A backward that is right, and cut off from its own derivative."""
    torch = pytest.importorskip("torch")

    cube, once = (custom(lambda x: x**3, lambda g, x: 3 * g * x.detach() ** 2, once=once) for once in (False, True))
    x = torch.tensor(X)
    assert check(cube, x).verdict == "pass"
    report = check(cube, x, order=2)
    assert report.verdict == "fail"
    assert report.findings[0].diagnosis.startswith("zero")
    report = check(once, x, order=2)
    assert report.verdict == "inconclusive"
    assert any("differentiable once" in r for r in report.reasons)


def test_elu_without_the_incoming_gradient():
    """The historical fault: its second derivative forgets the incoming gradient."""
    torch = pytest.importorskip("torch")

    slope = custom(
        lambda g, x: g * torch.where(x > 0, 1.0, torch.exp(x)),
        lambda h, g, x: (h * torch.where(x > 0, 1.0, torch.exp(x)), h * torch.where(x > 0, 0.0, torch.exp(x))),
    )
    elu = custom(lambda x: torch.where(x > 0, x, torch.exp(x) - 1), slope)
    x = torch.tensor([-1.0, 0.5, -0.3], dtype=torch.float64)
    assert check(elu, x).verdict == "pass"
    assert check(elu, x, order=2).verdict == "fail"
    assert check(torch.nn.functional.elu, x, order=2).verdict == "pass"


@pytest.mark.parametrize("name", ["tanh", "exp", "sin", "logsumexp"])
def test_right_functions_of_torch_at_order_two(name):
    """torch's own functions in both formats."""
    torch = pytest.importorskip("torch")
    function = (lambda x: torch.logsumexp(x, 0)) if name == "logsumexp" else getattr(torch, name)
    for dtype in (torch.float64, torch.float32):
        report = check(function, torch.tensor(X, dtype=dtype), order=2)
        assert report.verdict == "pass", str(report)


def test_jax_at_order_two():
    """A custom_jvp whose tangent is cut off from its own derivative."""
    jax = pytest.importorskip("jax")

    @jax.custom_jvp
    def cube(x):
        return x**3

    @cube.defjvp
    def _(primals, tangents):
        return primals[0] ** 3, 3 * jax.lax.stop_gradient(primals[0]) ** 2 * tangents[0]

    x = jax.numpy.asarray(X)
    assert check(jax.numpy.tanh, x, order=2).verdict == "pass"
    assert check(cube, x).verdict == "pass"
    assert check(cube, x, order=2).verdict == "fail"


CUBE = lambda x: np.sum(x**3)
POINT = np.array([0.5, -1.0, 2.0])


@pytest.mark.parametrize(("diagonal", "verdict"), [(6, "pass"), (5, "fail"), (0, "fail")])
def test_a_hessian_beside_a_product_is_compared_with_it(diagonal, verdict):
    """A wrong Hessian is not hidden by a right hvp."""
    report = check(CUBE, POINT, hvp=lambda v, x: 6 * x * v[0], hessian=lambda x: np.diag(diagonal * x))
    assert report.verdict == verdict
    if verdict == "fail":
        assert "hessian and hvp differ" in report.findings[0].message


def test_a_tuple_taken_for_an_array():
    """Whoever multiplies by the tuple of tangents is told what it is."""
    with pytest.raises(FunctionFailed, match=r"v is a tuple, take v\[0\]"):
        check(CUBE, POINT, grad=lambda x: 3 * x**2, hvp=lambda v, x: 6 * x * v)
    slope = lambda x: 1 - np.tanh(x) ** 2
    report = check(np.tanh, POINT, vjp=lambda g, x: (g * slope(x),), jvp=lambda t, x: t * slope(x))
    assert "take t[0]" in report.findings[0].message


@pytest.mark.parametrize("z", [[10.0, 0.0, 0.0], [15.0, 1.0, -9.0]])
def test_hessians_whose_terms_cancel(z):
    """p - p^2 next to p = 1 has lost digits that neighbouring points do not show: not symmetric to the last bit, and right."""
    torch = pytest.importorskip("torch")
    z = torch.tensor(z, dtype=torch.float64)
    for f in (lambda z: torch.logsumexp(z, 0), lambda z: torch.softmax(z, 0), lambda z: torch.nn.functional.cross_entropy(z[None], torch.tensor([0]))):
        assert check(f, z, order=2).verdict != "fail"


@pytest.mark.parametrize(("off", "found"), [(5e-5, 0), (3e-4, 1)])
def test_how_symmetric_a_hessian_is(off, found):
    """Terms that cancelled may have lost all but four digits where no neighbour shows it."""
    x = np.array([1.3, 0.7])
    us, vs = (own_scale(rng, [x]) for rng in [np.random.default_rng(0)] for _ in range(2))
    products = [Vector.of([c * t / np.sum(t * t) for t in ts]) for c, ts in ((1.0, vs), (1 + off, us))]
    instrument = SimpleNamespace(subject=SimpleNamespace(point=[x], hessian=1), gradients=lambda ts: products.pop(0), error_along=lambda *a: 0.0)
    assert len(list(symmetric(instrument, np.random.default_rng(0)))) == found
