"""The file of a session: a row of every gradcheck test whatever happened to it, in the order of the tests, and never a pass where one is missing."""

import json
import sys

import pytest

from gradcheck.result import stored

#: What may happen to a test that has a gradcheck fixture, before, between and after checks.
FATES = '''
import os, sys
import numpy as np
import pytest
from gradients import f, right

X = np.linspace(-2, 2, 7)
calls = []


def later(x):
    calls.append(1)
    if len(calls) > 1:
        raise RuntimeError("the second call")
    return np.tanh(x)


def leaves(x):
    sys.exit(0)


@pytest.fixture
def broken():
    raise OSError("no such fixture")


def test_right(gradcheck):
    gradcheck(f, X, vjp=right)


def test_raises_later(gradcheck):
    gradcheck(later, X, vjp=right)


def test_leaves(gradcheck):
    gradcheck(leaves, X, vjp=right)


def test_one_of_two(gradcheck):
    gradcheck(f, X, vjp=right)
    gradcheck(leaves, X, vjp=right)


def test_leaves_itself(gradcheck):
    sys.exit(0)


def test_skips(gradcheck):
    pytest.skip("not today")


@pytest.mark.skip(reason="never")
def test_is_skipped(gradcheck):
    pass


def test_setup(broken, gradcheck):
    pass


def test_checks_nothing(gradcheck):
    pass


def test_of_others():
    pass


def test_last(gradcheck):
    gradcheck(f, X, vjp=right)
'''
ORDER = [
    ("test_right", "pass"), ("test_raises_later", "inconclusive"), ("test_leaves", "inconclusive"), ("test_one_of_two", "pass"), ("test_one_of_two", "inconclusive"),
    ("test_leaves_itself", "inconclusive"), ("test_setup", "inconclusive"), ("test_checks_nothing", "inconclusive"), ("test_last", "pass"),
]  # fmt: skip


def result(repository, *arguments, process=False):
    """Return what pytest says, and the result that it wrote."""
    run = repository.runpytest_subprocess if process else repository.runpytest_inprocess
    done = run("-p", "no:randomly", "--gradcheck-json=result.json", *arguments)
    return done, stored.read(repository.path / "result.json")


def fates(matrix):
    """Return test and verdict of each row, in order."""
    return [(r.network.rpartition("::")[2], r.verdict) for r in matrix.rows]


@pytest.fixture
def fated(repository):
    """Return a repository in which everything happens to tests."""
    repository.makepyfile(test_gradients=FATES)
    return repository


@pytest.mark.parametrize("workers", [(), pytest.param(("-n", "3"), marks=pytest.mark.deep)], ids=["one process", "xdist"])
def test_a_row_of_every_test(fated, workers):
    """Whatever is raised, left or skipped, in the order of the tests; none of it is a pass."""
    done, matrix = result(fated, *workers, process=bool(workers))
    assert fates(matrix) == ORDER
    assert [(s.network.rpartition("::")[2], s.reason) for s in matrix.skipped] == [("test_skips", "not today"), ("test_is_skipped", "never")]
    assert (matrix.complete, matrix.extent, matrix.verdict) == (True, "11 of 11 rows", "inconclusive")
    told = {r.network.rpartition("::")[2]: r.message for r in matrix.rows}
    assert "the second call" in told["test_raises_later"]
    assert "SystemExit" in told["test_leaves"]
    assert "SystemExit" in told["test_leaves_itself"]
    assert "no such fixture" in told["test_setup"]
    assert told["test_checks_nothing"] == "the test ended without a check"
    assert done.ret == pytest.ExitCode.TESTS_FAILED


def test_tests_that_never_ran(fated):
    """A session that stops early is incomplete, and says so wherever it is shown."""
    done, matrix = result(fated, "-x")
    assert (matrix.complete, matrix.extent, matrix.verdict) == (False, "2 of 10 rows", "inconclusive")
    assert "incomplete: 2 of 10 rows" in done.stdout.str()


