"""Mutated documents of every kind: whatever is in them, they are read or refused by our own errors, within 10 s and 1 GB."""

import io
import json
import sqlite3
from contextlib import closing
from functools import cache

import numpy as np
import pytest

from gradcheck.arith.floating import Floating
from gradcheck.cli.report import FORMATS
from gradcheck.errors import BadDocument, BadInput, BadVectors, TargetFailed, UnknownName
from gradcheck.files.json import parsed
from gradcheck.graph.document import document, loads
from gradcheck.graph.evaluation import forward
from gradcheck.history import History
from gradcheck.networks import networks
from gradcheck.networks.specimen import specimen
from gradcheck.ops.op import registry
from gradcheck.render.trend import trend
from gradcheck.result.stored import from_dict
from gradcheck.settings import load as settings
from gradcheck.targets.messages import accepted, decoded, longest_answer, most_entries, read_hello, read_run
from gradcheck.targets.numbers import as_json
from gradcheck.validation.known import read as known
from gradcheck.vectors.canonical import digest, dumps
from gradcheck.vectors.reading import load
from tests.files.mutation import damaged, mutant, swept
from tests.render import matrices
from tests.vectors.sets import exported

#: floats alone, indices, masks
NETWORKS = ("xor-2-2-1", "loss-cross-entropy-labels", "attention-where")
#: How many of each main kind; the sample of the default run takes a second or two for each.
FEW, MANY = 200, 20_000
sizes = pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.deep)])


@cache
def graphs():
    """Return documents of graphs: the first and last sample of every operation, and some networks."""
    made = [specimen(op, k)[0] for op in registry.values() for k in {0, len(op.samples) - 1}]
    return [document(g) for g in (*made, *(networks[name].graph for name in NETWORKS))]


@sizes
def test_graphs(count):
    """Graph documents."""
    swept(count, 0, lambda rng: mutant(rng, rng.choice(graphs())), loads, BadInput)


@cache
def results():
    """Return results as plain data."""
    return [json.loads(json.dumps(m.to_dict())) for m in (matrices.matrix(), matrices.hostile(), matrices.one(matrices.failing()), matrices.one(matrices.row()))]


def rendered(made):
    """Render a result in every format; none lets a control character through."""
    matrix = from_dict(parsed(made, "here"))
    for name, format_ in FORMATS.items():
        text = format_(matrix)
        text.encode("utf-8")
        assert not matrices.CONTROL.search(text), name


@sizes
def test_results(count):
    """Results, and every report of those that can be read."""
    swept(count, 0, lambda rng: mutant(rng, rng.choice(results())), rendered, BadDocument)


class Set:
    """A folder with one case, whose files can be replaced; checksums are right again after it.

    Args:
        folder: for it.
        kind: "json" or "npz".
    """

    def __init__(self, folder, kind):
        source, self.folder = exported(kind), folder
        self.index = json.loads((source / "index.json").read_text())
        self.index["files"] = [x for x in self.index["files"] if "xor" in x["path"] or "relu" in x["path"]][:1]
        self.row = self.index["files"][0]
        self.good = (source / self.row["path"]).read_bytes()
        self.document, self.arrays = json.loads(self.good), b""
        (folder / self.row["path"]).parent.mkdir()
        if kind == "npz":
            self.arrays = (source / self.row["arrays"]["path"]).read_bytes()

    def mutant(self, rng):
        """Return the bytes of its files, one of them with something wrong: index, case, arrays."""
        which = rng.randrange(10)
        index = mutant(rng, {k: v for k, v in self.index.items() if k != "checksum"}) if which == 0 else None
        arrays = damaged(rng, self.arrays) if which > 4 and self.arrays else self.arrays
        return index, mutant(rng, self.document) if index is None and arrays == self.arrays else self.good, arrays

    def read(self, files):
        """Write the files, and read the set."""
        index, case, arrays = files
        if index is None:
            for row, data in ((self.row, case), (self.row.get("arrays"), arrays)):
                if row is not None:
                    (self.folder / row["path"]).write_bytes(data)
                    row |= {"sha256": digest(data), "bytes": len(data)}
            body = {k: v for k, v in self.index.items() if k != "checksum"}
            (self.folder / "index.json").write_bytes(dumps(body | {"checksum": digest(dumps(body))}))
        else:
            (self.folder / "index.json").write_bytes(index)
        for vector in load(self.folder):
            vector.check(0.0, {})


