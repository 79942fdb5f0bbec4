"""`gradcheck power --explanations`: the counts, and files that hold every row."""

import json
from functools import partial

from tests.cli.status import status

run = partial(status, "power", "--explanations")


def test_counts_and_files(tmp_path, capsys):
    """A table of outcomes and the sentence; JSON and Markdown."""
    files = tmp_path / "explanations.json", tmp_path / "explanations.md"
    assert run("--faults", "tanh/zero,tanh/cotangent-*", "--graphs", "40", "--json", str(files[0]), "--markdown", str(files[1])) == 0
    shown = capsys.readouterr().out
    assert "distinguishable mistakes are named rightly" in shown
    assert "\x1b" not in shown
    data = json.loads(files[0].read_text(encoding="utf-8"))
    assert [r["mutant"] for r in data["rows"]] == ["tanh/zero", "tanh/cotangent-ignored", "tanh/cotangent-twice"]
    assert "| tanh |" in files[1].read_text(encoding="utf-8")


def test_what_is_not_named_is_listed(capsys, monkeypatch):
    """The first of them, and how many more there are."""
    from gradcheck.bench.explanation import Row

    rows = [Row("tanh/sign", "random/0/1", "tanh1", "wrong", f"said {k}", 0.1) for k in range(3)]
    monkeypatch.setattr("gradcheck.cli.explanations.exam.measure", lambda *a, **k: iter(rows))
    monkeypatch.setattr("gradcheck.cli.explanations.SHOWN", 2)
    assert run("--faults", "tanh/sign") == 0
    shown = capsys.readouterr().out
    assert "wrong: tanh/sign at tanh1 of random/0/1: said 1" in shown
    assert "... and 1 more" in shown


def test_no_such_mutant():
    """A pattern that matches nothing is 2."""
    assert run("--faults", "nothing/*") == 2
