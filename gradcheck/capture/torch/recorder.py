"""Every operation that torch dispatches while a program runs, written down as a graph.

The `grad_fn` of a result exists only after the call that made it has returned: it is looked at when the next operation is dispatched.
"""

from __future__ import annotations

from threading import get_ident
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from gradcheck.capture.aten.table import RULES
from gradcheck.capture.coverage import Opaque
from gradcheck.capture.place import Place
from gradcheck.capture.tape import Tape
from gradcheck.capture.torch.call import Call, Operand, Unruled
from gradcheck.capture.torch.memory import Memory, Write
from gradcheck.capture.torch.region import Region
from gradcheck.capture.torch.source import Source
from gradcheck.capture.torch.tensors import FORMATS, Tensor, array_of, located, maker, positions, storage_of, tensors_in
from gradcheck.errors import NotRecorded

#: Results of these do not depend on the numbers of their operands, or have no derivative.
DATA = {
    "empty_like", "zeros_like", "ones_like", "full_like", "rand_like", "randn_like", "randint_like", "new_empty", "new_zeros", "new_ones",
    "new_full", "new_empty_strided", "bernoulli", "normal", "uniform", "exponential", "multinomial", "sign", "floor", "ceil", "round", "trunc",
    "is_same_size", "sym_size", "sym_stride", "sym_numel",
}  # fmt: skip

#: Their first result is what they are for; the others are what their backward keeps.
AUXILIARY = {
    "native_layer_norm", "native_group_norm", "native_batch_norm", "_native_batch_norm_legit", "_batch_norm_with_update", "_fused_rms_norm",
    "_native_batch_norm_legit_no_training", "_batch_norm_no_update", "_scaled_dot_product_flash_attention_for_cpu", "mkldnn_rnn_layer",
    "_scaled_dot_product_flash_attention", "_scaled_dot_product_efficient_attention", "_scaled_dot_product_attention_math", "nll_loss_forward",
    "nll_loss2d_forward", "log_sigmoid_forward",
}  # fmt: skip


