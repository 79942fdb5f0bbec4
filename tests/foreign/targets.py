"""Hostile targets, by name: each does one thing that a target must not do."""

# ruff: noqa: B008, PLC3002 - what targets keep is the matter here

import builtins
import dataclasses
import decimal
import io
import math
import os
import signal
import sys
import time
import warnings

import flint
import mpmath
import numpy as np

from gradcheck.graph.graph import Edge
from gradcheck.targets import Known, Run
from gradcheck.targets.reference import Reference
from tests.foreign.raising import RAISES

REFERENCE = Reference()


class Right:
    """A right target."""

    name = "right"

    def run(self, graph, values):
        """Return a right answer."""
        return dataclasses.replace(REFERENCE.run(graph, values))

    def hvp(self, graph, values, along, mode="reverse-over-reverse"):
        """Return a right product."""
        return REFERENCE.hvp(graph, values, along, REFERENCE.second_modes[0])


def _with(**attributes):
    return type("Bad", (Right,), {"name": "bad", **attributes})()


def _property(raises):
    return property(lambda self: raises())


def _run(act):
    """Return a target that does something and answers rightly."""

    def run(self, graph, values):
        found = REFERENCE.run(graph, values)
        act(graph, values)
        return found

    return _with(run=run)


def _answer(change):
    """Return a target that hands back something else than the right run."""
    return _with(run=lambda self, graph, values: change(REFERENCE.run(graph, values)))


def with_gradients(change):
    """Return a target that hands back something else for each right gradient."""
    return _answer(lambda run: (Run(run.loss, {k: change(x) for k, x in run.gradients.items()})))


def _later(raises):
    """Return a target that is wrong at its first call, and raises when it is asked again."""
    calls = []

    def run(self, graph, values):
        calls.append(1)
        if len(calls) > 1:
            raises()
        right = REFERENCE.run(graph, values)
        return Run(right.loss, {k: 1.5 * x for k, x in right.gradients.items()})

    return _with(run=run)


class _Array:
    def __init__(self, raises):
        self.raises = raises

    def __array__(self, *_, **__):
        return self.raises()


class _Number:
    def __init__(self, raises):
        self.raises = raises

    def __float__(self):
        return self.raises()

    __str__ = __repr__ = __float__


class _Lookups(dict):
    raises = None

    def __iter__(self):
        return self.raises()

    __getitem__ = keys = items = get = __iter__


class _Key(str):
    __slots__ = ()

    def __eq__(self, other):
        raise SystemExit(0)

    __hash__ = str.__hash__


def _lookups(raises):
    return _answer(lambda run: (Run(run.loss, type("Lookups", (_Lookups,), {"raises": staticmethod(raises)})(run.gradients))))


def _restyped(graph, values):
    values["w1"].dtype = np.int64


def _object(x):
    return np.full(x.shape, 10**400, object)


#: places at which something is raised: raises -> target, and the order of the derivatives that are asked for
PLACES = {
    "run": lambda raises: _with(run=lambda self, graph, values: raises()),
    "the second call": _later,
    "name": lambda raises: _with(name=_property(raises)),
    "version": lambda raises: _with(version=_property(raises)),
    "an array": lambda raises: with_gradients(lambda x: _Array(raises)),
    "a number": lambda raises: with_gradients(lambda x: np.full(x.shape, _Number(raises))),
    "a mapping": _lookups,
    "hvp": lambda raises: _with(hvp=lambda self, *_: raises()),
    "a product": lambda raises: _with(hvp=lambda self, graph, values, along: {k: _Array(raises) for k in along}),
}  # fmt: skip

#: attributes of a wrong kind
ATTRIBUTES = {
    "name is a number": {"name": 3}, "name is empty": {"name": ""}, "name is None": {"name": None}, "name is two lines": {"name": "a\nb"},
    "name is an escape": {"name": "\x1b[2J"}, "name is a surrogate": {"name": "\ud800"}, "name is long": {"name": "x" * 10**6},
    "version is a tuple": {"version": (1, 2)}, "version is a number": {"version": 3}, "version is None": {"version": None},
    "dtypes is text": {"dtypes": "float64"}, "dtypes is a number": {"dtypes": 64}, "dtypes is of another world": {"dtypes": ("float8",)},
    "dtypes holds lists": {"dtypes": ([],)}, "slack is text": {"slack": "4"}, "slack is small": {"slack": 0.5}, "slack is NaN": {"slack": math.nan},
    "slack is infinite": {"slack": math.inf}, "slack is huge": {"slack": 10**400}, "slack is negative": {"slack": -1},
    "accumulates is a list": {"accumulates": [1]}, "accumulates is of another world": {"accumulates": {"float16": "float8"}},
    "flushes is text": {"flushes": "yes"}, "known is a number": {"known": 1}, "known holds text": {"known": ("a",)},
    "known holds numbers": {"known": (Known(1, 2, 3),)}, "most_random is text": {"most_random": "1"}, "most_random is negative": {"most_random": -1},
    "unjudged is a number": {"unjudged": 5}, "second_modes is text": {"second_modes": "ab"}, "second_modes holds numbers": {"second_modes": (1,)},
    "second_modes twice": {"second_modes": ("a", "a")}, "spec is a number": {"spec": 1}, "run is a number": {"run": 5}, "hvp is a number": {"hvp": 5},
    "gradient is a number": {"gradient": 5},
}  # fmt: skip

