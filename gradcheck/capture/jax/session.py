"""Record a run of a JAX function."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp
from jax import tree_util

from gradcheck.arith.running import Roundoff
from gradcheck.capture.alone import Alone
from gradcheck.capture.coverage import Coverage, Opaque
from gradcheck.capture.jax.walk import Record, Walk
from gradcheck.capture.place import Place
from gradcheck.capture.recording import Recorded, Recording
from gradcheck.errors import NotRecorded
from gradcheck.graph.graph import Graph
from gradcheck.graph.weighted import weights
from gradcheck.targets.target import Run

_OURS = Place(operation="its part of the output")


def recorded_function(f: Callable[..., Any], inputs: Sequence[Any], cotangents: Any = None) -> Recording:
    """Return the recording of a function of arrays, or of nested lists and mappings of them.

    Args:
        f: the function.
        inputs: its arguments; floats are differentiated.
        cotangents: one for each result; fixed weights unless given, 1 for a scalar.

    Raises:
        NotRecorded: nothing differentiable comes out.
    """
    flat, shape = tree_util.tree_flatten(tuple(inputs))
    arrays = [jnp.asarray(x) for x in flat]
    paths = [_path(p) for p, _ in tree_util.tree_flatten_with_path(tuple(inputs))[0]]
    closed = jax.make_jaxpr(lambda *xs: tree_util.tree_leaves(f(*tree_util.tree_unflatten(shape, xs))))(*arrays)
    return Recording("jax", Session(closed, arrays, paths, str(getattr(f, "__name__", type(f).__name__)).strip("<>")).recorded(f, shape, cotangents))


def _path(path: Any) -> str:
    text = "".join(f".{getattr(k, 'key', getattr(k, 'idx', getattr(k, 'name', k)))}" for k in path)
    return f"x{text[1:]}"


def is_float(x: Any) -> bool:
    """Answer whether an array is differentiated."""
    return bool(jnp.issubdtype(x.dtype, jnp.floating))


class Session:
    """The record of one run, and its derivatives.

    Args:
        closed: the jaxpr with its constants.
        arrays: the arguments.
        paths: their names.
        name: of the graph.
    """

    def __init__(self, closed: Any, arrays: Sequence[Any], paths: Sequence[str], name: str) -> None:
        self.closed, self.arrays, self.name = closed, list(arrays), name
        self.record = Record()
        self.tape = self.record.tape
        self.names = [self.tape.parameter(p, tuple(x.shape), str(x.dtype)) if is_float(x) else "" for p, x in zip(paths, arrays, strict=True)]
        self.results, self.outputs = Walk(self.record).run(closed.jaxpr, closed.consts, self.arrays, self.names)

    def recorded(self, f: Callable[..., Any], shape: Any, cotangents: Any) -> Recorded:
        """Return everything that was seen."""
        roots = [k for k, name in enumerate(self.outputs) if name and is_float(self.results[k])]
        if not roots:
            raise NotRecorded("expected a result that depends on a floating argument; got none")
        given = None if cotangents is None else tree_util.tree_leaves(cotangents)
        seeds = {k: self._seed(self.results[k]) if given is None else jnp.asarray(given[k], self.results[k].dtype) for k in roots}
        sites = [s for s in self.record.sites if s is not None]
        by_argument, by_site = self._derivatives(seeds, sites)
        total, output = self._output(seeds, sites, by_site)
        graph = self.tape.graph(output, self.name)
        shown = {s.name: s for s in sites if not s.handed}
        run = Run(
            np.asarray(total),
            self._gradients(graph, by_argument, sites, by_site),
            {k: np.asarray(s.value) for k, s in shown.items() if k in graph.node},
            {s.name: np.asarray(a) for s, a in zip(sites, by_site, strict=True) if not s.handed and s.name in graph.node},
            plain_gradients=None if self.record.opaque else self._plain(f, shape, seeds, graph),
        )
        leaves = {**{name: np.asarray(x) for name, x in zip(self.names, self.arrays, strict=True) if name}, **self.record.given}
        values = {leaf.name: np.asarray(leaves[leaf.name]) for leaf in graph.leaves if leaf.value is None}
        formats = {k: v for k, v in self.tape.formats.items() if k in graph.shapes}
        places = {k: p for k, p in self.tape.places.items() if k in graph.shapes}
        coverage = self._coverage(graph, shown, sites, by_site)
        return Recorded(graph, values, run, places, formats, coverage, results=tuple(self.outputs[k] for k in roots))

    def _seed(self, y: Any) -> Any:
        return jnp.ones((), y.dtype) if y.shape == () else jnp.asarray(weights(tuple(y.shape)), y.dtype)

    def _derivatives(self, seeds: dict[int, Any], sites: list[Any]) -> tuple[list[Any], list[Any]]:
        """Return the derivatives by the arguments and by all zeros, from one backward pass of the program as it is."""
        floats = [k for k, name in enumerate(self.names) if name]

        def program(xs: list[Any], zeros: list[Any]) -> list[Any]:
            arrays = list(self.arrays)
            for k, x in zip(floats, xs, strict=True):
                arrays[k] = x
            found = Walk(self.record, zeros).run(self.closed.jaxpr, self.closed.consts, arrays, [""] * len(arrays))[0]
            return [found[k] for k in seeds]

        zeros = [jnp.zeros_like(s.value) for s in sites]
        _, pull = jax.vjp(program, [self.arrays[k] for k in floats], zeros)
        by_argument, by_site = pull(list(seeds.values()))
        return by_argument, by_site

    def _plain(self, f: Callable[..., Any], shape: Any, seeds: dict[int, Any], graph: Graph) -> dict[str, Any] | None:
        """Return the gradients of the program without a zero anywhere."""
        floats = [k for k, name in enumerate(self.names) if name]

        def program(*xs: Any) -> list[Any]:
            arrays = list(self.arrays)
            for k, x in zip(floats, xs, strict=True):
                arrays[k] = x
            found = tree_util.tree_leaves(f(*tree_util.tree_unflatten(shape, arrays)))
            return [found[k] for k in seeds]

        try:
            _, pull = jax.vjp(program, *(self.arrays[k] for k in floats))
            found = pull(list(seeds.values()))
        except ValueError:  # a while loop has no derivative in reverse, its turns have
            return None
        return {self.names[k]: np.asarray(g) for k, g in zip(floats, found, strict=True) if self.names[k] in graph.leaf}

    def _gradients(self, graph: Graph, by_argument: list[Any], sites: list[Any], by_site: list[Any]) -> dict[str, Any]:
        names = [n for n in self.names if n]
        results = {s.name: a for s, a in zip(sites, by_site, strict=True) if not s.handed and s.name in self.record.given}
        found = {**dict(zip(names, by_argument, strict=True)), **results}
        return {k: np.asarray(found[k]) for k in graph.parameters}

    def _output(self, seeds: dict[int, Any], sites: list[Any], by_site: list[Any]) -> tuple[float, str]:
        """Return the scalar whose adjoints are those of the run: results times cotangents, and values times what opaque equations handed on."""
        terms = [(self.outputs[k], self.results[k], seed) for k, seed in seeds.items()]
        terms += [(s.name, s.value, g) for s, g in zip(sites, by_site, strict=True) if s.handed]
        parts, total = [], 0.0
        for name, value, cotangent in terms:
            g, format_ = np.asarray(cotangent, np.float64), "float64" if str(value.dtype) == "float64" else "float32"
            total += float(np.sum(np.asarray(value, np.float64) * g))
            product = name if g.shape == () and g == 1 else self.tape.node("mul", [name, self.tape.constant(g)], {}, format_, _OURS)
            parts.append(product if np.shape(value) == () else self.tape.node("sum", [product], {}, format_, _OURS))
        output = parts[-1]
        for part in reversed(parts[:-1]):
            formats = {self.tape.formats[output], self.tape.formats[part]}
            output = self.tape.node("add", [output, part], {}, "float64" if "float64" in formats else "float32", _OURS)
        if len(parts) == 1 and output in self.tape.leaves:
            output = self.tape.node("reshape", [output], {"shape": ()}, self.tape.formats[output], _OURS)
        return total, output

    def _coverage(self, graph: Graph, shown: dict[str, Any], sites: list[Any], by_site: list[Any]) -> Coverage:
        own = sum(math.prod(graph.shapes[k]) for k in {*(k for k in shown if k in graph.shapes), *graph.parameters})
        opaque = self._judged(sites, by_site)
        alone, unjudged = (sum(math.prod(self.tape.shapes[x]) for o in opaque for x in o.operands if o.judged is way) for way in (True, False))
        return Coverage(own, alone, unjudged, opaque, tuple(dict.fromkeys(self.record.cuts)))

    def _judged(self, sites: list[Any], by_site: list[Any]) -> tuple[Opaque, ...]:
        """Return the equations without a rule, each judged by differences where it can be called in float64."""
        handed = iter([(s, g) for s, g in zip(sites, by_site, strict=True) if s.handed])
        adjoints = {s.name: np.asarray(g, np.float64) for s, g in zip(sites, by_site, strict=True) if not s.handed}
        found = []
        for opaque, value in zip(self.record.opaque, self.record.again, strict=True):
            went = [next(handed) for _ in opaque.operands]
            operands, cotangents = (tuple(np.asarray(x, np.float64) for x in column) for column in zip(*((s.value, g) for s, g in went), strict=True))
            results = tuple(np.asarray(self.record.given[x], np.float64) for x in opaque.results)
            u = max(Roundoff.of(self.tape.formats[x]).u for x in (*opaque.operands, *opaque.results))
            reason = Alone(value, operands, results, tuple(adjoints.get(x) for x in opaque.results), cotangents, u).verdict()
            found.append(replace(opaque, judged=not reason, reason=f"{opaque.reason}; {reason}" if reason else opaque.reason))
        return tuple(found)
