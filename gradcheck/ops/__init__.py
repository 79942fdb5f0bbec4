"""The operations. To add one, write one paragraph in the module it belongs to."""

from gradcheck.ops import binary, elementwise, linalg, loss, reduce
from gradcheck.ops.op import Op, Sample, registry
