"""The programs compute what the functions of the faults do, and no fault is forgotten."""

import numpy as np
import pytest

from gradcheck.engine.reverse import evaluate
from gradcheck.faults.fault import faults
from gradcheck.vectors.programs import ACCURATE, INPUTS, PROGRAMS, STATEFUL, TURNED_COTANGENT, TURNED_INPUT, WITHOUT
from gradcheck.vectors.recreated import recreations

HISTORICAL = {k for k, f in faults.items() if not f.fault_class.startswith("false-")}
MADE = {r.name: r for r in recreations()}


def test_every_fault_has_a_vector_or_a_reason():
    """No historical fault is left out in silence."""
    assert {r.fault.name for r in MADE.values()} | set(WITHOUT) == HISTORICAL
    assert not {r.fault.name for r in MADE.values()} & set(WITHOUT)
    assert all(len(reason) > 20 for reason in WITHOUT.values())
    assert len(MADE) > 95


@pytest.mark.parametrize("table", [PROGRAMS, INPUTS, ACCURATE, STATEFUL, TURNED_COTANGENT, TURNED_INPUT], ids=["programs", "inputs", "accurate", "stateful", "cotangent", "input"])
def test_tables_name_faults(table):
    """Nothing is said about a fault that does not exist."""
    assert set(table) <= HISTORICAL - set(WITHOUT)


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("name", MADE)
def test_the_graph_has_the_value_of_the_fault(name):
    """The loss of the graph is the weighted sum of what the fault's function gives, but for constants that were shortened."""
    made = MADE[name]
    with np.errstate(all="ignore"):
        expected, _ = made.mistaken(made.graph, made.values)
        found = float(evaluate(made.graph, made.values))
    assert found == pytest.approx(expected, rel=1e-8, abs=1e-9)
