"""scikit-learn's own gradients: kernels, losses, likelihoods, embeddings, networks (its private functions among them).

Not here (docs/findings.md): t-SNE with more than one degree of freedom, the perceptron with several outputs.
"""

import numpy as np
from sklearn._loss import loss as losses
from sklearn._loss.link import LogLink
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor, kernels
from sklearn.linear_model import _huber
from sklearn.linear_model._linear_loss import LinearModelLoss
from sklearn.manifold import _t_sne
from sklearn.metrics import pairwise
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.neural_network import MLPClassifier, MLPRegressor

from tests.right.case import Case, arguments, normal, uniform

CASES: list[Case] = []
RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(6, 3)), RNG.normal(size=6)


def _add(name, f, inputs, vjp=None, *tags, grad=None):
    CASES.append(Case(f"sklearn.{name}", f, inputs, vjp, grad, tags=frozenset(tags)))


# Kernels: the gradient of K with respect to the logarithms of the hyperparameters.
K = kernels
KERNELS = {
    "RBF": K.RBF(1.3), "RBF.anisotropic": K.RBF([1.0, 0.7, 2.0]), "Matern.half": K.Matern(1.2, nu=0.5), "Matern.3-2": K.Matern([1.2, 0.8, 1.1], nu=1.5), "Matern.5-2": K.Matern(0.9, nu=2.5), "Matern.inf": K.Matern(0.9, nu=np.inf),
    "RationalQuadratic": K.RationalQuadratic(1.1, 0.7), "ExpSineSquared": K.ExpSineSquared(1.1, 2.0), "DotProduct": K.DotProduct(0.8), "ConstantKernel": K.ConstantKernel(1.7), "WhiteKernel": K.WhiteKernel(0.3), "Sum": K.RBF(1.3) + K.WhiteKernel(0.2),
    "Product": K.ConstantKernel(2.0) * K.Matern(1.1, nu=1.5), "Exponentiation": K.RationalQuadratic(1.1, 0.7) ** 2, "CompoundKernel": K.ConstantKernel(1.5) * K.RBF(0.9) + K.DotProduct(0.4), "PairwiseKernel": K.PairwiseKernel(0.7, metric="rbf"),
}  # fmt: skip


def _kernel(kernel):
    def f(theta):
        return kernel.clone_with_theta(theta)(X)

    def vjp(g, theta):
        return (np.einsum("ij,ijk->k", g, kernel.clone_with_theta(theta)(X, eval_gradient=True)[1]),)

    return f, vjp


for _name, _k in KERNELS.items():
    _f, _vjp = _kernel(_k)
    _tags = ("noise",) if _name in ("Matern.general", "PairwiseKernel") else ()
    _add(f"gaussian_process.kernels.{_name}", _f, lambda rng, k=_k: k.theta + 0.3 * rng.normal(size=k.theta.shape), _vjp, *_tags)

for _name in ("RBF", "Matern.3-2", "Sum", "CompoundKernel"):
    _gp = GaussianProcessRegressor(KERNELS[_name], alpha=1e-2, optimizer=None).fit(X, Y)
    _add(f"gaussian_process.regressor.{_name}", lambda t, m=_gp: m.log_marginal_likelihood(t),
         lambda rng, k=KERNELS[_name]: k.theta + 0.3 * rng.normal(size=k.theta.shape),
         grad=lambda t, m=_gp: m.log_marginal_likelihood(t, eval_gradient=True)[1])  # fmt: skip
_gpc = GaussianProcessClassifier(K.ConstantKernel(2.0) * K.RBF(1.1), optimizer=None).fit(X, Y > 0).base_estimator_
_add("gaussian_process.classifier", _gpc.log_marginal_likelihood, normal(2), None, "noise",
     grad=lambda t: _gpc.log_marginal_likelihood(t, eval_gradient=True)[1])  # fmt: skip

