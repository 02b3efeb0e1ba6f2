"""What changed between two reports: as text, and as `kdiag.diff/v1`.

Separate from the report of one observation: here the numbers of both stand side by side.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kdiag import __version__
from kdiag.core.comparison import verdict
from kdiag.core.report.json_ import number
from kdiag.core.report.layout import definitions, wrap
from kdiag.core.report.observed import vital
from kdiag.core.report.quantity import quantity
from kdiag.core.report.stacks import place
from kdiag.core.report.style import PLAIN, Role, Style
from kdiag.core.report.tree import name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kdiag.core.comparison import Comparison, FindingChange, Number, ProcessChange
    from kdiag.core.model import Finding, Report

SCHEMA = "kdiag.diff/v1"
_INDENT = "  "
_INNER = "    "


def render(
    comparison: Comparison, worse: Sequence[FindingChange], style: Style = PLAIN, width: int = 80
) -> Iterator[str]:
    """The comparison for a terminal: what got `worse`, both observations, then finding by finding."""
    head, role = _headline(comparison, worse)
    word, _, rest = head.partition(" ")
    yield f"{style.paint(role, word)} {style.paint('strong', rest)}"
    yield from definitions(
        (("before", _observed(comparison.before)), ("after", _observed(comparison.after))), width, _INDENT
    )
    for position, process in enumerate(comparison.processes):
        if position and not process.findings:
            continue
        if position:
            yield ""
            yield from wrap(_who(process), width, _INDENT)
        for change in process.findings:
            yield ""
            yield from _finding_lines(change, style, width)
        if process.vitals:
            yield ""
            yield from wrap(_vitals(process), width, f"{_INDENT}vitals  ", " " * 10)


def to_json(comparison: Comparison, worse: Sequence[FindingChange]) -> str:
    """The comparison as indented JSON."""
    data = {
        "schema": SCHEMA,
        "kdiag_version": __version__,
        "worse": bool(worse),
        "before": _report(comparison.before),
        "after": _report(comparison.after),
        "processes": [_process(process) for process in comparison.processes],
    }
    text = json.dumps(data, indent=2, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _headline(comparison: Comparison, worse: Sequence[FindingChange]) -> tuple[str, Role]:
    changes = [each for process in comparison.processes for each in process.findings]
    if worse:
        return f"WORSE {', '.join(dict.fromkeys(each.latest.verdict for each in worse))}", "critical"
    if comparison.blind:
        return "UNKNOWN Too little was seen afterwards to say what is wrong", "warning"
    better = [each.latest.verdict for each in changes if each.change in {"gone", "milder"}]
    if better:
        return f"BETTER {', '.join(dict.fromkeys(better))}", "good"
    return "SAME Nothing got worse", "good"


def _observed(report: Report) -> str:
    seen = report.observation
    return f"{verdict(report)}, in {quantity(seen.duration_s, 's')} from {seen.started_at}, {name(report)}"


def _who(process: ProcessChange) -> str:
    there = [name(report) for report in (process.before, process.after) if report is not None]
    return " → ".join(dict.fromkeys(there))


def _finding_lines(change: FindingChange, style: Style, width: int) -> Iterator[str]:
    latest = change.latest
    role: Role = latest.severity if change.change in {"appeared", "graver"} else "good"
    first, *more = wrap(f"{change.change} {latest.title}", width, _INDENT, _INNER)
    yield first.replace(change.change, style.paint(role, change.change), 1)
    yield from more
    for line in wrap(_grades(change), width, _INNER):
        yield style.paint("quiet", line)
    yield from definitions(((each.metric, _told(each)) for each in change.numbers), width, _INNER)
    for where in dict.fromkeys(_where(finding) for finding in (change.before, change.after) if finding is not None):
        if where:
            yield from wrap(f"at {where}", width, _INNER)


def _grades(change: FindingChange) -> str:
    grades = [f"{each.severity}, score {each.score}" for each in (change.before, change.after) if each is not None]
    return f"{change.latest.verdict}, {' → '.join(dict.fromkeys(grades))}"


def _told(each: Number) -> str:
    both = f"{quantity(each.before, each.unit)} → {quantity(each.after, each.unit)}"
    return both if each.clear or each.before == each.after else f"{both}, within what chance does"


def _where(finding: Finding) -> str:
    culprit = finding.culprit
    return f"{place(culprit.file, culprit.line)}  {culprit.function}" if culprit else ""


def _vitals(process: ProcessChange) -> str:
    told = (
        f"{vital(key, before)} → {vital(key, after, bare=True)}"
        for key, before, after in process.vitals
        if vital(key, before) != vital(key, after)
    )
    return ", ".join(told) or "as before"


def _report(report: Report) -> dict[str, Any]:
    seen = report.observation
    return {
        "verdict": verdict(report), "pid": report.target.pid, "command": list(report.target.command),
        "started_at": seen.started_at, "duration_s": seen.duration_s, "access": seen.access,
    }  # fmt: skip


def _process(process: ProcessChange) -> dict[str, Any]:
    return {
        "before_pid": process.before.target.pid if process.before else None,
        "after_pid": process.after.target.pid if process.after else None,
        "findings": [
            {
                "verdict": change.latest.verdict,
                "change": change.change,
                "before": _finding(change.before),
                "after": _finding(change.after),
                "numbers": [
                    {
                        "metric": each.metric, "unit": each.unit, "before": number(each.before),
                        "after": number(each.after), "clear": each.clear,
                    }
                    for each in change.numbers
                ],
            }
            for change in process.findings
        ],
        "vitals": {key: {"before": number(before), "after": number(after)} for key, before, after in process.vitals},
    }  # fmt: skip


def _finding(finding: Finding | None) -> dict[str, Any] | None:
    if finding is None:
        return None
    culprit = finding.culprit
    return {
        "severity": finding.severity, "score": finding.score, "confidence": finding.confidence,
        "title": finding.title,
        "culprit": {"file": culprit.file, "line": culprit.line, "function": culprit.function} if culprit else None,
    }  # fmt: skip
