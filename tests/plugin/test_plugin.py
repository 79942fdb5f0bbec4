"""The plugin in repositories of others: fixture, marker, options, summary, files, xdist, known failures."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gradcheck.result import stored

KNOWN = """
[[known]]
row = "*::test_wrong"
reason = "1 - f for 1 - f^2"
link = "https://example.org/1"
"""


def run(repository, *arguments):
    """Run pytest there, in this process: it takes a tenth of the time that a process of its own needs to start."""
    return repository.runpytest_inprocess("-p", "no:randomly", *arguments)


@pytest.mark.parametrize("workers", [(), pytest.param(("-n", "2"), marks=pytest.mark.deep)], ids=["one process", "xdist"])
def test_right_and_wrong(repository, workers):
    """One passes; one fails with node, numbers, mistake, and code that reproduces; the files hold both. In processes of their own."""
    result = repository.runpytest_subprocess("-p", "no:randomly", *workers, "--gradcheck-json=result.json", "--gradcheck-report=report.html", "--junitxml=junit.xml")
    result.assert_outcomes(passed=1, failed=1)
    text = result.stdout.str()
    assert "GradientWrong" in text
    assert "1 - y" in text
    assert "1 pass, 1 fail" in text
    assert "coarsest resolution" in text
    assert "written: report.html" in text
    matrix = stored.read(repository.path / "result.json")
    assert sorted((r.network, r.verdict) for r in matrix.rows) == [
        ("test_gradients.py::test_right", "pass"), ("test_gradients.py::test_wrong", "fail"),
    ]  # fmt: skip
    wrong = next(r for r in matrix.rows if r.verdict == "fail")
    assert wrong.location == "gradients.py:12"
    assert wrong.dtype == "float64"
    assert wrong.evaluations > 0
    html = (repository.path / "report.html").read_text()
    assert "test_wrong" in html
    assert "<h1>" in html


def test_the_reproduction_reproduces(repository):
    """The code in the report, run by itself, shows the number that was got, and that it is wrong."""
    run(repository, "--gradcheck-json=result.json")
    wrong = next(r for r in stored.read(repository.path / "result.json").rows if r.verdict == "fail")
    snippet = next(f.snippet for f in wrong.findings if f.snippet)
    done = subprocess.run([sys.executable, "-c", snippet], cwd=repository.path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_marker(repository):
    """How to check stands on the test; what a call says goes before it."""
    repository.makepyfile(test_marker="""
        import numpy as np
        import pytest

        @pytest.mark.gradcheck(explore=True, seed=3, budget=3000)
        def test_product(gradcheck):
            gradcheck(np.prod, np.array([0.5, 1.5, -2.0]), vjp=lambda g, x: (g * np.prod(x) / x,))

        @pytest.mark.gradcheck(explore=True)
        def test_call_first(gradcheck):
            assert gradcheck(np.prod, np.array([0.5, 1.5, -2.0]), vjp=lambda g, x: (g * np.prod(x) / x,), explore=False).explored is None

        @pytest.mark.gradcheck(explore=True, domain="positive", budget=1500)
        def test_domain(gradcheck):
            gradcheck(lambda x: np.sum(np.abs(x)), np.array([0.5, 1.5]), grad=np.ones_like)

        @pytest.mark.gradcheck(seed=3)
        def test_seed(gradcheck):
            assert gradcheck(np.sin, np.ones(3), vjp=lambda g, x: (g * np.cos(x),)).seed == 3
    """)
    run(repository, "test_marker.py").assert_outcomes(passed=3, failed=1)


@pytest.mark.parametrize("marker", ["gradcheck(exlpore=True)", "gradcheck(True)"])
def test_wrong_markers(repository, marker):
    """Keywords that do not exist are no keywords that are left out."""
    repository.makepyfile(test_marker=f"""
        import pytest

        @pytest.mark.{marker}
        def test_it(gradcheck):
            pass
    """)
    result = run(repository, "test_marker.py")
    assert result.ret != 0
    assert "expected keywords of the gradcheck marker" in result.stdout.str() + result.stderr.str()


INCONCLUSIVE = """
    import numpy as np

    def test_kink(gradcheck):
        assert gradcheck(lambda x: 0 * x, np.ones(3), vjp=lambda g, x: (0 * g,)).verdict == "inconclusive"
