"""Values of several formats in one network, masks that are infinite, and what a careful kernel acquits."""

import ml_dtypes
import numpy as np
import pytest

from gradcheck.arith.running import Roundoff, Running
from gradcheck.compare.certificate import Certifier
from gradcheck.compare.formats import Formats
from gradcheck.graph.graph import Graph, Leaf, Node
from gradcheck.targets.target import Run

X = np.float32([1.2345678, -0.7654321, 3.3333333])
GRAPH = Graph([Leaf("x", "parameter", (3,))], [Node("y", "reshape", ("x",), {"shape": (3,)}), Node("z", "square", ("y",)), Node("s", "sum", ("z",))], ["s"])


def bfloat16(x):
    """Return numbers rounded to bfloat16, as float32."""
    return np.asarray(x).astype(ml_dtypes.bfloat16).astype(np.float32)


def exceeded(gradient, value=None):
    """Return the values beyond their bound of a cast to bfloat16 and a square there."""
    y = bfloat16(X) if value is None else value
    z = bfloat16(y * y)
    run = Run(bfloat16(z.sum()), {"x": gradient}, {"y": y, "z": z}, {"y": bfloat16(2 * y), "z": np.ones(3)})
    formats = Formats({"x": "float32", "y": "bfloat16", "z": "bfloat16", "s": "bfloat16"}, {f: Roundoff.of(f) for f in ("float32", "bfloat16")})
    made = Certifier(GRAPH, {"x": X}, run, formats.roundoffs["float32"], "float64", formats=formats).certify()
    return [c.name for c in made.exceeded]


def test_a_cast_rounds_once():
    """What moves into a narrower format is rounded there, and no more; its gradient comes back as it is."""
    assert exceeded(bfloat16(2 * bfloat16(X))) == []
    assert exceeded(bfloat16(2 * bfloat16(X)) * np.float32(1 + 1e-5)) == ["x"]
    assert exceeded(bfloat16(2 * bfloat16(X)), bfloat16(X) * np.float32([1, 1 + 2**-6, 1])) != []


@pytest.mark.parametrize("mask", [-np.inf, float(np.finfo(np.float32).min)])
def test_masks_have_bounds(mask):
    """A number below a mask is masked: no overflow, whatever is added that is small beside it."""
    m = Running(Roundoff.of("float32"))
    y = m.array(np.float32([-3.0, 2.0])) + m.array(np.float32([mask, 0.0]))
    assert np.isfinite(y.radius()).all()
    assert y.value[0] <= float(np.finfo(np.float32).min)


def test_what_is_beyond_the_format_has_no_bound():
    """The sum of two largest numbers overflows."""
    m = Running(Roundoff.of("float32"))
    largest = np.float32([np.finfo(np.float32).max])
    assert np.isinf((m.array(largest) + m.array(largest)).radius()).all()
