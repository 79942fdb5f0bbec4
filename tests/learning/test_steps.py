"""The check of optimiser steps: right ones pass, wrong ones are caught, where and why."""

import json

import numpy as np
import pytest

from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.arith.running import Roundoff, Running, wide_format
from gradcheck.errors import BadInput, FunctionFailed, StepWrong, UnknownDtype, UnknownName
from gradcheck.learning import Adam, AdamW, Descent, Marquardt, Momentum, check_step
from gradcheck.learning.steps import StepReport, StepRow, _compared, _Known
from gradcheck.learning.trial import Trial, drawn


def adam(correction=lambda b, t: 1 - b**t, decays=lambda name, settings: name not in settings["exempt"], inside=False):
    """Return AdamW by hand, in plain NumPy, or a wrong one."""

    def step(w, g, state, settings):
        t, m, v = state or (0, {k: 0 * x for k, x in w.items()}, {k: 0 * x for k, x in w.items()})
        t, out, s = t + 1, {}, settings
        for k in w:
            m[k] = m[k] + (1 - s["beta1"]) * (g[k] - m[k])
            v[k] = s["beta2"] * v[k] + (1 - s["beta2"]) * g[k] * g[k]
            kept = w[k] * (1 - s["rate"] * s["decay"]) if decays(k, s) else w[k]
            root = np.sqrt(v[k] / correction(s["beta2"], t) + s["epsilon"]) if inside else np.sqrt(v[k] / correction(s["beta2"], t)) + s["epsilon"]
            out[k] = kept - s["rate"] / correction(s["beta1"], t) * m[k] / root
        return out, (t, m, v)

    return step


def momentum(sign=1.0, factor=1.0):
    """Return momentum by hand, or a wrong one; it works in place."""

    def step(w, g, state, settings):
        state = state or {}
        for k in w:
            d = g[k] + settings["decay"] * w[k] * (k not in settings["exempt"])
            state[k] = d if k not in state else sign * settings["momentum"] * state[k] + (1 - settings["dampening"]) * d
            w[k] -= settings["rate"] * factor * state[k]
        return w, state

    return step


@pytest.mark.parametrize("seed", range(3))
def test_right_steps_pass(seed):
    """Steps written by hand, in another order of operations, pass in every setting and both formats, with room and high resolution."""
    for step, rules in ((adam(), (AdamW(), AdamW(rate=0.1, beta1=0.5, beta2=0.75, decay=0.5))), (momentum(), "momentum")):
        report = check_step(step, rules, seed=seed)
        assert report.verdict == "pass", str(report)
        assert max(r.ratio for r in report.rows) <= 0.7
        assert max(r.resolution for r in report.rows if r.dtype == "float64") < 1e-11
        assert max(r.resolution for r in report.rows if r.dtype == "float32") < 1e-4
        report.raise_if_failed()


def test_a_wrong_bias_correction_is_named():
    """Adam without bias correction, and one that counts from 2."""
    assert check_step(adam(lambda b, t: 1.0), AdamW()).diagnosis == ("there is no bias correction",)
    assert check_step(adam(lambda b, t: 1 - b ** (t + 1)), AdamW()).diagnosis == ("the bias correction counts steps from 2",)


def test_a_momentum_of_the_wrong_sign_is_named():
    """v := -mu v + g, in all settings of momentum; the first step is right, the second is not."""
    report = check_step(momentum(sign=-1.0), "momentum")
    assert report.diagnosis == ("the momentum has the wrong sign",)
    assert {r.step for r in report.rows} == {2}


def test_weight_decay_of_the_bias_is_named():
    """Weight decay on parameters that are exempt is caught at the first step, at the bias."""
    report = check_step(adam(decays=lambda name, settings: True), AdamW())
    assert report.diagnosis == ("weight decay is applied to the parameters that are exempt from it (biases)",)
    assert {(r.parameter, r.step) for r in report.rows} == {("b", 1)}


def test_an_optimiser_without_exemptions():
    """One that decays everything by design is right when no parameter is exempt."""
    assert check_step(adam(decays=lambda name, settings: True), AdamW(), exempt=()).verdict == "pass"


def test_epsilon_inside_the_root_is_named():
    """It differs where gradients are about as small as epsilon."""
    assert check_step(adam(inside=True), AdamW()).diagnosis == ("epsilon is inside the root",)


def test_a_small_error_is_caught_and_not_named():
    """A rate that is off by 1e-12 of itself fails in float64, and no mistake of the catalogue explains it."""
    report = check_step(momentum(factor=1 + 1e-12), Momentum(), dtypes=["float64"])
    (row,) = report.rows
    assert (row.verdict, report.diagnosis, row.step) == ("fail", (), 1)
    assert row.ratio > 100
    assert abs(row.got - row.expected) > row.bound > 0
    assert row.message.startswith(f"{row.parameter}{list(row.index)} after step 1")
    with pytest.raises(StepWrong, match="after step 1"):
        report.raise_if_failed()


def test_nan_is_wrong():
    """A step that leaves NaN where the exact one is finite fails."""
    assert check_step(lambda w, g, s, settings: ({k: x * np.nan for k, x in w.items()}, s), Descent()).verdict == "fail"


def test_no_movement_is_no_evidence():
    """At a rate of 0 nothing moves, and a step that does nothing is neither right nor wrong."""
    report = check_step(lambda w, g, s, settings: (w, s), Descent(rate=0.0))
    assert report.verdict == "inconclusive"
    assert all("of what the parameters moved" in r.message for r in report.rows)


