"""Which part of a product of matrices depends on which part of its factors: indices, no numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.ops.op import Changed, Part


def _left(x: npt.NDArray[np.bool_], *rest: Any) -> Part:
    """Return the part of a product that changed rows and columns of the left factor move."""
    rows, columns = np.flatnonzero(x.any(axis=1)), np.flatnonzero(x.any(axis=0))
    if 2 * len(columns) > x.shape[1]:
        return Part((rows, ..., *(... for _ in rest)), rows)
    return Part((np.ix_(rows, columns), columns, *rest), rows, change=0)


def matmul_part(a: Changed, b: Changed) -> Part | None:
    """Return the rows or columns of a b that change with those of one factor; None where that is all or not so plain."""
    if a is None and b is not None and b.ndim == 2:
        columns = np.flatnonzero(b.any(axis=0))
        return Part((..., (slice(None), columns)), (..., columns))
    return _left(a) if b is None and a is not None and a.ndim == 2 else None


def dense_part(x: Changed, w: Changed, b: Changed) -> Part | None:
    """Return the columns of x w + b that change with those of w and b, or the rows that change with those of x."""
    if x is None:
        columns = np.flatnonzero((False if w is None else w.any(axis=0)) | (False if b is None else b))
        return Part((..., (slice(None), columns), columns), (..., columns))
    return _left(x, None) if w is None and b is None and x.ndim == 2 else None
