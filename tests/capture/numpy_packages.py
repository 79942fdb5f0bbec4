"""``python -m tests.capture.numpy_packages``: of how many functions of packages, as they are, one run can be recorded.

The functions stand in `numpy_packages.json`, with the package's version and the arguments that they are called with. ``--draw`` makes that list anew: it walks the
packages, keeps public functions that return floating-point numbers which move with their arguments for one of a few forms of arguments, and draws from them by a seed.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import json
import os
import pkgutil
import random
import resource
import signal
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import numpy as np

from gradcheck.capture.numpy.record import record_numpy

LIST = Path(__file__).with_suffix(".json")
#: Packages, and the name of their distribution.
PACKAGES = {
    "scipy": "scipy", "sklearn": "scikit-learn", "statsmodels": "statsmodels", "skimage": "scikit-image", "colour": "colour-science", "filterpy": "filterpy",
    "lmfit": "lmfit", "networkx": "networkx", "pandas": "pandas", "pywt": "PyWavelets",
}  # fmt: skip
SEED, COUNT, MOST_OF_ONE = 9, 300, 90
#: A call that takes longer is no candidate; a recording that takes longer is none.
SECONDS = 10

V, W, U = np.array([0.8, 0.3, 1.7, 1.1, 0.45, 2.2]), np.array([1.2, 0.9, 0.35, 2.1, 1.6, 0.7]), np.array([0.5, 1.4, 0.95, 0.6, 1.9, 1.15])
M, N = np.outer(V[:4], W[:3]) + np.cos(np.arange(12.0)).reshape(4, 3), np.outer(U[:4], V[:3]) + np.sin(np.arange(12.0)).reshape(4, 3)
S = M.T @ M + np.eye(3)
FORMS: dict[str, tuple[Any, ...]] = {
    "vector": (V,), "two vectors": (V, W), "three vectors": (V, W, U), "matrix": (M,), "two matrices": (M, N), "square": (S,), "square and vector": (S, W[:3]),
    "probabilities": (V / V.sum(),), "number": (0.7,), "two numbers": (0.7, 1.3), "three numbers": (0.7, 1.3, 0.4), "vector and number": (V, 0.7),
    "vector and two numbers": (V, 0.7, 1.3), "vector and three numbers": (V, 0.7, 1.3, 0.4), "four numbers": (0.7, 1.3, 0.4, 2.1), "rgb": (np.array([0.25, 0.5, 0.7]),),
}  # fmt: skip


class TooLong(Exception):
    """A call took longer than it may."""


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """End what takes longer, without a word on what it warns of."""

    def end(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def apart(of: Callable[[], str]) -> str:
    """Return what a function returns in a child process, "" where that dies of somebody's code."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            resource.setrlimit(resource.RLIMIT_CPU, (2 * SECONDS, 2 * SECONDS))  # compiled code listens to no alarm
            os.write(write, of().encode()[:4000])
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        text = pipe.read().decode(errors="replace")
    os.waitpid(child, 0)
    return text


def numbers(y: Any) -> list[Any]:
    """Return the floating-point arrays that a function returned, in one level of tuples."""
    parts = y if isinstance(y, tuple | list) else [y]
    return [np.asarray(p) for p in parts if isinstance(p, float | np.ndarray | np.floating) and np.asarray(p).dtype == np.float64]


def moves(f: Callable[..., Any], form: tuple[Any, ...]) -> bool:
    """Answer whether a function returns finite numbers that are the same twice, and others beside the arguments."""
    first, second = numbers(f(*form)), numbers(f(*form))
    beside = numbers(f(*(x * (1 + 1e-6) for x in form)))
    same = all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    return bool(first) and all(np.isfinite(a).all() for a in first) and same and any(not np.array_equal(a, b) for a, b in zip(first, beside, strict=True))


