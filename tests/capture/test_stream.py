"""Recorded runs by the stream: the rows of the certificate, right or wrong; memory; and what a recording holds."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import gradcheck  # noqa: E402
from gradcheck.bench.clock import allocated  # noqa: E402
from gradcheck.bench.recorded.language import Language  # noqa: E402
from gradcheck.compare.certificate import Certifier  # noqa: E402
from gradcheck.compare.stream import attention  # noqa: E402
from gradcheck.errors import NotRecorded  # noqa: E402
from gradcheck.judge import judge as judging  # noqa: E402
from tests.capture.models import MODELS, recorded  # noqa: E402
from tests.capture.sensitivity import Fault  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

FORMATS = [torch.float32, torch.bfloat16]
#: of these kernels torch has none in bfloat16
NOT_IN_BFLOAT16 = {"fnet", "gaussian process", "nystromformer"}


def both(recording, monkeypatch):
    """Return the row by the stream, by the certificate, and how many comparisons the stream left to it."""
    left, rows, certify = [], [], Certifier.certify

    def counted(self, keys=None):
        left.extend(keys or ())
        return certify(self, keys)

    for large in (0, np.inf):
        with monkeypatch.context() as patch:
            patch.setattr(judging, "LARGE", large)
            if large == 0:
                patch.setattr(Certifier, "certify", counted)
            rows.append(recording.validate())
    return *rows, len(left)


def assert_the_same(recording, monkeypatch):
    """Assert that both rows say the same, and return the one by the stream and what it left open."""
    quick, full, left = both(recording, monkeypatch)
    assert (quick.verdict, quick.evidence, quick.message, quick.checks, quick.location) == (full.verdict, full.evidence, full.message, full.checks, full.location)
    assert repr(quick.findings) == repr(full.findings)  # in words: NaN, which stands for no number, is not equal to itself
    assert quick.worst_ratio == pytest.approx(full.worst_ratio, rel=1e-3)
    return quick, left


@pytest.mark.parametrize("dtype", FORMATS, ids=str)
@pytest.mark.parametrize("name", ["convolutional", "lstm", "graph network", "nn.Transformer"])
def test_models_are_judged_the_same(name, dtype, monkeypatch):
    """Convolutions, recurrences, messages and attention: the row is that of the certificate."""
    assert_the_same(recorded(name, dtype=dtype), monkeypatch)


@pytest.mark.deep
@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("dtype", FORMATS, ids=str)
@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_judged_the_same(name, dtype, train, monkeypatch):
    """So is that of every real model, in both formats, in training and not."""
    pytest.importorskip("transformers")
    if dtype == torch.bfloat16 and name in NOT_IN_BFLOAT16:
        pytest.skip("torch has no kernel in bfloat16")
    assert_the_same(recorded(name, dtype=dtype, train=train), monkeypatch)


def faulty(name, seed, kind, dtype):
    """Return the recording of a model with a fault in one operation's backward."""
    with Fault(seed, kind, dtype):
        return recorded(name, dtype=dtype)


@pytest.mark.parametrize("dtype", FORMATS, ids=str)
@pytest.mark.parametrize("kind", ["scaled", "axis", "mask", "row"])
@pytest.mark.parametrize("seed", [0])
def test_faults_are_found_the_same(kind, seed, dtype, monkeypatch):
    """A fault at a random place: verdict, guilty node and message are those of the certificate."""
    assert_the_same(faulty("nn.Transformer", seed, kind, dtype), monkeypatch)


@pytest.mark.deep
@pytest.mark.parametrize("dtype", FORMATS, ids=str)
@pytest.mark.parametrize("kind", ["scaled", "axis", "mask", "row"])
@pytest.mark.parametrize("name", ["llama", "gpt2", "bert", "whisper", "mamba", "convolutional", "swinv2", "graph network", "unet"])
def test_faults_in_every_model_are_found_the_same(name, kind, dtype, monkeypatch):
    """The same of real models, at five places each."""
    pytest.importorskip("transformers")
    for seed in range(5):
        assert_the_same(faulty(name, seed, kind, dtype), monkeypatch)


