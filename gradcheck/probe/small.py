"""How much a located difference matters: a fault, or an accuracy that is told.

Of 301 recorded pairs of a wrong and a right derivative none differs by less than 1.5e-8 in its worst entry relative to that entry, 13 by
less than 1e-3; constants, epsilons and tolerances of solvers lie below and between. Along a line the same faults measure down to 2e-11:
only the worst entry can be judged.
"""

from __future__ import annotations

from dataclasses import replace

from gradcheck.probe.line.line import Line
from gradcheck.verdict.finding import Finding

#: From this relative error of an entry on, nothing is a matter of accuracy.
LARGE = 2.0**-10
#: Below this no fault is on record: 1.5e-8.
SMALL = 2.0**-26

def weighed(finding: Finding, line: Line | None, *, exact: bool, rounding: float) -> Finding:
    """Return a finding as the fault that it is, or as lost accuracy.

    Args:
        finding: located, with the numbers of its worst entry.
        line: on which the difference was seen; None where the derivative is known exactly.
        exact: whether the right entry is known exactly.
        rounding: what roundings of intermediate results may leave in an entry.
    """
    error, size = abs(finding.got - finding.expected), max(abs(finding.got), abs(finding.expected))
    if finding.severity != "fault" or finding.diagnosis or not 0 < error < LARGE * size:
        return finding
    if exact or (error >= SMALL * size and error > rounding and line is not None and _adds_up(line)):
        return finding
    return replace(finding, severity="accuracy", message=f"{finding.message}: {accuracy_told(error / size)}")


def _adds_up(line: Line) -> bool:
    """Answer whether the difference has one sign in tables beside each other, as a mistake's has."""
    line.survey()
    return not line.wavers


def accuracy_told(share: float) -> str:
    """Return in words what a relative difference may come from, and what accepts it.

    >>> accuracy_told(3e-9)
    'a relative difference of 3e-09: a constant, an epsilon, a tolerance? accuracy=6e-09 accepts it'
    """
    return f"a relative difference of {share:.2g}: a constant, an epsilon, a tolerance? accuracy={2 * share:.1g} accepts it"
