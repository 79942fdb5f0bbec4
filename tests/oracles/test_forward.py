"""Forward mode: both products, against formulas derived by hand; no oracle reads a vjp."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradcheck.oracles
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.errors import OracleGaveUp, UnknownName
from gradcheck.graph.trace import trace
from gradcheck.networks import networks
from gradcheck.ops import registry as ops
from gradcheck.oracles import ORACLES
from gradcheck.oracles.forward import MATRIX_WORK, entry_by_entry, forward, matrix_by_matrix, matrix_work
from gradcheck.oracles.point import Point

SOURCES = sorted(Path(gradcheck.oracles.__file__).parent.glob("*.py"))


def test_linear_layers_are_a_product_of_matrices() -> None:
    """For sum(W2 (W1 x)) the gradient of W1 is (W2^T 1) x^T, of W2 it is 1 (W1 x)^T."""
    w1, w2, x = np.array([[1.0, 2], [3, 4], [5, 6]]), np.array([[1.0, -1, 2], [0.5, 3, -2]]), np.array([7.0, -3])
    values = {"w1": w1, "w2": w2}
    graph = trace(lambda w1, w2: np.sum(w2 @ (w1 @ x)), values)
    found = forward(graph, values)
    assert np.array_equal(found.value["w1"].astype(float), np.outer(w2.sum(axis=0), x))
    assert np.array_equal(found.value["w2"].astype(float), np.outer(np.ones(2), w1 @ x))
    assert found.method == "matrix by matrix"


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("name", ["xor-2-2-1", "diamond", "fan-in-concatenate-30", "embedding-mean-pool", "dead-head", "attention-where"])
def test_both_products_agree(name: str) -> None:
    """Matrix by matrix and entry by entry differ by rounding only."""
    point, m = Point(networks[name].graph, networks[name].values()), Multiprecision(60)
    columns, matrix = entry_by_entry(point, m), matrix_by_matrix(point, m)
    for k in point.names:
        assert columns[k].shape == matrix[k].shape == point.graph.shapes[k]
        assert all(abs(a - b) <= 1e-55 * (abs(a) + 1e-300) for a, b in zip(columns[k].flat, matrix[k].flat, strict=True))


def test_work_decides_how() -> None:
    """The product of matrices is for small networks; its cost grows with the square of the width."""
    network = networks["attention-heads"]
    assert matrix_work(Point(network.graph, network.values())) > MATRIX_WORK
    assert forward(network.graph, network.values()).method == "entry by entry"


def test_unused_parameter_has_gradient_zero() -> None:
    """A parameter that nothing reads has the gradient 0, exactly."""
    values = {"w": np.array([1.0, 2.0]), "u": np.array([3.0])}
    found = forward(trace(lambda w, u: np.sum(w * w), values), values)
    assert [float(v) for v in found.value["u"]] == [0]


def test_gives_up_on_a_kink_and_when_too_large() -> None:
    """The reasons are those of the other oracles."""
    kink = networks["relu-at-zero"]
    with pytest.raises(OracleGaveUp, match="kink"):
        forward(kink.graph, kink.values())
    values = {"w": np.ones((64, 64))}
    with pytest.raises(OracleGaveUp, match="tangent entries"):
        forward(trace(lambda w: np.sum(np.tanh(w)), values), values)


@pytest.mark.parametrize("name", list(ORACLES))
def test_no_oracle_calls_a_vjp(name: str) -> None:
    """With vjps that raise every oracle answers as before."""

    def forbidden(*args: Any, **attributes: Any) -> Any:
        raise AssertionError("an oracle called a vjp")

    network = networks["lenet-1989-small" if name == "forward" else "xor-2-2-1"]
    found = ORACLES[name](network.graph, network.values(), ops={k: replace(op, vjp=forbidden) for k, op in ops.items()})  # type: ignore[call-arg]
    assert found.digits >= 45


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_no_oracle_sees_the_engine(path: Path) -> None:
    """No module of the oracles imports the engine or names a vjp."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    imports += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    assert not [i for i in imports if i.startswith(("gradcheck.engine", "gradcheck.targets"))]
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr == "vjp"]


def test_registry_names_each_oracle() -> None:
    """Each has a first line to be listed by; a name that is none is refused."""
    assert list(ORACLES) == ["symbolic", "differences", "forward", "ball"]
    assert all((o.__doc__ or "").split("\n")[0].endswith(".") for o in ORACLES.values())
    with pytest.raises(UnknownName, match="symbolic"):
        ORACLES["symbolc"]
