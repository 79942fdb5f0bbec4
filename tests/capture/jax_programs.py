"""Programs in JAX as people write them, and derivatives by hand, right and wrong."""

from itertools import pairwise

import jax
import numpy as np
from jax import numpy as jnp

rng = np.random.default_rng(0)


def normal(*shape, scale=1.0):
    """Return numbers of float32."""
    return jnp.asarray(scale * rng.normal(size=shape), jnp.float32)


def mlp(params, x):
    """Layers as a nested list, as equinox and flax have them."""
    for layer in params[:-1]:
        x = jax.nn.gelu(x @ layer["w"] + layer["b"])
    return jnp.mean((x @ params[-1]["w"] + params[-1]["b"]) ** 2)


def layer_norm(x, scale, shift):
    """Normalise the last axis."""
    centred = x - jnp.mean(x, -1, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.mean(centred**2, -1, keepdims=True) + 1e-5) * scale + shift


def attention(q, k, v):
    """Causal attention of several heads."""
    scores = jnp.einsum("hqd,hkd->hqk", q, k) / jnp.sqrt(q.shape[-1])
    mask = jnp.tril(jnp.ones((q.shape[1], k.shape[1]), bool))
    return jnp.einsum("hqk,hkd->hqd", jax.nn.softmax(jnp.where(mask, scores, -jnp.inf)), v)


def block(w, x):
    """A block of a transformer with remat."""

    @jax.checkpoint
    def inner(x):
        heads = [jnp.moveaxis((x @ w[name]).reshape(5, 2, 4), 1, 0) for name in ("q", "k", "v")]
        mixed = jnp.moveaxis(attention(*heads), 0, 1).reshape(5, 8)
        return layer_norm(x + mixed, w["scale"], w["shift"])

    return jnp.sum(jax.nn.silu(inner(x)) ** 2)


def rnn(w, u, xs):
    """A GRU by scan."""

    def step(h, x):
        r, z = jax.nn.sigmoid(x @ w[0] + h @ u[0]), jax.nn.sigmoid(x @ w[1] + h @ u[1])
        h = (1 - z) * jnp.tanh(x @ w[2] + (r * h) @ u[2]) + z * h
        return h, h

    last, hs = jax.lax.scan(step, jnp.zeros(3, jnp.float32), xs)
    return jnp.sum(hs**2) + last[0]


def backwards(xs):
    """A scan from the end, with constants beside it."""
    return jax.lax.scan(lambda c, x: (0.9 * c + jnp.sin(x) * xs[0], c * x), xs[1], xs, reverse=True)[1].sum()


