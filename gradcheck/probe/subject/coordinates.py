"""A subject in other coordinates: its inputs through a linear map, and its gradients through the adjoint of that map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from gradcheck.probe.subject.subject import Arrays, Subject

#: Lists of arrays -> lists of arrays.
Map = Callable[[Sequence[Any]], list[Any]]


def in_coordinates(subject: Subject, inputs: Map, back: Map, weights: Map = list, outputs: Map = list) -> Subject:
    """Return the subject of outputs(f(inputs(x))).

    Args:
        subject: of f.
        inputs: new coordinates -> inputs of f; linear.
        back: gradients of f's inputs -> those of the coordinates: its adjoint.
        weights: cotangents of the new outputs -> those of f's.
        outputs: outputs of f, or tangents of them -> new ones; linear, and `weights` is its adjoint.
    """
    raw, pull, push, arranged, crossed = subject.raw, subject.pull, subject.push, subject.arranged, subject.crossed
    known = len(subject.point)

    def gradients(found: Sequence[Any]) -> list[Any]:
        return back(found) if len(found) == known else list(found)  # what has another number of parts is told of as it is

    def tangents(ts: Arrays, xs: Arrays) -> list[Any] | None:
        assert push is not None
        found = push(inputs(ts), inputs(xs))
        return None if found is None else outputs(found)

    return replace(
        subject,
        call=lambda xs: outputs(subject.call(inputs(xs))),
        raw=None if raw is None else lambda xs: outputs(raw(inputs(xs))),
        pull=None if pull is None else lambda gs, xs: gradients(pull(weights(gs), inputs(xs))),
        push=None if push is None else tangents,
        arranged=None if arranged is None else lambda how, gs, xs: gradients(arranged(how, weights(gs), inputs(xs))),
        crossed=None if crossed is None else lambda gs, a, b: tuple(gradients(v) for v in crossed(weights(gs), inputs(a), inputs(b))),
    )
