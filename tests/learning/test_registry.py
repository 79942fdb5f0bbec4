"""Optimisers by name."""

import sys

import pytest

from gradcheck.errors import BadInput, MissingDependency
from gradcheck.learning import registry


def still(w, g, state, settings):
    """Return what it was given: no step."""
    return w, state


def test_a_function(monkeypatch, tmp_path):
    """module:attribute is a step function, checked as the rule that is named."""
    (tmp_path / "mysteps.py").write_text("def still(w, g, state, settings):\n    return w, state\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    ((name, check),) = registry.checks("mysteps:still", "descent")
    assert name == "mysteps:still"
    assert check().verdict == "fail"


@pytest.mark.parametrize(("name", "rule", "message"), [("nothing", "adam", "module:attribute"), ("sys:nothing", "adam", "importing it raised"),
                                                       ("sys:path", "adam", "function or a class"), ("sys:exit", "", "--optimizer")])  # fmt: skip
def test_usage(name, rule, message):
    """What is not there, or has no rule, is refused."""
    with pytest.raises(BadInput, match=message):
        list(registry.checks(name, rule))


@pytest.mark.core
def test_without_torch(monkeypatch):
    """Where torch is missing, that is said with the remedy."""
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "gradcheck.learning.torch", raising=False)
    with pytest.raises(MissingDependency, match=r"gradcheck\[torch\]"):
        list(registry.checks("torch"))
