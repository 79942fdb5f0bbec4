"""The results of a session: taken from the tests wherever they ran, reviewed, and written to files, now and then and at the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

from gradcheck.errors import BadDocument, OutputFailed
from gradcheck.files.json import read
from gradcheck.files.writing import Keeper, write
from gradcheck.pytest_plugin.record import ids_of
from gradcheck.pytest_plugin.session import SESSION, Session

if TYPE_CHECKING:
    from gradcheck.result.finding import Matrix

#: Where a worker finds the folder for the ids of its tests: pytest-xdist tells the controller ids alone, and not what tests use.
_FOLDER = "gradcheck_folder"


class Collector:
    """Takes the rows out of the reports of tests, wherever these ran, and keeps them now and then.

    Args:
        session: of the controller.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._keeper = Keeper(session.json_file) if session.json_file is not None else None
        self._folder: TemporaryDirectory[str] | None = None

    def expect(self, tests: list[str]) -> None:
        """Note which tests are gradcheck's, and that no row is there yet: an old file is not taken for the one of this session."""
        self.session.record.expected = dict.fromkeys(tests)
        self._keep()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not be collected."""
        self.session.record.broken += report.failed

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the rows of a test."""
        if self.session.record.take(report):
            self._keep()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of pytest-xdist where the ids of its tests are expected."""
        self._folder = self._folder or TemporaryDirectory(prefix="gradcheck-", ignore_cleanup_errors=True)
        node.workerinput[_FOLDER] = self._folder.name

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any) -> None:
        """Take the ids from the first worker that has them: all collect the same. Of those on another machine nobody knows."""
        file = Path(node.workerinput[_FOLDER]) / f"{node.workerinput['workerid']}.json"
        if not self.session.record.collected:
            with suppress(BadDocument):
                tests = [str(name) for name in read(file, "ids of tests")]
                self.session.record.collected = True
                self.expect(tests)

    def close(self) -> None:
        """Remove the folder."""
        if self._folder is not None:
            self._folder.cleanup()

    def _keep(self) -> None:
        if self._keeper is not None:
            self._keeper(lambda: _json(self.session.matrix(ended=False)))


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Collect on the controller only."""
    if not hasattr(session.config, "workerinput"):
        mine = session.config.stash[SESSION]
        mine.collector = Collector(mine)
        session.config.pluginmanager.register(mine.collector, "gradcheck_collector")


def pytest_collection_modifyitems(config: pytest.Config) -> None:
    """Note that collecting came to its end: what comes next is called after an interrupt too."""
    config.stash[SESSION].record.collected = True


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Say which tests are gradcheck's, before pytest-xdist says that a worker has collected."""
    config, tests = session.config, ids_of(session.items)
    given = getattr(config, "workerinput", {})
    if _FOLDER in given:
        with suppress(OutputFailed):  # the controller is on another machine
            write(Path(given[_FOLDER]) / f"{given['workerid']}.json", json.dumps(tests))
    collector = config.stash[SESSION].collector
    if collector is not None and not config.option.collectonly:
        collector.expect(tests)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Look up known failures, write the files; strict runs fail on what does not match, and no run passes whose files could not be written."""
    config = session.config
    mine = config.stash.get(SESSION, None)
    if mine is None or hasattr(config, "workerinput"):
        return
    if mine.known:
        from gradcheck.validation.known import review

        mine.reviewed = review(mine.record.rows, mine.known)
        complete = not (config.option.collectonly or config.option.keyword or config.option.markexpr or config.option.file_or_dir)
        if mine.settings.strict and mine.reviewed.unmatched and complete and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if mine.collector is not None:
        mine.collector.close()
    if not config.option.collectonly:
        _write(mine)
    if mine.failures and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.INTERRUPTED


def _write(mine: Session) -> None:
    """Try every file."""
    matrix = mine.matrix(ended=True)
    files: list[tuple[Path | None, Callable[[Matrix], str]]] = [(mine.json_file, _json), (mine.report_file, _html)]
    for path, made in files:
        if path is not None:
            try:
                write(path, made(matrix))
            except OutputFailed as error:
                mine.failures.append(str(error))


def _json(matrix: Matrix) -> str:
    return json.dumps(matrix.to_dict(), indent=1, allow_nan=False) + "\n"


def _html(matrix: Matrix) -> str:
    from gradcheck.render.html import html

    return html(matrix)
