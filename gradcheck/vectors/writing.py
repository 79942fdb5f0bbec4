"""Writing a set of vectors: a file a case, and an index with the checksum of each. The same seed gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from gradcheck.arith.rounding import BINARY
from gradcheck.errors import BadInput, UnknownDtype
from gradcheck.files.writing import folder as whole_folder
from gradcheck.files.writing import write
from gradcheck.graph.document import dumps as graph_document
from gradcheck.graph.values import Arrays
from gradcheck.vectors.canonical import digest, dumps
from gradcheck.vectors.case_document import read_case
from gradcheck.vectors.cases import Case, cases
from gradcheck.vectors.expectation import expectation
from gradcheck.vectors.npz import packed
from gradcheck.vectors.parsed import parsed
from gradcheck.vectors.vector import SCHEMA

INDEX = "index.json"

Json = dict[str, Any]
Progress = Callable[[str, int, int], None]


def export(
    folder: str | Path, *, networks: Iterable[str] = ("*",), dtypes: Iterable[str] = tuple(BINARY), seed: int = 0,
    format: Literal["json", "npz"] = "json", progress: Progress | None = None,  # noqa: A002 - as the option is called
) -> int:
    """Write a set of vectors into a folder, which is there when all of it is, and return how many there are.

    Args:
        folder: is made, or has to be empty.
        networks: shell patterns of names ("networks/xor-*"), of networks and faults ("xor-*"), or of tags ("fault").
        dtypes: formats; each case has those that make sense for it.
        seed: of all values.
        format: "json", or "npz" for arrays in files of NumPy beside the documents.
        progress: called with the name of each case, its number, and how many there are.

    Raises:
        BadInput: a format of files that does not exist.
        OutputFailed: a folder with something in it, or that cannot be written.
        UnknownDtype: a format of numbers that does not exist.
        UnknownName: a pattern that matches nothing.
    """
    formats, chosen = tuple(dtypes), list(cases(networks, seed=seed))
    _refuse(formats, format)
    rows = []
    with whole_folder(Path(folder)) as target:
        for k, case in enumerate(chosen):
            if progress:
                progress(case.name, k, len(chosen))
            document = case_document(case, formats)
            if document["vectors"]:
                written = [_written(target, path, data) for path, data in _files(case.name, document, format)]
                rows.append({**written[0], "vectors": len(document["vectors"])} | ({"arrays": written[1]} if len(written) > 1 else {}))
        _written(target, INDEX, index_document(rows, seed, format))
    return sum(row["vectors"] for row in rows)


def _refuse(formats: tuple[str, ...], format: str) -> None:  # noqa: A002 - as above
    for dtype in formats:
        if dtype not in BINARY:
            raise UnknownDtype(dtype, BINARY)
    if format not in ("json", "npz"):
        raise BadInput(f"expected the format json or npz; got {format!r}")


def _files(name: str, document: Json, format: str) -> Iterator[tuple[str, bytes]]:  # noqa: A002 - as above
    if format == "npz":
        document, data = packed(document)
        yield f"{name}.json", dumps(document)
        yield f"{name}.npz", data
    else:
        yield f"{name}.json", dumps(document)


def _written(target: Path, path: str, data: bytes) -> Json:
    file = target / path
    file.parent.mkdir(parents=True, exist_ok=True)
    write(file, data)
    return {"path": path, "sha256": digest(data), "bytes": len(data)}


def index_document(rows: list[Json], seed: int, format: str) -> bytes:  # noqa: A002 - as above
    """Return the index: its checksum is that of its own text without the line of the checksum.

    Args:
        rows: the files.
        seed: of all values.
        format: "json" or "npz".
    """
    from gradcheck import __version__

    body: Json = {"schema": SCHEMA, "seed": seed, "generator": f"gradcheck {__version__}", "format": format, "files": rows}
    return dumps(body | {"checksum": digest(dumps(body))})


def case_document(case: Case, dtypes: Iterable[str] = tuple(BINARY)) -> Json:
    """Return the document of a case, with a vector for each of these formats that makes sense for it.

    Args:
        case: what it is of.
        dtypes: the formats.
    """
    made = [v for dtype in dtypes if dtype in case.dtypes and (v := _vector(case, dtype)) is not None]
    document = {
        "schema": SCHEMA, "name": case.name, "about": case.about, "source": case.source, "tags": list(case.tags),
        "fault": None if case.fault is None else dict(case.fault), "graph": json.loads(graph_document(case.graph)), "vectors": made,
    }  # fmt: skip
    if case.fault is not None:
        document["vectors"] = [v for v, shown in zip(made, _catches(case, document), strict=True) if shown]
    return document


def _catches(case: Case, document: Json) -> Iterator[bool]:
    """Yield for each vector whether it rejects the mistake that it is there to catch: in a narrow format it may underflow."""
    assert case.recreation is not None
    for vector in read_case(parsed(dumps(document), case.name), case.name, ""):
        loss, gradients = case.recreation.mistaken(vector.graph, vector.values)
        checked = vector.check(loss, gradients)
        yield any(not c.ok for c in checked if c.name != "loss")


def _vector(case: Case, dtype: str) -> Json | None:
    values = case.values(dtype)
    found = expectation(case.graph, values, dtype, textbook=case.textbook)
    if found is None or not found.claimed:
        return None
    own = {"dtype": dtype, "values": _listed(values), "formulas": "any" if case.textbook else "accurate"}
    return own | found.document


def _listed(values: Arrays) -> Mapping[str, list[Any]]:
    return {k: x.ravel().tolist() for k, x in values.items()}
