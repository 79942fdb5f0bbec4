"""Targets in use."""

import sys

import pytest

from gradcheck.errors import BadInput, TargetFailed, UnknownName
from gradcheck.targets import Description, Known
from gradcheck.targets.opening import all_opened, opened

#: A program that says hello and no more.
IDLE = """
import sys, time
input()
print('{"id": 0, "success": true, "name": "idle", "dtypes": ["float64"]}', flush=True)
for line in sys.stdin:
    time.sleep(60)
"""


def test_names_and_callables():
    """What a run would take."""
    with opened("reference") as d:
        assert d.spec == "reference"
    with opened(lambda graph, values: (0.0, {})) as d:
        assert d.name == "<lambda>"


def test_a_program_is_ended(tmp_path):
    """It is there in the block, with its time limit, and gone after it."""
    path = tmp_path / "idle.py"
    path.write_text(IDLE)
    with opened(f"{sys.executable} {path}", timeout=7) as d:
        process = d.target
        assert (d.name, process.timeout, d.dtypes) == ("idle", 7, ("float64",))
        assert process._program is not None
    assert process._program is None


def test_usage():
    """What is none is refused."""
    for target, error in (("no-such-target", UnknownName), ("./no-such-engine", TargetFailed), (3, TargetFailed)):
        with pytest.raises(error), opened(target):
            pass
    with pytest.raises(BadInput, match="timeout"), opened("./engine", timeout=-1):
        pass


class Named:
    """A target of some name, with all that it may say of itself."""

    version, dtypes, slack, flushes, accumulates = "2", ["float32"], 2, True, {"float16": "float32"}
    known, most_random, unjudged, second_modes, spec = [Known("*", "a", "b")], 3, {"float64"}, ("a", "b"), "somewhere:Named"

    def __init__(self, name):
        self.name = name

    def run(self, graph, values):
        """Never called."""


def test_attributes():
    """They are kept in types of our own."""
    d = Description.of(Named("n"))
    found = (d.name, d.version, d.dtypes, d.slack, d.flushes, d.accumulates, d.known, d.most_random, d.unjudged, d.second_modes, d.spec)
    assert found == ("n", "2", ("float32",), 2.0, True, {"float16": "float32"}, (Known("*", "a", "b"),), 3, ("float64",), ("a", "b"), "somewhere:Named")
    assert type(d.slack) is float


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a", "b"], ["a", "b"]), (["a", "a"], ["a (somewhere:Named)", "a (somewhere:Named) (2)"]),
        (["a", "a", "a (somewhere:Named)"], ["a (somewhere:Named) (2)", "a (somewhere:Named) (3)", "a (somewhere:Named)"]),
    ],
)  # fmt: skip
def test_told_apart(names, told):
    """No two targets of a run have one name, whatever they say; a built-in one keeps its own."""
    with all_opened([Named(n) for n in names]) as found:
        assert [d.name for d in found] == told
    with all_opened(["reference", Named("reference"), "reference"]) as found:
        assert [d.name for d in found] == ["reference", "reference (somewhere:Named)", "reference (2)"]


class Modes(Named):
    """A target with ways to second derivatives."""

    def __init__(self, name, *modes):
        super().__init__(name)
        self.second_modes = modes


def test_names_of_rows_are_told_apart():
    """A name and a way to second derivatives are never the name and way of another target."""
    with all_opened([Modes("a: b", "x", "y"), Modes("a", "b: x", "c")]) as found:
        labels = [d.label(mode) for d in found for mode in d.second_modes]
        assert len(set(labels)) == 4


@pytest.mark.parametrize("name", ["./my\u00a0engine", "./x\ny", "a\u00a0b:c", " /"])
def test_any_name_that_cannot_be_used(name):
    """Characters that cannot be shown are replaced in the name of what stands for the target."""
    with all_opened([name, "reference"]) as (bad, good):
        assert good.name == "reference"
        assert bad.name.isprintable()


def test_one_that_cannot_be_used_says_why():
    """In place of the target there is one whose every run raises the reason; an unknown name is a mistake of the caller."""
    with all_opened(["no_such_module:x", "reference"]) as (bad, good):
        assert good.name == "reference"
        with pytest.raises(TargetFailed, match="no_such_module"):
            bad.target.run(None, {})
    with pytest.raises(UnknownName), all_opened(["reference", "no-such-target"]):
        pass
