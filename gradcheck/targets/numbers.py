"""Arrays in messages: as numbers in JSON, which come back exactly, or as files in NumPy's format.

JSON has no NaN and no infinities: they are the texts "nan", "inf" and "-inf". Other numbers may be texts too, decimal ("0.1") or
hexadecimal ("0x1.8p+1", as C's %a writes them).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.floating import FORMATS
from gradcheck.errors import BadDocument, TargetFailed
from gradcheck.files import npy
from gradcheck.files.limits import MOST_AXES, MOST_VALUES

Array = npt.NDArray[Any]

_DECIMAL = re.compile(r"[+-]?(nan|inf|infinity|([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,5})?)", re.IGNORECASE)
_HEXADECIMAL = re.compile(r"[+-]?0x([0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(p[+-]?[0-9]{1,5})?", re.IGNORECASE)


def as_json(x: Array) -> dict[str, Any]:
    """Return an array as ``{"shape": ..., "data": ...}``, entries in C order; floats in the shortest form that is exact in float64.

    >>> as_json(np.array([[0.1, np.inf]], np.float32))
    {'shape': [1, 2], 'data': [0.10000000149011612, 'inf']}
    """
    if x.dtype.kind in "biu":
        return {"shape": list(x.shape), "data": x.reshape(-1).tolist()}
    flat = _converted(x, "float64").reshape(-1)
    data: list[Any] = flat.tolist()
    if not np.isfinite(flat).all():
        data = [v if math.isfinite(v) else str(v) for v in data]
    return {"shape": list(x.shape), "data": data}


def as_file(x: Array, file: Path) -> dict[str, Any]:
    """Write an array to a file in NumPy's format, bfloat16 as float32, and return what names it."""
    stored = np.ascontiguousarray(_converted(x, "float32") if x.dtype == FORMATS["bfloat16"] else x).reshape(x.shape)
    np.save(file, stored, allow_pickle=False)
    return {"npy": file.name, "shape": list(x.shape), "dtype": str(stored.dtype)}


def read(x: Any, what: str, dtype: str, folder: Path | None = None, most: int = MOST_VALUES) -> Array:
    """Return an array of an answer, rounded to a format.

    Args:
        x: a number, a nested list, ``{"shape": ..., "data": ...}`` or ``{"npy": ...}``.
        what: its name in messages.
        dtype: the format.
        folder: where files may be.
        most: entries of a file.

    Raises:
        TargetFailed: something else, or entries that are no numbers.

    >>> read([[1, "nan"], ["-inf", "0x1.8p+1"]], "gradient of w", "float64")
    array([[  1.,  nan],
           [-inf,   3.]])
    """
    if isinstance(x, Mapping) and "npy" in x:
        found = _from_file(x["npy"], what, folder, most)
    elif isinstance(x, Mapping):
        found = _shaped(x, what)
    else:
        shape, flat = _flattened(x, what)
        found = _numbers(flat, what).reshape(shape)
    return _converted(found, dtype)


def _converted(x: Array, dtype: str) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):  # a signalling NaN is one too
        return x.astype(FORMATS[dtype])


def _shaped(x: Mapping[str, Any], what: str) -> Array:
    shape, data = x.get("shape"), x.get("data")
    if not (isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape) and len(shape) <= MOST_AXES):
        raise TargetFailed(f"{what}: expected a shape of non-negative integers; got {_short(shape)}")
    if not isinstance(data, list):
        raise TargetFailed(f"{what}: expected data, a flat list of numbers; got {_short(data)}")
    if len(data) != math.prod(shape):
        raise TargetFailed(f"{what}: expected {math.prod(shape)} numbers for the shape {shape}; got {len(data)}")
    return _numbers(data, what).reshape(shape)


def _flattened(x: Any, what: str) -> tuple[list[int], list[Any]]:
    """Return the shape of a nested list and its entries in C order."""
    shape: list[int] = []
    flat = [x]
    while flat and isinstance(flat[0], list):
        n = len(flat[0])
        if len(shape) == MOST_AXES or not all(isinstance(row, list) and len(row) == n for row in flat):
            raise TargetFailed(f"{what}: expected lists of equal lengths, nested at most {MOST_AXES} deep; got {_short(x)}")
        shape.append(n)
        flat = [v for row in flat for v in row]
    return shape, flat


def _numbers(flat: list[Any], what: str) -> npt.NDArray[np.float64]:
    plain = set(map(type, flat)) <= {float, int}
    try:
        return np.array(flat if plain else list(_each(flat, what)), dtype=np.float64)
    except OverflowError:
        raise TargetFailed(f"{what}: expected numbers within the range of float64; got an integer beyond it") from None


def _each(flat: list[Any], what: str) -> Iterator[float]:
    for v in flat:
        if type(v) in (float, int) or (isinstance(v, str) and _DECIMAL.fullmatch(v)):
            yield float(v)
        elif isinstance(v, str) and _HEXADECIMAL.fullmatch(v):
            yield float.fromhex(v)
        else:
            hint = '; JSON.stringify makes null of NaN and of infinities: spell them "nan", "inf", "-inf"' if v is None else ""
            raise TargetFailed(f'{what}: expected numbers, "nan", "inf" or "-inf"; got {_short(v)}{hint}')


def _from_file(name: Any, what: str, folder: Path | None, most: int) -> Array:
    """Read a file in the folder of the request; links out of it, pickles and whatever is no plain file are refused."""
    if folder is None:
        raise TargetFailed(f"{what}: expected numbers; got a file, though the request named no directory (npy_above in the hello asks for one)")
    try:
        file = (folder / name).resolve() if isinstance(name, str) and "\0" not in name else folder.resolve()
        inside = file.is_relative_to(folder.resolve()) and file.is_file()
    except (OSError, ValueError, RuntimeError):  # a name that is too long, no text, or a loop of links
        inside = False
    if not inside:
        raise TargetFailed(f"{what}: expected the name of a file in the directory of the request; got {_short(name)}")
    try:
        return npy.read(file, "numbers", most=most)
    except BadDocument as error:
        raise TargetFailed(f"{what}: expected a file in NumPy's format (.npy) without pickles; {_short(name)}: {error}") from error


def _short(x: Any) -> str:
    text = {True: "true", False: "false", None: "null"}.get(x) if x is None or isinstance(x, bool) else None
    text = text or repr(x)
    return text if len(text) <= 60 else f"{text[:60]}..."
