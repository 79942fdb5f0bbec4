"""Arrays in messages: every number comes back bit by bit, and what is no array of numbers is refused by name."""

import json
import os
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from gradcheck.arith.floating import FORMATS
from gradcheck.errors import TargetFailed
from gradcheck.targets.numbers import as_file, as_json, read

SPECIAL = [0.0, -0.0, 1.0, 0.1, 5e-324, -2.2250738585072014e-308, 1.7976931348623157e308, np.inf, -np.inf, np.nan, 1 / 3]
BITS = {"float64": np.uint64, "float32": np.uint32, "float16": np.uint16, "bfloat16": np.uint16}


def same(a, b):
    """Answer whether two arrays have the same bits, any NaN being one."""
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    with np.errstate(invalid="ignore"):  # signalling NaN
        a, b = a.astype(np.float64), b.astype(np.float64)
    return np.array_equal(a, b, equal_nan=True) and np.array_equal(np.signbit(a[a == 0]), np.signbit(b[b == 0]))


def travelled(x):
    """Return an array after a round trip through text."""
    return json.loads(json.dumps(as_json(x), allow_nan=False))


@pytest.mark.parametrize("dtype", BITS)
def test_special_numbers_travel(dtype):
    """Zeros of both signs, subnormal and extreme numbers, infinities and NaN."""
    with np.errstate(over="ignore"):
        x = np.array(SPECIAL).astype(FORMATS[dtype])
    assert same(read(travelled(x), "x", dtype), x)


@given(arrays(np.float64, array_shapes(min_dims=0, max_dims=3, max_side=3, min_side=0), elements=st.floats()))
def test_float64_travels(x):
    """Every float64, in every shape, empty ones and single numbers too."""
    assert same(read(travelled(x), "x", "float64"), x)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_all_of_a_half_format_travel(dtype):
    """All 65536 numbers of a half format."""
    x = np.arange(2**16, dtype=np.uint16).view(FORMATS[dtype])
    assert same(read(travelled(x), "x", dtype), x)


@given(arrays(np.float32, 5, elements=st.floats(width=32)))
def test_nine_digits_are_enough_for_float32(x):
    """An engine may print float32 with nine digits: they are rounded back to the number."""
    text = [float(f"{v:.9g}") if np.isfinite(v) else str(v) for v in x.tolist()]
    assert same(read(text, "x", "float32"), x)


def test_whole_numbers_and_truth():
    """Indices and masks are numbers and truths of JSON."""
    assert as_json(np.array([[1, -2]])) == {"shape": [1, 2], "data": [1, -2]}
    assert as_json(np.array([True, False])) == {"shape": [2], "data": [True, False]}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (0.5, np.array(0.5)), (3, np.array(3.0)), ("-inf", np.array(-np.inf)), ([], np.zeros(0)), ([[], []], np.zeros((2, 0))), ([[1], [2]], np.array([[1.0], [2.0]])),
        ("0x1.8p+1", np.array(3.0)), ("-0X.8P-1", np.array(-0.25)), ("0x10", np.array(16.0)), ("10", np.array(10.0)), (["0.10000000000000001", "-1.e-3", ".5E2"], np.array([0.1, -0.001, 50.0])), (["NaN", "Infinity", "+inf", "-nan"], np.array([np.nan, np.inf, np.inf, np.nan])),
        ({"shape": [], "data": [7]}, np.array(7.0)), ({"shape": [0, 3], "data": []}, np.zeros((0, 3))), ({"shape": [2, 1], "data": [1, 2], "more": 0}, np.array([[1.0], [2.0]])),
        (1e400, np.array(np.inf)), (float("nan"), np.array(np.nan)),
    ],
)  # fmt: skip
def test_forms_of_an_answer(given, expected):
    """Numbers, nested lists, shape and data, hexadecimal and not finite texts."""
    assert same(read(given, "x", "float64"), expected)


