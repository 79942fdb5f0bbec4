"""What is said to an engine and what it answers: protocol ``gradcheck-engine/1``, one JSON object a line (docs/protocol.md)."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradcheck.errors import BadDocument, BadGraph, CannotExpress, TargetFailed
from gradcheck.files.json import parsed
from gradcheck.files.limits import MOST_VALUES
from gradcheck.graph.document import document
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.targets.numbers import Array, as_file, as_json, read
from gradcheck.targets.program import shown
from gradcheck.targets.target import Run, dtype_of, leaf_arrays

PROTOCOL = "gradcheck-engine/1"
#: Formats that travel; longdouble has more digits than float64, in which numbers are written.
DTYPES = ("float64", "float32", "float16", "bfloat16")
#: Characters of an engine's own words that a row keeps.
MOST_REASON = 2000
#: Digits of an integer: those of the largest float64, since JavaScript, and C by %f, write floats as integers.
MOST_DIGITS = 309
#: Bytes of a hello, or of an error with a traceback in it; and of what an answer says beside its arrays.
MOST_BYTES_TOLD = 2**20
#: Entries that a gradient of a wrong shape may have beyond those of the graph: it forgot a sum over an axis of some thousands.
SPARE_ENTRIES = 2**14
#: Bytes of a number (a float64 in hexadecimal has 24 characters, in quotes, after a comma and a space), and of what is around an array.
BYTES_OF_NUMBER, BYTES_OF_NAME = 32, 256


@dataclass(frozen=True, slots=True)
class Hello:
    """What an engine says of itself.

    Args:
        name, version: in reports.
        dtypes: formats that it computes in.
        ops: operations that it has; None: it is sent every graph.
        slack, flushes, accumulates: see `Target`.
        npy_above: arrays of more entries go by files; None: none does.
    """

    name: str
    version: str = ""
    dtypes: tuple[str, ...] = ("float64",)
    ops: frozenset[str] | None = None
    slack: float = 1.0
    flushes: bool = False
    accumulates: Mapping[str, str] = field(default_factory=dict)
    npy_above: int | None = None


def hello_request(number: int) -> dict[str, Any]:
    """Return the first message to an engine."""
    return {"id": number, "kind": "hello", "protocol": PROTOCOL}


def run_request(number: int, graph: Graph, values: Values, *, folder: Path | None = None, above: int | None = None) -> dict[str, Any]:
    """Return the message that asks for a gradient.

    Args:
        number: of the request.
        graph: the network.
        values: of its inputs and parameters, in the format to compute in.
        folder: a folder for large arrays.
        above: arrays of more entries go there.

    Raises:
        CannotExpress: a graph that no document can hold.
    """
    try:
        described = document(graph)
    except BadGraph as error:
        raise CannotExpress(str(error)) from error
    arrays = leaf_arrays(graph, values)
    message: dict[str, Any] = {"id": number, "kind": "run", "dtype": dtype_of(values), "graph": described, "wrt": list(graph.differentiable)}
    if folder is None:
        return message | {"values": {name: as_json(x) for name, x in arrays.items()}}
    assert above is not None
    sent = {
        name: as_file(x, folder / f"{k}.npy") if x.size > above else as_json(x)
        for k, (name, x) in enumerate(arrays.items())
    }  # fmt: skip
    return message | {"directory": str(folder), "values": sent}


def encoded(message: Mapping[str, Any]) -> bytes:
    """Return a message as a line of ASCII, without its end."""
    return json.dumps(message, allow_nan=False, separators=(",", ":")).encode("ascii")


def decoded(line: bytes, number: int) -> dict[str, Any]:
    """Return the object that a line holds, if it is the answer to a request.

    Raises:
        TargetFailed: it is something else.
    """
    try:
        answer = parsed(line, "the line", "an answer", digits=MOST_DIGITS, finite=False)  # Python writes NaN: numbers are judged
    except BadDocument as error:
        raise TargetFailed(f"expected one line of JSON; got {shown(line)}: {error}") from None
    if not isinstance(answer, dict):
        raise TargetFailed(f"expected a JSON object; got {shown(line)}")
    if type(answer.get("id")) is not int or answer["id"] != number:
        raise TargetFailed(f"expected the answer to request {number}; got {_id(answer)}")
    if not isinstance(answer.get("success"), bool):
        raise TargetFailed(f'expected "success": true or false; got {shown(line)}')
    return answer


def _id(answer: Mapping[str, Any]) -> str:
    return f"id={answer['id']!r}"[:40] if "id" in answer else "no id"


def accepted(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an answer that is no error.

    Raises:
        CannotExpress: the engine says that it has no form for the graph.
        TargetFailed: it says that something went wrong.
    """
    if answer["success"]:
        return answer
    reason = str(answer.get("error") or "no reason given")[:MOST_REASON]
    if answer.get("unsupported") is True:
        raise CannotExpress(reason)
    raise TargetFailed(f"the engine answered with an error: {reason}")


