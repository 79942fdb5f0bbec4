"""Traced code builds the graph that computes what NumPy computes."""

import math
import operator

import numpy as np
import pytest

from gradcheck.engine.reverse import evaluate
from gradcheck.errors import BadShape, BadValues, ControlFlow, NotTraceable, UnknownName
from gradcheck.graph.numpy_names import ARRAY_FUNCTIONS, UFUNCS
from gradcheck.graph.trace import trace
from gradcheck.ops import registry

A = np.array([[0.3, -0.7, 1.2], [2.0, 0.1, -0.4]])
B = np.array([[1.5, 0.2, -0.8], [0.6, -1.1, 0.9]])
V = np.array([0.5, -0.25, 0.75])
P = np.array([0.2, 0.4, 0.6, 0.8])
C = np.arange(24.0).reshape(2, 3, 4) - 7


def agrees(f, *arrays):
    """Assert that the traced graph of f has the shape and the value of f."""
    y = np.asarray(f(*arrays))
    graph = trace(f, list(arrays))
    got = evaluate(graph, dict(zip((x.name for x in graph.leaves if x.kind != "constant"), arrays, strict=True)))
    assert got.shape == y.shape
    np.testing.assert_allclose(got, y, rtol=1e-14, atol=1e-15)


OPERATORS = {
    "x+y": lambda x, y: x + y, "x-y": lambda x, y: x - y, "x*y": lambda x, y: x * y, "x/y": lambda x, y: x / y,
    "x@y.T": lambda x, y: x @ y.T, "-x": lambda x, y: -x * y, "abs": lambda x, y: abs(x) + y,
    "1+x": lambda x, y: 1 + x * y, "2-x": lambda x, y: 2 - x * y, "3*x": lambda x, y: 3 * x * y, "1/x": lambda x, y: 1 / x + y,
    "array+x": lambda x, y: B + x * y, "array-x": lambda x, y: B - x * y, "array*x": lambda x, y: B * (x + y),
    "array/x": lambda x, y: B / x + y, "array@x": lambda x, y: B.T @ x + y.sum(), "x@array": lambda x, y: x @ B.T + y.sum(),
    "x**2": lambda x, y: x**2 + y, "x**3": lambda x, y: x**3 + y, "x**-1": lambda x, y: x**-1 + y, "x**2.0": lambda x, y: x**2.0 + y,
    "x**0": lambda x, y: x**0 + y, "abs**0.5": lambda x, y: abs(x) ** 0.5 + y, "abs**1.3": lambda x, y: abs(x) ** 1.3 + y,
    "2**x": lambda x, y: 2**x + y, "x**array": lambda x, y: abs(x) ** B + y, "x**y": lambda x, y: abs(x) ** y,
    "x**0-d": lambda x, y: x ** np.array(2) + y, "float64+x": lambda x, y: np.float64(1.5) + x * y, "+=": lambda x, y: _plus(x, y),
}  # fmt: skip


def _plus(x, y):
    z = x * y
    z += x
    return z


@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name):
    """Every operator, on both sides, with scalars and arrays, gives NumPy's value."""
    agrees(OPERATORS[name], A, B)


BINARY = {name for name in UFUNCS if getattr(np, name).nin == 2}


@pytest.mark.parametrize("name", UFUNCS)
def test_ufuncs(name):
    """Every ufunc in the table gives NumPy's value."""
    f = getattr(np, name)
    if name == "matmul":
        agrees(f, A, V)
    elif name == "power":
        agrees(f, abs(A), B)
    elif name in BINARY:
        agrees(f, A, B)
        agrees(lambda x: f(x, 0.5) + f(V, x), A)
    else:
        agrees(f, P)


