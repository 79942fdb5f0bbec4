"""``gradcheck learn``: training, comparison, steps, pictures, usage."""

import json
import sys

import click
import pytest
from click.testing import CliRunner

from gradcheck.cli import learn
from gradcheck.cli.learn import learn_command
from gradcheck.errors import BadInput, UnknownName
from gradcheck.learning import figures


def run(*arguments):
    """Return exit status and output."""
    result = CliRunner().invoke(learn_command, arguments, standalone_mode=False)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.return_value, " ".join(result.output.split())


def test_training(tmp_path):
    """A run with the place of its end, why it ended, and its losses as JSON."""
    path = tmp_path / "run.json"
    status, output = run("xor-2-2-1", "--optimizer", "marquardt", "--goal", "1e-3", "--json", str(path))
    assert status == 0
    assert "21 steps: the loss is at most 0.001" in output
    data = json.loads(path.read_text())
    assert (data["schema"], data["optimizer"], len(data["losses"])) == ("gradcheck-training/1", "Marquardt()", 22)


def test_digits():
    """The digits that were held back are classified."""
    pytest.importorskip("sklearn")
    status, output = run("digits", "--optimizer", "adam", "--rate", "0.01", "--batch", "32", "--steps", "400")
    assert status == 0
    assert float(output.split(" % of the held-back")[0].split()[-1]) > 95


@pytest.mark.parametrize(("network", "text"), [("linear-neuron", ">w1</text>"), ("one-weight", ">w</text>"), ("adaline", ">loss</text>")])
def test_plots(tmp_path, network, text):
    """One or two parameters are drawn with their error, more with the loss."""
    pytest.importorskip("matplotlib")
    path = tmp_path / "run.svg"
    assert run(network, "--steps", "5", "--plot", str(path))[0] == 0
    assert text in path.read_text()


def test_a_right_target(tmp_path):
    """Status 0, what is apart and how far, and all of it as JSON."""
    path = tmp_path / "s.json"
    status, output = run("xor-2-2-1", "--target", "reference", "--rate", "4", "--steps", "5", "--json", str(path))
    assert status == 0
    assert "apart by more than 1 %: never" in output
    assert "pass: 4 gradients judged" in output
    assert json.loads(path.read_text())["schema"] == "gradcheck-separation/1"


def test_a_wrong_target():
    """Status 1, with the step and the mistake."""
    status, output = run("sklearn-binary-logistic-1", "--target", "gradcheck.faults.pseudocode:target", "--dtype", "float64", "--steps", "5")
    assert status == 1
    assert "the gradient after 0 steps is wrong" in output
    assert "mistake: f for f'" in output


ENGINE = """
import json, sys, time
for k, line in enumerate(sys.stdin):
    if k > 0:
        print("so far so good") if sys.argv[1] == "garbage" else time.sleep(60) if sys.argv[1] == "hang" else sys.exit(3)
    print(json.dumps({"id": 0, "success": True, "name": "moody", "dtypes": ["float64"]}), flush=True)
"""


@pytest.mark.parametrize("trouble", ["garbage", "hang", "exit"])
def test_an_engine_in_trouble(tmp_path, trouble):
    """An engine that never answers is told with its reason, and status 2."""
    path = tmp_path / "moody.py"
    path.write_text(ENGINE)
    command = f"{sys.executable} {path} {trouble}"
    status, output = run("linear-neuron", "--target", command, "--dtype", "float64", "--steps", "3", "--timeout", "1")
    assert status == 2
    assert "no answer after 0 steps" in output
    assert "inconclusive: 0 gradients judged" in output


def test_torch_steps(monkeypatch, tmp_path):
    """Optimisers of torch pass: the last two of them here, all in the tests of `gradcheck.learning.torch`."""
    pytest.importorskip("torch")
    path, every = tmp_path / "steps.json", learn.checks
    monkeypatch.setattr(learn, "checks", lambda name, rule, seed: list(every(name, rule, seed=seed))[-2:])
    status, output = run("--step", "torch", "--json", str(path))
    assert status == 0
    assert "torch.optim.AdamW adamw fused" in output
    data = json.loads(path.read_text())
    assert len(data["reports"]) == 2
    assert {r["verdict"] for r in data["reports"]} == {"pass"}


def test_a_wrong_step(monkeypatch, tmp_path):
    """Status 1, and the mistake is named."""
    (tmp_path / "wrongsteps.py").write_text(
        "def up(w, g, state, settings):\n    return {k: w[k] + settings['rate'] * g[k] for k in w}, state\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    status, output = run("--step", "wrongsteps:up", "--optimizer", "descent")
    assert status == 1
    assert "wrongsteps:up" in output
    assert "after step 1" in output


def test_pictures(monkeypatch, tmp_path):
    """The page, the figures and the pictures are written into a folder."""
    pytest.importorskip("matplotlib")
    parts = {"neuron": figures.linear_neuron(), "minima": figures.minima(), "depth": figures.by_depth(4, 4, 1)}
    empty = dict.fromkeys(("xor", "curve", "curves", "digits", "separations", "steps"))
    monkeypatch.setattr(learn, "report", lambda target, progress: {"schema": "x", "missing": {"steps": "no torch"}, **empty, **parts})
    status, output = run("--pictures", str(tmp_path))
    assert status == 0
    assert "not measured: steps: no torch" in output
    names = ["learning-depth.svg", "learning-minima.svg", "learning-neuron.svg", "learning.json", "learning.md"]
    assert sorted(p.name for p in tmp_path.iterdir()) == names


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], click.UsageError), (["xor-2-2-1", "--step", "torch"], click.UsageError), (["xor-2-2-1", "--dtype", "float32"], click.UsageError),
        (["xor-2-2-1", "--timeout", "3"], click.UsageError), (["xor-2-2-1", "--goal", "nan"], BadInput),
        (["xor-2-2-1", "--optimizer", "nothing"], click.UsageError), (["no-such-network"], UnknownName),
        (["xor-2-2-1", "--optimizer", "marquardt", "--rate", "1"], BadInput), (["--step", "torch", "--optimizer", "marquardt"], BadInput),
        (["xor-2-2-1", "--optimizer", "marquardt", "--target", "reference"], BadInput), (["--step", "sys:exit"], BadInput),
    ],
)  # fmt: skip
def test_usage(arguments, error):
    """What cannot be understood is refused."""
    with pytest.raises(error):
        run(*arguments)
