"""Which changes of one number or one condition does no test notice? A tool for those who look after the numbers, not a test.

    $ pip install coverage
    $ python tests/mutate.py --map lines.json --pytest tests/judge tests/targets    # once: which test runs which line, some minutes
    $ python tests/mutate.py --map lines.json gradcheck/judge    # a module or a folder; prints what survives, and a count
    $ python tests/mutate.py --map lines.json --pytest tests/judge/test_new.py    # later: the lines of more tests, or of changed modules

A number becomes four times and a quarter of itself; a condition becomes its contrary, each part of an ``and`` or ``or`` is left out.
Each change is one process, in which only that module is other than on disk and the tests that run its lines are run, the nearest first.
A change inside of a function is made in a copy of one process that has collected all tests; what happens while a module is loaded, in one
that loads it so. A test that compares a constant with a literal does not count and is left out.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, FunctionType
from zlib import crc32

import coverage
import pytest

ROOT = Path(__file__).parent.parent
#: loaded before the processes part, so that each need not load them again; nothing of gradcheck, and no plugin of pytest
LIBRARIES = ("numpy", "numpy.testing", "sympy", "mpmath", "flint", "ml_dtypes", "click", "rich.console", "jinja2", "scipy.special", "sklearn.neural_network")
#: what the tests of a change may take, in seconds of the map: who has not noticed by then is not near
PATIENCE = 40.0
#: a process takes longer than the map says where other work goes on; one that takes this many times longer hangs, which is noticed
SLOWER, START = 5.0, 30.0
#: what the status of a change's process says: no test failed; this tool did. Everything else, a crash too, is noticed
BROKEN = 99
FATES = {0: "survived", BROKEN: "not tried"}


@dataclass(frozen=True)
class Mutation:
    """One change: of the text between two places of a file to another text."""

    path: str
    line: int
    start: tuple[int, int]
    end: tuple[int, int]
    old: str
    new: str
    lines: tuple[tuple[str, int], ...]
    kind: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.old} -> {self.new}"

    def source(self) -> str:
        """Return the text of the changed file."""
        lines = (ROOT / self.path).read_text(encoding="utf-8").splitlines(keepends=True)
        (a, b), (c, d) = self.start, self.end
        first, last = lines[a - 1].encode(), lines[c - 1].encode()
        return "".join([*lines[: a - 1], first[:b].decode(), self.new, last[d:].decode(), *lines[c:]])


# -- what is changed ------------------------------------------------------------------------------


def mutations(path: str, uses: dict[tuple[str, str], list[tuple[str, int]]]) -> Iterator[Mutation]:
    """Yield the changes of a module.

    Args:
        path: of it, below the root.
        uses: where each constant's name is read, in all modules.
    """
    text = (ROOT / path).read_text(encoding="utf-8")
    for node, owner in _owned(ast.parse(text)):
        lines = _lines_of(path, node, owner, uses)
        changes = [(at, new, "numbers") for at, new in _numbers(node, owner)] + [(at, new, "conditions") for at, new in _conditions(node)]
        for at, new, kind in changes:
            old = ast.get_source_segment(text, at) or ""
            yield Mutation(path, at.lineno, (at.lineno, at.col_offset), (at.end_lineno, at.end_col_offset), old, new, lines, kind)


def _owned(tree: ast.Module) -> Iterator[tuple[ast.AST, list[ast.AST]]]:
    """Yield the nodes with the nodes around them, outermost first."""
    stack: list[tuple[ast.AST, list[ast.AST]]] = [(tree, [])]
    while stack:
        node, around = stack.pop()
        yield node, around
        stack += [(child, [*around, node]) for child in ast.iter_child_nodes(node)]


def _lines_of(path: str, node: ast.AST, around: list[ast.AST], uses: dict[tuple[str, str], list[tuple[str, int]]]) -> tuple[tuple[str, int], ...]:
    """Return the lines whose tests may notice: of the statement, or where the constant that it makes is read."""
    inside = [x for x in around if isinstance(x, ast.FunctionDef | ast.Lambda)]
    statement = next((x for x in reversed([*around, node]) if isinstance(x, ast.stmt)), None)
    if inside and not (isinstance(inside[-1], ast.FunctionDef) and any(node in ast.walk(d) for d in (*inside[-1].args.defaults, *inside[-1].args.kw_defaults) if d)):
        return tuple((path, k) for k in range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))
    if not inside and any(isinstance(x, ast.ClassDef) for x in around):
        statement = next(x for x in around if isinstance(x, ast.ClassDef))  # a default of its fields, on which all its methods depend
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        names = [t.id for t in ast.walk(statement) if isinstance(t, ast.Name) and isinstance(t.ctx, ast.Store)]
        return tuple(x for name in names for x in uses.get((path, name), []))
    if statement is None:
        return ()
    return tuple((path, k) for k in range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))


def _numbers(node: ast.AST, around: list[ast.AST]) -> list[tuple[ast.expr, str]]:
    """Return a number with its fourfold and its quarter; 0, 1 and 2 are structure, but for those that have a name."""
    if not isinstance(node, ast.Constant) or isinstance(node.value, bool) or not isinstance(node.value, int | float):
        return []
    named = len(around) > 1 and not any(isinstance(x, ast.FunctionDef | ast.ClassDef | ast.Lambda) for x in around)
    structure = (ast.Subscript, ast.Slice, ast.JoinedStr)
    if node.value == 0 or (node.value in (1, 2) and not named) or any(isinstance(x, structure) for x in around):
        return []
    quarter = node.value / 4 if isinstance(node.value, float) or node.value < 4 else node.value // 4
    return [(node, repr(4 * node.value)), (node, repr(quarter))]


def _conditions(node: ast.AST) -> list[tuple[ast.expr, str]]:
    """Return the parts of a condition with what leaves them out, a condition of one part with its contrary."""
    if isinstance(node, ast.BoolOp):
        return [(value, str(isinstance(node.op, ast.And))) for value in node.values]
    tests = [node.test] if isinstance(node, ast.If | ast.IfExp | ast.While) else list(node.ifs) if isinstance(node, ast.comprehension) else []
    return [(test, f"(not ({ast.unparse(test)}))") for test in tests if not isinstance(test, ast.BoolOp)]


def reads() -> dict[tuple[str, str], list[tuple[str, int]]]:
    """Return by module and name where each constant is read; of what another constant or a default is made of, where that one is."""
    found: dict[tuple[str, str], list[tuple[str, int]]] = {}
    made: list[tuple[tuple[str, str], tuple[str, str]]] = []
    for file in sorted((ROOT / "gradcheck").rglob("*.py")):
        tree, path = ast.parse(file.read_text(encoding="utf-8")), str(file.relative_to(ROOT))
        origin = {a.asname or a.name: _file_of(n.module) for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module for a in n.names}
        for node, around in _owned(tree):
            name = node.id if isinstance(node, ast.Name) else ""
            if name.isupper() and isinstance(node.ctx, ast.Load):
                key = (origin.get(name, path), name)
                found.setdefault(key, []).extend((path, k) for k in _lines_reading(node, around))
                made += [(key, (path, x)) for x in _constants_of(around)]
    for key, other in made:
        found[key] += found.get(other, [])
    return found


def _file_of(module: str) -> str:
    """Return the file of a module, below the root."""
    path = Path(*module.split("."))
    return str(path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py"))


def _lines_reading(node: ast.AST, around: list[ast.AST]) -> range:
    """Return the lines that depend on a name where it stands: its own, or those of the function of which it is a default."""
    default = next((f for f in around if isinstance(f, ast.FunctionDef) and any(node in ast.walk(d) for d in (*f.args.defaults, *f.args.kw_defaults) if d)), None)
    return range(default.lineno, (default.end_lineno or default.lineno) + 1) if default else range(node.lineno, node.lineno + 1)


def _constants_of(around: list[ast.AST]) -> list[str]:
    """Return the names of the constants that a statement of a module makes."""
    statement = around[1] if len(around) > 1 and isinstance(around[1], ast.Assign | ast.AnnAssign) else None
    return [t.id for t in ast.walk(statement) if isinstance(t, ast.Name) and isinstance(t.ctx, ast.Store)] if statement else []


# -- which tests ----------------------------------------------------------------------------------


def _literal_tests() -> set[str]:
    """Return the tests that compare a constant, a name in capitals, with a literal."""
    found = set()
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for test in (n for n in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(n, ast.FunctionDef)):
            if any(_constant_beside_literal(n) for a in ast.walk(test) if isinstance(a, ast.Assert) for n in ast.walk(a)):
                found.add(f"{file.relative_to(ROOT)}::{test.name}")
    return found


def _constant_beside_literal(node: ast.AST) -> bool:
    if not isinstance(node, ast.Compare):
        return False
    sides = [node.left, *node.comparators]
    names = [getattr(x, "attr", getattr(x, "id", "")) for x in sides]
    literal = [not any(isinstance(y, ast.Name | ast.Call | ast.Attribute) for y in ast.walk(x)) for x in sides]
    return any(n.isupper() for n in names) and any(literal)


class _Lines:
    """A pytest plugin that notes which test runs which lines, and how long each takes."""

    def __init__(self) -> None:
        self.coverage = coverage.Coverage(data_file=None, config_file=False, source=[str(ROOT / "gradcheck")], messages=False)
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        self.coverage.switch_context(item.nodeid)
        start = time.perf_counter()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = round(time.perf_counter() - start, 3)
            self.coverage.switch_context("")


def _crc(path: str) -> int:
    return crc32((ROOT / path).read_bytes())


def make_map(file: Path, arguments: list[str]) -> None:
    """Run tests, and write which of them runs which line of which module; what was known of other tests of the same modules stays."""
    plugin = _Lines()
    plugin.coverage.start()
    pytest.main(["-q", "-p", "no:xdist", *arguments], plugins=[plugin])
    plugin.coverage.stop()
    data, tests = plugin.coverage.get_data(), list(plugin.seconds)
    number = {name: k for k, name in enumerate(tests)}
    lines = {
        str(Path(path).relative_to(ROOT)): {str(n): [number[c] for c in found if c] for n, found in data.contexts_by_lineno(path).items() if any(found)}
        for path in data.measured_files()
    }
    seconds = [plugin.seconds[t] for t in tests]
    found = {"tests": tests, "seconds": seconds, "lines": lines, "text": {path: _crc(path) for path in lines}}
    file.write_text(json.dumps(_joined(json.loads(file.read_text(encoding="utf-8")), found) if file.exists() else found), encoding="utf-8")


def _joined(old: dict, new: dict) -> dict:
    """Return two maps as one; of a test in both, the new one counts, of a module that changed in between the old one nothing."""
    kept = [k for k, name in enumerate(old["tests"]) if name not in set(new["tests"])]
    number = {k: len(new["tests"]) + n for n, k in enumerate(kept)}
    lines = {path: {n: list(found) for n, found in by_line.items()} for path, by_line in new["lines"].items()}
    for path, by_line in old["lines"].items():
        if old["text"][path] == new["text"].get(path, old["text"][path]):
            for n, found in by_line.items():
                lines.setdefault(path, {}).setdefault(n, []).extend(number[k] for k in found if k in number)
    tests, seconds = ([*new[what], *(old[what][k] for k in kept)] for what in ("tests", "seconds"))
    return {"tests": tests, "seconds": seconds, "lines": lines, "text": {**old["text"], **new["text"]}}


def collected(tests: list[str]) -> set[str]:
    """Return those of a map's tests that are there still."""
    files = sorted({name.partition("::")[0] for name in tests if (ROOT / name.partition("::")[0]).exists()})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "", *files]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines())