FUNCTIONS = {
    "sum": [lambda x: np.sum(x), lambda x: np.sum(x, 1), lambda x: np.sum(x, axis=(0, -1), keepdims=True), lambda x: np.sum(x, axis=-1)],
    "mean": [lambda x: np.mean(x), lambda x: np.mean(x, 0, keepdims=True), lambda x: np.mean(x, axis=(1,))],
    "prod": [lambda x: np.prod(x), lambda x: np.prod(x, axis=1)],
    "max": [lambda x: np.max(x), lambda x: np.max(x, axis=-1)], "amax": [lambda x: np.amax(x, axis=0)],
    "min": [lambda x: np.min(x), lambda x: np.min(x, axis=0, keepdims=True)], "amin": [lambda x: np.amin(x, axis=0)],
    "var": [lambda x: np.var(x), lambda x: np.var(x, axis=1, ddof=1), lambda x: np.var(x, axis=0, keepdims=True)],
    "cumsum": [lambda x: np.cumsum(x), lambda x: np.cumsum(x, axis=1)],
    "norm": [lambda x: np.linalg.norm(x), lambda x: np.linalg.norm(x, axis=1), lambda x: np.linalg.norm(x[0], 1), lambda x: np.linalg.norm(x, 3, axis=0)],
    "clip": [lambda x: np.clip(x, -0.5, 0.5), lambda x: np.clip(x, V, None), lambda x: np.clip(x, None, x * 0 + 0.1), lambda x: np.clip(x, V, 1.0)],
    "where": [lambda x: np.where(A > 0, x, 0.0), lambda x: np.where([True, False, True], 1, x)],
    "reshape": [lambda x: np.reshape(x, (3, 2)), lambda x: np.reshape(x, -1)],
    "ravel": [lambda x: np.ravel(x)],
    "transpose": [lambda x: np.transpose(x), lambda x: np.transpose(x, (1, 0)), lambda x: np.transpose(x[None], [1, 0, 2])],
    "swapaxes": [lambda x: np.swapaxes(x, 0, -1)],
    "expand_dims": [lambda x: np.expand_dims(x, 0), lambda x: np.expand_dims(x, -1), lambda x: np.expand_dims(x, (0, 2)), lambda x: np.expand_dims(x, (-1, 0))],
    "squeeze": [lambda x: np.squeeze(x[:, None]), lambda x: np.squeeze(x[None], axis=0), lambda x: np.squeeze(x[None, :, None], (0, 2))],
    "broadcast_to": [lambda x: np.broadcast_to(x, (4, 2, 3)), lambda x: np.broadcast_to(x[:, :1], (2, 5))],
    "concatenate": [lambda x: np.concatenate([x, x * 2]), lambda x: np.concatenate((x, B), axis=-1)],
    "stack": [lambda x: np.stack([x, B]), lambda x: np.stack((x, x), axis=-1)],
    "flip": [lambda x: np.flip(x), lambda x: np.flip(x, 0), lambda x: np.flip(x, (0, -1))],
    "tile": [lambda x: np.tile(x, 2), lambda x: np.tile(x, (2, 1)), lambda x: np.tile(x, [2, 1, 2])],
    "take": [lambda x: np.take(x, [0, 5, -1]), lambda x: np.take(x, [2, 0, 2], axis=1), lambda x: np.take(x, 1, axis=0)],
    "pad": [lambda x: np.pad(x, 1), lambda x: np.pad(x, ((1, 0), (0, 2))), lambda x: np.pad(x, (1, 2), mode="edge"),
            lambda x: np.pad(x, 1, mode="reflect"), lambda x: np.pad(x, 1, constant_values=2.5), lambda x: np.pad(x[0], (1, 2))],
    "outer": [lambda x: np.outer(x[0], V), lambda x: np.outer(x, x)],
    "dot": [lambda x: np.dot(x, V), lambda x: np.dot(V, x.T), lambda x: np.dot(x, B.T), lambda x: np.dot(2.0, x), lambda x: np.dot(C[..., :3], x[0])],
    "einsum": [lambda x: np.einsum("ij,kj->ik", x, B), lambda x: np.einsum("ij,j", x, V), lambda x: np.einsum("ij->j", x)],
    "shape": [lambda x: x * np.shape(x)[1]], "ndim": [lambda x: x * np.ndim(x)], "size": [lambda x: x / np.size(x)],
}  # fmt: skip


