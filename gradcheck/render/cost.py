"""The cost report: Markdown for the repository, one self-contained HTML file, a drawing. Reads results only."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping
from typing import Any

from gradcheck.render.html import templates

Data = Mapping[str, Any]

#: Rows of which methods are drawn, in the order of their colours.
DRAWN = (
    "value", "reverse", "forward by entries", "forward by matrices", "differences", "complex step", "mpmath differences", "symbolic",
    "torch", "jax-jit", "autograd", "sklearn",
)  # fmt: skip

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_YEAR = 365.25 * 86400


def duration(seconds: float | None) -> str:
    """Return a time with three digits and a unit.

    >>> duration(0.00123), duration(90_000), duration(4e8)
    ('1.23 ms', '25 h', '12.7 years')
    """
    if seconds is None:
        return ""
    if seconds >= _YEAR:
        return f"{seconds / _YEAR:.3g} years"
    if seconds >= 172_800:
        return f"{seconds / 86400:.3g} days"
    if seconds >= 7200:
        return f"{seconds / 3600:.3g} h"
    if seconds >= 120:
        return f"{seconds / 60:.3g} min"
    size, unit = next(((s, u) for s, u in _UNITS if seconds >= s), _UNITS[-1])
    return f"{_three(seconds / size)} {unit}"


def amount(n: float | None, unit: str = "") -> str:
    """Return a count with three digits and a prefix.

    >>> amount(1_610_612_736), amount(2048, "B"), amount(7)
    ('1.61 G', '2.05 kB', '7')
    """
    if n is None:
        return ""
    for size, prefix in ((1e24, "Y"), (1e21, "Z"), (1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if n >= size:
            return f"{_three(n / size)} {prefix}{unit}"
    return f"{_three(n)} {unit}".rstrip()


def _three(x: float) -> str:
    return f"{x:.3g}" if x < 999.5 else f"{x:.0f}"


def number(x: Any) -> str:
    """Return a cell of a table: three digits, or the text."""
    if isinstance(x, bool) or not isinstance(x, int | float):
        return "" if x is None else str(x)
    if isinstance(x, int):
        return f"{x:,}"
    if x == 0:
        return "0"
    if 1e-3 <= abs(x) < 1e5:
        return f"{x:,.{min(3, max(0, 2 - math.floor(math.log10(abs(x)))))}f}"
    return f"{x:.2e}"


#: What templates call.
_FILTERS = {"duration": duration, "amount": amount, "cell": number}


def markdown(data: Data, *, drawing: str = "") -> str:
    """Return the report as Markdown.

    Args:
        data: of `gradcheck cost --json`.
        drawing: name of the file with the drawing, if there is one beside it.
    """
    return templates().get_template("cost.md.j2").render(data=data, grid=grids(data), drawing=drawing, **_FILTERS)


def html(data: Data) -> str:
    """Return the report as one HTML file that needs nothing else; the drawing is in it."""
    return templates().get_template("cost.html.j2").render(data=data, grid=grids(data), drawing=svg(data), **_FILTERS)


def grids(data: Data) -> list[dict[str, Any]]:
    """Return for each family a table: methods down, sizes across."""
    found = []
    for family in data["families"]:
        rows = [r for r in data["rows"] if r["family"] == family]
        asked = sorted({r["asked"] for r in rows})
        sizes = [max((r["n"] for r in rows if r["asked"] == a and r["seconds"] is not None), default=a) for a in asked]
        lines = []
        for method in dict.fromkeys(r["method"] for r in rows):
            of = {r["asked"]: r for r in rows if r["method"] == method}
            if any(r["seconds"] is not None for r in of.values()):
                largest = max((r for r in of.values() if r["seconds"] is not None), key=lambda r: r["n"])
                lines.append({"method": method, "cells": [of.get(a) for a in asked], "reasons": _reasons(of.values()), "largest": largest})
        absent = {m: _reasons(r for r in rows if r["method"] == m) for m in dict.fromkeys(r["method"] for r in rows)}
        drawn = {line["method"] for line in lines}
        found.append({
            "family": family, "doc": data["families"][family], "sizes": sizes, "lines": lines,
            "absent": {m: r for m, r in absent.items() if m not in drawn and r},
        })  # fmt: skip
    return found


def _reasons(rows: Iterable[Data]) -> list[str]:
    return list(dict.fromkeys(r["reason"] for r in rows if r["reason"]))


def svg(data: Data) -> str:
    """Return the drawing: time over parameters, a panel a family; with it text stays text.

    Raises:
        ImportError: without matplotlib (`pip install 'gradcheck[plot]'`).
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    families = list(data["families"])
    columns = min(3, max(1, len(families)))
    count = math.ceil(len(families) / columns)
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "gradcheck", "font.size": 9, "font.family": "sans-serif"}):
        figure = Figure(figsize=(4.4 * columns, 3.6 * count + 0.8), layout="constrained")
        colours = [mpl.colormaps["tab20"](k) for k in range(20)]
        methods = [*DRAWN, *(m for m in data["methods"] if m not in DRAWN and not m.startswith("reverse"))]
        drawn: dict[str, Any] = {}
        for k, family in enumerate(families):
            axes = figure.add_subplot(count, columns, k + 1)
            for colour, method in enumerate(methods):
                rows = (r for r in data["rows"] if (r["family"], r["method"]) == (family, method))
                points = {r["n"]: r["seconds"] for r in rows if r["seconds"] is not None}
                if points:
                    n, width = list(points), 2.4 if method == "reverse" else 1.2
                    (line,) = axes.plot(
                        n, [points[x] for x in n], marker="o", markersize=3, color=colours[colour % len(colours)], linewidth=width
                    )
                    drawn[method] = line
            axes.set(xscale="log", yscale="log", title=family)
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.grid(alpha=0.3)
            axes.set_xlabel("parameters")
            if k % columns == 0:
                axes.set_ylabel("seconds")
        if drawn:
            figure.legend(list(drawn.values()), list(drawn), loc="outside lower center", ncols=6, frameon=False)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": "gradcheck"})
    text = stream.getvalue()
    return text[text.index("<svg") :]
