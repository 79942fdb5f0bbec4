"""Reading sets: what is damaged is refused with the file, both figures and the remedy."""

import json
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from gradcheck.errors import BadInput, BadVectors
from gradcheck.vectors.canonical import dumps
from gradcheck.vectors.reading import load
from tests.vectors.sets import copied, edited, exported, index_of, rewrite, shipped, write_index

CASE = "networks/xor-2-2-1.json"


def refused(folder, told):
    """Assert that a set is refused."""
    with pytest.raises(BadVectors, match=told) as caught:
        load(folder)
    assert isinstance(caught.value, BadInput)
    assert str(folder) in str(caught.value)


def test_the_package_has_it():
    """`gradcheck.vectors.load()` without a folder is the shipped set; its names are in the package's list."""
    assert gradcheck.vectors.load is load
    assert set(gradcheck.vectors.__all__) <= set(dir(gradcheck.vectors))
    assert all(callable(getattr(gradcheck.vectors, name)) for name in gradcheck.vectors.__all__)  # no module of that name hides one
    assert shipped().seed == 0
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = gradcheck.vectors.nothing


def test_every_flipped_bit_of_a_file_is_seen(tmp_path):
    """One bit anywhere in a case, or in its arrays."""
    for kind, path in (("json", CASE), ("npz", CASE), ("npz", CASE.replace("json", "npz"))):
        folder = copied(tmp_path / kind / path.rpartition(".")[2], kind)
        data = (folder / path).read_bytes()
        for at in range(0, len(data), max(len(data) // 20, 1)):
            flipped = bytearray(data)
            flipped[at] ^= 1 << (at % 8)
            (folder / path).write_bytes(bytes(flipped))
            refused(folder, "expected the SHA-256 '[0-9a-f]{64}'; got '[0-9a-f]{64}'; the file was changed: export the set again")
        (folder / path).write_bytes(data)
        assert len(load(folder)) == 6


@settings(max_examples=60)
@given(st.data())
def test_every_flipped_bit_of_the_index_is_seen(data):
    """One bit anywhere in the index: the seed, a checksum, a path, a brace."""
    original = (exported("json") / "index.json").read_bytes()
    at, bit = data.draw(st.integers(0, len(original) - 1)), data.draw(st.integers(0, 7))
    flipped = bytearray(original)
    flipped[at] ^= 1 << bit
    with tempfile.TemporaryDirectory() as folder:
        made = Path(shutil.copytree(exported("json"), Path(folder) / "set"))
        (made / "index.json").write_bytes(bytes(flipped))
        with pytest.raises(BadVectors):
            load(made)


@pytest.mark.parametrize("keep", [0, 1, 300, -1])
def test_truncated_files_are_seen(tmp_path, keep):
    """A file that was cut short, a case or the index."""
    folder = copied(tmp_path)
    data = (folder / CASE).read_bytes()
    (folder / CASE).write_bytes(data[:keep])
    refused(folder, rf"expected {len(data)} bytes; got {len(data[:keep])}; the file was cut short or changed")
    (folder / CASE).write_bytes(data)
    index = folder / "index.json"
    index.write_bytes(index.read_bytes()[: keep - 1])
    refused(folder, "index.json: expected")


def test_wrong_checksums_are_seen(tmp_path):
    """Of a case in an index that is right otherwise, and of the index."""
    folder = copied(tmp_path)
    document = index_of(folder)
    document["files"][0]["sha256"] = "0" * 64
    write_index(folder, document)
    refused(folder, "expected the SHA-256 '0{64}'")
    document = index_of(exported("json"))
    document["checksum"] = "f" * 64
    (folder / "index.json").write_bytes(dumps(document))
    refused(folder, "expected the checksum 'f{64}'; the text has")


def test_missing_things_are_seen(tmp_path):
    """A case, the index, the folder."""
    folder = copied(tmp_path)
    (folder / CASE).unlink()
    refused(folder, "xor-2-2-1.json: expected a file of test vectors; No such file or directory")
    (folder / "index.json").unlink()
    refused(folder, "index.json: expected a file of test vectors")
    refused(tmp_path / "nowhere", "expected a file of test vectors")
    (folder / "index.json").mkdir()
    refused(folder, "expected a file of test vectors")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema": "gradcheck-vectors/2"}, "expected schema 'gradcheck-vectors/1'; got 'gradcheck-vectors/2'"), ({"schema": 1}, "schema: expected str"),
        ({"more": 1}, "unknown field 'more'"), ({"format": "xml"}, "expected json or npz; got 'xml'"), ({"seed": "0"}, "seed: expected int"),
        ({"files": {}}, "files: expected list"), ({"files": [1]}, r"files\[0\]: expected an object"), ({"format": "npz"}, "expected a file of arrays beside it"),
    ],
)  # fmt: skip
def test_other_indices_are_refused(tmp_path, change, told):
    """Another version, fields that the format does not have, other types."""
    folder = copied(tmp_path)
    write_index(folder, index_of(folder) | change)
    refused(folder, told)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"path": "../secret.json"}, "expected a file below the folder"), ({"path": "/etc/passwd"}, "expected a file below the folder"),
        ({"path": "a/../../b"}, "expected a file below the folder"), ({"path": "a\\b"}, "expected a file below the folder"), ({"path": ""}, "expected a file below"),
        ({"path": "C:x"}, "expected a file below the folder"), ({"path": "./a"}, "expected a file below the folder"), ({"path": 3}, "path: expected str"),
        ({"bytes": 2**40}, "bytes: expected at most"), ({"bytes": -1}, "bytes: expected at most"), ({"bytes": True}, "bytes: expected int"),
        ({"vectors": 3}, "expected 3 vectors as the index says; got 2"), ({"sha256": None}, "sha256: expected str"), ({"x": 1}, "unknown field 'x'"),
        ({"arrays": {"path": "../a", "bytes": 1, "sha256": ""}}, "expected a file below the folder"),
    ],
)  # fmt: skip
def test_other_rows_are_refused(tmp_path, change, told):
    """A path that leads out of the folder, sizes that nobody has, counts that are not so."""
    folder = copied(tmp_path)
    document = index_of(folder)
    document["files"][0] |= change
    write_index(folder, document)
    refused(folder, told)


