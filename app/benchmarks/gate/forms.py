"""A gate report as lines for a terminal, as Markdown for a pull request, and as JUnit XML for a CI system."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from app.benchmarks.curve.written import plain
from app.benchmarks.gate.check import Report

MARKS = {"passed": "pass", "regressed": "REGRESSED", "inconclusive": "inconclusive"}

# What XML 1.0 cannot hold, however it is escaped.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def headline(report: Report) -> str:
    """Which arm, against what, on how many cases."""
    against = f" against {report.baseline_arm} of run {report.baseline_run}" if report.baseline_arm else ""
    return f"{report.task}: {report.arm} of run {report.run}{against}, {report.dataset}, n = {report.cases:,} cases"


def to_lines(report: Report) -> list[str]:
    width = max(len(gate.gate) for gate in report.gates)
    lines = [f"{MARKS[gate.outcome]:<12}  {gate.gate:<{width}}  {gate.sentence}" for gate in report.gates]
    return [headline(report), *lines, f"Gate: {MARKS[report.outcome]}."]


def to_markdown(report: Report) -> str:
    lines = [
        f"### Gate: {MARKS[report.outcome]}",
        "",
        plain(headline(report)),
        "",
        "| gate | outcome | measured |",
        "| --- | --- | --- |",
    ]
    lines += [
        f"| `{plain(one.gate).replace('`', '')}` | {MARKS[one.outcome]} | {plain(one.sentence)} |" for one in report.gates
    ]
    return "\n".join(lines) + "\n"


def to_junit(report: Report, seconds: float) -> str:
    """One test case a gate: `failure` where it regressed, `error` where the cases do not tell; neither shows as green."""
    names = [(one.gate, one.outcome, one.sentence) for one in report.gates]
    return _junit(f"{report.task}.{report.arm}", names, seconds)


def error_junit(message: str, seconds: float) -> str:
    """Of a gate that could not be held against anything."""
    return _junit("versus gate", [("gate", "error", message)], seconds)


def error_markdown(message: str) -> str:
    return f"### Gate: error\n\n{plain(message)}\n"


def _junit(classname: str, gates: Sequence[tuple[str, str, str]], seconds: float) -> str:
    failures = sum(outcome == "regressed" for _, outcome, _ in gates)
    errors = sum(outcome in ("inconclusive", "error") for _, outcome, _ in gates)
    counts = {"tests": f"{len(gates)}", "failures": f"{failures}", "errors": f"{errors}", "time": f"{seconds:.3f}"}
    root = ET.Element("testsuites", {"name": "versus gate", **counts})
    suite = ET.SubElement(root, "testsuite", {"name": "versus gate", "skipped": "0", **counts})
    each = f"{seconds / len(gates):.3f}"
    for gate, outcome, sentence in gates:
        case = ET.SubElement(suite, "testcase", {"classname": _text(classname), "name": _text(gate), "time": each})
        if outcome == "passed":
            ET.SubElement(case, "system-out").text = _text(sentence)
        else:
            tag = "failure" if outcome == "regressed" else "error"
            ET.SubElement(case, tag, {"type": outcome, "message": _text(sentence)}).text = _text(f"{gate}\n{sentence}")
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _text(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)
