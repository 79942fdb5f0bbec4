"""Targets x networks x formats: each run is judged; nothing that goes wrong stops the rest."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from gradcheck.arith.floating import FORMATS
from gradcheck.arith.running import Roundoff
from gradcheck.errors import BadInput, CannotExpress, GradcheckError, TargetFailed, UnknownDtype
from gradcheck.graph.values import Arrays
from gradcheck.networks.network import Network, networks
from gradcheck.targets.registry import is_command, targets
from gradcheck.targets.target import Description, Target, leaf_arrays
from gradcheck.verdict.finding import Finding, Matrix, Row, Skipped
from gradcheck.verdict.judge import Judgement, judge
from gradcheck.verdict.known import excused
from gradcheck.verdict.ulps import measured_ulps

Progress = Callable[[str, int, int], None]
#: target, network, format, and of second derivatives the way to them
Case = tuple[Description, Network, str, str | None]
#: target (and way), network, format
Key = tuple[str, str, str]


def validate(
    target: str | Target | Callable[..., Any] | Iterable[str | Target | Callable[..., Any]],
    networks: str | Network | Iterable[str | Network] = "*",
    *,
    dtypes: Iterable[str] = ("float64",),
    random: int = 0,
    seed: int = 0,
    order: int = 1,
    enclose: bool = False,
    progress: Progress | bool | None = None,
    done: Mapping[Key, Row | Skipped] | None = None,
    settled: Callable[[Callable[[], Matrix]], None] | None = None,
    timeout: float | None = None,
) -> Matrix:
    """Judge one target or several on networks.

    Args:
        target: a target, its name, "module:attribute", a program such as "./engine" (docs/protocol.md), a callable, or several of these.
        networks: shell patterns of names, systems or tags, or networks.
        dtypes: formats; those that a target or network does not have are left out.
        random: how many random networks to add.
        seed: of the networks' data, the random networks and the stochastic sweeps.
        order: 2 judges Hessians times vectors, by each of a target's ways to them, in place of gradients.
        enclose: whether every gradient is held against its certified enclosure; else only where gradients are all there is.
        progress: called with the case's label, its number and how many there are; True draws a bar, in notebooks too.
        done: (target, network, format) -> what was found before, and is not tried again.
        settled: called after each case, for who keeps results; what it is given makes the result so far.
        timeout: seconds that a program has for each answer (default 60); programs are ended with the run.

    Raises:
        UnknownName: a target or network that does not exist.
        UnknownDtype: a format that does not exist.

    >>> matrix = validate("reference", "xor-2-2-1")
    >>> matrix.verdict
    'pass'
    """
    if progress is True:
        from gradcheck.render.progress import progress as shown

        with shown() as told:
            return validate(
                target, networks, dtypes=dtypes, random=random, seed=seed, order=order, enclose=enclose, progress=told, done=done, settled=settled,
                timeout=timeout,
            )  # fmt: skip
    start = time.perf_counter()
    with ExitStack() as stack:
        described = [_described(t, timeout, stack) for t in _several(target)]
        cases = _cases(described, networks, dtypes, [f"random/{seed}/{k}" for k in range(random)], order)
        return _validated(described, cases, start, seed, enclose, progress or None, done, settled)


def _validated(
    described: list[Description], cases: list[Case], start: float, seed: int, enclose: bool, progress: Progress | None,
    done: Mapping[Key, Row | Skipped] | None, settled: Callable[[Callable[[], Matrix]], None] | None,
) -> Matrix:  # fmt: skip
    versions = {"gradcheck": _version(), **{d.name: d.version for d in described}, "numpy": np.__version__}
    found: list[Row | Skipped] = []

    def so_far(*, complete: bool) -> Matrix:
        rows, skipped = (tuple(x for x in found if isinstance(x, kind)) for kind in (Row, Skipped))
        return Matrix(rows, skipped, seed, versions, time.perf_counter() - start, complete)  # type: ignore[arg-type]  # by kind

    for k, (d, network, dtype, mode) in enumerate(cases):
        key = (_label(d, mode), network.name, dtype)
        if progress:
            progress("/".join(key), k, len(cases))
        found.append(done[key] if done and key in done else _case(d, network, dtype, mode, seed, enclose))
        if settled is not None:
            settled(partial(so_far, complete=False))
    return so_far(complete=True)


def _described(t: Any, timeout: float | None, stack: ExitStack) -> Description:
    """Return the description of a target; a program is ended with the stack."""
    if not isinstance(t, str):
        return Description.of(t)
    if not is_command(t):
        return Description.of(targets[t], t)
    from gradcheck.targets.process import TIMEOUT, Process

    return Description.of(stack.enter_context(Process(t, timeout=TIMEOUT if timeout is None else timeout)), t)


def _cases(
    described: Iterable[Description], wanted: str | Network | Iterable[str | Network], dtypes: Iterable[str], drawn: list[str], order: int
) -> list[Case]:
    """Return what is to be run, target by target; of the drawn networks each target has as many as it takes."""
    if order not in (1, 2):
        raise BadInput(f"expected order 1 or 2; got {order}")
    formats = list(dtypes)
    for dtype in formats:
        if dtype not in FORMATS:
            raise UnknownDtype(dtype, list(FORMATS))
    named = _networks(wanted)
    return [
        (d, n, f, mode)
        for d in described
        for mode in ((None,) if order == 1 else d.second_modes or ("",))
        for n in [*named, *_drawn(drawn[: d.most_random])]
        for f in formats
    ]


def _label(d: Description, mode: str | None) -> str:
    """Return the name of a target in its rows, with the way to second derivatives."""
    return d.name if mode is None else f"{d.name}: {mode or 'hvp'}"


def _several(target: Any) -> list[Any]:
    return list(target) if isinstance(target, list | tuple | set) else [target]


def _drawn(names: list[str]) -> list[Network]:
    return [networks[name] for name in names]


def _networks(wanted: str | Network | Iterable[str | Network]) -> list[Network]:
    given = [wanted] if isinstance(wanted, str | Network) else list(wanted)
    out: list[Network] = []
    for item in given:
        out += networks.matching(item) if isinstance(item, str) and item else [item] if not isinstance(item, str) else []
    return out


def _case(d: Description, network: Network, dtype: str, mode: str | None, seed: int, enclose: bool) -> Row | Skipped:
    name = _label(d, mode)
    if dtype not in d.dtypes:
        return Skipped(name, network.name, dtype, f"the target has no {dtype}")
    if dtype not in network.dtypes:
        return Skipped(name, network.name, dtype, f"the network makes no sense in {dtype}")
    start = time.perf_counter()
    try:
        found = _judged(d, network, dtype, seed, enclose) if mode is None else _judged_second(d, network, dtype, mode, seed)
    except CannotExpress as reason:
        return Skipped(name, network.name, dtype, str(reason))
    except GradcheckError as error:
        found = Judgement("inconclusive", "none", str(error))
    row = Row(
        name, network.name, dtype, found.verdict, found.evidence, found.worst_ratio, found.node, found.op,
        found.message, found.resolution, found.checks, time.perf_counter() - start,
        findings=tuple(replace(f, snippet=_snippet(f, d, network, dtype, mode, seed)) for f in found.findings),
        error=found.evidence == "none", nodes=found.nodes, histogram=found.histogram, accuracy=found.accuracy,
    )  # fmt: skip
    return excused(row, d.known)


def _judged(d: Description, network: Network, dtype: str, seed: int, enclose: bool) -> Judgement:
    graph = network.graph
    values = network.values(seed, dtype)
    kept = {k: x.copy() for k, x in values.items()}
    run = _answer(lambda: d.target.run(graph, values))
    if isinstance(run, Judgement):
        return run
    leaves, roundoff = leaf_arrays(graph, kept), _roundoff(d, dtype)
    found = judge(graph, leaves, run, roundoff, dtype, slack=d.slack, seed=seed, enclose=enclose)
    return _with_mutations(found, kept, values)


def _judged_second(d: Description, network: Network, dtype: str, mode: str, seed: int) -> Judgement:
    from gradcheck.verdict.second import Product, direction, judge_product

    graph, values = network.graph, network.values(seed, dtype)
    kept, along = {k: x.copy() for k, x in values.items()}, direction(graph, dtype, seed)
    hvp = getattr(d.target, "hvp", None)
    if hvp is None:
        raise CannotExpress("the target has no hvp")
    found = _answer(lambda: hvp(graph, values, along, mode) if mode else hvp(graph, values, along))
    if isinstance(found, Judgement):
        return found
    if not isinstance(found, Mapping):
        raise TargetFailed(f"expected hvp to return a mapping from names to arrays; got {type(found).__name__}")
    asked = Product(graph, leaf_arrays(graph, kept), along, _roundoff(d, dtype), dtype, d.slack, seed)
    return _with_mutations(judge_product(asked, found), kept, values)


def _answer(call: Callable[[], Any]) -> Any:
    """Return what a target answers, or the judgement on what it raises: it is foreign code, and that is its answer."""
    try:
        with np.errstate(all="ignore"):
            return call()
    except GradcheckError:
        raise
    except (Exception, SystemExit) as error:
        return Judgement("inconclusive", "none", f"the target raised {type(error).__name__}: {error}{_place(error)}")


def _roundoff(d: Description, dtype: str) -> Roundoff:
    return Roundoff.of(dtype, flushes=d.flushes, accumulate=d.accumulates.get(dtype), ulps=measured_ulps(d.name, dtype))


def _place(error: BaseException) -> str:
    """Return where foreign code raised, or "" where it was never reached."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    inside = Path(last.filename).is_relative_to(Path(__file__).parents[1])
    return "" if inside else f" ({Path(last.filename).name}:{last.lineno})"


