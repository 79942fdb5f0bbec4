"""The operations. To add one, write one paragraph in the module it belongs to."""

from gradcheck.ops import (
    binary,
    conv,
    cross_entropy,
    einsum,
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
    softmax,
    statistics,
)
from gradcheck.ops.op import Op, Sample, registry
