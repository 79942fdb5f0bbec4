"""Compiled plans against the sweep: values, results, memory, threads, names."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given

import gradcheck
from gradcheck.arith.floating import Floating
from gradcheck.bench.plan import by_hand, mlp, peak_bytes, point
from gradcheck.engine.reverse import backward, evaluate
from gradcheck.errors import BadShape, BadValues, PlanInUse, UnknownDtype, UnknownName
from gradcheck.graph.graph import Graph, Leaf, Node
from gradcheck.graph.trace import trace
from gradcheck.networks import networks
from gradcheck.targets.target import Run
from gradcheck.validation.validate import validate

SMALL = [n for n in networks if networks[n].small]
#: the variance of columns sums a transposed array, in whose layout NumPy keeps its results
TRANSPOSED = ("normalised-inputs",)
X = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])
W = np.array([0.3, -0.2, 0.9])


def same(a, b):
    """Whether two results are the same to the last bit, types and shapes included."""
    return np.shape(a) == np.shape(b) and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def assert_same(got, expected):
    """Assert that outputs and gradients are the same to the last bit."""
    one, two = (x if isinstance(x, tuple) else (x,) for x in (got[0], expected[0]))
    assert all(same(a, b) for a, b in zip(one, two, strict=True))
    assert {k for k in expected[1] if not same(got[1][k], expected[1][k])} == set()
    assert set(got[1]) == set(expected[1])


@pytest.mark.sweep(one_in=6)
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("name", SMALL)
def test_strict_plans_are_the_sweep_bit_by_bit(name, dtype):
    """Same operations, same bits: on every small network, kinks and extremes included; with recomputation too."""
    network = networks[name]
    values = network.values(0, dtype)
    expected = backward(network.graph, values, Floating(dtype))
    for recompute in (False, True):
        plan = gradcheck.compile(network.graph, dtype=dtype, strict=True, recompute=recompute, debug=recompute)
        got = plan.value_and_grad(values)
        if name in TRANSPOSED:
            for k, g in expected[1].items():
                np.testing.assert_allclose(got[1][k].astype(float), g.astype(float), rtol=1e-4 if dtype != "float64" else 1e-11)
        else:
            assert_same(got, expected)
            assert same(plan.value(values), expected[0])


@given(gradcheck.strategies.graphs())
def test_random_graphs(case):
    """Any operations, any acyclic shape: a strict plan agrees with the sweep up to the order of sums, recomputation with it exactly."""
    graph, values = case
    for dtype in ("float64", "float32"):
        arrays = {k: x.astype(dtype) for k, x in values.items()}
        expected = backward(graph, arrays, Floating(dtype))
        got = gradcheck.compile(graph, dtype=dtype, strict=True).value_and_grad(arrays)
        again = gradcheck.compile(graph, dtype=dtype, strict=True, recompute=True, debug=True).value_and_grad(arrays)
        assert_same(again, got)
        for k, g in expected[1].items():
            scale = np.max(np.abs(g), initial=0, where=np.isfinite(g))
            np.testing.assert_allclose(got[1][k], g, rtol=1e-4 if dtype == "float32" else 1e-12, atol=scale * (1e-4 if dtype == "float32" else 1e-11))


class Target:
    """Plans as a target of their own."""

    name = "plan"
    dtypes = ("float64", "float32")

    def __init__(self, **options):
        self.options = options

    def run(self, graph, values):
        """Compile and run."""
        dtype = next((str(x.dtype) for x in values.values() if x.dtype.kind == "f"), "float64")
        return Run(*gradcheck.compile(graph, dtype=dtype, **self.options).value_and_grad(values))


#: where 1 - y^2 has lost the tail of tanh, which a target without node values is held to
TAILS = {"fan-in-concatenate-30", "unnormalised-inputs"}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("every", [8, pytest.param(1, marks=pytest.mark.deep)])
@pytest.mark.parametrize("strict", [True, False])
def test_plans_pass_as_targets(strict, every):
    """Our own judge holds plans to the rounding bound of the running arithmetic: none fails but where the textbook has no tail."""
    names = [n for n in SMALL if strict or n not in TAILS][::every]
    rows = validate(Target(strict=strict), networks=names).rows
    assert not [(r.network, r.dtype) for r in rows if r.verdict == "fail"]
    assert sum(r.verdict == "pass" for r in rows) > 0.85 * len(rows)


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize(("sizes", "batch"), [((2, 8, 1), 1), ((8,) * 12, 4), ((30, 16, 10), 32)])
def test_against_code_by_hand(sizes, batch, recompute):
    """The gradient of a perceptron is that of code by hand."""
    values = point(sizes, batch)
    loss, gradients = gradcheck.compile(mlp(sizes, batch), recompute=recompute).value_and_grad(values)
    count = range(1, len(sizes))
    expected, gw, gb = by_hand(values["x"], values["t"], [values[f"w{k}"] for k in count], [values[f"b{k}"] for k in count])
    np.testing.assert_allclose(loss, expected, rtol=1e-13)
    for k in count:
        np.testing.assert_allclose(gradients[f"w{k}"], gw[k - 1], rtol=1e-11, atol=1e-14)
        np.testing.assert_allclose(gradients[f"b{k}"], gb[k - 1], rtol=1e-11, atol=1e-14)


def test_recomputation_gives_the_same_bits():
    """What is computed again is what was computed before, without `strict` too."""
    graph, values = mlp((8,) * 30, 4), point((8,) * 30, 4)
    assert_same(
        gradcheck.compile(graph, recompute=True, debug=True).value_and_grad(values), gradcheck.compile(graph).value_and_grad(values)
    )


@pytest.mark.parametrize("name", ["xor-2-2-1", "lstm", "transformer-block", "fifty-uses", "unused-parameter", "two-heads", "empty-batch"])
def test_results_are_the_callers(name):
    """A second call leaves the first results alone; no result shares memory with values, another result or a later one."""
    network = networks[name]
    plan, first, second = gradcheck.compile(network.graph), network.values(0), network.values(1)
    kept = {k: x.copy() for k, x in first.items()}
    loss, gradients = plan.value_and_grad(first)
    copies = {k: g.copy() for k, g in gradients.items()}
    bits = loss.tobytes()
    later = plan.value_and_grad(second)[1]
    assert loss.tobytes() == bits
    assert isinstance(loss, np.ndarray)
    results = [loss, *gradients.values(), *later.values()]
    for k, g in gradients.items():
        assert same(g, copies[k])
        assert not any(np.shares_memory(g, x) for x in [*first.values(), *(r for r in results if r is not g)])
    assert all(same(first[k], kept[k]) for k in first)


PROGRAMS = {
    "the parameter is the output": lambda a, b: a[0, 0],
    "two gradients are one value": lambda a, b: np.sum(a + a.T) + np.sum(b[0] + b[1]),
    "gradient is a view": lambda a, b: np.sum((a.T.reshape(-1) * np.arange(9.0)).reshape(3, 3)),
    "gradient is constant": lambda a, b: np.sum(a) + 3,
    "fan-out and broadcasting": lambda a, b: np.sum((a * b + b) / (1 + a * a) - b * np.exp(a)),
    "shared weights": lambda a, b: np.sum(np.tanh(np.tanh(b @ a) @ a) @ a),
    "vectors": lambda a, b: (b @ a) @ b,
    "batches": lambda a, b: np.sum(np.tanh(np.stack([a, a * 2]) @ a) ** 2),
    "numbers": lambda a, b: np.exp(a[0, 0] * b[1]) / (1 + b[0] * b[0]),
}


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name, recompute):
    """Programs that hand memory around in one way or another."""
    values = {"a": np.random.default_rng(0).normal(size=(3, 3)), "b": W}
    graph = trace(PROGRAMS[name], values)
    expected = backward(graph, values)
    for dtype in ("float64", "float32"):
        arrays = {k: x.astype(dtype) for k, x in values.items()}
        assert_same(
            gradcheck.compile(graph, dtype=dtype, strict=True, recompute=recompute, debug=True).value_and_grad(arrays),
            backward(graph, arrays, Floating(dtype)),
        )
    got = gradcheck.compile(graph, recompute=recompute, debug=True).value_and_grad(values)
    for k, g in expected[1].items():
        np.testing.assert_allclose(got[1][k], g, rtol=1e-13)


def test_outputs_that_are_leaves():
    """Parameter, input and constant as outputs; they are copies."""
    leaves = [Leaf("w", "parameter", ()), Leaf("x", "input", ()), Leaf("c", "constant", (), "float", np.array(2.0))]
    values = {"w": np.array(3.0), "x": np.array(4.0)}
    graph = Graph(leaves, [], ["w", "x", "c", "w"])
    plan = gradcheck.compile(graph)
    outputs, gradients = plan.value_and_grad(values)
    assert [float(y) for y in outputs] == [3, 4, 2, 3]
    assert gradients["w"] == 2
    assert not any(np.shares_memory(y, x) for y in outputs for x in values.values())


def test_cotangents():
    """Outputs that are no scalars take a cotangent, several a tuple; it is checked; scalars may take one if compiled so."""
    graph = trace(lambda w: (np.exp(w), np.sum(w)), [W])
    plan, g = gradcheck.compile(graph), (W, np.array(2.0))
    assert_same(plan.value_and_grad({"w": W}, cotangent=g), backward(graph, {"w": W}, cotangent=g))
    with pytest.raises(BadValues, match="expected a cotangent"):
        plan.value_and_grad({"w": W})
    with pytest.raises(BadValues, match="expected 2 cotangents"):
        plan.value_and_grad({"w": W}, cotangent=W)
    with pytest.raises(BadShape, match="cotangent of"):
        plan.value_and_grad({"w": W}, cotangent=(np.ones(2), 1.0))
    with pytest.raises(BadValues, match="cotangent=True"):
        gradcheck.compile(graph, cotangent=False)
    loss = trace(lambda w: np.sum(w * w), [W])
    with pytest.raises(BadValues, match="compile with cotangent=True"):
        gradcheck.compile(loss).value_and_grad({"w": W}, cotangent=2.0)
    twice = gradcheck.compile(loss, cotangent=True).value_and_grad({"w": W}, cotangent=2.0)
    assert_same(twice, backward(loss, {"w": W}, cotangent=np.array(2.0)))


def test_wrt_and_unused():
    """Any float leaf may be asked for; an unused parameter has zeros; others are refused."""
    graph = trace(lambda x, w, v: np.sum(x @ w), {"x": X, "w": W, "v": W}, inputs=("x",))
    values = {"x": X, "w": W, "v": W}
    assert gradcheck.compile(graph).value_and_grad(values)[1]["v"].tolist() == [0, 0, 0]
    assert_same(gradcheck.compile(graph, wrt=["x"]).value_and_grad(values), backward(graph, values, wrt=["x"]))
    with pytest.raises(UnknownName, match="no float leaf named 'y'"):
        gradcheck.compile(graph, wrt=["y"])


def test_what_is_not_asked_is_not_computed():
    """The first layer's input has no gradient: three products of matrices for one layer, not four."""
    plan = gradcheck.compile(mlp((4, 3, 2), 5), strict=True)
    assert plan.source.count("matmul(") == 2 + 3
    assert gradcheck.compile(mlp((4, 3, 2), 5), wrt=["b2"], strict=True).source.count("matmul(") == 2


