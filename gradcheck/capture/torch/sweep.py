"""The backward pass of a recorded run: every adjoint, and what each use of a value handed on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch

from gradcheck.capture.torch.memory import Held
from gradcheck.capture.torch.recorder import Recorder
from gradcheck.capture.torch.tensors import Tensor, maker
from gradcheck.graph.graph import Edge, Node


class Sweep:
    """Looks at one backward pass by hooks, which are gone after it.

    Attributes:
        adjoints: of values, as the functions that made them got them; copies where code of the user runs in the pass, which may write into them.
        before: gradients of values from outside and of values that the user hooked, before any hook.
        hooked: names of the values that have hooks of the user.

    Args:
        recorder: of the run.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.adjoints: dict[str, Held] = {}
        self.before: dict[str, Held] = {}
        self.hooked: list[str] = []
        self._handed: dict[int, Sequence[Held | None]] = {}
        self._handles: list[Any] = []
        self._without: list[Tensor] = []
        self._uses = list(self._single_uses())
        made = [*(f for f, _ in recorder.functions.values()), *recorder.opaque_functions]
        leaves = [*recorder.tensors.values(), *recorder.outside.values()]
        self._copies = any(isinstance(f, torch.autograd.function.BackwardCFunction) for f in made) or any(t._backward_hooks for t in leaves)

    def __enter__(self) -> Sweep:
        r = self.recorder
        for name, (function, number) in r.functions.items():
            self._handles.append(function.register_prehook(self._adjoint(name, number)))
        for function in {id(f): f for f in [*(f for _, _, f in self._uses), *r.opaque_functions, *(f for _, f in r.entering.values())]}.values():
            self._handles.append(function.register_hook(self._contributions(id(function))))
        theirs = [name for name, (f, k) in r.functions.items() if maker(r.tensors[name]) == (f, k) and r.tensors[name]._backward_hooks]
        for name in theirs:
            self._first_hook(name, r.tensors[name])
        for name, t in r.outside.items():
            if t.requires_grad:
                self._first_hook(name, t)
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()
        for entry, (name, function) in self.recorder.entering.items():
            if len(handed := self.contributions(name, function)) == 1:
                self.adjoints[entry] = handed[0]
        for t in self._without:
            t._backward_hooks = None

    def _seen(self, g: Tensor) -> Held:
        """Return a gradient as it is now; held by its own name, so that autograd adds to no memory of it."""
        held = Held(g)
        if self._copies:
            held.keep({})
        return held

    def _adjoint(self, name: str, number: int) -> Callable[..., None]:
        def look(gradients: Sequence[Tensor | None]) -> None:
            g = gradients[number] if number < len(gradients) else None
            if g is not None:
                self.adjoints[name] = self._seen(g)

        return look

    def _contributions(self, key: int) -> Callable[..., None]:
        def look(inputs: Sequence[Tensor | None], _: Any) -> None:
            self._handed[key] = [None if g is None else self._seen(g) for g in inputs]

        return look

    def _first_hook(self, name: str, t: Tensor) -> None:
        """Look at the gradient of a tensor before hooks of the user change it."""
        if t._backward_hooks:
            self.hooked.append(name)
        else:
            self._without.append(t)

        def look(g: Tensor) -> None:
            self.before[name] = self._seen(g)

        handle = t.register_hook(look)
        theirs = [(k, hook) for k, hook in t._backward_hooks.items() if k != handle.id]
        for k, _ in theirs:  # torch calls hooks in the order in which they went in, whatever an ordered dictionary says
            del t._backward_hooks[k]
        t._backward_hooks.update(theirs)
        self._handles.append(handle)

    # -- uses -----------------------------------------------------------------------------------

    def contributions(self, name: str, function: Any) -> list[Held]:
        """Return all that a function handed on to a value."""
        pairs = zip(self._handed.get(id(function), ()), function.next_functions, strict=False)
        return [g for g, to in pairs if g is not None and self._leads_to(to, name)]

    def _leads_to(self, to: tuple[Any, int], name: str) -> bool:
        r, t = self.recorder, self.recorder.outside.get(name)
        if name in r.functions:
            return bool(to[0] is r.functions[name][0] and to[1] == r.functions[name][1])
        if t is None or to[0] is None:
            return False
        return bool(to[0] is t.grad_fn and to[1] == t.output_nr) if t.grad_fn is not None else getattr(to[0], "variable", None) is t

    def _single_uses(self) -> list[tuple[str, Edge, Any]]:
        """Return the uses of values that have several, each the only one in its call, with the function that hands on its contribution."""
        r = self.recorder
        uses = Counter(x for node in r.tape.nodes for x in node.inputs)
        within = Counter((self._call(node), x) for node in r.tape.nodes for x in node.inputs)
        results = Counter(id(f) for f, _ in r.functions.values())
        return [
            (x, Edge(node.name, position), r.functions[node.name][0])
            for node in r.tape.nodes
            if node.name in r.functions and results[id(r.functions[node.name][0])] == 1
            for position, x in enumerate(node.inputs)
            if uses[x] > 1 and within[self._call(node), x] == 1
        ]

    def _call(self, node: Node) -> object:
        return self.recorder.calls.get(node.name, node.name)

    def edges(self) -> dict[tuple[str, Edge], Held]:
        """Return what each single use of a value contributed, where autograd shows it in the value's shape and format."""
        found = {}
        for x, edge, function in self._uses:
            handed = self.contributions(x, function)
            if len(handed) == 1 and handed[0].shape == self.recorder.tape.shapes[x]:
                found[x, edge] = handed[0]
        return found
