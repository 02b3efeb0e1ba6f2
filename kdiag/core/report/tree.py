"""A report and its children as one list, worst first: what every format needs before it can write a headline."""

from __future__ import annotations

from kdiag.core.model import HEALTHY, SEVERITIES, Report
from kdiag.core.report.quantity import quantity


def worst_first(report: Report) -> list[Report]:
    """The report and all that hang below it, the worst first; alike ones stay in their order."""
    return sorted(_flatten(report), key=_badness, reverse=True)


def children_worst_first(report: Report) -> list[Report]:
    """The report's own children, the one with the worst process in or below it first."""
    return sorted(report.children, key=lambda child: _badness(worst_first(child)[0]), reverse=True)


def _flatten(report: Report) -> list[Report]:
    return [report, *(below for child in report.children for below in _flatten(child))]


def _badness(report: Report) -> tuple[int, int, bool]:
    """Severity, then score; of those without a finding, the one that could not be told before the healthy one."""
    if not report.findings:
        return (0, 0, report.verdict != HEALTHY)
    return (1 + SEVERITIES.index(report.findings[0].severity), report.findings[0].score, True)


def headline(report: Report) -> tuple[str, str]:
    """The severity (or the verdict that stands for none) and the conclusion in one sentence."""
    if report.findings:
        return report.findings[0].severity, report.findings[0].title
    span = quantity(report.observation.duration_s, "s")
    if report.verdict != HEALTHY:
        return report.verdict, f"Too little was seen in {span} to say what is wrong"
    blind = " without a look at its threads" if report.observation.access == "process" else ""
    return HEALTHY, f"Nothing wrong was seen in {span}{blind}"


def name(report: Report) -> str:
    """The process in a few words: its PID and its command, as far as that is known."""
    command = " ".join(report.target.command)
    return f"pid {report.target.pid} ({command})" if command else f"pid {report.target.pid}"