def images(kernel, x):
    """A convolution, pooling and batch statistics."""
    y = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    y = (y - y.mean((0, 1, 2))) / jnp.sqrt(y.var((0, 1, 2)) + 1e-5)
    return jnp.sum(jax.lax.reduce_window(jax.nn.relu(y), -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID") ** 2)


def cross_entropy(logits):
    """Labels picked by position."""
    log_p = jax.nn.log_softmax(logits)
    return -jnp.mean(jnp.take_along_axis(log_p, jnp.array([[1], [0], [2], [1]]), axis=1))


def embeddings(table):
    """Rows looked up, some twice, and written into others."""
    rows = table[jnp.array([0, 2, 2, 1])]
    return jnp.sum(rows.at[1].set(rows[0] ** 2).at[jnp.array([0, 0])].add(rows[2:]) ** 3)


def vmapped(w, xs):
    """A function of one row over all of them."""
    return jnp.sum(jax.vmap(lambda x: jnp.tanh(x @ w) @ x[:2])(xs) ** 2)


def steps(x):
    """A loop of fixed length, branches by value, jitted parts."""
    y = jax.lax.fori_loop(0, 4, lambda k, y: y + 0.1 * jax.jit(jnp.sin)(y * k), x)
    return jax.lax.cond(y.sum() > 0, lambda y: jnp.sum(y**2), lambda y: jnp.sum(y), y)


def newton(a):
    """A root by a loop that ends by its numbers: its turns are differentiated."""
    return jax.lax.while_loop(lambda y: jnp.max(jnp.abs(y * y - a)) > 1e-3, lambda y: 0.5 * (y + a / y), a).sum()


def dropped(w, x):
    """Dropout: the mask is data."""
    mask = jax.random.bernoulli(jax.random.PRNGKey(3), 0.7, (4, 3))
    return jnp.sum(jnp.where(mask, x @ w, 0) / 0.7)


def sorted_rows(x):
    """Order statistics, sums on the way, and borders."""
    s = jnp.sort(x, axis=0)
    return jnp.sum(jnp.cumsum(s, axis=0) * jnp.pad(s[1:], ((1, 0), (0, 0)))) + jnp.max(x) + jnp.prod(x[0])


def half(w, x):
    """A layer in bfloat16 between others in float32."""
    return jnp.sum(jnp.tanh((x.astype(jnp.bfloat16) @ w.astype(jnp.bfloat16)).astype(jnp.float32)) ** 2)


def _layers(*sizes):
    return [{"w": normal(a, b, scale=a**-0.5), "b": normal(b, scale=0.1)} for a, b in pairwise(sizes)]


#: name -> function, arguments
PROGRAMS = {
    "mlp": (mlp, (_layers(3, 8, 8, 2), normal(5, 3))),
    "transformer block": (block, ({**{k: normal(8, 8, scale=0.3) for k in "qkv"}, "scale": normal(8), "shift": normal(8)}, normal(5, 8))),
    "gru by scan": (rnn, (normal(3, 2, 3), normal(3, 3, 3, scale=0.5), normal(4, 2))),
    "scan backwards": (backwards, (normal(4),)),
    "images": (images, (normal(3, 3, 2, 4, scale=0.3), normal(2, 6, 6, 2))),
    "cross entropy": (cross_entropy, (normal(4, 3),)),
    "embeddings": (embeddings, (normal(3, 2),)),
    "vmap": (vmapped, (normal(3, 2), normal(4, 3))),
    "loops and branches": (steps, (normal(3),)),
    "while": (newton, (jnp.abs(normal(3)) + 1,)),
    "dropout": (dropped, (normal(5, 3), normal(4, 5))),
    "order": (sorted_rows, (normal(4, 3),)),
    "bfloat16 inside": (half, (normal(6, 4), normal(3, 6))),
}


def custom(value, backward, *, nondiff=()):
    """Return a function with a derivative by hand: backward(cotangent, *arguments)."""
    f = jax.custom_vjp(value)
    f.defvjp(lambda *xs: (value(*xs), xs), lambda xs, g: backward(g, *xs))
    return f


def rms_value(x, w):
    """Return x over its root mean square, scaled."""
    return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-6) * w


def rms(term=1.0, total=jnp.mean, scaled=True):
    """Return RMSNorm by hand."""

    def backward(g, x, w):
        r = jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-6)
        h = g * w
        dx = r * h - term * r**3 * x * total(h * x, -1, keepdims=True)
        return dx, jnp.sum(g * x * (r if scaled else 1.0), 0)

    return custom(rms_value, backward)


def rope_value(x, angle):
    """Return pairs of entries turned."""
    a, b = x[..., ::2], x[..., 1::2]
    c, s = jnp.cos(angle), jnp.sin(angle)
    return jnp.stack([a * c - b * s, a * s + b * c], -1).reshape(x.shape)


def rope(sign=-1.0):
    """Return RoPE by hand: the cotangent is turned back."""
    angle = jnp.arange(3.0)
    return custom(lambda x: rope_value(x, angle), lambda g, x: (rope_value(g, sign * angle),))


def swiglu(slope=True):
    """Return SwiGLU by hand."""

    def backward(g, a, b):
        s = jax.nn.sigmoid(a)
        return g * b * (s * (1 + a * (1 - s)) if slope else s), g * a * s

    return custom(lambda a, b: a * jax.nn.sigmoid(a) * b, backward)