@sizes
@pytest.mark.parametrize("kind", ["json", "npz"])
def test_vectors(count, kind, tmp_path):
    """Sets of vectors whose checksums are right, as text and as arrays."""
    made = Set(tmp_path, kind)
    swept(count // 2, 0, made.mutant, made.read, (BadVectors, UnknownName))


@cache
def answers():
    """Return hellos and answers of an engine: flat, nested, and in files; graph, and what was said."""
    found = [(None, {"id": 0, "success": True, "name": "engine", "version": "1", "dtypes": ["float64", "float32"], "ops": ["add"], "slack": 2, "flushes": False, "accumulates": {"float16": "float32"}, "npy_above": 10})]
    for name in NETWORKS:
        graph, values = networks[name].graph, networks[name].values(0, "float64")
        arrays = forward(graph, values, Floating("float64"))
        nested = {"id": 0, "success": True, "loss": 0.5, "gradients": {k: np.zeros(graph.shapes[k]).tolist() for k in graph.differentiable}}
        told = nested | {"node_values": {n.name: as_json(np.asarray(arrays[n.name], np.float64)) for n in graph.nodes}, "plain_gradients": nested["gradients"]}
        filed = nested | {"gradients": {k: {"npy": "x.npy"} for k in graph.differentiable}, "node_adjoints": {n.name: {"npy": "x.npy"} for n in graph.nodes}}
        found += [(graph, nested), (graph, told), (graph, filed)]
    return [*found, (None, {"id": 0, "success": False, "error": "out of memory", "unsupported": True})]


def npy(rng):
    """Return a file of NumPy with something wrong, often in its header."""
    stream = io.BytesIO()
    dtype = rng.choice(("<f8", "<f4", ">f8", "<i4", "|b1", "<f2", "S3", "<c16", "<U2", "<M8[s]", "f8,i4"))
    np.lib.format.write_array(stream, np.zeros(rng.choice(((), (3,), (2, 2), (0,))), dtype))
    data = stream.getvalue()
    if rng.random() < 0.5:
        old, new = rng.choice(((b"'<f8'", b"()"), (b"'<f8'", b"[[["), (b"(", b"(" * 80), (b"(3,)", b"(9999999999,)"), (b"{", b""), (b"}", b"}}"), (b"'", b'"'), (b"False", b"0"),
                               (b"{", b"\n  {"), (b"(3,)", b"(-3,)"), (b"(3,)", b"(" + b"1," * 40 + b")"), (b"<f8", b"|O"), (b"'shape'", b"'shape': (1,), 'x'"), (b"\x01\x00", b"\x03\x00")))
        data = data.replace(old, new, 1)
    return damaged(rng, data) if rng.random() < 0.5 else data


@sizes
def test_messages(count, tmp_path):
    """Answers of engines, and the files in them."""

    def made(rng):
        graph, answer = rng.choice(answers())
        return graph, mutant(rng, answer), npy(rng)

    def used(message):
        graph, line, file = message
        (tmp_path / "x.npy").write_bytes(file)
        answer = accepted(decoded(line, 0))
        if graph is None:
            read_hello(answer)
        else:
            assert longest_answer(graph) > len(json.dumps(answers()[1][1]))
            read_run(answer, "float32", tmp_path, most_entries(graph))

    swept(count, 0, made, used, TargetFailed)


@pytest.mark.parametrize("count", [20, pytest.param(2000, marks=pytest.mark.deep)])
def test_histories(count, tmp_path):
    """Databases with other bytes, and with other values in their rows."""
    good = tmp_path / "good.sqlite"
    for _ in range(3):
        History(good).add(matrices.matrix())
    bytes_, path = good.read_bytes(), tmp_path / "h.sqlite"

    def used(rng):
        path.write_bytes(damaged(rng, bytes_) if rng.random() < 0.5 else bytes_)
        try:
            with closing(sqlite3.connect(path)) as db, db:
                column = rng.choice(("result", "saved", "seed", "verdict", "pass", "fail", "inconclusive", "seconds", "id"))
                db.execute(f"UPDATE OR IGNORE run SET {column} = ?", (rng.choice((b"x", "text", -1, 1.5, 2**62, "\x1b[31m", mutant(rng, results()[0]).decode("utf-8", "replace"))),))
        except sqlite3.DatabaseError:
            pass
        history = History(path)
        trend(history.entries())
        rendered(json.dumps(history.get().to_dict()).encode())

    swept(count, 0, lambda rng: rng, used, BadDocument)


KNOWN = """
[[known]]
row = "mypkg:Engine/relu-*/float32"
reason = "our relu has slope 1 at 0"
link = "https://example.org/issues/7"
op = "relu"
"""
SETTINGS = """
[tool.gradcheck]
targets = ["torch", "a:b"]
networks = "xor"
seed = 3
budget = "30s"
explore = true
known-failures = "known.toml"
timeout = 1.5
"""
TOML = ("1" + "0" * 400, "0x" + "f" * 400, "inf", "nan", "[" * 900 + "]" * 900, "{a = " * 900 + "1" + "}" * 900, "1979-05-27", "[[]]", "{}", '""', '"\\u001b"', "1e400", "-1", "a.b")


@pytest.mark.parametrize("count", [FEW, pytest.param(5000, marks=pytest.mark.deep)])
def test_settings(count, tmp_path):
    """pyproject.toml and files of known failures."""

    def made(rng):
        text = rng.choice((KNOWN, SETTINGS))
        lines = text.splitlines()
        k = rng.randrange(2, len(lines))
        lines[k] = f"{lines[k].partition('=')[0]}= {rng.choice(TOML)}" if rng.random() < 0.5 else lines[k]
        return damaged(rng, "\n".join(lines).encode()) if rng.random() < 0.6 else "\n".join(lines).encode()

    def used(data):
        (tmp_path / "pyproject.toml").write_bytes(data)
        if b"[[known" in data:
            known(tmp_path / "pyproject.toml")
        else:
            settings(tmp_path)

    swept(count, 0, made, used, BadInput)
