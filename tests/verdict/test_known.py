"""Known failures: what they cover, what passes unexpectedly, what matches nothing."""

import pytest

from gradcheck.errors import BadDocument, UnknownName
from gradcheck.verdict.known import Known, read, review
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
    path.write_text("")
    assert read(path) == ()


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("[known]\nrow = 'a'\n", BadDocument, "two brackets"), ("[[known]]\nrow = 'a'\nreason = 'r'\n", BadDocument, "expected link"),
        ("[[known]]\nrow = 'a'\nreason = 3\nlink = 'l'\n", BadDocument, "reason"), ("[[known]]\nrwo = 'a'\n", UnknownName, "did you mean 'row'"),
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
