"""Gradient descent: the weight update of backpropagation."""

import numpy as np

import gradcheck
from gradcheck.arith.floating import Floating
from gradcheck.learning import Descent, train
from gradcheck.learning.optimizer import stepped
from gradcheck.targets.reference import Reference


def test_the_weight_update_is_minus_eta_o_i_delta_j():
    """For one example the weight from i to j moves by -eta o_i delta_j, to the last bit; the bias by -eta delta_j."""
    rng = np.random.default_rng(0)
    values = {"o": rng.normal(size=(1, 3)), "t": rng.normal(size=(1, 2)), "w": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}

    def layer(o, t, w, b):
        net = gradcheck.ops.dense(o, w, b).named("net")
        return gradcheck.ops.half_squared_error(gradcheck.ops.logistic(net), t)

    graph = gradcheck.trace(layer, values, inputs=["o", "t"])
    run = Reference().run(graph, values)
    after, _ = stepped(Descent(rate=0.3), Floating("float64"), {k: values[k] for k in "wb"}, run.gradients, {}, 1)
    delta = run.node_adjoints["net"][0]
    assert np.array_equal(after["w"], values["w"] - 0.3 * np.outer(values["o"][0], delta))
    assert np.array_equal(after["b"], values["b"] - 0.3 * delta)


def test_the_linear_neuron_ends_on_the_line_of_minima():
    """Its error has a line of minima w1 + w2 = 0; descent gets there, and nowhere along it."""
    network = gradcheck.networks["linear-neuron"]
    for seed in range(3):
        start = network.values(seed)
        end = train(network, optimizer=Descent(rate=0.2), steps=100, seed=seed).parameters
        assert abs(end["w1"] + end["w2"]) <= 2.0**-52
        assert abs((end["w1"] - end["w2"]) - (start["w1"] - start["w2"])) <= 2.0**-48  # a hundred roundings


def test_decay_is_the_gradient_of_a_penalty():
    """w moves by -eta (g + decay w)."""
    m = Floating("float64")
    w, _ = Descent(rate=0.5, decay=0.25).update(m, m.array([4.0]), m.array([1.0]), {}, 1)
    assert w.tolist() == [3.0]
