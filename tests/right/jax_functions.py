"""JAX's functions: their own autodiff is what is checked, in float32 (compared with a run in float64) and in float64.

Not here (docs/findings.md): gumbel_r.logpdf, which has no derivative for its scale, log_ndtr at -30 (1.6e-10 off), expm1 at -40.
"""

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp

from tests.right.case import Case, arguments, given, normal, uniform

CASES: list[Case] = []


def _wide():
    return jax.enable_x64(True)


def _arrays(maker, dtype):
    def made(x):
        if isinstance(x, tuple | list):
            return type(x)(made(v) for v in x)
        if isinstance(x, dict):
            return {k: made(v) for k, v in x.items()}
        return jnp.asarray(x, dtype) if np.asarray(x).dtype.kind == "f" else jnp.asarray(x)

    return lambda rng: made(maker(rng))


def _add(name, f, maker, *tags, dtype="float32"):
    suffix = "" if dtype == "float32" else ("," if "@" in name else "@") + dtype
    narrow = {"narrow"} if dtype != "float64" else set()
    context = {"context": _wide} if dtype == "float64" else {}
    CASES.append(Case(f"jax.{name}{suffix}", jax.jit(f), _arrays(maker, dtype), tags=frozenset({*tags, *narrow}), **context))


# Functions of each entry: ordinary ranges, tails in float64.
ENTRIES = {
    "numpy.sin": (-3, 3), "numpy.cos": (-3, 3), "numpy.tan": (-1, 1), "numpy.arcsin": (-0.9, 0.9), "numpy.arctan": (-3, 3, 1e8), "numpy.sinh": (-3, 3), "numpy.tanh": (-3, 3, 8.0),
    "numpy.arcsinh": (-3, 3, 1e8), "numpy.arccosh": (1.2, 5), "numpy.arctanh": (-0.9, 0.9), "numpy.exp": (-3, 3, -600.0), "numpy.exp2": (-3, 3), "numpy.expm1": (-3, 3, 1e-12), "numpy.log": (0.1, 5, 1e-200),
    "numpy.log2": (0.1, 5), "numpy.log1p": (-0.5, 5, 1e-12), "numpy.sqrt": (0.1, 5, 1e-30), "numpy.cbrt": (0.2, 5), "numpy.square": (-3, 3, 1e100), "numpy.reciprocal": (0.3, 3), "numpy.sinc": (0.3, 3), "numpy.i0": (0.2, 3), "numpy.abs": (0.2, 3),
    "nn.relu": (0.2, 3), "nn.relu6": (0.5, 5), "nn.sigmoid": (-5, 5, -500.0), "nn.softplus": (-5, 5, -100.0), "nn.soft_sign": (-3, 3), "nn.silu": (-5, 5), "nn.log_sigmoid": (-5, 5, -500.0), "nn.leaky_relu": (-3, 3), "nn.hard_sigmoid": (-2, 2),
    "nn.hard_swish": (-2, 2), "nn.hard_tanh": (-0.9, 0.9), "nn.elu": (-3, 3), "nn.celu": (-3, 3), "nn.selu": (-3, 3), "nn.gelu": (-3, 3), "nn.squareplus": (-3, 3), "nn.mish": (-3, 3), "nn.sparse_plus": (-0.9, 0.9), "nn.sparse_sigmoid": (-0.9, 0.9),
    "scipy.special.gammaln": (0.5, 5, 1e8), "scipy.special.digamma": (0.5, 5), "scipy.special.erf": (-2, 2), "scipy.special.erfc": (-2, 2, 10.0), "scipy.special.erfinv": (-0.9, 0.9), "scipy.special.expit": (-3, 3), "scipy.special.logit": (0.1, 0.9),
    "scipy.special.ndtr": (-3, 3), "scipy.special.log_ndtr": (-3, 3), "scipy.special.ndtri": (0.1, 0.9), "scipy.special.i0": (-3, 3), "scipy.special.i0e": (-3, 3), "scipy.special.i1": (0.3, 3), "scipy.special.i1e": (0.3, 3), "scipy.special.entr": (0.2, 3),
    "scipy.special.gamma": (0.5, 4), "scipy.special.spence": (0.2, 0.9), "scipy.special.expi": (0.5, 3), "scipy.special.exp1": (0.5, 3), "lax.rsqrt": (0.3, 3), "lax.logistic": (-3, 3), "lax.lgamma": (0.5, 5), "lax.erf_inv": (-0.9, 0.9), "lax.bessel_i1e": (0.3, 3),
}  # fmt: skip


