"""SciPy's functions beside the derivatives that SciPy has for them, or that stand in its references (DLMF)."""

import numpy as np
from scipy import fft, integrate, interpolate, linalg, ndimage, optimize, signal, sparse, special, stats
from scipy.spatial import distance

from tests.right.case import Case, arguments, given, normal, uniform

CASES: list[Case] = []
ROOT_PI, ROOT_2PI = np.sqrt(np.pi), np.sqrt(2 * np.pi)


def _add(name, f, inputs, vjp, *tags, accuracy=None):
    CASES.append(Case(f"scipy.{name}", f, inputs, vjp, tags=frozenset(tags), accuracy=accuracy))


def _entries(name, f, slope, low, high, *tails):
    """Declare a function of each entry with its slope; tails are points of their own."""
    _add(name, f, uniform(low, high, 5), lambda g, x: (g * slope(x),))
    for point in tails:
        _add(f"{name}@{point:g}", f, given(point, *([0.9 * point, 1.1 * point] if point else [])), lambda g, x: (g * slope(x),), "tail")


def _pdf(x):
    return np.exp(-x * x / 2) / ROOT_2PI


s = special
_entries("special.gammaln", s.gammaln, s.digamma, 0.5, 9, 1e-6, 1e8)
_entries("special.gammaln.negative", s.gammaln, s.digamma, -0.9, -0.1)
_entries("special.digamma", s.digamma, lambda x: s.polygamma(1, x), 0.5, 9, 1e-4, 1e7)
_entries("special.polygamma", lambda x: s.polygamma(2, x), lambda x: s.polygamma(3, x), 0.5, 9)
_entries("special.gamma", s.gamma, lambda x: s.gamma(x) * s.digamma(x), 0.5, 5, 1e-5, 100.0)
_entries("special.rgamma", s.rgamma, lambda x: -s.digamma(x) * s.rgamma(x), 0.5, 5)
_entries("special.loggamma", s.loggamma, s.digamma, 0.5, 9)
_entries("special.erf", s.erf, lambda x: 2 / ROOT_PI * np.exp(-x * x), -2, 2, 1e-9)
_entries("special.erfc", s.erfc, lambda x: -2 / ROOT_PI * np.exp(-x * x), -2, 2, 15.0)
_entries("special.erfi", s.erfi, lambda x: 2 / ROOT_PI * np.exp(x * x), -2, 2)
_entries("special.erfcx", s.erfcx, lambda x: 2 * x * s.erfcx(x) - 2 / ROOT_PI, -2, 3)
_entries("special.dawsn", s.dawsn, lambda x: 1 - 2 * x * s.dawsn(x), -2, 2)
_entries("special.expit", s.expit, lambda x: s.expit(x) * s.expit(-x), -5, 5, -300.0, 20.0)
_entries("special.logit", s.logit, lambda x: 1 / (x * (1 - x)), 0.1, 0.9, 1e-12)
_entries("special.log_expit", s.log_expit, lambda x: s.expit(-x), -5, 5, -1e3, 25.0)
_entries("special.ndtr", s.ndtr, _pdf, -3, 3, -20.0)
_entries("special.log_ndtr", s.log_ndtr, lambda x: np.exp(-x * x / 2 - s.log_ndtr(x)) / ROOT_2PI, -3, 3, -30.0)
_entries("special.ndtri", s.ndtri, lambda p: 1 / _pdf(s.ndtri(p)), 0.1, 0.9, 1e-8)
_entries("special.ndtri_exp", s.ndtri_exp, lambda y: np.exp(y) / _pdf(s.ndtri_exp(y)), -5, -0.1)
_entries("special.erfinv", s.erfinv, lambda x: ROOT_PI / 2 * np.exp(s.erfinv(x) ** 2), -0.9, 0.9)
_entries("special.erfcinv", s.erfcinv, lambda x: -ROOT_PI / 2 * np.exp(s.erfcinv(x) ** 2), 0.1, 1.9)
_entries("special.i0", s.i0, s.i1, -4, 4, 500.0)
_entries("special.i1", s.i1, lambda x: s.i0(x) - s.i1(x) / x, 0.5, 4)
_entries("special.i0e", s.i0e, lambda x: s.i1e(x) - np.sign(x) * s.i0e(x), -4, 4)
_entries("special.i1e", s.i1e, lambda x: s.i0e(x) - (np.sign(x) + 1 / x) * s.i1e(x), 0.5, 4)
_entries("special.j0", s.j0, lambda x: -s.j1(x), -9, 9, 1e3)
_entries("special.j1", s.j1, lambda x: s.j0(x) - s.j1(x) / x, 0.5, 9)
_entries("special.y0", s.y0, lambda x: -s.y1(x), 0.5, 9, 1e-8)
_entries("special.y1", s.y1, lambda x: s.y0(x) - s.y1(x) / x, 0.5, 9)
_entries("special.k0", s.k0, lambda x: -s.k1(x), 0.5, 9, 1e-8)
_entries("special.k1", s.k1, lambda x: -s.k0(x) - s.k1(x) / x, 0.5, 9)
_entries("special.k0e", s.k0e, lambda x: s.k0e(x) - s.k1e(x), 0.5, 9)
_entries("special.k1e", s.k1e, lambda x: s.k1e(x) - s.k0e(x) - s.k1e(x) / x, 0.5, 9)
_entries("special.jv", lambda x: s.jv(2.5, x), lambda x: s.jvp(2.5, x), 0.5, 9)
_entries("special.yv", lambda x: s.yv(2.5, x), lambda x: s.yvp(2.5, x), 0.5, 9)
_entries("special.iv", lambda x: s.iv(2.5, x), lambda x: s.ivp(2.5, x), 0.5, 9)
_entries("special.kv", lambda x: s.kv(2.5, x), lambda x: s.kvp(2.5, x), 0.5, 9)
_entries("special.spherical_jn", lambda x: s.spherical_jn(3, x), lambda x: s.spherical_jn(3, x, derivative=True), 0.5, 9)
_entries("special.spherical_yn", lambda x: s.spherical_yn(2, x), lambda x: s.spherical_yn(2, x, derivative=True), 0.5, 9)
_entries("special.spherical_in", lambda x: s.spherical_in(2, x), lambda x: s.spherical_in(2, x, derivative=True), 0.5, 9)
_entries("special.spherical_kn", lambda x: s.spherical_kn(2, x), lambda x: s.spherical_kn(2, x, derivative=True), 0.5, 9)
_entries("special.airy.ai", lambda x: s.airy(x)[0], lambda x: s.airy(x)[1], -4, 4)
_entries("special.airy.bi", lambda x: s.airy(x)[2], lambda x: s.airy(x)[3], -4, 4)
_entries("special.airy.slope", lambda x: s.airy(x)[1], lambda x: x * s.airy(x)[0], -4, 4)
_entries("special.expi", s.expi, lambda x: np.exp(x) / x, 0.5, 5)
_entries("special.exp1", s.exp1, lambda x: -np.exp(-x) / x, 0.5, 5, 1e-9)
_entries("special.expn", lambda x: s.expn(3, x), lambda x: -s.expn(2, x), 0.5, 5)
_entries("special.sici.si", lambda x: s.sici(x)[0], lambda x: np.sin(x) / x, 0.5, 9)
_entries("special.sici.ci", lambda x: s.sici(x)[1], lambda x: np.cos(x) / x, 0.5, 9)
_entries("special.shichi.shi", lambda x: s.shichi(x)[0], lambda x: np.sinh(x) / x, 0.5, 5)
_entries("special.shichi.chi", lambda x: s.shichi(x)[1], lambda x: np.cosh(x) / x, 0.5, 5)
_entries("special.spence", s.spence, lambda x: np.log(x) / (1 - x), 0.1, 0.9)
_entries("special.zeta", lambda q: s.zeta(2.5, q), lambda q: -2.5 * s.zeta(3.5, q), 0.5, 5)
_entries("special.fresnel.s", lambda x: s.fresnel(x)[0], lambda x: np.sin(np.pi / 2 * x * x), -2, 2)
_entries("special.fresnel.c", lambda x: s.fresnel(x)[1], lambda x: np.cos(np.pi / 2 * x * x), -2, 2)
_entries("special.ellipk", s.ellipk, lambda m: (s.ellipe(m) - (1 - m) * s.ellipk(m)) / (2 * m * (1 - m)), 0.1, 0.9)
_entries("special.ellipe", s.ellipe, lambda m: (s.ellipe(m) - s.ellipk(m)) / (2 * m), 0.1, 0.9)
_entries("special.ellipkinc", lambda p: s.ellipkinc(p, 0.3), lambda p: 1 / np.sqrt(1 - 0.3 * np.sin(p) ** 2), -1, 1)
_entries("special.ellipeinc", lambda p: s.ellipeinc(p, 0.3), lambda p: np.sqrt(1 - 0.3 * np.sin(p) ** 2), -1, 1)
_entries("special.ellipj.sn", lambda u: s.ellipj(u, 0.3)[0], lambda u: s.ellipj(u, 0.3)[1] * s.ellipj(u, 0.3)[2], -1, 1)
_entries("special.elliprc", lambda y: s.elliprc(1.0, y), lambda y: (s.elliprc(1.0, y) - 1 / y) / (2 * (1 - y)), 1.5, 4)
_entries("special.struve", lambda x: s.struve(0, x), lambda x: 2 / np.pi - s.struve(1, x), 0.5, 9)
_entries("special.modstruve", lambda x: s.modstruve(0, x), lambda x: 2 / np.pi + s.modstruve(1, x), 0.5, 5)
_entries("special.gammainc", lambda x: s.gammainc(2.5, x), lambda x: x**1.5 * np.exp(-x) / s.gamma(2.5), 0.5, 5, 1e-9)
_entries("special.gammaincc", lambda x: s.gammaincc(2.5, x), lambda x: -(x**1.5) * np.exp(-x) / s.gamma(2.5), 0.5, 5, 40.0)
_entries("special.gammaincinv", lambda p: s.gammaincinv(2.5, p), lambda p: s.gamma(2.5) * np.exp(s.gammaincinv(2.5, p))
         / s.gammaincinv(2.5, p) ** 1.5, 0.1, 0.9)  # fmt: skip
