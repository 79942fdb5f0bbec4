"""One test for each target, network or operation, and format."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase

import pytest

from gradcheck.networks.network import networks
from gradcheck.networks.specimen import operation_names
from gradcheck.pytest_plugin import chosen
from gradcheck.result.finding import Row


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make the cases, with ids that depend on nothing but their names."""
    settings = chosen(metafunc.config)
    if not settings.targets:
        skip = pytest.mark.skip(reason="no target: give --gradcheck-target, or targets in [tool.gradcheck]")
        metafunc.parametrize("case", [pytest.param(("", "", ""), marks=skip, id="no target")])
        return
    names = _names(settings.networks)
    cases = [(t, n, d) for t in settings.targets for d in settings.dtypes or ("float64",) for n in names]
    metafunc.parametrize("case", cases, ids=["/".join(c) for c in cases])


def _names(patterns: tuple[str, ...]) -> list[str]:
    """Return networks and operations that match; everything unless patterns are given."""
    parts = [q for p in patterns for q in p.split(",")]
    nets = [p for p in parts if not p.startswith("op/")]
    ops = [n for n in operation_names() if not parts or any(fnmatchcase(n, p) for p in parts)]
    return [n.name for n in networks.matching(nets or ("*",))] + ops if nets or not parts else ops


def test_gradients(case: tuple[str, str, str], gradcheck_validate: Callable[..., Row]) -> None:
    """The values and the gradients of a network, or of one operation, are right."""
    assert gradcheck_validate(*case).verdict != "fail"
