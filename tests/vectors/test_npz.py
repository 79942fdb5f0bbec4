"""Arrays in files of NumPy: read without unpickling, sizes looked at first."""

import io
import json
import zipfile

import numpy as np
import pytest

from gradcheck.errors import BadVectors
from gradcheck.vectors.npz import MOST_ENTRIES, packed, unpacked
from gradcheck.vectors.parsed import parsed
from tests.vectors.sets import exported

DOCUMENT = parsed((exported("json") / "networks/xor-2-2-1.json").read_bytes(), "xor")


def stored(**arrays):
    """Return a file with these arrays."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def stored_header(n):
    """Return the header of n bytes."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|b1", "fortran_order": False, "shape": (n,)})
    return stream.getvalue()


def asking(key):
    """Return a document that asks for one array."""
    return {"vectors": [{"values": {"x": key}, "gradients": {}}]}


def test_numpy_reads_it():
    """No pickles; keys are format, what, name, column; the same bytes every time."""
    document, data = packed(DOCUMENT)
    assert packed(DOCUMENT)[1] == data
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        assert file["float64/values/w1"].dtype == np.float64
        assert file["float32/gradients/w1/rounded"].shape == (4,)
        assert float(file["float64/gradients/w1/lower"][0]) <= float(file["float64/gradients/w1/upper"][0])
    assert document["vectors"][0]["values"]["w1"] == "float64/values/w1"
    assert "allowed" not in json.dumps(document["vectors"][0]["values"])


def test_what_is_packed_is_unpacked():
    """Numbers, nulls, labels and ends."""
    for file in exported("json").rglob("*.json"):
        if file.name != "index.json":
            document = parsed(file.read_bytes(), file.name)
            back = unpacked(*packed(document), "npz")
            assert [float(x) for v in back["vectors"] for x in v["gradients"].popitem()[1]["rounded"]] == [
                float(x) for v in parsed(file.read_bytes(), file.name)["vectors"] for x in v["gradients"].popitem()[1]["rounded"]
            ]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "as NumPy writes it"), (b"PK\x03\x04nonsense", "as NumPy writes it"), (stored(y=np.ones(2)), "key of an array that is there; got 'x'"),
        (stored(x=np.ones((2, 2))), "flat arrays"), (stored(x=np.ones(2, complex)), "got 'complex128'"),
        (stored(x=np.array(["a"])), "got '<U1'"), (stored(x=np.array([b"not a number"])), "expected numbers"),
    ],
)  # fmt: skip
def test_what_is_refused(data, told):
    """Damaged files, arrays that are missing or of another kind."""
    with pytest.raises(BadVectors, match=told):
        unpacked(asking("x"), data, "set.npz")


def test_pickles_are_refused():
    """An array of objects is a program."""
    stream = io.BytesIO()
    np.savez(stream, x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(BadVectors, match="got 'object'"):
        unpacked(asking("x"), stream.getvalue(), "set.npz")


def test_absurd_sizes_are_refused():
    """A header that promises more than there is, and a file that swells when it is opened."""
    data = bytearray(stored(x=np.ones(2)))
    at = data.index(b"'shape': (2,)")
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as file:
        header = bytearray(file.read("x.npy"))
    header = header.replace(b"'shape': (2,), }        ", b"'shape': (999999,), }   ")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("x.npy", bytes(header))
    assert at
    with pytest.raises(BadVectors, match="fill the file"):
        unpacked(asking("x"), stream.getvalue(), "set.npz")
    stream, header = io.BytesIO(), stored_header(MOST_ENTRIES + 1)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x.npy", header + bytes(MOST_ENTRIES + 1))
    with pytest.raises(BadVectors, match="at most"):
        unpacked(asking("x"), stream.getvalue(), "set.npz")


@pytest.mark.parametrize("document", [{"vectors": [3]}, {"vectors": [{"values": []}]}, {"vectors": [{"values": {"x": 3}, "gradients": {}}]}, {"vectors": [{"values": {}, "gradients": {"w": 1}}]}])
def test_documents_of_another_shape(document):
    """Every key is the name of an array."""
    with pytest.raises(BadVectors, match="expected"):
        unpacked(document, stored(x=np.ones(2)), "set.npz")
