"""Nine samples of f and of the doubted derivative along a line, and what each comparison of them says with its error bar.

phi(s) = <g, f(x + s t) - f(x)> and psi(s) = <vjp(g, x + s t), t> at s = c + h s_j. A right derivative makes phi the integral of psi.
Each comparison is a linear functional of one table, so that one noise, of phi, and what the interpolants leave out make its error bar.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.probe.line import stencils as st
from gradcheck.probe.line.stencils import Floats, omitted, tail
from gradcheck.probe.subject.margin import MARGIN
from gradcheck.probe.subject.vector import Vector

#: phi is called irregular where psi is regular: the noise that psi's own tail would explain is this many times below what is seen.
EXPLAINS = 3.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """The right slope less the doubted one, by one way of comparing them.

    Args:
        value: the difference.
        truncation: what the interpolants leave out, in the same unit.
        per_noise: the error that noise of 1 in every value of phi makes.
        least: the least noise of phi that these samples show.
    """

    value: float = math.nan
    truncation: float = math.inf
    per_noise: float = 0.0
    least: float = 0.0

    def bar(self, noise: float, rounding: float) -> float:
        """Return the error bar, for a noise of phi and a rounding of psi."""
        found = self.per_noise * max(noise, self.least) + self.truncation + rounding
        return found if math.isfinite(found) else math.inf

    @property
    def known(self) -> bool:
        """Whether there is one: f may be undefined on a side."""
        return math.isfinite(self.value) and math.isfinite(self.truncation)


@dataclass(frozen=True, slots=True)
class Samples:
    """One table, and the comparisons it allows.

    Args:
        h: half of its width.
        center: its middle, on the line.
        phi, psi: at the nine points; NaN where f, or the derivative, is not defined or was not asked.
        own: rounding of phi that its size brings.
        rounding: of psi.
        apart: the largest difference of the doubted gradients next to the middle and in it, relative to their largest entry.
        flat: whether f is the same number at all points.
        level: whether it is on the left, and on the right.
        around: f against the doubted derivative around the middle, whose own claim is not used.
        at: the claim in the middle against those around; no difference of f is taken.
        alone: the claim in the middle against f; no other claim is used.
        left, right: as `alone`, by one side.
        around_left, around_right: as `around`, by one side.
        mismatch: phi less the integral of psi, at every point.
        noise: of phi, where it is irregular and psi is not; else 0.
        claim_noise: of psi, where its coefficients do not fall; else 0.
        last: level of the last coefficients of psi.
    """

    h: float
    center: float
    phi: Floats
    psi: Floats
    own: float
    rounding: float
    apart: float = 0.0
    flat: bool = False
    level: bool = False
    around: Estimate = field(init=False, default=Estimate())
    at: Estimate = field(init=False, default=Estimate())
    alone: Estimate = field(init=False, default=Estimate())
    left: Estimate = field(init=False, default=Estimate())
    right: Estimate = field(init=False, default=Estimate())
    around_left: Estimate = field(init=False, default=Estimate())
    around_right: Estimate = field(init=False, default=Estimate())
    mismatch: Floats = field(init=False, default_factory=lambda: np.full(st.N, np.nan))
    noise: float = field(init=False, default=0.0)
    claim_noise: float = field(init=False, default=0.0)
    last: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        with np.errstate(all="ignore"):
            for name, found in self._comparisons().items():
                object.__setattr__(self, name, found)

    def slopes(self, noise: float) -> Floats:
        """Return the slope that was seen at each point: of psi, or of phi over the width where it is above its noise; 0 where none was."""
        moves = np.where(np.abs(self.phi) > MARGIN * noise, np.abs(self.phi), 0.0) / self.h
        found = np.fmax(np.abs(self.psi), moves)
        return np.where(np.isfinite(found), found, 0.0)

    def size(self, noise: float) -> float:
        """Return the largest slope that was seen."""
        return float(np.max(self.slopes(noise)))

    def both_sides(self, noise: float) -> float:
        """Return the largest slope of the side on which it is smaller: next to a point where the slope vanishes both are large."""
        found = self.slopes(noise)
        return min(float(np.max(found[nodes])) for nodes in (st.LEFT, st.RIGHT))

    @property
    def stands(self) -> bool:
        """Whether most values of psi are the same numbers, as on a stair."""
        return len(np.unique(self.psi)) <= st.N // 2

    def _comparisons(self) -> dict[str, object]:
        out: dict[str, object] = {}
        for name, nodes, sign in (("right", st.RIGHT, 1.0), ("left", st.LEFT, -1.0)):
            out[name], out[f"around_{name}"] = self._one_sided(nodes, sign)
        if not np.isfinite(self.phi).all():
            return out
        level, decay = tail(st.COEFFICIENTS @ self.phi)
        # the slope of the next term of a Chebyshev series is N + 1 times as steep in the middle as it is high; noise in all of them adds up to N^2
        left_out = (st.N + 1) * omitted(level, decay) if decay < st.GEOMETRIC else st.N**2 * level
        others = self.psi[st.OTHERS]
        out["alone"] = Estimate(float(st.SLOPE @ self.phi) / self.h - float(self.psi[st.MIDDLE]), left_out / self.h, st.SLOPE_NOISE / self.h, self.own)
        return out | self._integrated(others) if np.isfinite(others).all() else out

    def _integrated(self, others: Floats) -> dict[str, object]:
        """Compare phi with the integral of psi, and psi in the middle with psi around."""
        h, (level, decay) = self.h, tail(st.COEFFICIENTS_OF_OTHERS @ others)
        mismatch = self.phi - h * (st.INTEGRAL_OF_OTHERS @ others)
        low = st.LOW_PART @ mismatch
        sigma = Vector((mismatch - low,)).norm / math.sqrt(st.FREEDOM)
        slopes = np.array([(low[-1] - low[0]) / 2, low[-1] - low[st.MIDDLE], low[st.MIDDLE] - low[0]]) / h
        value = float(slopes[int(np.argmax(np.abs(slopes)))])
        irregular = tail(st.COEFFICIENTS @ mismatch)[1] >= st.GEOMETRIC and EXPLAINS * level * h <= sigma
        # in the middle the terms left out are as high as they are: twice two of them, or, where they do not fall, one of each degree
        beside = 4 * omitted(level, decay) if decay < st.GEOMETRIC else st.N * level
        return {
            "around": Estimate(value, omitted(level, decay), 1 / h, max(sigma, self.own)),
            "at": Estimate(float(st.VALUE_OF_OTHERS @ others) - float(self.psi[st.MIDDLE]), beside),
            "mismatch": mismatch,
            "noise": sigma if irregular else 0.0,
            "last": level,
            "claim_noise": st.PER_COEFFICIENT * level if decay >= st.GEOMETRIC else 0.0,
        }

    def _one_sided(self, nodes: npt.NDArray[Any], sign: float) -> tuple[Estimate, Estimate]:
        """Compare by the samples of one side."""
        phi, psi = np.concatenate([[0.0], self.phi[nodes]]), self.psi[nodes]
        if not np.isfinite(phi).all():
            return Estimate(), Estimate()
        value, more = (sign * float(w @ phi) / self.h for w in (st.SIDE_SLOPE, st.SIDE_SLOPE_MORE))
        alone = Estimate(value - float(self.psi[st.MIDDLE]), abs(more - value), st.SIDE_SLOPE_NOISE / self.h, self.own)
        if not np.isfinite(psi).all():
            return alone, Estimate()
        errors = [phi[1:] - sign * self.h * (w @ psi) for w in (st.SIDE_INTEGRAL, st.SIDE_INTEGRAL_MORE)]
        width = self.h * float(st.SIDE[-1] - st.SIDE[0])
        rises = [sign * float(e[-1] - e[0]) / width for e in errors]
        return alone, Estimate(rises[0], abs(rises[1] - rises[0]), 2 / width, self.own)
