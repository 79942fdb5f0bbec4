"""The form of gradients: number, shapes, formats, finite numbers."""

import numpy as np
import pytest

from gradcheck.errors import FunctionFailed
from gradcheck.probe.contracts.form import form
from gradcheck.probe.subject.numpy import numpy_subject
from gradcheck.probe.subject.pairs import paired
from gradcheck.probe.subject.subject import evaluated
from gradcheck.probe.subject.vector import Vector

X, W = np.array([0.5, -1.0, 2.0]), np.array([1.0, 2.0, -3.0])


def seen(vjp, f=lambda x, w: np.sum(x * w), at=(X, W)):
    """Return what is seen of the form of a derivative."""
    subject = paired(numpy_subject(f, at, vjp=vjp, grad=None, jvp=None))
    base = evaluated(subject)
    return form(subject, base, Vector.of(np.ones(y.shape) for y in base))


def test_right():
    """Nothing is said of gradients of the right form."""
    found = seen(lambda g, x, w: (g * w, g * x))
    assert (found.findings, found.reasons, found.remarks, found.undeclared) == ((), (), (), frozenset())


def test_shapes_come_first():
    """A wrong shape is a fault, and nothing else is looked at."""
    found = seen(lambda g, x, w: ((g * w)[:2], g * x * np.nan))
    assert [f.direction for f in found.findings] == ["shape"]
    assert found.reasons == ()


def test_another_precision_is_a_remark():
    """It is no wrong number; a gradient that is None is noted."""
    found = seen(lambda g, x, w: ((g * w).astype(np.float32), None))
    assert found.findings == ()
    (remark,) = found.remarks
    assert "float32" in remark
    assert found.undeclared == {1}


def test_not_finite():
    """Where f has a finite slope NaN is a fault, at the first such entry; where it has none there is a reason."""
    (fault,) = seen(lambda g, x, w: (np.where(x < 1, np.nan, g * w), g * x)).findings
    assert (fault.index, fault.expected) == ((0,), pytest.approx(1.0))
    root = np.array([0.0, 4.0])
    found = seen(lambda g, x: (g * 0.5 / np.sqrt(x),), f=lambda x: np.sum(np.sqrt(x)), at=(root,))
    assert found.findings == ()
    (reason,) = found.reasons
    assert "no finite slope" in reason


def test_a_derivative_that_raises():
    """Its error is ours, with its name."""

    def vjp(g, x, w):
        raise ZeroDivisionError("on purpose")

    with pytest.raises(FunctionFailed, match=r"ZeroDivisionError.*on purpose"):
        seen(vjp)
