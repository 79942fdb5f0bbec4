"""The results of a session: taken from the tests wherever they ran, reviewed, and written to files at the end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from gradcheck.pytest_plugin.session import SESSION, Session

if TYPE_CHECKING:
    from gradcheck.verdict.finding import Matrix

#: Under which name results travel with the reports of tests.
PROPERTY = "gradcheck"


class Collector:
    """Takes the rows out of the reports of tests, wherever these ran.

    Args:
        session: of the controller.
    """

    def __init__(self, session: Session) -> None:
        self.session = session

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the rows of a test that has ended."""
        if report.when == "call":
            from gradcheck.verdict.stored import row_of

            self.session.rows += [row_of(json.loads(str(v))) for k, v in report.user_properties if k == PROPERTY]


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Collect on the controller only."""
    if not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(Collector(session.config.stash[SESSION]), "gradcheck_collector")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Look up known failures, write the files; strict runs fail on what does not match."""
    config = session.config
    mine = config.stash.get(SESSION, None)
    if mine is None or hasattr(config, "workerinput"):
        return
    if mine.known:
        from gradcheck.verdict.known import review

        mine.reviewed = review(mine.rows, mine.known)
        complete = not (config.option.collectonly or config.option.keyword or config.option.markexpr or config.option.file_or_dir)
        if mine.settings.strict and mine.reviewed.unmatched and complete and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    files = [f for f in (config.getoption("gradcheck_report"), config.getoption("gradcheck_json")) if f]
    if files:
        _write(config, _matrix(mine))


def _matrix(mine: Session) -> Matrix:
    from gradcheck import __version__
    from gradcheck.verdict.finding import Matrix

    seconds = sum(r.seconds for r in mine.rows)
    return Matrix(tuple(mine.rows), (), mine.settings.seed, {"gradcheck": __version__, "pytest": pytest.__version__}, seconds)


def _write(config: pytest.Config, matrix: Matrix) -> None:
    file = config.getoption("gradcheck_json")
    if file:
        file.write_text(json.dumps(matrix.to_dict(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    file = config.getoption("gradcheck_report")
    if file:
        from gradcheck.render.html import html

        file.write_text(html(matrix), encoding="utf-8")