_entries("special.betainc", lambda x: s.betainc(2.0, 3.5, x), lambda x: x * (1 - x) ** 2.5 / s.beta(2.0, 3.5), 0.1, 0.9)
_entries("special.betaincinv", lambda p: s.betaincinv(2.0, 3.5, p), lambda p: s.beta(2.0, 3.5) / (
    s.betaincinv(2.0, 3.5, p) * (1 - s.betaincinv(2.0, 3.5, p)) ** 2.5), 0.1, 0.9)  # fmt: skip
_entries("special.stdtr", lambda t: s.stdtr(4, t), stats.t(4).pdf, -3, 3)
_entries("special.chdtr", lambda x: s.chdtr(3, x), stats.chi2(3).pdf, 0.5, 6)
_entries("special.chdtrc", lambda x: s.chdtrc(3, x), lambda x: -stats.chi2(3).pdf(x), 0.5, 6)
_entries("special.fdtr", lambda x: s.fdtr(3, 5, x), stats.f(3, 5).pdf, 0.5, 4)
_entries("special.gdtr", lambda x: s.gdtr(2.0, 3.0, x), stats.gamma(3.0, scale=0.5).pdf, 0.5, 4)
_entries("special.bdtr", lambda p: s.bdtr(2, 7, p), lambda p: -7 * s.comb(6, 2) * p**2 * (1 - p) ** 4, 0.1, 0.9)
_entries("special.pdtr", lambda m: s.pdtr(3, m), lambda m: -np.exp(-m) * m**3 / 6, 0.5, 6)
_entries("special.entr", s.entr, lambda x: -np.log(x) - 1, 0.1, 3, 1e-12)
_entries("special.huber", lambda r: s.huber(1.0, r), lambda r: np.clip(r, -1, 1), -3, 3)
_entries("special.pseudo_huber", lambda r: s.pseudo_huber(1.5, r), lambda r: r / np.sqrt(1 + (r / 1.5) ** 2), -3, 3)
_entries("special.boxcox", lambda x: s.boxcox(x, 0.3), lambda x: x**-0.7, 0.2, 5)
_entries("special.boxcox1p", lambda x: s.boxcox1p(x, 0.3), lambda x: (1 + x) ** -0.7, 0.2, 5)
_entries("special.inv_boxcox", lambda y: s.inv_boxcox(y, 0.3), lambda y: (0.3 * y + 1) ** (1 / 0.3 - 1), 0.2, 5)
_entries("special.inv_boxcox1p", lambda y: s.inv_boxcox1p(y, 0.3), lambda y: (0.3 * y + 1) ** (1 / 0.3 - 1), 0.2, 5)
_entries("special.cbrt", s.cbrt, lambda x: 1 / (3 * s.cbrt(x) ** 2), 0.2, 5, 1e-12)
_entries("special.exp2", s.exp2, lambda x: np.log(2) * s.exp2(x), -3, 3, 800.0)
_entries("special.exp10", s.exp10, lambda x: np.log(10) * s.exp10(x), -3, 3, -250.0)
_entries("special.expm1", s.expm1, np.exp, -3, 3, 1e-12)
_entries("special.log1p", s.log1p, lambda x: 1 / (1 + x), -0.5, 3, 1e-12)
_entries("special.cosm1", s.cosm1, lambda x: -np.sin(x), -3, 3, 1e-9)
_entries("special.exprel", s.exprel, lambda x: (np.exp(x) * (x - 1) + 1) / x**2, 0.5, 3)
_entries("special.sindg", s.sindg, lambda x: np.pi / 180 * s.cosdg(x), 5, 85)
_entries("special.cosdg", s.cosdg, lambda x: -np.pi / 180 * s.sindg(x), 5, 85)
_entries("special.tandg", s.tandg, lambda x: np.pi / 180 / s.cosdg(x) ** 2, 5, 85)
_entries("special.lambertw", lambda x: s.lambertw(x).real, lambda x: s.lambertw(x).real / (x * (1 + s.lambertw(x).real)), 0.2, 5, 1e9)
_entries("special.wrightomega", s.wrightomega, lambda x: s.wrightomega(x) / (1 + s.wrightomega(x)), -3, 5)
_entries("special.powm1", lambda x: s.powm1(x, 2.5), lambda x: 2.5 * x**1.5, 0.3, 3)
_entries("special.hyp0f1", lambda x: s.hyp0f1(1.5, x), lambda x: s.hyp0f1(2.5, x) / 1.5, -2, 2)
_entries("special.hyp1f1", lambda x: s.hyp1f1(0.7, 1.5, x), lambda x: 0.7 / 1.5 * s.hyp1f1(1.7, 2.5, x), -2, 2)
_entries("special.hyp2f1", lambda x: s.hyp2f1(0.7, 1.2, 1.5, x), lambda x: 0.7 * 1.2 / 1.5 * s.hyp2f1(1.7, 2.2, 2.5, x), -0.7, 0.7)
_entries("special.hyperu", lambda x: s.hyperu(0.7, 1.5, x), lambda x: -0.7 * s.hyperu(1.7, 2.5, x), 0.5, 5)
_entries("special.eval_legendre", lambda x: s.eval_legendre(4, x), lambda x: 4 * (x * s.eval_legendre(4, x) - s.eval_legendre(3, x))
         / (x * x - 1), -0.9, 0.9)  # fmt: skip
