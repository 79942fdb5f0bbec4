"""Functions of one real variable, entry by entry. One paragraph an operation."""

from __future__ import annotations

from fractions import Fraction

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.ops.op import REQUIRED, Textbook, formula, sample, unary, zero

neg = unary(
    "neg", "-x",
    value=lambda m, x: -x,
    vjp=lambda m, g, y, x: -g,
    jvp=lambda m, t, y, x: -t,
)  # fmt: skip

exp = unary(
    "exp", "e to the x",
    value=lambda m, x: m.exp(x),
    vjp=lambda m, g, y, x: g * y,
    jvp=lambda m, t, y, x: t * m.exp(x),
)  # fmt: skip

log = unary(
    "log", "natural logarithm of x > 0", "positive",
    value=lambda m, x: m.log(x),
    vjp=lambda m, g, y, x: g / x,
    jvp=lambda m, t, y, x: t / x,
)  # fmt: skip

log1p = unary(
    "log1p", "log(1 + x) for x > -1, right for small x", "positive",
    value=lambda m, x: m.log1p(x),
    vjp=lambda m, g, y, x: g / (1 + x),
    jvp=lambda m, t, y, x: t * m.exp(-y),
)  # fmt: skip

expm1 = unary(  # y + 1 is no textbook derivative: it is 0 at -40, where the derivative is 4.2e-18
    "expm1", "exp(x) - 1, right for small x",
    value=lambda m, x: m.expm1(x),
    vjp=lambda m, g, y, x: g * m.exp(x),
    jvp=lambda m, t, y, x: t * m.exp(x),
)  # fmt: skip

sqrt = unary(
    "sqrt", "square root of x >= 0 (gradient +inf at 0)", "positive",
    value=lambda m, x: m.sqrt(x),
    vjp=lambda m, g, y, x: g / (2 * y),
    jvp=lambda m, t, y, x: t / (2 * m.sqrt(x)),
)  # fmt: skip

square = unary(
    "square", "x times x",
    value=lambda m, x: m.square(x),
    vjp=lambda m, g, y, x: 2 * x * g,
    jvp=lambda m, t, y, x: x * t + t * x,
)  # fmt: skip

reciprocal = unary(
    "reciprocal", "1 / x", "nonzero",
    value=lambda m, x: 1 / x,
    vjp=lambda m, g, y, x: -(g * y) * y,
    jvp=lambda m, t, y, x: -(t / x) / x,
)  # fmt: skip

absolute = unary(  # abs'(0) = 0
    "abs", "magnitude of x",
    value=lambda m, x: abs(x),
    vjp=lambda m, g, y, x: g * m.sign(x),
    jvp=lambda m, t, y, x: m.select(m.less(x, zero(m)), -t, m.select(m.is_zero(x), zero(m), t)),
    kinks=lambda m, x: (x,),
    textbook=(formula("g x / |x|, where the sign is a quotient", lambda m, g, y, x: g * x / y),),
)  # fmt: skip

sin = unary(
    "sin", "sine",
    value=lambda m, x: m.sin(x),
    vjp=lambda m, g, y, x: g * m.cos(x),
    jvp=lambda m, t, y, x: t * m.cos(x),
)  # fmt: skip

cos = unary(
    "cos", "cosine",
    value=lambda m, x: m.cos(x),
    vjp=lambda m, g, y, x: -g * m.sin(x),
    jvp=lambda m, t, y, x: -(t * m.sin(x)),
)  # fmt: skip

tan = unary(
    "tan", "tangent", "unit",
    value=lambda m, x: m.tan(x),
    vjp=lambda m, g, y, x: (g / m.cos(x)) / m.cos(x),
    jvp=lambda m, t, y, x: t * (1 + m.square(y)),
    textbook=(formula("1 + y^2 has no cancellation", lambda m, g, y, x: g * (1 + m.square(y))),),
)  # fmt: skip

arctan = unary(
    "arctan", "inverse tangent",
    value=lambda m, x: m.arctan(x),
    vjp=lambda m, g, y, x: g / (1 + m.square(x)),
    jvp=lambda m, t, y, x: t * m.square(m.cos(y)),
)  # fmt: skip

sinh = unary(
    "sinh", "hyperbolic sine",
    value=lambda m, x: m.sinh(x),
    vjp=lambda m, g, y, x: g * m.cosh(x),
    jvp=lambda m, t, y, x: t * m.cosh(x),
)  # fmt: skip

cosh = unary(
    "cosh", "hyperbolic cosine",
    value=lambda m, x: m.cosh(x),
    vjp=lambda m, g, y, x: g * m.sinh(x),
    jvp=lambda m, t, y, x: t * m.sinh(x),
)  # fmt: skip

