"""Mini-batches: which rows, in which order, and that their gradients add up to the whole one."""

from itertools import islice

import numpy as np
import pytest

import gradcheck
from gradcheck.errors import BadInput
from gradcheck.learning.examples import examples

XOR = gradcheck.networks["xor-2-2-1"]


def drawn(count, **more):
    """Return the rows of x in so many batches of XOR's patterns, as numbers 0 to 3."""
    divided = examples(XOR, XOR.values(), batch=more.pop("batch", 2), **more)
    return [sorted(int(2 * a + b) for a, b in data["x"]) for data in islice(divided.batches(), count)]


def test_every_epoch_has_every_example_once():
    """Batches of two of four examples: two make an epoch; later epochs have other orders."""
    found = drawn(40)
    assert all(sorted(a + b) == [0, 1, 2, 3] for a, b in zip(found[::2], found[1::2], strict=True))
    assert len({str(x) for x in found}) > 2


def test_a_seed_decides_the_order():
    """The same seed draws the same, another one draws another order."""
    assert drawn(20, seed=3) == drawn(20, seed=3)
    assert drawn(20, seed=3) != drawn(20, seed=4)


def test_what_does_not_fill_a_batch_is_left_out():
    """Of four examples, batches of three leave out one an epoch, not always the same."""
    found = drawn(20, batch=3)
    assert {len(x) for x in found} == {3}
    assert len({str(x) for x in found}) > 1


def _rows():
    rng = np.random.default_rng(0)
    return {"x": rng.normal(size=(4, 3)), "t": rng.normal(size=(4, 2)), "w": rng.normal(size=(3, 2))}


def _values(name):
    return _rows() if name == "sum" else gradcheck.networks[name].values()


#: means, means over a number of examples that is a constant of the graph, a sum
MEANS = [gradcheck.networks[k] for k in ("xor-2-2-1", "softmax-regression", "loss-mean-squared-error")]
SUM = gradcheck.Network.of(lambda x, t, w: gradcheck.ops.squared_error(np.tanh(x @ w), t), _rows(), inputs=["x", "t"], name="sum")


@pytest.mark.parametrize("network", [*MEANS, *(n.graph for n in MEANS), SUM.graph], ids=lambda n: f"{type(n).__name__}-{n.name}")
def test_gradients_of_an_epoch_average_to_the_whole_one(network):
    """For means of a network, and means and sums of a graph alone."""
    whole_graph, values = (network.graph, network.values()) if isinstance(network, gradcheck.Network) else (network, _values(network.name))
    divided = examples(network, values, batch=2)
    whole = gradcheck.backward(whole_graph, values)[1]
    count = divided.count // 2
    parts = [gradcheck.backward(divided.graph, {**values, **data})[1] for data in islice(divided.batches(), count)]
    for k, right in whole.items():
        assert divided.scale * sum(p[k] for p in parts) / count == pytest.approx(right, rel=1e-12, abs=1e-14)


def test_without_a_batch_nothing_is_divided():
    """All data at every step."""
    divided = examples(XOR, XOR.values())
    assert divided.graph is XOR.graph
    assert all(data["x"].shape == (4, 2) for data in islice(divided.batches(), 3))


def test_named_rows():
    """An input that happens to be as long is left whole where it is not named."""
    values = {"x": np.ones((3, 3)), "t": np.ones(3), "c": np.ones(3), "w": np.ones(3)}
    network = gradcheck.Network.of(lambda x, t, c, w: np.mean((x @ (c * w) - t) ** 2), values, inputs=["x", "t", "c"])
    divided = examples(network, values, batch=2, rows=["x", "t"])
    data = next(divided.batches())
    assert (data["x"].shape, data["t"].shape, data["c"].shape) == ((2, 3), (2,), (3,))


@pytest.mark.parametrize(
    ("rows", "said"),
    [(["x", "nothing"], "got x, nothing out of"), (["x", "c"], "got x, c out of"), (["c"], "got c out of"), (["x", "s"], "got x, s out of"), ([], "got none out of")],
)
def test_rows_that_are_none(rows, said):
    """What there is not, a number, and inputs of other lengths have no row for each example; neither does nothing."""
    values = {"x": np.ones((4, 3)), "c": np.array(2.0), "s": np.ones((3, 3)), "w": np.ones(3)}
    network = gradcheck.Network.of(lambda x, c, s, w: np.mean((x @ (s @ w) * c) ** 2), values, inputs=["x", "c", "s"])
    with pytest.raises(BadInput, match=rf"a row for each example, of one number; {said} x \(4, 3\), c \(\), s \(3, 3\)"):
        examples(network, values, batch=1, rows=rows)


def test_refused():
    """No rows, too large a batch, rows of several lengths, and losses that are neither sum nor mean."""
    neuron, values = gradcheck.networks["linear-neuron"], XOR.values()
    with pytest.raises(BadInput, match="a row for each example"):
        examples(neuron, neuron.values(), batch=1)
    with pytest.raises(BadInput, match="1 to 4"):
        examples(XOR, values, batch=5)
    graph = gradcheck.trace(lambda x, t, w: np.max((x @ w - t) ** 2), _rows(), inputs=["x", "t"])
    with pytest.raises(BadInput, match="sum or the mean"):
        examples(graph, _rows(), batch=2)
    fixed = gradcheck.trace(lambda x, t, w: np.sum((x @ w - t).reshape(4, 2) ** 2), _rows(), inputs=["x", "t"])
    with pytest.raises(BadInput, match="takes any number of examples"):
        examples(fixed, _rows(), batch=2)


def test_rows_that_are_found():
    """Inputs of the most common length have a row for each example; others, and numbers, are left whole."""
    values = {"x": np.ones((4, 3)), "c": np.array(2.0), "t": np.ones(4), "s": np.ones((3, 3)), "w": np.ones(3)}
    network = gradcheck.Network.of(lambda x, c, t, s, w: np.mean((x @ (s @ w) * c - t) ** 2), values, inputs=["x", "c", "t", "s"])
    assert examples(network, values, batch=2).rows == ("x", "t")
    alone = gradcheck.trace(lambda w: np.sum(w**2), {"w": np.ones(3)})
    with pytest.raises(BadInput, match="got none out of no inputs"):
        examples(alone, {"w": np.ones(3)}, batch=1)
