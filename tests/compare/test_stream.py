"""The stream: bounds that are never larger, the rows of the certificate, and every array in question left to it."""

import ml_dtypes
import numpy as np
import pytest

from gradcheck.arith.least import Least
from gradcheck.arith.running import Bounded, Roundoff, Running, wide_format
from gradcheck.bench.plan import mlp, point
from gradcheck.compare.certificate import Certifier
from gradcheck.compare.numbers import bits, same, widened
from gradcheck.compare.stream import products
from gradcheck.compare.stream.tally import Tally
from gradcheck.judge import judge as judging
from gradcheck.judge.judge import judge
from gradcheck.networks import networks
from gradcheck.ops import registry
from gradcheck.targets.reference import Reference
from gradcheck.targets.target import leaf_arrays
from tests.judge.networks import broken

FLOAT32 = Roundoff.of("float32")
FORMATS = {"float32": FLOAT32, "bfloat16": Roundoff.of("bfloat16", accumulate="bfloat16"), "float16": Roundoff.of("float16", accumulate="float16")}
FORMAT = {"float32": np.float32, "bfloat16": ml_dtypes.bfloat16, "float16": np.float16}
RULES = {
    "product": lambda m, a, b: m.matmul(a, m.swap(b)),
    "affine": lambda m, a, b: m.affine(a, m.swap(b), m.take(b, np.arange(len(b.value)))),
    "entries": lambda m, a, b: a * b + a / b - a * a,
    "functions": lambda m, a, b: m.exp(m.tanh(a * b)) * m.logistic(a) + m.log(1 + m.exp(a)),
    "sums": lambda m, a, b: m.sum(a * b, (1,), True) * b - m.cumsum(a, 1),
    "softmax": lambda m, a, b: registry["softmax"].value(m, a * b, axis=-1),
    "its vjp": lambda m, a, b: registry["log_softmax"].vjp(m, a, registry["log_softmax"].value(m, b, axis=-1), b, axis=-1)[0],
    "norm": lambda m, a, b: registry["rms_norm"].value(m, a, m.take(b, np.arange(30)), axis=-1, eps=1e-5),
    "kink": lambda m, a, b: m.select(m.less(a * b, a), a * b, b) + m.maximum(a, b),
}
SIZES, BATCH = (200, 220, 240, 10), 64


def rounded(x, dtype):
    """Return float32 numbers rounded to a format."""
    return x.astype(FORMAT[dtype]).astype(np.float32)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("rule", RULES)
def test_bounds_are_never_larger(rule, dtype):
    """A bound from below and what our own arithmetic makes of the value lie within the bound of the certificate together."""
    rng = np.random.default_rng(0)
    a, b = (rounded(rng.normal(size=(40, 30)).astype(np.float32), dtype) for _ in range(2))
    least, full = Least(FORMATS[dtype]), Running(FORMATS[dtype])
    with np.errstate(all="ignore"):
        low = RULES[rule](least, *(Bounded(least, x.astype(least.base.working), None) for x in (a, b)))
        high = RULES[rule](full, full.array(a), full.array(b))
    finite = np.isfinite(high.error)
    assert finite.any()
    assert np.all((low.error + np.abs(low.value - high.value) <= high.error)[finite])


@pytest.mark.parametrize("name", [k for k, op in registry.items() if op.vjp_of is not None])
def test_the_cotangent_of_one_operand(name):
    """What an operation hands on to one operand alone is what it hands on to all."""
    m, op, rng = Running(FLOAT32), registry[name], np.random.default_rng(3)
    for sample in op.samples:
        xs = [m.array(rng.normal(size=shape)) for shape in sample.operands]
        y = op.value(m, *xs, **sample.attributes)
        g = m.array(rng.normal(size=y.shape))
        for k, whole in enumerate(op.vjp(m, g, y, *xs, **sample.attributes)):
            alone = op.vjp_of(m, k, g, y, *xs, **sample.attributes)
            assert np.array_equal(alone.value, whole.value)
            assert np.array_equal(alone.radius(), whole.radius())


