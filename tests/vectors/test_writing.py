"""Writing sets: the same bytes from the same seed, and only vectors that do what they are for."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gradcheck.errors import BadInput, OutputFailed, UnknownDtype
from gradcheck.faults.mutants import mutants, primed, shows
from gradcheck.ops.op import registry
from gradcheck.targets.reference import Reference
from gradcheck.vectors.canonical import digest, dumps
from gradcheck.vectors.cases import cases
from gradcheck.vectors.reading import SHIPPED, load
from gradcheck.vectors.writing import case_document, export, index_document
from tests.vectors.sets import exported, index_of, shipped

SAMPLE = (
    "networks/xor-2-2-1", "networks/alvinn-small", "networks/relu-at-zero", "networks/norm-at-zero", "networks/subnormal-float32",
    "networks/max-pool-ties", "operations/einsum-3", "operations/huber-2", "faults/stan-1679-log-sum-exp", "faults/fusedssim-1",
    "faults/pytorch-76523-scatter-amax",
)  # fmt: skip

#: Mutants that differ at inputs which no vector has: constants, other sizes.
SURVIVE = {
    "power/multiply1-drop-first", "power/multiply3-drop-first", "maximum/transpose-1", "minimum/unbroadcast2-first-slice", "norm/passed-through",
    "min/transpose1-drop", "min/transpose2-drop", "max_pool/subtract2-drop-second",
}  # fmt: skip


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("name", SAMPLE)
def test_the_shipped_files_are_made_again(name):
    """Byte for byte, from seed 0."""
    (case,) = cases([name])
    assert dumps(case_document(case)) == (SHIPPED / f"{name}.json").read_bytes()


@pytest.mark.deep
def test_the_whole_shipped_set_is_made_again(tmp_path):
    """Every file byte for byte, the index too but for the version."""
    export(tmp_path / "set")
    for file in (p for p in (tmp_path / "set").rglob("*.json") if p.name != "index.json"):
        assert file.read_bytes() == (SHIPPED / file.relative_to(tmp_path / "set")).read_bytes(), file.name
    assert index_of(tmp_path / "set")["files"] == index_of(SHIPPED)["files"]


def test_the_shipped_set_is_whole():
    """At least 400 vectors in less than 4 MiB, no file that the index does not name, every format."""
    index = index_of(SHIPPED)
    assert {r["path"] for r in index["files"]} == {p.relative_to(SHIPPED).as_posix() for p in SHIPPED.rglob("*") if p.is_file()} - {"index.json"}
    assert sum(p.stat().st_size for p in SHIPPED.rglob("*") if p.is_file()) < 2**22
    found = shipped()
    assert len(found) == sum(r["vectors"] for r in index["files"]) >= 400
    assert {x.dtype for x in found} == {"float64", "float32", "float16", "bfloat16"}
    assert {x.fault["class"] for x in found if x.fault} >= {"repeated-index", "zero-division", "tie", "range", "broadcast", "layout", "reuse", "state", "dtype"}


def test_each_fault_is_rejected_by_its_vectors():
    """The mistaken gradients themselves fail, in every format in which there is a vector; the right ones pass elsewhere."""
    made, count = {c.name: c for c in cases(["fault"])}, 0
    for vector in shipped():
        if vector.fault:
            loss, gradients = made[vector.name.rpartition("/")[0]].recreation.mistaken(vector.graph, vector.values)
            assert not all(c.ok for c in vector.check(loss, gradients) if c.name != "loss"), vector.name
            count += 1
    assert count > 180
    assert {v.name.rpartition("/")[0] for v in shipped() if v.fault} == {c.name for c in made.values() if c.fault}


@pytest.mark.deep
def test_mutants_are_rejected():
    """Nearly every mutant that differs at any draw is rejected by a float64 vector with its operation."""
    by_op = {}
    for vector in shipped():
        if vector.dtype == "float64":
            for op in {n.op for n in vector.graph.nodes}:
                by_op.setdefault(op, []).append(vector)
    alive = {name for name, m in mutants.items() if not any(_rejects(v, m) for v in by_op[m.op])}
    assert {name for name in alive if shows(mutants[name])} <= SURVIVE


def _rejects(vector, mutant):
    target = Reference({**registry, mutant.op: replace(registry[mutant.op], vjp=primed(mutant))})
    try:
        with np.errstate(all="ignore"):
            run = target.run(vector.graph, vector.values)
    except (ValueError, IndexError, TypeError):  # of a wrong shape
        return True
    return not all(c.ok for c in vector.check(run.loss, run.gradients))


@pytest.mark.deep
def test_a_format_in_which_the_fault_does_not_show_is_left_out():
    """The second derivative of silu at -700 is zero in float32 whatever the formula."""
    (case,) = cases(["tf-124832-silu2"])
    assert [v["dtype"] for v in case_document(case)["vectors"]] == ["float64"]


def test_the_checksum_of_the_index():
    """It is that of the text without it."""
    document = json.loads(index_document([], 3, "json"))
    given = document.pop("checksum")
    assert given == digest(dumps(document))
    assert document["seed"] == 3
    assert document["generator"].startswith("gradcheck ")


def test_export_and_load(tmp_path):
    """What is written is read, with as many vectors as are told."""
    told = []
    count = export(tmp_path / "new", networks=["bias-vector", "adaline"], dtypes=["float32", "bfloat16"], progress=lambda *x: told.append(x))
    found = load(tmp_path / "new")
    assert count == len(found) == 4
    assert {x.dtype for x in found} == {"float32", "bfloat16"}
    assert [x[1:] for x in told] == [(0, 2), (1, 2)]
    assert found.checksum == index_of(tmp_path / "new")["checksum"]


def test_what_cannot_be_written(tmp_path):
    """A folder with something in it, formats that do not exist."""
    (tmp_path / "file").write_text("precious")
    with pytest.raises(OutputFailed, match="empty or not there"):
        export(tmp_path, networks=["adaline"])
    with pytest.raises(OutputFailed, match="empty or not there"):
        export(tmp_path / "file", networks=["adaline"])
    with pytest.raises(UnknownDtype):
        export(tmp_path / "a", dtypes=["longdouble"])
    with pytest.raises(BadInput, match="json or npz; got 'xml'"):
        export(tmp_path / "a", format="xml")
    assert (tmp_path / "file").read_text() == "precious"


def test_both_formats_say_the_same():
    """Arrays in files of NumPy are the same arrays."""
    a, b = (load(exported(kind)) for kind in ("json", "npz"))
    assert [x.name for x in a] == [x.name for x in b]
    for x, y in zip(a, b, strict=True):
        assert all(np.array_equal(x.values[k], y.values[k]) and x.values[k].dtype == y.values[k].dtype for k in x.values)
        for name, g in x.gradients.items():
            h = y.gradients[name]
            assert np.array_equal(g.rounded, h.rounded)
            assert np.array_equal(g.lower, h.lower)
            assert np.array_equal(g.upper, h.upper)
            assert np.array_equal(g.allowed, h.allowed)
