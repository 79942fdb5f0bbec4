"""A custom `autograd.Function`: between its inputs and results one region, whose interior the run does not show."""

from __future__ import annotations

from dataclasses import dataclass, field

from gradcheck.capture.place import Place


@dataclass(slots=True)
class Region:
    """A call of a Function's forward that goes on.

    Args:
        name: of the class.
        place: of the call.
        bound: identities of the tensors that were made in it.
        reason: why its interior cannot be followed; "" as long as it can.
    """

    name: str
    place: Place
    bound: set[int] = field(default_factory=set)
    reason: str = ""
