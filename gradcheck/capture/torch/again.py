"""An operation of ATen, called again in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils._python_dispatch import _disable_current_modes

from gradcheck.capture.torch.call import Call, Operand
from gradcheck.capture.torch.tensors import FORMATS, maker, tensors_in

Array = npt.NDArray[Any]


def value_again(call: Call) -> Callable[[Sequence[Array]], Sequence[Array]]:
    """Return a function of the differentiated operands that gives the differentiated results of a call, both in float64.

    Args:
        call: whose operands are kept as they were.
    """
    named = list(dict.fromkeys(x.name for x in call.operands() if x.name))
    kept = {k: _kept(x) for k, x in call.arguments.items()}
    chosen = [k for k, t in enumerate(call.outs) if t.dtype in FORMATS and maker(t)[0] is not None]

    def value(operands: Sequence[Array]) -> Sequence[Array]:
        given = dict(zip(named, operands, strict=True))
        with torch.no_grad(), torch.random.fork_rng(devices=[]), _disable_current_modes():
            out = list(tensors_in(call.func(**{k: _wide(x, given) for k, x in kept.items()})))
            return [out[k].double().cpu().numpy() for k in chosen]

    return value


def _kept(x: Any) -> Any:
    if isinstance(x, Operand):
        return Operand(x.tensor.detach().clone(), x.name)
    return [_kept(y) for y in x] if isinstance(x, list) else x


def _wide(x: Any, given: dict[str, Array]) -> Any:
    if isinstance(x, Operand):
        if x.name:
            return torch.from_numpy(np.array(given[x.name], np.float64)).to(x.tensor.device)
        return x.tensor.double() if x.tensor.dtype in FORMATS else x.tensor
    return [_wide(y, given) for y in x] if isinstance(x, list) else x