_entries("special.eval_chebyt", lambda x: s.eval_chebyt(5, x), lambda x: 5 * s.eval_chebyu(4, x), -0.9, 0.9)
_entries("special.eval_chebyu", lambda x: s.eval_chebyu(2, x), lambda x: 8 * x, -0.9, 0.9)
_entries("special.eval_hermite", lambda x: s.eval_hermite(4, x), lambda x: 8 * s.eval_hermite(3, x), -2, 2)
_entries("special.eval_hermitenorm", lambda x: s.eval_hermitenorm(4, x), lambda x: 4 * s.eval_hermitenorm(3, x), -2, 2)
_entries("special.eval_laguerre", lambda x: s.eval_laguerre(4, x), lambda x: -s.eval_genlaguerre(3, 1.0, x), 0.2, 5)
_entries("special.eval_genlaguerre", lambda x: s.eval_genlaguerre(4, 0.5, x), lambda x: -s.eval_genlaguerre(3, 1.5, x), 0.2, 5)
_entries("special.eval_gegenbauer", lambda x: s.eval_gegenbauer(4, 0.7, x), lambda x: 1.4 * s.eval_gegenbauer(3, 1.7, x), -0.9, 0.9)
_entries("special.eval_jacobi", lambda x: s.eval_jacobi(4, 0.5, 1.5, x), lambda x: 3.5 * s.eval_jacobi(3, 1.5, 2.5, x), -0.9, 0.9)
_entries("special.ber", s.ber, s.berp, 0.5, 5)
_entries("special.bei", s.bei, s.beip, 0.5, 5)
_entries("special.ker", s.ker, s.kerp, 0.5, 5)
_entries("special.kei", s.kei, s.keip, 0.5, 5)
_entries("special.itj0y0", lambda x: s.itj0y0(x)[0], s.j0, 0.5, 5)
_entries("special.iti0k0", lambda x: s.iti0k0(x)[0], s.i0, 0.5, 5)
_entries("special.pbdv", lambda x: s.pbdv(1.5, x)[0], lambda x: s.pbdv(1.5, x)[1], -2, 2)
_entries("special.pbvv", lambda x: s.pbvv(1.5, x)[0], lambda x: s.pbvv(1.5, x)[1], -2, 2)
_entries("special.mathieu_cem", lambda x: s.mathieu_cem(2, 0.5, x)[0], lambda x: np.pi / 180 * s.mathieu_cem(2, 0.5, x)[1], 5, 85)
_entries("special.pro_ang1", lambda x: s.pro_ang1(1, 2, 0.5, x)[0], lambda x: s.pro_ang1(1, 2, 0.5, x)[1], 0.1, 0.9)
_entries("special.obl_ang1", lambda x: s.obl_ang1(1, 2, 0.5, x)[0], lambda x: s.obl_ang1(1, 2, 0.5, x)[1], 0.1, 0.9)
_entries("special.owens_t", lambda h: s.owens_t(h, 0.7), lambda h: -_pdf(h) * s.erf(0.7 * h / np.sqrt(2)) / 2, 0.1, 3)
_entries("special.multigammaln", lambda x: np.array([s.multigammaln(v, 2) for v in x]),
         lambda x: s.digamma(x) + s.digamma(x - 0.5), 1, 5)  # fmt: skip


