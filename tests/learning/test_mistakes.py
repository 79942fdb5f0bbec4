"""The catalogue of wrong steps: each is caught, and named as itself."""

import pytest

from gradcheck.arith.floating import Floating
from gradcheck.learning.mistakes import mistakes
from gradcheck.learning.optimizer import stepped
from gradcheck.learning.rules import TRIED, label
from gradcheck.learning.steps import check_step

CASES = [(rule, x) for rules in TRIED.values() for rule in rules for x in mistakes(rule)]


def wrong(rule, mistake):
    """Return the step function of a mistake, in floating point."""

    def step(w, g, state, settings):
        t, slots = state or (0, {})
        given = mistake.make(type(rule)(**{k: x for k, x in settings.items() if k != "exempt"}))
        w, slots = stepped(given, Floating(str(w["w"].dtype)), w, g, slots, t + 1, exempt=settings["exempt"] if mistake.exempts else ())
        return w, (t + 1, slots)

    return step


@pytest.mark.sweep("mistake", one_in=12)
@pytest.mark.parametrize(("rule", "mistake"), CASES, ids=[f"{label(r)}-{x.name}" for r, x in CASES])
def test_it_is_caught_and_named(rule, mistake):
    """A step with one mistake fails, and that mistake alone explains it."""
    report = check_step(wrong(rule, mistake), rule, steps=6, dtypes=["float64"])
    assert report.verdict == "fail"
    assert report.diagnosis == (mistake.name,)


def test_names_are_unique():
    """No rule has two mistakes of one name."""
    for rules in TRIED.values():
        for rule in rules:
            names = [x.name for x in mistakes(rule)]
            assert len(set(names)) == len(names)