def test_json():
    """A report is plain data, whatever is not finite."""
    data = json.loads(json.dumps(check_step(momentum(sign=-1.0), Momentum()).to_dict(), allow_nan=False))
    assert data["verdict"] == "fail"
    assert data["rows"][0]["candidates"] == ["the momentum has the wrong sign"]
    assert data["rows"][0]["ratio"] > 1
    assert data["name"] == "step"
    assert check_step(momentum(), Momentum(), name="mine").name == "mine"


def _raises(w, g, state, settings):
    raise RuntimeError("no such setting")


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (_raises, "step 1 raised RuntimeError: no such setting"),
        (lambda w, g, s, settings: ({"w": w["w"]}, s), "return parameters of shapes"),
        (lambda w, g, s, settings: (None, s), "got NoneType"),
        (lambda w, g, s, settings: ({"w": w["w"][:1]}, s), r"got {'w': \(1, 3\)}"),
        (lambda w, g, s, settings: None, "raised TypeError|two values"),
        (lambda w, g, s, settings: ({k: x.astype("float16") for k, x in w.items()}, s), "float16"),
    ],
)
def test_steps_that_cannot_be_judged(step, message):
    """What raises, or hands back something else than parameters, is no wrong step but an error with its reason."""
    with pytest.raises(FunctionFailed, match=message):
        check_step(step, Descent())


def test_usage():
    """Rules, formats and numbers of steps that do not exist are refused."""
    with pytest.raises(UnknownName, match="adagrad"):
        check_step(momentum(), "adagrad")
    with pytest.raises(UnknownDtype, match="float16"):
        check_step(momentum(), Adam(), dtypes=["float16"])
    with pytest.raises(BadInput, match="at least 1 step"):
        check_step(momentum(), Adam(), steps=0)


def test_what_is_no_step_or_no_rule():
    """A class is no step, and Levenberg-Marquardt no rule that moves by a gradient."""
    with pytest.raises(BadInput, match="check_optimizer"):
        check_step(dict, Adam())
    with pytest.raises(BadInput, match="expected an update rule"):
        check_step(lambda w, g, state, settings: (w, state), Marquardt())


def test_mistakes_setting_by_setting():
    """Where no single mistake explains all settings, each is named with its setting."""
    rows = [StepRow("A()", "float64", "fail", candidates=("one",)), StepRow("B()", "float64", "fail", candidates=("two", "three"))]
    assert StepReport("x", tuple(rows), 0).mistakes == ("one (with A())", "two or three (with B())")
    assert StepReport("x", (rows[0],), 0).mistakes == ("one",)
    assert StepReport("x", (StepRow("A()", "float64", "skipped"), StepRow("B()", "float64", "pass")), 0).verdict == "pass"
    assert StepReport("x", (), 0).mistakes == ()
    assert StepReport("x", (), 0).verdict == "inconclusive"
    both = StepRow("B()", "float64", "fail", candidates=("two", "one"))
    assert StepReport("x", (rows[0], both), 0).mistakes == ("one",)
    unknown = StepRow("C()", "float64", "fail")
    assert StepReport("x", (unknown,), 0).mistakes == ("not recognised",)
    assert StepReport("x", (rows[0], unknown), 0).mistakes == ("one (with A())", "not recognised (with C())")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("times", "verdict"), [(1.8, "pass"), (2.3, "fail")])
def test_a_step_may_round_twice_as_much_as_ours(dtype, times, verdict):
    """A step that is off by a little less than twice what rounding does to ours passes, by a little more it fails."""
    trial, running = drawn(dtype, 8, 0), Running(Roundoff.of(dtype), wide_format(dtype))
    ways = list(trial.run(AdamW(), running))

    def step(w, g, state, settings):
        k = state or 0
        off = {n: x.radius() * (x.radius() > 32 * np.spacing(np.abs(x.value).astype(w[n].dtype))) for n, x in ways[k].items()}
        return {n: (x.value + times * off[n]).astype(w[n].dtype) for n, x in ways[k].items()}, k + 1

    report = check_step(step, AdamW(), dtypes=[dtype])
    assert report.verdict == verdict, str(report)
    assert abs(report.rows[0].ratio - times / 2) < 0.1 or verdict == "fail"


def compared(bounds, moved=1.0):
    """Return the row of exact steps of twenty parameters that moved so far, each with such a bound."""
    m = Multiprecision(40)
    got = {"w": np.full(20, moved)}
    known = [{"w": _Known(m.array(got["w"]), np.asarray(bounds), m)}]
    return _compared([got], known, Trial({"w": np.zeros(20)}, (), (1.0,)), "a rule", "float64")


@pytest.mark.parametrize(("unknown", "verdict"), [(1, "pass"), (3, "inconclusive")])
def test_most_entries_have_to_be_judged(unknown, verdict):
    """A pass says something of nine tenths of the entries at least, and how many it says nothing of."""
    row = compared([np.inf] * unknown + [1e-12] * (20 - unknown))
    assert row.verdict == verdict
    assert row.message == f"{unknown / 20:.1%} of the entries have no finite bound"


@pytest.mark.parametrize(("part", "verdict"), [(0.009, "pass"), (0.011, "inconclusive")])
@pytest.mark.parametrize("moved", [1.0, 1e-6])
def test_a_bound_is_well_below_what_moved(part, verdict, moved):
    """A bound that is more than a hundredth of the movement would let a wrong step pass."""
    assert compared(np.full(20, part * moved), moved).verdict == verdict


@pytest.mark.parametrize(("last", "verdict"), [(8, "fail"), (9, "pass")])
def test_so_many_steps_are_made(last, verdict):
    """A step that goes wrong at the eighth is caught where no number of steps is given, one that does so later is not."""

    def step(w, g, state, settings):
        k = (state or 0) + 1
        return {n: x - settings["rate"] * g[n] * (1 + (k == last)) for n, x in w.items()}, k

    assert check_step(step, Descent()).verdict == verdict
