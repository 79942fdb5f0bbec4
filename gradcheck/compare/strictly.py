"""What a careful kernel would have made: it acquits where the bound of a careless one is not finite."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np

from gradcheck.compare.certificate import Certificate
from gradcheck.compare.comparison import Comparison, ratios
from gradcheck.compare.regions import Key, key_of


def acquit(certificate: Certificate, careful: Callable[[Collection[Key]], Certificate]) -> None:
    """Judge entries without a finite bound by the smaller bounds of another certificate: what lies within these is right, what does not stays open.

    A bound of sums in a half format may reach the pole of a division (the deviation of a layer norm), where sums in float32 do not.

    Args:
        certificate: whose comparisons are replaced.
        careful: makes comparisons under the hypothesis that kernels round less.
    """
    if not certificate.unjudged:
        return
    keys = {key_of(c.name, c.direction) for c in certificate.unjudged}
    others = {(c.name, c.direction, c.edge): c for c in careful(keys).comparisons}
    certificate.comparisons = [
        c if c.complete else _judged(c, others[c.name, c.direction, c.edge]) for c in certificate.comparisons
    ]


def _judged(c: Comparison, other: Comparison) -> Comparison:
    within = ~c.judged & other.judged & (ratios(c.got, other.expected, other.bound, np.asarray(other.judged)) <= 1)
    made = replace(c, judged=c.judged | within, bound=np.where(within, other.bound, c.bound))
    return replace(made, expected=np.where(within, other.expected, c.expected))
