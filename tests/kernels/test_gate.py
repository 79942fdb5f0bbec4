"""The gate on a sample of the kernels: right ones pass, wrong ones fail; contracts; declarations; what is refused."""

import ml_dtypes
import numpy as np
import pytest

import gradcheck
from gradcheck.arith.storage import TF32, nearest
from gradcheck.errors import BadInput, FunctionFailed
from tests.kernels.cases import CASES
from tests.kernels.emulation import ORDERS, STYLES, Kernel
from tests.kernels.examination import said

BY_NAME = {c.name: c for c in CASES}
EACH = pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
BFLOAT16 = ml_dtypes.bfloat16


def rms(x, w):
    """Return RMS norm in float32, rounded once."""
    v = x.astype(np.float32)
    return (v / np.sqrt(np.mean(v * v, -1, keepdims=True, dtype=np.float32) + np.float32(1e-5)) * w.astype(np.float32)).astype(x.dtype)


def rms_vjp(g, x, w, factor=1.0):
    """Return its gradients."""
    return tuple((factor * np.asarray(v)).astype(x.dtype) for v in BY_NAME["rms norm"].backward(Kernel("float32"), g.astype(np.float32), x.astype(np.float32), w.astype(np.float32)))


def drawn(dtype=BFLOAT16, shape=(9, 64)):
    """Return inputs of RMS norm."""
    rng = np.random.default_rng(3)
    return rng.normal(size=shape).astype(dtype), (1 + rng.normal(size=shape[-1])).astype(dtype)


def checked(kernel=rms, vjp=rms_vjp, inputs=None, **more):
    """Return the report on RMS norm."""
    return gradcheck.check(kernel, drawn() if inputs is None else inputs, vjp=vjp, reference=BY_NAME["rms norm"].reference, **more)


@EACH
@pytest.mark.parametrize(("storage", "style"), [("bfloat16", "boundary"), ("float16", "boundary"), ("float32", "boundary"), ("bfloat16", "every")])
@pytest.mark.sweep("case", one_in=8)
def test_a_right_kernel_passes(case, storage, style):
    """Under the model that it is declared to have."""
    found = said(case, Kernel(storage, "tiles", style), 0, style)
    assert found.verdict == "pass", found.message


@EACH
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.sweep("case", one_in=8)
def test_a_right_kernel_is_not_rejected_undeclared(case, style):
    """What rounds everything, or reads a stored result in a way that the reference does not tell, is inconclusive."""
    found = said(case, Kernel("bfloat16", "backwards", style), 1, "auto")
    assert found.verdict in (("pass",) if style == "boundary" else ("pass", "inconclusive")), found.message


@pytest.mark.parametrize(("case", "mutation"), [(c, m) for c in CASES for m in c.mutants], ids=lambda x: getattr(x, "name", x))
@pytest.mark.sweep(one_in=40)
def test_a_mutant_does_not_pass(case, mutation):
    """A gross one fails; a small one at least does not pass without the report saying that it would not be seen."""
    found = said(case, Kernel("bfloat16", mutation=mutation), 0, "auto")
    if found is not None:
        assert found.verdict == "fail" or (found.kind != "gross" and (found.verdict == "inconclusive" or found.seen > 2e-4)), found


@pytest.mark.deep
@EACH
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("storage", ["bfloat16", "float16", "float32"])
def test_every_right_kernel(case, style, storage):
    """Twenty seeds, five in each order of summation, declared."""
    for seed in range(20):
        found = said(case, Kernel(storage, ORDERS[seed % 4], style), seed, style)
        assert found.verdict == "pass", (seed, found.message)


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (1.0002, "fail"), (0.998, "fail"), (-1.0, "fail"), (2.0, "fail"), (0.0, "fail")])
def test_a_factor_is_seen_and_named(factor, verdict):
    """Of a fraction of the format's spacing too: 2^-8 is 4e-3."""
    report = checked(vjp=lambda g, x, w: rms_vjp(g, x, w, factor), inputs=drawn(shape=(40, 128)))  # so many that twenty entries show it
    assert report.verdict == verdict
    if verdict == "fail":
        mistake = report.findings[0].mistake
        assert mistake.kind == {-1.0: "sign", 0.0: "zero"}.get(factor, "factor")
        assert mistake.number is None or mistake.number == pytest.approx(factor, abs=5e-5)