"""


def test_inconclusive(repository):
    """It passes, and is told; strictly it fails."""
    repository.makepyfile(test_gradients=INCONCLUSIVE)
    result = run(repository)
    result.assert_outcomes(passed=1)
    assert "1 inconclusive" in result.stdout.str()
    run(repository, "--gradcheck-strict").assert_outcomes(failed=1)


def test_known_failures(repository):
    """What is known to fail is an expected failure with its reason."""
    repository.makefile(".toml", known=KNOWN)
    result = run(repository, "--gradcheck-known-failures=known.toml", "-rx")
    result.assert_outcomes(passed=1, xfailed=1)
    assert "1 - f for 1 - f^2" in result.stdout.str()


def test_known_failures_that_pass_or_match_nothing(repository):
    """Strictly, an unexpected pass fails, and a row that matches nothing is reported."""
    repository.makefile(".toml", known=KNOWN.replace("test_wrong", "test_right") + KNOWN.replace("test_wrong", "test_gone"))
    options = ("--gradcheck-known-failures=known.toml", "--gradcheck-strict", "--deselect", "test_gradients.py::test_wrong")
    result = run(repository, *options)
    result.assert_outcomes(failed=1, deselected=1)
    assert "known to fail" in result.stdout.str()
    assert "matches no row" in result.stdout.str()
    assert run(repository, *options[:1], *options[2:]).ret == 0


def test_a_row_that_matches_nothing_fails_strictly(repository):
    """All tests pass, and still the file is wrong."""
    repository.makepyfile(test_gradients="def test_nothing():\n    pass\n")
    repository.makefile(".toml", known=KNOWN)
    assert run(repository, "--gradcheck-known-failures=known.toml", "--gradcheck-strict").ret == 1
    assert run(repository, "--gradcheck-known-failures=known.toml").ret == 0


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [("known.toml", "[[known]]\nrow = 'x'\n", "expected reason"), ("known.toml", "[[knwon]]\n", "known"), ("known.toml", "[", "expected TOML")],
)
def test_damaged_known_failures(repository, name, text, said):
    """A file that cannot be read ends the run before any test, with one line."""
    (repository.path / name).write_text(text)
    result = run(repository, f"--gradcheck-known-failures={name}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert said in result.stderr.str()
    assert "Traceback" not in result.stderr.str()


def test_settings(repository):
    """[tool.gradcheck] counts, ini settings go before it, options before both; unknown keys are refused."""
    repository.makepyfile(test_gradients="""
        import numpy as np

        def test_seed(gradcheck):
            assert gradcheck(np.sin, np.ones(3), vjp=lambda g, x: (g * np.cos(x),)).seed == 0
    """)
    report = "--gradcheck-json=result.json"

    def seed():
        return json.loads((repository.path / "result.json").read_text())["seed"]

    project = repository.path / "pyproject.toml"
    project.write_text("[tool.gradcheck]\nseed = 5\n")
    run(repository, report)
    assert seed() == 5
    (repository.path / "tox.ini").write_text("[pytest]\npythonpath = .\ngradcheck_seed = 6\n")
    run(repository, report)
    assert seed() == 6
    run(repository, report, "--gradcheck-seed=7")
    assert seed() == 7
    project.write_text("[tool.gradcheck]\nsede = 5\n")
    result = run(repository)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "did you mean 'seed'" in result.stderr.str()


def test_networks_and_targets(repository):
    """Tests over networks, targets and formats have stable names."""
    repository.makepyfile(test_gradients="""
        import pytest

        @pytest.mark.gradcheck(networks=["xor-2-2-1", "diamond"], dtypes=["float64", "float32"])
        def test_network(gradcheck_target, gradcheck_network, gradcheck_dtype, gradcheck_validate):
            assert gradcheck_validate(gradcheck_target, gradcheck_network, gradcheck_dtype).evidence == "certified"
    """)
    result = run(repository, "-v", "--gradcheck-target=reference")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["*test_network[[]*xor-2-2-1*"])
    run(repository).assert_outcomes(skipped=4)


def test_conformance(repository):
    """The suite for others: right rules pass, wrong ones fail with the node and the mistake, ids say what."""
    repository.makepyfile(mypkg="""
        import dataclasses
        from gradcheck.ops.op import registry
        from gradcheck.targets.reference import Reference

        def wrong():
            op = registry["tanh"]
            ops = {**registry.snapshot(), "tanh": dataclasses.replace(op, vjp=lambda m, g, y, x: (g * (1 - y),))}
            return Reference(ops, "wrong")

        Engine = wrong()
    """)
    options = ("--pyargs", "gradcheck.conformance", "--gradcheck-networks=xor-2-2-1-tanh,op/exp/*", "--gradcheck-dtype=float32", "-v")
    result = run(repository, *options, "--gradcheck-target=mypkg:Engine", "--gradcheck-target=reference")
    result.assert_outcomes(passed=7, failed=1)
    text = result.stdout.str()
    assert "test_gradients[reference/op/exp/0/float32]" in text
    assert "1 - y" in text
    everything = run(repository, "--pyargs", "gradcheck.conformance", "--collect-only", "-q", "--gradcheck-target=reference").stdout.str()
    assert "[reference/op/tanh/0/float64]" in everything


def test_programs(repository):
    """A program is a target of tests too, with the limit of pyproject.toml."""
    engine = Path(__file__).parents[2] / "examples" / "engines" / "engine.py"
    (repository.path / "pyproject.toml").write_text("[tool.gradcheck]\ntimeout = 1\n")
    options = ("--pyargs", "gradcheck.conformance", "--gradcheck-networks=diamond,op/conv2d/0", "-v", "-rs")
    result = run(repository, *options, f"--gradcheck-target={sys.executable} {engine}", "--gradcheck-target=sleep 600", "--gradcheck-strict")
    result.assert_outcomes(passed=1, failed=2, skipped=1)
    assert "micro has no form for conv2d" in result.stdout.str()
    assert "no answer within 1 s" in result.stdout.str()


@pytest.mark.core
def test_it_is_light():
    """Loading the plugin imports no number library, and nothing of gradcheck but errors, settings and the reader that settings are read by."""
    code = "import sys, gradcheck.pytest_plugin; print(*(m for m in sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "sympy", "mpmath", "jinja2", "rich", "click", "torch", "jax"} & set(found)
    ours = {m for m in found if m.startswith("gradcheck.") and not m.startswith("gradcheck.pytest_plugin")}
    assert {m for m in ours if not m.startswith("gradcheck.files")} == {"gradcheck.errors", "gradcheck.settings"}
