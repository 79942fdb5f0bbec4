"""The repository itself: who may import whom, what is exported, documented, annotated, and how large."""

import ast
import importlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import gradcheck

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "gradcheck").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
TREES = {p: ast.parse(p.read_text(encoding="utf-8")) for p in (*MODULES, *TESTS)}

each_module = pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
each_test = pytest.mark.parametrize("path", TESTS, ids=lambda p: str(p.relative_to(ROOT)))

#: room -> rooms that it may import; the table of docs/architecture.md
ALLOWED = {
    "errors": set(),
    "foreign": {"errors"},
    "subscriptable": set(),
    "arith": {"errors"},
    "ops": {"arith", "errors"},
    "graph": {"arith", "errors", "ops"},
    "engine": {"arith", "errors", "graph", "ops"},
    "certify": {"arith", "engine", "errors", "graph", "ops", "subscriptable"},
    "curvature": {"arith", "engine", "errors", "graph", "ops"},
    "oracles": {"arith", "errors", "graph", "ops"},
    "networks": {"arith", "errors", "graph", "ops", "subscriptable"},
    "targets": {"arith", "engine", "errors", "foreign", "graph", "ops", "subscriptable"},
    "faults": {"arith", "errors", "graph", "ops", "targets"},
    "strategies": {"errors", "graph", "networks", "ops"},
    "verdict": {"arith", "certify", "engine", "errors", "faults", "foreign", "graph", "networks", "ops", "oracles", "render", "targets"},
    "probe": {"arith", "certify", "engine", "errors", "foreign", "graph", "networks", "ops", "verdict"},
    "render": {"verdict"},
    "learning": {"arith", "engine", "errors", "foreign", "graph", "networks", "ops", "targets", "verdict"},
    "bench": {
        "arith", "certify", "curvature", "engine", "errors", "faults", "foreign", "graph", "networks", "ops", "oracles", "probe", "targets", "verdict",
    },
    "vectors": {"arith", "certify", "engine", "errors", "faults", "graph", "networks", "ops", "targets", "verdict"},
    "settings": {"errors"},
    "history": {"errors", "verdict"},
    "cli": {
        "arith", "bench", "errors", "faults", "foreign", "graph", "history", "learning", "networks", "ops", "oracles", "probe", "render", "settings",
        "targets", "vectors", "verdict",
    },
    "pytest_plugin": {"errors", "networks", "probe", "render", "settings", "verdict"},
    "conformance": {"networks", "pytest_plugin", "verdict"},
    "__main__": {"cli"},
    "__init__": {"arith", "certify", "curvature", "engine", "errors", "graph", "learning", "networks", "ops", "probe", "targets", "verdict"},
}
#: modules that may execute text, with the reason
EXECUTES = {"engine/source.py"}  # text that it made itself from a verified graph, in which no name of the graph is code
HEAVY = ("sympy", "mpmath", "flint", "torch", "jax", "sklearn", "autograd", "hypothesis")
#: modules above the usual size, with the reason
LARGE = {
    "arith/running.py": 390,  # one class: every operation of the arithmetic with its bound
    "ops/elementwise.py": 370,  # a table: one paragraph an operation
}
USUAL = 350


def room(path):
    """Return the room of a module: the first folder or file name below gradcheck."""
    return path.relative_to(ROOT / "gradcheck").with_suffix("").parts[0]


def imported(tree):
    """Return the full names that a module imports anywhere, TYPE_CHECKING blocks and functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_of(names):
    """Return the rooms among imported names; of the package itself only its version is free."""
    found = {n.split(".")[1] for n in names if n.startswith("gradcheck.")}
    return {r for r in found if (ROOT / "gradcheck" / r).exists() or (ROOT / "gradcheck" / f"{r}.py").exists()}


@each_module
def test_layers(path):
    """A module imports only rooms that its own may see."""
    assert rooms_of(imported(TREES[path])) - {room(path)} <= ALLOWED[room(path)]


@each_module
def test_nothing_imports_the_command_line(path):
    """Only the command line and the way into it know of it."""
    assert room(path) in ("cli", "__main__") or "cli" not in rooms_of(imported(TREES[path]))


def test_every_room_has_a_row():
    """A new room needs a row in the table."""
    assert {room(p) for p in MODULES} <= set(ALLOWED)


@pytest.mark.parametrize("path", [p for p in MODULES if room(p) == "oracles"], ids=lambda p: p.name)
def test_oracles_are_independent(path):
    """An oracle never reads a vjp, nor anything of the engine: that is what its agreement is worth."""
    assert not any(isinstance(node, ast.Attribute) and node.attr == "vjp" for node in ast.walk(TREES[path]))
    assert not any(isinstance(node, ast.Constant) and node.value == "vjp" for node in ast.walk(TREES[path]))
    assert not any(name.startswith("gradcheck.engine") for name in imported(TREES[path]))


@pytest.mark.parametrize("path", [p for p in MODULES if room(p) == "engine"], ids=lambda p: p.name)
def test_the_engine_sees_no_oracle(path):
    """Nor does the engine read what oracles are made of."""
    assert not any(isinstance(node, ast.Attribute) and node.attr == "jvp" for node in ast.walk(TREES[path]))


@pytest.mark.parametrize("path", [p for p in MODULES if room(p) == "render"], ids=lambda p: p.name)
def test_render_sees_results_only(path):
    """A report imports results, rich and the standard library."""
    top = {name.split(".")[0] for name in imported(TREES[path])}
    assert top - set(sys.stdlib_module_names) <= {"rich", "jinja2", "matplotlib", "gradcheck"}
    ours = {n for n in imported(TREES[path]) if n.startswith("gradcheck.") and not n.startswith("gradcheck.render.")}
    records = {"Finding", "GradientAccuracy", "Matrix", "NodeRatio", "Row", "Skipped"}
    assert ours <= {"gradcheck.verdict.finding", *(f"gradcheck.verdict.finding.{x}" for x in records)}


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


@each_module
def test_all_agrees(path):
    """What a module's __all__ names is there."""
    if "targets" in path.parts and path.stem not in ("__init__", "target", "registry"):
        return
    if not any(isinstance(n, ast.Assign) and getattr(n.targets[0], "id", "") == "__all__" for n in TREES[path].body):
        return
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    module = importlib.import_module(name)
    assert all(hasattr(module, x) for x in module.__all__)
    assert len(set(module.__all__)) == len(module.__all__)