def _agm_slope(b):
    k, e = s.ellipk(1 - b * b), s.ellipe(1 - b * b)  # agm(1, b) = pi / 2 / k
    return np.pi / 2 / k**2 * (e - b * b * k) / (b * (1 - b * b))


_entries("special.agm", lambda b: s.agm(1.0, b), _agm_slope, 0.2, 0.8)

P = uniform(0.2, 3, 4)
TWO = arguments(P, P)
_add("special.xlogy", s.xlogy, TWO, lambda g, x, y: (g * np.log(y), g * x / y))
_add("special.xlogy@zero", s.xlogy, arguments(given(0.0, 1.0), given(2.0, 3.0)), lambda g, x, y: (g * np.log(y), g * x / y), "edge")
_add("special.xlog1py", s.xlog1py, TWO, lambda g, x, y: (g * np.log1p(y), g * x / (1 + y)))
_add("special.rel_entr", s.rel_entr, TWO, lambda g, x, y: (g * (np.log(x / y) + 1), -g * x / y))
_add("special.kl_div", s.kl_div, TWO, lambda g, x, y: (g * np.log(x / y), g * (1 - x / y)))
_add("special.beta", s.beta, TWO, lambda g, a, b: (g * s.beta(a, b) * (s.digamma(a) - s.digamma(a + b)),
                                                  g * s.beta(a, b) * (s.digamma(b) - s.digamma(a + b))))  # fmt: skip
_add("special.betaln", s.betaln, TWO, lambda g, a, b: (g * (s.digamma(a) - s.digamma(a + b)), g * (s.digamma(b) - s.digamma(a + b))))
_add("special.poch", s.poch, TWO, lambda g, a, b: (g * s.poch(a, b) * (s.digamma(a + b) - s.digamma(a)), g * s.poch(a, b) * s.digamma(a + b)))
_add("special.elliprf", lambda x, y: s.elliprf(x, y, 1.0), TWO,
     lambda g, x, y: (-g * s.elliprd(y, 1.0, x) / 6, -g * s.elliprd(x, 1.0, y) / 6))  # fmt: skip
_add("special.softmax", s.softmax, normal(5), lambda g, x: (s.softmax(x) * (g - g @ s.softmax(x)),))
_add("special.softmax@tail", s.softmax, given(300.0, 1.0, -500.0, 299.0), lambda g, x: (s.softmax(x) * (g - g @ s.softmax(x)),), "tail")
_add("special.log_softmax", s.log_softmax, normal(5), lambda g, x: (g - s.softmax(x) * g.sum(),))
_add("special.logsumexp", s.logsumexp, normal(5), lambda g, x: (g * s.softmax(x),))
_add("special.logsumexp@tail", s.logsumexp, given(1000.0, 1001.0, 999.0), lambda g, x: (g * s.softmax(x),), "tail")
_add("special.softplus", lambda x: np.logaddexp(0, x), normal(5), lambda g, x: (g * s.expit(x),))
_add("special.huber@kink", lambda r: s.huber(1.0, r), given(1.0, -1.0, 0.5), lambda g, r: (g * np.clip(r, -1, 1),), "kink")
_add("special.expit@float32", s.expit, lambda rng: rng.normal(size=5).astype(np.float32),
     lambda g, x: (g * s.expit(x) * s.expit(-x),), "narrow")  # fmt: skip
