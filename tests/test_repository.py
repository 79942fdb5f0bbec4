"""The repository itself: who may import whom, what is exported, documented, annotated, and how large."""

import ast
import importlib
import json
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import gradcheck

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "gradcheck").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


@cache
def tree(path):
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes(path):
    """Return all nodes of a file's syntax tree."""
    return tuple(ast.walk(tree(path)))


def table():
    """Return which rooms each room imports, as the table of docs/architecture.md has it."""
    _, _, text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("| room | holds | imports |\n")
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", text.partition("\n\n")[0], re.MULTILINE)
    return {name: {x.strip() for x in found.split(",")} - {""} for name, found in rows}


#: modules that may execute text, with the reason
EXECUTES = {"engine/source.py"}  # text that it made itself from a verified graph, in which no name of the graph is code
#: calls that read or parse what somebody may have written; the reader alone makes them
READS = {"json.load", "json.loads", "tomllib.load", "tomllib.loads", "np.load", "np.loadtxt", "np.fromfile", "np.genfromtxt", "read_text", "read_bytes", "sqlite3.connect"}
#: modules that make them elsewhere, with the reason
READERS = {
    "bench/clock.py": "of the system's files", "bench/machine.py": "of the system's files", "networks/digits.py": "of its own data", "validation/ulps.py": "of its own data",
    "vectors/writing.py": "of a text that it has just made", "pytest_plugin/record.py": "of a text that its own worker made", "history.py": "of a database, in the one way that is safe",
}  # fmt: skip
#: calls that make or change files; the writer alone makes them
WRITES = {"write_text", "write_bytes", "np.save", "np.savez", "np.savez_compressed", "os.open", "os.replace", "os.rename", "shutil.move"}
#: modules that make them elsewhere, with the reason
WRITERS = {
    "bench/clock.py": "a switch of the system", "cli/output.py": "opens what is nowhere", "targets/numbers.py": "into memory, or a request's own folder",
    "foreign/process.py": "opens standard output again", "targets/program.py": "pipes",
}  # fmt: skip
HEAVY = ("sympy", "mpmath", "flint", "torch", "jax", "sklearn", "autograd", "hypothesis")
#: modules above the usual size, with the reason
LARGE = {
    "arith/running.py": 410,  # one class: every operation of the arithmetic with its bound
    "ops/elementwise.py": 370,  # a table: one paragraph an operation
}
USUAL = 350


def room(path):
    """Return the room of a module: the first folder or file name below gradcheck."""
    return path.relative_to(ROOT / "gradcheck").with_suffix("").parts[0]


@cache
def imported(path):
    """Return the full names that a module imports anywhere, TYPE_CHECKING blocks and functions included."""
    found = []
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(found)


ROOMS = {room(path) for path in MODULES}


def rooms_of(names):
    """Return the rooms among imported names; of the package itself only its version is free."""
    return {n.split(".")[1] for n in names if n.startswith("gradcheck.")} & ROOMS


def test_layers():
    """A room imports what its row in docs/architecture.md says, no more and no less; every room has a row."""
    found = {room(path): set() for path in MODULES}
    for path in MODULES:
        found[room(path)] |= rooms_of(imported(path)) - {room(path)}
    assert found == table()


def folder(name):
    """Return the room of a full name, or in `probe` its folder."""
    parts = name.split(".")[1:]
    return ".".join(parts[:2] if parts[0] == "probe" and len(parts) > 2 else parts[:1])


def test_there_are_no_circles():
    """No room imports another that imports it, by whatever way, and no folder of `probe` either."""
    found = {}
    for path in MODULES:
        name = ".".join(["gradcheck", *path.relative_to(ROOT / "gradcheck").with_suffix("").parts])
        modules = {n for n in imported(path) if n.startswith("gradcheck.") and (ROOT / (n.replace(".", "/") + ".py")).exists()}
        found.setdefault(folder(name), set()).update(folder(n) for n in modules)
    assert list(TopologicalSorter({a: b - {a} for a, b in found.items()}).static_order())