def test_the_report_tells_what_would_have_been_seen():
    """The smallest factor, the rows, the accumulator: before any mistake is made; and it shrinks as the tensor grows."""
    small, large = checked(inputs=drawn(shape=(4, 32))), checked(inputs=drawn(shape=(64, 128)))
    seen = [r.kernel.arrays[1].seen for r in (small, large)]
    assert 0 < seen[1] < seen[0] / 3 < 1e-3
    assert "gradient of x" in str(large)
    assert large.kernel.model == "boundary"
    assert large.kernel.accumulator.startswith("float32")


def test_a_constant_of_the_formula_is_named():
    """An epsilon of another size, in the backward pass alone."""
    case = BY_NAME["rms norm"]
    xs = drawn(np.float32)
    tiny = (xs[0] * np.float32(0.01), xs[1])
    report = gradcheck.check(rms, tiny, vjp=case.kernel(Kernel("float32", mutation="epsilon 1e-6 in backward"))[1], reference=case.reference)
    assert report.verdict == "fail"


@pytest.mark.parametrize("mutation", ["normalised rounded", "scale rounded"])
def test_what_is_rounded_inside_does_not_pass(mutation):
    """Neither in a kernel that says to round its results alone, nor in one that says nothing."""
    case = BY_NAME["rms norm"]
    machine = Kernel("bfloat16", mutation=mutation)
    assert said(case, machine, 0, "boundary").verdict == "fail"
    assert said(case, machine, 0, "auto").verdict != "pass"


def test_sums_in_the_storage_format():
    """A fault, with its name, unless they are declared."""
    case = BY_NAME["linear"]
    forward, backward = case.kernel(Kernel("bfloat16", mutation="low accumulator"))
    xs = case.drawn("bfloat16", 1)
    report = gradcheck.check(forward, xs, vjp=backward, reference=case.reference, rounding="boundary")
    assert report.verdict == "fail"
    assert "added up in bfloat16" in report.findings[0].message
    declared = gradcheck.Rounding("boundary", "storage")
    assert gradcheck.check(forward, xs, vjp=backward, reference=case.reference, rounding=declared).verdict == "pass"


def test_tf32_is_found_or_declared():
    """Operands of products in 11 bits: the widest model of a float32 kernel that says nothing, and none of one that says float32."""
    case = BY_NAME["linear"]
    x, w, b = case.drawn("float32", 1)

    def short(v):
        return nearest(v.astype(np.float64), TF32).astype(np.float32)

    def vjp(g, x, w, b):
        return short(g) @ short(w).T, short(x).T @ short(g), g.sum(0)

    def kernel(x, w, b):
        return short(x) @ short(w) + b

    def model(**more):
        report = gradcheck.check(kernel, (x, w, b), vjp=vjp, reference=case.reference, rounding=gradcheck.Rounding(**more))
        return report.verdict, report.kernel.model

    assert model() == ("pass", "products")
    assert model(rounds="boundary", accumulate="tf32") == ("pass", "boundary")
    assert model(rounds="boundary", accumulate="float32")[0] == "fail"


def test_a_function_with_a_declared_error():
    """tanh to 2^-11, as hardware has it, is declared or rejected."""

    def approximate(x):
        return np.tanh(x.astype(np.float32)) * np.float32(1 + 2.0**-11)

    def kernel(x):
        return approximate(x).astype(x.dtype)

    def vjp(g, x):
        return ((g.astype(np.float32) * (1 - approximate(x) ** 2)).astype(x.dtype),)

    x = np.random.default_rng(0).normal(size=(16, 32)).astype(BFLOAT16)
    assert gradcheck.check(kernel, x, vjp=vjp, reference=np.tanh).verdict != "pass"
    assert gradcheck.check(kernel, x, vjp=vjp, reference=np.tanh, rounding=gradcheck.Rounding("boundary", ulps={"tanh": 2.0**13})).verdict == "pass"


