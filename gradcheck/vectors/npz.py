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
from gradcheck.vectors.parsed import number, take

Json = dict[str, Any]

#: Bytes of all arrays of one file; more is refused before anything is read.
MOST_BYTES = 2**26
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
    """Yield the arrays by key as lists; sizes are looked at before anything is made of them."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            if sum(x.file_size for x in file.infolist()) > MOST_BYTES:
                raise BadVectors(f"{where}: expected at most {MOST_BYTES} bytes of arrays; got more")
            for entry in file.infolist():
                yield entry.filename.removesuffix(".npy"), _entries(file.read(entry), where)
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, NotImplementedError, RuntimeError, OverflowError, MemoryError) as error:
        if isinstance(error, BadVectors):
            raise
        raise BadVectors(f"{where}: expected a file of arrays as NumPy writes it; {error}") from error


def _entries(data: bytes, where: str) -> list[Any]:
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise BadVectors(f"{where}: expected arrays in version 1.0 of NumPy's format")
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.kind not in "fibS" or len(shape) != 1 or shape[0] * dtype.itemsize != len(data) - stream.tell():
        raise BadVectors(f"{where}: expected flat arrays of numbers or text that fill their file; got shape {shape} of {dtype}")
    x = np.frombuffer(data, dtype, offset=stream.tell())
    if dtype.kind == "S":
        return [number(v.decode("ascii", "replace"), where) if v else None for v in x.tolist()]
    if dtype.kind == "f":
        return [None if math.isnan(v) else v for v in x.tolist()]
    return list(x.tolist())
