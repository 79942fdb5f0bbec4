"""When is a formula zero? Tactics, from cheap to dear, after kinks have been decided region by region."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

#: Random points by which the open regions between kinks are found.
SAMPLES = 60

#: Operations in a formula beyond which the dear tactics are not tried.
MOST_OPERATIONS = 400

Draw = Callable[[Sequence[Any], int], Mapping[Any, Any]]


def open_regions(formula: Any, symbols: Sequence[Any], draw: Draw) -> list[Any]:
    """Return the formula in each open region: comparisons, magnitudes and signs decided.

    Regions are found by random points, so that a very thin one can be missed; borders are left out.

    Args:
        formula: with Piecewise, Abs and sign.
        symbols: its symbols.
        draw: (symbols, seed) -> a random rational point in their ranges.
    """
    undecided = formula.atoms(Relational, sp.Abs, sp.sign)
    if not undecided:
        return [formula]
    points = (draw(symbols, seed) for seed in range(SAMPLES))
    decisions = {tuple(sorted(((a, _decided(a, p)) for a in undecided), key=str)) for p in points}
    return [_resolved(formula, dict(d)) for d in decisions]


def _decided(atom: Any, point: Mapping[Any, Any]) -> Any:
    """Return what a comparison, a magnitude or a sign is in the region around a point."""
    if isinstance(atom, Relational):
        return sp.true if atom.xreplace(dict(point)) == sp.true else sp.false
    sign = 1 if sp.N(atom.args[0].xreplace(dict(point)), 30) > 0 else -1
    return sign * atom.args[0] if isinstance(atom, sp.Abs) else sp.Integer(sign)


def _resolved(formula: Any, decisions: Mapping[Any, Any]) -> Any:
    """Put decisions in, the innermost first, until nothing is left to decide."""
    for _ in range(4):
        formula = formula.xreplace(dict(decisions))
        decisions = {a: v.xreplace(dict(decisions)) for a, v in decisions.items()}
    return formula.xreplace({a.args[0]: _signed(a.args[0], v) for a, v in decisions.items() if _plain(a)})


def _plain(atom: Any) -> bool:
    return isinstance(atom, sp.Abs) and atom.args[0].is_Symbol


def _signed(symbol: Any, magnitude: Any) -> Any:
    """Return plus or minus a positive symbol, for a symbol whose magnitude is itself or its negative."""
    positive = sp.Symbol(f"{symbol.name}_positive", positive=True)
    return positive if magnitude == symbol else -positive


def is_zero(formula: Any) -> bool:
    """Answer whether a formula is proved to be zero; False means that it is not known."""
    if formula == 0:
        return True
    small = sp.count_ops(formula) <= MOST_OPERATIONS
    return any(tactic(formula) == 0 for tactic in (*_CHEAP, *(_DEAR if small else ())))


def _rational(formula: Any) -> Any:
    """Return the numerator, expanded, of the formula as one fraction."""
    return sp.expand(sp.fraction(sp.together(formula))[0])


def _exponential(formula: Any) -> Any:
    """Return the numerator after hyperbolic functions have become exponentials, each a symbol of its own."""
    flat = sp.expand(formula.rewrite(sp.exp), deep=True, power_exp=True, power_base=False, mul=False, multinomial=False, log=False)
    parts = {e: e.args[0].as_coeff_Mul() for e in flat.atoms(sp.exp)}
    parts = {e: (c, rest) for e, (c, rest) in parts.items() if c.is_Rational}
    common = sp.ilcm(1, 1, *(c.q for c, _ in parts.values()))
    bases = {e: sp.Symbol(f"e_{sp.srepr(rest)}", positive=True) ** (c * common) for e, (c, rest) in parts.items()}
    return _rational(flat.xreplace(bases))


_CHEAP: tuple[Callable[[Any], Any], ...] = (sp.expand, _rational, _exponential)
_DEAR: tuple[Callable[[Any], Any], ...] = (
    lambda e: _rational(sp.expand_log(e)),
    lambda e: sp.expand(sp.expand_log(sp.powsimp(_exponential(e), force=False), force=False)),
    sp.simplify,
    lambda e: sp.simplify(_exponential(e)),
)
