"""Programs that misbehave between two good targets: their rows say so, and no other is lost."""

import zlib

import pytest

from gradcheck.cli.run import status
from gradcheck.validation.validate import validate
from tests.foreign.targets import Right
from tests.targets.test_process import AT, ENGINES, FAILS, FAULTS, HELLO, PYTHON, STARTS, WRONG

#: what an engine answers, as text
LINES = {
    "nested JSON": "'[' * 100_000", "a field twice": "'{\"id\": 2, \"id\": 2, \"success\": true}'", "null": "'null'", "a true id": "'{\"id\": true, \"success\": true}'",
    "an id with a point": "'{\"id\": 2.0, \"success\": true}'", "an id of digits": "'{\"id\": ' + '2' * 5000 + ', \"success\": true}'", "success in words": "'{\"id\": 2, \"success\": \"yes\"}'",
    "a loss without end": "'{\"id\": 2, \"success\": true, \"gradients\": {}, \"loss\": 1' + '0' * 400 + '}'", "a line of zeros": "'\\0' * 1000", "two objects": "'{\"id\": 2, \"success\": true} {\"id\": 2}'",
}  # fmt: skip
#: what an engine answers, as an object
ANSWERS = {
    "gradients in a list": "{'loss': 1, 'gradients': [1]}", "node values in words": "{**right(request), 'node_values': 'many'}", "a negative shape": "{'loss': {'shape': [-1], 'data': []}, 'gradients': {}}",
    "a shape in words": "{'loss': {'shape': ['a'], 'data': []}, 'gradients': {}}", "truths for numbers": "{'loss': True, 'gradients': {}}", "nested data": "{'loss': {'shape': [1], 'data': [[1]]}, 'gradients': {}}",
    "two losses": "{'loss': {'shape': [2], 'data': [1, 2]}, 'gradients': {}}", "an own error": "{**right(request), 'loss': None}",
}  # fmt: skip
#: what an engine says of itself
HELLOS = {
    "a slack without end": "{'name': 'e', 'slack': 10 ** 400}", "a name of control characters": "{'name': '\\x1b[2J'}", "a name of two lines": "{'name': 'a\\nb'}", "no end of a name": "{'name': 'x' * 10 ** 5}",
    "a slack in words": "{'name': 'e', 'slack': 'much'}", "a name that is a number": "{'name': 3}", "formats in words": "{'name': 'e', 'dtypes': 'float64'}",
}  # fmt: skip
KINDS = {
    **{f"line: {k}": (f"print({v})", AT) for k, v in LINES.items()},
    **{f"answer: {k}": (f"return {v}", AT) for k, v in ANSWERS.items()},
    **{f"hello: {k}": (f"return {v}", HELLO) for k, v in HELLOS.items()},
    **{f"fails: {k}": (v[0], AT) for k, v in FAILS.items()},
    **{f"faulty: {k}": (v[0], AT) for k, v in FAULTS.items()},
    **{f"start: {k}": (v[0], HELLO) for k, v in STARTS.items()},
    "hangs": ("time.sleep(600)", AT), "stops in a line": ("out.write('{'); out.flush(); time.sleep(600)", AT), "hangs at its start": ("time.sleep(600)", HELLO),
}  # fmt: skip
#: found in the tests of the protocol too
KNOWN = ("fails", "faulty", "start", "hangs", "stops")


def _sampled(name):
    """Mark what is left to the deep run."""
    return pytest.param(name, marks=pytest.mark.deep if name.startswith(KNOWN) or zlib.crc32(name.encode()) % 4 else ())


@pytest.mark.parametrize("name", [_sampled(n) for n in KINDS])
def test_beside_good_ones(name, tmp_path, monkeypatch):
    """The row of the program is there and is no pass, those of the good targets are certified, and the status is not 0."""
    monkeypatch.setattr("gradcheck.targets.program.GRACE", 0.5)
    body, when = KINDS[name]
    (tmp_path / "e.py").write_text(WRONG.format(folder=str(ENGINES), when=when, body="\n".join(f"    {line}" for line in body.splitlines())))
    matrix = validate([Right(), " ".join([*PYTHON, str(tmp_path / "e.py")]), "reference"], "diamond", timeout=5.0 if "hangs" not in name else 1.5)
    good, bad, last = matrix.rows
    assert (good.verdict, last.verdict) == ("pass", "pass")
    assert bad.verdict != "pass"
    assert bad.message
    assert len(bad.message) < 10_000
    assert status(matrix, False) != 0


def test_there_are_enough():
    """Forty-three kinds."""
    assert len(KINDS) >= 43
