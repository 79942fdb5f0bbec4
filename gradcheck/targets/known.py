"""A failure that is known: declared by a target, or read from a file of known failures."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Known:
    """A failure that is known: it is shown, and does not count as a new one.

    Args:
        row: shell pattern of "target/network/dtype", of the network's name alone, or of a test's id.
        reason: what is wrong, in one sentence.
        link: where it is described.
        op: the operation at which it sits, if only there.
        diagnosis: start of the mistake, if only this one.
        where: start of the finding's message, such as "value of loss".

    >>> known = Known("*/bfloat16", "erf loses small numbers", "docs/findings.md", op="erf")
    >>> known.names("torch", "gelu-block", "bfloat16"), known.names("torch", "gelu-block", "float32")
    (True, False)
    >>> known.covers(op="tanh", diagnosis="", message="value of tanh1")
    False
    """

    row: str
    reason: str
    link: str
    op: str = ""
    diagnosis: str = ""
    where: str = ""

    def names(self, target: str, network: str, dtype: str) -> bool:
        """Answer whether the pattern is that of the row, whatever its verdict."""
        return any(fnmatchcase(x, self.row) for x in (f"{target}/{network}/{dtype}", network))

    def covers(self, *, op: str, diagnosis: str, message: str) -> bool:
        """Answer whether a fault in such a row is this known one."""
        return self.op in ("", op) and diagnosis.startswith(self.diagnosis) and message.startswith(self.where)


#: A finding that several libraries share.
EXPM1 = "the derivative of expm1 is computed as expm1 + 1, which loses its digits below zero"
