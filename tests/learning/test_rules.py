"""The rules by name."""

import pytest

from gradcheck.errors import BadInput, UnknownName
from gradcheck.learning import Adam, Momentum
from gradcheck.learning.rules import RULES, TRIED, label, rule_named, settings_of


def test_settings():
    """What is None keeps its default; what is given replaces it."""
    assert rule_named("nesterov", rate=0.5, decay=None) == Momentum(rate=0.5, nesterov=True)


def test_unknown():
    """A rule or a setting that does not exist is refused by its name."""
    with pytest.raises(UnknownName, match="did you mean 'adam'"):
        rule_named("adan")
    with pytest.raises(BadInput, match="beta1"):
        rule_named("descent", beta1=0.5)


def test_every_setting_is_tried_away_from_its_default():
    """A step that ignores a setting of its rule cannot pass: each is tried with another value somewhere."""
    assert set(TRIED) == set(RULES)
    for name, rules in TRIED.items():
        usual = settings_of(rules[0])
        changed = {k for r in rules for k, x in settings_of(r).items() if x != usual[k]}
        fixed = {"nesterov"} | ({"rate"} if name in ("descent", "momentum", "nesterov") else set()) | ({"dampening"} if name == "nesterov" else set())
        fixed |= {"epsilon"} if name == "adamw" else set()  # Adam's, which it inherits
        assert changed | fixed >= set(usual), name
    assert isinstance(TRIED["adam"][0], Adam)


@pytest.mark.parametrize("rate", [-1.0, float("nan"), float("inf")])
def test_rates_that_are_none(rate):
    """A rate is a finite number that is not negative."""
    with pytest.raises(BadInput, match="finite rate"):
        rule_named("adam", rate=rate)


def test_labels():
    """The rate, and what is not as usual."""
    assert label(Momentum()) == "Momentum(rate=0.1)"
    assert label(Adam(rate=0.5, amsgrad=True)) == "Adam(rate=0.5, amsgrad=True)"
