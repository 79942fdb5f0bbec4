"""Small documents that were made to hurt: refused within seconds, and in little memory."""

import io
import json
import os
import resource
import sys
import time
import zipfile

import numpy as np
import pytest

from gradcheck.errors import BadDocument, BadInput, BadSettings, BadVectors, TargetFailed
from gradcheck.files import json as documents
from gradcheck.files import npy, toml
from gradcheck.files.limits import MOST_BYTES, MOST_DEPTH, MOST_FIELDS, MOST_VALUES, bounded, refused
from gradcheck.files.regular import contents, opened
from gradcheck.graph.document import loads
from gradcheck.graph.trace import trace
from gradcheck.history import read as result
from gradcheck.result.stored import from_dict
from gradcheck.settings import load as settings
from gradcheck.targets.messages import accepted, decoded, longest_answer, most_entries, read_hello, read_run
from gradcheck.targets.process import Process
from gradcheck.validation.known import read as known
from gradcheck.vectors.canonical import dumps
from gradcheck.vectors.reading import load
from tests.render import matrices
from tests.vectors.sets import copied, rewrite

#: Seconds of the processor that a test here may take, and of the clock on a machine at work elsewhere.
SECONDS, PATIENCE = 10.0, 60.0


@pytest.fixture(autouse=True)
def clock():
    """Hold every test to the time and the memory that a document has."""
    start, cpu, before = time.perf_counter(), time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.process_time() - cpu < SECONDS
    assert time.perf_counter() - start < PATIENCE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # KB


# -- files -------------------------------------------------------------------------------------------


@pytest.fixture(params=["a FIFO", "a folder", "a device", "an endless device", "nothing", "a FIFO behind a link"])
def no_file(request, tmp_path):
    """Return the path of something that is no regular file."""
    made = tmp_path / "x.json"
    if "FIFO" in request.param:
        os.mkfifo(tmp_path / "fifo")
        made.symlink_to(tmp_path / "fifo")
    elif request.param == "a folder":
        made.mkdir()
    elif "device" in request.param:
        made.symlink_to("/dev/zero" if "endless" in request.param else "/dev/null")
    return made


@pytest.mark.parametrize("use", [contents, lambda p: result(str(p)), known, lambda p: npy.read(p, "numbers", most=9), lambda p: toml.read(p, "settings")])
def test_regular_files_only(no_file, use):
    """What is no file is refused at once, whoever asks."""
    with pytest.raises(BadDocument, match=r"x\.json: expected"):
        use(no_file)


def test_vectors_in_regular_files_only(tmp_path):
    """An index that is a FIFO, a case that is a device."""
    folder = copied(tmp_path)
    (folder / "index.json").rename(tmp_path / "index.json")
    os.mkfifo(folder / "index.json")
    with pytest.raises(BadVectors, match="got a FIFO"):
        load(folder)
    (folder / "index.json").unlink()
    (tmp_path / "index.json").rename(folder / "index.json")
    (folder / "networks/xor-2-2-1.json").unlink()
    os.mkfifo(folder / "networks/xor-2-2-1.json")
    with pytest.raises(BadVectors, match="got a FIFO"):
        load(folder)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 5000])
def test_names_that_are_none(name, tmp_path):
    """Of no text, or too long."""
    with pytest.raises(BadDocument, match="expected"), opened(tmp_path / name):
        pass


def test_large_files(tmp_path):
    """A sparse file of a terabyte is not read."""
    with (tmp_path / "x.json").open("wb") as file:
        file.truncate(2**40)
    for use in (contents, lambda p: result(str(p)), known):
        with pytest.raises(BadDocument, match="at most"):
            use(tmp_path / "x.json")


# -- JSON and TOML -----------------------------------------------------------------------------------

