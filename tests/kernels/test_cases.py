"""Each kernel is right and each mistake wrong, by means of their own: differences of the reference in float64."""

import numpy as np
import pytest

from tests.kernels.cases import CASES
from tests.kernels.emulation import ORDERS, STYLES, Kernel

EACH = pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)


def wide(xs):
    """Return arguments with floats in float64."""
    return [np.asarray(x, np.float64) if isinstance(x, np.ndarray) and x.dtype.kind not in "iub" else x for x in xs]


def gradients(case, machine, seed=1, draw=0):
    """Return the arguments, a cotangent, and what the kernel's backward gives."""
    xs = case.drawn("bfloat16", seed)
    g = np.random.default_rng(draw).normal(size=np.shape(case.reference(*wide(xs)))).astype(np.float32)
    return xs, g, case.kernel(machine)[1](g, *xs)


def slope(case, xs, g, k, u):
    """Return the derivative of <g, reference> along u in argument k by central differences."""
    h, values = 1e-5, []
    for sign in (1, -1):
        moved = wide(xs)
        moved[k] = moved[k] + sign * h * u
        values.append(np.sum(g * case.reference(*moved)))
    return (values[0] - values[1]) / (2 * h)


@EACH
@pytest.mark.parametrize("order", ORDERS)
def test_the_kernel_is_right(case, order):
    """In float32, in every order of summation."""
    xs, g, found = gradients(case, Kernel("float32", order))
    assert np.allclose(case.kernel(Kernel("float32", order))[0](*xs), case.reference(*wide(xs)), rtol=1e-4, atol=1e-5)
    for k, v in enumerate(found):
        if v is not None:
            u = np.random.default_rng(7).normal(size=v.shape)
            assert np.sum(v * u) == pytest.approx(slope(case, xs, g, k, u), rel=1e-4, abs=1e-5)


@EACH
def test_each_mistake_changes_something(case):
    """Twenty at least; the low accumulator changes nothing where nothing is added up."""
    right = gradients(case, Kernel("bfloat16"))[2]
    same = {m for m in case.mutants if all(v is None or np.array_equal(v, w) for v, w in zip(gradients(case, Kernel("bfloat16", mutation=m))[2], right, strict=True))}
    assert len(list(case.mutants)) >= 20
    assert same <= {"low accumulator"}


@EACH
@pytest.mark.parametrize("style", STYLES[1:])
def test_styles_stay_near(case, style):
    """What is rounded to bfloat16 inside changes results by some units of its last place, of the size of a whole array."""
    right, other = gradients(case, Kernel("float32"))[2], gradients(case, Kernel("bfloat16", style=style))[2]
    for v, w in zip(right, other, strict=True):
        if v is not None:
            assert np.linalg.norm(np.asarray(w, np.float64) - v) <= 16 * 2.0**-8 * np.linalg.norm(v)


@pytest.mark.parametrize("case", [c for c in CASES if c.reference_vjp], ids=lambda c: c.name)
def test_the_paper_s_backward_is_the_same(case):
    """The formula that a paper writes is the derivative of the reference."""
    xs, g, found = gradients(case, Kernel("float32"))
    by_paper = case.reference_vjp(np.asarray(g, np.float64), case.reference(*wide(xs)), *wide(xs))
    for v, w in zip(found, by_paper, strict=True):
        assert np.allclose(v, w, rtol=1e-4, atol=1e-5)