def read_hello(answer: Mapping[str, Any]) -> Hello:
    """Return what an engine says of itself.

    Raises:
        TargetFailed: a field that is missing or of another kind.
    """
    if answer.get("protocol", PROTOCOL) != PROTOCOL:
        raise TargetFailed(f"expected the protocol {PROTOCOL!r}; got {answer['protocol']!r:.80}")
    given = {key: _field(answer, key) for key in _FIELDS if key in answer}
    if "name" not in given:
        raise TargetFailed("expected a name in the hello; got none")
    return Hello(**given)


#: field of a hello -> what it has to be, whether it is that, and how it is kept
_FIELDS: Mapping[str, tuple[str, Any, Any]] = {
    "name": ("text of at least one character", lambda x: isinstance(x, str) and x.strip() != "", str),
    "version": ("text", lambda x: isinstance(x, str), str),
    "dtypes": (f"a list of formats out of {', '.join(DTYPES)}", lambda x: _names(x) and set(x) <= set(DTYPES), tuple),
    "ops": ("a list of operations", lambda x: _names(x), frozenset),
    "slack": ("a number of at least 1", lambda x: type(x) in (int, float) and 1 <= x <= sys.float_info.max, float),
    "flushes": ("true or false", lambda x: isinstance(x, bool), bool),
    "accumulates": ("an object from formats to formats", lambda x: isinstance(x, dict) and {*x, *x.values()} <= set(DTYPES), dict),
    "npy_above": ("a whole number of at least 0", lambda x: type(x) is int and x >= 0, int),
}


def _names(x: Any) -> bool:
    return isinstance(x, list) and all(isinstance(name, str) for name in x)


def _field(answer: Mapping[str, Any], key: str) -> Any:
    expected, fits, kept = _FIELDS[key]
    value = answer[key]
    try:
        good = fits(value)
    except TypeError:  # a list among names
        good = False
    if not good:
        raise TargetFailed(f"{key} in the hello: expected {expected}; got {json.dumps(value)[:60]}")
    return kept(value)


def most_entries(graph: Graph) -> int:
    """Return how many entries an array of an answer may have: those of all values of the graph, and some more, since a wrong shape is to be told."""
    return SPARE_ENTRIES + sum(map(math.prod, graph.shapes.values()))


def longest_answer(graph: Graph) -> int:
    """Return how many bytes the answer for a graph may have."""
    names = sum(BYTES_OF_NAME + 6 * len(name) for name in graph.shapes)  # 6: a character may be escaped
    return len(_OPTIONAL | {"gradients": ""}) * (BYTES_OF_NUMBER * most_entries(graph) + names) + MOST_BYTES_TOLD


def read_run(answer: Mapping[str, Any], dtype: str, folder: Path | None = None, most: int = MOST_VALUES) -> Run:
    """Return loss, gradients and what else an engine answered, rounded to a format.

    Args:
        answer: an object.
        dtype: the format.
        folder: where files may be.
        most: entries of an array.

    Raises:
        TargetFailed: a field that is missing, or holds something that is not numbers.
    """
    if "loss" not in answer:
        raise TargetFailed("expected a loss in the answer; got none")

    def arrays(key: str, what: str) -> dict[str, Array]:
        given = answer.get(key)
        if not isinstance(given, dict):
            raise TargetFailed(f"{key}: expected an object from names to arrays; got {json.dumps(given)[:60]}")
        return {name: read(x, f"{what} of {name}", dtype, folder, most) for name, x in given.items()}

    more: dict[str, Any] = {key: arrays(key, what) for key, what in _OPTIONAL.items() if answer.get(key) is not None}
    return Run(read(answer["loss"], "loss", dtype, folder, most), arrays("gradients", "gradient"), **more)


#: optional field of an answer, and of a `Run` -> what it holds of each name
_OPTIONAL = {"node_values": "value", "node_adjoints": "adjoint", "plain_gradients": "plain gradient"}
