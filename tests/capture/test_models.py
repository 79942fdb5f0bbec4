"""Real models of tiny configurations, recorded and certified; ``python -m tests.capture.models`` prints the table."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tests.capture.models import MODELS, recorded  # noqa: E402

#: what has an operation that nobody has a rule for, and is inconclusive for this reason alone
OPAQUE = {"wav2vec2": "_ctc_loss", "fnet": "view_as_real", "yoso": "Yoso"}
#: of these kernels torch has none in bfloat16
NOT_IN_BFLOAT16 = {"fnet", "gaussian process", "nystromformer"}
SAMPLE = ["gpt2", "lstm", "unet", "convolutional", "graph network"]

pytestmark = pytest.mark.filterwarnings("ignore")  # of transformers and of what it imports


def certified(name, **how):
    """Assert that a model's run is certified, or inconclusive for its opaque operations alone."""
    recording = recorded(name, **how)
    row = recording.validate()
    if name in OPAQUE:
        assert row.verdict == "inconclusive", row
        assert OPAQUE[name] in row.message
    else:
        assert row.verdict == "pass", row
        assert row.evidence == "certified" or "bfloat16" in row.dtype, row  # the bound of a whole region is wide there
        assert recording.coverage.unjudged == 0


@pytest.mark.parametrize("name", SAMPLE)
def test_a_model_is_certified(name):
    """Every value and adjoint of a right model is within rounding."""
    certified(name)


@pytest.mark.parametrize("name", SAMPLE[1:])
def test_a_model_in_training_and_in_bfloat16(name):
    """So it is in bfloat16, with its dropout and the statistics of its batch."""
    certified(name, dtype=torch.bfloat16, train=True)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_certified(name, dtype, train, seed):
    """All of them are, in both formats, in training and not."""
    if dtype == torch.bfloat16 and name in NOT_IN_BFLOAT16:
        pytest.skip("torch has no kernel in bfloat16")
    certified(name, dtype=dtype, train=train, seed=seed)
