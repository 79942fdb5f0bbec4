"""Errors in units in the last place: distance, exact results, points, planted errors, kinks."""

import numpy as np
import pytest

from gradcheck.arith.floating import FORMATS
from gradcheck.bench.ulps import entries, points, specimens
from gradcheck.bench.ulps.conventions import conventions
from gradcheck.bench.ulps.distance import Exact, Format, errors
from gradcheck.bench.ulps.entries import ONE, TWO, Memory, measured, variants
from gradcheck.bench.ulps.exact import entrywise
from gradcheck.bench.ulps.report import Settings, measure
from gradcheck.bench.ulps.row import plain
from gradcheck.errors import CannotExpress
from gradcheck.ops import registry
from gradcheck.targets.reference import Reference
from gradcheck.targets.target import Description, Run

REFERENCE = Description.of(Reference())


def exactly(*xs, low=0.0):
    """Return exact numbers."""
    x = np.array(xs)
    return Exact(x, np.full(x.shape, low), np.zeros(x.shape, int), np.ones(x.shape, bool))


# -- distance ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("got", "exact", "ulps"),
    [
        (1.0, 1.0, 0), (1 + 2.0**-23, 1.0, 1), (1 - 2.0**-24, 1.0, 0.5), (1.0, 1 - 2.0**-24, 1), (2.0, 2 - 2.0**-23, 1),
        (-1.0, 1.0, 2.0**24), (0.0, -0.0, 0), (-0.0, 0.0, 0), (3 * 2.0**-149, 2.0**-149, 2), (2.0**-126, 2.0**-126 - 2.0**-149, 1),
        (0.0, 2.0**-126, 2.0**23), (2.0**-149, 0.0, 1),
    ],
)  # fmt: skip
def test_distance(got, exact, ulps):
    """The unit is that of the exact number's binade: at powers of two, in the subnormal range, beside zero."""
    assert errors(np.array([got]), exactly(exact), "float32").ulps.item() == ulps


@pytest.mark.parametrize(
    ("got", "exact", "bad"),
    [
        (np.inf, 1.0, True), (np.nan, 1.0, True), (1.0, np.nan, True), (np.nan, np.nan, False), (np.inf, np.inf, False),
        (-np.inf, np.inf, True), (3.4e38, np.inf, True), (np.inf, 3.5e38, False), (np.inf, 3.4e38, True), (np.nan, np.inf, True),
    ],
)  # fmt: skip
def test_not_finite(got, exact, bad):
    """What is infinite, or no number, where the rounded exact result is not; beyond the largest number infinity is right."""
    found = errors(np.array([got]), exactly(exact), "float32")
    assert found.bad.item() is bad
    assert np.isnan(found.ulps.item())


def test_flushed():
    """A subnormal result that came as zero is told apart, unless zero is the nearest."""
    found = errors(np.zeros(3), exactly(2.0**-140, 2.0**-151, 2.0**-120), "float32")
    assert found.flushed.tolist() == [True, False, False]
    assert found.subnormal.tolist() == [True, True, False]


def test_float64_is_compared_beyond_its_digits():
    """A quarter of an ulp of float64 shows, among normal numbers and among the smallest."""
    one = Exact(np.array([1.0]), np.array([2.0**-54]), np.array([0]), np.array([True]))
    assert errors(np.array([1.0]), one, "float64").ulps.item() == 0.25
    small = Exact(np.array([2.0**-1020 * 2.0**256]), np.array([2.0**-1074 * 2.0**256]), np.array([256]), np.array([True]))
    assert errors(np.array([2.0**-1020]), small, "float64").ulps.item() == 0.25


# -- exact results ----------------------------------------------------------------------------------


def test_exact_where_float64_is_not():
    """The tail of gelu, and its slope near the zero of it, to 20 digits."""
    x = np.array([-30.0, -0.7517916])
    value, slope = entrywise(registry["gelu"], {}, [x], "float64")
    assert value.known.all()
    import mpmath

    with mpmath.workdps(50):
        for k, v in enumerate(x):
            right = v * mpmath.erfc(-v / mpmath.sqrt(2)) / 2, mpmath.erfc(-v / mpmath.sqrt(2)) / 2 + v * mpmath.npdf(v)
            for got, r in zip((value, slope), right, strict=True):
                assert abs((mpmath.mpf(got.high[k]) + got.low[k]) / mpmath.mpf(2) ** int(got.lift[k]) / r - 1) < 1e-25