def matrices():
    """Return pairs of factors by name: what norms bound well, and what they do not."""
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(90, 130)).astype(np.float32), rng.normal(size=(130, 70)).astype(np.float32)
    rows = (10.0 ** rng.uniform(-6, 0, (130, 1))).astype(np.float32)
    spikes = np.where(rng.random((90, 130)) < 0.01, 1e4, 1e-3).astype(np.float32)
    return {
        "normal": (a, b), "zeros": (a * 0, b), "a column of zeros": (a * (np.arange(130) != 3), b), "rows of any size": (a, b * rows),
        "spikes": (spikes * a, b), "tiny": (a * np.float32(1e-25), b * np.float32(1e-18)), "large": (a * np.float32(1e15), b * np.float32(1e18)),
        "of one sign": (np.abs(a), np.abs(b)), "one term": (a[:, :1], b[:1]), "one number": (np.full((90, 130), 0.1, np.float32), np.full((130, 70), 3, np.float32)),
        "disjoint": (a * (np.arange(130) < 60), b * (np.arange(130) >= 60)[:, None]),
    }  # fmt: skip


@pytest.mark.parametrize("name", matrices())
def test_norms_bound_magnitudes_from_below(name):
    """What a few products with vectors give is at most the product of magnitudes, for whatever matrices."""
    a, b = (products.Factor(np.ascontiguousarray(x), np.dtype(np.float64)) for x in matrices()[name])
    a.weigh(1, b.usual(0))
    b.weigh(0, a.usual(1))
    with np.errstate(all="ignore"):
        left, right = products._bounds(a, b)
    exact = np.abs(a.x) @ np.abs(b.x)
    bound = left.astype(np.float64) @ right
    assert not np.any(bound > exact)
    if name in ("normal", "of one sign", "rows of any size"):
        assert np.median(bound / exact) > 0.3