def test_too_large_for_the_format():
    """What overflows the format is infinite, as everywhere; no warning."""
    assert np.isinf(read([1e300], "x", "float32")).all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, 'expected numbers, "nan", "inf" or "-inf"; got null; JSON.stringify makes null of NaN'), (True, "got true"), ("1_0", "got '1_0'"), ("0.5 ", "got '0.5 '"), ("1e999999", "got '1e999999'"), ("\u0661", "got "), (".", r"got '\.'"), ("one", "got 'one'"), ("", "got ''"),
        ("0x", "got '0x'"), ("0x1p999999", "got '0x1p999999'"), ([1, None], "got null"), ([[1, 2], [3]], "expected lists of equal lengths"), ([[1], 2], "expected lists of equal lengths"), ([1, [2]], r"got \[2\]"),
        ({}, "expected a shape of non-negative integers; got null"), ({"shape": [2]}, "expected data, a flat list"), ({"shape": [2], "data": [1]}, r"expected 2 numbers for the shape \[2\]; got 1"),
        ({"shape": [-1], "data": []}, "expected a shape"), ({"shape": [True], "data": [1]}, "expected a shape"), ({"shape": [1] * 33, "data": [1]}, "expected a shape"), ({"shape": [2], "data": {"0": 1}}, "expected data"),
        (10**400, "an integer beyond it"), ([10**400, "nan"], "an integer beyond it"), ({"npy": "a.npy"}, "the request named no directory"),
    ],
)  # fmt: skip
def test_what_is_no_array(given, said):
    """The message names the array, what was expected, and what came."""
    with pytest.raises(TargetFailed, match=f"^gradient of w: .*{said}"):
        read(given, "gradient of w", "float64")


def test_deep_lists():
    """More axes than NumPy has."""
    deep = 1.0
    for _ in range(33):
        deep = [deep]
    with pytest.raises(TargetFailed, match="nested at most 32 deep"):
        read(deep, "x", "float64")


@pytest.mark.parametrize("dtype", BITS)
def test_files_travel(dtype, tmp_path):
    """A file holds the same bits, bfloat16 as float32, shapes without axes too."""
    for x in (np.array(SPECIAL[:5]).astype(FORMATS[dtype]), np.array(1.5).astype(FORMATS[dtype]), np.arange(6.0).reshape(2, 3).T.astype(FORMATS[dtype])):
        sent = as_file(x, tmp_path / "0.npy")
        assert sent == {"npy": "0.npy", "shape": list(x.shape), "dtype": "float32" if dtype == "bfloat16" else dtype}
        assert same(read(sent, "x", dtype, tmp_path), x)


def _pickled(path):
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)


def _archive(path):
    with path.open("wb") as file:
        np.savez(file, a=np.zeros(2))


def _too_short(path):
    np.save(path, np.zeros(100))
    path.write_bytes(path.read_bytes()[:-8])


BAD_FILES = {
    "a pickled array": (_pickled, "without pickles"), "a pickle": (lambda p: p.write_bytes(pickle.dumps(1)), "without pickles"), "an archive": (_archive, "NumPy's format"),
    "nothing": (lambda p: p.write_bytes(b""), "NumPy's format"), "text": (lambda p: p.write_text("1 2 3"), "NumPy's format"), "too short": (_too_short, "NumPy's format"),
    "complex numbers": (lambda p: np.save(p, np.zeros(2, complex)), "expected numbers of"), "words": (lambda p: np.save(p, np.array(["a"])), "expected numbers of"),
    "a folder": (lambda p: p.mkdir(), "name of a file in the directory"), "a pipe": (lambda p: os.mkfifo(p), "name of a file in the directory"), "no file": (lambda p: None, "name of a file in the directory"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files(name, tmp_path):
    """What is no file of numbers is refused: nothing is unpickled, and nothing waited for."""
    make, said = BAD_FILES[name]
    make(tmp_path / "w.npy")
    with pytest.raises(TargetFailed, match=f"^gradient of w: .*{said}"):
        read({"npy": "w.npy"}, "gradient of w", "float64", tmp_path)


@pytest.mark.parametrize("name", ["../w.npy", "/etc/hostname", "link.npy", "", ".", "a\0b", 7, None, ["w.npy"]])
def test_files_elsewhere(name, tmp_path):
    """A path must stay in the directory, links followed."""
    np.save(tmp_path / "w.npy", np.zeros(2))
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "link.npy").symlink_to(tmp_path / "w.npy")
    with pytest.raises(TargetFailed, match="name of a file in the directory"):
        read({"npy": name}, "w", "float64", inner)
