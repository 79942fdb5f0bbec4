"""The report on explanations: what is named of the mistakes that were made. Reads results only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gradcheck.render.accuracy import as_json

__all__ = ["LISTED", "as_json", "headline", "markdown", "table"]

Data = Mapping[str, Any]

#: Outcomes whose rows are listed one by one, those that matter most first.
LISTED = ("wrong", "unexplained", "tied")


def headline(data: Data) -> str:
    """Return the result in a sentence.

    >>> headline({"counts": {"named": 9, "wrong": 0, "rival": 4}, "distinguishable": 10, "named_share": 0.9})
    '9 of 10 distinguishable mistakes are named rightly (90.0 %), 0 wrongly; 4 more are told as ties with others of the same gradients'
    """
    counts, n = data["counts"], data["distinguishable"]
    named = f"{counts['named']} of {n} distinguishable mistakes are named rightly ({100 * data['named_share']:.1f} %), {counts['wrong']} wrongly"
    return f"{named}; {counts['rival']} more are told as ties with others of the same gradients"


def table(data: Data) -> Iterator[tuple[str, int, str]]:
    """Yield each outcome with its count and what it means."""
    yield from ((k, n, data["meanings"][k]) for k, n in data["counts"].items())


def markdown(data: Data) -> str:
    """Return the report as Markdown."""
    rows: Sequence[Data] = data["rows"]
    seconds = sorted(r["seconds"] for r in rows if r["said"])
    lines = [
        "# What is named of the mistakes that were made", "",
        f"Written by `gradcheck power --explanations` (seed {data['seed']}, {data['graphs']} random networks); every row is in the JSON file beside it.",
        "", f"**{headline(data)}.**", "", "| outcome | mutants | |", "|---|---|---|",
        *(f"| {k} | {n} | {meaning} |" for k, n, meaning in table(data)), "",
        "Distinguishable are those above the line of `rival`: named, tied, unexplained and wrong. docs/explanation.md says how each is decided.",
    ]  # fmt: skip
    if seconds:
        lines += ["", f"An explanation took {seconds[len(seconds) // 2]:.2f} s in the median, {seconds[int(0.95 * (len(seconds) - 1))]:.2f} s at 95 %."]
    for outcome in LISTED:
        found = [r for r in rows if r["outcome"] == outcome]
        if found:
            lines += ["", f"## {outcome}", "", "| mutant | network | node | what was said |", "|---|---|---|---|"]
            lines += [f"| {r['mutant']} | {r['network']} | {r['node']} | {_cell(r['said'])} |" for r in found]
    return "\n".join([*lines, "", *_by_operation(rows)]) + "\n"


def _by_operation(rows: Sequence[Data]) -> Iterator[str]:
    yield from ("## By operation", "", "| operation | named | tied | unexplained | wrong | rival | same | unfit |", "|---|---|---|---|---|---|---|---|")
    counts: dict[str, Counter[str]] = {}
    for r in rows:
        counts.setdefault(r["mutant"].partition("/")[0], Counter())[r["outcome"]] += 1
    columns = ("named", "tied", "unexplained", "wrong", "rival", "same", "unfit")
    yield from (f"| {op} | " + " | ".join(str(c[k] or "") for k in columns) + " |" for op, c in counts.items())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")[:300]
