"""The pytest plugin: a fixture that checks gradients, a marker, networks and targets as parameters, a summary, one report.

Nothing of gradcheck but its errors and settings is imported until a test asks for it. Under pytest-xdist the results of the
workers travel with the reports of their tests, and the controller writes one file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from gradcheck.errors import GradcheckError
from gradcheck.settings import Settings, load

if TYPE_CHECKING:
    from gradcheck.probe.report import Report
    from gradcheck.verdict.finding import Matrix, Row
    from gradcheck.verdict.known import KnownFailure, Reviewed

#: Under which name results travel with the reports of tests.
PROPERTY = "gradcheck"

#: Rows of the summary's list of worst offenders.
MOST_SHOWN = 10

_KEYWORDS = ("explore", "budget", "seed", "accuracy", "order", "networks", "dtypes")


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
class _Session:
    """What one pytest run was asked for, and what it found.

    Args:
        settings: of pyproject.toml, with ini settings and options put before them.
        known: known failures.
        rows: verdicts, in the order in which tests ended.
    """

    settings: Settings
    known: tuple[KnownFailure, ...] = ()
    rows: list[Row] = field(default_factory=list)
    reviewed: Reviewed | None = None


_SESSION = pytest.StashKey[_Session]()


def pytest_configure(config: pytest.Config) -> None:
    """Read settings once; declare the marker."""
    config.addinivalue_line(
        "markers", "gradcheck(explore, budget, seed, accuracy, order, networks, dtypes): how the fixtures of gradcheck work in this test"
    )
    try:
        config.stash[_SESSION] = _session(config)
    except GradcheckError as error:
        raise pytest.UsageError(str(error)) from error


def chosen(config: pytest.Config) -> Settings:
    """Return what this run was asked for: options before ini settings before pyproject.toml."""
    return config.stash[_SESSION].settings


def _session(config: pytest.Config) -> _Session:
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
        return _Session(settings)
    from gradcheck.verdict.known import read

    return _Session(settings, read(failures))


# -- what tests use ---------------------------------------------------------------------------------


def _marked(node: Any) -> dict[str, Any]:
    """Return the marker's keywords, those of the innermost one first in rank."""
    found: dict[str, Any] = {}
    for mark in node.iter_markers("gradcheck"):
        if mark.args or set(mark.kwargs) - set(_KEYWORDS):
            got = ", ".join([*map(repr, mark.args), *mark.kwargs])
            raise pytest.UsageError(f"{node.nodeid}: expected keywords of the gradcheck marker out of {', '.join(_KEYWORDS)}; got {got}")
        found = {**mark.kwargs, **found}
    return found


@pytest.fixture
def gradcheck(request: pytest.FixtureRequest) -> Callable[..., Report]:
    """Return `gradcheck.check`, which here raises with the whole finding, and whose results are in the summary.

    The marker ``@pytest.mark.gradcheck(explore=..., budget=..., seed=..., accuracy=..., order=...)`` says how to check;
    arguments of a call go before it.
    """
    session, marked = request.config.stash[_SESSION], _marked(request.node)
    settings = session.settings
    defaults = {"seed": settings.seed, "budget": settings.budget, "explore": settings.explore}
    defaults |= {k: v for k, v in marked.items() if k not in ("networks", "dtypes")}

    def run(f: Any, inputs: Any, **given: Any) -> Report:
        from gradcheck.probe.check import check

        __tracebackhide__ = True
        report = check(f, inputs, **(defaults | given))
        doubted = next((given[k] for k in ("vjp", "grad", "jvp", "hvp", "hessian") if given.get(k) is not None), f)
        name, place = getattr(f, "__name__", type(f).__name__), _place(doubted, request.config.rootpath)
        row = report.as_row(name, request.node.nodeid, place, _dtype(inputs))
        _settle(request, session, row, str(report) + _to_reproduce(row))
        return report

    return run


@pytest.fixture
def gradcheck_validate(request: pytest.FixtureRequest) -> Callable[..., Row]:
    """Return a function (target, network, dtype) -> row that judges one run, and raises if it is wrong."""
    session = request.config.stash[_SESSION]

    def run(target: Any, network: Any, dtype: str = "float64", *, seed: int | None = None) -> Row:
        from gradcheck.verdict.validate import validate

        __tracebackhide__ = True
        matrix = validate(target, network, dtypes=(dtype,), seed=session.settings.seed if seed is None else seed, timeout=session.settings.timeout)
        if not matrix.rows:
            pytest.skip(matrix.skipped[0].reason if matrix.skipped else "nothing was tested")
        (row,) = matrix.rows
        _settle(request, session, row, matrix.render() if row.verdict == "fail" else str(row))
        return row

    return run


