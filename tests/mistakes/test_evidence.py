"""What is seen through wide bars, or is hardly there, gets no name; what has one is a mistake at any size."""

import numpy as np
import pytest

from gradcheck import check
from gradcheck.explain.diagnosis import Suspect, inside
from gradcheck.graph.graph import Edge
from gradcheck.graph.trace import trace
from gradcheck.mistakes.factor import CONSTANTS, NEAR, UNEXPLAINED, factor, number
from gradcheck.mistakes.mistake import KINDS, Mistake
from gradcheck.ops import registry
from gradcheck.probe.blame.epsilon import _variants
from gradcheck.probe.blame.pattern import Scene, elsewhere, name_mistake
from gradcheck.result.finding import Finding, Matrix, Row
from gradcheck.result.stored import from_dict
from tests.mistakes.test_names import floats

RNG = np.random.default_rng(0)
V = np.array([0.7, -1.3, 2.1, 0.4, 1.6])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_sentence(kind):
    """And it needs no more than a place and a number."""
    assert ": " in str(Mistake(kind, "here", 2.0))


def test_constants_are_told_from_plain_numbers():
    """Each by its own name, also with a sign; a number that is known to a hundredth only is none of them."""
    assert all(number(c).text == text and number(-c).text == f"-{text}" for text, c in CONSTANTS.items())
    assert number(np.pi, near=0.01) is None
    assert number(2.0, near=0.01).text == "2"


def test_a_drawn_number_hardly_has_a_name():
    """One in a hundred, whatever it is known to."""
    drawn = np.exp(RNG.uniform(-2, 2, 2000))
    assert sum(number(c) is not None for c in drawn) <= 60
    assert sum(number(c, near=1e-3) is not None for c in drawn) <= 60


def test_zero_is_not_seen_through_wide_bars():
    """A gradient of bfloat16 that is twice too large is no gradient of what does not matter."""
    got, expected = np.array([0.49, 0.3, -0.2]), np.array([0.2, 0.15, -0.1])
    assert name_mistake(got, expected, np.full(3, 0.02)) is None
    assert name_mistake(got, 0 * expected, np.full(3, 1e-4)).kind == "not ignored"
    assert name_mistake(got, 0 * expected, np.full(3, 0.01)) is None


def test_numbers_near_any_place_are_in_none():
    """Through bars of a few hundredths each of a thousand numbers is like another one; they have to stand elsewhere, and alone."""
    v = RNG.normal(size=(40, 50))
    places = (np.array([3, 9, 20, 31]), np.array([7, 1, 44, 12]))
    assert elsewhere(v, places, np.array([0.1, -0.3, 0.7, 0.2]), np.full(4, 1e-3)) is None
    assert elsewhere(v, places, v[places] * (1 + 1.6e-10), np.full(4, 1e-16)) is None
    assert elsewhere(v, places, v.ravel()[[5, 500, 900, 1400]], np.full(4, 1e-14)).kind == "permutation"
    assert elsewhere(v, places, v[places[0], (places[1] + 1) % 50], np.full(4, 1e-14)) == Mistake("roll", "axis 1", 1)


def test_no_permutation_of_numbers_that_are_alike():
    """Right numbers within bars of their neighbours may stand anywhere."""
    right = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    assert name_mistake(right[[2, 0, 4, 1, 3]], right, np.full(5, 1e-3)) is None
    assert name_mistake(right[[2, 0, 4, 1, 3]], right, np.full(5, 1e-9)).kind == "permutation"


def test_no_factor_below_the_rounding_of_the_format():
    """1 - 2.6e-8 is no factor in float32, and is one in float64."""
    c, bound = 1 - 2.6e-8, np.full(5, 1e-12)
    assert factor(c * V, V, bound, unit=2.0**-24) is None
    assert factor(c * V, V, bound, unit=2.0**-53).is_fitted


