"""A recording of torch from its beginning to its end: a function that is called, or a block of somebody's code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import _disable_current_modes

from gradcheck.capture.recording import Recording
from gradcheck.capture.torch.assembly import Assembly
from gradcheck.capture.torch.functions import followed
from gradcheck.capture.torch.recorder import Recorder
from gradcheck.capture.torch.source import Source
from gradcheck.capture.torch.sweep import Sweep
from gradcheck.capture.torch.tensors import FORMATS, Tensor, tensors_in
from gradcheck.errors import NotRecorded

TARGET = "torch"
#: Cotangents have so many bits at most, so that every format holds them: 64 to 127 over 128, of either sign.
_COTANGENT = (64, 128)


def recorded_call(
    f: Callable[..., Any], inputs: Sequence[Any], cotangents: Any, references: Mapping[str, Any], named: Mapping[str, Any]
) -> Recording:
    """Call a function, or a module, and its derivative, and return the recording.

    Args:
        f: what is called.
        inputs: its arguments.
        cotangents: of its results, in their order; drawn unless given, 1 for a loss.
        references: see `gradcheck.record`.
        named: arguments by name.

    Raises:
        NotRecorded: nothing that comes out is differentiable, or another recording goes on.
    """
    _refuse_compiled(f)
    source = Source(_names(inputs))
    if isinstance(f, torch.nn.Module):
        source.know(f)
    if not _differentiated(f, inputs, named):
        inputs = [_leaf(x) for x in inputs]
        source = Source(_names(inputs))
    with _recording(source, references) as recorder:
        out = f(*inputs, **named)
        results = _results(out)
        recorder.settle()
        names = [recorder.read(t) for t in results]
        recorder.stopped = True
    given = _cotangents(results, cotangents)
    wanted = [t for t in recorder.outside.values() if t.requires_grad]
    with Sweep(recorder) as sweep:
        if wanted:
            torch.autograd.grad(results, wanted, given, allow_unused=True, retain_graph=True)
    return Recording(TARGET, Assembly(recorder, sweep, list(zip(names, given, strict=True))).recorded(_called(f)))


class Block:
    """Records the code of a block, up to the end of its first backward pass.

    Args:
        module: whose paths and parameters have names from the start; None for those that are called.
        references: see `gradcheck.record`.
    """

    def __init__(self, module: Any, references: Mapping[str, Any]) -> None:
        self._source = Source({})
        if module is not None:
            _refuse_compiled(module)
            self._source.know(module)
        self._name = _called(module) if module is not None else "block"
        self._references = references
        self._stack = ExitStack()
        self._recording = Recording(TARGET)
        self._newest: Tensor = None

    def __enter__(self) -> Recording:
        self._recorder = self._stack.enter_context(_recording(self._source, self._references))
        self._stack.enter_context(self._backward_seen())
        return self._recording

    def __exit__(self, kind: Any, *_: object) -> None:
        with self._stack:
            if kind is None and not self._recorder.stopped:
                self._recorder.settle()
                self._without_backward()

    @contextmanager
    def _backward_seen(self) -> Iterator[None]:
        original = torch.autograd.backward

        def backward(tensors: Any, grad_tensors: Any = None, *args: Any, **kwargs: Any) -> Any:
            if self._recorder.stopped:
                return original(tensors, grad_tensors, *args, **kwargs)
            roots = [tensors] if isinstance(tensors, torch.Tensor) else list(tensors)
            given = [grad_tensors] if isinstance(grad_tensors, torch.Tensor) else list(grad_tensors or [None] * len(roots))
            seeds = [torch.ones_like(t) if g is None else g for t, g in zip(roots, given, strict=True)]
            return self._swept(roots, seeds, lambda: original(tensors, grad_tensors, *args, **kwargs))

        torch.autograd.backward = backward
        try:
            yield
        finally:
            torch.autograd.backward = original

    def _swept(self, roots: list[Tensor], seeds: list[Tensor], run: Callable[[], Any]) -> Any:
        recorder = self._recorder
        recorder.settle()
        with _disable_current_modes():
            names = [recorder.read(t) for t in roots]
            recorder.stopped = True
            with Sweep(recorder) as sweep:
                done = run()
            made = Assembly(recorder, sweep, list(zip(names, seeds, strict=True))).recorded(self._name)
        self._recording._recorded = made
        return done

    def _without_backward(self) -> None:
        """The block made a loss and left its backward pass to us: the one differentiable scalar of which nothing else was made."""
        recorder = self._recorder
        used = {x for node in recorder.tape.nodes for x in node.inputs}
        ends = [t for k, t in recorder.tensors.items() if k not in used and t.dim() == 0 and t.requires_grad]
        if len(ends) != 1:
            raise NotRecorded(
                f"expected a block that calls backward(), or makes one differentiable scalar, its loss; got {len(ends)}; call backward() in the block"
            )
        wanted = [t for t in recorder.outside.values() if t.requires_grad]
        one = [torch.ones_like(ends[0])]
        self._swept(ends, one, lambda: torch.autograd.grad(ends, wanted, one, allow_unused=True, retain_graph=True))


@contextmanager
def _recording(source: Source, references: Mapping[str, Any]) -> Iterator[Recorder]:
    recorder = Recorder(source, dict(references))
    try:
        with followed(recorder), source, recorder:
            yield recorder
    finally:
        recorder.stopped = True


# -- what goes in and comes out -----------------------------------------------------------------


def _called(f: Any) -> str:
    return str(getattr(f, "__name__", type(f).__name__)).strip("<>")


def _refuse_compiled(f: Any) -> None:
    """Raise `NotRecorded` for compiled code: while it is recorded it would run eagerly, and the verdict would be that of another program."""
    parts = f.modules() if isinstance(f, torch.nn.Module) else ()
    if hasattr(f, "_torchdynamo_orig_callable") or any(hasattr(m, "_orig_mod") or getattr(m, "_compiled_call_impl", None) for m in parts):
        raise NotRecorded("expected eager code; got code of torch.compile, which runs eagerly as long as it is recorded; record what was compiled")


def _names(inputs: Sequence[Any]) -> dict[int, str]:
    return {id(t): f"input{k}" for k, x in enumerate(inputs) for t in tensors_in(x)}


def _differentiated(f: Any, inputs: Sequence[Any], named: Mapping[str, Any]) -> bool:
    """Answer whether something that goes in has a gradient."""
    parameters = f.parameters() if isinstance(f, torch.nn.Module) else ()
    return any(t.requires_grad for t in (*parameters, *tensors_in((list(inputs), dict(named)))))


def _leaf(x: Any) -> Any:
    """Return an input that is differentiated, where it can be; the caller's own stays as it is."""
    if isinstance(x, torch.Tensor) and x.dtype in FORMATS:
        return x.detach().requires_grad_()
    return x


