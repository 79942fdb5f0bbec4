"""Kernels of torch: a custom Function in float32 inside, torch's own kernels, a vjp without autograd, data that is not differentiated."""

import pytest

torch = pytest.importorskip("torch")
import gradcheck  # noqa: E402 - after the skip
from gradcheck.errors import BadInput, FunctionFailed  # noqa: E402

STORED = ("bfloat16", "float16", "float32")


class RMSNorm(torch.autograd.Function):
    """RMS norm, computed in float32."""

    factor = 1.0

    @staticmethod
    def forward(ctx, x, w):
        """Return it in the format of x."""
        r = torch.rsqrt(x.float().square().mean(-1, keepdim=True) + 1e-5)
        ctx.save_for_backward(x, w, r)
        return (x.float() * r * w.float()).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        """Return its gradients; the mean term is taken by a factor."""
        x, w, r = ctx.saved_tensors
        normalised, gw = x.float() * r, g.float() * w.float()
        mean = (gw * normalised).mean(-1, keepdim=True) * RMSNorm.factor
        return ((gw - normalised * mean) * r).to(x.dtype), (g.float() * normalised).sum(0).to(w.dtype)


def rms_norm(x, w):
    """Return RMS norm in plain operations."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * w


def drawn(stored, *shapes):
    """Return tensors of a format."""
    torch.manual_seed(0)
    return tuple(torch.randn(*shape).to(getattr(torch, stored)) for shape in shapes)


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (0.99, "fail"), (0.0, "fail")])
def test_a_function_of_its_own(stored, factor, verdict, monkeypatch):
    """The wrong term is named by the node of the reference that it belongs to."""
    monkeypatch.setattr(RMSNorm, "factor", factor)
    report = gradcheck.check(RMSNorm.apply, drawn(stored, (33, 100), (100,)), reference=rms_norm)
    assert report.verdict == verdict, str(report)
    if verdict == "fail":
        assert report.findings[0].mistake.kind == ("factor" if factor else "term missing")
        assert "(square)" in report.findings[0].message or "(mean)" in report.findings[0].message


def test_sums_of_torch_s_own_layer_norm():
    """Its CPU kernel adds the gradients of scale and shift up in bfloat16 (docs/findings.md), and says nothing of it: a fault unless it is declared."""

    def layer_norm(x, w, b):
        return torch.nn.functional.layer_norm(x, (100,), w, b)

    inputs = drawn("bfloat16", (33, 100), (100,), (100,))
    report = gradcheck.check(layer_norm, inputs, reference=layer_norm)
    assert report.verdict == "fail"
    assert "added up in bfloat16" in str(report)
    assert gradcheck.check(layer_norm, drawn("float32", (33, 100), (100,), (100,)), reference=layer_norm).verdict == "pass"


def test_eager_code_is_declared_or_open():
    """Plain operations in bfloat16 round everything."""
    inputs = drawn("bfloat16", (9, 40), (40,))
    assert gradcheck.check(rms_norm, inputs, reference=rms_norm).verdict == "inconclusive"
    assert gradcheck.check(rms_norm, inputs, reference=rms_norm, rounding="every").verdict == "pass"


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (1.001, "fail")])
def test_a_vjp_without_autograd(factor, verdict):
    """Labels are data; a loss in float32 of scores in bfloat16."""
    (x,) = drawn("bfloat16", (12, 40))
    labels = torch.arange(12)

    def loss(x, labels):
        return torch.nn.functional.cross_entropy(x.float(), labels)

    def vjp(g, x, labels):
        p = torch.softmax(x.float(), -1)
        p[torch.arange(12), labels] -= 1
        return (g * p / 12 * factor).to(x.dtype), None

    report = gradcheck.check(loss, (x, labels), vjp=vjp, reference=lambda x, labels: torch.nn.functional.cross_entropy(x, labels))
    assert report.verdict == verdict, str(report)


def test_attention_with_the_backward_of_its_paper():
    """A backward pass that reads the stored output passes with the formula, and does not fail without."""

    class Attention(torch.autograd.Function):
        @staticmethod
        def forward(ctx, q, k, v):
            o = (torch.softmax(q.float() @ k.float().mT / 4, -1) @ v.float()).to(q.dtype)
            ctx.save_for_backward(q, k, v, o)
            return o

        @staticmethod
        def backward(ctx, g):
            dtype, (q, k, v, o, g) = g.dtype, (t.float() for t in (*ctx.saved_tensors, g))
            p = torch.softmax(q @ k.mT / 4, -1)
            ds = p * (g @ v.mT - (g * o).sum(-1, keepdim=True)) / 4
            return (ds @ k).to(dtype), (ds.mT @ q).to(dtype), (p.mT @ g).to(dtype)

    def reference(q, k, v):
        return torch.softmax(q @ k.mT / 4, -1) @ v

    def by_paper(g, o, q, k, v):
        p = torch.softmax(q @ k.mT / 4, -1)
        ds = p * (g @ v.mT - (g * o).sum(-1, keepdim=True)) / 4
        return ds @ k, ds.mT @ q, p.mT @ g

    inputs = drawn("bfloat16", (2, 33, 16), (2, 33, 16), (2, 33, 16))
    assert gradcheck.check(Attention.apply, inputs, reference=reference).verdict != "fail"
    report = gradcheck.check(Attention.apply, inputs, reference=reference, reference_vjp=by_paper)
    assert (report.verdict, report.kernel.model) == ("pass", "saved"), str(report)


def test_what_is_left_as_it_was():
    """Random state and the switch of deterministic algorithms."""
    before = torch.are_deterministic_algorithms_enabled(), torch.get_rng_state()
    gradcheck.check(RMSNorm.apply, drawn("float16", (4, 8), (8,)), reference=rms_norm)
    assert torch.are_deterministic_algorithms_enabled() == before[0]


def test_refusals():
    """Each says what would do."""
    x, w = drawn("bfloat16", (4, 8), (8,))
    with pytest.raises(BadInput, match="float64"):
        gradcheck.check(rms_norm, (x.double(), w.double()), reference=rms_norm)
    with pytest.raises(FunctionFailed, match="vjp="):
        gradcheck.check(lambda x: x.detach() * 2, x, reference=lambda x: x * 2)
    with pytest.raises(BadInput, match=r"graph|rules"):
        gradcheck.check(lambda x: x * 2, x, reference=lambda x: torch.fft.fft(x).real)