def test_a_factor_without_a_name_needs_three_entries():
    """Two numbers are proportional to two others in cases enough; and huge ones are told where they are resolved."""
    assert factor(1.23457 * V[:2], V[:2], np.full(2, 1e-14)) is None
    assert factor(1.23457 * V[:3], V[:3], np.full(3, 1e-14)).number == pytest.approx(1.23457)
    assert factor(1.5 * V[:1], V[:1], np.full(1, 1e-14)).detail == "every entry is 3/2 times the right one"


@pytest.mark.parametrize("size", [1e-3, 1e-6, 1e-9])
def test_a_mistake_with_a_name_is_one_at_any_size(size):
    """A small regularisation that was forgotten is seen in five entries."""
    report = check(floats(lambda w: np.sum(np.sin(w)) + size / 2 * w @ w), V, grad=np.cos)
    assert report.verdict == "fail"
    assert report.findings[0].mistake.kind == "term missing"


@pytest.mark.parametrize("wrong", [lambda w: np.cos(w) * (1 + 1e-9), lambda w: np.cos(w) + 1e-9 * np.cos(7 * w + 3)])
def test_what_is_fitted_is_no_name(wrong):
    """A factor 1 + e, and what is like nothing, are told as lost accuracy where they are small."""
    report = check(floats(lambda w: np.sum(np.sin(w))), V, grad=wrong)
    assert report.verdict == "pass"
    assert not any(f.severity == "fault" for f in report.findings)


def test_two_entries_are_like_something_by_accident():
    """A small difference in two entries, of a pattern, is no mistake with a name: it goes by its size."""
    report = check(floats(lambda w: np.sum(np.sin(w)) + 1e-9 / 2 * w @ w), V[:2], grad=np.cos)
    assert report.verdict == "pass"


def test_a_stationary_point_is_not_what_does_not_matter():
    """The slope is zero at the point alone; where f stays what it is, the input is one that it does not depend on."""
    square = check(lambda x: np.sum(x * x), np.zeros(3), grad=lambda x: 2 * x + 1)
    assert square.findings[0].mistake.kind == "stationary point"
    shift = check(lambda x: np.sum((x - np.mean(x)) ** 2) + 0 * np.sum(x), np.ones(3), grad=lambda x: 2 * (x - np.mean(x)) + 1)
    assert shift.findings[0].mistake.kind == "stationary point"
    ignored = check(lambda x, y: np.sum(x * x), (V, V), grad=lambda x, y: (2 * x, y))
    assert ignored.findings[0].mistake.kind == "not ignored"


def test_a_factor_in_half_precision():
    """It is the same for another cotangent within the bars of the format."""
    x = V.astype(np.float16)
    report = check(np.tanh, x, vjp=lambda g, x: ((g * (1 - np.tanh(x) ** 2) / 2).astype(np.float16),))
    assert report.findings[0].mistake.detail == "every entry is 1/2 times the right one"


def test_a_dropped_contribution_is_likelier_than_a_sign():
    """Where a value is half of what is lost both give the same numbers."""
    report = check(lambda x: np.sum(np.exp(x) - 0.5 * np.exp(x)), V, grad=lambda x: -0.5 * np.exp(x))
    notes = [f.message for f in report.findings if f.severity == "note"]
    assert notes
    assert not notes[0].startswith("explained by either of: node sub1 (sub) hands on the negative")


def test_repeated_indices_are_named_at_their_node():
    """What the operation's own mutants reproduce, at the one guilty node of a certified row."""
    index = np.array([2, 0, 2, 1, 0])
    graph = trace(lambda w: registry["gather"](w, index), {"w": V[:3]})
    node = graph.node[graph.outputs[0]]
    g, lost = V, np.zeros(3)
    lost[index] = g
    right = np.bincount(index, g)
    s = Suspect(Edge(node.name, 0), node, registry["gather"], (V[:3], index), V[:3][index], g, lost, right, np.full(3, 1e-15))
    assert inside(s).kind == "= for +="