# Losses by entry: the raw prediction moves.
POSITIVE, SHARE = np.array([0.5, 1.0, 2.0, 3.0, 0.7]), np.array([0.0, 1.0, 1.0, 0.0, 1.0])
LOSSES = {
    "HalfSquaredError": (losses.HalfSquaredError(), POSITIVE), "AbsoluteError": (losses.AbsoluteError(), POSITIVE), "PinballLoss": (losses.PinballLoss(quantile=0.3), POSITIVE), "HuberLoss": (losses.HuberLoss(quantile=0.9, delta=1.0), POSITIVE),
    "HalfPoissonLoss": (losses.HalfPoissonLoss(), POSITIVE), "HalfGammaLoss": (losses.HalfGammaLoss(), POSITIVE), "HalfTweedieLoss": (losses.HalfTweedieLoss(power=1.5), POSITIVE), "HalfTweedieLossIdentity": (losses.HalfTweedieLossIdentity(power=0.0), POSITIVE),
    "HalfBinomialLoss": (losses.HalfBinomialLoss(), SHARE), "ExponentialLoss": (losses.ExponentialLoss(), SHARE),
}  # fmt: skip


def _loss(loss, y):
    def f(raw):
        return loss.loss(y_true=y, raw_prediction=np.ascontiguousarray(raw))

    def vjp(g, raw):
        return (g * loss.gradient(y_true=y, raw_prediction=np.ascontiguousarray(raw)),)

    return f, vjp


for _name, (_l, _y) in LOSSES.items():
    _f, _vjp = _loss(_l, _y)
    _add(f"_loss.{_name}", _f, uniform(0.1, 2, 5), _vjp)
for _name in ("HalfBinomialLoss", "HalfPoissonLoss"):
    _f, _vjp = _loss(*LOSSES[_name])
    _add(f"_loss.{_name}@tail", _f, lambda _: np.array([-40.0, 35.0, 20.0, -300.0, 2.0]), _vjp, "tail")
_f, _vjp = _loss(*LOSSES["HalfBinomialLoss"])
_add("_loss.HalfBinomialLoss@float32", lambda x: losses.HalfBinomialLoss().loss(y_true=SHARE.astype(np.float32), raw_prediction=np.ascontiguousarray(x)),
     lambda rng: rng.normal(size=5).astype(np.float32), lambda g, x: (g * losses.HalfBinomialLoss().gradient(
         y_true=SHARE.astype(np.float32), raw_prediction=np.ascontiguousarray(x)),), "narrow")  # fmt: skip
_MULTI, _CLASSES = losses.HalfMultinomialLoss(n_classes=3), np.array([0.0, 1, 2, 2])
_add("_loss.HalfMultinomialLoss", lambda r: _MULTI.loss(y_true=_CLASSES, raw_prediction=np.ascontiguousarray(r)), normal(4, 3),
     lambda g, r: (g[:, None] * _MULTI.gradient(y_true=_CLASSES, raw_prediction=np.ascontiguousarray(r)),))  # fmt: skip
_add("_loss.LogLink", LogLink().link, uniform(0.3, 3, 4), lambda g, x: (g / x,))

# Linear models: loss and gradient of the coefficients.
LINEAR = {
    "HalfSquaredError": (losses.HalfSquaredError(), Y), "HalfBinomialLoss": (losses.HalfBinomialLoss(), (Y > 0) * 1.0), "HalfPoissonLoss": (losses.HalfPoissonLoss(), np.exp(Y)), "HalfGammaLoss": (losses.HalfGammaLoss(), np.exp(Y)),
}  # fmt: skip
for _name, (_l, _y) in LINEAR.items():
    _model = LinearModelLoss(base_loss=_l, fit_intercept=True)
    _add(f"linear_model._linear_loss.{_name}", lambda w, m=_model, y=_y: m.loss(w, X, y, l2_reg_strength=0.3), normal(4),
         grad=lambda w, m=_model, y=_y: m.loss_gradient(w, X, y, l2_reg_strength=0.3)[1])  # fmt: skip
_MANY = LinearModelLoss(base_loss=losses.HalfMultinomialLoss(n_classes=3), fit_intercept=True)
_LABELS = np.array([0.0, 1, 2, 2, 1, 0])
_add("linear_model._linear_loss.HalfMultinomialLoss", lambda w: _MANY.loss(np.asfortranarray(w), X, _LABELS, l2_reg_strength=0.3), normal(3, 4),
     grad=lambda w: _MANY.loss_gradient(np.asfortranarray(w), X, _LABELS, l2_reg_strength=0.3)[1])  # fmt: skip