_add("special.gammaln@float32", s.gammaln, lambda rng: rng.uniform(1, 9, 5).astype(np.float32), lambda g, x: (g * s.digamma(x),), "narrow")
_add("special.ndtr@float32", s.ndtr, lambda rng: rng.normal(size=5).astype(np.float32), lambda g, x: (g * _pdf(x),), "narrow")
_add("special.erf@scalar", s.erf, lambda rng: rng.normal(), lambda g, x: (g * 2 / ROOT_PI * np.exp(-x * x),))

# Distribution functions and their densities.
DISTRIBUTIONS = [
    stats.norm(0.3, 1.2), stats.t(4.5), stats.gamma(2.5), stats.beta(2.0, 3.5), stats.chi2(4), stats.f(3, 7), stats.cauchy(),
    stats.logistic(), stats.gumbel_r(), stats.gumbel_l(), stats.lognorm(0.7), stats.weibull_min(1.7), stats.pareto(2.5, loc=-1),
    stats.rayleigh(), stats.maxwell(), stats.invgamma(2.5), stats.levy(), stats.halfnorm(), stats.expon(), stats.powerlaw(2.5),
    stats.genextreme(0.2), stats.genpareto(0.3), stats.kumaraswamy(2.0, 3.0) if hasattr(stats, "kumaraswamy") else stats.fisk(2.5),
    stats.skewnorm(1.5), stats.exponnorm(1.5), stats.invgauss(0.8), stats.moyal(), stats.burr(2.0, 1.5), stats.gompertz(0.8),
    stats.hypsecant(), stats.loglaplace(3.0), stats.dweibull(2.5), stats.foldnorm(0.9), stats.nakagami(1.3), stats.triang(0.4),
    stats.argus(1.5), stats.truncnorm(-1.5, 2.0), stats.vonmises(1.2), stats.wald(), stats.johnsonsu(0.5, 1.5),
]  # fmt: skip


def _inside(d):
    """Return inputs well inside of a distribution's support."""
    low, high = d.ppf(0.07), d.ppf(0.93)
    return uniform(low, high, 4)


for _d in DISTRIBUTIONS:
    _name = _d.dist.name
    _add(f"stats.{_name}.cdf", _d.cdf, _inside(_d), lambda g, x, d=_d: (g * d.pdf(x),))
for _d in DISTRIBUTIONS[:12]:
    _add(f"stats.{_d.dist.name}.logsf", _d.logsf, _inside(_d), lambda g, x, d=_d: (-g * d.pdf(x) / d.sf(x),))
for _d in DISTRIBUTIONS[:8]:
    _add(f"stats.{_d.dist.name}.ppf", _d.ppf, uniform(0.1, 0.9, 4), lambda g, p, d=_d: (g / d.pdf(d.ppf(p)),))

_SCORES = {
    "norm": (stats.norm(), lambda x: -x), "expon": (stats.expon(), lambda x: -np.ones_like(x)),
    "gamma": (stats.gamma(2.5), lambda x: 1.5 / x - 1), "beta": (stats.beta(2.0, 3.5), lambda x: 1 / x - 2.5 / (1 - x)),
    "t": (stats.t(4.0), lambda x: -5 * x / (4 + x * x)), "cauchy": (stats.cauchy(), lambda x: -2 * x / (1 + x * x)),
    "laplace": (stats.laplace(), lambda x: -np.sign(x)), "logistic": (stats.logistic(), lambda x: 1 - 2 * s.expit(x)),
    "gumbel_r": (stats.gumbel_r(), lambda x: np.exp(-x) - 1), "lognorm": (stats.lognorm(1.0), lambda x: -(1 + np.log(x)) / x),
    "weibull_min": (stats.weibull_min(1.7), lambda x: 0.7 / x - 1.7 * x**0.7), "pareto": (stats.pareto(2.5), lambda x: -3.5 / x),
    "rayleigh": (stats.rayleigh(), lambda x: 1 / x - x), "maxwell": (stats.maxwell(), lambda x: 2 / x - x),
    "invgamma": (stats.invgamma(2.5), lambda x: -3.5 / x + 1 / x**2), "levy": (stats.levy(), lambda x: -1.5 / x + 0.5 / x**2),
}  # fmt: skip
for _name, (_d, _score) in _SCORES.items():
    _add(f"stats.{_name}.logpdf", _d.logpdf, _inside(_d), lambda g, x, f=_score: (g * f(x),))
_add("stats.laplace.logpdf@kink", stats.laplace().logpdf, given(0.0, 1.0, -2.0), lambda g, x: (-g * np.sign(x),), "kink")
_add("stats.norm.logpdf@tail", stats.norm().logpdf, given(1e4, -30.0), lambda g, x: (-g * x,), "tail")
_COV = np.array([[2.0, 0.3], [0.3, 1.0]])
_add("stats.multivariate_normal.logpdf", stats.multivariate_normal([0, 1], _COV).logpdf, normal(3, 2),
     lambda g, x: (-g[:, None] * np.linalg.solve(_COV, (x - [0, 1]).T).T,))  # fmt: skip