def test_shapes():
    """A plan may be for another batch than the graph was traced with; wrong shapes and names are refused."""
    graph = mlp((3, 4, 2), 5)
    values = point((3, 4, 2), 7)
    plan = gradcheck.compile(graph, {"x": (7, 3), "t": (7, 2)})
    np.testing.assert_allclose(plan.value(values) * 5 / 7, gradcheck.compile(mlp((3, 4, 2), 7)).value(values), rtol=1e-14)
    with pytest.raises(BadShape):
        gradcheck.compile(graph, {"x": (7, 4)})
    with pytest.raises(UnknownName, match="'y'"):
        gradcheck.compile(graph, {"y": ()})
    with pytest.raises(UnknownDtype):
        gradcheck.compile(graph, dtype="float8")


def test_values_are_checked():
    """Lists, other types and layouts are taken; missing, unknown, misshapen ones are refused as by the sweep."""
    graph = trace(lambda x, w: np.sum(np.tanh(x @ w)), {"x": X, "w": W})
    plan = gradcheck.compile(graph)
    expected = plan.value_and_grad({"x": X, "w": W})
    for x in (X.tolist(), np.asfortranarray(X), X.astype(">f8"), X[::-1, ::-1][::-1, ::-1]):
        got = plan.value_and_grad({"x": x, "w": W})
        for k, g in expected[1].items():
            np.testing.assert_allclose(got[1][k], g, rtol=1e-14)
    for wrong in ({"x": X}, {"x": X, "w": W, "v": W}, {"x": X, "w": X}, {"x": X, "w": W * 1j}, [X, W], None):
        with pytest.raises((BadValues, UnknownName)):
            plan.value_and_grad(wrong)
    assert_same(plan.value_and_grad({"x": X, "w": W}), expected)


