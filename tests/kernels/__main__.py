"""``python -m tests.kernels``: how many verdicts on kernels are right, by style of rounding, and beside them those of the usual tests."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from tests.kernels.cases import CASES
from tests.kernels.emulation import FORMATS, ORDERS, STYLES, Kernel
from tests.kernels.examination import Said, said

PEERS = ("allclose 1e-2", "twice eager's error", "cosine 0.99")


def _runs(storage: str, style: str, declared: str, orders: tuple[str, ...], seeds: int, mutants: bool, only: tuple[str, ...]) -> Iterator[Said]:
    for case in CASES:
        for order in orders if case.name in only or not only else ():
            for seed in range(seeds):
                for mutation in case.mutants if mutants else ("",):
                    found = said(case, Kernel(storage, order, style, mutation), seed, declared)
                    if found is not None:
                        yield found


@click.command()
@click.option("--storage", type=click.Choice(list(FORMATS)), multiple=True, default=tuple(FORMATS))
@click.option("--style", type=click.Choice(STYLES), multiple=True, default=STYLES)
@click.option("--declared", type=click.Choice(["auto", "style"]), default="auto", help="Whether the author says how it rounds.")
@click.option("--orders", default=4, help="Of summation, so many.")
@click.option("--seeds", default=1)
@click.option("--mutants/--right", default=False)
@click.option("--case", "only", multiple=True)
@click.option("--list", "listed", is_flag=True, help="List the verdicts that are not the right ones.")
def main(
    storage: tuple[str, ...], style: tuple[str, ...], declared: str, orders: int, seeds: int, mutants: bool, only: tuple[str, ...], listed: bool
) -> None:
    """Examine the gate."""
    click.echo(f"{'format':<10}{'style':<10}{'kind':<11}{'pass':>6}{'inconcl.':>9}{'fail':>6}{'named':>7}{'s each':>8}{''.join(f'{p:>21}' for p in PEERS)}")
    for name in storage:
        for how in style:
            start = time.perf_counter()
            rows = list(_runs(name, how, how if declared == "style" else "auto", ORDERS[:orders], seeds, mutants, only))
            each = (time.perf_counter() - start) / max(len(rows), 1)
            for kind in ("right", "gross", "small", "precision"):
                mine = [r for r in rows if r.kind == kind]
                if mine:
                    counts = [sum(r.verdict == v for r in mine) for v in ("pass", "inconclusive", "fail")]
                    peers = "".join(f"{sum(p in r.peers for r in mine):>21}" for p in PEERS)
                    click.echo(f"{name:<10}{how:<10}{kind:<11}{counts[0]:>6}{counts[1]:>9}{counts[2]:>6}{sum(r.named for r in mine):>7}{each:>8.2f}{peers}")
            wanted = "fail" if mutants else "pass"
            for r in rows if listed else ():
                if r.verdict != wanted:
                    click.echo(f"  {r.case} [{r.mutation}] {r.verdict} ({r.model}, seen from {r.seen:.1g}): {r.message[:150]}")


if __name__ == "__main__":
    main()
