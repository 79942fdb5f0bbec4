"""What a recording finds of seeded faults in one operation's backward, at a random place of a real model."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tests.capture.sensitivity import MODELS_USED, outcome  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


def shares(models, kinds, seeds, dtype, least=0.0):
    """Return the shares of faults that are found, and of these that are named, of those that move a gradient by more than `least`."""
    found = [outcome(name, seed, kind, dtype) for name in models for kind in kinds for seed in range(seeds)]
    found = [(result, named) for result, named, fault in found if result != "none" and fault.moved > least]
    hits = [named for result, named in found if result == "found"]
    return len(hits) / len(found), sum(hits) / len(hits)


def test_faults_in_a_model_are_found():
    """Of a factor of 1 + 1e-5 and a wrong axis in float32 all are found and named here."""
    assert shares(["gpt2"], ["scaled", "axis"], 3, torch.float32) == (1.0, 1.0)


@pytest.mark.deep
def test_faults_in_ten_models_are_found_in_float32():
    """95 of a hundred, and the node or its module is named in as many."""
    found, named = shares(MODELS_USED, ["scaled", "axis", "mask", "row"], 12, torch.float32)
    assert found >= 0.95
    assert named >= 0.95


@pytest.mark.deep
def test_faults_in_ten_models_are_found_in_bfloat16():
    """Of faults that move a gradient by more than 4 u, which is what the sums of a half format can do, most are found."""
    found, named = shares(MODELS_USED, ["axis", "mask", "row"], 12, torch.bfloat16, 4 * 2.0**-8)
    assert found >= 0.85
    assert named >= 0.95
