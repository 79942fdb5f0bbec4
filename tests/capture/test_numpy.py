"""Recorded NumPy code is the code that was run."""

import math

import numpy as np
import pytest

from gradcheck.arith.floating import Floating
from gradcheck.capture.numpy.record import record_numpy
from gradcheck.engine.reverse import backward, evaluate
from gradcheck.errors import NotTraceable
from tests.capture.numpy_code import CASES
from tests.capture.numpy_programs import program


def gradient(f, x):
    """Return the central differences of a function."""
    out = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        h = np.zeros_like(x)
        h[i] = 1e-6
        out[i] = (f(x + h) - f(x - h)) / 2e-6
    return out


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient(name):
    """The graph has the value of the run and its derivative, and the argument is left as it was."""
    f, x = CASES[name]
    kept = x.copy()
    run = record_numpy(f, [x])
    assert np.array_equal(x, kept)
    np.testing.assert_allclose(evaluate(run.graph, run.values), f(x.copy()), rtol=1e-12)
    found = backward(run.graph, run.values, Floating())[1]["x0"]
    np.testing.assert_allclose(found, gradient(f, x), atol=1e-7)


@pytest.mark.parametrize(
    ("f", "x", "edge"),
    [
        (lambda x: np.where(x > 0, x, 0.0).sum(), [1.0, 0.0], True),
        (lambda x: np.where(x > 0, x, 0.0).sum(), [1.0, 1e-9], False),
        (lambda x: np.where(x > 1, x, 0.0).sum(), [1 + 1e-15, 2.0], True),
        (lambda x: np.where(x > 1, x, 0.0).sum(), [1 + 1e-9, 2.0], False),
        (lambda x: (x * np.sign(x)).sum(), [0.0, 1.0], True),
        (lambda x: (x - np.floor(x)).sum(), [2.0, 1.5], True),
        (lambda x: (x - np.floor(x)).sum(), [2.25, 1.5], False),
        (lambda x: np.sort(x)[0], [1.0, 1.0], True),
        (lambda x: x[np.argmax(x)], [1.0, 1.0], True),
        (lambda x: x[np.argmax(x)], [1.0, 2.0], False),
        (lambda x: x.sum() if x[0] else x[1], [0.0, 1.0], True),
        (lambda x: np.mod(x, 0.5).sum(), [1.5, 0.3], True),
    ],
)
def test_another_branch_is_near(f, x, edge):
    """Where numbers that are compared are equal, or all but equal, the graph is told to be that of one side."""
    assert record_numpy(f, [np.array(x)]).at_edge is edge


OLD = np.zeros(2)


def checked(x):
    """Ask for types, convert by them, and write the results of functions where it was asked to."""
    if not isinstance(x, np.ndarray) or x.dtype != np.float64 or not isinstance(np.sum(x), float | np.floating):
        raise TypeError
    y = 3 * x
    np.clip(y, 0.0, 1.5, out=y)
    z = np.zeros(2)
    np.multiply(y, x, out=z)
    x.sum(out=z[0:1].reshape(()))
    return float(x[0]) * np.float64(x[1]) * y + z


def test_types_and_arrays_to_write_into():
    """A recorded array is an array, its entry is a number, conversions keep both, and `out=` is written into."""
    x = np.array([0.25, 2.0])
    run = record_numpy(checked, [x])
    assert np.array_equal(evaluate(run.graph, run.values), checked(x))
    assert "float" not in checked.__globals__
    assert checked.__globals__["np"] is np


CACHE: dict = {}


def cached(x):
    """Keep what was computed once, as libraries do."""
    if "scale" not in CACHE:
        CACHE["scale"] = np.ones(2) * x[0]
    return np.sum(CACHE["scale"] * x) + CACHE["scale"][1]


