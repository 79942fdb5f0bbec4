"""PyTorch, eager: every node is a tensor that retains its gradient; every use of one is told apart."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from gradcheck.arith.floating import FORMATS
from gradcheck.errors import CannotExpress
from gradcheck.graph.graph import Edge, Graph, Node
from gradcheck.graph.values import Values
from gradcheck.targets.interpreter import interpret, require, scalar_output, shared, straight
from gradcheck.targets.known import Known
from gradcheck.targets.target import Run, leaf_arrays
from gradcheck.targets.torch_ops import TABLE

Array = npt.NDArray[Any]


class Torch:
    """PyTorch's eager mode and its autograd engine on one device.

    Args:
        device: "cpu", "cuda", ...
    """

    dtypes = ("float64", "float32", "bfloat16")
    unjudged = ("float16",)
    accumulates: ClassVar[Mapping[str, str]] = {"bfloat16": "bfloat16"}  # scatters and matrix-vector products on a CPU add up in bfloat16

    known = (
        Known("*/bfloat16", "erf loses small numbers", "docs/findings.md#torcherf-in-bfloat16", op="erf"),
        Known("*/float64", "softplus(x) is x above the documented threshold 20", "docs/findings.md#pytorch-softplus-threshold",
              op="softplus"),
        Known("saturated-softplus", "softplus(x) is x above the documented threshold 20", "docs/findings.md#pytorch-softplus-threshold",
              where="Hessian times vector"),
        Known("stan-1679-log-sum-exp", "the gradient of logsumexp is exp(x - y), which is 1 for each of two large numbers",
              "docs/findings.md#torch-logsumexp-of-large-numbers", op="logsumexp"),
    )  # fmt: skip

    def __init__(self, device: str = "cpu") -> None:
        self.name = "torch" if device == "cpu" else f"torch-{device}"
        self.version = torch.__version__
        self.device = device

    def run(self, graph: Graph, values: Values) -> Run:
        """Run the graph and its backward pass.

        A value that is used more than once is handed to each user as a view, which is exact and
        keeps the order of accumulation, so that each use's contribution can be read.
        """
        require(graph, TABLE, self.name)
        loss = scalar_output(graph)
        leaves = {k: self._tensor(x) for k, x in leaf_arrays(graph, values).items()}
        for name in graph.differentiable:
            leaves[name].requires_grad_()
        several = shared(graph)
        uses: dict[tuple[str, Edge], torch.Tensor] = {}

        def made(node: Node, y: torch.Tensor) -> torch.Tensor:
            if y.requires_grad:
                y.retain_grad()
            return y

        def used(name: str, edge: Edge, x: torch.Tensor) -> torch.Tensor:
            if name not in several or not x.requires_grad:
                return x
            view = x.view_as(x)
            view.retain_grad()
            uses[name, edge] = view
            return view

        y = interpret(graph, leaves, TABLE, made=made, used=used)
        if y[loss].requires_grad:
            y[loss].backward()
        return Run(
            _array(y[loss]),
            {k: _array(leaves[k].grad) for k in graph.differentiable},
            {n.name: _array(y[n.name]) for n in graph.nodes},
            {n.name: _array(y[n.name].grad) for n in graph.nodes if y[n.name].requires_grad and y[n.name].grad is not None},
            {k: _array(x.grad) for k, x in uses.items() if x.grad is not None},
        )

    def gradient(self, graph: Graph, values: Values) -> Callable[[], Any]:
        """Return the plain eager program with its backward pass, on tensors that are made once."""
        require(graph, TABLE, self.name)
        f = straight(graph, TABLE, scalar_output(graph))
        leaves = {k: self._tensor(x) for k, x in leaf_arrays(graph, values).items()}
        parameters = [leaves[k].requires_grad_() for k in graph.differentiable]

        def run() -> Any:
            loss = f(leaves)
            found = loss.detach(), torch.autograd.grad(loss, parameters, allow_unused=True)
            if self.device != "cpu":
                torch.cuda.synchronize()
            return found

        return run

    second_modes = ("reverse over reverse", "forward over reverse")

    def hvp(self, graph: Graph, values: Values, direction: Values, mode: str) -> dict[str, Any]:
        """Return the Hessian times a direction: by double backward, or by forward mode over the backward pass."""
        require(graph, TABLE, self.name)
        f = straight(graph, TABLE, scalar_output(graph))
        leaves = {k: self._tensor(x) for k, x in leaf_arrays(graph, values).items()}
        names = graph.differentiable
        parameters, v = tuple(leaves[k] for k in names), tuple(self._tensor(np.asarray(direction[k])) for k in names)
        if mode == "reverse over reverse":
            found = _twice(lambda xs: f(leaves | dict(zip(names, xs, strict=True))), parameters, v)
        else:
            gradient = torch.func.grad(lambda xs: f(leaves | dict(zip(names, xs, strict=True))))
            try:
                with warnings.catch_warnings():  # forward mode compiles its own decompositions by what torch itself deprecates
                    warnings.simplefilter("ignore", DeprecationWarning)
                    found = torch.func.jvp(gradient, (parameters,), (v,))[1]
            except NotImplementedError as error:  # an operation without forward mode
                raise CannotExpress(str(error).partition(".")[0]) from error
        return {k: _array(torch.zeros_like(p) if x is None else x) for k, p, x in zip(names, parameters, found, strict=True)}

    def _tensor(self, x: Array) -> torch.Tensor:
        if x.dtype == FORMATS["bfloat16"]:
            t = torch.from_numpy(x.view(np.int16).copy()).view(torch.bfloat16)
        else:
            t = torch.from_numpy(x.copy())
        return t.to(self.device)


def _twice(f: Callable[..., torch.Tensor], parameters: tuple[torch.Tensor, ...], v: tuple[torch.Tensor, ...]) -> Any:
    """Return the derivatives of <gradient, v>; None for what it does not depend on."""
    for x in parameters:
        x.requires_grad_()
    loss = f(parameters)
    none = [None] * len(parameters)
    if not loss.requires_grad:
        return none
    gradient = torch.autograd.grad(loss, parameters, create_graph=True, allow_unused=True)
    terms = [(g * t).sum() for g, t in zip(gradient, v, strict=True) if g is not None and g.requires_grad]
    return torch.autograd.grad(sum(terms), parameters, allow_unused=True) if terms else none


def _array(x: torch.Tensor | None) -> Array | None:
    if x is None:
        return None
    x = x.detach().cpu()
    return np.array((x.double() if x.dtype in (torch.bfloat16, torch.float16) else x).numpy())
