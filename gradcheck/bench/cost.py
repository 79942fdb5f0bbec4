"""The cost report's data: every method on every family, ratios against theory and against code by hand, exponents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gradcheck.bench.families import FAMILIES
from gradcheck.bench.fit import Exponent, crossover, exponent
from gradcheck.bench.machine import machine
from gradcheck.bench.methods import METHODS
from gradcheck.bench.scaling import FRAMEWORKS, SIZES, Job, Row, measure, row
from gradcheck.bench.tables import TABLES
from gradcheck.bench.worker import Worker
from gradcheck.errors import MeasurementFailed, MeasurementStopped, MissingDependency, UnknownName
from gradcheck.files.journal import Journal

SCHEMA = "gradcheck-cost/1"

#: The family whose exponents are those of the methods.
STANDARD = "large"

#: The family that stands in for it where a method reaches no large networks.
SMALLER = "layered"

#: Sizes below which calls cost more than the numbers in them: times there follow no power law.
ASYMPTOTIC = 100_000

#: The same for methods whose numbers cost far more than the calls, and that reach no large networks.
EARLIER: Mapping[str, int] = {"mpmath differences": 100, "symbolic": 10, "forward by matrices": 300}

#: What the others are compared with.
FAST = "reverse"

#: Seconds that a table may take.
TABLE_LIMIT = 900.0

#: (label, done, all) -> None
Told = Callable[[str, int, int], Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """What is measured.

    Args:
        families: out of `FAMILIES`.
        sizes: parameters asked for.
        methods: out of `METHODS`.
        targets: measured beside them.
        tables: out of `TABLES`.
        seconds: for each measurement, about.
        limit: seconds after which a measurement is stopped, and larger networks are not tried.
    """

    families: tuple[str, ...] = tuple(FAMILIES)
    sizes: tuple[int, ...] = SIZES
    methods: tuple[str, ...] = tuple(METHODS)
    targets: tuple[str, ...] = FRAMEWORKS
    tables: tuple[str, ...] = tuple(TABLES)
    seconds: float = 0.5
    limit: float = 60.0

    def __post_init__(self) -> None:
        for kind, given, known in (("family", self.families, FAMILIES), ("method", self.methods, METHODS), ("table", self.tables, TABLES)):
            for name in given:
                if name not in known:
                    raise UnknownName(kind, name, known)

    def head(self) -> dict[str, Any]:
        """Return what its journal begins with."""
        return {"schema": SCHEMA, "settings": asdict(self)}

    def jobs(self) -> list[Job]:
        """Return the measurements; methods on the same network follow each other."""
        names = dict.fromkeys((*self.methods, *self.targets))
        return [
            Job(f, n, m, self.seconds)
            for f in self.families
            for n in sorted(FAMILIES[f].sizes or self.sizes)
            for m in names
            if m not in FAMILIES[f].left_out
        ]


def run(
    settings: Settings, worker: Worker, *, journal: Journal | None = None, found: dict[str, Any] | None = None, told: Told = lambda label, k, n: None
) -> dict[str, Any]:
    """Return the data of the report, plain and ready for JSON.

    Args:
        settings: what to measure.
        worker: who measures.
        journal: what has been measured already, and where results are kept as they come.
        found: is filled, for who wants what there is when the work is interrupted.
        told: progress.
    """
    jobs, found = settings.jobs(), {} if found is None else found
    found |= {} if journal is None else journal.found
    count = len(jobs) + len(settings.tables)

    def kept(key: str, value: Any) -> Any:
        found[key] = value
        if journal is not None:
            journal.add(key, value)
        return value

    over: dict[tuple[str, str], str] = {}
    for k, job in enumerate(jobs):
        key = f"{job.family}/{job.size}/{job.method}"
        told(key, k, count)
        data = found[key] if key in found else kept(key, _measured(worker, job, over).as_data())
        if row(data).stopped:
            over[job.family, job.method] = data["reason"]
    for k, name in enumerate(settings.tables):
        told(name, len(jobs) + k, count)
        if name not in found:
            kept(name, _table(worker, name, settings.seconds))
    return so_far(settings, found)


def so_far(settings: Settings, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of the report of what was measured.

    Args:
        settings: of the run.
        found: what was measured by its label.
    """
    rows = [row(found[key]) for j in settings.jobs() if (key := f"{j.family}/{j.size}/{j.method}") in found]
    return as_data(settings, rows, {name: found[name] for name in settings.tables if name in found})


