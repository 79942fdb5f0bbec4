"""Work that goes on where it was cut off."""

from dataclasses import dataclass

import pytest

from gradcheck.bench.resuming import resumed
from gradcheck.errors import BadDocument
from gradcheck.files.journal import Journal


@dataclass
class Found:
    """A result."""

    name: str
    size: int


class Work:
    """Counts, and is interrupted at one name."""

    def __init__(self, stop=""):
        self.done, self.stop = [], stop

    def __call__(self, name):
        if name == self.stop:
            raise KeyboardInterrupt
        self.done.append(name)
        return [Found(name, len(name))]


def _read(data):
    return [Found(**x) for x in data]


def test_it_goes_on(tmp_path):
    """What was done before the interruption is not done again, and comes in its place."""
    names, first, second = ["a", "bb", "ccc"], Work(stop="ccc"), Work()
    with Journal(tmp_path / "j", {}) as journal, pytest.raises(KeyboardInterrupt):
        list(resumed(first, names, 1, _read, journal))
    with Journal(tmp_path / "j", {}, resume=True) as journal:
        assert list(resumed(second, names, 1, _read, journal)) == [[Found(n, len(n))] for n in names]
    assert (first.done, second.done) == (["a", "bb"], ["ccc"])
    assert list(resumed(Work(), names, 1, _read)) == [[Found(n, len(n))] for n in names]


@pytest.mark.parametrize("data", [None, [None], [{}], [{"name": "a", "other": 1}], "text"])
def test_results_of_another_kind(data, tmp_path):
    """A journal that holds something else is refused."""
    with Journal(tmp_path / "j", {}) as journal:
        journal.add("a", data)
        with pytest.raises(BadDocument, match="expected a result of 'a'"):
            list(resumed(Work(), ["a"], 1, _read, journal))