def test_nothing_warns():
    """Overflow and division by zero are as silent as in the sweep, and the caller's settings stay."""
    before = np.geterr()
    graph = trace(lambda w: np.sum(np.exp(w) / (w - w)), [W])
    loss, gradients = gradcheck.compile(graph).value_and_grad({"w": W * 1e4})
    assert not np.isfinite(loss)
    assert gradients["w"].shape == (3,)
    assert np.geterr() == before


def test_out():
    """Gradients can be written to arrays that are given, some or all; arrays that do not fit are refused."""
    network = networks["xor-2-2-1"]
    values, plan = network.values(), gradcheck.compile(network.graph)
    expected = plan.value_and_grad(values)
    out = {k: np.full(g.shape, np.nan) for k, g in expected[1].items() if k != "b1"}
    got = plan.value_and_grad(values, out=out)
    assert_same(got, expected)
    assert all(got[1][k] is x for k, x in out.items())
    numbers = gradcheck.compile(trace(lambda w: w * w, [np.array(3.0)]))
    slot = np.zeros(())
    assert numbers.value_and_grad({"w": np.array(3.0)}, out={"w": slot})[1]["w"] is slot
    assert slot == 6
    shape = values["w1"].shape
    both = np.zeros(shape)
    for wrong in ({"w1": values["w1"]}, {"w1": np.zeros(shape, "f4")}, {"w1": np.zeros((1, *shape))}, {"w1": np.zeros(shape, order="F")}, {"w1": both, "w2": both.reshape(-1)[:2].reshape(2, 1)}):
        with pytest.raises(BadValues, match="out\\['w"):
            plan.value_and_grad(values, out=wrong)
    fixed = np.zeros(shape)
    fixed.flags.writeable = False
    for wrong in (fixed, np.zeros(shape).tolist()):
        with pytest.raises(BadValues, match="expected a writeable"):
            plan.value_and_grad(values, out={"w1": wrong})
    with pytest.raises(UnknownName, match="no gradient named"):
        plan.value_and_grad(values, out={"x": np.zeros((4, 2))})


