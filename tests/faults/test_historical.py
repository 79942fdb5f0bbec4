"""The exam's data: right derivatives are right, wrong ones wrong, and every known fault is there or has a reason.

What is right is decided without any checker: by difference quotients of f in 400 digits, from both sides, entry by
entry (30 sampled ones of the large inputs). Where the sides agree the gradient has to be their value, at a declared
kink it has to lie between them. For the few functions whose code needs float64 (`IN_FLOAT64`), and for inputs of
more than 1,000 entries, it is by differences of order 8.
"""

import numpy as np
import pytest

from gradcheck.errors import UnknownName
from gradcheck.faults import faults
from gradcheck.faults.fault import MISTAKES, declare
from gradcheck.faults.not_recreated import NOT_RECREATED
from tests.faults.slopes import Differences, Exact, is_float

HISTORICAL = [f for f in faults.values() if not f.fault_class.startswith("false-")]
WRONG = [f for f in faults.values() if f.wrong is not None]
#: functions with noise or casts of their own, or many products, and how closely differences with step 0.1 can tell
IN_FLOAT64 = {
    "noise-1e-12": 1e-9,
    "noise-1e-09": 1e-7,
    "noise-1e-06": 1e-4,
    "float32-matmul": 1e-4,
    "dense-jacobian-one-entry": 1e-9,
}
#: cases that are about NaN in the input or outside the domain, where the right derivative is NaN too
UNDEFINED = ("nan-input-times-seven", "arccosh-outside")
#: every entry of the wrong derivative is a possible one, all together are not
TIES = ("theano-4568-max-ties", "pytorch-76523-scatter-amax")
#: the wrong derivative has another shape
SHAPES = {f.name for f in WRONG if f.mistake == "missing broadcast sum"} | {"pytorch-188843-scatter-src"}

#: whose 500 entries take mpmath seconds
LONG = {"tanh-zero-of-500"}
each = pytest.mark.parametrize("fault", [pytest.param(f, marks=pytest.mark.deep if n in LONG else (), id=f.name) for n, f in faults.items()])
each_wrong = pytest.mark.parametrize("fault", WRONG, ids=lambda f: f.name)
everywhere = pytest.mark.parametrize("where", ["ordinary", "trigger"])


def posed(fault, where, seed=1):
    """Return inputs and a cotangent."""
    rng = np.random.default_rng(seed)
    inputs = getattr(fault, where)(rng)
    return inputs, fault.cotangents(rng, *inputs)


def judge_of(fault, g, inputs):
    """Return what finds derivatives, and how closely, relative and absolute."""
    if fault.name in IN_FLOAT64:
        return Differences(fault.f, g, inputs, 0.1), 0.0, IN_FLOAT64[fault.name]
    if max(x.size for x in inputs if is_float(x)) >= 1000:
        return Differences(fault.f, g, inputs, 0.01), 1e-8, 1e-8
    return Exact(fault.f, g, inputs), 1e-9, 2e-323


def entries(x, seed=2):
    """Return all indices of a small array, 30 of a large one."""
    found = list(np.ndindex(x.shape))
    if len(found) <= 150:
        return found
    return [found[k] for k in np.random.default_rng(seed).choice(len(found), 29, replace=False)] + [
        found[min(1234, len(found) - 1)]
    ]


@pytest.mark.sweep(one_in=5)
@each
@everywhere
def test_right_is_right(fault, where):
    """The right derivative is that of f, or between the one-sided ones at a declared kink."""
    inputs, g = posed(fault, where)
    right = fault.right(g, *inputs)
    judge, relative, absolute = judge_of(fault, g, inputs)
    assert len(right) == len(inputs)
    for k, (x, dx) in enumerate(zip(inputs, right, strict=True)):
        if not is_float(x):
            assert dx is None
            continue
        assert np.shape(dx) == x.shape
        for entry in entries(x):
            assert_between(float(np.asarray(dx)[entry]), judge.sides(k, entry), fault, float(x[entry]), relative, absolute)


def assert_between(got, sides, fault, x, relative, absolute):
    """Fail unless a number is the derivative, or a generalised one at a kink."""
    if np.isnan(got):
        assert fault.name in UNDEFINED
        return
    low, high = min(sides), max(sides)
    bar = relative * max(abs(low), abs(high)) + absolute + (1e-38 if x == 0 else 0)
    assert low - bar <= got <= high + bar
    assert fault.kink or high - low <= bar + 1e-25, "a kink that is not declared"


def gap(right, wrong):
    """Return the largest relative difference of entries, infinity where it is of another kind."""
    found = 0.0
    for a, b in zip(right, wrong, strict=True):
        if a is None or b is None:
            found = max(found, 0.0 if a is b else np.inf)
            continue
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape or np.any(~np.isfinite(b) & np.isfinite(a)):
            return np.inf
        size = np.where(a == 0, max(np.max(np.abs(a), initial=0.0), 1e-300), np.abs(a))
        found = max(found, float(np.nanmax(np.abs(a - b) / size, initial=0.0)))
    return found


def answers(fault):
    """Return the right and the wrong gradients at the trigger, asked at ordinary inputs first."""
    doubted = fault.doubted()
    inputs, g = posed(fault, "ordinary")
    doubted(g, *inputs)
    inputs, g = posed(fault, "trigger")
    return fault.right(g, *inputs), doubted(g, *inputs)


@each_wrong
def test_wrong_is_wrong_at_the_trigger(fault):
    """The wrong derivative differs by at least a millionth in some entry, in shape, or by not being a number."""
    right, wrong = answers(fault)
    assert gap(right, wrong) >= 0.999e-6
    same = [np.shape(a) == np.shape(b) for a, b in zip(right, wrong, strict=True) if a is not None]
    assert all(same) or fault.name in SHAPES


