"""Hostile functions: `check` ends with a verdict or with an error of ours, and no verdict is wrong."""

import time
import zlib
from collections.abc import Mapping

import numpy as np
import pytest

from gradcheck.errors import GradcheckError
from gradcheck.probe.check import check
from tests.foreign.functions import FUNCTIONS, Layer, X


def _sampled(name):
    """Mark what is left to the deep run; what is raised at one place is a kind."""
    raised = name.startswith(("f raises", "vjp raises", "f answers", "vjp answers"))
    return pytest.param(name, marks=pytest.mark.deep if raised and zlib.crc32(name.encode()) % 10 else ())


@pytest.mark.parametrize("name", [_sampled(n) for n in FUNCTIONS])
def test_verdicts_and_errors(name):
    """What comes is what may come: an error of ours, or a verdict that is right."""
    f, at, given, verdicts, errors = FUNCTIONS[name]
    report, error = _ended(f, at, errors, given)
    if report is not None:
        assert report.verdict in verdicts, str(report)
    else:
        assert type(error).__module__ == "gradcheck.errors"
        assert len(str(error)) < 5000
        assert verdicts not in (("pass",), ("fail",)) or "gives" in name, str(error)  # of these nothing but that verdict is right


def _ended(f, at, errors, given):
    """Return the report, or the error that came instead."""
    try:
        return check(f, at, **given), None
    except errors as error:
        return None, error


@pytest.mark.deep
@pytest.mark.parametrize("name", [n for n in FUNCTIONS if "raises" not in n])
def test_explored(name):
    """With exploration too there is nothing but our errors, and a right derivative does not fail."""
    f, at, given, verdicts, _ = FUNCTIONS[name]
    try:
        report = check(f, at, explore=True, budget=300, **given)
    except GradcheckError:
        return
    assert report.verdict in (*verdicts, "inconclusive"), str(report)


def test_there_are_enough():
    """Two hundred kinds."""
    assert len(FUNCTIONS) >= 200


def test_layers_are_left_as_they_were():
    """Attributes, sums in arrays, counts: a check leaves none of its own."""
    layer = Layer()
    total = layer.sum
    assert check(layer.forward, X, vjp=layer.backward).verdict == "pass"
    assert set(vars(layer)) == {"out", "sum", "count", "wrong"}
    assert layer.sum is total
    assert not layer.sum.any()
    assert layer.count == 0


def test_generators_and_parts_are_left_as_they_were():
    """What a layer draws with, and what its parts hold."""

    class Outer(Mapping):  # a class of Python above it
        __getitem__ = __iter__ = __len__ = None

        def __init__(self):
            self.rng, self.inner, self.seen, self.cache = np.random.default_rng(0), Layer(), [], {"a": (np.zeros(2),)}

        def __call__(self, x):
            self.rng.normal()
            self.seen.append(x)
            self.cache["a"][0][:] += 1
            self.cache["b"] = x
            return np.array(self.inner.forward(x))

    outer = Outer()
    state = outer.rng.bit_generator.state
    assert check(outer, X, vjp=lambda g, x: (g * np.cos(x),)).verdict == "pass"
    assert outer.rng.bit_generator.state == state
    assert outer.seen == []
    assert list(outer.cache) == ["a"]
    assert not outer.cache["a"][0].any()
    assert outer.inner.count == 0


def test_the_process_is_left_as_it_was():
    """The errors of NumPy, and the clock."""
    before, clock = np.geterr(), time.perf_counter
    for name in ("errors of floating point raised, right", "another folder and clock, right"):
        f, at, given, _, _ = FUNCTIONS[name]
        check(f, at, **given)
    assert np.geterr() == before
    assert time.perf_counter is clock
