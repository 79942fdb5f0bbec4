"""Makers of inputs: given numbers, and random ones of given shapes."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.faults.fault import Inputs, Maker


def given(*values: Any) -> Maker:
    """Return a maker of these values: lists and numbers become fresh arrays."""
    return lambda _: tuple(np.array(v) for v in values)


def normal(*specification: Any) -> Maker:
    """Return a maker of normal entries for each shape (a tuple); lists, numbers and arrays are given as they are."""

    def make(rng: np.random.Generator) -> Inputs:
        return tuple(np.asarray(rng.normal(size=s)) if isinstance(s, tuple) else np.array(s) for s in specification)

    return make


def positive(*specification: Any) -> Maker:
    """Return a maker of entries in [1/2, 2] for each shape (a tuple); lists, numbers and arrays are given as they are."""

    def make(rng: np.random.Generator) -> Inputs:
        return tuple(np.asarray(rng.uniform(0.5, 2.0, s)) if isinstance(s, tuple) else np.array(s) for s in specification)

    return make


def distinct(*specification: Any) -> Maker:
    """Return a maker of entries at least 1/4 apart for each shape (a tuple); the rest is given as it is."""

    def make(rng: np.random.Generator) -> Inputs:
        return tuple(_apart(rng, s) if isinstance(s, tuple) else np.array(s) for s in specification)

    return make


def _apart(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    n = int(np.prod(shape))
    return ((rng.permutation(n) - n / 2 + rng.uniform(0, 0.5, n)) / 2).reshape(shape)
