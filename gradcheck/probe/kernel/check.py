"""`gradcheck.check` with a reference: the gate for kernels."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, get_args

from gradcheck.errors import BadInput
from gradcheck.probe.examination.report import Report
from gradcheck.probe.kernel.call import Kernel
from gradcheck.probe.kernel.gate import gate
from gradcheck.probe.kernel.rounding import Rounding, Rounds
from gradcheck.probe.subject.edge import called

Function = Callable[..., Any]


def check_kernel(
    f: Function, arguments: tuple[Any, ...], vjp: Function | None, reference: Function, reference_vjp: Function | None, rounding: Any, seed: int, owner: str
) -> Report:
    """Return the report on a kernel; for its arguments see `gradcheck.check`.

    Raises:
        BadInput: arguments or a reference of which nothing can be said.
    """
    if not callable(reference):
        raise BadInput(f"expected a function as the reference; got {type(reference).__name__}")
    kernel = _kernel(f, arguments, vjp, reference, reference_vjp, owner)
    names = _names((reference, f), len(arguments))
    return called("the kernel or its reference", lambda: gate(kernel, [_named(p, names) for p in kernel.paths], _rounding(rounding), seed))


def _kernel(f: Function, arguments: tuple[Any, ...], vjp: Function | None, reference: Function, reference_vjp: Function | None, owner: str) -> Kernel:
    if owner == "torch":
        return _made("torch_kernel", "TorchKernel", f, arguments, vjp, reference, reference_vjp)
    if owner == "jax":
        if vjp is not None:
            raise BadInput("expected no vjp= for a kernel of JAX: make it a custom_vjp, whose backward pass is checked then")
        return _made("jax_kernel", "JaxKernel", f, arguments, reference, reference_vjp)
    if vjp is None:
        raise BadInput("expected the backward pass of a kernel over NumPy arrays: give vjp=")
    return _made("numpy_kernel", "NumpyKernel", f, arguments, vjp, reference, reference_vjp)


def _made(module: str, name: str, *arguments: Any) -> Kernel:
    made: Kernel = getattr(import_module(f"gradcheck.probe.kernel.{module}"), name)(*arguments)
    return made


def _rounding(given: Any) -> Rounding:
    """Return what is declared; a word stands for what is rounded."""
    if given is None or isinstance(given, Rounding):
        return given or Rounding()
    if given in get_args(Rounds):
        return Rounding(given)
    raise BadInput(f"expected rounding to be a gradcheck.Rounding or one of {', '.join(get_args(Rounds))}; got {given!r}")


def _names(functions: tuple[Function, ...], count: int) -> Mapping[str, str]:
    """Return the names of arguments by their numbers, of the first function that tells them."""
    for f in functions:
        try:
            found = [p.name for p in inspect.signature(f).parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        except (TypeError, ValueError):
            continue
        if len(found) >= count:
            return {str(k): name for k, name in enumerate(found)}
    return {}


def _named(path: str, names: Mapping[str, str]) -> str:
    """Return a path with the name of its argument: "1['w']" becomes "params['w']"."""
    number = path.partition("[")[0].partition(".")[0]
    return names.get(number, number) + path[len(number) :]
