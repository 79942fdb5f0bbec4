"""The rows of a session, test by test: in the order of the tests, one at least of every gradcheck test whatever happened to it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gradcheck.result.finding import Matrix, Row, Skipped

#: Under which names results travel with the reports of tests.
ROW, SKIPPED = "gradcheck", "gradcheck-skipped"
#: Fixtures whose tests are gradcheck's.
FIXTURES = frozenset(("gradcheck", "gradcheck_validate"))
#: Characters of a failure that a row tells.
_MOST = 300


def keep(node: Any, found: Row | Skipped) -> None:
    """Give the report of a test what was found in it.

    Args:
        node: the test.
        found: a row, or why there is none.
    """
    name = SKIPPED if hasattr(found, "reason") else ROW
    node.user_properties.append((name, json.dumps(found.to_dict() if name == ROW else asdict(found))))  # type: ignore[union-attr]  # by name


def unanswered(target: str, network: str, message: str, *, error: bool = True) -> Row:
    """Return the row of a check that came to no verdict.

    Args:
        target: the function.
        network: the id of the test.
        message: why.
        error: whether something was raised.
    """
    from gradcheck.errors import shortened
    from gradcheck.result.finding import Row

    return Row(target, network, "", "inconclusive", "none", None, "", "", shortened(message, _MOST), error=error)


def ids_of(items: Iterable[Any]) -> list[str]:
    """Return the ids of the gradcheck tests among the items of a session, in order."""
    return [item.nodeid for item in items if FIXTURES & set(getattr(item, "fixturenames", ()))]


@dataclass
class Record:
    """What is known of the tests of a session.

    Args:
        expected: ids of the gradcheck tests that were collected, in order; the values mean nothing.
        found: what came of each test.
        broken: how many modules could not be collected, whose tests nobody knows.
        collected: whether collecting came to its end.
    """

    expected: dict[str, None] = field(default_factory=dict)
    found: dict[str, list[Row | Skipped]] = field(default_factory=dict)
    broken: int = 0
    collected: bool = False

    def take(self, report: pytest.TestReport) -> bool:
        """Take the rows out of a report, and answer whether there were any; what ended a gradcheck test without one is its row."""
        told = list(_told(report))
        name = report.nodeid
        if told:
            self.found[name] = told
        elif name in self.expected or not (self.expected or report.when in ("setup", "call", "teardown")):  # of a worker that died
            told = self._without_rows(report)
            self.found.setdefault(name, []).extend(told)
        return bool(told)

    def _without_rows(self, report: pytest.TestReport) -> list[Row | Skipped]:
        if self.found.get(report.nodeid):
            return []
        name = report.nodeid.rpartition("::")[2]
        if report.skipped:
            from gradcheck.result.finding import Skipped

            return [Skipped(name, report.nodeid, "", _reason(report))]
        if report.failed:
            return [unanswered(name, report.nodeid, f"the test ended without a verdict: {_reason(report)}")]
        return [unanswered(name, report.nodeid, "the test ended without a check", error=False)] if report.when == "teardown" else []

    def ordered(self) -> list[Row | Skipped]:
        """Return what was found, in the order of the tests."""
        known = dict.fromkeys([*self.expected, *self.found])
        return [x for name in known for x in self.found.get(name, [])]

    @property
    def rows(self) -> list[Row]:
        """The rows alone."""
        return [x for x in self.ordered() if not hasattr(x, "reason")]

    def matrix(self, seed: int, *, ended: bool) -> Matrix:
        """Return the result so far.

        Args:
            seed: of the session.
            ended: whether no more tests will run.
        """
        from gradcheck import __version__
        from gradcheck.result.finding import Matrix, Skipped

        rows, skipped = self.rows, [x for x in self.ordered() if isinstance(x, Skipped)]
        missing = sum(not self.found.get(name) for name in self.expected)
        known = self.collected and not self.broken
        expected = len(rows) + len(skipped) + missing if known else None
        versions = {"gradcheck": __version__, "pytest": pytest.__version__}
        complete = ended and known and not missing
        return Matrix(tuple(rows), tuple(skipped), seed, versions, sum(r.seconds for r in rows), complete, expected)


def _told(report: pytest.TestReport) -> Iterator[Row | Skipped]:
    for name, value in report.user_properties:
        if name in (ROW, SKIPPED):
            from gradcheck.result.finding import Skipped
            from gradcheck.result.stored import row_of

            data = json.loads(str(value))
            yield row_of(data) if name == ROW else Skipped(**data)


def _reason(report: pytest.TestReport) -> str:
    """Return why a test was skipped or failed, in a line."""
    long: Any = report.longrepr
    if isinstance(long, tuple):
        return str(long[2]).removeprefix("Skipped: ")
    crash = getattr(long, "reprcrash", None)
    lines = str(getattr(crash, "message", "") or long or "").strip().splitlines()
    return lines[0] if lines else "nothing was said"
