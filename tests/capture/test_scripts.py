"""A wrong call of a recorded run is written as a script that needs torch alone."""

import math
from collections import namedtuple

import pytest

torch = pytest.importorskip("torch")

import gradcheck  # noqa: E402
from gradcheck.capture.code import Code  # noqa: E402
from tests.capture import faulty, scripts  # noqa: E402

OFFSET = (1.0, 2.0)
Pair = namedtuple("Pair", "a b")


def shifted(x):
    """Refers to a constant of its module."""
    return x + OFFSET[0]


def outer(x):
    """Refers to another function, and to a library."""
    return math.sqrt(2.0) * shifted(x)


def test_a_faulty_model_becomes_a_script():
    """It runs where nothing of ours is, and ends with status 1; without the fault it ends with 0."""
    row = scripts.shown(faulty.Attention, faulty.Encoder)
    assert (row.verdict, row.status) == ("fail", 1)
    assert row.entries <= 12
    assert "import gradcheck" not in row.script
    assert scripts.ran(row.script.replace("d = p * (g @ v.mT)", "h = g @ v.mT\n        d = p * (h - (h * p).sum(-1, keepdim=True))")) == 0


@pytest.mark.deep
@pytest.mark.parametrize("host", faulty.HOSTS, ids=lambda h: h.__name__)
@pytest.mark.parametrize("function", faulty.FUNCTIONS, ids=lambda f: f.__name__)
def test_every_faulty_model_becomes_a_script(function, host):
    """Within a minute, of a few numbers."""
    row = scripts.shown(function, host)
    assert (row.verdict, row.status) == ("fail", 1)
    assert row.entries <= 12
    assert row.seconds < 60


def test_a_kernel_of_torch_becomes_a_script():
    """hardsigmoid's slope is 1/6 in single precision, in float64 too."""
    x = torch.linspace(-1, 1, 5, dtype=torch.float64, requires_grad=True)
    row = gradcheck.record(torch.nn.functional.hardsigmoid, x).validate()
    script = next((f.snippet for f in row.findings if f.severity == "fault"), "")
    if row.verdict == "fail":  # a release may mend it
        assert "torch.ops.aten.hardsigmoid" in script


def test_what_has_no_source_has_no_script():
    """A Function that is made by other code, of functions that it was given: the verdict stands, without a script."""
    from tests.capture.functions import PAIRS

    pair = PAIRS["gelu"]
    x = torch.randn(pair.shapes[0], requires_grad=True)
    row = gradcheck.record(pair.function(right=False).apply, x).validate()
    assert row.verdict == "fail"
    assert not any(f.snippet for f in row.findings)


def test_code_brings_what_it_refers_to():
    """Constants by value, libraries by import, functions by source, in an order that runs."""
    code = Code()
    code.define("outer", outer)
    assert not code.missing
    names: dict = {}
    exec(compile("\n".join(code.lines), "<made>", "exec"), names)
    assert names["outer"](0.5) == outer(0.5)
    assert code.lines[0] == "import math"


@pytest.mark.parametrize("x", [lambda x: x, Pair, object()], ids=["lambda", "made class", "object"])
def test_code_tells_what_it_cannot_bring(x):
    """The name is missing then."""
    code = Code()
    code.define("given", x)
    assert code.missing == ["given"]
