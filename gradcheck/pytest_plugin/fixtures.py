"""What tests use: fixtures that check gradients, the marker, networks, targets and formats as parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gradcheck.errors import GradcheckError
from gradcheck.pytest_plugin.record import keep, unanswered
from gradcheck.pytest_plugin.session import SESSION, Session

if TYPE_CHECKING:
    from gradcheck.probe.examination.report import Report
    from gradcheck.result.finding import Row

_KEYWORDS = ("explore", "domain", "budget", "seed", "accuracy", "order", "networks", "dtypes")


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

    The marker ``@pytest.mark.gradcheck(explore=..., domain=..., budget=..., seed=..., accuracy=..., order=...)`` says how to check;
    arguments of a call go before it.
    """
    session, marked = request.config.stash[SESSION], _marked(request.node)
    settings = session.settings
    defaults = {"seed": settings.seed, "budget": settings.budget, "explore": settings.explore}
    defaults |= {k: v for k, v in marked.items() if k not in ("networks", "dtypes")}

    def run(f: Any, inputs: Any, **given: Any) -> Report:
        from gradcheck.probe.check import check

        __tracebackhide__ = True
        name = getattr(f, "__name__", type(f).__name__)
        usual = {"seed": defaults["seed"]} if given.get("reference") is not None else defaults  # a kernel is not explored
        with _answering(request, name):
            report = check(f, inputs, **(usual | given))
        doubted = next((given[k] for k in ("vjp", "grad", "jvp", "hvp", "hessian") if given.get(k) is not None), f)
        place = _place(doubted, request.config.rootpath)
        row = report.as_row(name, request.node.nodeid, place, _dtype(inputs))
        _settle(request, session, row, str(report) + _to_reproduce(row))
        return report

    return run


@pytest.fixture
def gradcheck_validate(request: pytest.FixtureRequest) -> Callable[..., Row]:
    """Return a function (target, network, dtype) -> row that judges one run, and raises if it is wrong."""
    session = request.config.stash[SESSION]

    def run(target: Any, network: Any, dtype: str = "float64", *, seed: int | None = None) -> Row:
        from gradcheck.render.terminal import as_text
        from gradcheck.validation.validate import validate

        __tracebackhide__ = True
        settings = session.settings
        with _answering(request, target if isinstance(target, str) else getattr(target, "name", type(target).__name__)):
            matrix = validate(target, network, dtypes=(dtype,), seed=settings.seed if seed is None else seed, timeout=settings.timeout)
        for skipped in matrix.skipped:
            keep(request.node, skipped)
        if not matrix.rows:
            pytest.skip(matrix.skipped[0].reason if matrix.skipped else "nothing was tested")
        (row,) = matrix.rows
        _settle(request, session, row, as_text(matrix) if row.verdict == "fail" else str(row))
        return row

    return run


@contextmanager
def _answering(request: pytest.FixtureRequest, name: Any) -> Iterator[None]:
    """Keep a row of a check that raises."""
    __tracebackhide__ = True
    try:
        yield
    except BaseException as error:
        from gradcheck.foreign.gate import description_of

        keep(request.node, unanswered(str(name), request.node.nodeid, description_of(error)))
        raise


def _settle(request: pytest.FixtureRequest, session: Session, row: Row, text: str) -> None:
    """Keep a row; raise where the test is not to pass."""
    from gradcheck.errors import GradientWrong
    from gradcheck.validation.known import review

    __tracebackhide__ = True
    reviewed = review([row], session.known)
    (row,) = reviewed.rows
    keep(request.node, row)
    strict = session.settings.strict
    if row.verdict == "fail":
        raise GradientWrong(text)
    if row.known:
        pytest.xfail(row.message)
    if reviewed.unexpected and strict:
        pytest.fail(f"[strict] passes, though it is known to fail: {reviewed.unexpected[0].known}", pytrace=False)
    if row.error:  # a target that could not be made, or raised, has not been tested
        pytest.fail(text, pytrace=False)
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
    settings, marked = metafunc.config.stash[SESSION].settings, _marked(metafunc.definition)
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