def _named(name):
    f = jax
    for part in name.split("."):
        f = getattr(f, part)
    return f


for _k, (_name, (_low, _high, *_tails)) in enumerate(ENTRIES.items()):
    _add(_name, _named(_name), uniform(_low, _high, 5), dtype="float64" if _k % 2 else "float32")
    for _point in _tails:
        _add(f"{_name}@{_point:g}", _named(_name), given(_point), "tail", dtype="float64")
for _name in ("numpy.sin", "nn.gelu", "numpy.exp", "nn.sigmoid"):
    _add(_name, _named(_name), uniform(*ENTRIES[_name][:2], 4), dtype="bfloat16")

for _name, _f, _points in (
    ("nn.relu", jax.nn.relu, (0.0, 1.0, -1.0)), ("numpy.abs", jnp.abs, (0.0, 2.0)), ("numpy.maximum", lambda x: jnp.maximum(x, 1.0), (1.0, 2.0, 0.0)), ("numpy.max", jnp.max, (2.0, 2.0, 1.0)),
    ("numpy.clip", lambda x: jnp.clip(x, -1, 1), (-1.0, 1.0, 0.3)), ("numpy.median", jnp.median, (1.0, 2.0, 2.0, 5.0)), ("nn.leaky_relu", jax.nn.leaky_relu, (0.0, 1.0)), ("nn.hard_tanh", jax.nn.hard_tanh, (1.0, 0.2)),
    ("numpy.sort", jnp.sort, (1.0, 1.0, 0.5)),
):  # fmt: skip
    _add(f"{_name}@kink", _f, given(*_points), "kink", dtype="float64")

P = uniform(0.3, 3, 2, 3)
SHAPES = {
    "numpy.sum": jnp.sum, "numpy.mean": lambda x: x.mean(0), "numpy.prod": lambda x: x.prod(1), "numpy.var": lambda x: x.var(1), "numpy.std": lambda x: x.std(1), "numpy.cumsum": lambda x: x.cumsum(1), "numpy.cumprod": lambda x: x.cumprod(1),
    "numpy.max": lambda x: x.max(1), "numpy.sort": lambda x: jnp.sort(x, 1), "numpy.median": lambda x: jnp.median(x, 1), "numpy.quantile": lambda x: jnp.quantile(x, 0.3), "numpy.ptp": lambda x: jnp.ptp(x, 1), "numpy.convolve": lambda x: jnp.convolve(x[0], x[1]),
    "numpy.fft.rfft": lambda x: jnp.abs(jnp.fft.rfft(x)) ** 2, "numpy.einsum": lambda x: jnp.einsum("ij,kj->ik", x, x), "numpy.roll": lambda x: jnp.roll(x, 1), "numpy.diff": jnp.diff, "numpy.interp": lambda x: jnp.interp(x, jnp.linspace(-4.0, 4, 9), jnp.linspace(-4.0, 4, 9) ** 2),
    "numpy.take": lambda x: jnp.take(x, jnp.array([0, 0, 5])), "numpy.where": lambda x: jnp.where(x > 0, x**2, x), "numpy.polyval": lambda x: jnp.polyval(x[0], x[1]), "numpy.trapezoid": jnp.trapezoid, "numpy.cov": jnp.cov, "numpy.outer": lambda x: jnp.outer(x[0], x[1]),
    "numpy.logaddexp": lambda x: jnp.logaddexp(x[0], x[1]), "numpy.hypot": lambda x: jnp.hypot(x[0], x[1]), "numpy.arctan2": lambda x: jnp.arctan2(x[0], x[1]), "nn.softmax": lambda x: jax.nn.softmax(x, 1), "nn.log_softmax": lambda x: jax.nn.log_softmax(x, 1), "nn.logsumexp": lambda x: jax.nn.logsumexp(x, 1),
    "nn.standardize": lambda x: jax.nn.standardize(x, axis=1), "nn.glu": lambda x: jax.nn.glu(x, 1), "nn.dot_product_attention": lambda x: jax.nn.dot_product_attention(*(x[None, :, None],) * 3), "lax.cumlogsumexp": lambda x: lax.cumlogsumexp(x, 1), "lax.cummax": lambda x: lax.cummax(x, 1),
    "lax.scan": lambda x: lax.scan(lambda c, v: (jnp.tanh(c + v), c * v), jnp.ones_like(x[0]), x), "lax.fori_loop": lambda x: lax.fori_loop(0, 3, lambda i, v: jnp.sin(v) * 2, x), "lax.cond": lambda x: lax.cond(True, jnp.sin, jnp.cos, x), "lax.map": lambda x: lax.map(jnp.sum, x**2), "lax.associative_scan": lambda x: lax.associative_scan(jnp.multiply, x),
    "lax.conv": lambda x: lax.conv(x[None, None], x[None, None, :2, :2], (1, 1), "SAME"), "lax.reduce_window": lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (2, 2), (1, 1), "VALID"), "lax.top_k": lambda x: lax.top_k(x, 2)[0], "lax.dynamic_slice": lambda x: lax.dynamic_slice(x, (1, 1), (2, 2)), "ops.segment_sum": lambda x: jax.ops.segment_sum(x, jnp.array([0, 1, 0]), 2),
    "ops.segment_max": lambda x: jax.ops.segment_max(x, jnp.array([0, 1, 0]), 2), "checkpoint": jax.checkpoint(lambda x: jnp.sin(jnp.exp(x / 3))), "vmap": jax.vmap(lambda v: v @ v), "jit": jax.jit(lambda x: jnp.tanh(x) * x), "grad-of-grad": lambda x: jax.grad(lambda y: jnp.sum(jnp.tanh(y) ** 2))(x), "at.add": lambda x: x.at[0, :2].add(x[1, 2:]), "at.set": lambda x: x.at[1].set(2.0),
    "linalg.norm": jnp.linalg.norm, "linalg.svd.values": lambda x: jnp.linalg.svd(x, compute_uv=False), "linalg.pinv": jnp.linalg.pinv, "random.dropout": lambda x: x * jax.random.bernoulli(jax.random.key(0), 0.5, x.shape), "image.resize": lambda x: jax.image.resize(x, (5, 3), "bilinear"), "scipy.special.logsumexp": lambda x: jax.scipy.special.logsumexp(x),
}  # fmt: skip
for _k, (_name, _f) in enumerate(SHAPES.items()):
    _add(_name, _f, normal(3, 4), dtype="float32" if _k % 2 else "float64")

