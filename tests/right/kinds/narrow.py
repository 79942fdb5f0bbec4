"""Formats below float64 in NumPy: float32, float16 and bfloat16, all through or inside."""

import ml_dtypes
import numpy as np

from tests.right.kinds.case import HALF, ROLLED, SIGN, TENTH, TWICE, Kind, scaled

KIND = Kind("narrow")
RNG = np.random.default_rng(19)
FORMATS = {"float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
BOUNDS = {"float32": 1e-5, "float16": 1e-2, "bfloat16": 0.1}
#: What is seen in any of them.
COARSE = {"float32": TENTH, "float16": HALF, "bfloat16": HALF}


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _normed(x):
    d = x - x.mean(-1, keepdims=True)
    return d / np.sqrt((d * d).mean(-1, keepdims=True) + x.dtype.type(1e-3))


def _normed_back(g, x, whole=1):
    s = np.sqrt(x.var(-1, keepdims=True) + x.dtype.type(1e-3))
    y = _normed(x)
    return (((g - g.mean(-1, keepdims=True)) - x.dtype.type(whole) * y * (g * y).mean(-1, keepdims=True)) / s,)


def _gelu(x, c=0.7978845608):
    return x.dtype.type(0.5) * x * (x.dtype.type(1) + np.tanh(x.dtype.type(c) * (x + x.dtype.type(0.044715) * x * x * x)))


def _gelu_back(g, x, inner=1.0, c=0.7978845608):
    k, one = x.dtype.type, x.dtype.type(1)
    t = np.tanh(k(c) * (x + k(0.044715) * x * x * x))
    return (g * (k(0.5) * (one + t) + k(0.5) * x * (one - t * t) * k(c) * (one + k(3 * 0.044715 * inner) * x * x)),)


def _silu(x):
    return x / (1 + np.exp(-x))


def _silu_back(g, x):
    s = 1 / (1 + np.exp(-x))
    return (g * s * (1 + x * (1 - s)),)


ROWS, W, TABLE = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 5)), RNG.normal(size=6)
FUNCTIONS = {
    "tanh": (np.tanh, TABLE, lambda g, x: (g * (1 - np.tanh(x) ** 2),), ("1 - t", lambda g, x: (g * (1 - np.tanh(x)),)), SIGN),
    "matmul": (np.matmul, (ROWS, W), lambda g, x, w: (g @ w.T, x.T @ g), scaled(1, 2), ("batch reversed", lambda g, x, w: (g @ w.T, x[::-1].T @ g))),
    "softmax": (_softmax, ROWS, lambda g, x: (_softmax(x) * (g - np.sum(g * _softmax(x), -1, keepdims=True)),),
                ("diagonal only", lambda g, x: (g * _softmax(x) * (1 - _softmax(x)),)), ("sum over the wrong axis", lambda g, x: (_softmax(x) * (g - np.sum(g * _softmax(x), 0)),))),
    "layer norm": (_normed, ROWS, _normed_back, ("variance held", lambda g, x: _normed_back(g, x, 0)), SIGN),
    "gelu": (_gelu, TABLE, _gelu_back, ("cdf only", lambda g, x: (g * _gelu(x) / x,)), ROLLED),
    "silu": (_silu, TABLE, _silu_back, ("sigmoid only", lambda g, x: (g / (1 + np.exp(-x)),)), SIGN),
    "mean square": (lambda x: np.mean(x * x), TABLE, lambda g, x: (g * x * x.dtype.type(2 / x.size),), ("n is missing", lambda g, x: (g * x * 2,)), SIGN),
    "norm": (lambda x: x / np.sqrt(np.sum(x * x)), TABLE, lambda g, x: ((g - x * (np.sum(g * x) / np.sum(x * x))) / np.sqrt(np.sum(x * x)),),
             ("norm held", lambda g, x: (g / np.sqrt(np.sum(x * x)),)), SIGN),
}  # fmt: skip


def _typed(x, form):
    return tuple(np.asarray(v, form) for v in (x if isinstance(x, tuple) else (x,)))


for _format, _form in FORMATS.items():
    for _name, (_f, _x, _back, *_mutants) in FUNCTIONS.items():
        KIND.vjp(f"{_name}@{_format}", _f, _typed(_x, _form), _back, *_mutants, COARSE[_format], rough=BOUNDS[_format], reference=_f)


# float32 inside, float64 outside: as kernels do.
def _single(f):
    return lambda *a: np.asarray(f(*(np.asarray(v, np.float32) for v in a)), np.float64)


KIND.vjp("inside.swish", _single(lambda x: x / (1 + np.exp(-x))), TABLE, lambda g, x: (_silu_back(g, x)[0],), ("sigmoid only", lambda g, x: (g / (1 + np.exp(-x)),)), SIGN, TENTH,
         reference=lambda x: x / (1 + np.exp(-x)))  # fmt: skip
KIND.vjp("inside.matmul", _single(np.matmul), (ROWS, W), lambda g, x, w: (_single(np.matmul)(g, w.T), _single(np.matmul)(x.T, g)), scaled(1, -1), TWICE, TENTH, reference=np.matmul)
KIND.grad("inside.log likelihood", _single(lambda x: np.sum(np.logaddexp(0, x))), TABLE, _single(lambda x: 1 / (1 + np.exp(-x))), ("p(1 - p)", lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
          SIGN, TENTH, reference=lambda x: np.sum(np.logaddexp(0, x)))  # fmt: skip
KIND.vjp("accumulated", lambda x: np.asarray(np.cumsum(np.asarray(x, np.float64)), np.float16), TABLE.astype(np.float16), lambda g, x: (np.cumsum(g[::-1])[::-1].astype(np.float16),),
         ("not reversed", lambda g, x: (np.cumsum(g),)), SIGN, HALF, rough=1e-2, reference=np.cumsum)  # fmt: skip
KIND.vjp("mixed", lambda x, w: x @ w.astype(np.float32), (ROWS.astype(np.float32), W.astype(np.float16)),
         lambda g, x, w: (g @ w.T.astype(np.float32), (x.T @ g).astype(np.float16)), scaled(0, 2), scaled(1, -1), ("batch reversed", lambda g, x, w: (
             g @ w.T.astype(np.float32), (x[::-1].T @ g).astype(np.float16))), rough=3e-3, reference=np.matmul)  # fmt: skip
