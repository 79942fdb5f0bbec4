"""The submodule whose own derivative is wrong is named."""

import pytest

from gradcheck import check
from tests.probe.custom import custom

torch = pytest.importorskip("torch")
_swish = custom(lambda x: x * torch.sigmoid(x), lambda g, x: g * torch.sigmoid(x) * (1 - torch.sigmoid(x)))


class Swish(torch.nn.Module):
    """A module with a wrong backward."""

    def forward(self, x):
        """Return x times its logistic function."""
        return _swish(x)


def _network(wrong):
    torch.manual_seed(0)
    inner = torch.nn.Sequential(torch.nn.Tanh(), Swish() if wrong else torch.nn.SiLU())
    return torch.nn.Sequential(torch.nn.Linear(4, 5), inner, torch.nn.Linear(5, 2)).double()


def test_innermost_guilty_submodule_is_named_first():
    """Not the block around it, not the layers before it, whose gradients are wrong too."""
    report = check(_network(True), torch.randn(3, 4, dtype=torch.float64))
    assert report.verdict == "fail"
    assert "submodule '1.1' (Swish)" in report.findings[0].message
    assert sum(x.message.startswith("submodule") for x in report.findings) == 1


def test_right_network_names_nobody():
    """The same network with torch's own SiLU."""
    report = check(_network(False), torch.randn(3, 4, dtype=torch.float64))
    assert report.verdict == "pass", str(report)


def test_hooks_are_removed():
    """The module is left without the hooks that the search used."""
    net = _network(True)
    check(net, torch.randn(3, 4, dtype=torch.float64))
    assert not any(m._forward_pre_hooks for m in net.modules())
