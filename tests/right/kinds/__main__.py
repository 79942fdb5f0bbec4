"""``python -m tests.right.kinds``: how many verdicts are right, kind by kind, and which are not."""

from __future__ import annotations

import statistics
import time

import click

from tests.right.kinds.examination import Said, of_mutants, of_right
from tests.right.kinds.registry import KINDS, cases


def _counts(rows: list[Said], *verdicts: str) -> str:
    """Return how often each verdict was given."""
    return "/".join(str(sum(r.verdict == v for r in rows)) for v in verdicts)


def _line(name: str, right: list[Said], wrong: list[Said], seconds: float) -> str:
    """Return verdicts, evaluations of f and calls of the derivative in a pass, and of f in a fail."""
    passed, failed = [r for r in right if r.verdict == "pass"], [r for r in wrong if r.verdict == "fail"]
    spent = _spread([r.evaluations for r in passed]), _spread([r.calls for r in passed]), _spread([r.evaluations for r in failed])
    counts = _counts(right, "pass", "inconclusive", "fail", "crash"), _counts(wrong, "fail", "inconclusive", "pass", "crash")
    return f"{name:<12}{counts[0]:>15}{counts[1]:>16}{''.join(f'{x:>16}' for x in spent)}{_share(wrong):>7}{seconds:>8.1f}"


def _spread(numbers: list[int]) -> str:
    """Return median, 90th percentile and the most."""
    ordered = sorted(numbers) or [0]
    return f"{statistics.median(ordered):.0f}/{ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))]}/{ordered[-1]}"


def _share(wrong: list[Said]) -> str:
    """Return the share of the rejected ones whose mistake is named."""
    rejected = [r for r in wrong if r.verdict == "fail"]
    return f"{100 * sum(bool(r.named) for r in rejected) / len(rejected):.0f} %" if rejected else ""


@click.command()
@click.option("--explore", is_flag=True, help="Vary the inputs as well.")
@click.option("--kind", type=click.Choice(KINDS), multiple=True, help="Of these kinds only.")
@click.option("--mutants/--no-mutants", default=True, help="Whether to examine wrong ones too.")
@click.option("--unnamed", is_flag=True, help="List the wrong ones whose mistake has no name too.")
@click.option("--one-in", default=1, help="Examine one case in so many.")
def main(explore: bool, kind: tuple[str, ...], mutants: bool, unnamed: bool, one_in: int) -> None:
    """Examine check."""
    total: tuple[list[Said], list[Said]] = [], []
    start = time.perf_counter()
    heads = "of f, pass", "of vjp, pass", "of f, fail"
    click.echo(f"{'kind':<12}{'right p/i/f/c':>15}{'wrong f/i/p/c':>16}{''.join(f'{x:>16}' for x in heads)}{'named':>7}{'s':>8}")
    for name in kind or KINDS:
        begun, chosen = time.perf_counter(), cases(name)[::one_in]
        right, wrong = list(of_right(chosen, explore=explore)), list(of_mutants(chosen, explore=explore)) if mutants else []
        total[0].extend(right)
        total[1].extend(wrong)
        click.echo(_line(name, right, wrong, time.perf_counter() - begun))
    click.echo(_line("all", *total, time.perf_counter() - start))
    for row in (*total[0], *total[1]):
        if not row.is_right or (unnamed and row.mutant and not row.named):
            click.echo(str(row).splitlines()[0])


if __name__ == "__main__":
    main()
