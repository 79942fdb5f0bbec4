"""Differences in multiprecision over all parameters: everything computed again for each, against what lies downstream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from gradcheck.bench.clock import Ratio, paired
from gradcheck.bench.plan import mlp, point
from gradcheck.oracles.differences import differences
from gradcheck.oracles.downstream import Downstream, Everything

#: name -> sizes of the layers of a perceptron with tanh within, and the batch.
NETS: Mapping[str, tuple[tuple[int, ...], int]] = {
    "4-8-8-1, batch 1": ((4, 8, 8, 1), 1),
    "4-8-8-1, batch 4": ((4, 8, 8, 1), 4),
    "4-8-8-8-8-1, batch 1": ((4, *(8,) * 4, 1), 1),
    "4-8-8-8-8-1, batch 4": ((4, *(8,) * 4, 1), 4),
    "4-8-8-8-8-8-8-8-8-1, batch 1": ((4, *(8,) * 8, 1), 1),
}


def speedups(nets: Sequence[str] | None = None, *, seconds: float = 15.0) -> Iterator[tuple[str, Ratio]]:
    """Yield how many times as long it takes to compute everything again, net by net.

    Args:
        nets: names out of `NETS`; all unless given.
        seconds: for each net, about.
    """
    for name in nets or NETS:
        sizes, batch = NETS[name]
        run = partial(differences, mlp(sizes, batch), point(sizes, batch))
        yield name, paired(partial(run, nearby=Everything), partial(run, nearby=Downstream), seconds)