def form_of(f: Callable[..., Any]) -> str:
    """Return the name of the first form of arguments that a function takes; "" for none."""
    try:
        parameters = [p for p in inspect.signature(f).parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    except (TypeError, ValueError):
        return ""
    needed = sum(p.default is p.empty for p in parameters)
    for name, form in FORMS.items():
        if max(needed, 1) == len(form) <= len(parameters):
            try:
                with limited(1):
                    if moves(f, form):
                        return name
            except BaseException as error:  # whatever somebody's code does with arguments that it is not for
                if isinstance(error, KeyboardInterrupt):
                    raise
    return ""


def modules(package: str) -> Iterator[ModuleType]:
    """Yield the public modules of a package."""
    root = importlib.import_module(package)
    yield root
    for found in pkgutil.walk_packages(root.__path__, f"{package}.", onerror=lambda _: None):
        if not any(part.startswith("_") or part in ("tests", "conftest", "testing", "plotting", "datasets", "externals", "f2py", "misc") for part in found.name.split(".")):
            try:
                with limited(SECONDS):
                    module = importlib.import_module(found.name)
            except BaseException as error:  # needs what is not there
                if isinstance(error, KeyboardInterrupt):
                    raise
                continue
            yield module


def candidates(package: str) -> dict[str, str]:
    """Return the functions of a package that take a form, by their path."""
    seen: dict[int, str] = {}
    found = {}
    for module in modules(package):
        for name, f in sorted(vars(module).items()):
            if name.startswith(("_", "test", "plot")) or isinstance(f, type) or not callable(f) or id(f) in seen:
                continue
            if not (getattr(f, "__module__", None) or "").startswith(package):
                continue
            seen[id(f)] = name
            if form := apart(partial(form_of, f)):
                found[f"{module.__name__}:{name}"] = form
    return found


def draw() -> dict[str, Any]:
    """Return the list: all candidates counted, some drawn."""
    rng, found, counts = random.Random(SEED), {}, {}
    for package in PACKAGES:
        try:
            importlib.import_module(package)
        except ImportError:
            continue
        every = candidates(package)
        counts[package] = len(every)
        found |= {k: every[k] for k in rng.sample(sorted(every), min(len(every), MOST_OF_ONE))}
        click.echo(f"{package}: {len(every)}")
    chosen = rng.sample(sorted(found), min(len(found), COUNT))
    versions = {p: importlib.metadata.version(PACKAGES[p]) for p in counts}
    return {"seed": SEED, "versions": versions, "candidates": counts, "functions": {k: found[k] for k in sorted(chosen)}}


def outcome(path: str, form: str) -> str:
    """Return "recorded", "recorded at an edge" (another branch is near, or a loop ends by its numbers), or why not."""
    module, _, name = path.partition(":")
    try:
        f = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        return "not here"
    try:
        with limited(SECONDS):
            expected = numbers(f(*FORMS[form]))
            run = record_numpy(f, FORMS[form])
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"{type(error).__name__}: {str(error)[:150]}"
    if not agrees(run, expected):
        return "other numbers"
    return "recorded at an edge" if run.at_edge or run.loops else "recorded"


def agrees(run: Any, expected: list[Any]) -> bool:
    """Answer whether the graph of a run gives what the function gives."""
    from gradcheck.arith.floating import Floating
    from gradcheck.engine.reverse import evaluate

    values = evaluate(run.graph, run.values, Floating("float64"))
    got = [np.asarray(values[k]) for k in run.graph.outputs]
    return all(any(g.shape == e.shape and np.allclose(g, e, rtol=1e-9, atol=1e-12 * np.max(np.abs(e), initial=0)) for e in expected) for g in got)


@click.command()
@click.option("--draw", "drawing", is_flag=True, help="Draw the list anew.")
@click.option("--list", "listing", is_flag=True, help="List what is not recorded, with the reasons.")
def main(drawing: bool, listing: bool) -> None:
    """Record every function of the list."""
    if drawing:
        LIST.write_text(json.dumps(draw(), indent=1) + "\n", encoding="utf-8")
        return
    data = json.loads(LIST.read_text(encoding="utf-8"))
    rows = {path: apart(partial(outcome, path, form)) or "the process died" for path, form in data["functions"].items()}
    here = {p: r for p, r in rows.items() if r != "not here"}
    good = Counter(p.partition(".")[0].partition(":")[0] for p, r in here.items() if r.startswith("recorded"))
    every = Counter(p.partition(".")[0].partition(":")[0] for p in here)
    for package, n in every.items():
        click.echo(f"{package:<14}{good[package]:>4} of {n:>4}")
    edges = sum(r == "recorded at an edge" for r in here.values())
    click.echo(f"{sum(good.values())} of {len(here)} recorded ({100 * sum(good.values()) / max(1, len(here)):.0f} %), {edges} of them at an edge; {len(rows) - len(here)} not here")
    if listing:
        reasons = Counter(r for r in here.values() if not r.startswith("recorded"))
        click.echo("\n".join(f"{n:>4}  {r}" for r, n in reasons.most_common()))
        click.echo("\n".join(f"{p}: {r}" for p, r in here.items() if not r.startswith("recorded")))


if __name__ == "__main__":
    main()
