"""The report on explanations in Markdown and JSON."""

import json

from gradcheck.render.explanations import as_json, headline, markdown, table


def data(*outcomes):
    """Return data of rows."""
    meanings = {k: f"meaning of {k}" for k in ("named", "tied", "unexplained", "wrong", "rival", "same", "unfit")}
    rows = [{"mutant": f"tanh/{k}", "network": "n", "node": "h", "outcome": o, "said": "a | b", "seconds": 0.5} for k, o in enumerate(outcomes)]
    counts = {k: sum(o == k for o in outcomes) for k in meanings}
    n = sum(counts[k] for k in ("named", "tied", "unexplained", "wrong"))
    return {"seed": 0, "graphs": 9, "meanings": meanings, "counts": counts, "distinguishable": n, "named_share": counts["named"] / max(n, 1), "rows": rows}


def test_headline():
    """One sentence with the share, what is wrong and what is tied for good."""
    text = headline(data("named", "named", "named", "tied", "rival"))
    assert text == "3 of 4 distinguishable mistakes are named rightly (75.0 %), 0 wrongly; 1 more are told as ties with others of the same gradients"


def test_markdown():
    """Counts with meanings, what was not named row by row, a line an operation; bars are escaped."""
    text = markdown(data("named", "wrong", "same"))
    assert "| wrong | 1 | meaning of wrong |" in text
    assert "| tanh/1 | n | h | a \\| b |" in text
    assert "| tanh | 1 |  |  | 1 |  | 1 |  |" in text
    assert "## tied" not in text
    assert "0.50 s in the median" in text


def test_nothing():
    """No rows are no reason to fail."""
    assert "0 of 0" in markdown(data())
    assert [count for _, count, _ in table(data())] == [0] * 7


def test_json():
    """A row a line."""
    text = as_json(data("named", "wrong"))
    assert json.loads(text)["counts"]["wrong"] == 1
    assert sum('"mutant"' in line for line in text.splitlines()) == 2
