"""One test for each target, network or operation, and format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gradcheck.networks.network import networks
from gradcheck.networks.specimen import operation_names
from gradcheck.pytest_plugin import chosen
from gradcheck.verdict.finding import Row


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make the cases, with ids that depend on nothing but their names."""
    settings = chosen(metafunc.config)
    skip = pytest.mark.skip(reason="no target: give --gradcheck-target, or targets in [tool.gradcheck]")
    if not settings.targets:
        metafunc.parametrize("case", [pytest.param(("", "", ""), marks=skip, id="no target")])
        return
    if metafunc.definition.name == "test_network":
        names = [n.name for n in networks.matching(settings.networks or ("*",))]
    else:
        names = operation_names() if not settings.networks else []
    cases = [(t, n, d) for t in settings.targets for d in settings.dtypes or ("float64",) for n in names]
    metafunc.parametrize("case", cases, ids=["/".join(c) for c in cases])


def test_network(case: tuple[str, str, str], gradcheck_validate: Callable[..., Row]) -> None:
    """The gradients of a network are right."""
    _right(gradcheck_validate(*case))


def test_operation(case: tuple[str, str, str], gradcheck_validate: Callable[..., Row]) -> None:
    """The value and the gradients of an operation are right."""
    _right(gradcheck_validate(*case))


def _right(row: Any) -> None:
    assert row.verdict != "fail"
