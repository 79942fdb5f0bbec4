"""Layered networks as scikit-learn builds them: dense layers, one loss, L2 on the weights."""

from __future__ import annotations

from typing import Any

from gradcheck.networks.digits import digits
from gradcheck.networks.layers import (
    Floats,
    Loss,
    Rng,
    binary,
    categorical,
    half_squares,
    layered,
    normal,
    one_hot,
    parameters,
)
from gradcheck.networks.network import Maker, declare

_OUTPUTS: dict[str, tuple[str, Loss]] = {
    "regressor": ("identity", half_squares),
    "binary": ("logistic", binary),
    "classes": ("softmax", categorical),
}


def _targets(rng: Rng, kind: str, count: int, width: int) -> Floats:
    if kind == "regressor":
        return normal(rng, count, width)
    if kind == "binary":
        return rng.integers(0, 2, (count, 1)).astype(float)
    return one_hot(rng.integers(0, width, count), width)


def _maker(kind: str, sizes: tuple[int, ...], batch: int) -> Maker:
    def make(rng: Rng) -> dict[str, Floats]:
        x, t = normal(rng, batch, sizes[0]), _targets(rng, kind, batch, sizes[-1])
        return {"x": x, "t": t, **parameters(rng, *sizes)}

    return make


def _digits_maker(batch: int, *sizes: int, columns: slice = slice(None)) -> Maker:
    def make(rng: Rng) -> dict[str, Floats]:
        x, labels = digits(rng, batch)
        return {"x": x[:, columns], "t": one_hot(labels % sizes[-1], sizes[-1]), **parameters(rng, *sizes)}

    return make


def _family(name: str, reason: str, sizes: tuple[int, ...], batch: int, alpha: float = 0.0, **more: Any) -> None:
    _, kind, hidden, *_ = name.split("-")
    output, loss = _OUTPUTS[kind]
    make: Maker = more.pop("make", None) or _maker(kind, sizes, batch)
    declare(
        name, reason, layered((*[hidden] * (len(sizes) - 2), output), loss, alpha), make,
        inputs=("x", "t"), systems=("S1", "S2", "S9"), tags=("classic", "sklearn"), **{"small": True, **more},
    )  # fmt: skip


_family("sklearn-regressor-identity-1", "linear layers have exact derivatives", (3, 4, 1), 8)
_family("sklearn-regressor-logistic-1", "one hidden logistic layer, weak L2", (3, 5, 1), 8, 1e-4)
_family("sklearn-regressor-tanh-2", "two hidden layers, two outputs: the loss sums over outputs", (4, 5, 4, 2), 16, 1e-2)
_family("sklearn-regressor-relu-3", "three hidden layers, strong L2", (4, 4, 4, 3, 1), 8, 0.5, smooth=False)
_family("sklearn-regressor-relu-1", "three outputs: division by examples, not by entries", (3, 6, 3), 4, 1e-4, smooth=False)
_family("sklearn-regressor-tanh-1", "a batch of five: 1/n is not exact", (3, 4, 2), 5, 1e-3)
_family("sklearn-binary-identity-1", "binary cross entropy behind a linear network", (3, 3, 1), 8)
_family("sklearn-binary-logistic-1", "logistic hidden and output layers", (4, 5, 1), 8, 1e-4)
_family("sklearn-binary-tanh-2", "two hidden tanh layers before one logistic output", (4, 5, 3, 1), 16, 1e-3)
_family("sklearn-binary-relu-3", "a deep relu classifier, strong L2", (3, 4, 4, 2, 1), 4, 0.5, smooth=False)
_family("sklearn-classes-identity-2", "softmax regression behind linear layers", (4, 4, 3, 3), 8)
_family("sklearn-classes-logistic-1", "logistic units before softmax", (4, 4, 3), 8, 1e-4)
_family("sklearn-classes-tanh-2", "two hidden tanh layers before softmax", (4, 4, 3, 3), 16, 1e-2)
_family("sklearn-classes-relu-3", "three hidden relu layers before softmax", (4, 4, 3, 3, 3), 4, 0.1, smooth=False)
_family(
    "sklearn-classes-relu-digits-small", "its small twin: one row of the digits' pixels, three classes", (8, 4, 3), 8, 1e-4,
    make=_digits_maker(8, 8, 4, 3, columns=slice(24, 32)), smooth=False,
)  # fmt: skip
_family(
    "sklearn-classes-relu-digits", "MLPClassifier on handwritten digits, 64-32-10", (64, 32, 10), 16, 1e-4,
    make=_digits_maker(16, 64, 32, 10), smooth=False, small=False, twin="sklearn-classes-relu-digits-small",
)  # fmt: skip
_family(
    "sklearn-classes-tanh-digits", "the same without kinks and without L2", (64, 32, 10), 8,
    make=_digits_maker(8, 64, 32, 10), small=False, twin="sklearn-classes-tanh-2",
)  # fmt: skip
_family(
    "sklearn-regressor-relu-default", "MLPRegressor with its default of one hidden layer of 100", (8, 100, 1), 16, 1e-4,
    smooth=False, small=False, twin="sklearn-regressor-relu-1",
)  # fmt: skip
