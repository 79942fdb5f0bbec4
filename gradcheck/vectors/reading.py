"""Reading a set of vectors: what is damaged, incomplete or in another format is refused, and nothing is executed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from gradcheck.errors import BadDocument, BadVectors
from gradcheck.files.limits import MOST_BYTES
from gradcheck.files.regular import contents
from gradcheck.vectors.canonical import digest, dumps
from gradcheck.vectors.case_document import read_case
from gradcheck.vectors.npz import unpacked
from gradcheck.vectors.parsed import Json, only, parsed, take
from gradcheck.vectors.vector import SCHEMA, Vector, Vectors

INDEX = "index.json"
#: The set that ships with gradcheck.
SHIPPED = Path(__file__).parent / "data"

#: Bytes of all files of a set.
MOST_TOTAL = 2**30
_FILE = {"path", "sha256", "bytes"}
_REMEDY = "export the set again, or get it again from where it came from"


def load(path: str | Path | None = None) -> Vectors:
    """Return a set of vectors.

    Args:
        path: its folder; None for the set that ships with gradcheck.

    Raises:
        BadVectors: a folder without an index, a file that is missing or not as its checksum says, another format, documents
            that are not as `docs/vectors.md` says.

    >>> vectors = load()
    >>> vector = vectors["networks/xor-2-2-1/float64"]
    >>> vector.graph.parameters, vector.gradients["b2"].shape
    (('w1', 'b1', 'w2', 'b2'), (1,))
    """
    folder = SHIPPED if path is None else Path(path)
    index = _index(folder)
    found: list[Vector] = []
    names = set[str]()
    for row in index["files"]:
        name = row["path"]
        for vector in _case(folder, row, index["format"]):
            if vector.name in names:
                raise BadVectors(f"{folder / name}: expected every vector once; got {vector.name!r} twice")
            names.add(vector.name)
            found.append(vector)
    return Vectors(tuple(found), index["seed"], index["generator"], index["checksum"])


def _index(folder: Path) -> Json:
    where = str(folder / INDEX)
    data = _bytes(folder, INDEX, None)
    document = parsed(data, where)
    schema = take(document, "schema", str, where)
    if schema != SCHEMA:
        raise BadVectors(f"{where}: expected schema {SCHEMA!r}; got {schema[:60]!r}; this version of gradcheck reads no other")
    only(document, {"schema", "seed", "generator", "format", "files", "checksum"}, where)
    for key, kind in (("seed", int), ("generator", str), ("format", str), ("checksum", str)):
        take(document, key, kind, where)
    files = [_row(x, f"{where}: files[{k}]") for k, x in enumerate(take(document, "files", list, where))]
    given = document["checksum"]
    computed = digest(dumps({k: v for k, v in document.items() if k != "checksum"}))
    if given != computed:
        raise BadVectors(f"{where}: expected the checksum {given[:64]!r}; the text has {computed!r}; {_REMEDY}")
    if data != dumps(document):
        raise BadVectors(f"{where}: expected the text as it was written, to the last line feed; got another form of it; {_REMEDY}")
    if document["format"] not in ("json", "npz"):
        raise BadVectors(f"{where}.format: expected json or npz; got {document['format'][:40]!r}")
    if sum(x["bytes"] + (x["arrays"]["bytes"] if "arrays" in x else 0) for x in files) > MOST_TOTAL:
        raise BadVectors(f"{where}: expected at most {MOST_TOTAL} bytes in all")
    return document


def _row(x: Any, where: str) -> Json:
    if not isinstance(x, dict):
        raise BadVectors(f"{where}: expected an object; got {type(x).__name__}")
    only(x, {*_FILE, "vectors", "arrays"}, where)
    take(x, "vectors", int, where)
    _file(x, where)
    if "arrays" in x:
        arrays = take(x, "arrays", dict, where)
        only(arrays, _FILE, f"{where}.arrays")
        _file(arrays, f"{where}.arrays")
    return x


def _file(x: Json, where: str) -> None:
    path, size = take(x, "path", str, where), take(x, "bytes", int, where)
    take(x, "sha256", str, where)
    parts = PurePosixPath(path).parts
    plain = all(c.isascii() and (c.isalnum() or c in "._-/") for c in path) and str(PurePosixPath(path)) == path
    if not plain or not parts or path.startswith("/") or ".." in parts:
        raise BadVectors(f"{where}.path: expected a file below the folder, of letters, digits, dots and dashes; got {path[:80]!r}")
    if not 0 <= size <= MOST_BYTES:
        raise BadVectors(f"{where}.bytes: expected at most {MOST_BYTES}; got {size}")


def _case(folder: Path, row: Json, format: str) -> Iterator[Vector]:  # noqa: A002 - as the field is called
    where = str(folder / row["path"])
    data = _checked(folder, row)
    document = parsed(data, where)
    if (format == "npz") != ("arrays" in row):
        raise BadVectors(f"{where}: expected a file of arrays beside it if the format is npz, and none else; got format {format!r}")
    if "arrays" in row:
        document = unpacked(document, _checked(folder, row["arrays"]), str(folder / row["arrays"]["path"]))
    found = list(read_case(document, where, row["sha256"]))
    if len(found) != row["vectors"]:
        raise BadVectors(f"{where}: expected {row['vectors']} vectors as the index says; got {len(found)}")
    yield from found


def _checked(folder: Path, row: Json) -> bytes:
    data = _bytes(folder, row["path"], row["bytes"])
    found = digest(data)
    if found != row["sha256"]:
        raise BadVectors(f"{folder / row['path']}: expected the SHA-256 {row['sha256'][:64]!r}; got {found!r}; the file was changed: {_REMEDY}")
    return data


def _bytes(folder: Path, path: str, size: int | None) -> bytes:
    """Return what a file holds, which has to lie in the folder, links followed."""
    file = folder / path
    try:
        if not file.resolve(strict=True).is_relative_to(folder.resolve()):
            raise BadVectors(f"{file}: expected a file in its folder; got a link that leads elsewhere")
        data = contents(file, "test vectors")
    except (OSError, BadDocument) as error:
        raise BadVectors(f"{file}: expected a file of test vectors; {getattr(error, 'strerror', None) or error}; {_REMEDY}") from error
    if size is not None and len(data) != size:
        raise BadVectors(f"{file}: expected {size} bytes; got {len(data)}; the file was cut short or changed: {_REMEDY}")
    return data
