"""Functions whose numbers are rough: rounded outputs, sums in a random order, cancellation, and derivatives that are right all the same."""

import numpy as np
from scipy import special

from tests.right.kinds.case import BACKWARDS, HALF, PERCENT, ROLLED, SIGN, TENTH, TWICE, Kind, scaled

KIND = Kind("noisy")
RNG = np.random.default_rng(20)
X = RNG.normal(size=4)
MANY = RNG.normal(size=2000)

# Outputs as they are printed: 6 to 12 digits.
ROUNDED = {
    "exp": (np.exp, np.exp, ("1", np.ones_like)),
    "sine": (np.sin, np.cos, ("-cos", lambda x: -np.cos(x))),
    "softplus": (lambda x: np.logaddexp(0, x), special.expit, ("1 - s", lambda x: special.expit(-x))),
}
for _name, (_f, _slope, _wrong) in ROUNDED.items():
    for _digits in (6, 8, 10, 12):
        KIND.vjp(f"rounded.{_name}@{_digits}", lambda x, f=_f, d=_digits: np.round(f(x), d), X, lambda g, x, s=_slope: (g * s(x),),
                 (_wrong[0], lambda g, x, s=_wrong[1]: (g * s(x),)), PERCENT if _digits > 6 else TENTH, ROLLED, reference=_f)  # fmt: skip
KIND.grad("rounded.loss", lambda w: np.round(np.sum((w - 1) ** 4), 9), X, lambda w: 4 * (w - 1) ** 3, ("power 2", lambda w: 4 * (w - 1) ** 2), HALF, BACKWARDS,
          reference=lambda w: np.sum((w - 1) ** 4))  # fmt: skip
KIND.grad("printed", lambda w: float(f"{np.sum(np.sin(w) * np.exp(w)):.8g}"), X, lambda w: np.exp(w) * (np.sin(w) + np.cos(w)), ("product rule", lambda w: np.exp(w) * np.cos(w)), SIGN, PERCENT,
          reference=lambda w: np.sum(np.sin(w) * np.exp(w)))  # fmt: skip

# Sums in a random order, as on a GPU; and Monte Carlo with numbers that are held.
ORDER = np.random.default_rng(0)


def shuffled(x):
    """Add up in another order each time."""
    return np.cumsum(x[ORDER.permutation(len(x))])[-1]


KIND.grad("shuffled.squares", lambda x: shuffled(np.exp(x / 3)), MANY[:300], lambda x: np.exp(x / 3) / 3, ("1/3 is missing", lambda x: np.exp(x / 3)), ROLLED, PERCENT)
KIND.grad("shuffled.dot", lambda w: shuffled(MANY[:300] * np.tanh(w[0] * MANY[300:600] + w[1])), np.array([0.7, 0.1]), lambda w: _dot(w),
          ("1 - t", lambda w: _dot(w, 1)), BACKWARDS, PERCENT)  # fmt: skip


def _dot(w, power=2):
    t = np.tanh(w[0] * MANY[300:600] + w[1])
    d = MANY[:300] * (1 - t**power)
    return np.array([d @ MANY[300:600], np.sum(d)])


KIND.grad("shuffled.float32", lambda x: shuffled(np.sin(x).astype(np.float32)), MANY[:50], np.cos, ("sin", np.sin), SIGN, TENTH, reference=lambda x: np.sum(np.sin(x)))
KIND.vjp("shuffled.gradient", lambda x: np.tanh(x) @ MANY[:50], MANY[50:100], lambda g, x: (g * (1 - np.tanh(x) ** 2) * _again(MANY[:50]),), ("t", lambda g, x: (g * np.tanh(x) * MANY[:50],)),
         ROLLED, PERCENT)  # fmt: skip


def _again(v):
    """Return v as a random order of three sums leaves it."""
    return v * np.array([1 + 2e-16, 1, 1 - 1e-16])[ORDER.integers(3, size=len(v))]


NORMAL = np.random.default_rng(4).normal(size=500)
KIND.grad("monte carlo", lambda m, s: np.mean(np.maximum(np.exp(m + s * NORMAL) - 1, 0) ** 2), (0.1, 0.3), lambda m, s: _paths(m, s), ("paths as 1", lambda m, s: _paths(m, s, 0)), scaled(1, -1), PERCENT)


