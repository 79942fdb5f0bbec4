"""``gradcheck list``: what there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec

import click
from rich import box
from rich.table import Table
from rich.text import Text

from gradcheck.cli.output import console

Rows = Iterator[tuple[str, ...]]


def _ops() -> Rows:
    from gradcheck.ops import registry

    yield ("operation", "operands", "attributes", "what it is")
    for op in sorted(registry.values(), key=lambda o: o.name):
        attributes = ", ".join(f"{k}={v}" for k, v in op.attributes.items())
        yield op.name, ", ".join(op.operands) + ("..." if op.variadic else ""), attributes, op.doc


def _networks() -> Rows:
    from gradcheck.networks import networks

    yield ("network", "nodes", "parameters", "tags", "why it is checked")
    for n in networks.values():
        yield n.name, str(len(n.graph.nodes)), str(n.graph.size), " ".join((*n.systems, *n.tags)), n.reason


def _targets() -> Rows:
    from gradcheck.targets import targets

    yield ("target", "library", "installed")
    for name in targets:
        library = targets.needs(name)
        yield name, library, "yes" if find_spec(library) else "no"
    yield "module:attribute", "", "yours"
    yield "./program", "any language", "yours (docs/protocol.md)"


def _oracles() -> Rows:
    from gradcheck.oracles import ORACLES
    from gradcheck.verify.second_ways import WAYS

    yield ("oracle", "order", "what it does")
    for order, known in ((1, ORACLES), (2, WAYS)):
        for name, oracle in known.items():
            yield name, str(order), (oracle.__doc__ or "").split("\n")[0].removeprefix("Return ")


LISTS: Mapping[str, Callable[[], Rows]] = {"ops": _ops, "networks": _networks, "targets": _targets, "oracles": _oracles}


@click.command("list")
@click.argument("what", type=click.Choice(list(LISTS)))
def list_command(what: str) -> int:
    """List operations, networks, targets or oracles."""
    rows = LISTS[what]()
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in next(rows):
        made.add_column(heading, overflow="fold")
    for row in rows:
        made.add_row(*(Text(x) for x in row))
    console().print(made)
    return 0