def _measured(worker: Worker, job: Job, over: Mapping[tuple[str, str], str]) -> Row:
    reason = over.get((job.family, job.method))
    if reason is not None:
        return Row(job.family, job.method, job.size, job.size, reason=f"{reason} on a smaller network")
    try:
        found: Row = worker(measure, job)
    except MeasurementFailed as error:
        return Row(job.family, job.method, job.size, job.size, reason=str(error), stopped=isinstance(error, MeasurementStopped))
    return found


def _table(worker: Worker, name: str, seconds: float) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = worker(TABLES[name].rows, seconds, limit=TABLE_LIMIT)
    except (MeasurementFailed, MissingDependency) as error:
        return [{"reason": str(error)}]
    return found


def as_data(settings: Settings, rows: Sequence[Row], tables: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything as plain data, with what follows from the measurements.

    Args:
        settings: of the run.
        rows: measurements.
        tables: of the tables that were made, by name.
    """
    timed = {f"{f}/{m}": e for f in settings.families for m in _methods(rows) if (e := fitted(rows, f, m)) is not None}
    counted = {f"{f}/{m}": e for f in settings.families for m in _methods(rows) if (e := fitted(rows, f, m, counted=True)) is not None}
    return {
        "schema": SCHEMA,
        "machine": machine(),
        "settings": asdict(settings),
        "exponents": _by_method(timed, _methods(rows), (STANDARD, SMALLER, *settings.families)),
        "exponents_by_family": {k: asdict(e) for k, e in timed.items()},
        "exponents_of_operations": {k: asdict(e) for k, e in counted.items()},
        "crossovers": _crossovers(rows),
        "tables": {k: {"title": TABLES[k].title, "doc": TABLES[k].doc, "rows": v} for k, v in tables.items()},
        "families": {k: FAMILIES[k].doc for k in settings.families},
        "methods": {k: METHODS[k].doc if k in METHODS else f"the target {k}" for k in _methods(rows)},
        "rows": [r.as_data() for r in rows],
    }


def _by_method(timed: Mapping[str, Exponent], methods: Iterable[str], families: Sequence[str]) -> dict[str, Any]:
    """Return the exponent of each method that has one, in the first family that has it."""
    found = {}
    for method in methods:
        family = next((f for f in families if f"{f}/{method}" in timed), None)
        if family is not None:
            found[method] = asdict(timed[f"{family}/{method}"]) | {"family": family}
    return found


def _methods(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(r.method for r in rows))


def fitted(rows: Iterable[Row], family: str, method: str, *, counted: bool = False) -> Exponent | None:
    """Return the exponent of a method's time (or counted operations) in the number of parameters; None of fewer than three sizes.

    Times are fitted only where they follow a power law: at sizes from `ASYMPTOTIC` on.

    Args:
        rows: measurements.
        family: which of them.
        method: which of them.
        counted: operations in place of seconds.
    """
    least = EARLIER.get(method, ASYMPTOTIC)
    points = {r.n: (r.operations if counted else r.seconds) for r in rows if (r.family, r.method) == (family, method)}
    known = sorted((n, float(t)) for n, t in points.items() if t)
    large = [p for p in known if p[0] >= least * 0.9]  # a network of about so many parameters may have a few less
    if counted and len(large) < 3:
        large = known[-3:]
    return exponent([n for n, _ in large], [t for _, t in large]) if len(large) >= 3 else None


def _crossovers(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return for each family and method the size from which on the plan's gradient takes less time."""
    found = []
    for family in dict.fromkeys(r.family for r in rows):
        times = {m: {r.n: r.seconds for r in rows if (r.family, r.method) == (family, m) and r.seconds} for m in _methods(rows)}
        for method, slow in times.items():
            if METHODS[method].gradient if method in METHODS else True:
                common = sorted(set(slow) & set(times.get(FAST, {})))
                if method != FAST and common:
                    from_ = crossover(slow, times[FAST])
                    found.append({"family": family, "method": method, "size": from_, "first": common[0], "last": common[-1]})
    return found