def outside(fault):
    """Yield the entries at the trigger at which the wrong gradient is not a derivative of f."""
    inputs, g = posed(fault, "trigger")
    judge, relative, absolute = judge_of(fault, g, inputs)
    for k, (x, dx) in enumerate(zip(inputs, answers(fault)[1], strict=True)):
        if np.shape(dx) != x.shape:
            if is_float(x):
                yield k, "shape"
            continue
        for entry in entries(x) if is_float(x) else ():
            got, sides = float(np.asarray(dx)[entry]), judge.sides(k, entry)
            bar = relative * max(map(abs, sides)) + absolute
            if not min(sides) - bar <= got <= max(sides) + bar:
                yield k, entry


@pytest.mark.sweep(one_in=5)
@each_wrong
def test_the_judge_of_right_ones_rejects_wrong_ones(fault):
    """What accepts the right derivatives is no rubber stamp; only shares at ties are too many without one being too large."""
    found = next(outside(fault), None)
    assert (found is None) == (fault.name in TIES)


@pytest.mark.parametrize("name", TIES)
def test_shares_at_ties_add_up(name):
    """Where all tied entries move together the maximum moves as much, not a multiple of it."""
    fault = faults[name]
    _, g = posed(fault, "trigger")
    right, wrong = answers(fault)
    assert sum(np.sum(dx) for dx in right if dx is not None) == pytest.approx(np.sum(g))
    assert sum(np.sum(dx) for dx in wrong if dx is not None) != pytest.approx(np.sum(g))


@pytest.mark.sweep(one_in=5)
@each
@everywhere
def test_nothing_is_changed_and_inputs_are_fresh(fault, where):
    """Functions leave inputs and cotangents alone, are repeatable, and makers give what the seed says in float64 or integers."""
    inputs, g = posed(fault, where)
    again, same_g = posed(fault, where)
    y = fault.f(*inputs)
    for role in (fault.right, fault.doubted()):
        if role is not None:
            role(g, *inputs)
    for got, expected in ((inputs, again), (g, same_g), (fault.f(*inputs), y)):
        assert_same(got, expected)
    assert all(isinstance(x, np.ndarray) and (is_float(x) or x.dtype.kind in "ib") for x in inputs)


def assert_same(a, b):
    """Fail unless arrays, or tuples of them, are equal with NaN for NaN."""
    pairs = zip(a, b, strict=True) if isinstance(a, tuple) else [(a, b)]
    assert all(np.array_equal(np.asarray(u, float), np.asarray(v, float), equal_nan=True) for u, v in pairs)


def _proportional(a, b):
    a, b = np.ravel(a), np.ravel(b)
    c = (a @ b) / (a @ a)
    return abs(c - 1) > 1e-9 and np.allclose(b, c * a, rtol=1e-9, atol=0)


PATTERNS = {
    "sign": lambda a, b: np.array_equal(b, -a),
    "factor": _proportional,
    "transpose": lambda a, b: np.allclose(b, a.T, rtol=1e-12),
    "roll": lambda a, b: np.array_equal(b, np.roll(a, 1)),
    "permutation": lambda a, b: np.array_equal(np.sort(b), np.sort(a)),
    "zero": lambda a, b: not np.any(b) and np.any(a),
    "missing broadcast sum": lambda a, b: np.shape(a) != np.shape(b) and np.isclose(np.sum(a), np.sum(b)),
}


@pytest.mark.parametrize("fault", [f for f in WRONG if f.mistake in PATTERNS], ids=lambda f: f.name)
def test_the_named_mistake_is_the_mistake(fault):
    """A pattern that is named can be seen in the numbers of at least one input."""
    inputs, g = posed(fault, "trigger")
    pairs = zip(fault.right(g, *inputs), fault.wrong(g, *inputs), strict=True)
    assert any(PATTERNS[fault.mistake](np.asarray(a), np.asarray(b)) for a, b in pairs if a is not None)


@pytest.mark.parametrize("fault", [f for f in WRONG if f.mistake == "swapped inputs"], ids=lambda f: f.name)
def test_swapped_inputs_are_each_others(fault):
    """Each input gets the other's gradient."""
    inputs, g = posed(fault, "trigger")
    assert_same(fault.right(g, *inputs), fault.wrong(g, *inputs)[::-1])


def test_every_known_fault_is_recreated_or_has_a_reason():
    """142 are known: 106 are here and the other 36 are listed."""
    assert len(HISTORICAL) == 106
    assert len(NOT_RECREATED) == 36
    assert not set(faults) & set(NOT_RECREATED)
    assert all(NOT_RECREATED.values())


def test_the_registry():
    """Names are found and unknown ones refused; titles, classes and sources are said; twins and mistakes are known."""
    assert len(faults) == len(set(faults)) == len(WRONG) + sum(f.wrong is None for f in faults.values())
    with pytest.raises(UnknownName, match="did you mean 'linear'"):
        _ = faults["linaer"]
    with pytest.raises(ValueError, match="two faults named 'linear'"):
        declare("linear", "", "", "", "", f=None, right=None, ordinary=None, trigger=None)
    assert all(f.title and f.operation and f.fault_class and f.source for f in faults.values())
    assert all(f.mistake in (*MISTAKES, "") and (not f.twin or f.twin in faults) for f in faults.values())


def test_ordinary_inputs_hide_most_of_the_special_ones():
    """Half of the historical faults do not show at ordinary inputs: that is what exploration is for."""
    hidden = 0
    for fault in HISTORICAL:
        inputs, g = posed(fault, "ordinary")
        hidden += gap(fault.right(g, *inputs), fault.wrong(g, *inputs)) < 1e-6
    assert 60 <= hidden <= 80
