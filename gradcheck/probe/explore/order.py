"""The order of exploration: themes take turns, the ones that found most per evaluation more often; mixtures at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np

from gradcheck.probe.explore.indices import indices
from gradcheck.probe.explore.matrices import matrices
from gradcheck.probe.explore.mutation import Array, Arrays, Change, Mutation
from gradcheck.probe.explore.shapes import shapes
from gradcheck.probe.explore.tails import tails
from gradcheck.probe.explore.values import values

Themes = tuple[tuple[Callable[[Sequence[Array], Sequence[str]], Iterator[Mutation]], int], ...]

#: Themes with the number of their mutations a turn: of values in the shapes that were given, and of shapes.
VALUES: Themes = ((values, 3), (indices, 3), (matrices, 1), (tails, 2))
SHAPES: Themes = ((shapes, 3),)
#: Mixtures of two mutations after the plain ones.
MIXTURES = 60


def ordered(arrays: Sequence[Array], paths: Sequence[str], themes: Themes) -> Iterator[Mutation]:
    """Yield the plain mutations of the themes in turn."""
    streams = [(theme(arrays, paths), share) for theme, share in themes]
    while streams:
        left = []
        for stream, share in streams:
            taken = list(islice(stream, share))
            yield from taken
            if len(taken) == share:
                left.append((stream, share))
        streams = left


def mixtures(arrays: Sequence[Array], paths: Sequence[str], rng: np.random.Generator, themes: Themes) -> Iterator[Mutation]:
    """Yield random pairs of mutations, one after the other."""
    plain = list(ordered(arrays, paths, themes))
    for _ in range(MIXTURES if len(plain) > 1 else 0):
        i, j = rng.choice(len(plain), 2, replace=False)
        yield Mutation(f"{plain[i].name}; then {plain[j].name}", _then(plain[i].apply, plain[j].apply))


def _then(first: Change, second: Change) -> Change:
    def apply(arrays: Arrays, rng: np.random.Generator) -> Arrays | None:
        made = first(arrays, rng)
        if made is None or len(made) != len(arrays):
            return None
        try:
            return second([np.asarray(a) for a in made], rng)
        except (IndexError, ValueError):  # written for the shapes that were there before
            return None

    return apply
