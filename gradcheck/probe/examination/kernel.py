"""What the check of a kernel saw of each result and gradient."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ArrayEvidence:
    """One result or gradient of a kernel.

    Args:
        name: "result", "gradient of x".
        worst: its largest error over what rounding may do; 1 is allowed.
        fixed: the share of the entries that can be one number only.
        factor: between which a common factor of the array lies for certain, minus 1.
        seen: the smallest factor, minus 1, that would have been seen.
        seen_row: the smallest in a single row.
        bias: mean error away from zero, relative to the mean magnitude.
        noise: root mean square error over that of imitated runs: about 1 under the right model.
    """

    name: str
    worst: float
    fixed: float
    factor: tuple[float, float]
    seen: float
    seen_row: float
    bias: float
    noise: float

    def __str__(self) -> str:
        low, high = self.factor
        room = f"factor 1 {low:+.1g} to 1 {high:+.1g}" if low <= high else "no common factor"
        return (
            f"{self.name:<20} error/bound {self.worst:<8.3g} {room:<28} seen from 1 + {self.seen:.1g}, in a row {self.seen_row:.1g}; "
            f"bias {self.bias:+.1g}, noise {self.noise:.2g}, {100 * self.fixed:.0f} % of the entries can be one number only"
        )


@dataclass(frozen=True, slots=True)
class KernelEvidence:
    """What the check of a kernel saw.

    Args:
        model: of rounding that it was judged by.
        stored: the format of what is stored.
        accumulator: what its sums were added up in, as far as they tell; "" where they do not.
        arrays: results, then gradients.
    """

    model: str
    stored: str
    accumulator: str
    arrays: tuple[ArrayEvidence, ...]

    def __str__(self) -> str:
        lines = [str(a) for a in self.arrays]
        return "\n".join([*lines, *([f"sums: {self.accumulator}"] if self.accumulator else [])])
