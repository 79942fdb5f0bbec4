"""Every method on every family, the cases of `gradcheck cost`. Run by ``tox -e bench``."""

import pytest

from gradcheck.bench.families import FAMILIES
from gradcheck.bench.methods import METHODS
from gradcheck.bench.model import model
from gradcheck.bench.scaling import FRAMEWORKS, method
from gradcheck.errors import GradcheckError

SIZES = (100, 10_000)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", [*METHODS, *FRAMEWORKS])
@pytest.mark.parametrize("family", FAMILIES)
def test_method(benchmark, family, name, size):
    """One gradient, or as many of its entries as `extra_info` says."""
    graph, values = FAMILIES[family].network(size)
    try:
        way = method(name).prepare(graph, values, model(graph, values), 0.2)
        benchmark.extra_info |= {"entries": way.entries, "operations": way.operations}
        assert benchmark.pedantic(way.call, rounds=5 if way.repeats else 1, warmup_rounds=int(way.repeats)) is not None
    except GradcheckError as error:
        pytest.skip(str(error))
