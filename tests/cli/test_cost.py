"""``gradcheck cost``: files, budgets, usage."""

import json

import pytest
from click.testing import CliRunner

from gradcheck.cli.cost import cost_command

SMALL = ["--families", "layered", "--sizes", "10,30", "--methods", "value,reverse", "--tables", "none", "--seconds", "0.01"]
FIGURE = "layered-1000/operations of the gradient"


def run(*arguments):
    """Return exit status and output."""
    result = CliRunner().invoke(cost_command, arguments, standalone_mode=False)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.return_value, result.output


def test_files(tmp_path):
    """JSON, Markdown, and the drawing where matplotlib is; the journal goes when all is done."""
    pytest.importorskip("matplotlib")
    names = {"--json": "c.json", "--markdown": "c.md", "--html": "c.html", "--plot": "c.svg"}
    status, output = run("reference", *SMALL, *(x for k, v in names.items() for x in (k, str(tmp_path / v))))
    assert status == 0
    assert "layered" in output
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(names.values())
    data = json.loads((tmp_path / "c.json").read_text())
    assert [r["method"] for r in data["rows"]] == ["value", "reverse", "reference"] * 2
    assert all(r["seconds"] for r in data["rows"])
    assert "(c.svg)" in (tmp_path / "c.md").read_text()


def test_nothing_measured(tmp_path):
    """Where nothing could be measured the status is 2, and the reasons are in the file."""
    path = tmp_path / "c.json"
    status, _ = run("no_such_module:x", "--families", "layered", "--sizes", "10", "--methods", "", "--tables", "none", "--json", str(path))
    assert status == 2
    assert "no_such_module" in json.loads(path.read_text())["rows"][0]["reason"]


@pytest.mark.parametrize(
    "arguments", [["--sizes", "ten"], ["--sizes", "0"], ["--families", "nothing"], ["--methods", "nothing"], ["--record"], ["--tables", "x"]]
)
def test_usage(arguments):
    """What cannot be understood is refused before any work."""
    import click

    with pytest.raises(click.UsageError):
        run(*arguments)


@pytest.mark.parametrize(("limit", "status"), [(10**12, 0), (10, 1)])
def test_budget(tmp_path, limit, status):
    """Within the budget 0, beyond it 1, and the figure is shown."""
    path = tmp_path / "budget.json"
    path.write_text(json.dumps({"schema": "gradcheck-budget/1", "figures": {FIGURE: {"limit": limit}}}))
    found, output = run("--budget", str(path))
    assert found == status
    assert FIGURE in output
