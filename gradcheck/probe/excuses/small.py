"""How much a located difference matters: a fault, or an accuracy that is told.

Of 301 recorded pairs of a wrong and a right derivative none differs by less than 1.5e-8 in its worst entry relative to that entry, 13 by
less than 1e-3; constants, epsilons and tolerances of solvers lie below and between. Along a line the same faults measure down to 2e-11:
only the worst entry can be judged. What is certified is not weighed: there is no tolerance in a graph.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gradcheck.probe.line.line import SMALLEST, Line
from gradcheck.probe.line.survey import is_factor, survey
from gradcheck.result.finding import Finding

#: From this relative error of an entry on, nothing is a matter of accuracy: the coarsest defaults of solvers (a relative tolerance of 1e-3) leave
#: some thousandths, a hundredth is a mistake.
LARGE = 2.0**-7
#: The same where the derivative of the program is known to many digits: what is left is the approximation of another formula.
LARGE_EXACTLY = 2.0**-10
#: A tolerance reaches most entries; where fewer than this part are wrong, it is these.
MOST = 0.5


@dataclass(frozen=True, slots=True)
class Located:
    """A finding with what says how much it matters.

    Args:
        finding: with the numbers of the entry that is farthest out of its bar.
        share: how many of all entries are wrong.
        worst: the largest relative error of an entry; None where that of the finding is it.
        named: whether the mistake has a name: then it is one at any size.
    """

    finding: Finding
    share: float = 1.0
    worst: float | None = None
    named: bool = False

    def weighed(self, line: Line, rounding: float, exact: bool = False) -> Finding:
        """Return the finding as the fault that it is, or as lost accuracy.

        Args:
            line: through the point, along which the difference was seen.
            rounding: what roundings of intermediate results may leave in an entry.
            exact: whether the right slope was taken from dual numbers.
        """
        found = self.finding
        error, size = abs(found.got - found.expected), max(abs(found.got), abs(found.expected))
        relative = self.worst if self.worst is not None else error / size if size else 0.0
        if found.severity != "fault" or self.named or not 0 < relative < (LARGE_EXACTLY if exact else LARGE):
            return found
        if relative >= SMALLEST and error > rounding and (self.share < MOST or _adds_up(line)):
            return found
        return replace(found, severity="accuracy", message=f"{found.message}: {accuracy_told(relative)}")


def _adds_up(line: Line) -> bool:
    survey(line)
    return is_factor(line)


def accuracy_told(share: float) -> str:
    """Return in words what a relative difference may come from, and what accepts it.

    >>> accuracy_told(3e-9)
    'a relative difference of 3e-09: a constant, an epsilon, a tolerance? accuracy=6e-09 accepts it'
    """
    return f"a relative difference of {share:.2g}: a constant, an epsilon, a tolerance? accuracy={2 * share:.1g} accepts it"
