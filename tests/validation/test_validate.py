"""A run over targets and networks: what is told on the way, and what is not done twice."""

import pytest

from gradcheck.errors import BadInput
from gradcheck.validation.validate import validate


def test_progress():
    """Each case is told before it is judged, with its number and how many there are."""
    told = []
    validate("reference", ["xor-2-2-1", "diamond"], dtypes=["float64"], progress=lambda *x: told.append(x))
    assert told == [("reference/xor-2-2-1/float64", 0, 2), ("reference/diamond/float64", 1, 2)]


def test_what_was_found_before_is_not_done_again():
    """Rows of an earlier run are taken as they are; those of another run are refused."""
    calls = []

    def target(graph, values):
        calls.append(graph.name)
        raise ValueError("busy")

    (row,) = validate(target, ["xor-2-2-1"], dtypes=["float64"])
    calls.clear()
    found = validate(target, ["xor-2-2-1", "diamond"], dtypes=["float64"], done={(row.target, row.network, row.dtype): row})
    assert found.rows[0] is row
    assert calls == ["diamond"]
    with pytest.raises(BadInput, match="which would be lost"):
        validate(target, ["diamond"], dtypes=["float64"], done={(row.target, row.network, row.dtype): row})


def test_no_name_is_no_network():
    """An empty text among the names stands for nothing."""
    assert [r.network for r in validate("reference", ["", "xor-2-2-1"], dtypes=["float64"])] == ["xor-2-2-1"]
