"""What one pytest run was asked for and what it found: options before ini settings before pyproject.toml."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from gradcheck.errors import GradcheckError
from gradcheck.files.writing import check
from gradcheck.pytest_plugin.record import Record
from gradcheck.settings import Settings, load

if TYPE_CHECKING:
    from gradcheck.pytest_plugin.results import Collector
    from gradcheck.result.finding import Matrix
    from gradcheck.validation.known import Known, Reviewed


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add options and ini settings."""
    group = parser.getgroup("gradcheck", "gradient checks")
    group.addoption("--gradcheck-seed", type=int, metavar="N", help="seed of directions, cotangents and data (default 0)")
    group.addoption("--gradcheck-report", type=Path, metavar="FILE.html", help="write the results of all checks as one HTML file")
    group.addoption("--gradcheck-json", type=Path, metavar="FILE", help="write them as JSON, for `gradcheck report`")
    group.addoption("--gradcheck-strict", action="store_true", default=None,
                    help="fail on inconclusive checks, unexpected passes, and known failures that match nothing")  # fmt: skip
    group.addoption("--gradcheck-known-failures", type=Path, metavar="FILE.toml", help="failures that are expected, with reasons and links")
    group.addoption("--gradcheck-target", action="append", metavar="TARGET", help="for tests with gradcheck_target; may be repeated")
    group.addoption("--gradcheck-networks", action="append", metavar="PATTERN", help="for tests with gradcheck_network; may be repeated")
    group.addoption("--gradcheck-dtype", action="append", metavar="DTYPE", help="for tests with gradcheck_dtype; may be repeated")
    settings: tuple[tuple[str, Literal["string", "bool", "args"], str], ...] = (
        ("seed", "string", "seed of directions, cotangents and data"), ("strict", "bool", "see --gradcheck-strict"),
        ("budget", "string", "evaluations, or time such as 30s, of each check"), ("explore", "bool", "whether checks vary their inputs"),
        ("known_failures", "string", "see --gradcheck-known-failures"), ("targets", "args", "see --gradcheck-target"),
        ("networks", "args", "see --gradcheck-networks"), ("dtypes", "args", "see --gradcheck-dtype"),
    )  # fmt: skip
    for name, kind, text in settings:
        parser.addini(f"gradcheck_{name}", text, type=kind, default=None)


@dataclass
class Session:
    """What one pytest run was asked for, and what it found.

    Args:
        settings: of pyproject.toml, with ini settings and options put before them.
        known: known failures.
        json_file, report_file: to write.
        record: of the tests.
        reviewed: the rows after the known failures were looked up, once the run has ended.
        failures: files that could not be written, and why.
        collector: which fills the record, but not in a worker.
    """

    settings: Settings
    known: tuple[Known, ...] = ()
    json_file: Path | None = None
    report_file: Path | None = None
    record: Record = field(default_factory=Record)
    reviewed: Reviewed | None = None
    failures: list[str] = field(default_factory=list)
    collector: Collector | None = None

    def matrix(self, *, ended: bool) -> Matrix:
        """Return the result so far.

        Args:
            ended: whether no more tests will run.
        """
        return self.record.matrix(self.settings.seed, ended=ended)


#: Where pytest keeps it.
SESSION = pytest.StashKey[Session]()


def pytest_configure(config: pytest.Config) -> None:
    """Read settings once; declare the marker."""
    config.addinivalue_line(
        "markers", "gradcheck(explore, domain, budget, seed, accuracy, order, networks, dtypes): how the fixtures of gradcheck work in this test"
    )
    try:
        config.stash[SESSION] = _session(config)
    except GradcheckError as error:
        raise pytest.UsageError(str(error)) from error


def chosen(config: pytest.Config) -> Settings:
    """Return what this run was asked for: options before ini settings before pyproject.toml."""
    return config.stash[SESSION].settings


def _session(config: pytest.Config) -> Session:
    file = load(config.rootpath)

    def picked(name: str, convert: Callable[[Any], Any] = lambda x: x, *, option: str = "") -> Any:
        given = config.getoption(f"gradcheck_{option or name}", None)
        if given is None:
            try:
                given = config.getini(f"gradcheck_{name}")
            except (KeyError, ValueError):
                given = None
        return getattr(file, name) if given in (None, "", []) else convert(given)

    try:
        seed = picked("seed", int)
    except ValueError as error:
        raise pytest.UsageError(f"gradcheck_seed: expected a whole number; {error}") from error
    failures = picked("known_failures", lambda x: config.rootpath / x)
    settings = Settings(
        targets=picked("targets", tuple, option="target"), networks=picked("networks", tuple), dtypes=picked("dtypes", tuple, option="dtype"),
        seed=seed, budget=picked("budget", lambda x: int(x) if str(x).isdigit() else x), explore=picked("explore", bool),
        strict=picked("strict", bool), known_failures=failures, timeout=file.timeout, file=file.file,
    )  # fmt: skip
    session = Session(settings, json_file=_output(config, "gradcheck_json"), report_file=_output(config, "gradcheck_report"))
    if failures is not None:
        from gradcheck.validation.known import read

        session.known = read(failures)
    return session


def _output(config: pytest.Config, option: str) -> Path | None:
    """Return a file that is to be written, which is tried now; tests may change the folder later."""
    given: Path | None = config.getoption(option)
    if given is None:
        return None
    if not hasattr(config, "workerinput"):
        check(given.absolute())
    return given.absolute()