@pytest.mark.deep
def test_tests_that_no_worker_ran(repository):
    """The controller of pytest-xdist knows how many gradcheck tests there are, though it is told ids alone."""
    repository.makepyfile(test_gradients=CRASH.format(count=40, at=0).replace("os._exit(0)", "raise ValueError"))
    _, matrix = result(repository, "-n", "2", "-x", process=True)
    assert (matrix.complete, matrix.expected) == (False, 40)
    assert "test_gradients.py::test_it[0]" in {r.network for r in matrix.rows}


def test_modules_that_cannot_be_imported(fated):
    """Nobody knows how many tests they have: the result is incomplete."""
    fated.makepyfile(test_broken="raise RuntimeError('no module')")
    done, matrix = result(fated, "--continue-on-collection-errors")
    assert (matrix.complete, matrix.extent) == (False, "11 rows")
    assert "incomplete: 11 rows" in done.stdout.str()


def test_interrupted_while_it_collects(repository):
    """Then nobody knows of any test, and nothing is complete."""
    repository.makepyfile(test_aaa="raise KeyboardInterrupt")
    done, matrix = result(repository, process=True)
    assert done.ret == pytest.ExitCode.INTERRUPTED
    assert (matrix.complete, matrix.expected, len(matrix)) == (False, None, 0)


CRASH = '''
import os
import numpy as np
import pytest
from gradients import f, right

@pytest.mark.parametrize("k", range({count}))
def test_it(gradcheck, k):
    if k == {at}:
        os._exit(0)
    gradcheck(f, np.linspace(-2, 2, 7), vjp=right)
'''


def test_the_process_ends(repository):
    """An exit past Python leaves what was kept before it, incomplete, and not the file of an earlier session."""
    earlier = {"schema": "gradcheck-result/1", "rows": [], "skipped": []}
    (repository.path / "result.json").write_text(json.dumps(earlier))
    repository.makepyfile(test_gradients=CRASH.format(count=4, at=2))
    done, matrix = result(repository, process=True)
    assert done.ret == 0  # pytest's own, which nobody can change any more
    assert not matrix.complete
    assert matrix.expected == 4
    assert len(matrix.rows) <= 2
    assert matrix.verdict == "inconclusive"


@pytest.mark.deep
def test_a_worker_ends(repository):
    """A worker of pytest-xdist that dies has a row for the test in which it did."""
    repository.makepyfile(test_gradients=CRASH.format(count=24, at=7))
    done, matrix = result(repository, "-n", "2", process=True)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    assert [r.network for r in matrix.rows] == [f"test_gradients.py::test_it[{k}]" for k in range(24)]
    assert (matrix.complete, matrix.extent) == (True, "24 of 24 rows")
    assert [(k, r.error) for k, r in enumerate(matrix.rows) if r.verdict != "pass"] == [(7, True)]


def test_files_that_cannot_be_written(repository, monkeypatch):
    """Known before any test where that can be; else every file is tried, and no run passes without them."""
    (repository.path / "folder").mkdir()
    for option in ("--gradcheck-json=folder", "--gradcheck-report=gone/report.html"):
        done = repository.runpytest_inprocess(option)
        assert done.ret == pytest.ExitCode.USAGE_ERROR
        assert "expected a" in done.stderr.str()
    repository.makepyfile(test_gradients="""
        import os
        import numpy as np
        from gradients import f, right

        def test_it(gradcheck):
            gradcheck(f, np.ones(3), vjp=right)
            os.unlink("result.json")
            os.mkdir("result.json")
    """)
    done = repository.runpytest_inprocess("--gradcheck-json=result.json", "--gradcheck-report=report.html")
    assert done.ret == pytest.ExitCode.INTERRUPTED
    assert "expected a regular file" in done.stdout.str()
    assert "1 pass" in done.stdout.str()
    assert "<h1>" in (repository.path / "report.html").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="paths are others there")
def test_another_folder(repository):
    """A test that changes the folder moves no file."""
    repository.makepyfile(test_gradients="""
        import os
        import numpy as np
        from gradients import f, right

        def test_it(gradcheck):
            os.chdir("/")
            gradcheck(f, np.ones(3), vjp=right)
    """)
    assert fates(result(repository)[1]) == [("test_it", "pass")]