def _settle(request: pytest.FixtureRequest, session: _Session, row: Row, text: str) -> None:
    """Keep a row; raise where the test is not to pass."""
    from gradcheck.errors import GradientWrong
    from gradcheck.verdict.known import review

    __tracebackhide__ = True
    reviewed = review([row], session.known)
    (row,) = reviewed.rows
    request.node.user_properties.append((PROPERTY, json.dumps(row.to_dict())))
    strict = session.settings.strict
    if row.verdict == "fail":
        raise GradientWrong(text)
    if row.known:
        pytest.xfail(row.message)
    if reviewed.unexpected and strict:
        pytest.fail(f"[strict] passes, though it is known to fail: {reviewed.unexpected[0].known}", pytrace=False)
    if row.verdict == "inconclusive" and strict:
        pytest.fail(f"[strict] {text}", pytrace=False)


def _dtype(inputs: Any) -> str:
    """Return the format of the first floating array among the inputs; "" where there is none."""
    if isinstance(inputs, tuple | list | dict):
        inner = inputs.values() if isinstance(inputs, dict) else inputs
        return next((d for x in inner if (d := _dtype(x))), "")
    found = str(getattr(inputs, "dtype", "")).removeprefix("torch.")
    return found if "float" in found or "complex" in found else ""


def _to_reproduce(row: Row) -> str:
    code = next((f.snippet for f in row.findings if f.severity == "fault" and f.snippet), "")
    return f"\n\nTo reproduce:\n\n{code}" if code else ""


def _place(f: Any, root: Path) -> str:
    """Return "file:line" of a function, relative to the root where it is below it; "" where there is no source."""
    code = getattr(getattr(f, "__wrapped__", f), "__code__", None)
    if code is None:
        return ""
    path = Path(code.co_filename)
    return f"{path.relative_to(root) if path.is_relative_to(root) else path}:{code.co_firstlineno}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give tests with the arguments gradcheck_target, gradcheck_network, gradcheck_dtype one test for each."""
    names = set(metafunc.fixturenames)
    if not names & {"gradcheck_target", "gradcheck_network", "gradcheck_dtype"}:
        return
    settings, marked = metafunc.config.stash[_SESSION].settings, _marked(metafunc.definition)
    if "gradcheck_target" in names:
        found = settings.targets
        skip = pytest.mark.skip(reason="no target: give --gradcheck-target, or targets in [tool.gradcheck]")
        metafunc.parametrize("gradcheck_target", found or [pytest.param(None, marks=skip, id="no target")])
    if "gradcheck_network" in names:
        metafunc.parametrize("gradcheck_network", _network_names(marked.get("networks") or settings.networks or ("*",)))
    if "gradcheck_dtype" in names:
        metafunc.parametrize("gradcheck_dtype", marked.get("dtypes") or settings.dtypes or ("float64",))


def _network_names(patterns: str | Iterable[str]) -> list[str]:
    from gradcheck.networks.network import networks

    try:
        return [n.name for n in networks.matching(patterns)]
    except GradcheckError as error:
        raise pytest.UsageError(str(error)) from error


# -- results ----------------------------------------------------------------------------------------


class _Collector:
    """Takes the rows out of the reports of tests, wherever these ran.

    Args:
        session: of the controller.
    """

    def __init__(self, session: _Session) -> None:
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
        session.config.pluginmanager.register(_Collector(session.config.stash[_SESSION]), "gradcheck_collector")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Look up known failures, write the files; strict runs fail on what does not match."""
    config = session.config
    mine = config.stash.get(_SESSION, None)
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


def _matrix(mine: _Session) -> Matrix:
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


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print what was checked, the worst, what is unresolved, and where the files are."""
    mine = config.stash.get(_SESSION, None)
    if mine is None or not mine.rows:
        return
    terminalreporter.section("gradient checks")
    for line in _summary(mine):
        terminalreporter.line(line)
    for name in ("gradcheck_report", "gradcheck_json"):
        if config.getoption(name):
            terminalreporter.line(f"written: {config.getoption(name)}")


def _summary(mine: _Session) -> Iterator[str]:
    rows = mine.rows
    counts = {v: sum(r.verdict == v for r in rows) for v in ("pass", "fail", "inconclusive")}
    text = ", ".join(f"{n} {v}" for v, n in counts.items() if n)
    evaluations, seconds = sum(r.evaluations for r in rows), sum(r.seconds for r in rows)
    yield f"{text}; {evaluations:,} evaluations of f, {seconds:.1f} s, seed {mine.settings.seed}"
    resolved = [r for r in rows if r.verdict == "pass" and r.resolution is not None]
    if resolved:
        coarse = max(resolved, key=lambda r: r.resolution or 0.0)
        yield f"coarsest resolution of what passes: {coarse.resolution:.2g} ({_clean(coarse.target)}, {_clean(coarse.network)})"
    wrong = sorted((r for r in rows if r.verdict != "pass"), key=lambda r: (r.verdict != "fail", -(r.worst_ratio or 0.0)))
    for r in wrong[:MOST_SHOWN]:
        yield f"{r.verdict}: {_clean(r.target)} in {_clean(r.network)}: {_clean(r.message)[:200]}"
    if len(wrong) > MOST_SHOWN:
        yield f"... and {len(wrong) - MOST_SHOWN} more"
    if mine.reviewed is not None:
        yield from (_clean(line) for line in mine.reviewed.complaints)


def _clean(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