def test_poles_and_domains_of_exact_results():
    """log: infinite at 0, NaN below; its slope infinite at 0."""
    value, slope = entrywise(registry["log"], {}, [np.array([0.0, -1.0, 1.0])], "float32")
    np.testing.assert_array_equal(value.number(), [-np.inf, np.nan, 0.0])
    assert slope.number()[0] == np.inf


# -- points -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_order(dtype):
    """The place of a number in its format: back again, and neighbours differ by one."""
    x = points.stratified(dtype, 400, np.random.default_rng(0))
    x = x[np.isfinite(x.astype(np.float64))]
    np.testing.assert_array_equal(points.at_order(points.order(x), dtype).astype(np.float64), x.astype(np.float64))
    one = np.array([1.0]).astype(FORMATS[dtype])
    following = points.at_order(points.order(one) + 1, dtype)
    assert float(following[0]) - 1 == 2.0 ** (1 - Format.of(dtype).digits)
    beyond = points.at_order(np.array([2**63 - 1, 1 - 2**63]), dtype)
    assert float(beyond[0]) == Format.of(dtype).largest == -float(beyond[1])


def test_points_cover_the_range():
    """Every twentieth of the exponents, both signs, zero and the borders."""
    x = points.stratified("float32", 4000, np.random.default_rng(0)).astype(np.float64)
    exponents = np.frexp(np.abs(x[x != 0]))[1]
    assert (np.histogram(exponents, 20, (-148, 128))[0] > 20).all()
    assert {0.0, 2.0**-149, -(2.0**-126)} <= set(x.tolist())
    near = points.neighbours([np.array([1.0, -2.0], np.float32)], 100, np.random.default_rng(0))[0]
    assert near.size == 200
    assert (np.sign(near[:100]) == 1).all()
    assert np.abs(points.order(near[:100]) - points.order(np.array([1.0], np.float32))).min() == 1


# -- planted errors ---------------------------------------------------------------------------------


class Planted(Reference):
    """A reference with a mistake at one input of one operation."""

    def __init__(self, op, at, change, what="value"):
        super().__init__(name="planted")
        self.op, self.at, self.change, self.what = op, at, change, what

    def run(self, graph, values):
        """Run, and change what stands at one input."""
        run = super().run(graph, values)
        if graph.node["y"].op != self.op:
            return run
        x = np.asarray(values["x0"]).astype(np.float64)
        old = run.node_values["y"] if self.what == "value" else run.gradients["x0"]
        y = np.asarray(old).copy()
        y[x == self.at] = self.change(y[x == self.at])
        if self.what == "value":
            return Run(run.loss, run.gradients, {"y": y})
        return Run(run.loss, {"x0": y}, run.node_values)


def rows_of(target, dtype, name, **options):
    """Return the rows of one function, by result."""
    found = measured(Description.of(target), dtype, registry[name], {}, **{"count": 300, "seed": 0, "memory": Memory(), **options})
    return {r.what: r for r in found}


def test_three_ulps_at_one_of_all_inputs():
    """tanh off by 3 ulp at one bfloat16 number is found there."""
    at = 0.6875
    off = rows_of(Planted("tanh", at, lambda y: points.at_order(points.order(y) + 3, "bfloat16")), "bfloat16", "tanh")["value"]
    assert off.how == "exhaustive"
    assert off.points == 65280
    assert 2.5 <= off.ulps <= 3.5
    assert off.worst.at == (at,)
    assert off.bad == 0


def test_a_constant_added_to_a_gradient():
    """exp' as y + 0.001 is worst where y is smallest."""

    class Off(Reference):
        def run(self, graph, values):
            run = super().run(graph, values)
            y = np.asarray(run.node_values["y"]).astype(np.float32) + np.float32(1e-3)
            return Run(run.loss, {"x0": y.astype(FORMATS["bfloat16"])}, run.node_values)

    found = rows_of(Off(), "bfloat16", "exp")
    assert found["value"].ulps <= 0.51
    assert found["gradient 0"].ulps > 1e30
    assert -87.5 < found["gradient 0"].worst.at[0] < -86


