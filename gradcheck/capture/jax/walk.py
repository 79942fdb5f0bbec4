"""A jaxpr run equation by equation: once with numbers, to record it, and once to be differentiated.

In the second run a zero is added to every value that the record shows, and to what goes into an opaque equation: the derivatives by these
zeros are the adjoints, and what was handed on. Both runs take the same branches and as many turns of every loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from typing import Any, TypeAlias

import jax
import numpy as np
from jax import numpy as jnp

from gradcheck.capture.coverage import Opaque, Unruled
from gradcheck.capture.jax import primitives as _primitives  # noqa: F401 - fills the table
from gradcheck.capture.jax.equation import RULES, Equation
from gradcheck.capture.jax.source import place_of
from gradcheck.capture.place import Place
from gradcheck.capture.tape import Tape
from gradcheck.errors import GradcheckError

#: Equations that call a jaxpr and are nothing beside: where in their parameters it is.
CALLS = {"jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr", "core_call": "call_jaxpr", "remat2": "jaxpr", "checkpoint": "jaxpr", "remat": "jaxpr"}
#: Equations whose derivative somebody wrote: their interior is a region, they themselves are what runs.
CUSTOM = {"custom_jvp_call": "call_jaxpr", "custom_vjp_call": "call_jaxpr", "custom_vjp_call_jaxpr": "fun_jaxpr"}
#: Functions that are constant in pieces.
STEPS = frozenset({"sign", "floor", "ceil", "round", "stop_gradient", "argmax", "argmin", "is_finite", "eq", "ne", "lt", "le", "gt", "ge"})


Again: TypeAlias = Callable[[Sequence[Any]], list[Any]]


@dataclass(slots=True)
class Site:
    """A place at which a zero is added: a value of the graph, or what goes from it into an opaque equation."""

    name: str
    value: Any
    handed: bool = False


@dataclass
class Record:
    """What the first run found.

    Args:
        sites: where zeros are added, in the order of the run; None where an equation gives none.
        opaque_sites: at which of them an opaque equation begins.
        turns: branches taken and turns made, in order.
        opaque: equations without a rule.
        again: each of them as a function in float64 of the operands that are differentiated.
        given: their results, and whatever else comes from outside.
        cuts: where a gradient is stopped on purpose.
    """

    tape: Tape = field(default_factory=Tape)
    sites: list[Site | None] = field(default_factory=list)
    opaque_sites: set[int] = field(default_factory=set)
    turns: list[int] = field(default_factory=list)
    opaque: list[Opaque] = field(default_factory=list)
    again: list[Again] = field(default_factory=list)
    given: dict[str, Any] = field(default_factory=dict)
    cuts: list[Place] = field(default_factory=list)


class Walk:
    """One run of a jaxpr.

    Args:
        record: filled by a first run, or read by a second one.
        zeros: of a second run; None for the first.
    """

    def __init__(self, record: Record, zeros: Sequence[Any] | None = None) -> None:
        self.record, self.zeros = record, zeros
        self._site = self._turn = self._zero = 0

    # -- what both runs do ----------------------------------------------------------------------

    def run(self, jaxpr: Any, consts: Sequence[Any], args: Sequence[Any], names: Sequence[str], hidden: bool = False) -> tuple[list[Any], list[str]]:
        """Return the results and their names.

        Args:
            jaxpr: with equations.
            consts: values of its constants.
            args: values of its arguments.
            names: of the arguments; "" for data.
            hidden: whether its values are not shown.
        """
        env: dict[Any, Any] = dict(zip(jaxpr.constvars, consts, strict=True)) | dict(zip(jaxpr.invars, args, strict=True))
        called: dict[Any, str] = dict(zip(jaxpr.invars, names, strict=True))
        for eqn in jaxpr.eqns:
            values = [self._read(env, v) for v in eqn.invars]
            given = [called.get(v, "") if not hasattr(v, "val") else "" for v in eqn.invars]
            outs, found = self._equation(eqn, values, given, hidden)
            env.update(zip(eqn.outvars, outs, strict=True))
            called.update(zip(eqn.outvars, found, strict=True))
        results = [self._read(env, v) for v in jaxpr.outvars]
        return results, [called.get(v, "") if not hasattr(v, "val") else "" for v in jaxpr.outvars]

    def _read(self, env: dict[Any, Any], v: Any) -> Any:
        return v.val if hasattr(v, "val") else env[v]

    def _equation(self, eqn: Any, values: list[Any], names: list[str], hidden: bool) -> tuple[list[Any], list[str]]:
        kind = eqn.primitive.name
        if kind in CALLS:
            inner = eqn.params[CALLS[kind]]
            jaxpr, consts = (inner.jaxpr, inner.consts) if hasattr(inner, "jaxpr") else (inner, ())
            return self.run(jaxpr, consts, values, names, hidden)
        if kind == "cond":
            branch = eqn.params["branches"][self._taken(values[0], len(eqn.params["branches"]))]
            return self.run(branch.jaxpr, branch.consts, values[1:], names[1:], hidden)
        if kind == "scan":
            return self._scan(eqn.params, values, names, hidden)
        if kind == "while":
            return self._while(eqn.params, values, names, hidden)
        outs = self._bound(eqn, values)
        if self.zeros is not None:
            return (self._shown(eqn, values) if not hidden else outs), [""] * len(outs)
        return outs, self._named(eqn, values, names, outs, hidden)

    def _taken(self, index: Any, branches: int) -> int:
        if self.zeros is None:
            self.record.turns.append(min(max(int(index), 0), branches - 1))
        self._turn += 1
        return self.record.turns[self._turn - 1]

    def _scan(self, p: Any, values: list[Any], names: list[str], hidden: bool) -> tuple[list[Any], list[str]]:
        """Run the turns of a loop of fixed length one after the other."""
        body, n, consts, carried = p["jaxpr"], p["length"], p["num_consts"], p["num_carry"]
        carry, called = values[consts : consts + carried], names[consts : consts + carried]
        rows: list[tuple[list[Any], list[str]]] = []
        for k in reversed(range(n)) if p["reverse"] else range(n):
            xs = [(x[k], self._entry(name, x[k].shape, k, str(x.dtype))) for x, name in zip(values[consts + carried :], names[consts + carried :], strict=True)]
            args, given = [*values[:consts], *carry, *(x for x, _ in xs)], [*names[:consts], *called, *(name for _, name in xs)]
            outs, found = self.run(body.jaxpr, body.consts, args, given, hidden)
            carry, called = outs[:carried], found[:carried]
            rows.append((outs[carried:], found[carried:]))
        rows = rows[::-1] if p["reverse"] else rows
        stacked = [jnp.stack([row[0][j] for row in rows]) for j in range(len(rows[0][0]))] if rows else []
        joined = [self._joined([row[1][j] for row in rows], [row[0][j] for row in rows]) for j in range(len(stacked))]
        return [*carry, *stacked], [*called, *joined]

    def _entry(self, name: str, shape: Any, k: int, format_: str) -> str:
        if not name:
            return ""
        tape = self.record.tape
        part = tape.node("slice", [name], {"starts": (k,), "stops": (k + 1,), "axes": (0,)}, format_, Place(operation="scan"))
        return tape.node("reshape", [part], {"shape": tuple(shape)}, format_, Place(operation="scan"))

    def _joined(self, names: list[str], values: list[Any]) -> str:
        if not any(names):
            return ""
        tape = self.record.tape
        parts = [name or tape.constant(np.asarray(x, np.float64)) for name, x in zip(names, values, strict=True)]
        return tape.node("stack", parts, {"axis": 0}, str(values[0].dtype), Place(operation="scan"))

    def _while(self, p: Any, values: list[Any], names: list[str], hidden: bool) -> tuple[list[Any], list[str]]:
        """Run the turns that a loop makes with these numbers."""
        if hidden:
            raise Unruled("while: a loop that ends by its numbers, inside of a derivative that somebody wrote")
        n, m = p["cond_nconsts"], p["body_nconsts"]
        carry, called = values[n + m :], names[n + m :]
        if self.zeros is None:
            place, self._turn = len(self.record.turns), self._turn + 1
            self.record.turns.append(0)
            while self._goes_on(p["cond_jaxpr"], [*values[:n], *carry]):
                self.record.turns[place] += 1
                carry, called = self.run(p["body_jaxpr"].jaxpr, p["body_jaxpr"].consts, [*values[n : n + m], *carry], [*names[n : n + m], *called])
            return carry, called
        self._turn += 1
        for _ in range(self.record.turns[self._turn - 1]):
            carry, called = self.run(p["body_jaxpr"].jaxpr, p["body_jaxpr"].consts, [*values[n : n + m], *carry], [*names[n : n + m], *called])
        return carry, called

    def _goes_on(self, condition: Any, values: list[Any]) -> bool:
        return bool(jax.core.eval_jaxpr(condition.jaxpr, condition.consts, *values)[0])

    def _bound(self, eqn: Any, values: list[Any]) -> list[Any]:
        return bind(eqn, values)

    # -- the first run --------------------------------------------------------------------------

    def _named(self, eqn: Any, values: list[Any], names: list[str], outs: list[Any], hidden: bool) -> list[str]:
        """Return the names of the results, and note where zeros are to be added."""
        if not any(names) or eqn.primitive.name in STEPS:
            if any(names) and eqn.primitive.name == "stop_gradient":
                self.record.cuts.append(place_of(eqn))
            return self._noted(outs, [""] * len(outs), hidden)
        marks = self._marks()
        try:
            found = self._ruled(eqn, values, names, outs)
        except (Unruled, GradcheckError) as error:
            if hidden:
                raise
            self._undo(marks)
            return self._opaque(eqn, values, names, outs, str(error))
        return self._noted(outs, found, hidden)

    def _marks(self) -> tuple[int, ...]:
        r = self.record
        return len(r.sites), len(r.turns), len(r.tape.nodes), self._turn

    def _undo(self, marks: tuple[int, ...]) -> None:
        """Forget what was recorded of the interior of an equation that cannot be followed."""
        r = self.record
        del r.sites[marks[0] :], r.turns[marks[1] :], r.tape.nodes[marks[2] :]
        self._turn = marks[3]

    def _ruled(self, eqn: Any, values: list[Any], names: list[str], outs: list[Any]) -> list[str]:
        kind = eqn.primitive.name
        if kind in CUSTOM:
            inner = eqn.params[CUSTOM[kind]]
            turns, first = len(self.record.turns), len(self.record.tape.nodes)
            found = self.run(inner.jaxpr, inner.consts, values, names, hidden=True)[1]
            del self.record.turns[turns:]
            self._turn = turns
            self._place(first, place_of(eqn))
            own = {node.name for node in self.record.tape.nodes[first:]}
            return [name if name in own and found.count(name) == 1 else self._renamed(name, out, eqn) for name, out in zip(found, outs, strict=True)]
        if kind not in RULES:
            raise Unruled(f"{kind} has no rule")
        e = Equation(self.record.tape, partial(_bound, eqn), kind, eqn.params, values, names, outs, place_of(eqn))
        RULES[kind](e)
        return [e.given.get(k, "") for k in range(len(outs))]

    def _place(self, first: int, place: Place) -> None:
        """Let what a derivative by hand has inside, and nobody's code, stand where it was called."""
        tape = self.record.tape
        for node in tape.nodes[first:]:
            inner = tape.places[node.name]
            tape.places[node.name] = inner if inner.file else replace(place, operation=inner.operation)

    def _renamed(self, name: str, out: Any, eqn: Any) -> str:
        """Return a value of its own for a result that is an operand, or another result."""
        return self.record.tape.node("reshape", [name], {"shape": tuple(out.shape)}, str(out.dtype), place_of(eqn)) if name else ""

    def _noted(self, outs: list[Any], names: list[str], hidden: bool) -> list[str]:
        if not hidden:
            self.record.sites += [Site(name, out) if name else None for name, out in zip(names, outs, strict=True)]
        return names

    def _opaque(self, eqn: Any, values: list[Any], names: list[str], outs: list[Any], reason: str) -> list[str]:
        r, place = self.record, place_of(eqn)
        found = [r.tape.parameter(eqn.primitive.name, tuple(out.shape), str(out.dtype)) if jnp.issubdtype(out.dtype, jnp.floating) else "" for out in outs]
        r.given |= {name: out for name, out in zip(found, outs, strict=True) if name}
        kind = "function" if eqn.primitive.name in CUSTOM else "operation"
        name, operands, results = str(eqn.params.get("name", eqn.primitive.name)), tuple(n for n in names if n), tuple(n for n in found if n)
        r.opaque.append(Opaque(name, reason, place, operands, results, kind))
        r.again.append(again(eqn, values, names))
        r.opaque_sites.add(len(r.sites))
        r.sites += [Site(name, x, handed=True) if name else None for name, x in zip(names, values, strict=True)]
        return self._noted(outs, found, hidden=False)

    # -- the second run -------------------------------------------------------------------------

    def _shown(self, eqn: Any, values: list[Any]) -> list[Any]:
        """Return the results with zeros added; those of an opaque equation from operands with zeros of their own."""
        if self._site in self.record.opaque_sites:
            values = [self._added(x) for x in values]
        return [self._added(out) for out in bind(eqn, values)]

    def _added(self, x: Any) -> Any:
        assert self.zeros is not None
        site = self.record.sites[self._site]
        self._site += 1
        if site is None:
            return x
        self._zero += 1
        return x + self.zeros[self._zero - 1]