def nearest(mutation: Mutation, known: dict, left_out: set[str], patience: float) -> tuple[list[str], float]:
    """Return the tests that run the changed lines, and their seconds: those of its own folder first, the quick ones of each file in turn."""
    numbers = {k for path, n in mutation.lines for k in known["lines"].get(path, {}).get(str(n), ())}
    folder, stem, rank = Path(mutation.path).parts[1], Path(mutation.path).stem, Counter()
    places = {}
    for k in sorted(numbers, key=lambda k: known["seconds"][k]):
        file = known["tests"][k].partition("::")[0]
        rank[file] += 1
        places[k] = (f"test_{stem}." not in file, f"tests/{folder}/" not in file, rank[file])
    chosen, total = [], 0.0
    for k in sorted(places, key=lambda k: (places[k], known["seconds"][k])):
        if not {known["tests"][k], known["tests"][k].partition("[")[0]} & left_out and total <= patience:
            chosen.append(known["tests"][k])
            total += known["seconds"][k]
    return chosen, total


# -- one process a change -------------------------------------------------------------------------


class _Changed(SourceFileLoader):
    """Loads a module from other text."""

    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, path)
        self.text = text

    def get_code(self, fullname: str) -> object:
        return compile(self.text, self.path, "exec", dont_inherit=True)


