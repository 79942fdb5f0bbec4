"""How much of a program its recording covers."""

from __future__ import annotations

from dataclasses import dataclass

from gradcheck.capture.place import Place
from gradcheck.errors import GradcheckError


class Unruled(GradcheckError):  # noqa: N818 - as in gradcheck.errors
    """An operation, or this use of it, has no rule; the message says which. It becomes opaque."""


@dataclass(frozen=True, slots=True)
class Opaque:
    """An operation without a rule: its results come from outside, and what it hands on is taken as it is.

    Args:
        operation: its name.
        reason: why it has no rule.
        place: of the call.
        operands: names of the values that go in.
        results: names of the values that come out.
        kind: "operation", "function" (a custom one), or "hook", which may change a gradient on purpose.
        judged: whether differences show that what it handed on is right.
    """

    operation: str
    reason: str
    place: Place
    operands: tuple[str, ...]
    results: tuple[str, ...]
    kind: str = "operation"
    judged: bool = False


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of a recorded run is judged, and how.

    Args:
        by_rules: entries of adjoints and gradients that are judged by rules of operations.
        by_differences: by differences of a single operation.
        unjudged: what operations without a rule handed on.
        opaque: these operations.
        cuts: where a gradient was cut on purpose: detach, no_grad.
        hooks: names of the values whose gradient has hooks of the user.
        computed: names of values that were computed before the recording, or in other threads.
    """

    by_rules: int
    by_differences: int
    unjudged: int
    opaque: tuple[Opaque, ...] = ()
    cuts: tuple[Place, ...] = ()
    hooks: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()

    @property
    def not_judged(self) -> tuple[Opaque, ...]:
        """The operations of which nobody knows whether what they hand on is right."""
        return tuple(x for x in self.opaque if x.kind != "hook" and not x.judged)

    def __str__(self) -> str:
        total = self.by_rules + self.by_differences + self.unjudged
        shares = f"{self.by_rules} of {total} entries judged by rules, {self.by_differences} by differences, {self.unjudged} not at all"
        return f"{shares}; {len(self.opaque)} opaque, {len(self.cuts)} cut, {len(self.hooks)} hooked"
