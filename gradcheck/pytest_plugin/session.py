"""What one pytest run was asked for and what it found: options before ini settings before pyproject.toml."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from gradcheck.errors import GradcheckError
from gradcheck.settings import Settings, load

if TYPE_CHECKING:
    from gradcheck.verdict.finding import Row
    from gradcheck.verdict.known import Known, Reviewed


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
        rows: verdicts, in the order in which tests ended.
        reviewed: the same after the known failures were looked up, once the run has ended.
    """

    settings: Settings
    known: tuple[Known, ...] = ()
    rows: list[Row] = field(default_factory=list)
    reviewed: Reviewed | None = None


#: Where pytest keeps it.
SESSION = pytest.StashKey[Session]()


def pytest_configure(config: pytest.Config) -> None:
    """Read settings once; declare the marker."""
    config.addinivalue_line(
        "markers", "gradcheck(explore, budget, seed, accuracy, order, networks, dtypes): how the fixtures of gradcheck work in this test"
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
    if failures is None:
        return Session(settings)
    from gradcheck.verdict.known import read

    return Session(settings, read(failures))
