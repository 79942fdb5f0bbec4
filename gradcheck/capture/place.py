"""Where in somebody's program a value was computed."""

from __future__ import annotations

from dataclasses import dataclass

#: The end of the operation of what a custom Function hands on.
BACKWARD = ".backward"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value was computed.

    Args:
        module: path of the innermost module, such as "layers.3.norm"; "" outside of modules.
        file, line: of the innermost code that is not the framework's.
        operation: the framework's name of the operation.

    >>> str(Place("layers.3.norm", "model.py", 12, "aten.mul.Tensor"))
    'layers.3.norm, model.py:12, aten.mul.Tensor'
    """

    module: str = ""
    file: str = ""
    line: int = 0
    operation: str = ""

    def __str__(self) -> str:
        return ", ".join(x for x in (self.module, f"{self.file}:{self.line}" if self.file else "", self.operation) if x)
