"""Training: the same every time, and it ends for the reason that it says."""

import json
import math

import numpy as np
import pytest

import gradcheck
from gradcheck.arith.floating import Floating
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.errors import BadInput, BadValues, UnknownName
from gradcheck.learning import Adam, Descent, Marquardt, Momentum, Stop, train
from gradcheck.learning.problems import digits
from gradcheck.learning.trajectory import Trajectory
from gradcheck.networks.network import networks
from gradcheck.targets.target import Plain

XOR = gradcheck.networks["xor-2-2-1"]


def same(a, b):
    """Answer whether two runs are the same to the last bit."""
    return a.losses == b.losses and all(np.array_equal(a.parameters[k], b.parameters[k]) for k in a.parameters)


def test_a_seed_decides_everything():
    """Two runs with one seed are the same bits; batches and starts of another seed are others."""
    run = lambda seed: train(XOR, XOR.values(0), optimizer=Adam(rate=0.1), steps=30, batch=2, seed=seed)
    assert same(run(1), run(1))
    assert not same(run(1), run(2))
    assert not same(train(XOR, steps=3, seed=1), train(XOR, steps=3, seed=2))


@pytest.mark.parametrize("optimizer", [Descent(rate=0.5), Momentum(rate=0.1), Adam(rate=0.01)])
def test_digits_that_were_held_back(optimizer):
    """More than 95 % of the digits that were not trained on are classified right."""
    pytest.importorskip("sklearn")
    problem = digits(0)
    learned = train(problem.network, problem.values, optimizer=optimizer, steps=840, batch=32)
    assert problem.accuracy(learned.parameters) > 0.95


def test_a_local_minimum_and_a_plateau():
    """One weight: of three starts one finds the global minimum, one stays in a local one, one hardly moves."""
    network = gradcheck.networks["one-weight"]
    ends = {w: train(network, {**network.values(), "w": np.array(w)}, optimizer=Descent(rate=1.0), steps=3000) for w in (-0.8, 1.5, 9.0)}
    assert float(ends[-0.8].parameters["w"]) == pytest.approx(-2.19, abs=0.01)
    assert float(ends[1.5].parameters["w"]) == pytest.approx(-0.1096, abs=0.0001)
    assert ends[1.5].loss > 1.5 * ends[-0.8].loss
    assert ends[1.5].slopes[-1] < 1e-15
    assert float(ends[9.0].parameters["w"]) > 8.7
    assert ends[9.0].loss > 10 * ends[-0.8].loss


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"stop": Stop(loss=0.13)}, "the loss is at most 0.13"),
        ({"stop": Stop(slope=0.01)}, "no entry of the gradient"),
        ({"stop": Stop(patience=3), "optimizer": Descent(rate=-1.0)}, "patience"),
        ({"callback": lambda k, point: k == 5}, "callback"),
        ({}, "all steps are made"),
    ],
)
def test_reasons_to_stop(more, reason):
    """Each condition ends the run before its last step, and says so."""
    found = train(XOR, **{"optimizer": Descent(rate=4.0), "steps": 400} | more)
    assert reason in found.reason
    assert (found.steps == 400) == (reason == "all steps are made")


def test_an_overflow_in_the_parameters_is_no_number():
    """Where parameters became infinite the loss says so, or the slope."""
    found = train(gradcheck.networks["linear-neuron"], optimizer=Descent(rate=1e200), steps=50)
    assert "diverged" in found.reason
    assert found.steps < 10


def test_held_back_data_decide_what_is_kept():
    """The parameters are those with the smallest loss of the held-back data, not the last ones."""
    rng = np.random.default_rng(0)
    values = {"x": rng.normal(size=(6, 8)), "t": rng.normal(size=6), "w": np.zeros(8)}
    network = gradcheck.Network.of(lambda x, t, w: np.mean((x @ w - t) ** 2), values, inputs=["x", "t"])
    held = {"x": rng.normal(size=(20, 8)), "t": rng.normal(size=20)}
    found = train(network, values, optimizer=Descent(rate=0.1), steps=2000, stop=Stop(held_back=held, patience=4, every=5))
    assert "patience" in found.reason
    best = min(x for _, x in found.held_back)
    assert found.held_back[-1][1] > best
    assert np.mean((held["x"] @ found.parameters["w"] - held["t"]) ** 2) == pytest.approx(best, rel=1e-12)
    assert found.held_back[1][0] == 5


def test_a_path_is_kept_when_asked_for():
    """Of k steps there are k + 1 places, the last of them the result."""
    found, plain = (train(XOR, steps=7, keep=keep) for keep in (True, False))
    assert len(found.path) == len(found.losses) == 8
    assert found.path[-1] is found.parameters
    assert plain.path == ()
    assert same(found, plain)


def test_progress_and_callback_see_every_place():
    """They are called at each place, with its number."""
    told, seen = [], []
    found = train(XOR, steps=4, progress=lambda *x: told.append(x[1:]), callback=lambda k, p: seen.append((k, p.loss)))
    assert told == [(k, 4) for k in range(5)]
    assert seen == list(enumerate(found.losses))


