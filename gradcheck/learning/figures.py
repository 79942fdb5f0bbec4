"""The figures and pictures of the report on learning: everything in it is measured here."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcheck.errors import MissingDependency
from gradcheck.graph.trace import trace
from gradcheck.learning.adam import Adam
from gradcheck.learning.comparison import compare
from gradcheck.learning.descent import Descent
from gradcheck.learning.landscape import landscape
from gradcheck.learning.marquardt import Marquardt
from gradcheck.learning.momentum import Momentum
from gradcheck.learning.optimizer import Rule
from gradcheck.learning.problems import digits
from gradcheck.learning.rules import label
from gradcheck.learning.stop import Stop
from gradcheck.learning.training import train
from gradcheck.networks.layers import half_squares, layered, normal, parameters
from gradcheck.networks.network import Network, networks
from gradcheck.targets.reference import Reference

Data = dict[str, Any]
Progress = Callable[[str, int, int], None]

#: Every output within 0.1 of its target: 0.1^2 / 2, and that of one pattern of four.
XOR_GOAL = 0.1**2 / 8
#: A root mean square error of about 0.03.
CURVE_GOAL = 5e-4


# -- Levenberg-Marquardt beside gradient descent -----------------------------------------------------


def against_descent(network: Network, goal: float, *, rates: Sequence[float], seeds: Sequence[int], most: int) -> Data:
    """Return how many iterations Levenberg-Marquardt takes to a loss, and gradient descent at its best rate.

    The best rate is the one at which the most starts get there, and of those the one with the smallest median.

    Args:
        network: with residuals.
        goal: the loss to be reached.
        rates: those that are tried.
        seeds: of the starts.
        most: steps.
    """
    stop = Stop(loss=goal)

    def steps(optimizer: Rule | Marquardt, seed: int) -> int | None:
        found = train(network, optimizer=optimizer, seed=seed, stop=stop, steps=most)
        return found.steps if found.loss <= goal else None

    second = {s: steps(Marquardt(), s) for s in seeds}
    by_rate = {r: {s: steps(Descent(rate=r), s) for s in seeds} for r in rates}
    best = min(rates, key=lambda r: (-len(_there(by_rate[r])), statistics.median(_there(by_rate[r]) or [math.inf])))
    first = by_rate[best]
    ratios = [a / b for a, b in ((first[s], second[s]) for s in seeds) if a is not None and b]
    return {
        "network": network.name, "goal": goal, "seeds": list(seeds), "rates": list(rates), "rate": best, "most": most,
        "descent": [first[s] for s in seeds], "marquardt": [second[s] for s in seeds],
        "median_descent": _median(first), "median_marquardt": _median(second),
        "least_ratio": min(ratios, default=None), "median_ratio": statistics.median(ratios) if ratios else None,
    }  # fmt: skip


def _there(found: Mapping[int, int | None]) -> list[int]:
    return [n for n in found.values() if n is not None]


def _median(found: Mapping[int, int | None]) -> float | None:
    return statistics.median(_there(found)) if _there(found) else None


def learning_curves(network: Network, seed: int, rate: float, most: int) -> Data:
    """Return the losses of both, step by step, from one start."""
    ways: dict[str, Rule | Marquardt] = {"gradient descent": Descent(rate=rate), "Levenberg-Marquardt": Marquardt()}
    return {"network": network.name, "losses": {k: list(train(network, optimizer=o, seed=seed, steps=most).losses) for k, o in ways.items()}}


# -- held-back digits --------------------------------------------------------------------------------


def held_back(seed: int = 0, steps: int = 840) -> list[Data]:
    """Return the accuracy on held-back digits, by rule."""
    problem, found = digits(seed), []
    for rule in (Descent(rate=0.5), Momentum(rate=0.1), Adam(rate=0.01)):
        learned = train(problem.network, problem.values, optimizer=rule, steps=steps, batch=32, seed=seed)
        found.append({"rule": label(rule), "steps": learned.steps, "batch": 32, "accuracy": problem.accuracy(learned.parameters)})
    return found


# -- pictures ----------------------------------------------------------------------------------------


def linear_neuron(seed: int = 0, steps: int = 160) -> Data:
    """Return the parabola of the error over the output, the parabolic cylinder over both weights, and the way of descent."""
    network = networks["linear-neuron"]
    values = {**network.values(seed), "w1": np.array(1.5), "w2": np.array(0.5)}
    way = train(network, values, optimizer=Descent(rate=0.05), steps=steps, keep=True)
    x, t = values["x"], float(values["t"])
    parabola = trace(lambda y, t: (y - t) ** 2, {"y": np.array(0.0), "t": np.array(t)}, inputs=["t"], name="parabola")
    outputs = [{"y": np.asarray(x[0] * p["w1"] + x[1] * p["w2"])} for p in way.path]
    along = type(way)(way.losses, way.slopes, outputs[-1], way.reason, tuple(outputs))
    end = {k: float(way.parameters[k]) for k in ("w1", "w2")}
    return {
        "parabola": landscape(parabola, {"t": values["t"]}, {"descent": along}, [(-2.2, 2.2)]),
        "cylinder": landscape(network.graph, values, {"descent": way}, [(-1.0, 2.0), (-1.5, 1.5)]),
        "line": [[-1.0, 1.0], [1.5, -1.5]], "start": {"w1": 1.5, "w2": 0.5}, "end": end, "steps": way.steps, "rate": 0.05,
        "off_the_line": abs(float(x[0] * end["w1"] + x[1] * end["w2"]) - t), "loss": way.loss,
        "along_the_line": end["w1"] - end["w2"],
    }  # fmt: skip


def minima() -> Data:
    """Return the error of one weight with three ways: into the global minimum, into a local one, and on a plateau."""
    network, starts = networks["one-weight"], {"global minimum": -0.8, "local minimum": 1.5, "plateau": 9.0}
    ways = {
        k: train(network, {**network.values(), "w": np.array(w)}, optimizer=Descent(rate=1.0), steps=400, keep=True) for k, w in starts.items()
    }  # fmt: skip
    ends = [{"way": k, "start": starts[k], "end": float(t.parameters["w"]), "loss": t.loss, "slope": t.slopes[-1]} for k, t in ways.items()]
    return {"drawn": landscape(network.graph, network.values(), ways, [(-6.0, 11.0)]), "ends": ends, "rate": 1.0, "steps": 400}


#: what is drawn: label -> activation and gain of the weights, which are normal with standard deviation gain / sqrt(width)
DEEP = {
    "logistic, gain 1": ("logistic", 1.0), "tanh, gain 1/2": ("tanh", 0.5), "tanh, gain 1": ("tanh", 1.0), "linear, gain 1": ("identity", 1.0),
    "tanh, gain 5/2": ("tanh", 2.5), "linear, gain 3/2": ("identity", 1.5),
}  # fmt: skip


def by_depth(depth: int = 30, width: int = 16, seeds: int = 5) -> Data:
    """Return the size of delta, the adjoint of a layer's net inputs, layer by layer, in terms of the last one's.

    Sizes are root mean squares; each number is the median over some starts.
    """
    found = {}
    for name, (activation, gain) in DEEP.items():
        sizes = []
        for seed in range(seeds):
            network = _deep(activation, gain, depth, width)
            delta = Reference().run(network.graph, network.values(seed)).node_adjoints or {}
            found_ = [float(np.sqrt(np.mean(np.square(delta[f"z{k}"])))) for k in range(1, depth + 1)]
            sizes.append([x / found_[-1] for x in found_])
        found[name] = [float(x) for x in np.median(sizes, axis=0)]
    return {"depth": depth, "width": width, "seeds": seeds, "sizes": found}


def _deep(activation: str, gain: float, depth: int, width: int) -> Network:
    def make(rng: np.random.Generator) -> dict[str, Any]:
        return {"x": normal(rng, 8, width), "t": normal(rng, 8, width), **parameters(rng, *[width] * (depth + 1), gain=gain)}

    return Network(f"deep-{activation}", "", layered((activation,) * depth, half_squares), make, inputs=("x", "t"))


# -- all of it ---------------------------------------------------------------------------------------

#: network, rule, steps: trainings whose separation is reported
SEPARATIONS: tuple[tuple[str, Rule, int], ...] = (
    ("linear-neuron", Descent(rate=0.1), 100), ("curve-fit-1-5-1", Adam(rate=0.05), 200), ("xor-2-2-1", Momentum(rate=4.0), 300),
    ("xor-2-2-1", Descent(rate=16.0), 300), ("xor-2-2-1", Descent(rate=64.0), 100),
)  # fmt: skip


def report(target: str = "torch", progress: Progress | None = None) -> Data:
    """Return all figures and pictures as plain data.

    Args:
        target: whose float32 training is compared with the reference's; left out with its reason where it is not installed.
        progress: called with a label, a number and how many there are.
    """
    xor, curve = networks["xor-2-2-1"], networks["curve-fit-1-5-1"]
    parts: dict[str, Callable[[], Any]] = {
        "xor": lambda: against_descent(xor, XOR_GOAL, rates=[2.0**k for k in range(1, 7)], seeds=range(10), most=3000),
        "curve": lambda: against_descent(curve, CURVE_GOAL, rates=[0.125, 0.25, 0.5, 1.0], seeds=range(6), most=20000),
        "curves": lambda: learning_curves(xor, 1, 16.0, 400),
        "digits": held_back, "neuron": linear_neuron, "minima": minima, "depth": by_depth,
        "separations": lambda: [compare(networks[n], target=target, optimizer=r, steps=k).to_dict() for n, r, k in SEPARATIONS],
        "steps": _verified,
    }  # fmt: skip
    data: Data = {"schema": "gradcheck-learning/1", "missing": {}}
    for k, (name, measured) in enumerate(parts.items()):
        if progress is not None:
            progress(name, k, len(parts))
        try:
            data[name] = measured()
        except MissingDependency as error:
            data[name] = None
            data["missing"][name] = str(error)
    return data


def _verified() -> list[Data]:
    """Return the verdicts on torch's optimisers."""
    from gradcheck.learning.registry import torch_checks

    return [check().to_dict() for _, check in torch_checks()]
