"""Second derivatives of NumPy functions: a Hessian-vector product or a Hessian is the derivative of the gradient.

The function is then the gradient (the user's, which is checked first, or an exact one by dual numbers), and the doubted
derivative the user's ``hvp`` or ``hessian``; where both are given, the product is compared, and the Hessian with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcheck.errors import BadInput, FunctionFailed
from gradcheck.probe.slope.dual import directional
from gradcheck.probe.subject.edge import gated
from gradcheck.probe.subject.numpy import Calls, as_given
from gradcheck.probe.subject.subject import Array, Arrays, Subject

#: Entries up to which the gradient is made by dual numbers, one pass an entry.
MOST_ENTRIES = 64


def numpy_second(
    f: Callable[..., Any],
    inputs: tuple[Any, ...],
    *,
    vjp: Callable[..., Any] | None,
    grad: Callable[..., Any] | None,
    hvp: Callable[..., Any] | None,
    hessian: Callable[..., Any] | None,
) -> Subject:
    """Return the subject whose function is the gradient of a scalar f, and whose derivative is its Hessian.

    Raises:
        BadInput: f is not scalar, or there is no gradient to differentiate.
    """
    calls = Calls(f, inputs)
    below = as_given(f, inputs, vjp=vjp, grad=grad, jvp=None)
    base = below.call(below.point)
    if len(base) != 1 or base[0].size != 1:
        raise BadInput(f"expected a scalar f for hvp= and hessian=; got outputs of shapes {[y.shape for y in base]}")
    ones = [np.ones(base[0].shape)]

    def gradient(xs: Sequence[Any]) -> list[Any]:
        assert below.pull is not None
        return [np.zeros(np.shape(x)) if v is None else v for v, x in zip(below.pull(ones, list(xs)), xs, strict=True)]

    def pull(hs: Arrays, xs: Arrays) -> Sequence[Any]:
        args = calls.arguments(xs)
        hs = [h.astype(x.dtype) for h, x in zip(hs, xs, strict=True)]  # the gradient may be in a wider format
        if hvp is not None:
            return _product(calls, hvp(calls.tangents(hs), *args))
        return by_hessian(hs, xs)

    def by_hessian(hs: Arrays, xs: Arrays) -> Sequence[Any]:
        assert hessian is not None
        return _contracted(hessian(*calls.arguments(xs)), hs)

    exact = below.pull is None
    return gated(Subject(
        below.paths, calls.point, _by_duals(below) if exact else lambda xs: [np.asarray(v) for v in gradient(xs)], pull,
        by_hessian if hvp is not None and hessian is not None else None,
        raw=None if exact else gradient, eps=below.eps, call_eps=max(below.eps), hessian=len(calls.chosen),
    ))  # fmt: skip


def _product(calls: Calls, answer: Any) -> list[Any]:
    if len(calls.inputs) == 1 and isinstance(answer, np.ndarray) and answer.shape == (1, *np.shape(calls.inputs[0])):
        raise FunctionFailed(f"expected hvp(v, x) to return an array of shape {np.shape(answer)[1:]}; got {np.shape(answer)}: v is a tuple, take v[0]")
    return calls.per_input(answer, "hvp")


def _contracted(blocks: Any, hs: Arrays) -> list[Array]:
    """Return the product of a Hessian with a direction: an array of shape (*x, *x), or rows of such blocks for several inputs."""
    rows = [[blocks]] if len(hs) == 1 else [[b for b in row if b is not None] for row in blocks if row is not None]
    out = []
    for row, mine in zip(rows, hs, strict=True):
        for b, h in zip(row, hs, strict=True):
            if np.shape(b) != (*mine.shape, *h.shape):
                raise FunctionFailed(f"expected a block of the Hessian of shape {(*mine.shape, *h.shape)}; got {np.shape(b)}")
        out.append(np.asarray(sum(np.tensordot(np.asarray(b), h, axes=h.ndim) for b, h in zip(row, hs, strict=True))))
    return out


def _by_duals(below: Subject) -> Callable[[Arrays], Arrays]:
    """Return the exact gradient, entry by entry, of a function that runs over dual numbers."""
    if sum(x.size for x in below.point) > MOST_ENTRIES:
        raise BadInput(f"expected grad= or vjp= beside hvp= or hessian= for more than {MOST_ENTRIES} entries")

    def call(xs: Arrays) -> Arrays:
        assert below.raw is not None
        out = [np.zeros(x.shape) for x in xs]
        for k, x in enumerate(xs):
            for index in np.ndindex(*x.shape):
                ts = [np.zeros(v.shape) for v in xs]
                ts[k][index] = 1.0
                out[k][index] = float(np.sum(directional(below.raw, xs, ts)[1][0]))
        return out

    try:
        call(below.point)
    except Exception as error:
        raise BadInput(f"expected grad= or vjp= beside hvp= or hessian=: f does not run over dual numbers ({error})") from error
    return call
