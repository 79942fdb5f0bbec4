"""Long sweeps: every target on every network, and hundreds of random graphs, without a false alarm."""

import pytest

from gradcheck.validation.validate import validate

pytestmark = pytest.mark.deep


def _no_alarm(matrix):
    assert [f"{r.target}/{r.network}/{r.dtype}: {r.message}" for r in matrix if r.verdict == "fail"] == []


@pytest.mark.parametrize("target", ["reference", "sklearn", "torch", "autograd"])
def test_every_network(target):
    """Nothing fails in float64 and float32, and nearly everything is certified."""
    if target != "reference":
        pytest.importorskip(target)
    matrix = validate(target, dtypes=["float64", "float32"])
    _no_alarm(matrix)
    judged = [r for r in matrix if not r.known]
    assert sum(r.verdict == "pass" and r.evidence.startswith("certified") for r in judged) >= 0.98 * len(judged)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_formats(dtype):
    """The reference (and torch, in bfloat16) raise no alarm in the half formats."""
    targets = ["reference"]
    if dtype == "bfloat16":
        pytest.importorskip("torch")
        targets.append("torch")
    _no_alarm(validate(targets, dtypes=[dtype]))


@pytest.mark.parametrize("part", range(4))
def test_jax_on_networks(part):
    """JAX on a part of the networks: each costs seconds of compilation."""
    pytest.importorskip("jax")
    groups = ["S1,S6", "kinks", "S5", "S14"]
    _no_alarm(validate("jax", groups[part], dtypes=["float64", "float32"]))


@pytest.mark.parametrize("seed", range(2))
def test_three_hundred_random_graphs(seed):
    """Reference, torch and autograd on 300 arbitrary graphs: nothing fails."""
    for target in ("torch", "autograd"):
        pytest.importorskip(target)
    _no_alarm(validate(["reference", "torch"], (), random=300, dtypes=["float64", "float32"], seed=seed))
    _no_alarm(validate("autograd", (), random=100, dtypes=["float64", "float32"], seed=seed))


def test_random_graphs_in_jax():
    """JAX, eager and jitted, on a few arbitrary graphs; three hundred are run by hand (README)."""
    pytest.importorskip("jax")
    _no_alarm(validate("jax", (), random=25, dtypes=["float64", "float32"], seed=1))
    _no_alarm(validate("jax-jit", (), random=8, dtypes=["float64", "float32"], seed=1))