#: answers that cannot be read, or say nothing
UNREADABLE = {
    "None": _answer(lambda run: None), "a Run of numbers": _with(run=lambda self, g, v: Run(5, 5)), "a class": _answer(lambda run: Run),
    "objects too large": with_gradients(_object), "text": with_gradients(lambda x: "abc"), "bytes": with_gradients(lambda x: b"abc"),
    "dates": with_gradients(lambda x: np.zeros(x.shape, "M8[s]")), "complex numbers": with_gradients(lambda x: x + 0j), "ragged lists": with_gradients(lambda x: [[1], [2, 3]]),
    "a masked array": with_gradients(lambda x: np.ma.array(x, mask=True)), "a structured array": with_gradients(lambda x: np.zeros(x.shape, [("a", float)])),
    "numbers for names": _answer(lambda run: Run(run.loss, {3: 1.0})), "another name": _answer(lambda run: Run(run.loss, {"q" * 10**6: 1.0})),
    "a name that cannot be compared": _answer(lambda run: Run(run.loss, {_Key("q"): 1.0})), "edges of numbers": _answer(lambda run: Run(run.loss, run.gradients, edge_adjoints={3: 1})),
    "edges of nothing": _answer(lambda run: Run(run.loss, run.gradients, edge_adjoints={("q", Edge("z", 0)): 1.0})), "an endless list": with_gradients(lambda x: (lambda a: a.append(a) or a)([])),
    "a Run without parts": _answer(lambda run: object.__new__(Run)), "a generator": with_gradients(lambda x: (v for v in x)),
}  # fmt: skip

#: answers that are wrong, and are said to be
WRONG = {
    "changed input": _run(lambda g, v: v["w1"].fill(7)), "text for an input": _run(lambda g, v: v.update(w1="str")), "an input less": _run(lambda g, v: v.pop("w1")),
    "an object for an input": _run(lambda g, v: v.update(w1=_Array(RAISES["an exit with 0"]))), "another shape of an input": _run(lambda g, v: setattr(v["w1"], "shape", (1, 1))),
    "another type of an input": _run(_restyped), "a shared answer": with_gradients(lambda x, kept={}: kept.setdefault(x.shape, x)[...] * 0),
    "None": with_gradients(lambda x: None), "no numbers": with_gradients(lambda x: np.full(x.shape, np.nan)), "another shape": with_gradients(lambda x: np.zeros((2, 3, 4))),
    "a large view": with_gradients(lambda x: np.broadcast_to(np.int8(1), (2**20, 2**20))[:0]),
}  # fmt: skip

#: what is allowed, or cannot harm
HARMLESS = {
    "lists": with_gradients(lambda x: x.tolist()), "long doubles": with_gradients(lambda x: x.astype(np.longdouble)), "objects": with_gradients(lambda x: x.astype(object)),
    "another folder": _run(lambda g, v: os.chdir("/")), "no outputs in the graph": _run(lambda g, v: setattr(g, "outputs", ())), "no nodes in the graph": _run(lambda g, v: setattr(g, "nodes", ())),
    "other leaves in the graph": _run(lambda g, v: setattr(g, "leaves", ())), "changed constants": _run(lambda g, v: [x.value.fill(9) for x in g.leaves if x.value is not None]),
    "another asarray": _run(lambda g, v: setattr(np, "asarray", None)), "another sum": _run(lambda g, v: setattr(np, "sum", lambda *_, **__: 0)),
    "another clock": _run(lambda g, v: setattr(time, "perf_counter", None)), "another abs": _run(lambda g, v: setattr(builtins, "abs", lambda x: 0)),
    "another isfinite": _run(lambda g, v: setattr(math, "isfinite", None)), "no output": _run(lambda g, v: setattr(sys, "stdout", None)),
    "another output": _run(lambda g, v: setattr(sys, "stdout", io.StringIO())), "no depth": _run(lambda g, v: sys.setrecursionlimit(100)),
    "ignored interrupts": _run(lambda g, v: signal.signal(signal.SIGINT, signal.SIG_IGN)), "floating-point errors": _run(lambda g, v: np.seterr(all="raise")),
    "few digits of mpmath": _run(lambda g, v: setattr(mpmath.mp, "prec", 5)), "few bits of flint": _run(lambda g, v: setattr(flint.ctx, "prec", 5)), "few digits of decimal": _run(lambda g, v: setattr(decimal.getcontext(), "prec", 1)),
    "warnings": _run(lambda g, v: warnings.filterwarnings("ignore", "nothing is called so")), "a property that changes": _with(version=property(lambda self, n=iter(range(9)): str(next(n)))),
    "a taken name": _with(name="reference"), "the name of a good one": _with(name="right"), "a key of its own class": _answer(lambda run: Run(run.loss, {type("K", (str,), {})(k): x for k, x in run.gradients.items()})),
    "a seed": _run(lambda g, v: np.random.seed(0)),  # noqa: NPY002
}  # fmt: skip

#: name -> target, verdict of its row, order of the derivatives
TARGETS = {}
for _place, _make in PLACES.items():
    for _name, _raises in RAISES.items():
        TARGETS[f"{_place}: {_name}"] = (_make(_raises), "fail" if _place == "the second call" else "inconclusive", 2 if _place in ("hvp", "a product") else 1)
TARGETS |= {f"attribute: {name}": (_with(**given), "inconclusive", 1) for name, given in ATTRIBUTES.items()}
TARGETS |= {f"unreadable: {name}": (target, "inconclusive", 1) for name, target in UNREADABLE.items()}
TARGETS |= {f"wrong: {name}": (target, "fail", 1) for name, target in WRONG.items()}
TARGETS |= {f"harmless: {name}": (target, "pass", 1) for name, target in HARMLESS.items()}
