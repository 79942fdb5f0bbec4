"""The update rules by name, and the settings in which each is tried."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from gradcheck.errors import BadInput, UnknownName
from gradcheck.learning.adam import Adam, AdamW
from gradcheck.learning.descent import Descent
from gradcheck.learning.momentum import Momentum
from gradcheck.learning.optimizer import Rule, with_settings

#: name -> the rule with its default settings
RULES: Mapping[str, Rule] = {
    "descent": Descent(), "momentum": Momentum(), "nesterov": Momentum(nesterov=True), "adam": Adam(), "adamw": AdamW(),
}  # fmt: skip

#: name -> settings in which a step is verified
TRIED: Mapping[str, tuple[Rule, ...]] = {
    "descent": (Descent(), Descent(decay=0.1)),
    "momentum": (
        Momentum(), Momentum(momentum=0.75, decay=0.1), Momentum(dampening=0.25), Momentum(dampening=0.25, decay=0.1),
    ),
    "nesterov": (Momentum(nesterov=True), Momentum(momentum=0.75, nesterov=True, decay=0.1)),
    "adam": (
        Adam(), Adam(rate=0.1, beta1=0.5, beta2=0.75), Adam(epsilon=1e-3), Adam(decay=0.1), Adam(rate=0.1, beta2=0.75, amsgrad=True),
    ),
    "adamw": (AdamW(), AdamW(rate=0.1, beta1=0.5, beta2=0.75, decay=0.5), AdamW(rate=0.1, beta2=0.75, amsgrad=True)),
}  # fmt: skip


def rule_named(name: str, **settings: float | None) -> Rule:
    """Return a rule; settings that are None keep their defaults.

    Args:
        name: in `RULES`.
        settings: hyperparameters by name.

    Raises:
        UnknownName: no rule of this name.
        BadInput: a setting that the rule does not have.

    >>> rule_named("adam", rate=0.5)
    Adam(rate=0.5, beta1=0.9, beta2=0.999, epsilon=1e-08, decay=0.0, amsgrad=False)
    """
    if name not in RULES:
        raise UnknownName("update rule", name, RULES)
    known = settings_of(RULES[name])
    given = {k: x for k, x in settings.items() if x is not None}
    for k, x in given.items():
        if k not in known:
            raise BadInput(f"expected a setting of {name} out of {', '.join(known)}; got {k!r}")
        if not 0 <= x < math.inf:
            raise BadInput(f"expected a finite {k} of at least 0; got {x}")
    return with_settings(RULES[name], **given)


def settings_of(rule: Rule) -> dict[str, Any]:
    """Return the hyperparameters of a rule by name.

    >>> settings_of(Descent(rate=0.5))
    {'rate': 0.5, 'decay': 0.0}
    """
    return {f.name: getattr(rule, f.name) for f in fields(rule)}  # type: ignore[arg-type]  # every rule is a dataclass


def label(rule: Rule) -> str:
    """Return a rule with its rate, and those settings that are not its defaults.

    >>> label(Momentum(nesterov=True, decay=0.5)), label(Descent())
    ('Momentum(rate=0.1, nesterov=True, decay=0.5)', 'Descent(rate=0.1)')
    """
    usual = settings_of(type(rule)())
    return f"{type(rule).__name__}({', '.join(f'{k}={x!r}' for k, x in settings_of(rule).items() if k == 'rate' or x != usual[k])})"