def test_every_function_of_the_table_is_tested():
    """A new entry of the table needs a case here."""
    assert set(FUNCTIONS) == set(ARRAY_FUNCTIONS)


@pytest.mark.parametrize(("name", "k"), [(name, k) for name, cases in FUNCTIONS.items() for k in range(len(cases))])
def test_array_functions(name, k):
    """Every NumPy function in the table gives NumPy's value, with its options."""
    agrees(FUNCTIONS[name][k], A)


@pytest.mark.parametrize(
    "key",
    [0, -1, (1, -2), (1, -2, 3), np.int64(1), np.array(1), slice(1), slice(None, -1), (slice(None), slice(2, None)), (slice(None), slice(None, None, 2)),
     (slice(None), slice(None, None, -1)), (slice(None), slice(-1, 0, -2)), (..., slice(3, None, -1)), (..., slice(9, None, -3)), (slice(5, 9),), None, (None, 0), (0, None, ..., None),
     (slice(None), None, 1), (..., None), ..., (..., 0), (0, ..., slice(1, 3)), [1, 0, 1], np.array([[0, 1], [-1, 0]]), (slice(None), [2, 0, 2]),
     (slice(None), slice(None), np.array([3, 3])), (slice(None), [0, -1], slice(1, 3)), (None, [1], None), (slice(None), np.array([True, False, True])),
     (slice(1), [2, 1], None, slice(None, None, 2)), ()],
    ids=str,
)  # fmt: skip
def test_getitem(key):
    """Integers, slices with any steps, None, an ellipsis and one array of integers or truth values, in any mixture."""
    agrees(lambda x: x[key], C)


def test_getitem_by_a_traced_integer_input():
    """Indices may be an input; so may a scalar index."""
    graph = trace(lambda x, i, j: (x[i], x[:, j], x[i, 1:, None]), [C, np.array([1, 0, 1]), np.array(2)])
    first, second, third = evaluate(graph, {"x": C, "i": [0, 0, -1], "j": 1})
    np.testing.assert_array_equal(first, C[[0, 0, -1]])
    np.testing.assert_array_equal(second, C[:, 1])
    np.testing.assert_array_equal(third, C[[0, 0, -1]][:, 1:, None])
    assert graph.inputs == ("i", "j")
    assert graph.parameters == ("x",)


@pytest.mark.parametrize(
    ("key", "error"),
    [(2, BadShape), (-3, BadShape), ((0, 0, 0, 0), BadShape), ((..., ...), BadShape), ([2], BadShape), (True, NotTraceable), (1.0, NotTraceable),
     ("a", NotTraceable), ([0.5], NotTraceable), (np.array(1.5), NotTraceable), ((0, [1]), NotTraceable), (([0], [1]), NotTraceable), (C > 0, NotTraceable)],
    ids=str,
)  # fmt: skip
def test_getitem_refusals(key, error):
    """What is out of range, or has no graph form, is refused while tracing."""
    with pytest.raises(error):
        trace(lambda x: x[key], [C])