def test_nothing_imports_the_command_line():
    """Only the command line and the way into it know of it."""
    for path in MODULES:
        assert room(path) in ("cli", "__main__") or "cli" not in rooms_of(imported(path)), path


@pytest.mark.parametrize("path", [p for p in MODULES if room(p) == "oracles"], ids=lambda p: p.name)
def test_oracles_are_independent(path):
    """An oracle never reads a vjp, nor anything of the engine: that is what its agreement is worth."""
    assert not any(isinstance(node, ast.Attribute) and node.attr == "vjp" for node in nodes(path))
    assert not any(isinstance(node, ast.Constant) and node.value == "vjp" for node in nodes(path))
    assert not any(name.startswith("gradcheck.engine") for name in imported(path))


@pytest.mark.parametrize("path", [p for p in MODULES if room(p) == "engine"], ids=lambda p: p.name)
def test_the_engine_sees_no_oracle(path):
    """Nor does the engine read what oracles are made of."""
    assert not any(isinstance(node, ast.Attribute) and node.attr == "jvp" for node in nodes(path))


@pytest.mark.parametrize("path", [p for p in MODULES if room(p) == "render"], ids=lambda p: p.name)
def test_render_sees_results_only(path):
    """A report imports results, rich and the standard library."""
    top = {name.split(".")[0] for name in imported(path)}
    assert top - set(sys.stdlib_module_names) <= {"rich", "jinja2", "matplotlib", "gradcheck"}
    ours = {n for n in imported(path) if n.startswith("gradcheck.") and not n.startswith("gradcheck.render.")}
    ours -= {n for n in ours if n.startswith("gradcheck.result.text")}
    records = {"Finding", "GradientAccuracy", "Matrix", "NodeRatio", "Row", "Skipped"}
    assert ours <= {"gradcheck.result.finding", *(f"gradcheck.result.finding.{x}" for x in records)}


@pytest.mark.parametrize("name", gradcheck.__all__)
def test_exports(name):
    """Every public name can be had and says what it is."""
    thing = getattr(gradcheck, name)
    assert name == "__version__" or thing.__doc__


def test_unknown_names_are_attribute_errors():
    """The package refuses names that it does not have, and lists those that it has."""
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = gradcheck.nothing
    assert set(gradcheck.__all__) <= set(dir(gradcheck))


def test_all_agrees():
    """What a module's __all__ names is there."""
    for path in MODULES:
        if "targets" in path.parts and path.stem not in ("__init__", "target", "registry"):
            continue
        if not any(isinstance(n, ast.Assign) and getattr(n.targets[0], "id", "") == "__all__" for n in tree(path).body):
            continue
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        module = importlib.import_module(name)
        assert all(hasattr(module, x) for x in module.__all__), path
        assert len(set(module.__all__)) == len(module.__all__), path


IMPORT = "import json, sys, time; t = time.perf_counter(); import gradcheck; s = time.perf_counter() - t; print(json.dumps([s, list(sys.modules)]))"


@pytest.mark.core
def test_import_is_light_and_quick():
    """`import gradcheck` loads no number library or framework, and takes less than 0.2 s in the best of five."""
    times = []
    for _ in range(5):
        seconds, modules = json.loads(subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True).stdout)
        times.append(seconds)
        assert not {m.split(".")[0] for m in modules} & set(HEAVY)
        if seconds < 0.2:
            break
    assert min(times) < 0.2


