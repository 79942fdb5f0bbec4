"""When to stop before all steps are made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gradcheck.errors import BadInput


@dataclass(frozen=True)
class Stop:
    """Conditions that end a training run; what is None never does.

    Args:
        loss: at or below it, enough is learned.
        slope: at or below it in every entry of the gradient, nothing moves any more.
        patience: so many looks in a row without a loss that is smaller than all before; at the held-back data where there is some.
        held_back: inputs that are not trained on, by name.
        every: steps between two looks at the held-back data.

    Raises:
        BadInput: a number of looks or steps below 1, or a loss or slope that is no number.
    """

    loss: float | None = None
    slope: float | None = None
    patience: int | None = None
    held_back: Mapping[str, Any] | None = None
    every: int = 100

    def __post_init__(self) -> None:
        if (self.patience is not None and self.patience < 1) or self.every < 1:
            raise BadInput(f"expected patience and every to be at least 1; got patience={self.patience}, every={self.every}")
        for what, x in (("loss", self.loss), ("slope", self.slope)):
            if x is not None and math.isnan(x):
                raise BadInput(f"expected a number as the {what} to stop at; got {x}")

    def reason(self, loss: float, slope: float) -> str:
        """Return why to stop here, or ""."""
        if not (math.isfinite(loss) and math.isfinite(slope)):
            return "it diverged: the loss or its gradient is not finite"
        if self.loss is not None and loss <= self.loss:
            return f"the loss is at most {self.loss:g}"
        if self.slope is not None and slope <= self.slope:
            return f"no entry of the gradient is above {self.slope:g}"
        return ""


class Patience:
    """Counts looks at a loss that does not get smaller.

    Args:
        most: how many there may be in a row; None for any number.
    """

    def __init__(self, most: int | None) -> None:
        self.most, self.best, self.waited = most, math.inf, 0

    def better(self, loss: float) -> bool:
        """Look at a loss; answer whether it is smaller than all before."""
        if loss < self.best:
            self.best, self.waited = loss, 0
            return True
        self.waited += 1
        return False

    @property
    def over(self) -> bool:
        """Whether there were too many."""
        return self.most is not None and self.waited >= self.most
