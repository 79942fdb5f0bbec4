"""What a right derivative may be off by if it is written by f's rounded outputs: s (1 - s) for the logistic function.

Such a formula is exact at another point: where an output would be, without rounding, what it is here with it. An input x_i has to
move by eta_j / |dy_j/dx_i| until output y_j has changed by its rounding eta_j, and on the way the slope dy_j/dx_i changes by the
second derivative times that. (Backward error, Higham, Accuracy and Stability of Numerical Algorithms, section 1.5, in the outputs.)

That is granted in a tail, where an output levels off: its slope s falls about exponentially or slower, s s'' >= s'^2 / 2. Next to an
extremum the slope goes to zero in a line (s'' is small), the output says little of the input, and nobody writes the slope by it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from gradcheck.arith.carrier import Carrier
from gradcheck.arith.floating import Floating
from gradcheck.arith.lanes import Lanes
from gradcheck.arith.running import Roundoff, Running, radius_of, wide_format
from gradcheck.arith.taylor import Series, Taylor
from gradcheck.graph.evaluation import lift, propagate
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Arrays as Values

Floats = npt.NDArray[np.float64]

#: Inputs at once.
BATCH = 64


def reuse(graph: Graph, values: Values, dtype: str = "float64") -> list[list[Floats]]:
    """Return by how much each entry of the Jacobian changes while its output stays within its rounding; 0 where nothing is known.

    Args:
        graph: of f.
        values: its inputs by name, float64.
        dtype: the format in which outputs are rounded.

    Returns:
        For each input a list with an array for each output, of shape (entries of the input, *shape of the output).

    >>> from gradcheck.graph.trace import trace
    >>> x = {"x": np.array(20.0)}
    >>> graph = trace(lambda x: 1 / (1 + np.exp(-x)), x)
    >>> s = 1 / (1 + np.exp(-x["x"]))
    >>> exact = np.exp(-x["x"]) * s * s
    >>> bool(abs(s * (1 - s) - exact) <= reuse(graph, x)[0][0][0] < 1e-15)
    True
    """
    etas = _roundings(graph, values, dtype)
    return [[np.concatenate(parts) for parts in zip(*_changes(graph, values, name, etas), strict=True)] for name in values]


def _roundings(graph: Graph, values: Values, dtype: str) -> list[Floats]:
    """Return the running error bound of each output."""
    m = Running(Roundoff.of(dtype), wide_format(dtype))
    y = propagate(graph, lift(graph, values, m), m)
    return [radius_of(y[k]) for k in graph.outputs]


def _changes(graph: Graph, values: Values, name: str, etas: list[Floats]) -> Iterator[list[Floats]]:
    """Yield the changes for the entries of one input, batch by batch, of each output: series of degree 3 along each entry."""
    size = values[name].size
    for start in range(0, max(size, 1), BATCH):
        units = np.eye(size)[start : start + BATCH]
        lanes = Lanes(Floating("float64"), len(units))
        m = Taylor(lanes, 3)
        leaves = lift(graph, values, m)
        leaves[name] = Series(m, leaves[name].value, (lanes.lanes(units.reshape(len(units), *values[name].shape)),))
        with np.errstate(all="ignore"):
            y = propagate(graph, leaves, m)
            yield [_change([_lanes(y[k], d, units) for d in (1, 2, 3)], eta) for k, eta in zip(graph.outputs, etas, strict=True)]


def _change(series: list[Floats], eta: Floats) -> Floats:
    """Return the change of slopes s, from coefficients (s, s' / 2, s'' / 6) and the roundings of outputs."""
    first, second, third = series
    change = 2 * np.abs(second) * eta / np.abs(first)
    return np.where(np.isfinite(change) & (3 * first * third >= second**2), change, 0.0)


def _lanes(x: Series, k: int, units: Floats) -> Floats:
    """Return a coefficient with a lane for each direction."""
    found = x[k]
    still = np.zeros((len(units), *x.shape))
    return still if found is None else np.asarray(found.value if isinstance(found, Carrier) else still + found, np.float64)