def test_what_a_cache_keeps_of_a_recording_is_numbers_again():
    """In the next recording, and in code that is not recorded."""
    x = np.array([0.5, 2.0])
    CACHE.clear()
    first = record_numpy(cached, [x])
    assert evaluate(first.graph, first.values) == 1.75
    again = record_numpy(cached, [2 * x])
    assert evaluate(again.graph, again.values) == cached(2 * x) == 3.0
    kept = CACHE["scale"]
    assert np.array_equal(np.asarray(kept), [0.5, 0.5])
    for numbers in (kept + x, np.exp(kept), np.concatenate([kept, x]), kept[kept > 0], 2 * kept):
        assert np.isfinite(np.asarray(numbers, float)).all()


def newton(x):
    """Return the square root by steps that end where it is near enough."""
    y = x[0]
    while abs(y * y - x[0]) > 1e-6:
        y = (y + x[0] / y) / 2
    return y


def test_a_loop_that_ends_by_its_numbers_is_told():
    """Its derivative is that of the steps, not of what they come near to; a loop of a fixed length is another thing."""
    assert record_numpy(newton, [np.array([2.0])]).loops
    assert not record_numpy(lambda x: sum(v * v for v in x), [np.array([2.0, 3.0])]).loops


@pytest.mark.parametrize(
    "f",
    [
        lambda x: f"{float(x[0]):f}",
        lambda x: np.linalg.svd(x.reshape(1, -1))[1].sum(),
        lambda x: np.asarray(x, np.float32).sum(),
        lambda x: 3.0,
        lambda x: np.add(x, x, where=[True, False]),
        memoryview,
        np.frombuffer,
        lambda x: math.gamma(x[0]),
        lambda x: np.clip(x, 0, 1, OLD) + x,
        lambda x: np.clip(x, 0, 1, out=OLD) + x,
        lambda x: x.sum(0, None, OLD) + x,
        lambda x: x.mean(0, None, OLD) + x,
    ],
)
def test_what_would_lose_the_derivative_is_refused(f):
    """A number that leaves the recording has no derivative any more: that is an error, never a wrong graph."""
    with pytest.raises((NotTraceable, TypeError, AttributeError)):
        record_numpy(f, [np.array([1.0, 2.0])])


@pytest.mark.parametrize(("steps", "fits"), [(9, True), (11, False)])
def test_long_runs_are_given_up(steps, fits):
    """As soon as their values have more entries than are asked for."""

    def f(x):
        for _ in range(steps):
            x = np.sin(x)
        return x

    if fits:
        assert len(record_numpy(f, [np.ones(10)], most=100).graph.nodes) == steps
        return
    with pytest.raises(NotTraceable, match="fewer operations"):
        record_numpy(f, [np.ones(10)], most=100)


def test_numpy_is_left_as_it_was():
    """After a run, and after one that raises."""
    before = {name: getattr(np, name) for name in ("zeros", "array", "full_like")} | {"exp": math.exp}

    def broken(x):
        np.zeros(3)[0] = x[0]
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        record_numpy(broken, [np.ones(2)])
    record_numpy(np.sum, [np.ones(2)])
    assert {name: getattr(np, name) for name in ("zeros", "array", "full_like")} | {"exp": math.exp} == before


def _reproduced(seed):
    """Compare a random program's graph with the program; a write to what may or may not be a view is refused."""
    f, x = program(seed)
    try:
        run = record_numpy(f, [x.copy()])
    except NotTraceable:
        return False
    loss, gradients = backward(run.graph, run.values, Floating())[:2]
    np.testing.assert_allclose(loss, f(x.copy()), rtol=1e-9, err_msg=f"seed {seed}")
    if not run.at_edge:
        found = gradient(lambda v: f(v.copy()), x)
        np.testing.assert_allclose(gradients["x0"], found, atol=1e-5 * max(1.0, np.max(np.abs(found))), err_msg=f"seed {seed}")
    return True


def test_random_programs_are_reproduced():
    """Views, writes in place, masks, loops that fill arrays; nearly all are recorded."""
    assert sum(map(_reproduced, range(60))) >= 55


@pytest.mark.deep
def test_many_random_programs_are_reproduced():
    """The same, 5,000 of them."""
    assert sum(map(_reproduced, range(60, 5_060))) >= 4_900