@pytest.mark.parametrize("few", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", matrices())
def test_no_product_beyond_its_bound_is_acquitted(name, dtype, few, monkeypatch):
    """One entry a little beyond the bound of the certificate, or infinite, or NaN, and the array is left open; as it is it is acquitted."""
    monkeypatch.setattr(products, "VISIT", 10**9 if few else 0)
    a, b = matrices()[name]
    a, b = rounded(a, dtype), rounded(b, dtype)
    least, full = Least(FORMATS[dtype]), Running(FORMATS[dtype])
    with np.errstate(all="ignore"):
        c = full.matmul(full.array(a), full.array(b))

        def ratio(got):
            tally, x, y = Tally(got.shape), *(products.Factor(v, least.base.working) for v in (a, b))
            products.weigh(x, y)
            products.compare(tally, got, x, y, least)
            return tally.ratio

        assert ratio(rounded(c.value.astype(np.float32), dtype)) <= 1 or name in ("tiny", "large")  # where something under- or overflows the certificate decides
        rng = np.random.default_rng(2)
        for wrong in (1.001, 1.5, np.inf, np.nan):
            got = c.value.copy()
            k = tuple(rng.integers(n) for n in got.shape)
            got[k] += wrong * c.error[k] if np.isfinite(wrong) else wrong
            if np.isfinite(c.error[k]):
                assert not ratio(got.astype(np.float32 if not np.isfinite(wrong) else np.float64)) <= 1


def run_of(target, sizes=SIZES, batch=BATCH):
    """Return graph, leaves and answer of a float32 perceptron."""
    graph = mlp(sizes, batch)
    values = {k: x.astype(np.float32) for k, x in point(sizes, batch).items()}
    return graph, leaf_arrays(graph, values), target.run(graph, values)


def both(graph, leaves, run, monkeypatch, dtype="float32", **how):
    """Return the judgement by the stream, and by the certificate."""
    found = []
    for large in (0, np.inf):
        monkeypatch.setattr(judging, "LARGE", large)
        found.append(judge(graph, leaves, run, Roundoff.of(dtype), dtype, **how))
    return found


def assert_the_same(quick, full):
    """Assert that two judgements say the same; the largest ratio but for the part that is taken off for our own rounding."""
    assert (quick.verdict, quick.evidence, quick.message, quick.checks) == (full.verdict, full.evidence, full.message, full.checks)
    assert repr(quick.findings) == repr(full.findings)  # in words: NaN, which stands for no number, is not equal to itself
    assert quick.worst_ratio == pytest.approx(full.worst_ratio, rel=1e-3)


@pytest.mark.parametrize("ratio", [0.9999, 1.001, 1.5])
@pytest.mark.parametrize(
    ("name", "part"),
    [("z2", "node_values"), ("a1", "node_values"), ("a1", "node_adjoints"), ("z2", "node_adjoints"), ("w2", "gradients")],
)
def test_one_entry_at_the_bound(name, part, ratio, monkeypatch):
    """A single number a little within its bound, or a little beyond: the findings are those of the certificate alone."""
    graph, leaves, run = run_of(Reference())
    full = Certifier(graph, leaves, run, FLOAT32, "float64").certify()
    direction = {"node_values": "value", "node_adjoints": "adjoint", "gradients": "gradient"}[part]
    c = next(c for c in full.comparisons if (c.name, c.direction) == (name, direction))
    got = np.array(getattr(run, part)[name], np.float64)
    got[3, 5] = c.expected[3, 5] + ratio * c.bound[3, 5]
    getattr(run, part)[name] = got
    quick, alone = both(graph, leaves, run, monkeypatch)
    assert_the_same(quick, alone)
    assert ((name, direction) in {(f.node, f.direction) for f in quick.findings}) == (ratio > 1)


def test_a_single_comparison_is_that_of_the_whole(monkeypatch):
    """A comparison that is made alone has the numbers of the whole certificate, and nothing else is compared."""
    graph, leaves, run = run_of(Reference(), (20, 30, 10), 8)
    del run.node_values["a1"], run.node_adjoints["z1"]
    whole = Certifier(graph, leaves, run, FLOAT32, wide_format("float32")).certify()
    for c in whole.comparisons:
        made = Certifier(graph, leaves, run, FLOAT32, wide_format("float32")).certify([(c.name, c.direction != "value")])
        one = next(x for x in made.comparisons if (x.direction, x.edge) == (c.direction, c.edge))
        assert {x.name for x in made.comparisons} == {c.name}
        assert np.array_equal(one.expected, c.expected)
        assert np.array_equal(one.bound, c.bound)
        assert one.fused == c.fused


def test_a_wrong_rule_is_found_alike(monkeypatch):
    """A wrong rule fails by the stream with the findings of the certificate."""
    wrong = broken("dense", vjp=lambda m, g, y, x, w, b: (*registry["dense"].vjp(m, g, y, x, w, b)[:2], 2 * m.sum(g, (0,))))
    quick, full = both(*run_of(wrong), monkeypatch)
    assert quick.verdict == "fail"
    assert_the_same(quick, full)


@pytest.mark.parametrize("target", ["reference", "torch"])
def test_every_network_is_judged_the_same(target, monkeypatch):
    """Small networks with ties, kinks, gates and convolutions: the same judgement."""
    pytest.importorskip(target if target != "reference" else "numpy")
    from gradcheck.targets.registry import targets

    for name in ("xor-2-2-1", "lenet-1989", "digits-64-32-10", "lstm", "relu-at-zero", "max-pool-ties", "fan-out-4"):
        if name in networks:
            graph, values = networks[name].graph, networks[name].values(0, "float32")
            assert_the_same(*both(graph, leaf_arrays(graph, values), targets[target].run(graph, values), monkeypatch))


def test_numbers_in_their_own_format():
    """Half formats are compared by their bits and widened without loss; the same memory is the same numbers at once."""
    x = np.array([1.5, -2.0, np.inf, 2.0**-130], ml_dtypes.bfloat16)
    assert np.array_equal(widened(x, np.dtype(np.float64)), x.astype(np.float64))
    assert same(x, x.copy())
    assert not same(x, -x)
    assert same(x, x.astype(np.float32))
    assert (bits(x).dtype, bits(np.float32([1])).dtype) == (np.uint16, np.float32)
    nan = np.array([np.nan])
    assert same(nan, nan)
    assert not same(nan, nan.copy())
