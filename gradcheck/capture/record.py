"""`gradcheck.record`: your own program, as it is, by one run of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

from gradcheck.errors import MissingDependency, NotRecorded


def _has_jax(inputs: Any) -> bool:
    """Answer whether there is an array of JAX in arguments."""
    import jax

    return any(isinstance(x, jax.Array) for x in jax.tree_util.tree_leaves(inputs))


def record(
    f: Any = None,
    *inputs: Any,
    cotangents: Any = None,
    references: Mapping[str, Any] | None = None,
    named: Mapping[str, Any] | None = None,
) -> Any:
    """Record one run of a torch module or function, or of a JAX function, forward and backward, as a network and the answer of a target.

    With a module alone, or with nothing, the run is that of a block: ``with gradcheck.record(model) as recording: loss = step(batch)``. The recording
    ends with the first `backward()` in the block; without one its loss is differentiated at the end.

    Args:
        f: a module or function, or the module of a block.
        inputs: its arguments. Where neither they nor parameters require a gradient, the floating ones are differentiated.
        cotangents: one for each result; drawn unless given, 1 for a scalar. Of a result with a `loss` only that is differentiated.
        references: by name of a custom `autograd.Function` whose backward is no derivative on purpose (a straight-through estimator), the program
            of torch operations whose gradient it has to give.
        named: arguments by name.

    Returns:
        A `Recording`, or a block that gives one when it is entered.

    Raises:
        NotRecorded: nothing differentiable comes out, or another recording goes on.
        MissingDependency: torch is not installed.

    >>> import torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> recording = record(lambda x: (x * x).sum(), x)
    >>> [node.op for node in recording.graph.nodes], recording.validate().verdict
    (['mul', 'sum'], 'pass')
    """
    if "jax" in sys.modules and _has_jax(inputs):
        from gradcheck.capture.jax.session import recorded_function

        return recorded_function(f if named is None else partial(f, **named), inputs, cotangents)
    if "torch" not in sys.modules:
        raise MissingDependency("torch", "torch") if f is None else NotRecorded(f"expected a torch module or function; got {f!r} and no torch")
    import torch

    from gradcheck.capture.torch.session import Block, recorded_call

    if not inputs and not named and (f is None or isinstance(f, torch.nn.Module)):
        return Block(f, references or {})
    return recorded_call(f, inputs, cotangents, references or {}, named or {})