JSON = {
    "values": lambda: b"[" + b"[]," * MOST_VALUES + b"[]]", "fields": lambda: b'[{"a":1' + b',"b":1' * MOST_FIELDS + b"}]", "bytes": lambda: b'"' + b"a" * MOST_BYTES + b'"',
    "depth": b"[" * (MOST_DEPTH + 2) + b"]" * (MOST_DEPTH + 2), "great depth": lambda: b"[" * 10**6, "depth of objects": lambda: b'{"a":' * 10**5, "digits": b"[1" + b"0" * 20 + b"]",
    "many digits": lambda: b"1" * 10**7, "NaN": b"[NaN]", "overflow": b"[1e9999]", "many overflows": lambda: b"[" + b"1e9999," * 3 * 10**6 + b"1]", "twice": b'{"a": 1, "a": 2}',
    "twice at the end": lambda: b"{" + b",".join(b'"%07d": 1' % k for k in range(200_000)) + b',"0199999": 1}', "no text": b"\xff", "nothing": b"", "two": b"1 2", "begun": b'{"a": [1, 2',
}  # fmt: skip


@pytest.mark.parametrize("data", JSON.values(), ids=JSON)
def test_json(data):
    """Size, depth, numbers, fields."""
    with pytest.raises(BadDocument, match="here: expected"):
        documents.parsed(data() if callable(data) else data, "here")


def test_limits_are_limits(monkeypatch):
    """What is just within them is read."""
    inside = b"[" * MOST_DEPTH + b"1" + b"]" * MOST_DEPTH
    assert json.loads(inside) == documents.parsed(inside, "here")
    with pytest.raises(BadDocument, match="levels"):
        documents.parsed(b"[" + inside + b"]", "here")
    assert documents.parsed("9" * 20, "here") == 10**20 - 1
    assert documents.parsed('"\ud800"', "here") == "\ud800"
    monkeypatch.setattr(documents, "MOST_VALUES", 100)  # as many as stand behind a bracket or a comma, and the list
    assert len(documents.parsed(b"[" + b"0," * 99 + b"0]", "here")) == 100
    for text in (b"[" + b"0," * 100 + b"0]", b"[" * 50 + b"[]," * 60 + b"0" + b"]" * 50, b'{"a": {' * 101):
        with pytest.raises(BadDocument, match="at most 100 values"):
            documents.parsed(text, "here")


@pytest.mark.parametrize("data", [10**400, [float("inf")], {"a": [float("nan")]}])
def test_plain_data(data):
    """Data that came another way is held to the same limits."""
    with pytest.raises(BadDocument):
        bounded(data, "here")
    with pytest.raises(BadDocument):
        from_dict({"schema": "gradcheck-result/1", "rows": [], "skipped": [], "seed": data})


def test_unknown_exceptions_are_ours():
    """Whatever a parser raises, and without a word in it."""
    for error in (KeyError(), RuntimeError("x"), MemoryError(), RecursionError(), SystemError("y")):
        with pytest.raises(BadDocument, match="here: expected this"), refused("here: expected this"):
            raise error
    with pytest.raises(KeyboardInterrupt), refused("here: expected this"):
        raise KeyboardInterrupt


TOML = {
    "deep": "x = " + "[" * 200 + "]" * 200, "very deep": "x = " + "[" * 5000, "deep tables": "x = " + "{a = " * 3000, "long key": ".".join("a" * 40_000) + " = 1",
    "long header": "[" + ".".join("a" * 40_000) + "]", "quoted key": ".".join(['"a"'] * 40_000) + " = 1", "digits": "x = 1" + "0" * 400, "hexadecimal": "x = 0x" + "f" * 10**5,
    "inf": "x = inf", "nan": "x = [nan]", "overflow": "x = 1e400", "large": "#" * 2**20 + "#", "no text": "x = '\ud800'",
}  # fmt: skip


@pytest.mark.parametrize("text", TOML.values(), ids=TOML)
def test_toml(text, tmp_path):
    """Depth, keys of many parts, numbers; for settings and known failures alike."""
    file = tmp_path / "pyproject.toml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(BadDocument):
        known(file)
    with pytest.raises(BadSettings):
        settings(tmp_path)


@pytest.mark.parametrize("entry", ["known = [1]", "known = [[]]", "known = [1979-05-27]", "known = 1", "[known]", "known = [[[1]]]", "[[known]]\nrow = 1"])
def test_known_failures(entry, tmp_path):
    """Entries of other kinds."""
    (tmp_path / "known.toml").write_text(entry)
    with pytest.raises(BadInput):
        known(tmp_path / "known.toml")


