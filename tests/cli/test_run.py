"""`gradcheck run`: exit statuses, JSON, random networks."""

import json
from functools import partial

import pytest

from gradcheck.targets.reference import Reference
from tests.cli.status import status
from tests.judge.networks import broken

right = Reference(name="right")
wrong = broken("tanh", vjp=lambda m, g, y, x: (g * (1 - y),))
ROW = ("target", "network", "dtype", "verdict", "evidence", "worst_ratio", "node", "op", "message")


def raising(graph, values):
    """Never run."""
    raise RuntimeError("no\x1b[2J luck")


def sometimes(graph, values):
    """Run on networks with few nodes."""
    if len(graph.nodes) > 5:
        raise RuntimeError("too large")
    return right.run(graph, values)

run = partial(status, "run")


HERE = __name__
XOR = ("--networks", "xor-2-2-1")
EXITS = {
    "right": (0, "reference", *XOR), "two formats": (0, "reference", *XOR, "--dtype", "float64, float32"), "strict and right": (0, "reference", *XOR, "--strict"),
    "wrong": (1, f"{HERE}:wrong", "--networks", "deep-chain-200"), "wrong beats raising": (1, f"{HERE}:wrong", f"{HERE}:raising", "--networks", "deep-chain-200"),
    "inconclusive": (0, f"{HERE}:sometimes", "--networks", "S1"), "inconclusive and strict": (1, f"{HERE}:sometimes", "--networks", "S1", "--strict"),
    "unknown target": (2, "pytorch", *XOR), "unknown module": (2, "nowhere:target", *XOR), "unknown network": (2, "reference", "--networks", "xor-9"), "unknown format": (2, "reference", *XOR, "--dtype", "float65"),
    "no format": (2, "reference", *XOR, "--dtype", ","), "nothing tested": (2, "reference", *XOR, "--dtype", "longdouble"), "always raises": (2, f"{HERE}:raising", *XOR),
    "one of two never ran": (2, "reference", f"{HERE}:raising", *XOR), "folder that is not there": (2, "reference", *XOR, "--json", "/nowhere/at/all.json"),
}  # fmt: skip


@pytest.mark.core
@pytest.mark.parametrize("name", EXITS)
def test_exit_status(name, capsys):
    """0 nothing is wrong, 1 a gradient is wrong (or inconclusive and strict), 2 the job could not be done."""
    expected, *arguments = EXITS[name]
    assert run(*arguments) == expected
    captured = capsys.readouterr()
    assert "Traceback" not in captured.out + captured.err
    assert "\x1b" not in captured.out + captured.err


def test_a_failure_is_shown(capsys):
    """The table, the edge, the mistake and code that reproduces it are on standard output."""
    assert run(f"{HERE}:wrong", "--networks", "deep-chain-200") == 1
    out, err = capsys.readouterr()
    assert not err
    assert "mistake" in out
    assert "1 - y" in out
    assert "gradcheck.networks['deep-chain-200']" in out


def result(tmp_path, *arguments):
    """Return the status and the JSON of a run."""

    def refuse(name):
        raise AssertionError(f"JSON has no {name}")

    file = tmp_path / "out.json"
    code = run(*arguments, "--json", str(file))
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]
    return code, json.loads(file.read_text(encoding="utf-8"), parse_constant=refuse)


def test_json(tmp_path):
    """The documented keys are there, numbers that are not finite are none, and the verdicts are those of the table."""
    code, data = result(tmp_path, "reference", f"{HERE}:wrong", f"{HERE}:raising", "--networks", "deep-chain-200", "--networks", "xor-2-2-1", "--seed", "7")
    assert code == 1
    assert data["schema"] == "gradcheck-result/1"
    assert data["seed"] == 7
    assert data["versions"]["gradcheck"]
    assert data["versions"]["reference"]
    assert len(data["rows"]) == 6
    for row in data["rows"]:
        assert set(ROW) <= set(row)
        assert row["verdict"] in ("pass", "fail", "inconclusive")
        assert row["worst_ratio"] is None or isinstance(row["worst_ratio"], float | str)
    assert {r["verdict"] for r in data["rows"] if r["target"] == "reference"} == {"pass"}
    failing = next(r for r in data["rows"] if r["verdict"] == "fail")
    assert failing["op"] == "tanh"
    assert failing["findings"][0]["snippet"]


def test_random_networks_are_reproducible(tmp_path):
    """--random N with one seed gives the same rows, without the other networks; another seed gives others."""
    rows = []
    for k, seed in enumerate(("3", "3", "4")):
        folder = tmp_path / str(k)
        folder.mkdir()
        code, data = result(folder, "reference", "--random", "4", "--seed", seed)
        assert code == 0
        rows.append([{key: r[key] for key in ROW} for r in data["rows"]])
    assert rows[0] == rows[1]
    assert [r["network"] for r in rows[0]] == [f"random/3/{k}" for k in range(4)]
    assert [r["worst_ratio"] for r in rows[0]] != [r["worst_ratio"] for r in rows[2]]


def test_random_and_named_networks(tmp_path):
    """With --networks the random ones come in addition."""
    _, data = result(tmp_path, "reference", *XOR, "--random", "1")
    assert [r["network"] for r in data["rows"]] == ["xor-2-2-1", "random/0/0"]


@pytest.mark.core
def test_snippets_reproduce(tmp_path, capsys):
    """The code in a finding runs and prints the target's number."""
    _, data = result(tmp_path, f"{HERE}:wrong", "--networks", "deep-chain-200")
    finding = next(f for r in data["rows"] for f in r["findings"] if f["snippet"])
    capsys.readouterr()
    spec = f"{HERE}:wrong"
    exec(finding["snippet"].replace("'broken-tanh'", repr(spec)), {})
    assert float(capsys.readouterr().out) == finding["got"]


def test_a_target_that_fails_sometimes(tmp_path):
    """One network that a target cannot run is inconclusive and does not stop the others."""
    code, data = result(tmp_path, f"{HERE}:sometimes", "--networks", "S1")
    assert code == 0
    assert {r["verdict"] for r in data["rows"]} == {"pass", "inconclusive"}


def test_a_file_that_cannot_be_written_is_refused_before_the_work(capsys):
    """Nobody waits for a long run to learn that its result cannot be kept."""
    assert run("reference", *XOR, "--json", "/nowhere/at/all.json") == 2
    out, err = capsys.readouterr()
    assert not out
    assert "expected a file in a folder that exists; got '/nowhere/at/all.json'" in err


def test_nothing_tested_is_said(capsys):
    """Two zeros and an empty table are no explanation."""
    assert run("reference", *XOR, "--dtype", ",") == 2
    assert "nothing was tested" in capsys.readouterr().out