METHODS = {
    "reshape": lambda x: x.reshape(3, 2) + x.reshape((3, -1)), "T": lambda x: x.T, "transpose": lambda x: x.transpose() * x.transpose(1, 0) + x.transpose((1, 0)),
    "sum": lambda x: x.sum() + x.sum(axis=1, keepdims=True), "mean": lambda x: x.mean(0) + x.mean(axis=(0, 1)), "max": lambda x: x.max(axis=1),
    "min": lambda x: x.min(), "prod": lambda x: x.prod(axis=-1), "ravel": lambda x: x.ravel(), "shape": lambda x: x * x.shape[1] * x.ndim * x.size * len(x),
    "iterate": lambda x: sum(row @ V for row in x),
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_methods(name):
    """The methods of arrays that have a graph form give NumPy's value."""
    agrees(METHODS[name], A)


@pytest.mark.parametrize("name", sorted(set(registry) & {"relu", "logistic", "softmax", "gelu", "logsumexp"}))
def test_our_operations_are_traced_and_computed(name):
    """An operation called on arrays computes; called on traced values it is a node."""
    agrees(lambda x: registry[name](x), A)


def _while(x):
    while x.sum() < 3:
        x = x * 2
    return x


BRANCHES = {
    "if": lambda x: x if x > 0 else -x, "bool": lambda x: x if x else -x, "float": lambda x: x * float(x), "int": lambda x: x * int(x),
    "while": _while, "and": lambda x: x and x, "or": lambda x: x or x, "not": lambda x: not x, "max": lambda x: max(x, 0), "math": lambda x: math.exp(x),
    "==": lambda x: x if x == 0 else -x, "!=": lambda x: x != 0, "range": lambda x: [x for _ in range(x)], "list": lambda x: [1, 2][x],
    "complex": complex, "np.greater": lambda x: x >= np.ones(2), "round": lambda x: float(x.sum()),
}  # fmt: skip


@pytest.mark.parametrize("name", BRANCHES)
def test_control_flow_is_refused(name):
    """Code whose path depends on the numbers is refused with the remedy."""
    with pytest.raises(ControlFlow, match=r"does not depend on the numbers.*where, maximum or clip"):
        trace(BRANCHES[name], [np.ones(())])


def _assigned(x):
    x[0] = 1
    return x


FOREIGN = {
    "function": lambda x: np.sort(x), "ufunc": lambda x: np.floor(x), "comparison": lambda x: np.greater(x, 0), "out": lambda x: np.add(x, 1, out=np.ones((2, 3))),
    "method": lambda x: np.add.reduce(x), "dtype": lambda x: np.sum(x, dtype=np.float32), "initial": lambda x: np.max(x, initial=3), "//": lambda x: x // 2,
    "%": lambda x: 2 % x, "divmod": lambda x: divmod(x, 2), "round": round, "assignment": _assigned, "asarray": lambda x: np.asarray(x),
    "+= into array": lambda x: operator.iadd(np.ones((2, 3)), x), "norm inf": lambda x: np.linalg.norm(x, np.inf), "dot": lambda x: np.dot(x, C[:, :, :]),
    "text": lambda x: x + "a", "complex": lambda x: x * 1j, "None": lambda x: None, "constant": lambda x: 3.0, "dict": lambda x: {"y": x}, "~": lambda x: ~x,
    "objects": lambda x: x + np.array([None]), "pad": lambda x: np.pad(x, 1, constant_values=((1, 2), (3, 4))), "len": lambda x: len(x.sum()),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_what_has_no_graph_form_is_refused(name):
    """Unknown functions and options, side effects and foreign numbers are refused."""
    with pytest.raises(NotTraceable):
        trace(FOREIGN[name], [A])


def test_the_message_lists_what_is_known():
    """An unknown NumPy function is named, and the known ones are listed."""
    with pytest.raises(NotTraceable, match=r"np\.sort has no graph form; known: .*concatenate"):
        trace(np.sort, [A])


def test_kinds_of_leaves():
    """Integers and booleans become inputs, floats parameters unless they are said to be data."""
    values = {"x": A, "w": A, "i": np.array([0]), "m": np.array([[True, False, True]]), "h": np.float16([1])}
    graph = trace(lambda x, w, i, m, h: np.sum(np.where(m, x, w)[i]) * h, values, inputs=("x",))
    assert {x.name: (x.kind, x.type) for x in graph.leaves} == {
        "x": ("input", "float"), "w": ("parameter", "float"), "i": ("input", "int"), "m": ("input", "bool"), "h": ("parameter", "float")
    }  # fmt: skip


def test_integers_are_no_numbers_to_compute_with():
    """An integer input in arithmetic is refused with its kind."""
    with pytest.raises(NotTraceable, match="expected a real operand; got a traced int value"):
        trace(lambda x, i: x * i, [A, 3])


@pytest.mark.parametrize(
    ("fn", "values", "options", "error"),
    [(lambda x: x, {"y": A}, {}, BadValues), (lambda x, y: x, [A], {}, BadValues), (lambda x: x, [A, A], {}, BadValues),
     (lambda x: x, {"x": A}, {"inputs": ("y",)}, UnknownName), (lambda x: x, ["text"], {}, BadValues), (lambda x: x, [1j], {}, BadValues)],
)  # fmt: skip
def test_values_that_do_not_fit_the_arguments(fn, values, options, error):
    """Missing, surplus and unknown arguments, and what is no real number, are told."""
    with pytest.raises(error):
        trace(fn, values, **options)


def test_functions_without_argument_names():
    """Built-in functions and functions of any number of arguments get names."""
    assert trace(np.tanh, [A]).parameters
    assert trace(lambda *xs: sum(xs), [A, B]).parameters == ("x1", "x2")


@pytest.mark.parametrize(
    ("program", "op"),
    [
        (lambda x: x**0.5, "sqrt"), (lambda x: x**0.25, "power"), (lambda x: x**2.0, "square"), (lambda x: x**3, "integer_power"), (lambda x: x ** np.array(2), "square"),
        (lambda x: np.clip(x, None, 1.5), "minimum"), (lambda x: np.clip(x, 1.5, None), "maximum"), (lambda x: np.clip(x, 1.2, 1.5), "clip"),
        (lambda x: np.dot(x, 2.0), "mul"), (lambda x: np.dot(2.0, x), "mul"), (lambda x: np.dot(x, np.ones((2, 3, 2))), "matmul"),
        (lambda x: np.linalg.norm(x), "norm"), (lambda x: np.linalg.norm(x, 3), "norm"), (lambda x: np.linalg.norm(x, 3.0, axis=0), "norm"),
    ],
)  # fmt: skip
def test_which_operation_stands_for_it(program, op):
    """A call becomes the operation that is nearest to it, with NumPy's value."""
    x = np.array([1.0, 1.25, 2.0])
    graph = trace(lambda x: program(x), [x])
    assert op in {n.op for n in graph.nodes}
    assert np.allclose(evaluate(graph, {"x": x}), program(x), rtol=1e-14)


@pytest.mark.parametrize("options", [{"ord": "fro"}, {"ord": 2}, {"ord": 2, "axis": (0, 1)}])
def test_norms_of_matrices_have_no_graph_form(options):
    """Of entries and of vectors they have one."""
    with pytest.raises(NotTraceable, match="no graph form"):
        trace(lambda x: np.linalg.norm(x, **options), [np.ones((2, 3))])


@pytest.mark.parametrize("axes", [(), (0, 2, 1), ((2, 0, 1),), ([1, 0, 2],), (None,)])
def test_transpositions(axes):
    """Axes may be given one by one or together, or not at all."""
    agrees(lambda x: x.transpose(*axes), C)
    agrees(lambda x: x.transpose(0), V)


def test_a_graph_has_the_name_of_its_function():
    """Unless another is given."""

    def loss(x):
        return np.sum(x)

    assert (trace(loss, [V]).name, trace(loss, [V], name="mine").name) == ("loss", "mine")


@pytest.mark.parametrize("call", [lambda x: np.add.reduce(x), lambda x: np.exp(x, dtype=np.float32)])
def test_what_a_ufunc_was_asked_for_is_told(call):
    """Its method, and its options."""
    with pytest.raises(NotTraceable, match=r"np.add.reduce with .* has no graph form|np.exp with \['dtype'\] has no graph form"):
        trace(call, [V])


def test_an_index_of_nothing():
    """An empty list asks for no rows, whatever kind of numbers it has none of."""
    agrees(lambda x: x[[]], C)


@pytest.mark.parametrize("axes", [(0, 5), (5, 0), (-4, 0), (0, 3)])
def test_axes_that_there_are_not(axes):
    """Either may be the one that does not exist."""
    with pytest.raises(BadShape, match="swapaxes"):
        trace(lambda x: np.swapaxes(x, *axes), [C])


@pytest.mark.parametrize("exponent", [True, False, 2, 2.0, 0.5, np.array(3), 1.5])
def test_powers(exponent):
    """Whole ones, halves and truth values are what NumPy makes of them."""
    agrees(lambda x: x**exponent, P)
