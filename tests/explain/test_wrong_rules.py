"""A target with one wrong rule fails, and the right edge and mistake are named."""

import numpy as np
import pytest

from gradcheck.networks import networks
from gradcheck.ops import registry
from gradcheck.targets.reference import Reference
from gradcheck.validation.validate import validate
from tests.judge.networks import MLP, RELU, broken, gradients_only


def _not_transposed(m, g, y, a, b):
    ga, gb = registry["matmul"].vjp(m, g, y, a, b)
    return ga, m.swap(gb) if gb.shape[0] == gb.shape[1] else gb


def _overwritten(m, g, y, a, b):
    ga, _ = registry["matmul"].vjp(m, g, y, a, b)
    return ga, registry["matmul"].vjp(m, m.part(g, g.shape[0] - 1, g.shape[0], 0), y, m.part(a, a.shape[0] - 1, a.shape[0], 0), b)[1]


def _one_row(m, g, y, x):
    """Return a vjp of tanh of which the first row is right and the others are zero."""
    (right,) = registry["tanh"].vjp(m, g, y, x)
    return (m.concatenate([m.part(right, 0, 1, 0), 0 * m.part(right, 1, right.shape[0], 0)], 0),)


def _scaled(op, factor):
    """Return a vjp whose first contribution is off by a constant factor."""

    def vjp(m, g, y, *xs, **a):
        first, *rest = registry[op].vjp(m, g, y, *xs, **a)
        return first * m.constant(factor), *rest

    return vjp


