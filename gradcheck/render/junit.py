"""A result as JUnit XML, for the machines that show tests: a suite a target, a case a network and format."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from gradcheck.result.finding import Matrix, Row, Skipped
from gradcheck.result.text import clean


def junit(matrix: Matrix, *, strict: bool = False) -> str:
    """Return XML: what fails is a failure, what raised an error, what is inconclusive skipped with its reason; rows that are missing one error.

    Args:
        matrix: the result.
        strict: whether what is inconclusive is a failure too.
    """
    targets = list(dict.fromkeys([r.target for r in matrix.rows] + [s.target for s in matrix.skipped]))
    suites = [_suite(t, [r for r in matrix.rows if r.target == t], [s for s in matrix.skipped if s.target == t], strict) for t in targets]
    suites += [_unfinished(matrix)] if matrix.shortfall else []
    total = {k: sum(int(s.get(k, "0")) for s in suites) for k in ("tests", "failures", "errors", "skipped")}
    attributes = {"name": "gradcheck", "time": f"{matrix.seconds:.3f}", **{k: str(v) for k, v in total.items() if k != "skipped"}}
    top = ET.Element("testsuites", attributes)
    top.extend(suites)
    ET.indent(top, " ")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(top, encoding="unicode") + "\n"


def _suite(target: str, rows: Iterable[Row], skipped: Iterable[Skipped], strict: bool) -> ET.Element:
    suite = ET.Element("testsuite", name=_text(target))
    cases = [_case(r, strict) for r in rows] + [_absent(s) for s in skipped]
    count = {k: sum(c.find(tag) is not None for c in cases) for k, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))}
    suite.attrib |= {"tests": str(len(cases)), **{k: str(v) for k, v in count.items()}}
    suite.set("time", f"{sum(float(c.get('time', '0')) for c in cases):.3f}")
    suite.extend(cases)
    return suite


def _unfinished(matrix: Matrix) -> ET.Element:
    suite = ET.Element("testsuite", name="gradcheck", tests="1", failures="0", errors="1", skipped="0", time="0.000")
    case = ET.SubElement(suite, "testcase", classname="gradcheck", name="every row is there", time="0.000")
    ET.SubElement(case, "error", message=matrix.shortfall, type="incomplete")
    return suite


def _case(row: Row, strict: bool) -> ET.Element:
    case = ET.Element("testcase", classname=_text(row.target), name=_text(f"{row.network}/{row.dtype}".rstrip("/")), time=f"{row.seconds:.3f}")
    if row.verdict == "fail":
        first = next((f for f in row.findings if f.severity == "fault"), None)
        kind = first.diagnosis if first and first.diagnosis else "wrong gradient"
        failure = ET.SubElement(case, "failure", message=_text(row.message), type=_text(kind))
        lines = [f.message for f in row.findings] + ([first.snippet] if first and first.snippet else [])
        failure.text = clean("\n".join(lines), 20_000, newlines=True)
    elif row.error:
        ET.SubElement(case, "error", message=_text(row.message), type="no answer")
    elif row.verdict == "inconclusive" and strict and not row.known:
        ET.SubElement(case, "failure", message=_text(row.message), type="inconclusive")
    elif row.verdict == "inconclusive":
        ET.SubElement(case, "skipped", message=_text(f"inconclusive: {row.message}"))
    return case


def _absent(s: Skipped) -> ET.Element:
    case = ET.Element("testcase", classname=_text(s.target), name=_text(f"{s.network}/{s.dtype}".rstrip("/")), time="0.000")
    ET.SubElement(case, "skipped", message=_text(s.reason))
    return case


def _text(text: str) -> str:
    return clean(text, 400)