def bind(eqn: Any, values: Sequence[Any], **changed: Any) -> list[Any]:
    """Return what the primitive of an equation makes of operands, with some of its parameters changed."""
    given = eqn.primitive.get_bind_params({**eqn.params, **changed})
    functions, params = given if isinstance(given, tuple) else ((), given)  # a pair before JAX 0.8
    found = eqn.primitive.bind(*functions, *values, **params)
    return list(found) if eqn.primitive.multiple_results else [found]


class Wide(Walk):
    """A run in float64, whatever the formats of the jaxpr; derivatives that somebody wrote are of no interest."""

    def __init__(self) -> None:
        super().__init__(Record())

    def equation(self, eqn: Any, values: list[Any]) -> list[Any]:
        """Return the results of one equation."""
        if eqn.primitive.name in CUSTOM:
            inner = eqn.params[CUSTOM[eqn.primitive.name]]
            return self.run(inner.jaxpr, inner.consts, values, [""] * len(values))[0]
        return self._equation(eqn, values, [""] * len(values), hidden=False)[0]

    def _goes_on(self, condition: Any, values: list[Any]) -> bool:
        return bool(self.run(condition.jaxpr, condition.consts, values, [""] * len(values))[0][0])

    def _bound(self, eqn: Any, values: list[Any]) -> list[Any]:
        wide = {k: jnp.dtype("float64") for k in ("new_dtype", "preferred_element_type") if _is_floating(eqn.params.get(k))}
        if eqn.primitive.name in CUSTOM:
            return self.equation(eqn, values)
        return bind(eqn, [_widened(x) for x in values], **wide)


def _is_floating(dtype: Any) -> bool:
    return dtype is not None and bool(jnp.issubdtype(dtype, jnp.floating))


def _widened(x: Any) -> Any:
    return jnp.asarray(x, "float64") if _is_floating(getattr(x, "dtype", None)) else x


def _float64() -> Any:
    """Return the block in which JAX has float64."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    return import_module("jax.experimental").enable_x64()  # before JAX 0.8


def again(eqn: Any, values: Sequence[Any], names: Sequence[str]) -> Again:
    """Return an equation as a function in float64 of the operands that are differentiated."""

    def value(operands: Sequence[Any]) -> list[Any]:
        moved = iter(operands)
        with _float64():
            found = Wide().equation(eqn, [_widened(jnp.asarray(next(moved)) if name else x) for name, x in zip(names, values, strict=True)])
            return [np.asarray(y, np.float64) for y in found if _is_floating(y.dtype)]

    return value


def _bound(eqn: Any, *values: Any) -> list[Any]:
    """Return what becomes of positions; -1 where an entry is filled."""
    return bind(eqn, values, **({"fill_value": -1} if "fill_value" in eqn.params else {}))
