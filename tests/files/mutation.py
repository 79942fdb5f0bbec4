"""Mutated documents: good ones with something wrong in their structure, or in their bytes; always the same ones for one seed."""

import copy
import json
import random
import resource
import signal
import sys
import time
from contextlib import contextmanager

#: Numbers and texts as JSON has them, each of which hurt some reader once.
RAW = (
    "null", "true", "false", "0", "-1", "1", "2", "31", "32", "33", "2147483648", "9223372036854775807", "9223372036854775808", "-9223372036854775809",
    "99999999999999999999", "999999999999999999999", "268435456", "-268435456", "1" + "0" * 400, "-1" + "0" * 400, "0.5", "-0.0", "1e308", "1e9999", "-1e9999",
    "1e-9999", "5e-324", "NaN", "Infinity", "-Infinity", '""', '"\\ud800"', '"\\u0000"', '"\\u001b[31m"', '"[/nope]"', '"nan"', '"inf"', '"-inf"', '"0x1p-1"',
    '"0x1p99999"', '"1e99999"', '"x.py:\\u00b2"', f'"x.py:{"9" * 5000}"', f'"{"a" * 54}"', f'"{"a," * 200}->"', '"../../etc/passwd"', '"constant"', '"float"', "[]",
    "{}", "[[]]", "[{}]", '{"a": 1}', '{"a": 1, "a": 2}', "[1, 2, 3]", "[-1]", "[0, 0]", "[268435456]", "[4294967296, 4294967296]", "[1, 1, 16777216]", "[" + "1," * 64 + "1]",
    "[" + "1," * 32 + "1]", "[" + "0," * 2000 + "0]", "[" * 40 + "]" * 40, "[" * 100 + "]" * 100, "[" * 3000 + "]" * 3000, '{"a":' * 100 + "1" + "}" * 100, '{"npy": "x.npy"}',
    '{"shape": [2], "data": [1, 2]}', '{"shape": [4294967296, 4294967296], "data": []}',
)  # fmt: skip
#: Stands for the k-th of them until the document is text.
MARK = "\N{REPLACEMENT CHARACTER}raw"


def mutant(rng, document):
    """Return the text of a document with one to three things wrong, as bytes."""
    changed = copy.deepcopy(document)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        changed = _changed(rng, changed)
    text = json.dumps(changed, ensure_ascii=False)
    for k, raw in enumerate(RAW):
        text = text.replace(f'"{MARK}{k}"', raw)
    data = text.encode("utf-8", "surrogatepass")
    return damaged(rng, data) if rng.random() < 0.15 else data


def damaged(rng, data):
    """Return bytes of which some are others, missing, twice there, or too many."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        at, length = rng.randrange(len(out) + 1), rng.choice((1, 1, 2, 20, 500))
        kind = rng.randrange(5)
        if kind == 0:
            out[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            del out[at : at + length]
        elif kind == 2:
            out[at:at] = out[at : at + length]
        elif kind == 3:
            out[at:at] = rng.choice((b"[", b"{", b'"', b"\\", b",", b"\xff", b"\x00", b"-", b"e", b"9" * 30, b"[" * 300))
        elif out:
            del out[at:]
    return bytes(out)


def _places(x, found):
    if isinstance(x, dict | list):
        for key in x if isinstance(x, dict) else range(len(x)):
            found.append((x, key))
            _places(x[key], found)
    return found


def _changed(rng, document):
    places = _places(document, [])
    if not places:
        return document
    holder, key = rng.choice(places)
    kind = rng.randrange(8)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        other, its = rng.choice(places)
        if its in other if isinstance(other, dict) else its < len(other):
            holder[key] = copy.deepcopy(other[its])
    elif kind == 2 and isinstance(holder, list):
        holder[key:key] = [copy.deepcopy(holder[key])] * rng.choice((1, 1, 2, 40))
    elif kind == 3 and isinstance(holder, dict):
        holder[rng.choice(("", "more", "value", "shape", "npy", "\x1b", str(key) * 2))] = copy.deepcopy(holder[key])
    elif kind == 4 and isinstance(holder[key], int | float):
        holder[key] = rng.choice((-holder[key], holder[key] + 1, holder[key] * 2, holder[key] - 1, str(holder[key])))
    elif kind == 5 and isinstance(holder[key], str):
        holder[key] = rng.choice((holder[key][:-1], holder[key] + "\x1b[31m", holder[key].upper(), holder[key] * 50, holder[key] + "\ud800"))
    else:
        holder[key] = f"{MARK}{rng.randrange(len(RAW))}"
    return document


class TooSlow(BaseException):
    """A document took longer than it may; no reader can catch it."""


@contextmanager
def limited(seconds):
    """Raise `TooSlow` after so many seconds."""

    def ring(number, frame):
        raise TooSlow

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def swept(count, seed, make, use, ours, seconds=10.0):
    """Use many mutants; return counts of what came out, the slowest in seconds, and by how many MB the process grew.

    Args:
        count: of mutants.
        seed: of the first; the k-th has seed + k.
        make: random generator -> a mutant.
        use: mutant -> nothing; what it raises is counted where it is one of `ours`, and fails the test else.
        ours: exceptions.
        seconds: that one may take.
    """
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome, slowest = {"read": 0, "refused": 0}, 0.0
    for k in range(count):
        made = make(random.Random(seed + k))
        start = time.perf_counter()
        try:
            with limited(seconds):
                use(made)
            outcome["read"] += 1
        except ours:
            outcome["refused"] += 1
        except BaseException as error:
            error.add_note(f"seed {seed + k}: {made!r:.3000}")
            raise
        slowest = max(slowest, time.perf_counter() - start)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    sys.stdout.write(f"{outcome}, slowest {slowest:.2f} s, grown by {grown} MB\n")
    assert grown < 1024
    return outcome
