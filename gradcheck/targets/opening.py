"""A target in use: described, asked, and ended afterwards if it is a program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import count, islice
from typing import Any

from gradcheck.errors import BadInput, CannotExpress, MissingDependency, TargetFailed
from gradcheck.foreign import answer_of, text_of, undisturbed
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.targets.attributes import MOST_NAME
from gradcheck.targets.reading import arrays_by_name, plain_run
from gradcheck.targets.registry import is_command, targets
from gradcheck.targets.target import Description, Run, Target
from gradcheck.targets.unusable import Unusable

AnyTarget = str | Target | Callable[..., Any]


@contextmanager
def opened(target: AnyTarget, timeout: float | None = None) -> Iterator[Description]:
    """Give the description of a target; a program that is started here is ended with the block.

    Args:
        target: a target, a callable, or what names one: "torch", "module:attribute", "./engine".
        timeout: seconds that a program has for each answer; 60 unless given.

    Raises:
        TargetFailed: it is no target, or a program that cannot be run.
        UnknownName: no target has that name.
        BadInput: a timeout that is not positive.

    >>> with opened("reference") as found:
    ...     found.name
    'reference'
    """
    with ExitStack() as stack:
        with undisturbed():
            if not isinstance(target, str):
                found = Description.of(target)
            elif not is_command(target):
                found = Description.of(targets[target], target)
            else:
                from gradcheck.targets.process import TIMEOUT, Process

                limit = TIMEOUT if timeout is None else timeout
                program = answer_of(lambda: Process(target, timeout=limit), who="starting it", passing=(BadInput,))
                found = Description.of(stack.enter_context(program), target)
        yield found


@contextmanager
def all_opened(several: Iterable[AnyTarget], timeout: float | None = None) -> Iterator[list[Description]]:
    """Give the descriptions of several targets, all of different names; one that cannot be used says why whenever it is run.

    Args:
        several: targets, callables, or what names them.
        timeout: seconds that a program has for each answer; 60 unless given.

    Raises:
        UnknownName: no target has that name.
        BadInput: a timeout that is not positive.

    >>> with all_opened(["reference", "json:nothing"]) as found:
    ...     [d.name for d in found]
    ['reference', 'json:nothing']
    """
    with ExitStack() as stack:
        found = []
        for target in several:
            try:
                found.append(stack.enter_context(opened(target, timeout)))
            except (TargetFailed, MissingDependency) as error:
                found.append(_unusable(target, error))
        yield _told_apart(found)


def _unusable(target: AnyTarget, error: Exception) -> Description:
    name = target if isinstance(target, str) else text_of(target, lambda t: getattr(t, "__name__", type(t).__name__))
    plain = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name[:MOST_NAME])
    return Description.of(Unusable(plain if plain.strip() else "a target without a name", str(error)))


def _told_apart(found: list[Description]) -> list[Description]:
    """Return the descriptions with different names: what has a name of its own keeps it, the others add what they were asked for by."""
    names = Counter(d.name for d in found)
    made: list[Description] = []
    for d in found:
        owns = names[d.name] == 1 or (d.spec == d.name and d.spec in targets)
        base = d.name if owns else f"{d.name} ({d.spec})" if d.spec != d.name else d.name
        taken = {x for other in made for x in _labels(other)} | (set() if owns else set(names) - {d.name})
        numbered = (f"{base} ({k})" for k in count(2))
        made.append(next(x for n in (base, *islice(numbered, len(taken) + 1)) if taken.isdisjoint(_labels(x := replace(d, name=n)))))
    return made


def _labels(d: Description) -> list[str]:
    """Return the names that its rows may have."""
    return [d.name, *(d.label(mode) for mode in d.second_modes or ("",))]


def run_of(target: Target, graph: Graph, values: Values) -> Run:
    """Return what a target answers, as arrays of our own.

    Args:
        target: which is asked.
        graph: the network, a copy that the target may do with what it likes.
        values: of its leaves; the target may change them, which its row says.

    Raises:
        CannotExpress: it has no form for the graph.
        TargetFailed: it raised, or what it answered is no `Run` or cannot be read.
    """
    with undisturbed():
        answer = answer_of(lambda: target.run(graph, values))
    with undisturbed():  # reading it is up to the target as well
        return plain_run(answer)


def product_of(target: Target, graph: Graph, values: Values, along: Values, mode: str) -> dict[str, Any]:
    """Return the Hessian times a direction by a target, as arrays of our own.

    Args:
        target: which is asked.
        graph: the network.
        values: of its leaves.
        along: the direction.
        mode: the way to it; "" where it has but one.

    Raises:
        CannotExpress: it has none.
        TargetFailed: it raised, or what it answered cannot be read.
    """
    with undisturbed():
        hvp = answer_of(lambda: getattr(target, "hvp", None))
        if hvp is None:
            raise CannotExpress("the target has no hvp")
        found = answer_of(lambda: hvp(graph, values, along, mode) if mode else hvp(graph, values, along))
    with undisturbed():
        return arrays_by_name("product", found)