_KDE = stats.gaussian_kde([0.1, 0.5, 1.2, 2.0, 2.2])
_add("stats.gaussian_kde", _KDE, uniform(-1, 3, 4), lambda g, x: (g * np.mean(
    -(x[:, None] - _KDE.dataset) / _KDE.covariance[0, 0] * _pdf((x[:, None] - _KDE.dataset) / np.sqrt(_KDE.covariance[0, 0])), axis=1
) / np.sqrt(_KDE.covariance[0, 0]),))  # fmt: skip

# Optimisation, interpolation.
_add("optimize.rosen", optimize.rosen, normal(6), lambda g, x: (g * optimize.rosen_der(x),))
_add("optimize.rosen@minimum", optimize.rosen, lambda _: np.ones(4) * (1 + 1e-9), lambda g, x: (g * optimize.rosen_der(x),), "edge")
_add("optimize.rosen_der", optimize.rosen_der, normal(6), lambda g, x: (optimize.rosen_hess_prod(x, g),))
_KNOTS, _HEIGHTS = np.linspace(0, 5, 8), np.sin(np.linspace(0, 5, 8)) + 0.3
_SPLINES = {
    "CubicSpline": interpolate.CubicSpline(_KNOTS, _HEIGHTS), "PchipInterpolator": interpolate.PchipInterpolator(_KNOTS, _HEIGHTS),
    "Akima1DInterpolator": interpolate.Akima1DInterpolator(_KNOTS, _HEIGHTS),
    "CubicHermiteSpline": interpolate.CubicHermiteSpline(_KNOTS, _HEIGHTS, np.cos(_KNOTS)),
    "make_interp_spline": interpolate.make_interp_spline(_KNOTS, _HEIGHTS, k=5),
    "InterpolatedUnivariateSpline": interpolate.InterpolatedUnivariateSpline(_KNOTS, _HEIGHTS),
    "UnivariateSpline": interpolate.UnivariateSpline(_KNOTS, _HEIGHTS, s=0.1),
    "BPoly": interpolate.BPoly.from_derivatives([0, 1, 5], [[0, 1], [2, -1], [1, 0]]),
}  # fmt: skip
for _name, _spline in _SPLINES.items():
    _add(f"interpolate.{_name}", _spline, uniform(0.3, 4.7, 5), lambda g, x, c=_spline: (g * c.derivative()(x),))
_add("interpolate.CubicSpline@knot", _SPLINES["CubicSpline"], lambda _: _KNOTS[2:5], lambda g, x: (g * _SPLINES["CubicSpline"](x, 1),), "edge")
_add("interpolate.KroghInterpolator", interpolate.KroghInterpolator(_KNOTS, _HEIGHTS), uniform(0.3, 4.7, 5),
     lambda g, x: (g * interpolate.KroghInterpolator(_KNOTS, _HEIGHTS).derivative(x),))  # fmt: skip
_add("interpolate.BarycentricInterpolator", interpolate.BarycentricInterpolator(_KNOTS, _HEIGHTS), uniform(0.3, 4.7, 5),
     lambda g, x: (g * interpolate.KroghInterpolator(_KNOTS, _HEIGHTS).derivative(x),))  # fmt: skip
_PLANE = interpolate.RectBivariateSpline(_KNOTS, _KNOTS, np.outer(np.sin(_KNOTS), np.cos(_KNOTS)))
_add("interpolate.RectBivariateSpline", _PLANE.ev, arguments(uniform(0.3, 4.7, 4), uniform(0.3, 4.7, 4)),
     lambda g, x, y: (g * _PLANE.ev(x, y, dx=1), g * _PLANE.ev(x, y, dy=1)))  # fmt: skip
_add("interpolate.interp1d", interpolate.interp1d(_KNOTS, _HEIGHTS), uniform(0.3, 4.7, 5), lambda g, x: (
    g * (np.diff(_HEIGHTS) / np.diff(_KNOTS))[np.searchsorted(_KNOTS, x) - 1],))  # fmt: skip

# Noise: adaptive integration, solvers that stop early, float32 inside.


def _quad(f):
    return lambda x: np.array([integrate.quad(f, 0, 1, args=(v,), epsabs=1e-10, epsrel=1e-10)[0] for v in np.ravel(x)])


_add("integrate.quad", _quad(lambda t, a: np.exp(-a * t)), uniform(0.5, 3, 3),
     lambda g, a: (g * ((a + 1) * np.exp(-a) - 1) / a**2,), "noise")  # fmt: skip
_add("integrate.quad@kink-inside", _quad(lambda t, a: abs(t - a)), uniform(0.2, 0.8, 3), lambda g, a: (g * (2 * a - 1),), "noise")
_add("integrate.quad@oscillating", _quad(lambda t, a: np.cos(30 * a * t)), uniform(0.5, 1, 3), lambda g, a: (
    g * (np.cos(30 * a) / a - np.sin(30 * a) / (30 * a * a)),), "noise")  # fmt: skip
_add("integrate.solve_ivp", lambda k: integrate.solve_ivp(lambda t, y: -k * y, (0, 1), np.ones(2), rtol=1e-6, atol=1e-9).y[:, -1],
     uniform(0.5, 2, 2), lambda g, k: (-g * np.exp(-k),), "noise", accuracy=1e-4)  # fmt: skip
_add("integrate.solve_ivp@stiff", lambda k: integrate.solve_ivp(
    lambda t, y: -k * y, (0, 1), np.ones(2), method="LSODA", rtol=1e-8, atol=1e-10).y[:, -1],
    uniform(1, 4, 2), lambda g, k: (-g * np.exp(-k),), "noise", accuracy=1e-4)  # fmt: skip
