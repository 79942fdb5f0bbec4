"""Mistakes in words, to stand after "node h3 (tanh)": what the rule does wrong, in the terms that diagnoses use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gradcheck.errors import GradcheckError
from gradcheck.faults.altered import Site
from gradcheck.faults.changes import OTHER
from gradcheck.faults.slips import Rule
from gradcheck.ops.op import Op

#: Longer formulas say less than words.
LONGEST = 60

#: slip -> what is done; {to} names the operand concerned where there are several
_SLIPS: Mapping[str, str] = {
    "sign": "hands on the negative of the right contribution{to}",
    "factor-2": "counts its contribution{to} twice",
    "factor-1.001": "hands on 1.001 times the right contribution{to}",
    "zero": "drops its contribution{to}",
    "transpose": "hands on the transpose of the right contribution{to}",
    "roll": "hands on the right contribution{to} rolled by one",
    "flip": "hands on the right contribution{to} in reverse",
    "shift": "hands on the right contribution{to} shifted by one",
    "short": "leaves the last entries of its contribution{to} at zero",
    "f-for-slope": "takes its value for its derivative (f for f') in the contribution{to}",
    "passed-through": "passes the cotangent through{to}, without its derivative",
    "cotangent-ignored": "ignores the cotangent: it takes ones",
    "cotangent-twice": "multiplies the cotangent in twice",
}

#: primitive -> what a call of it is named
_NOUNS: Mapping[str, str] = {
    "add": "addition", "subtract": "subtraction", "multiply": "product", "divide": "quotient", "negative": "minus sign",
    "absolute": "absolute value", "unbroadcast": "sum over broadcast axes", "broadcast_to": "repetition", "matmul": "matrix product",
    "einsum": "sum of products", "scatter_add": "scattered sum", "take": "lookup", "part": "slice", "cumsum": "running sum",
    "flip": "reversal", "transpose": "transposition", "swap": "transposition", "reshape": "change of shape",
    "concatenate": "concatenation", "stack": "stack", "less": "comparison", "winners": "choice of the largest", "select": "selection",
    "maximum": "maximum", "minimum": "minimum", "square": "square", "power": "power", "integer_power": "power", "pi": "pi",
}  # fmt: skip

#: change -> what happens to the call that is named {it}
_CHANGES: Mapping[str, str] = {
    "drop": "leaves out {it}", "drop-first": "leaves out the first part of {it}", "drop-second": "leaves out the second part of {it}",
    "drop-divisor": "leaves out the divisor of {it}", "drop-dividend": "takes 1 for the dividend of {it}", "times": "multiplies in {it}",
    "last-slice": "keeps the last slice instead of {it}",
    "minus": "subtracts in {it}", "plus": "adds in {it}", "first-slice": "keeps the first slice instead of {it}",
    "mean": "takes the mean instead of {it}", "left-out": "leaves out {it}: the shape is wrong", "other-axis": "takes another axis in {it}",
    "shared": "divides {it} by the number of copies", "transpose-first": "transposes the first factor of {it}",
    "transpose-second": "transposes the second factor of {it}", "roll-first": "rolls the first factor of {it} by one",
    "assign": "assigns where it must add (= for +=) in {it}", "next": "is off by one in {it}", "early": "begins one early in {it}",
    "late": "begins one late in {it}", "exclusive": "leaves out the entry itself in {it}", "other-way": "runs the other way in {it}",
    "by-columns": "reads by columns in {it}", "other-order": "takes the parts of {it} in reverse",
    "or-equal": "is off at the boundary of {it} (< for <=)", "last-of-equals": "takes the last of equals in {it}",
    "invert": "exchanges the branches of {it} (mask inverted)", "always-first": "takes the first branch everywhere in {it}",
    "always-second": "takes the second branch everywhere in {it}", "minimum": "takes the minimum for {it}", "maximum": "takes the maximum for {it}",
    "one-sided": "takes 0 for -1 in {it}", "exponent": "raises the exponent of {it} by one", "22/7": "takes 22/7 for {it}",
    "negate-argument": "negates the argument of {it}",
}  # fmt: skip

_ORDINALS = ("first", "second", "third")


def words_of_slip(slip: str, operand: int | None = None) -> str:
    """Return what a mistake in what a rule is given or hands back does wrong.

    Args:
        slip: its name.
        operand: whose contribution it spoils, where several have one.

    >>> words_of_slip("sign", 1)
    'hands on the negative of the right contribution to operand 1'
    """
    return _SLIPS[slip].format(to="" if operand is None else f" to operand {operand}")


def words_of_change(site: Site, change: str) -> str:
    """Return what a mistake in one call inside of a rule does wrong.

    Args:
        site: the call.
        change: its name in the table of the primitive.

    >>> words_of_change(Site("multiply", 2), "drop-first")
    'leaves out the first part of its second product'
    """
    noun = f"its {_ordinal(site.number)}{_NOUNS.get(site.primitive, site.primitive)}"
    other = OTHER.get(site.primitive)
    return f"takes {other} for {noun}" if change == f"becomes-{other}" else _CHANGES[change].format(it=noun)


def _ordinal(number: int) -> str:
    return "" if number == 1 else f"{_ORDINALS[number - 1] if number <= len(_ORDINALS) else f'{number}th'} "


def formulas(op: Op, wrong: Rule, instead: Rule, attributes: Mapping[str, Any], real: Sequence[bool]) -> str:
    """Return "takes g*(1 - y) for g*(1 - y**2)" for an operation entry by entry, or "" where that is long or says nothing.

    Args:
        op: the operation.
        wrong: the rule with the mistake.
        instead: the rule without.
        attributes: of the node.
        real: which operands are real.
    """
    if not op.entrywise or not all(real) or len(real) > 2:
        return ""
    from gradcheck.arith.symbolic import Symbolic

    m = Symbolic()
    g, y = m.symbols("g", ()), m.symbols("y", ())
    xs = [m.symbols(name, ()) for name in (("x",) if len(real) == 1 else ("a", "b"))]
    try:
        pairs = zip(*(rule(m, g, y, *xs, **attributes) for rule in (wrong, instead)), strict=True)
        told = [(str(a), str(b)) for a, b in ((p.item(), q.item()) for p, q in pairs) if a != b]
    except (GradcheckError, TypeError, ValueError, AttributeError):  # a function that has no closed form here
        return ""
    if len(told) != 1 or any(len(text) > LONGEST or "Piecewise" in text for text in told[0]):
        return ""
    return "takes {} for {}".format(*told[0])
