"""The named ancestors, in their published sizes, each with a small twin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.networks.digits import digits, large_digits
from gradcheck.networks.layers import Floats, Rng, categorical, half_squares, layered, one_hot, parameters, uniform
from gradcheck.networks.network import Maker, declare
from gradcheck.ops import registry as ops

_Data = Callable[[Rng], tuple[Floats, Floats]]


def _made(data: _Data, *sizes: int) -> Maker:
    def make(rng: Rng) -> dict[str, Floats]:
        x, t = data(rng)
        return {"x": x, "t": t, **parameters(rng, *sizes)}

    return make


def _letters(rng: Rng, count: int, places: int, letters: int, outputs: int) -> tuple[Floats, Floats]:
    """Return windows of `places` one-hot letters, and articulatory features of the middle one."""
    windows = one_hot(rng.integers(0, letters, (count, places)), letters)
    return windows.reshape(count, -1), rng.integers(0, 2, (count, outputs)).astype(float)


def _pair(name: str, twin: str, reason: str, program: Any, big: Maker, small: Maker) -> None:
    common: dict[str, Any] = {"inputs": ("x", "t"), "systems": ("S14", "S1"), "tags": ("classic", "historical")}
    declare(twin, f"small twin of {name}: {reason}", program, small, small=True, **common)
    declare(name, reason, program, big, twin=twin, **common)


_two_logistic = layered(("logistic", "logistic"), half_squares)

_pair(
    "nettalk-203-80-26", "nettalk-small", "text to speech, a window of 7 letters out of 29 (Sejnowski, Rosenberg 1987)",
    _two_logistic,
    _made(lambda rng: _letters(rng, 8, 7, 29, 26), 203, 80, 26),
    _made(lambda rng: _letters(rng, 4, 3, 3, 2), 9, 3, 2),
)  # fmt: skip


def _road(rng: Rng, count: int, inputs: int, directions: int) -> tuple[Floats, Floats]:
    """Return sensor readings, and a hill of activation around the direction to steer in."""
    centre = rng.uniform(0, directions, (count, 1))
    return uniform(rng, 0, 1, count, inputs), np.exp(-((np.arange(directions) - centre) ** 2) / 10)


_pair(
    "alvinn-1217-29-46", "alvinn-small",
    "a car steered by a 30x32 camera, 8x32 range finder and a feedback unit (Pomerleau 1989)",
    _two_logistic,
    _made(lambda rng: _road(rng, 4, 30 * 32 + 8 * 32 + 1, 46), 1217, 29, 46),
    _made(lambda rng: _road(rng, 4, 7, 5), 7, 3, 5),
)  # fmt: skip


def _board(rng: Rng, count: int, inputs: int) -> tuple[Floats, Floats]:
    """Return units of a backgammon position (0, 1, or half the checkers beyond three), and the chance to win."""
    x = np.where(rng.random((count, inputs)) < 0.25, rng.integers(1, 4, (count, inputs)) / 2, 0.0)
    return x, uniform(rng, 0, 1, count, 1)


_pair(
    "td-gammon-198-40-1", "td-gammon-small", "the chance to win from a backgammon position (Tesauro 1992)",
    _two_logistic,
    _made(lambda rng: _board(rng, 8, 198), 198, 40, 1),
    _made(lambda rng: _board(rng, 4, 8), 8, 4, 1),
)  # fmt: skip


def _digits(rng: Rng, count: int, columns: slice, classes: int) -> tuple[Floats, Floats]:
    x, labels = digits(rng, count)
    return x[:, columns], one_hot(labels % classes, classes)


_pair(
    "digits-64-32-10", "digits-small", "handwritten digits of 8x8 pixels, logistic units, softmax",
    layered(("logistic", "softmax"), categorical),
    _made(lambda rng: _digits(rng, 16, slice(None), 10), 64, 32, 10),
    _made(lambda rng: _digits(rng, 4, slice(32, 40), 3), 8, 4, 3),
)  # fmt: skip


# -- LeNet 1989 -------------------------------------------------------------------------------


def _scaled_tanh(z: Any) -> Any:
    return 1.7159 * np.tanh(z * (2 / 3))


def _maps(a: Any, w: Any, b: Any, groups: int, number: int) -> Any:
    """Return feature maps: 5x5 kernels, stride 2, a border of -1, and a bias for every unit."""
    bordered = ops["pad"](a, pads=(0, 0, 2, 2, 0, 0, 2, 2), constant=-1.0)
    z = (ops["conv2d"](bordered, w, stride=2, groups=groups) + b).named(f"z{number}")
    return _scaled_tanh(z).named(f"a{number}")


def _lenet(sources: list[list[int]]) -> Callable[..., Any]:
    """Return the program; every map of the second layer sees the maps `sources` of the first."""

    def program(x: Any, t: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any, w4: Any, b4: Any) -> Any:
        first = _maps(x, w1, b1, 1, 1)
        seen = ops["gather"](first, np.ravel(sources), axis=1)
        second = _maps(seen, w2, b2, len(sources), 2)
        a3 = _scaled_tanh(ops["dense"](second.reshape(len(x), -1), w3, b3).named("z3")).named("a3")
        a4 = _scaled_tanh(ops["dense"](a3, w4, b4).named("z4")).named("a4")
        return half_squares(a4, t).named("loss")

    return program


def _lenet_parameters(rng: Rng, side: int, maps: int, seen: int, hidden: int, classes: int) -> dict[str, Floats]:
    """Return weights uniform in 2.4 / fan-in, as LeCun drew them; the images are side x side."""
    half, quarter = side // 2, side // 4
    shapes = {
        "w1": (maps, 1, 5, 5), "b1": (maps, half, half),
        "w2": (maps, seen, 5, 5), "b2": (maps, quarter, quarter),
        "w3": (maps * quarter * quarter, hidden), "b3": (hidden,),
        "w4": (hidden, classes), "b4": (classes,),
    }  # fmt: skip
    fan_in = {"1": 25, "2": 25 * seen, "3": maps * quarter * quarter, "4": hidden}
    return {k: uniform(rng, -2.4, 2.4, *shape) / fan_in[k[1]] for k, shape in shapes.items()}


def _lenet_data(rng: Rng) -> dict[str, Floats]:
    x, labels = large_digits(rng, 2)
    return {"x": x, "t": 2 * one_hot(labels, 10) - 1, **_lenet_parameters(rng, 16, 12, 8, 30, 10)}


def _lenet_small_data(rng: Rng) -> dict[str, Floats]:
    x, labels = digits(rng, 2)
    images = 2 * x.reshape(2, 1, 8, 8)[:, :, 2:6, 2:6] - 1
    return {"x": images, "t": 2 * one_hot(labels % 2, 2) - 1, **_lenet_parameters(rng, 4, 1, 1, 2, 2)}


#: Which 8 of the 12 maps each map of the second layer sees; the paper's table is not public.
_SOURCES = [[(i + k) % 12 for k in range(8)] for i in range(12)]

_lenet_common: dict[str, Any] = {"inputs": ("x", "t"), "systems": ("S14", "S5"), "tags": ("classic", "historical")}
declare(
    "lenet-1989-small", "small twin of lenet-1989: one map a layer on 4x4 images", _lenet([[0]]), _lenet_small_data,
    small=True, **_lenet_common,
)  # fmt: skip
declare(
    "lenet-1989", "handwritten zip codes: two layers of 12 maps with shared 5x5 weights (LeCun et al. 1989)",
    _lenet(_SOURCES), _lenet_data, twin="lenet-1989-small", **_lenet_common,
)  # fmt: skip
