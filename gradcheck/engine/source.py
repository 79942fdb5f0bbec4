"""A program as Python source, which anyone can read, and as the function that it is.

No text of a graph becomes code: variables are numbered here, numbers are printed from integers, and names of nodes
stand in comments only, as ASCII literals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Shape
from gradcheck.engine.liveness import Home, Layout
from gradcheck.engine.program import Program, Register, Step
from gradcheck.graph.graph import Graph

_OPERATORS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}


@dataclass(frozen=True, slots=True)
class Binding:
    """What a name stands for: an object, the beginning of a block with a shape, or a view of another name."""

    kind: str
    object: Any = None
    block: int = -1
    shape: Shape = ()
    source: str = ""


@dataclass
class Source:
    """The source of a program.

    Args:
        graph: for the comments.
        program: the steps.
        layout: where each register lives.
        poison: whether buffers are filled with NaN when they are not needed any more.
    """

    graph: Graph
    program: Program
    layout: Layout
    poison: bool = False
    lines: list[str] = field(default_factory=list)
    bindings: dict[str, Binding] = field(default_factory=dict)
    _make: Callable[..., Callable[..., Any]] | None = None
    _variable: dict[int, str] = field(default_factory=dict)
    _bound: dict[Any, str] = field(default_factory=dict)
    _held: dict[int, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._result = {id(x): f"r{k}" for k, x in reversed(list(enumerate(self.program.results)))}
        self._begin()
        node = phase = ""
        for k, step in enumerate(self.program.steps):
            if (step.node, step.phase) != (node, phase):
                node, phase = step.node, step.phase
                self.lines.append(f"# {self._comment(step)}")
            self._step(step)
            self._free(k)
        self._end()

    @property
    def text(self) -> str:
        """The source of the function that makes the function of the program from all that it binds."""
        body = "\n".join(f"        {line}" for line in self.lines)
        return f"def make({', '.join(self.bindings)}):\n    def run(values, given, cotangents):\n{body}\n    return run\n"

    def function(self, bound: Callable[[Any], tuple[Any, ...]]) -> Callable[..., Any]:
        """Return the function of the program with buffers of its own.

        Args:
            bound: returns the leaves' arrays from values that are not arrays of the right type and shape at once.
        """
        blocks = [np.zeros(b.entries, b.dtype) for b in self.layout.blocks]
        made: dict[str, Any] = {"bound": bound}
        for name, b in self.bindings.items():
            if b.kind == "block":
                size = int(np.prod(b.shape, dtype=int))
                made[name] = blocks[b.block][:size].reshape(b.shape)
            elif b.kind == "view":
                made[name] = b.object(made[b.source])
            elif name not in made:
                made[name] = b.object
        if self._make is None:
            space: dict[str, Any] = {}
            exec(self.text, space)  # noqa: S102 - text made here from a verified graph, see above
            self._make = space["make"]
        return self._make(**made)

    # -- beginning and end ---------------------------------------------------------------------

    def _begin(self) -> None:
        leaves = self.program.leaves
        self._object("bound", None)
        self._object("ndarray", np.ndarray)
        self._object("copied", copied)
        tests = [f"len(values) == {len(leaves)}"]
        self.lines.append("try:")
        for k, (name, x) in enumerate(leaves.items()):
            self._variable[id(x)] = v = f"x{k}"
            self.lines.append(f"    {v} = values[{self._object(f'n{k}', name)}]  # {self.graph.leaf[name].kind} {name!a}")
            dtype, shape = self._shared("d", x.value.dtype), self._shared("s", x.shape)
            tests.append(f"type({v}) is ndarray and {v}.dtype is {dtype} and {v}.shape == {shape}")
        self.lines += [f"    fit = {' and '.join(tests)}", "except (KeyError, TypeError, IndexError):", "    fit = False"]
        names = "".join(f"{self._variable[id(x)]}, " for x in leaves.values())
        self.lines += ["if not fit:", f"    ({names}) = bound(values)"]
        for k, x in enumerate(self.program.cotangents):
            self._variable[id(x)] = f"g{k}"
        if self.program.cotangents:
            self.lines.append(f"({''.join(f'g{k}, ' for k in range(len(self.program.cotangents)))}) = cotangents")
        for x in (*leaves.values(), *self.program.cotangents):
            if not x.shape and x.value.dtype.kind == "f" and id(x) in self.layout.last:
                self.lines.append(f"{self._variable[id(x)]} = {self._variable[id(x)]}[()]")
        first = len(self.program.outputs)
        outs = "".join(f"o{k}, " for k in range(first, len(self.program.results)))
        if outs:
            self.lines.append(f"({outs}) = given")

    def _end(self) -> None:
        first, returned = len(self.program.outputs), []
        for k, x in enumerate(self.program.results):
            returned.append(f"r{k}")
            home = self.layout.home.get(id(x))
            if home is None or home.kind != "result" or self._result[id(x)] != f"r{k}":
                self.lines.append(f"r{k} = copied({self._operand(x)}, {f'o{k}' if k >= first else 'None'})")
        names = [self._object(f"p{k}", name) for k, name in enumerate(self.program.gradients)]
        gradients = ", ".join(f"{n}: {r}" for n, r in zip(names, returned[first:], strict=True))
        self.lines.append(f"return ({''.join(f'{r}, ' for r in returned[:first])}), {{{gradients}}}")

    def _comment(self, step: Step) -> str:
        node = self.graph.node.get(step.node)
        if node is None:
            return "cotangents"
        text = f"{node.name!a} = {node.op}({', '.join(map(ascii, node.inputs))})"
        return text if step.phase == "forward" else f"reverse of {text}"

    # -- steps ---------------------------------------------------------------------------------

    def _step(self, step: Step) -> None:
        if step.form == "view":
            self._view(step, step.results[0])
        elif step.form == "call":
            names = [self._new(x) for x in step.results]
            self.lines.append(f"{', '.join(names)} = {self._function(step)}({', '.join(map(self._operand, step.operands))})")
        elif not step.results[0].shape:
            self.lines.append(f"{self._new(step.results[0])} = {self._of_numbers(step)}")
        else:
            self._into(step, step.results[0])

    def _into(self, step: Step, x: Register) -> None:
        """Write a step that writes to memory of which it is told."""
        home = self.layout.of(x)
        first = home.tenants[0] is x
        if home.kind == "result":
            k = self._result[id(home.tenants[-1])]
            self._variable[id(x)] = k
            given = "o" + k[1:] if int(k[1:]) >= len(self.program.outputs) else "None"
            self.lines.append(f"{k} = {self._written(step, given)}" if first else self._written(step, k))
        else:
            if home.kind == "array":
                self._variable[id(x)] = self._variable[id(home.tenants[0])]
            else:
                self._variable[id(x)] = self._buffer(home, x)
            self.lines.append(self._written(step, self._variable[id(x)]))

    def _written(self, step: Step, out: str) -> str:
        operands = [self._operand(x) for x in step.operands]
        f = self._function(step)
        if step.form == "reduce":
            return f"{f}({operands[0]}, {step.extra[0]}, None, {out}, {step.extra[1]})"
        if step.form == "join":
            return f"{f}(({', '.join(operands)},), {step.extra}, {out})"
        keyword = "out=" if step.name == "maximum" else ""  # NumPy will not have it by position
        return f"{f}({', '.join(operands)}, {keyword}{out})"

    def _of_numbers(self, step: Step) -> str:
        rank = max(len(x.shape) for x in step.operands)
        operands = [self._operand(x, number=not rank) for x in step.operands]
        if step.form == "ufunc" and step.name in _OPERATORS:
            return f"{operands[0]} {_OPERATORS[step.name]} {operands[1]}"
        if step.form == "reduce":
            return f"{self._function(step)}({operands[0]}, {step.extra[0]})"
        return f"{self._function(step)}({', '.join(operands)})"

    def _view(self, step: Step, x: Register) -> None:
        source = self._operand(step.operands[0])
        if self.layout.of(x).kind == "buffer":
            known = (source, step.name, step.extra)
            if known not in self._bound:
                self._bound[known] = f"b{len(self.bindings)}"
                self.bindings[self._bound[known]] = Binding("view", step.function, source=source)
            self._variable[id(x)] = self._bound[known]
            return
        name = self._new(x)
        if step.name == "transpose":
            self.lines.append(f"{name} = {source}.T" if step.extra == (1, 0) else f"{name} = {source}.transpose({step.extra})")
        elif step.name == "reshape":
            self.lines.append(f"{name} = {source}.reshape({step.extra})")
        else:
            self.lines.append(f"{name} = {self._object(f'f{len(self.bindings)}', step.function)}({source})  # {step.name}")

    def _free(self, k: int) -> None:
        for home in self.layout.freed.get(k, ()):
            if home.kind == "array":
                self.lines.append(f"del {', '.join(self._held.pop(id(home)))}")
            elif home.kind == "buffer" and self.poison and home.tenants[-1].value.dtype.kind == "f":
                self.lines.append(f"{self._variable[id(home.tenants[-1])]}.fill({self._object('nan', float('nan'))})")

    # -- names ---------------------------------------------------------------------------------

    def _operand(self, x: Register, number: bool = False) -> str:
        if id(x) in self._variable:
            return self._variable[id(x)]
        value = x.value[()] if number else x.value
        return self._shared("k", value, key=(number, id(x)))

    def _new(self, x: Register) -> str:
        self._variable[id(x)] = name = f"v{len(self._variable)}"
        home = self.layout.of(x)
        if home.kind == "array":
            self._held.setdefault(id(home), []).append(name)
        return name

    def _buffer(self, home: Home, x: Register) -> str:
        known = ("block", home.block, x.shape)
        if known not in self._bound:
            self._bound[known] = f"b{len(self.bindings)}"
            self.bindings[self._bound[known]] = Binding("block", block=home.block, shape=x.shape)
        return self._bound[known]

    def _function(self, step: Step) -> str:
        if step.form == "call":
            return self._object(f"f{len(self.bindings)}", step.function)
        if step.form == "reduce":
            return self._object(f"{step.name}_reduce", step.function.reduce)  # type: ignore[attr-defined]
        return self._object(step.name, step.function)

    def _object(self, name: str, thing: Any) -> str:
        self.bindings.setdefault(name, Binding("object", thing))
        return name

    def _shared(self, letter: str, thing: Any, key: Any = None) -> str:
        known = (letter, thing if key is None else key)
        if known not in self._bound:
            self._bound[known] = self._object(f"{letter}{len(self.bindings)}", thing)
        return self._bound[known]


def copied(x: Any, out: npt.NDArray[Any] | None) -> npt.NDArray[Any]:
    """Return a copy of an array or a number as an array, in `out` if that is given."""
    if out is None:
        return np.array(x)
    out[...] = x
    return out

