"""Trainings with right and wrong gradients beside the reference's."""

import numpy as np
import pytest

import gradcheck
from gradcheck.errors import BadInput, CannotExpress, TargetFailed, UnknownDtype
from gradcheck.learning import Adam, Descent, Momentum, compare
from gradcheck.learning.comparison import _not_finite
from gradcheck.learning.rules import label
from gradcheck.learning.trajectory import Point

XOR = gradcheck.networks["xor-2-2-1"]


@pytest.mark.parametrize("rule", [Descent(rate=4.0), Momentum(rate=1.0, nesterov=True), Adam(rate=0.05)])
@pytest.mark.parametrize("target", ["reference", "torch", "autograd"])
def test_right_targets_pass(target, rule):
    """Rounding explains how far float32 training goes from training in 40 digits, by any rule."""
    pytest.importorskip(gradcheck.targets.registry_of_names.needs(target))
    found = compare(XOR, target=target, optimizer=rule, steps=12)
    assert found.verdict == "pass", found.message
    assert (found.judged, found.optimizer, found.stopped) == ((0, 1, 2, 4, 8), label(rule), "")
    assert 0 < found.distances[-1] < 1e-4
    assert found.digits > 4


def test_a_float64_target_is_closer():
    """The distance is that of the format."""
    single, double = (compare(XOR, target="reference", optimizer=Descent(rate=4.0), dtype=d, steps=10) for d in ("float32", "float64"))
    assert double.verdict == "pass"
    assert double.distances[-1] < 1e-6 * single.distances[-1]


def test_a_rate_that_is_too_large_lets_rounding_separate_them():
    """At the rate 64 descent on XOR amplifies float32's rounding until nothing is common, and every gradient on the way is right."""
    found = compare(XOR, target="reference", optimizer=Descent(rate=64.0), steps=60)
    assert found.verdict == "pass"
    assert found.apart is not None
    assert 20 < found.apart < 60
    assert found.unexplained is None
    assert found.distances[1] < 1e-6


def test_a_published_mistake_is_named():
    """The pseudo-code with the activation's value in place of its derivative: wrong from the first gradient on, with the layer's name."""
    network = gradcheck.networks["sklearn-binary-logistic-1"]
    found = compare(network, target="gradcheck.faults.pseudocode:target", dtype="float64", steps=10)
    assert (found.verdict, found.fault, found.unexplained) == ("fail", 0, 1)
    assert found.apart is not None
    assert "f for f': the value of logistic" in found.diagnosis
    assert "a1" in found.message


def late(graph, values):
    """Return right gradients until the loss is small, then one entry with the wrong sign."""
    loss, g = gradcheck.backward(graph, values)
    if loss < 0.12507:
        g["w1"] = g["w1"] * np.array([[-1.0, 1.0], [1.0, 1.0]])
    return loss, g


def test_a_fault_that_shows_late_is_dated():
    """Between the places that are judged anyway, the step before the distance is unexplained is looked at."""
    found = compare(XOR, target=late, optimizer=Descent(rate=4.0), dtype="float64", steps=60)
    first = next(k for k, x in enumerate(found.losses) if x < 0.12507)
    assert found.verdict == "fail"
    assert first not in (0, 1, 2, 4, 8, 16, 32)
    assert found.fault == first
    assert found.unexplained == first + 1
    assert f"after {first} steps is wrong" in found.message


class Once:
    """Hands back a wrong gradient once, and the right one when asked again."""

    name, dtypes = "once", ("float64",)

    def __init__(self):
        self.calls = 0

    def run(self, graph, values):
        """Return loss and gradients."""
        self.calls += 1
        loss, g = gradcheck.backward(graph, values)
        return gradcheck.Run(loss, {k: x * (1.1 if self.calls == 4 else 1) for k, x in g.items()})


def test_a_distance_without_a_fault_is_inconclusive():
    """What is farther away than rounding explains, with gradients that are right when they are judged, is no pass and no fault."""
    found = compare(XOR, target=Once(), optimizer=Descent(rate=4.0), dtype="float64", steps=8)
    assert (found.verdict, found.fault, found.unexplained) == ("inconclusive", None, 4)
    assert "no gradient that was judged is wrong" in found.message
    assert found.stopped == ""


class Ends:
    """Right for so many answers, then something else: always, or once."""

    name, dtypes = "ends", ("float64",)

    def __init__(self, answers, then, once=False):
        self.left, self.then, self.once = answers, then, once

    def run(self, graph, values):
        """Return loss and gradients, while it does."""
        loss, g = gradcheck.backward(graph, values)
        self.left -= 1
        if self.left >= 0 or (self.once and self.left < -1):
            return gradcheck.Run(loss, g)
        if isinstance(self.then, Exception):
            raise self.then
        return gradcheck.Run(*self.then(loss, g))


