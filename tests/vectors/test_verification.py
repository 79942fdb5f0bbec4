"""Engines against vectors: right ones pass, wrong ones fail with the name of the mistake."""

import json
import math

import numpy as np
import pytest

from gradcheck.errors import CannotExpress, UnknownName
from gradcheck.targets.known import Known
from gradcheck.targets.reference import Reference
from gradcheck.targets.target import Run
from gradcheck.vectors.verification import SCHEMA, verify
from tests.vectors.sets import exported, shipped

XOR = ["xor-2-2-1"]


class Engine(Reference):
    """The reference, changed."""

    def __init__(self, change=lambda run, values: run, **optional):
        super().__init__(name="engine")
        self._change = change
        for name, x in optional.items():
            setattr(self, name, x)

    def run(self, graph, values):
        """Return the reference's answer, changed."""
        return self._change(super().run(graph, values), values)


def row(engine, name="networks/xor-2-2-1/float64"):
    """Return how an engine fares with one vector."""
    (found,) = verify(engine, shipped(), tags=[name]).rows
    return found


@pytest.mark.deep
def test_the_reference_passes_everything():
    """All formats, nothing skipped."""
    found = verify("reference", shipped())
    assert found.verdict == "pass"
    assert [s.dtype for s in found.by_dtype()] == ["float64", "float32", "float16", "bfloat16"]
    assert sum(s.passed for s in found.by_dtype()) == len(shipped()) == len(found.rows)
    assert all(0 < s.ratio <= 1 and 0 < s.median < 4 for s in found.by_dtype())


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_libraries_pass(name):
    """A part of the set; what fails is known."""
    pytest.importorskip(name)
    found = verify(name, shipped(), dtypes=["float64"], tags=["classic", "stan-1679-*", "keras-2960-*"] if name == "torch" else ["activation"])
    assert found.verdict == "pass"
    assert sum(s.passed for s in found.by_dtype()) >= 18


@pytest.mark.deep
@pytest.mark.parametrize("name", ["torch", "jax"])
def test_libraries_pass_all(name):
    """The whole set, and one in twelve for JAX, which takes a quarter of an hour; what fails is known."""
    pytest.importorskip(name)
    names = [v.name for v in shipped()]
    found = verify(name, shipped(), tags=names[::12] if name == "jax" else names)
    assert found.verdict == "pass"
    assert len(found.rows) >= 100


def test_a_wrong_gradient_fails():
    """One entry of one weight, by a relative 1e-9."""
    wrong = row(Engine(lambda run, _: Run(run.loss, {k: x * (1 + 1e-9) for k, x in run.gradients.items()})))
    assert wrong.status == "fail"
    assert wrong.ratio > 1e3
    assert "expected" in wrong.message
    assert "times what is allowed" in wrong.message


def test_a_historical_mistake_is_named():
    """Whoever keeps the last copy of a repeated row only fails the vector that is there for it."""
    made = row(Engine(lambda run, _: Run(run.loss, {k: np.minimum(x, 1.5) for k, x in run.gradients.items()})), "faults/pytorch-1528-index/float64")
    assert (made.status, made.fault) == ("fail", "pytorch-1528-index")


def _raise(error):
    raise error


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        (lambda run, _: _raise(CannotExpress("no xor here")), "skipped", "no xor here"), (lambda run, _: _raise(ZeroDivisionError("0")), "fail", "ZeroDivisionError: 0"),
        (lambda run, _: None, "fail", "expected a Run with a mapping of gradients; got None"), (lambda run, _: Run(run.loss, {}), "fail", "got none"),
        (lambda run, _: Run(None, run.gradients), "fail", "loss: expected"),
        (lambda run, values: (values["w1"].fill(0), run)[1], "fail", "it changed its input 'w1' in place"),
        (lambda run, _: Run(run.loss, run.gradients, plain_gradients={k: -x for k, x in run.gradients.items()}), "fail", "gradient of"),
    ],
    ids=["cannot", "raises", "no run", "no gradients", "no loss", "in place", "plain program"],
)  # fmt: skip
def test_other_answers(change, status, told):
    """What an engine cannot do is skipped, what it does badly fails."""
    found = row(Engine(change))
    assert found.status == status
    assert told in found.message


def test_formats_and_flushing():
    """A format that the engine does not have, and vectors that ask for subnormal numbers from one that flushes them."""
    assert row(Engine(dtypes=("float32",))).message == "the target has no float64"
    assert row(Engine(flushes=True), "networks/subnormal-float32/float32").status == "skipped"
    assert row(Engine(flushes=True), "networks/xor-2-2-1/float32").status == "pass"


def test_known_failures_and_slack():
    """What a target declares is known where it names the network and an operation that is there; its slack is a factor."""
    wrong = lambda run, _: Run(run.loss, {k: -x for k, x in run.gradients.items()})
    for op, status in (("", "known"), ("logistic", "known"), ("conv2d", "fail")):
        found = row(Engine(wrong, known=(Known("xor-*", "signs are hard", "https://example.org/1", op=op),)))
        assert found.status == status
    assert row(Engine(wrong, known=(Known("adaline", "signs are hard", "https://example.org/1"),))).status == "fail"
    far = lambda run, _: Run(run.loss, {k: x * (1 + 3e-15) for k, x in run.gradients.items()})
    assert row(Engine(far)).ratio > row(Engine(far, slack=4.0)).ratio > 0


def test_callables_and_folders():
    """A plain function, a set in a folder, in both formats of files."""
    engine = Reference()
    for kind in ("json", "npz"):
        found = verify(lambda graph, values: engine.run(graph, values), exported(kind), dtypes=["float64"])
        assert found.verdict == "pass"
        assert len(found.rows) == 3


def test_nothing_tried():
    """Nothing tested is no pass; a tag that does not exist is an error."""
    assert verify(Engine(dtypes=("float16",)), shipped(), tags=["xor-2-2-1"]).verdict == "inconclusive"
    with pytest.raises(UnknownName):
        verify("reference", shipped(), tags=["nothing"])


def test_results_are_json():
    """Infinities are text; every field of a row is there."""
    found = verify(Engine(lambda run, _: Run(math.nan, run.gradients)), shipped(), tags=XOR).to_dict()
    text = json.dumps(found, allow_nan=False)
    assert found["schema"] == SCHEMA
    assert '"ratio": "inf"' in text
    assert found["verdict"] == "fail"
    assert set(found["rows"][0]) == {"vector", "dtype", "status", "ratio", "ulps", "message", "fault"}
    assert found["vectors"] == shipped().checksum
