"""Is f at inputs of other shapes still the function that the derivative was written for?

NumPy code takes shapes that nobody thought of: a product over all entries takes matrices, a layer takes three axes. A
derivative is held responsible for them only where f itself treats them like the ordinary ones: a further axis slice by
slice, operands by broadcasting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gradcheck.probe.explore.mutation import Array, Arrays, floats

#: Arrays -> outputs of f, None where it refuses them.
Value = Callable[[Arrays], Arrays | None]


def sliced(value: Value, arrays: Arrays, ordinary: Sequence[Array]) -> bool:
    """Answer whether f treats additional leading axes slice by slice (and missing ones as if they were there)."""
    raised = [max(a.ndim - b.ndim, 0) for a, b in zip(arrays, ordinary, strict=True)]
    lowered = [max(b.ndim - a.ndim, 0) for a, b in zip(arrays, ordinary, strict=True)]
    if any(0 in a.shape for a in arrays):
        return False
    usual = [a[(0,) * up][(None,) * down] for a, up, down in zip(arrays, raised, lowered, strict=True)]
    here, there = value(arrays), value(usual)
    if here is None or there is None or len(here) != len(there):
        return False
    return all(_first(a, b) for a, b in zip(here, there, strict=True))


def _first(a: Array, b: Array) -> bool:
    """Answer whether the first slices of two outputs of possibly different ranks agree."""
    a, b = a[(0,) * max(a.ndim - b.ndim, 0)], b[(0,) * max(b.ndim - a.ndim, 0)]
    return a.shape == b.shape and np.allclose(np.asarray(a, np.float64), np.asarray(b, np.float64))


def stretched(arrays: Arrays, ordinary: Sequence[Array]) -> bool:
    """Answer whether an axis has become 1 while one of the same ordinary size in another array has not."""
    pairs = [(k, old, new) for k, (a, b) in enumerate(zip(arrays, ordinary, strict=True)) for new, old in zip(a.shape, b.shape, strict=False)]
    units = [(k, old) for k, old, new in pairs if new == 1 != old]
    return any(k != other and old == size and new != 1 for k, old in units for other, size, new in pairs)


def operands(value: Value, arrays: Arrays, ordinary: Sequence[Array]) -> bool:
    """Answer whether f broadcasts its inputs against each other, as a product of operands of one shape does.

    A layer with a matrix and a vector may well get other shapes wrong; a product of two arrays must not.
    """
    ks = floats(arrays)
    if all(a.shape == b.shape for a, b in zip(arrays, ordinary, strict=True)):
        return True
    if len({np.shape(ordinary[k]) for k in ks}) > 1 and all(np.ndim(ordinary[k]) for k in ks):
        return False
    try:
        wide = dict(zip(ks, np.broadcast_arrays(*(arrays[k] for k in ks)), strict=True))
    except ValueError:
        return False
    here, there = value(arrays), value([np.array(wide.get(k, a)) for k, a in enumerate(arrays)])
    return here is not None and there is not None and all(
        a.shape == b.shape and np.allclose(np.asarray(a, np.float64), np.asarray(b, np.float64))
        for a, b in zip(here, there, strict=True)
    )  # fmt: skip
