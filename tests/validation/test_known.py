"""Known failures: what they cover, what passes unexpectedly, what matches nothing."""

import pytest

from gradcheck.errors import BadDocument, UnknownName
from gradcheck.result.finding import Finding
from gradcheck.validation.known import Known, read, review
from tests.render.matrices import failing, row

KNOWN = Known("mine/*/float64", "a reason", "a link")


def test_covered():
    """A failing row becomes inconclusive with the reason and the link."""
    found = review([failing(), failing("other")], [KNOWN])
    assert [r.verdict for r in found.rows] == ["inconclusive", "fail"]
    assert found.rows[0].known == "a reason"
    assert "a link" in found.rows[0].message
    assert found.complaints == []


@pytest.mark.parametrize("more", [{"op": "relu"}, {"diagnosis": "sign"}, {"where": "value of loss"}])
def test_only_this_mistake(more):
    """Another fault in the same row is not known."""
    found = review([failing()], [Known("mine/*", "r", "l", **more)])
    assert found.rows[0].verdict == "fail"
    assert found.unmatched == ()


def test_every_fault_has_to_be_known():
    """One of two is not enough."""
    import dataclasses

    both = failing()
    second = dataclasses.replace(both.findings[0], op="exp")
    both = dataclasses.replace(both, findings=(*both.findings, second))
    assert review([both], [Known("mine/*", "r", "l", op="tanh")]).rows[0].verdict == "fail"


def test_unexpected_passes_and_rows_that_are_not_there():
    """Both are told."""
    found = review([row("mine", "xor")], [KNOWN, Known("gone/*", "old", "l")])
    assert found.rows[0].verdict == "pass"
    assert [r.network for r in found.unexpected] == ["xor"]
    assert [k.row for k in found.unmatched] == ["gone/*"]
    assert found.complaints == [
        "mine/xor/float64: passes, though it is known to fail (a reason)", "known failure 'gone/*' matches no row (old)",
    ]  # fmt: skip


def test_reading(tmp_path):
    """All keys."""
    path = tmp_path / "k.toml"
    path.write_text('[[known]]\nrow = "a/*"\nreason = "r"\nlink = "l"\nop = "relu"\ndiagnosis = "sign"\nwhere = "value"\n')
    assert read(path) == (Known("a/*", "r", "l", "relu", "sign", "value"),)
    path.write_text('[[known]]\nrow = "a/*"\nreason = "r"\nlink = "l"\nop = ""\n')
    assert read(path) == (Known("a/*", "r", "l"),)
    path.write_text("")
    assert read(path) == ()


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("[known]\nrow = 'a'\n", BadDocument, "two brackets"), ("[[known]]\nrow = 'a'\nreason = 'r'\n", BadDocument, "expected link"),
        ("[[known]]\nrow = 'a'\nreason = 3\nlink = 'l'\n", BadDocument, "reason"), ("[[known]]\nrwo = 'a'\n", UnknownName, "did you mean 'row'"),
        ("[[known]]\nrow = 'a'\nreason = ''\nlink = 'l'\n", BadDocument, "expected reason, a text; got ''"), ("[[known]]\nrow = 'a'\nreason = 'r'\nlink = 'l'\nop = 3\n", BadDocument, "expected op"),
        ("known = 3", BadDocument, "two brackets"), ("known = [1]", BadDocument, "two brackets"),
        ("=", BadDocument, "TOML"), ("x = 1", UnknownName, "known"),
    ],
)  # fmt: skip
def test_damage(tmp_path, text, error, said):
    """Refused with the place."""
    path = tmp_path / "k.toml"
    path.write_text(text)
    with pytest.raises(error, match=said):
        read(path)


def test_no_file(tmp_path):
    """A file that is not there."""
    with pytest.raises(BadDocument, match="No such file"):
        read(tmp_path / "none.toml")


def test_only_faults_have_to_be_known():
    """A remark on accuracy beside a known fault excuses nothing and accuses nothing; without any fault nothing is known."""
    remarked = failing(findings=(*failing().findings, Finding("accuracy", "a remark", op="exp")))
    known = Known("mine/*", "r", "l", op="tanh")
    assert review([remarked], [known]).rows[0].verdict == "inconclusive"
    assert review([failing(findings=())], [known]).rows[0].verdict == "fail"
    assert review([failing(findings=(Finding("note", "a note"),))], [known]).rows[0].verdict == "fail"


def test_what_is_excused_is_excused_once():
    """A target's own reason stays, whatever a file says of the same row."""
    (once,) = review([failing()], [KNOWN]).rows
    assert review([once], [Known("mine/*", "another reason", "l")]).rows == (once,)


def test_rows_of_which_nothing_is_known():
    """They pass as they do, expected by nobody to fail."""
    found = review([row("other"), row("mine", verdict="inconclusive")], [KNOWN])
    assert found.unexpected == ()
    assert [r.verdict for r in found.rows] == ["pass", "inconclusive"]
