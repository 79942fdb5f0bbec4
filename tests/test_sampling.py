"""What of a sweep runs by default, and what of the deep tests runs in a sample of them."""

from pathlib import Path

import pytest

SWEEP = """
import pytest


@pytest.mark.sweep("name", one_in=10)
@pytest.mark.parametrize("name", ["a", "b", "c"])
@pytest.mark.parametrize("k", range(40))
def test_of_entries(name, k):
    pass


@pytest.mark.sweep(one_in=1000)
@pytest.mark.parametrize("k", range(40))
def test_of_numbers(k):
    pass


@pytest.mark.deep
@pytest.mark.parametrize("k", range(40))
def test_deep(k):
    pass
"""
INI = "[pytest]\naddopts = -p no:cacheprovider\nmarkers =\n  deep: long\n  sweep: over a registry\n"


@pytest.fixture
def chosen(pytester):
    """Return a function that gives the names of the cases that options choose."""
    pytester.makeconftest((Path(__file__).parent / "conftest.py").read_text(encoding="utf-8"))
    pytester.makeini(INI)
    pytester.makepyfile(test_sweep=SWEEP)

    def collect(*options):
        lines = pytester.runpytest_inprocess("--collect-only", "-q", *options).outlines
        return {x.partition("::")[2] for x in lines if "::" in x}

    return collect


def test_every_entry_is_kept(chosen):
    """By default about one case in ten, each entry at least once, and of a test one case at least."""
    found = chosen("-m", "not deep")
    assert {x.partition("-")[2] for x in found if "entries" in x} == {"a]", "b]", "c]"}
    assert 3 <= sum("entries" in x for x in found) <= 30
    assert sum("numbers" in x for x in found) == 1
    assert not any("test_deep" in x for x in found)
    assert found == chosen("-m", "not deep")


def test_nothing_is_lost(chosen):
    """What the default leaves out is deep; together they are everything."""
    quick, deep = chosen("-m", "not deep"), chosen("-m", "deep")
    assert not quick & deep
    assert len(quick | deep) == 3 * 40 + 40 + 40 == len(chosen())


def test_a_sample_of_what_is_deep(chosen):
    """One deep case in so many, the same ones each time."""
    deep, sample = chosen("-m", "deep"), chosen("-m", "deep", "--one-in", "4")
    assert sample < deep
    assert len(deep) / 8 < len(sample) < len(deep) / 2
    assert sample == chosen("-m", "deep", "--one-in", "4")
