"""Stored runs over time as a small drawing: what passed, was inconclusive, failed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Protocol

from gradcheck.result.text import clean

_WIDTH, _HEIGHT, _LEFT = 720, 180, 46

#: Runs that are drawn: the last ones.
MOST = 60


class Stored(Protocol):
    """A stored run: `gradcheck.history.Entry`."""

    @property
    def saved(self) -> str:
        """When."""

    @property
    def passed(self) -> int:
        """How many rows pass."""

    @property
    def failed(self) -> int:
        """How many fail."""

    @property
    def inconclusive(self) -> int:
        """How many are undecided."""


def trend(entries: Sequence[Stored]) -> str:
    """Return an SVG of stacked bars, a bar a run; "" of fewer than two runs."""
    shown = entries[-MOST:]
    if len(shown) < 2:
        return ""
    most = max(e.passed + e.failed + e.inconclusive for e in shown) or 1
    step = (_WIDTH - _LEFT) / len(shown)
    parts = []
    for k, e in enumerate(shown):
        y = float(_HEIGHT)
        label = escape(f"{clean(e.saved, 40)}: {e.passed} pass, {e.inconclusive} inconclusive, {e.failed} fail")
        bars = []
        for count, colour in ((e.passed, "#2e7d32"), (e.inconclusive, "#b8860b"), (e.failed, "#c62828")):
            height = max(2.0, _HEIGHT * count / most) if count else 0.0  # one failure among thousands is still seen
            y -= height
            bars.append(f'<rect x="{_LEFT + k * step:.1f}" y="{y:.1f}" width="{max(1.0, step - 2):.1f}" height="{height:.1f}" fill="{colour}"/>')
        parts.append(f"<g><title>{label}</title>{''.join(bars)}</g>")
    axis = f'<text x="{_LEFT - 6}" y="12" text-anchor="end">{most}</text><text x="{_LEFT - 6}" y="{_HEIGHT}" text-anchor="end">0</text>'
    ends = (
        f'<text x="{_LEFT}" y="{_HEIGHT + 18}">{escape(clean(shown[0].saved[:10], 20))}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT + 18}" text-anchor="end">{escape(clean(shown[-1].saved[:10], 20))}</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT + 26}" width="{_WIDTH}" height="{_HEIGHT + 26}" '
        f'font-family="sans-serif" font-size="11" fill="#333">{"".join(parts)}{axis}{ends}</svg>'
    )