IMPORT = "import json, sys, time; t = time.perf_counter(); import gradcheck; s = time.perf_counter() - t; print(json.dumps([s, list(sys.modules)]))"


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


def public(tree):
    """Yield the public functions, classes and methods of a module."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node, None
            if isinstance(node, ast.ClassDef):
                methods = (n for n in node.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_"))
                yield from ((n, node) for n in methods)


def _inherits(owner):
    return any(getattr(b, "id", getattr(b, "attr", "")) not in ("ABC", "Protocol", "") for b in owner.bases)


@each_module
def test_everything_public_is_documented(path):
    """Modules, functions, classes and methods have a docstring; a method that implements an inherited one may not."""
    assert ast.get_docstring(TREES[path]) or not path.read_text(encoding="utf-8").strip()
    for node, owner in public(TREES[path]):
        assert ast.get_docstring(node) or (owner is not None and _inherits(owner)), node.name


@each_module
def test_everything_public_is_annotated(path):
    """Every argument and result of a public function has a type."""
    for node, _ in public(TREES[path]):
        if isinstance(node, ast.ClassDef):
            continue
        a = node.args
        named = [*a.posonlyargs, *a.args, *a.kwonlyargs, *(x for x in (a.vararg, a.kwarg) if x)]
        assert all(x.annotation for x in named if x.arg not in ("self", "cls")), node.name
        assert node.returns is not None, node.name


@each_module
def test_modules_are_small(path):
    """One file, one idea: no more than 350 lines, but for those with a reason."""
    name = path.relative_to(ROOT / "gradcheck").as_posix()
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LARGE.get(name, USUAL)


def test_lines_are_short():
    """Lines aim at 130 characters; none is longer than 160."""
    for path in MODULES:
        for k, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            assert len(line) <= 160, f"{path.name}:{k}"


@each_module
def test_nothing_dangerous(path):
    """No library code prints, evaluates text, unpickles, or starts a shell; one module executes code that it made."""
    forbidden = {"print", "eval", "exec", "compile", "os.system", "os.popen"}
    if path.relative_to(ROOT / "gradcheck").as_posix() in EXECUTES:
        forbidden.remove("exec")
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            assert name not in forbidden, name
            assert not any(k.arg == "shell" for k in node.keywords)
    assert not {n.split(".")[0] for n in imported(TREES[path])} & {"pickle", "marshal", "shelve", "dill"}


@each_test
def test_no_test_hides_another(path):
    """Two tests of one name in a module: only the second would run."""
    names = Counter(n.name for n in TREES[path].body if isinstance(n, ast.FunctionDef | ast.ClassDef))
    assert not [n for n, k in names.items() if k > 1]


@each_test
def test_tests_are_documented(path):
    """Every test says in a sentence what it shows."""
    missing = [n.name for n in TREES[path].body if isinstance(n, ast.FunctionDef) and n.name.startswith("test") and not ast.get_docstring(n)]
    assert not missing


@pytest.mark.parametrize("link", sorted({k for p in MODULES for n in ast.walk(TREES[p]) if isinstance(n, ast.Constant) and isinstance(k := n.value, str) and k.startswith("docs/")}))
def test_links_into_the_documents(link):
    """A link that the code shows leads to a heading that is there."""
    file, _, anchor = link.partition("#")
    headings = [line.lstrip("# ").strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    anchors = {"".join(c for c in h.lower().replace(" ", "-") if c.isalnum() or c == "-") for h in headings}
    assert anchor in anchors
