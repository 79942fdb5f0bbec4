"""Steps of torch.optim."""

import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

from gradcheck.errors import BadInput  # noqa: E402
from gradcheck.learning import Adam, AdamW  # noqa: E402
from gradcheck.learning.torch import check_optimizer, checks  # noqa: E402

CHECKS = dict(checks())


@pytest.mark.parametrize("name", CHECKS)
def test_torch_is_right(name):
    """SGD, momentum, Nesterov, Adam and AdamW, in a loop, at once and fused: every step in every setting."""
    report = CHECKS[name]()
    assert report.verdict == "pass", str(report)
    assert len(report.rows) >= 4


class Backwards(torch.optim.SGD):
    """Its momentum has the wrong sign."""

    def step(self, closure=None):
        """Step with minus the momentum."""
        for group in self.param_groups:
            group["momentum"] = -abs(group["momentum"])
        return super().step(closure)


def everything_decays(groups, **options):
    """Return an AdamW that forgets that biases are exempt."""
    return torch.optim.AdamW([x for g in groups for x in g["params"]], **options)


class Uncounted(torch.optim.Adam):
    """Its bias correction never gets beyond the first step."""

    def step(self, closure=None):
        """Step with the count set back."""
        for state in self.state.values():
            state["step"].zero_()
        return super().step(closure)


@pytest.mark.parametrize(
    ("make", "rule", "mistake"),
    [
        (Backwards, "momentum", "the momentum has the wrong sign"),
        (everything_decays, "adamw", "weight decay is applied to the parameters that are exempt from it (biases)"),
        (Uncounted, "adam", "the bias correction does not count: it is that of step 1"),
        (torch.optim.Adam, "adamw", "weight decay is added to the gradient (Adam with L2), where it is decoupled"),
    ],
)
def test_wrong_optimisers(make, rule, mistake):
    """Optimisers of torch with one mistake each fail with its name."""
    report = check_optimizer(make, rule)
    assert report.verdict == "fail"
    assert mistake in report.diagnosis


def test_a_rule_that_torch_does_not_have():
    """What is no rule is refused."""
    with pytest.raises(BadInput, match=r"torch\.optim has"):
        check_optimizer(torch.optim.SGD, "nothing")


def test_the_room_loads_no_torch():
    """`gradcheck.learning` without its torch module loads no framework."""
    code = "import sys, gradcheck.learning; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


class Plain(torch.optim.Optimizer):
    """Adam without amsgrad, and without a correction of the mean of squares."""

    def __init__(self, params, lr, betas, eps, weight_decay):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        """Make a step."""
        for group in self.param_groups:
            (b1, b2), lr = group["betas"], group["lr"]
            for p in group["params"]:
                s = self.state[p]
                s["t"], g = s.get("t", 0) + 1, p.grad + group["weight_decay"] * p
                s["m"] = b1 * s.get("m", torch.zeros_like(p)) + (1 - b1) * g
                s["v"] = b2 * s.get("v", torch.zeros_like(p)) + (1 - b2) * g * g
                p -= lr / (1 - b1 ** s["t"]) * s["m"] / (s["v"].sqrt() + group["eps"])


def test_options_that_an_optimiser_does_not_have():
    """Settings with them are skipped; the others are judged, and the mistake in them is named."""
    report = check_optimizer(Plain, "adam")
    assert {r.rule: r.verdict for r in report.rows if "amsgrad" in r.rule} == {"Adam(rate=0.1, beta2=0.75, amsgrad=True)": "skipped"}
    assert all(r.verdict == "fail" for r in report.rows if "amsgrad" not in r.rule)
    assert report.diagnosis == ("the mean of the squares has no bias correction",)


@pytest.mark.parametrize(("rule", "optimizer"), [(Adam(), torch.optim.Adam), (AdamW(), torch.optim.AdamW)])
def test_settings_that_are_not_given_are_those_of_torch(rule, optimizer):
    """Who names a rule and no settings means the ones that the field has."""
    theirs = optimizer([torch.zeros(1)]).defaults
    assert (rule.rate, rule.beta1, rule.beta2, rule.epsilon, rule.decay) == (theirs["lr"], *theirs["betas"], theirs["eps"], theirs["weight_decay"])


def test_how_an_optimizer_is_made():
    """With its settings, and with what is asked for besides; its own name is told unless another is given."""
    made = []

    def make(groups, **options):
        made.append(options)
        return torch.optim.SGD(groups, **options)

    assert check_optimizer(make, "descent", options={"foreach": True}, steps=1).name == "make"
    assert all(x["foreach"] is True and x["lr"] == 0.05 for x in made)  # half of the usual rate in a trial's second half
    assert check_optimizer(make, "descent", name="mine", steps=1).name == "mine"
    with pytest.raises(BadInput, match=r"torch\.optim has"):
        check_optimizer(make, [Adam()])