def _results(out: Any) -> list[Tensor]:
    """Return the differentiable results: the loss, where there is one."""
    loss = getattr(out, "loss", None)
    found = [loss] if isinstance(loss, torch.Tensor) else list(tensors_in(out))
    found = list({id(t): t for t in found if t.requires_grad and t.dtype in FORMATS}.values())
    if not found:
        raise NotRecorded("expected a function with a differentiable result; got none that requires a gradient; give inputs or parameters that do")
    return found


def _cotangents(results: list[Tensor], given: Any) -> list[Tensor]:
    if given is not None:
        found = [torch.as_tensor(g, dtype=t.dtype) for g, t in zip(_several(given), results, strict=False)]
        if len(found) != len(results) or any(g.shape != t.shape for g, t in zip(found, results, strict=True)):
            raise NotRecorded(f"expected a cotangent for each of {len(results)} results, of its shape; got {[tuple(g.shape) for g in found]}")
        return found
    if len(results) == 1 and results[0].dim() == 0:
        return [torch.ones_like(results[0])]
    rng = np.random.default_rng(0)
    return [torch.as_tensor(_drawn(rng, tuple(t.shape))).to(t.device, t.dtype) for t in results]


def _several(given: Any) -> list[Any]:
    return list(given) if isinstance(given, list | tuple) else [given]


def _drawn(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.integers(*_COTANGENT, size=shape) / 128 * rng.choice([-1.0, 1.0], size=shape)


