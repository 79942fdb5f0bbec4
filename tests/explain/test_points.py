"""Further points: in the domain, different, reproducible."""

from itertools import islice

import numpy as np
import pytest

from gradcheck.explain.points import LARGEST, points
from gradcheck.graph.trace import trace


def test_signs_and_sizes_change():
    """Where everything is defined everywhere, points are moved boldly; integers stay."""
    values = {"w": np.array([1.0, 2.0, 4.0]), "i": np.array([0, 2])}
    graph = trace(lambda w, i: np.sum(np.sin(w[i])), values)
    found = list(islice(points(graph, values, "float64"), 8))
    assert any((p["w"] < 0).any() for p in found)
    assert all(np.array_equal(p["i"], values["i"]) for p in found)
    assert len({p["w"].tobytes() for p in found}) == 8


def test_a_domain_is_kept():
    """Logarithms stay finite, in the format of the values."""
    values = {"w": np.linspace(0.5, 3, 20).astype(np.float32)}
    graph = trace(lambda w: np.sum(np.log(w)), values)
    for p in islice(points(graph, values, "float32"), 5):
        assert p["w"].dtype == np.float32
        assert (p["w"] > 0).all()
        assert not np.array_equal(p["w"], values["w"])


def test_where_there_is_nothing():
    """No point is finite: there are none."""
    values = {"w": np.array([LARGEST * 10])}
    graph = trace(lambda w: np.sum(w), values)
    assert list(points(graph, values, "float64")) == []


def test_a_seed_decides():
    """The same seed gives the same points, another one others."""
    values = {"w": np.array([1.0, 2.0])}
    graph = trace(lambda w: np.sum(w * w), values)
    a, b, c = (next(points(graph, values, "float64", seed))["w"] for seed in (0, 0, 1))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.parametrize(("size", "found"), [(9e5, True), (3e7, False)])
def test_points_keep_off_large_numbers(size, found):
    """Where rounding would hide what a point is to show there is none; just below there are."""
    values = {"w": np.array([size])}
    graph = trace(lambda w: np.sum(w), values)
    moved = [abs(float(p["w"][0])) for p in islice(points(graph, values, "float64"), 40)]
    assert bool(moved) is found
    assert not found or 5e5 < max(moved) < 1e6


def test_bold_points_are_tried_some_times():
    """Where two signs have to stay, each try has a chance of a quarter: most points are bold ones, and nobody waits for the last."""
    values = {"w": np.array([1.0, 1.1])}
    graph = trace(lambda w: np.sum(np.log(w)), values)
    found = [next(points(graph, values, "float64", seed))["w"] for seed in range(200)]
    assert 0.35 < np.mean([np.max(w) > 1.1 * 1.5 or np.min(w) < 0.5 for w in found]) < 0.65  # of the bold ones three in four