tanh = unary(  # 1 - y^2 has lost every digit at abs(x) = 19
    "tanh", "hyperbolic tangent",
    value=lambda m, x: m.tanh(x),
    vjp=lambda m, g, y, x: g * m.sech2(x),
    jvp=lambda m, t, y, x: t * ((1 - y) * (1 + y)),
    textbook=(formula("1 - y^2, used by every framework", lambda m, g, y, x: g * (1 - m.square(y))),),
)  # fmt: skip

arctanh = unary(
    "arctanh", "inverse hyperbolic tangent of abs(x) < 1", "unit",
    value=lambda m, x: m.arctanh(x),
    vjp=lambda m, g, y, x: g / ((1 - x) * (1 + x)),
    jvp=lambda m, t, y, x: t * m.square(m.cosh(y)),
    textbook=(formula("1 - x^2, exact but for the rounding of x^2", lambda m, g, y, x: g / (1 - m.square(x))),),
)  # fmt: skip

erf = unary(
    "erf", "error function",
    value=lambda m, x: m.erf(x),
    vjp=lambda m, g, y, x: g * (2 / m.sqrt(m.pi()) * m.exp(-m.square(x))),
    jvp=lambda m, t, y, x: 2 * t * (m.exp(-x * x) / m.sqrt(m.pi())),
)  # fmt: skip

logistic = unary(
    "logistic", "1 / (1 + exp(-x)), ONNX Sigmoid",
    value=lambda m, x: m.logistic(x),
    vjp=lambda m, g, y, x: g * (m.logistic(x) * m.logistic(-x)),
    jvp=lambda m, t, y, x: (t / (2 * m.cosh(x / 2))) / (2 * m.cosh(x / 2)),
    textbook=(formula("y (1 - y), used by every framework", lambda m, g, y, x: g * (y * (1 - y))),),
)  # fmt: skip

softplus = unary(
    "softplus", "log(1 + exp(x))",
    value=lambda m, x: m.softplus(x),
    vjp=lambda m, g, y, x: g * m.logistic(x),
    jvp=lambda m, t, y, x: t * m.exp(x - y),
    textbook=(
        formula("1 - exp(-y)", lambda m, g, y, x: g * (1 - m.exp(-y))),
        formula("exp(x - y), as of a logaddexp", lambda m, g, y, x: g * m.exp(x - y)),
    ),
)  # fmt: skip

log_sigmoid = unary(
    "log_sigmoid", "log(1 / (1 + exp(-x)))",
    value=lambda m, x: -m.softplus(-x),
    vjp=lambda m, g, y, x: g * m.logistic(-x),
    jvp=lambda m, t, y, x: t * m.exp(y - x),
    textbook=(
        formula("1 - exp(y)", lambda m, g, y, x: g * (1 - m.exp(y))),
        formula("exp(y - x), as of a logaddexp", lambda m, g, y, x: g * m.exp(y - x)),
    ),
)  # fmt: skip

relu = unary(  # relu'(0) = 0
    "relu", "max(x, 0)",
    value=lambda m, x: m.maximum(x, zero(m)),
    vjp=lambda m, g, y, x: m.select(m.less(zero(m), x), g, 0),
    jvp=lambda m, t, y, x: m.select(m.less(zero(m), x), t, 0),
    kinks=lambda m, x: (x,),
)  # fmt: skip

leaky_relu = unary(  # the right-hand slope at 0 is not taken: slope alpha at 0, as torch
    "leaky_relu", "x for x > 0, alpha x else; ONNX LeakyRelu",
    value=lambda m, x, alpha: m.select(m.less(zero(m), x), x, m.constant(alpha) * x),
    vjp=lambda m, g, y, x, alpha: m.select(m.less(zero(m), x), g, m.constant(alpha) * g),
    jvp=lambda m, t, y, x, alpha: m.select(m.less(zero(m), x), t, m.constant(alpha) * t),
    attributes={"alpha": 0.01},
    kinks=lambda m, x, alpha: (x,),
    samples=(sample((5,)), sample((2, 3), alpha=0.25)),
)  # fmt: skip

elu = unary(
    "elu", "x for x > 0, alpha (exp(x) - 1) else; ONNX Elu",
    value=lambda m, x, alpha: m.select(m.less(zero(m), x), x, m.constant(alpha) * m.expm1(_below(m, x))),
    vjp=lambda m, g, y, x, alpha: m.select(m.less(zero(m), x), g, g * (m.constant(alpha) * m.exp(_below(m, x)))),
    jvp=lambda m, t, y, x, alpha: m.select(m.less(zero(m), x), t, m.constant(alpha) * m.exp(_below(m, x)) * t),
    attributes={"alpha": 1.0},
    kinks=lambda m, x, alpha: () if alpha == 1 else (x,),
    samples=(sample((5,)), sample((2, 3), alpha=0.5)),
)  # fmt: skip