def test_many_large_files_are_refused(tmp_path):
    """Before any of them is opened."""
    folder = copied(tmp_path)
    document = index_of(folder)
    document["files"] = [document["files"][0] | {"bytes": 2**26, "path": f"f{k}"} for k in range(20)]
    write_index(folder, document)
    refused(folder, "bytes in all")


def test_links_that_lead_elsewhere_are_refused(tmp_path):
    """A link is followed, and has to stay in the folder."""
    folder = copied(tmp_path)
    outside = tmp_path / "outside.json"
    outside.write_bytes((folder / CASE).read_bytes())
    (folder / CASE).unlink()
    (folder / CASE).symlink_to(outside)
    refused(folder, "a link that leads elsewhere")


def test_a_vector_twice_is_refused(tmp_path):
    """Two files with the same name in them."""
    folder = copied(tmp_path)
    document = index_of(folder)
    write_index(folder, document | {"files": [*document["files"], document["files"][0]]})
    refused(folder, "every vector once; got 'networks/xor-2-2-1/float64' twice")


def test_right_checksums_do_not_make_it_right(tmp_path):
    """Who changes a document and its checksums is told what is wrong with the document."""
    folder = copied(tmp_path)
    edited(folder, CASE, lambda d: d["vectors"][0]["values"].update(w1=[]))
    refused(folder, "expected a flat list of 4 entries")
    rewrite(folder, CASE, b'{"schema": NaN}')
    refused(folder, "finite numbers; got NaN")


def test_arrays_where_they_do_not_belong(tmp_path):
    """Keys in a set without files of arrays."""
    folder = copied(tmp_path, "npz")
    document = index_of(folder)
    for row in document["files"]:
        row.pop("arrays")
    write_index(folder, document | {"format": "json"})
    refused(folder, "expected a flat list")


def test_another_form_of_the_index_is_refused(tmp_path):
    """The same document with other white space is not what was written."""
    folder = copied(tmp_path)
    (folder / "index.json").write_text(json.dumps(index_of(folder)))
    refused(folder, "expected the text as it was written")