@pytest.mark.parametrize("answers", [0, 1, 5])
@pytest.mark.parametrize("error", [ValueError("out of order"), TargetFailed("it ended with exit status 3")])
def test_a_target_that_stops_answering(answers, error):
    """What came before is compared; why it stopped is told, without a verdict on it."""
    found = compare(XOR, target=Ends(answers, error), dtype="float64", steps=9)
    assert (found.verdict, found.fault, found.steps) == ("inconclusive", None, answers)
    assert found.distances[-1] < 1e-14
    assert str(error) in found.stopped
    assert found.to_dict()["stopped"] == found.stopped


@pytest.mark.parametrize("answers", [0, 3])
@pytest.mark.parametrize(
    ("then", "text", "mistake"),
    [
        (lambda loss, g: (loss, {**g, "b1": g["b1"][:1]}), "gradient of b1: expected shape (2,); got (1,)", ""),
        (lambda loss, g: (loss, {k: x for k, x in g.items() if k != "w2"}), "gradient of w2: expected an array", "it is missing"),
        (lambda loss, g: (loss, {**g, "w2": g["w2"].T}), "gradient of w2: expected shape (2, 1); got (1, 2)", "transpose"),
    ],
)  # fmt: skip
def test_an_answer_that_does_not_fit_is_a_fault(answers, then, text, mistake):
    """Of shapes that differ no training can be made: the step is named, with the mistake, whatever it answers afterwards."""
    assert compare(XOR, target=Ends(answers, then), dtype="float64", steps=9).fault == answers
    found = compare(XOR, target=Ends(answers, then, once=True), dtype="float64", steps=9)
    assert (found.verdict, found.fault, found.steps) == ("fail", answers, answers)
    assert text in found.message
    assert mistake in found.diagnosis