def language(layers=1, dtype=torch.float32, tokens=40):
    """Return the recording of a small language model."""
    torch.manual_seed(0)
    return gradcheck.record(Language(128, 160, layers, 200).to(dtype), torch.randint(200, (1, tokens)))


@pytest.mark.parametrize("dtype", FORMATS, ids=str)
def test_a_language_model_leaves_next_to_nothing_open(dtype, monkeypatch):
    """Attention, products, norms and moves have bounds by which the stream acquits."""
    row, left = assert_the_same(language(2, dtype), monkeypatch)
    assert row.verdict == "pass"
    assert left <= 0.05 * row.checks  # sums of contributions, whose ratio may be the largest


@pytest.mark.parametrize(
    ("which", "dtype"), [("value", FORMATS[0]), ("k", FORMATS[0]), *(pytest.param(w, d, marks=pytest.mark.deep) for w in ("value", "q", "k", "v") for d in FORMATS)]
)
def test_attention_beyond_its_bound_is_left_open(which, dtype, monkeypatch):
    """One entry of attention's result, or of an operand's adjoint, a little beyond the bound of its region: the row is that of the certificate."""
    recording = language(dtype=dtype)
    node = next(n for n in recording.graph.nodes if attention.region_of(recording.graph, n, recording.run.node_values))
    region = attention.region_of(recording.graph, node, recording.run.node_values)
    name = node.name if which == "value" else getattr(region, which)
    recording = altered(recording, name, which, monkeypatch)
    quick, _ = assert_the_same(recording, monkeypatch)
    assert (name, which != "value") in {(f.node, f.direction != "value") for f in quick.findings if f.severity == "fault"}


def altered(recording, name, which, monkeypatch):
    """Return a recording in which one number lies a thousandth beyond what rounding can do to it."""
    found = {}
    certify = Certifier.certify

    def kept(self, keys=None):
        made = certify(self, keys)
        found.update({(c.name, c.direction): c for c in made.comparisons})
        return made

    with monkeypatch.context() as patch:
        patch.setattr(judging, "LARGE", np.inf)
        patch.setattr(Certifier, "certify", kept)
        recording.validate()
    c = found[name, "value" if which == "value" else "adjoint"]
    run, k = recording.run, tuple(n // 2 for n in c.expected.shape)
    numbers = run.node_values if which == "value" else run.node_adjoints
    tensor = numbers._held[name].tensor
    wanted = c.expected[k] + 1.001 * c.bound[k]
    other = tensor.clone()
    other[k] = wanted
    while float(other[k]) < wanted:
        other[k] = torch.nextafter(other[k], torch.tensor(torch.inf, dtype=other.dtype))
    numbers._held[name].tensor = other
    numbers._held[name]._own = True
    return recording


def test_memory_does_not_grow_with_depth():
    """What validate holds more at most of a deeper model is names and ratios: a small part of the layers' values in float64, of which it keeps none."""
    language().validate()  # what is imported once
    shallow, deep = language(1, tokens=100), language(3, tokens=100)
    more = allocated(deep.validate) - allocated(shallow.validate)
    values = 8 * sum(math.prod(deep.graph.shapes[n.name]) for n in deep.graph.nodes if n.name.startswith(("layers.1", "layers.2")))
    assert more < 0.15 * values


def test_a_step_of_an_optimiser_changes_no_recording():
    """Parameters are written over after the run; the recording has them, and the views of them, as they were."""
    model = torch.nn.Linear(40, 30)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    recording = gradcheck.record(model, torch.randn(5, 40))
    before = {k: x.copy() for k, x in recording.values.items()}
    model(torch.randn(5, 40)).sum().backward()
    optimizer.step()
    assert recording.validate().verdict == "pass"
    assert all(np.array_equal(x, recording.values[k]) for k, x in before.items())


def test_what_was_written_over_is_said():
    """A result that is written into after the run is no longer what was recorded: an error says so, and no number is made up."""
    kept = []
    recording = gradcheck.record(lambda x: kept.append(x.sin()) or kept[0].cos(), torch.randn(5, 40))
    kept[0].detach().add_(1)
    with pytest.raises(NotRecorded, match="written over"):
        recording.run.node_values["sin1"]
    assert recording.validate().verdict == "inconclusive"
