"""Text to documents: numbers stay exact, everything else that could hurt is refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.errors import BadVectors
from gradcheck.vectors.canonical import Literal, dumps
from gradcheck.vectors.parsed import as_float, number, only, parsed, take


def test_numbers_keep_their_text():
    """Digits beyond float64 are still there."""
    found = parsed(b'{"x": 0.33333333333333333333, "n": 3, "t": true}', "here")
    assert found["x"] == "0.33333333333333333333"
    assert isinstance(found["x"], Literal)
    assert found["n"] == 3
    assert found["t"] is True
    assert dumps(found) == b'{"n": 3, "t": true, "x": 0.33333333333333333333}\n'


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is it complete"), (b'{"a": 1', "is it complete"), (b"[1]", "expected an object; got list"),
        (b'{"a": NaN}', "finite numbers; got NaN"), (b'{"a": -Infinity}', "finite numbers; got -Infinity"),
        (b'{"a": 1, "a": 2}', "every field once"), (b'{"a": 1e99999}', "3 digits of exponent"), (b'{"a": ' + b"1" * 100 + b"}", "at most 64"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"), (b"\xff\xfe{}", "expected JSON"),
    ],
)  # fmt: skip
def test_what_is_refused(data, told):
    """Truncated, doubled, infinite, absurd, not text."""
    with pytest.raises(BadVectors, match=told) as caught:
        parsed(data, "folder/file.json")
    assert str(caught.value).startswith("folder/file.json: expected")


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_else(data):
    """Whatever a file holds, the error is ours."""
    with contextlib.suppress(BadVectors):
        assert isinstance(parsed(data, "here"), dict)


def test_fields():
    """A field of another type, a missing one, one too many."""
    x = {"a": 1, "b": "text", "c": True, "d": Literal("1.5"), "e": None}
    assert take(x, "a", int, "here") == 1
    assert take(x, "b", str, "here") == "text"
    assert take(x, "e", (dict, type(None)), "here") is None
    for key, kind in (("a", str), ("b", int), ("c", int), ("d", str), ("e", dict)):
        with pytest.raises(BadVectors, match=rf"here\.{key}: expected {kind.__name__}"):
            take(x, key, kind, "here")
    with pytest.raises(BadVectors, match="expected a field 'z'; got a, b, c, d, e"):
        take(x, "z", int, "here")
    with pytest.raises(BadVectors, match="unknown field 'b'"):
        only(x, {"a", "c", "d", "e"}, "here")
    only(x, set(x), "here")


def test_floats():
    """The nearest float64; no text, no truth values, no overflow."""
    assert as_float(Literal("0.1"), "here") == 0.1
    assert as_float(3, "here") == 3.0
    for bad in ("0.1", True, None, [], Literal("1e999"), 10**400):
        with pytest.raises(BadVectors, match="here: expected"):
            as_float(bad, "here")


def test_texts_of_numbers():
    """As JSON has them, and short."""
    assert number("-1.5E-10", "here") == "-1.5E-10"
    for bad in ("", "1.", "0x10", "nan", "1e12345", "9" * 65, "１"):  # the last is a digit that is not ASCII
        with pytest.raises(BadVectors):
            number(bad, "here")