class _Finder:
    """Finds one module changed, and leaves all others to those behind it."""

    def __init__(self, mutation: Mutation) -> None:
        self.file, self.text = ROOT / mutation.path, mutation.source()
        self.name = ".".join(Path(mutation.path).with_suffix("").parts).removesuffix(".__init__")

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        if name != self.name:
            return None
        folders = [str(self.file.parent)] if self.file.name == "__init__.py" else None
        return spec_from_file_location(name, self.file, loader=_Changed(name, str(self.file), self.text), submodule_search_locations=folders)


def load_anew(mutation: Mutation, tests: list[str]) -> int:
    """Run tests in a process that has loaded nothing of gradcheck yet; return pytest's status. Its own loader would come before ours."""
    sys.meta_path.insert(0, _Finder(mutation))
    return int(pytest.main(["-x", "-q", "--assert=plain", "-p", "no:xdist", "-p", "no:benchmark", "-m", "", *tests]))


def exchanged(mutation: Mutation) -> list[tuple[CodeType, CodeType]] | None:
    """Return the code of functions before and after a change; None where it is of what runs while the module is loaded."""
    old = compile((ROOT / mutation.path).read_text(encoding="utf-8"), str(ROOT / mutation.path), "exec", dont_inherit=True)
    return _pairs(old, compile(mutation.source(), old.co_filename, "exec", dont_inherit=True))