# -- contracts ------------------------------------------------------------------------------------


def _inplace(x, w):
    y = rms(x, w)
    x *= 0
    return y


class Remembering:
    """A kernel that keeps answers by the address of its input."""

    def __init__(self):
        self.known = {}

    def __call__(self, x, w):
        """Return what it said of this address."""
        key = x.__array_interface__["data"][0], x.shape
        if key not in self.known:
            self.known[key] = rms(x, w), x  # which is kept alive, so that the address stays its own
        return self.known[key][0]


class Reusing:
    """A kernel with one buffer for all its results."""

    def __init__(self):
        self.buffer = None

    def __call__(self, x, w):
        """Return the buffer."""
        if self.buffer is None or self.buffer.shape != x.shape:
            self.buffer = np.zeros_like(x)
        self.buffer[...] = rms(x, w)
        return self.buffer


def _unfilled(g, x, w):
    dx, dw = rms_vjp(g, x, w)
    out = np.empty_like(dx)
    if not np.isnan(out.astype(np.float32)).all():
        out[...] = 0
    out[1:] = dx[1:]
    out[0] = np.where(np.isnan(out[0].astype(np.float32)), out[0], dx[0])
    return out, dw


def _contiguous_alone(x, w):
    return rms(np.ascontiguousarray(x), w) if x.flags.c_contiguous else rms(x, w) * 0


@pytest.mark.parametrize(
    ("kernel", "vjp", "said"),
    [
        (_inplace, rms_vjp, "changes its inputs in place"),
        (Remembering(), rms_vjp, "remembers an answer by the address"),
        (Reusing(), rms_vjp, "not in memory of their own"),
        (rms, _unfilled, "memory that it has not written"),
        (_contiguous_alone, rms_vjp, "not contiguous"),
        (rms, lambda g, x, w: rms_vjp(g * 0 + 1, x, w), "not linear in the cotangent"),
    ],
    ids=["in place", "address", "buffer", "unfilled", "strided", "cotangent"],
)
def test_contracts(kernel, vjp, said):
    """What a kernel does to memory is a fault, whatever its numbers are."""
    report = checked(kernel, vjp)
    assert report.verdict == "fail"
    assert any(said in f.message for f in report.findings), str(report)


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: checked(vjp=None), BadInput, "vjp="),
        (lambda: checked(rounding="fast"), BadInput, "boundary"),
        (lambda: checked(explore=True), BadInput, "no explore="),
        (lambda: checked(inputs=drawn(np.float64)), BadInput, "float64"),
        (lambda: gradcheck.check(rms, drawn(), vjp=rms_vjp, rounding="every"), BadInput, "reference="),
        (lambda: gradcheck.check(rms, drawn(), vjp=rms_vjp, reference=3), BadInput, "function"),
        (lambda: gradcheck.check(rms, drawn(), vjp=rms_vjp, reference=lambda x, w: np.sum(x)), FunctionFailed, "shapes"),
        (lambda: checked(vjp=lambda g, x, w: (g.T, w)), FunctionFailed, "gradient of 0"),
        (lambda: gradcheck.Rounding("everything"), BadInput, "rounds"),
        (lambda: gradcheck.Rounding(ulps={"exp": -1.0}), BadInput, "last place"),
        (lambda: gradcheck.check(rms, drawn(), vjp=rms_vjp, reference=lambda x, w: np.fft.fft(x).real), BadInput, "graph"),
    ],
)
def test_refusals(call, error, said):
    """Each with what would do."""
    with pytest.raises(error, match=said):
        call()


def test_a_gradient_that_is_zero_is_not_passed():
    """Zeros say nothing."""
    x = np.zeros((4, 8), BFLOAT16)
    report = gradcheck.check(lambda x: (x * x).astype(x.dtype), x, vjp=lambda g, x: ((2 * g * x).astype(x.dtype),), reference=lambda x: x * x)
    assert report.verdict == "inconclusive"
    assert "zero at these inputs" in report.reasons[0]
