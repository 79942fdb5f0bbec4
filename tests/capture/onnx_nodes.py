"""ONNX's own node tests as the yardstick of values: ``python -m tests.capture.onnx_nodes`` prints how many are passed, and what is not there."""

from __future__ import annotations

import sys
import warnings
from collections import Counter

import numpy as np

from gradcheck.capture.numpy.arrays import Recorded
from gradcheck.capture.numpy.operators import numbers
from gradcheck.capture.onnx.model import Model
from gradcheck.errors import GradcheckError

#: numbers of ONNX's floating formats: float, float16, double, bfloat16
FLOATS = (1, 10, 11, 16)


def cases():
    """Return the tests of nodes with floating inputs and outputs."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = load_model_tests(kind="node")
    kind = lambda x: x.type.tensor_type.elem_type
    return [t for t in found if any(kind(x) in FLOATS for x in t.model.graph.input) and any(kind(y) in FLOATS for y in t.model.graph.output)]


def _array(x):
    from onnx import TensorProto, numpy_helper

    return numpy_helper.to_array(x) if isinstance(x, TensorProto) else x


def outcome(test):
    """Return "pass", "wrong", "no derivative", or why there is no answer, within the tolerance that the test states."""
    inputs, wanted = test.data_sets[0]
    given = {x.name: _array(v) for x, v in zip(test.model.graph.input, inputs, strict=False)}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = Model(test.model, given)
            found = model.outputs
    except GradcheckError as error:
        text = str(error)
        return "no derivative" if "no derivative" in text or "constant in pieces" in text else text
    if not any(isinstance(y, Recorded) and y.memory.name for y in found):
        return "no derivative"
    for y, z in zip(found, wanted, strict=False):
        a, b = np.asarray(numbers(y)), np.asarray(_array(z))
        if a.shape != b.shape:
            return f"wrong: shape {a.shape} for {b.shape}"
        tolerance = max(test.rtol, 2.0**-7 if b.dtype.itemsize == 2 else 0.0)
        if b.dtype.kind in "fV" and not np.allclose(a.astype(float), b.astype(float), rtol=tolerance, atol=max(test.atol, tolerance * 1e-1), equal_nan=True):
            return "wrong"
    return "pass"


def main():
    """Print the share that is passed, and what is not there."""
    found = {t.name: outcome(t) for t in cases()}
    if "--list" in sys.argv:
        print("\n".join(f"{n}: {x}" for n, x in found.items() if x not in ("pass", "no derivative")))
    counts = Counter(x if x in ("pass", "no derivative") else "wrong" if x.startswith("wrong") else "no form" for x in found.values())
    print(dict(counts))
    with_derivative = len(found) - counts["no derivative"]
    print(f"{counts['pass']} of {with_derivative} tests of operators that have a derivative are passed: {counts['pass'] / with_derivative:.1%}")
    for reason, n in Counter(x for x in found.values() if x not in ("pass", "no derivative")).most_common():
        print(f"{n:4d} {reason[:150]} ({next(name for name, x in found.items() if x == reason)})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
