"""Targets x networks x formats: each run is judged; nothing that goes wrong stops the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter
from typing import Any

import numpy as np

from gradcheck.arith.floating import FORMATS
from gradcheck.errors import BadInput, UnknownDtype
from gradcheck.networks.network import Network, networks
from gradcheck.result.finding import Matrix, Row, Skipped
from gradcheck.targets.opening import all_opened
from gradcheck.targets.target import Description, Target
from gradcheck.validation.case import judged_case

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
        target: a target, its name, "module:attribute", a program such as "./engine" (docs/protocol.md), a callable, or several of these;
            or recordings (`gradcheck.record`), which bring their networks.
        networks: shell patterns of names, systems or tags, or networks.
        dtypes: formats; those that a target or network does not have are left out.
        random: how many random networks to add.
        seed: of the networks' data, the random networks and the stochastic sweeps.
        order: 2 judges Hessians times vectors, by each of a target's ways to them, in place of gradients.
        enclose: whether every gradient is held against its certified enclosure; else only where gradients are all there is.
        progress: called with the case's label, its number and how many there are; True draws a bar, in notebooks too.
        done: (target, network, format) -> what was found before, and is not tried again.
        settled: called before the first case and after each, for who keeps results; what it is given makes the result so far.
        timeout: seconds that a program has for each answer (default 60); programs are ended with the run.

    A target that cannot be imported, made or started has rows that say why. Of several of one name each is called by what it was asked for
    by as well.

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
    if own := [x for x in _several(target) if hasattr(type(x), "__gradcheck_row__")]:
        return _recorded(own, _several(target), networks, order)
    start = perf_counter()
    with all_opened(_several(target), timeout) as described:
        cases = _cases(described, networks, dtypes, [f"random/{seed}/{k}" for k in range(random)], order)
        return _validated(described, cases, start, seed, order, enclose, progress or None, done, settled)


def _recorded(own: list[Any], given: list[Any], networks: Any, order: int) -> Matrix:
    """Return the rows of recorded runs, which bring their networks."""
    if len(own) < len(given) or networks != "*" or order != 1:
        raise BadInput("expected recordings alone: each brings its own network, inputs and format; got targets, networks= or order= beside")
    start = perf_counter()
    rows = tuple(x.__gradcheck_row__() for x in own)
    return Matrix(rows, (), 0, {"gradcheck": _version(), "numpy": np.__version__}, perf_counter() - start)


def _validated(
    described: list[Description], cases: list[Case], start: float, seed: int, order: int, enclose: bool, progress: Progress | None,
    done: Mapping[Key, Row | Skipped] | None, settled: Callable[[Callable[[], Matrix]], None] | None,
) -> Matrix:  # fmt: skip
    versions, asked = versions_of(described), asked_of(described, order, enclose=enclose)
    keys = [(d.label(mode), network.name, dtype) for d, network, dtype, mode in cases]
    done = done or {}
    if others := sorted(done.keys() - set(keys)):
        raise BadInput(f"expected results of what this run is asked for; got {'/'.join(others[0])} and {len(others) - 1} more of others, which would be lost")
    found = {k: done[key] for k, key in enumerate(keys) if key in done}  # what was found before is not lost by stopping early again

    def so_far(*, complete: bool) -> Matrix:
        rows, skipped = (tuple(x for k in range(len(cases)) if isinstance(x := found.get(k), kind)) for kind in (Row, Skipped))
        return Matrix(rows, skipped, seed, versions, perf_counter() - start, complete, len(cases), asked)  # type: ignore[arg-type]  # by kind

    if settled is not None:
        settled(partial(so_far, complete=False))
    for k, (key, (d, network, dtype, mode)) in enumerate(zip(keys, cases, strict=True)):
        if progress:
            progress("/".join(key), k, len(cases))
        if k not in found:
            found[k] = judged_case(d, network, dtype, mode, seed, enclose=enclose)
        if settled is not None:
            settled(partial(so_far, complete=False))
    return so_far(complete=True)


def versions_of(described: Iterable[Description]) -> dict[str, str]:
    """Return the versions of all that a result depends on, by name.

    Args:
        described: the targets.
    """
    return {"gradcheck": _version(), **{d.name: d.version for d in described}, "numpy": np.__version__}


def asked_of(described: Iterable[Description], order: int, *, enclose: bool) -> dict[str, str]:
    """Return what `Matrix.asked` holds.

    Args:
        described: the targets.
        order: of the derivatives.
        enclose: see `validate`.
    """
    return {"order": str(order), "enclose": str(enclose), **{f"target {d.name}": d.spec for d in described}}


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


def _version() -> str:
    try:
        return version("gradcheck")
    except PackageNotFoundError:
        return "0"
