"""One mistake that was recognised: its kind, its place and its number are data, the sentence is for readers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal[
    "sign", "zero", "factor", "by logarithm", "by exponential", "epsilon",
    "factor missing", "factor too many",
    "transpose", "inverse", "roll", "flip", "permutation", "swapped inputs", "missing broadcast sum", "wrong axis", "= for +=", "counted twice",
    "mask inverted", "mask off at boundary", "term missing", "term too many",
    "f for f'", "1 - f", "at output", "passed through", "diagonal only",
    "formula", "cotangent ignored", "cotangent used twice", "not ignored", "stationary point", "not symmetric", "lost digits", "beyond the range",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)

#: A factor this close to 1 is fitted to a small difference and names nothing: the smallest that is a known mistake is 1.001.
FITTED = 2.0**-10

#: kind -> its sentence, with {where} and {number}, where the mistake brings no detail of its own
_SENTENCES: Mapping[Kind, str] = {
    "sign": "it is the negative of the right one",
    "zero": "the gradient is missing",
    "factor": "every entry is {number:g} times the right one",
    "by logarithm": "it is the derivative by the logarithm of {where}: x f'(x)",
    "by exponential": "it is the derivative by the exponential of {where}: f'(x) / x",
    "epsilon": "the gradient is reproduced with {where}",
    "factor missing": "it lacks {where}",
    "factor too many": "it is multiplied by {where}",
    "transpose": "it is the transpose of the right one",
    "inverse": "the inverse of the Jacobian stands where the Jacobian belongs",
    "roll": "it is shifted by {number:g} along {where}",
    "flip": "it is reversed along {where}",
    "permutation": "the right numbers stand in wrong places",
    "swapped inputs": "the right gradient was handed to {where}",
    "missing broadcast sum": "only the {where} slice is kept",
    "wrong axis": "a sum is taken over {where}",
    "= for +=": "of the contributions to an entry only the {where} is kept",
    "counted twice": "the contribution through {where}",
    "mask inverted": "the cotangent is let through where it must be stopped",
    "mask off at boundary": "entries equal to {number:g} are {where}",
    "term missing": "{where} is what it lacks",
    "term too many": "{where} is added to it",
    "f for f'": "the value of f stands where its derivative belongs",
    "1 - f": "the derivative is taken to be 1 - y",
    "at output": "the derivative of f is taken at its output instead of its input",
    "passed through": "the derivative is missing",
    "formula": "it is that of another formula",
    "diagonal only": "it is the cotangent times the diagonal of the Jacobian, whose other entries are left out",
    "cotangent ignored": "it is the derivative for a cotangent of ones",
    "cotangent used twice": "it is multiplied once more",
    "not ignored": "f does not change with it here, and it gets a gradient",
    "stationary point": "the slope of f is zero here, not beside, and it gets a gradient",
    "not symmetric": "the Hessian has to be",
    "lost digits": "it has fewer digits than f in a tail",
    "beyond the range": "f does not change any more",
}
#: How readers know a kind, where its name is not the beginning of the sentence.
_LABELS: Mapping[Kind, str] = {
    "missing broadcast sum": "missing sum over a broadcast axis", "swapped inputs": "swapped", "1 - f": "1 - y",
    "passed through": "cotangent passed through",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake that reproduces the wrong numbers.

    Args:
        kind: which.
        where: the axis, input, output or term concerned.
        number: the factor, the shift, the value.
        detail: the sentence after the kind, where the usual one does not say enough.

    >>> print(Mistake("roll", "axis 0", 1))
    roll: it is shifted by 1 along axis 0
    >>> print(Mistake("zero", detail="the gradient is None"))
    zero: the gradient is None
    """

    kind: Kind
    where: str = ""
    number: float | None = None
    detail: str = ""

    @property
    def is_fitted(self) -> bool:
        """Whether it is a factor so close to 1 that it is the size of a difference, and no mistake that has a name."""
        return self.kind == "factor" and self.number is not None and abs(self.number - 1) < FITTED

    def __str__(self) -> str:
        told = self.detail or _SENTENCES[self.kind].format(where=self.where, number=self.number)
        return f"{_LABELS.get(self.kind, self.kind)}: {told}"
