"""What training leaves behind: the losses, the parameters, why it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gradcheck.arith.arithmetic import Array


@dataclass(frozen=True, slots=True)
class Point:
    """A place on the way: what is known there before the next step.

    Args:
        loss: of the examples of the next step.
        slope: the largest magnitude in the gradient.
        parameters: by name.
        note: what the optimiser has to say: the damping of Levenberg-Marquardt.
    """

    loss: float
    slope: float
    parameters: Mapping[str, Array]
    note: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A training run.

    Args:
        losses: after no step, after one, and so on; with mini-batches each is that of the next batch.
        slopes: the largest magnitudes in the gradients, at the same places.
        parameters: at the end; the best ones where held-back data decided when to stop.
        reason: why it ended.
        path: the parameters at every place, if they were kept.
        held_back: (step, loss of the held-back data), where there is some.
        notes: what the optimiser said at every place.
    """

    losses: tuple[float, ...]
    slopes: tuple[float, ...]
    parameters: Mapping[str, Array]
    reason: str
    path: tuple[Mapping[str, Array], ...] = ()
    held_back: tuple[tuple[int, float], ...] = ()
    notes: tuple[Mapping[str, float], ...] = ()

    @property
    def steps(self) -> int:
        """How many steps were made."""
        return len(self.losses) - 1

    @property
    def loss(self) -> float:
        """The last loss."""
        return self.losses[-1]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; a loss that is not finite is null."""
        return {
            "steps": self.steps, "reason": self.reason, "losses": [_finite(x) for x in self.losses],
            "slopes": [_finite(x) for x in self.slopes], "held_back": [[k, _finite(x)] for k, x in self.held_back],
        }  # fmt: skip


def _finite(x: float) -> float | None:
    return x if abs(x) < float("inf") else None
