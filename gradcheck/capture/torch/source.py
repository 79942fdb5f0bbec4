"""Where in the program the run is: the path of the module, the file and the line."""

from __future__ import annotations

import sys
from pathlib import Path
from threading import get_ident
from typing import Any

import torch
from torch.nn.modules import module as modules

from gradcheck.capture.place import Place
from gradcheck.capture.torch.tensors import Tensor

#: Code that is never the user's: torch's and our own.
_NOT_THEIRS = (str(Path(torch.__file__).parent), str(Path(__file__).parent.parent), "<frozen ", "<eval_with_key", "<__array_function__")


class Source:
    """Follows the calls of modules by hooks that every module has, as long as it is entered.

    Args:
        names: of tensors that have one already, by identity.
    """

    def __init__(self, names: dict[int, str]) -> None:
        self._names = dict(names)
        self._paths: dict[int, str] = {}
        self._stack: list[str] = []
        self._thread = get_ident()
        self._hooks: list[Any] = []
        self._alive: list[Any] = []

    def __enter__(self) -> Source:
        self._hooks.append(modules.register_module_forward_pre_hook(self._enter))
        self._hooks.append(modules.register_module_forward_hook(self._leave, always_call=True))
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _enter(self, module: Any, _: Any) -> None:
        if get_ident() == self._thread:
            if not self._stack:
                self.know(module)
            self._stack.append(self._paths.get(id(module), type(module).__name__))

    def _leave(self, module: Any, *_: Any) -> None:
        if get_ident() == self._thread and self._stack:
            self._stack.pop()

    def know(self, root: Any) -> None:
        """Learn the paths of a module's parts and the names of its parameters and buffers."""
        if id(root) not in self._paths:
            self._alive.append(root)
            for path, part in root.named_modules():
                self._paths.setdefault(id(part), path)
            for name, x in (*root.named_parameters(), *root.named_buffers()):
                self._names.setdefault(id(x), name)

    def name(self, t: Tensor) -> str:
        """Return the name of a tensor from outside, or ""."""
        return self._names.get(id(t), "")

    def place(self, operation: str) -> Place:
        """Return where the run is now."""
        frame: Any = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename.startswith(_NOT_THEIRS):
            frame = frame.f_back
        path = self._stack[-1] if self._stack else ""
        return Place(path, frame.f_code.co_filename, frame.f_lineno, operation) if frame is not None else Place(path, "", 0, operation)
