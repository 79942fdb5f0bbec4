"""The optimisers of torch.optim as steps to be verified. The one module of this room that imports torch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch

from gradcheck.errors import BadInput, CannotExpress
from gradcheck.graph.values import Arrays
from gradcheck.learning.adam import Adam, AdamW
from gradcheck.learning.descent import Descent
from gradcheck.learning.momentum import Momentum
from gradcheck.learning.optimizer import Rule
from gradcheck.learning.rules import TRIED
from gradcheck.learning.steps import Step, StepReport, check_step

#: MKL's square root, and with it torch's, is off by up to 0.77 ulp (docs/findings.md): it has 1, as in unmeasured targets.
_ULPS = {dtype: {"sqrt": 1.0} for dtype in ("float64", "float32")}

#: our class -> torch's, and our settings by torch's names
_SAME: Mapping[type, tuple[type, Mapping[str, str]]] = {
    Descent: (torch.optim.SGD, {"lr": "rate", "weight_decay": "decay"}),
    Momentum: (
        torch.optim.SGD,
        {"lr": "rate", "weight_decay": "decay", "momentum": "momentum", "dampening": "dampening", "nesterov": "nesterov"},
    ),
    Adam: (torch.optim.Adam, {"lr": "rate", "weight_decay": "decay", "eps": "epsilon", "amsgrad": "amsgrad"}),
    AdamW: (torch.optim.AdamW, {"lr": "rate", "weight_decay": "decay", "eps": "epsilon", "amsgrad": "amsgrad"}),
}

#: how torch can carry a step out: one tensor after the other, all at once, in one kernel
MODES: Mapping[str, Mapping[str, Any]] = {
    "loop": {"foreach": False, "fused": False}, "foreach": {"foreach": True}, "fused": {"fused": True},
}  # fmt: skip


def optimizer_step(make: Callable[..., torch.optim.Optimizer], names: Mapping[str, str], **options: Any) -> Step:
    """Return a step for `check_step` that is made by an optimiser of torch.

    Parameters that are exempt from weight decay are a group of their own, and the rate of both groups is set before each step,
    as a scheduler does.

    Args:
        make: the class, or a function of parameter groups and options.
        names: the optimiser's name of an option -> our name of the setting; `betas` is set where there is a beta1.
        options: what else it is made with.
    """

    def step(parameters: Arrays, gradients: Arrays, state: Any, settings: Mapping[str, Any]) -> tuple[Arrays, Any]:
        if state is None:
            state = _built(make, names, parameters, settings, options)
        optimizer, tensors = state
        for group in optimizer.param_groups:
            group["lr"] = settings["rate"]
        for name, x in tensors.items():
            x.grad = torch.from_numpy(gradients[name])
        optimizer.step()
        return {k: x.detach().numpy().copy() for k, x in tensors.items()}, state

    return step


def _built(
    make: Callable[..., torch.optim.Optimizer], names: Mapping[str, str], parameters: Arrays, settings: Mapping[str, Any],
    options: Mapping[str, Any],
) -> tuple[torch.optim.Optimizer, dict[str, torch.Tensor]]:  # fmt: skip
    tensors = {k: torch.from_numpy(x.copy()).requires_grad_() for k, x in parameters.items()}
    given = {theirs: settings[ours] for theirs, ours in names.items()}
    if "beta1" in settings:
        given["betas"] = (settings["beta1"], settings["beta2"])
    given = _accepted(make, given)
    groups: list[dict[str, Any]] = [
        {"params": [x for k, x in tensors.items() if k not in settings["exempt"]]},
        {"params": [x for k, x in tensors.items() if k in settings["exempt"]], "weight_decay": 0.0},
    ]
    return make([g for g in groups if g["params"]], **given, **options), tensors


def _accepted(make: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options without those that are off and that the optimiser does not have; raise `CannotExpress` for one that is on."""
    try:
        known = inspect.signature(make).parameters
    except (TypeError, ValueError):  # code that is not Python
        return dict(given)
    if any(p.kind is p.VAR_KEYWORD for p in known.values()):
        return dict(given)
    for name, x in given.items():
        if name not in known and x:
            raise CannotExpress(f"{getattr(make, '__name__', 'the optimiser')} has no option {name}")
    return {k: x for k, x in given.items() if k in known}


def check_optimizer(
    make: Callable[..., torch.optim.Optimizer], rule: str | Rule, *, name: str = "", options: Mapping[str, Any] | None = None, **more: Any
) -> StepReport:
    """Verify the steps of a torch optimiser.

    Args:
        make: the class: of torch, or one that takes the same options as torch's of this rule.
        rule: what it should do: a name in `gradcheck.learning.rules.TRIED`, or a rule.
        name: for the report.
        options: what it is made with besides its settings.
        more: of `check_step`.

    >>> check_optimizer(torch.optim.SGD, "nesterov").verdict
    'pass'
    """
    first = TRIED[rule][0] if isinstance(rule, str) and rule in TRIED else rule
    if type(first) not in _SAME:
        raise BadInput(f"expected a rule that torch.optim has, out of {', '.join(TRIED)}; got {rule!r}")
    step = optimizer_step(make, _SAME[type(first)][1], **(options or {}))
    return check_step(step, rule, name=name or getattr(make, "__name__", "optimiser"), ulps=_ULPS, **more)


def checks(**more: Any) -> Iterator[tuple[str, Callable[[], StepReport]]]:
    """Yield a label and a check for every rule that torch.optim has and every way in which it carries it out.

    Args:
        more: of `check_step`.
    """
    for rule, tried in TRIED.items():
        cls = _SAME[type(tried[0])][0]
        for mode, options in MODES.items():
            name = f"torch.optim.{cls.__name__} {rule} {mode}"
            yield name, partial(check_optimizer, cls, rule, name=name, options=options, **more)


def version() -> str:
    """Return torch's version."""
    return str(torch.__version__)
