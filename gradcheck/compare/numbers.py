"""The numbers of a target in the format in which they came, and in a wide one while somebody computes with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from gradcheck.arith.floating import Floating
from gradcheck.targets.target import as_given

Numbers = npt.NDArray[Any]


class Together(Mapping[str, Any]):
    """Several mappings as one: a name is that of the first which has it.

    Args:
        mappings: from names.

    >>> Together({"x": 1}, {"x": 2, "y": 3})["y"]
    3
    """

    def __init__(self, *mappings: Mapping[str, Any]) -> None:
        self.mappings = mappings

    def __getitem__(self, name: str) -> Any:
        return self.of(name)[name]

    def of(self, name: str) -> Mapping[str, Any]:
        """Return the mapping that has a name; raise `KeyError` where none has."""
        for mapping in self.mappings:
            if name in mapping:
                return mapping
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(name in mapping for mapping in self.mappings)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for mapping in self.mappings for name in mapping))

    def __len__(self) -> int:
        return len(set().union(*self.mappings))


def native(mapping: Mapping[Any, Any], key: Any) -> Numbers:
    """Return the numbers of a name in their own format; a mapping that makes arrays when it is asked may have them as they are.

    Args:
        mapping: of a run.
        key: in it.
    """
    if isinstance(mapping, Together):
        return native(mapping.of(key), key)
    own = getattr(mapping, "native", None)
    return as_given(mapping[key]) if own is None else np.asarray(own(key))


def widened(x: Numbers, dtype: np.dtype[Any]) -> Numbers:
    """Return numbers in a format that holds them; not a copy where it is theirs.

    >>> widened(np.array([1.5], ml_dtypes.bfloat16), np.dtype(np.float32))
    array([1.5], dtype=float32)
    """
    if x.dtype == ml_dtypes.bfloat16:  # the upper half of a float32
        upper = x.view(np.uint16).astype(np.uint32)
        upper <<= 16
        x = upper.view(np.float32)
    return x.astype(dtype, copy=False)


def bits(x: Numbers) -> Numbers:
    """Return half formats as integers, which NumPy compares at full speed."""
    return x.view(np.uint16) if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else x


def same(a: Numbers, b: Numbers) -> bool:
    """Answer whether two arrays hold the same numbers, at once where they are the same memory."""
    if a.dtype == b.dtype and a.shape == b.shape and a.strides == b.strides and a.ctypes.data == b.ctypes.data:
        return True
    if a.dtype != b.dtype:
        wider = np.promote_types(np.float32 if a.dtype.itemsize == 2 else a.dtype, np.float32 if b.dtype.itemsize == 2 else b.dtype)
        a, b = widened(a, wider), widened(b, wider)
    return np.array_equal(bits(a), bits(b))


class Moving(Floating):
    """Moves numbers of any format, and computes nothing.

    Args:
        dtype: of the numbers.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        super().__init__("float32")
        self.storage = self.working = dtype
