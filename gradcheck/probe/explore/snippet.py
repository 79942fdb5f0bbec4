"""Code that reproduces a finding: the inputs as literals, and the number that comes out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradcheck.probe.explore.arguments import Arguments
from gradcheck.probe.explore.mutation import Array
from gradcheck.verdict.finding import Finding

#: Entries up to which inputs are printed.
MOST_PRINTED = 64


def snippet(arguments: Arguments, arrays: Sequence[Array], finding: Finding) -> str:
    """Return Python code with the inputs of a finding, "" where they are too large to print."""
    if sum(a.size for a in arrays) > MOST_PRINTED:
        return ""
    parts = [_literal(a) for a in arrays]
    lines = ["import numpy as np", ""]
    lines += [f"# input {path}" + (": the gradient here is wrong" if path == finding.node else "") + f"\nx{k} = {part}"
              for k, (path, part) in enumerate(zip(arguments.paths, parts, strict=True))]  # fmt: skip
    where = f"{finding.node}{list(finding.index) if finding.index else ''}"
    lines.append(f"# gradient of {where}: got {finding.got!r}, expected {finding.expected!r}")
    return "\n".join(lines)


def _literal(a: Array) -> str:
    text = np.array2string(a, separator=", ", threshold=MOST_PRINTED + 1, floatmode="unique", max_line_width=100)
    return f"np.array({' '.join(text.split())}, dtype={str(a.dtype)!r})"
