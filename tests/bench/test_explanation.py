"""How often the mistake is named: rows, counts, and what decides them."""

import json
from pathlib import Path

import pytest

from gradcheck.bench.explanation import MEANINGS, Row, as_data, measure, score
from gradcheck.faults.mutants import mutants

ROOT = Path(__file__).parents[2]


def row(outcome, mutant="tanh/sign"):
    """Return a row."""
    return Row(mutant, "random/0/0", "tanh1", outcome, "explained: ...", 0.25)


def test_score():
    """Named of those that no other mistake can be mistaken for."""
    s = score([row("named"), row("named"), row("named"), row("tied"), row("rival"), row("same"), row("unfit")])
    assert (s.distinguishable, s.share) == (4, 0.75)
    assert score([]).share == 0
    assert score([row("wrong"), row("unexplained")]).distinguishable == 2


def test_rows():
    """What a sign, an even function and a memory come to; each is told to who watches."""
    told = []
    names = ["tanh/cotangent-ignored", "tanh/sech21-negate-argument", "tanh/stale"]
    rows = list(measure(names, graphs=60, progress=lambda *a: told.append(a)))
    assert [r.outcome for r in rows] == ["named", "same", "named"]
    assert "ignores the cotangent" in rows[0].said
    assert rows[1].said == ""
    assert "stale" in rows[2].said
    assert told == [(n, k, 3) for k, n in enumerate(names, 1)]


def test_a_rival_has_the_same_gradients():
    """A sign in a chain is told as a tie, and fifty digits say that nothing else can be."""
    rows = list(measure(["take/factor-1.001"], graphs=60))
    assert rows[0].outcome == "rival"
    assert rows[0].said.startswith("explained by either of")


def test_where_an_operation_does_not_occur():
    """Too few networks: the mutant has no place."""
    assert [r.outcome for r in measure(["conv_transpose2d/sign-0"], graphs=1)] == ["unfit"]


@pytest.mark.deep
def test_processes_share_the_mutants():
    """The rows are the same and in the same order."""
    names = ["tanh/zero", "exp/sign", "sum/roll"]
    alone, shared = ([(r.mutant, r.node, r.outcome, r.said) for r in measure(names, graphs=40, jobs=n)] for n in (1, 2))
    assert alone == shared


def test_data():
    """Everything is plain, and counts have their meanings."""
    data = json.loads(json.dumps(as_data([row("named"), row("rival")], graphs=7, seed=3)))
    assert (data["graphs"], data["seed"], data["distinguishable"], data["named_share"]) == (7, 3, 1, 1.0)
    assert set(data["counts"]) == set(MEANINGS) == set(data["meanings"])
    assert data["rows"][0]["mutant"] == "tanh/sign"


def test_the_report_that_is_kept():
    """It is about every mutant, its counts are those of its rows, and the page says what it says."""
    kept = json.loads((ROOT / "reports" / "explanations.json").read_text(encoding="utf-8"))
    found = score([Row(**r) for r in kept["rows"]])
    assert {r["mutant"] for r in kept["rows"]} == set(mutants)
    assert kept["counts"] == {k: found.counts.get(k, 0) for k in MEANINGS}
    page = (ROOT / "docs" / "explanation.md").read_text(encoding="utf-8")
    assert f"{found.counts['named']} of {found.distinguishable} distinguishable mistakes are named rightly ({100 * found.share:.1f} %)" in page