_HUBER = lambda w: _huber._huber_loss_and_gradient(w, X, Y, 1.35, 0.1, np.ones(6))
_add("linear_model._huber", lambda w: _HUBER(w)[0], lambda rng: np.append(rng.normal(size=4), 1.2), grad=lambda w: _HUBER(w)[1])

# Neighbours, embeddings.
_NCA = NeighborhoodComponentsAnalysis()
_SAME = _LABELS[:, None] == _LABELS[None]


def _nca(flat):
    _NCA.n_iter_ = 1  # it prints at iteration 0 only
    return _NCA._loss_grad_lbfgs(np.ravel(flat).copy(), X, _SAME, -1.0)


_add("neighbors.nca", lambda a: _nca(a)[0], normal(6), grad=lambda a: _nca(a)[1])
_P = np.abs(RNG.normal(size=15))
_P /= _P.sum() * 2
_TSNE = lambda y: _t_sne._kl_divergence(np.ravel(y).copy(), _P, 1, 6, 2)
_add("manifold.t_sne", lambda y: _TSNE(y)[0], normal(12), grad=lambda y: _TSNE(y)[1])

_add("metrics.pairwise.euclidean_distances", lambda a: pairwise.euclidean_distances(a, X, squared=True), normal(3, 3),
     lambda g, a: (2 * (g.sum(1)[:, None] * a - g @ X),))  # fmt: skip


def _rbf_slope(g, a):
    w = g * pairwise.rbf_kernel(a, X, gamma=0.3)
    return (-0.6 * (w.sum(1)[:, None] * a - w @ X),)


_add("metrics.pairwise.rbf_kernel", lambda a: pairwise.rbf_kernel(a, X, gamma=0.3), normal(3, 3), _rbf_slope)
_add("metrics.pairwise.laplacian_kernel", lambda a: pairwise.laplacian_kernel(a, X, gamma=0.3), normal(2, 3), lambda g, a: (
    -0.3 * np.einsum("ij,ijk->ik", g * pairwise.laplacian_kernel(a, X, gamma=0.3), np.sign(a[:, None] - X[None])),))  # fmt: skip
_add("metrics.pairwise.polynomial_kernel", lambda a: pairwise.polynomial_kernel(a, X, degree=3, gamma=0.5), normal(2, 3),
     lambda g, a: ((g * 1.5 * (0.5 * a @ X.T + 1) ** 2) @ X,))  # fmt: skip
_add("metrics.pairwise.sigmoid_kernel", lambda a: pairwise.sigmoid_kernel(a, X, gamma=0.5), normal(2, 3),
     lambda g, a: ((g * 0.5 / np.cosh(0.5 * a @ X.T + 1) ** 2) @ X,))  # fmt: skip


# Networks: the weights of a multi-layer perceptron, by scikit-learn's own backpropagation.
def _network(model, target, activation):
    sizes = [(3, 4), (4, 1)]
    cls = MLPClassifier if model == "classifier" else MLPRegressor
    net = cls(hidden_layer_sizes=(4,), activation=activation, alpha=0.1)
    net.n_layers_, net.n_outputs_ = 3, 1
    net.out_activation_ = "logistic" if model == "classifier" else "identity"
    net.loss = "log_loss" if model == "classifier" else "squared_error"

    def run(w1, b1, w2, b2):
        net.coefs_, net.intercepts_ = [np.array(w1), np.array(w2)], [np.array(b1), np.array(b2)]
        slopes, shifts = [np.empty(s) for s in sizes], [np.empty(s[1]) for s in sizes]
        activations = [X, *(np.empty((6, s[1])) for s in sizes)]
        deltas = [np.empty((6, s[1])) for s in sizes]
        return net._backprop(X, target[:, None], None, activations, deltas, slopes, shifts)

    def grad(*parameters):
        _, slopes, shifts = run(*parameters)
        return slopes[0], shifts[0], slopes[1], shifts[1]

    return lambda *p: run(*p)[0], grad


for _kind, _activation in (("regressor", "tanh"), ("regressor", "logistic"), ("regressor", "relu"), ("regressor", "identity"), ("classifier", "tanh")):
    _f, _grad = _network(_kind, Y if _kind == "regressor" else (Y > 0) * 1.0, _activation)
    _add(f"neural_network.{_kind}.{_activation}", _f, arguments(normal(3, 4), normal(4), normal(4, 1), normal(1)), grad=_grad)