class Recorder(TorchDispatchMode):
    """Records until it is told to stop.

    Args:
        source: says where in the program an operation is.
        references: by name of a custom Function, the program whose gradient its backward is meant to give.
    """

    def __init__(self, source: Source, references: dict[str, Any]) -> None:
        super().__init__()
        self.source, self.references = source, references
        self.tape, self.memory = Tape(), Memory()
        self.thread = get_ident()
        self.stopped = False
        self.region: Region | None = None
        self.quiet = False
        self.outside: dict[str, Tensor] = {}
        self.functions: dict[str, tuple[Any, int]] = {}
        self.tensors: dict[str, Tensor] = {}
        self.calls: dict[str, int] = {}
        self.entering: dict[str, tuple[str, Any]] = {}
        self.opaque: list[Opaque] = []
        self.opaque_functions: list[Any] = []
        self.cuts: dict[int, tuple[Tensor, Place]] = {}
        self.unruled: dict[int, tuple[Tensor, Call]] = {}
        self.cut_constants: dict[str, Place] = {}
        self._pending: Call | None = None
        self._copies: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        self._data: dict[tuple[int, str], tuple[Tensor, str]] = {}
        self._owners: dict[tuple[int, int], str] = {}

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
        given = dict(zip((a.name for a in func._schema.arguments), args, strict=False)) | kwargs
        arguments = {a.name: given.get(a.name, a.default_value if a.has_default_value() else None) for a in func._schema.arguments}
        place = self.source.place(str(func))
        written = [t for a in func._schema.arguments if a.alias_info and a.alias_info.is_write for t in tensors_in(given.get(a.name))]
        call = Call(self, func, arguments, place, self.region, torch.is_grad_enabled(), written, {})
        if func._schema.name == "aten::_local_scalar_dense" and self.region is not None and self.active(args[0]):
            self.region.reason = "its forward makes a Python number of a value"
        if self._may_be_followed(call) and (call.seen or call.region is not None) and any(self.active(t) or t.requires_grad for t in tensors_in((args, kwargs))):
            call.arguments = {k: self._operands(x) for k, x in arguments.items()}
        return call

    def _may_be_followed(self, call: Call) -> bool:
        name = call.name.removesuffix("_")
        return name not in DATA and not (name == "detach" and self.region is None)

    def _is_followed(self, call: Call) -> bool:
        return any(True for _ in call.operands())

    def _operands(self, x: Any) -> Any:
        if isinstance(x, torch.Tensor):
            return Operand(x, self.read(x)) if self.active(x) else Operand(x if x.requires_grad else self._data_now(x), "")
        return [self._operands(y) for y in x] if isinstance(x, list | tuple) else x

    def _data_now(self, t: Tensor) -> Tensor:
        """Return a copy of what is data of the run, which may be written over before it is looked at."""
        try:
            key = (id(t), t._version)
        except RuntimeError:  # an inference tensor has no version
            return t.detach().clone()
        if key not in self._copies:
            copied = t.detach().clone()
            self._copies[key] = (t, copied)
            if id(t) in self.cuts:
                self.cuts[id(copied)] = (copied, self.cuts[id(t)][1])
        return self._copies[key][1]

    # -- values ---------------------------------------------------------------------------------

    def active(self, t: Tensor) -> bool:
        """Answer whether a tensor is a value of the graph: autograd follows it, or inside of a Function we do."""
        if t.dtype not in FORMATS or t.layout != torch.strided:
            return False
        if t.requires_grad or self.region is None:
            return bool(t.requires_grad)
        if self.memory.entry(t) is not None:
            return True
        return any(w.value for w in self.region.writes(t))

    def data(self, t: Tensor, kind: str = "real") -> str:
        """Return the constant that holds a tensor which is data of the run."""
        key = (id(t), kind)
        if key not in self._data:
            name = self.tape.constant(array_of(t), kind)
            if t.dtype in FORMATS:
                self.tape.formats[name] = FORMATS[t.dtype]
            if id(t) in self.cuts:
                self.cut_constants[name] = self.cuts[id(t)][1]
            self._data[key] = (t, name)
        return self._data[key][1]

    def read(self, t: Tensor) -> str:
        """Return the name of the value that a tensor holds now."""
        if self.region is not None:
            return self._read_inside(t)
        entry, base = self.memory.entry(t), t._base if t._base is not None else t
        if entry is not None and maker(t) == (entry.function, entry.number):
            return self._shifted(t, entry.name) if self.memory.pending(t, entry.seen) else entry.name
        if base is not t and base.requires_grad and base.dtype == t.dtype:
            return self._part_of(base, t)
        return self._from_outside(t)

    def _part_of(self, base: Tensor, t: Tensor) -> str:
        """Return what a view shows of its base, after a write into either."""
        whole = self.read(base)
        index = located(positions(t), positions(base))
        if (index < 0).any():
            return self._from_outside(t)
        name = self._moved(t, whole, index)
        self.show(t, name)
        return name

    def _moved(self, t: Tensor, source: str, index: Any) -> str:
        place = self.source.place("a view")
        return self.tape.node("take", [source, self.tape.constant(index, "index")], {}, FORMATS[t.dtype], place)

    def _shifted(self, t: Tensor, name: str) -> str:
        """Return a value with other numbers and the same derivative: x - old + new, which is new."""
        held, place, format_ = self.memory.held.get(name), self.source.place("a write that autograd does not see"), FORMATS[t.dtype]
        if held is None:
            return self._from_outside(t)
        nothing = self.tape.node("sub", [name, self.tape.constant(held.array())], {}, format_, place)
        made = self.tape.node("add", [nothing, self.tape.constant(array_of(t))], {}, format_, place)
        self.memory.bind(t, made)
        self.memory.hold(t, made)
        return made

    def _from_outside(self, t: Tensor) -> str:
        """Return the leaf for a tensor that was not computed here: a parameter, an input, a result of earlier work."""
        if id(t) in self.unruled:
            raise NotRecorded(f"expected a program that uses the first result of {self.unruled[id(t)][1].func} alone; got one that uses another")
        name = self.tape.parameter(self.source.name(t), tuple(t.shape), FORMATS[t.dtype])
        self.outside[name] = t
        self.memory.bind(t, name)
        self.memory.hold(t, name)
        return name

    def _read_inside(self, t: Tensor) -> str:
        """Return the value of a tensor inside of a Function: what it was, and every write into its memory since."""
        region, entry = self.region, self.memory.entry(t)
        assert region is not None
        writes = region.writes(t, entry.seen if entry is not None else 0)
        if entry is not None:
            name = entry.name
        elif t.requires_grad and not writes:
            return self._from_outside(t)
        else:
            name = self.data(region.original(t).clone())
        for write in writes:
            name = self._overwritten(name, t, write)
        if writes or entry is None:
            self._bind_inside(t, name)
        return name

    def _overwritten(self, name: str, t: Tensor, write: Write) -> str:
        """Return a value after a write into part of it."""
        new = write.value or self.data(write.numbers)
        return self.combined(name, t, new, write.where)

    def combined(self, old: str, t: Tensor, new: str, where: Any) -> str:
        """Return the old value of a tensor with the new one at its places in the storage."""
        source = located(positions(t), where)
        rest = where.size + np.arange(source.size).reshape(source.shape)
        place, format_ = self.source.place("a write into part of it"), FORMATS[t.dtype]
        flat = [self.tape.node("reshape", [x], {"shape": (-1,)}, format_, place) for x in (new, old)]
        joined = self.tape.node("concatenate", flat, {"axis": 0}, format_, place)
        return self._moved(t, joined, np.where(source >= 0, source, rest))

    def _bind_inside(self, t: Tensor, name: str) -> None:
        if self.region is not None and self.memory.entry(t) is None:
            self.region.bound.add(id(t))
        self.memory.bind(t, name)

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
        self.calls |= dict.fromkeys((node.name for node in self.tape.nodes[first:]), first)
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
        except Exception as error:  # noqa: BLE001 - whatever a release of torch changed makes one operation opaque
            return f"{type(error).__name__}: {error}" if not isinstance(error, Unruled) else str(error)
        if call.name in AUXILIARY:
            self.unruled |= {id(t): (t, call) for k, t in enumerate(call.outs) if k not in call.given}
            return ""
        missing = [k for k, t in enumerate(call.outs) if k not in call.given and maker(t)[0] is not None]
        return f"result {missing[0]} has no rule" if missing and call.region is None else ""

    def _result(self, call: Call, t: Tensor, name: str) -> None:
        if any(t is w for w in call.written):
            return self._written(call, t, name)
        if call.region is not None:
            return self._bind_inside(t, name)
        return self.show(t, name)

    def show(self, t: Tensor, name: str) -> None:
        """Bind a tensor whose number and adjoint the run shows."""
        self.memory.bind(t, name)
        if self.quiet:
            return
        self.memory.hold(t, name)
        self.tensors[name] = t
        function, number = maker(t)
        if function is not None and (id(function), number) not in self._owners:
            self.functions[name] = (function, number)
            self._owners[id(function), number] = name

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
                call.arguments[name] = Operand(t, self._moved(t, call.bases[id(t)], located(positions(t), positions(base))))
                return

    def _written(self, call: Call, t: Tensor, name: str) -> None:
        base = t._base if t._base is not None else t
        self.memory.wrote(t, name, base)
        if call.region is not None:
            return self._bind_inside(t, name)
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
                self.memory.wrote(t, "", t)

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
