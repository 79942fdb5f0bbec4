"""Budgets: counted figures repeat exactly, what is exceeded is seen, files are read with care."""

import json

import pytest

from gradcheck.bench.budget import Line, figures, lines, read
from gradcheck.errors import BadDocument, UnknownName

COUNTED = "layered-1000/operations of the gradient"


def write(path, **figures_):
    """Write a budget."""
    path.write_text(json.dumps({"schema": "gradcheck-budget/1", "figures": {k: {"limit": v} for k, v in figures_.items()}}))
    return path


def test_counted_figures_repeat():
    """A count is the same number every time."""
    measured = [figures()[COUNTED].measure(0.01) for _ in range(2)]
    assert measured[0] == measured[1] > 0
    assert not next(lines({COUNTED: measured[0]}, 0.01)).exceeded
    assert next(lines({COUNTED: measured[0] - 1}, 0.01)).exceeded


def test_ratios():
    """A ratio is one of two times in one run."""
    (line,) = lines({"2-8-1, batch 1/plan over sweep": 1000.0}, 0.02)
    assert 0 < line.got < 1000
    assert line == Line(line.name, "ratio", line.got, 1000.0)


def test_reading(tmp_path):
    """Limits come out as numbers by name."""
    path = write(tmp_path / "budget.json", **{COUNTED: 7})
    assert read(path) == {COUNTED: 7.0}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "gradcheck-budget/1"}', '{"schema": "gradcheck-budget/1", "figures": {}}'])
def test_not_a_budget(tmp_path, text):
    """Anything else is refused."""
    path = tmp_path / "budget.json"
    path.write_text(text)
    with pytest.raises(BadDocument, match="expected"):
        read(path)


@pytest.mark.parametrize("limit", ["7", None, True, -1, float("nan")])
def test_limits_are_numbers(tmp_path, limit):
    """A limit is a number of at least 0."""
    with pytest.raises(BadDocument, match="limit"):
        read(write(tmp_path / "budget.json", **{COUNTED: limit}))


def test_unknown_figures(tmp_path):
    """A figure that does not exist any more is no figure that is kept."""
    with pytest.raises(UnknownName, match="operations of the gradient"):
        read(write(tmp_path / "budget.json", **{"layered-1000/operations of the gradien": 7}))


def test_the_recorded_budget():
    """The repository's own file records every figure."""
    from pathlib import Path

    assert set(read(Path(__file__).parents[2] / "benchmarks" / "budget.json")) == set(figures())