def public(module):
    """Yield the public functions, classes and methods of a module."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node, None
            if isinstance(node, ast.ClassDef):
                methods = (n for n in node.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_"))
                yield from ((n, node) for n in methods)


def _inherits(owner):
    return any(getattr(b, "id", getattr(b, "attr", "")) not in ("ABC", "Protocol", "") for b in owner.bases)


def test_everything_public_is_documented():
    """Modules, functions, classes and methods have a docstring; a method that implements an inherited one may not."""
    for path in MODULES:
        assert ast.get_docstring(tree(path)) or not path.read_text(encoding="utf-8").strip(), path
        for node, owner in public(tree(path)):
            assert ast.get_docstring(node) or (owner is not None and _inherits(owner)), (path, node.name)


def test_everything_public_is_annotated():
    """Every argument and result of a public function has a type."""
    for path in MODULES:
        for node, _ in public(tree(path)):
            if isinstance(node, ast.ClassDef):
                continue
            a = node.args
            named = [*a.posonlyargs, *a.args, *a.kwonlyargs, *(x for x in (a.vararg, a.kwarg) if x)]
            assert all(x.annotation for x in named if x.arg not in ("self", "cls")), (path, node.name)
            assert node.returns is not None, (path, node.name)


def test_modules_are_small():
    """One file, one idea: no more than 350 lines, but for those with a reason."""
    for path in MODULES:
        name = path.relative_to(ROOT / "gradcheck").as_posix()
        assert len(path.read_text(encoding="utf-8").splitlines()) <= LARGE.get(name, USUAL), name


def test_lines_are_short():
    """Lines aim at 130 characters; none is longer than 160."""
    for path in MODULES:
        for k, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            assert len(line) <= 160, f"{path.name}:{k}"


def test_nothing_dangerous():
    """No library code prints, evaluates text, unpickles, or starts a shell; one module executes code that it made."""
    for path in MODULES:
        forbidden = {"print", "eval", "exec", "compile", "os.system", "os.popen"}
        if path.relative_to(ROOT / "gradcheck").as_posix() in EXECUTES:
            forbidden.remove("exec")
        for node in nodes(path):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert name not in forbidden, (path, name)
                assert not any(k.arg == "shell" for k in node.keywords), path
        assert not {n.split(".")[0] for n in imported(path)} & {"pickle", "marshal", "shelve", "dill"}, path


def test_documents_come_in_by_the_reader():
    """No other module parses JSON, TOML or arrays, or reads a file of somebody else's."""
    for path in (p for p in MODULES if room(p) != "files"):
        calls = {ast.unparse(n.func) for n in nodes(path) if isinstance(n, ast.Call)}
        found = {c for c in calls if c in READS or c.rpartition(".")[2] in READS}
        assert not found or path.relative_to(ROOT / "gradcheck").as_posix() in READERS, path


def _writes(call):
    """Answer whether a call makes or changes a file."""
    name = ast.unparse(call.func)
    modes = [x.value for x in (*call.args, *(k.value for k in call.keywords)) if isinstance(x, ast.Constant) and isinstance(x.value, str)]
    opens = name.rpartition(".")[2] in ("open", "fdopen") and any(set(m) & set("wax+") and len(m) <= 3 for m in modes)
    return opens or name in WRITES or name.rpartition(".")[2] in WRITES


def test_results_go_out_by_the_writer():
    """No other module makes, opens for writing or replaces a file."""
    for path in (p for p in MODULES if room(p) != "files"):
        found = {ast.unparse(n) for n in nodes(path) if isinstance(n, ast.Call) and _writes(n)}
        assert not found or path.relative_to(ROOT / "gradcheck").as_posix() in WRITERS, (path, found)


def test_no_test_hides_another():
    """Two tests of one name in a module: only the second would run."""
    for path in TESTS:
        names = Counter(n.name for n in tree(path).body if isinstance(n, ast.FunctionDef | ast.ClassDef))
        assert not [n for n, k in names.items() if k > 1], path


def test_tests_are_documented():
    """Every test says in a sentence what it shows."""
    for path in TESTS:
        missing = [n.name for n in tree(path).body if isinstance(n, ast.FunctionDef) and n.name.startswith("test") and not ast.get_docstring(n)]
        assert not missing, path


def test_links_into_the_documents():
    """A link that the code shows leads to a heading that is there."""
    for path in MODULES:
        for node in nodes(path):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("docs/"):
                file, _, anchor = node.value.partition("#")
                assert anchor in anchors(file), (path, node.value)


@cache
def anchors(file):
    """Return the anchors of the headings of a page."""
    headings = [line.lstrip("# ").strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    return {"".join(c for c in h.lower().replace(" ", "-") if c.isalnum() or c == "-") for h in headings}