_add("integrate.fixed_quad", lambda a: integrate.fixed_quad(lambda t: np.exp(a * t), 0, 1, n=12)[0], lambda rng: rng.uniform(0.5, 2),
     lambda g, a: (g * (np.exp(a) * (a - 1) + 1) / a**2,))  # fmt: skip
_add("integrate.trapezoid", integrate.trapezoid, normal(6), lambda g, y: (g * np.array([0.5, 1, 1, 1, 1, 0.5]),))
_add("integrate.simpson", integrate.simpson, normal(5), lambda g, y: (g * np.array([1, 4, 2, 4, 1]) / 3,))
_add("integrate.cumulative_trapezoid", integrate.cumulative_trapezoid, normal(4), lambda g, y: (
    (np.append(np.cumsum(g[::-1])[::-1], 0) + np.insert(np.cumsum(g[::-1])[::-1], 0, 0)) / 2,))  # fmt: skip
_add("optimize.brentq", lambda a: np.array([optimize.brentq(lambda x, v=v: x**3 + x - v, -9, 9, xtol=1e-12) for v in np.ravel(a)]),
     uniform(-3, 3, 3), lambda g, a: (g / (3 * np.array([optimize.brentq(lambda x, v=v: x**3 + x - v, -9, 9, xtol=1e-14)
                                                        for v in a]) ** 2 + 1),), "noise", accuracy=1e-9)  # fmt: skip
_add("optimize.newton", lambda a: optimize.newton(lambda x: x**3 - a, np.ones_like(a), tol=1e-8), uniform(0.5, 3, 3),
     lambda g, a: (g * np.cbrt(a) / (3 * a),), "noise", accuracy=1e-9)  # fmt: skip
_add("optimize.minimize_scalar", lambda a: np.array([optimize.minimize_scalar(lambda x, v=v: (x - v) ** 2 + x**4, tol=1e-10).fun
                                                     for v in np.ravel(a)]), uniform(0.5, 2, 2),
     lambda g, a: (g * 2 * (a - np.array([optimize.brentq(lambda x, v=v: 2 * (x - v) + 4 * x**3, -5, 5, xtol=1e-14) for v in a])),), "noise")  # fmt: skip
_add("sparse.linalg.cg", lambda b: sparse.linalg.cg(sparse.csr_array(_COV), b, rtol=1e-9)[0], normal(2),
     lambda g, b: (np.linalg.solve(_COV, g),), "noise")  # fmt: skip
_M = np.random.default_rng(1).normal(size=(4, 4)) + 3 * np.eye(4)
_add("matmul@float32-inside", lambda x: (_M.astype(np.float32) @ np.asarray(x).astype(np.float32)).astype(np.float64), normal(4),
     lambda g, x: (_M.astype(np.float32).astype(float).T @ g,), "noise", "narrow")  # fmt: skip

# Linear algebra.
_add("linalg.solve", lambda a, b: linalg.solve(a, b), arguments(lambda rng: rng.normal(size=(3, 3)) + 3 * np.eye(3), normal(3)),
     lambda g, a, b: (-np.outer(linalg.solve(a.T, g), linalg.solve(a, b)), linalg.solve(a.T, g)))  # fmt: skip
_SQUARE = lambda rng: rng.normal(size=(3, 3)) + 3 * np.eye(3)
_add("linalg.inv", linalg.inv, _SQUARE, lambda g, a: (-linalg.inv(a).T @ g @ linalg.inv(a).T,))
_add("linalg.det", linalg.det, _SQUARE, lambda g, a: (g * linalg.det(a) * linalg.inv(a).T,))
_add("linalg.expm", linalg.expm, normal(3, 3), lambda g, a: (linalg.expm_frechet(a.T, g, compute_expm=False),))


def _of_root(root, g):
    m = linalg.solve_sylvester(root, root, g)
    return m + m.T


_add("linalg.sqrtm", lambda a: linalg.sqrtm(a @ a.T + np.eye(3)), normal(3, 3), lambda g, a: (_of_root(linalg.sqrtm(a @ a.T + np.eye(3)), g) @ a,))
_add("linalg.solve_triangular", lambda b: linalg.solve_triangular(np.triu(_M), b), normal(4),
     lambda g, b: (linalg.solve_triangular(np.triu(_M), g, trans=1),))  # fmt: skip
_add("linalg.solve_sylvester", lambda q: linalg.solve_sylvester(_M, _M.T, q), normal(4, 4),
     lambda g, q: (linalg.solve_sylvester(_M.T, _M, g),))  # fmt: skip
_add("linalg.norm", linalg.norm, normal(3, 2), lambda g, a: (g * a / linalg.norm(a),))
_add("linalg.norm@tail", linalg.norm, given(3e150, -4e150), lambda g, a: (g * a / linalg.norm(a),), "tail")
_add("linalg.eigvalsh", lambda a: linalg.eigvalsh(a + a.T), normal(3, 3), lambda g, a: (
    2 * linalg.eigh(a + a.T)[1] @ np.diag(g) @ linalg.eigh(a + a.T)[1].T,))  # fmt: skip
_add("linalg.svdvals", linalg.svdvals, normal(4, 3), lambda g, a: (
    linalg.svd(a, full_matrices=False)[0] @ np.diag(g) @ linalg.svd(a, full_matrices=False)[2],))  # fmt: skip
_add("linalg.matmul_toeplitz", lambda x: linalg.matmul_toeplitz(([1.0, 2, 3], [1.0, 5, 6]), x), normal(3),
     lambda g, x: (linalg.toeplitz([1.0, 2, 3], [1.0, 5, 6]).T @ g,))  # fmt: skip
