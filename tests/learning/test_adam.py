"""Adam and AdamW beside closed forms and the paper's other form."""

import pytest

from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.learning import Adam, AdamW

M = Multiprecision(50)
GRADIENTS = [0.5, -1.0, 2.0, 0.25, 1e-8, 0.0]


def run(rule, gradients, w=0.0):
    """Return w after each step of the rule on one number."""
    w, slots, found = M.array([w]), {}, []
    for step, g in enumerate(gradients, 1):
        w, slots = rule.update(M, w, M.array([g]), slots, step)
        found.append(w[0])
    return found


def test_the_order_of_the_paper():
    """With alpha_t = eta sqrt(1 - beta2^t) / (1 - beta1^t), epsilon has to be multiplied by sqrt(1 - beta2^t)."""
    c = M.context
    b1, b2, eta, eps = map(c.mpf, (0.9, 0.999, 1e-3, 1e-8))
    m = v = w = c.mpf(0)
    for t, (got, g) in enumerate(zip(run(Adam(), GRADIENTS), GRADIENTS, strict=True), 1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * c.mpf(g) ** 2
        root = c.sqrt(1 - b2**t)
        w = w - eta * root / (1 - b1**t) * m / (c.sqrt(v) + eps * root)
        assert abs(got - w) < 1e-45


def test_a_constant_gradient_needs_no_patience():
    """Corrected for their bias the means are g and g^2 from the first step on: each step is eta g / (abs(g) + epsilon)."""
    step = M.context.mpf(1e-3) * M.context.mpf(-3.0) / (3 + M.context.mpf(1e-8))
    for k, got in enumerate(run(Adam(), [-3.0] * 5), 1):
        assert abs(got + k * step) < 1e-45


def test_decay_of_adamw_without_a_gradient():
    """w is multiplied by 1 - eta decay at each step; Adam's decay goes through the means and has another size."""
    assert [float(x) for x in run(AdamW(rate=0.5, decay=0.5), [0.0] * 3, w=1.0)] == [0.75, 0.5625, 0.421875]
    assert abs(run(AdamW(), [0.0], w=1.0)[0] - (1 - M.context.mpf(1e-3) * M.context.mpf(1e-2))) < 1e-45
    assert float(run(Adam(rate=0.5, decay=0.5), [0.0], w=1.0)[0]) == pytest.approx(0.5, abs=1e-7)


def test_amsgrad_keeps_the_largest_square():
    """After one large gradient the steps stay small, where Adam's grow again."""
    gradients = [100.0] + [1.0] * 30
    plain, kept = (run(Adam(rate=0.1, beta2=0.5, amsgrad=a), gradients) for a in (False, True))
    assert abs(plain[-1] - plain[-2]) > 5 * abs(kept[-1] - kept[-2])
