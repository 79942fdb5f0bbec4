"""The catalogue of wrong steps: each is caught, and named as itself."""

import pytest

from gradcheck.arith.floating import Floating
from gradcheck.learning import Adam, Momentum
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


def by_hand(rate_inside=False, dampened_at_first=False):
    """Return a step of momentum in plain NumPy, with a mistake."""

    def step(w, g, state, settings):
        s, velocities = settings, state or {}
        for k in w:
            d = (g[k] + s["decay"] * w[k] * (k not in s["exempt"])) * (s["rate"] if rate_inside else 1)
            share = 1 - s["dampening"] if k in velocities or dampened_at_first else 1
            velocities[k] = s["momentum"] * velocities.get(k, 0 * d) + share * d
            ahead = d + s["momentum"] * velocities[k] if s["nesterov"] else velocities[k]
            w[k] = w[k] - (1 if rate_inside else s["rate"]) * ahead
        return w, velocities

    return step


@pytest.mark.parametrize(
    ("step", "rule", "name"),
    [
        (by_hand(), Momentum(nesterov=True), ""), (by_hand(rate_inside=True), Momentum(), "the rate is inside the velocity, so that a changed rate acts late"),
        (by_hand(rate_inside=True), Momentum(nesterov=True), "the rate is inside the velocity, so that a changed rate acts late"),
        (by_hand(dampened_at_first=True), Momentum(dampening=0.25), "dampening is applied to the first gradient too"),
    ],
)  # fmt: skip
def test_steps_of_others(step, rule, name):
    """What is written without the catalogue is named by it."""
    assert check_step(step, rule, dtypes=["float64"]).diagnosis == ((name,) if name else ())


@pytest.mark.parametrize("amsgrad", [False, True])
def test_what_is_left_out_was_asked_for(amsgrad):
    """Only a rule with amsgrad can be without it."""
    assert ("amsgrad is left out" in {x.name for x in mistakes(Adam(amsgrad=amsgrad))}) is amsgrad