def _pairs(old: CodeType, new: CodeType) -> list[tuple[CodeType, CodeType]] | None:
    if not old.co_name.startswith("<") or old.co_name == "<lambda>":
        runs_later = bool(old.co_flags & 1)  # a function's; a class body's is not "optimised"
        if runs_later:
            return [] if old == new else [(old, new)]
    mine, theirs = ([x for x in c.co_consts if not isinstance(x, CodeType)] for c in (old, new))
    if (old.co_code, old.co_names, repr(mine)) != (new.co_code, new.co_names, repr(theirs)):
        return None
    before, after = ([x for x in c.co_consts if isinstance(x, CodeType)] for c in (old, new))
    inner = [_pairs(a, b) for a, b in zip(before, after, strict=True)] if len(before) == len(after) else [None]
    return None if None in inner else [x for found in inner if found is not None for x in found]


class _Host:
    """A pytest plugin that collects all tests, and has copies of its process run some of them with a change each."""

    def __init__(self, work: Callable[[Callable[[Mutation, list[str]], int]], None]) -> None:
        self.work, self.items, self.functions, self.failed = work, {}, [], False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.items = {x.nodeid: x for x in session.items}
        self.functions = [f for f in gc.get_objects() if type(f) is FunctionType and f.__code__.co_filename.startswith(str(ROOT / "gradcheck"))]
        gc.freeze()
        self.work(self.run)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed = self.failed or report.failed

    def run(self, mutation: Mutation, tests: list[str]) -> int:
        """Change the functions that are there, and run tests until one fails; return 1 for that."""
        for old, new in exchanged(mutation) or ():
            for f in self.functions:
                if f.__code__ == old:
                    f.__code__ = new
        chosen = [self.items[name] for name in tests if name in self.items]
        for item, following in zip(chosen, [*chosen[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failed:
                return 1
        return 0


def start(run: Callable[[Mutation, list[str]], int], mutation: Mutation, tests: list[str]) -> int:
    """Start the process of a change, and return its number; its status is 0 where no test noticed."""
    child = os.fork()
    if child:
        return child
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    status = BROKEN
    try:
        status = run(mutation, tests)
    finally:
        os._exit(status)


def fates(run: Callable[[Mutation, list[str]], int], found: list[tuple[Mutation, list[str], float]], jobs: int) -> Iterator[tuple[Mutation, str]]:
    """Yield each change with what became of it: "killed" or "survived"."""
    running: dict[int, tuple[Mutation, float]] = {}
    waiting = list(reversed(found))
    while waiting or running:
        while waiting and len(running) < jobs:
            mutation, tests, seconds = waiting.pop()
            running[start(run, mutation, tests)] = (mutation, time.monotonic() + START + SLOWER * seconds)
        for child, (mutation, end) in list(running.items()):
            done, status = os.waitpid(child, os.WNOHANG)
            if done or time.monotonic() > end:
                del running[child]
                if not done:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                yield mutation, "killed" if not done else FATES.get(os.waitstatus_to_exitcode(status), "killed")
        time.sleep(0.01)


class _Table:
    """What became of the changes, printed as it comes."""

    def __init__(self) -> None:
        self.counts: dict[str, dict[str, int]] = {}
        self.start = time.monotonic()

    def note(self, mutation: Mutation, fate: str) -> None:
        """Print a change that no test noticed, and count."""
        package = "/".join(Path(mutation.path).parts[:2])
        self.counts.setdefault(package, dict.fromkeys(("killed", "survived", "no test", "not tried"), 0))[fate] += 1
        if fate != "killed":
            print(f"{fate}: {mutation}", file=sys.__stdout__, flush=True)

    def close(self) -> None:
        """Print the counts, a package a line."""
        for package, counts in self.counts.items():
            print(f"{package}: {sum(counts.values())} changes: " + ", ".join(f"{n} {fate}" for fate, n in counts.items()))
        print(f"{time.monotonic() - self.start:.0f} s")


def try_all(found: list[Mutation], known: dict, options: argparse.Namespace) -> None:
    """Make each change, and print what no test notices: first those that take loading anew, then those of functions."""
    left_out, table = _literal_tests() | (set(known["tests"]) - collected(known["tests"])), _Table()
    plans = [(x, *nearest(x, known, left_out, options.patience)) for x in found]
    for mutation, tests, _ in plans:
        if not tests:
            table.note(mutation, "no test")
    plans = [p for p in plans if p[1]]
    later = [p for p in plans if exchanged(p[0]) is not None]

    def work(chosen: list[tuple[Mutation, list[str], float]]) -> Callable[[Callable[[Mutation, list[str]], int]], None]:
        return lambda run: [table.note(*x) for x in fates(run, chosen, options.jobs)]

    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            import_module(name)
    work([p for p in plans if exchanged(p[0]) is None])(load_anew)
    if later:
        files = sorted({name.partition("::")[0] for _, tests, _ in later for name in tests})
        if pytest.main(["-q", "-s", "-p", "no:xdist", "-p", "no:benchmark", "-m", "", *files], plugins=[_Host(work(later))]) == pytest.ExitCode.INTERNAL_ERROR:
            raise SystemExit("the tests could not be collected: see above")
    table.close()


def _without_line(text: str) -> str:
    path, _, change = text.partition(": ")
    return f"{path.partition(':')[0]} {change}"


def main() -> None:
    """Make the map, or change modules and print what no test notices."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help="files or folders below the root: gradcheck/judge")
    parser.add_argument("--map", type=Path, required=True, help="which test runs which line; made, or renewed, where no module is named")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--one-in", type=int, default=1, help="try every so manieth change only")
    parser.add_argument("--again", type=Path, help="try only what an earlier output of this tool names, wherever its lines are now")
    parser.add_argument("--only", choices=("numbers", "conditions"), help="try only one kind of change")
    parser.add_argument("--patience", type=float, default=PATIENCE, help="what the tests of a change may take, in seconds")
    parser.add_argument("--pytest", nargs=argparse.REMAINDER, default=[], help="while the map is made: all that follows are arguments of pytest")
    options = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    os.environ["PYTHONPATH"] = str(ROOT)
    if not options.modules:
        make_map(options.map, options.pytest)
        return
    known, uses = json.loads(options.map.read_text(encoding="utf-8")), reads()
    files = [f for m in options.modules for f in ([Path(m)] if m.endswith(".py") else sorted(Path(m).rglob("*.py")))]
    if old := [f for f in files if known["text"].get(str(f), _crc(str(f))) != _crc(str(f))]:
        parser.error(f"expected a map of the modules as they are; {', '.join(map(str, old))} changed since: make it again")
    found = [x for f in files for x in mutations(str(f), uses) if options.only in (None, x.kind)]
    if options.again:
        named = {_without_line(text.partition(": ")[2]) for text in options.again.read_text(encoding="utf-8").splitlines()}
        found = [x for x in found if _without_line(str(x)) in named]
    try_all(found[:: options.one_in], known, options)


if __name__ == "__main__":
    main()