_S = sparse.random_array((5, 4), density=0.5, rng=np.random.default_rng(2)).tocsr()
_add("sparse.matvec", lambda x: _S @ x, normal(4), lambda g, x: (_S.T @ g,))

# Signals and images: linear maps and their adjoints.
_K = np.array([0.2, -0.5, 1.0])
_add("signal.convolve", lambda x: signal.convolve(x, _K), normal(6), lambda g, x: (signal.correlate(g, _K, mode="valid"),))
_add("signal.fftconvolve", lambda x: signal.fftconvolve(x, _K), normal(6), lambda g, x: (signal.correlate(g, _K, mode="valid"),))
_add("signal.lfilter", lambda x: signal.lfilter([1.0, 0.3], [1.0, -0.5], x), normal(6),
     lambda g, x: (signal.lfilter([1.0, 0.3], [1.0, -0.5], g[::-1])[::-1],))  # fmt: skip
_add("fft.dct", lambda x: fft.dct(x, norm="ortho"), normal(6), lambda g, x: (fft.idct(g, norm="ortho"),))
_add("fft.dst", lambda x: fft.dst(x, norm="ortho"), normal(6), lambda g, x: (fft.idst(g, norm="ortho"),))
_add("fft.power", lambda x: np.abs(fft.fft(x)) ** 2, normal(6), lambda g, x: (2 * np.real(fft.ifft(g * fft.fft(x))) * len(x),))
_add("fft.fht", lambda x: fft.fht(x, 0.1, 0.5), uniform(0.5, 2, 8), lambda g, x: (
    np.array([fft.fht(e, 0.1, 0.5) for e in np.eye(8)]) @ g,))  # fmt: skip
_add("ndimage.gaussian_filter", lambda x: ndimage.gaussian_filter(x, 1.0, mode="wrap"), normal(6),
     lambda g, x: (ndimage.gaussian_filter(g, 1.0, mode="wrap"),))  # fmt: skip
_add("ndimage.correlate1d", lambda x: ndimage.correlate1d(x, _K, mode="constant"), normal(6),
     lambda g, x: (ndimage.convolve1d(g, _K, mode="constant"),))  # fmt: skip
_add("ndimage.maximum_filter1d", lambda x: ndimage.maximum_filter1d(x, 3, mode="nearest"), given(1.0, 5.0, 2.0, 8.0, -3.0),
     lambda g, x: (np.array([0.0, g[0] + g[1], 0.0, g[2] + g[3] + g[4], 0.0]),))  # fmt: skip

# Distances of two vectors.


def _distance(name, f, slope, inputs=None, *tags):
    """Declare a distance with its gradient with respect to the first vector; all of them are symmetric."""
    _add(f"spatial.distance.{name}", f, inputs or arguments(uniform(0.5, 2, 4), uniform(2.5, 4, 4)),
         lambda g, u, v: (g * slope(u, v), g * slope(v, u)), *tags)  # fmt: skip


_distance("euclidean", distance.euclidean, lambda u, v: (u - v) / distance.euclidean(u, v))
_distance("sqeuclidean", distance.sqeuclidean, lambda u, v: 2 * (u - v))
_distance("sqeuclidean@equal", distance.sqeuclidean, lambda u, v: 2 * (u - v), arguments(given(1.0, 2.0), given(1.0, 2.0)), "edge", "zero")
_distance("cityblock", distance.cityblock, lambda u, v: np.sign(u - v))
_distance("cityblock@kink", distance.cityblock, lambda u, v: np.sign(u - v), arguments(given(1.0, 2.0), given(1.0, 3.0)), "kink")
_distance("chebyshev", distance.chebyshev, lambda u, v: np.sign(u - v) * (np.abs(u - v) == np.abs(u - v).max()))
_distance("cosine", distance.cosine, lambda u, v: -(v / linalg.norm(v) - u * (u @ v) / (u @ u) / linalg.norm(v)) / linalg.norm(u))
_distance("minkowski", lambda u, v: distance.minkowski(u, v, 3), lambda u, v: np.sign(u - v) * (u - v) ** 2 / distance.minkowski(u, v, 3) ** 2)
_distance("canberra", distance.canberra, lambda u, v: np.sign(u - v) / (u + v) - np.abs(u - v) / (u + v) ** 2)
_distance("braycurtis", distance.braycurtis, lambda u, v: np.sign(u - v) / np.sum(u + v) - np.sum(np.abs(u - v)) / np.sum(u + v) ** 2)
_distance("mahalanobis", lambda u, v: distance.mahalanobis(u, v, _M @ _M.T), lambda u, v: (_M @ _M.T) @ (u - v)
          / distance.mahalanobis(u, v, _M @ _M.T))  # fmt: skip


def _pulled_together(w, x, y):
    """Return the sum over j of w_ij (x_i - y_j)."""
    return w.sum(axis=1)[:, None] * x - w @ y


_add("spatial.distance.pdist", lambda x: distance.pdist(x, "sqeuclidean"), normal(3, 2), lambda g, x: (
    2 * _pulled_together(distance.squareform(g), x, x),))  # fmt: skip
_add("spatial.distance.cdist", lambda x, y: distance.cdist(x, y), arguments(normal(3, 2), normal(4, 2)), lambda g, x, y: (
    _pulled_together(g / distance.cdist(x, y), x, y), _pulled_together(g.T / distance.cdist(y, x), y, x)))  # fmt: skip
