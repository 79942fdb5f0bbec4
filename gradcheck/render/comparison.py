"""The report on the time that checkers take. Reads results only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["markdown", "table"]

Data = Mapping[str, Any]


def table(data: Data, function: str) -> Iterator[Sequence[str]]:
    """Yield a heading and a row a size: the seconds of the first checker, of others the multiple of it, or why there is none.

    >>> row = {"function": "f", "entries": 10, "checker": "gradcheck", "seconds": 0.002, "ratio": 1.0, "verdict": "pass", "reason": ""}
    >>> list(table({"rows": [row, row | {"checker": "jax", "seconds": None, "ratio": None, "reason": "over 60 s"}]}, "f"))
    [('entries', 'gradcheck', 'jax'), ('10', '2.0 ms', 'over 60 s')]
    """
    rows = [r for r in data["rows"] if r["function"] == function]
    names = list(dict.fromkeys(r["checker"] for r in rows))
    yield ("entries", *names)
    for n in dict.fromkeys(r["entries"] for r in rows):
        cells = {r["checker"]: _cell(r, r["checker"] == names[0]) for r in rows if r["entries"] == n}
        yield (f"{n:,}", *(cells.get(name, "") for name in names))


def _cell(row: Data, own: bool) -> str:
    if row["seconds"] is None:
        return str(row["reason"])
    told = _duration(row["seconds"]) if own or row["ratio"] is None else f"{row['ratio']:.3g} x"
    return told if row["verdict"] == "pass" else f"{told} ({row['verdict']})"


def _duration(seconds: float) -> str:
    return f"{1e3 * seconds:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"


def markdown(data: Data) -> str:
    """Return the report as Markdown."""
    lines = [
        "# What the check of a right derivative takes", "",
        "Written by `gradcheck power --times`; every entry is in the JSON file beside it. `gradcheck.check` in time, the others as "
        "multiples of it, all "
        f"in one run, with one thread, on one core; an entry is stopped after {data['limit']:g} s, and not asked at larger sizes then. "
        "`torch` is the slow mode of "
        "`torch.autograd.gradcheck`, `torch-fast` its fast mode, `jax` the reverse mode of `jax.test_util.check_grads` (`check_vjp`), `scipy` is "
        "`scipy.optimize.check_grad`; each is given the same NumPy function and its vjp.",
    ]  # fmt: skip
    for function in dict.fromkeys(r["function"] for r in data["rows"]):
        heading, *rows = table(data, function)
        lines += ["", f"## {function}", "", f"| {' | '.join(heading)} |", f"|{'---|' * len(heading)}", *(f"| {' | '.join(r)} |" for r in rows)]
    lines += ["", "; ".join(f"{k}: {v}" for k, v in data["machine"].items())]
    return "\n".join(lines) + "\n"