CASES = {
    "tanh' = 1 - y": (MLP, broken("tanh", vjp=lambda m, g, y, x: (g * (1 - y),)), "z1", "a1[0]", "1 - y"),
    "f for f'": (MLP, broken("tanh", vjp=lambda m, g, y, x: (g * y,)), "z1", "a1[0]", "f for f'"),
    "missing broadcast sum": (
        MLP, broken("add", vjp=lambda m, g, y, a, b: (g, m.reshape(m.part(g, 0, 1, 0), b.shape))), "b2", "add2[1]",
        "missing sum over a broadcast axis: only the first slice",
    ),
    "relu mask from the wrong side": (
        RELU, broken("relu", vjp=lambda m, g, y, x: (m.select(m.less(x, m.constant(0)), g, 0),)), "z1", "a1[0]",
        "mask inverted",
    ),
    "weight gradient not transposed": (MLP, broken("matmul", vjp=_not_transposed), "w1", "matmul1[1]", "transpose"),
    "weights of a batch overwritten": (
        MLP, broken("matmul", vjp=_overwritten), "w1", "matmul1[1]", "= for +=: only the last entry along axis 0 of matmul1 is left",
    ),
    "sign": (MLP, broken("tanh", vjp=lambda m, g, y, x: (-(g * (1 - y * y)),)), "z1", "a1[0]", "sign"),
    "zero": (MLP, broken("tanh", vjp=lambda m, g, y, x: (0 * g,)), "z1", "a1[0]", "zero"),
    "cotangent ignored": (MLP, broken("tanh", vjp=lambda m, g, y, x: (1 - y * y,)), "z1", "a1[0]", "cotangent ignored"),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", CASES)
def test_wrong_rule_is_caught_and_named(case, dtype):
    """The first finding has the value, the edge and the mistake."""
    network, target, node, edge, mistake = CASES[case]
    (row,) = validate(target, [network], dtypes=[dtype])
    finding = next(f for f in row.findings if f.node == node)
    assert row.verdict == "fail"
    assert row.evidence == "certified"
    assert finding.edge == edge
    assert finding.diagnosis.startswith(mistake)


def test_where_nothing_is_added_up_nothing_is_overwritten():
    """Rows that are missing of an elementwise derivative are no ``= for +=``."""
    (row,) = validate(broken("tanh", vjp=_one_row), [MLP])
    assert row.verdict == "fail"
    assert not any(f.diagnosis.startswith("= for +=") for f in row.findings)


@pytest.mark.parametrize(("op", "dtype", "factor"), [("tanh", "float32", 1 + 1e-6), ("tanh", "float64", 1 + 1e-12), ("half_squared_error", "float64", 1 + 1e-12)])
def test_tiny_factor_is_caught(op, dtype, factor):
    """An adjoint that is off by 1e-6 in float32, or by 1e-12 in float64, fails at its node."""
    (row,) = validate(broken(op, vjp=_scaled(op, factor)), [MLP], dtypes=[dtype])
    assert row.verdict == "fail"
    assert row.findings[0].op == op
    assert 1 < row.findings[0].ratio < 1e6


@pytest.mark.parametrize(("dtype", "u"), [("float32", 2.0**-24), ("float64", 2.0**-53)])
def test_factor_behind_a_product_of_n_terms_is_caught(dtype, u):
    """An adjoint times 1 + 4 n u kappa behind an n-term product fails, kappa = |A||B| / |AB| at its largest entry."""
    values = MLP.values(0, dtype)
    run = Reference().run(MLP.graph, values)
    g, w = np.abs(np.asarray(run.node_adjoints["add2"], float)), np.abs(np.asarray(values["w2"], float))
    exact = np.asarray(run.node_adjoints["a1"], float)
    kappa = np.min((g @ w.T) / np.abs(exact))
    n = w.shape[1]
    factor = 1 + 4 * n * u * kappa

    def vjp(m, g, y, a, b):
        ga, gb = registry["matmul"].vjp(m, g, y, a, b)
        return (ga * m.constant(factor) if b.shape == w.shape else ga), gb

    (row,) = validate(broken("matmul", vjp=vjp), [MLP], dtypes=[dtype])
    assert row.verdict == "fail"
    assert row.findings[0].node == "a1"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", CASES)
def test_gradients_alone_prove_large_faults(case, dtype):
    """Without node values the same faults exceed the running bound."""
    network, target, *_ = CASES[case]
    (row,) = validate(gradients_only(target), [network], dtypes=[dtype])
    assert (row.verdict, row.evidence) == ("fail", "rigorous")


def _scaled_gradients(factor):
    def target(graph, values):
        run = Reference().run(graph, values)
        return run.loss, {k: (x * np.float32(factor)).astype(np.float32) for k, x in run.gradients.items()}

    return target


def test_gradients_alone_leave_small_faults_inconclusive_with_a_resolution():
    """A fault well within the running bound, but larger than rounding usually is, is neither passed nor failed."""
    network = networks["lstm"]
    (right,) = validate(gradients_only(Reference()), [network], dtypes=["float32"])
    (small,) = validate(_scaled_gradients(1 + 1e-5), [network], dtypes=["float32"])
    (large,) = validate(_scaled_gradients(2.0), [network], dtypes=["float32"])
    assert right.verdict == "pass"
    assert small.verdict == "inconclusive"
    assert small.resolution > 1e-5
    assert "times what rounding did" in small.message
    assert large.verdict == "fail"


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_right_gradients_pass(dtype):
    """The reference is certified in every format, and passes from gradients alone in the wide ones."""
    (row,) = validate("reference", [MLP], dtypes=[dtype])
    assert (row.verdict, row.evidence) == ("pass", "certified")
    assert row.worst_ratio <= 1
    if dtype in ("float64", "float32"):
        (row,) = validate(gradients_only(Reference()), [MLP], dtypes=[dtype])
        assert row.verdict == "pass"
        assert 0 < row.resolution < 1e-3


def test_snippet_reproduces_the_finding(capsys):
    """The printed code shows the target's number again."""
    (row,) = validate("gradcheck.faults.pseudocode:target", "sklearn-binary-logistic-1")
    finding = row.findings[0]
    exec(finding.snippet, {})
    assert float(capsys.readouterr().out) == finding.got


def test_shares_of_a_tie_must_add_up():
    """Handing the whole cotangent to both sides of a tie is within the hull of each, and still a fault."""
    both = broken("maximum", vjp=lambda m, g, y, a, b: (g, g))
    (row,) = validate(both, networks["maximum-of-itself"])
    assert row.verdict == "fail"
    (right,) = validate("reference", networks["maximum-of-itself"])
    assert right.verdict == "pass"


def test_convention_at_a_kink_is_reported():
    """A pass at a kink says which slope was taken."""
    (row,) = validate("reference", networks["relu-at-zero"])
    assert row.verdict == "pass"
    assert [f.message for f in row.findings if f.severity == "note"] == [
        "relu at y: 2 entries exactly on a kink; slope taken: 0"
    ]


def test_a_single_consumer_is_the_edge_even_if_the_mistake_is_not_recognised():
    """There is only one way by which a wrong gradient can have come."""
    half = broken("relu", vjp=lambda m, g, y, x: (m.select(m.less(x, 0), g, 0),))
    (row,) = validate(half, networks["relu-at-zero"])
    finding = row.findings[0]
    assert row.verdict == "fail"
    assert finding.edge == "y[0]"
    assert not finding.candidates
    assert "through y[0] (relu)" in finding.message


def test_gradients_alone_do_not_blame_the_next_operation():
    """The fault may lie anywhere behind it, and the message says so."""
    _, target, *_ = CASES["tanh' = 1 - y"]
    (row,) = validate(gradients_only(target), networks["low-rank-weights"])
    assert row.evidence == "rigorous"
    assert not row.findings[0].edge
    assert " or beyond: " in row.findings[0].message
