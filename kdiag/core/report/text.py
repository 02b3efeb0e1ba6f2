"""The report as text for a terminal: what someone reads at three in the morning.

The first line is the verdict. Then, for each finding: where, how it is known, what to do. Then what was looked at,
what that cost, and what could not be seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core.model import HEALTHY, Report
from kdiag.core.report import tree
from kdiag.core.report.layout import definitions, table, wrap
from kdiag.core.report.observed import identity, observed
from kdiag.core.report.style import PLAIN, Role, Style
from kdiag.core.report.text_finding import finding_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROLES: dict[str, Role] = {"info": "info", "warning": "warning", "critical": "critical", HEALTHY: "good"}
_INDENT = "  "


def render(report: Report, style: Style = PLAIN, width: int = 80) -> Iterator[str]:
    """The report, and its children's, worst first."""
    reports = tree.worst_first(report)
    yield from headline_lines(reports, style, width)
    if len(reports) > 1:
        yield from summary_lines(reports, style)
    for number, one in enumerate(reports):
        if number and not one.findings:
            continue  # the summary says all there is to say about a process without a finding
        if len(reports) > 1:
            yield ""
            yield from headline_lines([one], style, width)
        yield from _process(one, style, width)


def headline_lines(reports: list[Report], style: Style, width: int) -> Iterator[str]:
    """The verdict on the first line; for a process tree that of the worst, and which process that is."""
    level, sentence = tree.headline(reports[0])
    word = level.upper()
    if len(reports) > 1:
        sentence = f"{sentence} (pid {reports[0].target.pid}, the worst of {len(reports)} processes)"
    first, *more = wrap(f"{word} {sentence}", width, "", _INDENT)
    role = _ROLES.get(level, "warning")
    yield style.paint(role, word) + style.paint("strong", first[len(word) :])
    for line in more:
        yield style.paint("strong", line)


def summary_lines(reports: list[Report], style: Style) -> Iterator[str]:
    """A row for each process of a tree."""
    rows = [("PID", "VERDICT", "SEVERITY")]
    rows += [(str(one.target.pid), one.verdict, one.severity or "-") for one in reports]
    yield ""
    heading, *lines = table(rows, _INDENT, numbers=frozenset({0}))
    yield style.paint("quiet", heading)
    yield from lines


def _process(report: Report, style: Style, width: int) -> Iterator[str]:
    yield from wrap(identity(report), width, _INDENT)
    for finding in report.findings:
        yield ""
        if len(report.findings) > 1:  # the only finding's title is the headline already
            for line in wrap(f"{finding.id} {finding.title}", width, "", _INDENT):
                yield style.paint("strong", line)
        yield from finding_lines(finding, report.lines, style, width)
    yield from _open_questions(report, style, width)
    yield ""
    yield style.paint("heading", "What was looked at")
    yield from definitions(observed(report), width, _INDENT)
    if report.observation.limitations:
        yield ""
        yield style.paint("heading", "What could not be seen")
        for limitation in report.observation.limitations:
            yield from wrap(limitation.message, width, _INDENT + "- ", _INDENT * 2)
            yield from wrap(limitation.hint, width, _INDENT * 2)


def _open_questions(report: Report, style: Style, width: int) -> Iterator[str]:
    if report.undecided:
        yield ""
        yield style.paint("heading", "What could not be told")
    for outcome in report.undecided:
        yield from wrap(f"{outcome.verdict}: {outcome.reason}", width, _INDENT + "- ", _INDENT * 2)
        yield from wrap(outcome.hint, width, _INDENT * 2)
