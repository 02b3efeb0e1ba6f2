"""The report as JUnit's XML, which every CI shows as tests: a test for each verdict that was looked for.

A finding from a warning on fails its test; what could not be told, or needs a deeper look, is skipped with the reason.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from kdiag.core.catalog import VERDICTS, within_reach
from kdiag.core.detectors import THRESHOLDS
from kdiag.core.report import tree
from kdiag.core.report.layout import clean
from kdiag.core.report.style import PLAIN
from kdiag.core.report.text_finding import finding_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.model import Finding, Report

_WIDTH = 100


def render(report: Report) -> Iterator[str]:
    """The XML, line by line: a suite for each process, the worst first."""
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield '<testsuites name="kdiag">'
    for one in tree.worst_first(report):
        yield from _suite(one)
    yield "</testsuites>"


def _suite(report: Report) -> Iterator[str]:
    skipped = _skipped(report)
    failed = sum(_fails(finding) for finding in report.findings)
    passed = [verdict for verdict in VERDICTS if verdict not in skipped and verdict not in _found(report)]
    count = len(report.findings) + len(skipped) + len(passed)
    yield (
        f'<testsuite name={_attribute(tree.name(report))} tests="{count}" failures="{failed}" errors="0" '
        f'skipped="{len(skipped)}" time="{report.observation.duration_s:.3f}" '
        f"timestamp={_attribute(report.observation.started_at)}>"
    )
    for finding in report.findings:
        yield from _case(finding, report)
    for verdict, reason in skipped.items():
        yield f'<testcase classname="kdiag" name="{verdict}"><skipped message={_attribute(reason)}/></testcase>'
    yield from (f'<testcase classname="kdiag" name="{verdict}"/>' for verdict in passed)
    yield "</testsuite>"


def _found(report: Report) -> set[str]:
    return {finding.verdict for finding in report.findings}


def _skipped(report: Report) -> dict[str, str]:
    """The verdicts that nothing is known about, and why."""
    within, _ = within_reach(report.observation.access)
    reasons = {
        verdict: f"it is not looked for with access to its {report.observation.access} only"
        for verdict in VERDICTS
        if verdict not in within or verdict not in THRESHOLDS
    }
    reasons |= {one.verdict: f"{one.reason} {one.hint}".rstrip() for one in report.undecided}
    return {verdict: reason for verdict, reason in reasons.items() if verdict not in _found(report)}


def _fails(finding: Finding) -> bool:
    return finding.severity != "info"


def _case(finding: Finding, report: Report) -> Iterator[str]:
    name = f"{finding.verdict} {finding.id}".rstrip()
    yield f'<testcase classname="kdiag" name={_attribute(name)}>'
    tag = "failure" if _fails(finding) else "system-out"
    attributes = f' message={_attribute(finding.title)} type="{finding.severity}"' if _fails(finding) else ""
    yield f"<{tag}{attributes}>"
    yield from (escape(clean(line), quote=False) for line in finding_lines(finding, report.lines, PLAIN, _WIDTH))
    yield f"</{tag}></testcase>"


def _attribute(text: str) -> str:
    return f'"{escape(clean(text))}"'
