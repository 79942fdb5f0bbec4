"""``gradcheck report`` and ``gradcheck compare``: every format from every kind of stored result."""

import json

import pytest
from click import UsageError
from click.testing import CliRunner

from gradcheck.cli.compare import compare_command
from gradcheck.cli.report import FORMATS, report_command
from gradcheck.errors import BadDocument
from gradcheck.history import History
from tests.render.matrices import hostile, matrix, one, row


def run(command, *arguments):
    """Return exit status and output."""
    result = CliRunner().invoke(command, [str(x) for x in arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.output


@pytest.fixture
def result(tmp_path):
    """Return a stored result."""
    path = tmp_path / "r.json"
    path.write_text(json.dumps(matrix().to_dict()))
    return path


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("made", [matrix, hostile], ids=lambda f: f.__name__)
def test_formats(tmp_path, kind, made):
    """Into a file and to standard output the same text."""
    path = tmp_path / "r.json"
    path.write_text(json.dumps(made().to_dict()))
    status, output = run(report_command, path, "--format", kind)
    assert status == 0
    assert run(report_command, path, "--format", kind, "--output", tmp_path / "out")[0] == 0
    assert (tmp_path / "out").read_text(encoding="utf-8") == output


def test_histories(tmp_path, result):
    """A history's runs, and a drawing of all of them."""
    history = History(tmp_path / "h.sqlite")
    history.add(one(row()), saved="2026-01-01T00:00:00Z")
    assert 'id="trend"' not in run(report_command, result, "--history", tmp_path / "h.sqlite")[1]  # one run is no trend
    history.add(matrix())
    assert "1 of 1 right" in run(report_command, f"{tmp_path / 'h.sqlite'}#1", "--format", "badge")[1]
    text = run(report_command, tmp_path / "h.sqlite", "--history", tmp_path / "h.sqlite")[1]
    assert 'id="trend"' in text
    assert "2026-01-01T00:00:00Z: 1 pass, 0 inconclusive, 0 fail" in text


def test_a_report_never_replaces_its_result(result):
    """Whether it is read as a file or as a history."""
    before = result.read_bytes()
    for spec in (result, f"{result}#1"):
        with pytest.raises(UsageError, match="another file than the result"):
            run(report_command, spec, "--output", result)
    assert result.read_bytes() == before


def test_nothing_there(tmp_path):
    """What is no result is one line."""
    with pytest.raises(BadDocument, match="expected"):
        run(report_command, tmp_path / "none.json")


def test_compare(tmp_path, result):
    """0 where nothing is worse, 1 where something is; the changes as JSON too."""
    assert run(compare_command, result, result) == (0, "no change beyond noise\n")
    right = tmp_path / "right.json"
    right.write_text(json.dumps(one(*(r for r in matrix().rows if r.verdict != "fail")).to_dict()))
    status, output = run(compare_command, right, result, "--json", tmp_path / "changes.json")
    assert status == 1
    assert "new failure" in output
    assert [c["kind"] for c in json.loads((tmp_path / "changes.json").read_text())["changes"]] == ["new failure"]
    assert run(compare_command, result, right)[0] == 1  # a row that is gone is no progress
