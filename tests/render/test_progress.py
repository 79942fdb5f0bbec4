"""Progress: a bar where somebody sits, lines in a CI log, nothing in files."""

import io

from rich.console import Console

from gradcheck.render import progress as module
from gradcheck.render.progress import progress
from gradcheck.validation.validate import validate


def drawn(environment=None, **console):
    """Return what three steps leave on a console."""
    stream = io.StringIO()
    with progress(Console(file=stream, **console), environment or {}) as told:
        for k in range(3):
            told(f"case\x1b[2J {k}", k, 3)
    return stream.getvalue()


def test_terminal():
    """A bar with the count and the label."""
    assert "2/3" in drawn(force_terminal=True, width=80)


def test_file():
    """Nothing."""
    assert drawn(force_terminal=False) == ""


def test_ci_log(monkeypatch):
    """Lines, not more often than said, without escapes."""
    assert drawn({"CI": "true"}, force_terminal=False) == ""  # three steps take no fifteen seconds
    monkeypatch.setattr(module, "EVERY", 0.0)
    text = drawn({"CI": "true"}, force_terminal=False)
    assert text.splitlines()[0] == "gradcheck: 0 of 3, case\N{REPLACEMENT CHARACTER}[2J 0"
    assert len(text.splitlines()) == 3
    assert drawn({"CI": "false"}, force_terminal=False) == ""


def test_notebook():
    """Results have HTML of their own, in which names are text; what does not pass comes first."""
    from tests.render.matrices import hostile, many, matrix

    text = matrix()._repr_html_()
    assert text.index("mine") < text.index("torch")
    assert "<script" not in hostile()._repr_html_()
    assert "and 9,970 more rows" in many()._repr_html_()


def test_validate_draws(capsys):
    """True is the usual way to show it."""
    assert validate("reference", "xor-2-2-1", progress=True).verdict == "pass"
    assert capsys.readouterr().out == ""