def test_threads_with_copies():
    """Copies of a plan run in threads at the same time, each with buffers of its own."""
    sizes = (16,) * 6
    plan, points = gradcheck.compile(mlp(sizes, 8)), [point(sizes, 8, seed) for seed in range(4)]
    expected = [plan.value_and_grad(values) for values in points]

    def run(values):
        mine = plan.copy()
        return [mine.value_and_grad(values) for _ in range(50)]

    with ThreadPoolExecutor(4) as pool:
        for found, right in zip(pool.map(run, points), expected, strict=True):
            for got in found:
                assert_same(got, right)


class Again(dict):
    """Values that call the plan when they are asked for one."""

    def __getitem__(self, name):
        self.plan.value_and_grad(dict(self))
        return super().__getitem__(name)


def test_a_plan_is_called_once_at_a_time():
    """A call within a call, or from another thread, is refused; afterwards the plan is as before."""
    network = networks["xor-2-2-1"]
    plan, values = gradcheck.compile(network.graph), Again(network.values())
    expected = plan.value_and_grad(dict(values))
    values.plan = plan
    with pytest.raises(PlanInUse, match=r"plan\.copy"):
        plan.value_and_grad(values)
    with pytest.raises(PlanInUse):
        plan.value(values)
    assert_same(plan.value_and_grad(dict(values)), expected)
    values.plan = plan.copy()
    found = []
    thread = threading.Thread(target=lambda: found.append(plan.value_and_grad(values)))
    thread.start()
    thread.join()
    assert_same(found[0], expected)


NAMES = ["a-b", "import", 'x"]; import os', "a\nraise SystemExit", "#'\\\r\x0c\u2028", "values", "{0}%s", "make", "é", "dot"]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_no_code(name):
    """Names of leaves and nodes may be any text: none of it becomes code."""
    w, node = name, f"{name} "
    graph = Graph([Leaf(w, "parameter", (3,))], [Node(node, "exp", (w,)), Node("loss" + name, "sum", (node,))], ["loss" + name])
    plan = gradcheck.compile(graph)
    loss, gradients = plan.value_and_grad({w: W})
    np.testing.assert_array_equal(gradients[w], np.exp(W))
    assert loss == np.exp(W).sum()
    code = [line.split("#")[0] for line in plan.source.splitlines()]
    assert not any("raise" in line or "import" in line or "é" in line for line in code)
    assert plan.source.isascii()


def test_source_has_a_comment_a_node():
    """The code can be read: each node and its reverse are named."""
    source = gradcheck.compile(mlp((2, 3, 1), 4)).source
    assert "# 'z1' = dense('x', 'w1', 'b1')" in source
    assert "# reverse of 'a1' = tanh('z1')" in source
    compile(source, "plan", "exec")


def test_what_cannot_be_recorded_is_named():
    """Only rules that look at indices that are inputs are called as they are."""
    found = {networks[n].graph.node[k].op for n in SMALL for k in gradcheck.compile(networks[n].graph).unrecorded}
    assert found <= {"gather", "scatter_add", "cross_entropy_logits", "embedding", "gather_elements", "take"}