@pytest.mark.parametrize("seconds", ["1" + "0" * 400, "inf", "nan", "0", "-1", "true", "1e10", '"1"'])
def test_timeouts(seconds, tmp_path):
    """Numbers that no thread can wait for."""
    (tmp_path / "pyproject.toml").write_text(f"[tool.gradcheck]\ntimeout = {seconds}\n")
    with pytest.raises(BadSettings):
        settings(tmp_path)
    for number in (float("inf"), 1e10, 0.0, float("nan")):
        with pytest.raises(BadInput, match="timeout"):
            Process([sys.executable], timeout=number)


# -- arrays ------------------------------------------------------------------------------------------


def array(descr="'<f8'", shape="(2,)", data=bytes(16), more="", version=b"\x01\x00"):
    """Return a file of NumPy with any header."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}{more}}}".encode()
    return b"\x93NUMPY" + version + len(text).to_bytes(2 if version == b"\x01\x00" else 4, "little") + text + data


ARRAYS = {
    "tokens": b"\x93NUMPY\x01\x00\x01\x00{", "descr": array("()"), "indented": b"\x93NUMPY\x01\x00\x06\x00  {\n 1", "objects": array("'|O'"), "fields": array("[('a', '<f8')]"),
    "complex": array("'<c16'"), "words": array("'<U2'"), "times": array("'<M8[s]'"), "axes": array(shape="(" + "1," * 33 + ")", data=bytes(8)), "huge": array(shape="(2**62,)"),
    "large": array(shape="(99999999999,)"), "overflowing": array(shape=f"({10**30},)"), "negative": array(shape="(-2,)"), "no shape": array(shape="'x'"), "deep": array(shape="(" * 3000),
    "short": array(data=bytes(8)), "long": array(data=bytes(24)), "version": array(version=b"\x03\x00"), "other version": array(version=b"\x09\x00"), "more": array(more=", 'x': 1"),
    "nothing": b"", "magic": b"\x93NUMPY", "pickle": b"\x80\x04K\x01.", "truth": array(shape="(True, 2)"),
}  # fmt: skip


@pytest.mark.parametrize("data", ARRAYS.values(), ids=ARRAYS)
def test_headers(data, tmp_path):
    """Whatever is in a header, nothing is read but what is to be there; alone and in an archive."""
    with pytest.raises(BadDocument):
        npy.array(io.BytesIO(data), len(data), "here", most=100)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("x.npy", data)
    with pytest.raises(BadDocument):
        list(npy.members(stream.getvalue(), "here", most=100, text=0))


@pytest.mark.parametrize("x", [np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3)), np.zeros(()), np.zeros((0, 3), ">f4"), np.array([True])], ids=str)
def test_arrays_are_read(x, tmp_path):
    """Either order of bytes and of axes, scalars, nothing at all."""
    np.save(tmp_path / "x.npy", x)
    found = npy.read(tmp_path / "x.npy", "numbers", most=6)
    assert found.dtype == x.dtype
    assert np.array_equal(found, x)


def test_sparse_arrays(tmp_path):
    """Some KB on disk that say they are 2.4 GB: nothing is read."""
    with (tmp_path / "x.npy").open("wb") as file:
        file.write(array(shape="(300000000,)", data=b""))
        file.truncate(file.tell() + 2_400_000_000)
    with pytest.raises(BadDocument, match="at most 100 entries"):
        npy.read(tmp_path / "x.npy", "numbers", most=100)


def test_archives(tmp_path):
    """70 KB that are 65 million texts, a member that is longer than it says, too many members, another compression, a password."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x.npy", array("'|S1'", "(65000000,)", b"1" * 65_000_000))
    for data, told in ((stream.getvalue(), "at most"), (zipped(zipfile.ZIP_LZMA), "stored or deflated"), (zipped(zipfile.ZIP_BZIP2), "stored or deflated"), (b"PK\x01\x02" * 70_000, "at most 65536"),
                       (zipped(zipfile.ZIP_DEFLATED, shorter=True), "fill the file"), (zipped(zipfile.ZIP_DEFLATED, spoilt=True), "expected an array")):
        with pytest.raises(BadDocument, match=told):
            list(npy.members(data, "here", most=2**21, text=64))