@pytest.mark.parametrize("then", [lambda loss, g: (np.nan, g), lambda loss, g: (loss, {**g, "w2": g["w2"] * np.nan})])
def test_nan_is_a_fault(then):
    """Neither a loss nor a gradient may be NaN where the reference's is a number."""
    found = compare(XOR, target=Ends(0, then), dtype="float64", steps=4)
    assert (found.verdict, found.fault) == ("fail", 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_from_some_step_on_is_dated(bad):
    """A target that is wrong ever after is not judged by what it answers when it is asked again."""
    found = compare(XOR, target=Ends(5, lambda loss, g: (loss, {**g, "w2": g["w2"] * bad})), dtype="float64", steps=20)
    assert (found.verdict, found.fault) == ("fail", 5)
    assert "after 5 steps is wrong: an entry is not finite" in found.message
    assert found.judged == (5,)
    assert "answers otherwise than before" in found.stopped


def test_a_step_that_it_has_no_form_for_ends_the_training():
    """Of an answer without an error before it nothing is thrown away."""
    found = compare(XOR, target=Ends(5, CannotExpress("no")), dtype="float64", steps=20)
    assert (found.verdict, found.steps) == ("inconclusive", 5)
    assert "no answer after 5 steps: no" in found.stopped


def test_a_target_that_dies_when_it_is_asked_again():
    """What it said in training is kept; what could not be judged is told."""
    found = compare(XOR, target=Ends(10, ValueError("gone")), dtype="float64", steps=9)
    assert (found.verdict, found.steps, found.judged) == ("inconclusive", 9, ())
    assert "asked again for the gradient after 0 steps" in found.stopped


def test_mini_batches():
    """Both trainings draw the same batches."""
    found = compare(XOR, target="reference", optimizer=Descent(rate=1.0), batch=2, steps=8)
    assert found.verdict == "pass"
    assert found.losses == pytest.approx(found.reference_losses, rel=1e-4)


@pytest.mark.parametrize(("count", "reference"), [(499, "mpmath[40]"), (500, "longdouble")])
def test_how_many_numbers_have_forty_digits(count, reference):
    """500 numbers, the loss among them."""
    graph = gradcheck.trace(lambda w: np.sum(w), {"w": np.ones(count)})
    assert compare(graph, {"w": np.ones(count)}, target="reference", steps=1).reference == reference


def test_large_networks_have_longdouble():
    """40 digits for up to 500 numbers, longdouble for more."""
    found = compare(gradcheck.networks["digits-64-32-10"], target="reference", optimizer=Adam(rate=0.01), steps=3)
    assert (found.reference, found.verdict) == ("longdouble", "pass")


def test_usage():
    """Formats, steps and graphs that do not fit are refused; a target that has no answer fails."""
    with pytest.raises(UnknownDtype, match="float8"):
        compare(XOR, target="reference", dtype="float8")
    with pytest.raises(BadInput, match="at least 1 step"):
        compare(XOR, target="reference", steps=0)
    with pytest.raises(BadInput, match="values for a graph"):
        compare(XOR.graph, target="reference")
    with pytest.raises(BadInput, match="parameters to move"):
        compare(gradcheck.trace(lambda x: np.sum(x), {"x": np.ones(2)}, inputs=["x"]), {"x": np.ones(2)}, target="reference")
    with pytest.raises(TargetFailed, match="a program that can be run"):
        compare(XOR, target="./no-such-engine", steps=2)
    with pytest.raises(CannotExpress, match="no form"):
        compare(XOR, target=Ends(0, CannotExpress("no form")), dtype="float64", steps=2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("times", "fault"), [(2.0**-9, None), (2.0**-11, 1)])
def test_what_may_overflow_inside(dtype, times, fault):
    """Infinity is right where the reference's gradient is within the size of a sum of the largest number of the format, and wrong below."""
    most = float(np.finfo(dtype).max)
    ours = [Point(1.0, 1.0, {}), Point(1.0, times * most, {})]
    theirs = [Point(1.0, 1.0, {}), Point(1.0, np.inf, {})]
    assert _not_finite(theirs, ours, dtype) == fault


@pytest.mark.parametrize(("part", "said"), [(0.01, "the gradient after 0 steps is wrong"), (0.05, "")])
def test_whether_it_answers_as_before(part, said):
    """A wrong answer is a fault of the training where it was the answer then too, but for a rounding of any format; else it is none."""
    calls = []

    def target(graph, values):
        calls.append(1)
        loss, g = gradcheck.backward(graph, values)
        return loss, {k: x * (1.5 if len(calls) <= 3 else 1.5 * (1 + part)) for k, x in g.items()}

    found = compare(XOR, target=target, optimizer=Descent(rate=0.01), dtype="float64", steps=2)
    assert found.message.startswith(said)
    assert bool(found.stopped) is not bool(said)
    assert found.verdict == ("fail" if said else "inconclusive")


class Changing(Ends):
    """Right for so many answers, then one that is wrong, and others when it is asked again."""

    def __init__(self, then, again):
        super().__init__(1, then)
        self.again, self.calls = again, 0

    def run(self, graph, values):
        """Return loss and gradients, by the number of the call."""
        self.calls += 1
        loss, g = gradcheck.backward(graph, values)
        factor = self.then if self.calls == 1 else self.again if self.calls > 2 else 1.0
        return gradcheck.Run(loss, {k: x * factor for k, x in g.items()})


@pytest.mark.parametrize(("then", "again", "fault"), [(1.5, np.inf, None), (1.5, np.nan, None), (1.5, 1.5, 0), (np.nan, np.inf, 0)])
def test_whether_it_is_finite_as_before(then, again, fault):
    """What is infinite when it is asked again, and was a number on the way, is another answer."""
    found = compare(XOR, target=Changing(then, again), optimizer=Descent(rate=1e-3), dtype="float64", steps=1)
    assert found.fault == fault
    assert ("answers otherwise than before" in found.stopped) is (fault is None)


def test_a_format_that_the_target_does_not_have():
    """It is refused with those that it has."""
    with pytest.raises(UnknownDtype, match="float64"):
        compare(XOR, target=Ends(9, None), steps=2)


def test_what_is_not_said():
    """200 steps of descent in float32; a hundredth of the largest parameter is apart."""
    told = []
    with pytest.raises(ZeroDivisionError):
        compare(XOR, target="reference", progress=lambda *x: told.append(x) or 1 / 0)
    assert told == [("the target", 0, 200)]
    found = compare(XOR, target="reference", steps=1)
    assert (found.optimizer, found.dtype, found.tolerance, found.reference) == ("Descent(rate=0.1)", "float32", 0.01, "mpmath[40]")


def test_parameters_that_begin_at_zero():
    """There the distance is in terms of 1."""
    values = {"x": np.array([1.0, 2.0]), "w": np.zeros(2)}
    graph = gradcheck.trace(lambda x, w: np.sum((x * w - 1) ** 2), values, inputs=["x"])
    found = compare(graph, values, target=lambda graph, values: (gradcheck.backward(graph, values)[0], {"w": np.zeros(2)}), steps=1)
    assert found.distances == (0.0, 1.0)
