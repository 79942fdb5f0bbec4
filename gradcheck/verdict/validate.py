"""Targets x networks x formats: each run is judged; nothing that goes wrong stops the rest."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from gradcheck.arith.floating import FORMATS
from gradcheck.arith.running import Roundoff
from gradcheck.errors import CannotExpress, GradcheckError, UnknownDtype
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Arrays
from gradcheck.networks.network import Network, networks
from gradcheck.targets.registry import targets
from gradcheck.targets.target import Description, Target, leaf_arrays
from gradcheck.verdict.explaining import Failing, explained
from gradcheck.verdict.finding import Finding, Matrix, Row, Skipped
from gradcheck.verdict.judge import Judgement, judge
from gradcheck.verdict.known import excused
from gradcheck.verdict.ulps import measured_ulps

Progress = Callable[[str, int, int], None]
Case = tuple[Description, Network, str]
#: target, network, format
Key = tuple[str, str, str]


def validate(
    target: str | Target | Callable[..., Any] | Iterable[str | Target | Callable[..., Any]],
    networks: str | Network | Iterable[str | Network] = "*",
    *,
    dtypes: Iterable[str] = ("float64",),
    random: int = 0,
    seed: int = 0,
    enclose: bool = False,
    progress: Progress | bool | None = None,
    done: Mapping[Key, Row | Skipped] | None = None,
    settled: Callable[[Callable[[], Matrix]], None] | None = None,
) -> Matrix:
    """Judge one target or several on networks.

    Args:
        target: a target, its name, "module:attribute", a callable, or several of these.
        networks: shell patterns of names, systems or tags, or networks.
        dtypes: formats; those that a target or network does not have are left out.
        random: how many random networks to add.
        seed: of the networks' data, the random networks and the stochastic sweeps.
        enclose: whether every gradient is held against its certified enclosure; else only where gradients are all there is.
        progress: called with the case's label, its number and how many there are; True draws a bar, in notebooks too.
        done: (target, network, format) -> what was found before, and is not tried again.
        settled: called after each case, for who keeps results; what it is given makes the result so far.

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
            return validate(target, networks, dtypes=dtypes, random=random, seed=seed, enclose=enclose, progress=told, done=done, settled=settled)
    start = time.perf_counter()
    described = [(Description.of(targets[t], t) if isinstance(t, str) else Description.of(t)) for t in _several(target)]
    cases = _cases(described, networks, dtypes, [f"random/{seed}/{k}" for k in range(random)])
    versions = {"gradcheck": _version(), **{d.name: d.version for d in described}, "numpy": np.__version__}
    found: list[Row | Skipped] = []

    def so_far(*, complete: bool) -> Matrix:
        rows, skipped = (tuple(x for x in found if isinstance(x, kind)) for kind in (Row, Skipped))
        return Matrix(rows, skipped, seed, versions, time.perf_counter() - start, complete)  # type: ignore[arg-type]  # by kind

    for k, (d, network, dtype) in enumerate(cases):
        key = (d.name, network.name, dtype)
        if progress:
            progress("/".join(key), k, len(cases))
        found.append(done[key] if done and key in done else _case(d, network, dtype, seed, enclose))
        if settled is not None:
            settled(partial(so_far, complete=False))
    return so_far(complete=True)


def _cases(
    described: Iterable[Description], wanted: str | Network | Iterable[str | Network], dtypes: Iterable[str], drawn: list[str]
) -> list[Case]:
    """Return what is to be run, target by target; of the drawn networks each target has as many as it takes."""
    formats = list(dtypes)
    for dtype in formats:
        if dtype not in FORMATS:
            raise UnknownDtype(dtype, list(FORMATS))
    named = _networks(wanted)
    return [(d, n, f) for d in described for n in [*named, *_drawn(drawn[: d.most_random])] for f in formats]


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


def _case(d: Description, network: Network, dtype: str, seed: int, enclose: bool) -> Row | Skipped:
    if dtype not in d.dtypes:
        return Skipped(d.name, network.name, dtype, f"the target has no {dtype}")
    if dtype not in network.dtypes:
        return Skipped(d.name, network.name, dtype, f"the network makes no sense in {dtype}")
    start = time.perf_counter()
    try:
        found = _judged(d, network, dtype, seed, enclose)
    except CannotExpress as reason:
        return Skipped(d.name, network.name, dtype, str(reason))
    except GradcheckError as error:
        found = Judgement("inconclusive", "none", str(error))
    row = Row(
        d.name, network.name, dtype, found.verdict, found.evidence, found.worst_ratio, found.node, found.op,
        found.message, found.resolution, found.checks, time.perf_counter() - start,
        findings=tuple(replace(f, snippet=_snippet(f, d, network, dtype, seed)) for f in found.findings),
        error=found.evidence == "none", nodes=found.nodes, histogram=found.histogram, accuracy=found.accuracy,
    )  # fmt: skip
    return excused(row, d.known)


def _judged(d: Description, network: Network, dtype: str, seed: int, enclose: bool) -> Judgement:
    graph = network.graph
    values = network.values(seed, dtype)
    kept = {k: x.copy() for k, x in values.items()}
    try:
        with np.errstate(all="ignore"):
            run = d.target.run(graph, values)
    except GradcheckError:
        raise
    except (Exception, SystemExit) as error:  # a target is foreign code: whatever it raises is its answer
        return Judgement("inconclusive", "none", f"the target raised {type(error).__name__}: {error}{_place(error)}")
    ulps = measured_ulps(d.name, dtype)
    roundoff = Roundoff.of(dtype, flushes=d.flushes, accumulate=d.accumulates.get(dtype), ulps=ulps)
    found = judge(graph, leaf_arrays(graph, kept), run, roundoff, dtype, slack=d.slack, seed=seed, enclose=enclose)
    if found.verdict == "fail" and not (run.node_values or run.node_adjoints):
        found = explained(found, Failing(network, kept, run.gradients, partial(_gradients, d), roundoff, dtype, d.slack, seed))
    return _with_mutations(found, kept, values)


def _gradients(d: Description, graph: Graph, values: Arrays) -> Mapping[str, Any]:
    return d.target.run(graph, values).gradients


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


def _snippet(f: Finding, d: Description, network: Network, dtype: str, seed: int) -> str:
    """Return code that shows the target's number again."""
    if not f.node or f.severity != "fault":
        return ""
    part = {"value": "node_values", "adjoint": "node_adjoints"}.get(f.direction, "gradients")
    shown = f"np.asarray(run.{part}[{f.node!r}]){list(f.index) if f.index else ''}"
    ours, theirs = network.name in networks, d.spec in targets or ":" in d.spec
    lines = ["import numpy as np, gradcheck", "from gradcheck.targets import Description"]
    lines += [f"network = gradcheck.networks[{network.name!r}]" if ours else f"# network: your {network.name!r}"]
    lines += [f"target = gradcheck.targets[{d.spec!r}]" if theirs else f"# target: your {d.spec!r}"]
    lines += [
        f"values = network.values({seed}, {dtype!r})",
        "run = Description.of(target).target.run(network.graph, values)",
        f"print({shown})",
        f"# expected {f.expected!r} +- {f.bound:.3g}",
    ]
    return "\n".join(lines)


def _version() -> str:
    try:
        return version("gradcheck")
    except PackageNotFoundError:
        return "0"
