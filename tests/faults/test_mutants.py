"""Mutants: each is killed by the check, or proved by SymPy to be no mistake at all."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gradcheck import check
from gradcheck.arith.arithmetic import FUNCTIONS
from gradcheck.arith.floating import Floating
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.arith.running import Roundoff, Running, wide_format
from gradcheck.errors import BadShape, UnknownName
from gradcheck.faults import faults
from gradcheck.faults.altered import Altered, Change, Not, Site
from gradcheck.faults.changes import CHANGES
from gradcheck.faults.fault import MISTAKES
from gradcheck.faults.mutants import case, mutants, primed, shows, telling
from gradcheck.faults.slips import SLIPS
from gradcheck.faults.stage import Stage
from gradcheck.ops import registry
from gradcheck.verify.proof import prove_vjp


def killed(name):
    """Answer whether the check rejects a mutant at ordinary inputs, or at its trigger after a call at ordinary ones."""
    fault = case(mutants[name])
    rng = np.random.default_rng(1)
    first = fault.ordinary(rng)
    if check(fault.f, first, vjp=fault.doubted()).verdict == "fail":
        return True
    doubted = fault.doubted()
    doubted(fault.cotangents(rng, *first), *first)
    return check(fault.f, fault.trigger(rng), vjp=doubted).verdict == "fail"


def equivalent(name):
    """Answer whether SymPy proves a mutant right at every sample where it applies, kinks aside."""
    mutant = mutants[name]
    op = replace(registry[mutant.op], vjp=primed(mutant))
    return all(prove_vjp(op, number).status == "proved" for number in mutant.samples)


@pytest.mark.sweep(one_in=8)
@pytest.mark.parametrize("op", registry)
def test_killed_or_proved_equivalent(op):
    """The middle one of an operation's mutants."""
    names = list(mutants.of(op))
    name = names[len(names) // 2]
    assert killed(name) or equivalent(name)


@pytest.mark.deep
@pytest.mark.parametrize("op", registry)
def test_every_mutant_is_killed_or_proved_equivalent(op):
    """The whole catalogue; those that are proved are those that never differ."""
    alive = [name for name in mutants.of(op) if not killed(name)]
    assert not [name for name in alive if not equivalent(name)]
    assert not [name for name in alive if shows(mutants[name])]


def test_right_rules_pass_where_mutants_are_examined():
    """The check does not kill mutants by rejecting everything."""
    for op in list(registry)[::6]:
        fault = case(mutants[f"{op}/cotangent-ignored"])
        assert check(fault.f, fault.ordinary(np.random.default_rng(1)), vjp=fault.right).verdict != "fail", op


def test_the_catalogue():
    """Every operation has mutants of both kinds, named once, with the mistakes that a checker may name."""
    names = list(mutants)
    assert len(set(names)) == len(names) == len(mutants)
    assert {m.mistake for m in mutants.values()} <= {*MISTAKES, ""}
    assert {m.mistake for m in mutants.values()} >= set(MISTAKES)
    for op in registry:
        found = {m.mistake for m in mutants.of(op).values()}
        assert {"sign", "factor", "zero", "cotangent ignored", "cotangent used twice"} <= found
    assert all(mutants[n].name == n and mutants[n].samples for n in names)


def test_most_mutants_differ_at_an_ordinary_point():
    """Few are equivalent, and those are known by name to be redundant in float64, stale values of linear rules, or ties."""
    same = []
    for name in list(mutants)[::7]:
        mutant = mutants[name]
        stage = Stage(registry[mutant.op], telling(mutant))
        rng = np.random.default_rng(1)
        xs = stage.inputs(rng)
        if not mutant.stateful and stage.difference(mutant.vjp, rng.normal(size=stage.shape), xs) == 0:
            same.append(name)
    assert len(same) < len(mutants) / 7 / 10


@pytest.mark.parametrize("name", ["tanh/stale", "softmax/sum1-first-slice", "relu/less1-or-equal", "gather/scatter_add1-assign", "erf/pi1-22/7"])
def test_mutants_run_in_any_arithmetic(name):
    """The mistake is the same in float64, in fifty digits and in the running error arithmetic."""
    mutant = mutants[name]
    stage = Stage(registry[mutant.op], telling(mutant))
    rng = np.random.default_rng(0)
    xs, g = stage.inputs(rng), rng.normal(size=stage.shape)
    expected = stage.pull(primed(mutant), g, *xs)
    for m in (Multiprecision(50), Running(Roundoff.of("float64"), wide_format("float64"))):
        lifted = [m.array(x) if real else x for x, real in zip(xs, stage.real, strict=True)]
        y = stage.op.value(m, *lifted, **stage.attributes)
        for got, wanted in zip(primed(mutant)(m, m.array(g), y, *lifted, **stage.attributes), expected, strict=True):
            assert wanted is None if got is None else np.allclose(m.number(got), wanted, rtol=1e-12, atol=1e-14)


def test_a_stale_rule_keeps_the_first_call():
    """Its first answer is right, later ones are those of the first point; a new rule starts afresh."""
    mutant, m = mutants["square/stale"], Floating()
    x, z, g = np.array([1.0, 2.0]), np.array([5.0, 7.0]), np.ones(2)
    rule = mutant.vjp
    assert rule(m, g, x * x, x)[0].tolist() == [2, 4]
    assert rule(m, g, z * z, z)[0].tolist() == [2, 4]
    assert mutant.vjp(m, g, z * z, z)[0].tolist() == [10, 14]


def test_calls_are_counted_and_one_is_changed():
    """Operators and methods alike, by name; arguments inside lists are unwrapped."""
    inner = Floating()
    m = Altered(inner, Site("add", 2), Change("drop", lambda m, right, a, b: b))
    x = m.enclose(inner.array([1.0, 2.0]))
    y = m.concatenate([x + 1, x + m.enclose(inner.array([10.0, 20.0])), -x], 0)
    assert m.release(y).tolist() == [2, 3, 10, 20, -1, -2]
    assert m.calls == {"add": 2, "negative": 1, "concatenate": 1}
    assert m.changed


def test_a_comparison_is_moved_to_its_boundary():
    """What selects by the opposite answer exchanges the branches."""
    inner = Floating()
    m = Altered(inner, Site("less", 1), CHANGES["less"][0])
    x = m.enclose(inner.array([-1.0, 0.0, 1.0]))
    truth = m.less(m.constant(0), x)
    assert isinstance(truth, Not)
    assert m.release(m.select(truth, 1, 0)).tolist() == [0, 1, 1]
    inverted = next(c for c in CHANGES["select"] if c.name == "invert")
    assert inverted.make(inner, None, truth, inner.array([1.0] * 3), inner.array([0.0] * 3)).tolist() == [1, 0, 0]


def test_every_change_happens_somewhere():
    """No entry of the two tables is dead, but for functions that no rule calls."""
    seen = {name.partition("/")[2] for name in mutants}
    assert all(any(s == slip.name or s.startswith(f"{slip.name}-") for s in seen) for slip in SLIPS)
    calls = {(p, c.name) for p, table in CHANGES.items() if p not in FUNCTIONS for c in table}
    assert not {(p, c) for p, c in calls if not any(re.fullmatch(rf"{p}\d+-{re.escape(c)}", s) for s in seen)}


def test_a_case_refuses_what_its_operation_refuses():
    """Operands that would broadcast although the operation does not are no point of it."""
    f = case(mutants["cross_entropy/sign-0"], 0).f
    assert f(np.full(3, 0.5), np.ones(3)).shape == ()
    with pytest.raises(BadShape):
        f(np.full(1, 0.5), np.ones(3))


@pytest.mark.parametrize("name", ["nothing/sign", "tanh/nothing"])
def test_unknown_mutants(name):
    """A name that is not there is refused with the nearest one."""
    with pytest.raises(UnknownName, match="no mutant named"):
        _ = mutants[name]


def test_the_numbers_that_the_readme_states():
    """106 historical faults, the others beside them, and about 3,000 mutants."""
    root = Path(__file__).parents[2]
    kinds = Counter(f.fault_class in ("false-negative", "false-positive") for f in faults.values())
    for page in ("README.md", "CHANGELOG.md"):
        text = (root / page).read_text(encoding="utf-8").replace("\n", " ")
        assert [int(n) for n in re.findall(r"(\d+) (?:recreated )?historical (?:gradient )?faults", text)] == [kinds[False]]
        about = [int(n.replace(",", "")) for n in re.findall(r"(?:some|about) (\d,\d+)(?= mutants|, made from the rules)", text)]
        assert len(about) == 1
        assert abs(len(mutants) - about[0]) < 0.05 * about[0]
    assert f"{kinds[True]} cases that other checkers pass or reject wrongly" in (root / "CHANGELOG.md").read_text(encoding="utf-8")
