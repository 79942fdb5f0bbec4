"""Inputs with few bits: exact in their format, more than the next narrower one has, the same on every machine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradcheck
from gradcheck.arith.floating import FORMATS
from gradcheck.vectors.rounded import BITS, short_constants, short_values, shortened


@given(st.floats(min_value=1e-290, max_value=1e290), st.integers(2, 50), st.booleans())
def test_few_bits_and_near(x, bits, negative):
    """So many significant bits at most, and no nearer number has as few."""
    x = -x if negative else x
    found = float(shortened(x, bits))
    assert int(abs(found).as_integer_ratio()[0]).bit_length() <= bits or abs(found) >= 2**bits
    assert abs(found - x) <= abs(x) * 2.0**-bits


@given(st.floats(min_value=1e-290, max_value=1e290))
def test_the_last_bit_of_a_library_is_gone(x):
    """Numbers next to each other become one, but next to a border between two."""
    assert shortened(shortened(x, 32) * (1 + 2.0**-51), 32) == shortened(x, 32)


def test_special_numbers_stay():
    """Zeros, their signs, infinities, subnormal numbers and small integers."""
    x = np.array([0.0, -0.0, np.inf, 5e-324, 3.0, -7.0])
    assert np.array_equal(shortened(x, 8), x)
    assert np.signbit(shortened(-0.0, 8))


@pytest.mark.parametrize(("dtype", "narrower"), [("float64", "float32"), ("float32", "bfloat16")])
def test_bits_of_formats(dtype, narrower):
    """A value is exact in its format, and not in the next narrower one: an engine that computes there shows."""
    network = gradcheck.networks["xor-2-2-1"]
    for name, x in short_values(network.graph, network.values(0, dtype), dtype).items():
        assert x.dtype == FORMATS[dtype]
        assert np.array_equal(shortened(x, BITS[dtype]), x)
        if name.startswith("w"):
            assert not np.array_equal(x.astype(FORMATS[narrower]).astype(np.float64), x)


def test_integers_are_left_alone():
    """Labels and masks are no floats."""
    network = gradcheck.networks["loss-cross-entropy-labels"]
    found = short_values(network.graph, network.values(0), "float64")
    assert any(x.dtype.kind == "i" for x in found.values())


def test_constants_are_short():
    """A constant of the graph has no more bits than an input."""
    graph = short_constants(gradcheck.trace(lambda x: np.sum(x * 0.1), {"x": np.ones(2)}))
    (value,) = (float(x.value) for x in graph.leaves if x.kind == "constant")
    assert value != 0.1
    assert abs(value - 0.1) < 2.0**-33