def test_constants_are_folded_and_equal_expressions_shared():
    """exp of a constant is no step; an expression that stands twice is computed once."""
    graph = trace(lambda w: np.sum(w * np.exp(W)) + np.sum(np.sin(w * 2) * np.sin(w * 2)), [W])
    code = [line.split("#")[0] for line in gradcheck.compile(graph).source.splitlines()]
    assert not any("exp(" in line for line in code)
    assert sum("sin(" in line for line in code) == 1


def test_memory():
    """Buffers, gradients and parameters stay within 1.3 times activations, parameters and gradients."""
    sizes, batch = (64,) * 21, 64
    values = point(sizes, batch)
    plan = gradcheck.compile(mlp(sizes, batch))
    saved = sum(8 * batch * n for n in sizes[1:-1])
    parameters = sum(x.nbytes for k, x in values.items() if k[0] in "wb")
    assert plan.memory.gradients == parameters
    assert plan.memory.activations <= 1.1 * saved
    assert plan.memory.total + parameters <= 1.3 * (saved + 2 * parameters)
    assert peak_bytes(plan, values) + parameters <= 1.3 * (saved + 2 * parameters)


def test_memory_of_recomputation():
    """A net of 100 layers takes less than a third of the activations."""
    sizes, batch = (64,) * 101, 256
    values = point(sizes, batch)
    plan = gradcheck.compile(mlp(sizes, batch), recompute=True)
    saved = sum(8 * batch * n for n in sizes[1:-1])
    assert plan.memory.activations < saved / 3
    assert peak_bytes(plan, values) - plan.memory.gradients < saved / 3


def test_long_chains():
    """A chain of 3,000 nodes compiles and runs without recursion."""
    nodes = [Node(f"y{k}", "sin", (f"y{k - 1}",)) for k in range(1, 3001)]
    graph = Graph([Leaf("y0", "parameter", (2,))], [*nodes, Node("loss", "sum", ("y3000",))], ["loss"])
    values = {"y0": np.array([0.5, 1.0])}
    assert_same(gradcheck.compile(graph, strict=True, recompute=True).value_and_grad(values), backward(graph, values))


def test_value_alone():
    """The value needs no buffers of the reverse pass and is that of `evaluate`."""
    network = networks["transformer-block"]
    values = network.values()
    assert same(gradcheck.compile(network.graph, strict=True).value(values), evaluate(network.graph, values))
    assert "Plan of transformer-block" in repr(gradcheck.compile(network.graph))


def test_what_a_plan_was_not_compiled_for():
    """A constant has its shape, and one of whose outputs no cotangent was expected takes none, for gradients and products alike."""
    graph = trace(lambda w: np.sum(w * np.array([1.0, 2.0])), {"w": np.ones(2)})
    constant = next(x.name for x in graph.leaves if x.kind == "constant")
    with pytest.raises(UnknownName, match="no input or parameter named"):
        gradcheck.compile(graph, shapes={constant: (2,)})
    plan = gradcheck.compile(graph)
    assert plan.hvp({"w": np.ones(2)}, {"w": np.ones(2)})["w"].tolist() == [0.0, 0.0]
    with pytest.raises(BadValues, match="compile with cotangent=True"):
        plan.hvp({"w": np.ones(2)}, {"w": np.ones(2)}, cotangent=2.0)


def test_whether_a_cotangent_is_expected():
    """One number needs none, whether that is said or not; more than one do."""
    graph = trace(lambda w: np.sum(w * w), {"w": W})
    for cotangent in (None, False):
        assert gradcheck.compile(graph, cotangent=cotangent).value_and_grad({"w": W})[1]["w"].tolist() == (2 * W).tolist()
    with pytest.raises(BadValues, match="one entry each"):
        gradcheck.compile(trace(lambda w: w * w, {"w": W}), cotangent=False)


def test_how_much_memory_a_plan_takes():
    """Of a chain every value waits, or but those between which values are computed again; what waits, what does not and gradients are apart."""

    def chain(w):
        for _ in range(64):
            w = np.tanh(np.sin(w))
        return np.sum(w)

    size = 8 * 1000
    graph = trace(chain, {"w": np.ones(1000)})
    plain, again = (gradcheck.compile(graph, recompute=r).memory for r in (False, True))
    assert (plain.gradients, again.gradients) == (size, size)
    assert 62 * size <= plain.activations <= 64 * size  # tanh(x) is all that sine and tanh need
    assert plain.temporaries < 2 * size
    assert again.activations <= 16 * size  # twice the square root
