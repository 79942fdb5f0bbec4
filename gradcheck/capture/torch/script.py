"""A wrong call of a recorded run as a script of its own: the call, its operands made small, differences beside what it hands on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gradcheck.arith.roundoff import Roundoff
from gradcheck.capture.alone import Alone
from gradcheck.capture.code import Code
from gradcheck.capture.torch.suspect import Suspect, Value, leaves, mapped, numbers
from gradcheck.capture.torch.tensors import FORMATS, Tensor

Array = npt.NDArray[Any]

#: Entries of all tensors up to which a script is written: a screen.
MOST_PRINTED = 200
#: Time that making a call small may take; what is small enough by then is written.
SECONDS = 20.0
#: Central differences with a step of the third root of float64's spacing are good to its square, 4e-11; what is off by some thousand of that is told.
DIFFERENCES = 1e-7
#: Decimals that operands are rounded to, while the call stays wrong: fewer are read more easily.
DECIMALS = (0, 1, 2, 3)


@dataclass(frozen=True, slots=True)
class Problem:
    """A call with its numbers, in float64.

    Args:
        suspect: what is called.
        operands: by name.
        cotangents: of its results, in their order.
    """

    suspect: Suspect
    operands: Mapping[str, Array]
    cotangents: tuple[Array, ...]

    @property
    def size(self) -> int:
        """The number of entries of all tensors."""
        given = [x.numel() for x in leaves(self.suspect.arguments) if isinstance(x, torch.Tensor)]
        return int(sum(given)) + sum(x.size for x in (*self.operands.values(), *self.cotangents))

    def values(self, operands: Sequence[Array]) -> list[Tensor]:
        """Return the results whose gradient the call is meant to hand on."""
        given = dict(zip(self.operands, map(_tensor, operands), strict=True))
        return self.suspect.call(given, by_reference=True)

    def handed(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return the results, and what the call hands on to each operand."""
        given = {k: _tensor(x).requires_grad_() for k, x in self.operands.items()}
        with torch.enable_grad():
            results = self.suspect.call(given)[: len(self.cotangents)]
            weights = [torch.as_tensor(g, dtype=t.dtype) for g, t in zip(self.cotangents, results, strict=True)]
            found = torch.autograd.grad(results, list(given.values()), weights, allow_unused=True)
        return results, [torch.zeros_like(t) if g is None else g for g, t in zip(found, given.values(), strict=True)]

    def is_wrong(self) -> bool:
        """Answer whether differences contradict what is handed on; not where the call cannot be made."""
        try:
            with torch.random.fork_rng(devices=[]):
                results, handed = self.handed()
                alone = Alone(
                    lambda xs: numbers([t for t, _ in zip(self.values(xs), results, strict=False)]), tuple(self.operands.values()),
                    numbers(results if self.suspect.reference is None else self.values(list(self.operands.values()))[: len(results)]), self.cotangents,
                    numbers(handed), Roundoff.of("float64").u,
                )  # fmt: skip
                return alone.is_contradicted()
        except Exception:  # of another shape than the call takes
            return False


def script_of(suspect: Suspect, operands: Mapping[str, Array], cotangents: Sequence[Array], reason: str) -> str:
    """Return a script that shows what a call hands on wrongly, with torch alone; "" where float64 does not show it, or it has no source.

    Args:
        suspect: the call.
        operands: of the run, by name.
        cotangents: what came back to its results.
        reason: the finding, in words.
    """
    made = {k: np.asarray(operands[k], np.float64) for k in suspect.operands}
    start = Problem(suspect, made, tuple(np.asarray(g, np.float64) for g in cotangents))
    start = start if start.is_wrong() else _drawn(start)
    if not start.is_wrong():
        return ""
    until = monotonic() + SECONDS
    problem = _rounded(_small(start, until), until)
    return _text(problem, reason) if problem.size <= MOST_PRINTED else ""


def _drawn(problem: Problem) -> Problem:
    """Return the call with other cotangents: those of the run may have vanished where it is wrong."""
    rng = np.random.default_rng(0)
    return replace(problem, cotangents=tuple(rng.standard_normal(g.shape) for g in problem.cotangents))


# -- made small -----------------------------------------------------------------------------------


def _small(problem: Problem, until: float) -> Problem:
    """Return the call with axes cut short, as long as it stays wrong."""
    progress = True
    while progress and monotonic() < until:
        progress = False
        for candidate in _shorter(problem):
            if monotonic() < until and candidate.is_wrong():
                problem, progress = candidate, True
                break
    return problem


