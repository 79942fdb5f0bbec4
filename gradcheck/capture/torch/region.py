"""A custom `autograd.Function`: between its inputs and results one region, whose interior the run does not show."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from gradcheck.capture.place import Place
from gradcheck.capture.torch.memory import Memory, Write
from gradcheck.capture.torch.tensors import FORMATS, Tensor, storage_of, whole_storage


@dataclass(slots=True)
class Region:
    """A call of a Function's forward that goes on.

    Args:
        name: of the class.
        place: of the call.
        memory: what is known of tensors.
        bound: identities of the tensors that were made in it.
        reason: why its interior cannot be followed; "" as long as it can.
    """

    name: str
    place: Place
    memory: Memory
    bound: set[int] = field(default_factory=set)
    reason: str = ""
    _first: int = -1
    _origins: dict[int, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._first = self.memory.count

    def writes(self, t: Tensor, seen: int = 0) -> list[Write]:
        """Return the writes into a tensor's entries that were made in here, of those from the given one on."""
        return [w for w in self.memory.pending(t, seen) if w.serial >= self._first]

    def before_write(self, t: Tensor) -> None:
        """Keep what memory holds that is written into for the first time."""
        key = storage_of(t)
        if key not in self._origins and t.dtype in FORMATS:
            self._origins[key] = whole_storage(t).clone()

    def original(self, t: Tensor) -> Tensor:
        """Return what a tensor held before the first of these writes."""
        return torch.as_strided(self._origins[storage_of(t)], t.shape, t.stride(), t.storage_offset())
