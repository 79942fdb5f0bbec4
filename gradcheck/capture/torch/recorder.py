"""Every operation that torch dispatches while a program runs, written down as a graph.

The `grad_fn` of a result exists only after the call that made it has returned: it is looked at when the next operation is dispatched.
"""

from __future__ import annotations

from threading import get_ident
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from gradcheck.capture.aten.table import RULES
from gradcheck.capture.coverage import Opaque, Unruled
from gradcheck.capture.place import Place
from gradcheck.capture.torch.again import value_again
from gradcheck.capture.torch.call import Call, Operand, Signature
from gradcheck.capture.torch.kinds import AUXILIARY, DATA, WITHOUT_DERIVATIVE
from gradcheck.capture.torch.source import Source
from gradcheck.capture.torch.suspect import Suspect, of_call
from gradcheck.capture.torch.tensors import FORMATS, Tensor, located, maker, positions, storage_of, tensors_in
from gradcheck.capture.torch.values import Values


class Recorder(TorchDispatchMode, Values):  # type: ignore[misc]  # torch is not there when types are checked
    """Records until it is told to stop.

    Args:
        source: says where in the program an operation is.
        references: by name of a custom Function, the program whose gradient its backward is meant to give.
    """

    def __init__(self, source: Source, references: dict[str, Any]) -> None:
        TorchDispatchMode.__init__(self)
        Values.__init__(self, source)
        self.references = references
        self.thread = get_ident()
        self.first = torch.ones((), requires_grad=True).view(()).grad_fn._sequence_nr()
        self.stopped = False
        self.calls: dict[str, int] = {}
        self.entering: dict[str, tuple[str, Any]] = {}
        self.opaque: list[Opaque] = []
        self.opaque_functions: list[Any] = []
        self.again: dict[int, Any] = {}
        self.suspects: dict[str, Suspect] = {}
        self._pending: Call | None = None
        self._signatures: dict[Any, Signature] = {}

    # -- one call -------------------------------------------------------------------------------

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call an operation, and remember it."""
        kwargs = kwargs or {}
        if self.stopped or get_ident() != self.thread:
            return func(*args, **kwargs)
        self.settle()
        call = self._call(func, args, kwargs)
        for t in call.written:
            if self._is_followed(call) or self.memory.known(t):
                self._before_write(call, t)
        out = func(*args, **kwargs)
        call.outs = list(tensors_in(out))
        if self._is_followed(call):
            self._pending = call
        else:
            self._is_data(call, list(tensors_in((args, kwargs))))
        return out

    def _is_data(self, call: Call, operands: list[Tensor]) -> None:
        """Results are data of the run; remember those that a gradient would have gone through."""
        self._unseen_writes(call)
        cut = call.region is None and (call.name == "detach" or not call.seen) and any(self.active(t) for t in operands)
        known = [self.cuts[id(t)][1] for t in operands if id(t) in self.cuts]
        for t in call.outs if cut or known else ():
            if t.dtype in FORMATS:
                self.cuts[id(t)] = (t, call.place if cut else known[0])

    def _call(self, func: Any, args: Any, kwargs: Any) -> Call:
        """Return the call with the values of its operands as they are now."""
        signature = self._signatures.get(func) or self._signatures.setdefault(func, Signature.of(func))
        arguments = signature.defaults | dict(zip(signature.defaults, args, strict=False)) | kwargs
        written = [t for name in signature.written for t in tensors_in(arguments[name])]
        call = Call(self, func, arguments, self.source.place(signature.name), self.region, torch.is_grad_enabled(), written, {})
        taken = list(tensors_in([*args, *kwargs.values()]))
        if self.region is not None and any(self.active(t) for t in taken):
            self.region.reason = self.region.reason or WITHOUT_DERIVATIVE.get(call.name.removesuffix("_"), "")
        if self._may_be_followed(call) and any(self.active(t) or t.requires_grad for t in taken):
            call.arguments = {k: self._operands(x) for k, x in arguments.items()}
        return call

    def _may_be_followed(self, call: Call) -> bool:
        name = call.name.removesuffix("_")
        return name not in DATA and (self.region is not None or (call.seen and name != "detach"))

    def _is_followed(self, call: Call) -> bool:
        return any(True for _ in call.operands())

    def _operands(self, x: Any) -> Any:
        if isinstance(x, torch.Tensor):
            return Operand(x, self.read(x)) if self.active(x) else Operand(x if x.requires_grad else self.data_now(x), "")
        return [self._operands(y) for y in x] if isinstance(x, list | tuple) else x

    # -- after a call ---------------------------------------------------------------------------

    def settle(self) -> None:
        """Write down the last call, whose results have their `grad_fn` by now."""
        call, self._pending = self._pending, None
        if call is not None:
            with _disable_current_modes(), torch.no_grad():
                self._settle(call)

    def _settle(self, call: Call) -> None:
        results = [t for t in call.outs if t.dtype in FORMATS and (call.region is not None or (call.seen and maker(t)[0] is not None))]
        if self._is_foreign(call):
            return self._opaque(call, "complex numbers, or another format that has no rules", results)
        if not results:
            self.cuts |= {id(t): (t, call.place) for t in call.outs if t.dtype in FORMATS}
            return self._unseen_writes(call)
        first = len(self.tape.nodes)
        if reason := self._unruled(call):
            return self._opaque(call, reason, results)
        made = [node.name for node in self.tape.nodes[first:]]
        self.calls |= dict.fromkeys(made, first)
        if (suspect := of_call(call)) is not None:
            self.suspects |= dict.fromkeys(made, suspect)
        for k, t in enumerate(call.outs):
            if k in call.given and (call.region is not None or maker(t)[0] is not None):
                self._result(call, t, call.given[k])
        return None

    def _is_foreign(self, call: Call) -> bool:
        """Answer whether what is differentiated has another format before or after the call."""
        shown = [t for t in call.outs if maker(t)[0] is not None or (call.region is not None and t.is_complex())]
        taken = [x.tensor for x in call.operands() if x.tensor.requires_grad or (call.region is not None and x.tensor.is_complex())]
        return any(t.dtype not in FORMATS for t in (*shown, *taken))

    def _unruled(self, call: Call) -> str:
        """Apply the rule of an operation; return why there is none, or ""."""
        rule = RULES.get(call.name) or RULES.get(call.name.removesuffix("_"))
        if rule is None or call.func._schema.name.partition("::")[0] not in ("aten", "prims"):
            return "it has no rule"
        try:
            rule(call)
        except Exception as error:  # whatever a release of torch changed makes one operation opaque
            return f"{type(error).__name__}: {error}" if not isinstance(error, Unruled) else str(error)
        if call.name in AUXILIARY:
            self.unruled |= {id(t): (t, str(call.func)) for k, t in enumerate(call.outs) if k not in call.given}
            return ""
        missing = [k for k, t in enumerate(call.outs) if k not in call.given and maker(t)[0] is not None]
        return f"result {missing[0]} has no rule" if missing and call.region is None else ""

    def _result(self, call: Call, t: Tensor, name: str) -> None:
        if any(t is w for w in call.written):
            return self._written(call, t, name)
        if call.region is not None:
            return self.bind_inside(t, name)
        return self.show(t, name)

    # -- writes ---------------------------------------------------------------------------------

    def _before_write(self, call: Call, t: Tensor) -> None:
        with torch.no_grad():
            base = t._base if t._base is not None else t
            if self._is_followed(call) and call.region is None and call.seen and base is not t:
                call.bases[id(t)] = self.read(base) if base.requires_grad else self.data(base.detach().clone())
                if base.requires_grad:
                    self._written_through_base(call, t, base)
            self.memory.before_write(t)
            if call.region is not None:
                call.region.before_write(t)

    def _written_through_base(self, call: Call, t: Tensor, base: Tensor) -> None:
        """What a write into a view hands on to what was there goes to the base, past the view."""
        for name, x in call.arguments.items():
            if isinstance(x, Operand) and x.tensor is t:
                call.arguments[name] = Operand(t, self.moved(t, call.bases[id(t)], located(positions(t), positions(base))))
                return

    def _written(self, call: Call, t: Tensor, name: str) -> None:
        base = t._base if t._base is not None else t
        self.memory.wrote(t, name)
        if call.region is not None:
            return self.bind_inside(t, name)
        if base is t:
            return self.show(t, name)
        if not self.quiet:
            self.memory.hold(t, name)
        whole = self.combined(call.bases[id(t)], base, name, positions(t))
        self.memory.forget({id(t)})
        return self.show(base, whole)

    def _unseen_writes(self, call: Call) -> None:
        for t in call.written:
            if self.memory.known(t) and storage_of(t) and t.dtype in FORMATS:
                self.memory.wrote(t, "")

    def _from_outside(self, t: Tensor) -> str:
        """Return the leaf for a tensor that was not computed here; what autograd made meanwhile and nobody saw is opaque."""
        name, (function, _) = Values._from_outside(self, t), maker(t)
        if function is not None and function._sequence_nr() >= self.first:
            place = self.source.place(function.name())
            self.opaque.append(Opaque(function.name(), "it was computed unseen, by compiled code or a call of the engine", place, (), (name,)))
            self.opaque_functions.append(function)
        return name

    # -- what has no rule -----------------------------------------------------------------------

    def _opaque(self, call: Call, reason: str, results: list[Tensor]) -> None:
        """Take the results of an operation without a rule as values from outside."""
        if call.region is not None:
            call.region.reason = call.region.reason or f"{call.func}: {reason}"
            return
        operands = tuple(dict.fromkeys(x.name for x in call.operands() if x.name))
        function = next((f for f, _ in map(maker, call.outs) if f is not None), None)
        if function is None:
            return
        names = self.opaque_results(str(call.func), reason, call.place, operands, results, function)
        if not self._is_foreign(call) and not call.written:
            self.again[len(self.opaque) - 1] = value_again(call)
        for t, name in zip(results, names, strict=True):
            if any(t is w for w in call.written):
                self._written(call, t, name)

    def opaque_results(
        self, operation: str, reason: str, place: Place, operands: tuple[str, ...], results: list[Tensor], function: Any, kind: str = "operation"
    ) -> list[str]:
        """Return the leaves for results of what cannot be followed."""
        stem = f"{place.module}/{operation}" if place.module else operation
        names = [self.tape.parameter(stem, tuple(t.shape), FORMATS[t.dtype]) for t in results]
        self.opaque.append(Opaque(operation, reason, place, operands, tuple(names), kind))
        self.opaque_functions.append(function)
        for t, name in zip(results, names, strict=True):
            self.tape.places[name] = place
            self.show(t, name)
        return names
