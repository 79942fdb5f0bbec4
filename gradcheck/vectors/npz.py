"""Vectors with their arrays in a file of NumPy: the document has the key of each in its place."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.errors import BadVectors
from gradcheck.files.limits import MOST_FIELDS, failing_as
from gradcheck.files.npy import members
from gradcheck.vectors.parsed import MOST_CHARACTERS, number, take

Json = dict[str, Any]

#: Entries of all arrays of one file: as many as a document may have fields, since each end is looked at as a text.
MOST_ENTRIES = MOST_FIELDS
_COLUMNS = ("rounded", "lower", "upper", "allowed")


def packed(document: Json) -> tuple[Json, bytes]:
    """Return a case's document with keys in place of arrays, and the npz file that has them.

    Numbers are float64, integers int64, truth values bool; nothing claimed is NaN; ends are text, exact as in the document.

    Args:
        document: a case.
    """
    arrays: dict[str, npt.NDArray[Any]] = {}

    def moved(key: str, entries: list[Any]) -> str:
        arrays[key] = _array(entries, text=key.rpartition("/")[2] in ("lower", "upper"))
        return key

    vectors = []
    for v in document["vectors"]:
        dtype = v["dtype"]
        values = {k: moved(f"{dtype}/values/{k}", x) for k, x in v["values"].items()}
        gradients = {k: {c: moved(f"{dtype}/gradients/{k}/{c}", x[c]) for c in _COLUMNS} for k, x in v["gradients"].items()}
        vectors.append(v | {"values": values, "gradients": gradients})
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for key in sorted(arrays):
            entry = zipfile.ZipInfo(f"{key}.npy", (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_STORED  # what deflate makes of bytes depends on the library's version
            file.writestr(entry, _npy(arrays[key]))
    return document | {"vectors": vectors}, stream.getvalue()


def _array(entries: list[Any], *, text: bool) -> npt.NDArray[Any]:
    if text:
        return np.array(["" if x is None else str(x) for x in entries], dtype="S")
    if entries and isinstance(entries[0], bool):
        return np.array(entries, bool)
    if entries and all(isinstance(x, int) for x in entries):
        return np.array(entries, "<i8")
    return np.array([math.nan if x is None else x for x in entries], "<f8")


def _npy(x: npt.NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, x, version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def unpacked(document: Json, data: bytes, where: str) -> Json:
    """Return a case's document with its arrays in place of keys.

    Args:
        document: with keys.
        data: the npz file.
        where: for messages.

    Raises:
        BadVectors: a file that is damaged, too large, or without an array that the document names.
    """
    arrays = dict(_read(data, where))

    def found(key: Any) -> list[Any]:
        if not isinstance(key, str) or key not in arrays:
            raise BadVectors(f"{where}: expected the key of an array that is there; got {key!r}")
        return arrays[key]

    vectors = []
    for v in take(document, "vectors", list, where):
        values = {k: found(x) for k, x in _mapping(v, "values", where).items()}
        gradients = {k: {c: found(x) for c, x in _mapping(g, None, where).items()} for k, g in _mapping(v, "gradients", where).items()}
        vectors.append(v | {"values": values, "gradients": gradients})
    return document | {"vectors": vectors}


def _mapping(x: Any, key: str | None, where: str) -> Mapping[str, Any]:
    found = x if key is None else x.get(key) if isinstance(x, dict) else None
    if not isinstance(found, dict):
        raise BadVectors(f"{where}: expected an object{f' {key!r}' if key else ''}; got {type(found).__name__}")
    return found


def _read(data: bytes, where: str) -> Iterator[tuple[str, list[Any]]]:
    """Yield the arrays by key as lists."""
    with failing_as(BadVectors):
        for key, x in members(data, where, most=MOST_ENTRIES, text=MOST_CHARACTERS):
            if x.ndim != 1:
                raise BadVectors(f"{where}: expected flat arrays; got the shape {x.shape}")
            yield key, _entries(x, where)


def _entries(x: npt.NDArray[Any], where: str) -> list[Any]:
    if x.dtype.kind == "S":
        return [number(v.decode("ascii", "replace"), where) if v else None for v in x.tolist()]
    if x.dtype.kind == "f":
        return [None if math.isnan(v) else v for v in x.tolist()]
    return list(x.tolist())