def _shorter(problem: Problem) -> Iterator[Problem]:
    """Yield calls in which all axes of one length are cut, with the numbers that may stand for that length, and without."""
    shapes = [x.shape for x in (*problem.operands.values(), *(t for t in leaves(problem.suspect.arguments) if isinstance(t, torch.Tensor)))]
    for n in sorted({n for shape in shapes for n in shape if n > 1}, reverse=True):
        for m in sorted({1, 2, n // 2, n - 1} - {0, n}):
            for told in (False, True):
                yield _cut(problem, n, m, told)


def _cut(problem: Problem, n: int, m: int, told: bool) -> Problem:
    def of(x: Any) -> Any:
        if isinstance(x, torch.Tensor):
            return x[tuple(slice(m if k == n else None) for k in x.shape)]
        return m if told and type(x) is int and x == n else x

    suspect = replace(problem.suspect, arguments=mapped(problem.suspect.arguments, of))
    operands = {k: _part(x, n, m) for k, x in problem.operands.items()}
    made = Problem(suspect, operands, problem.cotangents)
    try:
        shapes = [tuple(t.shape) for t in made.values(list(operands.values()))]
    except Exception:  # the call does not take it: it is not wrong
        return made
    cut = tuple(g[tuple(slice(k) for k in shape)] if g.ndim == len(shape) else g for g, shape in zip(problem.cotangents, shapes, strict=False))
    return replace(made, cotangents=cut)


def _part(x: Array, n: int, m: int) -> Array:
    return x[tuple(slice(m if k == n else None) for k in x.shape)]


def _rounded(problem: Problem, until: float) -> Problem:
    """Return the call with numbers of few digits, as long as it stays wrong."""
    for name in problem.operands:
        problem = _first(problem, until, partial(_rounded_operand, problem, name))
    ones = replace(problem, cotangents=tuple(np.ones_like(g) for g in problem.cotangents))
    if monotonic() < until and ones.is_wrong():
        return ones
    return _first(problem, until, lambda d: replace(problem, cotangents=tuple(_short(g, d) for g in problem.cotangents)))


def _rounded_operand(problem: Problem, name: str, decimals: int) -> Problem:
    return replace(problem, operands={**problem.operands, name: _short(problem.operands[name], decimals)})


def _first(problem: Problem, until: float, of: Callable[[int], Problem]) -> Problem:
    made = (of(d) for d in DECIMALS)
    return next((p for p in made if monotonic() < until and p.is_wrong()), problem)


def _short(x: Array, decimals: int) -> Array:
    """Return numbers of so many digits behind the first one of the largest."""
    size = float(np.max(np.abs(x), initial=0.0))
    return np.round(x, decimals - int(np.floor(np.log10(size)))) if size else x


# -- its text -------------------------------------------------------------------------------------


def _text(problem: Problem, reason: str) -> str:
    code, suspect = Code(), problem.suspect
    function = suspect.function
    code.define("torch", torch)
    if isinstance(function, type):
        code.define(function.__name__, function)
    if suspect.reference is not None:
        code.define(suspect.reference.__name__, suspect.reference)
    if code.missing:
        return ""
    names = {k: f"x{i}" for i, k in enumerate(problem.operands)}
    data: dict[str, Tensor] = {}
    call = _call(suspect, names, data, f"{function.__name__}.apply" if isinstance(function, type) else f"torch.ops.{_path(function)}")
    value = call if suspect.reference is None else _call(suspect, names, data, suspect.reference.__name__)
    lines = [f'"""{_quoted(reason)}"""', "", *code.lines, ""]
    lines += [f"{k} = {_literal(t)}" for k, t in data.items()]
    lines += [f"{names[k]} = {_literal(_tensor(x))}" for k, x in problem.operands.items()]
    lines += [f"cotangents = [{', '.join(_literal(_tensor(g)) for g in problem.cotangents)}]"]
    return "\n".join([*lines, *_TAIL.format(names=", ".join(names.values()), call=call, value=value, limit=DIFFERENCES).splitlines()]) + "\n"


#: What every script ends with: differences of the value beside what is handed on.
_TAIL = '''operands = [{names}]


def weighed(out):
    """The results times their cotangents."""
    results = [y for y in (out if isinstance(out, (tuple, list)) else [out]) if isinstance(y, torch.Tensor) and y.is_floating_point()]
    return sum((y * g).sum() for y, g in zip(results, cotangents))


def call({names}):
    return {call}


def value({names}):
    return {value}


leaves = [x.clone().requires_grad_() for x in operands]
handed = torch.autograd.grad(weighed(call(*leaves)), leaves, allow_unused=True)
wrong = 0
for k, (x, g) in enumerate(zip(operands, handed)):
    g = torch.zeros_like(x) if g is None else g
    slopes = torch.zeros_like(x)
    for i in range(x.numel()):
        step = 6e-6 * max(1.0, abs(x.view(-1)[i].item()))
        sides = []
        for s in (step, -step):
            moved = [y.clone() for y in operands]
            moved[k].view(-1)[i] += s
            with torch.no_grad():
                sides.append(float(weighed(value(*moved))))
        slopes.view(-1)[i] = (sides[0] - sides[1]) / (2 * step)
    off = (g - slopes).abs() > {limit:g} * max(float(slopes.abs().max()), float(g.abs().max()))
    wrong += int(off.sum())
    if off.any():
        print(f"x{{k}}: handed on\\n{{g}}\\ndifferences give\\n{{slopes}}")
raise SystemExit(1 if wrong else 0)
'''


def _call(suspect: Suspect, names: Mapping[str, str], data: dict[str, Tensor], function: str) -> str:
    """Return the call as code; tensors that are no operands get names."""

    def shown(x: Any) -> str:
        if isinstance(x, Value):
            return names[x.name]
        if isinstance(x, torch.Tensor):
            known = next((k for k, t in data.items() if t is x), f"data{len(data)}")
            data[known] = x
            return known
        if isinstance(x, list | tuple):
            return f"[{', '.join(map(shown, x))}]"
        return f"torch.{x!r}" if isinstance(x, torch.device) else repr(x)

    positional = isinstance(suspect.function, type)
    return f"{function}({', '.join(shown(x) if positional else f'{k}={shown(x)}' for k, x in suspect.arguments.items())})"


def _path(function: Any) -> str:
    return str(function).replace("::", ".")


def _literal(t: Tensor) -> str:
    wide = t.double() if t.dtype in FORMATS else t
    text = repr(wide.tolist()).replace("nan", "float('nan')").replace("inf", "float('inf')")
    shape = f".reshape({tuple(t.shape)})" if t.numel() == 0 else ""
    return f"torch.tensor({text}, dtype={wide.dtype}){shape}"


def _quoted(text: str) -> str:
    return text.replace("\\", "/").replace('"', "'")


def _tensor(x: Array) -> Tensor:
    return torch.tensor(np.asarray(x), dtype=torch.float64)
