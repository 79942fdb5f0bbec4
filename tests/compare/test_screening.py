"""Screening: never larger bounds, the same verdicts, and the certificate wherever anything is in question."""

import numpy as np
import pytest

from gradcheck.arith.running import Roundoff, Running
from gradcheck.arith.screening import Screening
from gradcheck.bench.plan import mlp, point
from gradcheck.compare import screening
from gradcheck.compare.certificate import Certifier
from gradcheck.judge.judge import judge
from gradcheck.networks import networks
from gradcheck.ops import registry
from gradcheck.targets.reference import Reference
from gradcheck.targets.target import Run, leaf_arrays
from tests.judge.networks import broken

ROUNDOFF = Roundoff.of("float32")
SIZES, BATCH = (200, 220, 240, 10), 64


def run_of(target, sizes=SIZES, batch=BATCH):
    """Return graph, leaves and answer of a float32 perceptron."""
    graph = mlp(sizes, batch)
    values = {k: x.astype(np.float32) for k, x in point(sizes, batch).items()}
    return graph, leaf_arrays(graph, values), target.run(graph, values)


@pytest.mark.parametrize("part", [1, 4])
@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e-42, 1e18])
def test_bounds_are_never_larger(part, scale):
    """Bounds of products and roundings lie below those of the running arithmetic, underflow included."""
    rng = np.random.default_rng(0)
    a, b = ((rng.normal(size=s) * scale).astype(np.float32) for s in ((40, 300), (300, 50)))
    low, full = Screening(ROUNDOFF, part), Running(ROUNDOFF)
    for rule in (
        lambda m: m.matmul(m.array(a), m.array(b)),
        lambda m: m.matmul(m.swap(m.array(b)), m.swap(m.array(a))),
        lambda m: m.affine(m.array(a), m.array(b), m.array(b[0])),
        lambda m: m.array(a) * m.array(a) + m.array(a),
        lambda m: m.array(a) * m.sech2(m.array(a)),
        lambda m: m.einsum("ij,jk->ik", m.array(a), m.array(b)),
    ):
        with np.errstate(all="ignore"):
            x, y = rule(low), rule(full)
        assert np.array_equal(x.value, y.value)
        assert np.all(x.error <= y.error)
    if scale == 1 and part == 1:
        assert np.all(low.matmul(low.array(a), low.array(b)).error >= 0.9999 * full.matmul(full.array(a), full.array(b)).error)


def test_the_largest_ratio_is_that_of_the_certificate():
    """What is reported of a right run is what the certificate would have said, but for 1e-4 of the ratio."""
    graph, leaves, run = run_of(Reference())
    quick = screening.screened(graph, leaves, run, ROUNDOFF)
    full = Certifier(graph, leaves, run, ROUNDOFF, "float64").certify()
    assert len(quick.all) == len(full.all)
    assert quick.worst.name == full.worst.name
    assert quick.worst.worst[1] == full.worst.worst[1]
    assert full.worst.worst[0] <= quick.worst.worst[0] <= full.worst.worst[0] * 1.0001


@pytest.mark.parametrize("ratio", [0.9999, 1.001, 1.5])
@pytest.mark.parametrize(
    ("name", "part"),
    [("z2", "node_values"), ("a1", "node_values"), ("a1", "node_adjoints"), ("z2", "node_adjoints"), ("w2", "gradients")],
)
def test_one_entry_at_the_bound(name, part, ratio, monkeypatch):
    """A single number a little within its bound, or a little beyond: the findings are those of the certificate alone."""
    graph, leaves, run = run_of(Reference())
    full = Certifier(graph, leaves, run, ROUNDOFF, "float64").certify()
    direction = {"node_values": "value", "node_adjoints": "adjoint", "gradients": "gradient"}[part]
    c = next(c for c in full.comparisons if (c.name, c.direction) == (name, direction))
    got = np.array(getattr(run, part)[name], np.float64)
    got[3, 5] = c.expected[3, 5] + ratio * c.bound[3, 5]
    getattr(run, part)[name] = got
    found = judge(graph, leaves, run, ROUNDOFF, "float32")
    monkeypatch.setattr(screening, "LARGE", np.inf)
    alone = judge(graph, leaves, run, ROUNDOFF, "float32")
    assert [f.message for f in found.findings] == [f.message for f in alone.findings]
    assert (found.verdict, found.worst_ratio) == (alone.verdict, pytest.approx(alone.worst_ratio, rel=1e-4))
    assert ((name, direction) in {(f.node, f.direction) for f in found.findings}) == (ratio > 1)


def test_where_anything_is_in_question_the_certificate_decides():
    """No screening of a wrong rule, of a textbook formula, and of a run that hands back less than everything."""
    wrong = broken("dense", vjp=lambda m, g, y, x, w, b: (*registry["dense"].vjp(m, g, y, x, w, b)[:2], 2 * m.sum(g, (0,))))
    graph, leaves, run = run_of(wrong)
    assert screening.screened(graph, leaves, run, ROUNDOFF) is None
    assert judge(graph, leaves, run, ROUNDOFF, "float32").verdict == "fail"
    graph, leaves, run = run_of(Reference())
    del run.node_adjoints["z1"]
    assert screening.screened(graph, leaves, run, ROUNDOFF) is None
    assert screening.screened(graph, leaves, Run(run.loss, run.gradients), ROUNDOFF) is None
    assert (screening.pays(graph, "float32"), screening.pays(graph, "float64")) == (True, False)


@pytest.mark.parametrize("target", ["reference", "torch"])
def test_every_network_passes_the_same(target, monkeypatch):
    """Screening everything, the small networks too, changes no verdict, and no ratio by more than 1e-4 of it."""
    pytest.importorskip(target if target != "reference" else "numpy")
    from gradcheck.targets.registry import targets

    judged = targets[target]
    for name in ("xor-2-2-1", "lenet-1989", "digits-64-32-10", "lstm", "relu-at-zero", "max-pool-ties", "fan-out-4"):
        if name not in networks:
            continue
        graph, values = networks[name].graph, networks[name].values(0, "float32")
        run, leaves = judged.run(graph, values), leaf_arrays(graph, values)
        monkeypatch.setattr(screening, "LARGE", 0)
        quick = judge(graph, leaves, run, ROUNDOFF, "float32")
        monkeypatch.setattr(screening, "LARGE", np.inf)
        full = judge(graph, leaves, run, ROUNDOFF, "float32")
        assert (quick.verdict, quick.evidence, quick.checks) == (full.verdict, full.evidence, full.checks)
        assert quick.worst_ratio == pytest.approx(full.worst_ratio, rel=1e-4)
        assert [f.message for f in quick.findings] == [f.message for f in full.findings]
