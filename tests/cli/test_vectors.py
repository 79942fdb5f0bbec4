"""``gradcheck vectors``: export and verify, tables, exit status and JSON."""

import json

import pytest

from gradcheck.targets.target import Run
from tests.cli.status import status
from tests.vectors.sets import copied, exported


def wrong(graph, values):
    """A target whose gradients have the wrong sign."""
    from gradcheck.targets.reference import Reference

    run = Reference().run(graph, values)
    return Run(run.loss, {k: -x for k, x in run.gradients.items()})


def test_export(tmp_path, capsys):
    """Patterns, formats, both kinds of files; a folder that is not empty is refused."""
    assert status("vectors", "export", str(tmp_path / "a"), "--networks", "bias-vector,adaline", "--dtype", "float64,bfloat16") == 0
    assert "4 vectors in" in capsys.readouterr().out
    assert (tmp_path / "a" / "networks" / "adaline.json").exists()
    assert status("vectors", "export", str(tmp_path / "b"), "--networks", "xor-2-2-1", "--format", "npz", "--seed", "3") == 0
    assert (tmp_path / "b" / "networks" / "xor-2-2-1.npz").exists()
    assert json.loads((tmp_path / "b" / "index.json").read_text())["seed"] == 3
    capsys.readouterr()
    assert status("vectors", "export", str(tmp_path / "a")) == 2
    assert "empty or not there" in capsys.readouterr().err
    assert status("vectors", "export", str(tmp_path / "c"), "--networks", "nothing-like-it") == 2
    assert status("vectors", "export", str(tmp_path / "c"), "--dtype", "float128") == 2


def test_nothing_exported(tmp_path):
    """A set without vectors is an error: infinite inputs in the one format that was asked for."""
    assert status("vectors", "export", str(tmp_path / "a"), "--networks", "stan-1679-log-sum-exp", "--dtype", "float32") == 2


def test_the_shipped_set_is_verified_without_a_folder(capsys):
    """The table has a line a format; status 0."""
    assert status("vectors", "verify", "--target", "reference", "--tag", "kinks,fault") == 0
    out = capsys.readouterr().out
    assert "reference" in out
    assert "error / allowed" in out
    assert "float32" in out
    assert "✗" not in out


def test_a_wrong_target_fails(tmp_path, capsys):
    """Each failing vector is named with both numbers, and with the mistake that it catches; the JSON has all of it."""
    file = tmp_path / "result.json"
    spec = "tests.cli.test_vectors:wrong"
    assert status("vectors", "verify", "--target", f"{spec},reference", "--tag", "pytorch-1528-index", "--dtype", "float64", "--json", str(file)) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "faults/pytorch-1528-index/float64: gradient of x[" in out
    assert "[catches pytorch-1528-index]" in out
    results = json.loads(file.read_text())["results"]
    assert [x["verdict"] for x in results] == ["fail", "pass"]
    assert [x["target"] for x in results] == [spec, "reference"]


def test_many_failures_are_cut(capsys):
    """Fifty are shown."""
    assert status("vectors", "verify", "--target", "tests.cli.test_vectors:wrong", "--tag", "fault") == 1
    out = capsys.readouterr().out
    assert out.count("✗") == 50
    assert "more" in out.splitlines()[-1]


def test_folders(tmp_path, capsys):
    """A set in a folder; a damaged one is told in one line, with status 2."""
    assert status("vectors", "verify", str(exported("npz")), "--target", "reference") == 0
    folder = copied(tmp_path)
    case = folder / "networks" / "xor-2-2-1.json"
    case.write_bytes(case.read_bytes().replace(b"float64", b"float46", 1))
    capsys.readouterr()
    assert status("vectors", "verify", str(folder), "--target", "reference") == 2
    told = capsys.readouterr().err
    assert "xor-2-2-1.json: expected the SHA-256" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [("--target", "nobody"), ("--target", "reference", "--tag", "nothing"), (), ("--target", "reference", "--dtype", "float16", "--tag", "random")],
    ids=["target", "tag", "no target", "nothing tried"],
)  # fmt: skip
def test_what_cannot_be_done(arguments, capsys):
    """An unknown target or tag, no target at all, nothing to try: status 2."""
    assert status("vectors", "verify", *arguments) == 2
    capsys.readouterr()


def test_nothing_is_told(tmp_path, capsys):
    """An empty table comes with its reason; no names at all are no names."""
    assert status("vectors", "verify", str(exported("json")), "--target", "reference", "--dtype", "bfloat16", "--networks", "xor-2-2-1") == 2
    assert "no vector of the set has such a format and tag" in capsys.readouterr().out
    assert status("vectors", "export", str(tmp_path / "set"), "--networks", "") == 2
    assert "expected at least one name" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


def test_help(capsys):
    """Both commands are listed."""
    assert status("vectors", "--help") == 0
    out = capsys.readouterr().out
    assert "export" in out
    assert "verify" in out
