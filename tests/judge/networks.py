"""A small network and targets with one wrong rule, for the tests of the verdict."""

import dataclasses

import numpy as np

from gradcheck.networks.network import Network
from gradcheck.ops import registry
from gradcheck.targets.reference import Reference


def _make(rng):
    return {
        "x": rng.normal(size=(4, 3)), "t": rng.normal(size=(4, 2)), "w1": rng.normal(size=(3, 3)),
        "b1": rng.normal(size=3), "w2": rng.normal(size=(3, 2)), "b2": rng.normal(size=2),
    }  # fmt: skip


def _program(activation):
    def program(x, t, w1, b1, w2, b2):
        z = (x @ w1 + b1).named("z1")
        a = activation(z).named("a1")
        return (registry["half_squared_error"](a @ w2 + b2, t) / 4).named("loss")

    return program


MLP = Network("mlp", "a small layered network", _program(np.tanh), _make, inputs=("x", "t"))
RELU = Network("relu-mlp", "the same with a kink", _program(registry["relu"]), _make, inputs=("x", "t"))


def broken(op, **rules):
    """Return the reference with another vjp (or value) of one operation."""
    ops = dict(registry)
    ops[op] = dataclasses.replace(registry[op], **rules)
    return Reference(ops, f"broken-{op}")


def gradients_only(target):
    """Return the same target as a callable that hands back a loss and gradients alone."""

    def only(graph, values):
        run = target.run(graph, values)
        return run.loss, run.gradients

    return only
