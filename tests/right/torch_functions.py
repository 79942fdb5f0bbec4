"""PyTorch's functions, modules and densities: their own autodiff is what is checked.

Not here, because the check rightly rejects them (docs/findings.md): digamma, psi and divergences of gamma distributions
(trigamma is 4e-10 off), hardsigmoid (a float32 slope), as_strided_scatter (inverted), expm1 at -40, ndtr and gelu far below zero,
ctc_loss of what is not normalised, torch.normal, max_unpool with an index twice (the last value wins, all gradients flow).
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from tests.right.case import Case, arguments, given, normal, uniform

CASES: list[Case] = []
FORMATS = {"float64": torch.float64, "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def tensors(maker, dtype="float64"):
    """Return a maker of tensors from one of arrays; integers stay integers."""

    def made(x):
        if isinstance(x, tuple | list):
            return type(x)(made(v) for v in x)
        if isinstance(x, dict):
            return {k: made(v) for k, v in x.items()}
        t = torch.as_tensor(x)
        return t.to(FORMATS[dtype]) if t.is_floating_point() else t

    return lambda rng: made(maker(rng))


def _add(name, f, maker, *tags, dtype="float64"):
    suffix = "" if dtype == "float64" else ("," if "@" in name else "@") + dtype
    narrow = {"narrow"} if dtype != "float64" else set()
    CASES.append(Case(f"torch.{name}{suffix}", f, tensors(maker, dtype), tags=frozenset({*tags, *narrow})))


def _module(name, make, maker, *tags, dtype="float64"):
    """Declare a module: its parameters are checked too."""
    torch.manual_seed(len(CASES))
    module = make().to(FORMATS[dtype])
    with torch.no_grad():  # no parameter is born at a special value
        for p in module.parameters():
            p.add_(0.1 * torch.randn_like(p))
    _add(name, module, maker, *tags, dtype=dtype)


# Functions of each entry: the range of ordinary inputs, then points in the tails.
ENTRIES = {
    "acos": (-0.9, 0.9), "acosh": (1.1, 5, 1 + 1e-7), "asin": (-0.9, 0.9), "asinh": (-3, 3, 1e8), "atan": (-3, 3, 1e8), "atanh": (-0.9, 0.9),
    "cos": (-3, 3), "cosh": (-3, 3, 600.0), "deg2rad": (-90, 90), "erf": (-2, 2), "erfc": (-2, 2, 10.0),
    "erfinv": (-0.9, 0.9), "exp": (-3, 3, -600.0), "exp2": (-3, 3), "expm1": (-3, 3, 1e-12), "i0": (-3, 3), "lgamma": (0.5, 5, 1e8),
    "log": (0.1, 5, 1e-8, 1e200), "log10": (0.1, 5, 1e-300), "log1p": (-0.5, 5, -1 + 2.0**-30), "log2": (0.1, 5), "logit": (0.1, 0.9),
    "mvlgamma": (1.5, 5), "neg": (-3, 3), "polygamma": (0.5, 5), "rad2deg": (-3, 3), "reciprocal": (0.3, 3, 1e-100), "rsqrt": (0.3, 3, 1e-200),
    "sigmoid": (-5, 5, -500.0, 30.0), "sin": (-3, 3, 1e5), "sinc": (0.3, 3), "sinh": (-3, 3), "sqrt": (0.1, 5, 1e-30), "square": (-3, 3, 1e100),
    "tan": (-1, 1), "tanh": (-3, 3, 1e-9, 15.0), "abs": (0.1, 3), "frac": (0.1, 0.9), "positive": (-3, 3), "nan_to_num": (-3, 3),
    "special.entr": (0.1, 3, 1e-12), "special.erfcx": (-1, 3, 1e6), "special.expit": (-3, 3), "special.i0e": (-3, 3), "special.i1": (-3, 3),
    "special.i1e": (0.2, 3), "special.log_ndtr": (-3, 3, -30.0), "special.log1p": (-0.5, 3), "special.ndtr": (-3, 3), "special.ndtri": (0.1, 0.9),
    "special.sinc": (0.3, 3), "special.exp2": (-3, 3), "special.gammaln": (0.5, 5),
    "nn.functional.celu": (-3, 3), "nn.functional.elu": (-3, 3, -20.0), "nn.functional.gelu": (-3, 3, -5.0), "nn.functional.hardshrink": (0.6, 3),
    "nn.functional.hardswish": (-2.5, 2.5), "nn.functional.hardtanh": (-0.9, 0.9), "nn.functional.leaky_relu": (-3, 3),
    "nn.functional.logsigmoid": (-3, 3, -500.0), "nn.functional.mish": (-3, 3), "nn.functional.relu": (0.1, 3), "nn.functional.relu6": (0.5, 5.5),
    "nn.functional.rrelu": (-3, -0.1), "nn.functional.selu": (-3, 3), "nn.functional.silu": (-3, 3, -100.0), "nn.functional.softplus": (-5, 5, -100.0),
    "nn.functional.softshrink": (0.6, 3), "nn.functional.softsign": (-3, 3, 1e6), "nn.functional.tanhshrink": (-3, 3),
}  # fmt: skip
EXTRA = {"mvlgamma": (3,), "polygamma": None, "nn.functional.hardshrink": (0.5,)}


def _named(name):
    f = torch
    for part in name.split("."):
        f = getattr(f, part)
    if name == "polygamma":
        return lambda x: torch.polygamma(2, x)
    extra = EXTRA.get(name, ())
    return (lambda x: f(x, *extra)) if extra else f


for _k, (_name, (_low, _high, *_tails)) in enumerate(ENTRIES.items()):
    _add(_name, _named(_name), uniform(_low, _high, 2, 3))
    if _k % 2:
        _add(_name, _named(_name), uniform(_low, _high, 5), dtype="float32")
    for _point in _tails:
        _add(f"{_name}@{_point:g}", _named(_name), given(_point), "tail")
for _k, _name in enumerate(("sin", "exp", "tanh", "sigmoid", "sqrt", "log", "nn.functional.gelu", "nn.functional.softplus", "erf", "reciprocal")):
    _low, _high = ENTRIES[_name][:2]
    _add(_name, _named(_name), uniform(_low, _high, 4), dtype=("bfloat16", "float16")[_k % 2])

# Exactly at kinks and ties.
for _name, _f, _points in (
    ("nn.functional.relu", F.relu, (0.0, 1.0, -1.0)), ("abs", torch.abs, (0.0, 2.0, -1.0)), ("nn.functional.relu6", F.relu6, (0.0, 6.0, 3.0)),
    ("nn.functional.leaky_relu", F.leaky_relu, (0.0, 1.0)), ("nn.functional.hardtanh", F.hardtanh, (-1.0, 1.0, 0.5)),
    ("nn.functional.hardswish", F.hardswish, (-3.0, 3.0, 1.0)), ("nn.functional.hardshrink", F.softshrink, (0.5, -0.5, 2.0)),
    ("nn.functional.elu", F.elu, (0.0, -1.0)), ("nn.functional.celu", F.celu, (0.0, 1.0)), ("nn.functional.selu", F.selu, (0.0, 1.0)),
    ("clamp", lambda x: torch.clamp(x, -1, 1), (-1.0, 1.0, 0.3)), ("amax", torch.amax, (2.0, 2.0, 1.0)), ("amin", torch.amin, (2.0, 2.0, 5.0)),
    ("max", torch.max, (2.0, 2.0, 1.0)), ("median", torch.median, (1.0, 2.0, 2.0)), ("nn.functional.threshold", lambda x: F.threshold(x, 1.0, 1.0), (1.0, 2.0)),
    ("nn.functional.huber", lambda x: F.huber_loss(x, torch.zeros_like(x)), (1.0, -1.0, 0.2)), ("linalg.norm", torch.linalg.norm, (0.0, 0.0)),
    ("nn.functional.l1_loss", lambda x: F.l1_loss(x, torch.ones_like(x)), (1.0, 3.0)), ("nn.functional.logsigmoid", F.logsigmoid, (0.0, 1.0)),
    ("maximum", lambda x: torch.maximum(x, torch.ones_like(x)), (1.0, 2.0, 0.0)), ("sign-times", lambda x: torch.sign(x) * x, (0.0, 2.0)),
    ("nn.functional.prelu", lambda x: F.prelu(x, torch.full((1,), 0.2, dtype=x.dtype)), (0.0, -1.0)), ("relu-of-zero-sum", lambda x: F.relu(x.sum()), (1.0, -1.0)),
):  # fmt: skip
    _add(f"{_name}@kink", _f, given(*_points), "kink")

P = uniform(0.3, 3, 2, 3)
PP = arguments(P, P)
NN = arguments(normal(2, 3), normal(2, 3))
PAIRS = {
    "add": PP, "sub": NN, "mul": NN, "div": PP, "pow": PP, "float_power": PP, "atan2": NN, "hypot": NN, "logaddexp": NN, "logaddexp2": NN, "maximum": NN,
    "minimum": NN, "fmax": NN, "xlogy": PP, "special.xlog1py": PP, "dist": NN, "outer": arguments(normal(3), normal(2)), "inner": NN,
    "dot": arguments(normal(4), normal(4)), "kron": arguments(normal(2, 2), normal(2, 3)), "matmul": arguments(normal(2, 3), normal(3, 4)),
    "mv": arguments(normal(2, 3), normal(3)), "bmm": arguments(normal(2, 3, 2), normal(2, 2, 3)), "cdist": arguments(normal(3, 2), normal(4, 2)),
    "linalg.cross": NN, "linalg.vecdot": NN, "fmin": NN,
    "nn.functional.mse_loss": NN, "nn.functional.smooth_l1_loss": NN, "nn.functional.huber_loss": NN, "nn.functional.l1_loss": NN,
    "nn.functional.cosine_similarity": NN, "nn.functional.pairwise_distance": NN,
}  # fmt: skip
for _name, _maker in PAIRS.items():
    _add(_name, _named(_name), _maker)
for _name in ("add", "mul", "div", "pow", "matmul", "cdist", "nn.functional.cosine_similarity", "logaddexp", "hypot"):
    _add(_name, _named(_name), PAIRS[_name], dtype="float32")
_add("mul@broadcast", torch.mul, arguments(normal(2, 3), normal(3)))
_add("add@0-d", torch.add, arguments(normal(), normal()))
_add("div@broadcast", torch.div, arguments(P, uniform(0.5, 2, 2, 1)), dtype="float32")
_add("pow@integer", lambda x, n: x**n, arguments(normal(4), lambda _: np.array([1, 2, 3, 5])))
_add("pow@zero-base", lambda x: x**2, given(0.0, 1.0), "edge")
_add("copysign", lambda x: torch.copysign(x, torch.tensor([1.0, -2.0, 3.0])), normal(3))
_add("addcmul", torch.addcmul, arguments(P, P, P))
_add("addcdiv", torch.addcdiv, arguments(P, P, P))
_add("addmm", torch.addmm, arguments(normal(2, 4), normal(2, 3), normal(3, 4)))
_add("baddbmm", torch.baddbmm, arguments(normal(2, 2, 2), normal(2, 2, 3), normal(2, 3, 2)))
_add("lerp", torch.lerp, arguments(P, P, P))
_add("where", lambda a, b: torch.where(torch.tensor([True, False, True]), a, b), arguments(normal(3), normal(3)))
_add("nn.functional.gaussian_nll_loss", F.gaussian_nll_loss, arguments(normal(3), normal(3), uniform(0.5, 2, 3)))
_add("nn.functional.kl_div", lambda x, t: F.kl_div(F.log_softmax(x, 1), F.softmax(t, 1), reduction="batchmean"), NN)
_add("nn.functional.poisson_nll_loss", lambda x: F.poisson_nll_loss(x, torch.full_like(x, 2)), normal(4))

# Reductions, shapes and indices.
SHAPES = {
    "sum": torch.sum, "mean": lambda x: x.mean(1), "prod": lambda x: x.prod(1), "var": lambda x: x.var(1), "std": lambda x: x.std(1),
    "std_mean": lambda x: torch.std_mean(x, 1), "logsumexp": lambda x: x.logsumexp(1), "cumsum": lambda x: x.cumsum(1), "cumprod": lambda x: x.cumprod(1),
    "cummax": lambda x: x.cummax(1).values, "logcumsumexp": lambda x: x.logcumsumexp(1), "amax": lambda x: x.amax(1), "aminmax": lambda x: tuple(x.aminmax(dim=1)),
    "max.dim": lambda x: x.max(1).values, "median": lambda x: x.median(1).values, "nanmedian": lambda x: x.nanmedian(1).values,
    "quantile": lambda x: x.quantile(0.3, dim=1), "kthvalue": lambda x: x.kthvalue(2, 1).values, "mode": lambda x: x.mode(1).values,
    "sort": lambda x: x.sort(1).values, "msort": torch.msort, "topk": lambda x: x.topk(2, 1).values, "norm": torch.norm,
    "linalg.norm.3": lambda x: torch.linalg.vector_norm(x, 3), "linalg.norm.inf": lambda x: torch.linalg.vector_norm(x, math.inf),
    "linalg.norm.half": lambda x: torch.linalg.vector_norm(x, 0.5), "linalg.norm.nuc": lambda x: torch.linalg.matrix_norm(x, "nuc"),
    "linalg.norm.2": lambda x: torch.linalg.matrix_norm(x, 2), "nn.functional.normalize": F.normalize, "renorm": lambda x: x.renorm(2, 0, 0.7),
    "softmax": lambda x: x.softmax(1), "log_softmax": lambda x: x.log_softmax(1), "nn.functional.softmin": lambda x: F.softmin(x, 1),
    "nn.functional.glu": lambda x: F.glu(torch.cat([x, x], 1)), "flip": lambda x: x.flip(1), "roll": lambda x: x.roll(1, 1), "rot90": torch.rot90,
    "transpose": lambda x: x.mT * 2, "reshape": lambda x: x.reshape(-1) ** 2, "expand": lambda x: x[:, None].expand(3, 5, 4), "repeat": lambda x: x.repeat(2, 3),
    "repeat_interleave": lambda x: x.repeat_interleave(2, 0), "tile": lambda x: x.tile(2, 2), "tril": torch.tril, "triu": torch.triu, "diag": lambda x: x[:, :3].diag(),
    "diagonal": torch.diagonal, "diag_embed": torch.diag_embed, "diff": torch.diff, "trapezoid": torch.trapezoid, "cumulative_trapezoid": torch.cumulative_trapezoid,
    "gradient": lambda x: torch.gradient(x), "unfold": lambda x: x.unfold(1, 2, 1), "split": lambda x: x.split(2, 1), "unbind": lambda x: x.unbind(0),
    "gather": lambda x: x.gather(1, torch.tensor([[0, 0], [1, 3], [2, 2]])), "index_select": lambda x: x.index_select(1, torch.tensor([0, 0, 2])),
    "take": lambda x: x.take(torch.tensor([0, 5, 5])), "getitem": lambda x: x[:, [0, 0, 1]], "masked_select": lambda x: x.masked_select(torch.eye(3, 4) == 0),
    "masked_fill": lambda x: x.masked_fill(torch.eye(3, 4) == 1, 2.0), "index_fill": lambda x: x.index_fill(1, torch.tensor([1]), 3.0),
    "cov": torch.cov, "corrcoef": torch.corrcoef, "trace": torch.trace, "einsum": lambda x: torch.einsum("ij,kj->ik", x, x), "tensordot": lambda x: torch.tensordot(x, x.mT, 1),
    "cartesian_prod": lambda x: torch.cartesian_prod(x[0], x[1]), "combinations": lambda x: torch.combinations(x[0]), "block_diag": lambda x: torch.block_diag(x, 2 * x),
    "stack": lambda x: torch.stack([x, x * x]), "cat": lambda x: torch.cat([x, x.exp()], 1), "meshgrid": lambda x: torch.meshgrid(x[0], x[1], indexing="ij"),
    "nn.functional.pad.reflect": lambda x: F.pad(x[None], (1, 1), mode="reflect"), "nn.functional.pad.circular": lambda x: F.pad(x[None], (2, 1), mode="circular"),
    "nn.functional.local_response_norm": lambda x: F.local_response_norm(x[None], 3), "nn.functional.pdist": F.pdist, "nansum": torch.nansum, "nanmean": torch.nanmean,
    "nn.functional.layer_norm": lambda x: F.layer_norm(x, (4,)), "nn.functional.rms_norm": lambda x: F.rms_norm(x, (4,)), "as_strided": lambda x: x.contiguous().as_strided((2, 2), (1, 3)),
    "scatter_add": lambda x: torch.zeros(3, 4, dtype=x.dtype).scatter_add(1, torch.tensor([[0, 1, 1, 3]] * 3), x), "vander": lambda x: torch.linalg.vander(x[0]),
    "fft.rfft": lambda x: torch.view_as_real(torch.fft.rfft(x)), "fft.power": lambda x: torch.fft.fft(x).abs() ** 2, "fft.irfft": lambda x: torch.fft.irfft(x),
    "fft.hfft": lambda x: torch.fft.hfft(x), "fft.fft2": lambda x: torch.view_as_real(torch.fft.fft2(x)), "polar": lambda x: torch.view_as_real(torch.polar(x.abs() + 1, x)),
    "segment-mean": lambda x: x.index_add(0, torch.tensor([0, 0]), x[1:]) / 2, "clone-in-place": lambda x: x.clone().mul_(x).add_(1), "cosine-to-self": lambda x: F.cosine_similarity(x, x * 2 + 1),
    "nn.functional.triplet": lambda x: F.triplet_margin_loss(x, x.flip(0), 3 * x.roll(1, 0), margin=5.0), "cross_entropy": lambda x: F.cross_entropy(x, torch.tensor([0, 3, 1])),
    "cross_entropy.smoothed": lambda x: F.cross_entropy(x, torch.tensor([0, 3, 1]), label_smoothing=0.1), "cross_entropy.ignored": lambda x: F.cross_entropy(x, torch.tensor([0, -100, 1])),
    "nll_loss": lambda x: F.nll_loss(x.log_softmax(1), torch.tensor([0, 3, 1])), "multi_margin_loss": lambda x: F.multi_margin_loss(x, torch.tensor([0, 3, 1])),
    "multilabel_soft_margin_loss": lambda x: F.multilabel_soft_margin_loss(x, torch.eye(3, 4, dtype=x.dtype)), "soft_margin_loss": lambda x: F.soft_margin_loss(x, torch.ones_like(x)),
    "bce_with_logits": lambda x: F.binary_cross_entropy_with_logits(x, torch.full_like(x, 0.3)), "binary_cross_entropy": lambda x: F.binary_cross_entropy(x.sigmoid(), torch.full_like(x, 0.3)),
    "ctc_loss": lambda x: F.ctc_loss(x[:, None].log_softmax(2), torch.tensor([[1, 2]]), torch.tensor([3]), torch.tensor([2])),
    "hinge_embedding_loss": lambda x: F.hinge_embedding_loss(x, torch.ones_like(x)), "dropout": lambda x: F.dropout(x, 0.5), "alpha_dropout": lambda x: F.alpha_dropout(x, 0.3, training=True),
    "gumbel_softmax": lambda x: F.gumbel_softmax(x), "normal-reparametrised": lambda x: x + x.exp() * torch.randn(3, 4, dtype=x.dtype),
    "scaled_dot_product_attention": lambda x: F.scaled_dot_product_attention(x[None], x[None], x[None]), "causal-attention": lambda x: F.scaled_dot_product_attention(x[None], x[None], x[None], is_causal=True),
}  # fmt: skip
for _k, (_name, _f) in enumerate(SHAPES.items()):
    _add(_name, _f, normal(3, 4))
    if _k % 4 == 0:
        _add(_name, _f, normal(3, 4), dtype="float32")
_add("logcumsumexp@tail", lambda x: x.logcumsumexp(0), given(-700.0, 0.0, 700.0), "tail")
_add("logsumexp@tail", lambda x: x.logsumexp(0), given(1000.0, 999.0, 998.0), "tail")
_add("softmax@tail", lambda x: x.softmax(0), given(100.0, 0.0, 98.0), "tail")
_add("prod@zero", torch.prod, given(0.0, 2.0, 3.0), "edge")
_add("cumprod@zero", lambda x: x.cumprod(0), given(2.0, 0.0, 3.0, 4.0), "edge")
_add("sum@empty-rows", lambda x: x.sum(0) + 1, normal(0, 3), "edge")
_add("sum@large", torch.sum, normal(10_000))
_add("sum@large", torch.sum, normal(10_000), dtype="float32")
_add("square@1e9", lambda x: x**2, given(1e9, -2e9), "tail", dtype="float32")
_add("cross_entropy@confident", lambda x: F.cross_entropy(x, torch.tensor([0])), lambda _: np.array([[20.0, -9.0, 1.0]]), "tail")
_add("mul@dict", lambda d, n: {"a": d["x"] * n, "b": d["y"].sum()}, lambda rng: ({"x": rng.normal(size=3), "y": rng.normal(size=(2, 2))}, 3))
_add("add@unused-input", lambda x, y: x.exp(), arguments(normal(3), normal(2)), "zero")
_add("noise@1e-9", lambda x: x.sin() + 1e-9 * torch.frac(x.detach() * 1e7), normal(4), "noise")
_add("noise@float32-inside", lambda x: (x.float() @ torch.linspace(-1, 1, 16, dtype=torch.float32).reshape(4, 4)).double(), normal(4), "noise", "narrow")
_add("noise@half-inside", lambda x: (x.half() * 3).double(), normal(4), "noise", "narrow")
_add("to.bfloat16", lambda x: x.bfloat16(), normal(4), "noise", "narrow")

# Linear algebra; functions of symmetric matrices read one triangle, so they are fed symmetric ones.
SQUARE = lambda rng: rng.normal(size=(3, 3)) + 3 * np.eye(3)


def _spd(x):
    return x @ x.mT + torch.eye(3, dtype=x.dtype)


def _log_of_singular_values(x):
    u, s, v = torch.linalg.svd(x)
    return u @ torch.diag(s.log()) @ v


MATRICES = {
    "linalg.inv": torch.linalg.inv, "linalg.det": torch.linalg.det, "linalg.slogdet": lambda x: torch.linalg.slogdet(x).logabsdet, "logdet": lambda x: torch.logdet(_spd(x)),
    "linalg.cholesky": lambda x: torch.linalg.cholesky(_spd(x)), "cholesky_inverse": lambda x: torch.cholesky_inverse(torch.linalg.cholesky(_spd(x))),
    "cholesky_solve": lambda x: torch.cholesky_solve(x, torch.linalg.cholesky(_spd(x))), "linalg.eigvalsh": lambda x: torch.linalg.eigvalsh(_spd(x)),
    "linalg.eigh": lambda x: torch.linalg.eigh(_spd(x))[1].abs(), "linalg.eigvals": lambda x: torch.linalg.eigvals(x).abs().sum(), "linalg.svdvals": torch.linalg.svdvals,
    "linalg.svd": _log_of_singular_values, "linalg.qr": lambda x: tuple(torch.linalg.qr(x)), "linalg.lu": lambda x: tuple(torch.linalg.lu(x))[1:],
    "linalg.pinv": lambda x: torch.linalg.pinv(x[:, :2]), "linalg.matrix_exp": torch.linalg.matrix_exp, "linalg.matrix_power": lambda x: torch.linalg.matrix_power(x, 3),
    "linalg.matrix_power.inverse": lambda x: torch.linalg.matrix_power(x, -2), "linalg.cond": torch.linalg.cond, "linalg.solve": lambda x: torch.linalg.solve(x, x[0]),
    "linalg.lstsq": lambda x: torch.linalg.lstsq(x[:, :2], x[:, 2:]).solution, "linalg.solve_triangular": lambda x: torch.linalg.solve_triangular(x, x[:, :1], upper=True),
    "linalg.multi_dot": lambda x: torch.linalg.multi_dot([x, x, x[:, :2]]), "linalg.householder_product": lambda x: torch.linalg.householder_product(x, x[0]),
    "linalg.tensorinv": lambda x: torch.linalg.tensorinv(x, ind=1), "linalg.ldl-free-trace": lambda x: torch.linalg.inv_ex(x).inverse,
    "linalg.pinv.hermitian": lambda x: torch.linalg.pinv(_spd(x), hermitian=True), "linalg.lu_factor": lambda x: torch.linalg.lu_factor(x).LU, "linalg.eig": lambda x: torch.linalg.eig(x).eigenvectors.abs(),
}  # fmt: skip
for _k, (_name, _f) in enumerate(MATRICES.items()):
    _add(_name, _f, SQUARE)
    if _k % 5 == 0:
        _add(_name, _f, SQUARE, dtype="float32")

# Convolutions, pooling, sampling.
IMAGES = {
    "conv1d": (lambda x, w, b: F.conv1d(x, w, b, stride=2, padding=1), (2, 3, 6), (4, 3, 3), (4,)), "conv2d": (lambda x, w, b: F.conv2d(x, w, b, dilation=2), (1, 2, 6, 5), (3, 2, 2, 2), (3,)),
    "conv2d.groups": (lambda x, w: F.conv2d(x, w, groups=2), (1, 4, 4, 4), (4, 2, 3, 3)), "conv3d": (F.conv3d, (1, 1, 3, 3, 3), (2, 1, 2, 2, 2)),
    "conv_transpose1d": (lambda x, w: F.conv_transpose1d(x, w, stride=2), (1, 2, 4), (2, 3, 3)), "conv_transpose2d": (lambda x, w: F.conv_transpose2d(x, w, stride=2, output_padding=1), (1, 2, 3, 3), (2, 1, 3, 3)),
    "max_pool1d": (lambda x: F.max_pool1d(x, 2), (1, 2, 6)), "max_pool2d": (lambda x: F.max_pool2d(x, 2, stride=1), (1, 2, 4, 4)), "max_pool3d": (lambda x: F.max_pool3d(x, 2), (1, 1, 4, 4, 4)),
    "avg_pool1d": (lambda x: F.avg_pool1d(x, 3, padding=1), (1, 2, 6)), "avg_pool2d": (lambda x: F.avg_pool2d(x, 2, ceil_mode=True), (1, 2, 5, 5)), "lp_pool2d": (lambda x: F.lp_pool2d(x.abs(), 3, 2), (1, 2, 4, 4)),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, 3), (1, 2, 5, 5)), "adaptive_max_pool2d": (lambda x: F.adaptive_max_pool2d(x, 2), (1, 2, 5, 5)),
    "fractional_max_pool2d": (lambda x: F.fractional_max_pool2d(x, 2, output_size=3), (1, 2, 6, 6)), "unfold.image": (lambda x: F.unfold(x, 2), (1, 2, 4, 4)), "fold": (lambda x: F.fold(x, (4, 4), 2, stride=2), (1, 8, 4)),
    "interpolate.bilinear": (lambda x: F.interpolate(x, scale_factor=1.7, mode="bilinear"), (1, 2, 3, 3)), "interpolate.bicubic": (lambda x: F.interpolate(x, size=5, mode="bicubic"), (1, 1, 4, 4)),
    "interpolate.nearest": (lambda x: F.interpolate(x, size=5), (1, 2, 3, 3)), "interpolate.area": (lambda x: F.interpolate(x, size=2, mode="area"), (1, 2, 5, 5)), "interpolate.antialias": (lambda x: F.interpolate(x, size=2, mode="bilinear", antialias=True), (1, 1, 5, 5)),
    "grid_sample": (lambda x, g: F.grid_sample(x, torch.tanh(g) * 0.9, align_corners=False), (1, 2, 4, 4), (1, 3, 3, 2)), "grid_sample.bicubic": (lambda x, g: F.grid_sample(x, torch.tanh(g) * 0.9, mode="bicubic", align_corners=True), (1, 1, 5, 5), (1, 2, 2, 2)),
    "grid_sample.reflection": (lambda x, g: F.grid_sample(x, g, padding_mode="reflection", align_corners=False), (1, 1, 4, 4), (1, 2, 2, 2)), "affine_grid": (lambda t: F.affine_grid(t, (1, 1, 3, 3), align_corners=False), (1, 2, 3)),
    "pixel_shuffle": (lambda x: F.pixel_shuffle(x, 2), (1, 4, 2, 2)), "channel_shuffle": (lambda x: F.channel_shuffle(x, 2), (1, 4, 2, 2)), "bilinear": (F.bilinear, (3, 2), (3, 4), (5, 2, 4)),
    "batch_norm.train": (lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), (5, 3), (3,), (3,)), "group_norm": (lambda x: F.group_norm(x, 2), (2, 4, 3)), "instance_norm": (F.instance_norm, (2, 3, 4)),
    "max_unpool2d": (lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2), (1, 1, 4, 4)), "linear": (F.linear, (3, 4), (2, 4), (2,)), "prelu": (F.prelu, (3, 4), (4,)), "stft": (lambda x: torch.stft(x, 4, window=torch.hann_window(4, dtype=x.dtype), return_complex=True).abs() ** 2, (12,)),
}  # fmt: skip
for _k, (_name, (_f, *_shapes)) in enumerate(IMAGES.items()):
    _add(f"nn.functional.{_name}", _f, arguments(*(normal(*s) for s in _shapes)))
    if _k % 4 == 0:
        _add(f"nn.functional.{_name}", _f, arguments(*(normal(*s) for s in _shapes)), dtype="float32")
_add("nn.functional.embedding", lambda w: F.embedding(torch.tensor([0, 2, 2]), w), normal(4, 3))
_add("nn.functional.embedding.padding", lambda w: F.embedding(torch.tensor([0, 2, 3]), w)[:2], normal(4, 3))
_add("nn.functional.embedding_bag", lambda w: F.embedding_bag(torch.tensor([[0, 2], [2, 2]]), w), normal(4, 3))
_add("nn.functional.max_pool2d@ties", lambda x: F.max_pool2d(x, 2), lambda _: np.ones((1, 1, 4, 4)), "kink")

MODULES = {
    "Linear": (lambda: nn.Linear(4, 3), (5, 4)), "Bilinear": (lambda: nn.Bilinear(2, 3, 2), (4, 2), (4, 3)), "Conv2d": (lambda: nn.Conv2d(2, 3, 3, padding=1), (1, 2, 4, 4)),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(2, 2, 3), (1, 2, 4)), "BatchNorm1d": (lambda: nn.BatchNorm1d(3), (6, 3)), "BatchNorm1d.eval": (lambda: nn.BatchNorm1d(3).eval(), (6, 3)), "BatchNorm2d": (lambda: nn.BatchNorm2d(2), (3, 2, 3, 3)),
    "LayerNorm": (lambda: nn.LayerNorm(4), (3, 4)), "GroupNorm": (lambda: nn.GroupNorm(2, 4), (2, 4, 3)), "InstanceNorm1d": (lambda: nn.InstanceNorm1d(3, affine=True), (2, 3, 5)), "RMSNorm": (lambda: nn.RMSNorm(4), (3, 4)),
    "RNN": (lambda: nn.RNN(3, 4), (5, 2, 3)), "LSTM": (lambda: nn.LSTM(3, 4), (5, 2, 3)), "LSTM.bidirectional": (lambda: nn.LSTM(2, 3, num_layers=2, bidirectional=True), (4, 1, 2)), "GRU": (lambda: nn.GRU(3, 4), (5, 2, 3)), "GRUCell": (lambda: nn.GRUCell(3, 2), (2, 3), (2, 2)),
    "MultiheadAttention": (lambda: nn.MultiheadAttention(4, 2), (3, 2, 4), (5, 2, 4), (5, 2, 4)), "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0), (3, 2, 4)), "TransformerDecoderLayer": (lambda: nn.TransformerDecoderLayer(4, 2, 6), (2, 1, 4), (3, 1, 4)),
    "PReLU": (nn.PReLU, (3, 4)), "Dropout": (lambda: nn.Dropout(0.4), (4, 4)), "Sequential": (lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1), nn.Sigmoid()), (6, 4)), "Softmax2d": (nn.Softmax2d, (1, 3, 2, 2)),
    "weight_norm": (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)), (4, 3)),
    "Fold": (lambda: nn.Fold((4, 4), 2, stride=2), (1, 4, 4)), "residual-mlp": (lambda: nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 6), nn.GELU(), nn.Linear(6, 6)), (2, 6)), "SmoothL1Loss": (nn.SmoothL1Loss, (3, 2), (3, 2)),
}  # fmt: skip
for _k, (_name, (_make, *_shapes)) in enumerate(MODULES.items()):
    _module(f"nn.{_name}", _make, arguments(*(normal(*s) for s in _shapes)))
    if _k % 3 == 0:
        _module(f"nn.{_name}", _make, arguments(*(normal(*s) for s in _shapes)), dtype="float32")
_module("nn.LSTMCell", lambda: nn.LSTMCell(3, 2), lambda rng: (rng.normal(size=(2, 3)), (rng.normal(size=(2, 2)), rng.normal(size=(2, 2)))))
_module("nn.Embedding", lambda: nn.Embedding(5, 3), lambda _: (np.array([0, 1, 2, 3, 4, 1]),))
_module("nn.EmbeddingBag", lambda: nn.EmbeddingBag(5, 3), lambda _: (np.array([[0, 1, 2], [3, 4, 4]]),))

# Densities.
D = torch.distributions
LOC_SCALE = arguments(normal(3), uniform(0.5, 2, 3), normal(3))
POSITIVE = arguments(uniform(0.5, 3, 3), uniform(0.5, 3, 3), uniform(0.2, 3, 3))
UNIT = arguments(uniform(0.5, 3, 3), uniform(0.5, 3, 3), uniform(0.1, 0.9, 3))
DENSITIES = {
    "Normal": LOC_SCALE, "Laplace": LOC_SCALE, "Cauchy": LOC_SCALE, "Gumbel": LOC_SCALE, "LogNormal": arguments(normal(3), uniform(0.5, 2, 3), uniform(0.2, 3, 3)), "Gamma": POSITIVE, "Weibull": POSITIVE, "InverseGamma": POSITIVE,
    "FisherSnedecor": POSITIVE, "Pareto": arguments(uniform(0.5, 1, 3), uniform(0.5, 3, 3), uniform(1.2, 3, 3)), "Beta": UNIT, "Kumaraswamy": UNIT, "VonMises": LOC_SCALE
}  # fmt: skip
for _name, _maker in DENSITIES.items():
    for _dtype in ("float64", "float32")[: 1 + len(_name) % 2]:
        _add(f"distributions.{_name}", lambda a, b, x, n=_name: getattr(D, n)(a, b, validate_args=False).log_prob(x), _maker, dtype=_dtype)
_add("distributions.Uniform", lambda a, b: D.Uniform(a, b).log_prob(torch.zeros_like(a)), arguments(uniform(-2, -1, 3), uniform(1, 2, 3)))
_add("distributions.Exponential", lambda r, x: D.Exponential(r, validate_args=False).log_prob(x), arguments(P, P))
_add("distributions.StudentT", lambda d, x: D.StudentT(d, validate_args=False).log_prob(x), arguments(P, P))
_add("distributions.Dirichlet", lambda a: D.Dirichlet(a).log_prob(torch.tensor([0.2, 0.3, 0.5], dtype=a.dtype)), uniform(0.5, 3, 3))
_add("distributions.MultivariateNormal", lambda m, x: D.MultivariateNormal(m, _spd(torch.arange(9.0).reshape(3, 3).to(m.dtype) / 9)).log_prob(x), arguments(normal(3), normal(3)))
_add("distributions.Categorical", lambda z: D.Categorical(logits=z).entropy(), normal(5))
_add("distributions.Bernoulli", lambda z: D.Bernoulli(logits=z).log_prob(torch.ones_like(z)), normal(5))
_add("distributions.Binomial", lambda z: D.Binomial(5, logits=z).log_prob(torch.full_like(z, 2)), normal(4))
_add("distributions.Poisson", lambda r: D.Poisson(r).log_prob(torch.full_like(r, 3)), uniform(0.5, 4, 3))
_add("distributions.NegativeBinomial", lambda z: D.NegativeBinomial(3, logits=z).log_prob(torch.full_like(z, 2)), normal(4))
_add("distributions.kl.normal", lambda a, b: D.kl_divergence(D.Normal(a, b), D.Normal(b, a.exp())), arguments(normal(3), uniform(0.5, 2, 3)))
_add("distributions.kl.laplace", lambda a, b: D.kl_divergence(D.Laplace(a, b), D.Laplace(b, a.exp())), arguments(normal(3), uniform(0.5, 2, 3)))
_add("distributions.Normal.rsample", lambda a, b: D.Normal(a, b).rsample(), arguments(normal(3), uniform(0.5, 2, 3)))
_add("distributions.Normal.cdf", lambda a, b: D.Normal(a, b).cdf(torch.ones_like(a)), arguments(normal(3), uniform(0.5, 2, 3)))
# Gamma.rsample is no case: its implicit gradient is not that of the sampler, whose rejections differ with the parameter.