selu = unary(  # Klambauer et al. 2017; the constants are those of ONNX Selu, rounded to float64
    "selu", "gamma (x for x > 0, alpha (exp(x) - 1) else); ONNX Selu",
    value=lambda m, x, alpha, gamma: m.constant(gamma)
    * m.select(m.less(zero(m), x), x, m.constant(alpha) * m.expm1(_below(m, x))),
    vjp=lambda m, g, y, x, alpha, gamma: m.constant(gamma)
    * m.select(m.less(zero(m), x), g, g * (m.constant(alpha) * m.exp(_below(m, x)))),
    jvp=lambda m, t, y, x, alpha, gamma: m.select(
        m.less(zero(m), x), m.constant(gamma) * t, m.constant(gamma) * m.constant(alpha) * m.exp(_below(m, x)) * t
    ),
    attributes={"alpha": 1.6732632423543772, "gamma": 1.0507009873554805},
    kinks=lambda m, x, alpha, gamma: (x,),
    samples=(sample((5,)), sample((2, 3))),
)  # fmt: skip


def _below(m: Arithmetic, x: Array) -> Array:
    """Return min(x, 0), so that the branch not taken does not overflow."""
    return m.minimum(x, zero(m))


def _normal_cdf(m: Arithmetic, x: Array) -> Array:
    """Return the standard normal distribution function, right in its lower tail."""
    return m.erfc(-x / m.sqrt(m.constant(2))) / 2


def _normal_pdf(m: Arithmetic, x: Array) -> Array:
    return m.exp(-m.square(x) / 2) / m.sqrt(2 * m.pi())


def _cdf_by_erf(m: Arithmetic, x: Array) -> Array:
    return (1 + m.erf(x / m.sqrt(m.constant(2)))) / 2


gelu = unary(  # Hendrycks and Gimpel 2016
    "gelu", "x Phi(x), Phi the normal distribution function; ONNX Gelu approximate=none",
    value=lambda m, x: x * _normal_cdf(m, x),
    vjp=lambda m, g, y, x: g * (_normal_cdf(m, x) + x * _normal_pdf(m, x)),
    jvp=lambda m, t, y, x: t * _normal_cdf(m, x) + x * (_normal_pdf(m, x) * t),
    textbook=(
        Textbook(
            "x/2 (1 + erf(x / sqrt 2)), the published form",
            value=lambda m, x: x * _cdf_by_erf(m, x),
            vjp=lambda m, g, y, x: (g * (_cdf_by_erf(m, x) + x * _normal_pdf(m, x)),),
        ),
    ),
)  # fmt: skip


def _tanh_argument(m: Arithmetic, x: Array) -> Array:
    """Return sqrt(2/pi) (x + 0.044715 x^3), the argument of the tanh form of gelu."""
    return m.sqrt(2 / m.pi()) * (x + m.constant(CUBIC) * m.integer_power(x, 3))


def _tanh_argument_slope(m: Arithmetic, x: Array) -> Array:
    return m.sqrt(2 / m.pi()) * (1 + 3 * m.constant(CUBIC) * m.square(x))


def _gelu_tanh_slope(m: Arithmetic, x: Array) -> Array:
    """Return the derivative; x^2 is multiplied in one by one: it may overflow where its factor is zero."""
    u = _tanh_argument(m, x)
    s = m.logistic(2 * u)
    a = x * (s * m.logistic(-2 * u))
    return s + 2 * m.sqrt(2 / m.pi()) * (a + 3 * m.constant(CUBIC) * (a * x * x))


def _gelu_tanh_textbook(m: Arithmetic, g: Array, y: Array, x: Array) -> tuple[Array]:
    w = m.tanh(_tanh_argument(m, x))
    return (g * ((1 + w) / 2 + x * (1 - m.square(w)) * _tanh_argument_slope(m, x) / 2),)


CUBIC = Fraction(44715, 1_000_000)

gelu_tanh = unary(  # x/2 (1 + tanh u) = x logistic(2 u), which keeps the lower tail
    "gelu_tanh", "x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))); ONNX Gelu approximate=tanh",
    value=lambda m, x: x * m.logistic(2 * _tanh_argument(m, x)),
    vjp=lambda m, g, y, x: g * _gelu_tanh_slope(m, x),
    jvp=lambda m, t, y, x: _gelu_tanh_textbook(m, t, y, x)[0],
    textbook=(
        Textbook(
            "by tanh, the published form",
            value=lambda m, x: x * (1 + m.tanh(_tanh_argument(m, x))) / 2,
            vjp=_gelu_tanh_textbook,
        ),
    ),
)  # fmt: skip

