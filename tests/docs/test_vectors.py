"""What docs/vectors.md says of the format and the shipped set is so, in every language that is installed."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from gradcheck.faults.fault import faults
from gradcheck.targets.reference import Reference
from gradcheck.vectors.reading import SHIPPED
from gradcheck.vectors.verification import verify
from gradcheck.vectors.writing import export
from tests.vectors.sets import exported, index_of, shipped
from tests.vectors.test_writing import SURVIVE

TEXT = (Path(__file__).parents[2] / "docs" / "vectors.md").read_text(encoding="utf-8")


def block(language):
    """Return the block of a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)
    return found


def test_all_fields_are_described():
    """Every field of an index, a case and a vector stands in the text."""
    described = set(re.findall(r"`(\w+)`", TEXT))
    index = index_of(exported("npz"))
    case = json.loads((exported("json") / "networks/relu-at-zero.json").read_text())
    fault = json.loads((SHIPPED / "faults/pytorch-1528-index.json").read_text())["fault"]
    vector = case["vectors"][0]
    for part in (index, index["files"][0], index["files"][0]["arrays"], case, fault, vector, vector["loss"], vector["kink"]):
        assert set(part) <= described


def test_figures():
    """How many vectors, graphs and faults, how large, and how many mutants are left."""
    found = shipped()
    size = sum(p.stat().st_size for p in SHIPPED.rglob("*.json")) / 1e6
    assert f"The shipped set has {len(found)} vectors of {len(index_of(SHIPPED)['files'])} graphs in {size:.1f} MB" in TEXT
    historical = [f for f in faults.values() if not f.fault_class.startswith("false-")]
    caught = {x.fault["name"] for x in found if x.fault}
    assert f"each of {len(caught)} of the {len(historical)} historical faults" in TEXT
    assert f"the {len(historical) - len(caught)} faults listed" in TEXT
    assert f"but for {len(SURVIVE)}." in TEXT


def test_the_rule_in_doubles():
    """Whatever the reference hands back passes the rule computed in double precision too, ends read as doubles."""
    for vector in shipped():
        with np.errstate(all="ignore"):
            run = Reference().run(vector.graph, vector.values)
        for name, x in vector.gradients.items():
            for got, ends, allowed in zip(np.ravel(run.gradients[name]).astype(float), x.ends, np.ravel(x.allowed), strict=True):
                if ends is not None:
                    assert float(ends[0]) - got <= allowed, vector.name
                    assert got - float(ends[1]) <= allowed, vector.name


def test_javascript(tmp_path):
    """The neuron in JavaScript passes, in its double precision."""
    if shutil.which("node") is None:
        pytest.skip("there is no node")
    export(tmp_path / "vectors", networks=["single-neuron"])
    (tmp_path / "engine.js").write_text(block("javascript"))
    found = subprocess.run(["node", "engine.js"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert found.stdout == "networks/single-neuron float64 true true,true,true\n"


def test_rust(tmp_path):
    """The rule in Rust says what the rule in Python says."""
    if shutil.which("rustc") is None:
        pytest.skip("there is no rustc")
    main = "fn main() { print!(\"{} {} {}\", accepted(0.5, 0.0, 1.0, 0.0), accepted(1.5, 0.0, 1.0, 0.25), accepted(f64::NAN, 0.0, 1.0, 9.0)); }"
    (tmp_path / "rule.rs").write_text(block("rust") + main)
    built = subprocess.run(["rustc", "rule.rs"], cwd=tmp_path, capture_output=True, text=True, check=False)
    if built.returncode:
        pytest.skip("rustc does not work here")
    assert subprocess.run([str(tmp_path / "rule")], capture_output=True, text=True, check=True).stdout == "true false false"


def test_the_result_is_described():
    """Every field of what `verify --json` writes stands in docs/formats.md."""
    described = set(re.findall(r"`(\w+)`", (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")))
    found = verify("reference", exported("json")).to_dict()
    for part in (found, found["formats"][0], found["rows"][0]):
        assert set(part) <= described
