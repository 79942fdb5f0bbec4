"""Linear functionals of samples at nine Chebyshev points: interpolation, integration, slopes, and how much of each is noise.

The points are s_j = -cos(pi j / 8), on [-1, 1]; the middle one is 0, which is where the derivative is doubted. Every matrix is made from
the points alone (Trefethen, Approximation Theory and Approximation Practice, chapters 2 to 5).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.polynomial import chebyshev

Floats = npt.NDArray[np.float64]

#: Nine points: with an analytic function whose nearest singularity is sixteen half widths away the interpolant is good to 32^-9 = 3e-14.
N = 9
MIDDLE = N // 2
NODES = -np.cos(np.pi * np.arange(N) / (N - 1))
NODES[MIDDLE] = 0.0
#: All points but the middle one: what is said there is compared with what these say.
OTHERS = np.arange(N) != MIDDLE
#: The points of the right side, and of the left one mirrored, from the middle outwards.
RIGHT, LEFT = np.arange(MIDDLE + 1, N), np.arange(MIDDLE - 1, -1, -1)
SIDE = NODES[RIGHT]
#: What is of this degree or less in the mismatch of f and the doubted derivative is a mismatch; what is of higher degree shows its noise.
LOW_DEGREE = 3
#: Degrees of freedom of that noise.
FREEDOM = N - 1 - LOW_DEGREE


def _rows(functional: Callable[[Floats], Any], degree: int) -> Floats:
    """Return a functional of Chebyshev series as a matrix over their coefficients."""
    return np.stack([np.atleast_1d(functional(c)) for c in np.eye(degree + 1)], axis=1)


def _integral(c: Floats) -> Any:
    """Return the integral of a series from 0 to every node."""
    whole = chebyshev.chebint(c)
    return chebyshev.chebval(NODES, whole) - chebyshev.chebval(0.0, whole)


#: values at all points -> Chebyshev coefficients; the same without the middle point
COEFFICIENTS = np.linalg.inv(chebyshev.chebvander(NODES, N - 1))
COEFFICIENTS_OF_OTHERS = np.linalg.inv(chebyshev.chebvander(NODES[OTHERS], N - 2))
#: values at all points -> the slope of the interpolant in the middle
SLOPE = (_rows(lambda c: chebyshev.chebval(0.0, chebyshev.chebder(c)), N - 1) @ COEFFICIENTS)[0]
#: values but for the middle one -> the interpolant there; its integral from 0 to every point
VALUE_OF_OTHERS = (_rows(lambda c: chebyshev.chebval(0.0, c), N - 2) @ COEFFICIENTS_OF_OTHERS)[0]
INTEGRAL_OF_OTHERS = _rows(_integral, N - 2) @ COEFFICIENTS_OF_OTHERS
_LOW = np.linalg.qr(chebyshev.chebvander(NODES, LOW_DEGREE))[0]
#: values -> their part of low degree
LOW_PART = _LOW @ _LOW.T


def _one_sided_slope(count: int) -> Floats:
    """Return weights of f(0) and of the nearest points of a side for the slope at 0, of the degree that they allow."""
    weights = np.linalg.inv(np.vander(np.concatenate([[0.0], SIDE[:count]]), count + 1, increasing=True))[1]
    return np.concatenate([weights, np.zeros(len(SIDE) - count)])


def _one_sided_integral(count: int) -> Floats:
    """Return the matrix from the nearest values of a side to the integrals from 0 to each of its points."""
    powers = np.stack([[b ** (p + 1) / (p + 1) for p in range(count)] for b in SIDE])
    matrix = powers @ np.linalg.inv(np.vander(SIDE[:count], count, increasing=True))
    return np.concatenate([matrix, np.zeros((len(SIDE), len(SIDE) - count))], axis=1)


#: By three points of a side, and by all four: the difference is the error of the former. (The fourth lies close to the third: by it alone
#: noise would count four times as much.)
SIDE_SLOPE, SIDE_SLOPE_MORE = _one_sided_slope(len(SIDE) - 1), _one_sided_slope(len(SIDE))
SIDE_INTEGRAL, SIDE_INTEGRAL_MORE = _one_sided_integral(len(SIDE) - 1), _one_sided_integral(len(SIDE))
#: What independent noise of 1 in every value makes of a slope: the norms of the weights.
SLOPE_NOISE, SIDE_SLOPE_NOISE = float(np.linalg.norm(SLOPE)), float(np.linalg.norm(SIDE_SLOPE))
#: Independent noise of 1 in every value makes Chebyshev coefficients of the root of 2 / N.
PER_COEFFICIENT = float(np.sqrt(N / 2))
#: Coefficients fall from pair to pair by more than eight times where a function is smooth: its poles are 1.6 half widths away and more. Those of
#: noise do not fall, those of a kink, or of a kink in the slope, fall like a power of k: from the last but one pair (5, 6) to the last (7, 8) by
#: (5.5 / 7.5)^2 or ^3, some less by their place.
GEOMETRIC = 1 / 8


def tail(coefficients: Floats) -> tuple[float, float]:
    """Return the level of the last pair of coefficients, and by how much it has fallen from the pair before."""
    before, last = (float(np.max(np.abs(part))) for part in (coefficients[-4:-2], coefficients[-2:]))
    return last, min(1.0, last / before) if before > 0 else 1.0


def omitted(level: float, decay: float) -> float:
    """Return a bound on the coefficients that an interpolant leaves out: they go on falling, or they are noise and stay as they are."""
    return level * decay if decay < GEOMETRIC else level