def _paths(m, s, growth=1):
    e = np.exp(m + s * NORMAL)
    d = 2 * np.maximum(e - 1, 0) * e**growth
    return np.mean(d), np.mean(d * NORMAL)


# Cancellation: right formulas at points where f or they lose digits.
def softmax(x):
    """The textbook's."""
    e = np.exp(x - np.max(x, -1, keepdims=True))
    return e / np.sum(e, -1, keepdims=True)


def _softmax(g, x):
    p = softmax(x)
    return (p * (g - np.sum(g * p, -1, keepdims=True)),)


for _scale in (10, 40):
    KIND.vjp(f"softmax@{_scale}", softmax, np.array([0.3, -0.8, 1.0, 0.98]) * _scale, _softmax, SIGN, ("diagonal only", lambda g, x: (g * softmax(x) * (1 - softmax(x)),)),
             ("sum is missing", lambda g, x: (g * softmax(x),)))  # fmt: skip
    KIND.grad(f"logsumexp@{_scale}", special.logsumexp, np.array([0.3, -0.8, 1.0, 0.98]) * _scale, softmax, ROLLED, HALF, ("exp", lambda x: np.exp(x - np.max(x))))
    KIND.grad(f"cross entropy@{_scale}", lambda x: special.logsumexp(x) - x[2], np.array([0.3, -0.8, 1.0, 0.98]) * _scale, lambda x: softmax(x) - np.eye(4)[2], SIGN,
              ("label is missing", softmax), TENTH)  # fmt: skip


def sinc(x):
    """sin x / x, with a branch at 0."""
    return np.where(np.abs(x) < 1e-4, 1 - x * x / 6, np.sin(x) / np.where(x == 0, 1, x))


def _sinc(g, x):
    y = np.where(x == 0, 1, x)
    return (g * np.where(np.abs(x) < 1e-2, -x / 3 + x**3 / 30 - x**5 / 840, np.cos(y) / y - np.sin(y) / y**2),)


KIND.vjp("sinc", sinc, np.array([0.5, -2.0, 3.0]), _sinc, SIGN, ("quotient rule", lambda g, x: (g * np.cos(x) / x,)), PERCENT)
KIND.vjp("sinc@small", sinc, np.array([0.02, -0.05, 0.1]), _sinc, SIGN, ("1/3 as 1/6", lambda g, x: (-g * x / 6,)), TWICE)
KIND.vjp("expm1", lambda x: (np.exp(x) - 1) / x, np.array([0.01, 0.3, -0.7]), lambda g, x: (g * np.where(np.abs(x) < 1e-5, 0.5 + x / 3, (np.exp(x) * x - np.expm1(x)) / x**2),), SIGN,
         ("quotient rule", lambda g, x: (g * np.exp(x) / x,)), PERCENT)  # fmt: skip
KIND.vjp("log1p@naive", lambda x: np.log(1 + x), np.array([1e-6, 1e-3, 0.2]), lambda g, x: (g / (1 + x),), ("1/x", lambda g, x: (g / x,)), SIGN, PERCENT, rough=1e-4, reference=np.log1p)
KIND.vjp("cosine distance", lambda x: 1 - np.cos(x), np.array([1e-3, 0.02, 0.5]), lambda g, x: (g * np.sin(x),), SIGN, ("cos", lambda g, x: (g * np.cos(x),)), PERCENT, reference=lambda x: 2 * np.sin(x / 2) ** 2)
KIND.grad("variance@two pass less", lambda x: np.mean(x * x) - np.mean(x) ** 2, X + 100, lambda x: 2 * (x - np.mean(x)) / len(x), HALF, ("mean held", lambda x: 2 * x / len(x)), ROLLED, reference=np.var)
KIND.grad("difference of logs", lambda a, b: special.gammaln(a + b) - special.gammaln(a), (50.0, 0.3), lambda a, b: (special.digamma(a + b) - special.digamma(a), special.digamma(a + b)),
          SIGN, ("digamma(a) is missing", lambda a, b: (special.digamma(a + b), special.digamma(a + b))), scaled(1, 1.01))  # fmt: skip
