"""JUnit, Markdown, GitHub, SARIF, badge, terminal: valid for who reads them, and inert whatever names say."""

import json
import re
from xml.etree import ElementTree as ET

import pytest

from gradcheck.render.badge import badge
from gradcheck.render.github import github
from gradcheck.render.junit import junit
from gradcheck.render.markdown import MOST_BYTES, code, markdown, plain
from gradcheck.render.sarif import sarif
from gradcheck.render.terminal import as_text
from gradcheck.result.text import clean
from tests.render.matrices import CONTROL, HOSTILE, hostile, many, matrix, one, row


@pytest.mark.parametrize("made", [junit, markdown, github, sarif, badge, as_text], ids=lambda f: f.__name__)
def test_hostile_names(made):
    """No control character, no terminal escape, nothing that cannot be written."""
    text = made(hostile())
    assert not CONTROL.search(text)
    text.encode("utf-8")


# -- JUnit ------------------------------------------------------------------------------------------


def test_junit():
    """Suites and cases with counts that add up; failures say the mistake and hold the reproduction."""
    top = ET.fromstring(junit(matrix()).encode())
    assert top.tag == "testsuites"
    assert {s.get("name"): s.get("tests") for s in top} == {"torch": "2", "mine": "3", "sklearn": "1"}
    assert (top.get("tests"), top.get("failures"), top.get("errors")) == ("6", "1", "1")
    failure = top.find(".//failure")
    assert failure.get("type").startswith("1 - y")
    assert "import gradcheck" in failure.text
    assert {s.get("message") for s in top.iter("skipped")} == {"inconclusive: known: a reason (link)", "it has no such layer"}


def test_junit_strict():
    """Strictly, what is inconclusive and not known is a failure."""
    undecided = one(row(verdict="inconclusive", message="a kink"), row(network="b", verdict="inconclusive", known="so"))
    assert ET.fromstring(junit(undecided).encode()).get("failures") == "0"
    assert ET.fromstring(junit(undecided, strict=True).encode()).get("failures") == "1"


@pytest.mark.parametrize("result", [matrix(), hostile(), many(300)], ids=["small", "hostile", "many"])
def test_junit_is_read_by_its_library(result, tmp_path):
    """Another's parser reads every suite and case."""
    junitparser = pytest.importorskip("junitparser")
    path = tmp_path / "junit.xml"
    path.write_text(junit(result), encoding="utf-8")
    found = junitparser.JUnitXml.fromfile(str(path))
    assert sum(len(suite) for suite in found) == len(result.rows) + len(result.skipped)
    before = found.tests, found.failures, found.errors, found.skipped
    found.update_statistics()
    assert before[:3] == (found.tests, found.failures, found.errors)


# -- SARIF ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", [matrix(), hostile(), one()], ids=["small", "hostile", "empty"])
def test_sarif_is_valid(result):
    """Another's model of SARIF 2.1.0 takes it, every field."""
    models = pytest.importorskip("sarif_pydantic")
    data = json.loads(sarif(result))
    log = models.Sarif.model_validate(data)
    assert len(log.runs[0].results or []) == sum(r.verdict != "pass" for r in result.rows)


def test_sarif():
    """Errors at the line of the function, notes suppressed where known, files as relative URIs."""
    data = json.loads(sarif(matrix()))
    (run,) = data["runs"]
    fails, known, _ = run["results"]
    assert (fails["level"], fails["ruleId"]) == ("error", "wrong-gradient")
    place = fails["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "src/mine.py"}, "region": {"startLine": 12}}
    assert known["suppressions"] == [{"kind": "external", "justification": "a reason"}]
    assert known["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a%20b.py"
    assert len({r["partialFingerprints"]["row/v1"] for r in run["results"]}) == 3


# -- GitHub -----------------------------------------------------------------------------------------


def test_github():
    """An error at file and line, warnings for what is inconclusive."""
    lines = github(matrix()).splitlines()
    assert lines[0].startswith("::error file=src/mine.py,line=12,title=gradcheck%3A mine · xor float64::adjoint of z1[0, 2]")
    assert [x.split(" ")[0] for x in lines] == ["::error", "::warning", "::warning"]


def test_github_limits():
    """Ten of a kind; the tenth says how many more there are; one command a line whatever names hold."""
    lines = github(many(4000)).splitlines()
    assert len(lines) == 20
    assert lines[9].endswith("(and 10 more)")
    hostile_lines = github(hostile()).splitlines()
    assert len(hostile_lines) == 20
    assert all(x.startswith(("::error ", "::warning ")) for x in hostile_lines)


# -- Markdown ---------------------------------------------------------------------------------------


def test_markdown():
    """Counts, the failure with facts and reproduction, what is inconclusive."""
    text = markdown(matrix())
    assert "2 pass (2 certified), 1 fail, 2 inconclusive; seed 3" in text
    assert "### ❌ `mine` · `xor` `float64` (`src/mine.py:12`)" in text
    assert "| mistake | `1 - y: the derivative of tanh` |" in text
    assert "```python\nimport gradcheck\nprint(1)\n```" in text


def test_markdown_fits():
    """At most what GitHub takes, with a remark where it is cut."""
    text = markdown(one(*(row(verdict="fail", message="x" * 500, network=f"n{k}") for k in range(100))))
    assert "and 50 more failing rows" in text
    assert len(markdown(hostile()).encode()) < MOST_BYTES
    assert len(markdown(many()).encode()) < MOST_BYTES


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_escapes(text):
    """Nothing in a name is Markdown: every special character is escaped or inside code that ends where it should."""
    assert not re.search(r"(?<!\\)[<>*_`\[\]|@]", plain(text).replace("\\\\", ""))
    inside = code(text)
    fence = re.match(r"`+", inside).group()
    assert inside.endswith(fence)
    assert not re.search(rf"(?<!`){fence}(?!`)", inside[len(fence) : -len(fence)])
    assert "|" not in inside
    assert "\n" not in inside


def test_badge():
    """What shields.io reads."""
    assert json.loads(badge(matrix())) == {"schemaVersion": 1, "label": "gradients", "message": "1 wrong", "color": "red"}
    assert json.loads(badge(one(row())))["message"] == "1 of 1 right"
    assert json.loads(badge(one()))["message"] == "nothing tested"


def test_clean():
    """Long texts lose their middle, printable ones nothing."""
    assert clean("a" * 300) == "a" * 300
    assert len(clean("a" * 1000)) <= 300
    assert clean("ends…kept") == "ends…kept"
    assert clean("a\nb", newlines=True) == "a\nb"
