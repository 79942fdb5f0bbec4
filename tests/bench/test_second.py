"""What second derivatives take: the calls that are timed give the right numbers; no time is asserted."""

import numpy as np

import gradcheck
from gradcheck.bench import second
from gradcheck.bench.plan import mlp, point
from gradcheck.bench.second import products, wholes


def test_ratios_have_quartiles():
    """A ratio for each net, between its quartiles."""
    (found,) = products({"2-3-1": ((2, 3, 1), 1)}, seconds=0.01)
    assert found.net == "2-3-1"
    for ratio in (found.plan, found.sweep, found.mixed):
        assert 0 < ratio.low <= ratio.median <= ratio.high


def test_ways_to_a_whole_hessian(monkeypatch):
    """Three ways, each beside differences of the gradient and of the value."""
    monkeypatch.setattr(second, "COLUMNS", 1)
    monkeypatch.setattr(second, "ENTRIES", 1)
    found = list(wholes(((1, 1, 1), 1), seconds=0.01))
    assert [w.way.split()[0] for w in found] == ["sweeps", "sweeps", "certified"]
    assert all(w.gradients.median > 0 and w.values.median > 0 for w in found)


def test_differences_are_good_to_their_digits():
    """Both give the Hessian to as many digits as they are made for, less two."""
    net = ((2, 2, 1), 1)
    graph, values = mlp(*net), point(*net)
    wanted = gradcheck.certify.certify_hessian(graph, values, bits=200)
    every = [(k, i) for k in graph.differentiable for i in np.ndindex(*graph.shapes[k])]
    exact = wanted.matrix.balls
    ten = 10 ** (2 - second.DIGITS)
    for found, place in zip(second._of_gradients(graph, values)(), second._places(graph, second.COLUMNS, 0), strict=True):
        column = np.concatenate([np.ravel(found[k]) for k in graph.differentiable])
        assert all(abs(float(x.context.mpf(str(b.mid().str(60, radius=False))) - x)) < ten for b, x in zip(exact[:, every.index(place)], column, strict=True))
    pairs = zip(second._places(graph, second.ENTRIES, 0), second._places(graph, second.ENTRIES, 1), strict=True)
    for x, (a, b) in zip(second._of_values(graph, values)(), pairs, strict=True):
        x = np.asarray(x)[()]
        assert abs(float(x.context.mpf(str(exact[every.index(a), every.index(b)].mid().str(60, radius=False))) - x)) < ten
