"""The recipes for CI: valid workflows, and commands that do what they say in a throw-away repository."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin.conftest import GRADIENTS, TESTS

CI = Path(__file__).parents[2] / "examples" / "ci"

ENGINE = "from gradcheck.targets.reference import Reference\n\n\nclass Engine(Reference):\n    pass\n"


def commands(name):
    """Return the shell commands of a recipe, installing left out."""
    yaml = pytest.importorskip("yaml")
    data = yaml.safe_load((CI / name).read_text(encoding="utf-8"))
    if "repos" in data:
        return [hook["entry"] for repo in data["repos"] for hook in repo["hooks"]]
    steps = [s for job in data["jobs"].values() for s in job["steps"]]
    return [line for s in steps if "run" in s and s["name"] != "Install" for line in s["run"].splitlines()]


def run(command, folder):
    """Run a command as the recipe does, with this Python; ``>> $FILE`` by hand, so that no shell is needed."""
    text, _, out = command.partition(" >> ")
    words = [sys.executable if w == "python" else w for w in shlex.split(text)]
    if words[0] == "gradcheck":
        words[:1] = [sys.executable, "-m", "gradcheck"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "PYTEST_ADDOPTS": "-p no:cacheprovider"})
    if out:
        (folder / re.sub(r"\W", "", out)).write_text(done.stdout)
    return done


@pytest.mark.parametrize("name", ["gradients.yml", "engine.yml"])
def test_valid_workflows(name):
    """The schema of GitHub's workflows takes them."""
    pytest.importorskip("check_jsonschema")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(CI / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.deep
def test_gradients(tmp_path):
    """The right gradient passes, the wrong one fails, is annotated at its line, and stands in the summary and the HTML."""
    (tmp_path / "gradients.py").write_text(GRADIENTS)
    (tmp_path / "test_gradients.py").write_text(TESTS)
    check, annotate, summary = commands("gradients.yml")
    assert run(check, tmp_path).returncode == 1
    assert run(annotate, tmp_path).stdout.startswith("::error file=gradients.py,line=13,title=")
    assert run(summary, tmp_path).returncode == 0
    assert "1 - y" in (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
    assert (tmp_path / "gradients.html").stat().st_size > 1000


@pytest.mark.deep
def test_engine(tmp_path):
    """An engine passes the suite and its own baseline; one that got worse does not."""
    (tmp_path / "mypkg.py").write_text(ENGINE)
    (tmp_path / "pyproject.toml").write_text('[tool.gradcheck]\ntargets = ["mypkg:Engine"]\nnetworks = ["diamond", "xor-2-2-1-tanh"]\n[tool.pytest.ini_options]\npythonpath = "."\n')
    suite, compare = commands("engine.yml")
    first = run(suite, tmp_path)
    assert "4 passed" in first.stdout, first.stdout
    assert run("gradcheck run --json baseline.json", tmp_path).returncode == 0
    assert run(compare, tmp_path).returncode == 0
    wrong = "        import dataclasses\n        from gradcheck.ops.op import registry\n        bad = dataclasses.replace(registry['tanh'], vjp=lambda m, g, y, x: (g,))\n"
    (tmp_path / "mypkg.py").write_text(ENGINE.replace("    pass\n", f"    def __init__(self):\n{wrong}        super().__init__({{**registry.snapshot(), 'tanh': bad}})\n"))
    done = run(compare, tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "new failure" in done.stdout
    assert json.loads((tmp_path / "result.json").read_text())["verdict"] == "fail"


@pytest.mark.deep
def test_pre_commit(tmp_path):
    """The hook runs the marked tests only."""
    marked = TESTS.replace("def test_wrong", "@pytest.mark.gradcheck\ndef test_wrong").replace("import numpy as np", "import numpy as np\nimport pytest")
    (tmp_path / "gradients.py").write_text(GRADIENTS)
    (tmp_path / "test_gradients.py").write_text(marked)
    (hook,) = commands("pre-commit-config.yaml")
    done = run(hook, tmp_path)
    assert done.returncode == 1
    assert "1 failed, 1 deselected" in done.stdout