SQUARE = lambda rng: rng.normal(size=(3, 3)) + 3 * np.eye(3)


def _spd(x):
    return x @ x.T + jnp.eye(3, dtype=x.dtype)


MATRICES = {
    "linalg.inv": jnp.linalg.inv, "linalg.det": jnp.linalg.det, "linalg.slogdet": lambda x: jnp.linalg.slogdet(x)[1], "linalg.cholesky": lambda x: jnp.linalg.cholesky(_spd(x)), "linalg.eigvalsh": lambda x: jnp.linalg.eigvalsh(_spd(x)),
    "linalg.eigh": lambda x: jnp.abs(jnp.linalg.eigh(_spd(x))[1]), "linalg.qr": lambda x: tuple(jnp.linalg.qr(x)), "linalg.solve": lambda x: jnp.linalg.solve(x, x[0]), "linalg.matrix_power": lambda x: jnp.linalg.matrix_power(x, 3), "linalg.lstsq": lambda x: jnp.linalg.lstsq(x, x[0])[0],
    "scipy.linalg.expm": jax.scipy.linalg.expm, "scipy.linalg.solve_triangular": lambda x: jax.scipy.linalg.solve_triangular(x, x[0]), "scipy.linalg.lu": lambda x: jax.scipy.linalg.lu(x)[1:], "scipy.linalg.cho_solve": lambda x: jax.scipy.linalg.cho_solve((jnp.linalg.cholesky(_spd(x)), True), x[0]),
    "scipy.linalg.sqrtm-free": lambda x: jnp.linalg.multi_dot([x, x, x]), "scipy.sparse.linalg.cg": lambda x: jax.scipy.sparse.linalg.cg(lambda v: _spd(x) @ v, x[0], tol=1e-12)[0],
}  # fmt: skip
for _k, (_name, _f) in enumerate(MATRICES.items()):
    name = _name if _name.startswith("scipy") else f"numpy.{_name}"
    _add(name, _f, SQUARE, *(("noise",) if "cg" in name else ()), dtype="float64" if _k % 3 or "cg" in name else "float32")

