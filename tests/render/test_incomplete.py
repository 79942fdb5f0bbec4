"""A result of a run that did not come to its end is no pass, wherever it is shown, and says how far the run came."""

import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from gradcheck.cli.report import FORMATS
from gradcheck.errors import BadDocument, BadInput
from gradcheck.history import History, compare, regressions
from gradcheck.result.finding import Matrix, Skipped
from gradcheck.result.stored import from_dict
from tests.render.matrices import failing, one, row

WHOLE = Matrix((row(), row("torch", "deep")), (Skipped("mine", "lstm", "float64", "it has no such layer"),), 0, expected=3)
PART = replace(WHOLE, complete=False, expected=362)


@pytest.mark.parametrize("kind", [*FORMATS, "notebook"])
def test_it_says_so(kind):
    """Text, Markdown, HTML, JUnit, badge, SARIF, GitHub and a notebook say "3 of 362 rows"; of a whole run none does."""
    made = FORMATS.get(kind, Matrix._repr_html_)
    assert "incomplete: 3 of 362 rows" in made(PART)
    assert "incomplete" not in made(WHOLE)
    assert "3 of 362 rows" in made(replace(PART, rows=(failing(), row())))


def test_machines_see_no_pass():
    """The verdict, the errors of JUnit, the level of SARIF and GitHub, the colour of the badge."""
    assert (WHOLE.verdict, PART.verdict, replace(PART, rows=(failing(),)).verdict) == ("pass", "inconclusive", "fail")
    assert int(ET.fromstring(FORMATS["junit"](PART)).get("errors")) == 1
    assert json.loads(FORMATS["sarif"](PART))["runs"][0]["invocations"][0]["executionSuccessful"] is False
    assert FORMATS["github"](PART).startswith("::error ")
    assert json.loads(FORMATS["badge"](PART))["color"] == "yellow"


def test_stored():
    """It is read as it was written; one that says complete and lacks rows is none; older documents, which do not say how many there are, are whole."""
    assert from_dict(PART.to_dict()) == PART
    assert from_dict(WHOLE.to_dict()) == WHOLE
    claimed = from_dict(PART.to_dict() | {"complete": True})
    assert (claimed.complete, claimed.verdict) == (False, "inconclusive")
    older = {k: v for k, v in WHOLE.to_dict().items() if k not in ("complete", "expected")}
    assert (from_dict(older).complete, from_dict(older).extent) == (True, "3 rows")
    for wrong in (-1, True, "3", 2.5):
        with pytest.raises(BadDocument, match="how many rows"):
            from_dict(WHOLE.to_dict() | {"expected": wrong})


def test_histories_and_comparisons(tmp_path):
    """A history takes whole runs alone, so that its trend shows no others; rows that are missing are a regression."""
    history = History(tmp_path / "h.sqlite")
    with pytest.raises(BadInput, match="3 of 362 rows"):
        history.add(PART)
    assert history.entries() == []
    assert [c.kind for c in regressions(compare(one(row()), replace(one(row()), complete=False)))] == ["incomplete"]
