"""Which changes of one number or one condition does no test notice? A tool for those who look after the numbers, not a test.

    $ pip install coverage
    $ python tests/mutate.py --map lines.json --pytest tests/verdict tests/targets    # once: which test runs which line, some minutes
    $ python tests/mutate.py --map lines.json gradcheck/verdict    # a module or a folder; prints what survives, and a count

A number becomes four times and a quarter of itself; a condition becomes its contrary, each part of an ``and`` or ``or`` is left out.
Each change is one process, in which only that module is other than on disk and the tests that run its lines are run, the nearest first.
A test that compares a constant with a literal does not count and is left out.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path

import coverage
import pytest

ROOT = Path(__file__).parent.parent
#: loaded before the processes part, so that each need not load them again; nothing of gradcheck
LIBRARIES = ("numpy", "numpy.testing", "sympy", "mpmath", "flint", "ml_dtypes", "hypothesis", "click", "rich.console", "jinja2", "scipy.special", "sklearn.neural_network")
#: what a condition's tests may take, in seconds of the map: who has not noticed by then is not near
PATIENCE = 40.0
#: a process takes longer than the map says where other work goes on; one that takes this many times longer hangs, which is noticed
SLOWER, START = 5.0, 30.0


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

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.old} -> {self.new}"

    def source(self) -> str:
        """Return the text of the changed file."""
        lines = (ROOT / self.path).read_text(encoding="utf-8").splitlines(keepends=True)
        (a, b), (c, d) = self.start, self.end
        first, last = lines[a - 1].encode(), lines[c - 1].encode()
        return "".join([*lines[: a - 1], first[:b].decode(), self.new, last[d:].decode(), *lines[c:]])


# -- what is changed ------------------------------------------------------------------------------


def mutations(path: str, uses: dict[str, list[tuple[str, int]]]) -> Iterator[Mutation]:
    """Yield the changes of a module.

    Args:
        path: of it, below the root.
        uses: where each constant's name is read, in all modules.
    """
    text = (ROOT / path).read_text(encoding="utf-8")
    for node, owner in _owned(ast.parse(text)):
        lines = _lines_of(path, node, owner, uses)
        for at, new in (*_numbers(node, owner), *_conditions(node)):
            old = ast.get_source_segment(text, at) or ""
            yield Mutation(path, at.lineno, (at.lineno, at.col_offset), (at.end_lineno, at.end_col_offset), old, new, lines)


def _owned(tree: ast.Module) -> Iterator[tuple[ast.AST, list[ast.AST]]]:
    """Yield the nodes with the nodes around them, outermost first."""
    stack: list[tuple[ast.AST, list[ast.AST]]] = [(tree, [])]
    while stack:
        node, around = stack.pop()
        yield node, around
        stack += [(child, [*around, node]) for child in ast.iter_child_nodes(node)]


def _lines_of(path: str, node: ast.AST, around: list[ast.AST], uses: dict[str, list[tuple[str, int]]]) -> tuple[tuple[str, int], ...]:
    """Return the lines whose tests may notice: of the statement, or where the constant that it makes is read."""
    inside = [x for x in around if isinstance(x, ast.FunctionDef | ast.Lambda)]
    statement = next((x for x in reversed([*around, node]) if isinstance(x, ast.stmt)), None)
    if inside and not (isinstance(inside[-1], ast.FunctionDef) and any(node in ast.walk(d) for d in inside[-1].args.defaults)):
        return tuple((path, k) for k in range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        names = [t.id for t in ast.walk(statement) if isinstance(t, ast.Name) and isinstance(t.ctx, ast.Store)]
        return tuple(x for name in names for x in uses.get(name, []))
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


def reads() -> dict[str, list[tuple[str, int]]]:
    """Return where each name is read, in all modules."""
    found: dict[str, list[tuple[str, int]]] = {}
    for file in sorted((ROOT / "gradcheck").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
            if name and isinstance(node.ctx, ast.Load):
                found.setdefault(name, []).append((str(file.relative_to(ROOT)), node.lineno))
    return found


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


def make_map(file: Path, arguments: list[str]) -> None:
    """Run the default tests, and write which of them runs which line of which module."""
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
    file.write_text(json.dumps({"tests": tests, "seconds": [plugin.seconds[t] for t in tests], "lines": lines}), encoding="utf-8")


def nearest(mutation: Mutation, known: dict, left_out: set[str]) -> tuple[list[str], float]:
    """Return the tests that run the changed lines, those of its own folder first, then the quick ones, and their seconds."""
    numbers = {k for path, n in mutation.lines for k in known["lines"].get(path, {}).get(str(n), ())}
    folder, stem = Path(mutation.path).parts[1], Path(mutation.path).stem
    order = sorted(numbers, key=lambda k: (f"test_{stem}." not in known["tests"][k], f"tests/{folder}/" not in known["tests"][k], known["seconds"][k]))
    chosen, total = [], 0.0
    for k in order:
        if known["tests"][k].partition("[")[0] not in left_out and total <= PATIENCE:
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


def start(mutation: Mutation, tests: list[str]) -> int:
    """Start the process of a change, and return its number; its status is 0 where no test noticed."""
    child = os.fork()
    if child:
        return child
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    status = 1
    try:
        sys.meta_path.insert(0, _Finder(mutation))
        status = pytest.main(["-x", "-q", "-p", "no:xdist", "-p", "no:benchmark", "-m", "", *tests])
    finally:
        os._exit(int(status))


def survivors(found: list[Mutation], known: dict, jobs: int) -> Iterator[tuple[Mutation, str]]:
    """Yield each change with what became of it: "killed", "survived", or "no test"."""
    left_out, running = _literal_tests(), {}
    waiting = list(reversed(found))
    while waiting or running:
        while waiting and len(running) < jobs:
            mutation = waiting.pop()
            tests, seconds = nearest(mutation, known, left_out)
            if tests:
                running[start(mutation, tests)] = (mutation, time.monotonic() + START + SLOWER * seconds)
            else:
                yield mutation, "no test"
        for child, (mutation, end) in list(running.items()):
            done, status = os.waitpid(child, os.WNOHANG)
            if done or time.monotonic() > end:
                del running[child]
                if not done:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                yield mutation, "survived" if done and status == 0 else "killed"
        time.sleep(0.02)


def main() -> None:
    """Make the map, or change modules and print what no test notices."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help="files or folders below the root: gradcheck/verdict")
    parser.add_argument("--map", type=Path, required=True, help="which test runs which line; made where no module is named")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--one-in", type=int, default=1, help="try every so manieth change only")
    parser.add_argument("--pytest", nargs="*", default=[], help="arguments of pytest while the map is made")
    options = parser.parse_args()
    os.chdir(ROOT)
    if not options.modules:
        make_map(options.map, options.pytest)
        return
    known, uses = json.loads(options.map.read_text(encoding="utf-8")), reads()
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            import_module(name)
    files = [f for m in options.modules for f in ([Path(m)] if m.endswith(".py") else sorted(Path(m).rglob("*.py")))]
    found = [x for f in files for x in mutations(str(f), uses)][:: options.one_in]
    counts = dict.fromkeys(("killed", "survived", "no test"), 0)
    for mutation, fate in survivors(found, known, options.jobs):
        counts[fate] += 1
        if fate != "killed":
            print(f"{fate}: {mutation}", flush=True)
    print(f"{len(found)} changes: " + ", ".join(f"{n} {fate}" for fate, n in counts.items()))


if __name__ == "__main__":
    main()
