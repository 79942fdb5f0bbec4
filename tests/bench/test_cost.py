"""The cost report's data: a run, a run that goes on, what follows from rows."""

import json
from dataclasses import replace

import pytest

from gradcheck.bench import cost
from gradcheck.bench.cost import Settings, as_data, fitted, run
from gradcheck.bench.scaling import Row
from gradcheck.errors import BadDocument, MeasurementFailed, MeasurementStopped, UnknownName
from gradcheck.files.journal import Journal

STOPPED = "expected an end within 1 s; stopped"


class Here:
    """A worker that counts, and measures here, or makes a row up where only the order of work is looked at."""

    def __init__(self, fails=(), error=None, *, measures=False):
        self.calls, self.fails, self.error, self.measures = [], fails, error or MeasurementStopped(STOPPED), measures

    def __call__(self, f, *arguments, limit=None):
        self.calls.append(arguments)
        (job,) = arguments
        if job.method in self.fails:
            raise self.error
        return f(job) if self.measures else Row(job.family, job.method, job.size, job.size, len(self.calls) * 1e-3)


SMALL = Settings(families=("layered", "wide"), sizes=(10, 30), methods=("value", "reverse", "differences"), targets=(), tables=(), seconds=0.002)
THREE = replace(SMALL, sizes=(10, 20, 30), methods=("value", "differences"))


def test_run():
    """A row for every family, size and method; JSON takes it; other methods are compared with the plan."""
    told = []
    data = json.loads(json.dumps(run(SMALL, Here(measures=True), told=lambda *x: told.append(x)), allow_nan=False))
    assert data["schema"] == "gradcheck-cost/1"
    assert len(data["rows"]) == 2 * 2 * 3 == len(told)
    assert {c["method"] for c in data["crossovers"]} == {"differences"}
    assert data["exponents"] == {}  # of two small sizes nothing follows
    assert data["machine"]["numpy"]
    assert set(data["methods"]) == {"value", "reverse", "differences"}


def test_it_goes_on(tmp_path):
    """What a journal holds is not measured again, a line that was cut off is."""
    path, here = tmp_path / "journal", Here()
    with Journal(path, SMALL.head(), resume=True) as journal:
        first = run(SMALL, here, journal=journal)
    text = path.read_text().split("\n")
    path.write_text("\n".join(text[:5]) + "\n" + text[5][:20])
    again = Here()
    with Journal(path, SMALL.head(), resume=True) as journal:
        second = run(SMALL, again, journal=journal)
    assert len(here.calls) == 12
    assert len(again.calls) == 12 - 4
    assert second["rows"][:4] == first["rows"][:4]
    third = Here()
    with Journal(path, SMALL.head()) as journal:
        run(SMALL, third, journal=journal)
    assert len(third.calls) == 12


def test_another_journal_is_refused(tmp_path):
    """A journal of other settings, or a damaged one, is not mixed with this run."""
    path = tmp_path / "journal"
    with Journal(path, SMALL.head(), resume=True):
        pass
    with pytest.raises(BadDocument, match="without --resume"):
        Journal(path, Settings(sizes=(10,)).head(), resume=True)
    path.write_text(path.read_text() + "nonsense\n[]\n")
    with pytest.raises(BadDocument, match="line 2"):
        Journal(path, SMALL.head(), resume=True)


def test_what_was_stopped_is_not_tried_larger():
    """After a method took too long on a family, its larger networks are rows with that reason, however many there are."""
    here = Here(fails=("differences",))
    data = run(THREE, here)
    rows = [r for r in data["rows"] if r["method"] == "differences"]
    assert [r["reason"] for r in rows] == [STOPPED, f"{STOPPED} on a smaller network", f"{STOPPED} on a smaller network"] * 2
    assert [r["stopped"] for r in rows] == [True, False, False] * 2
    assert not any(r["stopped"] for r in data["rows"] if r["method"] == "value")
    assert len(here.calls) == 6 + 2


def test_what_died_is_tried_larger():
    """A process that died says nothing of larger networks, whatever its message begins with."""
    here = Here(fails=("differences",), error=MeasurementFailed(STOPPED))
    rows = [r for r in run(THREE, here)["rows"] if r["method"] == "differences"]
    assert [(r["reason"], r["stopped"]) for r in rows] == [(STOPPED, False)] * 6
    assert len(here.calls) == 6 + 6


def test_what_was_stopped_is_known_when_a_run_goes_on(tmp_path):
    """A journal says what was stopped: its larger networks are not tried by the run that goes on."""
    path = tmp_path / "journal"
    with Journal(path, THREE.head(), resume=True) as journal:
        first = run(THREE, Here(fails=("differences",)), journal=journal)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))  # the settings, and a row of each method
    again = Here(fails=("differences",))
    with Journal(path, THREE.head(), resume=True) as journal:
        second = run(THREE, again, journal=journal)
    assert [r["reason"] for r in second["rows"]] == [r["reason"] for r in first["rows"]]
    assert len(again.calls) == 8 - 2


@pytest.mark.parametrize("more", [{"families": ("nothing",)}, {"methods": ("nothing",)}, {"tables": ("nothing",)}])
def test_unknown_names(more):
    """Names that do not exist are refused before any work."""
    with pytest.raises(UnknownName, match="nothing"):
        Settings(**more)


def rows_of(method, power, sizes, family="layered"):
    """Return made-up rows of a law."""
    return [Row(family, method, n, n, 1e-9 * n**power, 0, 0, n, 3, 0, int(7 * n**power)) for n in sizes]


def test_exponents():
    """Fitted at large sizes only, per method; of operations too; the standard family's are on top."""
    sizes = (10, 1_000, 100_000, 1_000_000, 10_000_000)
    rows = rows_of("reverse", 1, sizes) + rows_of("differences", 2, sizes) + rows_of("reverse", 1.2, sizes, "deep")
    rows[0] = Row("layered", "reverse", 10, 10, 1.0, 0, 0, 10, 3, 0, 70)  # small networks obey other laws
    data = as_data(Settings(families=("layered", "deep"), tables=()), rows, {})
    assert data["exponents"]["reverse"]["value"] == pytest.approx(1)
    assert data["exponents"]["differences"]["value"] == pytest.approx(2)
    assert data["exponents_by_family"]["deep/reverse"]["value"] == pytest.approx(1.2)
    assert data["exponents_of_operations"]["layered/differences"]["value"] == pytest.approx(2)
    assert data["exponents"]["reverse"]["first"] == 100_000
    assert data["exponents"]["reverse"]["family"] == "layered"
    assert fitted(rows, "layered", "symbolic") is None


def test_crossovers():
    """The size from which the plan is ahead, from rows."""
    sizes = (10, 100, 1000)
    rows = rows_of("reverse", 1, sizes) + [Row("layered", "torch", n, n, 1e-7, 0, 0, n) for n in sizes]
    (found,) = as_data(Settings(families=("layered",), tables=()), rows, {})["crossovers"]
    assert found["method"] == "torch"
    assert found["size"] is None
    assert cost.FAST == "reverse"