LABELS = jax.nn.one_hot(jnp.array([0, 2, 1, 3]), 4)


def ce(over_n=True):
    """Return the mean cross entropy of logits, its gradient by hand."""

    def value(z):
        return jnp.mean(jax.nn.logsumexp(z, -1) - jnp.sum(z * LABELS, -1))

    return custom(value, lambda g, z: (g * (jax.nn.softmax(z) - LABELS) / (z.shape[0] if over_n else 1),))


def attend(delta=True, scale=True):
    """Return attention of one head by hand."""

    def value(q, k, v):
        return jax.nn.softmax(q @ k.T / np.sqrt(q.shape[-1])) @ v

    def backward(g, q, k, v):
        p = jax.nn.softmax(q @ k.T / np.sqrt(q.shape[-1]))
        dp = g @ v.T
        ds = p * (dp - (jnp.sum(dp * p, -1, keepdims=True) if delta else 0)) / (np.sqrt(q.shape[-1]) if scale else 1)
        return ds @ k, ds.T @ q, p.T @ g

    return custom(value, backward)


def softmax(total=True):
    """Return softmax by hand; without the sum it is the diagonal alone."""

    def backward(g, z):
        p = jax.nn.softmax(z)
        return (p * (g - jnp.sum(g * p, -1, keepdims=True)) if total else g * p * (1 - p),)

    return custom(lambda z: jax.nn.softmax(z), backward)


def linear(transposed=True):
    """Return a linear layer by hand."""
    return custom(lambda x, w: x @ w, lambda g, x, w: (g @ (w.T if transposed else w), x.T @ g))


def entrywise(value, slope):
    """Return a function entry by entry with a slope."""
    return custom(value, lambda g, x: (g * slope(x),))


@jax.custom_jvp
def double(x):
    """Return x * x by custom_jvp."""
    return x * x


double.defjvp(lambda xs, ts: (xs[0] ** 2, 2 * xs[0] * ts[0]))


@jax.custom_jvp
def double_wrong(x):
    """Return x * x with half of its slope."""
    return x * x


double_wrong.defjvp(lambda xs, ts: (xs[0] ** 2, xs[0] * ts[0]))

X, W, Z = normal(4, 6), normal(6), normal(4, 4)
#: name -> right, wrong, arguments, what the mistake is called
PAIRS = {
    "rms norm, term": (rms(), rms(term=0.0), (X, W), ""),
    "rms norm, mean": (rms(), rms(total=jnp.sum), (X, W), ""),
    "rms norm, weight": (rms(), rms(scaled=False), (X, W), ""),
    "rope": (rope(), rope(1.0), (X,), ""),
    "swiglu": (swiglu(), swiglu(slope=False), (X, normal(4, 6)), ""),
    "cross entropy": (ce(), ce(over_n=False), (Z,), "factor"),
    "attention, delta": (attend(), attend(delta=False), (Z, normal(5, 4), normal(5, 3)), ""),
    "attention, scale": (attend(), attend(scale=False), (Z, normal(5, 4), normal(5, 3)), "factor"),
    "softmax": (softmax(), softmax(total=False), (Z,), ""),
    "linear": (linear(), linear(transposed=False), (X[:, :4], Z), "transpose"),
    "gelu, factor": (entrywise(jnp.tanh, lambda x: 1 - jnp.tanh(x) ** 2), entrywise(jnp.tanh, lambda x: 1.001 * (1 - jnp.tanh(x) ** 2)), (X,), "factor"),
    "sign": (entrywise(jnp.sin, jnp.cos), entrywise(jnp.sin, lambda x: -jnp.cos(x)), (X,), "sign"),
    "f for slope": (entrywise(jnp.tanh, lambda x: 1 - jnp.tanh(x) ** 2), entrywise(jnp.tanh, jnp.tanh), (X,), ""),
    "passed through": (entrywise(jnp.sin, jnp.cos), entrywise(jnp.sin, jnp.ones_like), (X,), ""),
    "custom_jvp": (double, double_wrong, (X,), "factor"),
}  # fmt: skip
