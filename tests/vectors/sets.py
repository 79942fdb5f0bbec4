"""Sets of vectors for the tests: the shipped one, and small ones that may be damaged."""

import json
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from gradcheck.vectors.canonical import digest, dumps
from gradcheck.vectors.reading import load
from gradcheck.vectors.writing import export

PATTERNS = ("networks/xor-2-2-1", "networks/relu-at-zero", "networks/loss-cross-entropy-labels")


@cache
def shipped():
    """Return the shipped set, read once a process."""
    return load()


@cache
def exported(kind):
    """Return the folder of a small set, which is not to be changed."""
    folder = Path(mkdtemp()) / kind
    export(folder, networks=PATTERNS, dtypes=("float64", "float32"), format=kind)
    return folder


def copied(tmp_path, kind="json"):
    """Return a copy of the small set."""
    return Path(shutil.copytree(exported(kind), tmp_path / "set"))


def index_of(folder):
    """Return the document of the index."""
    return json.loads((folder / "index.json").read_text())


def write_index(folder, document):
    """Write an index with its right checksum."""
    body = {k: v for k, v in document.items() if k != "checksum"}
    (folder / "index.json").write_bytes(dumps(body | {"checksum": digest(dumps(body))}))


def rewrite(folder, path, data):
    """Replace a file by other bytes, and make the index fit."""
    (folder / path).write_bytes(data)
    document = index_of(folder)
    for row in document["files"]:
        for file in (row, row.get("arrays", {})):
            if file.get("path") == path:
                file |= {"sha256": digest(data), "bytes": len(data)}
    write_index(folder, document)


def edited(folder, path, change):
    """Change a case's document, checksums and all."""
    document = json.loads((folder / path).read_text())
    change(document)
    rewrite(folder, path, json.dumps(document).encode())