@pytest.mark.parametrize("what", ["value", "gradient 0"])
def test_nan_at_one_of_all_inputs(what):
    """It is counted once and named."""
    found = rows_of(Planted("sin", 1.5, lambda y: y * np.nan, what), "bfloat16", "sin")
    assert (found[what].bad, found[what].bad_example.at) == (1, (1.5,))
    assert np.isnan(found[what].bad_example.got)
    other = "gradient 0" if what == "value" else "value"
    assert found[other].bad == 0


def test_a_search_climbs():
    """A relative error that grows towards 1.234 is followed to where it is most ulp: below log 4, where a binade ends."""

    class Bump(Reference):
        def run(self, graph, values):
            run = super().run(graph, values)
            x = np.asarray(values["x0"]).astype(np.float64)
            y = np.asarray(run.node_values["y"]).astype(np.float64)
            ulps = 1000 / (1 + np.abs(x - 1.234))
            return Run(run.loss, run.gradients, {"y": (y * (1 + ulps * 2.0**-23)).astype(np.float32)})

    found = rows_of(Bump(), "float32", "exp", count=400)["value"]
    assert found.how == "searched, at least"
    assert found.worst.at[0] == pytest.approx(np.log(4), abs=1e-3)
    assert found.ulps > 1720


def test_the_seed_decides():
    """The same seed measures the same, another one something else."""
    a, b, c = (rows_of(Reference(), "float32", "mish", seed=s) for s in (3, 3, 4))
    assert a == b
    assert a != c


# -- the reference ----------------------------------------------------------------------------------

#: results of functions that bfloat16 numbers computed in float32 cannot give within a rounding
STEPS = {("sqrt", "gradient 0"): 1.2, ("reciprocal", "gradient 0"): 1.6}


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("name", ["exp", "tanh", "sqrt", "reciprocal", "gelu_tanh", "clip", "log1p"])
def test_the_reference_rounds_once(name):
    """All bfloat16 numbers: at most half an ulp and what float32 adds; twice where the value is used again; nothing is NaN."""
    for r in rows_of(Reference(), "bfloat16", name).values():
        assert r.ulps <= STEPS.get((name, r.what), 0.505)
        assert (r.bad, r.bad_subnormal) == (0, 0)


@pytest.mark.deep
@pytest.mark.parametrize("name", ONE)
def test_the_reference_rounds_once_everywhere(name):
    """Every function of one entry, at every bfloat16 number."""
    for attributes in variants(registry[name]):
        for r in measured(REFERENCE, "bfloat16", registry[name], attributes, count=10, seed=0, memory=Memory()):
            assert r.ulps <= STEPS.get((name, r.what), 0.6), r
            assert (r.bad, r.bad_subnormal) == (0, 0)


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("name", TWO)
def test_two_operands(name):
    """Functions of two entries are searched, and the reference is right within a few ulp where nothing cancels."""
    for r in rows_of(Reference(), "float64", name, count=60).values():
        assert r.points > 60
        assert r.ulps < (3 if name != "power" else 2000)


def test_operations_that_mix_entries():
    """Within what rounding may do to the formula; the place can be drawn again."""
    for name in ("matmul", "layer_norm", "conv2d", "cross_entropy_logits"):
        for r in specimens.measured(REFERENCE, "float32", registry[name], count=2, seed=0, memory=Memory()):
            assert (r.scaled or 0) <= 1
            assert r.bad == 0
            where = r.worst.sample
            number = int(where["network"].rsplit("/", 1)[1])
            case = specimens.draw(registry[name], number, where["seed"], where["scale"], "float32")
            run = Reference().run(case.graph, case.values)
            y = run.node_values["y"] if r.what == "value" else run.gradients[f"x{r.what[-1]}"]
            assert float(y[tuple(where["entry"])]) == r.worst.got


