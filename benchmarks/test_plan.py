"""Gradients by compiled plans and by every other way, the cases of `gradcheck.bench.plan`. Run by ``tox -e bench``."""

import pytest

from gradcheck.bench.plan import CASES, mlp, point, ways
from gradcheck.engine.plan import compile as compiled


@pytest.mark.parametrize("way", ["hand", "plan", "torch", "jax", "autograd"])
@pytest.mark.parametrize("case", CASES)
def test_gradient(benchmark, case, way):
    """The gradient of a tanh perceptron in float64."""
    run = ways(*CASES[case])
    if way not in run:
        pytest.skip(f"{way} is not installed")
    assert benchmark(run[way]) is not None


@pytest.mark.parametrize("recompute", [False, True])
def test_recomputation(benchmark, recompute):
    """A hundred layers with and without recomputation."""
    sizes, batch = (64,) * 101, 512
    plan, values = compiled(mlp(sizes, batch), recompute=recompute), point(sizes, batch)
    assert benchmark(plan.value_and_grad, values) is not None
