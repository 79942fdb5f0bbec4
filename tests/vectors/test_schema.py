"""The JSON Schemas: the shipped files are as they say, and what the reader refuses they do not allow."""

import json
import subprocess
import sys

import pytest

from gradcheck.vectors.reading import SHIPPED
from tests.vectors.sets import exported

SCHEMAS = SHIPPED.parent / "schema"


def check(schema, *files):
    """Return the exit status of check-jsonschema, and what it prints."""
    pytest.importorskip("check_jsonschema")
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(SCHEMAS / f"{schema}.schema.json"), *map(str, files)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.returncode, found.stdout + found.stderr


@pytest.mark.parametrize("kind", ["json", "npz"])
def test_exported_sets(kind):
    """Index and cases, with arrays in place or beside."""
    files = sorted(p for p in exported(kind).rglob("*.json") if p.name != "index.json")
    assert check("case", *files)[0] == 0
    assert check("index", exported(kind) / "index.json")[0] == 0


@pytest.mark.parametrize("every", [12, pytest.param(1, marks=pytest.mark.deep)])
def test_the_shipped_set(every):
    """The index, and of the files a sample (deep: each)."""
    files = sorted(p for p in SHIPPED.rglob("*.json") if p.name != "index.json")[::every]
    status, told = check("case", *files)
    assert status == 0, told[-2000:]
    assert check("index", SHIPPED / "index.json")[0] == 0


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize(
    "change",
    [{"schema": "gradcheck-vectors/2"}, {"extra": 1}, {"fault": {"name": "x"}}, {"vectors": [{"dtype": "float64"}]}, {"graph": {}}],
    ids=["version", "field", "fault", "vector", "graph"],
)  # fmt: skip
def test_other_cases(tmp_path, change):
    """Another version, fields too many or too few."""
    document = json.loads((exported("json") / "networks/xor-2-2-1.json").read_text())
    (tmp_path / "case.json").write_text(json.dumps(document | change))
    assert check("case", tmp_path / "case.json")[0] == 1


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("path", ["../x.json", "/x.json", "a/../../x", "a\\b", ""])
def test_paths_of_the_index(tmp_path, path):
    """A path that leads out of the folder is no path."""
    document = json.loads((exported("json") / "index.json").read_text())
    document["files"][0]["path"] = path
    (tmp_path / "index.json").write_text(json.dumps(document))
    assert check("index", tmp_path / "index.json")[0] == 1
