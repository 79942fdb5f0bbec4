"""What there are vectors of."""

import numpy as np
import pytest

import gradcheck
from gradcheck.errors import UnknownName
from gradcheck.networks.specimen import operation_names
from gradcheck.vectors.cases import HALVES, RANDOM, cases
from gradcheck.vectors.recreated import recreations


def test_everything_is_there():
    """Every small network, every sample of every operation, every fault that a graph can have, random networks; each name once."""
    names = [c.name for c in cases()]
    assert len(set(names)) == len(names)
    assert {f"networks/{n.name}" for n in gradcheck.networks.registry_of_names.values() if n.small} <= set(names)
    assert sum(n.startswith("operations/") for n in names) == len(operation_names())
    assert {f"faults/{r.name}" for r in recreations()} <= set(names)
    assert sum(n.startswith("random/") for n in names) == RANDOM
    assert set(HALVES) <= set(gradcheck.networks)


@pytest.mark.deep
def test_patterns():
    """Names, sources and tags."""
    assert [c.name for c in cases(["networks/xor-*"])] == ["networks/xor-2-2-1", "networks/xor-2-2-1-tanh"]
    assert [c.name for c in cases(["xor-2-2-1"])] == ["networks/xor-2-2-1"]
    assert {c.source for c in cases(["tanh"])} == {"op/tanh/0", "op/tanh/1", "op/tanh/2"}
    assert all("tie" in c.tags and c.fault["class"] == "tie" for c in cases(["tie"]))
    with pytest.raises(UnknownName, match="no vector named 'xor'"):
        list(cases(["adaline", "xor"]))


def test_values_depend_on_the_seed():
    """Another seed is another set; names of random networks stay."""
    a, b = ({c.name: c for c in cases(["xor-2-2-1", "random"], seed=s)} for s in (0, 1))
    assert set(a) == set(b)
    assert not np.array_equal(a["networks/xor-2-2-1"].values("float64")["w1"], b["networks/xor-2-2-1"].values("float64")["w1"])
    assert a["random/0"].source == "random/0/0"
    assert b["random/0"].source == "random/1/0"


def test_a_scalar_value_has_a_factor():
    """A rule that forgets the incoming gradient is not saved by that being one."""
    for case in cases(["operations/*"]):
        assert len(case.graph.nodes) > 1
    (case,) = cases(["operations/mean-0"])
    assert case.graph.nodes[-1].op == "mul"


def test_faults_are_told():
    """A case that catches a mistake says which, and where it was; one that only prepares it does not."""
    (case,) = cases(["pytorch-1528-index"])
    assert case.fault["reference"] == "pytorch/pytorch issue #1528"
    assert "fault" in case.tags
    found = {c.name: c for c in cases(["autobw-7-cache"])}
    assert found["faults/autobw-7-cache"].fault
    assert found["faults/autobw-7-cache-earlier"].fault is None
    assert list(found) == ["faults/autobw-7-cache-earlier", "faults/autobw-7-cache"]
