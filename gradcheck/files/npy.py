"""Arrays in NumPy's format, alone (.npy) and together (.npz): the header is looked at before any data is read. No pickles."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from gradcheck.errors import BadDocument
from gradcheck.files.limits import MOST_AXES, refused
from gradcheck.files.regular import opened

#: The formats of numbers that can come in: truth values, integers and binary floats of IEEE 754.
NUMBERS = frozenset(("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"))
#: Members of an .npz file: what zip files have without their extension for large ones.
MOST_MEMBERS = 2**16
_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@dataclass(frozen=True, slots=True)
class Header:
    """What a file of NumPy says of itself.

    Args:
        shape: of the array.
        fortran: whether the first axis runs fastest.
        dtype: of the entries.
        offset: where they begin.
    """

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int

    @property
    def size(self) -> int:
        """The number of entries."""
        return math.prod(self.shape)


def header(stream: BinaryIO, where: str, *, text: int = 0) -> Header:
    """Return the header of an array, and leave the stream behind it.

    Args:
        stream: of the file.
        where: for messages.
        text: characters that an entry may have; 0: entries are numbers.

    Raises:
        BadDocument: none, or of a format that is not in `NUMBERS`, or of too many axes.
    """
    with refused(f"{where}: expected an array as NumPy writes it (.npy)"):
        version = np.lib.format.read_magic(stream)
        if version not in _READERS:
            raise BadDocument(f"{where}: expected version 1.0 or 2.0 of NumPy's format; got {version}")
        shape, fortran, dtype = _READERS[version](stream)
        kind = dtype.str[1:]
        if kind not in NUMBERS and not (dtype.kind == "S" and 0 < dtype.itemsize <= text):
            raise BadDocument(f"{where}: expected numbers of {', '.join(sorted(NUMBERS))}{' or short text' if text else ''}; got {str(dtype)!r:.60}")
        if len(shape) > MOST_AXES or any(type(n) is not int or n < 0 for n in shape):
            raise BadDocument(f"{where}: expected a shape of at most {MOST_AXES} axes; got {shape!s:.60}")
        return Header(shape, bool(fortran), dtype, stream.tell())


def array(stream: BinaryIO, length: int, where: str, *, most: int, text: int = 0) -> npt.NDArray[Any]:
    """Return the array of a stream.

    Args:
        stream: of the file.
        length: bytes of the file.
        where: for messages.
        most: entries.
        text: see `header`.

    Raises:
        BadDocument: see `header`; more entries, or not as many bytes as they take.
    """
    found = header(stream, where, text=text)
    if found.size > most:
        raise BadDocument(f"{where}: expected at most {most} entries; got the shape {found.shape!s:.60}")
    if found.size * found.dtype.itemsize != length - found.offset:
        raise BadDocument(f"{where}: expected {found.size} entries of {found.dtype}, which fill the file; got {length - found.offset} bytes")
    with refused(f"{where}: expected an array as NumPy writes it (.npy)"):
        flat = np.frombuffer(stream.read(length - found.offset), found.dtype)
        return flat.reshape(found.shape, order="F" if found.fortran else "C")


def read(path: Path, what: str, *, most: int) -> npt.NDArray[Any]:
    """Return the array of numbers in a file.

    Args:
        path: of the file.
        what: it should be, for messages.
        most: entries.

    Raises:
        BadDocument: see `opened` and `array`.
    """
    with opened(path, what) as (file, length):
        return array(file, length, str(path), most=most)


def members(data: bytes, where: str, *, most: int, text: int) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield name and array of each member of an .npz file.

    Args:
        data: the file.
        where: for messages.
        most: entries of all arrays together.
        text: see `header`.

    Raises:
        BadDocument: no such file, a member that is damaged, compressed otherwise than by zip's two usual ways, or larger than it says.
    """
    if data.count(zipfile.stringCentralDir) > MOST_MEMBERS:  # type: ignore[attr-defined]  # the mark of an entry of the directory
        raise BadDocument(f"{where}: expected at most {MOST_MEMBERS} arrays; got more")
    with refused(f"{where}: expected a file of arrays as NumPy writes it (.npz)"), zipfile.ZipFile(io.BytesIO(data)) as file:
        for entry in file.infolist():
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise BadDocument(f"{where}: expected members that are stored or deflated; got {entry.filename!r:.80}")
            with file.open(entry) as stream:  # it yields no more bytes than the member is said to have, and checks their sum
                found = array(cast(BinaryIO, stream), entry.file_size, f"{where}: {entry.filename!r:.80}", most=most, text=text)
            most -= found.size
            yield entry.filename.removesuffix(".npy"), found
