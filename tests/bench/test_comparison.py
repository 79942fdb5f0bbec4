"""The table of time: ratios of one run, limits, columns of what is not installed."""

import json
import time
from importlib.util import find_spec

import pytest

from gradcheck.bench import comparison
from gradcheck.bench.comparison import COMPARED, Row, as_data, compare, measured
from gradcheck.errors import MeasurementStopped
from gradcheck.render.comparison import markdown, table


class Here:
    """Measures in this process; slow checkers are stopped."""

    limit = 60.0

    def __init__(self, stopped=()):
        self.stopped, self.calls = stopped, []

    def __call__(self, f, *arguments):
        """Call, or stop."""
        self.calls.append(arguments)
        if arguments[2] in self.stopped:
            raise MeasurementStopped("too long")
        return Row(*arguments[:3], seconds=0.25 * len(arguments[2]), evaluations=3, verdict="pass")


@pytest.mark.parametrize("function", comparison.PROBLEMS)
def test_our_own_time(function):
    """It is a passing check."""
    start = time.perf_counter()
    row = measured(function, 20, "gradcheck", 0)
    assert row.verdict == "pass"
    assert 0 < row.seconds < time.perf_counter() - start
    assert row.evaluations > 3


def test_scipy_passes_too():
    """What is compared is a right derivative for all of them."""
    pytest.importorskip("scipy")
    assert measured("loss", 20, "scipy", 0).verdict == "pass"


def test_what_was_stopped_is_not_asked_again():
    """A larger size takes longer; its cell says so all the same."""
    worker = Here(stopped=("scipy",))
    rows = list(compare(worker, (10, 100), ("gradcheck", "scipy")))
    assert sum(c[2] == "scipy" for c in worker.calls) == (len(comparison.PROBLEMS) if find_spec("scipy") else 0)
    assert all(r.reason == ("over 60 s" if find_spec("scipy") else "scipy is not installed") for r in rows if r.checker == "scipy")


def test_columns_of_what_is_not_installed_are_empty(monkeypatch):
    """With the reason."""
    monkeypatch.setattr(comparison, "find_spec", lambda name: None if name != "numpy" else "there")
    rows = list(compare(Here(), (10,)))
    assert {r.checker: r.reason for r in rows}["torch"] == "torch is not installed"
    assert [r.checker for r in rows][: len(COMPARED)] == list(COMPARED)


def test_the_report():
    """Ours in time, the others as multiples, and reasons; everything is plain."""
    rows = [Row("loss", 10, "gradcheck", 0.5, 30, "pass"), Row("loss", 10, "scipy", 2.0, 11, "fail"), Row("loss", 10, "jax", reason="over 60 s")]
    data = json.loads(json.dumps(as_data(rows)))
    assert [r["ratio"] for r in data["rows"]] == [1.0, 4.0, None]
    assert list(table(data, "loss"))[1] == ("10", "500.0 ms", "4 x (fail)", "over 60 s")
    assert "| 10 | 500.0 ms | 4 x (fail) | over 60 s |" in markdown(data)