S = jax.scipy.stats
PAIR = arguments(normal(4), normal(4), uniform(0.5, 2, 4))
DENSITIES = {
    "norm.logpdf": (S.norm.logpdf, PAIR), "norm.logcdf": (S.norm.logcdf, PAIR), "norm.cdf": (S.norm.cdf, PAIR), "laplace.logpdf": (S.laplace.logpdf, PAIR), "cauchy.logpdf": (S.cauchy.logpdf, PAIR), "logistic.logpdf": (S.logistic.logpdf, PAIR), "norm.logsf": (lambda x, m: S.norm.logsf(x, m), arguments(normal(4), normal(4))),
    "t.logpdf": (lambda x, n: S.t.logpdf(x, n), arguments(normal(4), uniform(1, 5, 4))), "gamma.logpdf": (S.gamma.logpdf, arguments(uniform(0.5, 3, 4), uniform(0.5, 3, 4))), "beta.logpdf": (S.beta.logpdf, arguments(uniform(0.1, 0.9, 4), uniform(0.5, 3, 4), uniform(0.5, 3, 4))), "expon.logpdf": (lambda x: S.expon.logpdf(x, 0, 2.0), uniform(0.5, 3, 4)),
    "chi2.logpdf": (S.chi2.logpdf, arguments(uniform(0.5, 3, 4), uniform(1, 5, 4))), "pareto.logpdf": (lambda x, b: S.pareto.logpdf(x, b), arguments(uniform(1.5, 3, 4), uniform(0.5, 3, 4))), "dirichlet.logpdf": (lambda a: S.dirichlet.logpdf(jnp.array([0.2, 0.3, 0.5], a.dtype), a), uniform(0.5, 3, 3)),
    "multivariate_normal.logpdf": (lambda x, m: S.multivariate_normal.logpdf(x, m, jnp.eye(3, dtype=x.dtype) * 2), arguments(normal(3), normal(3))), "poisson.logpmf": (lambda m: S.poisson.logpmf(3, m), uniform(0.5, 3, 4)), "bernoulli.logpmf": (lambda p: S.bernoulli.logpmf(1, p), uniform(0.1, 0.9, 4)),
}  # fmt: skip
for _k, (_name, (_f, _maker)) in enumerate(DENSITIES.items()):
    _add(f"scipy.stats.{_name}", _f, _maker, dtype="float64" if _k % 2 else "float32")
_add("scipy.special.xlogy", jax.scipy.special.xlogy, arguments(P, P), dtype="float64")
_add("scipy.special.betaln", jax.scipy.special.betaln, arguments(P, P))
_add("scipy.special.rel_entr", jax.scipy.special.rel_entr, arguments(P, P))
_add("scipy.special.gammainc", lambda x: jax.scipy.special.gammainc(jnp.full_like(x, 2.5), x), uniform(0.5, 5, 4), dtype="float64")
_add("scipy.special.zeta", lambda q: jax.scipy.special.zeta(2.5, q), uniform(1, 4, 3), dtype="float64")
_add("scipy.special.polygamma", lambda x: jax.scipy.special.polygamma(1, x), uniform(1, 4, 3), dtype="float64")
_add("numpy.power", jnp.power, arguments(P, P), dtype="float64")
_add("numpy.divide", jnp.divide, arguments(P, P))
_add("numpy.matmul", jnp.matmul, arguments(normal(3, 2), normal(2, 4)))
_add("numpy.kron", jnp.kron, arguments(normal(2, 2), normal(2, 2)), dtype="float64")
_add("numpy.cross", jnp.cross, arguments(normal(3), normal(3)))
_add("numpy.multiply@0-d", jnp.multiply, arguments(normal(), normal()))
_add("dict-of-layers", lambda p, x: jnp.tanh(x @ p["w"] + p["b"]), lambda rng: ({"w": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}, rng.normal(size=(4, 3))))
_add("numpy.power@integers", lambda x, n: x**n, arguments(normal(3), lambda _: np.array([1, 2, 3])))


@jax.custom_jvp
def _log1pexp(x):
    return jnp.log1p(jnp.exp(x))


_log1pexp.defjvps(lambda t, y, x: t * (1 - jnp.exp(-y)))


@jax.custom_vjp
def _clipped(x):
    return x * x


_clipped.defvjp(lambda x: (x * x, x), lambda x, g: (2 * g * x,))
_add("custom_jvp", _log1pexp, normal(5), dtype="float64")
_add("custom_vjp", _clipped, normal(5))
_add("matmul@float32-inside", lambda x: (x.astype(jnp.float32) @ x.astype(jnp.float32)).astype(x.dtype), normal(4), "noise", dtype="float64")
_add("numpy.sum@large", jnp.sum, normal(10_000))
_add("numpy.square@1e2", lambda x: x**2, given(130.0, -210.0), "tail")
_add("numpy.log@1e-3", jnp.log, given(1e-3, 2e-3), "tail")