def test_other_arithmetics():
    """In 40 digits the run is that of float64 but for rounding; in float32 it is another."""
    exact, plain, single = (train(XOR, optimizer=Adam(rate=0.01), steps=20, arithmetic=m) for m in (Multiprecision(40), None, Floating("float32")))
    for k, x in exact.parameters.items():
        apart = abs(x - Multiprecision(40).array(plain.parameters[k]))
        assert np.max(apart.astype(float)) < 1e-13
        assert single.parameters[k].dtype == np.float32
    assert not same(plain, single)


def test_gradients_of_a_target():
    """A target's gradients move the parameters: a wrong sign goes up."""

    def backwards(graph, values):
        loss, g = gradcheck.backward(graph, values)
        return loss, {k: -x for k, x in g.items()}

    right = train(XOR, optimizer=Descent(rate=1.0), steps=20, target=gradcheck.targets["reference"])
    wrong = train(XOR, optimizer=Descent(rate=1.0), steps=20, target=Plain(backwards))
    assert right.loss < right.losses[0] < wrong.loss


def test_exempt_parameters():
    """Weight decay leaves a bias alone: where there is no gradient, only the weight shrinks."""
    network = gradcheck.networks["linear-neuron"]
    values = {"x": np.zeros(2), "t": np.array(0.0), "w1": np.array(1.0), "w2": np.array(1.0)}
    found = train(network, values, optimizer=Descent(rate=0.5, decay=0.5), steps=1, exempt=["w2"])
    assert (float(found.parameters["w1"]), float(found.parameters["w2"])) == (0.75, 1.0)


def test_no_steps():
    """The start is a trajectory of one place."""
    assert train(XOR, steps=0).steps == 0


def test_usage():
    """What cannot be trained is refused with the reason."""
    with pytest.raises(BadInput, match="at least 0"):
        train(XOR, steps=-1)
    with pytest.raises(BadValues, match="values for a graph"):
        train(XOR.graph)
    with pytest.raises(BadValues, match="parameters to move"):
        train(gradcheck.trace(lambda x: np.sum(x), {"x": np.ones(2)}, inputs=["x"]), {"x": np.ones(2)})
    with pytest.raises(BadInput, match="one number as the loss"):
        train(gradcheck.trace(lambda w: w * w, {"w": np.ones(2)}), {"w": np.ones(2)})


def test_an_exempt_parameter_that_there_is_not():
    """A typo would let weight decay move a bias."""
    with pytest.raises(UnknownName, match="zz"):
        train(networks["linear-neuron"], steps=1, exempt=["zz"])


@pytest.mark.parametrize("more", [{"batch": 2}, {"target": gradcheck.targets["reference"]}, {"arithmetic": Floating("float32")}])
def test_levenberg_marquardt_has_its_own_way(more):
    """Of what it cannot do nothing is left out silently."""
    with pytest.raises(BadInput, match="Levenberg-Marquardt with all examples"):
        train(XOR, optimizer=Marquardt(), steps=1, **more)


def test_a_loss_is_one_number_of_one_output():
    """A second output would be trained on by nobody."""
    with pytest.raises(BadInput, match="one number as the loss"):
        train(gradcheck.trace(lambda w: (np.sum(w), np.sum(w * w)), {"w": np.ones(2)}), {"w": np.ones(2)}, steps=1)


def test_what_is_not_said():
    """A training of so many steps, by descent at that rate, which looks at held-back data every hundredth step."""
    told, network = [], gradcheck.networks["linear-neuron"]
    train(network, progress=lambda *x: told.append(x[1:]), callback=lambda k, point: True)
    assert told == [(0, 1000)]
    values = {k: np.asarray(x) for k, x in network.values(0).items()}
    held = {"t": values["t"] + 1}
    found, same = train(network, values, steps=101, stop=Stop(held_back=held)), train(network, values, optimizer=Descent(rate=0.1), steps=101)
    assert found.losses == same.losses
    assert [k for k, _ in found.held_back] == [0, 100]


def test_batches_of_a_sum_count_for_all():
    """Of a loss that is a sum, half of the examples stand for twice as many."""
    rng = np.random.default_rng(0)
    values = {"x": rng.normal(size=(4, 3)), "t": rng.normal(size=4), "w": rng.normal(size=3)}
    graph = gradcheck.trace(lambda x, t, w: np.sum((x @ w - t) ** 2), values, inputs=["x", "t"])
    same = {**values, "x": np.tile(values["x"][:1], (4, 1)), "t": np.tile(values["t"][:1], 4)}
    whole, halves = (train(graph, same, optimizer=Descent(rate=0.01), steps=1, batch=b).parameters["w"] for b in (None, 2))
    assert halves == pytest.approx(whole, rel=1e-14)


def test_a_trajectory_is_plain_data():
    """What is not finite is null."""
    made = Trajectory((1.0, math.inf), (0.5, math.nan), {}, "diverged", held_back=((0, 2.0), (1, -math.inf)))
    data = json.loads(json.dumps(made.to_dict(), allow_nan=False))
    assert (data["losses"], data["slopes"], data["held_back"]) == ([1.0, None], [0.5, None], [[0, 2.0], [1, None]])