def _with_mutations(found: Judgement, before: Arrays, after: Arrays) -> Judgement:
    """A target must leave its inputs alone."""
    changed = [k for k, x in before.items() if k not in after or not np.array_equal(x, after[k], equal_nan=x.dtype.kind == "f")]
    if not changed:
        return found
    finding = Finding("fault", f"the target changed its input {changed[0]!r} in place", node=changed[0], direction="value")
    return replace(found, verdict="fail", message=finding.message, node=changed[0], findings=(finding, *found.findings))


def _snippet(f: Finding, d: Description, network: Network, dtype: str, mode: str | None, seed: int) -> str:
    """Return code that shows the target's number again."""
    if not f.node or f.severity != "fault":
        return ""
    part = {"value": "node_values", "adjoint": "node_adjoints"}.get(f.direction, "gradients")
    shown = f"np.asarray(run.{part}[{f.node!r}]){list(f.index) if f.index else ''}"
    ours, theirs = network.name in networks, is_command(d.spec) or d.spec in targets or ":" in d.spec
    lines = ["import numpy as np, gradcheck", "from gradcheck.targets import Description"]
    lines += [f"network = gradcheck.networks[{network.name!r}]" if ours else f"# network: your {network.name!r}"]
    lines += [f"target = gradcheck.targets[{d.spec!r}]" if theirs else f"# target: your {d.spec!r}"]
    lines += [f"values = network.values({seed}, {dtype!r})"]
    if mode is None:
        lines += ["run = Description.of(target).target.run(network.graph, values)"]
    else:
        shown = f"np.asarray(product[{f.node!r}]){list(f.index) if f.index else ''}"
        lines += [
            "from gradcheck.verdict.second import direction",
            f"product = target.hvp(network.graph, values, direction(network.graph, {dtype!r}, {seed}){f', {mode!r}' if mode else ''})",
        ]
    lines += [
        f"print({shown})",
        f"# expected {f.expected!r} +- {f.bound:.3g}",
    ]
    return "\n".join(lines)


def _version() -> str:
    try:
        return version("gradcheck")
    except PackageNotFoundError:
        return "0"
