"""The operations. To add one, write one paragraph in the module it belongs to.

Each is an attribute of this package by its name, and an entry of `registry`.

>>> from gradcheck import ops
>>> ops.softmax([0.0, 0.0]).tolist()
[0.5, 0.5]
"""

from gradcheck.errors import UnknownName
from gradcheck.ops import (
    binary,
    class_loss,
    contraction,
    conv,
    elementwise,
    entry_loss,
    extremes,
    indexing,
    linalg,
    loss,
    normalize,
    pool,
    reduce,
    shape,
    softmaxes,
    statistics,
)
from gradcheck.ops.op import Op, Sample, registry

#: The modules that declare operations; importing them fills the registry.
MODULES = (
    binary, class_loss, contraction, conv, elementwise, entry_loss, extremes, indexing, linalg, loss, normalize, pool,
    reduce, shape, softmaxes, statistics,
)  # fmt: skip

__all__ = ["MODULES", "Op", "Sample", "registry"]


def __getattr__(name: str) -> Op:
    """Return the operation `name`; raise `AttributeError` with the nearest name where there is none."""
    try:
        return registry[name]
    except UnknownName as error:
        raise AttributeError(str(error)) from None


def __dir__() -> list[str]:
    """Return the public names and those of all operations."""
    return sorted({*__all__, *registry})
