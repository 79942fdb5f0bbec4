"""How far two trainings are apart, and how far rounding explains it: the result of `gradcheck.learning.compare`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Verdict: TypeAlias = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Separation:
    """A target's training beside that of the reference in higher precision, from the same numbers.

    Every distance is the largest one of an entry of the parameters, in terms of the largest entry of the reference's parameters.

    Args:
        network: its name.
        target: whose gradients were taken.
        optimizer: the rule, with its settings.
        dtype: the format of the target's training.
        reference: the arithmetic of the reference's.
        seed: of the values, the batches and the perturbed trainings.
        tolerance: a distance above it counts as apart.
        distances: after no step, after one, and so on.
        explained: how far rounding explains a distance, at the same places.
        losses: of the target.
        reference_losses: of the reference.
        judged: the numbers of steps after which the target's gradient was judged by itself.
        fault: the first of them at which it is wrong; None if it is at none.
        message: what is wrong there, or why nothing can be said.
        diagnosis: the mistake, where the numbers show it.
        stopped: why the target's training ended before all steps were made; "" if it did not.
    """

    network: str
    target: str
    optimizer: str
    dtype: str
    reference: str
    seed: int
    tolerance: float
    distances: tuple[float, ...]
    explained: tuple[float, ...]
    losses: tuple[float, ...]
    reference_losses: tuple[float, ...]
    judged: tuple[int, ...]
    fault: int | None
    message: str
    diagnosis: str
    stopped: str = ""

    @property
    def steps(self) -> int:
        """How many steps were made."""
        return len(self.distances) - 1

    @property
    def apart(self) -> int | None:
        """The first number of steps after which the two are apart; None if they never are."""
        return next((k for k, d in enumerate(self.distances) if not d <= self.tolerance), None)

    @property
    def unexplained(self) -> int | None:
        """The first number of steps after which they are farther apart than rounding explains; None if they never are."""
        pairs = enumerate(zip(self.distances, self.explained, strict=True))
        return next((k for k, (d, e) in pairs if not (d <= e or d == 0)), None)

    @property
    def digits(self) -> float:
        """To how many decimal digits the parameters agree in the end; infinity for the same numbers."""
        last = self.distances[-1]
        return math.inf if last == 0 else -math.log10(last) if math.isfinite(last) else 0.0

    @property
    def verdict(self) -> Verdict:
        """fail: a gradient was proved wrong; inconclusive: only the distance speaks against the target, or it stopped answering."""
        if self.fault is not None:
            return "fail"
        return "pass" if self.unexplained is None and not self.stopped else "inconclusive"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; what is not finite is null."""
        plain = {
            k: getattr(self, k)
            for k in ("network", "target", "optimizer", "dtype", "reference", "seed", "tolerance", "steps", "verdict", "apart",
                      "unexplained", "fault", "message", "diagnosis", "stopped")
        }  # fmt: skip
        series = {k: [x if math.isfinite(x) else None for x in getattr(self, k)] for k in ("distances", "explained", "losses", "reference_losses")}
        return plain | {"judged": list(self.judged), "digits": self.digits if math.isfinite(self.digits) else None} | series
