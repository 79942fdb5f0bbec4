"""Made-up results for the tests of reports."""

import math
import re

from gradcheck.result.finding import Finding, Matrix, NodeRatio, Row, Skipped

HOSTILE = (
    "<script>alert(1)</script>", "a\nb\r\nc", "\x1b[31mred\x1b[0m\x07", "x" * 10_000, "]]>--><!--", "{{ 7 * 7 }}", "'\"><img src=x onerror=alert(1)>",
    "::error::injected", "| a | b |", "`code` **bold** [l](javascript:x) @me", "\u202eevil\u2066", "\ud800", "%0A::warning::x", "$\\{HOME}", "",
    "\x1b[2J", "\x9b2J", "[red]x[/red]",
)  # fmt: skip

#: What no report may hold, whatever names are.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2066\ud800-\udfff]")


def row(target="torch", network="xor", verdict="pass", **more):
    """Return a row."""
    given = {"dtype": "float64", "evidence": "certified", "worst_ratio": 0.5, "node": "z1", "op": "tanh", "message": "3 arrays within rounding", "seconds": 0.01}
    given |= more
    return Row(
        target, network, given.pop("dtype"), verdict, given.pop("evidence"), given.pop("worst_ratio"), given.pop("node"), given.pop("op"),
        given.pop("message"), **given,
    )  # fmt: skip


def failing(target="mine", network="xor", text="adjoint of z1[0, 2]: got 1.0, expected 0.5", **more):
    """Return a failing row with a drawing, a histogram and a reproduction."""
    fault = Finding(
        "fault", text, "z1", "tanh", "a1[0]", ("a1",), "adjoint", (0, 2), 1.0, 0.5, 1e-16, 5e15, 0.7, 53, "1 - y: the derivative of tanh", "import gradcheck\nprint(1)"
    )
    nodes = (
        NodeRatio("w1", "", (), None, 3.0), NodeRatio("z1", "dense", ("w1",), 0.2, 5e15), NodeRatio("a1", "tanh", ("z1",), 0.7, 0.1),
        NodeRatio("loss", "sum", ("a1",), math.nan, None),
    )  # fmt: skip
    given = {"findings": (fault, Finding("note", "no output depends on w2")), "nodes": nodes, "histogram": (4, *[1] * 17, 2), "location": "src/mine.py:12"}
    return row(target, network, "fail", message=text, worst_ratio=5e15, **(given | more))


def one(*rows):
    """Return a result of rows and nothing else."""
    return Matrix(rows, (), 0)


def matrix():
    """Return a small result with everything in it."""
    rows = (
        row(), row("torch", "deep"), failing(), row("mine", "deep", "inconclusive", message="known: a reason (link)", known="a reason", location="a b.py:7"),
        row("mine", "crashes", "inconclusive", evidence="none", error=True, message="the target raised ValueError", worst_ratio=None),
    )  # fmt: skip
    return Matrix(rows, (Skipped("sklearn", "lstm", "float64", "it has no such layer"),), 3, {"gradcheck": "0.1.0", "torch": "2.13"}, 1.5)


def hostile():
    """Return a result in which every text is an attack."""
    rows = [
        failing(t, t, t, location=f"{t}:3", dtype=t[:40], findings=(Finding("fault", t, t, t, t, (t,), t, (0,), 1.0, 2.0, 1.0, 3.0, 1.0, 53, t, t),),
                nodes=(NodeRatio(t, t, (t,), 1.0, 2.0), NodeRatio("b", t, (t,), 1.0, math.inf)))
        for t in HOSTILE
    ]  # fmt: skip
    rows += [row(t, t, "inconclusive", message=t, known=t, evidence=t) for t in HOSTILE]
    return Matrix(tuple(rows), tuple(Skipped(t, t, t, t) for t in HOSTILE), 0, {t[:60]: t for t in HOSTILE})


def many(count=10_000):
    """Return a large result: 20 targets and 500 networks, a few of which fail."""
    rows = []
    for k in range(count):
        t, n = f"package.module:Target{k % 20}", f"network-number-{k // 20}-of-many"
        rows.append(failing(t, n) if k % 200 == 0 else row(t, n, "inconclusive" if k % 50 == 1 else "pass", worst_ratio=k / count))
    return Matrix(tuple(rows), (), 0, {"gradcheck": "0.1.0"}, 100.0)