def zipped(how, *, shorter=False, spoilt=False):
    """Return an archive of one array."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", how) as file:
        file.writestr("x.npy", array(data=bytes(8 if shorter else 16)))
    data = bytearray(stream.getvalue())
    if spoilt:
        data[45:55] = bytes(10)
    return bytes(data)


# -- graphs, results, vectors ------------------------------------------------------------------------


def graph(nodes, shape=(1,), kind="input"):
    """Return the text of a graph of one leaf."""
    leaf = {"name": "x", "kind": kind, "type": "float", "shape": list(shape)}
    made = [{"name": f"n{k}", "op": op, "inputs": ["x" if k == 0 else f"n{k - 1}"], "attributes": a} for k, (op, a) in enumerate(nodes)]
    return json.dumps({"schema": "gradcheck-graph/1", "name": "g", "leaves": [leaf], "nodes": made, "outputs": [made[-1]["name"]]})


LARGE = {
    "pools": graph([("max_pool", {"kernel": 16, "padding": 0, "stride": 1, "dilation": 1})] * 20, (1, 1, 2**24)),
    "tiles": graph([("tile", {"repeats": [2**28]}), ("slice", {"starts": [0], "stops": [1]})] * 40), "axes": graph([("reshape", {"shape": [1] * 65})]),
    "more axes": graph([("broadcast_to", {"shape": [1] * 64})]), "equation": graph([("einsum", {"equation": "a" * 54})]), "squares": graph([("expand", {}), ("tile", {"repeats": [2**20, 2**8]})] * 3),
    "many axes": graph([("expand", {})] * 40), "long equation": graph([("einsum", {"equation": "ab," * 100_000})]), "long name": graph([("x" * 10**6, {})]), "long attribute": graph([("sum", {"y" * 10**6: 1})]),
}  # fmt: skip


@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE)
def test_graphs(text):
    """Shapes that are large together, axes, letters; the message is never longer than a page."""
    with pytest.raises(BadInput) as caught:
        loads(text)
    assert len(str(caught.value)) <= 2000


@pytest.mark.deep
def test_many_names_that_are_alike():
    """The nearest one is looked for among some, and of names that are names."""
    leaves = [{"name": "a" * 70 + f"{k:07d}", "kind": "input", "type": "float", "shape": []} for k in range(20_000)]
    node = {"name": "n", "op": "abs", "inputs": ["a" * 77], "attributes": {}}
    with pytest.raises(BadInput, match="no value for operand of node 'n'"):
        loads(json.dumps({"schema": "gradcheck-graph/1", "name": "g", "leaves": leaves, "nodes": [node], "outputs": ["n"]}))


def test_small_texts_of_large_shapes_are_read_at_once():
    """What makes no arrays needs no memory: 245 bytes took 6.4 GB once."""
    start = time.process_time()
    assert loads(graph([("max_pool", {"kernel": 16})], (1, 1, 2**24))).shapes["n0"] == (1, 1, 2**24 - 15)
    assert time.process_time() - start < 0.5


def changed(**more):
    """Return a result whose first row has other fields."""
    data = json.loads(json.dumps(matrices.one(matrices.failing()).to_dict()))
    data["rows"][0] |= more
    return data


@pytest.mark.parametrize("field", [{"seconds": 10**400}, {"worst_ratio": -(10**400)}, {"histogram": [-1]}, {"histogram": [10**400]}, {"histogram": [True]}, {"verdict": []}, {"findings": [{"severity": []}]}])
def test_results(field):
    """Numbers beyond float64, counts below zero, texts that are none."""
    with pytest.raises(BadDocument):
        from_dict(changed(**field))


@pytest.mark.parametrize("depth", [50, 220, 5000])
def test_deep_graphs_in_vectors(depth, tmp_path):
    """A case of 300 KB that is nested: canonical text is made in one pass."""
    folder = copied(tmp_path)
    deep = b'"attributes": {"x": ' + b"[" * depth + b'"' + b"a" * 300_000 + b'"' + b"]" * depth + b"}"
    data = (folder / "networks/xor-2-2-1.json").read_bytes()
    assert b'"attributes": {}' in data
    rewrite(folder, "networks/xor-2-2-1.json", data.replace(b'"attributes": {}', deep, 1))
    with pytest.raises(BadVectors):
        load(folder)


def test_canonical_text_is_linear():
    """Ten times the depth takes about ten times as long."""

    def seconds(depth):
        nested = "a" * 200
        for _ in range(depth):
            nested = [nested, {"b": nested if depth < 9 else 1}]
        start = time.process_time()
        dumps(nested)
        return time.process_time() - start

    assert seconds(400) < 40 * max(min(seconds(40) for _ in range(3)), 1e-4)


@pytest.mark.parametrize("number", ["1e9999", "1e999", "1e-9999", "1" * 65])
def test_numbers_in_vectors(number, tmp_path):
    """Ends beyond float64 without end: no exact number is made of them."""
    folder = copied(tmp_path)
    data = (folder / "networks/xor-2-2-1.json").read_bytes()
    at = data.index(b'"lower": [') + len(b'"lower": [')
    rewrite(folder, "networks/xor-2-2-1.json", data[:at] + (number.encode() + b", ") * 100_000 + data[at:])
    with pytest.raises(BadVectors):
        load(folder)


# -- engines -----------------------------------------------------------------------------------------


def test_hello():
    """A slack beyond float64 fails its engine alone."""
    line = b'{"id": 0, "success": true, "name": "e", "slack": 1' + b"0" * 400 + b"}"
    with pytest.raises(TargetFailed):
        read_hello(accepted(decoded(line, 0)))
    with pytest.raises(TargetFailed, match="slack"):
        read_hello({"name": "e", "slack": 10**400})


def test_floats_as_integers():
    """JavaScript writes 1e20 with 21 digits; the largest float64 has 309, and nothing has more."""
    for x in (1e20, 1.7976931348623157e308):
        answer = decoded(json.dumps({"id": 0, "success": True, "loss": int(x), "gradients": {}}).encode(), 0)
        assert float(read_run(answer, "float64").loss) == x
    with pytest.raises(TargetFailed, match="309 digits"):
        decoded(b'{"id": 0, "success": true, "loss": 1' + b"0" * 309 + b"}", 0)


def test_long_answers(tmp_path):
    """An answer has the bytes that its numbers need, and an array the entries of the graph; what is more is not looked at."""
    small = trace(lambda x: np.sum(x * 2.0), {"x": np.ones(3)})
    assert 2**20 < longest_answer(small) < 2**22
    with pytest.raises(TargetFailed, match="one line of JSON"):
        decoded(b"[" + b"[]," * 20_000_000 + b"[]]", 0)
    np.save(tmp_path / "x.npy", np.zeros(most_entries(small) + 1))
    with pytest.raises(TargetFailed, match="at most"):
        read_run({"loss": {"npy": "x.npy"}, "gradients": {}}, "float64", tmp_path, most_entries(small))
    np.save(tmp_path / "x.npy", np.zeros(most_entries(small)))
    assert read_run({"loss": 0, "gradients": {"x": {"npy": "x.npy"}}}, "float64", tmp_path, most_entries(small)).gradients["x"].size > 3


def test_an_engine_that_says_too_much():
    """60 MB of brackets for a gradient of three numbers: known by its length."""
    small = trace(lambda x: np.sum(x * 2.0), {"x": np.ones(3)})
    code = "input(); print('{\"id\": 0, \"success\": true, \"name\": \"wild\"}', flush=True); input(); print('[' + '[],' * 20_000_000 + '[]]', flush=True); input()"
    with Process([sys.executable, "-c", code], timeout=8.0) as wild, pytest.raises(TargetFailed, match="expected an answer of at most"):
        wild.run(small, {"x": np.ones(3)})
