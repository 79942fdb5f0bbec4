"""Memory layouts: what a derivative does to contiguous arrays it does to transposed, strided and expanded ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.errors import FunctionRaised
from gradcheck.probe.slope.instrument import Instrument
from gradcheck.probe.subject.subject import Arrays, Subject
from gradcheck.result.finding import Finding


def layouts(instrument: Instrument, gs: Arrays, first: list[Any], bars: list[float]) -> Iterator[Finding]:
    """Cotangents and inputs in other memory layouts give what contiguous ones give, if they do so to f."""
    subject = instrument.subject
    assert subject.pull is not None
    constant = [np.full_like(g, g.flat[0] if g.size else 0) for g in gs]
    repeated = [np.broadcast_to(g.flat[0], g.shape) if g.size else g for g in gs]
    x = subject.point
    cases: tuple[tuple[str, list[Any], Arrays, Arrays], ...] = (
        ("Fortran-ordered", first, [_fortran(g) for g in gs], _accepted(instrument, [_fortran(v) for v in x])),
        ("strided", first, [_strided(g) for g in gs], _accepted(instrument, [_strided(v) for v in x])),
        ("stride-0", list(subject.gradient(constant, x)), repeated, list(x)),
    )
    if subject.arranged is not None:
        cases += (("Fortran-ordered cotangent", first, gs, list(x)), ("strided cotangent", first, gs, list(x)))
    for what, right, cotangents, inputs in cases:
        try:
            found = _arranged(subject, what, cotangents, inputs)
        except FunctionRaised as error:  # refused layouts are findings, not crashes
            yield Finding("fault", f"{what} arrays: {error}", direction="gradient")
            continue
        for path, a, b, bar in zip(subject.paths, right, found, bars, strict=True):
            if a is None or b is None:
                continue
            if np.shape(b) != a.shape or np.any(np.abs(np.asarray(b, np.float64) - np.asarray(a, np.float64)) > bar):
                yield Finding("fault", f"gradient of {path}: {what} arrays give other numbers than contiguous ones", node=path, direction="gradient")


def _arranged(subject: Subject, layout: str, gs: Arrays, xs: Arrays) -> list[Any]:
    assert subject.pull is not None
    if subject.arranged is not None:
        return list(subject.arranged(layout, gs, xs))
    subject.ready(xs)
    return list(subject.pull(gs, xs))


def _accepted(instrument: Instrument, xs: Arrays) -> Arrays:
    """Return inputs in another layout, or as they are where f refuses that layout or reads other numbers in it."""
    subject = instrument.subject
    if all(x.flags.c_contiguous for x in xs):
        return xs
    subject.meter.spend()
    try:
        found = subject.call(xs)
    except Exception:  # a view of it is impossible, say
        return list(subject.point)
    same = (np.allclose(np.asarray(a, np.float64), b, rtol=1e-3, equal_nan=True) for a, b in zip(found, instrument.base, strict=True))
    return xs if all(same) else list(subject.point)


def _fortran(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.asfortranarray(x) if x.ndim > 1 else x.copy()


def _strided(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a view with gaps between its entries."""
    if x.ndim == 0:
        return x.copy()
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    return wide[..., ::2]
