"""Custom `autograd.Function`s while a run is recorded: their forward is a region, their backward the suspect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import get_ident
from typing import Any

import torch
from torch.utils._python_dispatch import _disable_current_modes

from gradcheck.capture.place import BACKWARD, Place
from gradcheck.capture.torch.recorder import Recorder
from gradcheck.capture.torch.region import Region
from gradcheck.capture.torch.suspect import Suspect, Value, mapped
from gradcheck.capture.torch.tensors import FORMATS, Tensor, tensors_in
from gradcheck.errors import NotRecorded

#: What hands the numbers of a tensor to code that torch does not see.
_LEAKS = ("numpy", "tolist", "data_ptr", "__dlpack__")
#: torch's own Function around modules with backward hooks.
_HOOKS = "BackwardHookFunction"


@contextmanager
def followed(recorder: Recorder) -> Iterator[None]:
    """Follow custom Functions as long as the block lasts.

    Args:
        recorder: of the run.

    Raises:
        NotRecorded: a recording goes on already, in this thread or another.
    """
    function = torch.autograd.function._SingleLevelFunction  # below Function.apply, which programs keep as `f = Custom.apply`
    if "apply" in function.__dict__:
        raise NotRecorded("expected one recording at a time; another one goes on, in this thread or in another; leave it first")

    def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        return _applied(recorder, cls, lambda: super(function, cls).apply(*args, **kwargs), args)

    function.apply = classmethod(apply)
    own = {name: torch.Tensor.__dict__.get(name) for name in _LEAKS}
    for name in _LEAKS:
        setattr(torch.Tensor, name, _watched(recorder, name, getattr(torch.Tensor, name)))
    try:
        yield
    finally:
        del function.apply
        for name, method in own.items():
            if method is None:
                delattr(torch.Tensor, name)
            else:
                setattr(torch.Tensor, name, method)


def _watched(recorder: Recorder, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        region = recorder.region
        if region is not None and get_ident() == recorder.thread and not recorder.stopped and _is_of(recorder, self):
            region.reason = region.reason or f"its forward leaves torch ({name})"
        return method(self, *args, **kwargs)

    return call


def _is_of(recorder: Recorder, t: Tensor) -> bool:
    """Answer whether a tensor is a value, or memory that code which torch does not see may fill."""
    return id(t) in recorder.memory.entries or bool(t.requires_grad)


def _applied(recorder: Recorder, cls: Any, original: Callable[[], Any], args: tuple[Any, ...]) -> Any:
    if recorder.stopped or get_ident() != recorder.thread or recorder.region is not None:
        return original()
    recorder.settle()
    place = recorder.source.place(cls.__name__)
    operands = _entered(recorder, cls.__name__, place, args)
    recorder.region = region = Region(cls.__name__, place, recorder.memory)
    try:
        out = original()
        recorder.settle()
        results = [t for t in tensors_in(out) if t.grad_fn is not None and t.dtype in FORMATS]
        names = [_inside(recorder, t) for t in results]
    finally:
        recorder.settle()
        recorder.region = None
        for t, name, entry in operands:
            if (known := recorder.memory.entry(t)) is not None and known.name == entry:
                known.name = name
    if results:
        recorder.entering |= {entry: (name, results[0].grad_fn) for _, name, entry in operands}
        own = {id(t): Value(name) for t, name, _ in operands}
        arguments = {str(k): mapped(x, lambda y: own.get(id(y), y)) for k, x in enumerate(args)}
        shown = _leave(recorder, region, args, [name for _, name, _ in operands], results, names)
        suspect = Suspect(cls, arguments, shown, recorder.references.get(cls.__name__))
        recorder.suspects |= dict.fromkeys((entry for _, _, entry in operands), suspect)
    recorder.memory.forget(region.bound - {id(t) for t in results})
    return out


def _entered(recorder: Recorder, function: str, place: Place, args: tuple[Any, ...]) -> list[tuple[Tensor, str, str]]:
    """Return each operand, its value, and the value that the Function sees, whose adjoint is what the Function hands on."""
    found = []
    with _disable_current_modes(), torch.no_grad():
        for t in {id(t): t for t in tensors_in(args) if recorder.active(t)}.values():
            name = recorder.read(t)
            there = replace(place, operation=f"{function}{BACKWARD}")
            entry = recorder.tape.node("reshape", [name], {"shape": tuple(t.shape)}, FORMATS[t.dtype], there)
            recorder.memory.hold(t, entry)
            known = recorder.memory.entry(t)
            assert known is not None
            known.name = entry
            found.append((t, name, entry))
    return found


def _inside(recorder: Recorder, t: Tensor) -> str | None:
    """Return the value of a result as its Function's forward left it; None where that was not followed."""
    with _disable_current_modes(), torch.no_grad():
        region = recorder.region
        if recorder.memory.entry(t) is None and not (region and any(w.value for w in region.writes(t))):
            return None
        return recorder.read(t)


def _leave(
    recorder: Recorder, region: Region, args: tuple[Any, ...], operands: list[str], results: list[Tensor], names: list[str | None]
) -> tuple[str, ...]:
    """Make the results of a Function values that the run shows; return their names."""
    if region.name in recorder.references:
        names = list(_by_reference(recorder, recorder.references[region.name], args))
    elif region.name == _HOOKS or region.reason or None in names:
        kind = "hook" if region.name == _HOOKS else "function"
        reason = region.reason or "its forward does not compute with torch"
        with _disable_current_modes(), torch.no_grad():
            return tuple(recorder.opaque_results(region.name, reason, region.place, tuple(operands), results, results[0].grad_fn, kind))
    shown = []
    with _disable_current_modes(), torch.no_grad():
        for t, name in zip(results, names, strict=True):
            assert name is not None
            shown.append(recorder.tape.node("reshape", [name], {"shape": tuple(t.shape)}, FORMATS[t.dtype], region.place))
            recorder.show(t, shown[-1])
    return tuple(shown)


def _by_reference(recorder: Recorder, reference: Callable[..., Any], args: tuple[Any, ...]) -> Iterator[str]:
    """Yield the names of what a program gives whose gradient the Function is meant to have."""
    def fresh(x: Any) -> Any:
        if not isinstance(x, torch.Tensor) or not recorder.active(x):
            return x
        name, recorder.stopped = recorder.read(x), True
        alias = x.detach().requires_grad_()
        recorder.stopped = False
        recorder.memory.bind(alias, name)
        return alias

    recorder.quiet = True
    try:
        with torch.enable_grad():
            out = reference(*(fresh(x) for x in args))
        recorder.settle()
        yield from [recorder.read(t) for t in tensors_in(out) if t.grad_fn is not None]
    finally:
        recorder.quiet = False