def test_mistakes_are_stored():
    """Written and read as data; those of earlier versions have words alone, those of later ones keep theirs."""
    found = Finding("fault", "m", mistake=Mistake("roll", "axis 0", 1))
    row = Row("t", "n", "float64", "fail", "certified", 2.0, "w", "sin", "m", findings=(found, Finding("fault", "m", diagnosis="sign: x")))
    data = Matrix((row,), (), 0, {}).to_dict()
    assert from_dict(data).rows[0].findings[0].mistake == found.mistake
    del data["rows"][0]["findings"][1]["mistake"]
    data["rows"][0]["findings"][0]["mistake"]["kind"] = "of a later version"
    first, second = from_dict(data).rows[0].findings
    assert (first.mistake, first.diagnosis) == (None, "roll: it is shifted by 1 along axis 0")
    assert (second.mistake, second.diagnosis) == (None, "sign: x")


def test_the_scene_of_some_entries():
    """What has the shape of the gradient is taken at the places; the rest is left out."""
    g = RNG.normal(size=(4, 3))
    scene = Scene(g, np.array(1.0), (("0", g), ("1", np.ones(2))), g, "0").at((np.array([1, 2]), np.array([0, 1])), (4, 3))
    assert scene.y is None
    assert [name for name, _ in scene.inputs] == ["0"]
    assert np.array_equal(scene.own, g[[1, 2], [0, 1]])


@pytest.mark.parametrize(("rest", "named"), [(5e-5, True), (2e-4, False)])
def test_what_a_pattern_may_leave(rest, named):
    """A ten-thousandth of the largest difference, where bars are narrower: of a sign, of a factor, and for a node."""
    expected, bound = V, np.full(5, 1e-14)
    for found in (name_mistake(-V + rest * 4.2 * (V == 2.1), V, bound), factor(2 * V + rest * 1.9 * (V == 0.4), V, bound, unexplained=UNEXPLAINED)):
        assert (found is not None) is named
    node = trace(lambda w: np.sin(w), {"w": V}).nodes[0]
    s = Suspect(Edge(node.name, 0), node, registry["sin"], (V,), V, V, -V + rest * 4.2 * (V == 2.1), expected, bound)
    assert s.reproduced_by(-expected) is named


@pytest.mark.parametrize(("off", "named"), [(5e-10, True), (2e-9, False)])
def test_how_well_numbers_are_known_that_are_looked_up(off, named):
    """To 1e-9, where bars are narrower: in another place of a large gradient, and in a small one."""
    v = RNG.normal(size=(40, 50))
    places = (np.array([3, 9, 20, 31]), np.array([7, 1, 44, 12]))
    assert (elsewhere(v, places, v.ravel()[[5, 500, 900, 1400]] * (1 + off), np.full(4, 1e-16)) is not None) is named
    right = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    assert (name_mistake(right[[2, 0, 4, 1, 3]] * (1 + off), right, np.full(5, 1e-16)) is not None) is named


@pytest.mark.parametrize(("size", "named"), [(1e-3, True), (5e-3, True), (3e-2, False)])
def test_constants_that_keep_away_from_zero(size, named):
    """That of a batch norm does; hundredths are what f is made of."""
    graph = trace(lambda w: np.sqrt(w * w + size), {"w": V})
    assert [m.kind for m, _ in _variants(graph)] == ["epsilon"] * 2 * named


@pytest.mark.parametrize(("apart", "named"), [(60.0, False), (200.0, True)])
def test_a_place_that_is_found_is_alone(apart, named):
    """A hundred windows around a number hold no other one: where places are dense something is found anywhere."""
    v, places = np.arange(2000.0).reshape(40, 50) + 1, (np.array([3, 9, 20, 31]), np.array([7, 1, 44, 12]))
    allowed = 1e-6
    v[0, :5] = 500.5 + apart * allowed * np.arange(5)
    expected = np.array([500.5, 1200.0, 90.0, 1801.0])
    assert (elsewhere(v, places, expected, np.full(4, allowed / NEAR)) is not None) is named
    right = np.array([0.1, 0.2, 0.3, 0.3 + apart * allowed, 0.2 + apart * allowed, 0.1 + apart * allowed])
    assert (name_mistake(right[[2, 0, 5, 1, 3, 4]], right, np.full(6, allowed / NEAR)) is not None) is named
