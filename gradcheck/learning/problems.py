"""Problems to learn from: networks with a goal, and digits of which some are held back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcheck.arith.floating import Floating
from gradcheck.errors import MissingDependency
from gradcheck.graph.evaluation import forward
from gradcheck.graph.values import Arrays
from gradcheck.learning.examples import resized
from gradcheck.networks.layers import categorical, layered, one_hot, parameters
from gradcheck.networks.network import Network

#: Handwritten digits that are trained on, out of 1,797.
TRAINED = 1347


@dataclass(frozen=True)
class Problem:
    """A network to be trained, and what is held back from it.

    Args:
        network: with the data to train on.
        values: inputs and parameters at the start.
        held_back: inputs that are not trained on, by name.
        output: the node whose largest entry in a row is the class.
        target: the input that says the right class in the same way.
    """

    network: Network
    values: Arrays
    held_back: Arrays = field(default_factory=dict)
    output: str = ""
    target: str = ""

    def accuracy(self, learned: Mapping[str, Any]) -> float:
        """Return which part of the held-back examples is classified right.

        Args:
            learned: parameters by name.
        """
        values = {**self.values, **learned, **self.held_back}
        y = forward(resized(self.network, values), values, Floating("float64"))
        return float(np.mean(np.argmax(y[self.output], axis=1) == np.argmax(values[self.target], axis=1)))


def digits(seed: int = 0, hidden: int = 32) -> Problem:
    """Return scikit-learn's 1,797 handwritten digits of 8x8 pixels; a quarter of them, drawn by the seed, is held back.

    Args:
        seed: of the division and of the parameters at the start.
        hidden: logistic units between 64 pixels and 10 classes.

    Raises:
        MissingDependency: scikit-learn, which brings the digits, is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingDependency("scikit-learn", "sklearn") from error
    images, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(images))
    x, t = np.asarray(images / 16.0, np.float64), one_hot(labels, 10)
    used, rest = order[:TRAINED], order[TRAINED:]
    values = {"x": x[used], "t": t[used], **parameters(rng, x.shape[1], hidden, 10)}
    network = Network.of(layered(("logistic", "softmax"), categorical), values, inputs=("x", "t"), name=f"digits-64-{hidden}-10")
    return Problem(network, values, {"x": x[rest], "t": t[rest]}, "a2", "t")
