"""Is f at inputs of other shapes still the function that the derivative was written for?

NumPy code takes shapes that nobody thought of: a sum over all entries takes matrices, a formula of x[0] and x[1] takes three
entries, data of a fixed size broadcasts. A derivative answers for another shape by itself only where f is a function of
single entries; the author of an operation, who says so, for every shape that f treats like the ordinary one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gradcheck.probe.explore.mutation import Array, Arrays, floats

#: Arrays -> outputs of f, None where it refuses them.
Value = Callable[[Arrays], Arrays | None]


@dataclass(frozen=True, slots=True)
class Shaped:
    """What f does with shapes.

    Args:
        value: f.
        ordinary: the arrays that were given.
        operation: whether the caller says that the derivative is one for all shapes.
    """

    value: Value
    ordinary: Sequence[Array]
    operation: bool = False

    @property
    def vary(self) -> bool:
        """Whether the derivative answers for other sizes than that of the given inputs."""
        return self.operation or self._is_entrywise()

    def answers(self, arrays: Arrays, form: bool) -> bool:
        """Answer whether the derivative is held responsible for a fault at other arrays.

        Args:
            arrays: at which it was found.
            form: whether it is the shape of a gradient, not its numbers.
        """
        if all(a.shape == b.shape for a, b in zip(arrays, self.ordinary, strict=True)):
            return True
        if not self.operation:
            return self._is_entrywise() and self._refilled(arrays)
        if any(a.ndim != b.ndim for a, b in zip(arrays, self.ordinary, strict=True)):
            return self._sliced(arrays) and (not form or self._broadcast(arrays))
        return not (form or _stretched(arrays, self.ordinary)) or self._broadcast(arrays)

    # -- by single entries ------------------------------------------------------------------------

    def _is_entrywise(self) -> bool:
        """Answer whether f maps inputs of one shape, entry by entry, to outputs of that shape: entries in another order come out in it."""
        shapes = {self.ordinary[k].shape for k in floats(self.ordinary)}
        if len(shapes) != 1 or () in shapes or any(a.ndim for k, a in enumerate(self.ordinary) if k not in floats(self.ordinary)):
            return False
        here, there = self.value(list(self.ordinary)), self.value([_rolled(a) for a in self.ordinary])
        return _alike([_rolled(y) for y in here or []], there) and all(y.shape in shapes for y in here or [])

    def _refilled(self, arrays: Arrays) -> bool:
        """Answer whether the entries of arrays of another size, put into the ordinary shape, give the same outputs there."""
        ks = floats(self.ordinary)
        shape, usual = arrays[ks[0]].shape, self.ordinary[ks[0]].shape
        if any(arrays[k].shape != shape for k in ks) or len(shape) != len(usual):
            return False
        here = self.value(arrays)
        if here is None or any(y.shape != shape for y in here):
            return False
        if not arrays[ks[0]].size:
            return True
        there = self.value([np.resize(a, usual) if k in ks else a for k, a in enumerate(arrays)])
        return _alike([np.resize(y, usual) for y in here], there)

    # -- by slices and operands -------------------------------------------------------------------

    def _sliced(self, arrays: Arrays) -> bool:
        """Answer whether f treats additional leading axes slice by slice (and missing ones as if they were there)."""
        raised = [max(a.ndim - b.ndim, 0) for a, b in zip(arrays, self.ordinary, strict=True)]
        lowered = [max(b.ndim - a.ndim, 0) for a, b in zip(arrays, self.ordinary, strict=True)]
        if any(0 in a.shape for a in arrays):
            return False
        usual = [a[(0,) * up][(None,) * down] for a, up, down in zip(arrays, raised, lowered, strict=True)]
        here, there = self.value(arrays), self.value(usual)
        if here is None or there is None or len(here) != len(there):
            return False
        ranks = [(max(a.ndim - b.ndim, 0), max(b.ndim - a.ndim, 0)) for a, b in zip(here, there, strict=True)]
        return _alike([a[(0,) * n] for a, (n, _) in zip(here, ranks, strict=True)], [b[(0,) * n] for b, (_, n) in zip(there, ranks, strict=True)])

    def _broadcast(self, arrays: Arrays) -> bool:
        """Answer whether f broadcasts its inputs against each other, as a product of operands of one shape does.

        A layer with a matrix and a vector may well get other shapes wrong; a product of two arrays must not.
        """
        ks = floats(arrays)
        if len({self.ordinary[k].shape for k in ks}) > 1 and all(self.ordinary[k].ndim for k in ks):
            return False
        try:
            wide = dict(zip(ks, np.broadcast_arrays(*(arrays[k] for k in ks)), strict=True))
        except ValueError:
            return False
        return _alike(self.value(arrays), self.value([np.array(wide.get(k, a)) for k, a in enumerate(arrays)]))


def _rolled(a: Array) -> Array:
    """Return an array with its entries one place further."""
    return np.roll(a, 1)


def _alike(one: Arrays | None, other: Arrays | None) -> bool:
    """Answer whether two lists of outputs are there, and the same."""
    return bool(one and other) and len(one or []) == len(other or []) and all(
        a.shape == b.shape and np.allclose(np.asarray(a, np.float64), np.asarray(b, np.float64)) for a, b in zip(one or [], other or [], strict=True)
    )  # fmt: skip


def _stretched(arrays: Arrays, ordinary: Sequence[Array]) -> bool:
    """Answer whether an axis has become 1 while one of the same ordinary size in another array has not."""
    pairs = [(k, old, new) for k, (a, b) in enumerate(zip(arrays, ordinary, strict=True)) for new, old in zip(a.shape, b.shape, strict=False)]
    units = [(k, old) for k, old, new in pairs if new == 1 != old]
    return any(k != other and old == size and new != 1 for k, old in units for other, size, new in pairs)