swish = unary(  # Ramachandran et al. 2017; also called SiLU
    "swish", "x logistic(x); ONNX Swish",
    value=lambda m, x: x * m.logistic(x),
    vjp=lambda m, g, y, x: g * (m.logistic(x) + x * (m.logistic(x) * m.logistic(-x))),
    jvp=lambda m, t, y, x: t * m.logistic(x) * (1 + x * m.logistic(-x)),
    textbook=(
        formula("s (1 + x (1 - s))", lambda m, g, y, x: g * (m.logistic(x) * (1 + x * (1 - m.logistic(x))))),
        formula("s + y (1 - s)", lambda m, g, y, x: g * (m.logistic(x) + y * (1 - m.logistic(x)))),
    ),
)  # fmt: skip


def _mish_slope(m: Arithmetic, x: Array) -> Array:
    p = m.softplus(x)
    c = m.cosh(p)
    return m.tanh(p) + x * m.logistic(x) / c / c


mish = unary(  # Misra 2019; 1 - tanh^2 = 1/cosh^2 keeps the upper tail
    "mish", "x tanh(softplus(x)); ONNX Mish",
    value=lambda m, x: x * m.tanh(m.softplus(x)),
    vjp=lambda m, g, y, x: g * _mish_slope(m, x),
    jvp=lambda m, t, y, x: t * m.tanh(m.softplus(x))
    + x * (1 - m.square(m.tanh(m.softplus(x)))) * m.logistic(x) * t,
    textbook=(
        formula(
            "w + x s (1 - w^2), w = tanh(softplus(x))",
            lambda m, g, y, x: g
            * (m.tanh(m.softplus(x)) + x * m.logistic(x) * (1 - m.square(m.tanh(m.softplus(x))))),
        ),
    ),
)  # fmt: skip


def _inside(m: Arithmetic, x: Array, low: float, high: float, g: Array) -> Array:
    """Return g where low < x < high, 0 elsewhere, the hull on the borders."""
    return m.select(m.less(m.constant(low), x), m.select(m.less(x, m.constant(high)), g, 0), 0)


clip = unary(  # slope 0 on the borders
    "clip", "x moved into [low, high]; ONNX Clip",
    value=lambda m, x, low, high: m.minimum(m.maximum(x, m.constant(low)), m.constant(high)),
    vjp=lambda m, g, y, x, low, high: _inside(m, x, low, high, g),
    jvp=lambda m, t, y, x, low, high: _inside(m, x, low, high, t),
    attributes={"low": -1.0, "high": 1.0},
    kinks=lambda m, x, low, high: (x - m.constant(low), x - m.constant(high)),
    samples=(sample((5,)), sample((2, 3), low=-0.5, high=0.25)),
)  # fmt: skip

hard_tanh = unary(
    "hard_tanh", "x moved into [-1, 1]",
    value=lambda m, x: m.minimum(m.maximum(x, m.constant(-1)), m.constant(1)),
    vjp=lambda m, g, y, x: _inside(m, x, -1, 1, g),
    jvp=lambda m, t, y, x: _inside(m, x, -1, 1, t),
    kinks=lambda m, x: (x + 1, x - 1),
)  # fmt: skip

hard_swish = unary(  # Howard et al. 2019
    "hard_swish", "x max(0, min(1, x/6 + 1/2)); ONNX HardSwish",
    value=lambda m, x: x * (m.minimum(m.maximum(x + 3, zero(m)), m.constant(6)) / 6),
    vjp=lambda m, g, y, x: m.select(
        m.less(m.constant(-3), x), m.select(m.less(x, m.constant(3)), g * ((2 * x + 3) / 6), g), 0
    ),
    jvp=lambda m, t, y, x: m.select(
        m.less(m.constant(-3), x), m.select(m.less(x, m.constant(3)), t * (x / 3 + m.constant(1) / 2), t), 0
    ),
    kinks=lambda m, x: (x + 3, x - 3),
    samples=(sample((5,)), sample((2, 3))),
)  # fmt: skip

integer_power = unary(
    "integer_power", "x to the integer power n; x^0 = 1 also at 0", "nonzero",
    value=lambda m, x, n: m.integer_power(x, n),
    vjp=lambda m, g, y, x, n: n * g * m.integer_power(x, n - 1) if n else m.zeros(x.shape),
    jvp=lambda m, t, y, x, n: m.integer_power(x, n - 1) * (n * t) if n else m.zeros(x.shape),
    attributes={"n": REQUIRED},
    samples=(sample((3,), n=3), sample((2, 2), n=-2), sample((2,), n=0), sample((2,), n=1)),
)  # fmt: skip