def test_a_wrong_product_shows():
    """A factor of 1.001 on a gradient is far beyond what rounding may do."""

    class Off(Reference):
        def run(self, graph, values):
            run = super().run(graph, values)
            return Run(run.loss, {k: (x * 1.001).astype(x.dtype) for k, x in run.gradients.items()}, run.node_values)

    found = {r.what: r for r in specimens.measured(Description.of(Off()), "float64", registry["matmul"], count=2, seed=0, memory=Memory())}
    assert found["value"].scaled <= 1
    assert found["gradient 0"].scaled > 1e9


# -- kinks ------------------------------------------------------------------------------------------


def test_conventions_of_the_reference():
    """What the rules document: 0 at relu, abs, clip; the first of equals; norms 0; everywhere inside."""
    found = {c.point: c for c in conventions(REFERENCE, "float64")}
    assert len(found) > 40
    for point, given in {
        "relu at 0": (0.0,), "abs at -0": (0.0,), "leaky_relu (0.01) at 0": (0.01,), "clip at its low bound": (0.0,), "hard_tanh at 1": (0.0,),
        "maximum of equals": (1.0, 0.0), "max over 1, 2, 2": (0.0, 1.0, 0.0), "norm (p=2) at 0, 0": (0.0, 0.0), "sqrt at 0": (np.inf,),
        "x^2 at 0, by x": (0.0,), "0^p at p = 2, by p": (0.0,), "prod with one zero": (6.0, 0.0, 0.0),
    }.items():  # fmt: skip
        assert found[point].given == given, point
    odd = {p for p, c in found.items() if c.status not in ("inside", "finite")}
    assert odd == {"layer_norm of equals (eps = 0)"}  # 0/0


def test_conventions_outside():
    """A slope of 2 at the kink of relu is none, NaN neither, and a target may have no form."""

    def wrong(slope):
        return Description.of(lambda graph, values: (0.0, {"x0": np.full(1, slope)}))

    assert [conventions(wrong(s), "float64", ["relu"])[0].status for s in (0.5, 2.0, np.nan)] == ["inside", "outside", "not finite"]

    def none(graph, values):
        raise CannotExpress("never")

    assert conventions(Description.of(none), "float64", ["relu"])[0].status == "no form"


# -- the whole --------------------------------------------------------------------------------------


def test_measure():
    """Plain data of every operation asked for; what cannot be run is listed with its reason."""

    class Choosy(Reference):
        dtypes = ("float32",)

        def run(self, graph, values):
            if graph.node["y"].op == "tanh":
                raise CannotExpress("no tanh")
            if graph.node["y"].op == "matmul":
                raise ValueError("broken")
            return super().run(graph, values)

    seen = []
    settings = Settings(("float64", "float32"), ("tanh", "m?tmul", "relu"), points=100)
    data = measure([REFERENCE, Description.of(Choosy(name="choosy"))], settings, told=lambda *x: seen.append(x))
    assert data["schema"] == "gradcheck-accuracy/1"
    assert len(seen) == 9
    assert {(r["target"], r["op"], r["dtype"]) for r in data["rows"]} == {
        *(("reference", op, dtype) for op in ("tanh", "matmul", "relu") for dtype in ("float64", "float32")), ("choosy", "relu", "float32"),
    }  # fmt: skip
    assert {s["reason"].partition(" (test_ulps")[0] for s in data["skipped"]} == {"no tanh", "the target raised ValueError: broken"}
    assert {c["target"] for c in data["conventions"]} == {"reference", "choosy"}


def test_plain():
    """What JSON has not becomes text."""
    assert plain({"a": np.float64("nan"), "b": None, "c": (1, -np.inf)}) == {"a": "nan", "c": [1, "-inf"]}


def test_every_operation_has_its_way():
    """Functions of entries are those of their modules; all others go by samples."""
    assert {"tanh", "hard_swish", "integer_power"} <= set(ONE)
    assert {"add", "power", "maximum"} <= set(TWO)
    assert "where" not in (*ONE, *TWO)
    assert all(len(registry[name].operands) == 1 for name in ONE)
    assert entries.Memory()("a", lambda: 1) == 1
